"""An accepted order becomes one document in a base that is written over OData, by a shipped preset."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from syncd.adapters.odata import describe
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import Endpoint as Address
from syncd.adapters.ports import Delivery
from syncd.config import Settings, Worker
from syncd.emulator.odata import Fault, OdataBase
from syncd.errors import ConfigError, TransportError
from syncd.queue import acts, view
from syncd.queue.broker import Doorbell
from syncd.queue.policy import Policy
from syncd.store import access, endpoints, mapping_files, mappings
from syncd.store.db import Database, Row, every, execute, one
from syncd.store.endpoints import Endpoint
from syncd.store.ids import new_id
from syncd.sync import orders
from syncd.sync.bodies import order_body
from syncd.sync.context import Context
from syncd.sync.delivery import Deliverer
from syncd.sync.odata_orders import MappedOrders, open_target
from syncd.sync.targets import PROTOCOLS, Targets
from tests.crash.house import until as patiently

QUICK = Policy(delays=(0.05, 0.1), attempts=3, looks=(0.05, 0.1), away=0.05, maximum=5.0, retry_after_max=0.2)
ORDER = "Document_ЗаказКлиента"
MARK = "НомерПоДаннымКлиента"
RULES = """
extends: ut11
orders:
  write:
    references:
      counterparty:
        in: Catalog_Контрагенты
        by: {ИНН: customer.inn}
        make: {Description: customer.name, ИНН: customer.inn, ЮрФизЛицо: {value: ЮрЛицо}}
        needed: true
"""


class Shop:
    """A storefront, delivery loops and an emulated base."""

    def __init__(self, ctx: Context, base: OdataBase, key: access.ApiKey, endpoint: Endpoint) -> None:
        self.ctx, self.base, self.key, self.endpoint = ctx, base, key, endpoint
        self.deliverer = self.another_worker()

    def another_worker(self) -> Deliverer:
        targets = Targets(PROTOCOLS, lambda _endpoint: self.base.password, self.ctx.db)
        return Deliverer(self.ctx, new_id(), targets, PROTOCOLS, threads=4, rules=lambda _kind: QUICK)

    def order(self, number: str, *, offer: str | None = None, **customer: str) -> str:
        goods = [row["Ref_Key"] for row in self.base.rows("Catalog_Номенклатура") if not row["IsFolder"]]
        line = orders.NewLine(offer or str(goods[0]), Decimal(2), Decimal("10.50"), name="Стул")
        known = {"name": "ООО «Ромашка»", "inn": "7707083893", "kpp": "770701001"} | customer
        new = orders.NewOrder(number=number, currency="RUB", customer=known, lines=(line,))
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

    def until(self, true: Callable[[], bool], what: str, by: Deliverer | None = None) -> None:
        """Let a loop go round until something is so."""
        loop = by or self.deliverer
        loop.start()

        def ask() -> bool:
            loop.step()
            return true()

        patiently(ask, what, patience=30)

    def until_state(self, key: str, state: str) -> None:
        self.until(lambda: self.message(key)["state"] == state, f"{key} is {state}")

    def documents(self, key: str) -> list[dict[str, Any]]:
        """Documents of this order that live."""
        return [dict(row) for row in self.base.rows(ORDER) if row[MARK] == key and not row["DeletionMark"]]

    def counterparties(self, inn: str) -> list[dict[str, Any]]:
        return [dict(row) for row in self.base.rows("Catalog_Контрагенты") if row["ИНН"] == inn]


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    database = Database(database_url, size=12)
    ctx = Context(database, Settings(worker=Worker(lease_seconds=5)), Doorbell(None))
    path = tmp_path / "trade.yaml"
    path.write_text(RULES, encoding="utf-8")
    with OdataBase("ut11", seed=1, size=12).running() as base:
        with Client(Address(base.url, base.user, base.password)) as client:
            known = describe.metadata(client)
        with database.transaction() as conn:
            infobase = access.add_infobase(
                conn, "default", "trade", "1c", "x" * 12, dialect="auto", zone="Europe/Moscow"
            )
            mappings.publish(conn, "default", "trade", mapping_files.load(path), by="anna", reason="first")
            mappings.keep_metadata(conn, "default", "trade", known, source="test", by="anna")
            made, _ = endpoints.add(
                conn, "default", name="erp", kind="odata", address=base.url, takes=["order"], infobase_id=infobase,
                settings={"login": base.user}, timeout_seconds=5, concurrency=4,
            )  # fmt: skip
            key = access.find_key(conn, access.create_key(conn, "default", "shop", "shop", ["orders"]))
        assert key is not None
        found = Shop(ctx, base, key, made)
        yield found
        found.deliverer.stop(0.5)
    database.close()


def test_an_order_is_delivered_once_and_learns_its_number(shop: Shop) -> None:
    key = shop.order("A-1")
    shop.until_state(key, "acknowledged")
    [document] = shop.documents(key)
    [order] = shop.rows("SELECT id_1c, number_1c, posted FROM sales_order")
    assert (order["id_1c"], order["number_1c"], order["posted"]) == (document["Ref_Key"], document["Number"], True)
    assert (document["Posted"], document["СуммаДокумента"]) == (True, 21)
    assert shop.history(key) == ["sending", "acknowledged"]


def test_a_new_counterparty_is_made_on_the_way_and_found_again(shop: Shop) -> None:
    for number in ("A-1", "A-2"):
        shop.until_state(shop.order(number, name="ООО «Новый»", inn="7800000001"), "acknowledged")
    assert [row["Description"] for row in shop.counterparties("7800000001")] == ["ООО «Новый»"]


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER_COMMIT, Fault.TIMEOUT_AFTER_COMMIT, Fault.CUT])
def test_a_lost_answer_is_looked_up_and_there_is_one_document(shop: Shop, fault: Fault) -> None:
    shop.base.fail_next(fault, method="POST", resource=ORDER)
    key = shop.order("A-1")
    shop.until_state(key, "acknowledged")
    assert len(shop.documents(key)) == 1
    assert "unconfirmed" in shop.history(key)
    assert shop.documents(key)[0]["Posted"] is True, "what was left undone is done on the next attempt"


def test_a_document_that_stayed_unposted_is_posted_by_the_next_attempt(shop: Shop) -> None:
    key = shop.order("A-1")
    shop.base.fail_next(Fault.HANDLER, method="POST", resource=f"{ORDER}(")
    shop.until_state(key, "acknowledged")
    [document] = shop.documents(key)
    assert document["Posted"] is True
    assert shop.history(key) == ["sending", "waiting", "sending", "acknowledged"]


def test_a_zombie_whose_lease_ran_out_and_its_heir_make_one_document(shop: Shop) -> None:
    """The first worker is in the middle of writing when the second takes over: the lock of Postgres keeps it out."""
    shop.base.faults.slow = 1.5
    shop.base.fail_next(Fault.SLOW, method="POST", resource=ORDER)
    key = shop.order("A-1")
    zombie = shop.another_worker()
    shop.until(lambda: bool(shop.base.faults.struck), "the document is being made", zombie)
    with shop.ctx.db.transaction() as conn:
        execute(conn, "UPDATE outbox SET lease_until = now() - interval '1 ms'")
    shop.until_state(key, "acknowledged")
    shop.until(lambda: not zombie._active, "the zombie is done", zombie)
    zombie.stop(1.0)
    assert len(shop.documents(key)) == 1
    assert len(shop.base.rows(ORDER)) == len({row["Ref_Key"] for row in shop.base.rows(ORDER)})


def test_two_targets_at_once_on_one_order_make_one_document(shop: Shop) -> None:
    """Without any lease between them, so that only the lock and the mark stand against a second document."""
    key = shop.order("A-1")
    with shop.ctx.db.transaction() as conn:
        body = orders.many(conn, "default", [shop.message(key)["key"]])
    [row] = body.values()
    message = Delivery(
        tenant="default", id=new_id(), kind="order", key=key, revision_no=1, attempt=1, marker=key,
        body=order_body(row), created_at=datetime(2026, 11, 22, tzinfo=UTC),
    )  # fmt: skip
    both = [open_target(shop.endpoint, shop.base.password, shop.ctx.db) for _ in range(2)]
    receipts: list[str | None] = []
    threads = [threading.Thread(target=lambda t=each: receipts.append(t.deliver(message).ref)) for each in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    [document] = shop.documents(key)
    assert receipts == [document["Ref_Key"]] * 2
    assert [row for row in shop.base.rows(ORDER) if row[MARK] == key] == [document], "none was made and given up"
    for each in both:
        each.close()


def test_an_order_that_1c_cannot_take_is_rejected_with_the_path(shop: Shop) -> None:
    key = shop.order("A-1", offer="6f5e9d2c-2b0a-11ee-9d3a-00155d0a1b02")
    shop.until_state(key, "rejected")
    assert shop.documents(key) == []
    [failed] = shop.rows("SELECT code, path, key FROM journal WHERE outcome = 'failed'")
    assert (failed["code"], failed["key"], failed["path"]) == ("E839", key, "Товары[1].Номенклатура_Key")
    assert "6f5e9d2c" in str(shop.message(key)["error_params"])


def test_a_counterparty_that_may_not_be_made_rejects_the_order_until_a_person_has_mended_it(
    shop: Shop, tmp_path: Path
) -> None:
    path = tmp_path / "strict.yaml"
    path.write_text(RULES.replace("make: {Description: customer.name, ИНН: customer.inn, "
                                  "ЮрФизЛицо: {value: ЮрЛицо}}", ""), encoding="utf-8")  # fmt: skip
    with shop.ctx.db.transaction() as conn:
        mappings.publish(conn, "default", "trade", mapping_files.load(path), by="anna", reason="strict")
    key = shop.order("A-1", inn="7800000009")
    shop.until_state(key, "rejected")
    assert shop.documents(key) == []
    path.write_text(RULES, encoding="utf-8")
    with shop.ctx.db.transaction() as conn:
        mappings.publish(conn, "default", "trade", mapping_files.load(path), by="anna", reason="let them be made")
        assert acts.retry(conn, "default", shop.message(key)["id"], by="anna", reason="the mapping was changed")
    shop.until_state(key, "acknowledged")
    assert len(shop.documents(key)) == len(shop.counterparties("7800000009")) == 1


def test_a_base_that_is_away_or_closed_costs_no_attempt(shop: Shop) -> None:
    shop.base.blocked = True
    key = shop.order("A-1")
    shop.until_state(key, "waiting")
    assert shop.documents(key) == []
    assert shop.message(key)["attempt"] == 0
    shop.base.blocked = False
    with shop.ctx.db.transaction() as conn:
        execute(conn, "UPDATE endpoint SET closed_until = NULL")
        execute(conn, "UPDATE outbox SET next_attempt_at = now()")
    shop.until_state(key, "acknowledged")
    assert shop.message(key)["attempt"] == 1


def test_without_a_mapping_a_target_cannot_be_added_and_orders_of_one_wait(shop: Shop) -> None:
    key = shop.order("A-1")
    with shop.ctx.db.transaction() as conn:
        execute(conn, "DELETE FROM mapping_version")
    with pytest.raises(ConfigError, match="E850"):
        open_target(shop.endpoint, None, shop.ctx.db)
    message = Delivery("default", new_id(), "order", key, 1, 1, key, {}, datetime(2026, 11, 22, tzinfo=UTC))
    with pytest.raises(TransportError, match="E850"):
        MappedOrders(shop.endpoint, shop.base.password, shop.ctx.db).deliver(message)


def test_a_preset_may_be_named_instead_of_a_published_mapping(shop: Shop) -> None:
    with shop.ctx.db.transaction() as conn:
        execute(conn, "DELETE FROM mapping_version")
        execute(conn, """UPDATE endpoint SET settings = settings || '{"mapping": "ut11"}', updated_at = now()""")
    key = shop.order("A-1")
    shop.until_state(key, "acknowledged")
    assert len(shop.documents(key)) == 1
