"""Delivering: one loop claims, hands the messages to threads, and keeps their leases alive while they are under way.

The heartbeat comes from the loop that gives out the work: a loop that hangs, and a delivery that hangs beyond its
deadline, lose their leases, and another worker takes over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from queue import SimpleQueue
from typing import Final
from uuid import UUID

import structlog

from syncd import journal
from syncd.adapters.ports import Delivery
from syncd.errors import MappingError, RemoteError, SyncdError
from syncd.queue import finish, outbox, policy
from syncd.queue.claims import Claim, Floors, Turn, claim
from syncd.queue.policy import Policy
from syncd.store import endpoints
from syncd.store.db import Conn, Database
from syncd.store.endpoints import Endpoint
from syncd.sync import bodies
from syncd.sync.context import Context
from syncd.sync.settling import Ended, settle
from syncd.sync.targets import Protocol, Targets, kinds_for_take_over

log = structlog.get_logger(__name__)

_SOON_SECONDS: Final = 0.02
_TAKE_OVER_SECONDS: Final = 3.0
_ORPHANS_SECONDS: Final = 30.0
_LAST_WORD_SECONDS: Final = 60.0  # how long a thread tries to write an outcome while Postgres is away
_SLACK_SECONDS: Final = 15.0  # beyond twice an endpoint's timeout a delivery counts as hung
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # leases run out while the host is suspended, too


def _now() -> float:
    return time.clock_gettime(_CLOCK)


@dataclass(frozen=True, slots=True)
class _Flight:
    """A delivery under way."""

    claim: Claim
    endpoint: Endpoint
    delivery: Delivery | None
    deadline: float


class Deliverer:
    """The loop and its threads. ``run`` is the loop; ``ring`` wakes it."""

    def __init__(
        self, ctx: Context, worker: UUID, targets: Targets, protocols: dict[str, Protocol], *, threads: int,
        rules: Callable[[str], Policy] | None = None,
    ) -> None:  # fmt: skip
        self._ctx = ctx
        self._worker = worker
        self._targets = targets
        self._protocols = protocols
        self._rules = rules or _rules(ctx)
        self._size = threads
        self._bell = threading.Event()
        self._stopping = threading.Event()
        self._jobs: SimpleQueue[_Flight | None] = SimpleQueue()
        self._active: dict[UUID, _Flight] = {}
        self._ours_until: dict[UUID, float] = {}  # by our own clock; Postgres's says when others may take over
        self._lock = threading.Lock()
        self._floors, self._turn = Floors(), Turn()
        self._beat = self._looked = time.monotonic()
        self._swept = 0.0
        # daemons: a delivery that hangs must not keep the process from ending, its lease runs out
        self._threads = [
            threading.Thread(target=self._work, name=f"syncd-delivery-{n}", daemon=True) for n in range(threads)
        ]
        self._started = False

    def ring(self) -> None:
        """Look for work now."""
        self._bell.set()

    def start(self) -> None:
        """Let the threads begin; a second call does nothing. ``run`` does it itself."""
        if not self._started:
            self._started = True
            for thread in self._threads:
                thread.start()

    def run(self) -> None:
        """Deliver until ``stop``. Raises what Postgres raises when it is away: call it again."""
        self.start()
        rung = False
        while not self._stopping.is_set():
            if not self.step():
                # a ring that found nothing may have met another worker's claim: look once more, soon
                rung = self._bell.wait(_SOON_SECONDS if rung else self._pause)
            self._bell.clear()

    @property
    def _pause(self) -> float:
        """How long the loop may sleep: what is under way needs its signs of life however seldom we look for work."""
        settings = self._ctx.settings.worker
        return min(settings.poll_seconds, settings.lease_seconds / 4)

    def stop(self, grace: float) -> None:
        """Claim no more, and wait for what is under way; what is not done then is taken over after its lease. What is
        being claimed at this moment is given back.
        """
        with self._lock:
            self._stopping.set()
        self._bell.set()
        deadline = time.monotonic() + grace
        while self._active and time.monotonic() < deadline:
            time.sleep(0.02)
        for _ in self._threads:
            self._jobs.put(None)
        self._targets.close()

    def step(self) -> int:
        """One round of the loop: heartbeat, orphans, claims. Returns how many messages were claimed."""
        now = time.monotonic()
        lease = self._ctx.settings.worker.lease_seconds
        if now - self._beat >= lease / 4:
            self._beat = now
            self._heartbeat(lease, now)
        if now - self._looked >= _TAKE_OVER_SECONDS:
            self._looked = now
            self._take_over()
        if now - self._swept >= _ORPHANS_SECONDS:
            self._swept = now
            self._sweep()
        free = self._size - len(self._active)
        return self._claim(free, lease) if free > 0 else 0

    def _claim(self, free: int, lease: float) -> int:
        ours_until = _now() + lease
        with self._ctx.db.transaction() as conn:  # what cannot be read was not claimed
            claims = claim(
                conn, worker=self._worker, free=free, lease=lease, kinds=list(self._protocols), floors=self._floors,
                turn=self._turn,
            )  # fmt: skip
            flights = self._flights(conn, claims) if claims else []
        with self._lock:
            stopping = self._stopping.is_set()
            if not stopping:
                self._active.update({flight.claim.lease_id: flight for flight in flights})
                self._ours_until.update({flight.claim.lease_id: ours_until for flight in flights})
        if stopping:  # the threads are ending: nobody would send them
            self._give_back(claims)
            return 0
        for flight in flights:
            self._jobs.put(flight)
        return len(claims)

    def _give_back(self, claims: list[Claim]) -> None:
        if claims:
            with self._ctx.db.transaction() as conn:
                finish.give_back(conn, claims, by=str(self._worker))

    def _sweep(self) -> None:
        with self._ctx.db.transaction() as conn:
            unbound = outbox.unbind_orphans(conn, by=str(self._worker))
        if unbound:
            log.warning("messages of an endpoint that is gone were unbound", count=unbound)

    def _flights(self, conn: Conn, claims: list[Claim]) -> list[_Flight]:
        made = bodies.deliveries(conn, claims)
        found: dict[UUID, Endpoint] = {}
        flights = []
        for each in claims:
            endpoint = found.get(each.endpoint_id) or endpoints.get(conn, each.tenant, each.endpoint_id)
            assert endpoint is not None, "it was claimed by its endpoint's row"
            found[each.endpoint_id] = endpoint
            deadline = time.monotonic() + 2 * endpoint.timeout_seconds + _SLACK_SECONDS
            flights.append(_Flight(each, endpoint, made[each.id], deadline))
        return flights

    def _heartbeat(self, lease: float, now: float) -> None:
        with self._lock:
            alive = [flight for flight in self._active.values() if flight.deadline > now]
            hung = len(self._active) - len(alive)
        if hung:
            log.error("deliveries hang beyond their deadline and lose their leases", count=hung)
        if alive:
            ours_until = _now() + lease
            with self._ctx.db.transaction() as conn:
                ours = finish.extend(conn, [flight.claim for flight in alive], lease)
            with self._lock:
                self._ours_until.update({lease_id: ours_until for lease_id in ours if lease_id in self._active})

    def _take_over(self) -> None:
        with self._ctx.db.transaction() as conn:
            freed = finish.take_over(conn, **kinds_for_take_over(self._protocols), by=str(self._worker))
            for row in freed:
                journal.write_failure(
                    conn, row["tenant"],
                    journal.Entry(
                        "delivery", "out", "failed", row["key"], error=RemoteError("E901"), entity=row["kind"],
                        key=row["key"],
                    ),
                )  # fmt: skip
        if freed:
            log.warning("deliveries of a dead worker were taken over", count=len(freed))

    # --- the threads --------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (flight := self._jobs.get()) is not None:
            try:
                self._fly(flight)
            except Exception:
                log.exception("the outcome of a delivery could not be written", message=str(flight.claim.id))
            finally:
                with self._lock:
                    self._active.pop(flight.claim.lease_id, None)
                    self._ours_until.pop(flight.claim.lease_id, None)
                self._bell.set()

    def _fly(self, flight: _Flight) -> None:
        if _now() >= self._ours_until[flight.claim.lease_id]:
            # the process slept, or the loop hung: others may be at it, and nothing was sent by us
            log.warning("a lease ran out before its message was sent", message=str(flight.claim.id))
            return
        ended = self._attempt(flight)
        deadline = time.monotonic() + _LAST_WORD_SECONDS
        while True:
            try:
                with self._ctx.db.transaction() as conn:
                    settle(
                        conn, flight.claim, flight.endpoint, ended, self._rules(flight.claim.kind),
                        worker=self._worker, limits=self._ctx.settings.health,
                    )  # fmt: skip
            except Database.UNREACHABLE:
                # what the target said is worth waiting for: without it the message must be looked up
                if time.monotonic() > deadline or self._stopping.is_set():
                    raise
                time.sleep(0.5)
            else:
                return

    def _attempt(self, flight: _Flight) -> Ended:
        """Deliver or look up. Never raises: whatever goes wrong is how it ended."""
        protocol = self._protocols[flight.endpoint.kind]
        able = partial(Ended, can_look_up=protocol.can_look_up, idempotent=protocol.idempotent)
        if flight.delivery is None:
            return able(error=MappingError("E905", key=flight.claim.key))
        try:
            target = self._targets.of(flight.endpoint)
        except SyncdError as error:  # nothing was sent: a person must mend the settings, or the code
            return able(error=_as_remote(error))
        able = partial(Ended, can_look_up=target.can_look_up, idempotent=target.idempotent)
        try:
            if not flight.claim.looks_up:
                return able(receipt=target.deliver(flight.delivery))
            return able(receipt=target.look_up(flight.delivery) if target.can_look_up else None)
        except Exception as error:
            if not isinstance(error, SyncdError):
                log.exception("an adapter failed", endpoint=flight.endpoint.name, message=str(flight.claim.id))
            return able(error=policy.as_error(error))


def _as_remote(error: SyncdError) -> SyncdError:
    made = RemoteError(error.code, **error.params)
    made.retry_after = error.retry_after
    return made


def _rules(ctx: Context) -> Callable[[str], Policy]:
    """The policy of each kind of message: of orders as the settings say."""
    chosen = ctx.settings.delivery
    orders = replace(
        policy.ORDERS, attempts=chosen.attempts, delays=chosen.delays_seconds, away=chosen.away_seconds,
        looks=chosen.looks_seconds, maximum=max(policy.ORDERS.maximum, *chosen.delays_seconds, *chosen.looks_seconds),
    )  # fmt: skip
    return lambda kind: policy.EVENTS if kind == "event" else orders
