"""Discounts and cards are kept as 1C states them: nothing is dropped, nothing is interpreted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.commerceml.discounts import moment
from syncd.commerceml.reader import Reader
from syncd.model.records import BadRecord, Record

Read = Callable[..., tuple[list[Any], Reader]]


@pytest.fixture
def found(read_fixture: Read) -> dict[tuple[str, str], Record]:
    items, _ = read_fixture("discounts.xml")
    return {(item.entity, item.key[0]): item for item in items if isinstance(item, Record)}


def test_a_discount_is_kept_with_its_conditions(found: dict[tuple[str, str], Record]) -> None:
    discount = found["discount", "d-1"]
    conditions = discount.fields.pop("conditions")
    assert discount.fields == {
        "name": "Оптовикам", "version": "AAAC", "kind": "Скидка (наценка) процентом", "value": "7.5", "active": True,
        "priority": 10, "combination": "Максимум", "starts_at": "2026-02-01T00:00:00", "ends_at": "",
    }  # fmt: skip
    assert [condition["ТипУсловия"] for condition in conditions] == [
        "Для определенных клиентов",
        "За разовый объем продаж",
    ]
    parameter = conditions[0]["ДополнительныеПараметры"]["ПараметрУсловия"]
    assert parameter == {"Контрагенты": {"Контрагент": {"Ид": "c-1"}}}
    assert discount.extra == {"ДатаУстановкиСкидки": "2026-01-10T00:00:00"}
    assert discount.deleted is False


def test_what_does_not_fit_a_field_stays_beside_it(found: dict[tuple[str, str], Record]) -> None:
    discount = found["discount", "d-2"]
    assert (discount.deleted, discount.fields, discount.extra) == (True, {"active": False}, {"Приоритет": "высший"})


def test_cards_name_their_kind_and_holder(found: dict[tuple[str, str], Record]) -> None:
    assert found["discount_card_kind", "k-1"].fields == {"name": "Золотая", "version": "AAAD"}
    card = found["discount_card", "n-1"]
    assert card.fields == {
        "name": "Карта № 1", "status": "Действует", "barcode": "2900001", "kind_id": "k-1", "counterparty_id": "c-1",
    }  # fmt: skip
    assert card.extra == {"Контрагент": {"Ид": "c-1", "Наименование": "Лютик"}, "Пинкод": "0000"}
    assert ("counterparty", "c-1") not in found, "the holder is named, not stated"


def test_a_discount_without_id_is_reported(read_fixture: Read) -> None:
    items, reader = read_fixture("discounts.xml")
    assert [(item.entity, item.error.code) for item in items if isinstance(item, BadRecord)] == [("discount", "E211")]
    assert reader.unknown["ДисконтнаяКарта/Пинкод"] == 1
    assert "Скидки" not in reader.unknown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("01.02.2026 10:00:00", "2026-02-01T10:00:00"),
        ("0001-01-01", ""),
        ("", ""),
        ("с понедельника", "с понедельника"),
    ],
)
def test_moments_are_iso_or_as_they_came(text: str, expected: str) -> None:
    assert moment(text) == expected


def test_discounts_of_an_order_are_no_discounts_of_the_catalogue(read_xml: Read) -> None:
    items, _ = read_xml(
        "<Документ><Номер>1</Номер><Скидки><Скидка><Наименование>5 %</Наименование><Сумма>5</Сумма></Скидка></Скидки>"
        "</Документ>"
    )
    (order,) = items
    assert order.extra == {"Скидки": {"Скидка": {"Наименование": "5 %", "Сумма": "5"}}}
