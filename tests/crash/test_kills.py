"""A role dies at the worst moment: nothing is lost or done twice, and what was begun is finished by the next."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import psutil
import pytest

from syncd.emulator import session
from syncd.emulator.base import OrderBase
from syncd.emulator.catalogue import TradeBase
from tests.crash.house import House, again, let_in, onec, place, until

STOP_SECONDS = 10.0
ATTEMPTS = 200
NOBODY = "unix:///nonexistent/valkey.sock?db=0"


@pytest.fixture(autouse=True)
def _short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_WORKER__LEASE_SECONDS", "5")
    monkeypatch.setenv("SYNCD_EXCHANGE__PROGRESS_HOLD_SECONDS", "1")


@pytest.fixture
def key(database_url: str) -> str:
    return let_in(database_url)


@pytest.fixture
def house(database_url: str, redis_url: str, key: str) -> Iterator[House]:
    del key
    with House(database_url, redis_url, roles=("api", "worker")) as found:
        yield found


@contextmanager
def pushing(house: House, base: TradeBase) -> Iterator[None]:
    """1C sends its catalogue, and asks for the imports until they have ended, beside what the block does."""
    with onec(house.address, attempts=ATTEMPTS, retry_pause=0.2) as client, ThreadPoolExecutor(1) as scheduled:
        pushed = scheduled.submit(session.push_catalogue, client, base)
        yield
        pushed.result()


def assert_imported(house: House, base: TradeBase) -> None:
    until(house.is_idle, "all packages end")
    assert house.rows("SELECT DISTINCT outcome FROM package") == [{"outcome": "ok"}]
    assert house.one("SELECT count(*) FROM offers WHERE deleted_at IS NULL") == base.offer_count()


def test_a_worker_killed_while_it_stages_leaves_nothing_behind_and_another_imports(house: House) -> None:
    base = TradeBase.generate(seed=1, products=4000)
    staging = """SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'syncd import' AND query LIKE 'COPY%'"""
    with pushing(house, base):
        until(lambda: house.one(staging), "an import stages")
        house.kill("worker")
        assert house.one("SELECT state FROM package ORDER BY seq LIMIT 1") == "importing"
        assert house.one("SELECT count(*) FROM products") == 0
    assert house.one("SELECT max(attempt) FROM package") == 2
    assert_imported(house, base)


def test_a_worker_killed_while_it_merges_leaves_nothing_behind_and_another_imports(house: House) -> None:
    base = TradeBase.generate(seed=2, products=50)
    with pushing(house, base):
        with house.locked("products"):
            until(lambda: house.someone_waits_for("products"), "a merge waits")
            house.kill("worker")
        assert house.one("SELECT count(*) FROM categories") == 0
    assert house.one("SELECT max(attempt) FROM package") == 2
    assert_imported(house, base)


def test_an_api_killed_during_an_upload_costs_1c_a_repetition(house: House) -> None:
    base = TradeBase.generate(seed=3, products=50)
    with pushing(house, base), house.locked("upload_chunk"):
        until(lambda: house.someone_waits_for("upload_chunk"), "a part is being stored")
        house.kill("api")
    assert_imported(house, base)


def test_an_api_killed_between_commit_and_answer_keeps_the_order_once(house: House, key: str) -> None:
    with ThreadPoolExecutor(1) as storefront:
        with house.locked("order_status"):  # read for the answer, after the commit
            answer = storefront.submit(place, house.address, key, "W-1")
            until(lambda: house.one("SELECT count(*) FROM sales_order"), "the order is committed")
            until(lambda: house.someone_waits_for("order_status"), "the answer is being made")
            house.kill("api")
        found = answer.result()
    assert found.status_code == 200
    assert found.headers["idempotency-replayed"] == "true"
    assert house.one("SELECT count(*) FROM sales_order") == 1
    assert house.one("SELECT count(*) FROM outbox") == 1
    orders = OrderBase()
    with onec(house.address) as client:
        session.exchange_orders(client, orders)
    assert list(orders.created.items()) == [("W-1", 1)]
    assert house.one("SELECT state FROM outbox") == "acknowledged"


def test_an_api_killed_before_the_commit_has_not_accepted_and_the_repetition_is_accepted(
    house: House, key: str
) -> None:
    with ThreadPoolExecutor(1) as storefront:
        with house.locked("outbox"):
            answer = storefront.submit(place, house.address, key, "W-1")
            until(lambda: house.someone_waits_for("outbox"), "the order is being written")
            house.kill("api")
        assert answer.result().json()["number"] == "W-1"
    assert house.one("SELECT count(*) FROM sales_order") == 1
    assert house.one("SELECT count(*) FROM outbox") == 1


def test_an_api_killed_while_1c_confirms_offers_the_order_again_and_1c_knows_it(house: House, key: str) -> None:
    place(house.address, key, "W-1")
    orders = OrderBase()
    with onec(house.address, attempts=ATTEMPTS, retry_pause=0.2) as client, ThreadPoolExecutor(1) as scheduled:
        with house.locked("outbox_change"):
            pulled = scheduled.submit(again, lambda: session.exchange_orders(client, orders))
            until(lambda: house.someone_waits_for("outbox_change"), "orders are being offered")
            house.kill("api")
        pulled.result()
    assert orders.doubles() == {}
    assert list(orders.created) == ["W-1"]
    assert house.one("SELECT state FROM outbox") == "acknowledged"


@pytest.mark.parametrize("role", ["api", "worker", "scheduler"])
def test_a_role_told_to_stop_during_an_import_ends_in_time_and_the_import_is_done_later(
    database_url: str, redis_url: str, key: str, role: str
) -> None:
    del key
    base = TradeBase.generate(seed=4, products=50)
    with House(database_url, redis_url) as house:
        with pushing(house, base), house.locked("products"):
            until(lambda: house.someone_waits_for("products"), "a merge waits")
            process = psutil.Process(house.supervisor.pid(role))
            began = time.monotonic()
            house.kill(role, signal.SIGTERM)
            until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "it ends")
            took = time.monotonic() - began
        assert took < STOP_SECONDS
        assert_imported(house, base)
        if role == "worker":
            assert house.one("SELECT max(attempt) FROM package") == 1  # given back, not failed


def test_without_redis_everything_arrives_by_polling(database_url: str, key: str) -> None:
    base = TradeBase.generate(seed=5, products=50)
    orders = OrderBase()
    with House(database_url, NOBODY, roles=("api", "worker")) as house:
        number = place(house.address, key, "W-1").json()["exchange_number"]
        with onec(house.address) as client:
            session.whole_session(client, base, orders)
            orders.ship(number)
            session.send_statuses(client, orders)
        assert_imported(house, base)
        headers = {"Authorization": f"Bearer {key}"}
        found = httpx.get(f"{house.address}/v1/orders", headers=headers, trust_env=False).json()["items"]
        assert [(order["number"], order["status"]) for order in found] == [("W-1", "shipped")]
