"""What Postgres is told of companies that came after its last ANALYZE, and that look-ups do not depend on it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from syncd.model.records import Record, WholeSet
from syncd.store import planner
from syncd.store.db import Conn, Database, execute, one
from syncd.store.first_load import FirstLoad
from syncd.store.merge import merge_entity
from syncd.store.stage import Stage

from .conftest import Merge, stage_all

NUMBER = 3_000


def products(number: int, **fields: Any) -> list[Record]:
    return [Record("product", (f"p{n}",), {"catalogue_id": "c", "name": str(n), **fields}) for n in range(number)]


def stocks(offers: int, on_hand: int) -> list[Record | WholeSet]:
    rows = [
        Record("stock", (f"o{n}", f"w{place}"), {"on_hand": Decimal(on_hand)})
        for n in range(offers)
        for place in (1, 2)
    ]
    return [*(WholeSet("stock", f"o{n}") for n in range(offers)), *rows]


@pytest.fixture
def known(db: Database, merge: Merge) -> Database:
    """A base whose planner knows of one company with few rows."""
    merge(*products(50), *stocks(50, 1), tenant="known")
    with db.transaction() as conn:
        execute(conn, "ANALYZE")
    return db


def expected(db: Database, table: str, tenant: str = "default") -> int:
    with db.transaction() as conn:
        found = one(conn, f"EXPLAIN (FORMAT JSON) SELECT FROM {table} WHERE tenant = %(t)s", t=tenant)
    return int(found["QUERY PLAN"][0]["Plan"]["Plan Rows"]) if found else 0


def times_analysed(db: Database, table: str) -> int:
    with db.transaction() as conn:
        execute(conn, "SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
        found = one(conn, "SELECT analyze_count FROM pg_stat_user_tables WHERE relname = %(t)s", t=table)
    return int(found["analyze_count"]) if found else 0


def test_the_planner_knows_of_a_company_that_was_just_loaded(known: Database, merge: Merge) -> None:
    merge(*products(NUMBER), *stocks(NUMBER, 1))
    assert expected(known, "products") > NUMBER // 2
    assert expected(known, "stocks") > NUMBER
    assert expected(known, "products", "known") < NUMBER // 2


def test_the_planner_knows_of_what_a_first_load_inserted_in_portions(known: Database, conn: Conn) -> None:
    with conn.transaction():
        first = FirstLoad(conn, "default", 1, frozenset({"product"}), portion=10_000)
        first.begin()
        stage = Stage(conn, sent=first.staged)
        for record in products(NUMBER):
            stage.add(record)
        stage.flush()
        assert first.merge("product").created == NUMBER
    assert expected(known, "products") > NUMBER // 2


def test_what_the_planner_knows_it_is_not_told_again(known: Database, merge: Merge) -> None:
    merge(*products(NUMBER))
    before = times_analysed(known, "products")
    merge(*(Record("product", (f"new{n}",), {"name": "a"}) for n in range(1_000)), seq=2)
    merge(*products(NUMBER, sku="changed"), seq=3)
    assert times_analysed(known, "products") == before


def test_a_table_that_is_being_vacuumed_holds_up_no_import(known: Database, conn: Conn) -> None:
    before = times_analysed(known, "products")
    with known.dedicated() as other, other.transaction():
        execute(other, "LOCK TABLE products IN SHARE UPDATE EXCLUSIVE MODE")
        execute(conn, "SET lock_timeout = '1s'")
        planner.tell(conn, "product", "default", NUMBER)
        assert times_analysed(known, "products") == before
    planner.tell(conn, "product", "default", NUMBER)
    assert times_analysed(known, "products") == before + 1


@pytest.mark.parametrize(("entity", "table"), [("product", "products"), ("stock", "stocks")])
def test_look_ups_by_key_read_no_other_rows_whatever_the_planner_knows(
    known: Database, conn: Conn, merge: Merge, monkeypatch: pytest.MonkeyPatch, entity: str, table: str
) -> None:
    monkeypatch.setattr(planner, "tell", lambda *_: None)
    merge(*products(NUMBER), *stocks(NUMBER, 1))
    stage, changed = Stage(conn), 60
    stage_all(stage, products(changed, sku="changed") if entity == "product" else stocks(changed, 2))
    with conn.transaction():
        counters = merge_entity(conn, entity, tenant="default", source_seq=2, whole_sets=entity in stage.scopes)
        read = one(
            conn,
            "SELECT seq_tup_read + idx_tup_fetch AS number FROM pg_stat_xact_user_tables WHERE relname = %(t)s",
            t=table,
        )
    assert counters.updated >= changed
    assert read is not None
    assert read["number"] <= 3 * NUMBER, "every row is read for every key"
