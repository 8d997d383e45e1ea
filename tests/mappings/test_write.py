"""The direction into 1C: what an order becomes, and what is left out."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from syncd.errors import MappingError
from syncd.mappings.lint import lint
from syncd.mappings.write import CompiledWrite, compile_write
from tests.mappings.test_language import MOSCOW, load

TEXT = """
dictionaries: {ways: {courier: Курьер}}
words: {deliveries: {courier: {name: Курьер, service: srv}}}
orders:
  from: Document_X
  fields:
    id: {from: Ref_Key, only: read}
    number: {from: НомерКлиента, only: read}
    amount: Сумма
    comment: Комментарий
    address: Адрес/Представление
    status: {from: Статус, values: {Новый: new}}
    ship_at: {from: Дата2, only: write}
  lines:
    from: Товары
    fields: {quantity: Количество, price: {from: Цена, only: read}, product_id: {from: [Т, Х], join: "#"}}
  write:
    marker: НомерКлиента
    post: try
    references:
      buyer:
        in: Catalog_K
        by: [{ИНН: customer.inn, КПП: customer.kpp}, {ИНН: customer.inn}]
        make: {Description: customer.name, ИНН: customer.inn}
      contract: {in: Catalog_D, by: {Owner_Key: refs.buyer, Основной: {value: true}}, needed: false}
    fields:
      Date: created_at
      Покупатель_Key: refs.buyer
      Доставка: {from: delivery.method, values: ways}
      ЦенаДоставки: delivery.price
      Всего: {expr: number(amount) * 2}
      Пусто: customer.email
      Флаг: {value: true}
      Курс: {value: 1.5}
    lines: {fields: {Т: product_id, Х: variant_id, НомерСтроки: line_number, Услуга: is_service}}
"""
ORDER: dict[str, Any] = {
    "number": "S-1", "amount": "30.10", "comment": "к", "created_at": "2026-05-01T12:00:00+03:00", "status": "new",
    "customer": {"inn": "77", "name": "ООО"}, "delivery": {"method": "courier", "price": "5"},
    "lines": [{"offer_id": "p#c", "quantity": "2.500", "price": "10", "is_service": False}],
}  # fmt: skip


@pytest.fixture
def write() -> CompiledWrite:
    found = load(TEXT)
    assert lint(found) == []
    made = compile_write(found, MOSCOW)
    assert made is not None
    return made


def test_an_order_becomes_a_document(write: CompiledWrite) -> None:
    assert (write.set_name, write.marker, write.posting) == ("Document_X", "НомерКлиента", "try")
    body = write.build(ORDER, {"buyer": "b1"})
    lines = body.pop("Товары")
    assert body == {
        "Сумма": Decimal("30.10"), "Комментарий": "к", "Date": datetime(2026, 5, 1, 12, tzinfo=MOSCOW),
        "Покупатель_Key": "b1", "Доставка": "Курьер", "ЦенаДоставки": Decimal(5), "Всего": Decimal("60.20"),
        "Флаг": True, "Курс": Decimal("1.5"),
    }  # fmt: skip
    assert lines[0] == {"Т": "p", "Х": "c", "Количество": Decimal("2.500"), "НомерСтроки": 1, "Услуга": False}
    assert lines[1] == {"Т": "srv", "Количество": Decimal(1), "НомерСтроки": 2, "Услуга": True}, "the delivery"


def test_what_was_read_through_a_step_is_not_written_back(write: CompiledWrite) -> None:
    assert {"Статус", "Адрес", "Ref_Key", "НомерКлиента"}.isdisjoint(write.fields)
    assert "Дата2" in write.fields


def test_a_way_of_finding_that_lacks_a_value_is_passed_over(write: CompiledWrite) -> None:
    buyer, contract = write.references
    assert buyer.by(ORDER, {}) == [{"ИНН": "77"}]
    both = {**ORDER, "customer": {"inn": "77", "kpp": "01"}}
    assert buyer.by(both, {}) == [{"ИНН": "77", "КПП": "01"}, {"ИНН": "77"}]
    assert buyer.by({**ORDER, "customer": {}}, {}) == [], "never found by nothing"
    assert buyer.make(ORDER, {}) == {"Description": "ООО", "ИНН": "77"}
    assert (contract.needed, contract.make(ORDER, {})) == (False, None)
    assert contract.by(ORDER, {}) == []
    assert contract.by(ORDER, {"buyer": "b1"}) == [{"Owner_Key": "b1", "Основной": True}]


def test_an_unknown_word_is_an_error_with_its_place(write: CompiledWrite) -> None:
    with pytest.raises(MappingError) as caught:
        write.build({**ORDER, "delivery": {"method": "post"}}, {})
    assert caught.value.code == "E743"
    assert "orders.write.Доставка: the word 'post'" in str(caught.value)


def test_a_mapping_that_only_reads_writes_nothing() -> None:
    assert compile_write(load("orders: {from: X, fields: {id: Ref_Key}}"), MOSCOW) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("orders: {from: X, fields: {id: A}, write: {fields: {B: comment}}}", "E730"),
        ("orders: {from: X, fields: {id: A}, write: {marker: M, fields: {B: refs.byer}}}", "E705"),
        ("products: {from: X, fields: {id: A}, write: {marker: M}}", "E709"),
        ("orders: {from: X, fields: {id: A}, write: {marker: M, lines: {fields: {B: quantty}}}}", "E705"),
        ("orders: {from: X, fields: {id: A}, write: {marker: M, fields: {B: {expr: amont * 2}}}}", "E705"),
    ],
)
def test_a_mistake_in_writing_is_told(text: str, code: str) -> None:
    (problem,) = lint(load(text))
    assert problem.code == code
