"""A pull: ask a base for entities, stage, merge what changed, journal with counters. All or nothing for each run.

A worker that dies leaves nothing half done: staging lives in temporary tables, and merge, journal and the run's end are
one transaction, guarded by the lease. An answer that is not understood is an error, never an empty set; a set with
records that could not be read, a partial one and an empty one remove nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import structlog

from syncd import issues, journal
from syncd.adapters.http_pull import HttpPuller
from syncd.adapters.ports import Pulled, Puller
from syncd.errors import ConfigError, DataError, MappingError, Refused, SyncdError, TransportError
from syncd.journal import Entry
from syncd.model import ENTITIES
from syncd.model.records import BadRecord, Record
from syncd.schedules import plan as planning
from syncd.schedules import rows
from syncd.schedules.plan import Plan
from syncd.schedules.rows import TAKEOVERS, Claim
from syncd.store import endpoints, fingerprints, gone, runs, secrets
from syncd.store.db import Conn, Database, Row, execute, one
from syncd.store.endpoints import Endpoint
from syncd.store.merge import Counters, merge_entity, prepare
from syncd.store.stage import Stage
from syncd.sync.ahead import Ahead
from syncd.sync.context import Context
from syncd.sync.reading import LeaseLost, Stopping

log = structlog.get_logger(__name__)

PULLERS: Final[dict[str, Callable[[Endpoint, str | None], Puller]]] = {"http_service": HttpPuller.of}
"""How a kind of endpoint is asked for data; the second argument is its password."""
BAD_KEPT: Final = 1000
RETRIES: Final = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
"""Pauses after which a run that failed for 1C's or the network's sake is begun anew, unless its next time is nearer."""
_OF_OFFERS: Final = frozenset({"offer", "price", "stock"})
_CHECK_EVERY: Final = 500


@dataclass(slots=True)
class Result:
    """How a pull ended. ``outcome`` is ok, partial, failed or skipped."""

    outcome: str
    counters: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Run:
    """One pull under way."""

    ctx: Context
    claim: Claim
    plan: Plan
    conn: Conn
    stage: Stage
    stopping: Callable[[], bool]
    source_seq: int
    bad: list[BadRecord] = field(default_factory=list)
    bad_counts: dict[str, int] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    """Entities whose every record was stated."""
    cursors: dict[str, str] = field(default_factory=dict)
    problems: list[DataError] = field(default_factory=list)
    entity: str = ""
    records: int = 0
    beat_at: float = 0.0


def claim_next(ctx: Context, full_lanes: list[str] | None = None) -> Claim | None:
    """The next pull that may run, of a lane that has a thread left here."""
    with ctx.db.transaction() as conn:
        return rows.claim(conn, ctx.settings.worker.lease_seconds, full_lanes=full_lanes)


def run(ctx: Context, claim: Claim, *, stopping: Callable[[], bool] = lambda: False) -> Result | None:
    """Do one run. ``None`` when it is not over: the lease was lost, the worker stops, or it is tried again later.

    What is wrong with 1C or its data ends in the journal. Raises only when Postgres went away: the lease then runs out
    and another worker takes the run.
    """
    plan = _plan_of(ctx, claim)
    if plan is None or plan.endpoint is None:
        return _end(ctx, claim, "skipped", "gone")
    if claim.takeovers >= TAKEOVERS:
        return _failed(ctx, claim, plan, DataError("E970", times=claim.takeovers), "")
    state: _Run | None = None
    try:
        with ctx.db.dedicated() as conn:
            state = _Run(ctx, claim, plan, conn, Stage(conn), stopping, _place(conn))
            return _run(state, plan.endpoint)
    except LeaseLost:
        log.warning("the lease of a pull was lost", schedule=claim.schedule)
        return None
    except (Stopping, *Database.UNREACHABLE):
        if not stopping():
            raise
        with ctx.db.transaction() as conn:
            rows.give_back(conn, claim)
        return None
    except SyncdError as error:
        return _again(ctx, claim, plan, error) or _failed(ctx, claim, plan, error, state.entity if state else "")
    except Exception as error:
        log.exception("a pull failed inside syncd", schedule=claim.schedule)
        return _failed(ctx, claim, plan, DataError("E969", error=type(error).__name__), "", detail=repr(error))


def _plan_of(ctx: Context, claim: Claim) -> Plan | None:
    with ctx.db.transaction() as conn:
        found = planning.plans(conn, ctx.settings.schedules, zone=ctx.settings.zone, tenant=claim.tenant)
    return next((plan for plan in found if plan.name == claim.schedule), None)


def _place(conn: Conn) -> int:
    """The pull's place in the order of arrival, among packages too: what arrives later has the last word."""
    row = one(conn, "SELECT nextval(pg_get_serial_sequence('package', 'seq')) AS seq")
    assert row is not None
    return int(row["seq"])


def _run(state: _Run, endpoint: Endpoint) -> Result:
    _beat(state, force=True)
    opener = PULLERS.get(endpoint.kind)
    if opener is None:
        raise ConfigError("E965", schedule=state.plan.name, pull=state.plan.pull)
    secret = endpoint.secret(secrets.keys(state.ctx.settings))
    puller = opener(endpoint, secret)
    try:
        known = _known_cursors(state)
        for number, entity in enumerate(state.plan.entities):
            state.entity = entity
            state.stage.begin_file(number)
            _read(state, entity, puller.pull(entity, known.get(entity)))
    finally:
        puller.close()
    state.entity = ""
    state.stage.flush()
    state.stage.analyze()
    with state.conn.transaction():
        if not rows.hold(state.conn, state.claim):
            raise LeaseLost
        runs.lock(state.conn, state.claim.tenant)
        prepare(state.conn)
        return _merge(state)


def _read(state: _Run, entity: str, pulled: Pulled) -> None:
    pages: Ahead[Sequence[Record | BadRecord]] = Ahead(
        pulled.pages, lambda: _beat(state), name=f"{state.plan.name}: {entity}"
    )
    try:
        for page in pages:
            for item in page:
                _take(state, item)
    finally:
        pages.close()
    if not pulled.partial:
        state.whole.add(entity)
    following = pulled.cursor()
    if following is not None:
        state.cursors[entity] = following


def _take(state: _Run, item: Record | BadRecord) -> None:
    refused = item if isinstance(item, BadRecord) else None
    if isinstance(item, Record):
        try:
            state.stage.add(item)
        except DataError as error:
            refused = BadRecord(item.entity, "/".join(map(str, item.key)), item.entity, item.line, error)
    if refused is not None:
        state.bad_counts[refused.entity] = state.bad_counts.get(refused.entity, 0) + 1
        if len(state.bad) < BAD_KEPT:
            state.bad.append(refused)
    state.records += 1
    if state.records % _CHECK_EVERY == 0:
        _beat(state)


def _beat(state: _Run, *, force: bool = False) -> None:
    """Keep the lease from the loop that does the work: a worker that hangs loses it."""
    if state.stopping():
        raise Stopping
    lease = state.ctx.settings.worker.lease_seconds
    now = time.monotonic()
    if not force and now - state.beat_at < min(1.0, lease / 4):
        return
    state.beat_at = now
    if not rows.heartbeat(state.conn, state.claim, lease, {"entity": state.entity, "records": state.records}):
        raise LeaseLost


def _known_cursors(state: _Run) -> dict[str, str]:
    """Where the last good run of this schedule ended; a person may ask for everything."""
    if state.claim.counters.get("full"):
        return {}
    row = one(
        state.conn,
        """SELECT counters->'cursors' AS cursors FROM schedule_run
           WHERE tenant = %(t)s AND schedule = %(n)s AND outcome IN ('ok', 'partial') AND counters ? 'cursors'
           ORDER BY finished_at DESC LIMIT 1""",
        t=state.claim.tenant, n=state.claim.schedule,
    )  # fmt: skip
    return dict(row["cursors"]) if row else {}


# --- the merge -------------------------------------------------------------------------------------------------------


def _merge(state: _Run) -> Result:
    conn, tenant = state.conn, state.claim.tenant
    counters: dict[str, Counters] = {}
    for name in ENTITIES:
        if name not in state.plan.entities:
            continue
        staged = name in state.stage.entities
        found = counters[name] = (
            merge_entity(conn, name, tenant=tenant, source_seq=state.source_seq, whole_sets=False)
            if staged
            else Counters()
        )
        found.failed = state.bad_counts.get(name, 0)
        found.read += found.failed
        found.removed += _remove_absent(state, name, staged=staged)
        if found.created or found.updated or found.removed:  # or the next package would skip them as unchanged
            fingerprints.forget(conn, tenant, "offers" if name in _OF_OFFERS else "catalogue")
    outcome: journal.Outcome = "partial" if state.bad_counts or state.problems else "ok"
    plain = {name: value.as_dict() for name, value in counters.items()}
    for name in counters:
        _freshen(conn, tenant, name)
    _journal(state, outcome, plain)
    told: dict[str, Any] = {"records": plain}
    if state.cursors:
        told["cursors"] = state.cursors
    reason = state.problems[0].code if state.problems else None
    if not rows.finish(conn, state.claim, outcome, reason=reason, counters=told):
        raise LeaseLost
    if state.plan.endpoint is not None:
        endpoints.note_success(conn, tenant, state.plan.endpoint.id)
    return Result(outcome, plain)


def _remove_absent(state: _Run, name: str, *, staged: bool) -> int:
    """Remove what a whole set left out, unless there is a doubt about the set, or it is suspiciously much.

    With several infobases none of them knows all records of the company.
    """
    conn, tenant = state.conn, state.claim.tenant
    if name not in state.whole or state.bad_counts.get(name):
        return 0
    row = one(conn, "SELECT count(*) AS n FROM infobase WHERE tenant = %(t)s", t=tenant)
    if row is None or row["n"] > 1:
        return 0
    where: dict[str, Any] = {"tenant": tenant, "source_seq": state.source_seq, "staged": staged}
    found = gone.count(conn, name, **where)
    if not found.absent:
        return 0
    limits = state.ctx.settings.imports
    much = (
        100 * found.absent > limits.removal_limit_percent * found.total and found.absent >= limits.removal_limit_records
    )
    if (much or not staged) and not state.claim.counters.get("remove"):
        state.problems.append(
            DataError("E967", entity=name, absent=found.absent, total=found.total, schedule=state.plan.name)
        )
        return 0
    return gone.remove(conn, name, **where)


def _freshen(conn: Conn, tenant: str, entity: str) -> None:
    execute(
        conn,
        """INSERT INTO freshness (tenant, entity, as_of) VALUES (%(t)s, %(e)s, now())
           ON CONFLICT (tenant, entity) DO UPDATE SET as_of = excluded.as_of, package_id = NULL""",
        t=tenant, e=entity,
    )  # fmt: skip


def _journal(state: _Run, outcome: journal.Outcome, counters: dict[str, dict[str, int]]) -> None:
    problem = state.problems[0] if state.problems else None
    entry = _entry(state.plan, outcome, problem, counters)
    dropped = sum(state.bad_counts.values()) - len(state.bad)
    notes = [problem.text() for problem in state.problems[1:]]
    if dropped > 0:
        notes.append(f"{dropped} more bad records are counted, not listed")
    entry.detail = "\n".join(notes) or None
    issues.applied(state.conn, state.claim.tenant, state.stage.entities)
    parent = journal.write(state.conn, state.claim.tenant, entry)
    children = []
    for bad in state.bad:
        child = _entry(state.plan, "failed", bad.error)
        child.kind, child.parent_id, child.subject = "record", parent, bad.key or bad.path
        child.entity, child.key, child.path, child.line = bad.entity, bad.key, bad.path, bad.line
        children.append(child)
    journal.write_all(state.conn, state.claim.tenant, children)


def _entry(
    plan: Plan, outcome: journal.Outcome, error: SyncdError | None, counters: dict[str, dict[str, int]] | None = None
) -> Entry:
    return Entry(
        kind="pull", direction="in", outcome=outcome, subject=plan.name, infobase_id=plan.infobase_id, error=error,
        counters=counters,
    )  # fmt: skip


# --- other ends ------------------------------------------------------------------------------------------------------


def _end(ctx: Context, claim: Claim, outcome: str, reason: str) -> Result | None:
    with ctx.db.transaction() as conn:
        return Result(outcome) if rows.finish(conn, claim, outcome, reason=reason) else None


def _again(ctx: Context, claim: Claim, plan: Plan, error: SyncdError) -> Result | None:
    """Put the run back for a while when 1C may be well again before the schedule's next time. A result without an
    outcome stands for "later".
    """
    if isinstance(error, Refused | ConfigError | MappingError | DataError) or claim.requested_by is not None:
        return None  # a person looks at it now
    retries = int(claim.counters.get("retries", 0))
    if retries >= len(RETRIES):
        return None
    delay = max(RETRIES[retries], timedelta(seconds=error.retry_after or 0))
    with ctx.db.transaction() as conn:
        now = rows.clock(conn)
        if now + delay >= plan.timing.after(now - plan.delay) + plan.delay:
            return None
        if not rows.give_back(conn, claim, delay=delay, reason=error.code):
            return None
        journal.write_failure(conn, claim.tenant, _entry(plan, "failed", error))
    return Result("later")


def _failed(
    ctx: Context, claim: Claim, plan: Plan, error: SyncdError, entity: str, *, detail: str | None = None
) -> Result | None:
    """End the run as failed. A base that asked to be left alone is left alone."""
    with ctx.db.transaction() as conn:
        if not rows.finish(conn, claim, "failed", reason=error.code):
            return None
        entry = _entry(plan, "failed", error)
        entry.path, entry.detail = entity or None, detail
        journal.write_failure(conn, claim.tenant, entry)
        if isinstance(error, TransportError) and plan.endpoint is not None:
            if error.retry_after:
                until = rows.clock(conn) + timedelta(seconds=error.retry_after)
                endpoints.close_until(conn, claim.tenant, plan.endpoint.id, until, error.code)
            else:
                endpoints.note_failure(conn, claim.tenant, plan.endpoint.id)
    return Result("failed")


def outcome_of(conn: Conn, tenant: str, name: str, fire_at: object) -> Row | None:
    """How a run ended, with its counters; ``None`` while it is open."""
    row = one(
        conn,
        """SELECT state, outcome, reason, counters FROM schedule_run
           WHERE tenant = %(t)s AND schedule = %(n)s AND fire_at = %(at)s""",
        t=tenant, n=name, at=fire_at,
    )  # fmt: skip
    return row if row is None or row["outcome"] else None
