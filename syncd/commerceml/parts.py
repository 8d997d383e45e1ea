"""Children of ``Товар`` and ``Предложение``, each read into the fields of its record.

Every function here has the same shape, so that a record is read in one pass with one look-up per child. The fields
``id`` and ``deleted`` are for the caller to take out again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lxml.etree import _Element as Element

from syncd.commerceml import blocks
from syncd.commerceml.policy import Context
from syncd.commerceml.values import decimal, text_of
from syncd.errors import DataError

Part = Callable[[Element, dict[str, Any], dict[str, Any]], None]
"""Reads one child element into ``fields``, or into ``extra`` where there is no field for it."""

TEXTS = {"Ид": "id", "Наименование": "name", "Артикул": "sku", "Код": "code", "НомерВерсии": "version"}
"""Children of both that are plain texts."""

SELLING = frozenset({"Цены", "Количество", "Остатки", "Склад", "Склады", "КоличествоНаСкладах", "КоличествоНаСкладе"})
"""Children that state prices and stocks."""


def unknown(
    owner: str, name: str, item: Element, fields: dict[str, Any], extra: dict[str, Any], context: Context
) -> None:
    """Keep a child without a field in ``extra``, unless it is a numbered ``ДополнительнаяКартинка…``."""
    if not name:
        return
    context.unknown[f"{owner}/{name}"] += 1
    if is_image(name):
        image(item, fields, extra)
    else:
        blocks.keep(name, item, extra)


def is_image(name: str) -> bool:
    """Whether a child without a field of its own is an image all the same."""
    return name.startswith("ДополнительнаяКартинка")


def unit(item: Element, fields: dict[str, Any], _extra: dict[str, Any]) -> None:
    """``БазоваяЕдиница``."""
    fields["unit"] = blocks.unit(item)


def groups(item: Element, fields: dict[str, Any], _extra: dict[str, Any]) -> None:
    """``Группы`` of a product: ids, the first is the main one."""
    rows = fields.setdefault("category_ids", [])
    for part in item:
        text = (part.text or "").strip()
        if text and text not in rows:
            rows.append(text)


def image(item: Element, fields: dict[str, Any], _extra: dict[str, Any]) -> None:
    """``Картинка``: a path, with forward slashes."""
    images = fields.setdefault("images", [])
    path = (item.text or "").strip().replace("\\", "/")
    if path and path not in images:
        images.append(path)


def barcode(item: Element, fields: dict[str, Any], _extra: dict[str, Any]) -> None:
    """``Штрихкод``: one or several."""
    blocks.add_barcodes(item.text, fields.setdefault("barcodes", []))


def properties(item: Element, fields: dict[str, Any], _extra: dict[str, Any]) -> None:
    """``ЗначенияСвойств``."""
    fields.setdefault("properties", {}).update(blocks.property_values(item))


def requisites(item: Element, fields: dict[str, Any], _extra: dict[str, Any]) -> None:
    """``ЗначенияРеквизитов``."""
    fields.setdefault("requisites", {}).update(blocks.requisites(item))


def tax(item: Element, fields: dict[str, Any], _extra: dict[str, Any]) -> None:
    """``СтавкиНалогов``."""
    fields["tax_rate"], fields["tax_label"] = blocks.tax(item)


def manufacturer(item: Element, fields: dict[str, Any], _extra: dict[str, Any]) -> None:
    """``Изготовитель``."""
    fields["manufacturer"] = blocks.manufacturer(item)


def weight(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    """``Вес``; one that is no number stays in ``extra``: it is no reason to lose the product."""
    try:
        fields["weight"] = decimal(item.text, "Товар/Вес")
    except DataError:
        extra["Вес"] = text_of(item)


def axes(item: Element, fields: dict[str, Any], _extra: dict[str, Any]) -> None:
    """``ХарактеристикиТовара`` of an offer: the axes of the variant."""
    fields["characteristics"] = blocks.characteristics(item)


def variants(item: Element, _fields: dict[str, Any], extra: dict[str, Any]) -> None:
    """``ХарактеристикиТовара`` of a product: the list of its variants (УТ 11)."""
    extra["ХарактеристикиТовара"] = blocks.characteristics(item)


def status(item: Element, fields: dict[str, Any], _extra: dict[str, Any]) -> None:
    """``Статус`` as an element."""
    if blocks.is_deleted_status(item.text):
        fields["deleted"] = True


def deletion_mark(item: Element, fields: dict[str, Any], _extra: dict[str, Any]) -> None:
    """``ПометкаУдаления``."""
    if blocks.deleted("ПометкаУдаления", item):
        fields["deleted"] = True


COMMON: dict[str, Part] = {
    "БазоваяЕдиница": unit,
    "Картинка": image,
    "Штрихкод": barcode,
    "ШтрихКод": barcode,
    "ЗначенияСвойств": properties,
    "ЗначенияРеквизитов": requisites,
    "Статус": status,
    "ПометкаУдаления": deletion_mark,
}
"""Children that products and offers have in common, beside the texts."""
