"""The answer to ``sale/info``: what the site calls statuses, payment and delivery, for the settings of 1C's module.

The form of 1С-Битрикс itself (``sale.export.1c``): the root is ``Справочник`` and the first letter of ``Cтатусы`` is a
Latin C, as the module looks for exactly that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lxml import etree

from syncd.commerceml.writing import add, document

STATUSES: Final = "C" + "татусы"
Choice = tuple[str, str, str]
"""Id, name and (payment only) kind."""


def write_info(
    *, statuses: Iterable[Choice], payments: Iterable[Choice], deliveries: Iterable[Choice], encoding: str
) -> bytes:
    """The whole document, beginning with ``<?xml`` at its first byte."""
    root = etree.Element("Справочник")
    for name, rows, with_kind in (
        (STATUSES, statuses, False), ("ПлатежныеСистемы", payments, True), ("СлужбыДоставки", deliveries, False),
    ):  # fmt: skip
        block = etree.SubElement(root, name)
        for identity, title, kind in rows:
            element = etree.SubElement(block, "Элемент")
            add(element, "Ид", identity)
            add(element, "Название", title)
            if with_kind:
                add(element, "ТипОплаты", kind)
    return document(root, encoding)
