"""One import as ``syncd import`` does it: keep the files as uploads, queue a package, claim it, run it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from bench.cost import Cost, measured
from bench.worker import Measured, chunks
from syncd import log
from syncd.config import Settings
from syncd.queue.broker import Doorbell
from syncd.store import packages, uploads
from syncd.store.db import Database
from syncd.store.merge import Counters
from syncd.store.packages import PackageFile
from syncd.store.stage import Stage
from syncd.sync import imports
from syncd.sync.context import Context
from syncd.sync.imports import Result
from syncd.sync.reading import Run

TENANT: Final = "default"


def import_(database_url: str, paths: list[Path]) -> Measured:
    """Import the documents into the database. Raises ``RuntimeError`` when that did not end well."""
    log.configure("console", "warning")
    db = Database(database_url, size=4)
    try:
        ctx = Context(db, Settings(database_url=database_url), Doorbell(None))
        phases: dict[str, float] = {}
        with _clock(phases, "store uploads"):
            _store(ctx, paths)
        claim = imports.claim_next(ctx)
        if claim is None:
            raise RuntimeError("the package was not there to be claimed")
        with measured(database_url) as cost, _phases(phases):
            begin = time.perf_counter()
            result = imports.run(ctx, claim)
            seconds = time.perf_counter() - begin
    finally:
        db.close()
    if result is None or result.outcome != "ok":
        raise RuntimeError(f"the import ended as {result}")
    return _measured(seconds, cost, result, phases)


def _measured(seconds: float, cost: Cost, result: Result, phases: dict[str, float]) -> Measured:
    before_merge = phases.pop("until merged", 0.0)
    phases["commit, journal"] = seconds - before_merge
    inside = sum(spent for name, spent in phases.items() if name not in ("store uploads", "commit, journal"))
    phases["read + render"] = before_merge - inside
    records = sum(counts["read"] for counts in result.counters.values())
    return Measured(seconds, records, cpu=cost.cpu, server=cost.server, together=cost.together,
                    counters=result.counters, phases=phases)  # fmt: skip


def _store(ctx: Context, paths: list[Path]) -> None:
    with ctx.db.transaction() as conn:
        stored = [
            PackageFile(path.name, uploads.store(conn, TENANT, path.name, chunks(path, uploads.PIECE), type_="catalog"))
            for path in paths
        ]
        packages.create(conn, TENANT, stored, source="cli", lane="catalog")


@contextmanager
def _clock(phases: dict[str, float], name: str) -> Iterator[None]:
    begin = time.perf_counter()
    try:
        yield
    finally:
        phases[name] = phases.get(name, 0.0) + time.perf_counter() - begin


@contextmanager
def _phases(phases: dict[str, float]) -> Iterator[None]:
    """Time the parts of the import that talk to Postgres: few calls, so that measuring them costs nothing."""
    begin = time.perf_counter()
    merge_one = imports.merge_one

    @wraps(imports.merge_one)
    def merged(state: Run, name: str) -> Counters:
        with _clock(phases, f"merge {name}"):
            counters = merge_one(state, name)
        phases["until merged"] = time.perf_counter() - begin
        return counters

    def timed(method: Callable[..., None], name: str) -> Callable[..., None]:
        @wraps(method)
        def call(*arguments: Any) -> None:
            with _clock(phases, name):
                method(*arguments)

        return call

    with ExitStack() as stack:
        stack.enter_context(patch.object(imports, "merge_one", merged))
        for method in ("_send", "flush"):
            stack.enter_context(patch.object(Stage, method, timed(getattr(Stage, method), "copy")))
        stack.enter_context(patch.object(Stage, "analyze", timed(Stage.analyze, "analyze")))
        yield
