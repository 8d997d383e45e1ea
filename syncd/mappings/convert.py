"""Values of OData as values of syncd.

What 1C writes for "nothing": an empty text, the zero guid, the first of January of the year 1, ``null`` for an
attribute that does not apply. An empty text clears a field of ours, ``None`` leaves it as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from syncd.i18n import tr
from syncd.mappings.bounds import fits, is_long, short
from syncd.mappings.language import As
from syncd.model.entity import Kind

EMPTY_GUID: Final = "00000000-0000-0000-0000-000000000000"
EMPTY_DATE: Final = "0001-01-01"
_RATE: Final = re.compile(r"\d+(?:[.,]\d+)?")
_CURRENCIES: Final = {
    "643": "RUB", "810": "RUB", "руб": "RUB", "руб.": "RUB", "rur": "RUB", "840": "USD", "978": "EUR", "евро": "EUR",
    "156": "CNY", "398": "KZT", "933": "BYN", "974": "BYN", "417": "KGS", "860": "UZS", "051": "AMD", "944": "AZN",
    "980": "UAH", "грн": "UAH", "949": "TRY", "784": "AED", "826": "GBP", "356": "INR", "392": "JPY", "410": "KRW",
    "756": "CHF", "498": "MDL", "981": "GEL", "972": "TJS", "934": "TMT", "985": "PLN", "941": "RSD", "764": "THB",
}  # fmt: skip
"""ISO 4217 numbers, and what bases call their currencies, to letters."""


class Unfit(ValueError):
    """A value that is not of the kind asked for."""


def is_empty(value: object) -> bool:
    """Whether 1C means nothing by it. Zero and false are something."""
    if type(value) is str:
        return not value or value == EMPTY_GUID or value[:10] == EMPTY_DATE
    return value is None


def text(value: object) -> str | None:
    """A text; the zero guid is an empty one."""
    if isinstance(value, str):
        return "" if value == EMPTY_GUID else value.rstrip()
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not short(value):
            raise Unfit
        return str(value)
    if isinstance(value, Decimal):
        if value.is_finite() and not fits(value):  # a text of megabytes
            raise Unfit
        return format(value, "f")
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    raise Unfit


def decimal(value: object) -> Decimal | None:
    """A number; numbers of 64 bits travel as texts."""
    if isinstance(value, bool):
        raise Unfit
    if isinstance(value, Decimal):
        found = value
    elif isinstance(value, int):
        if not short(value):
            raise Unfit
        found = Decimal(value)
    elif value is None or value == "":
        return None
    else:
        try:
            found = Decimal(repr(value) if isinstance(value, float) else str(value).strip())
        except InvalidOperation:
            raise Unfit from None
    if not fits(found):
        raise Unfit
    return found


def integer(value: object) -> int | None:
    """A whole number of 64 bits."""
    found = decimal(value)
    if found is None:
        return None
    if is_long(found) or found != found.to_integral_value():
        raise Unfit
    return int(found)


def boolean(value: object) -> bool | None:
    """True or false; 1C writes the words in bodies of other services too."""
    if isinstance(value, bool):
        return value
    if value is None or value == "":
        return None
    known = {"true": True, "false": False, "да": True, "нет": False, "истина": True, "ложь": False}
    word = (text(value) or "").strip().lower()
    if word not in known:
        raise Unfit
    return known[word]


def timestamp(zone: tzinfo) -> Callable[[object], datetime | None]:
    """Times of 1C are of its own clock, without a zone: they are read in that of the infobase."""

    def convert(value: object) -> datetime | None:
        if is_empty(value):
            return None
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            raise Unfit from None
        return found if found.tzinfo else found.replace(tzinfo=zone)

    return convert


def tax(value: object) -> Decimal | None:
    """The per cent of a VAT rate: НДС20, 20%, НДС20_120; nothing for БезНДС."""
    label = text(value) or ""
    found = _RATE.search(label)
    return decimal(found[0].replace(",", ".")) if found else None


def currency(value: object) -> str | None:
    """Letters of ISO 4217 from the number or the name a base has; what is unknown stays as it is."""
    name = (text(value) or "").strip()
    return _CURRENCIES.get(name.lower(), name.upper() if re.fullmatch(r"[A-Za-z]{3}", name) else name)


def as_list(value: object) -> list[Any]:
    """A list of what is not empty."""
    found = value if isinstance(value, list) else [value]
    return [text(part) if not isinstance(part, dict) else part for part in found if not is_empty(part)]


def as_map(value: object) -> dict[str, Any] | None:
    """A map as it is."""
    if value is None or isinstance(value, Mapping):
        return None if value is None else dict(value)
    raise Unfit


def converter(kind: Kind | As, zone: tzinfo) -> Callable[[object], Any]:
    """What makes a value of this kind. It raises ``Unfit`` for a value that is none."""
    made: dict[str, Callable[[object], Any]] = {
        "text": text, "decimal": decimal, "integer": integer, "boolean": boolean, "timestamp": timestamp(zone),
        "tax": tax, "currency": currency, "list": as_list, "map": as_map,
    }  # fmt: skip
    return made[kind]


def kind_words(kind: Kind | As) -> str:
    """A kind as a person calls it, after "is not"."""
    words = {
        "text": ("a text", "строка"), "decimal": ("a number", "число"), "integer": ("a whole number", "целое число"),
        "boolean": ("true or false", "true или false"), "timestamp": ("a date", "дата"),
        "list": ("a list", "список"), "map": ("a map", "словарь"), "tax": ("a tax rate", "ставка налога"),
        "currency": ("a currency", "валюта"),
    }  # fmt: skip
    return tr(*words[kind])
