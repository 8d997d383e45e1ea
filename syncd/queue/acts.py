"""What people do with messages: send again, cancel, hold, release, close by hand, bind elsewhere. Every act is recorded
with who did it and why, and asks the message's state and lease first: what a worker has in its hands is left to it.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd.store.db import Conn, every, one

RETRYABLE: Final = ("waiting", "unconfirmed", "rejected", "held", "sent", "cancelled")
"""What a person may send again without more ado; ``acknowledged`` only by force."""
CANCELLABLE: Final = ("pending", "waiting", "unconfirmed", "rejected", "held", "sent")
HOLDABLE: Final = ("pending", "waiting")


def retry(
    conn: Conn, tenant: str, outbox_id: UUID, *, by: str, reason: str, force: bool = False, priority: int = 0,
    batch_id: UUID | None = None,
) -> bool:  # fmt: skip
    """A person starts a new series of attempts. ``False`` when the message is not in a state to be retried.

    A message whose outcome is unknown is looked up first all the same, also when it was cancelled as such. ``force``
    allows it for what 1C has confirmed too: 1C is given the order again and finds its own document by the number. With
    ``priority`` 1 it goes behind live traffic.
    """
    states = [*RETRYABLE, "acknowledged"] if force else list(RETRYABLE)
    row = one(
        conn,
        """
        WITH again AS (
            UPDATE outbox
            SET state = CASE WHEN endpoint_id IS NULL THEN 'pending'
                             WHEN state IN ('unconfirmed', 'sent') OR (state = 'cancelled' AND EXISTS (
                                 SELECT FROM outbox_change c
                                 WHERE c.tenant = outbox.tenant AND c.outbox_id = outbox.id
                                   AND c.state IN ('unconfirmed', 'sent'))) THEN 'unconfirmed'
                             ELSE 'waiting' END,
                next_attempt_at = CASE WHEN endpoint_id IS NOT NULL THEN now() END,
                attempt = 0, series = series + 1, looks = 0, error_code = NULL, error_params = NULL,
                acknowledged_at = NULL, updated_at = now(), refusals = 0, suspicion = 0,
                priority = %(priority)s, batch_id = %(batch)s
            WHERE tenant = %(t)s AND id = %(id)s AND state = ANY(%(states)s) AND lease_id IS NULL
            RETURNING id, state
        ), forgotten AS (
            DELETE FROM offering f USING again WHERE f.tenant = %(t)s AND f.outbox_id = again.id
        )
        INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason)
        SELECT %(t)s, id, state, 0, %(by)s, %(reason)s FROM again RETURNING 1 AS x
        """,
        t=tenant, id=outbox_id, states=states, by=by, reason=reason, priority=priority, batch=batch_id,
    )  # fmt: skip
    return row is not None


def cancel(conn: Conn, tenant: str, outbox_id: UUID, *, by: str, reason: str, batch_id: UUID | None = None) -> bool:
    """It shall not be sent any more. ``False`` when it is finished, or in a worker's hands right now. Of an unconfirmed
    one 1C may have the document already: look there.
    """
    return _set(conn, tenant, outbox_id, "cancelled", CANCELLABLE, by=by, reason=reason, batch_id=batch_id)


def hold(conn: Conn, tenant: str, outbox_id: UUID, *, by: str, reason: str, batch_id: UUID | None = None) -> bool:
    """Keep it until somebody releases it."""
    return _set(conn, tenant, outbox_id, "held", HOLDABLE, by=by, reason=reason, batch_id=batch_id)


def release(conn: Conn, tenant: str, outbox_id: UUID, *, by: str, reason: str, batch_id: UUID | None = None) -> bool:
    """Let a held one go, as a new series of attempts."""
    row = one(
        conn, "SELECT state FROM outbox WHERE tenant = %(t)s AND id = %(id)s FOR UPDATE", t=tenant, id=outbox_id
    )  # fmt: skip
    if row is None or row["state"] != "held":
        return False
    return retry(conn, tenant, outbox_id, by=by, reason=reason, batch_id=batch_id)


def resolve(conn: Conn, tenant: str, outbox_id: UUID, *, by: str, reason: str, number: str | None = None) -> bool:
    """Close it by hand: a person saw that 1C has the document. ``number``: 1C's own, kept in the receipt."""
    receipt = {"number": number} if number else None
    return _set(
        conn, tenant, outbox_id, "acknowledged", CANCELLABLE, by=by, reason=reason, receipt=receipt,
    )  # fmt: skip


def _set(
    conn: Conn, tenant: str, outbox_id: UUID, state: str, allowed: tuple[str, ...], *, by: str, reason: str,
    batch_id: UUID | None = None, receipt: dict[str, str] | None = None,
) -> bool:  # fmt: skip
    row = one(
        conn,
        """
        WITH changed AS (
            UPDATE outbox SET state = %(state)s, next_attempt_at = NULL, updated_at = now(),
                   batch_id = coalesce(%(batch)s, batch_id), receipt = coalesce(%(receipt)s, receipt),
                   acknowledged_at = CASE WHEN %(state)s = 'acknowledged' THEN now() END
            WHERE tenant = %(t)s AND id = %(id)s AND state = ANY(%(allowed)s) AND lease_id IS NULL
            RETURNING id, attempt
        )
        INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason)
        SELECT %(t)s, id, %(state)s, attempt, %(by)s, %(reason)s FROM changed RETURNING 1 AS x
        """,
        t=tenant, id=outbox_id, state=state, allowed=list(allowed), by=by, reason=reason, batch=batch_id,
        receipt=Jsonb(receipt) if receipt else None,
    )  # fmt: skip
    return row is not None


def bound(conn: Conn, tenant: str, infobase_id: UUID) -> int:
    """How many open messages belong to one infobase: no other will be offered them."""
    row = one(
        conn,
        """SELECT count(*) AS n FROM outbox WHERE tenant = %(t)s AND infobase_id = %(i)s
             AND state NOT IN ('acknowledged', 'cancelled', 'superseded')""",
        t=tenant, i=infobase_id,
    )  # fmt: skip
    return int(row["n"]) if row else 0


def unbind(conn: Conn, tenant: str, infobase_id: UUID, *, by: str, reason: str) -> int:
    """Give the open messages of an infobase to whichever asks next. Returns how many there were."""
    return len(
        every(
            conn,
            """
            WITH freed AS (
                UPDATE outbox SET infobase_id = NULL, updated_at = now()
                WHERE tenant = %(t)s AND infobase_id = %(i)s
                  AND state NOT IN ('acknowledged', 'cancelled', 'superseded')
                RETURNING id, state, attempt
            )
            INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason)
            SELECT %(t)s, id, state, attempt, %(by)s, %(reason)s FROM freed RETURNING 1 AS x
            """,
            t=tenant, i=infobase_id, by=by, reason=reason,
        )
    )  # fmt: skip
