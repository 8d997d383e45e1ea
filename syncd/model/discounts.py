"""Discounts and discount cards, as 1C states them: kept and shown, not computed with."""

from __future__ import annotations

from typing import Final

from syncd.model.entity import Entity, Field
from syncd.model.fields import NAME, VERSION, id_field

DISCOUNT: Final = Entity(
    "discount",
    "discounts",
    (id_field(),),
    (
        NAME,
        Field("kind", "text", "How it works (ТипСкидки), in 1C's words", "Тип скидки, словами 1С"),
        Field("value", "text", "Its value, as 1C writes it", "Значение, как пишет 1С"),
        Field("active", "boolean", "In force", "Активность"),
        Field("priority", "integer", "Priority", "Приоритет"),
        Field(
            "combination",
            "text",
            "How it goes together with others (ГруппаСовместногоПрименения)",
            "Группа совместного применения",
        ),
        Field("starts_at", "text", "From when: 1C's local time, no zone", "С какого времени: по часам 1С, без зоны"),
        Field("ends_at", "text", "Until when: 1C's local time, no zone", "До какого времени: по часам 1С, без зоны"),
        Field("conditions", "list", "Conditions (Условия), as they came", "Условия, как пришли"),
        VERSION,
    ),
    "A discount (ИнформацияОСкидке)",
    "Скидка",
)

DISCOUNT_CARD_KIND: Final = Entity(
    "discount_card_kind",
    "discount_card_kinds",
    (id_field(),),
    (NAME, VERSION),
    "A kind of discount cards (ВидДисконтнойКарты)",
    "Вид дисконтных карт",
)

DISCOUNT_CARD: Final = Entity(
    "discount_card",
    "discount_cards",
    (id_field(),),
    (
        NAME,
        Field("barcode", "text", "Barcode", "Штрихкод"),
        Field("kind_id", "text", "Id of the kind of card", "Ид вида карты"),
        Field("counterparty_id", "text", "Id of the holder", "Ид владельца (контрагента)"),
        Field("status", "text", "State of the card, in 1C's words", "Статус карты, словами 1С"),
        VERSION,
    ),
    "A discount card (ДисконтнаяКарта)",
    "Дисконтная карта",
    filters=("barcode", "counterparty_id"),
)
