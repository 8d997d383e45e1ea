"""Failures counted into issues, and what settles them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from syncd import issues, journal
from syncd.errors import DataError, RemoteError, SyncdError
from syncd.issues import Failure, stripped
from syncd.journal import Entry
from syncd.store import endpoints
from syncd.store.db import Database, Row, every, execute, one
from syncd.store.ids import new_id


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url, size=4)
    yield database
    database.close()


def fail(db: Database, error: SyncdError | None = None, *, key: str = "A", entity: str = "order", **more: Any) -> None:
    failed = error or RemoteError("E817", asked="order", detail="no unit")
    entry = Entry("delivery", "out", "failed", "W-1", error=failed, entity=entity, key=key, **more)
    with db.transaction() as conn:
        journal.write(conn, "default", entry)


def succeed(db: Database, key: str = "A") -> None:
    with db.transaction() as conn:
        journal.write(conn, "default", Entry("delivery", "out", "ok", "W-1", entity="order", key=key))


def listed(db: Database, **options: Any) -> list[dict[str, Any]]:
    with db.transaction() as conn:
        return issues.listing(conn, "default", **options)


def told(db: Database) -> list[Row]:
    with db.transaction() as conn:
        return every(conn, "SELECT payload FROM outbox WHERE kind = 'event' ORDER BY seq")


def listen(db: Database) -> None:
    with db.transaction() as conn:
        endpoints.add(
            conn, "default", name="hook", kind="webhook", address="https://shop.example/", takes=["issue.opened"]
        )


def set_issue(db: Database, **values: Any) -> None:
    (found,) = listed(db, every_one=True)
    with db.transaction() as conn:
        assert issues.change(conn, "default", found["id"], by="anna", **values)


def test_the_same_failure_of_many_orders_is_one_issue(db: Database) -> None:
    for n in range(5):
        fail(db, RemoteError("E817", asked="order", detail=f"Line {n}: item 'Chair {n}' has no unit"), key=f"o{n % 3}")
    (found,) = listed(db)
    assert (found["count"], found["touched"], found["unresolved"]) == (5, 3, 3)
    assert (found["code"], found["owner"], found["kind"]) == ("E817", "1c-developer", "delivery")
    with db.transaction() as conn:
        touched = issues.subjects(conn, "default", found["id"])
        last = journal.find(conn, "default", str(found["last_journal_id"]))
    assert {row["key"]: row["count"] for row in touched} == {"o0": 2, "o1": 2, "o2": 1}
    assert last is not None
    assert last["params"]["detail"].startswith("Line 4")


def test_other_failures_are_other_issues(db: Database) -> None:
    fail(db, RemoteError("E817", asked="order", detail="no unit"))
    fail(db, RemoteError("E817", asked="order", detail="no price"))
    fail(db, RemoteError("E815", asked="order", detail="no unit"))
    fail(db, RemoteError("E817", asked="order", detail="no unit"), path="lines[3].unit")
    fail(db, RemoteError("E817", asked="order", detail="no unit"), path="lines[17].unit")
    fail(db, RemoteError("E817", asked="order", detail="no unit"), entity="product")
    fail(db, RemoteError("E817", asked="order", detail="no unit"), infobase_id=new_id())
    found = listed(db)
    assert len(found) == 6
    assert {row["path"]: row["count"] for row in found}["lines[].unit"] == 2


@pytest.mark.parametrize(
    ("one_text", "other"),
    [("Заказ 17: «Стул» не найден", "Заказ 18: «Стол (белый)» не найден"),
     ("object 019328aa-0000-7000-8000-000000000001 locked", "object 019328bb-0000-7000-8000-000000000002 locked"),
     ("at 2026-11-22T10:00:00 by user 5", "at 2027-01-01T10:00:00 by user 77"),
     ('field "ИНН" of "ООО Ромашка"', 'field "КПП" of "ИП Иванов"'),
     ("код УТ-000123 занят", "код УТ-000999 занят")],
)  # fmt: skip
def test_what_differs_between_two_cases_is_taken_out(one_text: str, other: str) -> None:
    assert stripped(one_text) == stripped(other)
    assert stripped("no unit") != stripped("no price")


def test_what_went_through_later_is_not_in_the_list(db: Database) -> None:
    fail(db, key="A")
    fail(db, key="B")
    succeed(db, "A")
    assert listed(db)[0]["unresolved"] == 1
    succeed(db, "B")
    assert listed(db) == []
    assert listed(db, every_one=True)[0]["state"] == "open"
    fail(db, key="A")
    assert listed(db)[0]["unresolved"] == 1


def test_a_new_issue_is_told_once_and_again_when_a_resolved_one_is_back(db: Database) -> None:
    listen(db)
    for _ in range(3):
        fail(db)
    assert [row["payload"]["data"]["reopened"] for row in told(db)] == [False]
    set_issue(db, state="resolved")
    assert listed(db) == []
    fail(db)
    fail(db)
    assert [row["payload"]["data"]["reopened"] for row in told(db)] == [False, True]
    (found,) = listed(db)
    assert (found["state"], found["changed_by"]) == ("open", "syncd")


def test_an_open_issue_that_was_quiet_and_settled_is_news_when_it_is_back(db: Database) -> None:
    listen(db)
    fail(db)
    succeed(db)
    fail(db)
    assert len(told(db)) == 1
    succeed(db)
    with db.transaction() as conn:
        execute(conn, "UPDATE issue SET last_at = now() - interval '25 hours'")
    fail(db)
    assert [row["payload"]["data"]["reopened"] for row in told(db)] == [False, True]


def test_a_muted_issue_counts_in_silence_until_its_time_is_over(db: Database) -> None:
    listen(db)
    fail(db)
    set_issue(db, state="muted", muted_until=None)
    fail(db)
    assert listed(db) == []
    assert (listed(db, every_one=True)[0]["count"], len(told(db))) == (2, 1)
    with db.transaction() as conn:
        execute(conn, "UPDATE issue SET muted_until = now() - interval '1 minute'")
    assert len(listed(db)) == 1
    fail(db)
    assert listed(db)[0]["state"] == "open"
    assert len(told(db)) == 2


def test_a_failure_that_repeats_within_a_minute_counts_each_time(db: Database) -> None:
    entry = Entry("exchange", "in", "failed", "catalog checkauth", error=DataError("E101"))
    with db.transaction() as conn:
        for _ in range(3):
            journal.write_failure(conn, "default", entry)
    assert listed(db)[0]["count"] == 3
    with db.transaction() as conn:
        assert every(conn, "SELECT repeats FROM journal") == [{"repeats": 3}]


def test_many_bad_records_are_one_upsert_each_issue(db: Database) -> None:
    parent = new_id()
    entries = [
        Entry(
            "record", "in", "failed", f"p{n}", parent_id=parent, entity="product", key=f"p{n}", path=f"Товар[{n}]/Цена",
            error=DataError("E212", path=f"Товар[{n}]/Цена", value="x"),
        )
        for n in range(1_000)
    ]  # fmt: skip
    with db.transaction() as conn:
        journal.write_all(conn, "default", entries)
        statements = one(conn, "SELECT count(*) AS n FROM journal WHERE parent_id = %(p)s", p=parent)
    assert statements == {"n": 1_000}
    (found,) = listed(db)
    assert (found["count"], found["touched"]) == (1_000, 1_000)


def test_the_objects_kept_of_an_issue_are_bounded_and_the_count_goes_on(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issues, "SUBJECTS_KEPT", 10)
    for n in range(25):
        fail(db, key=f"o{n}")
    (found,) = listed(db)
    assert (found["count"], found["touched"]) == (25, 10)
    fail(db, key="o3")
    with db.transaction() as conn:
        counts = {row["key"]: row["count"] for row in issues.subjects(conn, "default", found["id"])}
    assert counts["o3"] == 2


def test_failures_at_once_in_several_transactions_lose_no_count(db: Database) -> None:
    broken: list[BaseException] = []

    def work(n: int) -> None:
        try:
            for m in range(10):
                fail(db, key=f"{n}-{m}")
        except BaseException as error:  # noqa: BLE001 - told below
            broken.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert broken == []
    (found,) = listed(db)
    assert (found["count"], found["touched"]) == (40, 40)


def test_odd_characters_cost_no_failure(db: Database) -> None:
    listen(db)
    fail(db, DataError("E205", name="\ud800", detail="\ud800 \x00"), key="k\x00\ud800", path="a\x00\ud800[1]")
    (found,) = listed(db)
    assert (found["count"], len(told(db))) == (1, 1)
    succeed(db, "k\x00\ud800")
    assert listed(db) == []


def test_a_failure_of_an_event_that_tells_of_an_issue_does_not_go_round(db: Database) -> None:
    listen(db)
    for n in range(5):
        fail(db, RemoteError("E941", host="shop.example", status=500, answer=f"no {n}"), entity="event", key=f"e{n}")
    assert len(told(db)) == 1


def test_the_list_is_narrowed_by_code_owner_and_time(db: Database) -> None:
    fail(db, RemoteError("E817", asked="order", detail="x"))
    fail(db, DataError("E101"))
    assert [row["code"] for row in listed(db, code="E101")] == ["E101"]
    assert [row["code"] for row in listed(db, owner="1c-developer")] == ["E817"]
    assert len(listed(db, limit=1)) == 1


def test_the_fingerprint_does_not_know_whom_it_hit() -> None:
    def made(key: str, **params: Any) -> str:
        error = RemoteError("E941", **{"host": "a.example", "status": 500, "answer": key, **params})
        return Failure(error, "delivery", "event", key, None, None, new_id()).fingerprint

    assert made("1") == made("2")
    assert made("1") != made("1", status=404)
    assert made("1") != made("1", host="b.example")


def test_old_issues_are_forgotten_but_not_what_never_went_through(db: Database) -> None:
    fail(db, RemoteError("E817", asked="order", detail="settled"), key="A")
    succeed(db, "A")
    fail(db, RemoteError("E817", asked="order", detail="open"), key="B")
    fail(db, RemoteError("E817", asked="order", detail="resolved"), key="C")
    with db.transaction() as conn:
        execute(conn, "UPDATE issue SET state = 'resolved' WHERE params ->> 'detail' = 'resolved'")
        assert issues.prune(conn, 90) == 0
        execute(conn, "UPDATE issue SET last_at = now() - interval '91 days'")
        assert issues.prune(conn, 90) == 2
    assert [row["params"]["detail"] for row in listed(db, every_one=True)] == ["open"]
