"""What is sent to be written, and how what 1C kept is held against it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.adapters.odata import answers
from syncd.adapters.odata.bodies import differences, encode, prepared
from syncd.errors import DataError

MOSCOW = ZoneInfo("Europe/Moscow")


def test_lines_are_numbered_from_one_without_gaps_whatever_they_said() -> None:
    body = orjson.loads(encode({"Товары": [{"LineNumber": 7, "Цена": 1}, {"Цена": 2}, {"LineNumber": "0"}]}, MOSCOW))
    assert [line["LineNumber"] for line in body["Товары"]] == ["1", "2", "3"]


def test_numbers_are_written_with_their_digits_and_no_exponent() -> None:
    body = {"А": Decimal("1E-7"), "Б": Decimal("0.10"), "В": Decimal("1E+3"), "Т": [{"Г": Decimal("-2.50")}]}
    assert encode(body, MOSCOW).decode() == (
        '{"А":0.0000001,"Б":0.10,"В":1000,"Т":[{"LineNumber":"1","Г":-2.50}]}'
    )  # fmt: skip


@pytest.mark.parametrize("value", [1.5, Decimal("NaN"), object(), {"a": 1}, b"x"])
def test_what_has_no_exact_form_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match="E842"):
        encode({"Сумма": value}, MOSCOW)


def test_times_are_those_of_the_bases_clock() -> None:
    body = {
        "А": datetime(2025, 12, 31, 21, 0, 0, 5, tzinfo=UTC),
        "Б": datetime(2026, 1, 1, 0, 0),  # noqa: DTZ001
        "В": date(2026, 1, 1),
    }
    assert set(prepared(body, MOSCOW).values()) == {"2026-01-01T00:00:00"}


def test_what_is_1cs_own_and_what_is_absent_is_not_sent() -> None:
    read = {
        "Ref_Key": "1", "DataVersion": "A", "Posted": True, "Весовой": None, "Имя": "", "odata.metadata": "x@y",
        "Склад@navigationLinkUrl": "z", "Товары": [{"Ref_Key": "1", "LineNumber": "9", "Цена": 1, "Серия": None}],
    }  # fmt: skip
    assert prepared(read, MOSCOW) == {"Имя": "", "Товары": [{"LineNumber": "1", "Цена": 1}]}


SENT = {
    "Имя": "Ёж", "Дата": "2026-01-01T00:00:00", "Сумма": Decimal("10.50"), "Склад_Key": UUID(int=1), "Флаг": True,
    "Товары": [{"Цена": Decimal("1.10"), "Код": 7}, {"Цена": Decimal(2), "Код": 8}],
}  # fmt: skip
KEPT: dict[str, Any] = {
    "Имя": "Ёж", "Дата": "2026-01-01T00:00:00", "Сумма": Decimal("10.5"), "Склад_Key": str(UUID(int=1)), "Флаг": True,
    "Товары": [
        {"LineNumber": "2", "Цена": 2, "Код": "8", "Ещё": 1},
        {"LineNumber": "1", "Цена": Decimal("1.1"), "Код": "7"},
    ],
    "Number": "1",
}  # fmt: skip


def verdicts(**changed: Any) -> list[tuple[str, str]]:
    found = differences(prepared(SENT, MOSCOW), {**KEPT, **changed})
    return [(difference.path, difference.verdict) for difference in found]


def test_the_same_values_in_1cs_own_writing_are_no_difference() -> None:
    assert verdicts() == []
    assert verdicts(Имя="Ёж   ") == []  # a string of fixed length
    assert verdicts(Склад_Key=str(UUID(int=1)).upper()) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"Имя": ""}, ("Имя", "lost")),
        ({"Имя": None}, ("Имя", "lost")),
        ({"Имя": "Ё"}, ("Имя", "cut")),
        ({"Имя": "Уж"}, ("Имя", "changed")),
        ({"Сумма": 0}, ("Сумма", "lost")),
        ({"Сумма": Decimal("10.49")}, ("Сумма", "changed")),
        ({"Склад_Key": "00000000-0000-0000-0000-000000000000"}, ("Склад_Key", "lost")),
        ({"Дата": "0001-01-01T00:00:00"}, ("Дата", "lost")),
        ({"Дата": "2025-12-31T00:00:00"}, ("Дата", "changed")),
        ({"Флаг": False}, ("Флаг", "lost")),
        ({"Товары": KEPT["Товары"][1:]}, ("Товары", "lost")),
        ({"Товары": []}, ("Товары", "lost")),
        ({"Товары": [*KEPT["Товары"], {"LineNumber": "3"}]}, ("Товары", "changed")),
    ],
)
def test_a_difference_is_named_and_told_apart(changed: dict[str, Any], expected: tuple[str, str]) -> None:
    assert verdicts(**changed) == [expected]


def test_a_field_that_1c_ignored_is_lost() -> None:
    [difference] = differences({"НетТакого": "x"}, {})
    assert (difference.path, difference.verdict) == ("НетТакого", "lost")


def test_a_difference_in_a_line_names_the_line() -> None:
    [difference] = differences(
        {"Товары": [{"LineNumber": "1", "Цена": 5}]}, {"Товары": [{"LineNumber": "1", "Цена": 6}]}
    )
    assert str(difference) == "Товары[1].Цена: '5' → '6'"


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=6))
def test_an_amount_comes_back_as_it_was_sent(amount: Decimal) -> None:
    kept = answers.record(encode({"Сумма": amount}, MOSCOW))
    assert kept["Сумма"] == amount
    assert differences(prepared({"Сумма": amount}, MOSCOW), kept) == []
