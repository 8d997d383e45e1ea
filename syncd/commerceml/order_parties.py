"""The customer of an order as 1C reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree
from lxml.etree import _Element as Element

from syncd.commerceml.writing import add, clean, cut
from syncd.model.records import Record

_LEGAL = frozenset({"legal", "entrepreneur"})
_NAME = 250


def write_party(element: Element, party: Record, identity: str, registration_address: bool) -> None:
    """Write a counterparty.

    A person has no ``ОфициальноеНаименование`` at all: even an empty one makes a legal entity of it.
    """
    fields = party.fields
    legal = fields.get("legal_kind") in _LEGAL or (not fields.get("legal_kind") and bool(fields.get("official_name")))
    names = [clean(str(fields.get(key) or "")) for key in ("name", "full_name", "official_name")]
    name = next((text for text in names if text), identity)
    if identity:
        add(element, "Ид", identity)
    add(element, "Наименование", cut(name, _NAME))
    if legal:
        add(element, "ОфициальноеНаименование", cut(names[2] or name, _NAME))
    if names[1] or not legal:
        add(element, "ПолноеНаименование", cut(names[1] or name, _NAME))
    for key, tag in (("inn", "ИНН"), ("kpp", "КПП"), ("okpo", "ОКПО")):
        if fields.get(key):
            add(element, tag, cut(str(fields[key]), 12))
    add(element, "Роль", str(fields.get("role") or "Покупатель"))
    for key, tag in (("Фамилия", "Фамилия"), ("Имя", "Имя"), ("Отчество", "Отчество")):
        value = (party.extra or {}).get(key)
        if value and not legal:
            add(element, tag, cut(str(value), _NAME))
    _addresses(element, fields, legal and not registration_address)
    _contacts(element, fields)
    _accounts(element, fields)


def _addresses(element: Element, fields: Mapping[str, Any], legal_tag: bool) -> None:
    """The first of each kind; the legal one of a person, and in Bitrix' dialect of everybody, is the registration."""
    written: set[str] = set()
    for row in fields.get("addresses") or ():
        actual = row.get("type") == "actual"
        tag = "Адрес" if actual else "ЮридическийАдрес" if legal_tag else "АдресРегистрации"
        line = clean(str(row.get("text") or "")) or ", ".join((row.get("parts") or {}).values())
        if tag in written or not line:
            continue
        written.add(tag)
        block = etree.SubElement(element, tag)
        add(block, "Представление", cut(line, _NAME))
        for kind, value in (row.get("parts") or {}).items():
            if clean(kind) and clean(value):
                part = etree.SubElement(block, "АдресноеПоле")
                add(part, "Тип", kind)
                add(part, "Значение", value)


def _contacts(element: Element, fields: Mapping[str, Any]) -> None:
    rows = [row for row in fields.get("contacts") or () if clean(str(row.get("value") or ""))]
    if not rows:
        return
    block = etree.SubElement(element, "Контакты")
    for row in rows:
        contact = etree.SubElement(block, "Контакт")
        add(contact, "Тип", cut(str(row.get("type") or "Телефон"), 100))
        add(contact, "Значение", str(row["value"]))


def _accounts(element: Element, fields: Mapping[str, Any]) -> None:
    rows = [row for row in fields.get("bank_accounts") or () if row.get("number")]
    if not rows:
        return
    block = etree.SubElement(element, "РасчетныеСчета")
    for row in rows:
        account = etree.SubElement(block, "РасчетныйСчет")
        add(account, "НомерСчета", str(row["number"]))
        bank = etree.SubElement(account, "Банк")
        for key, tag in (("correspondent", "СчетКорреспондентский"), ("bank", "Наименование"), ("bic", "БИК")):
            if row.get(key):
                add(bank, tag, str(row[key]))
