"""What a base answers, as plain records: JSON here, Atom through ``atom``; both come out the same.

A record is a dict of texts, numbers, booleans, ``None`` and lists of rows. A number with a fraction is a ``Decimal``
made from the digits as they came; a whole number is an ``int``. Dates stay texts of 1C's own clock
(``literals.read_moment``), and Edm.Int64 stays the text 1C sends (``whole``): only metadata could tell it from a string
of digits, and most fields are never looked at. A page of HTML, an answer cut in half, a JSON that is no OData: an
error, never an empty set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from syncd.adapters.odata import atom
from syncd.errors import DataError, TransportError

Record = dict[str, Any]
Types = Mapping[str, str]
"""Types of fields by name (``Edm.Double``), which Atom leaves out: JSON needs none (``describe.types``)."""

Decode = Callable[[bytes], Any]
BOM: Final = b"\xef\xbb\xbf"
_decode: Decode = msgspec.json.Decoder(float_hook=Decimal).decode
_LONGEST: Final = 18
"""Digits that 64 bits hold in any case."""
_LEAST: Final = -(1 << 63)
_WHOLE: Final = re.compile(r"-?\d{1,30}")
_NOISE: Final = ("odata.", "@navigationLinkUrl", "@odata.")


@dataclass(slots=True)
class Page:
    """Records of a set in the order they came. ``count`` is that of the whole set where it was asked for. ``next`` is
    the address of what follows: 1C sends none, but whoever does must not be cut off in silence.
    """

    records: list[Record]
    count: int | None = None
    next: str | None = None


class Wanted:
    """The properties of a record that are looked at. Of JSON the others are not even made into objects, which takes
    half the time; records that lack one come with all they have.
    """

    def __init__(self, names: Iterable[str]) -> None:
        fields = {f"f{at}": name for at, name in enumerate(dict.fromkeys(names))}
        row = msgspec.defstruct("row", [(field, Any) for field in fields], rename=fields, gc=False)
        document = msgspec.defstruct(
            "document", [("value", list[row]), ("count", Any, None), ("next", Any, None)],  # type: ignore[valid-type]
            rename={"count": "odata.count", "next": "odata.nextLink"},
        )  # fmt: skip
        shown = ", ".join(f"n{field}: row.{field}" for field in fields)
        known = {f"n{field}": name for field, name in fields.items()}
        self._plain: Callable[[list[Any]], list[Record]] = eval(  # noqa: S307 - no text of others
            f"lambda rows: [{{{shown}}} for row in rows]", {"__builtins__": {}, **known}
        )
        self._document: Decode = msgspec.json.Decoder(document, float_hook=Decimal).decode
        self._rows: Decode = msgspec.json.Decoder(list[row], float_hook=Decimal).decode  # type: ignore[valid-type]

    def document(self, body: bytes) -> Any:
        """A set with such records."""
        try:
            found = self._document(body)
        except msgspec.ValidationError:
            return _decode(body)
        return {"value": self._plain(found.value), "odata.count": found.count, "odata.nextLink": found.next}

    def rows(self, body: bytes) -> Any:
        """An array of such records."""
        try:
            return self._plain(self._rows(body))
        except msgspec.ValidationError:
            return _decode(body)


def page(body: bytes, types: Types | None = None, wanted: Wanted | None = None) -> Page:
    """Read a set. Raises TransportError E809 when this is no whole answer of OData."""
    if is_xml(body):
        records, count, following = atom.feed(body, types)
        return Page(records, _total(count, body), following)
    document = json(body, wanted.document if wanted else _decode)
    found = document.get("value") if isinstance(document, dict) else None
    if found is None or not _are_records(found):
        raise TransportError("E809", detail=_head(body))
    return Page(found, _total(document.get("odata.count"), body), document.get("odata.nextLink"))


def at_once(body: bytes, types: Types | None = None, wanted: Wanted | None = None) -> list[Record]:
    """The records of a set that was asked for without pages. Raises TransportError E809 also where more would follow:
    what was not sent must not be taken for what 1C does not have.
    """
    found = page(body, types, wanted)
    if found.next is not None:
        raise TransportError("E809", detail=f"odata.nextLink: {found.next}"[:120])
    return found.records


def rows(body: bytes, wanted: Wanted | None = None) -> list[Record]:
    """An array of records. Raises TransportError E809 when this is none."""
    found = json(body, wanted.rows if wanted else _decode)
    if not _are_records(found):
        raise TransportError("E809", detail=_head(body))
    return found  # type: ignore[no-any-return]


def record(body: bytes, types: Types | None = None) -> Record:
    """Read one object. Raises TransportError E809 when this is no whole answer of OData."""
    if is_xml(body):
        return atom.entry(body, types)
    document = json(body)
    if not isinstance(document, dict) or not document or "odata.error" in document:
        raise TransportError("E809", detail=_head(body))
    return document


def count(body: bytes) -> int:
    """Read ``/$count``: digits, as a rule after a BOM."""
    text = body.removeprefix(BOM).strip()
    if not text.isdigit() or len(text) > _LONGEST:
        raise TransportError("E809", detail=_head(body))
    return int(text)


def names(body: bytes) -> list[str]:
    """Read the service document: the sets that are published, an empty list when none is."""
    if is_xml(body):
        return atom.collections(body)
    return [str(item.get("url") or item.get("name")) for item in page(body).records]


def json(body: bytes, decode: Decode = _decode) -> Any:
    """Any JSON, fractions exact. Raises TransportError E809 for an answer cut in half, for what is no JSON, and for
    what is nested too deeply or has a number that is none.
    """
    try:
        return decode(body.removeprefix(BOM))
    except (msgspec.DecodeError, UnicodeDecodeError, InvalidOperation, RecursionError) as error:
        raise TransportError("E809", detail=_head(body)) from error


def is_xml(body: bytes) -> bool:
    """Whether the body begins as XML or HTML does."""
    return body[:64].removeprefix(BOM).lstrip()[:1] == b"<"


def whole(value: object) -> int:
    """A whole number of 64 bits that may have come as a text, as Edm.Int64 does. Raises DataError E842."""
    number = int(value) if isinstance(value, str) and _WHOLE.fullmatch(value.strip()) else value
    if isinstance(number, int | Decimal) and not isinstance(number, bool) and _is_whole(number):
        return int(number)
    raise DataError("E842", value=str(value)[:80])


def plain(found: Record) -> Record:
    """The object's own fields: without what OData adds beside them."""
    return {key: value for key, value in found.items() if not any(noise in key for noise in _NOISE)}


def _total(stated: object, body: bytes) -> int | None:
    if stated is None:
        return None
    try:
        number = whole(stated)
    except DataError as error:
        raise TransportError("E809", detail=_head(body)) from error
    if number < 0:
        raise TransportError("E809", detail=_head(body))
    return number


def _is_whole(number: int | Decimal) -> bool:
    """The size is looked at first: all digits of ``1e300000`` take seconds."""
    if isinstance(number, int):
        return _LEAST <= number < -_LEAST
    return number.is_finite() and _LEAST <= number < -_LEAST and number == number.to_integral_value()


def _are_records(found: object) -> bool:
    return isinstance(found, list) and set(map(type, found)) <= {dict}


def _head(body: bytes) -> str:
    return " ".join(body[:200].decode("utf-8", "replace").split())[:120]
