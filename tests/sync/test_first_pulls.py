"""A first pull writes while it reads, and ends as one that did not; over real Postgres and an emulated base."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import pytest
from psycopg.pq import TransactionStatus

from syncd.adapters.odata import streaming
from syncd.adapters.odata.client import Client
from syncd.adapters.ports import NotAtHand, Pulled
from syncd.store import runs, stage
from syncd.store.db import execute, one
from syncd.store.first_load import FirstLoad, Repeated
from syncd.sync import pull_first, pulls
from syncd.sync.odata_read import Books, SourceReader
from syncd.sync.pull_merge import PullRun
from tests.sync.test_odata_pulls import TENANT, Trade, ctx, trade

__all__ = ["ctx", "trade"]

SAME_FOR_ALL = "extends: ut11\nprices:\n  fields:\n    price_type_id: {value: one}\n"
STATED = (
    "offer_id, price_type_id, currency, min_quantity, value, unit, ratio, content_hash, deleted_at IS NULL AS there"
)


class Portions:
    """Small ones. ``moved`` is how many rows each of them had; ``during`` runs before each."""

    def __init__(self) -> None:
        self.moved: list[int] = []
        self.during: Callable[[int], None] = lambda _number: None


@pytest.fixture
def portions(monkeypatch: pytest.MonkeyPatch) -> Portions:
    made = Portions()
    move = FirstLoad._move

    def counted(self: FirstLoad, entity: str) -> None:
        before = self._moved.get(entity, 0)
        made.during(len(made.moved))
        move(self, entity)
        made.moved.append(self._moved[entity] - before)

    monkeypatch.setattr(pull_first, "BEGINS_AT", 1)
    monkeypatch.setattr(pull_first, "PORTION_BYTES", 3000)
    monkeypatch.setattr(stage, "_FLUSH_BYTES", 1000)
    monkeypatch.setattr(streaming, "records", partial(streaming.records, piece=1500))
    monkeypatch.setattr(FirstLoad, "_move", counted)
    return made


@contextmanager
def ordinary() -> Iterator[None]:
    """Nothing is a first pull."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pull_first, "without_rows", lambda *_: frozenset())
        yield


def prices(trade: Trade) -> list[dict[str, Any]]:
    return trade.found(f"SELECT {STATED} FROM prices ORDER BY 1, 2, 3, 4")


def ordinary_prices(trade: Trade) -> list[dict[str, Any]]:
    """What there would be, had all been merged at the end."""
    with trade.ctx.db.transaction() as conn:
        execute(conn, "DELETE FROM prices")
    with ordinary():
        assert trade.pull("prices").outcome == "ok"
    return prices(trade)


def test_portions_end_as_one_merge_does(trade: Trade, portions: Portions) -> None:
    result = trade.pull("prices")
    found = prices(trade)
    assert result.outcome == "ok"
    assert len([number for number in portions.moved if number]) > 3
    assert (result.counters["price"]["read"], result.counters["price"]["created"]) == (len(found), len(found))
    assert ordinary_prices(trade) == found
    portions.moved.clear()
    again = trade.pull("prices")
    assert again.counters["price"]["unchanged"] == len(found), "the next one compares"
    assert portions.moved == []


def test_rows_stated_twice_are_read_anew_and_folded(trade: Trade, portions: Portions) -> None:
    trade.publish(SAME_FOR_ALL)
    trade.set('{"mapping": "mine"}')
    begun: list[int] = []
    portions.during = begun.append
    result = trade.pull("prices")
    found = prices(trade)
    assert result.outcome == "ok"
    assert begun
    assert {row["price_type_id"] for row in found} == {"one"}
    assert ordinary_prices(trade) == found


def test_a_first_pull_that_is_small_is_folded_too(trade: Trade) -> None:
    trade.publish(SAME_FOR_ALL)
    trade.set('{"mapping": "mine"}')
    assert trade.pull("prices").outcome == "ok"
    found = prices(trade)
    assert found
    assert ordinary_prices(trade) == found


def test_a_pull_that_fails_between_portions_leaves_nothing(trade: Trade, portions: Portions) -> None:
    def fail(number: int) -> None:
        if number == 2:
            raise RuntimeError("the power went away")

    portions.during = fail
    assert trade.pull("prices").outcome == "failed"
    assert len(portions.moved) == 2
    assert prices(trade) == []
    portions.during = lambda _number: None
    assert trade.pull("prices").outcome == "ok"
    assert prices(trade) == ordinary_prices(trade)


def test_a_worker_whose_connection_dies_leaves_nothing(trade: Trade, portions: Portions) -> None:
    def kill(number: int) -> None:
        if number == 2:
            with trade.ctx.db.transaction() as conn:
                execute(conn, """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                                 WHERE datname = current_database() AND application_name = 'syncd import'
                                   AND backend_xid IS NOT NULL""")  # fmt: skip

    portions.during = kill
    with pytest.raises(trade.ctx.db.UNREACHABLE):
        trade.pull("prices")
    assert prices(trade) == []
    portions.during = lambda _number: None
    with trade.ctx.db.transaction() as conn:
        execute(conn, "UPDATE schedule_run SET lease_until = now() - interval '1 second'")
    claim = pulls.claim_next(trade.ctx)
    assert claim is not None
    done = pulls.run(trade.ctx, claim)
    assert done is not None
    assert done.outcome == "ok"
    assert prices(trade) == ordinary_prices(trade)


def test_others_see_signs_of_life_while_it_writes(
    trade: Trade, portions: Portions, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    begin = pull_first.begin

    def watched(state: PullRun, pulled: Pulled, writing: Any) -> None:
        begin(state, pulled, writing)
        if state.first is not None:
            pulls._beat(state, force=True)
            seen.append(trade.one("SELECT (counters->'progress'->>'records')::int FROM schedule_run"))
            assert prices(trade) == []

    monkeypatch.setattr(pull_first, "begin", watched)
    assert trade.pull("prices").outcome == "ok"
    assert len(set(seen)) > 3, "the run's own row is not held"
    assert portions.moved


def test_a_set_that_still_comes_page_by_page_is_not_written_meanwhile(
    trade: Trade, portions: Portions, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[bool] = []
    begin = pull_first.begin

    def watched(state: PullRun, pulled: Pulled, writing: Any) -> None:
        begin(state, pulled, writing)
        called.append(state.first is None)

    monkeypatch.setattr(pull_first, "begin", watched)
    assert trade.pull("counterparties").outcome == "ok"
    assert called
    assert all(called)
    assert portions.moved, "inserted at the end all the same"


def test_while_references_are_asked_for_nothing_is_written(
    trade: Trade, portions: Portions, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = SourceReader.records

    def asking(self: SourceReader, rows: Any) -> Any:
        self.books.asked += 1
        return records(self, rows)

    monkeypatch.setattr(SourceReader, "records", asking)
    assert trade.pull("prices").outcome == "ok"
    assert len(portions.moved) == 1, "all at the end"
    assert prices(trade) == ordinary_prices(trade)


def test_a_reference_met_late_is_not_asked_for_while_rows_are_held(
    trade: Trade, portions: Portions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another currency in the last rows: 1C would be asked for it in the middle of the transaction that writes."""
    currency = trade.base.create("Catalog_Валюты", {"Description": "USD", "Code": "840"})
    register = "InformationRegister_ЦеныНоменклатуры"
    last = list(trade.base.store.tables[register].rows())[-1]
    records = cast("list[dict[str, Any]]", last["RecordSet"])
    with trade.base.store.transaction():
        changed = [*records[:-1], {**records[-1], "Валюта_Key": currency["Ref_Key"]}]
        trade.base.store.put(register, cast("Any", {**last, "RecordSet": changed}))
    writes: list[bool] = []
    get = Books._get

    def watched(self: Books, missing: Any) -> None:
        with trade.ctx.db.transaction() as conn:
            writing = one(conn, """SELECT count(*) AS n FROM pg_locks
                                   WHERE relation = 'prices'::regclass AND mode = 'RowExclusiveLock'""")  # fmt: skip
        writes.append(bool(writing and writing["n"]))
        get(self, missing)

    monkeypatch.setattr(Books, "_get", watched)
    result = trade.pull("prices")
    found = prices(trade)
    assert result.outcome == "ok", trade.found("SELECT code, params FROM journal")
    assert {row["currency"] for row in found} == {"RUB", "USD"}
    assert len(writes) > 2, "it was met late, and all was read anew"
    assert not any(writes)
    assert ordinary_prices(trade) == found


def test_while_the_base_is_being_asked_nothing_begins_to_be_written() -> None:
    books = Books(cast("Client", None))
    with books._asking:
        assert not books.hush()
    assert books.hush()
    books.find("Catalog_Валюты", "1")
    with pytest.raises(NotAtHand):
        books.fetch()


def test_while_another_merges_nothing_is_written(
    trade: Trade, portions: Portions, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = pull_first.begin
    found: list[PullRun] = []
    with trade.ctx.db.dedicated() as other:
        other.execute("BEGIN")
        runs.lock(other, TENANT)

        def watched(state: PullRun, pulled: Pulled, writing: Any) -> None:
            begin(state, pulled, writing)
            assert state.first is None
            if not found:
                assert state.conn.info.transaction_status == TransactionStatus.IDLE, "no transaction is left open"
                other.execute("ROLLBACK")
            found.append(state)

        monkeypatch.setattr(pull_first, "begin", watched)
        assert trade.pull("prices").outcome == "ok"
    assert found
    assert prices(trade) == ordinary_prices(trade)


def test_who_writes_the_same_row_is_not_waited_for(
    trade: Trade, portions: Portions, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ordinary():
        trade.pull("prices")
    expected = prices(trade)
    repeated: list[str] = []
    with trade.ctx.db.dedicated() as other:
        execute(other, "CREATE TEMP TABLE kept AS SELECT * FROM prices ORDER BY offer_id, price_type_id LIMIT 1")
        execute(other, "DELETE FROM prices")
        other.execute("BEGIN")
        execute(other, "INSERT INTO prices SELECT * FROM kept")
        staged = FirstLoad.staged

        def watched(self: FirstLoad, table: Any, size: int) -> None:
            try:
                staged(self, table, size)
            except Repeated as error:
                repeated.append(str(error))
                other.execute("ROLLBACK")
                raise

        monkeypatch.setattr(FirstLoad, "staged", watched)
        assert trade.pull("prices").outcome == "ok"
        other.execute("DROP TABLE kept")
    assert repeated == ["price"]
    assert prices(trade) == expected


def test_the_lease_is_kept_while_a_pull_waits_for_its_rows_to_be_written(
    trade: Trade, portions: Portions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(trade.ctx.settings.worker.__dict__, "lease_seconds", 5)
    seen: list[bool] = []

    def slow(number: int) -> None:
        for _ in range(7 if number == 1 else 0):
            time.sleep(1)
            with trade.ctx.db.transaction() as conn:
                row = one(conn, "SELECT lease_until > now() AS kept FROM schedule_run")
            seen.append(bool(row and row["kept"]))

    portions.during = slow
    trade.pull("prices")
    assert seen == [True] * 7
