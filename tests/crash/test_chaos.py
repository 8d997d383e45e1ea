"""Everything is killed, in a seeded order, under a whole exchange: every accepted order is one document in 1C."""

from __future__ import annotations

import random
import signal
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest

from syncd import embedded
from syncd.embedded import Embedded
from syncd.embedded.account import processes
from syncd.emulator import session
from syncd.emulator.base import OrderBase
from syncd.emulator.catalogue import TradeBase
from syncd.emulator.faults import ClientFaults
from syncd.store import migrate
from tests.crash.house import House, again, let_in, onec, place, until

SEED = 20261122
ORDERS = 24
KILLS = ("postgres", "worker", "api", "valkey", "postgres", "worker")
PATIENCE = 80.0


@pytest.fixture
def servers() -> Iterator[Embedded]:
    with tempfile.TemporaryDirectory(prefix="syncd-") as folder:
        home = Path(folder).resolve() / "home"
        with embedded.start(home) as running:
            migrate.upgrade(running.database_url)
            yield running
        embedded.stop(home)


def kill(house: House, servers: Embedded, victim: str) -> None:
    """End it without a warning, and wait until it is back."""
    if victim in {"api", "worker"}:
        dead = psutil.Process(house.kill(victim))
        until(lambda: house.supervisor.pid(victim) != dead.pid, f"{victim} is back")
        return
    name = "postgres" if victim == "postgres" else "valkey-server"
    folder = servers.home / ("postgres" if victim == "postgres" else "valkey")
    found = processes(name, folder)
    oldest = min(found, key=lambda process: process.create_time())  # the one that starts the others
    oldest.send_signal(signal.SIGKILL)
    until(lambda: not oldest.is_running() or oldest.status() == psutil.STATUS_ZOMBIE, "it is dead")
    until(lambda: answers(house) if victim == "postgres" else processes(name, folder), f"{victim} is back")


def answers(house: House) -> bool:
    """Whether Postgres is there."""
    with suppress(psycopg.OperationalError):
        return bool(house.one("SELECT 1"))
    return False


def exchange(house: House, base: TradeBase, orders: OrderBase, stop: threading.Event) -> int:
    """1C's scheduled job, until told to stop and then once more; how many rounds ended well."""
    rounds, last = 0, False
    while not last:
        last = stop.is_set()
        faults = ClientFaults(rate=0.05, seed=SEED + rounds)
        with onec(house.address, attempts=3, retry_pause=0.1, faults=None if last else faults) as client:
            if rounds:
                base.change(names=0.05, prices=0.1, stocks=0.2, added=2)

            again(partial(session.whole_session, client, base, orders, full=rounds == 0), patience=PATIENCE)
        rounds += 1
    return rounds


def test_whatever_is_killed_every_order_is_one_document_and_every_package_is_imported(
    servers: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCD_WORKER__LEASE_SECONDS", "5")
    monkeypatch.setenv("SYNCD_EXCHANGE__PROGRESS_HOLD_SECONDS", "1")
    monkeypatch.setenv("SYNCD_EXCHANGE__IDLE_IMPORT_SECONDS", "5")
    dice = random.Random(SEED)
    key = let_in(servers.database_url)
    base, orders = TradeBase.generate(seed=SEED, products=300), OrderBase()
    stop = threading.Event()
    with House(servers.database_url, servers.redis_url, servers, roles=("api", "worker")) as house:
        with ThreadPoolExecutor(4) as hands:
            scheduled = hands.submit(exchange, house, base, orders, stop)
            placed = [hands.submit(place, house.address, key, f"W-{n}", patience=PATIENCE) for n in range(ORDERS)]
            for victim in KILLS:
                threading.Event().wait(dice.uniform(0.2, 1.5))  # the moment is what is random here
                kill(house, servers, victim)
            accepted = [answer.result().json() for answer in placed]
            stop.set()
            assert scheduled.result() >= 1
        until(house.is_idle, "all packages end")
        assert len({order["id"] for order in accepted}) == ORDERS
        assert orders.doubles() == {}
        assert sorted(order.number for order in orders.orders.values()) == sorted(
            o["exchange_number"] for o in accepted
        )
        assert house.one("SELECT count(*) FROM sales_order") == ORDERS
        assert house.rows("SELECT DISTINCT state FROM outbox") == [{"state": "acknowledged"}]
        outcomes = {row["outcome"] for row in house.rows("SELECT DISTINCT outcome FROM package WHERE state = 'done'")}
        assert outcomes == {"ok"}
        broken = house.rows("SELECT error_code FROM package WHERE state = 'failed'")
        assert {row["error_code"] for row in broken} <= {"E201", "E205", "E216"}  # uploads that a kill cut short
        assert house.one("SELECT count(*) FROM offers WHERE deleted_at IS NULL") == base.offer_count()
