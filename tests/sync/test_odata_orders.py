"""What becomes of orders in a base over OData: its states come back to the orders of storefronts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from syncd.emulator.odata import Fault
from syncd.mappings.compiled import compile_mapping
from syncd.mappings.orders import OrdersMapping
from syncd.mappings.write import compile_write
from syncd.model.records import OrderDocument
from syncd.schedules import rows
from syncd.schedules.plan import plans
from syncd.schedules.settings import Schedule
from syncd.store import access, mapping_files
from syncd.store.db import Database, execute, one
from syncd.sync import orders, orders_in, pulls, subordinates
from syncd.sync.context import Context
from syncd.sync.odata_order_documents import Part, marked, order_of
from syncd.sync.odata_pull import OdataPuller
from tests.sync.test_odata_delivery import Shop, shop
from tests.sync.test_odata_pulls import TENANT, Trade, ctx, opened, trade

__all__ = ["ctx", "shop", "trade"]

ORDER = "Document_ЗаказКлиента"
SMALL_ORDER = "Document_ЗаказПокупателя"
MARK = "НомерПоДаннымКлиента"
STATES = "InformationRegister_СостоянияЗаказовКлиентов"
MOSCOW = ZoneInfo("Europe/Moscow")
BESIDE = """
orders:
  - {name: documents, from: Document_ЗаказКлиента, days: 180,
     fields: {id: Ref_Key, number: НомерПоДаннымКлиента, number_1c: Number, posted: Posted,
              status: {from: Статус, values: {НеСогласован: new, КОтгрузке: confirmed, Закрыт: completed}}},
     deleted: DeletionMark}
  - {name: states, from: InformationRegister_СостоянияЗаказовКлиентов,
     fields: {id: Заказ, status_1c: Состояние, paid: {expr: ПроцентОплаты >= 100},
              shipped: {expr: ПроцентОтгрузки >= 100}}}
"""


class Sales:
    """A storefront's orders, and their documents in the emulated base."""

    def __init__(self, trade: Trade, document: str = ORDER, mark: str = MARK) -> None:
        self.trade, self.base, self.document, self.mark = trade, trade.base, document, mark
        trade.ctx.settings.schedules["orders"] = Schedule.model_validate({"pull": "orders", "every": "10m"})
        with trade.ctx.db.transaction() as conn:
            key = access.find_key(conn, access.create_key(conn, TENANT, "shop", "shop", ["orders"]))
        assert key is not None
        self.key = key
        self.template: dict[str, Any] = {
            name: value for name, value in trade.base.rows(document)[0].items()
            if name not in {"Ref_Key", "DataVersion", "Number", "Posted"}
        }  # fmt: skip

    def place(self, number: str = "A-1") -> str:
        """An order of the storefront."""
        goods = self.template[self.section]
        lines = tuple(
            orders.NewLine(str(row["Номенклатура_Key"]), Decimal(str(row["Количество"])), Decimal(str(row["Цена"])))
            for row in goods
        )
        new = orders.NewOrder(number=number, currency="RUB", customer={"name": "Ромашка"}, lines=lines)
        return str(orders.accept(self.trade.ctx, self.key, f"key {number}", new).id)

    @property
    def section(self) -> str:
        return "Товары" if self.document == ORDER else "Запасы"

    def write(self, mark: str, *, days_ago: int = 0, **fields: Any) -> str:
        """A document with this mark; its reference."""
        date = datetime.now(MOSCOW).replace(tzinfo=None, microsecond=0) - timedelta(days=days_ago)
        made = self.base.create(
            self.document, {**self.template, self.mark: mark, "Date": date.isoformat(), **fields}
        )  # fmt: skip
        return str(made["Ref_Key"])

    def change(self, ref: str, **fields: Any) -> None:
        self.base.change(self.document, ref, fields)

    def pull(self, name: str = "orders", **counters: Any) -> pulls.Result:
        return self.trade.pull(name, **counters)

    def order(self, id_: str) -> dict[str, Any]:
        [found] = self.trade.found("SELECT * FROM sales_order WHERE id = %(i)s::uuid", i=id_)
        return found

    def by_ref(self, ref: str) -> list[dict[str, Any]]:
        return self.trade.found("SELECT * FROM sales_order WHERE id_1c = %(r)s", r=ref)

    def status(self, id_: str) -> str:
        return str(self.order(id_)["status"])

    def history(self, id_: str) -> list[str]:
        query = "SELECT status FROM order_status WHERE order_id = %(i)s::uuid ORDER BY seq"
        return [row["status"] for row in self.trade.found(query, i=id_)]

    def exchange_plan(self, more: str = "") -> None:
        plan = next(name for name in self.base.store.tables if name.startswith("ExchangePlan_"))
        self.trade.publish(f"extends: ut11\nexchange_plan: {plan}\n{more}")
        self.trade.set(f'{{"mapping": "mine", "node": "{self.base.nodes(plan)[0]}"}}')


@pytest.fixture
def sales(trade: Trade) -> Sales:
    return Sales(trade)


@pytest.fixture
def small(ctx: Context, tmp_path: Path) -> Iterator[Sales]:
    with opened(ctx, tmp_path, "unf", 30) as made:
        yield Sales(made, SMALL_ORDER, "НомерВходящегоДокумента")


def test_a_status_that_changed_in_1c_arrives(sales: Sales) -> None:
    order = sales.place()
    ref = sales.write(order, Статус="НеСогласован")
    result = sales.pull()
    assert result.outcome == "ok", sales.trade.found("SELECT code, params FROM journal")
    found = sales.order(order)
    assert (found["status"], found["status_1c"], found["id_1c"]) == ("new", "НеСогласован", ref)
    number = sales.base.get(ORDER, ref)["Number"]  # type: ignore[index]
    assert (found["number_1c"], found["posted"], found["origin"]) == (number, False, "storefront")
    sales.change(ref, Статус="КОтгрузке")
    sales.base.post(ORDER, ref)
    assert sales.pull().counters["order"]["updated"] == 1
    found = sales.order(order)
    assert (found["status"], found["posted"]) == ("confirmed", True)
    sales.change(ref, Статус="Закрыт")
    sales.pull()
    assert sales.status(order) == "completed"
    assert sales.history(order) == ["new", "confirmed", "completed"]
    again = sales.pull().counters["order"]
    assert (again["updated"], again["created"], again["failed"]) == (0, 0, 0)
    [row] = sales.trade.found("SELECT counters FROM journal WHERE kind = 'pull' ORDER BY id DESC LIMIT 1")
    assert row["counters"]["order"] == again
    assert sales.trade.one("SELECT count(*) FROM freshness WHERE entity = 'order'") == 1


def test_lines_that_1c_changed_come_with_names_and_the_sum(sales: Sales) -> None:
    sales.pull("catalogue")
    order = sales.place()
    before = sales.order(order)
    lines: list[dict[str, Any]] = [dict(row) for row in sales.template[sales.section]]
    ref = sales.write(order)
    sales.pull()
    assert sales.order(order)["lines"] == before["lines"], "the same goods are no change"
    for line in lines[1:]:
        line["Отменено"] = True
    sales.change(ref, **{sales.section: lines})
    sales.pull()
    found = sales.order(order)
    assert [line["offer_id"] for line in found["lines"]] == [lines[0]["Номенклатура_Key"]]
    assert found["lines"][0]["name"]
    assert found["amount"] == Decimal(str(lines[0]["СуммаСНДС"]))


def test_a_mark_for_deletion_cancels_and_taking_it_off_brings_the_order_back(sales: Sales) -> None:
    order = sales.place()
    ref = sales.write(order, Статус="КОтгрузке")
    sales.pull()
    sales.change(ref, DeletionMark=True)
    sales.pull()
    assert (sales.status(order), sales.order(order)["cancelled"]) == ("cancelled", True)
    sales.change(ref, DeletionMark=False)
    sales.pull(full=True)
    assert sales.status(order) == "confirmed"


def test_a_payment_that_an_exchange_brought_before_its_order_tells_it(sales: Sales) -> None:
    sales.pull("counterparties")
    ref = sales.write("Заявка 17", Статус="КОтгрузке")
    paid = OrderDocument(id="p-1", number="1", operation="Выплата безналичных денег", basis=ref, paid=True)
    with sales.trade.ctx.db.transaction() as conn:
        assert subordinates.apply(conn, TENANT, paid, source_seq=1, mapping=OrdersMapping()) == "waits"
    sales.pull()
    [found] = sales.by_ref(ref)
    assert found["paid"] is True
    assert sales.trade.found("SELECT 1 FROM waiting_document") == []


def test_an_order_that_is_not_ours_is_one_born_in_1c(sales: Sales) -> None:
    sales.pull("counterparties")
    ref = sales.write("Заявка 17", Статус="КОтгрузке")
    sales.write("A-1")  # the customer's own number, as an order of ours has it
    order = sales.place("A-1")
    result = sales.pull()
    assert result.counters["order"]["created"] == 2
    [found] = sales.by_ref(ref)
    assert (found["origin"], found["status"], found["currency"]) == ("1c", "confirmed", "RUB")
    assert found["customer"]["name"]
    assert len(found["lines"]) == 3
    assert sales.order(order)["id_1c"] is None, "1C never had it"
    sales.change(ref, Статус="Закрыт")
    sales.pull()
    [found] = sales.by_ref(ref)
    assert found["status"] == "completed"
    assert sales.pull().counters["order"]["created"] == 0


def test_a_copy_that_somebody_made_of_an_order_is_another_order(sales: Sales) -> None:
    order = sales.place()
    ref = sales.write(order, Статус="КОтгрузке")
    sales.pull()
    copy = sales.write(order, Статус="Закрыт")
    sales.pull()
    assert (sales.status(order), sales.order(order)["id_1c"]) == ("confirmed", ref)
    [found] = sales.by_ref(copy)
    assert (found["origin"], found["status"]) == ("1c", "completed")


def test_a_mark_that_1c_cut_is_ours_all_the_same(sales: Sales) -> None:
    order = sales.place()
    ref = sales.write(order[:30])
    sales.pull()
    assert sales.order(order)["id_1c"] == ref


def test_an_order_that_went_by_the_exchange_is_found_by_its_number(sales: Sales) -> None:
    order = sales.place("A-7")
    ref = sales.write("A-7", Статус="КОтгрузке")
    with sales.trade.ctx.db.transaction() as conn:
        execute(conn, "UPDATE outbox SET infobase_id = (SELECT id FROM infobase), state = 'acknowledged'")
    sales.pull()
    assert (sales.status(order), sales.order(order)["id_1c"]) == ("confirmed", ref)


def test_an_order_that_1c_numbered_is_found_by_number_and_day(sales: Sales) -> None:
    order = sales.place("A-7")
    ref = sales.write("", Статус="КОтгрузке")
    number = sales.base.get(ORDER, ref)["Number"]  # type: ignore[index]
    with sales.trade.ctx.db.transaction() as conn:
        execute(conn, "UPDATE outbox SET infobase_id = (SELECT id FROM infobase), state = 'acknowledged'")
        execute(conn, "UPDATE sales_order SET number_1c = %(n)s, date_1c = now()", n=number)
    sales.pull()
    assert sales.order(order)["id_1c"] == ref


def test_open_orders_older_than_the_window_are_asked_for_and_nothing_ends_by_absence(sales: Sales) -> None:
    order, other = sales.place("A-1"), sales.place("A-2")
    old, gone = sales.write(order, days_ago=300), sales.write(other)
    sales.pull()
    assert sales.order(order)["id_1c"] is None
    with sales.trade.ctx.db.transaction() as conn:
        execute(conn, "UPDATE sales_order SET id_1c = %(r)s WHERE number = 'A-1'", r=old)
    sales.change(old, Статус="Закрыт")
    sales.base.delete(ORDER, gone)
    result = sales.pull(full=True)
    assert result.counters["order"]["removed"] == 0
    assert (sales.status(order), sales.status(other)) == ("completed", "confirmed")


def test_a_hidden_view_cancels_nothing(sales: Sales) -> None:
    order = sales.place()
    ref = sales.write(order, Статус="КОтгрузке")
    sales.pull()
    sales.trade.set('{"allowed_only": true}')
    sales.base.hidden[ORDER] = {ref}
    assert sales.pull().outcome == "ok"
    assert sales.pull(full=True).outcome == "ok"
    assert sales.status(order) == "confirmed"


def test_between_whole_reads_open_orders_and_the_newest_documents_are_asked_for(sales: Sales) -> None:
    order = sales.place()
    ref = sales.write(order, days_ago=30, Статус="НеСогласован")
    closed = sales.write("17", days_ago=20, Статус="Закрыт")
    sales.pull()
    sales.change(ref, Статус="КОтгрузке")
    sales.change(closed, Статус="КОтгрузке")
    before = len(sales.base.requests)
    sales.pull()
    asked = [one.query for one in sales.base.requests[before:] if one.path == ORDER]
    assert any(ref in query for query in asked)
    assert sales.status(order) == "confirmed"
    assert sales.by_ref(closed)[0]["status"] == "completed", "it was done with: the next whole read finds it"
    sales.pull(full=True)
    assert sales.by_ref(closed)[0]["status"] == "confirmed"


def test_of_a_base_that_dates_its_changes_only_those_are_read(small: Sales) -> None:
    order = small.place()
    now = datetime.now(MOSCOW).replace(tzinfo=None, microsecond=0)
    ref = small.write(order, days_ago=10, ДатаИзменения=(now - timedelta(hours=1)).isoformat())
    small.write("17", days_ago=9, ДатаИзменения=(now - timedelta(hours=2)).isoformat())
    assert small.pull().outcome == "ok", small.trade.found("SELECT code, params FROM journal")
    assert small.status(order) == "confirmed"
    small.change(ref, ВариантЗавершения="Успешно", ДатаИзменения=now.isoformat())
    result = small.pull()
    assert (result.counters["order"]["read"], result.counters["order"]["updated"]) == (1, 1)
    assert small.status(order) == "completed"


def test_an_older_state_does_not_undo_a_newer_one(sales: Sales) -> None:
    order = sales.place()
    ref = sales.write(order, Статус="НеСогласован")
    sales.pull()
    sales.change(ref, Статус="КОтгрузке")

    def overtake(heard: Any) -> None:
        """While a pull reads, a package that arrived later is imported."""
        if heard.path == ORDER:
            sales.base.listen(lambda _: None)
            with sales.trade.ctx.db.transaction() as conn:
                execute(
                    conn,
                    """UPDATE sales_order SET status = 'completed', content_hash = NULL,
                              source_seq = nextval(pg_get_serial_sequence('package', 'seq'))
                       WHERE id = %(i)s::uuid""",
                    i=order,
                )  # fmt: skip

    sales.base.listen(overtake)
    assert sales.pull().counters["order"]["updated"] == 0
    assert sales.status(order) == "completed"
    assert sales.pull(full=True).counters["order"]["updated"] == 1
    assert sales.status(order) == "confirmed"


def test_a_second_source_tells_of_payment_and_shipment(sales: Sales) -> None:
    sales.trade.publish(BESIDE)
    sales.trade.set('{"mapping": "mine"}')
    order = sales.place()
    ref = sales.write(order, Статус="КОтгрузке")
    sales.base.post(ORDER, ref)
    assert sales.pull().outcome == "ok", sales.trade.found("SELECT code, params FROM journal")
    found = sales.order(order)
    assert (found["status"], found["status_1c"], found["paid"]) == ("confirmed", "ГотовКОтгрузке", False)
    noted = len(sales.history(order))
    assert sales.pull().counters["order"]["updated"] == 0
    state = next(dict(row) for row in sales.base.rows(STATES) if row["Заказ"] == ref)
    with sales.base.store.transaction():
        sales.base.store.put(STATES, {**state, "ПроцентОплаты": 100, "ПроцентОтгрузки": 100})
    sales.pull()
    found = sales.order(order)
    assert (found["status"], found["paid"], found["shipped"]) == ("shipped", True, True)
    assert len(sales.history(order)) == noted + 1
    known = {row["Ref_Key"] for row in sales.base.rows(ORDER)}
    assert len(known) > 5
    assert sales.trade.one("SELECT count(*) FROM sales_order") == 1, "a state alone makes no order"


def test_own_words_of_the_mapping_count_for_states_that_people_named(small: Sales) -> None:
    states = small.base.rows("Catalog_СостоянияЗаказовПокупателей")
    small.trade.publish(f"extends: unf\nwords:\n  statuses: {{{states[1]['Description']}: shipped}}\n")
    small.trade.set('{"mapping": "mine"}')
    order = small.place()
    ref = small.write(order, СостояниеЗаказа=states[0]["Ref_Key"])
    assert small.pull().outcome == "ok", small.trade.found("SELECT code, params FROM journal")
    assert small.status(order) == "confirmed"
    now = datetime.now(MOSCOW).replace(tzinfo=None, microsecond=0)
    small.change(ref, СостояниеЗаказа=states[1]["Ref_Key"], ДатаИзменения=now.isoformat())
    small.pull(full=True)
    assert small.status(order) == "shipped"
    small.change(ref, ВариантЗавершения="Отменен")
    small.pull(full=True)
    assert small.status(order) == "cancelled"


def test_a_record_that_cannot_be_read_costs_itself_only(sales: Sales) -> None:
    order, other = sales.place("A-1"), sales.place("A-2")
    ref = sales.write(order, Статус="Придуман")
    sales.write(other, Статус="КОтгрузке")
    result = sales.pull()
    assert (result.outcome, result.counters["order"]["failed"], result.counters["order"]["read"]) == ("partial", 1, 2)
    [bad] = sales.trade.found("SELECT code, path, key, entity, params FROM journal WHERE kind = 'record'")
    assert (bad["code"], bad["path"], bad["key"], bad["entity"]) == ("E743", "orders.status", ref, "order")
    assert "ut11.yaml:" in str(bad["params"])
    assert (sales.status(order), sales.status(other)) == ("new", "confirmed")
    sales.change(ref, Статус="Закрыт")
    assert sales.pull().outcome == "ok"
    assert sales.status(order) == "completed"
    settled = "SELECT count(*) FROM issue_subject WHERE entity = 'order' AND succeeded_at IS NULL"
    assert sales.trade.one(settled) == 0


def test_a_status_that_is_none_of_ours_is_told_with_its_line(sales: Sales) -> None:
    sales.trade.publish("extends: ut11\norders:\n  fields:\n    status: {expr: нрег(Статус), only: read}\n")
    sales.trade.set('{"mapping": "mine"}')
    order = sales.place()
    sales.write(order, Статус="КОтгрузке")
    assert sales.pull().outcome == "partial"
    [bad] = sales.trade.found("SELECT code, params FROM journal WHERE kind = 'record'")
    assert bad["code"] == "E743"
    assert ":4:5" in str(bad["params"]["place"]), "the line of the rule"


def test_what_postgres_cannot_hold_costs_itself_only(sales: Sales) -> None:
    order, other = sales.place("A-1"), sales.place("A-2")
    ref = sales.write(order, Комментарий="x", АдресДоставки="a\u0000b", Статус="КОтгрузке")
    sales.write(other, Статус="КОтгрузке")
    result = sales.pull()
    assert (result.outcome, result.counters["order"]["failed"]) == ("partial", 1)
    [bad] = sales.trade.found("SELECT code, key FROM journal WHERE kind = 'record'")
    assert (bad["code"], bad["key"]) == ("E966", ref)
    assert sales.status(other) == "confirmed"


def test_a_changed_order_comes_by_the_exchange_plan_and_is_confirmed_after_the_commit(sales: Sales) -> None:
    sales.exchange_plan()
    order = sales.place()
    ref = sales.write(order, Статус="НеСогласован", days_ago=400)
    assert sales.pull("changes").outcome == "ok", sales.trade.found("SELECT code, params FROM journal")
    assert (sales.status(order), sales.order(order)["id_1c"]) == ("new", ref)
    sales.change(ref, Статус="КОтгрузке")
    before = len(sales.base.requests)
    result = sales.pull("changes")
    assert result.counters["order"]["updated"] == 1
    asked = [one.path.rpartition("/")[2] for one in sales.base.requests[before:]]
    assert asked.count("SelectChanges") == asked.count("NotifyChangesReceived") == 1
    assert sales.status(order) == "confirmed"
    assert sales.pull("changes").counters == {}


@pytest.mark.parametrize("died", [True, False])
def test_a_worker_that_dies_between_commit_and_confirmation_loses_nothing(
    sales: Sales, monkeypatch: pytest.MonkeyPatch, *, died: bool
) -> None:
    sales.exchange_plan()
    order = sales.place()
    ref = sales.write(order, Статус="НеСогласован")
    sales.pull("changes")
    sales.change(ref, Статус="КОтгрузке")
    if died:

        def die(_: OdataPuller) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as broken:
            broken.setattr(OdataPuller, "committed", die)
            with pytest.raises(KeyboardInterrupt):
                sales.pull("changes")
    else:
        sales.base.fail_next(Fault.DROP_BEFORE, method="POST", resource="NotifyChangesReceived")
        sales.pull("changes")
    assert sales.status(order) == "confirmed"
    noted = sales.history(order)
    again = sales.pull("changes")
    assert (again.outcome, again.counters["order"]["updated"]) == ("ok", 0)
    assert sales.history(order) == noted
    assert sales.pull("changes").counters == {}


def test_changes_that_were_not_stored_are_not_confirmed(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    sales.exchange_plan()
    order = sales.place()
    ref = sales.write(order, Статус="НеСогласован")
    sales.pull("changes")
    sales.change(ref, Статус="КОтгрузке")
    with monkeypatch.context() as broken:
        broken.setattr(rows, "finish", lambda *_, **__: False)
        with pytest.raises(AssertionError):
            sales.pull("changes")
    assert sales.status(order) == "new"
    with sales.trade.ctx.db.transaction() as conn:
        execute(conn, "DELETE FROM schedule_run")
    assert sales.pull("changes").counters["order"]["updated"] == 1


def test_an_order_that_1c_deleted_for_good_stays_and_is_cancelled(sales: Sales) -> None:
    sales.exchange_plan()
    order = sales.place()
    ref, foreign = sales.write(order), sales.write("17")
    sales.pull("changes")
    never = sales.write("18")
    for each in (ref, never):
        sales.base.delete(ORDER, each)
    result = sales.pull("changes")
    assert (result.counters["order"]["removed"], result.counters["order"]["created"]) == (1, 0)
    found = sales.order(order)
    assert (found["status"], found["cancelled"], found["id_1c"], len(found["lines"])) == ("cancelled", True, ref, 3)
    assert sales.history(order)[-1] == "cancelled"
    assert sales.by_ref(foreign)[0]["status"] != "cancelled"
    assert sales.by_ref(never) == []


def test_a_changed_object_that_we_may_not_see_ends_nothing(sales: Sales) -> None:
    sales.exchange_plan()
    order = sales.place()
    ref = sales.write(order, Статус="КОтгрузке")
    sales.pull("changes")
    sales.trade.set('{"allowed_only": true}')
    sales.change(ref, Статус="Закрыт")
    sales.base.hidden[ORDER] = {ref}
    assert sales.pull("changes").outcome == "ok"
    assert sales.status(order) == "confirmed"


def test_a_document_that_is_still_to_be_posted_confirms_no_delivery(sales: Sales) -> None:
    order = sales.place()
    ref = sales.write(order)
    with sales.trade.ctx.db.transaction() as conn:
        execute(conn, "UPDATE outbox SET state = 'unconfirmed'")
    sales.pull()
    assert sales.trade.one("SELECT state FROM outbox") == "unconfirmed", "its look-up posts it"
    sales.base.post(ORDER, ref)
    sales.pull()
    assert sales.trade.one("SELECT state FROM outbox") == "acknowledged"


def test_a_mapping_without_orders_is_passed_over_unless_a_person_asks(sales: Sales) -> None:
    sales.trade.publish("extends: ut11\norders: null\n")
    sales.trade.set('{"mapping": "mine"}')
    assert sales.trade.pull("orders", by=None).outcome == "skipped"
    assert sales.trade.one("SELECT count(*) FROM journal") == 0
    assert sales.pull().outcome == "failed"
    assert sales.trade.one("SELECT code FROM journal") == "E852"


def test_an_order_goes_to_1c_and_its_states_come_back_by_one_mapping(shop: Shop) -> None:
    """By the schedule that runs by default."""
    order = shop.order("A-1")
    shop.until_state(order, "acknowledged")
    [document] = shop.documents(order)

    def pull() -> pulls.Result:
        with shop.ctx.db.transaction() as conn:
            found = plans(conn, shop.ctx.settings.schedules, zone="UTC")
            plan = next(plan for plan in found if plan.name == "orders@trade")
            rows.queue(conn, TENANT, plan.name, rows.clock(conn), lane=plan.lane, by=None)
        claim = pulls.claim_next(shop.ctx)
        assert claim is not None
        result = pulls.run(shop.ctx, claim)
        assert result is not None
        return result

    real = pulls.PULLERS["odata"]
    pulls.PULLERS["odata"] = lambda endpoint, _password, db: real(endpoint, shop.base.password, db)
    try:
        for status, ours in (("НеСогласован", "new"), ("КОтгрузке", "confirmed"), ("Закрыт", "completed")):
            shop.base.change(ORDER, str(document["Ref_Key"]), {"Статус": status})
            assert pull().outcome == "ok"
            [found] = shop.rows("SELECT status, status_1c, posted, lines FROM sales_order")
            assert (found["status"], found["status_1c"], found["posted"]) == (ours, status, True)
            assert found["lines"][0]["name"] == "Стул", "the same goods stay as the storefront called them"
    finally:
        pulls.PULLERS["odata"] = real


REF = "6f5e9d2c-2b0a-11ee-9d3a-00155d0a1b02"
GOOD = "1b97806e-5f3c-11ee-8625-5404a6b4b8ed"
NOBODY = "00000000-0000-0000-0000-000000000000"
HEAD: dict[str, Any] = {
    "Ref_Key": REF, "Number": "ТД00-000001", "Date": "2026-11-20T10:00:00", "Posted": True, "DeletionMark": False,
    "DataVersion": "AAAAAQAAAAA=", "Контрагент_Key": NOBODY, "Партнер_Key": NOBODY, "Договор_Key": NOBODY,
    "Организация_Key": NOBODY, "Соглашение_Key": NOBODY, "Склад_Key": NOBODY, "СуммаДокумента": 240,
    "Комментарий": "", "АдресДоставки": "", "ЦенаВключаетНДС": True, "ЖелаемаяДатаОтгрузки": "0001-01-01T00:00:00",
    "Валюта_Key": "rub", "ВалютаДокумента_Key": "rub", "ДоговорКонтрагента_Key": NOBODY,
}  # fmt: skip
ROW: dict[str, Any] = {
    "Номенклатура_Key": GOOD, "Характеристика_Key": NOBODY, "Количество": 2, "Цена": 120, "Сумма": 240,
    "СуммаСНДС": 240, "Всего": 240, "СуммаНДС": 40, "СтавкаНДС": "НДС20", "СтавкаНДС_Key": "20", "Отменено": False,
    "СуммаРучнойСкидки": 0, "СуммаАвтоматическойСкидки": 0,
}  # fmt: skip
SMALL: dict[str, Any] = {
    "ВариантЗавершения": "", "СостояниеЗаказа": "s1", "ВидЦен_Key": NOBODY, "СтруктурнаяЕдиницаРезерв_Key": NOBODY,
    "СуммаВключаетНДС": True, "ДатаОтгрузки": "0001-01-01T00:00:00", "Запасы": [ROW],
}  # fmt: skip
BOOKS: dict[tuple[str, str], dict[str, Any]] = {
    ("Catalog_Валюты", "rub"): {"Code": "643"}, ("Catalog_СтавкиНДС", "20"): {"Description": "20%"},
    ("Catalog_СостоянияЗаказовПокупателей", "s1"): {"Description": "В работе"},
}  # fmt: skip


@pytest.mark.parametrize(("preset", "mark", "given", "ours"), [
    ("ut11", MARK, {"Статус": "КОбеспечению", "Товары": [ROW]}, "confirmed"),
    ("ut11", MARK, {"Статус": "Закрыт", "Товары": [ROW]}, "completed"),
    ("ut115", MARK, {"Статус": "КВыполнению", "Товары": [ROW]}, "confirmed"),
    ("ut115", MARK, {"Статус": "НеСогласован", "Товары": [ROW]}, "new"),
    ("unf", "НомерВходящегоДокумента", SMALL, "confirmed"),
    ("unf", "НомерВходящегоДокумента", {**SMALL, "ВариантЗавершения": "Успешно"}, "completed"),
    ("unf", "НомерВходящегоДокумента", {**SMALL, "ВариантЗавершения": "Отменен"}, "cancelled"),
    ("bp30", "Комментарий", {"Товары": [ROW]}, "confirmed"),
    ("bp30", "Комментарий", {"Товары": [ROW], "DeletionMark": True}, "cancelled"),
])  # fmt: skip
def test_every_preset_gives_a_status(
    database_url: str, preset: str, mark: str, given: dict[str, Any], ours: str
) -> None:  # fmt: skip
    mapping = mapping_files.load(Path(preset))
    write = compile_write(mapping, MOSCOW)
    sources = compile_mapping(mapping, MOSCOW, lambda name, key: BOOKS.get((name, key)))
    source = marked(next(each for each in sources if each.section == "orders"), write)
    record = source.run({**HEAD, mark: "d3c1f6a0-0000-5000-8000-000000000001", **given})
    assert record is not None
    order = order_of(record, Part(source, whole=True, cancels=True), [], MOSCOW, write.posting if write else "no")
    assert order.marker == "d3c1f6a0-0000-5000-8000-000000000001"
    db = Database(database_url, size=2)
    with db.transaction() as conn:
        orders_in.take(conn, TENANT, None, order.document, zone=MOSCOW, source_seq=1, mapping=OrdersMapping())
        found = one(conn, "SELECT status, number_1c, currency, amount, lines FROM sales_order")
    db.close()
    assert found is not None
    assert (found["status"], found["number_1c"], found["currency"], found["amount"]) == (
        ours, "ТД00-000001", "RUB", 240,
    )  # fmt: skip
    assert [(line["offer_id"], line["amount"]) for line in found["lines"]] == [(GOOD, "240")]


TWO_SETS = """
orders:
  - {name: orders, from: Document_ЗаказКлиента, days: 180, deleted: DeletionMark,
     fields: {id: Ref_Key, number: НомерПоДаннымКлиента, number_1c: Number,
              status: {from: Статус, values: {КОтгрузке: confirmed}, unlisted: empty}}}
  - {name: invoices, from: Document_СчетНаОплатуКлиенту, deleted: DeletionMark,
     fields: {id: Ref_Key, number_1c: Number, status: {value: new}, amount: СуммаДокумента}}
"""


def test_two_kinds_of_documents_are_orders_of_one_mapping(sales: Sales) -> None:
    invoices = "Document_СчетНаОплатуКлиенту"
    sales.trade.publish(TWO_SETS)
    sales.trade.set('{"mapping": "mine"}')
    order = sales.place()
    ref = sales.write(order, Статус="КОтгрузке")
    date = datetime.now(MOSCOW).replace(tzinfo=None, microsecond=0).isoformat()
    invoice = str(sales.base.create(invoices, {"Date": date, "СуммаДокумента": 100})["Ref_Key"])
    assert sales.pull().counters["order"]["created"] == 1, sales.trade.found("SELECT code, params FROM journal")
    for marked_, ours in ((True, "cancelled"), (False, None)):
        sales.change(ref, DeletionMark=marked_)
        sales.base.change(invoices, invoice, {"DeletionMark": marked_})
        sales.pull(full=True)
        assert sales.status(order) == (ours or "confirmed")
        assert sales.by_ref(invoice)[0]["status"] == (ours or "new"), "no source but its own speaks of it"


def test_a_mark_in_an_additional_requisite_is_read_too(sales: Sales) -> None:
    requisite = "9e1c7a52-1f0b-11ee-9d3a-00155d0a1b02"
    sales.trade.publish(
        f"extends: ut11\norders:\n  write: {{marker: ДополнительныеРеквизиты, requisite: {requisite}}}\n"
    )
    sales.trade.set('{"mapping": "mine"}')
    order = sales.place()
    row = {"LineNumber": "1", "Свойство_Key": requisite, "Значение": order, "Значение_Type": "Edm.String"}
    ref = sales.write("A customer's own", ДополнительныеРеквизиты=[row])
    assert sales.pull().outcome == "ok", sales.trade.found("SELECT code, params FROM journal")
    found = sales.order(order)
    assert (found["id_1c"], found["extra_1c"]["number"]) == (ref, "A customer's own")


def test_many_orders_are_taken_chunk_by_chunk(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.sync.pull_orders._AT_ONCE", 2)
    numbers = [f"A-{n}" for n in range(5)]
    refs = [sales.write(sales.place(number), Статус="КОтгрузке") for number in numbers]
    assert sales.pull().counters["order"]["updated"] == 5
    sales.change(refs[3], Статус="Закрыт")
    counted = sales.pull().counters["order"]
    assert (counted["read"], counted["updated"], counted["unchanged"]) == (5, 1, 4)
    assert sales.trade.one("SELECT count(*) FROM sales_order WHERE status = 'completed'") == 1


def test_where_most_orders_are_open_the_window_is_read_instead(sales: Sales) -> None:
    for number in range(3):
        sales.write(f"16-{number}", days_ago=20, Статус="КОтгрузке")
    closed = sales.write("17", days_ago=20, Статус="Закрыт")
    sales.pull()
    sales.change(closed, Статус="КОтгрузке")
    sales.pull()
    assert sales.by_ref(closed)[0]["status"] == "confirmed"


def test_a_storefronts_change_on_its_way_is_not_undone_by_what_1c_shows_before_it(sales: Sales) -> None:
    order = sales.place()
    ref = sales.write(order, Статус="КОтгрузке")
    sales.pull()
    with sales.trade.ctx.db.transaction() as conn:
        execute(conn, "UPDATE sales_order SET revision_no = 2, content_hash = NULL, lines = lines - 2")
        execute(conn, "UPDATE outbox SET revision_no = 2, state = 'pending'")
    sales.change(ref, Статус="Закрыт")
    sales.pull()
    found = sales.order(order)
    assert (found["status"], len(found["lines"])) == ("completed", 2)


def test_what_the_exchange_says_later_of_the_status_counts(sales: Sales) -> None:
    order = sales.place()
    sales.write(order, Статус="Закрыт")
    sales.pull()
    assert sales.status(order) == "completed"
    document = OrderDocument(id=order, number="A-1", operation="", status="К отгрузке")
    with sales.trade.ctx.db.transaction() as conn:
        orders_in.apply(conn, TENANT, document, zone=MOSCOW, source_seq=10**9, mapping=OrdersMapping())
    assert sales.status(order) == "confirmed"
