"""What the scheduler does by the clock: history that has served its time goes, open work never does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from syncd import issues, journal
from syncd.schedules import rows
from syncd.schedules.scheduler import Beat, Job
from syncd.store import access, partitions, runs
from syncd.store.db import Conn, execute
from syncd.sync import subordinates
from syncd.sync.context import Context

IDEMPOTENCY_DAYS: Final = 7
"""How long a repeated request is known as one; a day is the least that clients may rely on."""
RUN_DAYS: Final = 30
"""How long the history of schedules is kept."""


MESSAGES_AT_ONCE: Final = 50_000


def jobs(ctx: Context) -> list[Job]:
    """All jobs of this installation."""
    return [Job("housekeeping", timedelta(hours=1), lambda beat: _house(ctx, beat))]


def _house(ctx: Context, beat: Beat) -> str:
    """One transaction for each kind of history, so that none of them holds back the vacuum of the others."""
    keep = ctx.settings.journal.keep_days
    tasks: dict[str, Callable[[Conn], int]] = {
        "weeks made ready": lambda conn: partitions.ensure(conn, datetime.now(UTC)),
        "weeks of history": lambda conn: partitions.drop_old(conn, keep, datetime.now(UTC)),
        "journal": lambda conn: journal.prune(conn, keep),
        "changes of messages": _changes,
        "sessions": access.prune_sessions,
        "packages": lambda conn: _packages(conn, keep),
        "runs of exports": lambda conn: runs.prune(conn, keep),
        "payments and shipments without an order": lambda conn: subordinates.prune(conn, keep),
        "uploads": lambda conn: _uploads(conn, keep),
        "idempotency keys": _idempotency,
        "schedule runs": lambda conn: rows.prune(conn, RUN_DAYS),
        "batches": lambda conn: _batches(conn, keep),
        "issues": lambda conn: issues.prune(conn, keep),
    }
    gone = {"messages": _all_messages(ctx, keep, beat)}
    for name, remove in tasks.items():
        beat()
        with ctx.db.transaction() as conn:
            gone[name] = remove(conn)
    return ", ".join(f"{name}: {number}" for name, number in gone.items() if number) or "nothing to remove"


def _all_messages(ctx: Context, keep_days: int, beat: Beat) -> int:
    """As many as there are, some at a time: no transaction lasts long, however busy the shop was."""
    gone = 0
    while True:
        beat()
        with ctx.db.transaction() as conn:
            more = _messages(conn, keep_days)
        gone += more
        if more < MESSAGES_AT_ONCE:
            return gone


def _messages(conn: Conn, keep_days: int) -> int:
    """Finished ones; what is open stays, however old it is. Their order or event may be gone: it was delivered."""
    return execute(
        conn,
        """DELETE FROM outbox WHERE (tenant, id) IN (
               SELECT tenant, id FROM outbox
               WHERE state IN ('acknowledged', 'cancelled', 'superseded')
                 AND id < %(bound)s AND updated_at < now() - make_interval(days => %(d)s) LIMIT %(most)s)""",
        d=keep_days, most=MESSAGES_AT_ONCE, bound=partitions.floor_of(datetime.now(UTC) - timedelta(days=keep_days)),
    )  # fmt: skip


def _changes(conn: Conn) -> int:
    """Histories outside the weekly parts whose message is gone."""
    return execute(
        conn,
        """DELETE FROM outbox_change_default c
           WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.tenant = c.tenant AND o.id = c.outbox_id)""",
    )


def _idempotency(conn: Conn) -> int:
    return execute(
        conn,
        "DELETE FROM idempotency WHERE created_at < now() - make_interval(days => %(d)s)",
        d=IDEMPOTENCY_DAYS,
    )


def _batches(conn: Conn, keep_days: int) -> int:
    return execute(
        conn,
        """DELETE FROM batch WHERE state IN ('done', 'cancelled')
             AND finished_at < now() - make_interval(days => %(d)s)""",
        d=keep_days,
    )


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
