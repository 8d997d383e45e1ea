"""Looking at the outbox: listings, one message's history, counts."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from syncd.store.db import Conn, Row, every, one

OPEN_STATES: Final = ("pending", "sending", "sent", "waiting", "unconfirmed", "rejected", "held")

_COLUMNS: Final = """
    o.id, o.seq, o.kind, o.key, o.revision_no, o.state, o.attempt, o.next_attempt_at, o.error_code, o.error_params,
    o.created_at, o.updated_at, o.sent_at, o.acknowledged_at, o.session_id, o.series, o.looks, o.priority, o.batch_id,
    o.lease_until, o.receipt, o.payload ->> 'type' AS event, e.name AS endpoint, i.name AS infobase,
    s.number, s.exchange_number, s.storefront, s.number_1c,
    CASE WHEN o.state IN ('pending', 'waiting') THEN (
        SELECT b.id FROM outbox b
        WHERE b.tenant = o.tenant AND b.kind = o.kind AND b.key = o.key AND b.seq < o.seq
          AND b.state NOT IN ('acknowledged', 'cancelled', 'superseded')
        ORDER BY b.seq LIMIT 1) END AS blocked_by
"""
_FROM: Final = """
    outbox o
    LEFT JOIN endpoint e ON e.tenant = o.tenant AND e.id = o.endpoint_id
    LEFT JOIN infobase i ON i.tenant = o.tenant AND i.id = coalesce(o.infobase_id, e.infobase_id)
    LEFT JOIN sales_order s ON o.kind = 'order' AND s.tenant = o.tenant AND s.id::text = o.key
"""


def listing(
    conn: Conn, tenant: str, *, states: tuple[str, ...] | None, limit: int | None,
    where: tuple[str, dict[str, Any]] | None = None,
) -> list[Row]:  # fmt: skip
    """Messages in these states (all without), newest first; all of them without a limit. ``where``: what a filter of
    ``syncd.filters`` became.
    """
    condition, parameters = where or ("true", {})
    return every(
        conn,
        f"""SELECT {_COLUMNS} FROM {_FROM}
            WHERE o.tenant = %(t)s AND (%(states)s::text[] IS NULL OR o.state = ANY(%(states)s)) AND {condition}
            ORDER BY o.seq DESC LIMIT %(limit)s""",  # noqa: S608 - constants, and a filter's with parameters
        t=tenant, states=list(states) if states else None, limit=limit, **parameters,
    )  # fmt: skip


def find(conn: Conn, tenant: str, word: str) -> list[Row]:
    """Messages that carry this order number or id, newest first; else those whose id begins or ends with the word."""
    exact = every(
        conn,
        f"""SELECT {_COLUMNS} FROM {_FROM}
            WHERE o.tenant = %(t)s AND (o.id::text = %(w)s OR o.key = %(w)s OR s.number = %(raw)s
                  OR s.exchange_number = %(raw)s OR s.number_1c = %(raw)s)
            ORDER BY o.seq DESC LIMIT 10""",  # noqa: S608 - constants only
        t=tenant, w=word.lower(), raw=word,
    )  # fmt: skip
    return exact or every(
        conn,
        f"""SELECT {_COLUMNS} FROM {_FROM}
            WHERE o.tenant = %(t)s AND (starts_with(o.id::text, %(w)s) OR right(o.id::text, length(%(w)s)) = %(w)s)
            ORDER BY o.seq DESC LIMIT 10""",  # noqa: S608 - constants only
        t=tenant, w=word.lower(),
    )  # fmt: skip


def history(conn: Conn, tenant: str, outbox_id: UUID) -> list[Row]:
    """All changes of state of one message, in order."""
    return every(
        conn,
        """SELECT at, state, attempt, by, reason, error_code, error_params, next_attempt_at, detail FROM outbox_change
           WHERE tenant = %(t)s AND outbox_id = %(id)s ORDER BY seq""",
        t=tenant,
        id=outbox_id,
    )


def summary(conn: Conn, tenant: str) -> Row:
    """How many orders are in each open state, and the age in seconds of the oldest that 1C has not confirmed."""
    row = one(
        conn,
        """SELECT count(*) FILTER (WHERE state = 'pending') AS pending,
                  count(*) FILTER (WHERE state = 'sending') AS sending,
                  count(*) FILTER (WHERE state = 'sent') AS sent,
                  count(*) FILTER (WHERE state = 'waiting') AS waiting,
                  count(*) FILTER (WHERE state = 'unconfirmed') AS unconfirmed,
                  count(*) FILTER (WHERE state = 'rejected') AS rejected,
                  count(*) FILTER (WHERE state = 'held') AS held,
                  extract(epoch FROM now() - min(created_at))::float AS oldest_seconds
           FROM outbox
           WHERE tenant = %(t)s AND kind = 'order' AND state NOT IN ('acknowledged', 'cancelled', 'superseded')""",
        t=tenant,
    )
    assert row is not None
    return row


def events(conn: Conn, tenant: str) -> Row:
    """Of what is on its way to storefronts and people, not to 1C: how much is open, how much of it a person must look
    at (``stuck``), and the age in seconds of the oldest.
    """
    row = one(
        conn,
        """SELECT count(*) AS open, count(*) FILTER (WHERE state IN ('rejected', 'held')) AS stuck,
                  extract(epoch FROM now() - min(created_at))::float AS oldest_seconds
           FROM outbox
           WHERE tenant = %(t)s AND kind <> 'order' AND state NOT IN ('acknowledged', 'cancelled', 'superseded')""",
        t=tenant,
    )
    assert row is not None
    return row


DELIVERY: Final = """
    SELECT id, state, attempt, next_attempt_at, error_code, error_params, sent_at, acknowledged_at, created_at
    FROM outbox WHERE tenant = %(t)s AND kind = %(kind)s AND key = %(key)s ORDER BY revision_no DESC LIMIT 1
"""
"""Where the newest message about an object stands."""
