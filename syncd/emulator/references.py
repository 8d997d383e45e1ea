"""What the Bitrix module exchanges beside goods and orders: reference books of 1C, and the site's own lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree

from syncd.emulator import answers
from syncd.emulator.violations import Said
from syncd.emulator.wire import Answer

_STATUSES = "C" + "татусы"
"""The first letter is a Latin C: the module looks for exactly that."""


@dataclass(frozen=True, slots=True)
class Book:
    """A reference book of 1C: ``id`` is its name in the metadata; elements by GUID, each with texts by requisite."""

    id: str
    name: str
    elements: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """The site's statuses, methods of payment and of delivery: id to name."""

    statuses: dict[str, str]
    payments: dict[str, str]
    deliveries: dict[str, str]


def references_xml(books: Sequence[Book]) -> bytes:
    """``references___<guid>.xml`` of the module: ``ПользовательскиеСправочники``, 3.1. Empty books are skipped."""
    root = etree.Element("КоммерческаяИнформация", {"ВерсияСхемы": "3.1", "ДатаФормирования": "2026-11-20T10:00:00"})
    block = etree.SubElement(root, "ПользовательскиеСправочники", {"СодержитТолькоИзменения": "true"})
    for book in books:
        if book.elements:
            _write_book(etree.SubElement(block, "Справочник"), book)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + etree.tostring(root, encoding="utf-8")


def _write_book(element: etree._Element, book: Book) -> None:
    etree.SubElement(element, "Ид").text = book.id
    etree.SubElement(element, "Наименование").text = book.name
    names = sorted({name for values in book.elements.values() for name in values})
    declared = etree.SubElement(element, "Реквизиты")
    for name in names:
        requisite = etree.SubElement(declared, "Реквизит")
        for tag, text in (("Ид", name), ("Наименование", name), ("ТипЗначений", "Строка")):
            etree.SubElement(requisite, tag).text = text
    elements = etree.SubElement(element, "ЭлементыСправочника")
    for guid, values in book.elements.items():
        item = etree.SubElement(elements, "ЭлементСправочника")
        etree.SubElement(item, "Ид").text = guid
        block = etree.SubElement(item, "ЗначенияРеквизитов")
        for name, text in values.items():
            value = etree.SubElement(block, "ЗначениеРеквизита")
            etree.SubElement(value, "Наименование").text = name
            etree.SubElement(value, "Значение").text = text


def site_info(answer: Answer) -> SiteInfo:
    """The answer to sale/info as the module reads it: root ``Справочник``, ``Cтатусы`` with a Latin C."""
    try:
        root = etree.fromstring(answers.documents_text(answer, strict=True))
    except etree.XMLSyntaxError as error:
        problem = Said(f"The XML is not well-formed: {error}.", f"XML повреждён: {error}.")
        raise answer.violation(problem) from error
    if root.tag != "Справочник":
        raise answer.violation(Said(f"The root is <{root.tag}>.", f"Корневой элемент <{root.tag}>."))
    return SiteInfo(*(_choices(answer, root, name) for name in (_STATUSES, "ПлатежныеСистемы", "СлужбыДоставки")))


def _choices(answer: Answer, root: etree._Element, name: str) -> dict[str, str]:
    block = root.find(name)
    if block is None:
        raise answer.violation(Said(f"<{name}> is missing.", f"Нет <{name}>."))
    return {item.findtext("Ид") or "": item.findtext("Название") or "" for item in block.findall("Элемент")}
