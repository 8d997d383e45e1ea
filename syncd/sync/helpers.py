"""Batches of changed records are read by helper processes, so that two cores are used; a few are read here.

The parent alone talks to Postgres. Answers are taken in the order in which the batches were given. A helper that was
killed, or does not answer, ends as ``HelperLost``, never as a wait without end.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path
from typing import Final, Self

import syncd
from syncd.sync.batch import Batch, Job, Unreadable, read_batch
from syncd.sync.helper import receive, send

MOST: Final = 2
"""Helpers of one import: a third would wait for the parent, which sends the rows on."""
ALONE_BYTES: Final = 4 << 20
"""So much of a package is read without a helper: to start one costs a quarter of a second."""
_AHEAD: Final = 2  # batches per helper that are read, or wait for it
_PATIENCE: Final = 120.0  # seconds for one batch; it takes some 0.05
_LOOK: Final = 0.2  # seconds between two looks at whether to stop

Done = Callable[[Batch], None]


class HelperLost(Exception):
    """A helper ended amid its work, or did not answer."""


def processors() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


class Helpers:
    """Reads batches for one import. ``look`` is called while it waits, and may raise."""

    def __init__(self, look: Callable[[], None], *, most: int | None = None, alone: int | None = None) -> None:
        self._look = look
        self._most = (MOST if processors() > 1 else 0) if most is None else most
        self._alone = ALONE_BYTES if alone is None else alone
        self._given = 0
        self._waiting: deque[tuple[Future[Batch], Done]] = deque()
        self._threads: ThreadPoolExecutor | None = None
        self._mine = threading.local()
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def give(self, job: Job, done: Done) -> None:
        """Have a batch read, and call ``done`` with what became of it, now or during a later call.

        Raises ``Unreadable`` and ``HelperLost`` for this batch or an earlier one.
        """
        self._given += sum(map(len, job.records))
        if not self._most or self._given <= self._alone:
            done(read_batch(job))
            return
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._most, thread_name_prefix="syncd-helper")
        self._waiting.append((self._threads.submit(self._ask, job), done))
        while len(self._waiting) > self._most * _AHEAD or (self._waiting and self._waiting[0][0].done()):
            self._take()

    def settle(self) -> None:
        """Wait for every batch that was given."""
        while self._waiting:
            self._take()

    def close(self) -> None:
        """Forget the batches under way and end the helpers."""
        self._waiting.clear()
        for process in self.processes:
            process.kill()
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
            self._threads = None
        for process in self.processes:
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    _close(stream.close)
            process.wait()
        self.processes.clear()
        self._mine = threading.local()

    def _take(self) -> None:
        future, done = self._waiting[0]
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                batch = future.result(timeout=_LOOK)
                break
            except NotYet:
                self._look()
                if time.monotonic() > until:
                    raise HelperLost("no answer") from None
        self._waiting.popleft()
        done(batch)

    def _ask(self, job: Job) -> Batch:
        """In a thread of the pool: one job to the helper of this thread."""
        process: subprocess.Popen[bytes] | None = getattr(self._mine, "process", None)
        try:
            if process is None:
                process = self._mine.process = _start()
                self.processes.append(process)
            assert process.stdin is not None
            assert process.stdout is not None
            send(process.stdin, job)
            answer = receive(process.stdout)
        except (OSError, EOFError, ValueError) as error:
            raise HelperLost(repr(error)) from error
        if isinstance(answer, str):
            raise Unreadable(answer)
        assert isinstance(answer, Batch)
        return answer


def _start() -> subprocess.Popen[bytes]:
    """A helper finds syncd where we did, wherever it is started."""
    here = str(Path(next(iter(syncd.__path__))).parent)
    path = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-P", "-m", "syncd.sync.helper"]
    return subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
    )


def _close(close: Callable[[], None]) -> None:
    try:
        close()
    except OSError:  # a broken pipe: what was left to write is for nobody
        return
