"""History in parts of a week each: what has served its time is dropped as a whole, without deleting rows one by one.

The parts follow from the rows' UUIDv7, whose first 48 bits are milliseconds of Unix time (RFC 9562, 5.7): ``journal``
by its own id, ``outbox_change`` by its message's, so that the history of a message lies in one part. Other ids, and
rows of weeks that nobody made ready, lie in the default part.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg import sql

from syncd.store.db import Conn, every, execute, one

WEEKS_AHEAD: Final = 5
"""How far ahead parts are made: a scheduler may be away so long before rows fall into the default part."""
TABLES: Final = {"journal": "id", "outbox_change": "outbox_id"}
"""The tables in parts, and the column that decides."""
_WEEK: Final = timedelta(days=7)
_MONDAY: Final = datetime(2024, 1, 1, tzinfo=UTC)


def floor_of(moment: datetime) -> UUID:
    """The least UUIDv7 of a moment."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def monday(moment: datetime) -> datetime:
    """The beginning of a moment's week, in UTC."""
    return _MONDAY + ((moment - _MONDAY) // _WEEK) * _WEEK


def name_of(table: str, week: datetime) -> str:
    """The table of one part."""
    return f"{table}_{week:%Y%m%d}"


def ensure(conn: Conn, now: datetime) -> int:
    """Make the parts of this week and of those ahead. Returns how many were made. Rows that fell into the default part
    meanwhile move.
    """
    made = 0
    for table, column in TABLES.items():
        there = {name for name, _ in parts(conn, table)}
        for n in range(WEEKS_AHEAD + 1):
            week = monday(now) + n * _WEEK
            if name_of(table, week) not in there:
                _make(conn, table, column, week)
                made += 1
    return made


def _make(conn: Conn, table: str, column: str, week: datetime) -> None:
    part, default = sql.Identifier(name_of(table, week)), sql.Identifier(f"{table}_default")
    low, high = floor_of(week), floor_of(week + _WEEK)
    words = {
        "part": part, "parent": sql.Identifier(table), "default": default, "column": sql.Identifier(column),
        "low": sql.Literal(str(low)), "high": sql.Literal(str(high)),
    }  # fmt: skip
    # made aside, filled, then attached: Postgres refuses a part whose rows lie in the default one
    conn.execute(
        sql.SQL("CREATE TABLE {part} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)").format(**words)
    )
    conn.execute(
        sql.SQL(
            """WITH moved AS (DELETE FROM {default} WHERE {column} >= {low} AND {column} < {high} RETURNING *)
               INSERT INTO {part} SELECT * FROM moved"""
        ).format(**words)
    )
    conn.execute(
        sql.SQL("ALTER TABLE {parent} ATTACH PARTITION {part} FOR VALUES FROM ({low}) TO ({high})").format(**words)
    )


def parts(conn: Conn, table: str) -> list[tuple[str, datetime]]:
    """The parts of a table by name, with the week each begins; not the default one."""
    rows = every(
        conn,
        """SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
           WHERE i.inhparent = %(t)s::regclass ORDER BY c.relname""",
        t=table,
    )
    prefix = f"{table}_"
    return [
        (row["name"], datetime.strptime(row["name"].removeprefix(prefix), "%Y%m%d").replace(tzinfo=UTC))
        for row in rows
        if row["name"].removeprefix(prefix).isdigit()
    ]


def drop_old(conn: Conn, keep_days: int, now: datetime) -> int:
    """Drop the parts that are older than so many days as a whole; returns how many. A part of ``outbox_change`` stays
    for as long as a message of its week is open. Raises ``LockNotAvailable`` when readers hold a part for long: the
    next hour tries again.
    """
    execute(conn, "SET LOCAL lock_timeout = '3s'")
    dropped = 0
    for table in TABLES:
        for name, week in parts(conn, table):
            if week + _WEEK > now - timedelta(days=keep_days):
                continue
            if table == "outbox_change" and _open_below(conn, floor_of(week + _WEEK)):
                continue
            conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
            dropped += 1
    return dropped


def _open_below(conn: Conn, bound: UUID) -> bool:
    row = one(
        conn,
        """SELECT EXISTS (SELECT FROM outbox WHERE id < %(b)s
                            AND state NOT IN ('acknowledged', 'cancelled', 'superseded')) AS yes""",
        b=bound,
    )  # fmt: skip
    return bool(row and row["yes"])
