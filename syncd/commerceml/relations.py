"""``Комплектующие`` and ``Аналоги`` of a ``Товар``: other products that belong to it."""

from __future__ import annotations

from typing import Any, Final

from lxml.etree import _Element as Element

from syncd.commerceml import blocks
from syncd.commerceml.names import NAMES
from syncd.commerceml.policy import Context
from syncd.commerceml.values import base_id, decimal, text_of
from syncd.errors import DataError
from syncd.model.records import Item, Record, WholeSet

KINDS: Final = {"Комплектующие": "kit", "Аналоги": "analogue"}
"""Element of a product to the kind of relation its children are."""
_TEXTS: Final = {"Наименование": "name", "Артикул": "sku"}
_OF_THE_OTHER: Final = frozenset({"ИдКаталога", "ИдКлассификатора", "НомерВерсии", "ПометкаУдаления"})
"""Say something of the related product, which has a record of its own."""


def add_relations(
    out: list[Item], found: list[Element], product_id: str, extra: dict[str, Any], context: Context, line: int
) -> None:
    """Append the relations in the blocks found. They are all that the product has, of either kind: a card that states
    one kind is complete, and 1C leaves out a list that became empty.

    A row without ``Ид`` names no product of ours: it stays in the product's ``extra``.
    """
    for block in found:
        kind = KINDS[NAMES[block.tag]]
        for row in block:
            if not NAMES[row.tag]:
                continue
            record = _relation(row, kind, product_id, context, line)
            if record.key[2]:
                out.append(record)
            else:
                name = f"{NAMES[block.tag]}/{NAMES[row.tag]}"
                context.unknown["Товар/" + name] += 1
                blocks.keep(name, row, extra)
    if found:
        out.append(WholeSet("relation", product_id))


def _relation(element: Element, kind: str, product_id: str, context: Context, line: int) -> Record:
    other = ""
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for item in element:
        name = NAMES[item.tag]
        if name == "Ид":
            other = base_id(item.text)
        elif name in _TEXTS:
            fields[_TEXTS[name]] = text_of(item)
        elif name == "БазоваяЕдиница":
            fields["unit"] = blocks.unit(item)
        elif name == "Количество" and _quantity(item, fields):
            continue
        elif name and name not in _OF_THE_OTHER:
            context.unknown[f"{NAMES[element.tag]}/{name}"] += 1
            blocks.keep(name, item, extra)
    return Record("relation", (product_id, kind, other), fields, extra or None, False, False, line)


def _quantity(item: Element, fields: dict[str, Any]) -> bool:
    """A number that cannot be read is no reason to lose the product: it stays in ``extra``."""
    try:
        fields["quantity"] = decimal(item.text, "Комплектующее/Количество")
    except DataError:
        return False
    return True
