"""Schedules. APScheduler only tells the time: a run exists when its (schedule, fire time) row was inserted, so any
number of schedulers
run a job once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from syncd.store.db import Database, execute, one

log = structlog.get_logger(__name__)

EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do every so often. ``run`` returns a line about what it did."""

    name: str
    every: timedelta
    run: Callable[[], str]


def fire_time(now: datetime, every: timedelta) -> datetime:
    """The moment of the grid that ``now`` belongs to: the same for every scheduler, whenever it was started."""
    return EPOCH + ((now - EPOCH) // every) * every


class Scheduler:
    """Runs jobs in threads of this process."""

    def __init__(self, db: Database, jobs: list[Job]) -> None:
        self._db = db
        self._jobs = jobs
        self._clock = BackgroundScheduler(timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1})

    def start(self) -> None:
        """Begin to tell the time; every job fires at once if nobody ran it in the current period."""
        for job in self._jobs:
            trigger = IntervalTrigger(seconds=int(job.every.total_seconds()), start_date=EPOCH, timezone=UTC)
            self._clock.add_job(
                self.fire, trigger, args=(job,), id=job.name, misfire_grace_time=None, next_run_time=datetime.now(UTC)
            )
        self._clock.start()

    def stop(self) -> None:
        """Fire no more, and wait for what runs."""
        self._clock.shutdown(wait=True)

    def fire(self, job: Job) -> bool:
        """Run a job unless somebody has run it for this fire time. Never raises: the failure is the row's outcome."""
        fire_at = fire_time(datetime.now(UTC), job.every)
        try:
            if not self._begin(job, fire_at):
                return False
            try:
                outcome, reason = "ok", job.run()
            except Exception as error:
                log.exception("a scheduled job failed", schedule=job.name)
                outcome, reason = "failed", repr(error)[:500]
            self._end(job, fire_at, outcome, reason)
        except Database.UNREACHABLE as error:
            log.warning(
                "Postgres is away, a scheduled job waits for its next time", schedule=job.name, error=str(error)
            )
            return False
        return True

    def _begin(self, job: Job, fire_at: datetime) -> bool:
        with self._db.transaction() as conn:
            return (
                one(
                    conn,
                    """INSERT INTO schedule_run (schedule, fire_at, started_at) VALUES (%(s)s, %(at)s, now())
                       ON CONFLICT DO NOTHING RETURNING schedule""",
                    s=job.name, at=fire_at,
                )
                is not None
            )  # fmt: skip

    def _end(self, job: Job, fire_at: datetime, outcome: str, reason: str) -> None:
        with self._db.transaction() as conn:
            execute(
                conn,
                """UPDATE schedule_run SET state = 'done', finished_at = now(), outcome = %(o)s, reason = %(r)s
                   WHERE tenant = '' AND schedule = %(s)s AND fire_at = %(at)s""",
                s=job.name, at=fire_at, o=outcome, r=reason,
            )  # fmt: skip
