"""Pulls that 1C did not confirm: which order does it stumble over?

УТ 11 gives up a whole batch at the first order it cannot take and sends no ``success``. So, per infobase: after some
fruitless sessions in a row fewer orders are offered at once, oldest first, half as many each time, down to one; what
fails alone several times is held, and the next ones go. After a confirmation twice as many are offered.

A broken line looks the same. So one confirmation forgives everything, and what was held gets a second chance after the
next confirmation: as a suspect, in sessions that offer suspects only and take turns with the others. A suspect that
fails alone as often again stays held.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd.errors import RemoteError, SyncdError
from syncd.store.db import Conn, Row, every, execute, one


@dataclass(frozen=True, slots=True)
class Finding:
    """What a fruitless session told: an error for the journal, and the order's number and key when one is held."""

    error: SyncdError
    number: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many more orders a session may be offered, of which kind, and what was found out before."""

    limit: int
    suspects: bool
    findings: list[Finding]


def begin(
    conn: Conn, tenant: str, *, infobase_id: UUID, session_id: UUID, poison_after: int, most: int
) -> Allowance:  # fmt: skip
    """Called at every query, before orders are taken: judge the session before this one, and say how many may go.

    Holds the infobase's row until the end of the transaction, so that two queries at once judge one after the other.
    """
    execute(
        conn,
        """INSERT INTO exchange_pull (tenant, infobase_id) VALUES (%(t)s, %(i)s) ON CONFLICT DO NOTHING""",
        t=tenant, i=infobase_id,
    )  # fmt: skip
    pull = one(
        conn,
        """SELECT session_id, suspects, failures, batch_limit FROM exchange_pull
           WHERE tenant = %(t)s AND infobase_id = %(i)s FOR UPDATE""",
        t=tenant, i=infobase_id,
    )  # fmt: skip
    assert pull is not None
    offered = one(
        conn, "SELECT count(*) AS n FROM offering WHERE tenant = %(t)s AND session_id = %(s)s", t=tenant, s=session_id
    )
    already = int(offered["n"]) if offered else 0
    findings: list[Finding] = []
    limit, failures, suspects = pull["batch_limit"], pull["failures"], pull["suspects"]
    if pull["session_id"] != session_id and not already:  # a page of an older session that still asks judges nobody
        if pull["session_id"]:
            limit, failures, findings = _judge(conn, tenant, pull, poison_after)
        suspects = _turn_of_suspects(conn, tenant, infobase_id, had_it=suspects, healthy=failures == 0)
        execute(
            conn,
            """UPDATE exchange_pull SET session_id = %(s)s, suspects = %(suspects)s, failures = %(f)s,
                      batch_limit = %(limit)s, updated_at = now() WHERE tenant = %(t)s AND infobase_id = %(i)s""",
            t=tenant, i=infobase_id, s=session_id, suspects=suspects, f=failures, limit=limit,
        )  # fmt: skip
    return Allowance(most if limit is None else max(0, min(most, limit - already)), suspects, findings)


def _turn_of_suspects(conn: Conn, tenant: str, infobase_id: UUID, *, had_it: bool, healthy: bool) -> bool:
    """Whether the session is for suspects: when nobody else waits, or by turns while 1C confirms others."""
    rows = every(
        conn,
        """SELECT DISTINCT suspect FROM outbox
           WHERE tenant = %(t)s AND kind = 'order' AND state IN ('pending', 'waiting', 'sent', 'unconfirmed')
             AND state NOT IN ('acknowledged', 'cancelled', 'superseded')
             AND (infobase_id = %(i)s OR infobase_id IS NULL)""",
        t=tenant, i=infobase_id,
    )  # fmt: skip
    kinds = {row["suspect"] for row in rows}
    return kinds == {True} or (True in kinds and healthy and not had_it)


def _judge(conn: Conn, tenant: str, pull: Row, poison_after: int) -> tuple[int | None, int, list[Finding]]:
    """The session before this one ended without ``success``: the limit and the failures in a row from now on."""
    limit, failures = pull["batch_limit"], pull["failures"]
    offered = every(
        conn,
        """SELECT o.id, o.key, o.refusals, o.state = 'sent' AND o.session_id = f.session_id AS open
           FROM offering f JOIN outbox o ON o.tenant = f.tenant AND o.id = f.outbox_id
           WHERE f.tenant = %(t)s AND f.session_id = %(s)s""",
        t=tenant, s=pull["session_id"],
    )  # fmt: skip
    left = [row for row in offered if row["open"]]
    if not left:  # nothing was offered, or 1C showed in another way that it has all of them
        return limit, failures, []
    failures += 1
    if len(offered) == 1:
        return limit, failures, _alone(conn, tenant, left[0], poison_after)
    if limit is None and failures < poison_after:
        return None, failures, []
    findings = [Finding(RemoteError("E224", count=len(offered), times=failures))] if limit is None else []
    return max(1, len(offered) // 2), failures, findings


def _alone(conn: Conn, tenant: str, row: Row, poison_after: int) -> list[Finding]:
    """One order alone was not confirmed: that is noted; enough of it, and the order is held."""
    refusals = row["refusals"] + 1
    execute(
        conn,
        "UPDATE outbox SET refusals = %(n)s WHERE tenant = %(t)s AND id = %(id)s",
        t=tenant, id=row["id"], n=refusals,
    )  # fmt: skip
    if refusals < poison_after:
        return []
    numbered = one(
        conn, "SELECT exchange_number AS n FROM sales_order WHERE tenant = %(t)s AND id::text = %(k)s",
        t=tenant, k=row["key"],
    )  # fmt: skip
    number = str(numbered["n"]) if numbered else row["key"]
    error = RemoteError("E223", number=number, times=refusals)
    _hold(conn, tenant, row["id"], error)
    return [Finding(error, number, row["key"])]


def _hold(conn: Conn, tenant: str, outbox_id: UUID, error: SyncdError) -> None:
    execute(
        conn,
        """
        WITH held AS (
            UPDATE outbox SET state = 'held', error_code = %(code)s, error_params = %(params)s, updated_at = now()
            WHERE tenant = %(t)s AND id = %(id)s AND state = 'sent' RETURNING id, attempt
        )
        INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason)
        SELECT %(t)s, id, 'held', attempt, 'syncd', %(code)s FROM held
        """,
        t=tenant, id=outbox_id, code=error.code,
        params=Jsonb({name: str(value) for name, value in error.params.items()}),
    )  # fmt: skip


def confirmed(conn: Conn, tenant: str, *, infobase_id: UUID, session_id: UUID) -> int:
    """1C said ``success`` about orders it was offered. Returns how many held orders get another try by that."""
    pull = one(
        conn,
        """UPDATE exchange_pull SET failures = 0, batch_limit = batch_limit * 2, confirmed_at = now(),
                  session_id = nullif(session_id, %(s)s), updated_at = now()
           WHERE tenant = %(t)s AND infobase_id = %(i)s RETURNING batch_limit""",
        t=tenant, i=infobase_id, s=session_id,
    )  # fmt: skip
    if pull is None:
        return 0
    return len(
        every(
            conn,
            """
            WITH freed AS (
                UPDATE outbox SET state = 'pending', error_code = NULL, error_params = NULL, updated_at = now(),
                       suspect = true, refusals = 0
                WHERE tenant = %(t)s AND infobase_id = %(i)s AND state = 'held' AND error_code = 'E223' AND NOT suspect
                RETURNING id, attempt
            )
            INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason)
            SELECT %(t)s, id, 'pending', attempt, 'syncd', '1C confirmed others' FROM freed RETURNING 1 AS x
            """,
            t=tenant, i=infobase_id,
        )
    )  # fmt: skip


def waiting(conn: Conn, tenant: str, infobase_id: UUID, *, settle_seconds: float) -> bool:
    """Whether an order waits for this infobase. What it was offered lately is not a reason to call it again."""
    row = one(
        conn,
        """SELECT 1 AS x FROM outbox
           WHERE tenant = %(t)s AND kind = 'order' AND (infobase_id = %(i)s OR infobase_id IS NULL)
             AND (next_attempt_at IS NULL OR next_attempt_at <= now())
             AND (state IN ('pending', 'waiting', 'unconfirmed')
                  OR (state = 'sent' AND updated_at < now() - make_interval(secs => %(settle)s)))
             AND state NOT IN ('acknowledged', 'cancelled', 'superseded')
           LIMIT 1""",
        t=tenant, i=infobase_id, settle=settle_seconds,
    )  # fmt: skip
    return row is not None
