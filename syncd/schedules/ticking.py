"""Which fire times become runs, and which are skipped, and why: decided under the schedule's row lock.

Every fire time ends in exactly one row: a run, or a skip, where one skip may stand for several of them. After a long
sleep there is one run to catch up, not a flood.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from syncd.i18n import tr
from syncd.schedules import rows
from syncd.schedules.plan import Plan
from syncd.store.db import Conn, Row

RETRIED: Final = frozenset({"down", "maintenance", "closed"})
"""Skips that are made up for when the infobase can be called again."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What came of one look: whether a run was queued, and how many fire times were skipped."""

    queued: bool = False
    skipped: int = 0


NOTHING: Final = Tick()


def reason_words(reason: str | None) -> str:
    """Why fire times made no run, for a person."""
    words = {
        "overlap": ("the run before it was not over", "прошлый запуск не закончен"),
        "paused": ("the schedule is paused", "расписание на паузе"),
        "missed": ("syncd was not running, too long ago to catch up", "syncd не работал, навёрстывать поздно"),
        "caught up": ("made up for by the run after it", "навёрстано следующим запуском"),
        "down": ("1C did not answer", "1С не отвечает"),
        "maintenance": ("1C is closed for maintenance", "1С закрыта на обслуживание"),
        "stopped": ("the infobase or endpoint is paused", "база или конечная точка на паузе"),
        "closed": ("1C asked to be left alone for a while", "1С попросила паузу"),
        "unmapped": ("no mapping is in force for it", "для неё не введён в действие маппинг"),
        "no section": ("its mapping has no such section", "в её маппинге нет такого раздела"),
        "gone": ("there is no such schedule or endpoint any more", "такого расписания или точки больше нет"),
    }  # fmt: skip
    return tr(*words[reason]) if reason in words else reason or ""


def tick(conn: Conn, plan: Plan, now: datetime | None = None) -> Tick:
    """Look at one schedule, within the caller's transaction. ``now`` is Postgres's unless given."""
    moment = now or rows.clock(conn)
    row = rows.lock(conn, plan.tenant, plan.name, plan.timing.start(moment - plan.delay))
    if row is None:  # another scheduler is at it
        return NOTHING
    following = _next(plan, row["next_fire_at"], moment)
    due = plan.timing.due(following, moment - plan.delay)
    if due is None:
        if following != row["next_fire_at"]:
            rows.advance(conn, plan.tenant, plan.name, following)
        return _make_up(conn, plan, row, moment)
    rows.advance(conn, plan.tenant, plan.name, plan.timing.after(due.last))
    if _paused(row, moment):
        rows.skip(conn, plan.tenant, plan.name, due.last, reason="paused", count=due.count, first=due.first, now=moment)
        return Tick(skipped=due.count)
    if moment - plan.delay - due.last > plan.catch_up:
        rows.skip(conn, plan.tenant, plan.name, due.last, reason="missed", count=due.count, first=due.first, now=moment)
        return Tick(skipped=due.count)
    skipped = due.count - 1
    if skipped:
        rows.skip(
            conn, plan.tenant, plan.name, due.before, reason="caught up", count=skipped, first=due.first, now=moment
        )
    why = _hindrance(conn, plan)
    if why:
        rows.skip(conn, plan.tenant, plan.name, due.last, reason=why, now=moment)
        return Tick(skipped=skipped + 1)
    queued = rows.queue(conn, plan.tenant, plan.name, due.last, lane=plan.lane)
    return Tick(queued=queued, skipped=skipped)


def _next(plan: Plan, stored: datetime | None, now: datetime) -> datetime:
    """The stored fire time, unless the settings have changed since."""
    if stored is None:
        return plan.timing.start(now - plan.delay)
    if stored > now - plan.delay:
        return plan.timing.after(now - plan.delay)
    return stored if plan.timing.fires_at(stored) else plan.timing.after(stored)


def _paused(row: Row, now: datetime) -> bool:
    return row["paused_at"] is not None and (row["paused_until"] is None or row["paused_until"] > now)


def _hindrance(conn: Conn, plan: Plan) -> str | None:
    if plan.endpoint is not None:
        why = rows.blocked(conn, plan.tenant, plan.infobase_id, plan.endpoint.id)
        if why:
            return why
    unfinished = rows.open_run(conn, plan.tenant, plan.name)
    if unfinished is None or (plan.overlap == "queue" and unfinished["state"] == "running"):
        return None
    return "overlap"


def _make_up(conn: Conn, plan: Plan, row: Row, now: datetime) -> Tick:
    """Do now what could not be done at its time because 1C was away, unless it is too old."""
    last = rows.newest(conn, plan.tenant, plan.name)
    if last is None or last["state"] != "skipped" or last["reason"] not in RETRIED or _paused(row, now):
        return NOTHING
    if now - plan.delay - last["fire_at"] > plan.catch_up or _hindrance(conn, plan):
        return NOTHING
    return Tick(queued=rows.revive(conn, plan.tenant, plan.name, last["fire_at"], lane=plan.lane))
