"""The real import on a real Postgres: uploads, package, journal; the same twice, and with skipping and without."""

from __future__ import annotations

import faulthandler
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fuzz.cases import Case
from fuzz.lab import receive, send
from fuzz.reading import bound_memory
from syncd import log
from syncd.config import Settings
from syncd.model import ENTITIES
from syncd.queue.broker import Doorbell
from syncd.store import packages, uploads
from syncd.store.db import Database, every, one
from syncd.store.packages import PackageFile
from syncd.sync import imports
from syncd.sync.context import Context

MEMORY: Final = 900 << 20
"""Address space all imports together may take on top of the process itself, bytes."""
_TOLD_AFTER: Final = 60.0
"""Seconds after which a case tells where it stands: the runner gives it up soon."""
_OURS: Final = {"E501", "E502"}
_CHANGES: Final = ("created", "updated", "removed")
_TABLES: Final = (
    "product",
    "offer",
    "price",
    "stock",
    "category",
    "property",
    "price_type",
    "warehouse",
    "counterparty",
)


@dataclass(slots=True)
class Imported:
    """How the import ended, and what must not have happened."""

    outcome: str
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _End:
    outcome: str
    counters: dict[str, dict[str, int]]
    revision: int


class Importer:
    """Takes cases, each for companies of its own."""

    def __init__(self, url: str) -> None:
        db = Database(url, size=3)
        self.fast = Context(db, Settings(database_url=url), Doorbell(None))
        slow = Settings.model_validate({"database_url": url, "imports": {"skip_unchanged": False}})
        self.slow = Context(db, slow, Doorbell(None))
        self._companies = 0

    def twice(self, case: Case) -> Imported:
        """Import the same twice: every failure has its row, and nothing changes the second time."""
        problems: list[str] = []
        tenant = self._company()
        first = self._import(self.fast, tenant, case.file, case.lane, case.data, problems)
        second = self._import(self.fast, tenant, case.file, case.lane, case.data, problems)
        if first.outcome != second.outcome:
            problems.append(f"{first.outcome} at first, then {second.outcome}")
        for entity, counts in second.counters.items():
            changed = {what: counts[what] for what in _CHANGES if counts[what]}
            if changed:
                problems.append(f"the second time {entity}: {changed}")
            if counts["read"] != first.counters.get(entity, counts)["read"]:
                problems.append(f"{entity}: {first.counters[entity]['read']} read, then {counts['read']}")
        if second.revision != first.revision and not problems:
            problems.append("the second time wrote rows")
        return Imported(first.outcome, problems)

    def compare(self, case: Case) -> Imported:
        """The original, the case twice and the original again: skipping or not, the rows are the same."""
        problems: list[str] = []
        one_, other = self._company(), self._company()
        outcome = ""
        for step, data in enumerate((case.base, case.data, case.data, case.base)):
            ends = []
            for ctx, tenant in ((self.fast, one_), (self.slow, other)):
                ends.append(self._import(ctx, tenant, case.file, case.lane, data, problems))
            outcome = ends[0].outcome if step == 1 else outcome
            if ends[0].outcome != ends[1].outcome:
                problems.append(f"step {step}: {ends[0].outcome} skipping, {ends[1].outcome} without")
            if _nonzero(ends[0].counters) != _nonzero(ends[1].counters):
                problems.append(
                    f"step {step}: {_nonzero(ends[0].counters)} skipping, {_nonzero(ends[1].counters)} without"
                )
            for name in _TABLES:
                rows = [self._rows(name, tenant) for tenant in (one_, other)]
                if rows[0] != rows[1]:
                    problems.append(f"step {step}: rows of {name} differ: {_difference(*rows)}")
            if problems:
                break
        return Imported(outcome, problems)

    def _company(self) -> str:
        self._companies += 1
        return f"fuzz{os.getpid()}x{self._companies}"  # a process before this one may have broken

    def _import(self, ctx: Context, tenant: str, name: str, lane: str, data: bytes, problems: list[str]) -> _End:
        pieces = [data[at : at + uploads.PIECE] for at in range(0, len(data), uploads.PIECE)]
        with ctx.db.transaction() as conn:
            upload = uploads.store(conn, tenant, name, iter(pieces), type_=lane)
            package = packages.create(conn, tenant, [PackageFile(name, upload)], source="fuzz", lane=lane)
        claim = imports.claim_next(ctx)
        while claim is not None and claim.id != package:  # an earlier case left it behind, and was reported
            with ctx.db.transaction() as conn:
                packages.finish(conn, claim, outcome="failed", counters={}, error_code="E501", error_params={})
            claim = imports.claim_next(ctx)
        assert claim is not None
        result = imports.run(ctx, claim)
        with ctx.db.transaction() as conn:
            row = one(conn, "SELECT state, outcome, error_code FROM package WHERE id = %(p)s", p=package)
            rows = every(conn, "SELECT * FROM journal WHERE id = %(p)s OR parent_id = %(p)s", p=package)
            revision = one(conn, "SELECT last_value AS n FROM revision_seq")
        assert row is not None
        assert revision is not None
        if result is None:
            problems.append("the lease was lost")
            return _End("lost", {}, revision["n"])
        problems += _journalled(package, row, rows, result)
        return _End(result.outcome, result.counters, revision["n"])

    def _rows(self, name: str, tenant: str) -> list[dict[str, Any]]:
        entity = ENTITIES[name]
        columns = ", ".join(f'"{one_.name}"' for one_ in entity.all_fields)
        keys = ", ".join(f'"{key}"' for key in entity.key_names)
        with self.fast.db.transaction() as conn:
            return every(
                conn,
                f'SELECT {columns}, extra, deleted_at IS NOT NULL AS gone FROM "{entity.plural}" '
                f"WHERE tenant = %(t)s ORDER BY {keys}",
                t=tenant,
            )


def _journalled(
    package: object, row: dict[str, Any], rows: Sequence[dict[str, Any]], result: imports.Result
) -> list[str]:
    """Whether the journal says all that went wrong, and nothing of it was syncd itself."""
    problems = []
    own = next((entry for entry in rows if entry["id"] == package), None)
    codes = {entry["code"] for entry in rows if entry["code"]} | {row["error_code"]}
    if codes & _OURS:
        problems.append(f"{codes & _OURS}: {own and own['detail']}")
    if own is None or own["outcome"] != result.outcome or row["outcome"] != result.outcome:
        problems.append(f"the package is {row}, the journal {own and own['outcome']}, the result {result.outcome}")
    if result.outcome == "failed" and (not row["error_code"] or own is None or not own["code"]):
        problems.append("failed without a code")
    failed = sum(counts["failed"] for counts in result.counters.values())
    children = sum(entry["kind"] == "record" for entry in rows)
    if children != min(failed, 1000):
        problems.append(f"{failed} bad records, {children} rows in the journal")
    if result.outcome == "partial" and not codes - {None}:
        problems.append("partial without a reason")
    return problems


def _nonzero(counters: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {name: value for name, value in counters.items() if any(value.values())}


def _difference(one_: list[dict[str, Any]], other: list[dict[str, Any]]) -> str:
    alone = [[row for row in rows if row not in against][:2] for rows, against in ((one_, other), (other, one_))]
    return f"skipping {alone[0]}, without {alone[1]}"[:1500]


def main() -> None:
    """Answer requests until there are no more."""
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    faulthandler.enable()
    log.configure("console", "error")
    importer = Importer(sys.argv[1])
    bound_memory(MEMORY)
    while True:
        try:
            case, compare = receive(sys.stdin.buffer)
        except EOFError:
            return
        faulthandler.dump_traceback_later(_TOLD_AFTER)
        try:
            send(answers, importer.compare(case) if compare else importer.twice(case))
        except Exception:
            send(answers, Imported("crash", [traceback.format_exc()]))
        faulthandler.cancel_dump_traceback_later()
