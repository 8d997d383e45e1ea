"""The outbox against a model, on real Postgres: workers that die, answers that come late, people who interfere.

The targets of the model create a document only once per attempt that reaches them, and say so or not: one can be asked
what it has, another knows a message again, a third can do neither, so that a person decides. Whatever happens, at the
end every accepted message is one document or replaced by a newer state, in the order of its key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from syncd.errors import Refused, RemoteError, SyncdError, TransportError, UnknownOutcome
from syncd.queue import acts, claims, finish, outbox, policy
from syncd.queue.claims import Claim, Floors, Turn, claim
from syncd.queue.policy import Decision, Policy
from syncd.store import endpoints
from syncd.store.db import Conn, Database, Row, every, execute, one

TENANTS = ("a", "b", "c")
KEYS = ("k1", "k2")
KIND = {"a": "http_service", "b": "webhook", "c": "soap"}
"""``http_service`` is asked what it has, ``webhook`` knows a message again, for ``soap`` a person decides."""
KINDS = sorted(set(KIND.values()))
TAKE_OVER: dict[str, list[str]] = {"look_up": ["http_service"], "repeat": ["webhook"], "decide": ["soap"]}
CONCURRENCY = 2
RULES = Policy(delays=(1000.0, 2000.0), attempts=3, looks=(1000.0, 2000.0), away=1000.0)  # over only when said so


class Ids:
    """The same ids for the same choices: the real ones are random, and break ties, so that a history that Hypothesis
    plays again would become another.
    """

    def __init__(self) -> None:
        self._last = 0

    def begin(self) -> None:
        self._last = 0

    def __call__(self) -> UUID:
        self._last += 1
        return UUID(int=self._last)


IDS = Ids()


@dataclass
class Worker:
    """One process: its claims in hand, and what it thinks the living are."""

    id: UUID = field(default_factory=IDS)
    floors: Floors = field(default_factory=lambda: Floors(lag=0.0, forget=1e9))
    turn: Turn = field(default_factory=Turn)
    hands: list[Claim] = field(default_factory=list)


class OutboxMachine(RuleBasedStateMachine):
    """See the module."""

    database: Database

    @initialize()
    def begin(self) -> None:
        IDS.begin()
        self.workers = [Worker(), Worker()]
        self.ghosts: list[Claim] = []  # claims of workers that died: their answers may still come
        self.documents: dict[tuple[str, UUID], int] = {}
        self.created: dict[tuple[str, str], list[int]] = {}
        self.revisions: dict[tuple[str, str], int] = {}
        self.confirmed: set[tuple[str, UUID]] = set()
        self.unknown: set[tuple[str, UUID]] = set()  # to be looked up, whatever else happens
        self.decided: set[tuple[str, UUID]] = set()  # a person said: send it again
        self.homeless = 0
        with self.database.transaction() as conn:
            tables = "outbox, outbox_change, endpoint, infobase, infobase_health, offering"
            conn.execute(f"TRUNCATE {tables} CASCADE".encode())
            self.endpoints = {
                tenant: endpoints.add(
                    conn, tenant, name="erp", kind=KIND[tenant], address="http://127.0.0.1:9", takes=["order"],
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
            before = self._rows(conn, tenant, key)
            outbox.enqueue(conn, tenant, kind="order", key=key, revision_no=number)
            after = self._rows(conn, tenant, key)
        for id_, row in before.items():
            unsent = row["state"] in {"pending", "waiting", "rejected"} and row["lease_id"] is None
            assert after[id_]["state"] == ("superseded" if unsent else row["state"])

    def _rows(self, conn: Conn, tenant: str, key: str) -> dict[UUID, Row]:
        query = "SELECT id, state, lease_id FROM outbox WHERE tenant = %(t)s AND key = %(k)s"
        return {row["id"]: row for row in every(conn, query, t=tenant, k=key)}

    @rule(tenant=st.sampled_from(TENANTS))
    def accept_without_an_endpoint(self, tenant: str) -> None:
        """As when the endpoint was being made: it is adopted later, below what workers looked at last."""
        self.homeless += 1
        with self.database.transaction() as conn:
            made = outbox.enqueue(conn, tenant, kind="order", key=f"homeless {self.homeless}")
            execute(conn, "UPDATE outbox SET endpoint_id = NULL WHERE id = %(id)s", id=made)

    @rule()
    def adopt(self) -> None:
        with self.database.transaction() as conn:
            endpoints.adopt_everywhere(conn)
            left = one(conn, "SELECT count(*) AS n FROM outbox WHERE endpoint_id IS NULL AND state = 'pending'")
        assert left == {"n": 0}

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

    @rule(which=st.integers(0, 1), tenant=st.sampled_from(TENANTS), key=st.sampled_from(KEYS), done=st.booleans())
    def a_worker_is_too_slow(self, which: int, tenant: str, key: str, done: bool) -> None:
        """It sent, or not; its lease runs out, and another takes over before it says how that ended."""
        self.accept_and_claim(tenant, key, which)
        hands = self.workers[which].hands
        for got in [each for each in hands if not each.looks_up][-1:]:
            hands.remove(got)
            if done:
                self._create(got)
            self._expire(got)
            self.ghosts.append(got)
            self.take_over()

    # --- workers ------------------------------------------------------------------------------------------------------

    @rule(which=st.integers(0, 1), free=st.integers(1, 5))
    def claim(self, which: int, free: int) -> None:
        worker = self.workers[which]
        with self.database.transaction() as conn:
            got = claim(
                conn, worker=worker.id, free=free, lease=3600, kinds=KINDS, floors=worker.floors, turn=worker.turn,
            )  # fmt: skip
            live = every(
                conn,
                """SELECT endpoint_id FROM outbox o WHERE state = 'pending' AND priority = 0 AND NOT EXISTS (
                       SELECT FROM outbox b WHERE b.tenant = o.tenant AND b.kind = o.kind AND b.key = o.key
                         AND b.seq < o.seq AND b.state NOT IN ('acknowledged', 'cancelled', 'superseded'))""",
            )
            bulk = every(
                conn, "SELECT endpoint_id FROM outbox WHERE priority = 1 AND id = ANY(%(ids)s)",
                ids=[each.id for each in got],
            )  # fmt: skip
            assert not {row["endpoint_id"] for row in live} & {row["endpoint_id"] for row in bulk}, (
                "it overtook live ones"
            )
            for each in got:
                assert each.looks_up == ((each.tenant, each.id) in self.unknown), "sent without a look"
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
            [
                "confirmed",
                "taken",
                "taken only",
                "lost after",
                "lost before",
                "away",
                "failed",
                "refused",
                "dies",
                "dies after",
                "given back",
            ]
        ),
    )
    def end(self, data: st.DataObject, how: str) -> None:
        worker = data.draw(st.sampled_from([worker for worker in self.workers if worker.hands]))
        got = worker.hands.pop(data.draw(st.integers(0, len(worker.hands) - 1)))
        if got.looks_up:
            self._look(worker, got, how)
            return
        if how == "given back":
            with self.database.transaction() as conn:
                assert finish.give_back(conn, [got], by=str(worker.id)) == 1
            return
        if how in {"confirmed", "taken", "lost after", "dies after"}:
            self._create(got)
        if how.startswith("dies"):
            self._expire(got)
            self.ghosts.append(got)
            return
        self._end(worker, got, _ERRORS.get(how), taken=how.startswith("taken"))

    def _create(self, got: Claim) -> None:
        mark = (got.tenant, got.id)
        if mark in self.documents:
            assert KIND[got.tenant] != "http_service", "a second document of one message"
            assert KIND[got.tenant] == "webhook" or mark in self.decided, "a second document that nobody decided on"
            return
        self.documents[mark] = 1
        made = self.created.setdefault((got.tenant, got.key), [])
        assert not made or made[-1] < got.revision_no, "an older state came after a newer one"
        made.append(got.revision_no)

    def _end(self, worker: Worker, got: Claim, error: SyncdError | None, *, taken: bool = False) -> None:
        outcome: policy.Outcome = policy.outcome_of(error) if error else "taken" if taken else "confirmed"
        kind = KIND[got.tenant]
        decision = policy.after_attempt(
            outcome, got.attempt, RULES, can_look_up=kind == "http_service", idempotent=kind == "webhook"
        )
        self._finish(worker, got, decision, error)

    def _finish(self, worker: Worker, got: Claim, decision: Decision, error: SyncdError | None = None) -> None:
        mark = (got.tenant, got.id)
        with self.database.transaction() as conn:
            ours = finish.finish(conn, got, decision, by=str(worker.id), error=error)
        assert ours == (mark not in self.confirmed), "nobody else holds it"
        self.unknown.discard(mark)
        if ours and decision.state == "acknowledged":
            self.confirmed.add(mark)
        if ours and decision.state in {"sent", "unconfirmed"}:
            self.unknown.add(mark)

    def _look(self, worker: Worker, got: Claim, how: str) -> None:
        if how.startswith("dies"):
            self._expire(got)
            return
        if how == "given back":
            with self.database.transaction() as conn:
                assert finish.give_back(conn, [got], by=str(worker.id)) == ((got.tenant, got.id) not in self.confirmed)
            return
        found = None if how in {"away", "lost before", "lost after"} else (got.tenant, got.id) in self.documents
        was: Literal["sent", "unconfirmed"] = "sent" if got.was == "sent" else "unconfirmed"
        self._finish(worker, got, policy.after_look(found, got.looks, RULES, was=was))

    def _expire(self, got: Claim) -> None:
        with self.database.transaction() as conn:
            execute(
                conn, "UPDATE outbox SET lease_until = now() - interval '1 s' WHERE tenant = %(t)s AND id = %(id)s",
                t=got.tenant, id=got.id,
            )  # fmt: skip

    @rule()
    def take_over(self) -> None:
        with self.database.transaction() as conn:
            freed = finish.take_over(conn, **TAKE_OVER, by="test")
        after = {"http_service": "unconfirmed", "webhook": "waiting", "soap": "held"}
        for row in freed:
            if row["was"] == "sending":
                assert row["state"] == after[KIND[row["tenant"]]], "what becomes of an unknown outcome"
            if row["state"] in {"unconfirmed", "sent"}:
                self.unknown.add((row["tenant"], row["id"]))

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
        open_ = before["state"] in {"unconfirmed", "sent", "waiting", "held"}
        if before["lease_id"] == got.lease_id:
            assert changed
        elif open_ and there and before["series"] == got.series:
            assert (changed, after["state"]) == (True, "acknowledged")
        else:
            assert not changed
            assert before == after
        if changed:
            self.unknown.discard(mark)
        if after["state"] == "acknowledged":
            self.confirmed.add(mark)
        for worker in self.workers:  # a look-up under way elsewhere has lost its lease to the confirmation
            worker.hands = [each for each in worker.hands if (each.tenant, each.id) != mark or not changed]

    @rule(data=st.data())
    def the_exchange_shows_it(self, data: st.DataObject) -> None:
        """1C sends an order back by the other way, perhaps while it is being looked up."""
        with self.database.transaction() as conn:
            rows = every(
                conn,
                """SELECT tenant, id, key, revision_no FROM outbox WHERE state IN ('sent', 'unconfirmed')
                   ORDER BY seq""",
            )
            there = [row for row in rows if (row["tenant"], row["id"]) in self.documents]
            if not there:
                return
            row = data.draw(st.sampled_from(there))
            assert outbox.confirm_key(conn, row["tenant"], "order", row["key"], by="exchange")
        self.confirmed.add((row["tenant"], row["id"]))
        self.unknown.discard((row["tenant"], row["id"]))

    @rule()
    def time_passes(self) -> None:
        with self.database.transaction() as conn:
            execute(
                conn,
                """UPDATE outbox SET next_attempt_at = now()
                   WHERE state IN ('waiting', 'unconfirmed', 'sent') AND next_attempt_at > now()""",
            )

    # --- people and gates ---------------------------------------------------------------------------------------------

    @rule(
        data=st.data(), act=st.sampled_from(["retry", "cancel", "hold", "release"]), priority=st.integers(0, 1)
    )  # fmt: skip
    def interfere(self, data: st.DataObject, act: str, priority: int) -> None:
        more = {"priority": priority} if act == "retry" else {}
        with self.database.transaction() as conn:
            rows = every(conn, "SELECT tenant, id, state, series, lease_id FROM outbox ORDER BY seq")
            if not rows:
                return
            row = data.draw(st.sampled_from(rows))
            done = getattr(acts, act)(conn, row["tenant"], row["id"], by="anna", reason="test", **more)
            after = one(conn, _ROW, t=row["tenant"], id=row["id"])
        assert after is not None
        mark = (row["tenant"], row["id"])
        if row["lease_id"] is not None or row["state"] in {"acknowledged", "superseded"}:
            assert not done, "a worker has it, or it is over"
        if done and act in {"retry", "release"}:
            assert after["series"] == row["series"] + 1, "a person's retry is a new series"
            self.decided.add(mark)
        if after["state"] in {"sent", "unconfirmed"}:
            self.unknown.add(mark)
        elif row["lease_id"] is None:
            self.unknown.discard(mark)

    @rule(tenant=st.sampled_from(TENANTS), seconds=st.integers(1, 100))
    def gate(self, tenant: str, seconds: int) -> None:
        """While the gate is closed nothing is claimed for the endpoint, and only for it."""
        with self.database.transaction() as conn:
            until = datetime.now(UTC) + timedelta(seconds=seconds)
            endpoints.close_until(conn, tenant, self.endpoints[tenant], until, "E901")
            got = claim(conn, worker=IDS(), free=10, lease=3600, kinds=KINDS, floors=Floors(), turn=Turn())
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
            endpoints.adopt_everywhere(conn)
        survivor = Worker()
        for _ in range(12 * (sum(self.revisions.values()) + self.homeless + 4)):
            self.take_over()
            self._mend()
            self.time_passes()
            with self.database.transaction() as conn:
                found = claim(
                    conn, worker=survivor.id, free=20, lease=3600, kinds=KINDS, floors=survivor.floors,
                    turn=survivor.turn,
                )  # fmt: skip
            for each in found:
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

    def _mend(self) -> None:
        """A person looks after what only a person can decide."""
        with self.database.transaction() as conn:
            for row in every(
                conn, "SELECT tenant, id FROM outbox WHERE state IN ('rejected', 'held') AND lease_id IS NULL"
            ):
                acts.retry(conn, row["tenant"], row["id"], by="anna", reason="mended")
                self.decided.add((row["tenant"], row["id"]))


_ROW = "SELECT state, series, attempt, lease_id, next_attempt_at FROM outbox WHERE tenant = %(t)s AND id = %(id)s"
_ERRORS: dict[str, SyncdError] = {
    "lost after": UnknownOutcome("E902", detail="read timeout"),
    "lost before": UnknownOutcome("E902", detail="read timeout"),
    "away": TransportError("E901"),
    "failed": RemoteError("E904", attempts=1, detail="x", cause="y"),
    "refused": Refused("E905", key="k"),
}


@pytest.mark.timeout(600)
def test_the_outbox_keeps_its_promises_whatever_happens(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (claims, outbox, endpoints):
        monkeypatch.setattr(module, "new_id", IDS)
    database = Database(database_url, size=4)
    try:
        machine: Any = type("Machine", (OutboxMachine,), {"database": database})
        for chance in range(3):
            try:
                run_state_machine_as_test(
                    machine,
                    settings=settings(
                        max_examples=50, stateful_step_count=50, deadline=None, database=None,
                        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
                    ),
                )  # fmt: skip
            except FlakyStrategyDefinition:
                # what is due is told by Postgres' clock: on a busy machine the same choices may meet another moment
                if chance == 2:
                    raise
            else:
                break
    finally:
        database.close()
