"""``Товар`` of a catalogue: a product, or in old dialects a characteristic exported as one."""

from __future__ import annotations

from typing import Any

from lxml.etree import _Element as Element

from syncd.commerceml import blocks, parts
from syncd.commerceml.names import NAMES
from syncd.commerceml.offers import add_prices_and_stocks
from syncd.commerceml.policy import Context
from syncd.commerceml.relations import KINDS, add_relations
from syncd.commerceml.values import base_id, text_of
from syncd.errors import DataError
from syncd.model.records import Item, Record

TEXTS = {
    **parts.TEXTS,
    "ПолноеНаименование": "full_name",
    "Описание": "description",
    "ТорговаяМарка": "brand",
    "Страна": "country",
    "СтранаПроисхождения": "country",
}
PARTS: dict[str, parts.Part] = {
    **parts.COMMON,
    "Группы": parts.groups,
    "СтавкиНалогов": parts.tax,
    "Изготовитель": parts.manufacturer,
    "Вес": parts.weight,
    "ХарактеристикиТовара": parts.variants,
}
_LIFTED = frozenset({"kind", "type", "full_name", "weight", "code"})
_OFFER_FIELDS = frozenset({
    "catalogue_id", "name", "sku", "code", "barcodes", "unit", "properties", "requisites", "images", "version",
})  # fmt: skip


def read_product(element: Element, context: Context, line: int) -> list[Item]:
    """The records of one ``Товар``: a product, or an offer where the id has a characteristic; then what is related to
    it, its prices and stocks.

    Raises ``DataError`` E211 without ``Ид``.
    """
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    selling = False
    related: list[Element] = []
    for item in element:
        name = NAMES[item.tag]
        if name in TEXTS:
            fields[TEXTS[name]] = text_of(item)
        elif name in PARTS:
            PARTS[name](item, fields, extra)
        elif name in parts.SELLING:
            selling = True
        elif name in KINDS:
            related.append(item)
        else:
            parts.unknown("Товар", name, item, fields, extra, context)
    identity = base_id(fields.pop("id", ""))
    if not identity:
        raise DataError("E211", element="Товар")
    gone = fields.pop("deleted", False) or blocks.is_deleted_status(element.get("Статус"))
    complete(fields, context)
    relations: list[Item] = []
    add_relations(relations, related, identity, extra, context, line)
    out: list[Item] = []
    if "#" in identity:
        out.append(_variant(identity, fields, extra, gone, line))
    else:
        out.append(Record("product", (identity,), fields, extra or None, gone, False, line))
    out += relations
    if selling:
        _sell(out, element, identity, context, gone, line)
    return out


def complete(fields: dict[str, Any], context: Context) -> None:
    """Add what stands among the requisites, and outside of the product."""
    if "requisites" in fields:
        blocks.lift_requisites(fields["requisites"], fields, _LIFTED)
    if context.catalogue_id:
        fields["catalogue_id"] = context.catalogue_id


def _variant(identity: str, fields: dict[str, Any], extra: dict[str, Any], gone: bool, line: int) -> Record:
    """A characteristic exported as a ``Товар``: what an offer has no field for goes to ``extra``."""
    product_id, _, variant_id = identity.partition("#")
    kept: dict[str, Any] = {"product_id": product_id, "variant_id": variant_id}
    for name, value in fields.items():
        if name in _OFFER_FIELDS:
            kept[name] = value
        elif value is not None:
            extra[name] = value if isinstance(value, (str, list, dict)) else str(value)
    axes = extra.pop("ХарактеристикиТовара", None)
    if axes is not None:
        kept["characteristics"] = axes
    return Record("offer", (identity,), kept, extra or None, gone, False, line)


def _sell(out: list[Item], element: Element, identity: str, context: Context, gone: bool, line: int) -> None:
    """Prices and stocks inside a ``Товар`` belong to the offer that is the product itself."""
    if "#" not in identity:
        fields = {"product_id": identity, "variant_id": ""}
        if context.catalogue_id:
            fields["catalogue_id"] = context.catalogue_id
        out.append(Record("offer", (identity,), fields, None, gone, not gone, line))
    add_prices_and_stocks(out, element, identity, context, gone, line)
