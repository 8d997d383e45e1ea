"""A set that came in one large answer, read in pieces: neither its bytes nor its records are all in memory at once.

Where a piece may end is guessed, and proven by reading it: put in brackets, the beginning of an array of records is
JSON only when it ends between two of them. Inside of a text or of a record the last bracket would close something else.
Where the guess is wrong, the borders are counted out; where they cannot be, the rest is read at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Final

from syncd.adapters.odata import answers
from syncd.adapters.odata.answers import BOM, Record, Types, Wanted
from syncd.errors import TransportError

PIECE: Final = 1 << 19
"""Bytes that are read at once, as a rule."""
_OPENING: Final = re.compile(
    rb'\s*+\{\s*+(?:"odata\.[^"\\]*+"\s*+:\s*+(?:"[^"\\]*+"|\d++)\s*+,\s*+)*+"value"\s*+:\s*+\['
)
_FOLLOWING: Final = re.compile(rb'"odata\.nextLink"\s*+:\s*+[^\s,]++')
_FIRST_NAME: Final = re.compile(rb'\s*+\{\s*+"[^"\\]++"')
_BETWEEN: Final = rb"\}\s*+,\s*+"
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["{}\[\]]', re.DOTALL)


def records(
    body: IO[bytes], types: Types | None = None, wanted: Wanted | None = None, *, piece: int = PIECE
) -> Iterator[list[Record]]:
    """The records of a set, some at a time, all of them in their order.

    Raises TransportError E809 when this is no whole answer of OData, or one that goes on elsewhere (``nextLink``): at
    the latest at its end.
    """
    head = body.read(piece).removeprefix(BOM)
    opening = _OPENING.match(head)
    if opening is None:  # XML, or not as 1C writes it
        yield answers.at_once(head + body.read(), types, wanted)
        return
    if following := _FOLLOWING.search(opening[0]):  # only the end of the answer is read as a whole set
        raise TransportError("E809", detail=following[0].decode("utf-8", "replace")[:120])
    rest = head[opening.end() :]
    borders = _Borders(wanted)
    while more := body.read(max(piece, len(rest))):
        found, end = borders.split(rest)
        if found:
            yield found
        rest = rest[end:] + more
    yield answers.at_once(b'{"value":[' + rest, wanted=wanted)


class _Borders:
    """Where records end: guessed by what stands between the first two, as 1C writes all of them alike."""

    def __init__(self, wanted: Wanted | None) -> None:
        self._wanted = wanted
        self._between = b""

    def _learn(self, rest: bytes) -> None:
        first = _FIRST_NAME.match(rest)
        between = re.search(_BETWEEN + re.escape(first[0].lstrip()), rest) if first else None
        self._between = between[0] if between else b""

    def split(self, rest: bytes) -> tuple[list[Record], int]:
        """The records that are whole, and where what follows them begins: both nothing where none can be told."""
        if not self._between:
            self._learn(rest)
        guess = rest.rfind(self._between) if self._between else -1
        if guess >= 0:
            try:
                return self._read(rest[: guess + 1]), rest.index(b",", guess + 1) + 1
            except TransportError:
                pass  # the same bytes inside of a record
        end = _counted(rest)
        return (self._read(rest[: end - 1]), end) if end else ([], 0)

    def _read(self, part: bytes) -> list[Record]:
        return answers.rows(b"[" + part + b"]", self._wanted)


def _counted(rest: bytes) -> int:
    """The place after the last comma between two records; 0 where there is none."""
    depth, end, between = 0, 0, 0
    for token in _TOKEN.finditer(rest):
        mark = token[0]
        if depth == 0 and end:
            between = rest.find(b",", end, token.start()) + 1 or between
        if mark in b"{[":
            depth += 1
        elif mark in b"}]":
            depth -= 1
            if depth < 0:
                break
            end = token.end()
        elif mark == b'"':  # a text that is cut
            break
    return between
