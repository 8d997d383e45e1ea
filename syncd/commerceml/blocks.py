"""Parts that products, offers, warehouses and parties have in common."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from lxml.etree import _Element as Element

from syncd.commerceml.names import NAMES
from syncd.commerceml.requisites import PRODUCT_REQUISITES, normalised
from syncd.commerceml.values import ZERO_GUID, attributes, boolean, decimal, number_text, plain, text_of
from syncd.errors import DataError

_BARCODE_SEPARATORS = re.compile(r"[,;\s]+")
_UNIT_CODE = re.compile(r"[0-9]{3,4}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
_DELETED = frozenset({"удален", "удалён", "удалено", "видалений", "видалено", "вилучений", "deleted"})


def is_deleted_status(text: str | None) -> bool:
    """Whether ``Статус``, attribute or element, says that the object is gone. Новый and Изменен only inform."""
    return bool(text) and text is not None and text.strip().casefold() in _DELETED


def add_barcodes(text: str | None, barcodes: list[str]) -> None:
    """Append the barcodes of one element; several stand in it separated by comma or semicolon."""
    if text:
        barcodes.extend(code for code in _BARCODE_SEPARATORS.split(text) if code and code not in barcodes)


def unit(element: Element) -> dict[str, Any]:
    """``БазоваяЕдиница`` in its four shapes: text, attributes, with ``Пересчет``, or the padded id of a unit (3.1)."""
    out: dict[str, Any] = {}
    for attribute, value in attributes(element):
        field = _UNIT_PARTS.get(NAMES[attribute])
        if field and value.strip():
            out[field] = value.strip()
    text = (element.text or "").strip()
    if text:
        out["code" if "code" not in out and _UNIT_CODE(text) else "name"] = text
    packagings = []
    for item in element:
        name = NAMES[item.tag]
        if name == "Пересчет":
            packagings.append(_packaging(item))
        elif name in _UNIT_PARTS and (value := text_of(item)):
            out[_UNIT_PARTS[name]] = value
    itself = ({"code": out.get("code"), "ratio": "1"}, {"name": out.get("name"), "ratio": "1"})
    packagings = [packaging for packaging in packagings if packaging and packaging not in itself]
    if packagings:
        out["packagings"] = packagings
    return out


_UNIT_PARTS = {
    "Ид": "code",
    "Код": "code",
    "НаименованиеКраткое": "name",
    "Наименование": "name",
    "НаименованиеПолное": "full_name",
    "МеждународноеСокращение": "international",
}


def _packaging(element: Element) -> dict[str, str]:
    out: dict[str, str] = {}
    for item in element:
        name, text = NAMES[item.tag], text_of(item)
        if name == "Единица" and text:
            out["code" if _UNIT_CODE(text) else "name"] = text
        elif name == "Коэффициент":
            ratio = decimal(text, "БазоваяЕдиница/Пересчет/Коэффициент")
            if ratio is not None:
                out["ratio"] = number_text(ratio)
    return out


def property_values(element: Element) -> dict[str, Any]:
    """``ЗначенияСвойств``: property id to a text or list of texts; ``None`` where empty or the all-zero GUID."""
    out: dict[str, Any] = {}
    names = NAMES
    for item in element:
        key = named = ""
        values: list[str] = []
        for part in item:
            name = names[part.tag]
            if name == "Значение":
                text = text_of(part)
                if text and text != ZERO_GUID:
                    values.append(text)
            elif name == "Ид":
                key = (part.text or "").strip()
            elif name == "Наименование":
                named = text_of(part)
            elif name == "ИдЗначения" and not values:
                text = text_of(part)
                values = [text] if text and text != ZERO_GUID else values
        key = key or named
        if not key:
            continue
        if values and out.get(key) is not None:  # the property stands several times: one value each
            before = out[key]
            values = (before if isinstance(before, list) else [before]) + values
        elif not values and key in out:
            continue
        out[key] = (values[0] if len(values) == 1 else values) if values else None
    return out


def requisites(element: Element) -> dict[str, Any]:
    """``ЗначенияРеквизитов``: name to value, several values to a list, an empty one to ``None``."""
    out: dict[str, Any] = {}
    names = NAMES
    for item in element:
        key = ""
        value: Any = None
        for part in item:
            name = names[part.tag]
            if name == "Наименование":
                key = (part.text or "").strip()
            elif name == "Значение":
                text = text_of(part)
                if text:
                    value = text if value is None else [*(value if isinstance(value, list) else [value]), text]
        if not key:
            continue
        if key in out and out[key] is not None:
            if value is not None:
                before = out[key] if isinstance(out[key], list) else [out[key]]
                out[key] = before + (value if isinstance(value, list) else [value])
        else:
            out[key] = value
    return out


def lift_requisites(values: dict[str, Any], fields: dict[str, Any], allowed: frozenset[str]) -> None:
    """Fill the fields that stand among the requisites, unless an element of their own stated them."""
    for name, value in values.items():
        field = PRODUCT_REQUISITES.get(normalised(name))
        if field is None or field not in allowed or isinstance(value, list) or fields.get(field):
            continue
        if field != "weight":
            fields[field] = value or ""
            continue
        try:
            weight = decimal(value, "ЗначенияРеквизитов/" + name)
        except DataError:
            continue
        if weight is not None:
            fields[field] = weight


def characteristics(element: Element) -> list[dict[str, str]]:
    """``ХарактеристикиТовара``: ``[{id, name, value}]``; ``id`` only where stated."""
    out = []
    for item in element:
        row: dict[str, str] = {}
        for part in item:
            field = _CHARACTERISTIC.get(NAMES[part.tag])
            if field:
                row[field] = text_of(part)
        if not row.get("id"):
            row.pop("id", None)
        if row:
            out.append(row)
    return out


_CHARACTERISTIC = {"Ид": "id", "Наименование": "name", "Значение": "value"}


def tax(element: Element) -> tuple[Decimal | None, str]:
    """``СтавкиНалогов`` as (rate, label), VAT before other taxes. ``Без НДС`` is a label without a rate."""
    found: str | None = None
    for item in element:
        parts = {NAMES[part.tag]: text_of(part) for part in item}
        vat = parts.get("Наименование", "").upper() in ("НДС", "ПДВ")
        if found is None or vat:
            found = parts.get("Ставка", "")
        if vat:
            break
    label = found or ""
    return tax_rate(label), label


def tax_rate(label: str) -> Decimal | None:
    """The number in a rate such as ``20`` or ``18%``; ``None`` for a label without one."""
    try:
        return decimal(label.replace("%", "").casefold().removeprefix("ндс").strip(), "Ставка")
    except DataError:
        return None


def manufacturer(element: Element) -> dict[str, str]:
    """``Изготовитель``: id and name; ``{}`` where the element is empty."""
    out = {}
    for item in element:
        name = NAMES[item.tag]
        text = text_of(item)
        if text and name in ("Ид", "Наименование"):
            out["id" if name == "Ид" else "name"] = text
    if not out and (element.text or "").strip():
        out["name"] = (element.text or "").strip()
    return out


def address(element: Element) -> tuple[str, dict[str, str]]:
    """An address as one line, and its parts by type."""
    line = (element.text or "").strip() if not len(element) else ""
    parts: dict[str, str] = {}
    for item in element:
        name = NAMES[item.tag]
        if name == "Представление":
            line = text_of(item)
        elif name == "АдресноеПоле":
            pair = {NAMES[part.tag]: text_of(part) for part in item}
            if pair.get("Тип") and pair.get("Значение"):
                parts[pair["Тип"]] = pair["Значение"]
    return line or ", ".join(parts.values()), parts


def contacts(element: Element) -> list[dict[str, str]]:
    """``Контакты``: ``[{type, value}]`` without the empty ones."""
    out = []
    for item in element:
        pair = {NAMES[part.tag]: text_of(part) for part in item}
        value = pair.get("Значение") or pair.get("Представление", "")
        if value:
            out.append({"type": pair.get("Тип", ""), "value": value})
    return out


def deleted(name: str, element: Element) -> bool:
    """Whether ``Статус`` or ``ПометкаУдаления`` as an element marks its owner as deleted."""
    if name == "Статус":
        return is_deleted_status(element.text)
    return boolean(element.text) is True


def keep(name: str, element: Element, extra: dict[str, Any]) -> None:
    """Put what we have no field for into ``extra``; a repeated element becomes a list."""
    value = plain(element)
    if name not in extra:
        extra[name] = value
    elif isinstance(extra[name], list):
        extra[name].append(value)
    else:
        extra[name] = [extra[name], value]
