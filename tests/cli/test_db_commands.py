from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from syncd import embedded
from syncd.store import migrate
from syncd.store.db import Database

from .conftest import Run


@pytest.fixture
def empty(servers: embedded.Embedded, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[None]:
    """A database without tables."""
    del home
    name = "syncd_cli_empty"
    with psycopg.connect(servers.database_url, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        conn.execute(f"CREATE DATABASE {name}".encode())
        monkeypatch.setenv("SYNCD_DATABASE_URL", servers.database_url.replace("@/syncd?", f"@/{name}?"))
        yield
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_migrating_says_from_where_to_where_and_a_dry_run_changes_nothing(run: Run, empty: None) -> None:
    head = migrate.head()
    ran = run("db", "check")
    assert (ran.code, "syncd db migrate" in ran.out) == (7, True)
    assert run("db", "check", "-o", "json").json == {"found": "base", "needed": head, "ok": False}
    assert run("key", "list").code == 7
    assert run("db", "migrate", "--dry-run").out.strip() == f"base -> {head}"
    assert run("db", "check").code == 7
    assert run("db", "migrate").out.strip() == f"base -> {head}"
    assert run("db", "check").out.strip() == f"OK {head}"
    document = run("db", "migrate", "-o", "json").json
    assert document == {"from": head, "to": head, "changed": False, "dry_run": False}


def test_status_of_an_old_schema_says_what_to_type(run: Run, empty: None) -> None:
    ran = run("status")
    assert ran.code == 7
    assert "syncd db migrate" in ran.out


def test_the_embedded_database_is_migrated_too(run: Run, home: Path) -> None:
    head = migrate.head()
    try:
        assert run("db", "migrate").out.strip() == f"base -> {head}"
        assert run("db", "check").code == 0
        assert run("status").code == 0
    finally:
        embedded.stop(home)


def test_size_names_the_largest_tables(run: Run, db: Database) -> None:
    ran = run("db", "size", "--limit", "3")
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 4
    assert "The whole database" in ran.err
    document = run("db", "size", "-o", "json").json
    assert document["bytes"] > 1_000_000
    names = {row["table"] for row in document["tables"]}
    assert {"products", "journal", "outbox", "upload_chunk"} <= names
    assert set(document["tables"][0]) == {"table", "bytes", "index_bytes", "rows"}


@pytest.mark.parametrize(
    "words", [["db", "check"], ["db", "size"], ["journal", "tail"], ["outbox", "list"], ["key", "list"]]
)
def test_a_database_that_is_away_is_exit_code_6_and_no_password_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("SYNCD_DATABASE_URL", "postgresql://bob:hush-hush@127.0.0.1:9/none")
    ran = run(*words)
    assert ran.code == 6
    assert "E403" in ran.err
    assert "hush" not in ran.out + ran.err
