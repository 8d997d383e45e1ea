"""Pulls from a base that answers over HTTP, into a real database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.config import Settings
from syncd.queue.broker import Doorbell
from syncd.schedules import lateness, rows
from syncd.schedules.plan import PULLING_KINDS, Plan, plans
from syncd.schedules.settings import Schedule
from syncd.schedules.ticking import tick
from syncd.store import access, endpoints
from syncd.store.db import Database, every, execute
from syncd.sync import pulls
from syncd.sync.context import Context
from syncd.sync.worker import Worker

from . import onec_data
from .onec_data import DataOfOneC, page, stock

TENANT = "default"


@pytest.fixture
def onec() -> Iterator[DataOfOneC]:
    with onec_data.running() as found:
        yield found


@pytest.fixture
def ctx(database_url: str) -> Iterator[Context]:
    schedules = {
        "stocks": Schedule.model_validate({"pull": "stocks", "every": "5m", "late_after": "15m"}),
        "settlements": Schedule.model_validate({"pull": "settlements", "cron": "0 3 * * *"}),
    }
    db = Database(database_url, size=8)
    yield Context(db, Settings(schedules=schedules), Doorbell(None))
    db.close()


@pytest.fixture
def base(ctx: Context, onec: DataOfOneC) -> DataOfOneC:
    """The base is known as ut11, and may be asked for everything."""
    with ctx.db.transaction() as conn:
        infobase = access.add_infobase(conn, TENANT, "ut11", "1c", "x", dialect="auto", zone="Europe/Moscow")
        endpoints.add(conn, TENANT, name="main", kind="http_service", address=onec.address, takes=[],
                      infobase_id=infobase, settings={"pulls": "*"}, timeout_seconds=5)  # fmt: skip
    return onec


def test_every_kind_that_is_planned_for_has_an_adapter() -> None:
    assert set(PULLING_KINDS) == set(pulls.PULLERS)


def plan(ctx: Context, name: str = "stocks@ut11") -> Plan:
    with ctx.db.transaction() as conn:
        return {one.name: one for one in plans(conn, ctx.settings.schedules, zone="UTC")}[name]


def pull(ctx: Context, name: str = "stocks@ut11", *, by: str | None = "anna", **counters: Any) -> pulls.Result | None:
    """Queue one run and do it."""
    one = plan(ctx, name)
    with ctx.db.transaction() as conn:
        rows.queue(conn, TENANT, name, rows.clock(conn), lane=one.lane, by=by, counters=counters or None)
    claim = pulls.claim_next(ctx)
    assert claim is not None
    return pulls.run(ctx, claim)


def found(ctx: Context, query: str) -> list[dict[str, Any]]:
    with ctx.db.transaction() as conn:
        return [dict(row) for row in every(conn, query)]


def stocks(ctx: Context) -> dict[str, str]:
    return {
        row["offer_id"]: str(row["on_hand"])
        for row in found(ctx, "SELECT offer_id, on_hand FROM stocks WHERE deleted_at IS NULL ORDER BY offer_id")
    }


def test_all_pages_are_merged_and_the_journal_counts_them(ctx: Context, base: DataOfOneC) -> None:
    base.gives([stock(1, "5.50"), stock(2, 3)], [stock(3, 0)])
    result = pull(ctx)
    assert result is not None
    assert result.outcome == "ok"
    assert stocks(ctx) == {"o1": "5.50", "o2": "3", "o3": "0"}
    assert base.asked == [("stocks", None), ("stocks", "1")]
    (row,) = found(ctx, "SELECT kind, outcome, subject, counters FROM journal")
    assert (row["kind"], row["outcome"], row["subject"]) == ("pull", "ok", "stocks@ut11")
    assert row["counters"]["stock"]["created"] == 3
    assert [row["entity"] for row in found(ctx, "SELECT entity FROM freshness")] == ["stock"]
    again = pull(ctx)
    assert again is not None
    assert again.counters["stock"]["unchanged"] == 3


def test_what_a_full_set_leaves_out_is_removed(ctx: Context, base: DataOfOneC) -> None:
    base.gives([stock(1), stock(2), stock(3)])
    pull(ctx)
    base.gives([stock(1), stock(3)])
    result = pull(ctx)
    assert result is not None
    assert result.counters["stock"]["removed"] == 1
    assert set(stocks(ctx)) == {"o1", "o3"}


def test_a_partial_set_removes_nothing(ctx: Context, base: DataOfOneC) -> None:
    base.gives([stock(1), stock(2)])
    pull(ctx)
    with ctx.db.transaction() as conn:
        execute(conn, """UPDATE endpoint SET settings = '{"pulls": "*", "partial": true}'""")
    base.gives([stock(1, 7)])
    pull(ctx)
    assert stocks(ctx) == {"o1": "7", "o2": "1"}


def test_the_brake_holds_a_removal_that_is_too_much_until_a_person_says_so(ctx: Context, base: DataOfOneC) -> None:
    base.gives([stock(number) for number in range(100)])
    pull(ctx)
    base.gives([stock(number) for number in range(40)])
    result = pull(ctx)
    assert result is not None
    assert result.outcome == "partial"
    assert len(stocks(ctx)) == 100
    (row,) = found(ctx, "SELECT code, params FROM journal WHERE outcome = 'partial'")
    assert (row["code"], row["params"]["absent"], row["params"]["total"]) == ("E967", 60, 100)
    pull(ctx, remove=True)
    assert len(stocks(ctx)) == 40


HTML = (200, "text/html", "<html><body>Вход в систему</body></html>".encode())


@pytest.mark.parametrize(
    "answer",
    [
        HTML,
        (200, "application/json", b'{"items": [{"offer_id": "o1"'),
        (200, "application/json", b"{}"),
        (200, "application/json", b'{"items": {}}'),
        (200, "application/json", b""),
        (500, "text/html", b"<h1>Internal error</h1>"),
        (404, "text/html", b"no such page"),
    ],
    ids=["html", "broken off", "no items", "items no list", "empty body", "500", "404"],
)
def test_an_answer_that_is_not_the_contracts_is_never_an_empty_set(
    ctx: Context, base: DataOfOneC, answer: onec_data.Answer
) -> None:
    base.gives([stock(1), stock(2)])
    pull(ctx)
    base.respond = lambda _entity, _cursor: answer
    result = pull(ctx)
    assert result is not None
    assert result.outcome == "failed"
    assert stocks(ctx) == {"o1": "1", "o2": "1"}
    (row,) = found(ctx, "SELECT code, kind FROM journal WHERE outcome = 'failed'")
    assert row["kind"] == "pull"
    assert row["code"]


def test_a_broken_second_page_changes_nothing_at_all(ctx: Context, base: DataOfOneC) -> None:
    base.gives([stock(1, 5)])
    pull(ctx)
    base.respond = lambda _entity, cursor: HTML if cursor else page([stock(1, 9), stock(2, 9)], "1")
    pull(ctx)
    assert stocks(ctx) == {"o1": "5"}


def test_an_empty_set_is_not_believed(ctx: Context, base: DataOfOneC) -> None:
    base.gives([stock(1)])
    pull(ctx)
    base.gives([])
    result = pull(ctx)
    assert result is not None
    assert result.outcome == "partial"
    assert stocks(ctx) == {"o1": "1"}


def test_a_bad_record_is_journalled_with_its_field_and_removes_nothing(ctx: Context, base: DataOfOneC) -> None:
    base.gives([stock(1), stock(2)])
    pull(ctx)
    base.gives([stock(1, "много"), {"warehouse_id": "w"}])
    result = pull(ctx)
    assert result is not None
    assert (result.outcome, result.counters["stock"]["failed"]) == ("partial", 2)
    assert stocks(ctx) == {"o1": "1", "o2": "1"}
    bad = found(ctx, "SELECT path, code, entity FROM journal WHERE kind = 'record' ORDER BY id")
    assert [(row["path"], row["code"]) for row in bad] == [("on_hand", "E966"), ("offer_id", "E966")]


def test_a_package_that_came_later_is_not_overwritten(ctx: Context, base: DataOfOneC) -> None:
    """The pull takes its place in the order of arrival before it asks."""

    def respond(_entity: str, _cursor: str | None) -> onec_data.Answer:
        with ctx.db.transaction() as conn:
            execute(
                conn,
                """INSERT INTO stocks (tenant, offer_id, warehouse_id, on_hand, content_hash, source_seq) VALUES
                   ('default', 'o1', 'w', 42, gen_random_uuid(), nextval(pg_get_serial_sequence('package', 'seq')))""",
            )
        return page([stock(1, 5)])

    base.respond = respond
    pull(ctx)
    assert stocks(ctx) == {"o1": "42"}


def test_a_scheduled_run_that_failed_is_begun_again_before_its_next_time(ctx: Context, base: DataOfOneC) -> None:
    base.respond = lambda _entity, _cursor: (503, "text/plain", b"")
    name = "settlements@ut11"
    result = pull(ctx, name, by=None)
    assert result is not None
    assert result.outcome == "later"
    (row,) = found(ctx, "SELECT state, lease_until > now() AS waits, counters FROM schedule_run")
    assert (row["state"], row["waits"], row["counters"]["retries"]) == ("queued", True, 1)
    assert pulls.claim_next(ctx) is None
    with ctx.db.transaction() as conn:
        execute(conn, "UPDATE schedule_run SET lease_until = now() - interval '1 second'")
    base.gives([{"counterparty_id": "c", "currency": "RUB", "debt": "10.00"}])
    claim = pulls.claim_next(ctx)
    assert claim is not None
    done = pulls.run(ctx, claim)
    assert done is not None
    assert done.outcome == "ok"


def test_a_run_that_lost_its_lease_changes_nothing(ctx: Context, base: DataOfOneC) -> None:
    def respond(_entity: str, _cursor: str | None) -> onec_data.Answer:
        with ctx.db.transaction() as conn:
            execute(conn, "UPDATE schedule_run SET worker_id = gen_random_uuid() WHERE state = 'running'")
        return page([stock(1)])

    base.respond = respond
    assert pull(ctx) is None
    assert stocks(ctx) == {}
    assert found(ctx, "SELECT id FROM journal") == []


def test_a_run_over_which_workers_die_is_set_aside(ctx: Context, base: DataOfOneC) -> None:
    del base
    one = plan(ctx)
    with ctx.db.transaction() as conn:
        rows.queue(conn, TENANT, one.name, rows.clock(conn), lane=one.lane)
    claim = None
    for _ in range(rows.TAKEOVERS + 1):
        claim = pulls.claim_next(ctx)
        assert claim is not None
        with ctx.db.transaction() as conn:
            execute(conn, "UPDATE schedule_run SET lease_until = now() - interval '1 second'")
    assert claim is not None
    result = pulls.run(ctx, claim)
    assert result is not None
    assert result.outcome == "failed"
    assert [row["code"] for row in found(ctx, "SELECT code FROM journal")] == ["E970"]


def until(ask: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 30
    while not ask():
        assert time.monotonic() < deadline, f"in vain: {what}"
        threading.Event().wait(0.02)


def test_a_long_nightly_pull_does_not_delay_the_one_of_every_five_minutes(ctx: Context, base: DataOfOneC) -> None:
    go_on = threading.Event()

    def respond(entity: str, _cursor: str | None) -> onec_data.Answer:
        if entity == "settlements":
            go_on.wait(30)
            return page([{"counterparty_id": "c", "currency": "RUB", "debt": 1}])
        return page([stock(1)])

    base.respond = respond
    worker = Worker(ctx, None, threads=1)
    worker.start()
    try:
        with ctx.db.transaction() as conn:
            for name in ("settlements@ut11", "stocks@ut11"):
                rows.queue(conn, TENANT, name, rows.clock(conn), lane=name)
        worker.ring()
        until(lambda: stocks(ctx), "stocks arrive while settlements hang")
        with ctx.db.transaction() as conn:
            rows.queue(conn, TENANT, "stocks@ut11", rows.clock(conn), lane="stocks@ut11")
        worker.ring()
        until(lambda: len([entity for entity, _ in base.asked if entity == "stocks"]) == 2, "and once more")
        go_on.set()
        until(lambda: not found(ctx, "SELECT 1 AS x FROM schedule_run WHERE state <> 'done'"), "all end")
    finally:
        go_on.set()
        worker.stop()
    assert {row["outcome"] for row in found(ctx, "SELECT outcome FROM schedule_run")} == {"ok"}


def test_a_worker_that_stops_gives_its_pull_back(ctx: Context, base: DataOfOneC) -> None:
    go_on = threading.Event()

    def respond(_entity: str, _cursor: str | None) -> onec_data.Answer:
        go_on.wait(30)
        return page([stock(1)])

    base.respond = respond
    worker = Worker(ctx, None, threads=1)
    worker.start()
    with ctx.db.transaction() as conn:
        rows.queue(conn, TENANT, "stocks@ut11", rows.clock(conn), lane="stocks@ut11")
    worker.ring()
    until(lambda: base.asked, "1C is asked")
    began = time.monotonic()
    worker.stop()
    took = time.monotonic() - began
    go_on.set()
    assert took < 5
    assert [row["state"] for row in found(ctx, "SELECT state FROM schedule_run")] == ["queued"]


def test_a_late_pull_is_told_once_for_each_lateness(ctx: Context, base: DataOfOneC) -> None:
    with ctx.db.transaction() as conn:
        endpoints.add(
            conn, TENANT, name="bot", kind="webhook", address="https://shop.example/hook", takes=["pull.late"]
        )
    base.gives([stock(1)])
    one = plan(ctx)
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    with ctx.db.transaction() as conn:
        tick(conn, one, noon)
    for minutes, expected in ((14, False), (16, True), (17, False), (60, False)):
        with ctx.db.transaction() as conn:
            assert lateness.tell(conn, one, noon + timedelta(minutes=minutes)) is expected, minutes
    assert [row["code"] for row in found(ctx, "SELECT code FROM journal")] == ["E968"]
    assert [row["told"] for row in found(ctx, "SELECT strpos(payload::text, 'pull.late') > 0 AS told FROM outbox")] == [
        True
    ]
    claim = pulls.claim_next(ctx)
    assert claim is not None
    pulls.run(ctx, claim)
    with ctx.db.transaction() as conn:
        assert lateness.lateness(conn, one, noon + timedelta(minutes=4)) is None
        assert lateness.tell(conn, one, noon + timedelta(minutes=21)) is True
