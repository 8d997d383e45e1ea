"""Who may take an import over: nobody while its merge runs, however long; the next one soon after its death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from syncd.config import Exchange, Settings, Worker
from syncd.store import packages
from syncd.store.ids import new_id
from syncd.sync import imports, receive, removals
from syncd.sync.context import Context
from syncd.sync.worker import Worker as Live
from syncd.sync.worker import register, touch
from tests.api.site import OneC, Site, catalogue, running

LEASE = 0.5


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    settings = Settings(exchange=Exchange(progress_hold_seconds=0), worker=Worker.model_construct(lease_seconds=LEASE))
    with running(database_url, settings) as found:
        yield found


def until(met: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait for what another thread or process is about to do."""
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, f"{what} did not happen"
        threading.Event().wait(0.02)


def test_an_import_whose_merge_outlasts_its_lease_is_not_taken_over_and_blocks_no_house_work(
    site: Site, onec: OneC
) -> None:
    onec.push("import.xml", catalogue("Стул", "Стол"))
    onec.begin()
    onec.send("import.xml", catalogue("Кресло", "Стол"))
    onec.ask("type=catalog&mode=import&filename=import.xml")
    worker = new_id()
    register(site.ctx.db, worker, "worker")
    with site.ctx.db.transaction() as conn:
        conn.execute("SELECT 1 FROM products FOR UPDATE")  # the merge has to wait for this
        claim = imports.claim_next(site.ctx)
        assert claim is not None
        results: list[imports.Result | None] = []
        merging = threading.Thread(target=lambda: results.append(imports.run(site.ctx, claim)))
        merging.start()
        until(lambda: bool(site.count("pg_locks", "NOT granted")), "the merge waits")
        until(lambda: bool(site.count("package", "lease_until < now() - interval '0.2s'")), "the lease runs out")
        began = time.monotonic()
        assert imports.claim_next(site.ctx) is None
        with site.ctx.db.transaction() as other:
            receive.sweep(other, idle_seconds=60)
        removals.settle(site.ctx)
        touch(site.ctx.db, worker)
        assert onec.ask("type=catalog&mode=import&filename=import.xml").text.startswith("progress")
        assert time.monotonic() - began < 5, "nobody waited for the merge"
    merging.join()
    assert [result.outcome for result in results if result] == ["ok"]
    package = site.row("SELECT state, attempt FROM package ORDER BY seq DESC LIMIT 1")
    assert package == {"state": "done", "attempt": 1}
    assert site.count("products", "name = 'Кресло'") == 1


def test_a_worker_shows_that_it_lives_while_a_long_removal_is_decided(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, over = threading.Event(), threading.Event()

    def long(_ctx: Context) -> int:
        begun.set()
        over.wait(30)
        return 0

    monkeypatch.setattr(removals, "settle", long)
    worker = Live(site.ctx, None, threads=1)
    worker.start()
    try:
        assert begun.wait(10)
        until(lambda: bool(site.count("worker")), "the worker signs on")
        seen = site.row("SELECT seen_at FROM worker")["seen_at"]
        until(lambda: bool(site.row("SELECT seen_at FROM worker")["seen_at"] > seen), "another sign of life")
    finally:
        over.set()
        worker.stop()


def test_a_merge_whose_process_is_gone_lets_go_of_its_package_before_its_statement_ends(site: Site, onec: OneC) -> None:
    onec.begin()
    onec.send("import.xml", catalogue("Стул"))
    onec.ask("type=catalog&mode=import&filename=import.xml")
    claim = imports.claim_next(site.ctx)
    assert claim is not None
    code = (
        "import sys; from syncd.store.db import Database\n"
        "with Database(sys.argv[1]).dedicated() as conn, conn.transaction():\n"
        "    conn.execute('SELECT 1 FROM package FOR UPDATE')\n"
        "    conn.execute('SELECT pg_sleep(120)')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, site.ctx.db.url])
    asleep = "state = 'active' AND starts_with(query, 'SELECT pg_sleep') AND datname = current_database()"
    try:
        until(lambda: bool(site.count("pg_stat_activity", asleep)), "the statement runs")
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    until(lambda: not site.count("pg_stat_activity", asleep), "the server notices")
    until(lambda: bool(site.count("package", "lease_until < now()")), "the lease runs out")
    with site.ctx.db.transaction() as conn:
        again = packages.claim(conn, LEASE)
    assert again is not None
    assert (again.id, again.attempt) == (claim.id, 2)
