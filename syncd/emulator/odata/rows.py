"""What the code of configurations asks of rows."""

from __future__ import annotations

from syncd.emulator.odata.evaluate import number
from syncd.emulator.odata.model import Row, Wire


def sections(row: Row, name: str) -> list[Row]:
    """The rows of a tabular section."""
    below = row.get(name)
    return below if isinstance(below, list) else []


def amount(value: Wire) -> float:
    """A number of a row; nought for anything else."""
    return number(value) if isinstance(value, (int, float, str)) else 0


def neat(value: float) -> float:
    """To the kopeck, and whole when it is whole."""
    found = round(value, 2)
    return int(found) if float(found).is_integer() else found
