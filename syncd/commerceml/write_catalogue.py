"""A catalogue and a package of offers as documents that a site reads from 1C: ``import0_1.xml`` and ``offers0_1.xml``
of CommerceML 2.07, with prices and stocks inside the offers, as every CMS knows them.

Written as a stream: one product is in memory at a time. Our own ``Reader`` reads back what was written; only a price
quoted for a packaging becomes that of the base unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import IO, Any, Final

from lxml import etree
from lxml.etree import _Element as Element

from syncd.commerceml.names import ROOT
from syncd.commerceml.requisites import PRODUCT_REQUISITES, normalised
from syncd.commerceml.writing import add, clean, number
from syncd.model.records import Record

NAMESPACE: Final = "urn:1C.ru:commerceml_2"
SCHEMA: Final = "2.07"
_GONE: Final = "Удален"
_VALUE_TYPES: Final = {
    "text": "Строка", "number": "Число", "time": "Время", "dictionary": "Справочник", "boolean": "Булево",
    "date": "Дата",
}  # fmt: skip
_DESCRIBES: Final = {"product": "ДляТоваров", "offer": "ДляПредложений", "order": "ДляДокументов"}
_LIFTED: Final = {"kind": "ВидНоменклатуры", "type": "ТипНоменклатуры", "weight": "Вес"}
"""Fields of a product that 1C writes as requisites."""


@dataclass(frozen=True, slots=True)
class Package:
    """What a document says of itself. ``namespace``: some sites (django-cml) find nothing under one. ``generated_at``
    is local.
    """

    catalogue_id: str
    name: str
    generated_at: datetime
    changes_only: bool = True
    namespace: bool = True


@dataclass(frozen=True, slots=True)
class Offered:
    """An offer with all its prices and stocks; ``stocks`` is ``None`` where nothing is known of them."""

    offer: Record
    prices: Sequence[Record] = ()
    stocks: Sequence[Record] | None = None


class _File:
    """lxml's incremental writer, as far as it is used here."""

    def __init__(self, out: IO[bytes], package: Package) -> None:
        self._out = out
        self._package = package

    @contextmanager
    def opened(self) -> Iterator[Any]:
        space = f"{{{NAMESPACE}}}" if self._package.namespace else ""
        with etree.xmlfile(self._out, encoding="utf-8") as found:
            found.write_declaration()
            moment = self._package.generated_at.replace(microsecond=0, tzinfo=None).isoformat()
            stated = {"ВерсияСхемы": SCHEMA, "ДатаФормирования": moment}
            nsmap = {None: NAMESPACE} if self._package.namespace else None
            with found.element(space + ROOT, stated, nsmap=nsmap):
                yield found


def write_catalogue(
    out: IO[bytes], package: Package, *, categories: Iterable[Record], properties: Iterable[Record],
    products: Iterable[Record],
) -> int:  # fmt: skip
    """The classifier and the products; returns how many products. Categories are held in memory: they are a tree."""
    count = 0
    changes = "true" if package.changes_only else "false"
    with _File(out, package).opened() as file:
        with file.element("Классификатор"):
            for name, text in (("Ид", package.catalogue_id), ("Наименование", package.name)):
                file.write(_text(name, text))
            _write_groups(file, list(categories))
            with file.element("Свойства"):
                for record in properties:
                    file.write(_property(record))
        with file.element("Каталог", {"СодержитТолькоИзменения": changes}):
            for name, text in (("Ид", package.catalogue_id), ("ИдКлассификатора", package.catalogue_id),
                               ("Наименование", package.name)):  # fmt: skip
                file.write(_text(name, text))
            with file.element("Товары"):
                for record in products:
                    file.write(_product(record))
                    count += 1
    return count


def write_offers(
    out: IO[bytes], package: Package, *, price_types: Iterable[Record], warehouses: Iterable[Record],
    offers: Iterable[Offered],
) -> int:  # fmt: skip
    """Price types, warehouses and offers; returns how many offers."""
    count = 0
    changes = "true" if package.changes_only else "false"
    with (
        _File(out, package).opened() as file,
        file.element("ПакетПредложений", {"СодержитТолькоИзменения": changes}),
    ):
        for name, text in (
            ("Ид", f"{package.catalogue_id}#"), ("Наименование", package.name), ("ИдКаталога", package.catalogue_id),
            ("ИдКлассификатора", package.catalogue_id),
        ):  # fmt: skip
            file.write(_text(name, text))
        with file.element("ТипыЦен"):
            for record in price_types:
                file.write(_price_type(record))
        with file.element("Склады"):
            for record in warehouses:
                file.write(_warehouse(record))
        with file.element("Предложения"):
            for offered in offers:
                file.write(_offer(offered))
                count += 1
    return count


# --- the classifier ---------------------------------------------------------------------------------------------------


def _write_groups(file: Any, records: Sequence[Record]) -> None:
    """The tree, without recursion: a hostile one is deep. A parent that is missing, or a ring, begins at the top."""
    known = {record.key[0]: record for record in records}
    children: dict[str, list[str]] = {}
    for identity, record in known.items():
        parent = str(record.fields.get("parent_id") or "")
        children.setdefault(parent if parent in known and parent != identity else "", []).append(identity)
    root = etree.Element("Группы")
    places: dict[str, Element] = {}
    queue = [("", identity) for identity in children.get("", [])]
    rest = iter(known)
    while len(places) < len(known):
        if not queue:  # what is left stands in rings
            queue = [("", next(identity for identity in rest if identity not in places))]
        parent, identity = queue.pop(0)
        if identity in places:
            continue
        above = places.get(parent)
        if above is None:
            place = root
        else:
            found = above.find("Группы")
            place = found if found is not None else etree.SubElement(above, "Группы")
        places[identity] = _group(place, known[identity])
        queue += [(identity, child) for child in children.get(identity, [])]
    file.write(root)


def _group(parent: Element, record: Record) -> Element:
    element = etree.SubElement(parent, "Группа")
    add(element, "Ид", record.key[0])
    _texts(element, record.fields, {"name": "Наименование", "description": "Описание", "version": "НомерВерсии"})
    return element


def _property(record: Record) -> Element:
    element = _begun("Свойство", record)
    _texts(element, record.fields, {"name": "Наименование", "version": "НомерВерсии"})
    if kind := record.fields.get("value_type"):
        add(element, "ТипЗначений", _VALUE_TYPES.get(kind, "Строка"))
    if values := record.fields.get("values"):
        block = etree.SubElement(element, "ВариантыЗначений")
        for key, text in values.items():
            row = etree.SubElement(block, "Справочник")
            add(row, "ИдЗначения", key)
            add(row, "Значение", text or "")
    if record.fields.get("multiple") is not None:
        add(element, "Множественное", _flag(record.fields["multiple"]))
    for word in record.fields.get("of") or ():
        if word in _DESCRIBES:
            add(element, _DESCRIBES[word], "true")
    return element


def _price_type(record: Record) -> Element:
    element = _begun("ТипЦены", record)
    _texts(element, record.fields, {"name": "Наименование", "currency": "Валюта", "version": "НомерВерсии"})
    if record.fields.get("tax_included") is not None:
        tax = etree.SubElement(element, "Налог")
        add(tax, "Наименование", "НДС")
        add(tax, "УчтеноВСумме", _flag(record.fields["tax_included"]))
    return element


def _warehouse(record: Record) -> Element:
    element = _begun("Склад", record)
    _texts(element, record.fields, {"name": "Наименование", "version": "НомерВерсии"})
    if address := record.fields.get("address"):
        add(etree.SubElement(element, "Адрес"), "Представление", address)
    return element


# --- products and offers ----------------------------------------------------------------------------------------------


def _product(record: Record) -> Element:
    fields = record.fields
    element = _begun("Товар", record)
    _texts(element, fields, {"sku": "Артикул", "name": "Наименование", "code": "Код", "version": "НомерВерсии"})
    _common(element, fields)
    if groups := fields.get("category_ids"):
        block = etree.SubElement(element, "Группы")
        for identity in groups:
            add(block, "Ид", identity)
    _texts(element, fields, {"full_name": "ПолноеНаименование", "description": "Описание", "brand": "ТорговаяМарка",
                             "country": "Страна"})  # fmt: skip
    if made_by := fields.get("manufacturer"):
        block = etree.SubElement(element, "Изготовитель")
        _texts(block, made_by, {"id": "Ид", "name": "Наименование"})
    _tax(element, fields)
    _requisites(element, _with_lifted(fields))
    return element


def _offer(offered: Offered) -> Element:
    fields = offered.offer.fields
    element = _begun("Предложение", offered.offer)
    _texts(element, fields, {"sku": "Артикул", "name": "Наименование", "code": "Код", "version": "НомерВерсии"})
    _common(element, fields)
    if axes := fields.get("characteristics"):
        block = etree.SubElement(element, "ХарактеристикиТовара")
        for axis in axes:
            _texts(etree.SubElement(block, "ХарактеристикаТовара"), axis,
                   {"id": "Ид", "name": "Наименование", "value": "Значение"})  # fmt: skip
    _requisites(element, fields.get("requisites") or {})
    if offered.offer.deleted:
        return element
    prices = etree.SubElement(element, "Цены")
    for record in offered.prices:
        _price(prices, record)
    if offered.stocks is not None:
        _stocks(element, offered.stocks)
    return element


def _common(element: Element, fields: Mapping[str, Any]) -> None:
    """What products and offers have in common."""
    if barcodes := fields.get("barcodes"):
        add(element, "Штрихкод", ",".join(barcodes))
    if unit := fields.get("unit"):
        _unit(element, unit)
    for path in fields.get("images") or ():
        add(element, "Картинка", path)
    if values := fields.get("properties"):
        block = etree.SubElement(element, "ЗначенияСвойств")
        for key, value in values.items():
            row = etree.SubElement(block, "ЗначенияСвойства")
            add(row, "Ид", key)
            for text in value if isinstance(value, list) else [value]:
                add(row, "Значение", text or "")


def _unit(parent: Element, unit: Mapping[str, Any]) -> None:
    element = etree.SubElement(parent, "БазоваяЕдиница")
    for field, name in (
        ("code", "Код"),
        ("full_name", "НаименованиеПолное"),
        ("international", "МеждународноеСокращение"),
    ):
        if unit.get(field):
            element.set(name, clean(str(unit[field])))
    element.text = clean(str(unit.get("name") or "")) or None
    for packaging in unit.get("packagings") or ():
        row = etree.SubElement(element, "Пересчет")
        add(row, "Единица", str(packaging.get("code") or packaging.get("name") or ""))
        if packaging.get("ratio"):
            add(row, "Коэффициент", str(packaging["ratio"]))


def _tax(parent: Element, fields: Mapping[str, Any]) -> None:
    rate = fields.get("tax_rate")
    label = fields.get("tax_label") or (number(rate) if rate is not None else "")
    if label:
        row = etree.SubElement(etree.SubElement(parent, "СтавкиНалогов"), "СтавкаНалога")
        add(row, "Наименование", "НДС")
        add(row, "Ставка", label)


def _with_lifted(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The requisites, and the fields that sites look for among them, unless they stand there."""
    found = dict(fields.get("requisites") or {})
    stated = {PRODUCT_REQUISITES.get(normalised(name)) for name in found}
    for field, name in _LIFTED.items():
        value = fields.get(field)
        if value is not None and value != "" and field not in stated:
            found[name] = number(value) if isinstance(value, Decimal) else str(value)
    return found


def _requisites(parent: Element, values: Mapping[str, Any]) -> None:
    if not values:
        return
    block = etree.SubElement(parent, "ЗначенияРеквизитов")
    for name, value in values.items():
        row = etree.SubElement(block, "ЗначениеРеквизита")
        add(row, "Наименование", name)
        for text in value if isinstance(value, list) else [value]:
            add(row, "Значение", "" if text is None else str(text))


def _price(parent: Element, record: Record) -> None:
    _, price_type, currency, minimum = record.key
    element = etree.SubElement(parent, "Цена")
    add(element, "ИдТипаЦены", price_type)
    add(element, "ЦенаЗаЕдиницу", number(record.fields["value"]))
    if currency:
        add(element, "Валюта", currency)
    add(element, "Коэффициент", "1")  # django-cml fails without one
    if minimum:
        add(element, "МинКоличество", number(minimum))


def _stocks(parent: Element, records: Sequence[Record]) -> None:
    """The total, and each warehouse where they are told apart."""
    apart = [record for record in records if record.key[1]]
    told = apart or records
    add(parent, "Количество", number(sum((record.fields.get("on_hand") or Decimal() for record in told), Decimal())))
    for record in apart:
        row = etree.SubElement(parent, "Склад")
        row.set("ИдСклада", clean(record.key[1]))
        row.set("КоличествоНаСкладе", number(record.fields.get("on_hand") or Decimal()))


# --- pieces -----------------------------------------------------------------------------------------------------------


def _begun(tag: str, record: Record) -> Element:
    element = etree.Element(tag)
    if record.deleted:
        element.set("Статус", _GONE)
    add(element, "Ид", record.key[0])
    return element


def _text(name: str, text: str) -> Element:
    element = etree.Element(name)
    element.text = clean(text)
    return element


def _texts(element: Element, fields: Mapping[str, Any], names: Mapping[str, str]) -> None:
    for field, name in names.items():
        value = fields.get(field)
        if value is not None:
            add(element, name, str(value))


def _flag(value: object) -> str:
    return "true" if value else "false"
