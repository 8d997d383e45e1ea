"""Endpoints: made, paused, gated; what they adopt and what they do not leave behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from syncd.errors import Refused
from syncd.queue import outbox
from syncd.store import access, endpoints
from syncd.store.db import Conn, Database, execute, one
from syncd.store.endpoints import Endpoint
from syncd.store.ids import new_id


@pytest.fixture
def conn(database_url: str) -> Iterator[Conn]:
    db = Database(database_url, size=1)
    with db.transaction() as connection:
        yield connection
    db.close()


def made(
    conn: Conn, name: str = "ut", *, takes: tuple[str, ...] = ("order",), infobase: UUID | None = None
) -> Endpoint:
    return endpoints.add(
        conn, "t", name=name, kind="http_service", address="http://h/hs/x", takes=takes, infobase_id=infobase
    )[0]


def order(conn: Conn, key: str, *, infobase: UUID | None = None) -> UUID:
    return outbox.enqueue(conn, "t", kind="order", key=key, infobase_id=infobase)


def endpoint_of(conn: Conn, message: UUID) -> UUID | None:
    row = one(conn, "SELECT endpoint_id FROM outbox WHERE id = %(id)s", id=message)
    assert row is not None
    found: UUID | None = row["endpoint_id"]
    return found


def again(conn: Conn, endpoint: Endpoint) -> Endpoint:
    found = endpoints.get(conn, "t", endpoint.id)
    assert found is not None
    return found


def test_an_endpoint_is_found_by_name_with_its_infobase_and_zone(conn: Conn) -> None:
    base = access.add_infobase(conn, "t", "trade", "1c", "p", dialect="auto", zone="Asia/Omsk")
    found, _ = endpoints.add(
        conn, "t", name="ut", kind="http_service", address="http://h", takes=["order"], infobase_id=base,
        rate_per_second=Decimal("0.5"), settings={"login": "сайт"}, concurrency=3, timeout_seconds=90,
    )  # fmt: skip
    assert endpoints.by_name(conn, "t", "ut") == found
    assert (found.infobase, found.zone, found.takes, found.rate_per_second) == (
        "trade",
        "Asia/Omsk",
        ("order",),
        Decimal("0.5"),
    )
    assert endpoints.by_name(conn, "other", "ut") is None
    assert [each.name for each in endpoints.every(conn)] == ["ut"]
    assert endpoints.every(conn, "other") == []


def test_a_name_is_given_once(conn: Conn) -> None:
    made(conn)
    with pytest.raises(Refused) as raised:
        made(conn)
    assert raised.value.code == "E411"
    assert len(endpoints.every(conn, "t")) == 1


def test_events_go_to_a_star_and_orders_only_to_who_takes_orders(conn: Conn) -> None:
    hook = made(conn, "hook", takes=("*",))
    assert endpoints.taking(conn, "t", "order") == []
    assert [each.id for each in endpoints.taking(conn, "t", "order.created")] == [hook.id]
    assert not hook.accepts("order")
    assert hook.accepts("stock.changed")


def test_the_first_endpoint_for_orders_adopts_those_no_infobase_was_offered(conn: Conn) -> None:
    base = access.add_infobase(conn, "t", "trade", "1c", "p", dialect="auto", zone="Europe/Moscow")
    free, bound, offered = order(conn, "1"), order(conn, "2", infobase=base), order(conn, "3")
    execute(conn, "INSERT INTO offering VALUES ('t', %(s)s, %(o)s, 1)", s=new_id(), o=offered)
    done = order(conn, "4")
    execute(conn, "UPDATE outbox SET state = 'cancelled' WHERE id = %(id)s", id=done)
    found, adopted = endpoints.add(conn, "t", name="ut", kind="http_service", address="http://h", takes=["order"])
    assert adopted == 1
    assert [endpoint_of(conn, each) for each in (free, bound, offered, done)] == [found.id, None, None, None]
    change = one(conn, "SELECT reason, endpoint_id FROM outbox_change WHERE outbox_id = %(id)s", id=free)
    assert change == {"reason": "goes to ut", "endpoint_id": found.id}


def test_an_order_placed_while_the_endpoint_was_made_is_adopted_later(conn: Conn) -> None:
    late = order(conn, "1")
    found = made(conn)
    execute(conn, "UPDATE outbox SET endpoint_id = NULL")
    assert endpoints.adopt(conn, "t") == 1
    assert endpoint_of(conn, late) == found.id
    assert endpoints.adopt(conn, "t") == 0


def test_workers_find_such_orders_of_every_company(conn: Conn) -> None:
    assert endpoints.adopt_everywhere(conn) == 0
    for tenant in ("t", "acme"):
        endpoints.add(conn, tenant, name="ut", kind="http_service", address="http://h", takes=["order"])
        outbox.enqueue(conn, tenant, kind="order", key="1")
    outbox.enqueue(conn, "without", kind="order", key="1")
    execute(conn, "UPDATE outbox SET endpoint_id = NULL")
    assert endpoints.adopt_everywhere(conn) == 2
    assert endpoints.adopt_everywhere(conn) == 0


def test_a_second_endpoint_for_orders_adopts_nothing(conn: Conn) -> None:
    first = made(conn)
    execute(conn, "UPDATE endpoint SET created_at = now() - interval '1 day'")
    waiting = order(conn, "1")
    execute(conn, "UPDATE outbox SET endpoint_id = NULL")
    made(conn, "second")
    assert endpoint_of(conn, waiting) == first.id


def test_an_endpoint_with_open_messages_is_not_removed(conn: Conn) -> None:
    order(conn, "1")
    found = made(conn)
    with pytest.raises(Refused) as raised:
        endpoints.remove(conn, "t", found.id)
    assert (raised.value.code, raised.value.params["count"]) == ("E922", 1)
    assert endpoints.get(conn, "t", found.id) is not None


def test_release_frees_what_was_never_sent_and_nothing_else(conn: Conn) -> None:
    never, begun = order(conn, "1"), order(conn, "2")
    found = made(conn)
    execute(
        conn,
        "INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by) VALUES ('t', %(id)s, 'sending', 1, 'w')",
        id=begun,
    )
    with pytest.raises(Refused), conn.transaction():
        endpoints.remove(conn, "t", found.id, release=True)
    execute(conn, "UPDATE outbox SET state = 'acknowledged' WHERE id = %(id)s", id=begun)
    assert endpoints.remove(conn, "t", found.id, release=True) == 1
    assert endpoint_of(conn, never) is None
    assert endpoints.get(conn, "t", found.id) is None


def test_a_pause_ends_by_itself_or_by_resume(conn: Conn) -> None:
    found = made(conn)
    past = datetime.now(UTC) - timedelta(hours=1)
    assert endpoints.pause(conn, "t", found.id, until=past, reason="INC-1", by="anna")
    assert not again(conn, found).paused
    assert endpoints.pause(conn, "t", found.id, until=None, reason="INC-2", by="anna")
    assert (again(conn, found).paused, again(conn, found).pause_reason) == (True, "INC-2")
    assert endpoints.resume(conn, "t", found.id)
    assert not again(conn, found).paused
    assert not endpoints.pause(conn, "t", new_id(), until=None, reason="x", by="x")


def test_the_gate_is_never_closed_for_a_shorter_time_than_before(conn: Conn) -> None:
    found = made(conn)
    late, early = (datetime.now(UTC) + timedelta(seconds=n) for n in (600, 60))
    assert endpoints.close_until(conn, "t", found.id, late, "E930")
    assert not endpoints.close_until(conn, "t", found.id, early, "E930")
    assert again(conn, found).closed_until == late
    assert again(conn, found).closed


def test_the_breaker_closes_for_a_growing_time_and_lets_one_try(conn: Conn) -> None:
    found = made(conn, "hook", takes=("*",))
    closed = [endpoints.note_failure(conn, "t", found.id) for _ in range(endpoints.BREAK_AFTER)]
    assert closed[:-1] == [None] * (endpoints.BREAK_AFTER - 1)
    first = closed[-1]
    assert first is not None
    assert again(conn, found).closed_code == "E936"
    assert endpoints.note_failure(conn, "t", found.id) is None, "what fails together counts once"
    execute(conn, "UPDATE endpoint SET closed_until = now() WHERE id = %(id)s", id=found.id)
    assert again(conn, found).on_trial
    second = endpoints.note_failure(conn, "t", found.id)
    assert second is not None
    assert (second - first).total_seconds() == pytest.approx(endpoints.BREAK_SECONDS, abs=1)
    execute(conn, "UPDATE endpoint SET closed_until = now() WHERE id = %(id)s", id=found.id)
    assert endpoints.note_success(conn, "t", found.id)
    healed = again(conn, found)
    assert (healed.failures, healed.closed, healed.on_trial, healed.closed_code) == (0, False, False, None)
    assert healed.recovered_at is not None
    assert not endpoints.note_success(conn, "t", found.id)


def test_an_infobase_with_health_needs_no_breaker(conn: Conn) -> None:
    base = access.add_infobase(conn, "t", "trade", "1c", "p", dialect="auto", zone="Europe/Moscow")
    found = made(conn, infobase=base)
    for _ in range(endpoints.BREAK_AFTER + 1):
        assert endpoints.note_failure(conn, "t", found.id) is None
    assert again(conn, found).failures == 0


def test_a_new_address_opens_the_gate(conn: Conn) -> None:
    found = made(conn)
    endpoints.close_until(conn, "t", found.id, datetime.now(UTC) + timedelta(hours=1), "E930")
    changed, _ = endpoints.change(conn, "t", found.id, address="http://new", takes=["order", "stock.changed"])
    assert (changed.address, changed.closed, changed.takes) == ("http://new", False, ("order", "stock.changed"))


def test_a_disabled_endpoint_takes_nothing_until_it_is_resumed(conn: Conn) -> None:
    found = made(conn)
    assert endpoints.disable(conn, "t", found.id)
    assert endpoints.taking(conn, "t", "order") == []
    assert again(conn, found).disabled_at is not None
    endpoints.resume(conn, "t", found.id)
    assert len(endpoints.taking(conn, "t", "order")) == 1
