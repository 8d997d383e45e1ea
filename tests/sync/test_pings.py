"""Pings over real HTTP into real tables: who is asked, what is written, who is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from syncd.config import Health, Settings
from syncd.emulator.http_service import Service
from syncd.emulator.http_service_faults import Behaviour, parse
from syncd.emulator.odata import OdataBase
from syncd.health import standing
from syncd.queue.broker import Doorbell
from syncd.store import access, endpoints, secrets
from syncd.store.db import Database, Row, every, execute, one
from syncd.sync import pings
from syncd.sync.context import Context


@pytest.fixture
def ctx(database_url: str, home: Path) -> Iterator[Context]:
    del home
    db = Database(database_url, size=4)
    yield Context(db, Settings(health=Health(timeout_seconds=2, down_after=2)), Doorbell(None))
    db.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "base.sqlite") as running:
        yield running


def base(ctx: Context, name: str, address: str | None, **kwargs: Any) -> UUID:
    with ctx.db.transaction() as conn:
        made = access.add_infobase(conn, "t", name, name, "p", dialect="auto", zone="Europe/Moscow")
        if address:
            endpoints.add(
                conn, "t", name=f"{name}-hs", kind="http_service", address=address, takes=["order"], infobase_id=made,
                **kwargs,
            )  # fmt: skip
    return made


def health(ctx: Context, name: str) -> Row:
    with ctx.db.transaction() as conn:
        found = standing.infobase(conn, "t", name)
    assert found is not None
    return found


def again(ctx: Context, times: int = 1) -> None:
    for _ in range(times):
        with ctx.db.transaction() as conn:
            execute(conn, "UPDATE infobase_health SET next_ping_at = now()")
        assert pings.due(ctx) == 1


def test_a_base_we_call_is_asked_and_one_that_calls_us_is_not(ctx: Context, service: Service) -> None:
    base(ctx, "called", service.url)
    base(ctx, "calling", None)
    assert pings.due(ctx) == 1
    found = health(ctx, "called")
    assert (found["state"], found["failing"], found["called"]) == ("up", None, True)
    assert found["latency_ms"] > 0
    assert found["next_ping_at"] > found["checked_at"]
    calling = health(ctx, "calling")
    assert (calling["state"], calling["checked_at"], calling["called"]) == ("unknown", None, False)
    assert pings.due(ctx) == 0, "its time has not come again"


def test_an_outage_is_written_told_and_ended(ctx: Context, service: Service) -> None:
    made = base(ctx, "ut", service.url)
    with ctx.db.transaction() as conn:
        endpoints.add(
            conn, "t", name="hook", kind="webhook", address="http://h", takes=["infobase.down", "infobase.up"]
        )
    again(ctx)
    service.close_port()
    again(ctx)
    assert health(ctx, "ut")["state"] == "up"
    again(ctx)
    down = health(ctx, "ut")
    assert (down["state"], down["failing"], down["error_code"]) == ("down", "connection", "E924")
    assert "No connection" in standing.error_text(down)
    service.start()
    again(ctx, 2)
    up = health(ctx, "ut")
    assert up["state"] == "up"
    assert up["recovered_at"] is not None
    with ctx.db.transaction() as conn:
        changes = standing.history(conn, "t", made)
        rows = every(conn, "SELECT outcome, code, subject FROM journal WHERE kind = 'health' ORDER BY at")
        told = every(conn, "SELECT payload->>'type' AS name, payload->'data'->>'code' AS code FROM outbox ORDER BY seq")
    assert [change["state"] for change in changes] == ["up", "down", "up"]
    assert all(change["seconds"] >= 0 for change in changes)
    assert [(row["outcome"], row["code"]) for row in rows] == [("ok", None), ("failed", "E924"), ("ok", None)]
    assert rows[1]["subject"] == "ut: up -> down"
    assert told == [{"name": "infobase.down", "code": "E924"}, {"name": "infobase.up", "code": None}]


def test_blocked_sessions_are_maintenance_at_once_and_are_not_asked_again_soon(ctx: Context, service: Service) -> None:
    made = base(ctx, "ut", service.url)
    again(ctx)
    service.set({"mode": "blocked"})
    again(ctx)
    found = health(ctx, "ut")
    assert (found["state"], found["failing"]) == ("maintenance", "session")
    assert (found["next_ping_at"] - found["checked_at"]).total_seconds() >= 120
    with ctx.db.transaction() as conn:
        standing.soon(conn, "t", made, ctx.settings.health)
    assert health(ctx, "ut")["next_ping_at"] == found["next_ping_at"]


def test_a_failed_delivery_brings_the_next_ping_forward(ctx: Context, service: Service) -> None:
    made = base(ctx, "ut", service.url)
    again(ctx)
    with ctx.db.transaction() as conn:
        standing.soon(conn, "t", made, ctx.settings.health)
    assert pings.due(ctx) == 0, "it was asked a moment ago"
    with ctx.db.transaction() as conn:
        execute(conn, "UPDATE infobase_health SET checked_at = now() - interval '20 seconds'")
        execute(conn, "UPDATE infobase_health SET next_ping_at = now() + interval '10 seconds'")
        standing.soon(conn, "t", made, ctx.settings.health)
        assert len(pings.claim(conn, 2, 5)) == 1
        standing.soon(conn, "t", made, ctx.settings.health)
    assert pings.due(ctx) == 0, "it is being asked"


def test_a_secret_that_no_key_opens_is_a_failed_login_and_no_crash(ctx: Context, service: Service) -> None:
    base(ctx, "ut", service.url, sealed=secrets.Keys([secrets.new_key()]).seal("x"), settings={"login": "site"})
    again(ctx)
    found = health(ctx, "ut")
    assert (found["state"], found["failing"], found["error_code"]) == ("down", "login", "E920")


def test_the_sealed_password_is_the_one_that_is_sent(ctx: Context, tmp_path: Path) -> None:

    with Service(tmp_path / "b.sqlite", Behaviour(login="сайт", password="пароль")) as service:
        sealed = secrets.keys(ctx.settings).seal("пароль")
        base(ctx, "ut", service.url, sealed=sealed, settings={"login": "сайт"})
        again(ctx)
    assert health(ctx, "ut")["state"] == "up"


def test_two_pingers_never_ask_the_same_base(ctx: Context, service: Service) -> None:
    base(ctx, "ut", service.url)
    claimed: list[int] = []
    barrier = threading.Barrier(4)

    def run() -> None:
        barrier.wait()
        claimed.append(pings.due(ctx))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == [0, 0, 0, 1]
    assert service.requests == 1


def test_no_transaction_is_open_while_an_answer_is_awaited(ctx: Context, tmp_path: Path) -> None:

    with Service(tmp_path / "b.sqlite", Behaviour(parse("ping:timeout-before"))) as service:
        base(ctx, "ut", service.url)
        stopping = threading.Event()
        pinger = pings.Pinger(ctx, stopping, at_once=1)
        assert pinger.due() == 1
        assert pinger.due() == 0
        deadline = threading.Event()
        while not service.requests:
            deadline.wait(0.01)
        with ctx.db.transaction() as conn:
            row = one(
                conn,
                """SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()
                     AND starts_with(state, 'idle in transaction') AND pid <> pg_backend_pid()""",
            )
        assert row == {"n": 0}
        stopping.set()


def test_a_ping_that_was_given_up_writes_nothing(ctx: Context, service: Service) -> None:
    made = base(ctx, "ut", service.url)
    assert pings.ask(ctx, "t", made, wanted=lambda: False) is not None
    assert health(ctx, "ut")["checked_at"] is None
    assert pings.ask(ctx, "t", base(ctx, "other", None)) is None


def test_a_base_over_odata_is_asked_too(ctx: Context) -> None:
    with OdataBase(preset="ut11", seed=1, size=12).running() as running:
        with ctx.db.transaction() as conn:
            made = access.add_infobase(conn, "t", "odata", "1c", "p", dialect="auto", zone="Europe/Moscow")
            sealed = secrets.keys(ctx.settings).seal(running.password)
            endpoints.add(
                conn, "t", name="o", kind="odata", address=running.url, takes=[], infobase_id=made, sealed=sealed,
                settings={"login": running.user},
            )  # fmt: skip
        again(ctx)
        assert health(ctx, "odata")["state"] == "up"
    again(ctx, 2)
    found = health(ctx, "odata")
    assert (found["state"], found["failing"]) == ("down", "connection")
