"""The scheduler's process: several of them, jobs of the installation, and what they survive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from syncd.schedules.scheduler import Beat, Job, Scheduler
from syncd.store.db import Database, execute

from .conftest import Rows, plan


def until(ask: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not ask():
        assert time.monotonic() < deadline, f"in vain: {what}"
        threading.Event().wait(0.02)


def test_three_schedulers_do_a_job_once_for_each_fire_time(db: Database, rows: Rows) -> None:
    done: list[Beat] = []

    def tidy(beat: Beat) -> str:
        done.append(beat)
        return "tidied"

    job = Job("tidy", timedelta(seconds=1), tidy)
    three = [Scheduler(db, [job], lambda _conn: [], lambda: None) for _ in range(3)]
    for scheduler in three:
        scheduler.start()
    try:
        until(lambda: len([row for row in rows() if row["outcome"] == "ok"]) >= 3, "three fire times are over")
    finally:
        for scheduler in three:
            scheduler.stop()
    ran = [row for row in rows() if row["state"] == "done"]
    assert len(done) == len(ran) == len({row["fire_at"] for row in ran})
    assert {(row["tenant"], row["schedule"], row["reason"]) for row in ran} == {("", "tidy", "tidied")}


def test_a_job_that_fails_is_told_and_runs_at_its_next_time(db: Database, rows: Rows) -> None:
    def fail(_beat: Beat) -> str:
        raise RuntimeError("the disk is full")

    scheduler = Scheduler(db, [Job("tidy", timedelta(seconds=1), fail)], lambda _conn: [], lambda: None)
    scheduler.start()
    try:
        until(lambda: len([row for row in rows() if row["outcome"] == "failed"]) >= 2, "it fails twice")
    finally:
        scheduler.stop()
    assert all("the disk is full" in row["reason"] for row in rows() if row["outcome"] == "failed")


def test_a_job_under_way_is_given_back_when_the_process_stops(db: Database, rows: Rows) -> None:
    begun = threading.Event()

    def long(beat: Beat) -> str:
        begun.set()
        while True:
            beat()
            threading.Event().wait(0.02)

    scheduler = Scheduler(db, [Job("tidy", timedelta(hours=1), long)], lambda _conn: [], lambda: None)
    scheduler.start()
    assert begun.wait(30)
    began = time.monotonic()
    scheduler.stop()
    assert time.monotonic() - began < 10
    assert [row["state"] for row in rows()] == ["queued"]


def test_a_schedule_that_cannot_be_told_does_not_stop_the_others(db: Database, rows: Rows) -> None:
    never = plan("a", cron="0 0 31 2 *")
    rung: list[bool] = []
    scheduler = Scheduler(db, [], lambda _conn: [never, plan("b")], lambda: rung.append(True))
    assert scheduler.look() == 1
    assert [row["schedule"] for row in rows()] == ["b"]
    assert rung == [True]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_old_runs_are_forgotten_but_for_the_newest_good_one(db: Database, rows: Rows, state: str) -> None:
    from syncd.schedules.rows import prune

    with db.transaction() as conn:
        execute(
            conn,
            """INSERT INTO schedule_run (tenant, schedule, fire_at, state, outcome) VALUES
               ('t', 's', now() - interval '90 days', 'done', 'ok'),
               ('t', 's', now() - interval '80 days', 'done', 'ok'),
               ('t', 's', now() - interval '70 days', 'done', 'failed'),
               ('t', 's', now() - interval '60 days', %(state)s, NULL)""",
            state=state,
        )
        assert prune(conn, 30) == 2
    assert [row["outcome"] for row in rows()] == ["ok", None]
