"""Pulls side by side: each lane has threads of its own, so that a long nightly pull never delays the one of every five
minutes.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import structlog

from syncd.schedules.rows import Claim
from syncd.store.db import Database
from syncd.sync import pulls, scheduled
from syncd.sync.context import Context

log = structlog.get_logger(__name__)


class Lanes:
    """Claims runs and gives each a thread; ``wait`` sleeps until there may be more. One per worker."""

    def __init__(self, ctx: Context, stopping: threading.Event, wait: Callable[[int], int]) -> None:
        self._ctx = ctx
        self._stopping = stopping
        self._wait = wait
        self._lock = threading.Lock()
        self._active: dict[threading.Thread, str] = {}

    def loop(self) -> None:
        """Work until told to stop, and wait for what is under way."""
        seen = 0
        try:
            while not self._stopping.is_set():
                claim = pulls.claim_next(self._ctx, self._full())
                if claim is None:
                    seen = self._wait(seen)
                else:
                    self._begin(claim)
        finally:
            if self._stopping.is_set():
                self.join()

    def join(self) -> None:
        """Wait until no pull is under way."""
        with self._lock:
            threads = list(self._active)
        for thread in threads:
            thread.join()

    def _full(self) -> list[str]:
        with self._lock:
            busy = Counter(self._active.values())
        return [lane for lane, number in busy.items() if number >= self._ctx.settings.worker.pull_threads]

    def _begin(self, claim: Claim) -> None:
        lane = claim.lane.partition("@")[0]
        thread = threading.Thread(target=self._one, args=(claim,), name=f"syncd-pull-{lane}")
        with self._lock:
            self._active[thread] = lane
        thread.start()

    def _one(self, claim: Claim) -> None:
        try:
            result = scheduled.run(self._ctx, claim, stopping=self._stopping.is_set)
            if result is not None:
                log.info(
                    "pull ended", schedule=claim.schedule, tenant=claim.tenant, outcome=result.outcome,
                    counters=result.counters,
                )  # fmt: skip
        except Database.UNREACHABLE as error:
            log.warning("Postgres is away, a pull is taken up again", schedule=claim.schedule, error=str(error).strip())
        except Exception:
            log.exception("a pull could not be ended and is taken up again", schedule=claim.schedule)
        finally:
            with self._lock:
                del self._active[threading.current_thread()]
