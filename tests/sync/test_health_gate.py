"""A whole worker and a base that goes away and comes back: what is sent when, and how often."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from syncd.config import Health, Settings
from syncd.emulator.http_service import Service
from syncd.health import standing
from syncd.queue.broker import Doorbell
from syncd.store import access, endpoints
from syncd.store.access import ApiKey
from syncd.store.db import Database, every
from syncd.sync import orders
from syncd.sync.context import Context
from syncd.sync.worker import Worker


@pytest.fixture
def ctx(database_url: str, home: Path) -> Iterator[Context]:
    del home
    db = Database(database_url, size=12)
    health = Health(interval_seconds=1, down_interval_seconds=1, timeout_seconds=5, down_after=2)
    yield Context(db, Settings(health=health), Doorbell(None))
    db.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "base.sqlite") as running:
        yield running


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not true():
        assert time.monotonic() < deadline
        pause.wait(0.05)


def test_nothing_is_sent_into_a_base_that_is_down_and_all_of_it_once_it_is_back(ctx: Context, service: Service) -> None:
    with ctx.db.transaction() as conn:
        base = access.add_infobase(conn, "default", "trade", "1c", "p", dialect="auto", zone="Europe/Moscow")
        endpoints.add(
            conn, "default", name="ut", kind="http_service", address=service.url, takes=["order"], infobase_id=base
        )
        key = access.find_key(conn, access.create_key(conn, "default", "shop", "shop", ["orders"]))
    assert key is not None
    service.close_port()
    worker = Worker(ctx, None, threads=1)
    worker.start()
    try:
        until(lambda: state(ctx) == "down")
        keys = [place(ctx, key, str(n)) for n in range(5)]
        pings = changes(ctx)
        assert {row["state"] for row in pings} <= {"pending"}, "no attempt is made, none is used up"
        service.start()
        until(lambda: state(ctx) == "up")
        until(lambda: acknowledged(ctx) == 5)
    finally:
        worker.stop()
    assert sorted(document.id for document in service.state.documents()) == sorted(keys)
    with ctx.db.transaction() as conn:
        assert [change["state"] for change in standing.history(conn, "default", base)] == ["up", "down"]
        attempts = every(conn, "SELECT attempt FROM outbox WHERE kind = 'order'")
    assert {row["attempt"] for row in attempts} == {1}


def place(ctx: Context, key: ApiKey, number: str) -> str:
    line = orders.NewLine("b7a6", Decimal(2), Decimal("10.50"), name="Стул")
    new = orders.NewOrder(number=number, currency="RUB", customer={"name": "Иванов"}, lines=(line,))
    return str(orders.accept(ctx, key, f"key {number}", new).id)


def state(ctx: Context) -> str:
    with ctx.db.transaction() as conn:
        row = standing.infobase(conn, "default", "trade")
    assert row is not None
    return str(row["state"])


def changes(ctx: Context) -> list[dict[str, object]]:
    with ctx.db.transaction() as conn:
        return every(conn, "SELECT state FROM outbox WHERE kind = 'order'")


def acknowledged(ctx: Context) -> int:
    return sum(row["state"] == "acknowledged" for row in changes(ctx))
