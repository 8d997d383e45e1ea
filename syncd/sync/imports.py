"""Importing a package: read its documents, stage, merge what changed, journal with counters. All or nothing per
package.

A worker that dies leaves nothing half done: staging lives in temporary tables, and the merge, the journal and the
package's end are one transaction, guarded by the lease.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from syncd import issues, journal
from syncd.errors import ConfigError, DataError, SyncdError
from syncd.journal import Entry
from syncd.model import ENTITIES
from syncd.model.records import OrderDocument
from syncd.store import fingerprints, first_load, packages, runs, seen
from syncd.store.db import Conn, Database, execute, one
from syncd.store.first_load import FirstLoad, Repeated
from syncd.store.merge import Counters, merge_entity, prepare
from syncd.store.packages import Claim
from syncd.store.stage import Stage
from syncd.store.warm import Warmer
from syncd.sync import currencies, orders_in, pictures, removals, subordinates, tell
from syncd.sync.bulk import bulk
from syncd.sync.context import Context
from syncd.sync.helpers import Helpers
from syncd.sync.newer import Newer
from syncd.sync.order_words import mapping_for
from syncd.sync.reading import BAD_RECORDS_KEPT, LeaseLost, Run, Stopping, Unsure, beat, read_file
from syncd.sync.sources import sources
from syncd.sync.spool import Spool

log = structlog.get_logger(__name__)

UNKNOWN_SHOWN: Final = 20
CATALOG_LANE: Final = "catalog"
_UNHEARD: Final = {
    "waits": "payment or shipment whose order has not come, kept until it does",
    "of nothing": "payment or shipment that names no order",
}
_SAID_ONCE: Final = frozenset({"product", "offer"})  # classifiers come with the goods and with the offers


@dataclass(slots=True)
class Result:
    """How an import ended."""

    outcome: journal.Outcome
    counters: dict[str, dict[str, int]]


@bulk()
def run(ctx: Context, claim: Claim, *, stopping: Callable[[], bool] = lambda: False) -> Result | None:
    """Import a claimed package. ``None`` when the lease was lost or the worker is stopping.

    What is wrong with the documents ends in the journal. Raises only when Postgres went away: the lease then runs out
    and the package is taken up again.
    """

    def look() -> None:
        if stopping():
            raise Stopping

    if claim.attempt > ctx.settings.imports.attempts:
        return _set_aside(ctx, claim, DataError("E502", attempts=claim.attempt - 1))
    try:
        with (
            ctx.db.dedicated() as conn, ctx.db.dedicated() as side, ctx.db.dedicated() as reading,
            Spool[OrderDocument]() as spool, Helpers(look) as helpers, Warmer(ctx.db, side) as warmer,
        ):  # fmt: skip
            fast = ctx.settings.imports.skip_unchanged and claim.lane == CATALOG_LANE and claim.replay_of is None
            newer = Newer(conn, claim) if claim.replay_of else None
            missing = first_load.of_an_import(conn, claim.tenant) if fast else frozenset()
            first = FirstLoad(conn, claim.tenant, claim.source_seq, missing) if missing else None
            stage = Stage(conn, ahead=fast, sent=first.staged if first else warmer.staged, skip=missing)
            return _run(Run(
                ctx, claim, conn, side, reading, stage, spool, helpers, stopping, first=first, newer=newer, fast=fast,
                currencies=currencies.stored(side, claim.tenant),
            ))  # fmt: skip
    except LeaseLost:
        log.warning("the lease of a package was lost", package=str(claim.id))
        return None
    except (Stopping, *Database.UNREACHABLE):
        if not stopping():
            raise
        with ctx.db.transaction() as conn:
            packages.release(conn, claim)
        return None
    except ConfigError as error:  # of the infobase's own orders mapping
        return _set_aside(ctx, claim, error)
    except Exception as error:
        log.exception("an import failed inside syncd", package=str(claim.id))
        return _set_aside(ctx, claim, DataError("E501", error=type(error).__name__), detail=repr(error))


def _run(state: Run) -> Result:
    beat(state, force=True)
    known_before = fingerprints.stamp(state.conn, state.claim.tenant)
    while True:
        state.stage.beat = partial(beat, state)
        try:
            with _writing(state):
                _read(state)
                state.helpers.close()
                state.stage.flush()
                state.stage.analyze()
                with state.conn.transaction():
                    _lock(state, known_before)
                    prepare(state.conn)
                    return _merge(state)
        except (Unsure, Repeated):
            state = state.again()


@contextmanager
def _writing(state: Run) -> Iterator[None]:
    """Of a first load the reading belongs to the transaction of the merge, which nobody else of the company may begin
    meanwhile: each would wait for rows of the other. Is somebody at it, this is no first load.
    """
    with ExitStack() as writing:
        if state.first is not None:
            writing.enter_context(state.conn.transaction())
            if runs.lock(state.conn, state.claim.tenant, wait=False):
                state.first.begin()
            else:
                writing.close()
                state.first = None
                state.stage.report(None)
        try:
            yield
        finally:
            state.stage.close()


def _lock(state: Run, known_before: object) -> None:
    """Hold the package, and keep removals and pulls away. Raises ``Unsure`` when one was applied since the reading
    began: what was skipped as unchanged may be gone, or another by now.
    """
    if not packages.lock(state.conn, state.claim):
        raise LeaseLost
    if state.claim.lane == CATALOG_LANE:
        runs.lock(state.conn, state.claim.tenant)
        if state.fast and fingerprints.stamp(state.conn, state.claim.tenant) != known_before:
            raise Unsure


def _read(state: Run) -> None:
    found = sources(state.reading, state.claim)
    state.broken += [(name, error) for error, name in found.broken]
    state.bytes_total = sum(source.size for source in found.readable)
    for index, source in enumerate(found.readable):
        state.files += 1
        state.file = source.name
        read_file(state, index, source)


def _merge(state: Run) -> Result:
    claim, conn = state.claim, state.conn
    counters: dict[str, Counters] = {}
    for name in ENTITIES:
        if name in state.stage.entities:
            counters[name] = merge_one(state, name)
            if name in _SAID_ONCE and (repeated := counters[name].repeated):
                state.warnings[f"{name} stated more than once, the last statement counts"] += repeated
    if "price_type" in counters:
        currencies.settle(conn, claim.tenant)
    _learn(state, counters)
    orders = _apply_orders(state)
    if orders.read:
        counters["order"] = orders
    _count_bad(state, counters)
    outcome = _outcome(state, counters)
    _remove_absent(state, counters, taken=outcome == "ok")
    pictures.note_archives(conn, claim)
    plain = {name: value.as_dict() for name, value in counters.items()}
    for name, value in counters.items():
        if value.read and claim.replay_of is None:
            _freshen(conn, claim, name)
    _journal(state, outcome, plain)
    error = state.broken[0][1] if state.broken and outcome == "failed" else None
    if error:
        tell.package_failed(conn, claim.tenant, claim.id, claim.infobase_id, [name for name, _ in state.broken], error)
    if not packages.finish(
        conn, claim, outcome=outcome, counters=plain, error_code=error.code if error else None,
        error_params=_texts(error.params) if error else None,
    ):  # fmt: skip
        raise LeaseLost
    return Result(outcome, plain)


def merge_one(state: Run, name: str) -> Counters:
    """Merge what is staged of one entity."""
    if state.first is not None and name in state.first.entities:
        return state.first.merge(name)
    return merge_entity(
        state.conn, name, tenant=state.claim.tenant, source_seq=state.claim.source_seq,
        whole_sets=name in state.stage.scopes,
    )  # fmt: skip


def _remove_absent(state: Run, counters: dict[str, Counters], *, taken: bool) -> None:
    """Let the package begin or join a full export; one from the command line ends with it."""
    claim = state.claim
    if claim.lane != CATALOG_LANE:
        seen.write(state.conn, state.seen, claim.tenant, claim.id, seq=claim.source_seq, infobase_id=claim.infobase_id)
        return
    removed = removals.note(state.conn, claim, state.full, state.seen, state.ctx.settings.imports, taken=taken)
    for entity, number in removed.items():
        counters.setdefault(entity, Counters()).removed += number


def _learn(state: Run, counters: dict[str, Counters]) -> None:
    """Count the records that were skipped as unchanged, and keep what is known for the next time."""
    if not state.fast and state.claim.lane == CATALOG_LANE:
        fingerprints.forget(state.conn, state.claim.tenant)
    policy = repr(state.ctx.settings.imports)
    for kind in list(state.known):
        known = state.known.pop(kind)  # it is large, and not needed again
        for entity, rows in known.rows_skipped().items():
            found = counters.setdefault(entity, Counters())
            split = entity == "offer" and len(known.used) > 1  # one offer in several split files is one offer
            more = state.seen.distinct(entity) - found.read - len(state.bad.keys.get(entity, ())) if split else rows
            found.read += max(0, more)
            found.unchanged += max(0, more)
        if known.spoiled:
            fingerprints.forget(state.conn, state.claim.tenant, kind)
        elif known.changed:
            fingerprints.save(state.conn, state.claim.tenant, kind, known, policy=policy)


def _apply_orders(state: Run) -> Counters:
    """Orders in their order of arrival, then payments and shipments, which refer to them."""
    zone = ZoneInfo(_zone(state))
    claim, counters = state.claim, Counters()
    mapping = mapping_for(state.conn, state.ctx.settings, claim.tenant, claim.infobase_id)
    if state.spool:
        orders_in.lock(state.conn, claim.tenant)
    seen: dict[str, str] = {}
    rank = {"unchanged": 0, "updated": 1, "created": 2}
    for document in state.spool:
        if orders_in.is_order(document):
            key = orders_in.key_of(document)
            effect = orders_in.apply(
                state.conn, claim.tenant, document, zone=zone, source_seq=claim.source_seq, mapping=mapping
            )
            if key not in seen or rank[effect] > rank[seen[key]]:
                seen[key] = effect
    for document in state.spool:
        if not orders_in.is_order(document):
            told = subordinates.apply(state.conn, claim.tenant, document, source_seq=claim.source_seq, mapping=mapping)
            if told in _UNHEARD:
                state.warnings[_UNHEARD[told]] += 1
    subordinates.resolve(state.conn, claim.tenant, state.spool, mapping=mapping)
    totals = Counter(seen.values())
    counters.read = len(seen)
    counters.created, counters.updated = totals["created"], totals["updated"]
    counters.unchanged = totals["unchanged"]
    return counters


def _zone(state: Run) -> str:
    row = one(
        state.conn,
        "SELECT zone FROM infobase WHERE tenant = %(t)s AND id = %(id)s",
        t=state.claim.tenant, id=state.claim.infobase_id,
    )  # fmt: skip
    return str(row["zone"]) if row else state.ctx.settings.zone


def _count_bad(state: Run, counters: dict[str, Counters]) -> None:
    for entity, number in state.bad.counts.items():
        found = counters.setdefault(entity, Counters())
        found.failed += number
        found.read += len(state.bad.keys.get(entity, ()))


def _outcome(state: Run, counters: dict[str, Counters]) -> journal.Outcome:
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


def _journal(state: Run, outcome: journal.Outcome, counters: dict[str, dict[str, int]]) -> None:
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
    left_out = len(state.broken) - BAD_RECORDS_KEPT
    if left_out > 0:
        notes.append(f"{left_out} more broken documents are counted, not listed")
    dropped = sum(state.bad.counts.values()) - len(state.bad.rows)
    if dropped > 0:
        notes.append(f"{dropped} more bad records are counted, not listed")
    entry.detail = "\n".join(notes) or None
    entry.counted = not state.broken  # the rows of the documents tell it
    _settle(state, names)
    journal.write(state.conn, claim.tenant, entry, id_=claim.id)
    children = []
    for name, problem in state.broken[:BAD_RECORDS_KEPT]:
        child = _entry(claim, "failed", subject=name, error=problem)
        child.kind, child.parent_id, child.file = "document", claim.id, name
        child.line = int(problem.params["line"]) if str(problem.params.get("line", "")).isdigit() else None
        children.append(child)
    for name, bad in state.bad.rows:
        child = _entry(claim, "failed", subject=bad.key or bad.path, error=bad.error)
        child.kind, child.parent_id, child.file, child.line = "record", claim.id, name, bad.line
        child.entity, child.key, child.path = bad.entity, bad.key, bad.path
        children.append(child)
    journal.write_all(state.conn, claim.tenant, children)


def _settle(state: Run, names: list[str]) -> None:
    """What failed before and came in whole now is no open failure any more."""
    tenant = state.claim.tenant
    broken = {name for name, _ in state.broken}
    issues.succeeded(state.conn, tenant, "document", [name for name in names if name not in broken])
    if issues.unsettled(state.conn, tenant, "order"):
        issues.succeeded(state.conn, tenant, "order", {orders_in.key_of(document) for document in state.spool})
    issues.applied(state.conn, tenant, state.stage.entities)


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


def _set_aside(ctx: Context, claim: Claim, error: SyncdError, *, detail: str | None = None) -> Result | None:
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
        tell.package_failed(conn, claim.tenant, claim.id, claim.infobase_id, names, error)
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
