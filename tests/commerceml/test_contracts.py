"""Contracts of counterparties: terms in whatever words a configuration adds them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from syncd.commerceml.reader import Reader, ReadPolicy
from syncd.model.records import BadRecord, Record

Read = Callable[..., tuple[list[Any], Reader]]
MOSCOW = ZoneInfo("Europe/Moscow")


def party(contracts: str, inner: str = "") -> str:
    return (
        f"<Контрагенты><Контрагент><Ид>c-1</Ид><Наименование>Лютик</Наименование>{inner}"
        f"<Договоры>{contracts}</Договоры></Контрагент></Контрагенты>"
    )


def contracts(items: list[Any]) -> list[Any]:
    return [item for item in items if isinstance(item, Record | BadRecord) and item.entity == "contract"]


def test_the_terms_of_a_contract_are_read_from_elements(read_xml: Read) -> None:
    items, reader = read_xml(
        party(
            "<Договор><Ид>d-1</Ид><Наименование>Поставка</Наименование><Номер>7</Номер><Дата>2026-02-01</Дата>"
            "<ВидДоговора>С покупателем</ВидДоговора><Статус>Действует</Статус><ТипЦен><Ид>opt</Ид>"
            "<Наименование>Опт</Наименование></ТипЦен><Валюта>руб.</Валюта><ОтсрочкаПлатежа>14</ОтсрочкаПлатежа>"
            "<КредитныйЛимит>500 000,50</КредитныйЛимит><ДатаНачала>2026-02-01T00:00:00</ДатаНачала>"
            "<ДатаОкончания>0001-01-01</ДатаОкончания><Особое>да</Особое></Договор>"
        ),
        ReadPolicy(zone=MOSCOW),
    )
    (found,) = contracts(items)
    start = datetime(2026, 2, 1, tzinfo=MOSCOW)
    assert found.key == ("d-1",)
    assert found.fields == {
        "counterparty_id": "c-1", "name": "Поставка", "number": "7", "date": start, "kind": "С покупателем",
        "status": "Действует", "price_type_id": "opt", "currency": "RUB", "deferral_days": 14,
        "credit_limit": Decimal("500000.50"), "valid_from": start,
    }  # fmt: skip
    assert found.extra == {"Особое": "да"}
    assert dict(reader.unknown) == {"Договор/Особое": 1}


def test_the_same_terms_are_read_from_requisites_and_an_element_says_more(read_xml: Read) -> None:
    def row(name: str, value: str) -> str:
        return f"<ЗначениеРеквизита><Наименование>{name}</Наименование><Значение>{value}</Значение></ЗначениеРеквизита>"

    rows = row("Допустимая сумма задолженности", "1000") + row("ДопустимоеЧислоДнейЗадолженности", "30")
    rows += row("Номер", "8") + row("Менеджер", "Ли")
    items, _ = read_xml(
        party(f"<Договор><Ид>d</Ид><Номер>7</Номер><ЗначенияРеквизитов>{rows}</ЗначенияРеквизитов></Договор>")
    )
    (found,) = contracts(items)
    assert (found.fields["credit_limit"], found.fields["deferral_days"], found.fields["number"]) == (1000, 30, "7")
    assert found.extra == {"ЗначенияРеквизитов": {"Менеджер": "Ли"}}


def test_a_contract_without_an_id_or_with_a_broken_limit_costs_neither_the_others_nor_the_party(read_xml: Read) -> None:
    items, _ = read_xml(
        party(
            "<Договор><Номер>1</Номер></Договор><Договор><Ид>x</Ид><КредитныйЛимит>много</КредитныйЛимит></Договор>"
            "<Договор><Ид>y</Ид><ОтсрочкаПлатежа>1,5</ОтсрочкаПлатежа></Договор>"
            "<Договор><Ид>d</Ид><Дата>вчера</Дата></Договор>"
        )
    )
    assert items[0].entity == "counterparty"
    told = [(item.key, item.error.code if isinstance(item, BadRecord) else item.fields) for item in contracts(items)]
    assert told == [("", "E211"), ("x", "E212"), ("y", "E212"), (("d",), {"counterparty_id": "c-1"}), ("d", "E213")]


def test_a_deleted_contract_is_gone(read_xml: Read) -> None:
    items, _ = read_xml(
        party(
            "<Договор><Ид>1</Ид><ПометкаУдаления>true</ПометкаУдаления></Договор>"
            "<Договор><Ид>2</Ид><ПометкаУдаления>false</ПометкаУдаления></Договор>"
            "<Договор Статус='Удален'><Ид>3</Ид></Договор><Договор><Ид>4</Ид><Статус>Удален</Статус></Договор>"
        )
    )
    assert [item.deleted for item in contracts(items)] == [True, False, True, True]


def test_the_counterparty_of_an_order_keeps_its_contracts_as_they_came(read_xml: Read) -> None:
    (order,), _ = read_xml(
        "<Документ><Ид>1</Ид><Номер>1</Номер><ХозОперация>Заказ товара</ХозОперация>"
        + party("<Договор><Ид>d-1</Ид></Договор>")
        + "</Документ>"
    )
    assert order.counterparties[0].extra == {"Договоры": {"Договор": {"Ид": "d-1"}}}
