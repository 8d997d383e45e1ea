"""Batches worked off by real workers: at their rate, by turns, and once, whatever dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

import pytest

from syncd.config import Settings
from syncd.queue import outbox
from syncd.queue.broker import Doorbell
from syncd.store import access, batches, endpoints, packages
from syncd.store.batches import Item
from syncd.store.db import Database, every, execute
from syncd.sync import batches as working
from syncd.sync.context import Context
from tests.crash.house import House, until

TENANT = "default"
NOBODY = "unix:///nonexistent/valkey.sock?db=0"
PATIENCE = 90.0


@pytest.fixture
def ctx(database_url: str) -> Iterator[Context]:
    db = Database(database_url, size=8)
    yield Context(db, Settings(), Doorbell(None))
    db.close()


def rejected(db: Database, count: int) -> list[Item]:
    """So many messages that 1C refused."""
    with db.transaction() as conn:
        made = [outbox.enqueue(conn, TENANT, kind="order", key=f"k{n}") for n in range(count)]
        execute(conn, "UPDATE outbox SET state = 'rejected'")
    return [Item("message", str(id_)) for id_ in made]


def make(db: Database, items: list[Item], *, action: str = "replay", rate: Decimal | None = None) -> UUID:
    with db.transaction() as conn:
        return batches.create(conn, TENANT, action=action, filter_={}, words="all", reason="x", by="anna", rate=rate,
                              items=items)  # fmt: skip


def shown(db: Database, batch: UUID) -> dict[str, object]:
    with db.transaction() as conn:
        (row,) = batches.matching(conn, TENANT, str(batch))
    return dict(row)


def work(ctx: Context, batch: UUID, seconds: float = 30) -> None:
    with ctx.db.transaction() as conn:
        claim = batches.claim(conn, 20, only=batch)
    assert claim is not None
    working.work(ctx, claim, threading.Event(), seconds=seconds)


def test_a_worker_killed_amid_a_batch_leaves_the_rest_to_another_and_nothing_is_done_twice(
    database_url: str, ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCD_WORKER__LEASE_SECONDS", "5")
    batch = make(ctx.db, rejected(ctx.db, 60), rate=Decimal(20))
    done = f"SELECT count(*) FROM batch_item WHERE batch_id = '{batch}' AND outcome = 'done'"
    with House(database_url, NOBODY, roles=("worker",)) as house:
        until(lambda: house.one(done) >= 10, "some items are done", patience=PATIENCE)
        house.kill("worker")
        assert house.one(done) < 60
        until(lambda: house.one(done) == 60, "the next worker does the rest", patience=PATIENCE)
        until(lambda: house.one(f"SELECT state FROM batch WHERE id = '{batch}'") == "done", "the batch ends")
    assert shown(ctx.db, batch)["done"] == 60
    with ctx.db.transaction() as conn:
        series = every(conn, "SELECT series, count(*) AS n FROM outbox GROUP BY series")
        acts = every(conn, "SELECT count(*) AS n FROM outbox_change WHERE by = 'anna' GROUP BY outbox_id")
    assert [(row["series"], row["n"]) for row in series] == [(2, 60)]
    assert {row["n"] for row in acts} == {1}


def test_the_rate_is_kept_whoever_does_the_steps(ctx: Context) -> None:
    batch = make(ctx.db, rejected(ctx.db, 6), rate=Decimal(10))
    began = time.monotonic()
    while shown(ctx.db, batch)["state"] == "running":
        work(ctx, batch, seconds=0.15)
    assert time.monotonic() - began >= 0.6
    with ctx.db.transaction() as conn:
        times = [row["done_at"] for row in every(conn, "SELECT done_at FROM batch_item ORDER BY n")]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert min(gaps) >= 0.09


def test_a_long_batch_does_not_keep_a_short_one_waiting(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "SLICE_SECONDS", 0.2)
    items = rejected(ctx.db, 51)
    long, short = make(ctx.db, items[:50], rate=Decimal(5)), make(ctx.db, items[50:])
    stopping = threading.Event()

    def wait(_seen: int) -> int:
        stopping.wait(0.05)
        return 0

    loop = threading.Thread(target=working.Batches(ctx, stopping, wait).loop)
    loop.start()
    try:
        until(lambda: shown(ctx.db, short)["state"] == "done", "the short batch ends")
        assert shown(ctx.db, long)["state"] == "running"
    finally:
        stopping.set()
        loop.join()


def test_a_paused_batch_stands_still_and_goes_on_where_it_stopped(ctx: Context) -> None:
    batch = make(ctx.db, rejected(ctx.db, 3), rate=Decimal(100))
    with ctx.db.transaction() as conn:
        claim = batches.claim(conn, 20)
    assert claim is not None
    with ctx.db.transaction() as conn:
        assert batches.turn(conn, TENANT, batch, "pause", reason="wait")
    working.work(ctx, claim, threading.Event())
    assert shown(ctx.db, batch)["done"] == 0
    with ctx.db.transaction() as conn:
        assert batches.claim(conn, 20) is None
        assert batches.turn(conn, TENANT, batch, "resume", reason=None)
    work(ctx, batch)
    assert (shown(ctx.db, batch)["done"], shown(ctx.db, batch)["state"]) == (3, "done")


def test_an_item_that_fails_does_not_stop_the_others(ctx: Context) -> None:
    items = rejected(ctx.db, 2)
    batch = make(ctx.db, [items[0], Item("message", "no id at all"), items[1]])
    work(ctx, batch)
    found = shown(ctx.db, batch)
    assert (found["done"], found["failed"], found["state"]) == (2, 1, "done")


@pytest.mark.parametrize(
    ("action", "state", "after"),
    [("cancel", "pending", "cancelled"), ("hold", "pending", "held"), ("release", "held", "pending"),
     ("retry", "rejected", "pending")],
)  # fmt: skip
def test_every_action_has_its_batch(ctx: Context, action: str, state: str, after: str) -> None:
    items = rejected(ctx.db, 2)
    with ctx.db.transaction() as conn:
        conn.execute("UPDATE outbox SET state = %s", (state,))
    batch = make(ctx.db, items, action=action)
    work(ctx, batch)
    with ctx.db.transaction() as conn:
        rows = every(conn, "SELECT state, batch_id, priority FROM outbox")
    assert {(row["state"], row["batch_id"]) for row in rows} == {(after, batch)}
    if action in {"release", "retry"}:
        assert {row["priority"] for row in rows} == {1}


def test_a_package_is_queued_again_and_a_pull_becomes_a_run(ctx: Context) -> None:
    with ctx.db.transaction() as conn:
        infobase = access.add_infobase(conn, TENANT, "ut11", "1c", "x", dialect="auto", zone="Europe/Moscow")
        endpoints.add(conn, TENANT, name="main", kind="http_service", address="http://127.0.0.1:9", takes=[],
                      infobase_id=infobase, settings={"pulls": "*"})  # fmt: skip
        package = packages.create(conn, TENANT, [], source="test", lane="catalog")
        execute(conn, "UPDATE package SET state = 'failed', outcome = 'failed', finished_at = now()")
    items = [Item("package", str(package)), Item("pull", "stocks@ut11"), Item("pull", "nothing@ut11")]
    batch = make(ctx.db, items)
    work(ctx, batch)
    found = shown(ctx.db, batch)
    assert (found["done"], found["skipped"]) == (2, 1)
    with ctx.db.transaction() as conn:
        (made,) = every(conn, "SELECT replay_of, replay_by, replay_reason FROM package WHERE state = 'queued'")
        (run,) = every(conn, "SELECT schedule, state, requested_by FROM schedule_run")
    assert (made["replay_of"], made["replay_by"], made["replay_reason"]) == (package, "anna", "x")
    assert (run["schedule"], run["state"]) == ("stocks@ut11", "queued")
    assert str(batch) in run["requested_by"]
