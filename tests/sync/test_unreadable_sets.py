"""One set of a group that a base cannot give stops none of the others; over real Postgres and an emulated base."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.emulator.odata import Fault
from syncd.errors import ConfigError, RemoteError, TransportError
from syncd.sync import pull_unread, pulls
from tests.sync.test_odata_pulls import GOODS, Trade, ctx, node, trade

__all__ = ["ctx", "trade"]

STORES = "Catalog_Склады"
PRICE_TYPES = "Catalog_ВидыЦен"


def told(trade: Trade) -> dict[str, object]:
    [row] = trade.found("SELECT outcome, code, path, params, detail, owner FROM journal WHERE kind = 'pull'")
    return row


def test_the_other_sets_are_applied_and_the_journal_names_the_one_that_failed(trade: Trade) -> None:
    trade.base.fail_next(Fault.HANDLER, resource=STORES, times=99)
    result = trade.pull()
    assert result.outcome == "partial"
    assert trade.active("products") == {row["Ref_Key"] for row in trade.goods() if not row["DeletionMark"]}
    assert trade.active("price_types")
    assert trade.active("warehouses") == set()
    row = told(trade)
    assert (row["outcome"], row["code"], row["path"]) == ("partial", "E975", "warehouse")
    params = row["params"]
    assert isinstance(params, dict)
    assert params["entity"] == "warehouses"
    assert f"GET {STORES}" in str(params["reason"])
    assert params["schedule"] == "catalogue@ut11"
    assert trade.one("SELECT reason FROM schedule_run") == "E975"
    assert "warehouse" not in {row["entity"] for row in trade.found("SELECT entity FROM freshness")}


def test_what_was_not_read_removes_nothing_and_is_read_when_it_can_be(trade: Trade) -> None:
    trade.pull()
    before = trade.active("warehouses"), trade.active("products")
    key = str(trade.goods()[5]["Ref_Key"])
    trade.base.delete(GOODS, key)
    trade.base.delete(STORES, min(before[0]))
    trade.base.fail_next(Fault.HANDLER, resource=STORES, times=99)
    result = trade.pull()
    assert result.outcome == "partial"
    assert trade.active("warehouses") == before[0]
    assert trade.active("products") == before[1] - {key}, "of what was read the absent is gone"
    trade.base.faults.clear()
    assert trade.pull().outcome == "ok"
    assert trade.active("warehouses") == before[0] - {min(before[0])}


def test_a_set_without_the_right_to_read_is_left_out_too(trade: Trade) -> None:
    trade.base.hidden[PRICE_TYPES] = {str(trade.base.rows(PRICE_TYPES)[0]["Ref_Key"])}
    assert trade.pull().outcome == "partial"
    row = told(trade)
    assert (row["code"], row["path"]) == ("E975", "price_type")
    assert "allowed_only" in str(row["params"])
    assert trade.active("products")


def test_half_of_a_set_is_none_of_it(trade: Trade) -> None:
    trade.base.fail_next(Fault.HANDLER, resource=GOODS, after=2, times=99)
    assert trade.pull().outcome == "partial"
    assert trade.one("SELECT count(*) FROM products") == 0
    assert trade.active("warehouses")


def test_a_failure_of_a_moment_is_asked_again_in_the_same_pull(trade: Trade) -> None:
    trade.base.fail_next(Fault.HANDLER, resource=STORES)
    assert trade.pull().outcome == "ok"
    assert trade.active("warehouses")


def test_two_sets_that_failed_are_both_named(trade: Trade) -> None:
    for name in (STORES, PRICE_TYPES):
        trade.base.fail_next(Fault.HANDLER, resource=name, times=99)
    trade.pull()
    row = told(trade)
    assert row["path"] == "price_type, warehouse"
    assert STORES in f"{row['params']} {row['detail']}"
    assert PRICE_TYPES in f"{row['params']} {row['detail']}"


def test_a_base_that_gives_none_of_its_sets_fails_as_a_whole(trade: Trade) -> None:
    trade.base.fail_next(Fault.HANDLER, times=999)
    assert trade.pull().outcome == "failed"
    assert told(trade)["code"] == "E815"


@pytest.mark.parametrize(
    "fault", [Fault.CRASH, Fault.MAINTENANCE, Fault.UNAVAILABLE, Fault.DROP_BEFORE, Fault.NOT_FOUND]
)
def test_a_base_that_goes_down_between_two_sets_fails_as_a_whole(trade: Trade, fault: Fault) -> None:
    trade.base.fail_next(fault, resource=STORES, times=99)
    assert trade.pull().outcome == "failed"
    assert trade.one("SELECT count(*) FROM products") == 0
    if fault is Fault.UNAVAILABLE:
        assert trade.one("SELECT closed_until > now() OR failures > 0 FROM endpoint"), "its health knows"


def test_a_scheduled_pull_of_a_base_that_is_down_is_begun_again(trade: Trade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulls, "RETRIES", (timedelta(0),))  # its next time may be near
    trade.base.fail_next(Fault.CRASH, times=99)
    assert trade.pull("documents", by=None).outcome == "later"


def test_a_lookup_that_failed_is_asked_for_again_by_the_next_set(trade: Trade) -> None:
    trade.base.fail_next(Fault.HANDLER, resource="Catalog_Валюты")
    assert trade.pull().outcome == "ok"
    assert trade.one("SELECT count(*) FROM price_types WHERE currency = 'RUB'") > 0
    assert trade.found("SELECT code FROM journal WHERE kind = 'record'") == []


def test_what_1c_cannot_be_asked_for_again_is_kept(trade: Trade) -> None:
    trade.pull()
    key = str(trade.goods()[5]["Ref_Key"])
    before = trade.active("products")
    trade.base.delete(GOODS, key)
    pages = [one for one in trade.base.requests if one.path.startswith(GOODS)]
    trade.base.fail_next(Fault.HANDLER, resource=GOODS, after=len(pages), times=99)
    assert trade.pull().outcome == "partial"
    assert trade.active("products") == before
    assert told_last(trade) == "E976"


def told_last(trade: Trade) -> str:
    return str(trade.found("SELECT code FROM journal WHERE kind = 'pull' ORDER BY at DESC, id DESC LIMIT 1")[0]["code"])


def test_a_base_away_concerns_every_set() -> None:
    assert pull_unread.of_one_set(RemoteError("E815", asked="GET X", detail="x"))
    assert pull_unread.of_one_set(TransportError("E836", asked="GET X", limit=1))
    for error in (
        TransportError("E801"),
        TransportError("E804"),
        TransportError("E805"),
        ConfigError("E813"),
        ConfigError("E812"),
    ):
        assert not pull_unread.of_one_set(error)


def test_a_set_that_1c_cannot_give_holds_up_no_other_changes_and_1c_is_not_told_of_them(trade: Trade) -> None:
    node(trade)
    trade.pull()
    trade.pull("changes")
    key, store = str(trade.goods()[3]["Ref_Key"]), str(trade.base.rows(STORES)[0]["Ref_Key"])
    trade.base.change(GOODS, key, {"Description": "Новое имя"})
    trade.base.change(STORES, store, {"Description": "Новый склад"})
    trade.base.fail_next(Fault.HANDLER, resource=STORES, times=99)
    before = len(trade.base.requests)
    assert trade.pull("changes").outcome == "partial"
    assert trade.one("SELECT name FROM products WHERE id = %(k)s", k=key) == "Новое имя"
    codes = trade.found("SELECT code, entity FROM journal WHERE kind = 'record'")
    assert codes == [{"code": "E978", "entity": "warehouse"}]
    assert not any("NotifyChangesReceived" in each.path for each in trade.base.requests[before:])
    trade.base.faults.clear()
    assert trade.pull("changes").outcome == "ok"
    assert trade.one("SELECT name FROM warehouses WHERE id = %(k)s", k=store) == "Новый склад"
    assert trade.pull("changes").counters == {}, "now 1C was told"


def test_changes_of_which_nothing_could_be_read_fail_as_a_whole(trade: Trade) -> None:
    node(trade)
    trade.pull()
    trade.pull("changes")
    trade.base.change(STORES, str(trade.base.rows(STORES)[0]["Ref_Key"]), {"Description": "Новый склад"})
    trade.base.fail_next(Fault.HANDLER, resource=STORES, times=99)
    assert trade.pull("changes").outcome == "failed"
