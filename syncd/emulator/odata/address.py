"""Takes a request's address apart: the path into segments with keys, the query into options. As 1C does it, ``+`` is
no space.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from syncd.emulator.odata.refusals import no_segment, option_unreadable, unsupported_option

SYSTEM: Final = frozenset(
    ("$format", "$select", "$filter", "$expand", "$orderby", "$top", "$skip", "$inlinecount", "$allowedOnly")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Segment:
    """``name(arguments)``: the arguments by name, a lone one under ``""``. ``called``: there were brackets."""

    name: str
    arguments: dict[str, str] = field(default_factory=dict)
    called: bool = False


def segments(path: str) -> list[Segment]:
    """The segments of a decoded path; slashes and brackets within quotes are text.

    Raises ``ODataRefusal`` code 6.
    """
    return [_segment(part) for part in split(path, "/") if part]


def _segment(text: str) -> Segment:
    name, bracket, rest = text.partition("(")
    if not bracket:
        return Segment(text)
    if not rest.endswith(")"):
        raise no_segment(text)
    arguments: dict[str, str] = {}
    for part in split(rest[:-1], ","):
        word, equals, value = part.partition("=")
        named = bool(equals) and "'" not in word
        if part.strip():
            arguments[word.strip() if named else ""] = (value if named else part).strip()
    return Segment(name, arguments, called=True)


def split(text: str, separator: str) -> list[str]:
    """Parts between separators that are neither within quotes nor within brackets."""
    parts, start, depth, quoted = [], 0, 0, False
    for place, sign in enumerate(text):
        if sign == "'":
            quoted = not quoted
        elif not quoted and sign in "()":
            depth += 1 if sign == "(" else -1
        elif not quoted and depth == 0 and sign == separator:
            parts.append(text[start:place])
            start = place + 1
    parts.append(text[start:])
    return parts


def options(query: str) -> dict[str, str]:
    """The options of a raw query string, percent-decoded as UTF-8; a plus stays a plus."""
    pairs = (part.partition("=") for part in query.split("&"))
    return {unquote(name): unquote(value) for name, _, value in pairs if name}


def check_options(found: dict[str, str]) -> None:
    """Refuse a system option 1C does not have.

    Raises ``ODataRefusal`` code 0.
    """
    for name in found:
        if name.startswith("$") and name not in SYSTEM:
            raise unsupported_option(name)


def number(options_: dict[str, str], name: str) -> int | None:
    """A whole number of an option, or None.

    Raises ``ODataRefusal`` code 14.
    """
    if name not in options_:
        return None
    text = options_[name].strip()
    if not text.isdecimal():
        raise option_unreadable(name)
    return int(text)
