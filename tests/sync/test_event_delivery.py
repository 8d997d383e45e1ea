"""Events through the outbox's engine to a real receiver: each arrives, in order per order, whatever it answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from syncd.adapters.webhooks import new_secret
from syncd.config import Settings, Worker
from syncd.queue.broker import Doorbell
from syncd.queue.events import emit
from syncd.queue.policy import Policy
from syncd.store import endpoints, secrets
from syncd.store.db import Database, Row, every, execute
from syncd.store.endpoints import Endpoint
from syncd.store.ids import new_id
from syncd.sync.context import Context
from syncd.sync.delivery import Deliverer
from syncd.sync.targets import PROTOCOLS, Targets
from tests.adapters.receiver import Receiver, receiving

QUICK = Policy(delays=(0.02, 0.05), attempts=4, looks=(0.05,), away=0.02, maximum=5.0, retry_after_max=0.2)
TOKEN = "1234567890:" + "AbCdEfGhIjKlMnOpQrStUvWxYz0123456-_"


class House:
    """A worker's delivery loop, and storefronts and people who listen."""

    def __init__(self, database_url: str, home: Path) -> None:
        settings = Settings(home=home, worker=Worker(poll_seconds=0.02))
        self.db = Database(database_url, size=8)
        self.keys = secrets.keys(settings)
        targets = Targets(PROTOCOLS, lambda endpoint: endpoint.secret(self.keys), self.db)
        self.deliverer = Deliverer(
            Context(self.db, settings, Doorbell(None)), new_id(), targets, PROTOCOLS, threads=4, rules=lambda _: QUICK
        )
        self.thread = threading.Thread(target=self.deliverer.run)
        self.settled = threading.Event()

    def listening(self, receiver: Receiver, secret: str, kind: str = "webhook", **settings: Any) -> Endpoint:
        with self.db.transaction() as conn:
            made, _ = endpoints.add(
                conn, "default", name=f"{kind} {receiver.port}", kind=kind, takes=["order.*"], timeout_seconds=5,
                address=receiver.url if kind == "webhook" else f"http://127.0.0.1:{receiver.port}",
                settings={"allow_private": True, **settings}, sealed=self.keys.seal(secret),
            )  # fmt: skip
        return made

    def tell(self, order: str, n: int) -> None:
        with self.db.transaction() as conn:
            emit(conn, "default", "order.changed", order, {"order_id": order, "n": n}, dedupe=str(n))

    def rows(self) -> list[Row]:
        with self.db.transaction() as conn:
            return every(conn, "SELECT * FROM outbox WHERE kind = 'event' ORDER BY seq")

    def until(self, true: Callable[[], bool]) -> None:
        if not self.thread.is_alive():
            self.thread.start()
        for _ in range(1_500):
            if true():
                return
            self.settled.wait(0.01)
        raise AssertionError([(row["state"], row["error_code"], row["attempt"]) for row in self.rows()][:20])

    def done(self) -> bool:
        return {row["state"] for row in self.rows()} <= {"acknowledged"}


@pytest.fixture
def house(database_url: str, home: Path) -> Iterator[House]:
    found = House(database_url, home)
    yield found
    found.deliverer.stop(5)
    if found.thread.is_alive():
        found.thread.join(timeout=10)
    found.db.close()


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def came(shop: Receiver) -> list[tuple[str, int]]:
    """The events in the order they came first, each once."""
    found: dict[str, tuple[str, int]] = {}
    for each in shop.came:
        data = json.loads(each.body)["data"]
        found.setdefault(each.headers["webhook-id"], (data["order_id"], data["n"]))
    return list(found.values())


def test_every_event_arrives_in_the_order_of_its_order_whatever_the_storefront_answers(
    house: House, shop: Receiver
) -> None:
    secret = new_secret()
    house.listening(shop, secret)
    shop.answers = [(503, {}, b""), (500, {}, b"x"), (200, {}, b""), (429, {"Retry-After": "0"}, b""), (200, {}, b"")]
    for n in range(6):
        for order in ("A", "B", "C"):
            house.tell(order, n)
            house.tell(order, n)  # told twice is told once
    house.until(house.done)
    for order in ("A", "B", "C"):
        assert [n for key, n in came(shop) if key == order] == list(range(6))
    for each in shop.came:
        Webhook(secret).verify(each.body, each.headers)


def test_a_storefront_that_is_away_gets_everything_when_it_is_back(house: House, shop: Receiver) -> None:
    made = house.listening(shop, new_secret())
    with house.db.transaction() as conn:
        execute(conn, "UPDATE endpoint SET address = 'http://127.0.0.1:9/' WHERE id = %(id)s", id=made.id)
    for n in range(5):
        house.tell("A", n)
    house.until(lambda: house.rows()[0]["error_code"] == "E944")
    assert {row["attempt"] for row in house.rows()} <= {0, 1}  # being away costs no attempt
    with house.db.transaction() as conn:
        endpoints.change(conn, "default", made.id, address=shop.url)
    house.until(house.done)
    assert came(shop) == [("A", n) for n in range(5)]


def test_an_address_that_is_gone_is_disabled_and_its_messages_stay(house: House, shop: Receiver) -> None:
    made = house.listening(shop, new_secret())
    shop.answers = [(410, {}, b"")]
    house.tell("A", 0)
    house.tell("B", 0)

    def disabled() -> bool:
        with house.db.transaction() as conn:
            found = endpoints.get(conn, "default", made.id)
        return found is not None and found.disabled_at is not None

    house.until(disabled)
    house.until(lambda: all(row["state"] != "sending" for row in house.rows()))  # what was under way then
    house.tell("A", 1)
    assert len(house.rows()) == 2  # who is gone is told nothing more
    assert {row["state"] for row in house.rows()} <= {"rejected", "pending"}
    with house.db.transaction() as conn:
        codes = every(conn, "SELECT DISTINCT code FROM journal WHERE outcome = 'failed'")
    assert codes == [{"code": "E942"}]


def test_a_person_gets_one_message_of_a_storm_and_it_counts(house: House, shop: Receiver) -> None:
    shop.answers = [(200, {}, json.dumps({"ok": True, "result": {"message_id": 1}}).encode())]
    house.listening(shop, TOKEN, "telegram", chat="1", lang="en")
    house.tell("A", 0)
    house.until(house.done)
    for n in range(1, 30):
        house.tell("A", n)
    assert [row["state"] for row in house.rows()] == ["acknowledged", "waiting"]
    assert len(shop.came) == 1
    with house.db.transaction() as conn:
        execute(conn, "UPDATE outbox SET next_attempt_at = now() WHERE state = 'waiting'")
    house.until(house.done)
    assert len(shop.came) == 2
    assert "Events since" in json.loads(shop.came[1].body)["text"]
    assert ": 29." in json.loads(shop.came[1].body)["text"]
