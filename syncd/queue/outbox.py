"""The outbox: what must reach 1C, and where each message stands. Every change of state is recorded.

    pending → sending → sent → acknowledged          (done: 1C confirmed)
       ▲         │        │
       └─waiting─┘        └→ unconfirmed → looked up in 1C by our id before anything is sent again
    rejected   held   cancelled   superseded

Where we call the target, messages are claimed (``claims``), ended (``finish``) by the rules of ``policy``; what people
do with them is in ``acts``, how they are looked at in ``view``.
Where 1C fetches orders itself (``sale/query``), an offered message is ``sent``; ``sale/success`` of a session that
was offered it makes it ``acknowledged``; without it the next session is offered it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd.errors import SyncdError
from syncd.store.db import Conn, every, execute, one
from syncd.store.ids import new_id


@dataclass(frozen=True, slots=True)
class Message:
    """One message taken for delivery."""

    id: UUID
    kind: str
    key: str
    revision_no: int
    attempt: int


FIRST_TAKER: Final = """
    SELECT e.id FROM endpoint e
    WHERE e.tenant = %(t)s AND %(kind)s = ANY(e.takes) AND e.disabled_at IS NULL
      AND (%(infobase)s::uuid IS NULL OR e.infobase_id = %(infobase)s)
    ORDER BY e.created_at, e.id LIMIT 1
"""
"""The endpoint a new message goes to."""


def enqueue(
    conn: Conn, tenant: str, *, kind: str, key: str, revision_no: int = 1, infobase_id: UUID | None = None,
    endpoint_id: UUID | None = None, payload: Mapping[str, Any] | None = None,
) -> UUID:  # fmt: skip
    """Put a message into the outbox within the transaction that made its cause.

    It goes to the endpoint given if that still exists, else to the tenant's first that takes this kind; without any, 1C
    fetches it itself, and no infobase means the first that asks. A newer revision is a full state: older ones that
    were never sent are superseded.
    """
    if revision_no > 1:
        supersede(conn, tenant, kind, key, below=revision_no)
    made = new_id()
    execute(
        conn,
        f"""INSERT INTO outbox (tenant, id, infobase_id, kind, key, revision_no, payload, endpoint_id)
            VALUES (%(t)s, %(id)s, %(infobase)s, %(kind)s, %(key)s, %(revision)s, %(payload)s,
                    coalesce((SELECT g.id FROM endpoint g WHERE g.tenant = %(t)s AND g.id = %(endpoint)s),
                             ({FIRST_TAKER})))""",  # noqa: S608 - constants only
        t=tenant, id=made, infobase=infobase_id, kind=kind, key=key, revision=revision_no, endpoint=endpoint_id,
        payload=Jsonb(dict(payload)) if payload is not None else None,
    )  # fmt: skip
    return made


def supersede(conn: Conn, tenant: str, kind: str, key: str, *, below: int) -> int:
    """Older states of an object that 1C has certainly not taken need not be sent any more. Returns how many.

    What is held stays, and a newer state waits behind it: a person wants it so, or has to find out whether 1C has it.
    Only what 1C did not take alone (E223) is held for its content, which the newer one may have mended.
    """
    return len(
        every(
            conn,
            """
            WITH old AS (
                UPDATE outbox SET state = 'superseded', next_attempt_at = NULL, updated_at = now()
                WHERE tenant = %(t)s AND kind = %(kind)s AND key = %(key)s AND revision_no < %(below)s
                  AND (state IN ('pending', 'waiting', 'rejected') OR (state = 'held' AND error_code = 'E223'))
                  AND lease_id IS NULL
                RETURNING id, attempt
            )
            INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason)
            SELECT %(t)s, id, 'superseded', attempt, 'syncd', 'revision ' || %(below)s FROM old RETURNING 1 AS x
            """,
            t=tenant, kind=kind, key=key, below=below,
        )
    )  # fmt: skip


_OPEN_ENDPOINTS: Final = """
    {name} AS (
        (SELECT o.endpoint_id FROM outbox o WHERE {state} AND o.endpoint_id IS NOT NULL ORDER BY o.endpoint_id LIMIT 1)
        UNION ALL
        SELECT (SELECT o.endpoint_id FROM outbox o
                WHERE {state} AND o.endpoint_id > n.endpoint_id ORDER BY o.endpoint_id LIMIT 1)
        FROM {name} n WHERE n.endpoint_id IS NOT NULL
    )
"""  # from one endpoint's first index entry to the next one's, however many messages there are
_ORPHANS: Final = f"""
    WITH RECURSIVE {_OPEN_ENDPOINTS.format(name="ready", state="o.state = 'pending'")},
    {_OPEN_ENDPOINTS.format(name="due", state="o.state IN ('waiting', 'sent', 'unconfirmed')")},
    gone AS (
        SELECT n.endpoint_id FROM (TABLE ready UNION TABLE due) n
        WHERE n.endpoint_id IS NOT NULL AND NOT EXISTS (SELECT FROM endpoint e WHERE e.id = n.endpoint_id)
    ), orphan AS (
        SELECT o.tenant, o.id FROM outbox o
        WHERE o.endpoint_id IN (SELECT endpoint_id FROM gone)
          AND o.state IN ('pending', 'waiting', 'sent', 'unconfirmed') AND o.lease_id IS NULL
          AND (o.kind <> 'order' OR NOT EXISTS (
              SELECT FROM outbox_change c
              WHERE c.tenant = o.tenant AND c.outbox_id = o.id AND c.state IN ('sending', 'sent', 'unconfirmed')))
        FOR NO KEY UPDATE OF o SKIP LOCKED
    ), freed AS (
        UPDATE outbox o
        SET endpoint_id = CASE WHEN o.kind = 'order' THEN NULL ELSE o.endpoint_id END, updated_at = now(),
            state = CASE WHEN o.kind = 'order' THEN o.state ELSE 'cancelled' END
        FROM orphan n WHERE o.tenant = n.tenant AND o.id = n.id
        RETURNING o.tenant, o.id, o.state, o.attempt
    )
    INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason)
    SELECT tenant, id, state, attempt, %(by)s, 'endpoint removed' FROM freed
"""  # noqa: S608 - constants only


def unbind_orphans(conn: Conn, *, by: str) -> int:
    """Messages that were placed while their endpoint was being removed, whose transaction did not see it: an order that
    was never begun to be sent goes where new ones go, other messages are cancelled, as nobody is there to be told. What
    may have reached the target is left to a person. Returns how many; costs a few index probes when there are none.
    """
    return execute(conn, _ORPHANS, by=by)


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
            WHERE o.tenant = %(t)s AND o.kind = %(kind)s AND o.endpoint_id IS NULL
              AND o.state IN ('pending', 'waiting', 'sent', 'unconfirmed')
              AND NOT EXISTS (
                  SELECT FROM infobase i
                  WHERE i.tenant = o.tenant AND i.id = %(infobase)s AND i.paused_at IS NOT NULL
                    AND coalesce(i.paused_until > now(), true))
              AND NOT EXISTS (
                  SELECT FROM outbox b
                  WHERE b.tenant = o.tenant AND b.kind = o.kind AND b.key = o.key AND b.seq < o.seq
                    AND b.state NOT IN ('acknowledged', 'cancelled', 'superseded'))
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
    """1C itself showed that it has the object (it sent it back with its own number): that is a confirmation too, also
    where a look-up is under way, whose finding is overtaken by it.

    What waits to be sent again is closed as well when it is the first state of the object: as 1C has the object, an
    answer was lost on the way. Of a later state the object itself proves nothing.
    """
    row = one(
        conn,
        """
        WITH done AS (
            UPDATE outbox SET state = 'acknowledged', acknowledged_at = now(), updated_at = now(),
                   next_attempt_at = NULL, lease_id = NULL, lease_until = NULL, claimed_by = NULL,
                   error_code = NULL, error_params = NULL
            WHERE tenant = %(t)s AND kind = %(kind)s AND key = %(key)s
              AND (state IN ('sent', 'unconfirmed') OR (state = 'waiting' AND revision_no = 1))
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
