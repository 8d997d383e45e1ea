"""What storefronts and operators are told, and in which transaction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from syncd.adapters.ports import Receipt
from syncd.config import Exchange, Imports, Settings
from syncd.emulator import session
from syncd.emulator.base import OrderBase
from syncd.errors import Refused
from syncd.store import endpoints
from syncd.sync import removals, tell
from tests.api.site import OneC, Site, order_body, running
from tests.sync.test_orders_exchange import DELIVERY, asked, place, send
from tests.sync.test_runs import BROKEN, goods


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    limits = Imports(removal_limit_percent=20, removal_limit_records=2)
    with running(database_url, Settings(exchange=Exchange(progress_hold_seconds=0), imports=limits)) as found:
        yield found


@pytest.fixture
def key(site: Site) -> str:
    return site.key()


def listening(site: Site, *takes: str, tenant: str = "default", **settings: Any) -> UUID:
    with site.ctx.db.transaction() as conn:
        made, _ = endpoints.add(
            conn, tenant, name=f"hook {len(endpoints.every(conn))}", kind="webhook", address="https://shop.example/",
            takes=takes or ("*",), settings=settings,
        )  # fmt: skip
    return made.id


def told(site: Site) -> list[tuple[str, dict[str, Any]]]:
    rows = site.rows("SELECT payload FROM outbox WHERE kind = 'event' ORDER BY seq")
    return [(row["payload"]["type"], row["payload"]["data"]) for row in rows]


def test_an_order_1c_confirmed_is_told_once(site: Site, onec: OneC, key: str) -> None:
    listening(site, "order.*")
    for number in ("W-1", "W-2"):
        place(site, key, number)
    onec.checkauth("sale")
    asked(onec)
    assert told(site) == []
    onec.success()
    onec.success()
    assert sorted((name, data["number"], data["storefront"]) for name, data in told(site)) == [
        ("order.delivered", "W-1", "shop"),
        ("order.delivered", "W-2", "shop"),
    ]


def test_nobody_hears_of_anything_where_nobody_asked(site: Site, onec: OneC, key: str) -> None:
    listening(site, "order.rejected", "infobase.*")
    place(site, key, "W-1")
    onec.checkauth("sale")
    asked(onec)
    onec.success()
    assert told(site) == []


def test_an_order_that_cannot_be_written_for_1c_is_told_with_the_reason(site: Site, onec: OneC, key: str) -> None:
    listening(site, "order.rejected")
    bad = place(site, key, "W-1", lines=[DELIVERY])
    onec.checkauth("sale")
    asked(onec)
    ((name, data),) = told(site)
    assert (name, data["order_id"], data["code"]) == ("order.rejected", bad["id"], "E222")
    assert data["message"] != data["message_ru"]
    assert data["owner"]


def test_what_1c_changes_is_told_as_the_order_is_now(site: Site, key: str) -> None:
    listening(site, "order.changed", storefront="shop")
    order = place(site, key, "W-1")
    base = OrderBase()
    client = site.emulator(wait_for_import=False)
    session.exchange_orders(client, base)
    base.pay("W-1")
    send(site, client, base)
    found = site.get(f"/v1/orders/{order['id']}", key).json()
    names = [name for name, _ in told(site)]
    assert names == ["order.changed"]
    _, data = told(site)[-1]
    assert data["order_id"] == order["id"]
    assert (data["status"], data["paid"], data["number_1c"]) == (found["status"], True, found["number_1c"])
    assert {"paid", "status", "number_1c"} <= set(data["changed"])


def test_an_order_of_another_storefront_is_not_told(site: Site, onec: OneC, key: str) -> None:
    listening(site, "order.*", storefront="woo")
    place(site, key, "W-1")
    onec.checkauth("sale")
    asked(onec)
    onec.success()
    assert told(site) == []


def test_the_receipt_of_a_delivery_stands_above_what_is_stored(site: Site, key: str) -> None:
    listening(site, "order.delivered")
    order = place(site, key, "W-1")
    receipt = Receipt(confirmed=True, ref="1c-ref", number="ТД-000001", posted=True)
    for _ in range(2):
        with site.ctx.db.transaction() as conn:
            tell.delivered(conn, "default", "order", order["id"], receipt)
            tell.delivered(conn, "default", "event", order["id"], receipt)
    ((name, data),) = told(site)
    assert (name, data["id_1c"], data["number_1c"], data["posted"]) == ("order.delivered", "1c-ref", "ТД-000001", True)


def test_a_package_that_failed_is_told(site: Site, onec: OneC) -> None:
    listening(site, "package.failed")
    onec.push("import.xml", BROKEN)
    ((name, data),) = told(site)
    assert (name, data["files"], data["infobase"], data["code"]) == ("package.failed", ["import.xml"], "trade", "E203")


def test_a_held_removal_is_told_once(site: Site, onec: OneC) -> None:
    listening(site, "brake.on")
    for left in (range(10), range(1)):
        onec.push("import0_1.xml", goods(left, full=True))
        onec.ask("type=catalog&mode=complete")
        while removals.settle(site.ctx):
            pass
    ((name, data),) = told(site)
    assert (name, data["absent"], data["total"], data["code"]) == ("brake.on", 9, 10, "E511")


def test_an_endpoint_that_is_gone_is_disabled_once_and_the_others_are_told(site: Site) -> None:
    gone, other = listening(site), listening(site, "endpoint.*")
    with site.ctx.db.transaction() as conn:
        endpoint = endpoints.get(conn, "default", gone)
        assert endpoint is not None
        assert tell.gone(conn, endpoint, Refused("E942", host="shop.example", status=410))
        assert not tell.gone(conn, endpoint, Refused("E942", host="shop.example", status=410))
    assert [name for name, _ in told(site)] == ["endpoint.disabled"]
    row = site.row("SELECT endpoint_id FROM outbox WHERE kind = 'event'")
    assert row["endpoint_id"] == other
    with site.ctx.db.transaction() as conn:
        found = endpoints.get(conn, "default", gone)
    assert found is not None
    assert found.disabled_at is not None
    assert site.count("endpoint", "closed_code = 'E942'") == 1


def test_an_order_that_was_rolled_back_was_never_told(site: Site, key: str) -> None:
    listening(site)
    response = site.order(key, "k", order_body("W-1", lines=[]))
    assert response.status_code == 422
    assert told(site) == []
