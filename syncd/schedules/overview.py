"""How schedules stand, for people and programs: next, last, lateness, what was skipped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from syncd.errors import CATALOGUE, Refused, RequestError
from syncd.i18n import tr
from syncd.schedules import lateness, rows
from syncd.schedules.plan import INSTALLATION, Plan, plans
from syncd.schedules.settings import Schedule
from syncd.schedules.ticking import reason_words
from syncd.spans import words
from syncd.store.db import Conn, Row, every, one


def why(reason: str | None) -> str:
    """The reason a row holds, in words: a code of the catalogue, a word of ours, or a line of a job."""
    known = CATALOGUE.get(reason or "")
    return f"{reason}" if known else reason_words(reason)


def overview(conn: Conn, schedules: Mapping[str, Schedule], *, zone: str, tenant: str) -> list[dict[str, Any]]:
    """Every schedule of a company, by name; times as ``datetime``, spans in seconds.

    ``late_seconds`` is how long it has been due without a good run, ``late`` whether that is more than allowed.
    ``skipped_24h`` counts fire times, not rows.
    """
    now = rows.clock(conn)
    return [_line(conn, plan, now) for plan in plans(conn, schedules, zone=zone, tenant=tenant)]


def lates(conn: Conn, schedules: Mapping[str, Schedule], *, zone: str) -> list[dict[str, Any]]:
    """Of every schedule of every company: ``tenant``, ``name``, ``late_seconds`` and whether that is too ``late``."""
    now = rows.clock(conn)
    found = []
    for plan in plans(conn, schedules, zone=zone):
        late = lateness.lateness(conn, plan, now)
        found.append({
            "tenant": plan.tenant, "name": plan.name, "late_seconds": late.by.total_seconds() if late else 0.0,
            "late": bool(late and plan.late_after and late.by > plan.late_after),
        })  # fmt: skip
    return found


def jobs(conn: Conn) -> list[dict[str, Any]]:
    """The installation's own jobs, as far as a scheduler has seen them."""
    found = every(conn, "SELECT name, next_fire_at FROM schedule WHERE tenant = '' ORDER BY name")
    return [
        {"name": row["name"], "pull": "", "when": "", "next_at": row["next_fire_at"], "overlap": "skip",
         **_last(conn, INSTALLATION, row["name"])}
        for row in found
    ]  # fmt: skip


def _line(conn: Conn, plan: Plan, now: datetime) -> dict[str, Any]:
    row = one(
        conn,
        """SELECT next_fire_at, paused_until, pause_reason, paused_by,
                  paused_at IS NOT NULL AND (paused_until IS NULL OR paused_until > now()) AS paused
           FROM schedule WHERE tenant = %(t)s AND name = %(n)s""",
        t=plan.tenant, n=plan.name,
    )  # fmt: skip
    late = lateness.lateness(conn, plan, now)
    stored = row["next_fire_at"] if row else None
    paused = bool(row and row["paused"])
    return {
        "name": plan.name,
        "pull": plan.pull,
        "infobase": plan.endpoint.infobase if plan.endpoint else None,
        "endpoint": plan.endpoint.name if plan.endpoint else None,
        "when": words(plan.timing.every) if plan.timing.every else f"{plan.timing.cron} {plan.timing.zone}",
        "overlap": plan.overlap,
        "lane": plan.lane,
        "catch_up_seconds": plan.catch_up.total_seconds(),
        "next_at": (stored or plan.timing.start(now - plan.delay)) + plan.delay,
        "paused": paused,
        "paused_until": row["paused_until"] if row and paused else None,
        "pause_reason": row["pause_reason"] if row and paused else None,
        "paused_by": row["paused_by"] if row and paused else None,
        "late_seconds": late.by.total_seconds() if late else 0.0,
        "late_after_seconds": plan.late_after.total_seconds() if plan.late_after else None,
        "late": bool(late and plan.late_after and late.by > plan.late_after),
        **_last(conn, plan.tenant, plan.name),
    }


def _last(conn: Conn, tenant: str, name: str) -> dict[str, Any]:
    """The last run that ended, the last good one, what is under way, and what was skipped within a day."""
    row = one(
        conn,
        """SELECT l.finished_at AS last_at, l.outcome AS last_outcome, l.reason AS last_reason,
                  (SELECT max(finished_at) FROM schedule_run g WHERE g.tenant = %(t)s AND g.schedule = %(n)s
                     AND g.outcome IN ('ok', 'partial')) AS last_good_at,
                  (SELECT state FROM schedule_run o WHERE o.tenant = %(t)s AND o.schedule = %(n)s
                     AND o.state IN ('queued', 'running') ORDER BY o.state DESC LIMIT 1) AS now,
                  (SELECT coalesce(sum(coalesce((s.counters->>'count')::int, 1)), 0)::int FROM schedule_run s
                   WHERE s.tenant = %(t)s AND s.schedule = %(n)s AND s.state = 'skipped'
                     AND s.finished_at > now() - interval '24 hours') AS skipped_24h
           FROM (SELECT 1) x LEFT JOIN LATERAL (
               SELECT finished_at, outcome, reason FROM schedule_run r
               WHERE r.tenant = %(t)s AND r.schedule = %(n)s AND r.state = 'done'
               ORDER BY r.fire_at DESC LIMIT 1) l ON true""",
        t=tenant, n=name,
    )  # fmt: skip
    return dict(row) if row else {}


def choose(conn: Conn, schedules: Mapping[str, Schedule], word: str, *, zone: str, tenant: str) -> Plan:
    """The schedule that a word means: its name, or what stands before the ``@`` where that is clear.

    Raises ``RequestError`` E305, ``Refused`` E413.
    """
    found = plans(conn, schedules, zone=zone, tenant=tenant)
    named = [plan for plan in found if plan.name == word] or [
        plan for plan in found if word in {plan.name.partition("@")[0], plan.pull}
    ]
    if not named:
        raise RequestError("E305", what=tr("Schedule", "Расписание"), id=word, shown="`syncd schedule list`")
    if len(named) > 1:
        raise Refused("E413", word=word, found=", ".join(plan.name for plan in named))
    return named[0]


def history(conn: Conn, tenant: str, name: str, limit: int) -> list[Row]:
    """The newest rows of a schedule: runs and skips."""
    return every(
        conn,
        """SELECT fire_at, state, outcome, reason, requested_by, created_at, started_at, finished_at, counters
           FROM schedule_run WHERE tenant = %(t)s AND schedule = %(n)s ORDER BY fire_at DESC LIMIT %(limit)s""",
        t=tenant, n=name, limit=limit,
    )  # fmt: skip


def in_words(seen: Mapping[str, Any], now: datetime) -> str:
    """One schedule in a line, as ``syncd status`` shows it."""

    def ago(moment: datetime | None) -> str:
        return words(_rounded(now - moment)) if moment else tr("never", "не было")

    said = f"{seen['name']} {ago(seen['last_good_at'])}"
    if seen["paused"]:
        return said + tr(" paused", " на паузе")
    if seen["late"]:
        return said + tr(
            f" LATE {words(_rounded(timedelta(seconds=seen['late_seconds'])))}",
            f" ОПОЗДАНИЕ {words(_rounded(timedelta(seconds=seen['late_seconds'])))}",
        )
    return said


def _rounded(value: timedelta) -> timedelta:
    unit = timedelta(minutes=1) if value >= timedelta(minutes=1) else timedelta(seconds=1)
    return max(timedelta(), value // unit * unit)
