"""``Договоры`` of a counterparty. No schema of CommerceML has them: configurations add them in words of their own, as
elements or as requisites, so they are found by their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from lxml.etree import _Element as Element

from syncd.commerceml import blocks
from syncd.commerceml.names import NAMES, line_of
from syncd.commerceml.policy import Context
from syncd.commerceml.requisites import normalised
from syncd.commerceml.values import ZERO_GUID, currency, decimal, text_of, timestamp
from syncd.errors import DataError
from syncd.model.records import BadRecord, Record

CONTRACTS: Final = "Договоры"
_PATH: Final = "Контрагент/Договоры/Договор"
_NAMES: Final = {
    normalised(name): field
    for field, names in {
        "id": "Ид",
        "name": "Наименование",
        "number": "Номер|Номер договора",
        "date": "Дата|Дата договора",
        "kind": "ВидДоговора|Вид|Тип договора",
        "status": "Статус|Состояние|Статус договора",
        "organization_id": "ИдОрганизации|Организация|Организация ИД",
        "price_type_id": "ИдТипаЦены|ИдТипаЦен|ТипЦены|ТипЦен|ВидЦен|Вид цены",
        "currency": "Валюта|Валюта взаиморасчетов|Валюта договора",
        "deferral_days": "ОтсрочкаПлатежа|Отсрочка|Дней отсрочки|Срок оплаты|ДопустимоеЧислоДнейЗадолженности|"
                         "Число дней задолженности",
        "credit_limit": "КредитныйЛимит|Лимит кредита|Сумма кредита|ДопустимаяСуммаЗадолженности|"
                        "Сумма задолженности",
        "valid_from": "ДействуетС|Действует с|Дата начала|Дата начала действия",
        "valid_to": "ДействуетПо|Действует по|Дата окончания|Дата окончания действия|Срок действия",
        "version": "НомерВерсии",
    }.items()
    for name in names.split("|")
}  # fmt: skip
_MOMENTS: Final = ("date", "valid_from", "valid_to")


def read_contracts(party: Element, owner: str, context: Context) -> Iterator[Record | BadRecord]:
    """The contracts of a counterparty, bound to it. A date that cannot be read is left out and reported beside."""
    for group in party:
        if NAMES[group.tag] == CONTRACTS:
            for element in group:
                if NAMES[element.tag] == "Договор":
                    context.counts["Договор"] += 1
                    yield from _contract(element, owner, context)


def _contract(element: Element, owner: str, context: Context) -> Iterator[Record | BadRecord]:
    texts: dict[str, str] = {}
    extra: dict[str, Any] = {}
    gone = blocks.is_deleted_status(element.get("Статус"))
    for item in element:
        name = NAMES[item.tag]
        if name in ("Статус", "ПометкаУдаления") and blocks.deleted(name, item):
            gone = True
        elif name == "ЗначенияРеквизитов":
            _requisites(item, texts, extra)
        elif not _known(normalised(name), _id_or_text(item), texts) and name and name != "ПометкаУдаления":
            blocks.keep(name, item, extra)
            context.unknown[f"Договор/{name}"] += 1
    line, identity = line_of(element), texts.pop("id", "")
    if not identity:
        yield BadRecord("contract", "", _PATH, line, DataError("E211", element="Договор"))
        return
    notes: list[DataError] = []
    try:
        fields = _fields(texts, context, notes)
    except DataError as error:
        yield BadRecord("contract", identity, str(error.params["path"]), line, error)
        return
    yield Record("contract", (identity,), {"counterparty_id": owner, **fields}, extra or None, gone, False, line)
    for note in notes:
        yield BadRecord("contract", identity, str(note.params["path"]), line, note)


def _known(name: str, text: str, texts: dict[str, str]) -> bool:
    """Take a value that has a field; an element says more than a requisite after it."""
    field = _NAMES.get(name)
    if field is None:
        return False
    texts.setdefault(field, text)
    return True


def _requisites(element: Element, texts: dict[str, str], extra: dict[str, Any]) -> None:
    for name, value in blocks.requisites(element).items():
        text = ", ".join(value) if isinstance(value, list) else str(value or "")
        if not _known(normalised(name), text, texts):
            extra.setdefault("ЗначенияРеквизитов", {})[name] = value


def _id_or_text(element: Element) -> str:
    """Of a structure (``<ТипЦены><Ид>``) its id."""
    for item in element:
        if NAMES[item.tag] == "Ид":
            return text_of(item)
    return text_of(element)


def _fields(texts: dict[str, str], context: Context, notes: list[DataError]) -> dict[str, Any]:
    """Raises ``DataError`` E212 for a sum or a number of days that is none."""
    fields: dict[str, Any] = {}
    for field, text in texts.items():
        if field in _MOMENTS:
            value: Any = _moment(text, field, context, notes)
        else:
            value = _VALUES.get(field, str)(text)
        if value is not None:
            fields[field] = "" if value == ZERO_GUID else value
    return fields


def _moment(text: str, field: str, context: Context, notes: list[DataError]) -> datetime | None:
    try:
        found = timestamp(text, f"{_PATH}/{field}")
    except DataError as error:
        notes.append(error)
        return None
    return found.replace(tzinfo=context.policy.zone) if found else None


def _limit(text: str) -> Decimal | None:
    return decimal(text, f"{_PATH}/credit_limit")


def _days(text: str) -> int | None:
    found = decimal(text, f"{_PATH}/deferral_days")
    if found is not None and (found != found.to_integral_value() or abs(found) > 1_000_000):
        raise DataError("E212", path=f"{_PATH}/deferral_days", value=text)
    return None if found is None else int(found)


_VALUES: Final[dict[str, Callable[[str], Any]]] = {
    "currency": currency, "credit_limit": _limit, "deferral_days": _days,
}  # fmt: skip
