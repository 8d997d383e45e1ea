"""How long a storefront waits for the stocks of a hundred offers: in quiet, and while a base is being imported."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from bench.importing import TENANT
from syncd.api.server import free_port
from syncd.cli.runtime import Servers
from syncd.cli.supervisor import Supervisor
from syncd.store import access, packages, uploads
from syncd.store.db import Database, every
from syncd.store.packages import PackageFile

IDS: Final = 100
_SAMPLE: Final = 20_000
_HOST: Final = "127.0.0.1"
_SOME: Final = "SELECT id FROM offers WHERE tenant = 'default' AND deleted_at IS NULL ORDER BY random() LIMIT %(n)s"


@dataclass(frozen=True, slots=True)
class Latency:
    """Answers to ``GET /v1/stocks`` for a hundred offers: how many, and percentiles in milliseconds."""

    answers: int
    p50: float
    p99: float


def percentiles(seconds: list[float]) -> Latency:
    """Of the times of some answers."""
    ordered = sorted(seconds)
    at = {share: ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 for share in (0.5, 0.99)}
    return Latency(len(ordered), at[0.5], at[0.99])


def measure(database_url: str, paths: list[Path], *, quiet_seconds: float) -> tuple[Latency, Latency]:
    """Quiet for so long, and while the documents are imported anew as another company's base into the same database."""
    db = Database(database_url, size=2)
    try:
        with db.transaction() as conn:
            key = access.create_key(conn, TENANT, "bench", "bench", ["read"])
            rows = every(conn, _SOME, n=_SAMPLE)
        ids = [str(row["id"]) for row in rows]
        with _api(database_url) as address, httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
            client.headers["Authorization"] = f"Bearer {key}"
            _ask(client, ids, until=time.monotonic() + 2)  # the pool fills, plans are made
            quiet = percentiles(_ask(client, ids, until=time.monotonic() + quiet_seconds))
            with _import(db, paths) as done:
                busy = percentiles(_ask(client, ids, done=done))
    finally:
        db.close()
    return quiet, busy


@contextmanager
def _api(database_url: str) -> Iterator[str]:
    servers = Servers(database_url, None, None)
    with Supervisor(servers, host=_HOST, port=free_port(_HOST), roles=("api", "worker")) as running:
        if not running.wait_until_ready(threading.Event()):
            raise RuntimeError("the API did not answer")
        yield running.address


@contextmanager
def _import(db: Database, paths: list[Path]) -> Iterator[threading.Event]:
    """Queue the documents for the worker; the event tells that they are in."""
    tenant = "bench-other"
    with db.transaction() as conn:
        stored = [
            PackageFile(path.name, uploads.store(conn, tenant, path.name, _pieces(path), type_="catalog"))
            for path in paths
        ]
        package = packages.create(conn, tenant, stored, source="cli", lane="catalog")
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            with db.transaction() as conn:
                row = packages.get(conn, tenant, package)
            if row is not None and row["outcome"] is not None:
                done.set()
            time.sleep(0.5)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield done
    finally:
        done.set()
        watcher.join()


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while data := stream.read(uploads.PIECE):
            yield data


def _ask(
    client: httpx.Client, ids: list[str], *, until: float | None = None, done: threading.Event | None = None
) -> list[float]:
    """Ask again and again; the seconds of each answer."""
    dice = random.Random(1)
    seconds: list[float] = []
    while (until is not None and time.monotonic() < until) or (done is not None and not done.is_set()):
        wanted = ",".join(dice.sample(ids, min(IDS, len(ids))))
        begin = time.perf_counter()
        client.get("/v1/stocks", params={"ids": wanted, "limit": 1000}).raise_for_status()
        seconds.append(time.perf_counter() - begin)
    return seconds
