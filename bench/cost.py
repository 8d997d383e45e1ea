"""What an import costs beside its own process: the helpers it starts, and Postgres."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

_EVERY: Final = 0.2  # seconds between two looks at the helpers' memory


@dataclass(slots=True)
class Cost:
    """``cpu`` are seconds of this process and its helpers, ``server`` those of Postgres; ``together`` is the largest
    resident memory that all of them but Postgres had at one moment, in bytes: pages that they share count once.
    """

    cpu: float = 0.0
    server: float = 0.0
    together: int = 0


@contextmanager
def measured(database_url: str) -> Iterator[Cost]:
    """Measure what is done within the block. Off Linux, Postgres and the helpers' memory count as nothing."""
    cost = Cost()
    postmaster = _postmaster(database_url)
    own, server = _own(), _server(postmaster)
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(cost, done))
    watcher.start()
    try:
        yield cost
    finally:
        done.set()
        watcher.join()
        cost.cpu = _own() - own
        cost.server = _server(postmaster) - server


def _own() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _watch(cost: Cost, done: threading.Event) -> None:
    while not done.wait(_EVERY):
        own = os.getpid()
        cost.together = max(cost.together, sum(map(_resident, (own, *_children(own)))))


def _resident(pid: int) -> int:
    """Bytes a process holds now, its share of what several hold; 0 when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, listed.read_text(encoding="ascii").split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _postmaster(database_url: str) -> int | None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    try:
        return int(Path(str(row[0] if row else ""), "postmaster.pid").read_text(encoding="utf-8").split("\n")[0])
    except (FileNotFoundError, PermissionError):
        return None


def _server(postmaster: int | None) -> float:
    """Seconds of all processes of Postgres, those that ended among them."""
    if postmaster is None:
        return 0.0
    own, ended = _spent(postmaster)
    return own + ended + sum(_spent(pid)[0] for pid in _children(postmaster))


def _spent(pid: int) -> tuple[float, float]:
    """Seconds of a process, and of its children that ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0, 0.0
    tick = os.sysconf("SC_CLK_TCK")
    return (int(fields[11]) + int(fields[12])) / tick, (int(fields[13]) + int(fields[14])) / tick
