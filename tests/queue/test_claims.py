"""Claims and their endings, one rule at a time; ``test_outbox_machine`` mixes them."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any
from uuid import UUID

import psycopg
import pytest

from syncd.errors import RemoteError, UnknownOutcome
from syncd.queue import acts, finish, outbox
from syncd.queue.claims import Claim, Floors, Turn, claim
from syncd.queue.policy import Decision
from syncd.store import endpoints
from syncd.store.db import Database, Row, execute, one
from syncd.store.ids import new_id

KINDS = ["http_service"]


class Queue:
    """An outbox and one worker that claims from it."""

    def __init__(self, db: Database) -> None:
        self.db, self.floors, self.turn, self.worker = db, Floors(), Turn(), new_id()

    def endpoint(self, tenant: str = "default", name: str = "erp", concurrency: int = 100) -> UUID:
        with self.db.transaction() as conn:
            made, _ = endpoints.add(
                conn, tenant, name=name, kind="http_service", address="http://127.0.0.1:9", takes=["order"],
                concurrency=concurrency,
            )  # fmt: skip
        return made.id

    def put(self, key: str, tenant: str = "default", **more: Any) -> UUID:
        with self.db.transaction() as conn:
            return outbox.enqueue(conn, tenant, kind="order", key=key, **more)

    def claim(self, free: int = 10, seconds: float = 60) -> list[Claim]:
        with self.db.transaction() as conn:
            return claim(
                conn, worker=self.worker, free=free, lease=seconds, kinds=KINDS, floors=self.floors, turn=self.turn
            )

    def end(self, got: Claim, decision: Decision, **more: Any) -> bool:
        with self.db.transaction() as conn:
            return finish.finish(conn, got, decision, by="test", **more)

    def row(self, id_: UUID) -> Row:
        with self.db.transaction() as conn:
            found = one(conn, "SELECT * FROM outbox WHERE id = %(id)s", id=id_)
        assert found is not None
        return found

    def run(self, query: str, **parameters: Any) -> int:
        with self.db.transaction() as conn:
            return execute(conn, query, **parameters)

    def unconfirmed(self, key: str) -> UUID:
        """A message whose answer was lost, due for a look-up."""
        made = self.put(key)
        (got,) = self.claim()
        self.end(got, Decision("unconfirmed", 0.0), error=UnknownOutcome("E902", detail="cut"))
        return made


@pytest.fixture
def queue(db: Database) -> Queue:
    return Queue(db)


# --- what 1C said stands ----------------------------------------------------------------------------------------------


def test_a_look_up_that_found_nothing_does_not_undo_what_1c_showed_meanwhile(queue: Queue) -> None:
    queue.endpoint()
    message = queue.unconfirmed("k")
    (look,) = queue.claim()
    with queue.db.transaction() as conn:
        assert outbox.confirm_key(conn, "default", "order", "k", by="exchange")
    assert not queue.end(look, Decision("waiting", 0.0)), "1C has it: nothing may be sent again"
    row = queue.row(message)
    assert (row["state"], row["lease_id"], row["next_attempt_at"]) == ("acknowledged", None, None)
    assert queue.claim() == []


def test_an_order_that_waits_to_be_sent_again_is_closed_when_1c_shows_it(queue: Queue) -> None:
    queue.endpoint()
    message = queue.put("k")
    (got,) = queue.claim()
    queue.end(got, Decision("waiting", 3600.0))
    with queue.db.transaction() as conn:
        assert outbox.confirm_key(conn, "default", "order", "k", by="exchange")
    assert queue.row(message)["state"] == "acknowledged"


def test_a_change_that_waits_is_not_closed_by_the_order_itself(queue: Queue) -> None:
    queue.endpoint()
    queue.put("k")
    (first,) = queue.claim()
    queue.end(first, Decision("acknowledged"))
    message = queue.put("k", revision_no=2)
    (got,) = queue.claim()
    queue.end(got, Decision("waiting", 3600.0))
    with queue.db.transaction() as conn:
        assert not outbox.confirm_key(conn, "default", "order", "k", by="exchange")
    assert queue.row(message)["state"] == "waiting"


def test_a_confirmation_that_comes_after_fruitless_look_ups_keeps_it_from_being_sent_again(queue: Queue) -> None:
    queue.endpoint()
    message = queue.put("k")
    (slow,) = queue.claim(seconds=-1)
    with queue.db.transaction() as conn:
        assert len(finish.take_over(conn, look_up=KINDS, repeat=[], decide=[], by="test")) == 1
    (look,) = queue.claim()
    queue.end(look, Decision("waiting", 60.0))
    assert queue.end(slow, Decision("acknowledged"), receipt={"number": "0001"})
    assert queue.row(message)["state"] == "acknowledged"


@pytest.mark.parametrize("text", ["a\x00b", "half \ud83d of a pair", "\x00" * 2000])
def test_what_1c_says_in_a_broken_encoding_is_kept_as_far_as_it_can_be(queue: Queue, text: str) -> None:
    queue.endpoint()
    message = queue.put("k")
    (got,) = queue.claim()
    receipt = {"number": text, "answer": {text: [text, float("nan")]}}
    assert queue.end(got, Decision("waiting", 0.0), error=RemoteError("E904", detail=text), receipt=receipt)
    row = queue.row(message)
    assert row["state"] == "waiting"
    assert row["receipt"]["answer"]


# --- a long transaction of others holds nothing up --------------------------------------------------------------------


def test_a_message_that_an_import_has_locked_does_not_hold_up_the_others(queue: Queue) -> None:
    queue.endpoint()
    locked = queue.unconfirmed("locked")
    other = queue.put("other")
    with psycopg.connect(queue.db.url) as holder:
        holder.execute("UPDATE outbox SET updated_at = now() WHERE id = %s", [locked])
        got: list[Claim] = []
        waiting = threading.Thread(target=lambda: got.extend(queue.claim()))
        waiting.start()
        waiting.join(10)
        stuck = waiting.is_alive()
    waiting.join()
    assert not stuck, "the claim waited, and with it all targets"
    assert [each.id for each in got] == [other]
    assert [each.id for each in queue.claim()] == [locked], "its turn comes when it is free"


def test_the_signs_of_life_of_others_do_not_wait_for_a_locked_message(queue: Queue) -> None:
    queue.endpoint()
    locked, free = queue.put("locked"), queue.put("free")
    claims = queue.claim()
    with psycopg.connect(queue.db.url) as holder:
        holder.execute("UPDATE outbox SET updated_at = now() WHERE id = %s", [locked])
        alive: set[UUID] = set()

        def beat() -> None:
            with queue.db.transaction() as conn:
                alive.update(finish.extend(conn, claims, 60))

        beating = threading.Thread(target=beat)
        beating.start()
        beating.join(10)
        stuck = beating.is_alive()
    beating.join()
    assert not stuck
    assert alive == {each.lease_id for each in claims if each.id == free}


# --- fairness ---------------------------------------------------------------------------------------------------------


def test_a_free_place_goes_to_the_company_with_the_fewest_under_way(queue: Queue) -> None:
    queue.endpoint("busy")
    queue.endpoint("quiet")
    for number in range(20):
        queue.put(f"k{number}", "busy")
    queue.put("k", "quiet")
    taken = [queue.claim(free=1)[0].tenant for _ in range(2)]
    assert Counter(taken) == {"busy": 1, "quiet": 1}


def test_a_free_place_goes_to_the_endpoint_with_the_fewest_under_way(queue: Queue) -> None:
    first, second = queue.endpoint(name="first"), queue.endpoint(name="second")
    for number in range(20):
        queue.put(f"a{number}", endpoint_id=first)
        queue.put(f"b{number}", endpoint_id=second)
    taken = [queue.claim(free=1)[0].endpoint_id for _ in range(10)]
    assert Counter(taken) == {first: 5, second: 5}


def test_new_orders_and_those_due_again_take_turns(queue: Queue) -> None:
    queue.endpoint()
    for number in range(4):
        queue.put(f"old{number}")
    for got in queue.claim():
        queue.end(got, Decision("waiting", 0.0))
    for number in range(4):
        queue.put(f"new{number}")
    taken = [queue.claim(free=1)[0].key[:3] for _ in range(8)]
    assert all(Counter(taken[n : n + 2]) == {"old": 1, "new": 1} for n in range(0, 8, 2)), taken


def test_what_is_sent_again_in_bulk_goes_behind_live_orders_of_its_company_only(queue: Queue) -> None:
    queue.endpoint("a")
    queue.endpoint("b")
    bulk = queue.put("bulk", "a")
    (got,) = queue.claim()
    queue.end(got, Decision("rejected"))
    with queue.db.transaction() as conn:
        assert acts.retry(conn, "a", bulk, by="anna", reason="mended", priority=1)
    queue.put("live", "a")
    for number in range(9):
        queue.put(f"k{number}", "b")
    taken = [(each.tenant, each.key) for each in queue.claim(free=4)]
    assert taken.count(("a", "bulk")) == 1, "a neighbour's live orders do not starve it"
    with queue.db.transaction() as conn:
        execute(
            conn, "UPDATE outbox SET lease_id = NULL, state = 'waiting', next_attempt_at = now() WHERE key = 'bulk'"
        )
        execute(conn, "UPDATE outbox SET lease_id = NULL, state = 'pending' WHERE key = 'live'")
    assert [each.key for each in queue.claim(free=1) if each.tenant == "a"] in ([], ["live"])


def test_every_endpoint_has_its_turn_when_there_are_more_than_are_looked_at_at_once(queue: Queue) -> None:
    for number in range(130):
        queue.endpoint(f"t{number:03}")
        queue.put("k", f"t{number:03}")
    queue.run("UPDATE endpoint SET concurrency = 1")
    queue.run("UPDATE outbox SET lease_id = gen_random_uuid(), claimed_at = now() WHERE tenant < 't100'")
    queue.run("INSERT INTO outbox (tenant, id, kind, key, revision_no, endpoint_id)"
              " SELECT tenant, gen_random_uuid(), kind, 'more', 1, endpoint_id FROM outbox")  # fmt: skip
    assert [len(queue.claim(free=40)) for _ in range(2)] == [28, 2], (
        "the first hundred have no place free, and stand in nobody's way"
    )
    queue.run("UPDATE outbox SET lease_id = NULL")
    assert queue.claim(free=1), "after the last comes the first"


# --- nothing is left lying --------------------------------------------------------------------------------------------


def test_an_order_replayed_before_its_endpoint_was_made_is_sent_there(queue: Queue) -> None:
    message = queue.put("k")
    with queue.db.transaction() as conn:
        assert acts.hold(conn, "default", message, by="anna", reason="wait")
        assert acts.retry(conn, "default", message, by="anna", reason="go", priority=1)
    queue.endpoint()
    assert [each.id for each in queue.claim()] == [message]


def test_a_cancelled_message_that_may_be_in_1c_is_looked_up_before_it_is_sent_again(queue: Queue) -> None:
    queue.endpoint()
    message = queue.unconfirmed("k")
    with queue.db.transaction() as conn:
        assert acts.cancel(conn, "default", message, by="anna", reason="a mistake")
        assert acts.retry(conn, "default", message, by="anna", reason="not a mistake")
    assert [each.was for each in queue.claim()] == ["unconfirmed"]


def test_a_cancelled_message_that_was_never_sent_is_simply_sent(queue: Queue) -> None:
    queue.endpoint()
    message = queue.put("k")
    with queue.db.transaction() as conn:
        assert acts.cancel(conn, "default", message, by="anna", reason="a mistake")
        assert acts.retry(conn, "default", message, by="anna", reason="not a mistake")
    assert [(each.id, each.was) for each in queue.claim()] == [(message, "waiting")]


def test_a_change_of_an_order_whose_endpoint_is_gone_goes_to_the_one_there_is(queue: Queue) -> None:
    gone = queue.endpoint(name="old")
    queue.run("DELETE FROM endpoint")
    there = queue.endpoint(name="new")
    message = queue.put("k", revision_no=2, endpoint_id=gone)
    assert queue.row(message)["endpoint_id"] == there
    assert len(queue.claim()) == 1


def test_an_order_placed_while_its_endpoint_was_removed_finds_another(queue: Queue) -> None:
    queue.endpoint(name="old")
    message = queue.put("k")
    queue.run("DELETE FROM endpoint")  # as when it was counted before the order was there
    with queue.db.transaction() as conn:
        assert outbox.unbind_orphans(conn, by="test") == 1
        assert outbox.unbind_orphans(conn, by="test") == 0
    assert queue.row(message)["endpoint_id"] is None, "1C may fetch it"
    there = queue.endpoint(name="new")
    assert [(each.id, each.endpoint_id) for each in queue.claim()] == [(message, there)]


def test_what_may_have_reached_an_endpoint_that_is_gone_is_left_to_a_person(queue: Queue) -> None:
    queue.endpoint()
    message = queue.unconfirmed("k")
    queue.run("DELETE FROM endpoint")
    with queue.db.transaction() as conn:
        assert outbox.unbind_orphans(conn, by="test") == 0
    assert queue.row(message)["state"] == "unconfirmed"


def test_an_order_adopted_late_does_not_wait_for_the_floors(queue: Queue) -> None:
    message = queue.put("early")
    queue.run("UPDATE outbox SET session_id = gen_random_uuid()")  # not adopted yet
    queue.endpoint()
    queue.floors.lag = 0.0
    for number in range(3):
        queue.put(f"k{number}")
        assert len(queue.claim()) == 1
    queue.run("UPDATE outbox SET session_id = NULL WHERE id = %(id)s", id=message)
    with queue.db.transaction() as conn:
        assert endpoints.adopt_everywhere(conn) == 1
    assert [each.id for each in queue.claim()] == [message]


# --- what a person wants or has to find out ---------------------------------------------------------------------------


def test_a_change_of_an_order_waits_behind_one_that_a_person_holds(queue: Queue) -> None:
    queue.endpoint()
    first = queue.put("a")
    with queue.db.transaction() as conn:
        assert acts.hold(conn, "default", first, by="test", reason="fraud check")
    second = queue.put("a", revision_no=2)
    assert queue.row(first)["state"] == "held"
    assert queue.claim() == []
    with queue.db.transaction() as conn:
        assert acts.cancel(conn, "default", first, by="test", reason="fraud")
    assert [got.id for got in queue.claim()] == [second]


def test_a_change_of_an_order_waits_behind_one_that_may_be_in_1c(queue: Queue) -> None:
    queue.endpoint()
    first = queue.put("a")
    (got,) = queue.claim()
    queue.end(got, Decision("held"), error=UnknownOutcome("E902", detail="cut"))
    queue.put("a", revision_no=2)
    assert queue.row(first)["state"] == "held"
    assert queue.claim() == [], "a second document is not made before somebody looked for the first"


def test_a_change_replaces_an_order_that_1c_did_not_take_even_alone(queue: Queue) -> None:
    first = queue.put("a")
    queue.run("UPDATE outbox SET state = 'held', error_code = 'E223'")
    queue.put("a", revision_no=2)
    assert queue.row(first)["state"] == "superseded"
