"""``Контрагент``: a legal entity, an entrepreneur or a person."""

from __future__ import annotations

from typing import Any

from lxml.etree import _Element as Element

from syncd.commerceml import blocks
from syncd.commerceml.contracts import CONTRACTS
from syncd.commerceml.names import NAMES, line_of
from syncd.commerceml.policy import Context
from syncd.commerceml.values import text_of
from syncd.errors import DataError
from syncd.model.records import Record

_TEXTS = {
    "Наименование": "name", "ПолноеНаименование": "full_name", "ОфициальноеНаименование": "official_name",
    "ИНН": "inn", "КПП": "kpp", "ОКПО": "okpo", "КодПоОКПО": "okpo", "ЕГРПО": "okpo", "ЕДРПОУ": "okpo",
    "Роль": "role", "НомерВерсии": "version",
}  # fmt: skip
ADDRESS_TYPES = {"ЮридическийАдрес": "legal", "АдресРегистрации": "registration", "Адрес": "actual"}
"""Element to the canonical type of an address."""
_PERSON = ("Фамилия", "Имя", "Отчество")
_DIRECT_CONTACTS = {"Телефон": "Телефон", "Email": "Почта", "Почта": "Почта"}
_ENTREPRENEUR_INN = 12


def read_party(element: Element, context: Context, *, needs_id: bool) -> Record:
    """A counterparty. Within an order it may lack an ``Ид``: the key is then empty, and its contracts are kept as they
    came.

    Raises ``DataError`` E211 where it needs one.
    """
    context.counts["Контрагент"] += 1
    identity = ""
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    gone = blocks.is_deleted_status(element.get("Статус"))
    for item in element:
        name = NAMES[item.tag]
        field = _TEXTS.get(name)
        if field is not None:
            text = text_of(item)
            if text or field not in fields:
                fields[field] = text
        elif name == "Ид":
            identity = (item.text or "").strip()
        elif name == CONTRACTS and needs_id:
            continue  # records of their own
        elif name in ("Статус", "ПометкаУдаления"):
            gone = gone or blocks.deleted(name, item)
        elif not _structure(name, item, fields, extra) and name:
            if name not in _PERSON:
                context.unknown["Контрагент/" + name] += 1
            blocks.keep(name, item, extra)
    if not identity and needs_id:
        raise DataError("E211", element="Контрагент")
    _conclude(fields, extra)
    return Record("counterparty", (identity,), fields, extra or None, gone, False, line_of(element))


def _structure(name: str, item: Element, fields: dict[str, Any], extra: dict[str, Any]) -> bool:
    """Addresses, contacts, accounts and representatives; whether ``name`` was one of them."""
    if name in ADDRESS_TYPES:
        line, parts = blocks.address(item)
        if line or parts:
            fields.setdefault("addresses", []).append({"type": ADDRESS_TYPES[name], "text": line, "parts": parts})
    elif name == "Контакты":
        fields.setdefault("contacts", []).extend(blocks.contacts(item))
    elif name in _DIRECT_CONTACTS:
        if value := text_of(item):
            fields.setdefault("contacts", []).append({"type": _DIRECT_CONTACTS[name], "value": value})
    elif name == "РасчетныеСчета":
        fields["bank_accounts"] = [account for account in map(_account, item) if account]
    elif name == "Представители":
        fields["representatives"] = [person for person in map(_representative, item) if person]
    else:
        return False
    return True


def _account(element: Element) -> dict[str, Any]:
    """Number and bank; what else stands in an account stays as it came."""
    out: dict[str, Any] = {}
    for item in element:
        name = NAMES[item.tag]
        if name == "НомерСчета":
            out["number"] = text_of(item)
        elif name == "Банк":
            for part in item:
                _bank(part, out)
        elif name and (len(item) or text_of(item)):
            blocks.keep(name, item, out)
    return out


def _bank(part: Element, out: dict[str, Any]) -> None:
    name = NAMES[part.tag]
    if name == "Адрес":
        if line := blocks.address(part)[0]:
            out["bank_address"] = line
    elif name and (value := text_of(part)):
        if name in _BANK:
            out[_BANK[name]] = value
        else:
            blocks.keep(name, part, out)


_BANK = {"БИК": "bic", "Наименование": "bank", "СчетКорреспондентский": "correspondent"}


def _representative(element: Element) -> dict[str, Any]:
    """``Представитель`` of 3.1, or of 2.x with a ``Контрагент`` in it; what has no word of ours stays as it came."""
    out: dict[str, Any] = {}
    structures: dict[str, Any] = {}
    for item in element:
        name = NAMES[item.tag]
        if name == "Контрагент":
            out.update(_representative(item))
        elif name in _REPRESENTATIVE:
            if value := text_of(item):
                out[_REPRESENTATIVE[name]] = value
        elif name and name != "Представители" and not _structure(name, item, structures, out):
            if len(item) or text_of(item):
                blocks.keep(name, item, out)
        elif name == "Представители":
            blocks.keep(name, item, out)
    return out | structures


_REPRESENTATIVE = {
    "Ид": "id", "Наименование": "name", "ПолноеНаименование": "full_name", "Отношение": "relation",
    "Должность": "position",
}  # fmt: skip


def _conclude(fields: dict[str, Any], extra: dict[str, Any]) -> None:
    """Legal iff ``ОфициальноеНаименование`` says something (so 1C and Bitrix read it).

    With twelve digits of ИНН and no КПП it is an entrepreneur.
    """
    person = " ".join(str(extra[part]) for part in _PERSON if extra.get(part))
    if person and not fields.get("full_name"):
        fields["full_name"] = person
    if fields.get("official_name"):
        entrepreneur = len(fields.get("inn", "")) == _ENTREPRENEUR_INN and not fields.get("kpp")
        fields["legal_kind"] = "entrepreneur" if entrepreneur else "legal"
    elif fields.get("full_name") or person:
        fields["legal_kind"] = "person"
