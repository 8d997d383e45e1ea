"""``Товар`` of a catalogue: a product, or in old dialects a characteristic exported as one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml.etree import _Element as Element

from syncd.commerceml import blocks
from syncd.commerceml.names import NAMES
from syncd.commerceml.offers import prices_and_stocks
from syncd.commerceml.policy import Context
from syncd.commerceml.values import base_id, decimal, text_of
from syncd.errors import DataError
from syncd.model.records import BadRecord, Item, Record, WholeSet

_TEXTS = {
    "Наименование": "name", "ПолноеНаименование": "full_name", "Артикул": "sku", "Код": "code", "Описание": "description",
    "ТорговаяМарка": "brand", "Страна": "country", "СтранаПроисхождения": "country", "НомерВерсии": "version",
}  # fmt: skip
_LIFTED = frozenset({"kind", "type", "full_name", "weight", "code"})
_OFFER_FIELDS = frozenset(
    {"catalogue_id", "name", "sku", "code", "barcodes", "unit", "properties", "requisites", "images", "version"}
)
_SELLING = frozenset({"Цены", "Количество", "Остатки", "Склад", "Склады", "КоличествоНаСкладах", "КоличествоНаСкладе"})


def read_product(element: Element, context: Context, line: int) -> Iterator[Item]:
    """The records of one ``Товар``: a product (or an offer, where the id has a characteristic), then prices and stocks if it states them.

    Raises ``DataError`` where the record cannot be used.
    """
    identity = ""
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    gone = blocks.is_deleted_status(element.get("Статус"))
    selling = False
    for item in element:
        name = NAMES[item.tag]
        field = _TEXTS.get(name)
        if field is not None:
            fields[field] = text_of(item)
        elif name == "Ид":
            identity = base_id(item.text)
        elif name in _PARTS:
            _PARTS[name](item, fields, extra)
        elif name in ("Статус", "ПометкаУдаления"):
            gone = gone or blocks.deleted(name, item)
        elif name in _SELLING:
            selling = True
        elif name.startswith("ДополнительнаяКартинка"):
            context.unknown["Товар/" + name] += 1
            blocks.add_image(item, fields.setdefault("images", []))
        elif name:
            context.unknown["Товар/" + name] += 1
            blocks.keep(name, item, extra)
    if not identity:
        raise DataError("E211", element="Товар")
    if "requisites" in fields:
        blocks.lift_requisites(fields["requisites"], fields, _LIFTED)
    fields["catalogue_id"] = context.catalogue_id
    if "#" in identity:
        yield _variant(identity, fields, extra, gone, line)
    else:
        yield Record("product", (identity,), fields, extra or None, gone, False, line)
    if selling:
        yield from _selling(element, identity, context, gone, line)


def _variant(identity: str, fields: dict[str, Any], extra: dict[str, Any], gone: bool, line: int) -> Record:
    product_id, _, variant_id = identity.partition("#")
    kept: dict[str, Any] = {"product_id": product_id, "variant_id": variant_id}
    for name, value in fields.items():
        if name in _OFFER_FIELDS:
            kept[name] = value
        else:
            extra[name] = str(value) if name in ("weight", "tax_rate") and value is not None else value
    axes = extra.pop("ХарактеристикиТовара", None)
    if axes is not None:
        kept["characteristics"] = axes
    return Record("offer", (identity,), kept, extra or None, gone, False, line)


def _selling(element: Element, identity: str, context: Context, gone: bool, line: int) -> Iterator[Item]:
    """Prices and stocks inside a ``Товар`` belong to the offer that is the product itself."""
    if "#" not in identity:
        fields = {"product_id": identity, "variant_id": "", "catalogue_id": context.catalogue_id}
        yield Record("offer", (identity,), fields, None, gone, not gone, line)
    for item in prices_and_stocks(element, identity, context, gone, line):
        if isinstance(item, (WholeSet, BadRecord)) or item.entity in ("price", "stock"):
            yield item


def _unit(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    fields["unit"] = blocks.unit(item)


def _groups(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    rows = fields.setdefault("category_ids", [])
    for part in item:
        text = (part.text or "").strip()
        if text and text not in rows:
            rows.append(text)


def _image(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    blocks.add_image(item, fields.setdefault("images", []))


def _barcode(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    blocks.add_barcodes(item, fields.setdefault("barcodes", []))


def _properties(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    fields.setdefault("properties", {}).update(blocks.property_values(item))


def _requisites(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    fields.setdefault("requisites", {}).update(blocks.requisites(item))


def _tax(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    fields["tax_rate"], fields["tax_label"] = blocks.tax(item)


def _manufacturer(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    fields["manufacturer"] = blocks.manufacturer(item)


def _weight(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    try:
        fields["weight"] = decimal(item.text, "Товар/Вес")
    except DataError:
        extra["Вес"] = text_of(item)


def _characteristics(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    extra["ХарактеристикиТовара"] = blocks.characteristics(item)


_PARTS = {
    "БазоваяЕдиница": _unit, "Группы": _groups, "Картинка": _image, "Штрихкод": _barcode, "ШтрихКод": _barcode,
    "ЗначенияСвойств": _properties, "ЗначенияРеквизитов": _requisites, "СтавкиНалогов": _tax, "Изготовитель": _manufacturer,
    "Вес": _weight, "ХарактеристикиТовара": _characteristics,
}  # fmt: skip
