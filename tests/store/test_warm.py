"""Tables are read through before a merge that looks much of them up, and nothing depends on it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from syncd.model.records import Record
from syncd.store import warm
from syncd.store.db import Database, execute, one
from syncd.store.warm import Warmer

from .conftest import Merge

STATED = ("product", False)


@pytest.fixture
def stored(db: Database, merge: Merge, monkeypatch: pytest.MonkeyPatch) -> Database:
    merge(*(Record("product", (f"p{number}",), {"name": "ж" * 500}) for number in range(200)))
    with db.transaction() as conn:
        execute(conn, "ANALYZE products")
    monkeypatch.setattr(warm, "_LEAST_BYTES", 8192)
    return db


def scans(db: Database) -> int:
    with db.transaction() as conn:
        execute(conn, "SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
        found = one(conn, "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'products'")
    return int(found["seq_scan"]) if found else 0


def until(done: Callable[[], bool]) -> bool:
    end = time.monotonic() + 10
    while not done() and time.monotonic() < end:
        time.sleep(0.05)
    return done()


def test_a_table_is_read_through_once_when_a_share_of_it_is_staged(stored: Database) -> None:
    before = scans(stored)
    with stored.dedicated() as conn, Warmer(stored, conn) as warmer:
        size = one(conn, "SELECT pg_relation_size('products') AS bytes")
        assert size is not None
        warmer.staged(STATED, size["bytes"] // 50 - 10)
        warmer.staged(("product", True), size["bytes"])  # whole sets
        warmer.staged(("offer", False), size["bytes"])  # a table of nothing
        time.sleep(0.2)
        assert scans(stored) == before
        warmer.staged(STATED, 20)
        warmer.staged(STATED, size["bytes"])
        assert until(lambda: scans(stored) == before + 1)
    assert scans(stored) == before + 1


def test_a_table_that_is_locked_holds_up_no_import(stored: Database) -> None:
    with stored.dedicated() as other, stored.dedicated() as conn, other.transaction():
        other.execute("LOCK TABLE products IN ACCESS EXCLUSIVE MODE")
        conn.execute("SET statement_timeout = '5s'")
        with Warmer(stored, conn):
            pass


def test_what_is_still_read_at_the_end_is_given_up(stored: Database) -> None:
    with stored.dedicated() as other, stored.dedicated() as conn:
        warmer = Warmer(stored, conn)
        with other.transaction():
            other.execute("LOCK TABLE products IN ACCESS EXCLUSIVE MODE")
            begin = time.monotonic()
            with warmer:
                warmer.staged(STATED, 1 << 20)
                assert until(lambda: warmer._conn is not None)
                time.sleep(0.2)
            assert time.monotonic() - begin < 10


def test_an_import_does_without_where_the_table_cannot_be_read(stored: Database) -> None:
    with stored.dedicated() as conn, Warmer(stored, conn) as warmer:
        with stored.transaction() as other:
            execute(other, "ALTER TABLE products RENAME TO elsewhere")
        try:
            warmer.staged(STATED, 1 << 20)
            assert until(lambda: all(future.done() for future in warmer._under_way))
        finally:
            with stored.transaction() as other:
                execute(other, "ALTER TABLE elsewhere RENAME TO products")
    assert scans(stored) >= 0
