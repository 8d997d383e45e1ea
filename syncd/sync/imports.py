"""Importing a package: read its documents, stage, merge what changed, journal with counters. All or nothing per
package.

A worker that dies leaves nothing half done: staging lives in temporary tables, and the merge, the journal and the
package's end are one transaction, guarded by the lease.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from syncd import journal
from syncd.commerceml.reader import EncodingMismatch, Reader, ReadPolicy
from syncd.errors import DataError, SyncdError
from syncd.journal import Entry
from syncd.mappings.requisites import order_requisites
from syncd.model import ENTITIES
from syncd.model.records import BadRecord, Item, OrderDocument, Record, WholeSet
from syncd.store import packages
from syncd.store.db import Conn, Database, execute, one
from syncd.store.merge import Counters, merge_entity
from syncd.store.packages import Claim
from syncd.store.stage import Stage
from syncd.sync import orders_in
from syncd.sync.context import Context
from syncd.sync.sources import Source, sources
from syncd.sync.spool import Spool

log = structlog.get_logger(__name__)

BAD_RECORDS_KEPT: Final = 1000
"""Bad records of one package that get a journal row each; the rest are counted."""
UNKNOWN_SHOWN: Final = 20
_CHECK_EVERY: Final = 500  # records between two looks at the clock


class LeaseLost(Exception):
    """Another worker has the package now: what was staged here is dropped."""


class Stopping(Exception):
    """The worker was told to stop: the package goes back to the queue."""


@dataclass(slots=True)
class _Bad:
    """What could not be used, kept for the journal."""

    rows: list[tuple[str, BadRecord]] = field(default_factory=list)
    keys: dict[str, set[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, file: str, bad: BadRecord) -> None:
        self.counts[bad.entity] += 1
        if len(self.rows) < BAD_RECORDS_KEPT:
            self.rows.append((file, bad))


@dataclass(slots=True)
class Result:
    """How an import ended."""

    outcome: journal.Outcome
    counters: dict[str, dict[str, int]]


@dataclass(slots=True)
class _Run:
    """One import under way."""

    ctx: Context
    claim: Claim
    conn: Conn
    stage: Stage
    spool: Spool
    stopping: Callable[[], bool]
    bad: _Bad = field(default_factory=_Bad)
    broken: list[tuple[str, DataError]] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    files: int = 0
    records: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    file: str = ""
    beat_at: float = 0.0


def run(ctx: Context, claim: Claim, *, stopping: Callable[[], bool] = lambda: False) -> Result | None:
    """Import a claimed package. ``None`` when the lease was lost or the worker is stopping.

    What is wrong with the documents ends in the journal. Raises only when Postgres went away: the lease then runs out
    and the package is taken up again.
    """
    if claim.attempt > ctx.settings.imports.attempts:
        return _set_aside(ctx, claim, DataError("E502", attempts=claim.attempt - 1))
    try:
        with ctx.db.dedicated() as conn, Spool() as spool:
            state = _Run(ctx, claim, conn, Stage(conn), spool, stopping)
            return _run(state)
    except LeaseLost:
        log.warning("the lease of a package was lost", package=str(claim.id))
        return None
    except (Stopping, *Database.UNREACHABLE):
        if not stopping():
            raise
        with ctx.db.transaction() as conn:
            packages.release(conn, claim)
        return None
    except Exception as error:
        log.exception("an import failed inside syncd", package=str(claim.id))
        return _set_aside(ctx, claim, DataError("E501", error=type(error).__name__), detail=repr(error))


def _run(state: _Run) -> Result:
    beat(state, force=True)
    found = sources(state.conn, state.claim)
    for error, name in found.broken:
        state.broken.append((name, error))
    state.bytes_total = sum(source.size for source in found.readable)
    for index, source in enumerate(found.readable):
        state.files += 1
        state.file = source.name
        _read_file(state, index, source)
    state.stage.flush()
    state.stage.analyze()
    with state.conn.transaction():
        if not packages.lock(state.conn, state.claim):
            raise LeaseLost
        return _merge(state)


def _read_file(state: _Run, index: int, source: Source) -> None:
    """Stage one document. A broken one leaves nothing of itself behind."""
    encoding: str | None = None
    while True:
        mark, done = state.spool.mark(), state.bytes_done
        state.stage.begin_file(index)
        reader = Reader(_counted(state, source.open()), encoding=encoding, policy=_policy(state.ctx))
        bad = _Bad()
        try:
            for item in reader:
                _take(state, source.name, item, bad)
            break
        except EncodingMismatch as error:
            state.bytes_done = done
            _drop(state, index, mark)
            if encoding is not None:
                state.broken.append((source.name, error))
                return
            encoding = "windows-1251"
        except DataError as error:
            _drop(state, index, mark)
            state.broken.append((source.name, error))
            return
    _collect(state, source.name, reader, bad)
    if encoding:
        state.warnings["declared UTF-8, read as windows-1251"] += 1


def _drop(state: _Run, index: int, mark: int) -> None:
    state.stage.drop_file(index)
    state.spool.rewind(mark)


def _collect(state: _Run, name: str, reader: Reader, bad: _Bad) -> None:
    state.unknown.update(reader.unknown)
    state.warnings.update(reader.warnings)
    state.bad.counts.update(bad.counts)
    for entity, keys in bad.keys.items():
        state.bad.keys.setdefault(entity, set()).update(keys)
    state.bad.rows.extend(bad.rows[: BAD_RECORDS_KEPT - len(state.bad.rows)])


def _policy(ctx: Context) -> ReadPolicy:
    imports = ctx.settings.imports
    return ReadPolicy(
        prices_replace=imports.prices == "replace",
        stocks_replace=imports.stocks == "replace",
        order_requisites=order_requisites(ctx.settings.exchange.order_requisites),
    )


def _counted(state: _Run, chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk
        state.bytes_done += len(chunk)


def _take(state: _Run, file: str, item: Item, bad: _Bad) -> None:
    if isinstance(item, Record):
        try:
            state.stage.add(item)
        except DataError as error:
            _add_bad(bad, file, BadRecord(item.entity, "/".join(map(str, item.key)), item.entity, item.line, error))
    elif isinstance(item, WholeSet):
        state.stage.whole_set(item.entity, item.of)
    elif isinstance(item, OrderDocument):
        state.spool.put(item)
        for party in item.counterparties:
            if item.number_1c and party.key and party.key[0]:
                state.stage.add(party)
    elif isinstance(item, BadRecord):
        _add_bad(bad, file, item)
    state.records += 1
    if state.records % _CHECK_EVERY == 0:
        beat(state)


def _add_bad(bad: _Bad, file: str, item: BadRecord) -> None:
    bad.add(file, item)
    if item.key:
        bad.keys.setdefault(item.entity, set()).add(item.key)


def beat(state: _Run, *, force: bool = False) -> None:
    """Keep the lease from the loop that does the work: a worker that hangs loses it."""
    if state.stopping():
        raise Stopping
    lease = state.ctx.settings.worker.lease_seconds
    now = time.monotonic()
    if not force and now - state.beat_at < min(1.0, lease / 4):
        return
    state.beat_at = now
    progress = {
        "file": state.file, "records": state.records, "bytes": state.bytes_done, "total": state.bytes_total,
    }  # fmt: skip
    if not packages.heartbeat(state.conn, state.claim, lease, progress):
        raise LeaseLost


def _merge(state: _Run) -> Result:
    claim, conn = state.claim, state.conn
    counters: dict[str, Counters] = {}
    for name in ENTITIES:
        if name in state.stage.entities:
            counters[name] = merge_entity(
                conn, name, tenant=claim.tenant, source_seq=claim.seq, whole_sets=name in state.stage.scopes
            )
    orders = _apply_orders(state)
    if orders.read:
        counters["order"] = orders
    _count_bad(state, counters)
    plain = {name: value.as_dict() for name, value in counters.items()}
    outcome = _outcome(state, counters)
    for name, value in counters.items():
        if value.read:
            _freshen(conn, claim, name)
    _journal(state, outcome, plain)
    error = state.broken[0][1] if state.broken and outcome == "failed" else None
    if not packages.finish(
        conn, claim, outcome=outcome, counters=plain, error_code=error.code if error else None,
        error_params=_texts(error.params) if error else None,
    ):  # fmt: skip
        raise LeaseLost
    return Result(outcome, plain)


def _apply_orders(state: _Run) -> Counters:
    """Orders in their order of arrival, then payments and shipments, which refer to them."""
    zone = ZoneInfo(_zone(state))
    claim, counters = state.claim, Counters()
    seen: dict[str, str] = {}
    rank = {"unchanged": 0, "updated": 1, "created": 2}
    for document in state.spool:
        if orders_in.is_order(document):
            key = orders_in.key_of(document)
            effect = orders_in.apply(state.conn, claim.tenant, document, zone=zone, source_seq=claim.seq)
            if key not in seen or rank[effect] > rank[seen[key]]:
                seen[key] = effect
    for document in state.spool:
        if not orders_in.is_order(document):
            orders_in.apply_subordinate(state.conn, claim.tenant, document, source_seq=claim.seq)
    totals = Counter(seen.values())
    counters.read = len(seen)
    counters.created, counters.updated = totals["created"], totals["updated"]
    counters.unchanged = totals["unchanged"]
    return counters


def _zone(state: _Run) -> str:
    row = one(
        state.conn,
        "SELECT zone FROM infobase WHERE tenant = %(t)s AND id = %(id)s",
        t=state.claim.tenant, id=state.claim.infobase_id,
    )  # fmt: skip
    return str(row["zone"]) if row else state.ctx.settings.zone


def _count_bad(state: _Run, counters: dict[str, Counters]) -> None:
    for entity, number in state.bad.counts.items():
        found = counters.setdefault(entity, Counters())
        found.failed += number
        found.read += len(state.bad.keys.get(entity, ()))


def _outcome(state: _Run, counters: dict[str, Counters]) -> journal.Outcome:
    if state.broken and len(state.broken) >= max(1, state.files):
        return "failed"
    nothing_read = not any(value.read for value in counters.values())
    if state.broken or state.bad.counts or (nothing_read and state.unknown):
        return "partial"
    return "ok"


def _freshen(conn: Conn, claim: Claim, entity: str) -> None:
    execute(
        conn,
        """INSERT INTO freshness (tenant, entity, as_of, package_id) VALUES (%(t)s, %(e)s, now(), %(p)s)
           ON CONFLICT (tenant, entity) DO UPDATE SET as_of = excluded.as_of, package_id = excluded.package_id""",
        t=claim.tenant, e=entity, p=claim.id,
    )  # fmt: skip


def _texts(params: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in params.items()}


def _journal(state: _Run, outcome: journal.Outcome, counters: dict[str, dict[str, int]]) -> None:
    claim = state.claim
    names = [source.name for source in packages.files_of(state.conn, claim.tenant, claim.id)]
    error: SyncdError | None = state.broken[0][1] if state.broken else None
    if error is None and outcome == "partial" and not state.bad.counts:
        error = DataError("E503", elements=_unknown(state.unknown))
    entry = _entry(claim, outcome, subject=", ".join(names[:5]), error=error, counters=counters)
    notes = []
    if state.unknown:
        notes.append("not read by syncd yet, kept in extra where a record holds it: " + _unknown(state.unknown))
    if state.warnings:
        notes.append("warnings: " + ", ".join(f"{text} ×{n}" for text, n in state.warnings.items()))
    dropped = sum(state.bad.counts.values()) - len(state.bad.rows)
    if dropped > 0:
        notes.append(f"{dropped} more bad records are counted, not listed")
    entry.detail = "\n".join(notes) or None
    journal.write(state.conn, claim.tenant, entry, id_=claim.id)
    for name, problem in state.broken:
        child = _entry(claim, "failed", subject=name, error=problem)
        child.kind, child.parent_id, child.file = "document", claim.id, name
        child.line = int(problem.params["line"]) if str(problem.params.get("line", "")).isdigit() else None
        journal.write(state.conn, claim.tenant, child)
    for name, bad in state.bad.rows:
        child = _entry(claim, "failed", subject=bad.key or bad.path, error=bad.error)
        child.kind, child.parent_id, child.file, child.line = "record", claim.id, name, bad.line
        child.entity, child.key, child.path = bad.entity, bad.key, bad.path
        journal.write(state.conn, claim.tenant, child)


def _unknown(unknown: Counter[str]) -> str:
    return ", ".join(f"{path} ×{n}" for path, n in unknown.most_common(UNKNOWN_SHOWN))


def _entry(
    claim: Claim,
    outcome: journal.Outcome,
    *,
    subject: str,
    error: SyncdError | None,
    counters: dict[str, dict[str, int]] | None = None,
) -> Entry:
    return Entry(
        kind="import", direction="in", outcome=outcome, subject=subject, infobase_id=claim.infobase_id,
        session_id=claim.session_id, package_id=claim.id, error=error, counters=counters,
    )  # fmt: skip


def _set_aside(ctx: Context, claim: Claim, error: DataError, *, detail: str | None = None) -> Result | None:
    """End a package that cannot be imported, so that the ones behind it go on. Its files stay."""
    with ctx.db.transaction() as conn:
        if not packages.finish(
            conn, claim, outcome="failed", counters={}, error_code=error.code, error_params=_texts(error.params)
        ):
            return None
        names = [source.name for source in packages.files_of(conn, claim.tenant, claim.id)]
        entry = _entry(claim, "failed", subject=", ".join(names[:5]), error=error)
        entry.detail = detail
        journal.write(conn, claim.tenant, entry, id_=claim.id)
    return Result("failed", {})


def claim_next(ctx: Context) -> Claim | None:
    """The next package to import, if any may run."""
    with ctx.db.transaction() as conn:
        return packages.claim(conn, ctx.settings.worker.lease_seconds)


def outcome_of(ctx: Context, tenant: str, package_id: UUID) -> Result | None:
    """How a package ended; ``None`` while it is open."""
    with ctx.db.transaction() as conn:
        row = packages.get(conn, tenant, package_id)
    if row is None or row["outcome"] is None:
        return None
    return Result(row["outcome"], row["counters"] or {})
