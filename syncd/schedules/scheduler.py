"""The scheduler's process: looks at what is due, and does the installation's own jobs. Any number of them may run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from syncd.schedules import lateness, rows
from syncd.schedules.plan import INSTALLATION, Plan
from syncd.schedules.ticking import tick
from syncd.schedules.timing import Timing
from syncd.store.db import Conn, Database

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
_THOROUGH_SECONDS: Final = 10.0  # between two looks at every schedule: what is late, what can be made up for
_AWAY_SECONDS: Final = 1.0
_JOB_LEASE_SECONDS: Final = 60.0

Beat = Callable[[], None]
"""Called by a job now and then: it keeps the job's lease, and raises ``Stopped`` when the process shall end."""


class Stopped(Exception):
    """The process is told to stop, or another one has the job now."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something the installation does every so often. ``run`` returns a line about what it did."""

    name: str
    every: timedelta
    run: Callable[[Beat], str]


class Scheduler:
    """Two threads: one tells what is due, one does the jobs. ``stop`` returns when both have ended."""

    def __init__(
        self, db: Database, jobs: list[Job], plans: Callable[[Conn], list[Plan]], ring: Callable[[], object]
    ) -> None:
        self._db = db
        self._jobs = {job.name: job for job in jobs}
        self._own = [
            Plan(INSTALLATION, job.name, Timing(job.every, None), job.name, catch_up=job.every) for job in jobs
        ]
        self._plans = plans
        self._ring = ring
        self._stopping = threading.Event()
        self._thorough_at = 0.0
        loops = (self._look_loop, self._job_loop)
        self._threads = [threading.Thread(target=self._supervised, args=(loop,), name="syncd-clock") for loop in loops]

    def start(self) -> None:
        """Begin to tell the time."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Look no more, and wait for what is being done."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _supervised(self, loop: Callable[[], None]) -> None:
        """A loop never dies of a failure: it is logged, and the loop begins again."""
        while not self._stopping.is_set():
            try:
                loop()
            except Database.UNREACHABLE as error:
                log.warning("Postgres is away", error=str(error).strip())
            except Exception:
                log.exception("a loop of the scheduler failed and begins again")
            self._stopping.wait(_AWAY_SECONDS)

    def _look_loop(self) -> None:
        while not self._stopping.is_set():
            self.look()
            self._stopping.wait(LOOK_SECONDS)

    def look(self) -> int:
        """Queue what is due; now and then look at all schedules. Returns how many runs were queued."""
        thorough = time.monotonic() - self._thorough_at >= _THOROUGH_SECONDS
        if thorough:
            self._thorough_at = time.monotonic()
        with self._db.transaction() as conn:
            now, plans, known = rows.clock(conn), [*self._own, *self._plans(conn)], rows.states(conn)
        queued = 0
        for plan in plans:
            row = known.get((plan.tenant, plan.name))
            due = row is None or row["next_fire_at"] is None or row["next_fire_at"] + plan.delay <= now
            if due or thorough:
                queued += self._one(plan, thorough=thorough)
        if queued:
            self._ring()
        return queued

    def _one(self, plan: Plan, *, thorough: bool) -> bool:
        """One schedule that fails (its settings make no sense together) does not stop the others."""
        try:
            with self._db.transaction() as conn:
                found = tick(conn, plan)
                if thorough and lateness.tell(conn, plan, rows.clock(conn)):
                    log.warning("a pull is late", tenant=plan.tenant, schedule=plan.name)
        except ValueError as error:
            log.warning("a schedule cannot be told", tenant=plan.tenant, schedule=plan.name, error=str(error))
            return False
        if found.skipped:
            log.info("fire times were skipped", tenant=plan.tenant, schedule=plan.name, count=found.skipped)
        return found.queued

    # --- jobs of the installation ----------------------------------------------------------------------------------

    def _job_loop(self) -> None:
        while not self._stopping.is_set():
            with self._db.transaction() as conn:
                claim = rows.claim(conn, _JOB_LEASE_SECONDS, installation=True)
            if claim is None:
                self._stopping.wait(LOOK_SECONDS)
            else:
                self._do(claim)

    def _do(self, claim: rows.Claim) -> None:
        """Never raises for what the job does: the failure is the row's outcome."""
        job = self._jobs.get(claim.schedule)
        outcome, reason = "skipped", "gone"
        if job is not None:
            try:
                outcome, reason = "ok", job.run(lambda: self._beat(claim))
            except Stopped:
                with self._db.transaction() as conn:
                    rows.give_back(conn, claim)
                return
            except Database.UNREACHABLE:
                raise
            except Exception as error:
                log.exception("a job of the installation failed", job=claim.schedule)
                outcome, reason = "failed", repr(error)
        with self._db.transaction() as conn:
            rows.finish(conn, claim, outcome, reason=reason)

    def _beat(self, claim: rows.Claim) -> None:
        with self._db.transaction() as conn:
            mine = rows.heartbeat(conn, claim, _JOB_LEASE_SECONDS)
        if not mine or self._stopping.is_set():
            raise Stopped


def fire_times(plan: Plan, now: datetime, number: int) -> list[datetime]:
    """The next moments at which it will run, its delay included."""
    found: list[datetime] = []
    moment = now - plan.delay
    for _ in range(number):
        moment = plan.timing.after(moment)
        found.append(moment + plan.delay)
    return found
