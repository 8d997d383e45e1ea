"""Literals, keys and filters: exact, encoded, and closed to whatever a value brings along."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import unquote
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.adapters.odata import filters
from syncd.adapters.odata.literals import (
    Cast,
    Value,
    fits_path,
    in_path,
    in_query,
    key,
    literal,
    moment,
    name,
    number,
    read_moment,
    ref,
    string,
)
from syncd.errors import DataError

ONE = UUID("b1c89d94-cb6a-11e6-aede-5404a6b4b8ed")
MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("O'Кей", "'O''Кей'"),
        ("", "''"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("1E+3"), "1000"),
        (Decimal("12345678901234567890123456789012345678.12"), "12345678901234567890123456789012345678.12"),
        (ONE, f"guid'{ONE}'"),
        (datetime(2026, 1, 2, 3, 4, 5, 999999), "datetime'2026-01-02T03:04:05'"),  # noqa: DTZ001
        (date(2026, 1, 2), "datetime'2026-01-02T00:00:00'"),
        (Cast(ONE, "Document_ЗаказКлиента"), f"cast(guid'{ONE}','Document_ЗаказКлиента')"),
    ],
)
def test_a_value_is_written_as_1c_reads_it(value: Value, written: str) -> None:
    assert literal(value) == written


def test_midnight_in_moscow_stays_on_its_day() -> None:
    night = datetime(2025, 12, 31, 21, 0, tzinfo=UTC)
    assert moment(night, MOSCOW) == "2026-01-01T00:00:00"
    with pytest.raises(ValueError, match="zone"):
        moment(night)


def test_the_empty_date_is_nothing() -> None:
    assert read_moment("0001-01-01T00:00:00") is None
    assert read_moment("") is None
    assert read_moment("2016-12-26T16:00:52") == datetime(2016, 12, 26, 16, 0, 52)  # noqa: DTZ001
    with pytest.raises(DataError, match="E842"):
        read_moment("вчера")


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity")])
def test_a_number_that_is_none_is_refused(value: Decimal) -> None:
    with pytest.raises(DataError, match="E842"):
        number(value)


@pytest.mark.parametrize("value", ["", "1", "ZZP8x", f"guid'{ONE}'", f"{ONE} ", "b1c89d94cb6a11e6aede5404a6b4b8ed"])
def test_what_is_no_guid_never_becomes_a_condition_that_finds_nothing(value: str) -> None:
    with pytest.raises(DataError, match="E840"):
        ref(value)


@pytest.mark.parametrize("value", ["", "a b", "a eq 1 or b", "a'", "1a", "a/", "/a", "a,b", "Имя)", "$filter", "a\n"])
def test_a_name_is_no_place_for_an_expression(value: str) -> None:
    with pytest.raises(DataError, match="E841"):
        name(value)


def test_names_of_1c_are_names() -> None:
    for each in ("Ref_Key", "InformationRegister_пр_ОчередьДействий", "Контрагент/ИНН", "ExchangePlan_А_11_0", "_x"):
        assert name(each) == each


def test_keys_are_written_in_all_their_forms() -> None:
    assert key(ONE) == f"(guid'{ONE}')"
    assert key({"Штрихкод": "46'0"}) == "(Штрихкод='46''0')"
    composite: dict[str, Value] = {"Period": datetime(2008, 2, 5), "Валюта_Key": ONE}  # noqa: DTZ001
    assert key(composite) == f"(Period=datetime'2008-02-05T00:00:00',Валюта_Key=guid'{ONE}')"


@pytest.mark.parametrize("lost", ["a?b", "a+b", "a\\b", "a#b", "a%b", "a/b", "a\tb"])
def test_keys_that_a_web_server_would_change_go_to_the_filter(lost: str) -> None:
    assert not fits_path({"Code": lost})
    assert fits_path({"Code": "460-1 (б)"})
    assert fits_path(ONE)


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_no_text_breaks_out_of_its_quotes(text: str) -> None:
    written = string(text)
    assert re.fullmatch(r"'(?:[^']|'')*'", written, re.DOTALL)
    assert written[1:-1].replace("''", "'") == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_encoded_once_is_decoded_once(text: str) -> None:
    for encoded in (in_path(text), in_query(text)):
        assert encoded.isascii()
        assert not re.search(r"[\s+&#;?\"<>]", encoded) or encoded == in_path(text)
        assert unquote(encoded) == text
    assert not re.search(r"[\s+&#;=]", in_query(text))


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_number_survives_and_has_no_exponent(value: Decimal) -> None:
    assert re.fullmatch(r"-?\d+(\.\d+)?", number(value))
    assert Decimal(number(value)) == value


def test_conditions_are_joined_in_brackets() -> None:
    one, two = filters.equals("ИНН", "7'7"), filters.compare("Сумма", "gt", Decimal("1.50"))
    assert filters.all_of(one, None, two) == "(ИНН eq '7''7') and (Сумма gt 1.50)"
    assert one | two == "(ИНН eq '7''7') or (Сумма gt 1.50)"
    assert filters.negated(one & two) == "not ((ИНН eq '7''7') and (Сумма gt 1.50))"
    assert filters.all_of(one) == one
    assert filters.all_of() == ""
    assert filters.holds("Description", "x'y") == "substringof('x''y',Description)"
    assert filters.begins("Description", "x") == "startswith(Description,'x')"
    assert filters.any_row("Товары", filters.equals("d/Цена", 1)) == "Товары/any(d: d/Цена eq 1)"


@given(st.integers(min_value=0, max_value=200), st.integers(min_value=100, max_value=3000))
def test_lists_of_keys_are_split_to_fit_an_address_and_none_is_lost(many: int, encoded: int) -> None:
    keys = [UUID(int=number) for number in range(many)]
    taken: list[Value] = []
    for values, condition in filters.batches("Номенклатура_Key", keys, encoded=encoded):
        taken += values
        assert len(values) <= filters.MAX_VALUES
        assert len(values) == 1 or len(in_query(condition)) <= encoded
        assert condition.count(" eq ") == len(values)
    assert taken == keys
