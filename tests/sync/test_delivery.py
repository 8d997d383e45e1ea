"""An accepted order reaches a 1C that we call, once, through whatever goes wrong on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from syncd import journal
from syncd.cli.journal import line
from syncd.config import Settings, Worker
from syncd.emulator.http_service import Service
from syncd.emulator.http_service_faults import Behaviour, parse
from syncd.queue import acts, outbox, view
from syncd.queue.broker import Doorbell
from syncd.queue.claims import Claim
from syncd.queue.policy import Policy
from syncd.store import access, endpoints
from syncd.store.db import Conn, Database, Row, every, one
from syncd.store.ids import new_id
from syncd.sync import orders
from syncd.sync.context import Context
from syncd.sync.delivery import Deliverer
from syncd.sync.targets import PROTOCOLS, Targets

PATIENCE = 15.0
QUICK = Policy(delays=(0.05, 0.1), attempts=3, looks=(0.05, 0.1), away=0.05, maximum=5.0, retry_after_max=0.2)


class Shop:
    """A storefront, a worker's delivery loop and a 1C with an HTTP service."""

    def __init__(self, ctx: Context, service: Service, key: access.ApiKey) -> None:
        self.ctx, self.service, self.key = ctx, service, key
        self.deliverer = self.another_worker()

    def another_worker(self) -> Deliverer:
        targets = Targets(PROTOCOLS, lambda _endpoint: None, self.ctx.db)
        return Deliverer(self.ctx, new_id(), targets, PROTOCOLS, threads=4, rules=lambda _kind: QUICK)

    def order(self, number: str) -> str:
        line = orders.NewLine("b7a6", Decimal(2), Decimal("10.50"), name="Стул")
        new = orders.NewOrder(number=number, currency="RUB", customer={"name": "Иванов"}, lines=(line,))
        return str(orders.accept(self.ctx, self.key, f"key {number}", new).id)

    def message(self, key: str) -> Row:
        with self.ctx.db.transaction() as conn:
            found = one(conn, "SELECT * FROM outbox WHERE kind = 'order' AND key = %(k)s", k=key)
        assert found is not None
        return found

    def history(self, key: str) -> list[str]:
        with self.ctx.db.transaction() as conn:
            return [row["state"] for row in view.history(conn, "default", self.message(key)["id"])]

    def rows(self, query: str) -> list[Row]:
        with self.ctx.db.transaction() as conn:
            return every(conn, query)

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Let the loop go round until something is so."""
        self.deliverer.start()
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, f"in vain: {what}"
            self.deliverer.step()
            time.sleep(0.01)

    def until_state(self, key: str, state: str) -> None:
        self.until(lambda: self.message(key)["state"] == state, f"{key} is {state}")

    @property
    def documents(self) -> list[str]:
        return [document.id for document in self.service.state.documents()]


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    behaviour = Behaviour(hang=3.0, late=0.2, drip=0.5, pause=0.1)
    database = Database(database_url, size=12)
    ctx = Context(database, Settings(worker=Worker(lease_seconds=5)), Doorbell(None))
    with Service(tmp_path / "base.sqlite", behaviour) as service:
        with database.transaction() as conn:
            infobase = access.add_infobase(
                conn, "default", "trade", "1c", "x" * 12, dialect="auto", zone="Europe/Moscow"
            )
            endpoints.add(
                conn, "default", name="erp", kind="http_service", address=service.url, takes=["order"],
                infobase_id=infobase, timeout_seconds=0.7, concurrency=4,
            )  # fmt: skip
            key = access.find_key(conn, access.create_key(conn, "default", "shop", "shop", ["orders"]))
        assert key is not None
        made = Shop(ctx, service, key)
        yield made
        made.deliverer.stop(0.5)
    database.close()


def misbehave(shop: Shop, faults: str) -> None:
    shop.service.behaviour = replace(shop.service.behaviour, faults=parse(faults))


def test_an_order_is_delivered_and_learns_its_number(shop: Shop) -> None:
    key = shop.order("A-1")
    shop.until_state(key, "acknowledged")
    (document,) = shop.service.state.documents()
    assert (document.id, document.body["lines"][0]["amount"]) == (key, "21.00")
    (order,) = shop.rows("SELECT id_1c, number_1c, posted FROM sales_order")
    assert (order["id_1c"], order["number_1c"]) == (document.ref, document.number)
    assert shop.history(key) == ["sending", "acknowledged"]
    with shop.ctx.db.transaction() as conn:
        (row,) = journal.tail(conn, "default", limit=5)
    assert (row["kind"], row["direction"], row["outcome"], row["subject"]) == ("delivery", "out", "ok", "A-1")
    assert "A-1" in line(row), "as `syncd journal tail` prints it"


@pytest.mark.parametrize("fault", ["timeout-after", "drop-after", "half-after", "page-500-after", "gateway-502-after"])
def test_a_lost_answer_is_looked_up_and_nothing_is_sent_twice(shop: Shop, fault: str) -> None:
    misbehave(shop, f"post:{fault}")
    key = shop.order("A-1")
    shop.until_state(key, "acknowledged")
    assert shop.documents == [key]
    assert shop.history(key) == ["sending", "unconfirmed", "acknowledged"]
    assert shop.message(key)["attempt"] == 1
    failed = shop.rows("SELECT code, key, owner FROM journal WHERE outcome = 'failed'")
    assert [row["key"] for row in failed] == [key], "the failure is told once, with what it was about"


@pytest.mark.parametrize("fault", ["timeout-before", "drop-before"])
def test_what_did_not_arrive_is_sent_again_after_look_ups(shop: Shop, fault: str) -> None:
    misbehave(shop, f"post:{fault}")
    key = shop.order("A-1")
    shop.until_state(key, "acknowledged")
    assert shop.documents == [key]
    assert shop.history(key) == ["sending", "unconfirmed", "unconfirmed", "waiting", "sending", "acknowledged"]


def test_a_request_done_after_we_gave_up_makes_no_second_document(shop: Shop) -> None:
    misbehave(shop, "post:late")
    key = shop.order("A-1")
    shop.until_state(key, "acknowledged")
    shop.until(lambda: shop.documents == [key], "the late one is done, and only once")


def test_a_refused_order_waits_for_a_person_and_a_retry_is_a_new_series(shop: Shop) -> None:
    shop.service.behaviour = replace(shop.service.behaviour, refuse=1.0)
    key = shop.order("A-1")
    shop.until_state(key, "rejected")
    assert shop.documents == []
    shop.service.behaviour = replace(shop.service.behaviour, refuse=0.0)
    with shop.ctx.db.transaction() as conn:
        assert acts.retry(conn, "default", shop.message(key)["id"], by="anna", reason="the article was added in 1C")
    shop.until_state(key, "acknowledged")
    assert (shop.message(key)["series"], shop.message(key)["attempt"]) == (2, 1)


def test_a_base_that_is_away_costs_no_attempt(shop: Shop) -> None:
    shop.service.close_port()
    key = shop.order("A-1")
    shop.until(lambda: shop.history(key).count("sending") >= 4, "it was tried again and again")
    assert shop.message(key)["attempt"] <= 1
    shop.service.start()
    shop.until_state(key, "acknowledged")
    assert shop.message(key)["attempt"] == 1


def test_failures_inside_1c_end_in_a_rejection_that_says_what_it_was(shop: Shop) -> None:
    misbehave(shop, "post:failed@1x99")
    key = shop.order("A-1")
    shop.until_state(key, "rejected")
    assert shop.history(key).count("sending") == QUICK.attempts
    assert shop.message(key)["error_code"] == "E904"


def test_nothing_is_sent_while_the_base_is_down_or_paused(shop: Shop) -> None:
    with shop.ctx.db.transaction() as conn:
        conn.execute("INSERT INTO infobase_health (tenant, infobase_id, state) SELECT tenant, id, 'down' FROM infobase")
    key = shop.order("A-1")
    for _ in range(5):
        assert shop.deliverer.step() == 0
    with shop.ctx.db.transaction() as conn:
        conn.execute("UPDATE infobase_health SET state = 'up'")
        conn.execute("UPDATE infobase SET paused_at = now(), paused_until = now() + interval '1 h'")
    for _ in range(5):
        assert shop.deliverer.step() == 0
    with shop.ctx.db.transaction() as conn:
        conn.execute("UPDATE infobase SET paused_until = now()")
    shop.until_state(key, "acknowledged")


def test_after_a_recovery_the_base_is_not_flooded(shop: Shop) -> None:
    with shop.ctx.db.transaction() as conn:
        conn.execute(
            """INSERT INTO infobase_health (tenant, infobase_id, state, recovered_at)
               SELECT tenant, id, 'up', now() FROM infobase"""
        )
    for number in range(6):
        shop.order(f"A-{number}")
    assert shop.deliverer.step() == 1, "one at first, though four may be under way at once"


def test_the_rate_of_an_endpoint_holds_over_all_workers(shop: Shop) -> None:
    with shop.ctx.db.transaction() as conn:
        conn.execute("UPDATE endpoint SET rate_per_second = 2")
    for number in range(6):
        shop.order(f"A-{number}")
    assert shop.deliverer.step() + shop.another_worker().step() == 2


def test_the_work_of_a_dead_worker_is_taken_over_and_looked_up(shop: Shop) -> None:
    key = shop.order("A-1")
    dead = shop.another_worker()  # its threads never start: it claims and does nothing more
    assert dead.step() == 1
    with shop.ctx.db.transaction() as conn:
        conn.execute("UPDATE outbox SET lease_until = now() - interval '1 ms'")
    shop.until_state(key, "acknowledged")
    assert shop.documents == [key]
    states = shop.history(key)
    assert states[:2] == ["sending", "unconfirmed"]
    assert [row["code"] for row in shop.rows("SELECT code FROM journal WHERE outcome = 'failed'")] == ["E901"]


def test_what_is_claimed_while_the_worker_stops_is_given_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    key = shop.order("A-1")
    worker = shop.another_worker()
    claimed, go_on = threading.Event(), threading.Event()
    read = worker._flights

    def slow(conn: Conn, claims: list[Claim]) -> list[Any]:
        claimed.set()
        assert go_on.wait(PATIENCE)
        return read(conn, claims)

    monkeypatch.setattr(worker, "_flights", slow)
    loop = threading.Thread(target=worker.run)
    loop.start()
    assert claimed.wait(PATIENCE)
    worker.stop(0.0)
    go_on.set()
    loop.join(PATIENCE)
    row = shop.message(key)
    assert (row["state"], row["lease_id"], row["attempt"]) == ("waiting", None, 0), "nobody has to wait for a lease"
    shop.until_state(key, "acknowledged")
    assert shop.documents == [key]


def test_a_message_that_cannot_be_read_does_not_stop_the_others(shop: Shop) -> None:
    with shop.ctx.db.transaction() as conn:
        outbox.enqueue(conn, "default", kind="order", key="no id of ours")
    key = shop.order("A-1")
    shop.until_state(key, "acknowledged")
    shop.until_state("no id of ours", "rejected")
    assert shop.message("no id of ours")["error_code"] == "E905"


def test_a_delivery_keeps_its_lease_however_seldom_the_worker_looks_for_work(shop: Shop) -> None:
    settings = Settings(worker=Worker.model_construct(lease_seconds=0.8, poll_seconds=60.0, delivery_threads=1))
    misbehave(shop, "post:timeout-after")  # hangs for three seconds
    with shop.ctx.db.transaction() as conn:
        conn.execute("UPDATE endpoint SET timeout_seconds = 10")
    key = shop.order("A-1")
    targets = Targets(PROTOCOLS, lambda _endpoint: None, shop.ctx.db)
    worker = Deliverer(replace(shop.ctx, settings=settings), new_id(), targets, PROTOCOLS, threads=1)
    loop = threading.Thread(target=worker.run)
    loop.start()
    try:
        until(lambda: shop.message(key)["state"] == "sending")
        until(lambda: bool(shop.rows("SELECT 1 AS x FROM outbox WHERE claimed_at < now() - interval '2 s'")))
        assert shop.rows("SELECT lease_until > now() AS alive, state FROM outbox") == [
            {"alive": True, "state": "sending"}
        ]
    finally:
        worker.stop(0.0)
        loop.join(PATIENCE)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def test_an_import_that_confirms_an_order_and_its_look_up_do_not_wait_for_each_other(shop: Shop) -> None:
    misbehave(shop, "post:timeout-after")
    key = shop.order("A-1")
    shop.until_state(key, "unconfirmed")
    worker = shop.another_worker()
    with shop.ctx.db.transaction() as conn:
        conn.execute("UPDATE outbox SET next_attempt_at = now()")
    assert worker.step() == 1
    with psycopg.connect(shop.ctx.db.url, row_factory=dict_row) as importing:
        importing.execute("SET lock_timeout = '300ms'")
        importing.execute("SELECT FROM sales_order FOR UPDATE")
        worker.start()
        waits = "SELECT 1 AS x FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        until(lambda: bool(shop.rows(waits)))
        assert outbox.confirm_key(importing, "default", "order", key, by="exchange")
    worker.stop(5.0)
    assert shop.history(key)[-1] == "acknowledged"
    assert shop.documents == [key]
