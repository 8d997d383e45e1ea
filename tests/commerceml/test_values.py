# ruff: noqa: DTZ001 - times of 1C are naive
from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from syncd.commerceml.values import base_id, boolean, currency, date_and_time, decimal, plain, timestamp
from syncd.errors import DataError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1234.56", "1234.56"),
        ("1 234,56", "1234.56"),
        ("1\u00a0234,56", "1234.56"),
        ("1\u202f234.56", "1234.56"),
        ("1\u2009234", "1234"),
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("0,5", "0.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+7", "7"),
        ("-2,5", "-2.5"),
        ("\u22122", "-2"),
        ("1.5E+3", "1500"),
        ("25e-1", "2.5"),
        ("  12 ", "12"),
        ("1'000", "1000"),
        ("- 5", "-5"),
        ("12 345 678,9", "12345678.9"),
    ],
)
def test_a_number_is_read_in_every_notation_people_use(text: str, value: str) -> None:
    assert decimal(text, "x") == Decimal(value)


@pytest.mark.parametrize("text", [None, "", "   ", "\u00a0"])
def test_an_empty_number_is_not_zero(text: str | None) -> None:
    assert decimal(text, "x") is None


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "Infinity",
        "-inf",
        "1_000",
        "12 шт",
        "0x10",
        "--1",
        "1e999",
        "9" * 61,
        "1,2,3.4.5",
        "1.2.3",
        "10 20",
        "1,2.5",
    ],
)
def test_what_is_no_number_is_refused_with_its_path_and_value(text: str) -> None:
    with pytest.raises(DataError) as caught:
        decimal(text, "Цена/ЦенаЗаЕдиницу")
    assert caught.value.code == "E212"
    assert caught.value.params == {"path": "Цена/ЦенаЗаЕдиницу", "value": text}


@given(
    st.decimals(min_value=-(10**12), max_value=10**12, places=4),
    st.sampled_from(["", " ", "\u00a0", "\u202f", "\u2009", "'"]),
    st.sampled_from([".", ","]),
)
def test_grouping_and_separator_do_not_change_a_number(value: Decimal, group: str, point: str) -> None:
    written = f"{value:,f}".replace(",", "\0").replace(".", point).replace("\0", group)
    assert decimal(written, "x") == value


@given(st.text(max_size=30))
def test_any_text_is_a_finite_number_or_a_data_error(text: str) -> None:
    with suppress(DataError):
        value = decimal(text, "x")
        assert value is None or value.is_finite()


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("1", True), ("Да", True), (" ИСТИНА ", True), ("yes", True), ("false", False), ("0", False),
     ("нет", False), ("Ложь", False), ("", None), (None, None), ("может быть", None)],
)  # fmt: skip
def test_a_switch_is_read_in_every_spelling_and_empty_says_nothing(text: str | None, value: bool | None) -> None:
    assert boolean(text) is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-02-03", datetime(2026, 2, 3)),
        ("2026-02-03T04:05:06", datetime(2026, 2, 3, 4, 5, 6)),
        ("2014-06-01T0:36:33", datetime(2014, 6, 1, 0, 36, 33)),
        ("2024-01-08T15:44:45.076+03:00", datetime(2024, 1, 8, 15, 44, 45)),
        ("2022-10-31UTC02:25:50", datetime(2022, 10, 31, 2, 25, 50)),
        ("2026-05-02T11:36:11.840055", datetime(2026, 5, 2, 11, 36, 11)),
        ("2007-10-16 15:44", datetime(2007, 10, 16, 15, 44)),
        ("11.02.2021 18:45:21", datetime(2021, 2, 11, 18, 45, 21)),
        ("11.02.2021", datetime(2021, 2, 11)),
        ("20240131093000", datetime(2024, 1, 31, 9, 30)),
        ("2026-02-03T04:05:06Z", datetime(2026, 2, 3, 4, 5, 6)),
        ("0001-01-01", None),
        ("0001-01-01T00:00:00", None),
        ("01.01.0001 0:00:00", None),
        ("", None),
    ],
)
def test_a_date_is_read_in_every_notation_and_year_one_is_empty(text: str, value: datetime | None) -> None:
    assert timestamp(text, "x") == value


@pytest.mark.parametrize("text", ["завтра", "2026-13-01", "2026-02-30", "32.01.2026", "2026"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(DataError) as caught:
        timestamp(text, "x")
    assert caught.value.code == "E213"


@given(st.datetimes(min_value=datetime(2, 1, 1)))
def test_a_written_time_is_read_back(when: datetime) -> None:
    when = when.replace(microsecond=0)
    assert timestamp(when.isoformat(), "x") == when
    assert date_and_time(when.date().isoformat(), when.time().isoformat(), "x") == when


def test_a_time_that_cannot_be_read_leaves_the_date_alone() -> None:
    assert date_and_time("2026-02-03", "25:99", "x") == datetime(2026, 2, 3)


@pytest.mark.parametrize(
    ("text", "code"),
    [("руб", "RUB"), ("руб.", "RUB"), ("RUR", "RUB"), ("643", "RUB"), ("грн", "UAH"), ("840", "USD"), ("usd", "USD"),
     ("EUR", "EUR"), ("Тугрик", "ТУГРИК"), ("", ""), (None, "")],
)  # fmt: skip
def test_a_currency_becomes_its_letters_and_an_unknown_one_stays(text: str | None, code: str) -> None:
    assert currency(text) == code


@pytest.mark.parametrize(
    ("text", "identity"),
    [(" aB-1 ", "aB-1"), ("p#v", "p#v"), ("p#p", "p"), ("P#p", "P"), ("p#", "p"), ("#p", "#p"), ("", ""), (None, "")],
)
def test_an_id_with_equal_halves_is_the_product_itself(text: str | None, identity: str) -> None:
    assert base_id(text) == identity


def test_many_attributes_are_kept_like_few() -> None:
    names = {f"а{n}": f"{n} & <" for n in range(500)}
    element = etree.Element("x", {**names, "{urn:a}б": "в"})
    assert plain(element) == {f"@{name}": value for name, value in {**names, "б": "в"}.items()}
