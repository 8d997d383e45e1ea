"""How late a pull is: how long it has been due without a good run. Told once for each lateness."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from syncd import journal
from syncd.errors import RemoteError
from syncd.i18n import tr
from syncd.journal import Entry
from syncd.queue import events
from syncd.schedules.plan import Plan
from syncd.schedules.ticking import reason_words
from syncd.spans import words
from syncd.store.db import Conn, one

UNASKED: Final = frozenset({"unmapped", "no section"})
"""Reasons of runs that had nothing to ask for: nobody waits for them."""
_NAMES: Final = UUID("5b1d0f0e-2f7c-5f0e-8a53-6f9f5e6d7a12")


@dataclass(frozen=True, slots=True)
class Lateness:
    """``due_since``: the fire time from which on there is no good run. ``last_good``: when the last one ended."""

    due_since: datetime
    by: timedelta
    last_good: datetime | None
    reason: str


def lateness(conn: Conn, plan: Plan, now: datetime) -> Lateness | None:
    """How late this pull is; ``None`` when it is not due, was never due, is paused by a person, or has nothing to ask
    for.
    """
    row = one(
        conn,
        """SELECT (SELECT fire_at FROM schedule_run r WHERE r.tenant = %(t)s AND r.schedule = %(n)s
                     AND r.outcome IN ('ok', 'partial') ORDER BY fire_at DESC LIMIT 1) AS good,
                  (SELECT min(fire_at) FROM schedule_run r WHERE r.tenant = %(t)s AND r.schedule = %(n)s) AS first,
                  s.paused_at IS NOT NULL AND (s.paused_until IS NULL OR s.paused_until > now()) AS paused
           FROM schedule s WHERE s.tenant = %(t)s AND s.name = %(n)s""",
        t=plan.tenant, n=plan.name,
    )  # fmt: skip
    if row is None or row["paused"] or (row["good"] or row["first"]) is None:
        return None
    due = (plan.timing.after(row["good"]) if row["good"] else row["first"]) + plan.delay
    if due > now:
        return None
    last = one(
        conn,
        """SELECT (SELECT finished_at FROM schedule_run WHERE tenant = %(t)s AND schedule = %(n)s
                     AND outcome IN ('ok', 'partial') ORDER BY fire_at DESC LIMIT 1) AS good,
                  (SELECT coalesce(reason, state) FROM schedule_run WHERE tenant = %(t)s AND schedule = %(n)s
                     ORDER BY fire_at DESC LIMIT 1) AS reason""",
        t=plan.tenant, n=plan.name,
    )  # fmt: skip
    assert last is not None
    if last["reason"] in UNASKED:
        return None
    return Lateness(due, now - due, last["good"], str(last["reason"] or ""))


def tell(conn: Conn, plan: Plan, now: datetime) -> bool:
    """Write a journal row and emit ``pull.late`` when the pull is later than allowed and this lateness is new."""
    if plan.late_after is None or not plan.pull:
        return False
    late = lateness(conn, plan, now)
    if late is None or late.by <= plan.late_after:
        return False
    mark = uuid5(_NAMES, f"late\x1f{plan.tenant}\x1f{plan.name}\x1f{late.due_since.isoformat()}")
    if one(conn, "SELECT 1 AS x FROM journal WHERE tenant = %(t)s AND id = %(id)s", t=plan.tenant, id=mark):
        return False
    late_words = words(timedelta(minutes=late.by // timedelta(minutes=1))) if late.by >= timedelta(minutes=1) else "0m"
    last = late.last_good.isoformat(timespec="seconds") if late.last_good else tr("never", "не было")
    error = RemoteError(
        "E968", schedule=plan.name, late=late_words, last=last, reason=reason_words(late.reason) or late.reason
    )
    entry = Entry("pull", "in", "failed", subject=plan.name, infobase_id=plan.infobase_id, error=error, key=plan.name)
    journal.write(conn, plan.tenant, entry, id_=mark)
    data = {
        "schedule": plan.name, "pull": plan.pull, "infobase": plan.endpoint.infobase if plan.endpoint else None,
        "due_since": late.due_since.isoformat(), "late_seconds": int(late.by.total_seconds()),
        "last_good_at": late.last_good.isoformat() if late.last_good else None, "reason": late.reason,
    }  # fmt: skip
    events.emit(conn, plan.tenant, "pull.late", plan.name, data, dedupe=late.due_since.isoformat())
    return True
