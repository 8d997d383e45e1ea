"""The yardstick: what a careful programmer writes with ``lxml.iterparse``, and nothing around it.

One pass over the children of every Товар and Предложение, the fields that syncd's reader takes, as plain texts; what
was read is dropped from the tree. No tolerance for other dialects, no numbers checked, nothing kept of what is unknown,
nothing stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from lxml import etree
from lxml.etree import _Element as Element

_NS: Final = "{urn:1C.ru:commerceml_2}"
_PRODUCT: Final = _NS + "Товар"
_OFFER: Final = _NS + "Предложение"
_ID: Final = _NS + "Ид"
_NAME: Final = _NS + "Наименование"

_TEXTS: Final = {
    _ID: "id",
    _NAME: "name",
    _NS + "Артикул": "sku",
    _NS + "Код": "code",
    _NS + "Штрихкод": "barcode",
    _NS + "Описание": "description",
    _NS + "Страна": "country",
    _NS + "Количество": "total",
}
_IMAGE: Final = _NS + "Картинка"
_UNIT: Final = _NS + "БазоваяЕдиница"
_GROUPS: Final = _NS + "Группы"
_MAKER: Final = _NS + "Изготовитель"
_AXES: Final = _NS + "ХарактеристикиТовара"
_PAIRS: Final = {
    _NS + "ЗначенияСвойств": ("properties", _ID),
    _NS + "ЗначенияРеквизитов": ("requisites", _NAME),
    _NS + "СтавкиНалогов": ("tax", _NAME),
}
_PRICES: Final = _NS + "Цены"
_WAREHOUSE: Final = _NS + "Склад"
_PRICE: Final = {
    _NS + "ИдТипаЦены": "type",
    _NS + "ЦенаЗаЕдиницу": "value",
    _NS + "Валюта": "currency",
    _NS + "Единица": "unit",
    _NS + "Коэффициент": "ratio",
}


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The products and offers of one document of schema 2.07."""
    for _, element in etree.iterparse(str(path), tag=(_PRODUCT, _OFFER), remove_blank_text=True):
        yield _record(element)
        element.clear()
        parent = element.getparent()
        while parent is not None and element.getprevious() is not None:
            del parent[0]


def count(paths: list[Path]) -> int:
    """Read the documents and tell how many records stand in them: products, offers, prices, stocks."""
    total = 0
    for path in paths:
        for record in read(path):
            total += 1 + len(record.get("prices", ())) + len(record.get("stocks", ()))
    return total


def _record(element: Element) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for item in element:
        tag = item.tag
        if tag in _TEXTS:
            out[_TEXTS[tag]] = item.text
        elif tag == _WAREHOUSE:
            out.setdefault("stocks", []).append((item.get("ИдСклада"), item.get("КоличествоНаСкладе")))
        elif tag == _PRICES:
            out["prices"] = [{_PRICE[part.tag]: part.text for part in price if part.tag in _PRICE} for price in item]
        elif tag in _PAIRS:
            name, key_tag = _PAIRS[tag]
            out[name] = _pairs(item, key_tag)
        elif tag == _IMAGE:
            out.setdefault("images", []).append(item.text)
        elif tag == _UNIT:
            attributes = {str(name): str(value) for name, value in item.attrib.items()}
            out["unit"] = attributes, [[part.text for part in recount] for recount in item]
        elif tag == _GROUPS:
            out["groups"] = [part.text for part in item]
        elif tag == _MAKER:
            out["manufacturer"] = {part.tag: part.text for part in item}
        elif tag == _AXES:
            out["axes"] = [[part.text for part in axis] for axis in item]
    return out


def _pairs(element: Element, key_tag: str) -> dict[str | None, str | None]:
    """Rows of a name or id and a value."""
    out: dict[str | None, str | None] = {}
    for row in element:
        key = value = None
        for part in row:
            if part.tag == key_tag:
                key = part.text
            else:
                value = part.text
        out[key] = value
    return out
