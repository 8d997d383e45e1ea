"""History goes by the week, and never with open work in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from syncd.queue import outbox
from syncd.store import partitions
from syncd.store.db import Conn, Database, execute, one
from syncd.store.ids import new_id

NOW = datetime.now(UTC)


@pytest.fixture
def conn(database_url: str) -> Iterator[Conn]:
    database = Database(database_url, size=1)
    try:
        with database.transaction() as found:
            yield found
            found.rollback()
    finally:
        database.close()


def test_an_id_tells_its_week() -> None:
    made = new_id()
    assert abs((made.int - partitions.floor_of(datetime.now(UTC)).int) >> 80) < 2000, "milliseconds"
    week = partitions.monday(NOW)
    assert week.weekday() == 0
    assert partitions.floor_of(week) <= made < partitions.floor_of(week + timedelta(days=7))


def test_parts_are_ready_for_the_weeks_to_come_and_rows_find_them(conn: Conn) -> None:
    names = [name for name, _ in partitions.parts(conn, "journal")]
    assert len(names) >= partitions.WEEKS_AHEAD
    _journal(conn, new_id())
    assert _where(conn) == partitions.name_of("journal", partitions.monday(datetime.now(UTC)))
    assert partitions.ensure(conn, NOW) == 0, "nothing is made twice"


def test_rows_that_came_before_their_part_move_into_it(conn: Conn) -> None:
    later = NOW + timedelta(weeks=partitions.WEEKS_AHEAD + 3)
    _journal(conn, UUID(int=partitions.floor_of(later).int + 1))
    assert _where(conn) == "journal_default"
    partitions.ensure(conn, later)
    assert _where(conn) == partitions.name_of("journal", partitions.monday(later))


def test_old_weeks_are_dropped_and_open_work_keeps_its_history(conn: Conn) -> None:
    old = NOW - timedelta(days=120)
    partitions.ensure(conn, old)
    _journal(conn, UUID(int=partitions.floor_of(old).int + 1))
    message = UUID(int=partitions.floor_of(old).int + 2)
    made = outbox.enqueue(conn, "default", kind="order", key="k")
    execute(conn, "UPDATE outbox SET id = %(new)s WHERE id = %(id)s", new=message, id=made)
    execute(
        conn,
        "INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by) VALUES ('default', %(id)s, 'held', 0, 'x')",
        id=message,
    )
    partitions.drop_old(conn, 90, NOW)
    assert one(conn, "SELECT 1 FROM journal") is None
    assert one(conn, "SELECT 1 FROM outbox_change") is not None, "its message is open"
    execute(conn, "UPDATE outbox SET state = 'acknowledged'")
    assert partitions.drop_old(conn, 90, NOW) >= 1
    assert one(conn, "SELECT 1 FROM outbox_change") is None
    partitions.ensure(conn, NOW)
    assert all(week > NOW - timedelta(days=98) for _, week in partitions.parts(conn, "journal"))


def _journal(conn: Conn, id_: UUID) -> None:
    execute(
        conn,
        """INSERT INTO journal (tenant, id, kind, direction, outcome) VALUES ('default', %(id)s, 'x', 'in', 'ok')""",
        id=id_,
    )


def _where(conn: Conn) -> str:
    row = one(conn, "SELECT tableoid::regclass::text AS name FROM journal")
    assert row is not None
    return str(row["name"])
