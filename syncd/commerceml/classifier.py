"""Lists that describe the data: groups, properties, price types, warehouses, units of measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lxml.etree import _Element as Element

from syncd.commerceml import blocks
from syncd.commerceml.names import NAMES, line_of
from syncd.commerceml.policy import Context
from syncd.commerceml.values import boolean, currency, text_of
from syncd.errors import DataError
from syncd.model.records import BadRecord, Record

ListItem = Record | BadRecord

VALUE_TYPES = {
    "строка": "text", "рядок": "text", "число": "number", "время": "time", "час": "time", "дата": "date",
    "датавремя": "date", "справочник": "dictionary", "довідник": "dictionary", "булево": "boolean", "булеве": "boolean",
}  # fmt: skip
"""``ТипЗначений`` without case and spaces to our word."""
_DESCRIBES = {"ДляТоваров": "product", "ДляПредложений": "offer", "ДляДокументов": "order"}


def read_groups(element: Element, context: Context) -> Iterator[ListItem]:
    """Every ``Группа`` under the outermost ``Группы``, parents first; the parent follows from the nesting."""
    stack: list[tuple[Element, str]] = [(item, "") for item in reversed(element)]
    while stack:
        group, parent_id = stack.pop()
        name = NAMES[group.tag]
        if name != "Группа":
            if name:
                context.unknown["Группы/" + name] += 1
            continue
        context.counts["Группа"] += 1
        record = _record("category", group, context, _GROUP)
        if isinstance(record, Record):
            record.fields["parent_id"] = parent_id
            parent_id = record.key[0]
        yield record
        stack.extend((item, parent_id) for inner in group if NAMES[inner.tag] == "Группы" for item in reversed(inner))


def read_property(element: Element, context: Context) -> ListItem | None:
    """A ``Свойство`` with its dictionary; ``None`` where it only holds a site's display settings (it has no name)."""
    context.counts["Свойство"] += 1
    record = _record("property", element, context, _PROPERTY)
    if isinstance(record, BadRecord):
        return record
    describes = record.fields.pop("_of", {})
    if any(describes.values()):
        record.fields["of"] = [word for word, stated in describes.items() if stated]
    if "value_type" not in record.fields and record.fields.pop("_dictionary", False):
        record.fields["value_type"] = "dictionary"
    record.fields.pop("_dictionary", None)
    return record if "name" in record.fields or record.deleted else None


def read_price_types(element: Element, context: Context) -> Iterator[ListItem]:
    """``ТипыЦен``; their currencies serve the prices of this document that state none."""
    for record in _list(element, "ТипЦены", "price_type", context, _PRICE_TYPE):
        if isinstance(record, Record) and record.fields.get("currency"):
            context.currencies[record.key[0]] = record.fields["currency"]
        yield record


def read_warehouses(element: Element, context: Context) -> Iterator[ListItem]:
    """``Склады`` of a classifier or a package of offers."""
    return _list(element, "Склад", "warehouse", context, _WAREHOUSE)


def read_units(element: Element, context: Context) -> Iterator[ListItem]:
    """``ЕдиницыИзмерения``; their ids come padded with spaces."""
    return _list(element, "ЕдиницаИзмерения", "unit", context, _UNIT)


def read_product_kinds(element: Element, context: Context) -> Iterator[ListItem]:
    """``Категории`` of УНФ: kinds of products, each with properties of its own."""
    return _list(element, "Категория", "product_kind", context, _PRODUCT_KIND)


Reader = Callable[[Element, dict[str, Any], dict[str, Any]], None]


def _list(element: Element, tag: str, entity: str, context: Context, readers: dict[str, Reader]) -> Iterator[ListItem]:
    for item in element:
        name = NAMES[item.tag]
        if name == tag:
            context.counts[tag] += 1
            yield _record(entity, item, context, readers)
        elif name:
            context.unknown[f"{NAMES[element.tag]}/{name}"] += 1


def _record(entity: str, element: Element, context: Context, readers: dict[str, Reader]) -> ListItem:
    identity = ""
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    gone = blocks.is_deleted_status(element.get("Статус"))
    tag = NAMES[element.tag]
    line = line_of(element)
    try:
        for item in element:
            name = NAMES[item.tag]
            if name == "Ид":
                identity = (item.text or "").strip()
            elif name in readers:
                readers[name](item, fields, extra)
            elif name in ("Статус", "ПометкаУдаления"):
                gone = gone or blocks.deleted(name, item)
            elif name:
                context.unknown[f"{tag}/{name}"] += 1
                blocks.keep(name, item, extra)
    except DataError as error:
        return BadRecord(entity, identity, str(error.params.get("path", tag)), line, error)
    identity = identity or (fields.get("code", "") if entity == "unit" else "")
    if not identity:
        return BadRecord(entity, "", tag, line, DataError("E211", element=tag))
    return Record(entity, (identity,), fields, extra or None, gone, False, line)


def _text(field: str) -> Reader:
    def read(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
        fields[field] = text_of(item)

    return read


def _ignored(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    """Read elsewhere."""


def _value_type(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    text = text_of(item)
    known = VALUE_TYPES.get(text.casefold().replace(" ", ""))
    if known:
        fields["value_type"] = known
    elif text:
        fields["value_type"] = "text"
        extra["ТипЗначений"] = text


def _values(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    """``ВариантыЗначений``: ``Справочник``, a plain ``Значение``, or Bitrix' ``Вариант``."""
    values = fields.setdefault("values", {})
    for option in item:
        if not len(option):
            text = text_of(option)
            if text:
                values.setdefault(text, text)
            continue
        key = text = ""
        for part in option:
            name = NAMES[part.tag]
            if name == "Значение":
                text = text_of(part)
            elif name in ("ИдЗначения", "Ид"):
                key = text_of(part)
        if key or text:
            values[key or text] = text
            fields["_dictionary"] = True


def _describes(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    fields.setdefault("_of", {})[_DESCRIBES[NAMES[item.tag]]] = boolean(item.text) is True


def _multiple(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    stated = boolean(item.text)
    if stated is not None:
        fields["multiple"] = stated


def _currency(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    fields["currency"] = currency(item.text)


def _price_tax(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    for part in item:
        if NAMES[part.tag] == "УчтеноВСумме":
            included = boolean(part.text)
            if included is not None:
                fields["tax_included"] = included


def _address(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    fields["address"], parts = blocks.address(item)
    if parts:
        extra["Адрес"] = parts


def _property_ids(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    """``Свойства`` of a kind: ids, or whole properties with ids in them."""
    found = [text_of(part) for part in item.iter() if NAMES[part.tag] == "Ид"]
    fields["property_ids"] = [identity for identity in dict.fromkeys(found) if identity]


def _contacts(item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> None:
    fields["contacts"] = blocks.contacts(item)


_NAME = _text("name")
_VERSION = _text("version")
_GROUP: dict[str, Reader] = {
    "Наименование": _NAME,
    "Описание": _text("description"),
    "НомерВерсии": _VERSION,
    "Группы": _ignored,
}
_PROPERTY: dict[str, Reader] = {
    "Наименование": _NAME, "ТипЗначений": _value_type, "ВариантыЗначений": _values, "Множественное": _multiple,
    "НомерВерсии": _VERSION, "ДляТоваров": _describes, "ДляПредложений": _describes, "ДляДокументов": _describes,
}  # fmt: skip
_PRICE_TYPE: dict[str, Reader] = {
    "Наименование": _NAME,
    "Валюта": _currency,
    "Налог": _price_tax,
    "НомерВерсии": _VERSION,
}
_WAREHOUSE: dict[str, Reader] = {
    "Наименование": _NAME,
    "Адрес": _address,
    "Контакты": _contacts,
    "НомерВерсии": _VERSION,
}
_PRODUCT_KIND: dict[str, Reader] = {"Наименование": _NAME, "Свойства": _property_ids, "НомерВерсии": _VERSION}
_UNIT: dict[str, Reader] = {
    "Код": _text("code"), "НаименованиеКраткое": _NAME, "Наименование": _NAME, "НаименованиеПолное": _text("full_name"),
    "МеждународноеСокращение": _text("international"), "НомерВерсии": _VERSION,
}  # fmt: skip
