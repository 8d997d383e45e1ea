"""``Цены`` of an offer."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context as DecimalContext
from decimal import Decimal
from typing import Any

from lxml.etree import _Element as Element

from syncd.commerceml import blocks
from syncd.commerceml.names import NAMES, line_of
from syncd.commerceml.policy import Context
from syncd.commerceml.values import currency, decimal
from syncd.errors import DataError
from syncd.model.records import BadRecord, Item, Record, WholeSet

FIELDS = {
    "ЦенаЗаЕдиницу": "quoted",
    "ИдТипаЦены": "type",
    "Валюта": "currency",
    "Коэффициент": "ratio",
    "МинКоличество": "minimum",
    "КоличествоОт": "minimum",
}
UNITS = frozenset({"Единица", "ИдЕдиницыИзмерения"})
SHOWN = "Представление"
"""For people to read, never a number."""
_PLACES = 6
_SIX_PLACES = Decimal("0.000001")
_CENTS = Decimal("0.01")
_NOTHING = Decimal(0)
_ONE = Decimal(1)
_PRECISE = DecimalContext(prec=120)


def count_prices(element: Element, context: Context) -> None:
    """Count the prices of an offer that is not read further."""
    for item in element:
        if NAMES[item.tag] == "Цены":
            context.counts["Цена"] += sum(1 for price in item if NAMES[price.tag] == "Цена")


def add_prices(out: list[Item], element: Element, offer_id: str, context: Context, line: int) -> None:
    """Append the prices, and that they are all, where the policy says so and each of them could be read."""
    whole = context.policy.prices_replace
    for item in element:
        name = NAMES[item.tag]
        if name != "Цена":
            context.unknown["Цены/" + name] += 1
            continue
        context.counts["Цена"] += 1
        try:
            record = _price(item, offer_id, context, line)
        except DataError as error:
            whole = False  # with a price unreadable the set is not known, so nothing of the old one may go
            out.append(BadRecord("price", offer_id, "Предложение/Цены/Цена", line_of(item) or line, error))
        else:
            if record is not None:
                out.append(record)
    if whole:
        out.append(WholeSet("price", offer_id))


def _price(element: Element, offer_id: str, context: Context, line: int) -> Record | None:
    texts: dict[str, str | None] = {}
    unit = ""
    extra: dict[str, Any] = {}
    for item in element:
        name = NAMES[item.tag]
        if name in FIELDS:
            texts[FIELDS[name]] = item.text
        elif name in UNITS:
            unit = _unit_name(item)
        elif name and name != SHOWN:
            context.unknown["Цена/" + name] += 1
            blocks.keep(name, item, extra)
    return price(texts, unit, extra, offer_id, context, line)


def price(
    texts: Mapping[str, str | None], unit: str, extra: dict[str, Any], offer_id: str, context: Context, line: int
) -> Record | None:
    """One price per base unit, of its texts by the names in ``FIELDS``; ``None`` where it is zero or empty, which means
    that there is no price.

    Raises ``DataError`` E212 for what is no number, E214 without a price type.
    """
    quoted = decimal(texts.get("quoted"), "Цена/ЦенаЗаЕдиницу")
    if not quoted:
        return None
    if quoted < 0:
        context.warnings["negative prices left out"] += 1
        return None
    type_id = (texts.get("type") or "").strip()
    if not type_id:
        raise DataError("E214", path="Цена/ИдТипаЦены", value="")
    fields = _value(quoted, texts.get("ratio"), extra)
    if not fields["value"]:
        context.warnings["prices below a millionth left out"] += 1
        return None
    if unit:
        fields["unit"] = unit
    money = currency(texts.get("currency")) or context.currency_of(type_id)
    minimum = decimal(texts.get("minimum"), "Цена/МинКоличество") or _NOTHING
    return Record("price", (offer_id, type_id, money, minimum), fields, extra or None, False, False, line)


def _value(quoted: Decimal, ratio_text: str | None, extra: dict[str, Any]) -> dict[str, Any]:
    """Price of a base unit from that of a packaging; the price as quoted is kept where they differ."""
    ratio = decimal(ratio_text, "Цена/Коэффициент")
    if ratio is None:
        return {"value": _six_places(quoted)}
    if ratio <= 0:
        ratio = _ONE
    if ratio == 1:
        return {"value": _six_places(quoted), "ratio": ratio}
    extra["quoted"] = str(quoted)
    return {"value": _six_places(_PRECISE.divide(quoted, ratio)), "ratio": ratio}


def _six_places(value: Decimal) -> Decimal:
    if _PRECISE.same_quantum(value, _CENTS):  # as nearly all are
        return value
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent >= -_PLACES:
        return value
    rounded = _PRECISE.normalize(_PRECISE.quantize(value, _SIX_PLACES))
    return _PRECISE.add(rounded, _NOTHING)  # normalising leaves an exponent in round numbers


def _unit_name(element: Element) -> str:
    """``Единица`` as a code or, in 3.1, as a structure with ``Ид``."""
    if not len(element):
        return (element.text or "").strip()
    found = blocks.unit(element)
    return str(found.get("code") or found.get("name") or "")
