"""Values as people and configurations write them: numbers, booleans, dates, currencies, free structures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast

from lxml import etree
from lxml.etree import _Element as Element

from syncd.commerceml.names import NAMES
from syncd.errors import DataError

ZERO_GUID = "00000000-0000-0000-0000-000000000000"

_PLAIN = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,20})?").fullmatch
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?").fullmatch
_SPACES = re.compile(r"[\s\u00a0\u202f\u2009\u2007'’]")
_MAX_DIGITS = 60
_SHORT = 8
_FEW = 100
_ATTRIBUTES = etree.XPath("@*")
_GROUP = 3
_TRUE = frozenset({"true", "1", "да", "истина", "yes", "так", "y"})
_FALSE = frozenset({"false", "0", "нет", "ложь", "no", "ні", "n"})

_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:[.,]\d+)?)?"
_ZONE = r"\s*(?:Z|UTC|[+-]\d{2}:?\d{2})?"
_DATES = tuple(
    re.compile(pattern).fullmatch
    for pattern in (
        rf"(?P<year>\d{{4}})-(?P<month>\d{{1,2}})-(?P<day>\d{{1,2}})(?:(?:T|UTC|\s+){_TIME})?{_ZONE}",
        rf"(?P<day>\d{{1,2}})[./](?P<month>\d{{1,2}})[./](?P<year>\d{{4}})(?:(?:T|\s+){_TIME})?{_ZONE}",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?:T?(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2}))?",
    )
)

_CURRENCIES = {
    "RUB": ("RUR", "643", "810", "РУБ", "РУБЛЬ", "РУБЛИ", "РУБЛЕЙ", "РОССИЙСКИЙ РУБЛЬ", "Р", "₽"),
    "UAH": ("980", "ГРН", "ГРИВНА", "ГРИВНЯ", "ГРИВЕНЬ", "₴"),
    "USD": ("840", "ДОЛЛ", "ДОЛЛАР", "ДОЛ", "$", "У.Е", "USA"),
    "EUR": ("978", "ЕВРО", "ЕВР", "€"),
    "KZT": ("398", "ТЕНГЕ", "ТГ", "ТНГ", "₸"),
    "BYN": ("933", "BYR", "974", "БЕЛ.РУБ", "БЕЛ. РУБ", "БЕЛ РУБ"),
    "CNY": ("156", "ЮАНЬ", "¥"),
    "KGS": ("417", "СОМ"), "UZS": ("860", "СУМ"), "AMD": ("051", "ДРАМ"), "GEL": ("981", "ЛАРИ"),
    "AZN": ("944", "МАНАТ"), "MDL": ("498", "ЛЕЙ"), "TJS": ("972", "СОМОНИ"), "GBP": ("826", "ФУНТ"),
    "TRY": ("949", "ЛИРА"), "PLN": ("985", "ЗЛОТЫЙ"), "CHF": ("756",), "JPY": ("392", "ИЕНА"),
}  # fmt: skip
_CURRENCY = {alias: code for code, aliases in _CURRENCIES.items() for alias in (code, *aliases)}


def text_of(element: Element) -> str:
    """The trimmed text of an element; of one with children (unescaped HTML) all texts beneath."""
    if len(element):
        return "".join(str(part) for part in element.itertext()).strip()
    text = element.text
    return text.strip() if text else ""


@lru_cache(maxsize=8192)
def _plain(text: str) -> Decimal | None:
    """A short number as machines write it; ``None`` for any other notation. Quantities repeat."""
    return Decimal(text) if _PLAIN(text) else None


def decimal(text: str | None, path: str) -> Decimal | None:
    """A number in any notation met in exchanges; empty is ``None``.

    Spaces of every kind and apostrophes group thousands, and only thousands. A comma alone is the decimal separator;
    where comma and dot both stand, the last is; one that stands several times groups. Raises ``DataError`` E212 for
    anything else, NaN and infinity among it.
    """
    if text is None:
        return None
    if len(text) <= _SHORT:
        known = _plain(text)
        if known is not None:
            return known
    elif _PLAIN(text):
        return Decimal(text)
    compact = _SPACES.sub(" ", text).replace("\u2212", "-").strip()
    if not compact:
        return None
    sign = compact[0] if compact[0] in "+-" else ""
    digits = sign + _ungrouped(compact[len(sign) :].lstrip())
    if len(digits) > _MAX_DIGITS or not _NUMBER(digits):
        raise DataError("E212", path=path, value=text)
    value = Decimal(digits)
    return Decimal(format(value, "f")) if "e" in digits or "E" in digits else value


def _ungrouped(text: str) -> str:
    """A number without its groups of thousands and with a dot; ``""`` where groups of another size stand."""
    comma, dot = text.rfind(","), text.rfind(".")
    point = "," if comma > dot else "."
    if " " in text:
        group = " "
    elif comma >= 0 and dot >= 0:
        group = "." if point == "," else ","
    elif text.count(point) > 1:
        group, point = point, ""
    else:
        return text.replace(",", ".")
    whole, fraction = text, ""
    if point and point in text:
        whole, _, fraction = text.rpartition(point)
    first, *rest = whole.split(group)
    if not 1 <= len(first) <= _GROUP or any(len(part) != _GROUP for part in rest):
        return ""
    return f"{first}{''.join(rest)}.{fraction}" if fraction else first + "".join(rest)


def number_text(value: Decimal) -> str:
    """A number as text without exponent and idle zeros, for structures kept as JSON."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def boolean(text: str | None) -> bool | None:
    """A switch in any spelling; empty or unknown is ``None``: the document does not say."""
    word = (text or "").strip().casefold()
    if word in _TRUE:
        return True
    return False if word in _FALSE else None


def timestamp(text: str | None, path: str) -> datetime | None:
    """A date with or without time, naive as 1C means it; empty and year 1 (1C's empty date) are ``None``.

    Raises ``DataError`` E213 where it is not a date.
    """
    clean = (text or "").strip()
    if not clean:
        return None
    for pattern in _DATES:
        match = pattern(clean)
        if match is None:
            continue
        parts = {key: int(value or 0) for key, value in match.groupdict().items()}
        if parts["year"] <= 1:
            return None
        try:
            return datetime(  # noqa: DTZ001 - 1C states local time without a zone
                parts["year"], parts["month"], parts["day"], parts["hour"], parts["minute"], parts["second"]
            )
        except ValueError as error:
            raise DataError("E213", path=path, value=text) from error
    raise DataError("E213", path=path, value=text)


def date_and_time(date: str | None, time: str | None, path: str) -> datetime | None:
    """``Дата`` and ``Время`` in one; a time that cannot be read leaves the date alone."""
    day = timestamp(date, path)
    clock = (time or "").strip()
    if day is None or not clock:
        return day
    match = re.fullmatch(_TIME + _ZONE, clock.rpartition("T")[2])
    if match is None:
        return day
    hour, minute, second = (int(match.group(name) or 0) for name in ("hour", "minute", "second"))
    if hour > 23 or minute > 59 or second > 59:
        return day
    return day.replace(hour=hour, minute=minute, second=second)


@lru_cache(maxsize=1024)
def currency(text: str | None) -> str:
    """Letters of ISO 4217 for the ways a currency is written; an unknown one stays, in capitals."""
    word = (text or "").strip().upper()
    return _CURRENCY.get(word) or _CURRENCY.get(word.rstrip("."), word)


def base_id(text: str | None) -> str:
    """A trimmed ``Ид``; ``guid#guid`` with equal halves and ``guid#`` are the product itself (so in Bitrix)."""
    clean = (text or "").strip()
    product, hash_, variant = clean.partition("#")
    if hash_ and product and (not variant or variant.casefold() == product.casefold()):
        return product
    return clean


def attributes(element: Element) -> Iterable[tuple[str, str]]:
    """Names and values of the attributes, in a time that does not grow with the square of their number."""
    if len(element.attrib) <= _FEW:
        return cast("list[tuple[str, str]]", element.attrib.items())  # looks for each value by its name
    return ((str(value.attrname), str(value)) for value in cast("list[Any]", _ATTRIBUTES(element)))


def plain(element: Element) -> Any:
    """An element we have no field for, as JSON: text, or a map of attributes (``@name``), children and text (``#``)."""
    text = (element.text or "").strip()
    if not len(element) and not element.attrib:
        return text
    out: dict[str, Any] = {"@" + NAMES[name]: value for name, value in attributes(element)}
    for item in element:
        name, value = NAMES[item.tag], plain(item)
        if name not in out:
            out[name] = value
        elif isinstance(out[name], list):
            out[name].append(value)
        else:
            out[name] = [out[name], value]
    if text:
        out["#"] = text
    return out
