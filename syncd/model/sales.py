"""Documents of a sale as 1C wrote them: invoice, shipment, payment, return; and what is owed in all.

Their keys are 1C's ids; ``order_id`` is the id of the order document in 1C (``id_1c`` of an order).
"""

from __future__ import annotations

from typing import Final

from syncd.model.customers import CONTRACT_ID, COUNTERPARTY_ID, CURRENCY
from syncd.model.entity import Entity, Field
from syncd.model.fields import VERSION, id_field

PRODUCT_ID: Final = Field(
    "product_id",
    "text",
    "Id: product, or product#characteristic",
    "Ид: товар или товар#характеристика",
)
LINES: Final = Field(
    "lines",
    "list",
    "Lines: [{product_id, name, sku, unit, quantity, price, amount, tax_amount, tax_label, discount}]",
    "Строки: [{product_id, name, sku, unit, quantity, price, amount, tax_amount, tax_label, discount}]",
    items=(
        PRODUCT_ID,
        Field("name", "text", "Name", "Наименование"),
        Field("sku", "text", "Article", "Артикул"),
        Field("unit", "text", "Unit", "Единица"),
        Field("quantity", "decimal", "Quantity", "Количество"),
        Field("price", "decimal", "Price", "Цена"),
        Field("amount", "decimal", "Amount", "Сумма"),
        Field("tax_amount", "decimal", "VAT", "Сумма НДС"),
        Field("tax_label", "text", "VAT rate as 1C writes it", "Ставка НДС, как пишет 1С"),
        Field("discount", "decimal", "Discount of the line", "Скидка строки"),
    ),
)
_DOCUMENT: Final = (
    Field("number", "text", "Number in 1C", "Номер в 1С"),
    Field("date", "timestamp", "Date in 1C", "Дата в 1С"),
    Field("posted", "boolean", "Posted", "Проведён"),
    Field("status", "text", "State, in 1C's words", "Статус, словами 1С"),
    COUNTERPARTY_ID,
    CONTRACT_ID,
    Field("organization_id", "text", "Id of our own legal entity", "Ид нашей организации"),
    Field("order_id", "text", "Id of the order document in 1C", "Ид заказа в 1С"),
    CURRENCY,
    Field("amount", "decimal", "Total amount", "Сумма документа"),
    Field("comment", "text", "Comment", "Комментарий"),
)
_FILTERS: Final = ("counterparty_id", "order_id")

INVOICE: Final = Entity(
    "invoice",
    "invoices",
    (id_field(),),
    (
        *_DOCUMENT,
        Field("due_at", "timestamp", "To be paid until", "Срок оплаты"),
        Field("cancelled", "boolean", "Cancelled", "Аннулирован"),
        LINES,
        VERSION,
    ),
    "An invoice for payment (Счёт на оплату)",
    "Счёт на оплату",
    filters=_FILTERS,
)

SHIPMENT: Final = Entity(
    "shipment",
    "shipments",
    (id_field(),),
    (
        *_DOCUMENT,
        Field("warehouse_id", "text", "Id of the warehouse", "Ид склада"),
        Field("shipped_at", "timestamp", "When the goods leave", "Дата отгрузки"),
        LINES,
        VERSION,
    ),
    "A delivery of goods (Реализация, Расходная накладная)",
    "Реализация (отгрузка)",
    filters=_FILTERS,
)

PAYMENT: Final = Entity(
    "payment",
    "payments",
    (id_field(),),
    (
        *_DOCUMENT,
        Field("kind", "text", "bank, cash or card", "bank (безналичная), cash (наличная) или card (картой)"),
        Field("purpose", "text", "Purpose of the payment", "Назначение платежа"),
        Field(
            "lines",
            "list",
            "What it pays: [{order_id, contract_id, amount}]",
            "Расшифровка: [{order_id, contract_id, amount}]",
            items=(
                Field("order_id", "text", "Id of the order document in 1C", "Ид заказа в 1С"),
                CONTRACT_ID,
                Field("amount", "decimal", "Amount", "Сумма"),
            ),
        ),
        VERSION,
    ),
    "A payment that came from a counterparty (Поступление денежных средств)",
    "Оплата от контрагента",
    filters=_FILTERS,
)

RETURN: Final = Entity(
    "return",
    "returns",
    (id_field(),),
    (
        *_DOCUMENT,
        Field("shipment_id", "text", "Id of the shipment whose goods come back", "Ид реализации, по которой возврат"),
        Field("reason", "text", "Why", "Причина"),
        LINES,
        VERSION,
    ),
    "Goods that a counterparty brought back (Возврат)",
    "Возврат товаров от контрагента",
    filters=_FILTERS,
)

SETTLEMENT: Final = Entity(
    "settlement",
    "settlements",
    (
        COUNTERPARTY_ID,
        CONTRACT_ID,
        Field("currency", "text", "Currency, ISO 4217 letters where known", "Валюта"),
    ),
    (
        Field("debt", "decimal", "What the counterparty owes us", "Долг контрагента"),
        Field("advance", "decimal", "What it has paid in advance", "Аванс контрагента"),
        Field("overdue", "decimal", "The part of the debt that is overdue", "Просроченная часть долга"),
        Field("due_at", "timestamp", "When the next part of the debt is due", "Ближайший срок оплаты"),
        Field("as_of", "timestamp", "The moment these sums are of", "На какой момент суммы"),
    ),
    "What is owed under a contract (Взаиморасчёты)",
    "Взаиморасчёты по договору",
    scope="counterparty_id",
    filters=("counterparty_id", "contract_id"),
)
