"""Events on their way to storefronts and to people."""

from __future__ import annotations

import threading
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from syncd.queue.events import NAMES, EventName, emit, emit_to, meaning
from syncd.store.db import Database, Row, every, execute
from syncd.store.ids import new_id
from tests.queue.conftest import MakeEndpoint


def tell(db: Database, name: EventName, key: str = "K1", *, tenant: str = "default", dedupe: str | None = None,
         **data: object) -> int:  # fmt: skip
    with db.transaction() as conn:
        return emit(conn, tenant, name, key, data, dedupe=dedupe)


def told(db: Database, endpoint: UUID) -> list[Row]:
    with db.transaction() as conn:
        return every(
            conn,
            "SELECT id, key, revision_no, state, next_attempt_at, payload, created_at FROM outbox"
            " WHERE endpoint_id = %(e)s ORDER BY seq",
            e=endpoint,
        )


def sent(db: Database, endpoint: UUID, *, minutes_ago: float = 0) -> None:
    """All open messages of an endpoint went out so long ago."""
    with db.transaction() as conn:
        execute(
            conn,
            """UPDATE outbox SET state = 'acknowledged', sent_at = now() - make_interval(secs => %(s)s)
               WHERE endpoint_id = %(e)s AND state IN ('pending', 'waiting')""",
            e=endpoint, s=minutes_ago * 60,
        )  # fmt: skip


def test_an_event_is_one_message_for_each_endpoint_that_takes_it(db: Database, endpoint: MakeEndpoint) -> None:
    by_name = endpoint(takes=("order.changed",))
    by_group = endpoint(takes=("order.*",))
    everything = endpoint(takes=("*",))
    other = endpoint(takes=("infobase.*",))
    assert tell(db, "order.changed", status="shipped", amount=Decimal("10.50"), order=new_id()) == 3
    for taker in (by_name, by_group, everything):
        (row,) = told(db, taker)
        assert row["state"] == "pending"
        assert row["payload"]["type"] == "order.changed"
        assert row["payload"]["data"]["amount"] == "10.50"
        assert datetime.fromisoformat(row["payload"]["timestamp"]).utcoffset() is not None
    assert told(db, other) == []


def test_nothing_is_written_when_nobody_asked(db: Database, endpoint: MakeEndpoint) -> None:
    endpoint(takes=("order.*",), tenant="another")
    assert tell(db, "order.changed") == 0
    with db.transaction() as conn:
        assert every(conn, "SELECT id FROM outbox") == []


def test_a_base_of_1c_and_a_disabled_endpoint_get_no_events(db: Database, endpoint: MakeEndpoint) -> None:
    endpoint("odata", takes=("*",))
    gone = endpoint()
    with db.transaction() as conn:
        execute(conn, "UPDATE endpoint SET disabled_at = now() WHERE id = %(id)s", id=gone)
    assert tell(db, "order.changed") == 0


def test_an_event_told_twice_is_one(db: Database, endpoint: MakeEndpoint) -> None:
    site = endpoint()
    assert tell(db, "order.changed", dedupe="7") == 1
    assert tell(db, "order.changed", dedupe="7") == 0
    assert tell(db, "order.changed", dedupe="8") == 1
    assert tell(db, "order.changed") == tell(db, "order.changed") == 1
    assert len(told(db, site)) == 4


def test_two_transactions_that_tell_the_same_at_once_make_one(db: Database, endpoint: MakeEndpoint) -> None:
    site = endpoint()
    start = threading.Barrier(4)

    def work() -> None:
        for n in range(10):
            start.wait(timeout=30)
            tell(db, "order.changed", dedupe=str(n))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    rows = told(db, site)
    assert [row["revision_no"] for row in rows] == list(range(1, 11))


def test_the_events_of_an_order_keep_their_order_and_those_of_others_do_not_wait(
    db: Database, endpoint: MakeEndpoint
) -> None:
    site = endpoint()
    for name, order in (("order.delivered", "A"), ("order.changed", "B"), ("order.changed", "A")):
        tell(db, name, order)  # type: ignore[arg-type]
    first, other, second = told(db, site)
    assert first["key"] == second["key"] != other["key"]
    assert (first["revision_no"], second["revision_no"]) == (1, 2)


def test_an_endpoint_of_a_storefront_gets_its_own_orders_only(db: Database, endpoint: MakeEndpoint) -> None:
    woo, both = endpoint(storefront="woo"), endpoint()
    assert tell(db, "order.changed", storefront="bitrix") == 1
    assert tell(db, "order.changed", storefront="woo") == 2
    assert tell(db, "infobase.down") == 2
    assert len(told(db, woo)) == 2
    assert len(told(db, both)) == 3


@pytest.mark.parametrize("kind", ["email", "telegram"])
def test_a_storm_is_two_messages_for_a_person_and_every_event_for_a_storefront(
    db: Database, endpoint: MakeEndpoint, kind: str
) -> None:
    person, site = endpoint(kind), endpoint()
    tell(db, "order.rejected", "order 0")
    sent(db, person)
    for n in range(1, 200):
        tell(db, "order.rejected", f"order {n}", dedupe="1", number=n)
    tell(db, "order.rejected", "order 5", dedupe="1", number=5)  # told before
    first, second = told(db, person)
    assert first["payload"]["count"] == 1
    assert second["state"] == "waiting"
    assert 14 * 60 < (second["next_attempt_at"] - second["created_at"]).total_seconds() <= 15 * 60
    assert second["payload"]["count"] == 199
    assert len(second["payload"]["first"]) == 10
    assert second["payload"]["data"] == {"number": 199}
    with db.transaction() as conn:
        found = every(conn, "SELECT 1 AS x FROM outbox WHERE endpoint_id = %(e)s", e=site)
    assert len(found) == 200


def test_a_message_not_sent_yet_takes_in_what_follows(db: Database, endpoint: MakeEndpoint) -> None:
    person = endpoint("email")
    tell(db, "order.rejected", "a")
    tell(db, "order.rejected", "b")
    (row,) = told(db, person)
    assert row["state"] == "pending"
    assert row["payload"]["count"] == 2
    assert [event["key"] for event in row["payload"]["first"]] == ["a", "b"]


def test_after_the_window_the_next_message_goes_at_once(db: Database, endpoint: MakeEndpoint) -> None:
    person = endpoint("email", window_minutes=30)
    tell(db, "order.rejected", "a")
    sent(db, person, minutes_ago=31)
    with db.transaction() as conn:
        execute(conn, "UPDATE outbox SET created_at = now() - interval '32 minutes'")
    tell(db, "order.rejected", "b")
    assert [row["state"] for row in told(db, person)] == ["acknowledged", "pending"]


def test_a_window_of_zero_sends_each_event(db: Database, endpoint: MakeEndpoint) -> None:
    person = endpoint("telegram", window_minutes=0)
    tell(db, "order.rejected", "a")
    tell(db, "order.rejected", "b")
    assert [row["state"] for row in told(db, person)] == ["pending", "pending"]


def test_going_down_and_coming_back_are_told_at_once_and_flapping_is_damped(
    db: Database, endpoint: MakeEndpoint
) -> None:
    person = endpoint("telegram")
    flaps: list[tuple[EventName, dict[str, Any]]] = [("infobase.down", {"n": 1}), ("infobase.up", {"n": 2})]
    for name, data in flaps:
        tell(db, name, "base", **data)
        sent(db, person)
    for n in range(10):
        tell(db, "infobase.down", "base", n=n)
        tell(db, "infobase.up", "base", n=n)
    tell(db, "infobase.down", "another base")
    rows = told(db, person)
    assert [row["state"] for row in rows] == ["acknowledged", "acknowledged", "waiting", "pending"]
    assert rows[2]["payload"]["count"] == 20
    assert rows[2]["payload"]["type"] == "infobase.up"  # how it is now


def test_what_was_rolled_back_was_never_told(db: Database, endpoint: MakeEndpoint) -> None:
    site = endpoint()
    with db.transaction() as conn:
        assert emit(conn, "default", "order.changed", "A", {}) == 1
        conn.rollback()
    assert told(db, site) == []


def test_a_trial_reaches_one_endpoint_whatever_it_takes(db: Database, endpoint: MakeEndpoint) -> None:
    one, other = endpoint(takes=("order.delivered",)), endpoint()
    with db.transaction() as conn:
        assert emit_to(conn, "default", one, "test", "1", {"text": "null \x00 and letters"}) == 1
    assert len(told(db, one)) == 1
    assert told(db, other) == []


def test_every_event_has_a_meaning() -> None:
    assert all(meaning(name) != name for name in NAMES)
