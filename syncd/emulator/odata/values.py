"""Takes values from a request's body into rows, as 1C does: what is too long is cut, what is unknown is dropped."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final

from syncd.emulator.odata.literals import guid, moment
from syncd.emulator.odata.model import Prop, Wire
from syncd.emulator.odata.refusals import failed, unreadable

_WHOLE: Final = re.compile(r"-?\d{1,18}")
INTERNAL: Final = "Внутренняя ошибка OData сервиса"


def as_text(value: object) -> str:
    """A scalar as XML and keys write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def taken(prop: Prop, value: object, before: Wire) -> Wire:
    """The value to keep for what came; ``before`` stays where 1C ignores what came.

    Raises ``ODataRefusal``: code 1 for what cannot be read, -1 for a list or an object where a scalar belongs.
    """
    if isinstance(value, (list, dict)):
        raise failed(INTERNAL)
    take = _TAKERS.get(prop.type)
    return take(prop, value, before) if take else before


def _string(prop: Prop, value: object, before: Wire) -> Wire:
    del before
    text = as_text(value)
    return text[: prop.length] if prop.length else text


def _guid(prop: Prop, value: object, before: Wire) -> Wire:
    del before
    return prop.empty if value is None or value == "" else guid(str(value))


def _date(prop: Prop, value: object, before: Wire) -> Wire:
    del before
    return prop.empty if value is None or value == "" else moment(str(value))


def _boolean(prop: Prop, value: object, before: Wire) -> Wire:
    if value is None:
        return before
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise unreadable(value, prop.type)


def _int64(prop: Prop, value: object, before: Wire) -> Wire:
    """Travels as text; anything but a whole number is ignored in silence."""
    del prop
    text = as_text(value)
    return str(int(text)) if _WHOLE.fullmatch(text) else before


def _number(prop: Prop, value: object, before: Wire) -> Wire:
    if value is None:
        return before
    try:
        exact = Decimal(as_text(value))
    except InvalidOperation:
        raise unreadable(value, prop.type) from None
    places = prop.scale if prop.type in ("Edm.Double", "Edm.Decimal") else 0
    rounded = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return int(rounded) if rounded == rounded.to_integral_value() else float(rounded)


_TAKERS: Final[dict[str, Callable[[Prop, object, Wire], Wire]]] = {
    "Edm.String": _string,
    "Edm.Binary": _string,
    "Edm.Guid": _guid,
    "Edm.DateTime": _date,
    "Edm.Boolean": _boolean,
    "Edm.Int64": _int64,
    "Edm.Int16": _number,
    "Edm.Int32": _number,
    "Edm.Double": _number,
    "Edm.Decimal": _number,
}
