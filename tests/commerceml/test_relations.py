"""Kits, analogues, files and kinds of products."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from syncd.commerceml.reader import Reader
from syncd.model.records import Record, WholeSet

Read = Callable[..., tuple[list[Any], Reader]]


@pytest.fixture
def items(read_fixture: Read) -> list[Any]:
    return read_fixture("kits.xml")[0]


def relations(items: list[Any]) -> dict[tuple[Any, ...], Record]:
    return {item.key: item for item in items if isinstance(item, Record) and item.entity == "relation"}


def product(items: list[Any], id_: str) -> Record:
    (found,) = [item for item in items if isinstance(item, Record) and item.entity == "product" and item.key == (id_,)]
    return found


def test_a_kit_names_its_parts_with_their_quantities(items: list[Any]) -> None:
    found = relations(items)
    assert list(found) == [
        ("kit-1", "kit", "a-1"), ("kit-1", "kit", "a-2#v-1"), ("kit-1", "kit", "a-3"), ("kit-1", "analogue", "kit-2"),
    ]  # fmt: skip
    assert found["kit-1", "kit", "a-1"].fields == {
        "quantity": Decimal(4), "name": "Стул", "sku": "A-1", "unit": {"name": "шт"},
    }  # fmt: skip
    part = found["kit-1", "kit", "a-2#v-1"]
    assert (part.fields, part.extra) == ({"quantity": Decimal("0.5")}, {"Обязательное": "true"})
    assert found["kit-1", "analogue", "kit-2"].fields == {"name": "Набор попроще"}


def test_what_cannot_be_a_relation_is_kept_and_loses_nothing_else(items: list[Any], read_fixture: Read) -> None:
    part = relations(items)["kit-1", "kit", "a-3"]
    assert (part.fields, part.extra) == ({}, {"Количество": "пара"})
    kit = product(items, "kit-1")
    assert kit.extra is not None
    assert kit.extra["Комплектующие/Комплектующее"] == {"Наименование": "Без Ид", "Количество": "1"}
    assert read_fixture("kits.xml")[1].unknown["Товар/Комплектующие/Комплектующее"] == 1


def test_a_product_that_states_relations_states_all_of_them(items: list[Any]) -> None:
    assert [item.of for item in items if isinstance(item, WholeSet) and item.entity == "relation"] == ["kit-1", "kit-2"]


def test_files_and_expected_dates_stay_requisites(items: list[Any]) -> None:
    assert product(items, "kit-1").fields["requisites"] == {
        "ОписаниеФайла": ["import_files/ab/one.jpg#Вид спереди", "import_files/ab/two.jpg#Вид сзади"],
        "Файл": "import_files/ab/manual.pdf",
        "Планируемая дата поступления": "2026-04-01",
    }
    assert not [item for item in items if isinstance(item, Record) and item.entity == "stock"]


def test_kinds_of_products_are_read_and_named_by_their_products(items: list[Any]) -> None:
    kinds = {item.key[0]: item.fields for item in items if isinstance(item, Record) and item.entity == "product_kind"}
    assert kinds == {
        "pk-1": {"name": "Светильники", "property_ids": ["p-1", "p-2"]},
        "pk-2": {"name": "Лампы"},
    }
    assert (product(items, "kit-1").extra or {})["Категория"] == "pk-1"
