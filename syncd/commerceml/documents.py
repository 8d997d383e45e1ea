"""``Документ``: an order, a shipment or a payment as 1C or a site states it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from lxml.etree import _Element as Element

from syncd.commerceml import blocks
from syncd.commerceml.names import NAMES
from syncd.commerceml.parties import read_party
from syncd.commerceml.policy import Context
from syncd.commerceml.requisites import normalised
from syncd.commerceml.values import base_id, boolean, currency, date_and_time, decimal, text_of, timestamp
from syncd.errors import DataError
from syncd.model.records import BadRecord, OrderDocument, OrderLine, Record

DELIVERY_ID = "ORDER_DELIVERY"
"""Id of the line that is the delivery, in Bitrix' documents."""

_NOTHING = Decimal(0)
_TEXTS = frozenset(
    {
        "Ид",
        "Номер",
        "Дата",
        "Время",
        "ХозОперация",
        "Валюта",
        "Сумма",
        "Комментарий",
        "Основание",
        "НомерВерсии",
        "Дата1С",
        "Время1С",
    }
)
_KNOWN = frozenset({"Роль", "Курс"})


@dataclass(slots=True)
class _Parts:
    """What was found among the children of one document."""

    texts: dict[str, str] = field(default_factory=dict)
    requisites: dict[str, str] = field(default_factory=dict)
    stated: dict[str, str] = field(default_factory=dict)
    lines: list[OrderLine] | None = None
    parties: list[Record] = field(default_factory=list)
    inner: list[Element] = field(default_factory=list)
    tax_included: bool = True


def read_document(element: Element, context: Context, basis: str = "") -> Iterator[OrderDocument | BadRecord]:
    """The document, then those in its ``ПодчиненныеДокументы`` (their basis is this one unless they say another).

    A number that cannot be read makes the document a ``BadRecord``: half an order is worse than none. A date that cannot be read is left
    out and reported beside the document.
    """
    line = element.sourceline or 0
    parts = _Parts()
    try:
        _collect(element, context, parts)
        number = parts.texts.get("Номер", "")
        identity = parts.texts.get("Ид", "")
        if not number and not identity:
            raise DataError("E211", element="Документ")
        amount = decimal(parts.texts.get("Сумма"), "Документ/Сумма")
    except DataError as error:
        key = parts.texts.get("Номер") or parts.texts.get("Ид", "")
        yield BadRecord("order", key, str(error.params.get("path", "Документ")), line, error)
        return
    notes: list[DataError] = []
    document = OrderDocument(
        id=identity,
        number=number,
        operation=parts.texts.get("ХозОперация", ""),
        date=_date(parts.texts.get("Дата"), parts.texts.get("Время"), "Документ/Дата", notes),
        currency=currency(parts.texts.get("Валюта")),
        amount=amount,
        comment=parts.texts.get("Комментарий"),
        lines=parts.lines,
        counterparties=parts.parties,
        requisites=parts.requisites,
        basis=parts.texts.get("Основание") or basis,
        version=parts.texts.get("НомерВерсии", ""),
        tax_included=parts.tax_included,
        line=line,
    )
    _conclude(document, parts, notes)
    yield document
    for note in notes:
        yield BadRecord("order", number or identity, str(note.params["path"]), line, note)
    for inner in parts.inner:
        yield from read_document(inner, context, identity or number)


def _collect(element: Element, context: Context, parts: _Parts) -> None:
    known = context.policy.order_requisites
    for item in element:
        name = NAMES[item.tag]
        if name in _TEXTS:
            parts.texts[name] = text_of(item)
        elif name == "Товары":
            parts.lines = (parts.lines or []) + [_line(row, context) for row in item if NAMES[row.tag] == "Товар"]
        elif name == "Контрагенты":
            parts.parties += [
                read_party(row, context, needs_id=False) for row in item if NAMES[row.tag] == "Контрагент"
            ]
        elif name == "Контрагент":
            parts.parties.append(read_party(item, context, needs_id=False))
        elif name == "ЗначенияРеквизитов":
            for key, value in blocks.requisites(item).items():
                text = "; ".join(value) if isinstance(value, list) else value or ""
                parts.requisites[key] = text
                if text and normalised(key) in known:
                    parts.stated.setdefault(known[normalised(key)], text)
        elif name == "Налоги":
            parts.tax_included = _tax_included(item)
        elif name == "ПодчиненныеДокументы":
            parts.inner += [row for row in item if NAMES[row.tag] in ("ПодчиненныйДокумент", "Документ")]
        elif name and not len(item) and normalised(name) in known:
            if text := text_of(item):
                parts.stated[known[normalised(name)]] = text
        elif name and name not in _KNOWN:
            context.unknown["Документ/" + name] += 1


def _tax_included(element: Element) -> bool:
    """Whether the sum holds the tax already; so it is where the document does not say."""
    for tax in element:
        for part in tax:
            if NAMES[part.tag] == "УчтеноВСумме" and boolean(part.text) is False:
                return False
    return True


def _conclude(document: OrderDocument, parts: _Parts, notes: list[DataError]) -> None:
    """Lift what the requisites and elements say about the order's course."""
    stated = parts.stated
    document.number_1c = stated.get("number_1c")
    when = stated.get("date_1c") or parts.texts.get("Дата1С")
    document.date_1c = _date(when, parts.texts.get("Время1С"), "Документ/Дата1С", notes)
    document.status = stated.get("status") or stated.get("status_id")
    document.cancelled = boolean(stated.get("cancelled"))
    document.posted = boolean(stated.get("posted"))
    document.deletion_mark = boolean(stated.get("deletion_mark"))
    document.paid = True if _happened(stated, "paid") else boolean(stated.get("paid"))
    document.shipped = True if _happened(stated, "shipped") else boolean(stated.get("shipped"))


def _happened(stated: dict[str, str], what: str) -> bool:
    """1C states number and date of a payment or a shipment only when it is there; its empty date does not count."""
    date = stated.get(what + "_date", "")
    return bool(stated.get(what + "_number")) or bool(date and not date.startswith(("0001", "01.01.0001")))


def _date(date: str | None, time: str | None, path: str, notes: list[DataError]) -> datetime | None:
    try:
        return date_and_time(date, time, path)
    except DataError as error:
        notes.append(error)
        return None


def _line(element: Element, context: Context) -> OrderLine:
    """A line; price and amount follow from each other where one is missing. Raises ``DataError`` E212 for what is no number."""
    texts: dict[str, str] = {}
    requisites: dict[str, Any] = {}
    unit = ""
    rate: Decimal | None = None
    for item in element:
        name = NAMES[item.tag]
        if name in _LINE_TEXTS:
            texts[name] = text_of(item)
        elif name == "ЗначенияРеквизитов":
            requisites = blocks.requisites(item)
        elif name in ("БазоваяЕдиница", "Единица"):
            unit = unit or _unit(item)
        elif name == "СтавкиНалогов":
            rate = blocks.tax(item)[0]
        elif name == "Налоги":
            rate = _line_rate(item) if rate is None else rate
        elif name and name not in _LINE_KNOWN:
            context.unknown["Документ/Товар/" + name] += 1
    quantity = decimal(texts.get("Количество"), "Документ/Товары/Товар/Количество") or _NOTHING
    price = decimal(texts.get("ЦенаЗаЕдиницу") or texts.get("Цена"), "Документ/Товары/Товар/ЦенаЗаЕдиницу")
    amount = decimal(texts.get("Сумма"), "Документ/Товары/Товар/Сумма")
    if price is None:
        price = amount / quantity if amount is not None and quantity else _NOTHING
    flat = {key: "; ".join(value) if isinstance(value, list) else value or "" for key, value in requisites.items()}
    identity = base_id(texts.get("Ид"))
    return OrderLine(
        product_id=identity,
        name=texts.get("Наименование", ""),
        quantity=quantity,
        price=price,
        amount=price * quantity if amount is None else amount,
        sku=texts.get("Артикул", ""),
        unit=unit,
        is_service=identity == DELIVERY_ID
        or "услуга" in (value.casefold() for key, value in flat.items() if normalised(key) in _TYPES),
        requisites=flat,
        tax_rate=rate,
    )


_LINE_TEXTS = frozenset({"Ид", "Наименование", "Артикул", "Количество", "ЦенаЗаЕдиницу", "Цена", "Сумма"})
_LINE_KNOWN = frozenset({"ИдКаталога", "ИдКлассификатора", "Коэффициент", "Группы"})
_TYPES = frozenset({normalised("ТипНоменклатуры"), normalised("ВидНоменклатуры"), normalised("ТипНоменклатури")})


def _unit(element: Element) -> str:
    found = blocks.unit(element)
    return str(found.get("name") or found.get("full_name") or found.get("code") or "")


def _line_rate(element: Element) -> Decimal | None:
    for tax in element:
        for part in tax:
            if NAMES[part.tag] == "Ставка":
                return blocks.tax_rate(text_of(part))
    return None
