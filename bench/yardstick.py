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

_FIRST: Final = 4096  # bytes in which the root stands


class _Names:
    """Full names of the elements of one namespace."""

    def __init__(self, namespace: str) -> None:
        ns = "{" + namespace + "}"
        self.product = ns + "Товар"
        self.offer = ns + "Предложение"
        self.id = ns + "Ид"
        self.texts = {
            self.id: "id", ns + "Наименование": "name", ns + "Артикул": "sku", ns + "Код": "code",
            ns + "Штрихкод": "barcode", ns + "Описание": "description", ns + "Страна": "country",
            ns + "Количество": "total", ns + "НомерВерсии": "version", ns + "ПометкаУдаления": "deleted",
        }  # fmt: skip
        self.image = ns + "Картинка"
        self.unit = ns + "БазоваяЕдиница"
        self.groups = ns + "Группы"
        self.maker = ns + "Изготовитель"
        self.axes = ns + "ХарактеристикиТовара"
        self.pairs = {
            ns + "ЗначенияСвойств": ("properties", self.id),
            ns + "ЗначенияРеквизитов": ("requisites", ns + "Наименование"),
            ns + "СтавкиНалогов": ("tax", ns + "Наименование"),
        }
        self.prices = ns + "Цены"
        self.warehouse = ns + "Склад"
        self.rests = ns + "Остатки"
        self.price = {
            ns + "ИдТипаЦены": "type", ns + "ЦенаЗаЕдиницу": "value", ns + "Валюта": "currency",
            ns + "Единица": "unit", ns + "ИдЕдиницыИзмерения": "unit", ns + "Коэффициент": "ratio",
        }  # fmt: skip


_NAMES: Final = {number: _Names(f"urn:1C.ru:commerceml_{number}") for number in (2, 3)}


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The products and offers of one document of schema 2.07 or 3.1."""
    with path.open("rb") as stream:
        names = _NAMES[3 if b"commerceml_3" in stream.read(_FIRST) else 2]
    for _, element in etree.iterparse(str(path), tag=(names.product, names.offer), remove_blank_text=True):
        yield _record(element, names)
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


def _record(element: Element, names: _Names) -> dict[str, Any]:
    out: dict[str, Any] = {}
    texts, pairs, price_fields = names.texts, names.pairs, names.price
    for item in element:
        tag = item.tag
        if tag in texts:
            out[texts[tag]] = item.text
        elif tag == names.warehouse:
            out.setdefault("stocks", []).append((item.get("ИдСклада"), item.get("КоличествоНаСкладе")))
        elif tag == names.rests:
            out["stocks"] = [tuple(part.text for part in warehouse) for rest in item for warehouse in rest]
        elif tag == names.prices:
            out["prices"] = [
                {price_fields[part.tag]: part.text for part in price if part.tag in price_fields} for price in item
            ]
        elif tag in pairs:
            name, key_tag = pairs[tag]
            out[name] = _pairs(item, key_tag)
        elif tag == names.image:
            out.setdefault("images", []).append(item.text)
        elif tag == names.unit:
            attributes = {str(name): str(value) for name, value in item.attrib.items()}
            out["unit"] = item.text, attributes, [[part.text for part in recount] for recount in item]
        elif tag == names.groups:
            out["groups"] = [part.text for part in item]
        elif tag == names.maker:
            out["manufacturer"] = {part.tag: part.text for part in item}
        elif tag == names.axes:
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
