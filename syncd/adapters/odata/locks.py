"""One writer per object, over all processes: an advisory lock of Postgres, held while the object is being written.

The lease of the queue says who should write; a worker that lost its lease may still be at it, and this keeps the next
one from overtaking it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeAlias

import psycopg

from syncd.errors import TransportError
from syncd.store.db import Database, execute

Lock: TypeAlias = Callable[[str], AbstractContextManager[None]]


def unlocked(_key: str) -> AbstractContextManager[None]:
    """No lock: for one process that writes in one thread."""
    return nullcontext()


def advisory(database: Database, *, seconds: float = 60) -> Lock:
    """Locks on connections of their own, so that a lock ends with its process. Waits up to ``seconds``, then raises
    TransportError E810.
    """

    @contextmanager
    def lock(key: str) -> Iterator[None]:
        with database.dedicated() as connection:
            execute(connection, "SELECT set_config('lock_timeout', %(ms)s, false)", ms=f"{round(seconds * 1000)}ms")
            try:
                execute(connection, "SELECT pg_advisory_lock(hashtextextended(%(key)s, 0))", key=f"odata {key}")
            except psycopg.errors.LockNotAvailable as error:
                raise TransportError("E810", asked=key, detail="pg_advisory_lock") from error
            yield

    return lock
