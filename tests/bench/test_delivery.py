"""The bench of the delivery measures what it says, on few messages: from end to end, without judging the machine."""

from __future__ import annotations

import psycopg

from bench.delivery import acceptance, claims


def test_acceptance_and_its_bare_loop_write_the_same_rows(database_url: str) -> None:
    ours, bare = acceptance.use_case(database_url, 0.05)
    assert ours > 0
    assert bare > 0
    with psycopg.connect(database_url) as conn:
        for tenant in ("default", "bare"):
            row = conn.execute(
                """SELECT (SELECT count(*) FROM sales_order WHERE tenant = %(t)s),
                          (SELECT count(*) FROM outbox WHERE tenant = %(t)s),
                          (SELECT count(*) FROM idempotency WHERE tenant = %(t)s)""",
                {"t": tenant},
            ).fetchone()
            assert row
            assert row[0] == row[1] == row[2] > 0


def test_claims_are_measured_among_finished_messages_and_under_a_held_snapshot(database_url: str) -> None:
    assert len(claims.latency(database_url, 80)) == 10
    claims.finished(database_url, 1000)
    assert len(claims.latency(database_url, 40)) == 5
    first, last = claims.under_an_open_transaction(database_url, 160)
    assert first > 0
    assert last > 0


def test_a_backlog_drains_while_new_orders_come(database_url: str) -> None:
    found = claims.drain(database_url, 200, every=0.0)
    assert found.rate > 0
    assert found.neighbour < found.same, "a neighbour does not wait behind the backlog"
