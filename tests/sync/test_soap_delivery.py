"""An accepted order reaches a 1C that is called as a web service, once, and its ping opens and closes the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.config import Settings, Worker
from syncd.emulator.http_service_faults import Behaviour
from syncd.emulator.soap_service import WebService
from syncd.queue.broker import Doorbell
from syncd.store import access, endpoints
from syncd.store.db import Database
from syncd.sync import pings
from syncd.sync.context import Context
from tests.sync.test_delivery import Shop, misbehave


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    behaviour = Behaviour(hang=3.0, late=0.2, drip=0.5, pause=0.1)
    database = Database(database_url, size=12)
    ctx = Context(database, Settings(worker=Worker(lease_seconds=5)), Doorbell(None))
    with WebService(tmp_path / "base.sqlite", behaviour) as service:
        with database.transaction() as conn:
            infobase = access.add_infobase(
                conn, "default", "trade", "1c", "x" * 12, dialect="auto", zone="Europe/Moscow"
            )
            endpoints.add(
                conn, "default", name="erp", kind="soap", address=service.url, takes=["order"],
                infobase_id=infobase, timeout_seconds=1.0, concurrency=4,
            )  # fmt: skip
            key = access.find_key(conn, access.create_key(conn, "default", "shop", "shop", ["orders"]))
        assert key is not None
        made = Shop(ctx, service, key)
        yield made
        made.deliverer.stop(0.5)
    database.close()


def test_an_order_is_delivered_and_learns_its_number(shop: Shop) -> None:
    key = shop.order("A-1")
    shop.until_state(key, "acknowledged")
    (document,) = shop.service.state.documents()
    assert (document.id, document.body["lines"][0]["amount"]) == (key, "21.00")
    (order,) = shop.rows("SELECT id_1c, number_1c, posted FROM sales_order")
    assert (order["id_1c"], order["number_1c"]) == (document.ref, document.number)
    assert shop.history(key) == ["sending", "acknowledged"]


@pytest.mark.parametrize("fault", ["timeout-after", "drop-after", "handler-500", "bad-shape-after"])
def test_a_lost_answer_is_looked_up_and_nothing_is_doubled(shop: Shop, fault: str) -> None:
    misbehave(shop, f"post:{fault}")
    key = shop.order("A-1")
    shop.until_state(key, "acknowledged")
    assert shop.documents == [key]
    assert shop.history(key)[:2] == ["sending", "unconfirmed"]


def test_a_base_behind_a_web_service_is_pinged(shop: Shop) -> None:
    assert pings.due(shop.ctx) == 1
    (row,) = shop.rows("SELECT state, failing FROM infobase_health")
    assert tuple(row.values()) == ("up", None)
