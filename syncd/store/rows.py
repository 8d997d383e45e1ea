"""Rows of the staging tables as COPY takes them, rendered without a connection: helper processes do it too.

Postgres' text format with control characters as delimiter and NULL mark, so that nothing but backslash and line ends
needs escaping; readers have removed control characters from the data, and a record that holds one all the same is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

import orjson
from xxhash import xxh3_128_hexdigest

from syncd.errors import DataError
from syncd.model import ENTITIES
from syncd.model.entity import Kind
from syncd.model.records import Record

DELIMITER: Final = "\x1f"
NULL: Final = "\x1e"
KEY_LIMIT: Final = 2_000
"""Longest key (all its texts together) or searched text, bytes: a row of an index of Postgres holds 2,704."""
_UNUSABLE: Final = re.compile(rb"[\x00\x1e\x1f]").search
_NUL_IN_JSON: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000").search  # not a backslash that only stands before "u0000"


def _moment(value: datetime) -> str:
    return value.isoformat()


def _boolean(value: bool) -> str:
    return "t" if value else "f"


class _Unusable(Exception):
    """A text that Postgres cannot hold."""


_REFUSED: Final = (UnicodeEncodeError, orjson.JSONEncodeError, _Unusable)  # a surrogate on its own, as a rule


def _json(value: object) -> str:
    text = orjson.dumps(value)
    if b"\\u0000" in text and _NUL_IN_JSON(text):
        raise _Unusable("control characters")
    return text.decode()


_RENDER: Final[dict[Kind, Callable[[Any], str] | None]] = {
    "text": None, "decimal": str, "integer": str, "boolean": _boolean, "timestamp": _moment,
    "list": _json, "map": _json,
}  # fmt: skip

_Show = Callable[[Any], str] | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to render an entity: a row of nothing, how many marks of NULL stand in it beside its key, where fields
    stand, and the key parts that are no texts.
    """

    empty: list[str]
    nulls: int
    keys: int
    shown: tuple[tuple[int, Callable[[Any], str]], ...]
    places: dict[str, tuple[int, _Show]]


@cache
def _plan(name: str) -> _Plan:
    entity = ENTITIES[name]
    keys = len(entity.key)
    shows = [_RENDER[field.kind] for field in entity.key]
    return _Plan(
        empty=[NULL] * (keys + len(entity.fields) + 1) + ["f", "f"],
        nulls=len(entity.fields) + 1,
        keys=keys,
        shown=tuple((at, show) for at, show in enumerate(shows) if show is not None),
        places={field.name: (at, _RENDER[field.kind]) for at, field in enumerate(entity.fields, start=keys)},
    )


def render(record: Record, *, clean: bool = False) -> tuple[bytes, str]:
    """The record's row without its number, and the hash of what it states. ``clean``: no text of it holds a control
    character.

    Raises ``DataError`` E215 when a text cannot be stored.
    """
    try:
        body, nulls = _body(record, _plan(record.entity))
    except _REFUSED as error:
        raise DataError("E215", path=record.entity, detail=str(error)) from error
    if not clean:
        delimiters = len(_plan(record.entity).empty) - 1
        if body.count(b"\x1f") != delimiters or body.count(b"\x1e") != nulls or b"\x00" in body:
            raise DataError("E215", path=record.entity, detail="control characters")
    return _escaped(body), xxh3_128_hexdigest(body)


def _body(record: Record, plan: _Plan) -> tuple[bytes, int]:
    """The row as it is without escapes, and how many marks of NULL are in it by right. Raises one of ``_REFUSED``."""
    values = plan.empty.copy()
    nulls = plan.nulls
    if len(record.key) != plan.keys:
        raise ValueError(f"a key of {record.entity} has {plan.keys} parts")
    values[: plan.keys] = record.key
    for at, key_show in plan.shown:
        values[at] = key_show(values[at])
    places = plan.places
    for name, value in record.fields.items():
        if value is not None and name in places:
            at, show = places[name]
            values[at] = value if show is None else show(value)
            nulls -= 1
    if record.extra:
        values[-3] = _json(record.extra)
        nulls -= 1
    if record.deleted:
        values[-2] = "t"
    if record.stub:
        values[-1] = "t"
    body = DELIMITER.join(values).encode()
    if len(body) > KEY_LIMIT:
        _fits_indexes(record)
    return body, nulls


def _bodies(records: Sequence[Record]) -> list[bytes] | None:
    """The rows of records of one entity without escapes, as ``render`` looks at them, but all at once. ``None`` where
    one of them is not as usual.
    """
    entity = records[0].entity
    plan = _plan(entity)
    bodies, nulls = [], 0
    try:
        for record in records:
            if record.entity != entity:
                return None
            body, more = _body(record, plan)
            bodies.append(body)
            nulls += more
    except _REFUSED:
        return None
    every = b"".join(bodies)  # no row has fewer marks than it must have, so that sums tell as much as each
    delimiters = (len(plan.empty) - 1) * len(bodies)
    if every.count(b"\x1f") != delimiters or every.count(b"\x1e") != nulls or b"\x00" in every:
        return None
    return bodies


def _fits_indexes(record: Record) -> None:
    """Raises ``_Unusable`` for an id or a searched text (Артикул) too long for an index of Postgres."""
    texts = [record.fields.get(name) for name in ENTITIES[record.entity].filters]
    if sum(len(str(part).encode()) for part in record.key) > KEY_LIMIT or any(
        isinstance(text, str) and len(text.encode()) > KEY_LIMIT for text in texts
    ):
        raise _Unusable(f"an id or Артикул of more than {KEY_LIMIT} bytes")


def _escaped(body: bytes) -> bytes:
    if b"\\" in body or b"\n" in body or b"\r" in body:
        return body.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return body


def _scope_key(of: str) -> bytes | None:
    """A key for COPY; ``None`` for one that Postgres cannot hold, under which nothing can have been stored."""
    try:
        body = of.encode()
    except UnicodeEncodeError:
        return None
    return None if _UNUSABLE(body) else _escaped(body)


Table = tuple[str, bool]
"""An entity, and whether its whole sets are meant."""


class Rows:
    """Rows that wait to be sent, by table. ``number`` is that of the last one: they grow in the order of statement."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.size = 0
        self.lines: dict[Table, list[bytes]] = {}
        self.refused: set[tuple[str, Any]] = set()
        """Entities and first key parts of records that cannot be stored."""

    def add(self, record: Record, *, clean: bool = False) -> None:
        """One record; see ``render``. Raises ``DataError`` when it cannot be stored; there is no row then."""
        try:
            body, digest = render(record, clean=clean)
        except DataError:
            self.refused.add((record.entity, record.key[0]))
            raise
        self.number += 1
        self._put((record.entity, False), b"%d\x1f%b\x1f%b\n" % (self.number, body, digest.encode()))

    def add_all(self, records: Sequence[Record]) -> list[tuple[Record, DataError]]:
        """Several records, as ``add`` does one after the other. Returns those that cannot be stored, and why."""
        bodies = _bodies(records) if records else []
        if bodies is None:
            return self._add_each(records)
        lines, number = [], self.number
        for body in bodies:
            number += 1
            lines.append(b"%d\x1f%b\x1f%b\n" % (number, _escaped(body), xxh3_128_hexdigest(body).encode()))
        if lines:
            self.number = number
            self.lines.setdefault((records[0].entity, False), []).extend(lines)
            self.size += sum(map(len, lines))
        return []

    def _add_each(self, records: Sequence[Record]) -> list[tuple[Record, DataError]]:
        refused = []
        for record in records:
            try:
                self.add(record)
            except DataError as error:
                refused.append((record, error))
        return refused

    def whole_set(self, entity: str, of: str) -> None:
        """The statement that all records of ``entity`` under ``of`` have been stated.

        Of a set with a refused record not all is known, so nothing of what is stored may go: there is no row then.
        """
        key = _scope_key(of)
        if key is None or (self.refused and (entity, of) in self.refused):
            return
        self.number += 1
        self._put((entity, True), b"%d\x1f%b\n" % (self.number, key))

    def take(self) -> dict[Table, bytes]:
        """What waits, by table; nothing waits after it."""
        taken = {table: b"".join(lines) for table, lines in self.lines.items()}
        self.lines, self.size = {}, 0
        return taken

    def _put(self, table: Table, line: bytes) -> None:
        lines = self.lines.get(table)
        if lines is None:
            lines = self.lines[table] = []
        lines.append(line)
        self.size += len(line)
