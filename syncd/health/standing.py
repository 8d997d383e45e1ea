"""How each infobase is, as kept in Postgres: written by pings, read by the claim, the CLI and the console.

An infobase that we do not call has no row: its state is unknown, and what is known of it is when it last came.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd import journal
from syncd.adapters.ports import Ping
from syncd.config import Health
from syncd.errors import CATALOGUE
from syncd.health.hysteresis import CLOSED, FLAP_MINUTES, Standing, State, pause, step
from syncd.journal import Entry, Outcome
from syncd.queue.events import EventName, emit
from syncd.store.db import Conn, Row, every, execute, one

_EVENTS: Final[dict[State, EventName]] = {
    "up": "infobase.up", "down": "infobase.down", "maintenance": "infobase.maintenance",
}  # fmt: skip


def record(conn: Conn, tenant: str, infobase_id: UUID, ping: Ping, limits: Health) -> State:
    """Write what a ping saw, and say when to ask again. A change of state is a row of its history, a row of the
    journal, and an event, all in the caller's transaction. Returns the state.
    """
    execute(
        conn,
        "INSERT INTO infobase_health (tenant, infobase_id) VALUES (%(t)s, %(i)s) ON CONFLICT DO NOTHING",
        t=tenant, i=infobase_id,
    )  # fmt: skip
    row = one(
        conn,
        f"""SELECT h.state, h.good, h.bad, h.since, i.name,
                   (SELECT count(*) FROM infobase_health_change c WHERE c.tenant = h.tenant
                      AND c.infobase_id = h.infobase_id AND c.at > now() - interval '{FLAP_MINUTES} minutes') AS flaps
            FROM infobase_health h LEFT JOIN infobase i ON i.tenant = h.tenant AND i.id = h.infobase_id
            WHERE h.tenant = %(t)s AND h.infobase_id = %(i)s FOR UPDATE OF h""",  # noqa: S608 - constants only
        t=tenant, i=infobase_id,
    )  # fmt: skip
    assert row is not None
    before = Standing(row["state"], row["good"], row["bad"])
    after = step(before, ping, row["flaps"], limits)
    changed = after.state != before.state
    error = ping.error
    execute(
        conn,
        """UPDATE infobase_health SET state = %(state)s, good = %(good)s, bad = %(bad)s, failing = %(failing)s,
                  latency_ms = %(latency)s, error_code = %(code)s, error_params = %(params)s, checked_at = now(),
                  next_ping_at = now() + make_interval(secs => %(pause)s),
                  since = CASE WHEN %(changed)s THEN now() ELSE since END,
                  recovered_at = CASE WHEN %(recovered)s THEN now() ELSE recovered_at END
           WHERE tenant = %(t)s AND infobase_id = %(i)s""",
        t=tenant, i=infobase_id, state=after.state, good=after.good, bad=after.bad, failing=ping.failing,
        latency=ping.latency_ms, code=error.code if error else None, params=_params(ping), changed=changed,
        pause=pause(after, ping, limits), recovered=before.state in CLOSED and after.state not in CLOSED,
    )  # fmt: skip
    if changed:
        _tell(conn, tenant, infobase_id, row, after.state, ping)
    return after.state


def _params(ping: Ping) -> Jsonb | None:
    return Jsonb({name: str(value) for name, value in ping.error.params.items()}) if ping.error else None


def _tell(conn: Conn, tenant: str, infobase_id: UUID, before: Row, state: State, ping: Ping) -> None:
    error = ping.error
    change = one(
        conn,
        """INSERT INTO infobase_health_change
               (tenant, infobase_id, state, failing, latency_ms, error_code, error_params)
           VALUES (%(t)s, %(i)s, %(state)s, %(failing)s, %(latency)s, %(code)s, %(params)s) RETURNING seq""",
        t=tenant, i=infobase_id, state=state, failing=ping.failing, latency=ping.latency_ms,
        code=error.code if error else None, params=_params(ping),
    )  # fmt: skip
    assert change is not None
    outcome: Outcome = "failed" if state in CLOSED else "ok"
    journal.write(
        conn,
        tenant,
        Entry(
            "health", "out", outcome, f"{before['name'] or infobase_id}: {before['state']} -> {state}",
            infobase_id=infobase_id, error=error if state in CLOSED else None, entity="infobase", key=str(infobase_id),
            counters={"latency_ms": round(ping.latency_ms)},
        ),
    )  # fmt: skip
    started = before["state"] == "unknown" and state == "up"
    woke = before["state"] not in CLOSED and state in {"up", "degraded"}
    name = _EVENTS.get("up" if state == "degraded" else state)
    if name is None or started or woke:  # slow or quick again is shown, and wakes nobody
        return
    data: dict[str, Any] = {
        "infobase": before["name"], "infobase_id": infobase_id, "state": state, "was": before["state"],
        "since": before["since"], "failing": ping.failing, "latency_ms": round(ping.latency_ms),
    }  # fmt: skip
    if error:
        data |= {"code": error.code, "message": error.text(), "owner": error.owner}
    emit(conn, tenant, name, str(infobase_id), data, dedupe=str(change["seq"]))


LEASE_SECONDS: Final = 30.0
"""How much longer than its timeout a ping may take before another worker asks instead."""


def soon(conn: Conn, tenant: str, infobase_id: UUID, limits: Health) -> None:
    """Ask at the next opportunity: a delivery just failed. Not while the base is locked or refused our login, not when
    it was asked a moment ago, and not while it is being asked (its next time then lies beyond the longest ping).
    """
    execute(
        conn,
        """UPDATE infobase_health SET next_ping_at = now() WHERE tenant = %(t)s AND infobase_id = %(i)s
             AND next_ping_at > now() AND state <> 'maintenance' AND failing IS DISTINCT FROM 'login'
             AND checked_at < now() - interval '5 seconds'
             AND next_ping_at <= checked_at + make_interval(secs => %(lease)s)""",
        t=tenant, i=infobase_id, lease=limits.timeout_seconds + LEASE_SECONDS,
    )  # fmt: skip


# --- reading ----------------------------------------------------------------------------------------------------------

_SELECT: Final = """
    SELECT i.id, i.name, i.login, i.dialect, i.zone, i.orders_mapping ->> 'file' AS orders_mapping, i.created_at,
           i.seen_at,
           i.paused_at IS NOT NULL AND (i.paused_until IS NULL OR i.paused_until > now()) AS paused,
           i.paused_until, i.pause_reason, i.paused_by,
           EXISTS (SELECT FROM endpoint e WHERE e.tenant = i.tenant AND e.infobase_id = i.id) AS called,
           coalesce(h.state, 'unknown') AS state, h.since, h.failing, h.latency_ms, h.error_code, h.error_params,
           h.checked_at, h.next_ping_at, h.recovered_at, h.good, h.bad
    FROM infobase i LEFT JOIN infobase_health h ON h.tenant = i.tenant AND h.infobase_id = i.id
"""


def every_infobase(conn: Conn, tenant: str) -> list[Row]:
    """All infobases of a tenant with how they are; ``called``: we call it, else it calls us."""
    return every(conn, _SELECT + "WHERE i.tenant = %(t)s ORDER BY i.name", t=tenant)


def called(conn: Conn) -> list[Row]:
    """The infobases of all tenants that we call: ``tenant``, ``name``, ``state``."""
    return every(
        conn,
        """SELECT i.tenant, i.name, coalesce(h.state, 'unknown') AS state FROM infobase i
           LEFT JOIN infobase_health h ON h.tenant = i.tenant AND h.infobase_id = i.id
           WHERE EXISTS (SELECT FROM endpoint e WHERE e.tenant = i.tenant AND e.infobase_id = i.id)
           ORDER BY i.tenant, i.name""",
    )


def infobase(conn: Conn, tenant: str, name: str) -> Row | None:
    """One of them."""
    return one(conn, _SELECT + "WHERE i.tenant = %(t)s AND i.name = %(n)s", t=tenant, n=name)


def history(conn: Conn, tenant: str, infobase_id: UUID, limit: int = 20) -> list[Row]:
    """Its changes of state, newest first, with the seconds each lasted (of the newest: so far)."""
    return every(
        conn,
        """SELECT at, state, failing, latency_ms, error_code, error_params,
                  extract(epoch FROM coalesce(lag(at) OVER (ORDER BY seq DESC), now()) - at)::float AS seconds
           FROM infobase_health_change WHERE tenant = %(t)s AND infobase_id = %(i)s
           ORDER BY seq DESC LIMIT %(limit)s""",
        t=tenant, i=infobase_id, limit=limit,
    )  # fmt: skip


def error_text(row: Row) -> str:
    """What failed, in the language in force; empty when nothing did."""
    code = row["error_code"]
    return CATALOGUE[code].render(row["error_params"] or {}) if code in CATALOGUE else str(code or "")


def pause_infobase(conn: Conn, tenant: str, name: str, *, seconds: float | None, reason: str, by: str) -> bool:
    """Deliver nothing into this base, for so long or until it is resumed. It may still call us."""
    return bool(
        execute(
            conn,
            """UPDATE infobase SET paused_at = now(), paused_until = now() + make_interval(secs => %(s)s::float),
                      pause_reason = %(reason)s, paused_by = %(by)s WHERE tenant = %(t)s AND name = %(n)s""",
            t=tenant, n=name, s=seconds, reason=reason, by=by,
        )
    )  # fmt: skip


def resume_infobase(conn: Conn, tenant: str, name: str) -> bool:
    """End the pause."""
    return bool(
        execute(
            conn,
            """UPDATE infobase SET paused_at = NULL, paused_until = NULL, pause_reason = NULL, paused_by = NULL
               WHERE tenant = %(t)s AND name = %(n)s""",
            t=tenant, n=name,
        )
    )  # fmt: skip
