"""Batches: what a person asked for on many things at once. It outlives the terminal and the worker.

A step takes the next item, does it and notes it in one transaction that holds the batch's row: a worker that dies
amid a step has done nothing, and nothing is done twice. ``updated_at`` is the time of the last step, by which the rate
is kept, whichever workers take part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd.store.db import Conn, Row, every, execute, one
from syncd.store.ids import new_id


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to act on. ``kind`` is message, package or pull; ``subject`` its id, or the schedule's name."""

    kind: str
    subject: str


@dataclass(slots=True)
class Claim:
    """The right to work off a batch until the lease runs out. ``next_n`` is where to go on."""

    tenant: str
    id: UUID
    action: str
    reason: str
    by: str
    filter: dict[str, Any]
    lease_id: UUID
    next_n: int


@dataclass(frozen=True, slots=True)
class Step:
    """The item to do now; or how many seconds to wait for the rate's sake; or neither: the batch is over or not ours
    any more.
    """

    item: Item | None = None
    n: int = 0
    wait: float = 0.0


def create(
    conn: Conn, tenant: str, *, action: str, filter_: dict[str, Any], words: str, reason: str, by: str,
    rate: Decimal | None, items: Sequence[Item],
) -> UUID:  # fmt: skip
    """Make a batch of exactly these items, to be done in this order, at most ``rate`` of them in a second."""
    made = new_id()
    execute(
        conn,
        """INSERT INTO batch (tenant, id, action, filter, words, reason, by, rate_per_second, total, state, finished_at)
           VALUES (%(t)s, %(id)s, %(action)s, %(filter)s, %(words)s, %(reason)s, %(by)s, %(rate)s, %(total)s,
                   CASE WHEN %(total)s = 0 THEN 'done' ELSE 'running' END,
                   CASE WHEN %(total)s = 0 THEN now() END)""",
        t=tenant, id=made, action=action, filter=Jsonb(filter_), words=words, reason=reason, by=by, rate=rate,
        total=len(items),
    )  # fmt: skip
    execute(
        conn,
        """INSERT INTO batch_item (tenant, batch_id, n, kind, subject)
           SELECT %(t)s, %(id)s, i.n, i.kind, i.subject
           FROM unnest(%(kinds)s::text[], %(subjects)s::text[]) WITH ORDINALITY AS i (kind, subject, n)""",
        t=tenant, id=made, kinds=[item.kind for item in items], subjects=[item.subject for item in items],
    )  # fmt: skip
    return made


# --- working it off --------------------------------------------------------------------------------------------------


def claim(conn: Conn, lease_seconds: float, *, only: UUID | None = None) -> Claim | None:
    """Take the running batch that has waited longest, if nobody has it."""
    lease = new_id()
    row = one(
        conn,
        """
        UPDATE batch SET lease_id = %(lease)s, lease_until = now() + make_interval(secs => %(seconds)s)
        WHERE (tenant, id) = (
            SELECT b.tenant, b.id FROM batch b
            WHERE b.state = 'running' AND (b.lease_until IS NULL OR b.lease_until < now())
              AND (%(only)s::uuid IS NULL OR b.id = %(only)s)
            ORDER BY b.updated_at FOR UPDATE SKIP LOCKED LIMIT 1
        )
        RETURNING tenant, id, action, reason, by, filter, lease_id
        """,
        lease=lease, seconds=lease_seconds, only=only,
    )  # fmt: skip
    if row is None:
        return None
    first = one(
        conn,
        """SELECT min(n) AS n FROM batch_item
           WHERE tenant = %(t)s AND batch_id = %(b)s AND outcome IS NULL""",
        t=row["tenant"], b=row["id"],
    )  # fmt: skip
    return Claim(**row, next_n=(first or {}).get("n") or 0)


def step(conn: Conn, claim: Claim, lease_seconds: float) -> Step:
    """Hold the batch for this transaction, keep its lease, and tell what to do now. Ends the batch when nothing is
    left.
    """
    row = one(
        conn,
        """UPDATE batch SET lease_until = now() + make_interval(secs => %(seconds)s)
           WHERE tenant = %(t)s AND id = %(b)s AND lease_id = %(lease)s AND state = 'running'
           RETURNING extract(epoch FROM updated_at - clock_timestamp())::float + coalesce(1 / rate_per_second, 0)::float
                     AS wait""",
        t=claim.tenant, b=claim.id, lease=claim.lease_id, seconds=lease_seconds,
    )  # fmt: skip
    if row is None:
        return Step()
    if row["wait"] > 0:
        return Step(wait=row["wait"])
    item = one(
        conn,
        """SELECT n, kind, subject FROM batch_item
           WHERE tenant = %(t)s AND batch_id = %(b)s AND n >= %(n)s AND outcome IS NULL ORDER BY n LIMIT 1""",
        t=claim.tenant, b=claim.id, n=claim.next_n,
    )  # fmt: skip
    if item is None:
        execute(
            conn,
            """UPDATE batch SET state = 'done', finished_at = now(), updated_at = clock_timestamp(), lease_id = NULL,
                      lease_until = NULL WHERE tenant = %(t)s AND id = %(b)s""",
            t=claim.tenant, b=claim.id,
        )  # fmt: skip
        return Step()
    return Step(Item(item["kind"], item["subject"]), item["n"])


def done(conn: Conn, claim: Claim, n: int, outcome: str, note: str | None) -> None:
    """Note how an item ended: done, skipped or failed, in the transaction that did it."""
    execute(
        conn,
        """UPDATE batch_item SET outcome = %(o)s, note = %(note)s, done_at = clock_timestamp()
           WHERE tenant = %(t)s AND batch_id = %(b)s AND n = %(n)s""",
        t=claim.tenant, b=claim.id, n=n, o=outcome, note=note and note[:500],
    )  # fmt: skip
    execute(
        conn,
        "UPDATE batch SET updated_at = clock_timestamp() WHERE tenant = %(t)s AND id = %(b)s",
        t=claim.tenant, b=claim.id,
    )  # fmt: skip
    claim.next_n = n + 1


def give_back(conn: Conn, claim: Claim) -> None:
    """Let another worker, or another batch, have a turn."""
    execute(
        conn,
        """UPDATE batch SET lease_id = NULL, lease_until = NULL
           WHERE tenant = %(t)s AND id = %(b)s AND lease_id = %(lease)s""",
        t=claim.tenant, b=claim.id, lease=claim.lease_id,
    )  # fmt: skip


# --- people ----------------------------------------------------------------------------------------------------------

_TURNS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "pause": (("running",), "paused"),
    "resume": (("paused",), "running"),
    "cancel": (("running", "paused"), "cancelled"),
}


def turn(conn: Conn, tenant: str, batch_id: UUID, action: str, *, reason: str | None) -> bool:
    """``pause``, ``resume`` or ``cancel`` it; waits for the step under way. ``False`` when its state does not allow it.
    What was done stays done.
    """
    allowed, state = _TURNS[action]
    return bool(
        execute(
            conn,
            """UPDATE batch SET state = %(state)s, state_reason = %(reason)s, lease_id = NULL, lease_until = NULL,
                      finished_at = CASE WHEN %(state)s = 'cancelled' THEN now() END
               WHERE tenant = %(t)s AND id = %(b)s AND state = ANY (%(allowed)s)""",
            t=tenant, b=batch_id, state=state, reason=reason, allowed=list(allowed),
        )
    )  # fmt: skip


_COUNTED: Final = """
    SELECT b.id, b.action, b.filter, b.words, b.reason, b.by, b.rate_per_second, b.state, b.state_reason, b.total,
           b.created_at, b.updated_at, b.finished_at, coalesce(b.lease_until > now(), false) AS at_work,
           c.done, c.skipped, c.failed, b.total - c.done - c.skipped - c.failed AS left
    FROM batch b CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE i.outcome = 'done')::int AS done,
               count(*) FILTER (WHERE i.outcome = 'skipped')::int AS skipped,
               count(*) FILTER (WHERE i.outcome = 'failed')::int AS failed
        FROM batch_item i WHERE i.tenant = b.tenant AND i.batch_id = b.id) c
"""


def listing(conn: Conn, tenant: str, *, limit: int) -> list[Row]:
    """The newest batches with how far they are."""
    return every(
        conn, _COUNTED + "WHERE b.tenant = %(t)s ORDER BY b.id DESC LIMIT %(limit)s", t=tenant, limit=limit
    )  # fmt: skip


def opened(conn: Conn, tenant: str) -> list[Row]:
    """Batches that run or are paused, oldest first."""
    return every(
        conn, _COUNTED + "WHERE b.tenant = %(t)s AND b.state IN ('running', 'paused') ORDER BY b.id", t=tenant
    )  # fmt: skip


def matching(conn: Conn, tenant: str, word: str, *, limit: int = 6) -> list[Row]:
    """The batches whose id is the word, or begins or ends with it."""
    return every(
        conn,
        _COUNTED
        + """WHERE b.tenant = %(t)s
               AND (starts_with(b.id::text, %(w)s) OR right(b.id::text, length(%(w)s)) = %(w)s)
             ORDER BY b.id DESC LIMIT %(limit)s""",
        t=tenant, w=word.lower(), limit=limit,
    )  # fmt: skip


def items(conn: Conn, tenant: str, batch_id: UUID, *, outcomes: Sequence[str], limit: int) -> list[Row]:
    """Items that ended so, in order."""
    return every(
        conn,
        """SELECT n, kind, subject, outcome, note, done_at FROM batch_item
           WHERE tenant = %(t)s AND batch_id = %(b)s AND outcome = ANY (%(o)s) ORDER BY n LIMIT %(limit)s""",
        t=tenant, b=batch_id, o=list(outcomes), limit=limit,
    )  # fmt: skip


def messages(conn: Conn, tenant: str, batch_id: UUID) -> dict[str, int]:
    """What became of the messages that the batch touched last: how many are in each state now."""
    rows = every(
        conn,
        """SELECT state, count(*)::int AS n FROM outbox WHERE tenant = %(t)s AND batch_id = %(b)s
           GROUP BY state ORDER BY n DESC""",
        t=tenant, b=batch_id,
    )  # fmt: skip
    return {row["state"]: row["n"] for row in rows}
