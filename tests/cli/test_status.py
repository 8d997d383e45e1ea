from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from syncd import issues, journal
from syncd.errors import Refused, RequestError
from syncd.journal import Entry
from syncd.queue.events import emit_to
from syncd.store import access, endpoints, packages
from syncd.store.db import Conn, Database, execute
from syncd.store.ids import new_id, order_id
from syncd.sync.worker import register

from .conftest import ROOT, Order, Run


def test_a_new_installation_is_told_how_to_begin(run: Run, db: Database) -> None:
    ran = run("status")
    assert ran.code == 0
    assert "! no worker is alive  ->  syncd up" in ran.out
    assert "syncd infobase add" in ran.out
    assert "nothing came from 1C yet" in ran.out
    assert "1C confirmed everything" in ran.out


def test_one_screen_shows_what_is_alive_what_waits_and_what_failed(
    run: Run, db: Database, order: Order, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCD_REDIS_URL", redis_url)
    register(db, new_id(), "worker")
    message = order("1001")
    order("1002", "rejected", code="E222")
    with db.transaction() as conn:
        execute(conn, "UPDATE outbox SET created_at = now() - interval '2 hours' WHERE id = %(id)s", id=message)
        base = access.add_infobase(conn, "default", "main", "u", "p", dialect="auto", zone="Europe/Moscow")
        execute(conn, "UPDATE infobase SET seen_at = now() - interval '3 minutes'")
        running, _ = (
            packages.create(conn, "default", [], source="exchange", lane="catalog", infobase_id=base) for _ in range(2)
        )
        claim = packages.claim(conn, 60)
        assert claim is not None
        assert claim.id == running
        packages.heartbeat(conn, claim, 60, {"file": "import0_1.xml", "records": 500, "bytes": 50, "total": 200})
        execute(
            conn,
            "INSERT INTO freshness (tenant, entity, as_of) VALUES ('default', 'product', now() - interval '5 minutes')",
        )
        for _ in range(3):
            journal.write_failure(
                conn, "default", Entry("exchange", "in", "failed", "catalog checkauth", error=RequestError("E101"))
            )
        (issue,) = (row["id"] for row in issues.listing(conn, "default"))
    ran = run("status")
    assert ran.code == 0
    for said in ("up, doorbell on", "main   3m ago", "pending 1   rejected 1   oldest unconfirmed 2h",
        "importing", "25%", "500 records",
                 "import0_1.xml", "queued", "product 5m", "E101 ×3"):  # fmt: skip
        assert said in ran.out
    marks = [line for line in ran.out.splitlines() if line.startswith("! ")]
    assert [line.split("->")[1].strip() for line in marks] == [
        "syncd outbox list --state rejected", "syncd outbox list", f"syncd issue show {str(issue)[-8:]}",
    ]  # fmt: skip


def test_orders_that_are_held_back_need_a_person(run: Run, db: Database, order: Order) -> None:
    order("1001", "held", code="E223")
    assert "! orders held back from 1C: 1  ->  syncd outbox list --state held" in run("status").out


def refused(conn: Conn, number: str) -> None:
    key = str(order_id("default", "shop", number))
    error = Refused("E934", key=number, detail="customer.inn: nobody has it")
    journal.write_failure(
        conn, "default", Entry("delivery", "out", "failed", number, error=error, entity="order", key=key)
    )


def test_orders_that_one_cause_stops_are_one_line_that_names_the_issue(run: Run, db: Database, order: Order) -> None:
    with db.transaction() as conn:
        for number in ("1001", "1002", "1003"):
            order(number, "rejected", code="E934")
            refused(conn, number)
        (issue,) = issues.listing(conn, "default")
    marks = [line for line in run("status").out.splitlines() if line.startswith("! ") and "E934" in line]
    said = "1C refused 1003: customer.inn: nobody has it. Mend the cause, then `syncd outbox retry 1003 --reason …`."
    assert marks == [f"! E934, 3 stopped by one cause: {said}  ->  syncd issue show {str(issue['id'])[-8:]}"]
    assert "остановлено по одной причине: 3" in run("--lang", "ru", "status").out


def test_what_went_through_later_or_is_still_tried_asks_for_nobody(run: Run, db: Database, order: Order) -> None:
    with db.transaction() as conn:
        for number, state in (("1001", "waiting"), ("1002", "acknowledged")):
            order(number, state)
            refused(conn, number)
        issues.succeeded(conn, "default", "order", [str(order_id("default", "shop", "1002"))])
    ran = run("status")
    assert "E934 ×2: " in ran.out, "one of them has not gone through"
    assert "syncd issue show" not in ran.out
    with db.transaction() as conn:
        issues.succeeded(conn, "default", "order", [str(order_id("default", "shop", "1001"))])
    assert "E934 ×2 (all went through since): " in run("status").out


def test_events_are_not_counted_among_orders_for_1c(run: Run, db: Database, order: Order) -> None:
    order("1001")
    with db.transaction() as conn:
        hook, _ = endpoints.add(conn, "default", name="hook", kind="webhook", address="http://127.0.0.1:9", takes=["*"])
        for number in range(3):
            emit_to(conn, "default", hook.id, "test", f"event-{number}", {})
        execute(conn, "UPDATE outbox SET created_at = now() - interval '9 hours' WHERE kind = 'event'")
        execute(
            conn, "UPDATE outbox SET state = 'rejected' WHERE key = (SELECT max(key) FROM outbox WHERE kind = 'event')"
        )
    ran = run("status")
    assert "pending 1   oldest unconfirmed 0s" in ran.out or "pending 1   oldest unconfirmed 1s" in ran.out
    assert "waiting 3   oldest 9h   not delivered 1" in ran.out
    assert "an order waits" not in ran.out
    assert "cannot be given to 1C" not in ran.out


def test_json_names_are_a_contract(run: Run, db: Database, order: Order) -> None:
    order("1001")
    document = run("status", "-o", "json").json
    assert set(document) == {
        "tenant", "at", "database", "redis", "workers", "infobases", "endpoints", "outbox", "packages",
        "packages_open", "removals_held", "freshness", "failures", "attention", "pulls", "batches", "events", "issues",
    }  # fmt: skip
    assert set(document["database"]) == {"ok", "server", "schema", "needed"}
    assert document["redis"] == {"state": "off"}
    assert document["outbox"]["pending"] == 1
    assert document["at"].endswith("Z")
    assert all(set(mark) == {"message", "command"} for mark in document["attention"])


def test_only_the_company_asked_for_is_shown(run: Run, db: Database, order: Order) -> None:
    order("1001")
    assert run("status", "--tenant", "acme", "-o", "json").json["outbox"]["pending"] == 0


def test_an_old_failure_is_no_longer_on_the_screen(run: Run, db: Database) -> None:
    with db.transaction() as conn:
        journal.write(conn, "default", Entry("exchange", "in", "failed", "x", error=RequestError("E101")))
        execute(
            conn,
            "UPDATE journal SET at = now() - interval '25 hours', last_at = at",
        )
    assert run("status", "-o", "json").json["failures"] == []


def test_imports_that_left_records_out_are_said_in_words(run: Run, db: Database) -> None:
    with db.transaction() as conn:
        made = journal.write(conn, "default", Entry("import", "in", "partial", "import0_1.xml"))
        bad = Entry("record", "in", "failed", "import0_1.xml", error=RequestError("E211", element="Товар"),
                    entity="product", key="7", parent_id=made)  # fmt: skip
        journal.write(conn, "default", bad)
        (issue,) = issues.listing(conn, "default")
    ran = run("status")
    assert "imports that left records out ×1" in ran.out
    assert f"syncd issue show {str(issue['id'])[-8:]}" in ran.out
    assert all(line == line.rstrip() for line in ran.out.splitlines())


def test_redis_away_is_said_and_changes_nothing_else(run: Run, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_REDIS_URL", "redis://:hush-hush@127.0.0.1:9/0")
    ran = run("status")
    assert ran.code == 0
    assert "Redis is away" in ran.out
    assert "hush" not in ran.out + ran.err


def test_postgres_away_is_exit_code_6_in_every_form(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_DATABASE_URL", "postgresql://bob:hush-hush@127.0.0.1:9/none")
    table = run("status")
    assert (table.code, "away" in table.out, "! " in table.out) == (6, True, True)
    ran = run("status", "-o", "json")
    assert ran.code == 6
    assert (ran.json["database"]["ok"], ran.json["database"]["code"]) == (False, "E403")
    assert "hush" not in table.out + table.err + ran.out + ran.err


def test_texts_are_russian_for_russians(run: Run, db: Database) -> None:
    ran = run("--lang", "ru", "status")
    assert "нет ни одного живого worker" in ran.out
    assert "ЗАКАЗЫ" in ran.out


def test_watching_goes_on_until_it_is_ended(db: Database, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", str(ROOT / "cli.py"), "status", "--watch", "-o", "jsonl"],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True, env={**os.environ},
    )  # fmt: skip
    try:
        assert process.stdout
        first, second = (json.loads(process.stdout.readline()) for _ in range(2))
        assert first["at"] < second["at"]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
