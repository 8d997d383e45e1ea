"""Whom we trade with and on what terms: counterparties, their contracts, the prices they alone have."""

from __future__ import annotations

from typing import Final

from syncd.model.entity import Entity, Field
from syncd.model.fields import NAME, VERSION, id_field

COUNTERPARTY_ID: Final = Field("counterparty_id", "text", "Id of the counterparty", "Ид контрагента")
CONTRACT_ID: Final = Field(
    "contract_id", "text", "Id of the contract; empty without one", "Ид договора; пусто, если без него"
)
CURRENCY: Final = Field(
    "currency", "text", "Currency, ISO 4217 letters where known", "Валюта, буквенный код ISO 4217, если известен"
)

_TYPE: Final = Field("type", "text", "What it is, in 1C's words", "Вид, словами 1С")
_VALUE: Final = Field("value", "text", "The value as one line", "Значение одной строкой")

COUNTERPARTY: Final = Entity(
    "counterparty",
    "counterparties",
    (id_field(),),
    (
        NAME,
        Field("full_name", "text", "Full name", "Полное наименование"),
        Field(
            "official_name",
            "text",
            "Official name; only legal entities have one",
            "Официальное наименование; есть только у юрлиц",
        ),
        Field("legal_kind", "text", "legal, entrepreneur or person", "legal, entrepreneur или person"),
        Field("inn", "text", "Taxpayer number (ИНН)", "ИНН"),
        Field("kpp", "text", "КПП", "КПП"),
        Field("okpo", "text", "ОКПО", "ОКПО"),
        Field("role", "text", "Role in the document", "Роль"),
        Field(
            "addresses",
            "list",
            "Addresses: [{type, text, parts}]",
            "Адреса: [{type, text, parts}]",
            items=(
                _TYPE,
                Field("text", "text", "The address as one line", "Адрес одной строкой"),
                Field("parts", "map", "Parts of the address", "Части адреса"),
            ),
        ),
        Field("contacts", "list", "Contacts: [{type, value}]", "Контакты: [{type, value}]", items=(_TYPE, _VALUE)),
        Field(
            "bank_accounts",
            "list",
            "Bank accounts: [{number, bic, bank}]",
            "Расчётные счета: [{number, bic, bank}]",
            items=(
                Field("number", "text", "Number of the account", "Номер счёта"),
                Field("bic", "text", "БИК", "БИК"),
                Field("bank", "text", "Name of the bank", "Название банка"),
            ),
        ),
        Field(
            "representatives",
            "list",
            "People who act for it: [{relation, id, name, contacts, addresses}]",
            "Представители: [{relation, id, name, contacts, addresses}]",
        ),
        VERSION,
    ),
    "A legal entity or a person we trade with (Контрагент)",
    "Контрагент",
    filters=("inn",),
)

CONTRACT: Final = Entity(
    "contract",
    "contracts",
    (id_field(),),
    (
        NAME,
        Field("number", "text", "Number", "Номер"),
        Field("date", "timestamp", "When it was signed", "Дата"),
        COUNTERPARTY_ID,
        Field("kind", "text", "Kind of contract, in 1C's words", "Вид договора, словами 1С"),
        Field("status", "text", "State, in 1C's words", "Статус, словами 1С"),
        Field("organization_id", "text", "Id of our own legal entity", "Ид нашей организации"),
        Field("price_type_id", "text", "Id of the price type it sells at", "Ид вида цен"),
        CURRENCY,
        Field("deferral_days", "integer", "Days of deferred payment", "Отсрочка платежа, дней"),
        Field("credit_limit", "decimal", "Highest debt allowed", "Допустимая сумма задолженности"),
        Field("valid_from", "timestamp", "In force from", "Действует с"),
        Field("valid_to", "timestamp", "In force until", "Действует по"),
        VERSION,
    ),
    "A contract or an agreement on terms with a counterparty (Договор, Соглашение)",
    "Договор или соглашение с контрагентом",
    filters=("counterparty_id",),
)

PERSONAL_PRICE: Final = Entity(
    "personal_price",
    "personal_prices",
    (
        COUNTERPARTY_ID,
        CONTRACT_ID,
        Field("offer_id", "text", "Id of the offer", "Ид предложения"),
        Field("currency", "text", "Currency, ISO 4217 letters where known", "Валюта"),
        Field("min_quantity", "decimal", "From this quantity; 0 for any", "От какого количества; 0 — от любого"),
    ),
    (
        Field("value", "decimal", "Price of one base unit", "Цена за базовую единицу"),
        Field("unit", "text", "Unit the price was quoted for in 1C", "Единица, за которую цена назначена в 1С"),
        Field("ratio", "decimal", "Base units in that unit", "Коэффициент этой единицы к базовой"),
        Field("valid_to", "timestamp", "In force until", "Действует по"),
    ),
    "A price that one counterparty has (an individual agreement)",
    "Цена для одного контрагента (индивидуальное соглашение)",
    scope="counterparty_id",
    filters=("counterparty_id", "contract_id", "offer_id"),
)
