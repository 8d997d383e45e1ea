"""Tables of which a merge will look much up are read through once, while the package is still being read.

A look-up of a page that is not in memory costs a read of its own, in no order; to read the table through costs a
fraction of that, and nothing that the import waits for: Postgres and the operating system keep what was read.
"""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import psycopg
import structlog

from syncd.model import ENTITIES
from syncd.store.db import Conn, Database, every, execute
from syncd.store.rows import Table

log = structlog.get_logger(__name__)

_SHARE: Final = 50
"""So much smaller may what is staged be than the table: below that, single pages cost less."""
_LEAST_BYTES: Final = 64 << 20  # a smaller table is soon there by itself
_CANCEL_SECONDS: Final = 0.2
_OTHER_WAYS: Final = ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan")
_SIZES: Final = """
    SELECT relname AS name, bytes
    FROM pg_class, LATERAL (SELECT relpages * current_setting('block_size')::bigint AS bytes) size
    WHERE oid = ANY(SELECT to_regclass(format('%%I', name)) FROM unnest(%(names)s::text[]) name)
      AND bytes BETWEEN %(least)s AND pg_size_bytes(current_setting('effective_cache_size')) / 2
"""
"""As the last VACUUM or ANALYZE saw them: to measure a table is to wait for whoever has it locked."""


class Warmer:
    """For one import. Leaving the ``with`` block ends what is still being read."""

    def __init__(self, db: Database, conn: Conn) -> None:
        self._db = db
        self._entities = {entity.plural: name for name, entity in ENTITIES.items()}
        sizes = every(conn, _SIZES, names=list(self._entities), least=_LEAST_BYTES)
        self._bytes = {self._entities[row["name"]]: int(row["bytes"]) for row in sizes}
        self._staged: Counter[str] = Counter()
        self._thread: ThreadPoolExecutor | None = None
        self._under_way: list[Future[None]] = []
        self._conn: Conn | None = None
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
        while self._conn is not None:
            self._cancel()
            wait(self._under_way, timeout=_CANCEL_SECONDS)

    def staged(self, table: Table, size: int) -> None:
        """So many bytes more were staged."""
        entity, scopes = table
        if scopes or entity not in self._bytes:
            return
        self._staged[entity] += size
        if self._staged[entity] * _SHARE >= self._bytes[entity]:
            del self._bytes[entity]
            self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="syncd-warm")
            self._under_way.append(self._thread.submit(self._read, ENTITIES[entity].plural))

    def _read(self, table: str) -> None:
        try:
            with self._db.dedicated() as conn:
                self._conn = conn
                if self._closing.is_set():
                    return
                for way in _OTHER_WAYS:
                    execute(conn, f"SET {way} = off")
                execute(conn, "SET max_parallel_workers_per_gather = 0")  # processors have other work
                execute(conn, f'SELECT count(*) FROM "{table}"')  # noqa: S608 - a name of the model
        except psycopg.Error as error:
            if not self._closing.is_set():  # the import does without
                log.warning("a table was not read through before the merge", table=table, error=str(error).strip())
        finally:
            self._conn = None

    def _cancel(self) -> None:
        conn = self._conn
        if conn is not None:
            with suppress(psycopg.Error):  # it ended by itself meanwhile
                conn.cancel_safe(timeout=1.0)
