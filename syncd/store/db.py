"""The way to Postgres: one pool per process, plain psycopg connections with dict rows, one transaction per ``with``
block.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.elements import ClauseElement

Conn: TypeAlias = psycopg.Connection[DictRow]
Row: TypeAlias = DictRow

_NOTICE_DEATH: Final = """
    SELECT set_config('client_connection_check_interval', '5s', false), set_config('tcp_keepalives_idle', '15', false),
           set_config('tcp_keepalives_interval', '5', false), set_config('tcp_keepalives_count', '3', false)
"""
"""So that a merge whose process or host is gone lets go of the package within seconds, not when its statement ends or
TCP gives up after hours: until then nobody can take the import over."""
_DIALECT: Final = PGDialect_psycopg()  # type: ignore[no-untyped-call]


class Database:
    """A pool of connections to one database. Threads share it; processes do not.

    ``UNREACHABLE`` is what is raised while Postgres is away: the caller waits and repeats.
    """

    UNREACHABLE: Final = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)

    def __init__(self, url: str, *, size: int = 10) -> None:
        self.url = url
        self._pool: ConnectionPool[Conn] = ConnectionPool(
            url,
            connection_class=psycopg.Connection[DictRow],
            kwargs={"row_factory": dict_row, "connect_timeout": 5, "application_name": "syncd"},
            min_size=1,
            max_size=size,
            timeout=10,
            reconnect_timeout=10,
            open=True,
        )
        self._lent: set[Conn] = set()

    @contextmanager
    def transaction(self) -> Iterator[Conn]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        with self._pool.connection() as connection:
            yield connection

    @contextmanager
    def statement(self) -> Iterator[Conn]:
        """A connection for one statement (or ``together``) that is a transaction of its own: one round trip instead of
        three.
        """
        with self._pool.connection() as connection:
            connection.autocommit = True
            try:
                yield connection
            finally:
                if not connection.closed:
                    connection.autocommit = False

    @contextmanager
    def dedicated(self) -> Iterator[Conn]:
        """A connection of its own in autocommit, outside the pool: for work whose temporary tables outlive a
        transaction.
        """
        connection = psycopg.Connection[DictRow].connect(
            self.url, autocommit=True, row_factory=dict_row, connect_timeout=5, application_name="syncd import"
        )
        self._lent.add(connection)
        try:
            connection.execute(_NOTICE_DEATH)
            yield connection
        finally:
            self._lent.discard(connection)
            connection.close()

    def cancel(self) -> None:
        """Interrupt what the dedicated connections run: the process is stopping and a long merge must not hold it
        up.
        """
        for connection in list(self._lent):
            connection.cancel_safe(timeout=1.0)

    def close(self) -> None:
        """Give the connections back."""
        self._pool.close()


def run(conn: Conn, statement: ClauseElement) -> psycopg.Cursor[Row]:
    """Execute a SQLAlchemy Core statement on a psycopg connection."""
    compiled = statement.compile(dialect=_DIALECT)
    parameters: dict[str, Any] = dict(compiled.params)
    return conn.execute(compiled.string.encode(), parameters)


def one(conn: Conn, query: str, **parameters: Any) -> Row | None:
    """The first row of a query, or ``None``."""
    return conn.execute(query.encode(), parameters).fetchone()


def every(conn: Conn, query: str, **parameters: Any) -> list[Row]:
    """All rows of a query."""
    return conn.execute(query.encode(), parameters).fetchall()


def execute(conn: Conn, query: str, **parameters: Any) -> int:
    """Run a statement and tell how many rows it touched."""
    return conn.execute(query.encode(), parameters).rowcount


def together(conn: Conn, *queries: tuple[str, dict[str, Any]]) -> list[list[Row]]:
    """The rows of several queries in one round trip, in order; each sees what those before it did."""
    with conn.pipeline():
        cursors = [conn.execute(query.encode(), parameters) for query, parameters in queries]
    return [cursor.fetchall() for cursor in cursors]
