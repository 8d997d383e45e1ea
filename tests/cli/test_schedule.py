from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.store import access, batches, endpoints
from syncd.store.batches import Item
from syncd.store.db import Database, execute
from tests.sync import onec_data
from tests.sync.onec_data import DataOfOneC, stock

from .conftest import Run


@pytest.fixture
def base(db: Database) -> Iterator[DataOfOneC]:
    """A base that can be pulled from, known as ut11."""
    with onec_data.running() as onec:
        with db.transaction() as conn:
            infobase = access.add_infobase(conn, "default", "ut11", "1c", "x", dialect="auto", zone="Europe/Moscow")
            endpoints.add(conn, "default", name="main", kind="http_service", address=onec.address, takes=[],
                          infobase_id=infobase, settings={"pulls": "*"}, timeout_seconds=5)  # fmt: skip
        onec.gives([stock(1), stock(2)])
        yield onec


def test_without_a_base_to_pull_from_the_list_says_so(run: Run, db: Database) -> None:
    del db
    ran = run("schedule", "list")
    assert (ran.code, ran.out) == (0, "")
    assert "Nothing is pulled" in ran.err


def test_the_defaults_run_for_a_base_that_can_be_pulled_from(run: Run, base: DataOfOneC) -> None:
    del base
    lines = {line["name"]: line for line in run("schedule", "list", "-o", "json").json}
    assert set(lines) == {"stocks@ut11", "settlements@ut11"}
    assert lines["stocks@ut11"]["when"] == "5m"
    assert lines["settlements@ut11"]["when"] == "0 3 * * * Europe/Moscow"
    assert (lines["stocks@ut11"]["skipped_24h"], lines["stocks@ut11"]["late"]) == (0, False)
    table = run("schedule", "list").out
    assert "stocks@ut11" in table
    assert "skip" in table


def test_run_only_queues_and_with_wait_it_does_the_work_where_no_worker_lives(
    run: Run, db: Database, base: DataOfOneC
) -> None:
    ran = run("schedule", "run", "stocks", "-o", "json")
    assert (ran.code, ran.json["state"]) == (0, "queued")
    assert base.asked == []
    with db.transaction() as conn:
        execute(conn, "TRUNCATE schedule_run")
    ran = run("schedule", "run", "stocks@ut11", "--wait", "-o", "json")
    assert ran.code == 0, ran.err
    assert ran.json["counters"]["stock"]["created"] == 2
    (line,) = run("schedule", "history", "stocks", "-o", "json").json
    assert line["outcome"] == "ok"
    assert line["requested_by"]
    assert "stock 2" in run("schedule", "history", "stocks").out


def test_a_pull_that_failed_ends_with_7_and_says_why(run: Run, base: DataOfOneC) -> None:
    base.respond = lambda _entity, _cursor: (200, "text/html", b"<html>login</html>")
    ran = run("schedule", "run", "stocks", "--wait")
    assert ran.code == 7
    assert "failed" in ran.err
    assert "failed" in run("schedule", "list").out


def test_a_pause_is_shown_with_who_and_why_and_ends(run: Run, base: DataOfOneC) -> None:
    del base
    assert run("schedule", "pause", "stocks").code == 2
    assert run("schedule", "pause", "stocks", "--reason", " ").code == 2
    assert run("schedule", "pause", "stocks", "--reason", "x", "--for", "soon").code == 2
    assert run("schedule", "pause", "stocks", "--reason", "stocktaking", "--for", "2h").code == 0
    assert "stocktaking" in run("schedule", "list").out
    (line,) = [line for line in run("schedule", "list", "-o", "json").json if line["pull"] == "stocks"]
    assert line["paused"] is True
    assert line["paused_until"]
    assert "goes on" in run("schedule", "resume", "stocks").err
    assert "was not paused" in run("schedule", "resume", "stocks").err


def test_next_shows_the_coming_times(run: Run, base: DataOfOneC) -> None:
    del base
    times = run("schedule", "next", "settlements", "-n", "3", "-o", "json").json
    assert len(times) == 3
    assert len({line["at"][10:] for line in times}) == 1


def test_an_unknown_schedule_is_not_found_and_an_unclear_one_is_asked_about(
    run: Run, db: Database, base: DataOfOneC
) -> None:
    assert run("schedule", "run", "nothing").code == 3
    with db.transaction() as conn:
        endpoints.add(conn, "default", name="second", kind="http_service", address=base.address, takes=[],
                      settings={"pulls": ["stocks"]})  # fmt: skip
    ran = run("schedule", "run", "stocks")
    assert ran.code == 4
    assert "stocks@second" in ran.err


def test_status_tells_the_age_of_every_pull_what_is_late_and_open_batches(
    run: Run, db: Database, base: DataOfOneC
) -> None:
    del base
    assert run("schedule", "run", "stocks", "--wait").code == 0
    assert "stocks@ut11" in run("status").out
    with db.transaction() as conn:
        execute(
            conn,
            "UPDATE schedule_run SET fire_at = now() - interval '2 h', finished_at = now() - interval '2 h'",
        )
        execute(conn, "INSERT INTO schedule (tenant, name) VALUES ('default', 'stocks@ut11')")
        batches.create(conn, "default", action="replay", filter_={}, words="all", reason="INC-7", by="anna", rate=None,
                       items=[Item("pull", "stocks@ut11")])  # fmt: skip
    seen = run("status", "-o", "json").json
    assert [row["late"] for row in seen["pulls"] if row["pull"] == "stocks"] == [True]
    assert any("stocks@ut11 is late" in mark["message"] for mark in seen["attention"])
    screen = run("status").out
    assert "LATE" in screen
    assert "INC-7" in screen
