"""How large a number may be. 1C keeps 38 digits at most; an exponent of a few characters stands for a text of megabytes
or for seconds of computing, and Postgres refuses what is longer than it keeps.
"""

from __future__ import annotations

from decimal import Clamped, Context, Decimal, Overflow, Rounded, Subnormal
from typing import Final

DIGITS: Final = 1000
_BITS: Final[int] = (10**DIGITS).bit_length()
_TRAPS: Final = [Overflow, Subnormal, Clamped, Rounded]
_within = Context(prec=DIGITS, Emin=1 - DIGITS, Emax=DIGITS - 1, traps=_TRAPS).plus


def fits(value: Decimal) -> bool:
    """Whether it is a number at all, of at most 1000 digits, none of them further than that from the point."""
    if not value.is_finite():
        return False
    try:
        _within(value)
    except ArithmeticError:
        return False
    return True


def short(value: int) -> bool:
    """The same of a whole number, which is not even converted where it is too long."""
    return value.bit_length() < _BITS


def is_long(value: Decimal | int) -> bool:
    """Whether it needs more than 64 bits."""
    return not -(1 << 63) <= value < 1 << 63
