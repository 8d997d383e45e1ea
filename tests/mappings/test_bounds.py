"""Numbers that nothing of ours can hold are refused before anything is made of their digits."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.mappings import convert
from syncd.mappings.bounds import fits, short

HUGE = [
    "1e1000", "1e200000", "1e300000000", "-1e300000000", "1e-1000", "1e-300000000", "0e-20000", "0e20000",
    "1." + "1" * 1000, "9" * 1001,
]  # fmt: skip
USUAL = ["0", "-0", "0.00", "1e999", "1e-999", "12345678901234567890123456789012345678.12", "9" * 1000]


@pytest.mark.parametrize("text", HUGE)
def test_a_huge_number_is_none(text: str) -> None:
    assert not fits(Decimal(text))
    for convert_ in (convert.decimal, convert.integer):
        for value in (text, Decimal(text)):
            with pytest.raises(convert.Unfit):
                convert_(value)
    with pytest.raises(convert.Unfit):
        convert.text(Decimal(text))


@pytest.mark.parametrize("text", USUAL)
def test_another_number_keeps_its_digits(text: str) -> None:
    assert fits(Decimal(text))
    assert str(convert.decimal(Decimal(text))) == str(convert.decimal(text)) == str(Decimal(text))
    assert convert.text(Decimal(text)) == format(Decimal(text), "f")


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "1e99999999999999999999"])
def test_what_is_not_finite_is_no_number(text: str) -> None:
    with pytest.raises(convert.Unfit):
        convert.decimal(text)


def test_a_whole_number_has_64_bits() -> None:
    assert [convert.integer(value) for value in (str(2**63 - 1), -(2**63), Decimal("5.00"))] == [2**63 - 1, -(2**63), 5]
    for value in (2**63, -(2**63) - 1, Decimal("1e19"), "1e19"):
        with pytest.raises(convert.Unfit):
            convert.integer(value)


def test_a_long_whole_number_is_not_even_converted() -> None:
    assert short(10**999)
    assert not short(-(10**1000))
    for convert_ in (convert.text, convert.decimal, convert.integer):
        with pytest.raises(convert.Unfit):
            convert_(1 << 10_000_000)
