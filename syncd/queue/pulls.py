"""Pulls that 1C did not confirm: which order does it stumble over?

УТ 11 gives up a whole batch at the first order it cannot take and sends no ``success``. So, per infobase: after some
fruitless sessions in a row fewer orders are offered at once, oldest first, half as many each time, down to one. What
then fails alone becomes a suspect: suspects have sessions of their own, which take turns with those of the others while
1C confirms these. After a confirmation twice as many are offered. A suspect that failed alone several times is held.

A broken line looks the same. So one confirmation forgives everything; and what was held while 1C confirmed nothing
else gets a second chance after the next confirmation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd.errors import RemoteError, SyncdError
from syncd.store.db import Conn, Row, every, execute, one

_SUSPECT: Final = 1
_PROVEN: Final = 2  # 1C confirmed others right before it failed on this one: it stays held
_OPEN: Final = """endpoint_id IS NULL AND state IN ('pending', 'waiting', 'sent', 'unconfirmed')
    AND state NOT IN ('acknowledged', 'cancelled', 'superseded')"""  # the second line lets Postgres use the open index


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


@dataclass(slots=True)
class _Pull:
    """How pulling goes for one infobase. No ``batch_limit`` means as many as one answer holds."""

    session_id: UUID | None
    suspects: bool
    failures: int
    batch_limit: int | None
    suspect_limit: int


def begin(
    conn: Conn, tenant: str, *, infobase_id: UUID, session_id: UUID, poison_after: int, most: int
) -> Allowance:  # fmt: skip
    """Called at every query, before orders are taken: judge the session before this one, and say how many may go.

    Holds the infobase's row until the end of the transaction, so that two queries at once judge one after the other.
    """
    pull = _locked(conn, tenant, infobase_id)
    offered = one(
        conn, "SELECT count(*) AS n FROM offering WHERE tenant = %(t)s AND session_id = %(s)s", t=tenant, s=session_id
    )
    already = int(offered["n"]) if offered else 0
    findings: list[Finding] = []
    if pull.session_id != session_id and not already:  # a page of an older session that still asks judges nobody
        if pull.session_id:
            findings = _judge(conn, tenant, pull, poison_after)
        pull.suspects = _turn_of_suspects(conn, tenant, infobase_id, pull)
        execute(
            conn,
            """UPDATE exchange_pull SET session_id = %(s)s, suspects = %(suspects)s, failures = %(f)s,
                      batch_limit = %(limit)s, suspect_limit = %(suspect)s, updated_at = now()
               WHERE tenant = %(t)s AND infobase_id = %(i)s""",
            t=tenant, i=infobase_id, s=session_id, suspects=pull.suspects, f=pull.failures, limit=pull.batch_limit,
            suspect=pull.suspect_limit,
        )  # fmt: skip
    limit = pull.suspect_limit if pull.suspects else pull.batch_limit
    return Allowance(most if limit is None else max(0, min(most, limit - already)), pull.suspects, findings)


def _locked(conn: Conn, tenant: str, infobase_id: UUID) -> _Pull:
    execute(
        conn,
        "INSERT INTO exchange_pull (tenant, infobase_id) VALUES (%(t)s, %(i)s) ON CONFLICT DO NOTHING",
        t=tenant,
        i=infobase_id,
    )
    row = one(
        conn,
        """SELECT session_id, suspects, failures, batch_limit, suspect_limit FROM exchange_pull
           WHERE tenant = %(t)s AND infobase_id = %(i)s FOR UPDATE""",
        t=tenant, i=infobase_id,
    )  # fmt: skip
    assert row is not None
    return _Pull(**row)


def _turn_of_suspects(conn: Conn, tenant: str, infobase_id: UUID, pull: _Pull) -> bool:
    """Whether the session is for suspects: when nobody else waits, or by turns while 1C confirms others."""
    rows = every(
        conn,
        f"""SELECT DISTINCT suspicion > 0 AS suspect FROM outbox
            WHERE tenant = %(t)s AND kind = 'order' AND (infobase_id = %(i)s OR infobase_id IS NULL)
              AND (next_attempt_at IS NULL OR next_attempt_at <= now()) AND {_OPEN}""",  # noqa: S608 - constants only
        t=tenant, i=infobase_id,
    )  # fmt: skip
    kinds = {row["suspect"] for row in rows}
    return kinds == {True} or (True in kinds and pull.failures == 0 and not pull.suspects)


def _judge(conn: Conn, tenant: str, pull: _Pull, poison_after: int) -> list[Finding]:
    """The session before this one ended without ``success``: what follows for the limits, and for its orders."""
    offered = every(
        conn,
        """SELECT o.id, o.key, o.refusals, o.state = 'sent' AND o.session_id = f.session_id AS open
           FROM offering f JOIN outbox o ON o.tenant = f.tenant AND o.id = f.outbox_id
           WHERE f.tenant = %(t)s AND f.session_id = %(s)s""",
        t=tenant, s=pull.session_id,
    )  # fmt: skip
    left = [row for row in offered if row["open"]]
    if not left:  # nothing was offered, or 1C showed in another way that it has all of them
        return []
    healthy = pull.failures == 0
    pull.failures += 1
    half = max(1, len(offered) // 2)
    if len(offered) == 1:
        searching = pull.suspects or pull.batch_limit is not None
        return _alone(conn, tenant, left[0], poison_after, searching=searching, proven=pull.suspects and healthy)
    if pull.suspects:
        pull.suspect_limit = half
    elif pull.batch_limit is not None:
        pull.batch_limit = half
    elif pull.failures >= poison_after:
        pull.batch_limit = half
        return [Finding(RemoteError("E224", count=len(offered), times=pull.failures))]
    return []


def _alone(
    conn: Conn, tenant: str, row: Row, poison_after: int, *, searching: bool, proven: bool
) -> list[Finding]:  # fmt: skip
    """One order alone was not confirmed: while a culprit is searched it is a suspect; often enough, and it is held."""
    refusals = row["refusals"] + 1
    enough = refusals >= poison_after
    suspicion = _PROVEN if enough and proven else _SUSPECT if enough or searching else 0
    execute(
        conn,
        "UPDATE outbox SET refusals = %(n)s, suspicion = %(suspicion)s WHERE tenant = %(t)s AND id = %(id)s",
        t=tenant, id=row["id"], n=refusals, suspicion=suspicion,
    )  # fmt: skip
    if not enough:
        return []
    query = "SELECT exchange_number AS n FROM sales_order WHERE tenant = %(t)s AND id::text = %(k)s"
    numbered = one(conn, query, t=tenant, k=row["key"])
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


def confirmed(conn: Conn, tenant: str, *, infobase_id: UUID, session_id: UUID, most: int) -> int:
    """1C said ``success`` about orders it was offered: twice as many may go, all without limit from ``most`` on.

    Returns how many held orders get a second chance by that.
    """
    pull = _locked(conn, tenant, infobase_id)
    of_suspects = pull.suspects and pull.session_id == session_id
    batch = pull.batch_limit
    if batch is not None and not of_suspects:
        batch = batch * 2 if batch * 2 < most else None
    execute(
        conn,
        """UPDATE exchange_pull SET failures = 0, batch_limit = %(batch)s, suspect_limit = %(suspect)s,
                  confirmed_at = now(), session_id = nullif(session_id, %(s)s), updated_at = now()
           WHERE tenant = %(t)s AND infobase_id = %(i)s""",
        t=tenant, i=infobase_id, s=session_id, batch=batch,
        suspect=min(most, pull.suspect_limit * 2) if of_suspects else pull.suspect_limit,
    )  # fmt: skip
    freed = every(
        conn,
        """
        WITH freed AS (
            UPDATE outbox SET state = 'pending', error_code = NULL, error_params = NULL, updated_at = now(),
                   refusals = 0
            WHERE tenant = %(t)s AND infobase_id = %(i)s AND state = 'held' AND error_code = 'E223'
              AND suspicion = %(suspect)s
            RETURNING id, attempt
        )
        INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason)
        SELECT %(t)s, id, 'pending', attempt, 'syncd', '1C confirmed others' FROM freed RETURNING 1 AS x
        """,
        t=tenant, i=infobase_id, suspect=_SUSPECT,
    )  # fmt: skip
    return len(freed)


def waiting(conn: Conn, tenant: str, infobase_id: UUID, *, settle_seconds: float) -> bool:
    """Whether an order waits for this infobase. What it was offered lately is not a reason to call it again."""
    row = one(
        conn,
        f"""SELECT 1 AS x FROM outbox
            WHERE tenant = %(t)s AND kind = 'order' AND (infobase_id = %(i)s OR infobase_id IS NULL)
              AND (next_attempt_at IS NULL OR next_attempt_at <= now()) AND {_OPEN}
              AND (state <> 'sent' OR updated_at < now() - make_interval(secs => %(settle)s))
            LIMIT 1""",  # noqa: S608 - constants only
        t=tenant, i=infobase_id, settle=settle_seconds,
    )  # fmt: skip
    return row is not None
