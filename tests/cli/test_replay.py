from __future__ import annotations

from uuid import UUID

import pytest

from syncd import journal
from syncd.errors import Refused
from syncd.journal import Entry
from syncd.schedules import rows
from syncd.store import packages
from syncd.store.db import Database, every, execute

from .conftest import Order, Run


def outbox(db: Database) -> dict[str, dict[str, object]]:
    with db.transaction() as conn:
        rows = every(
            conn,
            """SELECT s.number, o.state, o.series, o.priority, o.batch_id, o.attempt
               FROM outbox o JOIN sales_order s ON s.id::text = o.key""",
        )
    return {row["number"]: dict(row) for row in rows}


@pytest.mark.parametrize(
    "words",
    [
        (), ("--reason", "x"), ("--where", " ", "--reason", "x"), ("--where", "state:rejected"),
        ("--where", "stat:rejected", "--reason", "x"), ("--id", "1", "--where", "key:1", "--reason", "x"),
        ("--where", "key:1", "--reason", "x", "--rate", "fast"), ("--from", "soon", "--reason", "x"),
    ],
)  # fmt: skip
def test_it_has_no_default_scope_and_needs_a_reason_and_a_filter_that_can_be_read(
    run: Run, db: Database, words: tuple[str, ...]
) -> None:
    del db
    assert run("replay", *words, "--yes").code == 2


def test_it_says_what_it_would_touch_and_without_a_terminal_needs_yes(run: Run, db: Database, order: Order) -> None:
    for number in range(7):
        order(f"R{number}", "rejected", code="E222")
    order("P", "pending")
    order("A", "acknowledged")
    ran = run("replay", "--from", "-1h", "--to", "now", "--reason", "mended")
    assert ran.code == 4
    assert "messages 7" in ran.err
    assert "… and 2 more" in ran.err
    assert "Oldest" in ran.err
    assert "not before" in ran.err
    assert "left alone: acknowledged 1, pending 1" in ran.err
    dry = run("replay", "--where", "state:rejected", "--dry-run", "-o", "json")
    assert (dry.code, dry.json["batch"], len(dry.json["items"])) == (0, None, 7)
    assert {row["state"] for row in outbox(db).values()} == {"rejected", "pending", "acknowledged"}
    assert run("batch", "list", "-o", "json").json == []


def test_a_replay_goes_behind_live_traffic_as_a_new_series_and_remembers_who_and_why(
    run: Run, db: Database, order: Order
) -> None:
    order("1001", "rejected", code="E222")
    order("1002", "rejected", code="E223")
    ran = run("replay", "--where", "code:E222", "--reason", "INC-12", "--rate", "max", "--yes", "--wait")
    assert ran.code == 0, ran.err
    (batch,) = run("batch", "list", "-o", "json").json
    assert (batch["state"], batch["done"], batch["reason"], batch["words"]) == ("done", 1, "INC-12", "error E222")
    row = outbox(db)["1001"]
    assert (row["state"], row["series"], row["priority"], str(row["batch_id"])) == ("pending", 2, 1, batch["id"])
    assert outbox(db)["1002"]["state"] == "rejected"
    history = run("outbox", "show", "1001", "-o", "json").json["history"]
    assert history[-1]["reason"] == "INC-12"


def test_a_second_replay_is_another_series(run: Run, db: Database, order: Order) -> None:
    order("1001", "rejected", code="E222")
    for series in (2, 3):
        ran = run("replay", "--id", "1001", "--reason", "again", "--yes", "--wait", "--force")
        assert ran.code == 0, ran.err
        assert outbox(db)["1001"]["series"] == series
        with db.transaction() as conn:
            conn.execute("UPDATE outbox SET state = 'rejected'")


def test_the_batch_is_exactly_what_was_shown(run: Run, db: Database, order: Order) -> None:
    order("1001", "rejected")
    order("1002", "rejected")
    made = run("replay", "--where", "state:rejected", "--limit", "1", "--reason", "x", "--yes", "-o", "json")
    assert (made.code, made.json["total"]) == (0, 1)
    order("1003", "rejected")
    with db.transaction() as conn:
        conn.execute("UPDATE outbox SET state = 'cancelled' WHERE key IN (SELECT id::text FROM sales_order)"
                     " AND seq = (SELECT min(seq) FROM outbox)")  # fmt: skip
    assert run("batch", "show", made.json["batch"], "-o", "json").json["left"] == 1
    assert {number: row["state"] for number, row in outbox(db).items()} == {
        "1001": "cancelled", "1002": "rejected", "1003": "rejected",
    }  # fmt: skip


def test_what_changed_meanwhile_is_skipped_with_a_note_and_makes_it_partial(
    run: Run, db: Database, order: Order
) -> None:
    order("1001", "rejected")
    order("1002", "rejected")
    made = run("replay", "--where", "state:rejected", "--reason", "x", "--rate", "max", "--yes", "-o", "json").json
    with db.transaction() as conn:
        conn.execute("UPDATE outbox SET state = 'acknowledged' WHERE seq = (SELECT min(seq) FROM outbox)")
    work_off(db, UUID(made["batch"]))
    shown = run("batch", "show", made["batch"], "-o", "json")
    assert shown.code == 5
    assert (shown.json["done"], shown.json["skipped"]) == (1, 1)
    assert "acknowledged" in shown.json["not_done"][0]["note"]
    assert outbox(db)["1001"]["state"] == "acknowledged"


def work_off(db: Database, batch: UUID) -> None:
    import threading

    from syncd.config import Settings
    from syncd.queue.broker import Doorbell
    from syncd.store import batches
    from syncd.sync.batches import work
    from syncd.sync.context import Context

    with db.transaction() as conn:
        claim = batches.claim(conn, 60, only=batch)
    assert claim is not None
    work(Context(db, Settings(), Doorbell(None)), claim, threading.Event())


def test_a_batch_is_paused_resumed_and_cancelled_and_says_when_it_cannot_be(
    run: Run, db: Database, order: Order
) -> None:
    order("1001", "rejected")
    made = run("replay", "--where", "state:rejected", "--reason", "x", "--yes", "-o", "json").json["batch"]
    assert run("batch", "resume", made).code == 4
    assert run("batch", "pause", made[-8:], "--reason", "wait for anna").code == 0
    assert "wait for anna" in run("batch", "show", made).out
    assert run("batch", "resume", made).code == 0
    assert run("batch", "cancel", made).code == 0
    assert run("batch", "cancel", made).code == 4
    assert run("batch", "show", "nothing").code == 3
    assert outbox(db)["1001"]["state"] == "rejected"
    assert run("batch", "show", made).code == 5


def test_an_issue_names_the_orders_that_failed_and_did_not_go_through_since(
    run: Run, db: Database, order: Order
) -> None:
    order("1001", "rejected", code="E934")
    order("1002", "acknowledged")
    order("1003", "rejected", code="E222")
    with db.transaction() as conn:
        for row in every(conn, "SELECT id::text AS key, number FROM sales_order WHERE number <> '1003'"):
            error = Refused("E934", key=row["number"], detail="no such item")
            journal.write(conn, "default", Entry("order", "out", "failed", error=error, entity="order", key=row["key"]))
        (issue,) = every(conn, "SELECT id FROM issue")
    ran = run("replay", "--issue", str(issue["id"])[-8:], "--reason", "x", "--dry-run", "-o", "json")
    assert ran.code == 0, ran.err
    assert [item["label"] for item in ran.json["items"]] == ["1001"]
    assert run("replay", "--issue", "nothing", "--reason", "x", "--yes").code == 3


def test_the_words_are_russian_too(run: Run, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    order("1001", "rejected")
    monkeypatch.setenv("SYNCD_LANG", "ru")
    ran = run("replay", "--where", "state:rejected", "--dry-run")
    assert "Отбор: состояние rejected" in ran.err
    assert "сообщений 1" in ran.err


def test_packages_and_pulls_are_replayed_too(run: Run, db: Database) -> None:
    with db.transaction() as conn:
        for outcome in ("failed", "ok"):
            made = packages.create(conn, "default", [], source="test", lane="catalog")
            execute(
                conn,
                """UPDATE package SET state = CASE %(o)s WHEN 'ok' THEN 'done' ELSE 'failed' END, outcome = %(o)s
                   WHERE id = %(id)s""",
                id=made, o=outcome,
            )  # fmt: skip
        rows.skip(conn, "default", "stocks@ut11", rows.clock(conn), reason="down")
    ran = run("replay", "--from", "-1h", "--what", "package", "--what", "pull", "--dry-run", "-o", "json")
    assert ran.code == 0, ran.err
    assert [(item["kind"], item["state"]) for item in ran.json["items"]] == [("package", "failed"), ("pull", "skipped")]
    by_id = run("replay", "--id", str(made), "--reason", "x", "--yes", "--wait", "-o", "json")
    assert (by_id.code, by_id.json["done"]) == (0, 1)
    with db.transaction() as conn:
        (replayed,) = every(conn, "SELECT replay_of, replay_reason FROM package WHERE state = 'queued'")
    assert (replayed["replay_of"], replayed["replay_reason"]) == (made, "x")
    assert run("replay", "--where", "outcome:ok state:done", "--what", "package", "--dry-run").code == 0
    assert run("replay", "--where", "outcome:ok", "--reason", "x", "--yes").code == 2  # no message has an outcome
