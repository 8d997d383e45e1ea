"""``Документ``: an order, a shipment or a payment as 1C or a site states it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from lxml.etree import _Element as Element

from syncd.commerceml import blocks
from syncd.commerceml.names import NAMES, line_of
from syncd.commerceml.order_lines import flat_requisites, read_line
from syncd.commerceml.parties import read_party
from syncd.commerceml.policy import Context
from syncd.commerceml.requisites import normalised
from syncd.commerceml.values import boolean, currency, date_and_time, decimal, text_of
from syncd.errors import DataError
from syncd.model.records import BadRecord, OrderDocument, OrderLine, Record

_TEXTS = frozenset({
    "Ид", "Номер", "Дата", "Время", "ХозОперация", "Валюта", "Комментарий", "Основание", "НомерВерсии", "Дата1С",
    "Время1С",
})  # fmt: skip
_KEPT = frozenset({
    "Роль", "Курс", "СрокПлатежа", "Скидки", "ДопРасходы", "Склады", "ИнформацияОЧеках", "Подписанты",
})  # fmt: skip
"""Elements that are met and have no field: they stay in ``extra``."""


@dataclass(slots=True)
class _Parts:
    """What was found among the children of one document."""

    texts: dict[str, str] = field(default_factory=dict)
    requisites: dict[str, str] = field(default_factory=dict)
    stated: dict[str, str] = field(default_factory=dict)
    amount: Decimal | None = None
    lines: list[OrderLine] | None = None
    parties: list[Record] = field(default_factory=list)
    inner: list[Element] = field(default_factory=list)
    tax_included: bool = True
    extra: dict[str, Any] = field(default_factory=dict)


def read_document(element: Element, context: Context, basis: str = "") -> Iterator[OrderDocument | BadRecord]:
    """The document, then those in its ``ПодчиненныеДокументы``; their basis is this one unless they say another.

    A number that cannot be read makes the document a ``BadRecord``: half an order is worse than none. A date that
    cannot be read is left out and reported beside the document.
    """
    line = line_of(element)
    parts = _Parts()
    try:
        _collect(element, context, parts)
    except DataError as error:
        key = parts.texts.get("Номер") or parts.texts.get("Ид", "")
        yield BadRecord("order", key, str(error.params.get("path", "Документ")), line, error)
        return
    number = parts.texts.get("Номер", "")
    identity = parts.texts.get("Ид", "")
    if not number and not identity:
        yield BadRecord("order", "", "Документ", line, DataError("E211", element="Документ"))
        return
    notes: list[DataError] = []
    yield _document(parts, basis, line, notes)
    for note in notes:
        yield BadRecord("order", number or identity, str(note.params["path"]), line, note)
    for inner in parts.inner:
        context.counts["ПодчиненныйДокумент"] += 1
        yield from read_document(inner, context, identity or number)


def _collect(element: Element, context: Context, parts: _Parts) -> None:
    known = context.policy.order_requisites
    for item in element:
        name = NAMES[item.tag]
        if name in _TEXTS:
            parts.texts[name] = text_of(item)
        elif name in _STRUCTURES:
            _STRUCTURES[name](item, context, parts)
        elif name and not len(item) and normalised(name) in known:
            if text := text_of(item):  # an element of the document says more than a requisite of that name
                parts.stated[known[normalised(name)]] = text
        elif name:
            blocks.keep(name, item, parts.extra)
            if name not in _KEPT:
                context.unknown["Документ/" + name] += 1


def _amount(item: Element, _context: Context, parts: _Parts) -> None:
    parts.amount = decimal(item.text, "Документ/Сумма")


def _lines(item: Element, context: Context, parts: _Parts) -> None:
    parts.lines = parts.lines or []
    parts.lines += [read_line(row, context) for row in item if NAMES[row.tag] == "Товар"]


def _parties(item: Element, context: Context, parts: _Parts) -> None:
    parts.parties += [read_party(row, context, needs_id=False) for row in item if NAMES[row.tag] == "Контрагент"]


def _party(item: Element, context: Context, parts: _Parts) -> None:
    parts.parties.append(read_party(item, context, needs_id=False))


def _requisites(item: Element, context: Context, parts: _Parts) -> None:
    known = context.policy.order_requisites
    for key, text in flat_requisites(item).items():
        parts.requisites[key] = text
        canonical = known.get(normalised(key))
        if text and canonical:
            parts.stated.setdefault(canonical, text)


def _taxes(item: Element, _context: Context, parts: _Parts) -> None:
    """The sum holds the tax already where the document does not say. The taxes themselves stay in ``extra``."""
    blocks.keep("Налоги", item, parts.extra)
    for tax in item:
        for part in tax:
            if NAMES[part.tag] == "УчтеноВСумме" and boolean(part.text) is False:
                parts.tax_included = False


def _inner(item: Element, _context: Context, parts: _Parts) -> None:
    parts.inner += [row for row in item if NAMES[row.tag] in ("ПодчиненныйДокумент", "Документ")]


_STRUCTURES: dict[str, Callable[[Element, Context, _Parts], None]] = {
    "Сумма": _amount,
    "Товары": _lines,
    "Контрагенты": _parties,
    "Контрагент": _party,
    "ЗначенияРеквизитов": _requisites,
    "Налоги": _taxes,
    "ПодчиненныеДокументы": _inner,
}


def _document(parts: _Parts, basis: str, line: int, notes: list[DataError]) -> OrderDocument:
    """The document with what its requisites and elements say about the order's course."""
    texts, stated = parts.texts, parts.stated
    return OrderDocument(
        id=texts.get("Ид", ""),
        number=texts.get("Номер", ""),
        operation=texts.get("ХозОперация", ""),
        date=_date(texts.get("Дата"), texts.get("Время"), "Документ/Дата", notes),
        currency=currency(texts.get("Валюта")),
        amount=parts.amount,
        comment=texts.get("Комментарий"),
        number_1c=stated.get("number_1c"),
        date_1c=_date(texts.get("Дата1С") or stated.get("date_1c"), texts.get("Время1С"), "Документ/Дата1С", notes),
        status=stated.get("status") or stated.get("status_id"),
        posted=boolean(stated.get("posted")),
        cancelled=boolean(stated.get("cancelled")),
        paid=True if _happened(stated, "paid") else boolean(stated.get("paid")),
        shipped=True if _happened(stated, "shipped") else boolean(stated.get("shipped")),
        deletion_mark=boolean(stated.get("deletion_mark")),
        lines=parts.lines,
        counterparties=parts.parties,
        requisites=parts.requisites,
        basis=texts.get("Основание") or basis,
        version=texts.get("НомерВерсии", ""),
        line=line,
        tax_included=parts.tax_included,
        extra=parts.extra,
    )


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
