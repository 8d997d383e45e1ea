"""Values as OData v3 writes them in addresses, and names and keys percent-encoded so that they survive the way.

1C reads ``+`` in a query as an operator, so a space is always ``%20``; Cyrillic is percent-encoded UTF-8, once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

from syncd.errors import DataError

EMPTY_REF: Final = "00000000-0000-0000-0000-000000000000"
EMPTY_DATE: Final = "0001-01-01T00:00:00"
_NAME = re.compile(r"[^\W\d]\w*(?:/[^\W\d]\w*)*")
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_LOST_IN_PATHS = re.compile(r"[?+\\#%/&:*<>|\"\x00-\x1f\x7f]")
"""What IIS refuses or changes inside a path, even percent-encoded. The condition goes to ``$filter`` then."""


@dataclass(frozen=True, slots=True)
class Cast:
    """A reference as a value of a composite attribute, whose type must be told: without it 1C finds nothing and says
    nothing (developer guide 17.4.11). ``type`` is a set's name: ``Document_ЗаказКлиента``.
    """

    ref: UUID | str
    type: str


Value = str | bool | int | Decimal | datetime | date | UUID | Cast
"""What can stand in a filter or a key. A text is a string of 1C; a reference is a ``UUID`` (see ``ref``)."""


def ref(value: UUID | str) -> UUID:
    """A reference of 1C. Raises DataError E840 when the text is no GUID: 1C would find nothing or answer
    with 400.
    """
    if isinstance(value, UUID):
        return value
    if not _GUID.fullmatch(value):
        raise DataError("E840", value=value[:80])
    return UUID(value)


def name(value: str) -> str:
    """A name of a set, a field or a path of fields, unchanged. Raises DataError E841 for anything else: a name is
    never a place to bring an expression in.
    """
    if not _NAME.fullmatch(value):
        raise DataError("E841", value=value[:80])
    return value


def string(value: str) -> str:
    """A text in quotes, those within doubled. Raises DataError E842 for a NUL, which no string of 1C holds."""
    if "\x00" in value:
        raise DataError("E842", value=value[:80])
    return "'" + value.replace("'", "''") + "'"


def number(value: int | Decimal) -> str:
    """A number without exponent. Raises DataError E842 when it is not finite."""
    if isinstance(value, int):
        return str(value)
    if not value.is_finite():
        raise DataError("E842", value=str(value))
    return format(value, "f")


def moment(value: datetime | date, zone: ZoneInfo | None = None) -> str:
    """``YYYY-MM-DDTHH:MM:SS`` by the base's own clock, which knows no zones; fractions of a second are dropped.

    A naive time is taken as it is; an aware one needs the base's ``zone`` (ValueError without).
    """
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - 1C's clock has no zone
    if value.tzinfo is not None:
        if zone is None:
            raise ValueError("an aware time needs the zone of the base")
        value = value.astimezone(zone)
    return value.replace(tzinfo=None, microsecond=0).isoformat()


def read_moment(text: str | None) -> datetime | None:
    """1C's time without a zone, ``None`` for the empty date. Raises DataError E842 for anything else."""
    if not text or text == EMPTY_DATE:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise DataError("E842", value=text[:80]) from error
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def literal(value: Value, zone: ZoneInfo | None = None) -> str:
    """Any value as it stands in a filter or a key, not yet percent-encoded."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return string(value)
        case int() | Decimal():
            return number(value)
        case UUID():
            return f"guid'{value}'"
        case Cast():
            return f"cast(guid'{ref(value.ref)}',{string(name(value.type))})"
        case _:
            return f"datetime'{moment(value, zone)}'"


def key(value: UUID | str | Mapping[str, Value], zone: ZoneInfo | None = None) -> str:
    """The key in brackets, not yet percent-encoded: ``(guid'…')``, or all parts of a composite one by name."""
    if isinstance(value, Mapping):
        parts = (f"{name(part)}={literal(each, zone)}" for part, each in value.items())
        return f"({','.join(parts)})"
    return f"({literal(ref(value))})"


def fits_path(value: UUID | str | Mapping[str, Value]) -> bool:
    """Whether a key survives inside a path; where not, ask by ``$filter``."""
    if isinstance(value, Mapping):
        return not any(isinstance(each, str) and _LOST_IN_PATHS.search(each) for each in value.values())
    return True


def in_path(text: str) -> str:
    """Percent-encoded for a path. Brackets, quotes, commas and ``=`` stay readable: they are legal there."""
    return quote(text, safe="()',=!*$:;@-._~/")


def in_query(text: str) -> str:
    """Percent-encoded for a value of the query. ``&``, ``+``, ``#``, ``;`` and spaces are encoded."""
    return quote(text, safe="()',*$:@-._~/")
