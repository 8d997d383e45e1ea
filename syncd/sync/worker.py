"""The worker: takes packages one after another, woken by the doorbell or by its own clock.

With Redis stopped everything still moves, only up to ``worker.poll_seconds`` later.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

import dramatiq
import structlog
from dramatiq.brokers.redis import RedisBroker

from syncd.mappings import orders as orders_mapping
from syncd.queue.broker import ACTOR, QUEUE
from syncd.store import endpoints, secrets
from syncd.store.db import Database, execute
from syncd.store.endpoints import Endpoint
from syncd.store.ids import new_id
from syncd.sync import imports, receive, removals
from syncd.sync.batches import Batches
from syncd.sync.context import Context
from syncd.sync.delivery import Deliverer
from syncd.sync.lanes import Lanes
from syncd.sync.pings import Pinger
from syncd.sync.targets import PROTOCOLS, Targets

log = structlog.get_logger(__name__)

_RING_MILLISECONDS: Final = 50  # how long a ring may lie in Redis unheard: dramatiq asks again after so long
_SWEEP_SECONDS: Final = 5.0
_AWAY_SECONDS: Final = 1.0  # between two tries while Postgres is away
_DELIVERY_GRACE_SECONDS: Final = 4.0  # for deliveries under way to be answered; then their leases run out
_GRACE_SECONDS: Final = 2.0  # for an import to notice by itself; then its statement is cancelled


class Worker:
    """Threads that import, one that keeps house. ``stop`` returns when all of them have ended."""

    def __init__(self, ctx: Context, broker: RedisBroker | None, *, threads: int = 2) -> None:
        orders_mapping.load(ctx.settings.exchange.orders_mapping)  # a wrong one is told now, not amid an import
        self._ctx = ctx
        self._id = new_id()
        self._stopping = threading.Event()
        self._bell = threading.Condition()
        self._rings = 0
        self._bells: dramatiq.Worker | None = self._listen(broker) if broker else None
        self._deliverer = Deliverer(
            ctx, self._id, Targets(PROTOCOLS, _opener(ctx), ctx.db), PROTOCOLS,
            threads=ctx.settings.worker.delivery_threads,
        )  # fmt: skip
        lanes = Lanes(ctx, self._stopping, self._wait)
        bulk = Batches(ctx, self._stopping, self._wait)
        loops: list[Callable[[], None]] = [self._import_loop] * threads + [
            self._house_loop,
            self._removal_loop,
            lanes.loop,
            bulk.loop,
            self._deliverer.run,
            Pinger(ctx, self._stopping).loop,
        ]
        self._threads = [
            threading.Thread(target=self._supervised, args=(loop,), name=f"syncd-{loop.__name__.strip('_')}-{n}")
            for n, loop in enumerate(loops)
        ]

    def start(self) -> None:
        """Begin to work."""
        if self._bells:
            self._bells.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop within seconds: an import under way goes back to the queue."""
        self._stopping.set()
        self.ring()
        self._deliverer.stop(_DELIVERY_GRACE_SECONDS)
        deadline = time.monotonic() + _GRACE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._ctx.db.cancel()
        for thread in self._threads:
            thread.join()
        if self._bells:
            self._bells.stop(timeout=2000)
        try:
            with self._ctx.db.transaction() as conn:
                execute(conn, "DELETE FROM worker WHERE id = %(id)s", id=self._id)
        except Database.UNREACHABLE as error:
            log.warning("could not sign off", error=str(error))

    def ring(self) -> None:
        """Wake every loop that waits."""
        with self._bell:
            self._rings += 1
            self._bell.notify_all()
        self._deliverer.ring()

    def _listen(self, broker: RedisBroker) -> dramatiq.Worker:
        dramatiq.Actor(self.ring, broker=broker, actor_name=ACTOR, queue_name=QUEUE, priority=0, options={})
        return dramatiq.Worker(broker, worker_timeout=_RING_MILLISECONDS, worker_threads=1)

    def _wait(self, seen: int) -> int:
        with self._bell:
            if self._rings == seen and not self._stopping.is_set():
                self._bell.wait(self._ctx.settings.worker.poll_seconds)
            return self._rings

    def _supervised(self, loop: Callable[[], None]) -> None:
        """A loop never dies of a failure: it is logged, and the loop begins again."""
        while not self._stopping.is_set():
            try:
                loop()
            except Database.UNREACHABLE as error:
                log.warning("Postgres is away", error=str(error).strip())
                self._stopping.wait(_AWAY_SECONDS)
            except Exception:
                log.exception("a worker loop failed and begins again")
                self._stopping.wait(_AWAY_SECONDS)

    def _import_loop(self) -> None:
        seen = 0
        while not self._stopping.is_set():
            claim = imports.claim_next(self._ctx)
            if claim is None:
                seen = self._wait(seen)
                continue
            began = time.monotonic()
            result = imports.run(self._ctx, claim, stopping=self._stopping.is_set)
            if result is not None:
                log.info(
                    "package imported", package=str(claim.id), tenant=claim.tenant, outcome=result.outcome,
                    seconds=round(time.monotonic() - began, 2), counters=result.counters,
                )  # fmt: skip
                self.ring()

    def _house_loop(self) -> None:
        register(self._ctx.db, self._id, "worker")
        swept = 0.0
        while not self._stopping.is_set():
            touch(self._ctx.db, self._id)
            if time.monotonic() - swept >= _SWEEP_SECONDS:
                swept = time.monotonic()
                with self._ctx.db.transaction() as conn:
                    queued = receive.sweep(conn, idle_seconds=self._ctx.settings.exchange.idle_import_seconds)
                    adopted = endpoints.adopt_everywhere(conn)
                if queued:
                    log.info("uploads without an import were queued", packages=queued)
                if adopted:
                    log.info("orders that missed their new endpoint go there now", orders=adopted)
                if queued or adopted:
                    self.ring()
            self._stopping.wait(min(2.0, self._ctx.settings.worker.poll_seconds * 2))

    def _removal_loop(self) -> None:
        """Beside the house loop: what a full export left out of a large catalogue takes longer to remove than a
        worker may go without a sign of life.
        """
        while not self._stopping.is_set():
            if removals.settle(self._ctx):
                self.ring()
            self._stopping.wait(min(2.0, self._ctx.settings.worker.poll_seconds * 2))


def _opener(ctx: Context) -> Callable[[Endpoint], str | None]:
    """Opens the sealed secrets of endpoints; the keys are read when the first one is needed."""
    return lambda endpoint: endpoint.secret(secrets.keys(ctx.settings)) if endpoint.has_secret else None


def register(db: Database, id_: UUID, role: str) -> None:
    """Sign on: who is alive is seen in ``syncd status``. The id is new at every start, as host names are reused."""
    with db.transaction() as conn:
        execute(
            conn,
            """INSERT INTO worker (id, role, host, pid) VALUES (%(id)s, %(role)s, %(host)s, %(pid)s)
               ON CONFLICT (id) DO UPDATE SET seen_at = now()""",
            id=id_, role=role, host=socket.gethostname(), pid=os.getpid(),
        )  # fmt: skip
        execute(conn, "DELETE FROM worker WHERE seen_at < now() - interval '1 hour'")


def touch(db: Database, id_: UUID) -> None:
    """Show that the process is alive, from the loop that does the work."""
    with db.transaction() as conn:
        execute(conn, "UPDATE worker SET seen_at = now() WHERE id = %(id)s", id=id_)
