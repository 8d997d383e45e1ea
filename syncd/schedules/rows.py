"""The rows behind schedules: where each one stands, its runs, and the lease by which one worker has a run.

``fire_at`` is the fire time itself, not the moment at which the run began. A row that stands for several skipped fire
times says so in ``counters``: ``count``, and ``first``. Of a run that waits, ``lease_until`` is the time before which
it is not taken (a retry).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd.store.db import Conn, Row, every, execute, one
from syncd.store.ids import new_id

TAKEOVERS: Final = 3
"""A run whose worker died so often is set aside."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do one run until the lease runs out. ``counters`` as the row holds them."""

    tenant: str
    schedule: str
    fire_at: datetime
    lane: str
    lease_id: UUID
    requested_by: str | None
    counters: dict[str, Any]

    @property
    def takeovers(self) -> int:
        """How often a worker died over it."""
        return int(self.counters.get("takeovers", 0))


def clock(conn: Conn) -> datetime:
    """What time it is: Postgres says, so that hosts need not agree."""
    row = one(conn, "SELECT clock_timestamp() AS now")
    assert row is not None
    now: datetime = row["now"]
    return now


# --- where a schedule stands ------------------------------------------------------------------------------------------


def states(conn: Conn) -> dict[tuple[str, str], Row]:
    """What is known of every schedule, by tenant and name."""
    rows = every(conn, "SELECT tenant, name, next_fire_at, paused_at, paused_until FROM schedule")
    return {(row["tenant"], row["name"]): row for row in rows}


def lock(conn: Conn, tenant: str, name: str, start: datetime) -> Row | None:
    """Hold the schedule for this transaction; a new one begins at ``start``. ``None`` when another scheduler has it."""
    execute(
        conn,
        """INSERT INTO schedule (tenant, name, next_fire_at) VALUES (%(t)s, %(n)s, %(at)s) ON CONFLICT DO NOTHING""",
        t=tenant, n=name, at=start,
    )  # fmt: skip
    return one(
        conn,
        """SELECT next_fire_at, paused_at, paused_until, pause_reason, paused_by FROM schedule
           WHERE tenant = %(t)s AND name = %(n)s FOR UPDATE SKIP LOCKED""",
        t=tenant, n=name,
    )  # fmt: skip


def advance(conn: Conn, tenant: str, name: str, next_fire_at: datetime) -> None:
    """Remember the next fire time."""
    execute(
        conn,
        "UPDATE schedule SET next_fire_at = %(at)s, updated_at = now() WHERE tenant = %(t)s AND name = %(n)s",
        t=tenant, n=name, at=next_fire_at,
    )  # fmt: skip


def pause(conn: Conn, tenant: str, name: str, *, until: datetime | None, reason: str, by: str) -> None:
    """Skip its fire times until then, or until ``resume``."""
    execute(
        conn,
        """INSERT INTO schedule (tenant, name, paused_at, paused_until, pause_reason, paused_by)
           VALUES (%(t)s, %(n)s, now(), %(until)s, %(reason)s, %(by)s)
           ON CONFLICT (tenant, name) DO UPDATE SET paused_at = now(), paused_until = %(until)s,
               pause_reason = %(reason)s, paused_by = %(by)s, updated_at = now()""",
        t=tenant, n=name, until=until, reason=reason, by=by,
    )  # fmt: skip


def resume(conn: Conn, tenant: str, name: str) -> bool:
    """End the pause. ``False`` when there was none."""
    return bool(
        execute(
            conn,
            """UPDATE schedule SET paused_at = NULL, paused_until = NULL, pause_reason = NULL, paused_by = NULL,
                      updated_at = now()
               WHERE tenant = %(t)s AND name = %(n)s AND paused_at IS NOT NULL""",
            t=tenant, n=name,
        )
    )  # fmt: skip


def blocked(conn: Conn, tenant: str, infobase_id: UUID | None, endpoint_id: UUID) -> str | None:
    """Why the infobase or its endpoint is not to be called now, in a word; ``None`` when it may be."""
    row = one(
        conn,
        """SELECT h.state, i.paused_at IS NOT NULL AND (i.paused_until IS NULL OR i.paused_until > now()) AS stopped,
                  e.paused_at IS NOT NULL AND (e.paused_until IS NULL OR e.paused_until > now()) AS paused,
                  coalesce(e.closed_until > now(), false) AS closed
           FROM endpoint e
           LEFT JOIN infobase i ON i.tenant = e.tenant AND i.id = %(i)s
           LEFT JOIN infobase_health h ON h.tenant = e.tenant AND h.infobase_id = %(i)s
           WHERE e.tenant = %(t)s AND e.id = %(e)s""",
        t=tenant, i=infobase_id, e=endpoint_id,
    )  # fmt: skip
    if row is None:
        return None
    if row["state"] in {"down", "maintenance"}:
        return str(row["state"])
    return "stopped" if row["stopped"] or row["paused"] else "closed" if row["closed"] else None


# --- runs ------------------------------------------------------------------------------------------------------------


def open_run(conn: Conn, tenant: str, name: str) -> Row | None:
    """The newest run of the schedule that is not over."""
    return one(
        conn,
        """SELECT fire_at, state, lease_until > now() AS leased FROM schedule_run
           WHERE tenant = %(t)s AND schedule = %(n)s AND state IN ('queued', 'running')
           ORDER BY fire_at DESC LIMIT 1""",
        t=tenant, n=name,
    )  # fmt: skip


def newest(conn: Conn, tenant: str, name: str) -> Row | None:
    """The row of the latest fire time."""
    return one(
        conn,
        """SELECT fire_at, state, outcome, reason FROM schedule_run WHERE tenant = %(t)s AND schedule = %(n)s
           ORDER BY fire_at DESC LIMIT 1""",
        t=tenant, n=name,
    )  # fmt: skip


def queue(
    conn: Conn, tenant: str, name: str, fire_at: datetime, *, lane: str, by: str | None = None,
    counters: dict[str, Any] | None = None,
) -> bool:  # fmt: skip
    """Make a run. ``False`` when this fire time has a row already."""
    return bool(
        execute(
            conn,
            """INSERT INTO schedule_run (tenant, schedule, fire_at, lane, state, requested_by, counters)
               VALUES (%(t)s, %(n)s, %(at)s, %(lane)s, 'queued', %(by)s, %(counters)s) ON CONFLICT DO NOTHING""",
            t=tenant, n=name, at=fire_at, lane=lane, by=by, counters=Jsonb(counters) if counters else None,
        )
    )  # fmt: skip


def skip(
    conn: Conn, tenant: str, name: str, fire_at: datetime, *, reason: str, count: int = 1,
    first: datetime | None = None, now: datetime | None = None,
) -> bool:  # fmt: skip
    """Note fire times that make no run, and why."""
    counters = {"count": count, "first": (first or fire_at).isoformat()} if count > 1 else None
    return bool(
        execute(
            conn,
            """INSERT INTO schedule_run (tenant, schedule, fire_at, state, outcome, reason, finished_at, counters)
               VALUES (%(t)s, %(n)s, %(at)s, 'skipped', 'skipped', %(reason)s, coalesce(%(now)s, now()), %(counters)s)
               ON CONFLICT DO NOTHING""",
            t=tenant, n=name, at=fire_at, reason=reason, now=now, counters=Jsonb(counters) if counters else None,
        )
    )  # fmt: skip


def revive(conn: Conn, tenant: str, name: str, fire_at: datetime, *, lane: str) -> bool:
    """Make a run of a fire time that was skipped because the infobase could not be called."""
    return bool(
        execute(
            conn,
            """UPDATE schedule_run SET state = 'queued', outcome = NULL, finished_at = NULL, lane = %(lane)s,
                      counters = coalesce(counters, '{}') || jsonb_build_object('caught_up', true), reason = NULL
               WHERE tenant = %(t)s AND schedule = %(n)s AND fire_at = %(at)s AND state = 'skipped'""",
            t=tenant, n=name, at=fire_at, lane=lane,
        )
    )  # fmt: skip


def claim(
    conn: Conn, lease_seconds: float, *, full_lanes: list[str] | None = None, installation: bool = False,
    only: tuple[str, str, datetime] | None = None,
) -> Claim | None:  # fmt: skip
    """Take the next run: one at a time in each lane of a company, the oldest fire time first; lanes do not wait for
    each other. ``full_lanes``: words before the ``@`` for which this process has no thread left. ``only``: this run and
    no other.

    Claims wait for one another, so that two of them do not take two runs of one lane.
    """
    execute(conn, "SELECT pg_advisory_xact_lock(hashtextextended('schedule runs', 0))")
    lease = new_id()
    row = one(
        conn,
        """
        UPDATE schedule_run SET
               counters = CASE WHEN state = 'running' THEN coalesce(counters, '{}') || jsonb_build_object(
                   'takeovers', coalesce((counters->>'takeovers')::int, 0) + 1) ELSE counters END,
               state = 'running', worker_id = %(lease)s, lease_until = now() + make_interval(secs => %(seconds)s),
               started_at = coalesce(started_at, now())
        WHERE (tenant, schedule, fire_at) = (
            SELECT r.tenant, r.schedule, r.fire_at FROM schedule_run r
            WHERE r.state IN ('queued', 'running') AND (r.tenant = '') = %(installation)s
              AND (r.lease_until IS NULL OR r.lease_until < now())
              AND NOT split_part(r.lane, '@', 1) = ANY (%(full)s)
              AND (%(n)s::text IS NULL OR (r.tenant = %(t)s AND r.schedule = %(n)s AND r.fire_at = %(at)s))
              AND NOT EXISTS (
                  SELECT FROM schedule_run o
                  WHERE o.tenant = r.tenant AND o.lane = r.lane
                    AND (o.schedule, o.fire_at) <> (r.schedule, r.fire_at)
                    AND (o.state = 'running' OR (o.state = 'queued' AND r.state = 'queued' AND o.fire_at < r.fire_at
                         AND (o.lease_until IS NULL OR o.lease_until < now())))
              )
            ORDER BY r.fire_at FOR UPDATE SKIP LOCKED LIMIT 1
        )
        RETURNING tenant, schedule, fire_at, lane, worker_id AS lease_id, requested_by,
                  coalesce(counters, '{}') AS counters
        """,
        lease=lease, seconds=lease_seconds, full=full_lanes or [], installation=installation,
        t=only[0] if only else None, n=only[1] if only else None, at=only[2] if only else None,
    )  # fmt: skip
    return Claim(**{**row, "lane": row["lane"] or ""}) if row else None


_MINE: Final = """tenant = %(t)s AND schedule = %(n)s AND fire_at = %(at)s AND worker_id = %(lease)s
    AND state = 'running'"""


def _of(claim: Claim) -> dict[str, Any]:
    return {"t": claim.tenant, "n": claim.schedule, "at": claim.fire_at, "lease": claim.lease_id}


def heartbeat(conn: Conn, claim: Claim, lease_seconds: float, progress: dict[str, Any] | None = None) -> bool:
    """Keep the lease. ``False`` when another worker has the run now."""
    return bool(
        execute(
            conn,
            f"""UPDATE schedule_run SET lease_until = now() + make_interval(secs => %(seconds)s),
                       counters = coalesce(counters, '{{}}') || %(progress)s
                WHERE {_MINE}""",  # noqa: S608 - constants only
            seconds=lease_seconds, progress=Jsonb({"progress": progress} if progress else {}), **_of(claim),
        )
    )  # fmt: skip


def hold(conn: Conn, claim: Claim) -> bool:
    """Hold the run's row for the transaction that ends it. ``False`` when the lease was lost."""
    return one(conn, f"SELECT 1 AS x FROM schedule_run WHERE {_MINE} FOR UPDATE", **_of(claim)) is not None  # noqa: S608


def finish(
    conn: Conn, claim: Claim, outcome: str, *, reason: str | None = None, counters: dict[str, Any] | None = None
) -> bool:
    """End a run, guarded by the lease. ``False`` when it is no longer ours; nothing is changed then."""
    state = "skipped" if outcome == "skipped" else "done"
    return bool(
        execute(
            conn,
            f"""UPDATE schedule_run SET state = %(state)s, outcome = %(outcome)s, reason = %(reason)s,
                       counters = (coalesce(counters, '{{}}') - 'progress') || %(counters)s, finished_at = now(),
                       lease_until = NULL
                WHERE {_MINE}""",  # noqa: S608 - constants only
            state=state, outcome=outcome, reason=reason and reason[:500], counters=Jsonb(counters or {}), **_of(claim),
        )
    )  # fmt: skip


def give_back(conn: Conn, claim: Claim, *, delay: timedelta | None = None, reason: str | None = None) -> bool:
    """Give a run back to the queue: the worker stops, or it is tried again after ``delay``."""
    return bool(
        execute(
            conn,
            f"""UPDATE schedule_run SET state = 'queued', worker_id = NULL, reason = coalesce(%(reason)s, reason),
                       lease_until = now() + %(delay)s::interval, started_at = NULL,
                       counters = CASE WHEN %(delay)s::interval IS NULL THEN counters ELSE coalesce(counters, '{{}}')
                           || jsonb_build_object('retries', coalesce((counters->>'retries')::int, 0) + 1) END
                WHERE {_MINE}""",  # noqa: S608 - constants only
            delay=delay, reason=reason and reason[:500], **_of(claim),
        )
    )  # fmt: skip


def prune(conn: Conn, days: int) -> int:
    """Forget runs that ended long ago. The newest good one of every schedule stays: lateness is counted from it."""
    return execute(
        conn,
        """DELETE FROM schedule_run r
           WHERE r.fire_at < now() - make_interval(days => %(days)s) AND r.state IN ('done', 'skipped')
             AND NOT (r.outcome IN ('ok', 'partial') AND NOT EXISTS (
                 SELECT FROM schedule_run n WHERE n.tenant = r.tenant AND n.schedule = r.schedule
                   AND n.fire_at > r.fire_at AND n.outcome IN ('ok', 'partial')))""",
        days=days,
    )  # fmt: skip
