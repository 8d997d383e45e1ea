"""Schedules with real processes: a scheduler, a worker, a 1C that answers slowly, and deaths at the worst moment."""

from __future__ import annotations

import threading

import pytest

from syncd.store import access, endpoints
from syncd.store.db import Database
from tests.crash.house import House, until
from tests.sync import onec_data
from tests.sync.onec_data import Answer, page, stock

NOBODY = "unix:///nonexistent/valkey.sock?db=0"
PATIENCE = 90.0


def known(database_url: str, address: str) -> None:
    db = Database(database_url, size=1)
    try:
        with db.transaction() as conn:
            infobase = access.add_infobase(conn, "default", "ut11", "1c", "x", dialect="auto", zone="Europe/Moscow")
            endpoints.add(conn, "default", name="main", kind="http_service", address=address, takes=[],
                          infobase_id=infobase, settings={"pulls": "stocks"}, timeout_seconds=60)  # fmt: skip
    finally:
        db.close()


def test_a_pull_whose_worker_is_killed_is_taken_over_and_merged_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCD_WORKER__LEASE_SECONDS", "5")
    go_on = threading.Event()

    def respond(_entity: str, cursor: str | None) -> Answer:
        if cursor is None:
            return page([stock(number) for number in range(50)], "1")
        go_on.wait(PATIENCE)
        return page([stock(number) for number in range(50, 80)])

    with onec_data.running() as onec:
        onec.respond = respond
        known(database_url, onec.address)
        with House(database_url, NOBODY, roles=("worker", "scheduler")) as house:
            until(lambda: ("stocks", "1") in onec.asked, "the scheduler queues and the worker asks", patience=PATIENCE)
            assert house.one("SELECT count(*) FROM stocks") == 0
            house.kill("worker")
            go_on.set()
            until(lambda: house.one("SELECT count(*) FROM stocks") == 80, "another takes it over", patience=PATIENCE)
            until(lambda: house.one("SELECT count(*) FROM schedule_run WHERE outcome = 'ok' AND lane = 'stocks@ut11'"),
                  "the run ends", patience=PATIENCE)  # fmt: skip
            (run,) = house.rows("SELECT * FROM schedule_run WHERE counters ? 'takeovers'")
            assert run["counters"]["takeovers"] == 1
            assert house.one("SELECT count(*) FROM journal WHERE kind = 'pull' AND outcome = 'ok'") >= 1
            assert house.one("SELECT count(DISTINCT revision) FROM stocks") == 80


def test_schedules_go_on_when_the_scheduler_is_killed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_SCHEDULES__STOCKS__EVERY", "5s")
    monkeypatch.setenv("SYNCD_SCHEDULES__STOCKS__JITTER", "0s")
    with onec_data.running() as onec:
        onec.gives([stock(1)])
        known(database_url, onec.address)
        ended = "SELECT count(*) FROM schedule_run WHERE schedule = 'stocks@ut11' AND outcome = 'ok'"
        with House(database_url, NOBODY, roles=("worker", "scheduler")) as house:
            until(lambda: house.one(ended) >= 1, "a first pull ends", patience=PATIENCE)
            house.kill("scheduler")
            before = house.one(ended)
            until(lambda: house.one(ended) >= before + 2, "pulls go on", patience=PATIENCE)
            rows = house.rows(
                "SELECT fire_at, state, counters FROM schedule_run WHERE schedule = 'stocks@ut11' ORDER BY fire_at"
            )
    span = (rows[-1]["fire_at"] - rows[0]["fire_at"]).total_seconds() / 5 + 1
    assert sum((row["counters"] or {}).get("count", 1) for row in rows) == span
