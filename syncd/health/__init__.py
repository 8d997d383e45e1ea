"""How the service is: what waits, how old it is, who is alive."""

from __future__ import annotations

from typing import Any, Final

from syncd import journal
from syncd.health import standing
from syncd.queue import view
from syncd.store import endpoints, packages, runs
from syncd.store.db import Conn, every, one

ALIVE_SECONDS: Final = 15
"""A worker that was not seen for so long counts as gone."""
_SHOWN: Final = (
    "name", "dialect", "seen_at", "called", "state", "since", "failing", "latency_ms", "error_code", "checked_at",
    "paused", "paused_until", "pause_reason",
)  # fmt: skip
FAILURE_HOURS: Final = 24
"""How far back the overview looks for failures."""


def workers(conn: Conn) -> int:
    """Workers seen lately, over all hosts."""
    row = one(
        conn,
        "SELECT count(*) AS n FROM worker WHERE seen_at > now() - make_interval(secs => %(s)s)",
        s=ALIVE_SECONDS,
    )
    return int(row["n"]) if row else 0


def snapshot(conn: Conn) -> dict[str, Any]:
    """Open messages by state, the age in seconds of the oldest, and open packages, per tenant; and the workers
    alive.
    """
    tenants: dict[str, dict[str, Any]] = {}
    for row in every(
        conn,
        """SELECT tenant, state, count(*) AS n, extract(epoch FROM now() - min(created_at))::float AS oldest
           FROM outbox WHERE state NOT IN ('acknowledged', 'cancelled', 'superseded') GROUP BY tenant, state""",
    ):
        found = _tenant(tenants, row["tenant"])
        found["outbox"][row["state"]] = row["n"]
        found["oldest_seconds"] = max(found["oldest_seconds"], row["oldest"])
    for row in every(
        conn, "SELECT tenant, count(*) AS n FROM package WHERE state IN ('queued', 'importing') GROUP BY tenant"
    ):
        _tenant(tenants, row["tenant"])["packages"] = row["n"]
    for row in runs.held(conn):
        _tenant(tenants, row["tenant"])["removals_held"] += 1
    return {"tenants": tenants, "workers": workers(conn)}


def _tenant(tenants: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    return tenants.setdefault(name, {"outbox": {}, "oldest_seconds": 0.0, "packages": 0, "removals_held": 0})


def overview(conn: Conn, tenant: str) -> dict[str, Any]:
    """What one screen says of a company: who lives, what is on its way and imported, how old data is, what fails."""
    return {
        "workers": every(
            conn,
            """SELECT id, role, host, pid, started_at, seen_at FROM worker
               WHERE seen_at > now() - make_interval(secs => %(s)s) ORDER BY started_at""",
            s=ALIVE_SECONDS,
        ),
        "infobases": [
            {name: row[name] for name in _SHOWN} | {"message": standing.error_text(row)}
            for row in standing.every_infobase(conn, tenant)
        ],
        "endpoints": [endpoints.shown(each) | endpoints.counts(conn, each) for each in endpoints.every(conn, tenant)],
        "outbox": view.summary(conn, tenant),
        "packages": packages.opened(conn, tenant),
        "packages_open": packages.count_opened(conn, tenant),
        "removals_held": [
            {
                "id": row["id"], "kind": row["kind"], "catalogue_id": row["catalogue_id"], "infobase": row["infobase"],
                "absent": row["absent"], "total": row["total"], "since": row["ended_at"],
            }
            for row in runs.held(conn, tenant)
        ],
        "freshness": packages.freshness(conn, tenant),
        "failures": [
            {
                "code": row["code"], "message": journal.error_text(row), "owner": row["owner"], "count": row["count"],
                "last_at": row["last_at"], "id": row["id"],
            }
            for row in journal.failures(conn, tenant, hours=FAILURE_HOURS)
        ],
    }  # fmt: skip
