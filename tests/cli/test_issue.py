from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd import journal
from syncd.errors import DataError, RemoteError, SyncdError
from syncd.journal import Entry
from syncd.store.db import Database

from .conftest import Order, Run

Fail = Callable[..., None]


@pytest.fixture
def fail(db: Database) -> Fail:
    def write(error: SyncdError | None = None, *, key: str = "A", **more: Any) -> None:
        failed = error or RemoteError("E817", asked="order", detail="no unit")
        given = {
            "kind": "delivery",
            "direction": "out",
            "outcome": "failed",
            "subject": "W-1",
            "entity": "order",
            **more,
        }
        with db.transaction() as conn:
            journal.write(conn, "default", Entry(error=failed, key=key, **given))

    return write


def one(run: Run, *words: str) -> dict[str, Any]:
    (row,) = run("issue", "list", "-o", "json", *words).json
    found: dict[str, Any] = row
    return found


def test_the_list_holds_what_failed_and_never_went_through(run: Run, db: Database, fail: Fail) -> None:
    assert "Nothing is open" in run("issue", "list").err
    fail(key="A")
    fail(key="B")
    fail(DataError("E101"), key="catalog checkauth", kind="exchange", entity="exchange")
    ran = run("issue", "list")
    assert "E817" in ran.out
    assert "1C developer" in ran.out
    with db.transaction() as conn:
        for key in ("A", "B"):
            journal.write(conn, "default", Entry("delivery", "out", "ok", "W-1", entity="order", key=key))
    assert one(run)["code"] == "E101"
    assert one(run, "--all", "--code", "e817")["unresolved"] == 0
    assert one(run, "--owner", "administrator")["code"] == "E101"
    assert run("issue", "list", "--since", "yesterday").code == 2


def test_show_tells_who_mends_it_whom_it_hit_and_what_to_type(run: Run, db: Database, fail: Fail, order: Order) -> None:
    order("W-77", "rejected")
    with db.transaction() as conn:
        row = conn.execute("SELECT id::text AS id FROM sales_order").fetchone()
    assert row is not None
    fail(key=row["id"])
    word = one(run)["id"][-8:]
    said = run("issue", "show", word).out
    for expected in ("E817", "no unit", "1C developer", "W-77", "syncd journal show", f"syncd replay --issue {word}"):
        assert expected in said
    document = run("issue", "show", word, "-o", "json").json
    assert document["subjects"][0]["key"] == row["id"]
    assert document["next"]


def test_a_person_notes_assigns_mutes_resolves_and_reopens(run: Run, db: Database, fail: Fail) -> None:
    fail()
    word = one(run)["id"]
    assert run("issue", "note", word, "asked Пётр").code == 0
    assert run("issue", "assign", word, "anna").code == 0
    row = one(run)
    assert (row["note"], row["assigned_to"]) == ("asked Пётр", "anna")
    assert row["changed_by"]
    assert run("issue", "mute", word, "--for", "2h", "--note", "known").code == 0
    assert run("issue", "list", "-o", "json").json == []
    assert one(run, "--all")["state"] == "muted"
    assert run("issue", "reopen", word).code == 0
    assert one(run)["muted_until"] is None
    assert run("issue", "resolve", word, "--note", "mended").code == 0
    assert run("issue", "list", "-o", "json").json == []
    assert one(run, "--all")["note"] == "mended"
    fail()
    assert one(run)["count"] == 2


@pytest.mark.parametrize("words", [("issue", "show", "nothing"), ("issue", "resolve", "nothing")])
def test_an_unknown_issue_is_not_found(run: Run, db: Database, words: tuple[str, ...]) -> None:
    assert run(*words).code == 3


def test_a_span_that_is_none_is_wrong_usage(run: Run, db: Database, fail: Fail) -> None:
    fail()
    assert run("issue", "mute", one(run)["id"], "--for", "long").code == 2
    assert run("issue", "mute", one(run)["id"], "--for", "1000d").code == 2


def test_the_journal_can_be_narrowed_to_what_never_went_through(run: Run, db: Database, fail: Fail) -> None:
    fail(key="A")
    fail(key="B")
    fail(DataError("E101"), key="C", kind="exchange", entity="exchange")
    with db.transaction() as conn:
        journal.write(conn, "default", Entry("delivery", "out", "ok", "W-1", entity="order", key="A"))

    def keys(*words: str) -> list[str]:
        return sorted(row["key"] for row in run("journal", "tail", "-o", "json", *words).json)

    assert keys("--unresolved") == ["B", "C"]
    assert keys("--code", "e101") == ["C"]
    assert keys("--owner", "1c-developer") == ["A", "B"]
    assert keys("--unresolved", "--owner", "1c-developer") == ["B"]
    assert keys("--since", "1h") == ["A", "A", "B", "C"]
    assert run("journal", "tail", "--since", "soon").code == 2
