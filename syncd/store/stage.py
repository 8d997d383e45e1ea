"""Staging: records of one package go by COPY into temporary tables, from where ``syncd.store.merge`` takes them.

Rows are rendered in Postgres' text format with control characters as delimiter and NULL mark, so that nothing but
backslash and line ends needs escaping; readers have removed control characters from the data, and a record that holds
one all the same is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

import orjson
from psycopg import sql
from xxhash import xxh3_128_hexdigest

from syncd.errors import DataError
from syncd.model import ENTITIES, Entity
from syncd.model.entity import Kind
from syncd.model.records import Record
from syncd.store.db import Conn

DELIMITER: Final = "\x1f"
NULL: Final = "\x1e"
_FLUSH_BYTES: Final = 1 << 20
KEY_LIMIT: Final = 2_000
"""Longest key (all its texts together) or searched text, bytes: a row of an index of Postgres holds 2,704."""
_UNUSABLE: Final = re.compile(rb"[\x00\x1e\x1f]").search
_NUL_IN_JSON: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000").search  # not a backslash that only stands before "u0000"
_FILE_SHIFT: Final = 40  # a row's number holds its file in the upper bits, so that a broken file can be taken back

STAGE_TYPES: Final[dict[Kind, str]] = {
    "text": "text", "decimal": "numeric", "integer": "bigint", "boolean": "boolean", "timestamp": "timestamptz",
    "list": "text", "map": "text",  # parsed by the server for changed rows only
}  # fmt: skip


def _moment(value: datetime) -> str:
    return value.isoformat()


def _boolean(value: bool) -> str:
    return "t" if value else "f"


class _Unusable(Exception):
    """A text that Postgres cannot hold."""


def _json(value: object) -> str:
    text = orjson.dumps(value)
    if b"\\u0000" in text and _NUL_IN_JSON(text):
        raise _Unusable("control characters")
    return text.decode()


_RENDER: Final[dict[Kind, Callable[[Any], str] | None]] = {
    "text": None, "decimal": str, "integer": str, "boolean": _boolean, "timestamp": _moment,
    "list": _json, "map": _json,
}  # fmt: skip

_Plan = tuple[tuple[Callable[[Any], str] | None, ...], tuple[tuple[str, Callable[[Any], str] | None], ...]]


@cache
def _plan(name: str) -> _Plan:
    """How to render the key and the fields of an entity."""
    entity = ENTITIES[name]
    return (
        tuple(_RENDER[field.kind] for field in entity.key),
        tuple((field.name, _RENDER[field.kind]) for field in entity.fields),
    )


def render(record: Record) -> tuple[bytes, str]:
    """The record's row without its number, and the hash of what it states.

    Raises ``DataError`` E215 when a text cannot be stored.
    """
    key_plan, field_plan = _plan(record.entity)
    stated = record.fields.get
    nulls = 0
    try:
        values = [v if show is None else show(v) for v, show in zip(record.key, key_plan, strict=True)]
        for name, show in field_plan:
            value = stated(name)
            if value is None:
                nulls += 1
                values.append(NULL)
            else:
                values.append(value if show is None else show(value))
        if record.extra:
            values.append(_json(record.extra))
        else:
            nulls += 1
            values.append(NULL)
        values.append("t" if record.deleted else "f")
        values.append("t" if record.stub else "f")
        body = DELIMITER.join(values).encode()
        if len(body) > KEY_LIMIT:
            _fits_indexes(record)
    except (UnicodeEncodeError, orjson.JSONEncodeError, _Unusable) as error:  # a surrogate on its own, as a rule
        raise DataError("E215", path=record.entity, detail=str(error)) from error
    if body.count(b"\x1f") != len(values) - 1 or body.count(b"\x1e") != nulls or b"\x00" in body:
        raise DataError("E215", path=record.entity, detail="control characters")
    return _escaped(body), xxh3_128_hexdigest(body)


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


@dataclass(slots=True)
class _Buffer:
    """Rows of one table on their way."""

    lines: list[bytes]
    size: int


class Stage:
    """Temporary tables of one import on one dedicated connection in autocommit."""

    def __init__(self, conn: Conn) -> None:
        self._conn = conn
        self._buffers: dict[str, _Buffer] = {}
        self._number = 0
        self._refused: set[tuple[str, Any]] = set()
        self.entities: set[str] = set()
        self.scopes: set[str] = set()

    def begin_file(self, index: int) -> None:
        """Rows added from now on belong to file ``index`` of the package."""
        self._number = index << _FILE_SHIFT
        self._refused.clear()

    def drop_file(self, index: int) -> None:
        """Take back all rows of one file: it turned out to be broken."""
        self.flush()
        low, high = index << _FILE_SHIFT, (index + 1) << _FILE_SHIFT
        for table in [stage_name(name) for name in self.entities] + [scope_name(name) for name in self.scopes]:
            self._conn.execute(
                sql.SQL("DELETE FROM {} WHERE n >= %s AND n < %s").format(sql.Identifier(table)), (low, high)
            )

    def add(self, record: Record) -> None:
        """Stage one record. Raises ``DataError`` when it cannot be stored; nothing is staged then."""
        try:
            body, digest = render(record)
        except DataError:
            self._refused.add((record.entity, record.key[0]))
            raise
        if record.entity not in self.entities:
            self._create(ENTITIES[record.entity])
        self._number += 1
        self._put(stage_name(record.entity), b"%d\x1f%b\x1f%b\n" % (self._number, body, digest.encode()))

    def whole_set(self, entity: str, of: str) -> None:
        """Stage the statement that all records of ``entity`` under ``of`` have been stated.

        Of a set with a refused record not all is known, so nothing of what is stored may go: nothing is staged then.
        """
        key = _scope_key(of)
        if key is None or (entity, of) in self._refused:
            return
        if entity not in self.scopes:
            self.scopes.add(entity)
            self._conn.execute(
                sql.SQL('CREATE TEMP TABLE {} (n bigint, of_key text COLLATE "C")').format(
                    sql.Identifier(scope_name(entity))
                )
            )
            if entity not in self.entities:
                self._create(ENTITIES[entity])
        self._number += 1
        self._put(scope_name(entity), b"%d\x1f%b\n" % (self._number, key))

    def flush(self) -> None:
        """Send what is buffered to the server."""
        for table in list(self._buffers):
            self._copy(table)

    def analyze(self) -> None:
        """Let the planner know what was staged: temporary tables are analysed by nobody else."""
        for name in self.entities:
            columns = sql.SQL(", ").join(map(sql.Identifier, (*ENTITIES[name].key_names, "deleted", "stub")))
            self._conn.execute(sql.SQL("ANALYZE {} ({})").format(sql.Identifier(stage_name(name)), columns))
        for name in self.scopes:
            self._conn.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(scope_name(name))))

    def _put(self, table: str, line: bytes) -> None:
        buffer = self._buffers.get(table)
        if buffer is None:
            buffer = self._buffers[table] = _Buffer([], 0)
        buffer.lines.append(line)
        buffer.size += len(line)
        if buffer.size >= _FLUSH_BYTES:
            self._copy(table)

    def _copy(self, table: str) -> None:
        buffer = self._buffers.pop(table)
        statement = sql.SQL("COPY {} FROM STDIN WITH (DELIMITER E'\\x1f', NULL E'\\x1e')").format(sql.Identifier(table))
        with self._conn.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(b"".join(buffer.lines))

    def _create(self, entity: Entity) -> None:
        self.entities.add(entity.name)
        columns: list[sql.Composable] = [sql.SQL("n bigint")]
        for field in entity.all_fields:
            collation = ' COLLATE "C"' if field in entity.key and field.kind == "text" else ""
            columns.append(
                sql.SQL("{} {}").format(sql.Identifier(field.name), sql.SQL(STAGE_TYPES[field.kind] + collation))
            )
        columns += [sql.SQL("extra text, deleted boolean, stub boolean, content_hash uuid")]
        table = sql.Identifier(stage_name(entity.name))
        self._conn.execute(sql.SQL("CREATE TEMP TABLE {} ({})").format(table, sql.SQL(", ").join(columns)))


def stage_name(entity: str) -> str:
    """Name of the temporary table for an entity's records."""
    return f"stage_{entity}"


def scope_name(entity: str) -> str:
    """Name of the temporary table for an entity's whole sets."""
    return f"stage_{entity}_scope"
