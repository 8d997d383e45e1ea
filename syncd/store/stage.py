"""Staging: rows of one package go by COPY into temporary tables, from where ``syncd.store.merge`` takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

from psycopg import sql

from syncd.errors import DataError
from syncd.model import ENTITIES, Entity
from syncd.model.entity import Kind
from syncd.model.records import Record
from syncd.store.backlog import Backlog, Piece
from syncd.store.db import Conn
from syncd.store.rows import DELIMITER, KEY_LIMIT, NULL, Rows, Table, render

__all__ = ["DELIMITER", "KEY_LIMIT", "NULL", "Stage", "render", "scope_name", "stage_name"]

_FLUSH_BYTES: Final = 1 << 20
_BEAT_SECONDS: Final = 0.5
_FILE_SHIFT: Final = 40  # a row's number holds its file in the upper bits, so that a broken file can be taken back

STAGE_TYPES: Final[dict[Kind, str]] = {
    "text": "text", "decimal": "numeric", "integer": "bigint", "boolean": "boolean", "timestamp": "timestamptz",
    "list": "text", "map": "text",  # parsed by the server for changed rows only
}  # fmt: skip


class Stage:
    """Temporary tables of one import on one dedicated connection.

    ``ahead``: rows are sent by a thread of its own while the caller goes on, who then leaves the connection alone until
    ``flush`` returned. ``sent`` is called, by that thread too, for the bytes of each table that were sent; what it
    raises comes from a later call here. ``skip`` names entities of which whole sets say nothing. ``beat`` is called
    while the caller waits for that thread.
    """

    def __init__(
        self, conn: Conn, *, ahead: bool = False, sent: Callable[[Table, int], None] | None = None,
        skip: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self._conn = conn
        self._sent = sent
        self._skip = skip
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="syncd-stage") if ahead else None
        self._under_way: deque[Future[None]] = deque()
        self._backlog = Backlog()
        self._rows = Rows()
        self.beat: Callable[[], None] = lambda: None
        self.entities: set[str] = set()
        self.scopes: set[str] = set()

    def begin_file(self, index: int) -> None:
        """Rows added from now on belong to file ``index`` of the package."""
        self._rows.number = index << _FILE_SHIFT
        self._rows.refused.clear()

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
        self._rows.add(record)
        if self._rows.size >= _FLUSH_BYTES:
            self._flush()

    def add_all(self, records: Sequence[Record]) -> list[tuple[Record, DataError]]:
        """Stage several records. Returns those that cannot be stored, and why."""
        refused = self._rows.add_all(records)
        if self._rows.size >= _FLUSH_BYTES:
            self._flush()
        return refused

    def report(self, sent: Callable[[Table, int], None] | None) -> None:
        """From now on ``sent`` is called, or nobody, and whole sets say what they say; whoever asks for it has flushed
        before.
        """
        self._sent = sent
        self._skip = frozenset()

    def whole_set(self, entity: str, of: str) -> None:
        """Stage the statement that all records of ``entity`` under ``of`` have been stated; see ``Rows.whole_set``."""
        self._rows.whole_set(entity, of)

    def reserve(self, rows: int) -> int:
        """Keep numbers for rows that are rendered elsewhere. Returns the one before their first."""
        before = self._rows.number
        self._rows.number += rows
        return before

    def take(self, lines: Mapping[Table, bytes], refused: set[tuple[str, object]]) -> None:
        """Stage rows that were rendered elsewhere, under numbers reserved for them, and what was refused of them."""
        self._rows.refused |= refused
        for table, data in lines.items():
            self._send(table, data)

    def flush(self) -> None:
        """Send what is buffered to the server, and wait until it is there."""
        self._flush()
        while self._under_way:
            self._wait()

    def close(self) -> None:
        """Forget what waits, and let the thread end."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
        self._thread = None
        self._under_way.clear()
        self._backlog.close()
        self._rows.take()

    def analyze(self, *, but: frozenset[str] = frozenset()) -> None:
        """Let the planner know what was staged: temporary tables are analysed by nobody else."""
        for name in self.entities - but:
            columns = sql.SQL(", ").join(map(sql.Identifier, (*ENTITIES[name].key_names, "deleted", "stub")))
            self._conn.execute(sql.SQL("ANALYZE {} ({})").format(sql.Identifier(stage_name(name)), columns))
        for name in self.scopes:
            self._conn.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(scope_name(name))))

    def _flush(self) -> None:
        for table, data in self._rows.take().items():
            self._send(table, data)

    def _send(self, table: Table, data: bytes) -> None:
        if table[1] and table[0] in self._skip:
            return
        if self._thread is None:
            self._copy(table, data)
            return
        while not self._backlog.has_room(len(data)):
            self._wait()
        self._under_way.append(self._thread.submit(self._copy_waiting, table, self._backlog.put(data)))
        while self._under_way and self._under_way[0].done():
            self._wait()

    def _wait(self) -> None:
        """For the oldest piece under way. An insert of a portion takes seconds: the caller shows signs of life."""
        while not self._under_way[0].done():
            self.beat()
            wait((self._under_way[0],), timeout=_BEAT_SECONDS)
        self._under_way.popleft().result()

    def _copy_waiting(self, table: Table, piece: Piece) -> None:
        self._copy(table, self._backlog.take(piece))

    def _copy(self, table: Table, data: bytes) -> None:
        entity, scope = table
        if entity not in self.entities:
            self._create(ENTITIES[entity])
        if scope and entity not in self.scopes:
            self._create_scope(entity)
        name = sql.Identifier(scope_name(entity) if scope else stage_name(entity))
        statement = sql.SQL("COPY {} FROM STDIN WITH (DELIMITER E'\\x1f', NULL E'\\x1e')").format(name)
        with self._conn.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(data)
        if self._sent is not None:
            self._sent(table, len(data))

    def _create(self, entity: Entity) -> None:
        self.entities.add(entity.name)
        columns: list[sql.Composable] = [sql.SQL("n bigint")]
        for field in entity.all_fields:
            collation = ' COLLATE "C"' if field in entity.key and field.kind == "text" else ""
            columns.append(
                sql.SQL("{} {}").format(sql.Identifier(field.name), sql.SQL(STAGE_TYPES[field.kind] + collation))
            )
        columns += [sql.SQL("extra text, deleted boolean, stub boolean, content_hash uuid")]
        # rows of up to a page are kept as they are: compressing what is read once costs more than it saves
        statement = sql.SQL("CREATE TEMP TABLE {} ({}) WITH (toast_tuple_target = 8160)")
        table = sql.Identifier(stage_name(entity.name))
        self._conn.execute(statement.format(table, sql.SQL(", ").join(columns)))

    def _create_scope(self, entity: str) -> None:
        self.scopes.add(entity)
        statement = sql.SQL('CREATE TEMP TABLE {} (n bigint, of_key text COLLATE "C")')
        self._conn.execute(statement.format(sql.Identifier(scope_name(entity))))


def stage_name(entity: str) -> str:
    """Name of the temporary table for an entity's records."""
    return f"stage_{entity}"


def scope_name(entity: str) -> str:
    """Name of the temporary table for an entity's whole sets."""
    return f"stage_{entity}_scope"
