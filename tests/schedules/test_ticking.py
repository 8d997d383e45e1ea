"""Which fire times become runs: nothing is lost, nothing is done twice, and every skip says why."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.schedules import rows as runs
from syncd.schedules.plan import Plan, plans
from syncd.schedules.ticking import tick
from syncd.store import endpoints
from syncd.store.db import Database, execute
from syncd.store.endpoints import Endpoint

from .conftest import TENANT, Rows, plan, schedule

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def look(db: Database, one: Plan, at: datetime) -> None:
    with db.transaction() as conn:
        tick(conn, one, at)


def end(db: Database, outcome: str = "ok") -> None:
    """Every open run ends."""
    with db.transaction() as conn:
        execute(
            conn,
            "UPDATE schedule_run SET state = 'done', outcome = %(o)s, finished_at = now() WHERE state <> 'skipped'"
            " AND state <> 'done'",
            o=outcome,
        )


def told(rows: Rows) -> list[tuple[str, str, str | None]]:
    return [(f"{row['fire_at'].astimezone(UTC):%H:%M}", row["state"], row["reason"]) for row in rows()]


def test_a_new_interval_begins_at_once_and_a_crontab_line_at_its_time(db: Database, rows: Rows) -> None:
    look(db, plan("a"), NOON + 2 * MINUTE)
    look(db, plan("b", cron="30 12 * * *"), NOON + 2 * MINUTE)
    assert told(rows) == [("12:00", "queued", None)]
    look(db, plan("b", cron="30 12 * * *"), NOON + 30 * MINUTE)
    assert told(rows) == [("12:00", "queued", None), ("12:30", "queued", None)]


def test_a_run_that_is_not_over_makes_the_next_one_skip(db: Database, rows: Rows) -> None:
    for minutes in (0, 5, 10):
        look(db, plan(), NOON + minutes * MINUTE)
    assert told(rows) == [("12:00", "queued", None), ("12:05", "skipped", "overlap"), ("12:10", "skipped", "overlap")]


def test_with_overlap_queue_one_run_waits_behind_the_one_under_way(db: Database, rows: Rows) -> None:
    waits = plan(overlap="queue")
    look(db, waits, NOON)
    with db.transaction() as conn:
        assert runs.claim(conn, 60) is not None
    for minutes in (5, 10):
        look(db, waits, NOON + minutes * MINUTE)
    assert told(rows) == [("12:00", "running", None), ("12:05", "queued", None), ("12:10", "skipped", "overlap")]


def test_after_two_weeks_off_there_is_one_run_and_one_row_for_the_rest(db: Database, rows: Rows) -> None:
    look(db, plan(), NOON)
    end(db)
    look(db, plan(), NOON + timedelta(days=14, minutes=2))
    first, missed, caught_up = rows()
    assert (first["state"], missed["reason"], caught_up["state"]) == ("done", "caught up", "queued")
    assert caught_up["fire_at"] == NOON + timedelta(days=14)
    assert missed["counters"]["count"] == 14 * 288 - 1
    assert datetime.fromisoformat(missed["counters"]["first"]) == NOON + 5 * MINUTE


def test_what_is_older_than_the_catch_up_window_is_skipped_and_the_next_runs_at_its_time(
    db: Database, rows: Rows
) -> None:
    nightly = plan(cron="0 3 * * *", catch_up=timedelta(hours=2))
    look(db, nightly, NOON)
    look(db, nightly, NOON + timedelta(hours=20))
    assert told(rows) == [("03:00", "skipped", "missed")]
    look(db, nightly, NOON + timedelta(hours=39))
    assert [row["state"] for row in rows()] == ["skipped", "queued"]


def test_the_jitter_delays_a_run_by_the_same_time_always_and_leaves_the_fire_time(db: Database, rows: Rows) -> None:
    late = plan(delay=timedelta(seconds=40))
    look(db, late, NOON + 2 * MINUTE)
    end(db)
    look(db, late, NOON + 5 * MINUTE + timedelta(seconds=39))
    assert len(rows()) == 1
    look(db, late, NOON + 5 * MINUTE + timedelta(seconds=40))
    assert [row["fire_at"] for row in rows()] == [NOON, NOON + 5 * MINUTE]


def test_a_paused_schedule_skips_until_the_pause_is_over(db: Database, rows: Rows) -> None:
    look(db, plan(), NOON)
    end(db)
    with db.transaction() as conn:
        runs.pause(conn, TENANT, "stocks@ut11", until=NOON + 7 * MINUTE, reason="stocktaking", by="anna")
    look(db, plan(), NOON + 5 * MINUTE)
    look(db, plan(), NOON + 10 * MINUTE)
    assert told(rows) == [("12:00", "done", None), ("12:05", "skipped", "paused"), ("12:10", "queued", None)]


def test_a_shorter_interval_in_the_settings_counts_from_the_next_look(db: Database, rows: Rows) -> None:
    look(db, plan(every=timedelta(days=1)), NOON)
    end(db)
    look(db, plan(), NOON + MINUTE)
    look(db, plan(), NOON + 5 * MINUTE)
    assert told(rows)[-1] == ("12:05", "queued", None)


def set_health(db: Database, endpoint: Endpoint, state: str) -> None:
    with db.transaction() as conn:
        execute(
            conn,
            """INSERT INTO infobase_health (tenant, infobase_id, state) VALUES (%(t)s, %(i)s, %(s)s)
               ON CONFLICT (tenant, infobase_id) DO UPDATE SET state = excluded.state""",
            t=TENANT, i=endpoint.infobase_id, s=state,
        )  # fmt: skip


def test_1c_down_is_a_reason_and_the_last_skipped_run_is_made_up_for_when_it_is_back(
    db: Database, rows: Rows, endpoint: Endpoint
) -> None:
    with db.transaction() as conn:
        (one,) = plans(conn, {"stocks": schedule()}, zone="UTC")
    set_health(db, endpoint, "down")
    look(db, one, NOON)
    look(db, one, NOON + 5 * MINUTE)
    assert told(rows) == [("12:00", "skipped", "down"), ("12:05", "skipped", "down")]
    set_health(db, endpoint, "up")
    look(db, one, NOON + 7 * MINUTE)
    assert told(rows) == [("12:00", "skipped", "down"), ("12:05", "queued", None)]
    look(db, one, NOON + 8 * MINUTE)
    assert len(rows()) == 2


def test_a_schedule_is_made_for_every_infobase_that_can_be_pulled_from(db: Database, endpoint: Endpoint) -> None:
    chosen = {"stocks": schedule(), "off": schedule(enabled=False), "other": schedule(infobase="erp")}
    with db.transaction() as conn:
        endpoints.add(conn, TENANT, name="shop", kind="webhook", address="https://shop.example", takes=["*"])
        endpoints.add(conn, TENANT, name="again", kind="http_service", address="http://127.0.0.1:9", takes=[],
                      infobase_id=endpoint.infobase_id, settings={"pulls": ["stocks"]})  # fmt: skip
        endpoints.add(conn, "acme", name="erp", kind="http_service", address="http://127.0.0.1:9", takes=[],
                      settings={"pulls": "prices, stocks"})  # fmt: skip
        endpoints.add(conn, "acme", name="orders", kind="http_service", address="http://127.0.0.1:9", takes=["order"])
        found = plans(conn, chosen, zone="UTC")
    assert [(one.tenant, one.name, one.lane) for one in found] == [
        ("acme", "stocks@erp", "stocks@erp"), ("default", "stocks@ut11", "stocks@ut11"),
    ]  # fmt: skip
    assert found[1].endpoint is not None
    assert found[1].endpoint.name == "again"


def counted(found: list[dict[str, object]]) -> Counter[str]:
    """Fire times by what became of them, those behind a skip of several too."""
    total: Counter[str] = Counter()
    for row in found:
        counters = row["counters"] if isinstance(row["counters"], dict) else {}
        total[str(row["state"])] += int(counters.get("count", 1))
    return total


@given(
    st.lists(st.integers(1, 2_000), min_size=3, max_size=12),
    st.sampled_from([None, "*/7 * * * *"]),
    st.integers(0, 90),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_three_schedulers_lose_no_fire_time_and_double_none(
    db: Database, rows: Rows, gaps: list[int], line: str | None, delay: int
) -> None:
    """They look at the same moments, at odd gaps, with runs ending at odd times; every fire time is counted once."""
    with db.transaction() as conn:
        execute(conn, "TRUNCATE schedule, schedule_run")
    one = plan(every=None if line else 7 * MINUTE, cron=line, delay=timedelta(seconds=delay))
    moment = NOON
    look(db, one, moment)
    start = rows()[0]["fire_at"] if rows() else None
    barrier = threading.Barrier(3)
    moments = [moment := moment + timedelta(seconds=gap) for gap in gaps]

    def scheduler() -> None:
        for at in moments:
            barrier.wait(10)
            look(db, one, at)

    threads = [threading.Thread(target=scheduler) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    look(db, one, moments[-1])  # whoever was kept away by the others' lock looks again
    found = rows()
    expected = 0
    at = start or one.timing.after(NOON - one.delay)
    while at + one.delay <= moments[-1]:
        expected += 1
        at = one.timing.after(at)
    assert counted(found).total() == expected
    assert len({row["fire_at"] for row in found}) == len(found)
