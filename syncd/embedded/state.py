"""What the processes that share the servers tell each other: ``embedded.json`` and its lock."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil


@dataclass(frozen=True, slots=True)
class Handle:
    """One use of the servers by one process. The start time tells it from a later process with the same pid."""

    pid: int
    started: str
    token: str

    @classmethod
    def of_this_process(cls, token: str) -> Self:
        """A handle of the process that asks."""
        return cls(os.getpid(), _started(psutil.Process()), token)

    def lives(self) -> bool:
        """Whether the process that took the handle still runs."""
        try:
            process = psutil.Process(self.pid)
            return bool(process.status() != psutil.STATUS_ZOMBIE and _started(process) == self.started)
        except psutil.NoSuchProcess:
            return False


def _started(process: psutil.Process) -> str:
    return f"{process.create_time():.1f}"


@dataclass(slots=True)
class State:
    """Who uses the servers (living ones only), and the folder of their sockets."""

    sockets: str | None
    handles: list[Handle]

    @classmethod
    def read(cls, home: Path) -> Self:
        """The state of a home; an empty one where nothing was written yet."""
        try:
            raw = json.loads((home / "embedded.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(None, [])
        handles = [Handle(**handle) for handle in raw["handles"]]
        return cls(raw["sockets"], [handle for handle in handles if handle.lives()])

    def write(self, home: Path) -> None:
        """Replace the file in one step, so that nobody reads half of it."""
        draft = home / "embedded.json.new"
        draft.write_text(json.dumps(asdict(self)), encoding="utf-8")
        draft.replace(home / "embedded.json")


@contextlib.contextmanager
def locked(home: Path) -> Iterator[None]:
    """One process at a time; the kernel lets go of the lock when its holder dies."""
    with (home / "embedded.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
