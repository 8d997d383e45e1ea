"""A base that refuses a filter still gives what the filter leaves; over real Postgres and an emulated base."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.adapters.odata import answers
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import Endpoint
from syncd.adapters.odata.filters import Filter, equals
from syncd.emulator.odata import Fault, Manners, OdataBase
from syncd.emulator.odata.service import Service
from syncd.errors import SyncdError
from syncd.schedules.settings import Schedule
from syncd.store.db import execute
from syncd.sync.context import Context
from syncd.sync.odata_filters import Filtering, Way
from tests.adapters.odata.conftest import Reply, Site, error, rows, site
from tests.sync.test_odata_pulls import GOODS, Trade, ctx, opened, trade

__all__ = ["ctx", "site", "trade"]

DATES = "datetime'"
SHOWN = "SELECT id, revision FROM {} WHERE deleted_at IS NULL ORDER BY id"
BY_CHANGE = "extends: unf\noffers: null\nproperties: null\n"
STATED = """SELECT code, outcome, path, params, key FROM journal WHERE code = 'E977' ORDER BY id"""
WHERE = """
extends: ut11
stocks: {where: "ВНаличииBalance gt 0"}
price_types: {where: "ВалютаЦены/Code eq '643' and not (IsFolder eq true)"}
"""


@contextmanager
def refusing(ctx: Context, tmp_path: Path, filters: str, preset: str = "ut11") -> Iterator[Trade]:
    for name in ("payments", "products", "warehouses", "price_types"):
        ctx.settings.schedules[name] = Schedule.model_validate({"pull": name, "every": "5m"})
    with opened(ctx, tmp_path, preset, 40, Manners(refused_filters=filters)) as made:
        yield made


def accepts(base: OdataBase) -> None:
    """All filters, from now on."""
    service = base._publication.service
    assert isinstance(service, Service)
    service.refused_filters = ""


def keys(trade: Trade, table: str) -> set[str]:
    return {row["id"] for row in trade.found(f"SELECT id FROM {table} WHERE deleted_at IS NULL")}


def forget(trade: Trade, table: str) -> None:
    with trade.ctx.db.transaction() as conn:
        execute(conn, f"DELETE FROM {table}")


def test_documents_of_some_last_days_come_though_dates_are_not_compared(ctx: Context, tmp_path: Path) -> None:
    with refusing(ctx, tmp_path, DATES) as trade:
        trade.publish("extends: ut11\nshipments: {days: 40}\n")
        trade.set('{"mapping": "mine"}')
        assert trade.pull("documents").outcome == "ok", trade.found("SELECT code, params FROM journal")
        ours = {table: keys(trade, table) for table in ("invoices", "shipments", "payments")}
        everything = {str(row["Ref_Key"]) for row in trade.base.rows("Document_РеализацияТоваровУслуг")}
        accepts(trade.base)
        for table in ours:
            forget(trade, table)
        trade.pull("documents")
        assert {table: keys(trade, table) for table in ours} == ours
        assert ours["payments"]
        assert ours["shipments"] < everything, "the older ones were left out here"


def test_the_journal_tells_it_once_with_the_filter_and_what_1c_said(ctx: Context, tmp_path: Path) -> None:
    with refusing(ctx, tmp_path, DATES) as trade:
        trade.pull("invoices")
        trade.pull("invoices")
        [row] = trade.found(STATED)
    assert row["path"] == row["params"]["set"] == "Document_СчетНаОплатуКлиенту"
    assert row["params"]["filter"].startswith("Date ge datetime'")
    assert "E815" in row["params"]["reason"]
    assert (row["outcome"], trade.found("SELECT 1 FROM issue")) == ("partial", [])
    assert [one["outcome"] for one in trade.found("SELECT outcome FROM schedule_run")] == ["ok", "ok"]


def test_what_1c_can_still_filter_it_filters(ctx: Context, tmp_path: Path) -> None:
    with refusing(ctx, tmp_path, DATES) as trade:
        trade.pull("payments")
        asked = [one.query for one in trade.base.requests if one.path.startswith("Document_") and "$top" in one.query]
    assert any("$filter" in query and "datetime" not in query for query in asked)


@pytest.mark.parametrize(("pull", "table"), [("stocks", "stocks"), ("price_types", "price_types")])
def test_a_table_and_a_path_through_a_reference_are_filtered_here(
    ctx: Context, tmp_path: Path, pull: str, table: str
) -> None:
    ours_alone = ("revision", "xid", "source_seq", "created_at", "updated_at")
    stated = "to_jsonb(t)" + "".join(f" - '{name}'" for name in ours_alone)
    rows = f"SELECT {stated} AS stated FROM {table} t ORDER BY 1"
    with refusing(ctx, tmp_path, "Balance|Code|IsFolder") as trade:
        trade.publish(WHERE)
        trade.set('{"mapping": "mine"}')
        assert trade.pull(pull).outcome == "ok", trade.found("SELECT code, params FROM journal")
        ours = trade.found(rows)
        assert trade.found(STATED)
        accepts(trade.base)
        forget(trade, table)
        trade.pull(pull)
        assert trade.found(rows) == ours
        assert ours


def test_a_set_read_without_its_filter_still_removes_what_is_gone(ctx: Context, tmp_path: Path) -> None:
    with refusing(ctx, tmp_path, "IsFolder") as trade:
        trade.pull()
        before = trade.active("products")
        assert before == {row["Ref_Key"] for row in trade.goods() if not row["DeletionMark"]}
        key = str(trade.goods()[5]["Ref_Key"])
        trade.base.delete(GOODS, key)
        result = trade.pull()
        assert result.counters["product"]["removed"] == 1
        assert trade.active("products") == before - {key}


def test_changes_since_a_time_come_though_dates_are_not_compared(ctx: Context, tmp_path: Path) -> None:
    with refusing(ctx, tmp_path, DATES, "unf") as trade:
        row = trade.goods()[3]
        trade.base.change(GOODS, str(row["Ref_Key"]), {"ДатаИзменения": "2036-01-01T00:00:00"})
        trade.pull("products")
        trade.base.change(GOODS, str(row["Ref_Key"]), {"Description": "Новое имя"})
        result = trade.pull("products")
        assert (result.outcome, result.counters["product"]["updated"]) == ("ok", 1)
        assert result.counters["product"]["read"] == 1
        assert trade.one("SELECT name FROM products WHERE id = %(k)s", k=row["Ref_Key"]) == "Новое имя"


def test_a_filter_that_syncd_cannot_compute_is_1cs_own_error_and_no_empty_set(ctx: Context, tmp_path: Path) -> None:
    with refusing(ctx, tmp_path, "year") as trade:
        trade.publish(
            "extends: ut11\nwarehouses: {where: year(datetime'2026-01-01T00:00:00') eq 2026 and IsFolder eq false}\n"
        )
        trade.pull("warehouses")
        before = trade.active("warehouses")
        trade.set('{"mapping": "mine"}')
        assert trade.pull("warehouses").outcome == "failed"
        assert trade.found("SELECT code FROM journal WHERE outcome = 'failed'") == [{"code": "E815"}]
        assert trade.active("warehouses") == before
        assert before


def said(site: Site, refusal: Reply, test: Filter) -> tuple[list[int], Filtering]:
    """What comes of a set whose filter is answered like this."""
    filtering = Filtering("Catalog_X")
    site.answer = lambda asked: refusal if "$filter" in asked.query else rows({"N": 1}, {"N": 2})

    def send(way: Way) -> list[dict[str, Any]]:
        return answers.page(client.get("Catalog_X", {"$filter": way.scope} if way.scope else {})).records

    with Client(Endpoint(site.url)) as client:
        way, found = filtering.ask(test, None, send)
    return [row["N"] for row in filtering.kept(way, found)], filtering


@pytest.mark.parametrize(
    "refusal",
    [error("-1", "Неверные параметры в операции сравнения", 500), error("14", "Ошибка при разборе опции $filter"),
     error("21", "Функция не поддерживается"), error("0", "$filter не поддерживается"), error("1", "Не разобрать"),
     Reply(b"", 400), Reply(b"<html>Bad Request</html>", 400)],
)  # fmt: skip
def test_every_refusal_of_a_filter_is_understood(site: Site, refusal: Reply) -> None:
    found, filtering = said(site, refusal, equals("N", 2))
    assert found == [2]
    [note] = filtering.notes
    assert note.params["filter"] == "N eq 2"


@pytest.mark.parametrize(
    "refusal",
    [error("20", "Недостаточно прав", 401), error("8", "не найдена", 404), Reply(b"<html/>", 503), Reply(b"", 401)],
)
def test_what_is_no_matter_of_a_filter_is_not_tried_without_it(site: Site, refusal: Reply) -> None:
    with pytest.raises(SyncdError, match=r"E8(14|21|08|13)"):
        said(site, refusal, equals("N", 2))
    assert all("$filter" in asked.query for asked in site.asked)


def test_a_row_that_cannot_tell_brings_1cs_own_error(site: Site) -> None:
    with pytest.raises(SyncdError, match="E820"):
        said(site, error("14", "Ошибка при разборе"), equals("Missing", 2))


def test_a_failure_of_a_moment_is_no_refusal(trade: Trade) -> None:
    trade.base.fail_next(Fault.HANDLER, resource=GOODS)
    assert trade.pull().outcome == "ok"
    assert trade.found(STATED) == []
