"""Packages and removals from the command line."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from syncd.store.db import Database, every, execute, one
from tests.api.site import archive, catalogue
from tests.cli.conftest import Run


@pytest.fixture
def imported(run: Run, db: Database, tmp_path: Path) -> str:
    """The id of a package with an archive and a document."""
    del db
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "import0_1.zip").write_bytes(archive({"import0_1.xml": catalogue("Стул", "Стол")}))
    (tmp_path / "in" / "more.xml").write_bytes(catalogue("Стул", "Стол", "Шкаф", changes=True))
    assert run("import", "in").code == 0
    found = run("package", "list", "-o", "json").json
    return str(found[0]["id"])


def fill(run: Run, tmp_path: Path, *names: str) -> None:
    (tmp_path / "import.xml").write_bytes(catalogue(*names))
    assert run("import", "import.xml").code == 0


def test_packages_are_listed_and_shown_with_files_and_counters(run: Run, imported: str) -> None:
    listed = run("packages", "list")
    assert listed.code == 0
    assert imported[-8:] in listed.out
    assert "import0_1.zip, more.xml" in listed.out
    shown = run("package", "show", imported[-8:], "-o", "json").json
    assert [(file["name"], file["format"]) for file in shown["stored"]] == [
        ("import0_1.zip", "zip"),
        ("more.xml", "xml"),
    ]
    assert shown["counters"]["product"]["created"] == 3
    assert run("package", "show", imported).code == 0
    assert run("package", "list", "--state", "failed", "-o", "json").json == []


def test_files_are_written_as_they_came_and_nothing_is_overwritten(run: Run, imported: str, tmp_path: Path) -> None:
    assert run("package", "export", imported, "--to", "out").code == 0
    for name in ("import0_1.zip", "more.xml"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "in" / name).read_bytes()
    assert zipfile.ZipFile(tmp_path / "out" / "import0_1.zip").testzip() is None
    again = run("package", "export", imported, "--to", "out")
    assert again.code == 4
    assert "E418" in again.err


def test_a_name_from_outside_stays_within_the_folder(run: Run, imported: str, db: Database, tmp_path: Path) -> None:
    with db.transaction() as conn:
        conn.execute("UPDATE upload SET name = '../../evil/..\\x.xml' WHERE name = 'more.xml'")
    assert run("package", "export", imported, "--to", "out").code == 0
    assert (tmp_path / "out" / "evil" / "x.xml").is_file()


def test_a_replay_is_a_new_package_with_a_reason(run: Run, imported: str, db: Database) -> None:
    refused = run("package", "replay", imported, "--reason", "check")
    assert refused.code == 4
    assert "E412" in refused.err
    made = run("package", "replay", imported, "--reason", "check", "--yes", "-o", "json")
    assert made.code == 0
    assert made.json["replay_of"] == imported
    assert made.json["counters"]["product"]["updated"] == 0
    with db.transaction() as conn:
        row = one(conn, "SELECT replay_reason, seq > source_seq AS later FROM package WHERE replay_of IS NOT NULL")
    assert row == {"replay_reason": "check", "later": True}
    assert run("package", "replay", imported, "--reason", " ", "--yes").code == 2


def test_an_unknown_package_is_not_found(run: Run, db: Database) -> None:
    del db
    for words in (["show", "beef"], ["replay", "beef", "--reason", "x", "--yes"], ["approve", "beef", "--reason", "x"]):
        assert run("package", *words).code == 3


@pytest.fixture
def held(run: Run, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a held removal of nine products of ten."""
    del db
    monkeypatch.setenv("SYNCD_IMPORTS__REMOVAL_LIMIT_RECORDS", "5")
    fill(run, tmp_path, *"abcdefghij")
    fill(run, tmp_path, "a")
    found = run("package", "list", "--state", "held", "-o", "json").json
    assert [(row["absent"], row["total"]) for row in found] == [(9, 10)]
    return str(found[0]["id"])


def active(db: Database) -> int:
    with db.transaction() as conn:
        return len(every(conn, "SELECT id FROM products WHERE deleted_at IS NULL"))


def test_a_held_removal_stands_in_the_status_with_its_commands(run: Run, held: str) -> None:
    status = run("status", "-o", "json").json
    assert [row["id"] for row in status["removals_held"]] == [held]
    assert f"syncd package show {held}" in [mark["command"] for mark in status["attention"]]
    shown = run("package", "show", held)
    assert f"syncd package approve {held}" in shown.out
    assert f"syncd package reject {held}" in shown.out


def test_why_a_removal_is_held_is_said_in_the_language_of_the_reader(run: Run, held: str) -> None:
    for language, said in (("en", "leaves out 9 of 10"), ("ru", "не содержит 9 из 10")):
        for words in (["list", "--state", "held"], ["show", held]):
            document = run("--lang", language, "package", *words, "-o", "json").json
            row = document[0] if isinstance(document, list) else document["runs"][0]
            assert said in row["reason"]


def test_why_an_export_was_given_up_is_said_in_the_language_of_the_reader(
    run: Run, tmp_path: Path, db: Database
) -> None:
    fill(run, tmp_path, *"abc")
    given_up = [
        ("E225", {"catalogue": "c1"}, "began before", "началась раньше"),
        ("E226", {}, "not taken in whole", "принят не целиком"),
        ("E227", {"run": "r"}, "took the place", "заменила более новая"),
        ("E228", {"days": "90"}, "90 days", "дней: 90"),
    ]
    for code, params, en, ru in given_up:
        with db.transaction() as conn:
            execute(
                conn, "UPDATE export_run SET state = 'abandoned', code = %(c)s, params = %(p)s", c=code, p=Jsonb(params)
            )
        package = run("package", "list", "-o", "json").json[0]["id"]
        for language, said in (("en", en), ("ru", ru)):
            (row,) = run("--lang", language, "package", "show", package, "-o", "json").json["runs"]
            assert (row["code"], said in row["reason"]) == (code, True)
            assert said in run("--lang", language, "package", "show", package).out


def test_a_package_that_was_not_taken_in_whole_says_so(run: Run, tmp_path: Path, db: Database) -> None:
    fill(run, tmp_path, *"abc")
    path = tmp_path / "import.xml"
    path.write_text(path.read_text(encoding="utf-8").replace("<Ид>p1</Ид>", ""), encoding="utf-8")
    run("import", str(path))
    package = run("package", "list", "-o", "json").json[0]["id"]
    (row,) = run("package", "show", package, "-o", "json").json["runs"]
    assert (row["state"], row["code"]) == ("abandoned", "E226")


def test_a_removal_is_approved_by_its_own_id(run: Run, held: str, db: Database) -> None:
    assert active(db) == 10
    done = run("package", "approve", held, "--reason", "season is over")
    assert (done.code, active(db)) == (0, 1)
    for word in (held, held[-8:], held.upper()):
        again = run("package", "approve", word, "--reason", "again")
        assert (again.code, again.err.split()[0]) == (4, "E416")


def test_a_removal_is_rejected_by_its_last_package(run: Run, held: str, db: Database) -> None:
    package = run("package", "list", "-o", "json").json[0]["id"]
    assert run("package", "reject", package, "--reason", "a filter was set").code == 0
    assert active(db) == 10
    with db.transaction() as conn:
        row = one(conn, "SELECT state, reason, decided_by FROM export_run WHERE id = %(id)s", id=held)
    assert row is not None
    assert (row["state"], row["reason"]) == ("rejected", "a filter was set")
    assert row["decided_by"]
    assert run("package", "approve", package, "--reason", "late").code == 4
