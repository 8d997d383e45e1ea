"""Probes and metrics: what a balancer and an alarm look at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from psycopg.conninfo import make_conninfo

from syncd.queue import outbox
from syncd.queue.events import emit_to
from syncd.store import access, endpoints
from syncd.store.db import execute
from tests.api.site import Site


def samples(site: Site) -> dict[str, float]:
    """The metrics by name with labels."""
    answer = site.http.get("/metrics")
    assert answer.status_code == 200
    lines = (line for line in answer.text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_the_oldest_order_is_watched_and_events_are_counted_apart(site: Site) -> None:
    with site.ctx.db.transaction() as conn:
        hook, _ = endpoints.add(conn, "acme", name="hook", kind="webhook", address="http://127.0.0.1:9", takes=["*"])
        outbox.enqueue(conn, "acme", kind="order", key="1")
        emit_to(conn, "acme", hook.id, "test", "2", {})
        execute(conn, "UPDATE outbox SET created_at = now() - interval '100 seconds' WHERE kind = 'order'")
        execute(conn, "UPDATE outbox SET created_at = now() - interval '1 day' WHERE kind = 'event'")
    found = samples(site)
    assert 100 <= found['syncd_outbox_oldest_seconds{tenant="acme"}'] < 160
    assert found['syncd_outbox_messages{state="pending",tenant="acme"}'] == 1
    assert found['syncd_events_oldest_seconds{tenant="acme"}'] >= 86_400
    assert found['syncd_events_messages{state="pending",tenant="acme"}'] == 1


def test_a_company_where_nothing_waits_says_so_in_zeros(site: Site) -> None:
    site.add_infobase()
    assert samples(site)['syncd_outbox_oldest_seconds{tenant="default"}'] == 0


def test_a_base_that_is_down_shows_in_its_state_and_in_the_gate_of_its_endpoint(site: Site) -> None:
    with site.ctx.db.transaction() as conn:
        base = access.add_infobase(conn, "default", "trade", "1c", "x", dialect="auto", zone="Europe/Moscow")
        endpoints.add(conn, "default", name="erp", kind="http_service", address="http://127.0.0.1:9", takes=["order"],
                      infobase_id=base)  # fmt: skip
        execute(
            conn, "INSERT INTO infobase_health (tenant, infobase_id, state) VALUES ('default', %(i)s, 'up')", i=base
        )
    up, down = (f'syncd_infobase_state{{infobase="trade",state="{each}",tenant="default"}}' for each in ("up", "down"))
    gate = 'syncd_gate_closed{endpoint="erp",tenant="default"}'
    found = samples(site)
    assert (found[up], found[down], found[gate]) == (1, 0, 0)
    with site.ctx.db.transaction() as conn:
        execute(conn, "UPDATE infobase_health SET state = 'down'")
    found = samples(site)
    assert (found[up], found[down], found[gate]) == (0, 1, 1)


@pytest.mark.parametrize("how", ["paused", "closed", "disabled"])
def test_a_gate_is_closed_by_a_person_by_the_target_and_for_good(site: Site, how: str) -> None:
    with site.ctx.db.transaction() as conn:
        hook, _ = endpoints.add(conn, "default", name="hook", kind="webhook", address="http://127.0.0.1:9", takes=["*"])
        later = datetime.now(UTC) + timedelta(hours=1)
        if how == "paused":
            endpoints.pause(conn, "default", hook.id, until=None, reason="x", by="me")
        elif how == "closed":
            endpoints.close_until(conn, "default", hook.id, later, "E930")
        else:
            endpoints.disable(conn, "default", hook.id)
    assert samples(site)['syncd_gate_closed{endpoint="hook",tenant="default"}'] == 1


def test_a_pull_that_is_late_shows(site: Site) -> None:
    with site.ctx.db.transaction() as conn:
        base = access.add_infobase(conn, "default", "trade", "1c", "x", dialect="auto", zone="Europe/Moscow")
        endpoints.add(conn, "default", name="erp", kind="http_service", address="http://127.0.0.1:9", takes=[],
                      infobase_id=base, settings={"pulls": "stocks"})  # fmt: skip
    name = '{schedule="stocks@trade",tenant="default"}'
    assert samples(site)[f"syncd_pull_late{name}"] == 0
    with site.ctx.db.transaction() as conn:
        execute(
            conn,
            """INSERT INTO schedule (tenant, name, next_fire_at) VALUES ('default', 'stocks@trade', now())
               ON CONFLICT DO NOTHING""",
        )
        execute(
            conn,
            """INSERT INTO schedule_run (tenant, schedule, fire_at, lane, state, outcome, finished_at)
               VALUES ('default', 'stocks@trade', now() - interval '2 hours', 'stocks@trade', 'done', 'ok',
                       now() - interval '2 hours')""",
        )
    found = samples(site)
    assert found[f"syncd_pull_late{name}"] == 1
    assert 6_000 < found[f"syncd_pull_overdue_seconds{name}"] < 7_200


def test_ready_means_that_an_order_could_be_taken(site: Site) -> None:
    answer = site.http.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "workers": 0})
    with site.ctx.db.transaction() as conn:
        execute(conn, "INSERT INTO worker (id, role, host, pid) VALUES (gen_random_uuid(), 'worker', 'here', 1)")
    assert site.http.get("/health/ready").json()["workers"] == 1


def test_a_server_that_takes_no_writes_is_not_ready(database_url: str) -> None:
    other = Site(make_conninfo(database_url, options="-c default_transaction_read_only=on"))
    try:
        answer = other.http.get("/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"status": "unavailable", "reason": "read only"})
        assert other.http.get("/health/live").status_code == 200
    finally:
        other.close()
