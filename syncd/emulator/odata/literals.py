"""Values as OData 3 writes them in an address: ``guid'…'``, ``datetime'…'``, ``'text'``, numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from syncd.emulator.odata.refusals import unreadable


class Type(Enum):
    """Kinds of values that can be compared with each other."""

    TEXT = "text"
    GUID = "guid"
    DATE = "date"
    NUMBER = "number"
    BOOL = "bool"
    COMPOSITE = "composite"
    """A pair of value and type name."""
    NULL = "null"


Plain = str | int | float | bool | tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant and its kind."""

    value: Plain
    type: Type


_GUID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?[lLmMdDfF]?")
TOKEN: Final = re.compile(r"(?:guid|datetime|time|binary|X)?'(?:[^']|'')*'")


def guid(text: str) -> str:
    """The GUID in lower case.

    Raises ``ODataRefusal`` code 1.
    """
    if not _GUID.fullmatch(text):
        raise unreadable(text, "Edm.Guid")
    return text.lower()


def moment(text: str) -> str:
    """A naive date and time in whole seconds.

    Raises ``ODataRefusal`` code 1, also for one with a zone: 1C has none.
    """
    if not _DATE.fullmatch(text):
        raise unreadable(text, "Edm.DateTime")
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise unreadable(text, "Edm.DateTime") from None
    return found.replace(microsecond=0).isoformat()


def literal(text: str) -> Literal | None:
    """The constant this text is, or None when it is none.

    Raises ``ODataRefusal`` code 1 for one that is malformed.
    """
    if text.endswith("'"):
        word, _, rest = text.partition("'")
        inner = rest[:-1].replace("''", "'")
        if word == "guid":
            return Literal(guid(inner), Type.GUID)
        if word == "datetime":
            return Literal(moment(inner), Type.DATE)
        return Literal(inner, Type.TEXT) if not word else None
    if text in ("true", "false"):
        return Literal(text == "true", Type.BOOL)
    if text == "null":
        return Literal(None, Type.NULL)
    if _NUMBER.fullmatch(text):
        number = float(text.rstrip("lLmMdDfF"))
        return Literal(int(number) if number.is_integer() else number, Type.NUMBER)
    return None
