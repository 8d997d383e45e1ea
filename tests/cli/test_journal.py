from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from syncd import journal
from syncd.errors import DataError, RequestError
from syncd.journal import Entry
from syncd.store import access
from syncd.store.db import Database

from .conftest import ROOT, Run

COUNTERS = {"product": {"read": 120, "created": 3, "updated": 5, "unchanged": 111, "removed": 0, "failed": 1}}


def imported(db: Database, *, bad: int = 1) -> tuple[UUID, list[UUID]]:
    """An import with bad records under it. Returns the ids."""
    with db.transaction() as conn:
        base = access.add_infobase(conn, "default", "main", "u", "p", dialect="auto", zone="Europe/Moscow")
        head = journal.write(
            conn, "default",
            Entry("import", "in", "partial", "import0_1.xml", infobase_id=base, counters=COUNTERS, detail="note: ×2"),
        )  # fmt: skip
        children = [
            journal.write(conn, "default", Entry(
                "record", "in", "failed", f"p{n}", infobase_id=base, parent_id=head, entity="product", key=f"p{n}",
                path="Товар/Вес", file="import0_1.xml", line=17 + n,
                error=DataError("E212", path="Товар/Вес", value="тяжело"),
            )) for n in range(bad)
        ]  # fmt: skip
    return head, children


def refused(db: Database, times: int = 1) -> UUID:
    for _ in range(times):
        with db.transaction() as conn:
            made = journal.write_failure(
                conn, "default", Entry("exchange", "in", "failed", "catalog checkauth", error=RequestError("E101"))
            )
    return made


def test_tail_is_one_line_per_exchange_with_what_matters(run: Run, db: Database) -> None:
    head, _ = imported(db)
    refused(db, 3)
    ran = run("journal", "tail")
    assert ran.code == 0
    first, second = ran.out.splitlines()
    for said in (str(head)[-8:], "import", "main", "import0_1.xml", "partial", "product 120 (3 new, 5 changed, 1 bad)"):
        assert said in first
    for said in ("E101", "×3", "catalog checkauth"):
        assert said in second


def test_counters_stand_in_the_order_of_the_model(run: Run, db: Database) -> None:
    with db.transaction() as conn:
        counters = {name: {"read": 1} for name in ("price", "order", "offer", "category")}
        journal.write(conn, "default", Entry("import", "in", "ok", "x.xml", counters=counters))
    assert "category 1; offer 1; price 1; order 1" in run("journal", "tail").out


def test_tail_can_show_failures_only_bad_records_and_fewer(run: Run, db: Database) -> None:
    imported(db, bad=2)
    with db.transaction() as conn:
        journal.write(conn, "default", Entry("import", "in", "ok", "offers0_1.xml"))
    assert len(run("journal", "tail").out.splitlines()) == 2
    assert "offers0_1.xml" not in run("journal", "tail", "--errors").out
    assert len(run("journal", "tail", "--records").out.splitlines()) == 4
    assert len(run("journal", "tail", "--records", "--limit", "2").out.splitlines()) == 2


def test_json_names_are_a_contract(run: Run, db: Database) -> None:
    refused(db)
    (row,) = run("journal", "tail", "-o", "json").json
    assert list(row) == [
        "id", "parent_id", "at", "last_at", "repeats", "kind", "direction", "outcome", "infobase", "subject",
        "session_id", "package_id", "code", "owner", "entity", "key", "path", "file", "line", "counters", "detail",
        "message",
    ]  # fmt: skip
    assert (row["code"], row["owner"]) == ("E101", "administrator")
    assert row["message"].startswith("Wrong login")
    assert row["at"].endswith("Z")
    assert json.loads(run("journal", "tail", "-o", "jsonl").out) == row


def test_an_empty_journal_says_so_on_stderr(run: Run, db: Database) -> None:
    ran = run("journal", "tail")
    assert (ran.code, ran.out) == (0, "")
    assert "No exchange" in ran.err
    assert run("journal", "tail", "-o", "json").json == []


def test_show_tells_what_where_why_who_and_what_next(run: Run, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    head, (child,) = imported(db)
    shown = run("journal", "show", str(head)[-8:])
    assert shown.code == 0
    for said in (
        "main",
        "120",
        "import0_1.xml:17",
        "Товар/Вес",
        "E212",
        "'тяжело' is not a number",
        "note: ×2",
        "syncd journal tail -f",
    ):
        assert said in shown.out
    shown = run("journal", "show", str(child))
    assert "1C developer" in shown.out
    assert f"syncd journal show {head}" in shown.out
    monkeypatch.setenv("SYNCD_LANG", "ru")
    shown = run("journal", "show", str(child))
    assert "разработчик 1С" in shown.out
    assert "не число" in shown.out


def test_show_as_json_has_the_bad_records_under_it(run: Run, db: Database) -> None:
    head, children = imported(db, bad=3)
    document = run("journal", "show", str(head), "--limit", "2", "-o", "json").json
    assert document["counters"] == COUNTERS
    assert [record["id"] for record in document["records"]] == [str(child) for child in children[:2]]
    assert document["records_total"] == 3
    assert "--limit 3" in run("journal", "show", str(head), "--limit", "2").out


def test_an_id_is_found_by_its_beginning_and_its_end_but_must_be_the_only_one(run: Run, db: Database) -> None:
    head, _ = imported(db, bad=2)
    assert run("journal", "show", str(head)[:-1], "-o", "json").json["id"] == str(head)
    assert run("journal", "show", str(head)[-8:].upper(), "-o", "json").json["id"] == str(head)
    ran = run("journal", "show", str(head)[:4])
    assert (ran.code, "E413" in ran.err) == (4, True)
    for unknown in ("ffffffff", "%", "_", "00000000-0000-7000-8000-000000000000"):
        assert run("journal", "show", unknown).code == 3
    assert run("journal", "show", str(head), "--tenant", "acme").code == 3


def test_names_from_outside_cannot_command_the_terminal(run: Run, db: Database) -> None:
    with db.transaction() as conn:
        made = journal.write(conn, "default", Entry("import", "in", "ok", "a\x1b[2Jb [red]c", detail="d\x1b]0;x\x07"))
    for ran in (run("journal", "tail"), run("journal", "show", str(made))):
        assert "\x1b" not in ran.out
        assert "[red]c" in ran.out


# --- following -----------------------------------------------------------------------------------------------------


@contextmanager
def following(tmp_path: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-u", str(ROOT / "cli.py"), "journal", "tail", "-f", *more],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_following_shows_each_exchange_once_and_repeats_as_they_come(db: Database, tmp_path: Path) -> None:
    head, _ = imported(db)
    with following(tmp_path, "-o", "jsonl") as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["id"] == str(head)
        first = refused(db)
        assert json.loads(process.stdout.readline())["id"] == str(first)
        assert refused(db) == first
        again = json.loads(process.stdout.readline())
        assert (again["id"], again["repeats"]) == (str(first), 2)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stdout.read() == ""


def test_following_shows_a_row_that_was_begun_earlier_and_committed_later(db: Database, tmp_path: Path) -> None:
    with psycopg.connect(db.url) as slow:
        slow.execute("SELECT now()")  # its transaction, and so its time, begins here
        early = UUID("00000000-0000-7000-8000-000000000001")  # an import's row has the id of its package, made long ago
        with following(tmp_path, "-o", "jsonl") as process:
            assert process.stdout
            late = refused(db)
            assert json.loads(process.stdout.readline())["id"] == str(late)
            slow.execute(
                "INSERT INTO journal (tenant, id, kind, direction, outcome)"
                " VALUES ('default', %s, 'import', 'in', 'ok')",
                [early],
            )
            slow.commit()
            assert json.loads(process.stdout.readline())["id"] == str(early)


def test_following_outlives_postgres(db: Database, tmp_path: Path, database_url: str) -> None:
    imported(db)
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with following(tmp_path, "-o", "jsonl") as process, psycopg.connect(
        database_url.replace(f"@/{name}?", "@/postgres?"), autocommit=True
    ) as admin:  # fmt: skip
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        db.close()
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        try:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            while "away; waiting" not in (said := process.stderr.readline()):
                assert said, process.wait()
        finally:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
        while "is back" not in (said := process.stderr.readline()):
            assert said, process.wait()
        with psycopg.connect(database_url) as conn:
            conn.execute(
                "INSERT INTO journal (tenant, id, kind, direction, outcome, subject)"
                " VALUES ('default', gen_random_uuid(), 'import', 'in', 'ok', 'after the night')"
            )
        assert json.loads(process.stdout.readline())["subject"] == "after the night"


def test_following_is_a_stream_not_a_document(run: Run, db: Database) -> None:
    assert run("journal", "tail", "-f", "-o", "json").code == 2
