"""What a mapping may fill: the canonical entities by their plural, and orders, which have a house of their own."""

from __future__ import annotations

from typing import Final

from syncd.model import ENTITIES, Entity, Field
from syncd.model.customers import CONTRACT_ID, COUNTERPARTY_ID, CURRENCY
from syncd.model.fields import VERSION, id_field
from syncd.model.sales import LINES

ORDER: Final = Entity(
    "order",
    "orders",
    (id_field("Id of the order document in 1C", "Ид документа заказа в 1С"),),
    (
        Field("number", "text", "The storefront's number: the marker", "Номер витрины: метка заказа"),
        Field("number_1c", "text", "Number in 1C", "Номер в 1С"),
        Field("date_1c", "timestamp", "Date in 1C", "Дата в 1С"),
        Field("created_at", "timestamp", "When the customer ordered", "Когда покупатель оформил заказ"),
        Field("status", "text", "new, confirmed, shipped, completed or cancelled",
              "new, confirmed, shipped, completed или cancelled"),
        Field("status_1c", "text", "State, in 1C's words", "Статус, словами 1С"),
        Field("posted", "boolean", "Posted", "Проведён"),
        Field("cancelled", "boolean", "Cancelled", "Отменён"),
        Field("paid", "boolean", "Paid in full", "Оплачен полностью"),
        Field("shipped", "boolean", "Shipped in full", "Отгружен полностью"),
        COUNTERPARTY_ID,
        CONTRACT_ID,
        Field("agreement_id", "text", "Id of the agreement on terms", "Ид соглашения"),
        Field("organization_id", "text", "Id of our own legal entity", "Ид нашей организации"),
        Field("partner_id", "text", "Id of the partner the counterparty belongs to", "Ид партнёра контрагента"),
        Field("warehouse_id", "text", "Id of the warehouse", "Ид склада"),
        Field("price_type_id", "text", "Id of the price type", "Ид вида цен"),
        CURRENCY,
        Field("amount", "decimal", "Total amount", "Сумма документа"),
        Field("tax_included", "boolean", "VAT is inside the prices", "НДС включён в цены"),
        Field("ship_at", "timestamp", "When it is to be shipped", "Дата отгрузки"),
        Field("address", "text", "Where to", "Адрес доставки"),
        Field("comment", "text", "Comment", "Комментарий"),
        LINES,
        VERSION,
    ),
    "An order of a customer: read from 1C and written to it",
    "Заказ покупателя: читается из 1С и пишется в неё",
)  # fmt: skip

TARGETS: Final[dict[str, Entity]] = {entity.plural: entity for entity in (*ENTITIES.values(), ORDER)}
"""By the name of the section."""

STATUSES: Final = ("new", "confirmed", "shipped", "completed", "cancelled")
CHOICES: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("orders", "status"): STATUSES,
    ("counterparties", "legal_kind"): ("legal", "entrepreneur", "person"),
    ("payments", "kind"): ("bank", "cash", "card"),
    ("relations", "kind"): ("kit", "analogue", "accessory"),
    ("properties", "value_type"): ("text", "number", "time", "dictionary", "boolean", "date"),
}
"""Fields with a fixed set of values: section and field to them."""


def field_of(section: str, name: str) -> Field | None:
    """The declaration of a field of a section."""
    return next((field for field in TARGETS[section].all_fields if field.name == name), None)
