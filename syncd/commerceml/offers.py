"""``Предложение``: an offer, its prices and its stocks, in the classic all-in-one shape and in the split files of 3.x."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Context as DecimalContext
from decimal import Decimal
from typing import Any

from lxml.etree import _Element as Element

from syncd.commerceml import blocks
from syncd.commerceml.names import NAMES
from syncd.commerceml.policy import Context
from syncd.commerceml.stocks import Stocks
from syncd.commerceml.values import base_id, currency, decimal, text_of
from syncd.errors import DataError
from syncd.model.records import BadRecord, Record, WholeSet

_TEXTS = {"Наименование": "name", "Артикул": "sku", "Код": "code"}
_STOCK = frozenset({"Склад", "Склады", "Остатки", "КоличествоНаСкладах", "КоличествоНаСкладе", "Количество"})
_LIFTED = frozenset({"code"})
_SIX_PLACES = Decimal("0.000001")
_NOTHING = Decimal(0)
_ONE = Decimal(1)
_PRECISE = DecimalContext(prec=120)

OfferItem = Record | WholeSet | BadRecord


def read_offer(element: Element, context: Context, line: int) -> Iterator[OfferItem]:
    """The offer (a stub where only prices and stocks are stated), then its prices and stocks. Raises ``DataError`` E211 without ``Ид``."""
    identity = version = ""
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    gone = blocks.is_deleted_status(element.get("Статус"))
    selling = False
    for item in element:
        name = NAMES[item.tag]
        if name == "Ид":
            identity = base_id(item.text)
        elif name == "Цены" or name in _STOCK:
            selling = True
        elif name in _TEXTS:
            fields[_TEXTS[name]] = text_of(item)
        elif name in _PARTS:
            _PARTS[name](item, fields)
        elif name == "НомерВерсии":
            version = text_of(item)
        elif name in ("Статус", "ПометкаУдаления"):
            gone = gone or blocks.deleted(name, item)
        elif name.startswith("ДополнительнаяКартинка"):
            context.unknown["Предложение/" + name] += 1
            blocks.add_image(item, fields.setdefault("images", []))
        elif name:
            context.unknown["Предложение/" + name] += 1
            blocks.keep(name, item, extra)
    if not identity:
        raise DataError("E211", element="Предложение")
    stub = not fields and not extra and not gone
    if version and not stub:
        fields["version"] = version
    if "requisites" in fields:
        blocks.lift_requisites(fields["requisites"], fields, _LIFTED)
    fields["product_id"], _, fields["variant_id"] = identity.partition("#")
    fields["catalogue_id"] = context.catalogue_id
    yield Record("offer", (identity,), fields, extra or None, gone, stub, line)
    if selling or gone:
        yield from prices_and_stocks(element, identity, context, gone, line)


def prices_and_stocks(element: Element, offer_id: str, context: Context, gone: bool, line: int) -> Iterator[OfferItem]:
    """Prices and stocks stated within ``element``; a deleted offer has neither."""
    if gone:
        count_prices(element, context)
        yield WholeSet("price", offer_id)
        yield WholeSet("stock", offer_id)
        return
    stocks: Stocks | None = None
    for item in element:
        name = NAMES[item.tag]
        if name == "Цены":
            yield from _prices(item, offer_id, context, line)
        elif name in _STOCK:
            if stocks is None:
                stocks = Stocks(offer_id, line)
            stocks.read(name, item)
    if stocks is not None:
        yield from stocks.items(context)


def count_prices(element: Element, context: Context) -> None:
    """Count the prices of an offer that is not read further."""
    for item in element:
        if NAMES[item.tag] == "Цены":
            context.counts["Цена"] += sum(1 for price in item if NAMES[price.tag] == "Цена")


def _prices(element: Element, offer_id: str, context: Context, line: int) -> Iterator[OfferItem]:
    whole = context.policy.prices_replace
    counts = context.counts
    for item in element:
        if NAMES[item.tag] != "Цена":
            context.unknown["Цены/" + NAMES[item.tag]] += 1
            continue
        counts["Цена"] += 1
        try:
            record = _price(item, offer_id, context, line)
        except DataError as error:
            whole = False  # with a price unreadable the set is not known, so nothing of the old one may go
            yield BadRecord("price", offer_id, "Предложение/Цены/Цена", item.sourceline or line, error)
        else:
            if record is not None:
                yield record
    if whole:
        yield WholeSet("price", offer_id)


def _price(element: Element, offer_id: str, context: Context, line: int) -> Record | None:
    """One price per base unit; ``None`` where it is zero or empty, which means that there is no price."""
    type_id = unit = money = ""
    quoted: Decimal | None = None
    ratio: Decimal | None = None
    minimum: Decimal | None = None
    extra: dict[str, Any] = {}
    for item in element:
        name = NAMES[item.tag]
        if name == "ЦенаЗаЕдиницу":
            quoted = decimal(item.text, "Цена/ЦенаЗаЕдиницу")
        elif name == "ИдТипаЦены":
            type_id = (item.text or "").strip()
        elif name == "Валюта":
            money = currency(item.text)
        elif name == "Коэффициент":
            ratio = decimal(item.text, "Цена/Коэффициент")
        elif name in ("Единица", "ИдЕдиницыИзмерения"):
            unit = _unit_name(item)
        elif name in ("МинКоличество", "КоличествоОт"):
            minimum = decimal(item.text, "Цена/" + name)
        elif name and name != "Представление":  # for reading by people: never a number
            context.unknown["Цена/" + name] += 1
            blocks.keep(name, item, extra)
    if not quoted:
        return None
    if quoted < 0:
        context.warnings["negative prices left out"] += 1
        return None
    if not type_id:
        raise DataError("E214", path="Цена/ИдТипаЦены", value="")
    value = quoted
    fields: dict[str, Any] = {}
    if ratio is not None:
        if ratio <= 0:
            ratio = _ONE
        if ratio != 1:
            extra["quoted"] = str(quoted)
            value = _PRECISE.divide(quoted, ratio)
        fields["ratio"] = ratio
    fields["value"] = _six_places(value)
    if unit:
        fields["unit"] = unit
    key = (offer_id, type_id, money or context.currencies.get(type_id, ""), minimum or _NOTHING)
    return Record("price", key, fields, extra or None, False, False, line)


def _six_places(value: Decimal) -> Decimal:
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent >= -6:
        return value
    return _PRECISE.add(_PRECISE.normalize(_PRECISE.quantize(value, _SIX_PLACES)), _NOTHING)


def _unit_name(element: Element) -> str:
    """``Единица`` as a code or, in 3.1, as a structure with ``Ид``."""
    if not len(element):
        return (element.text or "").strip()
    found = blocks.unit(element)
    return str(found.get("code") or found.get("name") or "")


def _barcode(item: Element, fields: dict[str, Any]) -> None:
    blocks.add_barcodes(item, fields.setdefault("barcodes", []))


def _image(item: Element, fields: dict[str, Any]) -> None:
    blocks.add_image(item, fields.setdefault("images", []))


def _unit(item: Element, fields: dict[str, Any]) -> None:
    fields["unit"] = blocks.unit(item)


def _properties(item: Element, fields: dict[str, Any]) -> None:
    fields.setdefault("properties", {}).update(blocks.property_values(item))


def _requisites(item: Element, fields: dict[str, Any]) -> None:
    fields.setdefault("requisites", {}).update(blocks.requisites(item))


def _characteristics(item: Element, fields: dict[str, Any]) -> None:
    fields["characteristics"] = blocks.characteristics(item)


_PARTS: dict[str, Callable[[Element, dict[str, Any]], None]] = {
    "Штрихкод": _barcode, "ШтрихКод": _barcode, "Картинка": _image, "БазоваяЕдиница": _unit, "ЗначенияСвойств": _properties,
    "ЗначенияРеквизитов": _requisites, "ХарактеристикиТовара": _characteristics,
}  # fmt: skip
