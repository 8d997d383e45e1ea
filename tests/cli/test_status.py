from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from syncd import journal
from syncd.errors import RequestError
from syncd.journal import Entry
from syncd.store import access, packages
from syncd.store.db import Database, execute
from syncd.store.ids import new_id
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
            failed = journal.write_failure(
                conn, "default", Entry("exchange", "in", "failed", "catalog checkauth", error=RequestError("E101"))
            )
    ran = run("status")
    assert ran.code == 0
    for said in ("up, doorbell on", "main   3m ago", "pending 1   rejected 1   oldest unconfirmed 2h",
        "importing", "25%", "500 records",
                 "import0_1.xml", "queued", "product 5m", "E101 ×3"):  # fmt: skip
        assert said in ran.out
    marks = [line for line in ran.out.splitlines() if line.startswith("! ")]
    assert [line.split("->")[1].strip() for line in marks] == [
        "syncd outbox list --state rejected", "syncd outbox list", f"syncd journal show {str(failed)[-8:]}",
    ]  # fmt: skip


def test_orders_that_are_held_back_need_a_person(run: Run, db: Database, order: Order) -> None:
    order("1001", "held", code="E223")
    assert "! orders held back from 1C: 1  ->  syncd outbox list --state held" in run("status").out


def test_json_names_are_a_contract(run: Run, db: Database, order: Order) -> None:
    order("1001")
    document = run("status", "-o", "json").json
    assert set(document) == {
        "tenant", "at", "database", "redis", "workers", "infobases", "endpoints", "outbox", "packages",
        "packages_open", "removals_held", "freshness", "failures", "attention", "pulls", "batches",
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
    ran = run("status")
    assert "imports that left records out ×1" in ran.out
    assert f"syncd journal show {str(made)[-8:]}" in ran.out
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
    assert "ИСХОДЯЩИЕ" in ran.out


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
