"""The outbox against a model, on real Postgres: workers that die, answers that come late, people who interfere.

The target of the model creates a document only once per attempt that reaches it, and says so or not. Whatever happens,
at the end every accepted message is one document, in the order of its key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from syncd.errors import Refused, RemoteError, SyncdError, TransportError, UnknownOutcome
from syncd.queue import acts, finish, outbox, policy
from syncd.queue.claims import Claim, Floors, Turn, claim
from syncd.queue.policy import Policy
from syncd.store import endpoints
from syncd.store.db import Database, every, execute, one
from syncd.store.ids import new_id

TENANTS = ("a", "b")
KEYS = ("k1", "k2", "k3")
CONCURRENCY = 2
RULES = Policy(delays=(1.0, 2.0), attempts=3, looks=(1.0, 2.0), away=1.0)


@dataclass
class Worker:
    """One process: its claims in hand, and what it thinks the living are."""

    id: UUID = field(default_factory=new_id)
    floors: Floors = field(default_factory=lambda: Floors(lag=0.0))
    turn: Turn = field(default_factory=Turn)
    hands: list[Claim] = field(default_factory=list)


class OutboxMachine(RuleBasedStateMachine):
    """See the module."""

    database: Database

    @initialize()
    def begin(self) -> None:
        self.workers = [Worker(), Worker()]
        self.ghosts: list[Claim] = []  # claims of workers that died: their answers may still come
        self.documents: dict[tuple[str, UUID], int] = {}
        self.created: dict[tuple[str, str], list[int]] = {}
        self.revisions: dict[tuple[str, str], int] = {}
        self.confirmed: set[tuple[str, UUID]] = set()
        self.given_up: set[tuple[str, UUID]] = set()
        with self.database.transaction() as conn:
            tables = "outbox, outbox_change, endpoint, infobase, infobase_health, offering"
            conn.execute(f"TRUNCATE {tables} CASCADE".encode())
            self.endpoints = {
                tenant: endpoints.add(
                    conn, tenant, name="erp", kind="http_service", address="http://127.0.0.1:9", takes=["order"],
                    concurrency=CONCURRENCY,
                )[0].id
                for tenant in TENANTS
            }  # fmt: skip

    # --- what comes in ------------------------------------------------------------------------------------------------

    @rule(tenant=st.sampled_from(TENANTS), key=st.sampled_from(KEYS))
    def accept(self, tenant: str, key: str) -> None:
        number = self.revisions.get((tenant, key), 0) + 1
        self.revisions[tenant, key] = number
        with self.database.transaction() as conn:
            outbox.enqueue(conn, tenant, kind="order", key=key, revision_no=number)

    @rule(tenant=st.sampled_from(TENANTS), key=st.sampled_from(KEYS), which=st.integers(0, 1))
    def accept_and_claim(self, tenant: str, key: str, which: int) -> None:
        """What happens most, so that histories are long enough to be interesting."""
        self.accept(tenant, key)
        self.claim(which, 2)

    @rule(which=st.integers(0, 1))
    def rescue_and_claim(self, which: int) -> None:
        """Time passes, orphans are freed, somebody takes them."""
        self.take_over()
        self.time_passes()
        self.claim(which, 2)

    # --- workers ------------------------------------------------------------------------------------------------------

    @rule(which=st.integers(0, 1), free=st.integers(1, 5))
    def claim(self, which: int, free: int) -> None:
        worker = self.workers[which]
        with self.database.transaction() as conn:
            got = claim(
                conn, worker=worker.id, free=free, lease=60, kinds=["http_service"], floors=worker.floors,
                turn=worker.turn,
            )  # fmt: skip
            for each in got:
                earlier = one(
                    conn,
                    """SELECT count(*) AS n FROM outbox WHERE tenant = %(t)s AND kind = 'order' AND key = %(k)s
                         AND revision_no < %(r)s AND state NOT IN ('acknowledged', 'cancelled', 'superseded')""",
                    t=each.tenant, k=each.key, r=each.revision_no,
                )  # fmt: skip
                assert earlier is not None
                assert earlier["n"] == 0, "it overtook an earlier message of its key"
        assert len(got) <= free
        worker.hands += got

    @precondition(lambda self: any(worker.hands for worker in self.workers))
    @rule(
        data=st.data(),
        how=st.sampled_from(
            ["confirmed", "lost after", "lost before", "away", "failed", "refused", "dies", "dies after"]
        ),
    )
    def end(self, data: st.DataObject, how: str) -> None:
        worker = data.draw(st.sampled_from([worker for worker in self.workers if worker.hands]))
        got = worker.hands.pop(data.draw(st.integers(0, len(worker.hands) - 1)))
        if got.looks_up:
            self._look(worker, got, how)
            return
        if how in {"confirmed", "lost after", "dies after"}:
            self._create(got)
        if how.startswith("dies"):
            self._expire(got)
            self.ghosts.append(got)
            return
        self._end(worker, got, _ERRORS.get(how))

    def _create(self, got: Claim) -> None:
        mark = (got.tenant, got.id)
        assert mark not in self.documents, "a second document of one message"
        self.documents[mark] = 1
        made = self.created.setdefault((got.tenant, got.key), [])
        assert not made or made[-1] < got.revision_no, "an older state came after a newer one"
        made.append(got.revision_no)

    def _end(self, worker: Worker, got: Claim, error: SyncdError | None) -> None:
        outcome = policy.outcome_of(error) if error else "confirmed"
        decision = policy.after_attempt(outcome, got.attempt, RULES, can_look_up=True, idempotent=False)
        with self.database.transaction() as conn:
            assert finish.finish(conn, got, decision, by=str(worker.id), error=error), "nobody else holds it"
        if decision.state == "acknowledged":
            self.confirmed.add((got.tenant, got.id))

    def _look(self, worker: Worker, got: Claim, how: str) -> None:
        if how.startswith("dies"):
            self._expire(got)
            return
        found = None if how in {"away", "lost before", "lost after"} else (got.tenant, got.id) in self.documents
        decision = policy.after_look(found, got.looks, RULES, was="unconfirmed")
        with self.database.transaction() as conn:
            assert finish.finish(conn, got, decision, by=str(worker.id))
        if decision.state == "acknowledged":
            self.confirmed.add((got.tenant, got.id))

    def _expire(self, got: Claim) -> None:
        with self.database.transaction() as conn:
            execute(
                conn, "UPDATE outbox SET lease_until = now() - interval '1 s' WHERE tenant = %(t)s AND id = %(id)s",
                t=got.tenant, id=got.id,
            )  # fmt: skip

    @rule()
    def take_over(self) -> None:
        with self.database.transaction() as conn:
            finish.take_over(conn, look_up=["http_service"], repeat=[], decide=[], by="test")

    @precondition(lambda self: self.ghosts)
    @rule()
    def a_dead_worker_comes_back(self) -> None:
        """It was only slow: its answer must not overwrite what others did; what 1C confirmed stays true."""
        got = self.ghosts.pop()
        mark = (got.tenant, got.id)
        with self.database.transaction() as conn:
            before = one(conn, _ROW, t=got.tenant, id=got.id)
            assert before is not None
            there = mark in self.documents
            decision = policy.after_attempt(
                "confirmed" if there else "failed", got.attempt, RULES, can_look_up=True, idempotent=False
            )
            changed = finish.finish(conn, got, decision, by="ghost")
            after = one(conn, _ROW, t=got.tenant, id=got.id)
        assert after is not None
        if before["lease_id"] == got.lease_id:
            assert changed
        elif before["state"] == "unconfirmed" and there and before["series"] == got.series:
            assert (changed, after["state"]) == (True, "acknowledged")
        else:
            assert not changed
            assert before == after
        if after["state"] == "acknowledged":
            self.confirmed.add(mark)
        for worker in self.workers:  # a look-up under way elsewhere has lost its lease to the confirmation
            worker.hands = [each for each in worker.hands if (each.tenant, each.id) != mark or not changed]

    @rule()
    def time_passes(self) -> None:
        with self.database.transaction() as conn:
            execute(
                conn,
                """UPDATE outbox SET next_attempt_at = now()
                   WHERE state IN ('waiting', 'unconfirmed', 'sent') AND next_attempt_at > now()""",
            )

    # --- people and gates ---------------------------------------------------------------------------------------------

    @rule(data=st.data(), act=st.sampled_from(["retry", "cancel", "hold", "release"]))
    def interfere(self, data: st.DataObject, act: str) -> None:
        with self.database.transaction() as conn:
            rows = every(conn, "SELECT tenant, id, state, series, lease_id FROM outbox ORDER BY seq")
            if not rows:
                return
            row = data.draw(st.sampled_from(rows))
            done = getattr(acts, act)(conn, row["tenant"], row["id"], by="anna", reason="test")
            after = one(conn, _ROW, t=row["tenant"], id=row["id"])
        assert after is not None
        if row["lease_id"] is not None or row["state"] in {"acknowledged", "superseded"}:
            assert not done, "a worker has it, or it is over"
        if done and act in {"retry", "release"}:
            assert after["series"] == row["series"] + 1, "a person's retry is a new series"
        if done and act == "cancel":
            self.given_up.add((row["tenant"], row["id"]))
        if done and act == "retry":
            self.given_up.discard((row["tenant"], row["id"]))

    @rule(tenant=st.sampled_from(TENANTS), seconds=st.integers(1, 100))
    def gate(self, tenant: str, seconds: int) -> None:
        """While the gate is closed nothing is claimed for the endpoint, and only for it."""
        with self.database.transaction() as conn:
            until = datetime.now(UTC) + timedelta(seconds=seconds)
            endpoints.close_until(conn, tenant, self.endpoints[tenant], until, "E901")
            got = claim(conn, worker=new_id(), free=10, lease=60, kinds=["http_service"], floors=Floors(), turn=Turn())
            assert all(each.tenant != tenant for each in got)
            finish.give_back(conn, got, by="test")
            execute(conn, "UPDATE endpoint SET closed_until = NULL WHERE id = %(id)s", id=self.endpoints[tenant])

    # --- always -------------------------------------------------------------------------------------------------------

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "workers"):
            return
        with self.database.transaction() as conn:
            rows = every(
                conn, "SELECT tenant, id, key, revision_no, state, attempt, lease_id, next_attempt_at FROM outbox"
            )
            per_endpoint = every(
                conn, "SELECT endpoint_id, count(*) AS n FROM outbox WHERE lease_id IS NOT NULL GROUP BY endpoint_id"
            )
        assert all(row["n"] <= CONCURRENCY for row in per_endpoint)
        for row in rows:
            mark = (row["tenant"], row["id"])
            assert row["attempt"] >= 0
            assert (row["state"] == "acknowledged") == (mark in self.confirmed)
            assert mark not in self.confirmed or mark in self.documents, "confirmed without a document"
            assert row["state"] != "sending" or row["lease_id"] is not None
            if row["state"] in {"waiting", "unconfirmed"}:
                assert row["next_attempt_at"] is not None, "it would never be looked at again"

    def teardown(self) -> None:
        """Let everything come to its end: nothing is left under way, and each message not given up is a document."""
        if not hasattr(self, "workers"):
            return
        for worker in self.workers:
            for got in worker.hands:
                self._expire(got)
            worker.hands = []
        with self.database.transaction() as conn:
            for row in every(
                conn, "SELECT tenant, id FROM outbox WHERE state IN ('rejected', 'held') AND lease_id IS NULL"
            ):
                acts.retry(conn, row["tenant"], row["id"], by="anna", reason="mended")
        survivor = Worker()
        for _ in range(12 * (sum(self.revisions.values()) + 4)):
            self.take_over()
            self.time_passes()
            with self.database.transaction() as conn:
                got = claim(
                    conn, worker=survivor.id, free=20, lease=60, kinds=["http_service"], floors=survivor.floors,
                    turn=survivor.turn,
                )  # fmt: skip
            for each in got:
                if each.looks_up:
                    self._look(survivor, each, "confirmed")
                else:
                    self._create(each)
                    self._end(survivor, each, None)
            with self.database.transaction() as conn:
                left = every(
                    conn,
                    """SELECT tenant, id, state, key FROM outbox
                       WHERE state NOT IN ('acknowledged', 'cancelled', 'superseded')""",
                )
            if not left:
                break
        assert left == [], "something was never delivered"


_ROW = "SELECT state, series, attempt, lease_id, next_attempt_at FROM outbox WHERE tenant = %(t)s AND id = %(id)s"
_ERRORS: dict[str, SyncdError] = {
    "lost after": UnknownOutcome("E902", detail="read timeout"),
    "lost before": UnknownOutcome("E902", detail="read timeout"),
    "away": TransportError("E901"),
    "failed": RemoteError("E904", attempts=1, detail="x", cause="y"),
    "refused": Refused("E905", key="k"),
}


@pytest.mark.timeout(600)
def test_the_outbox_keeps_its_promises_whatever_happens(database_url: str) -> None:
    database = Database(database_url, size=4)
    try:
        machine: Any = type("Machine", (OutboxMachine,), {"database": database})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=60, stateful_step_count=50, deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
            ),
        )  # fmt: skip
    finally:
        database.close()
