"""What the scheduler does by the clock: history that has served its time goes, open work never does."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from syncd import journal
from syncd.schedule import Job
from syncd.store import access, runs
from syncd.store.db import Conn, execute
from syncd.sync.context import Context

IDEMPOTENCY_DAYS: Final = 7
"""How long a repeated request is known as one; a day is the least that clients may rely on."""


def jobs(ctx: Context) -> list[Job]:
    """All jobs of this installation."""
    return [Job("housekeeping", timedelta(hours=1), lambda: _house(ctx))]


def _house(ctx: Context) -> str:
    keep = ctx.settings.journal.keep_days
    with ctx.db.transaction() as conn:
        gone = {
            "journal": journal.prune(conn, keep),
            "sessions": access.prune_sessions(conn),
            "packages": _packages(conn, keep),
            "runs of exports": runs.prune(conn, keep),
            "uploads": _uploads(conn, keep),
            "idempotency keys": execute(
                conn,
                "DELETE FROM idempotency WHERE created_at < now() - make_interval(days => %(d)s)",
                d=IDEMPOTENCY_DAYS,
            ),
            "schedule runs": execute(conn, "DELETE FROM schedule_run WHERE fire_at < now() - interval '30 days'"),
        }
    return ", ".join(f"{name}: {number}" for name, number in gone.items() if number) or "nothing to remove"


def _packages(conn: Conn, keep_days: int) -> int:
    return execute(
        conn,
        """DELETE FROM package WHERE state IN ('done', 'failed')
             AND finished_at < now() - make_interval(days => %(d)s)""",
        d=keep_days,
    )


def _uploads(conn: Conn, keep_days: int) -> int:
    """Files no package needs: begun anew a day ago, or as old as the journal's memory. The newest picture of every path
    stays, and with it the archive it lies in; those that came before it go a day later.
    """
    return execute(
        conn,
        """DELETE FROM upload u
           WHERE (u.state = 'replaced' AND u.updated_at < now() - interval '1 day'
                  OR u.state = 'taken' AND u.updated_at < now() - make_interval(days => %(d)s)
                  OR u.state = 'open' AND u.format = 'other' AND u.updated_at < now() - interval '1 day' AND EXISTS (
                      SELECT FROM upload n JOIN picture p ON p.tenant = n.tenant AND p.upload_id = n.id
                      WHERE n.tenant = u.tenant AND n.name = u.name AND n.seq > u.seq))
             AND NOT EXISTS (SELECT FROM picture p WHERE p.tenant = u.tenant AND p.upload_id = u.id)
             AND NOT EXISTS (SELECT FROM package_file f WHERE f.tenant = u.tenant AND f.upload_id = u.id)""",
        d=keep_days,
    )
