"""How the service is: what waits, how old it is, who is alive."""

from __future__ import annotations

from typing import Any, Final

from syncd import issues, journal
from syncd.health import standing
from syncd.queue import view
from syncd.queue.claims import OPEN_GATE
from syncd.store import endpoints, packages, runs
from syncd.store.db import Conn, Row, every, one

ALIVE_SECONDS: Final = 15
"""A worker that was not seen for so long counts as gone."""
_SHOWN: Final = (
    "name", "dialect", "seen_at", "called", "state", "since", "failing", "latency_ms", "error_code", "checked_at",
    "paused", "paused_until", "pause_reason",
)  # fmt: skip
FAILURE_HOURS: Final = 24
"""How far back the overview looks for failures."""
ISSUES: Final = 5
"""How many issues the overview names."""


def workers(conn: Conn) -> int:
    """Workers seen lately, over all hosts."""
    row = one(
        conn,
        "SELECT count(*) AS n FROM worker WHERE seen_at > now() - make_interval(secs => %(s)s)",
        s=ALIVE_SECONDS,
    )
    return int(row["n"]) if row else 0


def snapshot(conn: Conn) -> dict[str, Any]:
    """Of each tenant: open orders by state and the age in seconds of the oldest, the same of events, open packages,
    removals that wait for a person. And the workers alive, the states of infobases we call, the gates of endpoints.
    """
    tenants: dict[str, dict[str, Any]] = {}
    for row in every(
        conn,
        """SELECT tenant, kind = 'order' AS is_order, state, count(*) AS n,
                  extract(epoch FROM now() - min(created_at))::float AS oldest
           FROM outbox WHERE state NOT IN ('acknowledged', 'cancelled', 'superseded') GROUP BY 1, 2, 3""",
    ):
        found = _tenant(tenants, row["tenant"])
        counted, oldest = ("outbox", "oldest_seconds") if row["is_order"] else ("events", "oldest_event_seconds")
        found[counted][row["state"]] = row["n"]
        found[oldest] = max(found[oldest], row["oldest"])
    for row in every(
        conn, "SELECT tenant, count(*) AS n FROM package WHERE state IN ('queued', 'importing') GROUP BY tenant"
    ):
        _tenant(tenants, row["tenant"])["packages"] = row["n"]
    for row in runs.held(conn):
        _tenant(tenants, row["tenant"])["removals_held"] += 1
    for row in every(conn, "SELECT DISTINCT tenant FROM infobase UNION SELECT DISTINCT tenant FROM endpoint"):
        _tenant(tenants, row["tenant"])  # zeros of a company where nothing waits: an alarm must see it end
    return {"tenants": tenants, "workers": workers(conn), "infobases": standing.called(conn), "gates": gates(conn)}


def _tenant(tenants: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    return tenants.setdefault(
        name,
        {"outbox": {}, "oldest_seconds": 0.0, "events": {}, "oldest_event_seconds": 0.0, "packages": 0,
         "removals_held": 0},
    )  # fmt: skip


def gates(conn: Conn) -> list[Row]:
    """Of every endpoint whether messages go there: ``tenant``, ``name``, ``closed`` (by a person, by the health of its
    infobase, by the breaker, or because the target asked for peace).
    """
    return every(
        conn,
        f"""SELECT e.tenant, e.name, ({OPEN_GATE}) IS NOT TRUE AS closed FROM endpoint e
            LEFT JOIN infobase i ON i.tenant = e.tenant AND i.id = e.infobase_id
            LEFT JOIN infobase_health h ON h.tenant = e.tenant AND h.infobase_id = e.infobase_id
            ORDER BY e.tenant, e.name""",  # noqa: S608 - constants only
    )


def takes_orders(conn: Conn) -> bool:
    """Whether an order can be written: a standby, or a server set to read only, answers and takes nothing."""
    row = one(conn, "SELECT current_setting('transaction_read_only') = 'off' AND NOT pg_is_in_recovery() AS ok")
    return bool(row and row["ok"])


def overview(conn: Conn, tenant: str) -> dict[str, Any]:
    """What one screen says of a company: who lives, what is on its way and imported, how old data is, what fails."""
    unresolved = issues.unresolved_by_code(conn, tenant)
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
        "events": view.events(conn, tenant),
        "issues": [
            {
                "id": row["id"], "code": row["code"], "message": journal.error_text(row), "owner": row["owner"],
                "kind": row["kind"], "count": row["count"], "unresolved": row["unresolved"], "stuck": row["stuck"],
                "last_at": row["last_at"], "assigned_to": row["assigned_to"],
            }
            for row in issues.pressing(conn, tenant, hours=FAILURE_HOURS, limit=ISSUES)
        ],
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
                "last_at": row["last_at"], "id": row["id"], "unresolved": unresolved.get(row["code"], 0),
            }
            for row in journal.failures(conn, tenant, hours=FAILURE_HOURS)
        ],
    }  # fmt: skip
