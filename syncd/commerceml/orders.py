"""Orders of a storefront as a document that 1C reads: the answer to ``sale/query``.

The two readers in 1C are not tolerant: one order that they stumble over costs the whole batch. What they stumble over
is avoided here by construction; each rule names its trap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from lxml import etree
from lxml.etree import _Element as Element

from syncd.commerceml.names import ROOT
from syncd.commerceml.order_lines import DELIVERY_ID
from syncd.commerceml.order_parties import write_party
from syncd.commerceml.requisites import normalised
from syncd.commerceml.writing import add, add_requisites, cut, document, number
from syncd.model.records import OrderDocument, OrderLine, Record

MAX_NUMBER = 11
"""УТ 11 looks an order up by its Номер in a column of this width: a longer one is never found again, and every exchange
makes a new order."""
MAX_ID = 40
ORDER_OPERATION: Final = "Заказ товара"
_NOTHING = Decimal(0)
_HUNDRED = Decimal(100)
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of 1C wants the document.

    ``container``: every document inside a ``Контейнер``. ``registration_address``: the address of a legal entity is
    called ``АдресРегистрации`` too. ``delivery_line``: the delivery may be a line called ``ORDER_DELIVERY``.
    """

    name: str
    schema_version: str
    encoding: str
    container: bool
    registration_address: bool
    delivery_line: bool


STANDARD: Final = Dialect(
    "standard", "2.07", "windows-1251", container=False, registration_address=False, delivery_line=False
)
"""The exchange that typical configurations (УТ 11, КА, ERP, УНФ, Розница) bring along."""
BITRIX: Final = Dialect("bitrix", "3.1", "utf-8", container=True, registration_address=True, delivery_line=True)
"""The module of 1С-Битрикс for 1C."""
DIALECTS: Final = {dialect.name: dialect for dialect in (STANDARD, BITRIX)}


def write_orders(orders: Sequence[OrderDocument], *, dialect: Dialect, generated_at: datetime) -> bytes:
    """The whole document, beginning with ``<?xml`` at its first byte; without orders a root without children.

    ``generated_at`` and the dates of the orders are in 1C's local time. No namespace is declared: with one, УТ would
    hold the document against its typed schema. Raises ``ValueError`` for an order that 1C cannot take: a number that is
    missing or longer than 11 characters, an id that is missing or longer than 40, no date, currency or customer, a line
    without quantity, in the standard dialect a delivery without a product of 1C.
    """
    root = etree.Element(ROOT)
    root.set("ВерсияСхемы", dialect.schema_version)
    root.set("ДатаФормирования", generated_at.replace(microsecond=0, tzinfo=None).isoformat())
    for order in orders:
        _check(order)
        parent = etree.SubElement(root, "Контейнер") if dialect.container else root
        _write_order(etree.SubElement(parent, "Документ"), order, dialect)
    return document(root, dialect.encoding)


def _check(order: OrderDocument) -> None:
    if not order.id or len(order.id) > MAX_ID:
        raise ValueError(f"order id {order.id!r} must have 1 to {MAX_ID} characters")
    if not order.number or len(order.number) > MAX_NUMBER:
        raise ValueError(f"order number {order.number!r} must have 1 to {MAX_NUMBER} characters")
    if order.date is None:
        raise ValueError(f"order {order.number} has no date")
    if not order.currency:
        raise ValueError(f"order {order.number} has no currency")
    if not order.counterparties:
        raise ValueError(f"order {order.number} has no customer")
    for line in order.lines or ():
        if line.quantity <= 0:  # 1C skips such a line without a word
            raise ValueError(f"order {order.number}: line {line.name!r} has no quantity")


def _write_order(element: Element, order: OrderDocument, dialect: Dialect) -> None:
    assert order.date is not None
    lines = order.lines or []
    amount = order.amount if order.amount is not None else sum((line.amount for line in lines), _NOTHING)
    add(element, "Ид", order.id)
    add(element, "Номер", order.number)
    add(element, "Дата", order.date.date().isoformat())
    add(element, "ХозОперация", ORDER_OPERATION)
    add(element, "Роль", "Продавец")
    add(element, "Валюта", order.currency)
    add(element, "Курс", "1")
    add(element, "Сумма", number(amount))
    parties = etree.SubElement(element, "Контрагенты")
    for party in order.counterparties:  # 1C takes the first for the customer
        write_party(etree.SubElement(parties, "Контрагент"), party, _party_id(party), dialect.registration_address)
    add(element, "Время", order.date.strftime("%H:%M:%S"))
    if order.comment:
        add(element, "Комментарий", cut(order.comment, 3000))
    tax = sum((_tax_amount(line, order.tax_included) for line in lines), _NOTHING)
    _write_tax(etree.SubElement(element, "Налоги"), order.tax_included, tax)
    if order.lines is not None:
        goods = etree.SubElement(element, "Товары")
        for line in order.lines:
            _write_line(etree.SubElement(goods, "Товар"), line, order, dialect)
    add_requisites(element, _requisites(order))


def _requisites(order: OrderDocument) -> dict[str, str]:
    """Those of the order, its status, and ``Отменен`` only where it is: УТ cancels by the mere word ``true``."""
    cancelled = normalised("Отменен")
    out = {name: value for name, value in order.requisites.items() if normalised(name) != cancelled}
    if order.status and not any(normalised(name) == normalised("Статус заказа") for name in out):
        out["Статус заказа"] = order.status
    if order.cancelled:
        out["Отменен"] = "true"
    return out


def _party_id(party: Record) -> str:
    """Ids are 40 characters at most; a longer one becomes its SHA-1, which has as many."""
    identity = str(party.key[0])
    if len(identity) <= MAX_ID:
        return identity
    return hashlib.sha1(identity.encode("utf-8"), usedforsecurity=False).hexdigest()


def _write_line(element: Element, line: OrderLine, order: OrderDocument, dialect: Dialect) -> None:
    rate = line.tax_rate or _NOTHING
    if line.product_id == DELIVERY_ID and not dialect.delivery_line:
        raise ValueError(f"order {order.number}: the delivery needs the GUID of a service in 1C")
    if line.product_id:
        add(element, "Ид", line.product_id)
    if line.sku:
        add(element, "Артикул", cut(line.sku, 255))
    add(element, "Наименование", cut(line.name or line.sku or line.product_id, 250))
    if line.unit:
        base = add(element, "БазоваяЕдиница", line.unit)
        if line.unit.isdigit():
            base.set("Код", line.unit)
    add(element, "ЦенаЗаЕдиницу", number(line.price))
    add(element, "Количество", number(line.quantity))
    add(element, "Сумма", number(line.amount))
    if line.unit:
        add(element, "Единица", line.unit)
    add(element, "Коэффициент", "1")
    # every line needs a number: УТ fails on "Без НДС", and lets the rate of the line before leak into one without
    rates = etree.SubElement(etree.SubElement(element, "СтавкиНалогов"), "СтавкаНалога")
    add(rates, "Наименование", "НДС")
    add(rates, "Ставка", number(rate))
    tax = etree.SubElement(element, "Налоги")
    _write_tax(tax, order.tax_included, _tax_amount(line, order.tax_included), rate)
    add_requisites(element, _line_requisites(line))


def _line_requisites(line: OrderLine) -> dict[str, str]:
    """Those of the line after kind and type, whose names 1C matches letter by letter: ``Услуга`` makes a service."""
    out = dict.fromkeys(("ВидНоменклатуры", "ТипНоменклатуры"), "Услуга" if line.is_service else "Товар")
    exact = {normalised(name): name for name in out}
    for name, value in line.requisites.items():
        kind = exact.get(normalised(name))
        if kind is None:
            out[name] = value
        elif value and not (line.is_service and kind == "ТипНоменклатуры"):
            out[kind] = value
    return out


def _write_tax(parent: Element, included: bool, amount: Decimal, rate: Decimal | None = None) -> None:
    tax = etree.SubElement(parent, "Налог")
    add(tax, "Наименование", "НДС")
    add(tax, "УчтеноВСумме", "true" if included else "false")
    add(tax, "Сумма", number(amount))
    if rate is not None:
        add(tax, "Ставка", number(rate))


def _tax_amount(line: OrderLine, included: bool) -> Decimal:
    """VAT of a line, to the cent: inside its amount or on top of it."""
    rate = line.tax_rate or _NOTHING
    return (line.amount * rate / (_HUNDRED + rate if included else _HUNDRED)).quantize(_CENT, ROUND_HALF_UP)
