from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.store import access
from syncd.store.db import Database

from .conftest import ROOT, Order, Run

SECRET = "s3cret-Слово"


def add(run: Run, *more: str, name: str = "main", login: str = "exchange", password: str = SECRET + "\n") -> int:
    return run("infobase", "add", name, "--login", login, "--password-stdin", *more, stdin=password).code


def stored(db: Database, login: str = "exchange") -> tuple[access.Infobase, str]:
    with db.transaction() as conn:
        found = access.find_login(conn, "default", login)
    assert found is not None
    return found


def test_adding_says_what_to_type_into_1c_and_never_the_password(run: Run, db: Database) -> None:
    ran = run("infobase", "add", "main", "--login", "exchange", "--password-stdin", stdin=SECRET + "\n")
    assert (ran.code, ran.out) == (0, "")
    assert "http://127.0.0.1:8080/1c_exchange" in ran.err
    assert "exchange" in ran.err
    assert SECRET not in ran.err
    infobase, hashed = stored(db)
    assert access.verify_password(SECRET, hashed)
    assert (infobase.dialect, infobase.zone) == ("auto", "Europe/Moscow")


@pytest.mark.parametrize(
    ("given", "kept"), [("a\n", "a"), ("a\n\n", "a\n"), ("a\r\n", "a"), (" a ", " a "), ("a", "a")]
)
def test_exactly_one_newline_is_taken_off_the_password(run: Run, db: Database, given: str, kept: str) -> None:
    assert add(run, password=given) == 0
    assert access.verify_password(kept, stored(db)[1])


def test_json_gives_a_document(run: Run, db: Database) -> None:
    ran = run("infobase", "add", "b", "--login", "u", "--password-stdin", "--dialect", "bitrix", "--tenant", "acme",
              "--zone", "Asia/Omsk", "-o", "json", stdin=SECRET)  # fmt: skip
    assert ran.code == 0
    document = ran.json
    assert document.pop("id")
    assert document == {
        "tenant": "acme", "name": "b", "login": "u", "dialect": "bitrix", "zone": "Asia/Omsk", "replaced": False,
        "address": "http://127.0.0.1:8080/t/acme/bitrix/admin/1c_exchange.php",
    }  # fmt: skip
    assert SECRET not in ran.out + ran.err


def test_the_same_name_is_refused_without_replace_and_changed_with_it(run: Run, db: Database) -> None:
    assert add(run) == 0
    before = stored(db)[0].id
    assert add(run, login="other", password="new") == 4
    assert stored(db)[0].login == "exchange"
    assert add(run, "--replace", login="other", password="new") == 0
    infobase, hashed = stored(db, "other")
    assert infobase.id == before
    assert access.verify_password("new", hashed)


def test_a_login_of_another_base_is_refused(run: Run, db: Database) -> None:
    assert add(run) == 0
    ran = run("infobase", "add", "second", "--login", "exchange", "--password-stdin", stdin="x")
    assert ran.code == 4
    assert "'main'" in ran.err


@pytest.mark.parametrize(
    ("words", "password"),
    [
        (["--login", "a:b"], "x"),
        (["--login", ""], "x"),
        (["--login", "a"], ""),
        (["--login", "a"], "\n"),
        (["--login", "a", "--zone", "Moscow"], "x"),
        (["--login", "a", "--zone", "../etc/passwd"], "x"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_before_anything_is_stored(
    run: Run, db: Database, words: list[str], password: str
) -> None:
    assert run("infobase", "add", "main", *words, "--password-stdin", stdin=password).code == 2
    with db.transaction() as conn:
        assert access.infobases(conn, "default") == []


def test_without_a_terminal_the_password_must_come_from_stdin(run: Run, db: Database) -> None:
    ran = run("infobase", "add", "main", "--login", "a")
    assert ran.code == 2
    assert "--password-stdin" in ran.err


def test_on_a_terminal_the_password_is_asked_for_without_an_echo(db: Database, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), "infobase", "add", "main", "--login", "exchange"],
        cwd=tmp_path, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        env={**os.environ, "TERM": "dumb"},
    )  # fmt: skip
    os.close(slave)
    said = b""
    answers = 0
    while True:
        try:
            read = os.read(master, 4096)
        except OSError:  # the other end was closed
            break
        if not read:
            break
        said += read
        if said.count(b": ") > answers and answers < 2 and said.rstrip(b" ").endswith(b":"):
            answers += 1
            os.write(master, SECRET.encode() + b"\n")
    os.close(master)
    assert process.wait(30) == 0, said.decode()
    assert SECRET.encode() not in said
    assert access.verify_password(SECRET, stored(db)[1])


def test_listing_shows_every_base_and_no_secret(run: Run, db: Database) -> None:
    add(run)
    add(run, name="second", login="two")
    table = run("infobase", "list")
    assert (table.code, "main" in table.out, "second" in table.out) == (0, True, True)
    rows = run("infobase", "list", "-o", "json").json
    assert [row["name"] for row in rows] == ["main", "second"]
    assert set(rows[0]) == {
        "id", "name", "login", "dialect", "zone", "orders_mapping", "created_at", "seen_at", "paused", "paused_until",
        "pause_reason", "paused_by", "called", "state", "since", "failing", "latency_ms", "error_code", "error_params",
        "message", "checked_at", "next_ping_at", "recovered_at", "good", "bad",
    }  # fmt: skip
    assert rows[0]["created_at"].endswith("Z")
    lines = run("infobase", "list", "-o", "jsonl").out.splitlines()
    assert len(lines) == 2
    assert all("scrypt" not in line and SECRET not in line for line in [table.out, *lines])


def test_an_empty_list_says_how_to_begin_on_stderr(run: Run, db: Database) -> None:
    ran = run("infobase", "list")
    assert (ran.code, ran.out) == (0, "")
    assert "syncd infobase add" in ran.err
    assert run("infobase", "list", "-o", "json").json == []


def test_removing_needs_a_yes(run: Run, db: Database) -> None:
    add(run)
    ran = run("infobase", "remove", "main")
    assert ran.code == 4
    assert "--yes" in ran.err
    assert stored(db)
    assert run("infobase", "remove", "main", "--yes").code == 0
    assert run("infobase", "list", "-o", "json").json == []
    assert run("infobase", "remove", "main", "--yes").code == 3


def test_a_base_with_open_orders_is_not_removed_unless_they_are_released(run: Run, db: Database, order: Order) -> None:
    add(run)
    message = order("1001", "sent", infobase=stored(db)[0].id)
    ran = run("infobase", "remove", "main", "--yes")
    assert (ran.code, "E414" in ran.err) == (4, True)
    assert run("infobase", "remove", "main", "--release").code == 4  # asks for --yes, and has released nothing yet
    shown = run("outbox", "show", str(message), "-o", "json").json
    assert (shown["infobase"], shown["history"]) == ("main", [])
    assert run("infobase", "remove", "main", "--yes", "--release").code == 0
    shown = run("outbox", "show", str(message), "-o", "json").json
    assert (shown["state"], shown["infobase"]) == ("sent", None)
    assert shown["history"][0]["reason"] == "infobase main removed"


def test_texts_are_russian_for_russians(run: Run, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_LANG", "ru")
    ran = run("infobase", "add", "main", "--login", "exchange", "--password-stdin", stdin="x")
    assert "Введите в настройках обмена 1С" in ran.err
    assert "уже есть" in run("infobase", "add", "main", "--login", "exchange", "--password-stdin", stdin="x").err


def test_a_base_gets_a_mapping_of_its_own_shows_it_and_gives_it_up(run: Run, db: Database, tmp_path: Path) -> None:
    add(run)
    words = tmp_path / "own.yaml"
    words.write_text("currencies: {RUB: руб}\n", encoding="utf-8")
    assert run("infobase", "mapping", "main", str(words)).code == 0
    words.unlink()
    ran = run("infobase", "mapping", "main")
    assert (ran.out, str(words) in ran.err) == ("currencies: {RUB: руб}\n", True)
    assert run("infobase", "list", "-o", "json").json[0]["orders_mapping"] == str(words)
    assert add(run, "--replace") == 0
    assert run("infobase", "mapping", "main").out, "a new password leaves it alone"
    assert run("infobase", "mapping", "main", "--default").code == 0
    assert run("infobase", "mapping", "main").out == ""
    assert run("infobase", "list", "-o", "json").json[0]["orders_mapping"] is None


def test_a_wrong_mapping_of_a_base_is_told_by_line_and_not_kept(run: Run, db: Database, tmp_path: Path) -> None:
    add(run)
    words = tmp_path / "own.yaml"
    words.write_text("payments:\n  card: {nam: Карта}\n", encoding="utf-8")
    ran = run("infobase", "mapping", "main", str(words))
    assert (ran.code != 0, f"{words}:2:10" in ran.err, "E401" in ran.err) == (True, True, True)
    assert run("infobase", "mapping", "main", str(tmp_path / "none.yaml")).code != 0
    assert run("infobase", "mapping", "main").out == ""
    words.write_text("", encoding="utf-8")
    assert run("infobase", "mapping", "other", str(words)).code == 3
    assert run("infobase", "mapping", "main", str(words), "--default").code == 2
