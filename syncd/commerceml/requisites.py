"""Names of the requisites (ЗначенияРеквизитов) that have a meaning of their own.

Configurations translate them, abbreviate them and misspell them, down to a Latin C in "1C"; so names are compared
without case, spaces and look-alike letters.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_LOOKALIKES = str.maketrans("aceopxyktmhbё", "асеорхукт" + "мнве")


@lru_cache(maxsize=8192)
def normalised(name: str) -> str:
    """What two spellings of one requisite have in common."""
    compact = "".join(name.casefold().split())
    if any("а" <= letter <= "я" for letter in compact):
        return compact.translate(_LOOKALIKES)
    return compact


def _table(names: Mapping[str, str]) -> dict[str, str]:
    return {normalised(name): field for field, row in names.items() for name in row.split("|")}


ORDER_REQUISITES: Final[Mapping[str, str]] = _table({
    "number_1c": "Номер по 1С|Номер1С|Номер в 1С|Номер за 1С|Номер у 1С|Номер 1С|Номер документа 1С",
    "date_1c": "Дата по 1С|Дата1С|Дата в 1С|Дата за 1С|Дата у 1С|Дата 1С",
    "status": "Статус заказа|СтатусЗаказа|Статус|Состояние заказа|Статус замовлення|Стан замовлення|Статус документа",
    "status_id": "Статуса заказа ИД|Статус заказа ИД|ИД статуса заказа|ИдСтатусаЗаказа|Статусу замовлення ІД",
    "cancelled": "Отменен|Отменено|Отменён|Заказ отменен|Отмена|Скасований|Скасовано|Відмінено|Відмінений",
    "posted": "Проведен|Проведён|Проведено|Проведений",
    "deletion_mark": "ПометкаУдаления|Пометка удаления|Пометка на удаление|ПоміткаВилучення|Помітка видалення|"
                     "ПозначкаВилучення|Позначка вилучення|Позначка видалення|Помічений на вилучення",
    "paid_number": "Номер оплаты по 1С|Номер оплати за 1С|Номер оплати по 1С|НомерОплаты1С",
    "paid_date": "Дата оплаты по 1С|Дата оплати за 1С|Дата оплати по 1С|ДатаОплаты1С",
    "shipped_number": "Номер отгрузки по 1С|НомерОтгрузки1С|Номер відвантаження за 1С|"
                      "Номер відвантаження по 1С",
    "shipped_date": "Дата отгрузки по 1С|Дата відвантаження за 1С|Дата відвантаження по 1С|ДатаОтгрузки1С",
    "paid": "Оплачен|Оплачено|Оплачений|Сплачено",
    "shipped": "Отгружен|Отгружено|Відвантажено|Відвантажений",
})  # fmt: skip
"""Normalised name of an order's requisite to the canonical field. The names that storefronts send ("Дата оплаты",
"Заказ оплачен") are not here: 1C echoes them, and an echo is no payment."""

PRODUCT_REQUISITES: Final[Mapping[str, str]] = _table({
    "kind": "ВидНоменклатуры|Вид номенклатуры|ВидНоменклатури",
    "type": "ТипНоменклатуры|Тип номенклатуры|ТипНоменклатури",
    "full_name": "Полное наименование|ПолноеНаименование|Повне найменування|Повна назва",
    "weight": "Вес|Вага",
    "code": "Код",
})  # fmt: skip
"""Normalised name of a product's requisite to the field it is lifted into."""
