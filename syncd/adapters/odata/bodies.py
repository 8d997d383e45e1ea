"""What is sent to be written, and whether 1C kept it.

1C answers 200 and ignores unknown properties, cuts long strings, drops texts given for numbers, lets handlers rewrite
fields: only reading back tells. A tabular section is replaced as a whole, its lines numbered 1, 2, 3 without gaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from syncd.adapters.odata.answers import Record
from syncd.adapters.odata.literals import EMPTY_DATE, EMPTY_REF, moment, number
from syncd.errors import DataError

NOT_SENT: Final = frozenset({"Posted", "DataVersion", "Ref_Key"})
"""``Posted`` sets the flag and makes no movements; the other two are 1C's own."""
_EMPTY: Final = frozenset({"", EMPTY_REF, EMPTY_DATE, "0", "false"})

Verdict = Literal["lost", "cut", "changed"]
"""``lost``: nothing of it is there. ``cut``: only its beginning. ``changed``: 1C put something else there."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that came out otherwise. ``path`` names it, with the number of the line: ``Товары[2].Цена``."""

    path: str
    sent: str
    kept: str
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.path}: {self.sent!r} → {self.kept!r}"


def encode(body: Mapping[str, Any], zone: ZoneInfo) -> bytes:
    """The JSON 1C reads: plain decimals, times of its own clock, numbered lines; ``None`` is left out.

    Raises DataError E842 for a float or anything else that has no exact form.
    """
    return orjson.dumps(_prepared(body, zone))


def prepared(body: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """The same as texts and plain values, to compare with what 1C kept."""
    return {
        name: _rows(value, zone) if _is_section(value) else _plain(name, value, zone)
        for name, value in body.items()
        if value is not None and name not in NOT_SENT and "@" not in name and not name.startswith("odata.")
    }


def differences(sent: Mapping[str, Any], kept: Record) -> list[Difference]:
    """Where ``kept`` is not what was sent (``prepared``). Fields that were not sent are not looked at."""
    found: list[Difference] = []
    for name, value in sent.items():
        if _is_section(value):
            found += _of_rows(name, value, kept.get(name))
        elif (difference := _of_field(name, value, kept.get(name))) is not None:
            found.append(difference)
    return found


def _prepared(body: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    return {name: _digits(value) for name, value in prepared(body, zone).items()}


def _digits(value: Any) -> Any:
    """Decimals as JSON numbers with just their digits."""
    if isinstance(value, Decimal):
        return orjson.Fragment(number(value))
    if isinstance(value, list):
        return [{name: _digits(inner) for name, inner in row.items()} for row in value]
    return value


def _rows(rows: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> list[dict[str, Any]]:
    # Edm.Int64 is a text in this JSON
    return [{"LineNumber": str(line), **_row(row, zone)} for line, row in enumerate(rows, 1)]


def _row(row: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    return {
        name: _plain(name, value, zone)
        for name, value in row.items()
        if value is not None and name not in {"LineNumber", "Ref_Key"} and "@" not in name
    }


def _plain(name: str, value: Any, zone: ZoneInfo) -> Any:
    match value:
        case bool() | int() | str():
            return value
        case Decimal():
            number(value)  # refuses what is not finite
            return value
        case UUID():
            return str(value)
        case datetime() | date():
            return moment(value, zone)
        case _:
            raise DataError("E842", value=f"{name}={value!r}"[:80])


def _is_section(value: object) -> bool:
    return isinstance(value, list | tuple)


def _of_rows(name: str, sent: Sequence[Mapping[str, Any]], kept: object) -> list[Difference]:
    rows = [row for row in kept if isinstance(row, dict)] if isinstance(kept, list) else []
    rows.sort(key=lambda row: int(row.get("LineNumber") or 0))
    found: list[Difference] = []
    for line, row in enumerate(sent, 1):
        if line > len(rows):
            break
        for field, value in row.items():
            if (difference := _of_field(f"{name}[{line}].{field}", value, rows[line - 1].get(field))) is not None:
                found.append(difference)
    if len(rows) != len(sent):
        verdict: Verdict = "lost" if len(rows) < len(sent) else "changed"
        found.append(Difference(name, str(len(sent)), str(len(rows)), verdict))
    return found


def _of_field(path: str, sent: Any, kept: Any) -> Difference | None:
    ours, theirs = _text(sent), _text(kept)
    if ours == theirs or (_number(sent, kept)):
        return None
    if _looks_like_guid(ours) and ours.lower() == theirs.lower():
        return None
    if theirs in _EMPTY and ours not in _EMPTY:
        verdict: Verdict = "lost"
    elif ours in _EMPTY and theirs in _EMPTY:
        return None
    else:
        verdict = "cut" if isinstance(sent, str) and ours.startswith(theirs) else "changed"
    return Difference(path, ours[:80], theirs[:80], verdict)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).rstrip()  # strings of fixed length come back padded


def _number(sent: Any, kept: Any) -> bool:
    if isinstance(sent, bool) or not isinstance(sent, int | Decimal):
        return False
    try:
        return Decimal(sent) == Decimal(str(kept))
    except InvalidOperation:
        return False


def _looks_like_guid(text: str) -> bool:
    return len(text) == 36 and text.count("-") == 4
