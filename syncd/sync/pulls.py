"""A pull: ask a base for entities, stage, merge what changed, journal with counters. All or nothing for each run, but
for whole sets that the base cannot give (``pull_unread``).

A worker that dies leaves nothing half done: staging lives in temporary tables, and merge, journal and the run's end are
one transaction, guarded by the lease. An answer that is not understood is an error, never an empty set; a set with
records that could not be read, a partial one and an empty one remove nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import Any, Final

import structlog

from syncd import journal
from syncd.adapters.http_pull import HttpPuller
from syncd.adapters.ports import Gone, Item, NotAtHand, Pulled, PulledOrder, Puller, Rest
from syncd.errors import ConfigError, DataError, MappingError, Refused, RemoteError, SyncdError, TransportError
from syncd.model import ENTITIES
from syncd.model.records import BadRecord, Record
from syncd.schedules import plan as planning
from syncd.schedules import rows
from syncd.schedules.plan import Plan
from syncd.schedules.rows import TAKEOVERS, Claim
from syncd.schedules.settings import CHANGES, ORDER
from syncd.store import endpoints, gone, runs, secrets
from syncd.store.db import Conn, Database, Row, one
from syncd.store.endpoints import Endpoint
from syncd.store.first_load import Repeated
from syncd.store.merge import prepare
from syncd.store.stage import Stage
from syncd.sync import pull_first, pull_orders, pull_unread
from syncd.sync.ahead import Ahead
from syncd.sync.bulk import bulk
from syncd.sync.context import Context
from syncd.sync.odata_pull import OdataPuller
from syncd.sync.pull_merge import PullRun, Result, entry, may_remove, merge, refuse, too_much
from syncd.sync.pull_rest import state_rest
from syncd.sync.reading import LeaseLost, Stopping
from syncd.sync.spool import Spool

log = structlog.get_logger(__name__)

__all__ = ["PULLERS", "Result", "claim_next", "outcome_of", "run"]

PULLERS: Final[dict[str, Callable[[Endpoint, str | None, Database], Puller]]] = {
    "http_service": lambda endpoint, password, _db: HttpPuller.of(endpoint, password),
    "odata": OdataPuller.of,
}
"""How a kind of endpoint is asked for data; the second argument is its password."""
RETRIES: Final = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
"""Pauses after which a run that failed for 1C's or the network's sake is begun anew, unless its next time is nearer."""
_CHECK_EVERY: Final = 500


def claim_next(ctx: Context, full_lanes: list[str] | None = None) -> Claim | None:
    """The next pull that may run, of a lane that has a thread left here."""
    with ctx.db.transaction() as conn:
        return rows.claim(conn, ctx.settings.worker.lease_seconds, full_lanes=full_lanes)


@bulk()
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
    state: PullRun | None = None
    try:
        with ctx.db.dedicated() as conn, ctx.db.dedicated() as side, Spool[PulledOrder]() as orders:
            state = PullRun(ctx, claim, plan, conn, side, Stage(conn, ahead=True), orders, stopping, _place(side))
            try:
                return _run(state, plan.endpoint)
            except (Repeated, NotAtHand) as why:
                log.info("a first pull is read anew", schedule=claim.schedule, why=type(why).__name__, of=str(why))
                conn.execute("DISCARD TEMP")
                stage = Stage(conn, ahead=True)
                orders.rewind(0)
                state = PullRun(ctx, claim, plan, conn, side, stage, orders, stopping, state.source_seq, careful=True)
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


def _run(state: PullRun, endpoint: Endpoint) -> Result:
    _beat(state, force=True)
    state.stage.beat = partial(_beat, state)
    opener = PULLERS.get(endpoint.kind)
    if opener is None:
        raise ConfigError("E965", schedule=state.plan.name, pull=state.plan.pull)
    secret = endpoint.secret(secrets.keys(state.ctx.settings))
    puller = opener(endpoint, secret, state.ctx.db)
    try:
        if _nothing_to_ask(state, puller):
            return _skipped(state)
        with ExitStack() as writing:
            try:
                _ask(state, puller, writing)
                result = _merge(state)
            finally:
                state.stage.close()
        _say_committed(state, puller)
    finally:
        puller.close()
    return result


def _nothing_to_ask(state: PullRun, puller: Puller) -> bool:
    """Orders are pulled by default: a mapping without them is no failure, unless a person asks."""
    return state.plan.entities == (ORDER,) and state.claim.requested_by is None and not puller.gives(ORDER)


def _skipped(state: PullRun) -> Result:
    with state.conn.transaction():
        if not rows.finish(state.conn, state.claim, "skipped", reason="no section"):
            raise LeaseLost
    return Result("skipped")


def _merge(state: PullRun) -> Result:
    state.entity = ""
    state.stage.flush()
    with state.conn.transaction():
        pull_first.ended(state)
        if not rows.hold(state.conn, state.claim):
            raise LeaseLost
        runs.lock(state.conn, state.claim.tenant)
        prepare(state.conn)
        pull_first.at_least_unseen(state)
        return merge(state, pull_orders.apply)


def _ask(state: PullRun, puller: Puller, writing: ExitStack) -> None:
    """Read all of it into the stage. What is read last may begin to be written, in a transaction that ``writing``
    ends.
    """
    if state.plan.pull == CHANGES:
        state.stage.begin_file(0)
        _read(state, "", puller.changes())
        state.stage.flush()
        state_rest(state)
        came = state.stage.entities | state.gone.keys() | state.bad_counts.keys()
        state.entities = tuple(name for name in ENTITIES if name in came)
        return
    known = _known_cursors(state)
    # of a group a base may give less; of a single entity the puller says what is wrong
    given = tuple(name for name in state.plan.entities if puller.gives(name))
    state.entities = given or state.plan.entities
    for number, entity in enumerate(state.entities):
        last = number == len(state.entities) - 1 and not state.rechecks and not state.unread
        _ask_one(state, puller, entity, number, known.get(entity), writing if last else None)
    failed = [entity for entity, error in state.unread.items() if isinstance(error, RemoteError)]
    if len(failed) < len(state.entities):
        for number, entity in enumerate(failed, len(state.entities)):  # it may have been a bad moment
            del state.unread[entity]
            _ask_one(state, puller, entity, number, known.get(entity), None)
    pull_unread.leave_out(state)
    _recheck(state)


def _ask_one(
    state: PullRun, puller: Puller, entity: str, number: int, cursor: str | None, writing: ExitStack | None
) -> None:
    """Read one entity into the stage as its file ``number``, unless the base cannot give it while it gives others."""
    state.entity = entity
    state.stage.begin_file(number)
    try:
        pulled = puller.pull(entity, cursor)
        _read(state, entity, pulled, partial(pull_first.begin, state, pulled, writing) if writing else None)
    except SyncdError as error:
        if not pull_unread.of_one_set(error) or len(state.entities) == 1 or state.first is not None:
            raise
        log.warning("a set could not be read", schedule=state.plan.name, entity=entity, code=error.code)
        pull_unread.forget(state, entity, number, error)


def _say_committed(state: PullRun, puller: Puller) -> None:
    """What the base then does not forget comes once more, which does no harm."""
    try:
        puller.committed()
    except SyncdError as error:
        log.warning("1C was not told that its changes arrived", schedule=state.plan.name, code=error.code)


def _read(state: PullRun, entity: str, pulled: Pulled, each: Callable[[], None] | None = None) -> None:
    state.words = pulled.words or state.words
    _take_all(state, entity, pulled.pages, each)
    if not pulled.partial and pulled.whole():
        state.whole.add(entity)
        if pulled.recheck is not None:
            state.rechecks[entity] = pulled.recheck
    state.notes += pulled.notes()
    following = pulled.cursor()
    if following is not None:
        state.cursors[entity] = following


def _take_all(
    state: PullRun,
    entity: str,
    source: Iterator[Sequence[Item]],
    each: Callable[[], None] | None = None,
) -> None:
    """Stage all pages; ``each`` is called after every one."""
    pages = Ahead(source, lambda: _beat(state), name=f"{state.plan.name}: {entity}")
    try:
        for page in pages:
            for start in range(0, len(page), _CHECK_EVERY):
                _take(state, page[start : start + _CHECK_EVERY])
                _beat(state)
            if each is not None:
                each()
    finally:
        pages.close()


def _recheck(state: PullRun) -> None:
    """Ask the base once more, by their keys, for the records that a whole set left out, and stage those that it has.

    Where so much is absent that the brake will hold it, nobody is asked: a person looks at it first.
    """
    for name, recheck in state.rechecks.items():
        state.stage.flush()
        if name not in state.stage.entities or not may_remove(state, name):
            continue
        where: dict[str, Any] = {"tenant": state.claim.tenant, "source_seq": state.source_seq}
        if too_much(state, gone.count(state.conn, name, staged=True, **where)):
            continue
        absent = gone.absent(state.conn, name, **where)
        if absent:
            try:
                _take_all(state, name, recheck(absent))
            except SyncdError as error:
                if not pull_unread.of_one_set(error):
                    raise
                pull_unread.nothing_gone(state, name, error)


def _take(state: PullRun, items: Sequence[Item]) -> None:
    records = [item for item in items if isinstance(item, Record)]
    for item, error in state.stage.add_all(records):
        key = "/".join(map(str, item.key))
        refuse(state, BadRecord(item.entity, key, item.entity, item.line, error))
    state.records += len(records)
    if len(records) < len(items):
        _take_others(state, [item for item in items if not isinstance(item, Record)])


def _take_others(state: PullRun, items: Sequence[BadRecord | Gone | Rest | PulledOrder]) -> None:
    for item in items:
        if isinstance(item, Gone):
            state.gone.setdefault(item.entity, []).append(item.key[0])
            continue
        if isinstance(item, Rest):
            state.rests.append(item)
            continue
        state.records += 1
        if isinstance(item, PulledOrder):
            state.orders.put(item)
        else:
            refuse(state, item)


def _beat(state: PullRun, *, force: bool = False) -> None:
    """Keep the lease from the loop that does the work: a worker that hangs loses it."""
    if state.stopping():
        raise Stopping
    lease = state.ctx.settings.worker.lease_seconds
    now = time.monotonic()
    if not force and now - state.beat_at < min(1.0, lease / 4):
        return
    state.beat_at = now
    if not rows.heartbeat(state.side, state.claim, lease, {"entity": state.entity, "records": state.records}):
        raise LeaseLost


def _known_cursors(state: PullRun) -> dict[str, str]:
    """Where the last good run of this schedule ended; a person may ask for everything."""
    if state.claim.counters.get("full"):
        return {}
    row = one(
        state.side,
        """SELECT counters->'cursors' AS cursors FROM schedule_run
           WHERE tenant = %(t)s AND schedule = %(n)s AND outcome IN ('ok', 'partial') AND counters ? 'cursors'
           ORDER BY finished_at DESC LIMIT 1""",
        t=state.claim.tenant, n=state.claim.schedule,
    )  # fmt: skip
    return dict(row["cursors"]) if row else {}


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
        journal.write_failure(conn, claim.tenant, entry(plan, "failed", error))
    return Result("later")


def _failed(
    ctx: Context, claim: Claim, plan: Plan, error: SyncdError, entity: str, *, detail: str | None = None
) -> Result | None:
    """End the run as failed. A base that asked to be left alone is left alone."""
    with ctx.db.transaction() as conn:
        if not rows.finish(conn, claim, "failed", reason=error.code):
            return None
        row = entry(plan, "failed", error)
        row.path, row.detail = entity or None, detail
        journal.write_failure(conn, claim.tenant, row)
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
