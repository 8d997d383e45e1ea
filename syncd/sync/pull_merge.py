"""The end of a pull: what was staged is merged, what is gone removed, all of it journalled, in one transaction with the
run's own end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from syncd import issues, journal
from syncd.adapters.ports import PulledOrder, Recheck, Rest
from syncd.errors import DataError, SyncdError
from syncd.journal import Entry
from syncd.mappings.orders import OrdersMapping
from syncd.model import ENTITIES
from syncd.model.records import BadRecord
from syncd.schedules import rows
from syncd.schedules.plan import Plan
from syncd.schedules.rows import Claim
from syncd.store import endpoints, fingerprints, gone
from syncd.store.db import Conn, execute, one
from syncd.store.first_load import FirstLoad
from syncd.store.merge import Counters, merge_entity
from syncd.store.stage import Stage
from syncd.sync.context import Context
from syncd.sync.reading import LeaseLost
from syncd.sync.spool import Spool

BAD_KEPT: Final = 1000
_OF_OFFERS: Final = frozenset({"offer", "price", "stock"})


@dataclass(slots=True)
class Result:
    """How a pull ended. ``outcome`` is ok, partial, failed or skipped."""

    outcome: str
    counters: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(slots=True)
class PullRun:
    """One pull under way."""

    ctx: Context
    claim: Claim
    plan: Plan
    conn: Conn
    side: Conn
    """For what is asked while rows are on their way over ``conn``."""
    stage: Stage
    orders: Spool[PulledOrder]
    stopping: Callable[[], bool]
    source_seq: int
    bad: list[BadRecord] = field(default_factory=list)
    bad_counts: dict[str, int] = field(default_factory=dict)
    entities: tuple[str, ...] = ()
    """What is pulled: of the plan's entities those that the base gives; of changes, those that came."""
    whole: set[str] = field(default_factory=set)
    """Entities whose every record was stated."""
    rechecks: dict[str, Recheck] = field(default_factory=dict)
    gone: dict[str, list[Any]] = field(default_factory=dict)
    """Keys of objects that the base said are no more."""
    cursors: dict[str, str] = field(default_factory=dict)
    problems: list[DataError] = field(default_factory=list)
    words: OrdersMapping | None = None
    """What the mapping of the base says of the words of orders."""
    notes: list[DataError] = field(default_factory=list)
    """What is to be told though nothing is wrong with what came."""
    rests: list[Rest] = field(default_factory=list)
    """What the base said of the records that it did not name."""
    unread: dict[str, SyncdError] = field(default_factory=dict)
    """Entities that the base could not give, and why."""
    first: FirstLoad | None = None
    careful: bool = False
    """Whether a first load is out of the question: it was tried."""
    entity: str = ""
    records: int = 0
    beat_at: float = 0.0


def refuse(state: PullRun, refused: BadRecord) -> None:
    """Count a record that is left out, and keep it for the journal."""
    state.bad_counts[refused.entity] = state.bad_counts.get(refused.entity, 0) + 1
    if len(state.bad) < BAD_KEPT:
        state.bad.append(refused)


def merge(state: PullRun, orders: Callable[[PullRun], Counters | None]) -> Result:
    """Merge what is staged, apply orders and end the run, within the caller's transaction. Raises ``LeaseLost``."""
    conn, tenant = state.conn, state.claim.tenant
    counters: dict[str, Counters] = {}
    for name in ENTITIES:
        if name not in state.entities:
            continue
        staged = name in state.stage.entities
        absent = _remove_absent(state, name, staged=staged)  # first: the merge forgets staged rows that change nothing
        found = counters[name] = _merge_one(state, name) if staged else Counters()
        found.failed = state.bad_counts.get(name, 0)
        found.read += found.failed
        found.removed += absent
        if name in state.gone:
            found.removed += gone.remove_keys(
                conn, name, state.gone[name], tenant=tenant, source_seq=state.source_seq
            )  # fmt: skip
        if found.created or found.updated or found.removed:  # or the next package would skip them as unchanged
            fingerprints.forget(conn, tenant, "offers" if name in _OF_OFFERS else "catalogue")
    applied = orders(state)
    if applied is not None:
        counters["order"] = applied
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


def _merge_one(state: PullRun, name: str) -> Counters:
    if state.first is not None and name in state.first.entities:
        return state.first.merge(name)
    return merge_entity(
        state.conn, name, tenant=state.claim.tenant, source_seq=state.source_seq, whole_sets=False
    )  # fmt: skip


def _remove_absent(state: PullRun, name: str, *, staged: bool) -> int:
    """Remove what a whole set left out, unless there is a doubt about the set, or it is suspiciously much.

    With several infobases none of them knows all records of the company.
    """
    if (state.first is not None and name in state.first.entities) or not may_remove(state, name):
        return 0  # of a first load nothing was there before
    conn, tenant = state.conn, state.claim.tenant
    where: dict[str, Any] = {"tenant": tenant, "source_seq": state.source_seq, "staged": staged}
    found = gone.count(conn, name, **where)
    if not found.absent:
        return 0
    if too_much(state, found) or (not staged and not state.claim.counters.get("remove")):
        state.problems.append(
            DataError("E967", entity=name, absent=found.absent, total=found.total, schedule=state.plan.name)
        )
        return 0
    return gone.remove(conn, name, **where)


def may_remove(state: PullRun, name: str) -> bool:
    """Whether what a set left out may be gone at all."""
    return name in state.whole and not state.bad_counts.get(name) and alone(state)


def alone(state: PullRun) -> bool:
    """Whether no other infobase may have given records of this company."""
    row = one(state.conn, "SELECT count(*) AS n FROM infobase WHERE tenant = %(t)s", t=state.claim.tenant)
    return row is not None and row["n"] <= 1


def too_much(state: PullRun, found: gone.Gone) -> bool:
    """Whether the brake holds such a removal."""
    limits = state.ctx.settings.imports
    share = 100 * found.absent > limits.removal_limit_percent * found.total
    return share and found.absent >= limits.removal_limit_records and not state.claim.counters.get("remove")


def _freshen(conn: Conn, tenant: str, entity: str) -> None:
    execute(
        conn,
        """INSERT INTO freshness (tenant, entity, as_of) VALUES (%(t)s, %(e)s, now())
           ON CONFLICT (tenant, entity) DO UPDATE SET as_of = excluded.as_of, package_id = NULL""",
        t=tenant, e=entity,
    )  # fmt: skip


def _journal(state: PullRun, outcome: journal.Outcome, counters: dict[str, dict[str, int]]) -> None:
    problem = state.problems[0] if state.problems else None
    row = entry(state.plan, outcome, problem, counters)
    row.path = ", ".join(state.unread) or None
    dropped = sum(state.bad_counts.values()) - len(state.bad)
    notes = [problem.text() for problem in state.problems[1:]]
    if dropped > 0:
        notes.append(f"{dropped} more bad records are counted, not listed")
    row.detail = "\n".join(notes) or None
    issues.applied(state.conn, state.claim.tenant, state.stage.entities)
    parent = journal.write(state.conn, state.claim.tenant, row)
    _tell_notes(state)
    children = []
    for bad in state.bad:
        child = entry(state.plan, "failed", bad.error)
        child.kind, child.parent_id, child.subject = "record", parent, bad.key or bad.path
        child.entity, child.key, child.path, child.line = bad.entity, bad.key, bad.path, bad.line
        children.append(child)
    journal.write_all(state.conn, state.claim.tenant, children)


def _tell_notes(state: PullRun) -> None:
    """A warning is a row of its own, and no issue; the journal holds it once for as long as it keeps its rows."""
    for note in state.notes:
        row = entry(state.plan, "partial", note)
        row.path, row.counted = str(note.params.get("set") or "") or None, False
        known = one(
            state.conn,
            """SELECT 1 AS x FROM journal WHERE tenant = %(t)s AND kind = 'pull' AND code = %(c)s
                 AND infobase_id IS NOT DISTINCT FROM %(i)s AND path = %(p)s LIMIT 1""",
            t=state.claim.tenant, c=note.code, i=row.infobase_id, p=row.path,
        )  # fmt: skip
        if known is None:
            journal.write(state.conn, state.claim.tenant, row)


def entry(
    plan: Plan, outcome: journal.Outcome, error: SyncdError | None, counters: dict[str, dict[str, int]] | None = None
) -> Entry:
    """A row of the journal about a pull."""
    return Entry(
        kind="pull", direction="in", outcome=outcome, subject=plan.name, infobase_id=plan.infobase_id, error=error,
        counters=counters,
    )  # fmt: skip
