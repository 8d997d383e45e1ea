"""The outbox: what must reach 1C, and where each message stands. Every change of state is recorded.

    pending → sending → sent → acknowledged          (done: 1C confirmed)
       ▲         │        │
       └─waiting─┘        └→ unconfirmed
    rejected   held   cancelled   superseded

Where 1C fetches orders itself (``sale/query``), an offered message is ``sent``; ``sale/success`` of a session that
was offered it makes it ``acknowledged``; without it the next session is offered it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd.errors import SyncdError
from syncd.store.db import Conn, Row, every, execute, one
from syncd.store.ids import new_id

OPEN_STATES: Final = ("pending", "sending", "sent", "waiting", "unconfirmed", "rejected", "held")
RETRYABLE: Final = ("waiting", "unconfirmed", "rejected", "held", "sent", "cancelled")
"""What a person may send again without more ado; ``acknowledged`` only by force."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message taken for delivery."""

    id: UUID
    kind: str
    key: str
    revision_no: int
    attempt: int


def enqueue(
    conn: Conn, tenant: str, *, kind: str, key: str, revision_no: int = 1, infobase_id: UUID | None = None
) -> UUID:
    """Put a message into the outbox within the transaction that made its cause. No infobase means the first that
    asks.
    """
    made = new_id()
    execute(
        conn,
        """INSERT INTO outbox (tenant, id, infobase_id, kind, key, revision_no)
           VALUES (%(t)s, %(id)s, %(infobase)s, %(kind)s, %(key)s, %(revision)s)""",
        t=tenant, id=made, infobase=infobase_id, kind=kind, key=key, revision=revision_no,
    )  # fmt: skip
    return made


def offer(
    conn: Conn, tenant: str, *, infobase_id: UUID, session_id: UUID, kind: str, limit: int, suspects: bool = False
) -> list[Message]:  # fmt: skip
    """Take what this session has not been offered yet, oldest first, and mark it ``sent``. ``suspects``: only
    those that 1C did not take alone, else only the others (``syncd.queue.pulls``).

    Messages that other sessions were offered and never confirmed are offered again. ``SKIP LOCKED`` keeps two
    sessions that ask at the same moment from waiting for each other.
    """
    rows = every(
        conn,
        """
        WITH due AS (
            SELECT o.id FROM outbox o
            WHERE o.tenant = %(t)s AND o.kind = %(kind)s
              AND o.state IN ('pending', 'waiting', 'sent', 'unconfirmed')
              AND (o.infobase_id = %(infobase)s OR o.infobase_id IS NULL) AND (o.suspicion > 0) = %(suspects)s
              AND (o.next_attempt_at IS NULL OR o.next_attempt_at <= now())
              AND NOT EXISTS (
                  SELECT FROM offering f
                  WHERE f.tenant = o.tenant AND f.session_id = %(session)s AND f.outbox_id = o.id
              )
            ORDER BY o.seq LIMIT %(limit)s
            FOR UPDATE SKIP LOCKED
        ), sent AS (
            UPDATE outbox o SET state = 'sent', attempt = attempt + 1, sent_at = now(), updated_at = now(),
                   infobase_id = %(infobase)s, session_id = %(session)s, next_attempt_at = NULL
            FROM due WHERE o.tenant = %(t)s AND o.id = due.id
            RETURNING o.id, o.kind, o.key, o.revision_no, o.attempt, o.seq
        ), offered AS (
            INSERT INTO offering (tenant, session_id, outbox_id, attempt)
            SELECT %(t)s, %(session)s, id, attempt FROM sent
        ), changed AS (
            INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason)
            SELECT %(t)s, id, 'sent', attempt, 'exchange', %(session)s::text FROM sent
        )
        SELECT id, kind, key, revision_no, attempt FROM sent ORDER BY seq
        """,
        t=tenant, infobase=infobase_id, session=session_id, kind=kind, limit=limit, suspects=suspects,
    )  # fmt: skip
    return [Message(**row) for row in rows]


def offered_before(conn: Conn, tenant: str, session_id: UUID, kind: str) -> list[Message]:
    """What this session was offered already and 1C has not confirmed: for a client whose answer was lost."""
    rows = every(
        conn,
        """SELECT o.id, o.kind, o.key, o.revision_no, o.attempt
           FROM offering f JOIN outbox o ON o.tenant = f.tenant AND o.id = f.outbox_id
           WHERE f.tenant = %(t)s AND f.session_id = %(session)s AND o.session_id = f.session_id
             AND o.kind = %(kind)s AND o.state = 'sent'
           ORDER BY o.seq""",
        t=tenant, session=session_id, kind=kind,
    )  # fmt: skip
    return [Message(**row) for row in rows]


def acknowledge(conn: Conn, tenant: str, session_id: UUID) -> list[str]:
    """1C confirmed what it was offered in this session. Returns the keys that became ``acknowledged`` now.

    A session that was offered nothing confirms nothing, and a message made after the query is not touched.
    """
    rows = every(
        conn,
        """
        WITH done AS (
            UPDATE outbox o SET state = 'acknowledged', acknowledged_at = now(), updated_at = now(),
                   error_code = NULL, error_params = NULL
            FROM offering f
            WHERE f.tenant = %(t)s AND f.session_id = %(session)s
              AND o.tenant = f.tenant AND o.id = f.outbox_id AND o.state = 'sent'
            RETURNING o.id, o.key, o.attempt
        ), changed AS (
            INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason)
            SELECT %(t)s, id, 'acknowledged', attempt, 'exchange', %(session)s::text FROM done
        )
        SELECT key FROM done
        """,
        t=tenant, session=session_id,
    )  # fmt: skip
    return [row["key"] for row in rows]


def confirm_key(conn: Conn, tenant: str, kind: str, key: str, *, by: str) -> bool:
    """1C itself showed that it has the object (it sent it back with its own number): that is a confirmation too."""
    row = one(
        conn,
        """
        WITH done AS (
            UPDATE outbox SET state = 'acknowledged', acknowledged_at = now(), updated_at = now()
            WHERE tenant = %(t)s AND kind = %(kind)s AND key = %(key)s AND state IN ('sent', 'unconfirmed')
            RETURNING id, attempt
        )
        INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason)
        SELECT %(t)s, id, 'acknowledged', attempt, %(by)s, 'seen in 1C' FROM done RETURNING 1 AS x
        """,
        t=tenant, kind=kind, key=key, by=by,
    )  # fmt: skip
    return row is not None


def hold_back(conn: Conn, tenant: str, message: Message, error: SyncdError) -> None:
    """A message that cannot be written for 1C: a person must act. The others go on."""
    execute(
        conn,
        """
        WITH held AS (
            UPDATE outbox SET state = 'rejected', error_code = %(code)s, error_params = %(params)s, updated_at = now()
            WHERE tenant = %(t)s AND id = %(id)s AND state = 'sent' AND attempt = %(attempt)s
            RETURNING id, attempt
        ), forgotten AS (
            DELETE FROM offering f USING held WHERE f.tenant = %(t)s AND f.outbox_id = held.id
        )
        INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason)
        SELECT %(t)s, id, 'rejected', attempt, 'syncd', %(code)s FROM held
        """,
        t=tenant, id=message.id, attempt=message.attempt, code=error.code,
        params=Jsonb({name: str(value) for name, value in error.params.items()}),
    )  # fmt: skip


def retry(conn: Conn, tenant: str, outbox_id: UUID, *, by: str, reason: str, force: bool = False) -> bool:
    """A person starts a new series of attempts. ``False`` when the message is not in a state to be retried.

    ``force`` allows it for what 1C has confirmed too: 1C is given the order again and finds its own document by the
    number.
    """
    states = [*RETRYABLE, "acknowledged"] if force else list(RETRYABLE)
    row = one(
        conn,
        """
        WITH again AS (
            UPDATE outbox SET state = 'pending', attempt = 0, next_attempt_at = NULL, error_code = NULL,
                   error_params = NULL, acknowledged_at = NULL, updated_at = now(), refusals = 0,
                   suspicion = 0
            WHERE tenant = %(t)s AND id = %(id)s AND state = ANY(%(states)s)
            RETURNING id
        ), forgotten AS (
            DELETE FROM offering f USING again WHERE f.tenant = %(t)s AND f.outbox_id = again.id
        )
        INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason)
        SELECT %(t)s, id, 'pending', 0, %(by)s, %(reason)s FROM again RETURNING 1 AS x
        """,
        t=tenant, id=outbox_id, states=states, by=by, reason=reason,
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


_COLUMNS: Final = """
    o.id, o.seq, o.kind, o.key, o.revision_no, o.state, o.attempt, o.next_attempt_at, o.error_code, o.error_params,
    o.created_at, o.updated_at, o.sent_at, o.acknowledged_at, o.session_id, i.name AS infobase,
    s.number, s.exchange_number, s.storefront, s.number_1c
"""
_FROM: Final = """
    outbox o
    LEFT JOIN infobase i ON i.tenant = o.tenant AND i.id = o.infobase_id
    LEFT JOIN sales_order s ON o.kind = 'order' AND s.tenant = o.tenant AND s.id::text = o.key
"""


def listing(conn: Conn, tenant: str, *, states: tuple[str, ...] | None, limit: int | None) -> list[Row]:
    """Messages in these states (all without), newest first; all of them without a limit."""
    return every(
        conn,
        f"""SELECT {_COLUMNS} FROM {_FROM}
            WHERE o.tenant = %(t)s AND (%(states)s::text[] IS NULL OR o.state = ANY(%(states)s))
            ORDER BY o.seq DESC LIMIT %(limit)s""",  # noqa: S608 - constants only
        t=tenant, states=list(states) if states else None, limit=limit,
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
        """SELECT at, state, attempt, by, reason FROM outbox_change
           WHERE tenant = %(t)s AND outbox_id = %(id)s ORDER BY seq""",
        t=tenant,
        id=outbox_id,
    )


def summary(conn: Conn, tenant: str) -> Row:
    """How many messages are in each open state, and the age in seconds of the oldest that 1C has not confirmed."""
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
           FROM outbox WHERE tenant = %(t)s AND state NOT IN ('acknowledged', 'cancelled', 'superseded')""",
        t=tenant,
    )
    assert row is not None
    return row


def delivery_of(conn: Conn, tenant: str, kind: str, key: str) -> Row | None:
    """Where the newest message about an object stands."""
    return one(
        conn,
        """SELECT id, state, attempt, next_attempt_at, error_code, error_params, sent_at, acknowledged_at, created_at
           FROM outbox WHERE tenant = %(t)s AND kind = %(kind)s AND key = %(key)s ORDER BY revision_no DESC LIMIT 1""",
        t=tenant, kind=kind, key=key,
    )  # fmt: skip
