"""Pulls from a base over OData by a shipped preset, into a real database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.adapters.odata import describe
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import Endpoint as Address
from syncd.config import Settings
from syncd.emulator.odata import Fault, Manners, OdataBase
from syncd.queue.broker import Doorbell
from syncd.schedules import rows
from syncd.schedules.plan import Plan, plans
from syncd.schedules.settings import Schedule
from syncd.store import access, endpoints, mapping_files, mappings
from syncd.store.db import Database, every, execute
from syncd.sync import pulls
from syncd.sync.context import Context

TENANT = "default"
GOODS = "Catalog_Номенклатура"
PLAN = "extends: ut11\nexchange_plan: {plan}\n"


class Trade:
    """An emulated УТ and a database that knows it."""

    def __init__(self, ctx: Context, base: OdataBase, folder: Path) -> None:
        self.ctx, self.base, self.folder = ctx, base, folder

    def plan(self, name: str) -> Plan:
        with self.ctx.db.transaction() as conn:
            return {one.name: one for one in plans(conn, self.ctx.settings.schedules, zone="UTC")}[f"{name}@ut11"]

    def pull(self, name: str = "catalogue", *, by: str | None = "anna", **counters: Any) -> pulls.Result:
        one = self.plan(name)
        with self.ctx.db.transaction() as conn:
            rows.queue(conn, TENANT, one.name, rows.clock(conn), lane=one.lane, by=by, counters=counters or None)
        claim = pulls.claim_next(self.ctx)
        assert claim is not None
        result = pulls.run(self.ctx, claim)
        assert result is not None
        return result

    def found(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        with self.ctx.db.transaction() as conn:
            return [dict(row) for row in every(conn, query, **parameters)]

    def one(self, query: str, **parameters: Any) -> Any:
        [row] = self.found(query, **parameters)
        [value] = row.values()
        return value

    def active(self, table: str) -> set[str]:
        return {row["id"] for row in self.found(f"SELECT id FROM {table} WHERE deleted_at IS NULL")}

    def goods(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self.base.rows(GOODS) if not row["IsFolder"]]

    def publish(self, text: str) -> None:
        path = self.folder / "ut11.yaml"
        path.write_text(text, encoding="utf-8")
        with self.ctx.db.transaction() as conn:
            mappings.publish(conn, TENANT, "mine", mapping_files.load(path), by="anna", reason="test")

    def set(self, settings: str) -> None:
        with self.ctx.db.transaction() as conn:
            execute(conn, "UPDATE endpoint SET settings = settings || %(s)s::jsonb", s=settings)


@pytest.fixture
def ctx(database_url: str) -> Iterator[Context]:
    schedules = {
        name: Schedule.model_validate({"pull": name, "every": "5m"})
        for name in ("stocks", "settlements", "prices", "catalogue", "counterparties", "contracts", "changes",
                     "invoices", "documents")
    }  # fmt: skip
    db = Database(database_url, size=8)
    yield Context(db, Settings(schedules=schedules), Doorbell(None))
    db.close()


@contextmanager
def opened(
    ctx: Context, tmp_path: Path, preset: str, size: int, manners: Manners | None = None
) -> Iterator[Trade]:  # fmt: skip
    """An emulated base of a preset's shape, known and bound, whose mapping is that preset."""
    with OdataBase(preset, seed=1, size=size, manners=manners).running() as base:
        with Client(Address(base.url, base.user, base.password)) as client:
            known = describe.metadata(client)
        with ctx.db.transaction() as conn:
            infobase = access.add_infobase(conn, TENANT, "ut11", "1c", "x", dialect="auto", zone="Europe/Moscow")
            mappings.keep_metadata(conn, TENANT, "ut11", known, source="test", by="anna")
            endpoints.add(conn, TENANT, name="main", kind="odata", address=base.url, takes=[], infobase_id=infobase,
                          settings={"login": base.user, "page_size": 25, "mapping": preset},
                          timeout_seconds=5)  # fmt: skip
        real = pulls.PULLERS["odata"]
        pulls.PULLERS["odata"] = lambda endpoint, _password, db: real(endpoint, base.password, db)
        yield Trade(ctx, base, tmp_path)
        pulls.PULLERS["odata"] = real


@pytest.fixture
def trade(ctx: Context, tmp_path: Path) -> Iterator[Trade]:
    with opened(ctx, tmp_path, "ut11", 60) as made:
        yield made


def test_a_catalogue_comes_by_a_shipped_preset(trade: Trade) -> None:
    result = trade.pull()
    assert result.outcome == "ok", trade.found("SELECT code, params FROM journal")
    assert trade.active("products") == {row["Ref_Key"] for row in trade.goods() if not row["DeletionMark"]}
    [first] = trade.found("SELECT name, sku, kind, unit FROM products ORDER BY id LIMIT 1")
    row = min(trade.goods(), key=lambda each: str(each["Ref_Key"]))
    assert (first["name"], first["sku"]) == (row["Description"], row["Артикул"])
    assert first["unit"]
    assert trade.one("SELECT count(*) FROM warehouses") > 0
    assert trade.one("SELECT count(*) FROM price_types WHERE currency = 'RUB'") > 0, "found through a reference"
    again = trade.pull()
    assert {name: count["updated"] + count["created"] for name, count in again.counters.items() if any(
        (count["updated"], count["created"]))} == {}  # fmt: skip


@pytest.mark.parametrize(("name", "table"), [
    ("stocks", "stocks"), ("prices", "prices"), ("settlements", "settlements"), ("counterparties", "counterparties"),
    ("contracts", "contracts"), ("documents", "invoices"),
])  # fmt: skip
def test_tables_and_documents_come_too(trade: Trade, name: str, table: str) -> None:
    result = trade.pull(name)
    assert result.outcome == "ok", trade.found("SELECT code, path, params FROM journal")
    if name != "documents":
        assert trade.one(f"SELECT count(*) FROM {table}") > 0
    assert result.counters


def test_stocks_are_those_of_the_virtual_table(trade: Trade) -> None:
    trade.pull("stocks")
    before = trade.found("SELECT offer_id, warehouse_id, on_hand FROM stocks WHERE deleted_at IS NULL")
    assert len(before) > 10
    register = "AccumulationRegister_СвободныеОстатки"
    sums: dict[tuple[str, str], float] = {}
    for row in trade.base.rows(f"{register}_RecordType"):
        sign = -1 if row["RecordType"] == "Expense" else 1
        variant = str(row["Характеристика_Key"])
        offer = str(row["Номенклатура_Key"]) + ("" if variant.startswith("00000000") else f"#{variant}")
        key = (offer, str(row["Склад_Key"]))
        sums[key] = sums.get(key, 0) + sign * float(str(row["ВНаличии"]))
    assert {(r["offer_id"], r["warehouse_id"]): float(r["on_hand"]) for r in before if r["on_hand"]} == {
        key: value for key, value in sums.items() if value
    }


def test_what_is_changed_in_1c_changes_here_and_only_that(trade: Trade) -> None:
    trade.pull()
    row = trade.goods()[3]
    trade.base.change(GOODS, str(row["Ref_Key"]), {"Description": "Новое имя"})
    result = trade.pull()
    assert result.counters["product"]["updated"] == 1
    assert trade.one("SELECT name FROM products WHERE id = %(k)s", k=row["Ref_Key"]) == "Новое имя"


def test_what_was_deleted_in_1c_is_gone_after_1c_was_asked_for_it(trade: Trade) -> None:
    trade.pull()
    key = str(trade.goods()[5]["Ref_Key"])
    trade.base.delete(GOODS, key)
    before = len(trade.base.requests)
    result = trade.pull()
    assert result.counters["product"]["removed"] == 1
    assert key not in trade.active("products")
    asked = [one.query for one in trade.base.requests[before:] if one.path == GOODS and key in one.query]
    assert asked, "it was asked for by its key"


def test_rows_that_a_moving_set_hid_are_asked_for_and_kept(trade: Trade) -> None:
    """An object goes while pages are read, so that another slips through between two of them."""
    trade.pull()
    goods = sorted(str(row["Ref_Key"]) for row in trade.goods())
    heard = {"pages": 0}

    def listen(one: Any) -> None:
        if one.path == GOODS and "$top" in one.query and "Артикул,Описание" in one.query:
            heard["pages"] += 1
            if heard["pages"] == 1:
                trade.base.delete(GOODS, goods[0])
                trade.base.delete(GOODS, goods[1])

    trade.base.listen(listen)
    trade.pull()
    assert heard["pages"] > 1
    living = {str(row["Ref_Key"]) for row in trade.goods() if not row["DeletionMark"]}
    assert living <= trade.active("products"), "nothing that 1C has was removed"
    trade.base.listen(lambda _: None)
    trade.pull()
    assert trade.active("products") == living


def test_a_hidden_view_removes_nothing(trade: Trade) -> None:
    trade.pull()
    before = trade.active("products")
    trade.set('{"allowed_only": true}')
    trade.base.hidden[GOODS] = set(sorted(before)[:5])
    result = trade.pull()
    assert result.counters["product"]["removed"] == 0
    assert trade.active("products") == before


def test_an_object_that_left_its_section_is_gone(trade: Trade) -> None:
    trade.pull()
    kept = trade.active("price_types")
    key = min(kept)
    trade.base.change("Catalog_ВидыЦен", key, {"ИспользоватьПриПродаже": False})
    trade.pull()
    assert trade.active("price_types") == kept - {key}


@pytest.mark.parametrize("fault", [Fault.LOGIN_PAGE, Fault.MAINTENANCE, Fault.CRASH, Fault.BLOCKED, Fault.LICENCE])
def test_an_answer_that_is_none_changes_nothing(trade: Trade, fault: Fault) -> None:
    trade.pull("stocks")
    before = trade.found("SELECT offer_id, warehouse_id, on_hand FROM stocks ORDER BY 1, 2")
    trade.base.fail_next(fault, times=9)
    result = trade.pull("stocks")
    assert result.outcome == "failed"
    assert trade.found("SELECT offer_id, warehouse_id, on_hand FROM stocks ORDER BY 1, 2") == before
    [failed] = trade.found("SELECT code, owner, infobase_id FROM journal WHERE outcome = 'failed'")
    assert failed["code"]
    assert failed["infobase_id"]


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.LOGIN_PAGE, Fault.DROP_AFTER_COMMIT])
def test_a_page_that_breaks_in_the_middle_changes_nothing_at_all(trade: Trade, fault: Fault) -> None:
    trade.base.fail_next(fault, resource=GOODS, after=3, times=5)
    result = trade.pull()
    assert result.outcome == "failed"
    assert trade.one("SELECT count(*) FROM products") == 0
    trade.base.faults.clear()
    assert trade.pull().outcome == "ok"


def test_a_scheduled_pull_waits_out_maintenance(trade: Trade) -> None:
    trade.base.blocked = True
    assert trade.pull("stocks", by=None).outcome == "later" or trade.found("SELECT 1 FROM schedule_run")
    trade.base.blocked = False
    with trade.ctx.db.transaction() as conn:
        execute(conn, "UPDATE schedule_run SET lease_until = now() - interval '1 s' WHERE state = 'queued'")
    claim = pulls.claim_next(trade.ctx)
    if claim is not None:
        done = pulls.run(trade.ctx, claim)
        assert done is not None
        assert done.outcome == "ok"


def test_a_bad_record_is_journalled_with_its_path_and_the_rest_goes_on(trade: Trade) -> None:
    trade.publish("extends: ut11\nproducts:\n  fields:\n    weight: {from: Артикул, as: decimal}\n")
    trade.set('{"mapping": "mine"}')
    row = trade.goods()[0]
    for each in trade.goods():
        trade.base.change(GOODS, str(each["Ref_Key"]), {"Артикул": "7"})
    trade.base.change(GOODS, str(row["Ref_Key"]), {"Артикул": "семь"})
    result = trade.pull()
    assert (result.outcome, result.counters["product"]["failed"]) == ("partial", 1)
    [bad] = trade.found("SELECT code, path, key, entity, owner FROM journal WHERE kind = 'record'")
    assert (bad["code"], bad["path"], bad["key"], bad["owner"]) == (
        "E742", "products.weight", row["Ref_Key"], "1c-developer",
    )  # fmt: skip
    assert len(trade.active("products")) == len(trade.goods()) - 1


def test_a_mapping_without_the_section_says_so(trade: Trade) -> None:
    trade.publish("extends: ut11\nsettlements: null\n")
    trade.set('{"mapping": "mine"}')
    assert trade.pull("settlements").outcome == "failed"
    assert trade.one("SELECT code FROM journal") == "E852"


def node(trade: Trade) -> str:
    """A node for us in the base's exchange plan, which the mapping names."""
    plan = next(name for name in trade.base.store.tables if name.startswith("ExchangePlan_"))
    trade.publish(PLAN.format(plan=plan))
    found = trade.base.nodes(plan)[0]
    trade.set(f'{{"mapping": "mine", "node": "{found}"}}')
    return found


def test_changes_come_by_an_exchange_plan_and_are_confirmed_after_the_commit(trade: Trade) -> None:
    node(trade)
    trade.pull()
    trade.pull("changes")
    changed, deleted = (str(row["Ref_Key"]) for row in trade.goods()[3:5])
    trade.base.change(GOODS, changed, {"Description": "Новое имя"})
    trade.base.delete(GOODS, deleted)
    before = len(trade.base.requests)
    result = trade.pull("changes")
    assert result.outcome == "ok", trade.found("SELECT code, params FROM journal WHERE outcome <> 'ok'")
    assert (result.counters["product"]["updated"], result.counters["product"]["removed"]) == (1, 1)
    assert trade.one("SELECT name FROM products WHERE id = %(k)s", k=changed) == "Новое имя"
    assert deleted not in trade.active("products")
    asked = [one.path.rpartition("/")[2] for one in trade.base.requests[before:]]
    assert asked.count("SelectChanges") == asked.count("NotifyChangesReceived") == 1
    again = trade.pull("changes")
    assert again.counters == {}, "1C forgot what it was told of"


def test_changes_are_not_confirmed_when_they_were_not_stored(trade: Trade, monkeypatch: pytest.MonkeyPatch) -> None:
    node(trade)
    trade.pull()
    trade.pull("changes")
    key = str(trade.goods()[3]["Ref_Key"])
    trade.base.change(GOODS, key, {"Description": "Новое имя"})
    with monkeypatch.context() as broken:
        broken.setattr(rows, "finish", lambda *_, **__: False)
        one = trade.plan("changes")
        with trade.ctx.db.transaction() as conn:
            rows.queue(conn, TENANT, one.name, rows.clock(conn), lane=one.lane, by="anna")
        claim = pulls.claim_next(trade.ctx)
        assert claim is not None
        assert pulls.run(trade.ctx, claim) is None
    assert not any("NotifyChangesReceived" in each.path for each in trade.base.requests[-3:])
    with trade.ctx.db.transaction() as conn:
        execute(conn, "DELETE FROM schedule_run")
    assert trade.pull("changes").counters["product"]["updated"] == 1


def test_a_lost_confirmation_brings_the_packet_again_and_changes_nothing(trade: Trade) -> None:
    node(trade)
    trade.pull()
    trade.pull("changes")
    trade.base.change(GOODS, str(trade.goods()[3]["Ref_Key"]), {"Description": "Новое имя"})
    trade.base.fail_next(Fault.DROP_BEFORE, method="POST", resource="NotifyChangesReceived")
    assert trade.pull("changes").outcome == "ok"
    again = trade.pull("changes")
    assert again.outcome == "ok"
    assert again.counters["product"]["updated"] == 0


def test_a_register_that_changed_is_read_again(trade: Trade) -> None:
    node(trade)
    trade.pull("stocks")
    trade.pull("changes")
    order = next(row for row in trade.base.rows("Document_РеализацияТоваровУслуг") if row["Posted"])
    trade.base.unpost("Document_РеализацияТоваровУслуг", str(order["Ref_Key"]))
    result = trade.pull("changes")
    assert result.outcome == "ok"
    assert result.counters["stock"]["updated"] + result.counters["stock"]["created"] > 0
    assert result.counters["shipment"]["updated"] + result.counters["shipment"]["created"] == 1


def test_changes_need_a_plan_and_a_node(trade: Trade) -> None:
    with pytest.raises(KeyError):
        trade.plan("changes")
    trade.set('{"node": "6f5e9d2c-2b0a-11ee-9d3a-00155d0a1b02"}')
    assert trade.pull("changes").outcome == "failed"
    assert trade.one("SELECT code FROM journal") == "E835"
