"""Ending a claim: what an attempt or a look-up changed. Every update is guarded by lease, attempt and state, so that a
worker that was thought dead cannot overwrite what another has done since, or what 1C said meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd.errors import SyncdError
from syncd.queue.claims import Claim
from syncd.queue.policy import Decision
from syncd.store.db import Conn, Row, every, one

DONE: Final = ("acknowledged", "cancelled", "superseded")


def finish(
    conn: Conn, claim: Claim, decision: Decision, *, by: str, error: SyncdError | None = None,
    receipt: Mapping[str, Any] | None = None, reason: str | None = None,
) -> bool:  # fmt: skip
    """Write what became of a claim. ``False`` when the lease was lost: somebody else decides now, and nothing was
    changed, except that a confirmation closes a message whose outcome was unknown.
    """
    row = one(
        conn,
        """
        WITH ended AS (
            UPDATE outbox SET
                state = %(state)s, attempt = attempt - %(refund)s, looks = %(looks)s,
                next_attempt_at = CASE WHEN %(delay)s::interval IS NOT NULL THEN now() + %(delay)s END,
                lease_id = NULL, lease_until = NULL, claimed_by = NULL, updated_at = now(),
                error_code = %(code)s, error_params = %(params)s,
                receipt = coalesce(%(receipt)s, receipt),
                acknowledged_at = CASE WHEN %(state)s = 'acknowledged' THEN now() END
            WHERE tenant = %(t)s AND id = %(id)s AND lease_id = %(lease)s AND attempt = %(attempt)s
              AND state IN ('sending', 'sent', 'unconfirmed')
            RETURNING id, state, attempt, next_attempt_at
        )
        INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason, endpoint_id, error_code, error_params,
                                   next_attempt_at, detail)
        SELECT %(t)s, id, state, %(attempt)s, %(by)s, %(reason)s, %(endpoint)s, %(code)s, %(params)s, next_attempt_at,
               %(receipt)s
        FROM ended RETURNING 1 AS x
        """,
        t=claim.tenant, id=claim.id, lease=claim.lease_id, attempt=claim.attempt, state=decision.state,
        refund=1 if decision.refund and not claim.looks_up else 0, looks=decision.looks,
        delay=None if decision.delay is None else timedelta(seconds=decision.delay),
        code=error.code if error else None, params=Jsonb(plain(error.params)) if error else None,
        receipt=Jsonb(_clean(receipt)) if receipt else None, by=by, reason=reason, endpoint=claim.endpoint_id,
    )  # fmt: skip
    if row is None and decision.state == "acknowledged":
        return _late(conn, claim, by=by, receipt=receipt)
    return row is not None


def _late(conn: Conn, claim: Claim, *, by: str, receipt: Mapping[str, Any] | None) -> bool:
    """1C confirmed, but the lease had run out meanwhile. What it confirmed is true all the same, be the message about
    to be looked up or, as nothing was found, to be sent again; not when a person began a new series.
    """
    row = one(
        conn,
        """
        WITH ended AS (
            UPDATE outbox SET state = 'acknowledged', acknowledged_at = now(), updated_at = now(), lease_id = NULL,
                   lease_until = NULL, claimed_by = NULL, next_attempt_at = NULL, error_code = NULL,
                   error_params = NULL, receipt = coalesce(%(receipt)s, receipt)
            WHERE tenant = %(t)s AND id = %(id)s AND series = %(series)s
              AND state IN ('unconfirmed', 'sent', 'waiting', 'held')
            RETURNING id, attempt
        )
        INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason, endpoint_id, detail)
        SELECT %(t)s, id, 'acknowledged', attempt, %(by)s, 'late', %(endpoint)s, %(receipt)s
        FROM ended RETURNING 1 AS x
        """,
        t=claim.tenant, id=claim.id, series=claim.series, by=by, endpoint=claim.endpoint_id,
        receipt=Jsonb(_clean(receipt)) if receipt else None,
    )  # fmt: skip
    return row is not None


def extend(conn: Conn, claims: list[Claim], seconds: float) -> set[UUID]:
    """Show that the deliveries under way are alive. Returns the leases that are still ours, and were not locked by
    somebody else: one that is must not hold up the signs of life of the others; nobody can take it over meanwhile.
    """
    rows = every(
        conn,
        """WITH mine AS (
               SELECT o.tenant, o.id, o.lease_id
               FROM unnest(%(tenants)s::text[], %(ids)s::uuid[], %(leases)s::uuid[]) AS m (tenant, id, lease_id)
               JOIN outbox o ON o.tenant = m.tenant AND o.id = m.id AND o.lease_id = m.lease_id
               FOR NO KEY UPDATE OF o SKIP LOCKED
           )
           UPDATE outbox o SET lease_until = now() + %(s)s FROM mine m
           WHERE o.tenant = m.tenant AND o.id = m.id AND o.lease_id = m.lease_id RETURNING o.lease_id""",
        tenants=[claim.tenant for claim in claims], ids=[claim.id for claim in claims],
        leases=[claim.lease_id for claim in claims], s=timedelta(seconds=seconds),
    )  # fmt: skip
    return {row["lease_id"] for row in rows}


def give_back(conn: Conn, claims: list[Claim], *, by: str) -> int:
    """Return messages of which nothing was sent: the worker is stopping. It costs no attempt."""
    return len(
        every(
            conn,
            """
            WITH mine AS (
                SELECT * FROM unnest(%(tenants)s::text[], %(ids)s::uuid[], %(leases)s::uuid[], %(was)s::text[])
                              AS m (tenant, id, lease_id, was)
            ), freed AS (
                UPDATE outbox o
                SET state = CASE WHEN m.was = 'pending' THEN 'waiting' ELSE m.was END,
                    attempt = o.attempt - CASE WHEN o.state = 'sending' THEN 1 ELSE 0 END,
                    next_attempt_at = now(), lease_id = NULL, lease_until = NULL, claimed_by = NULL, updated_at = now()
                FROM mine m
                WHERE o.tenant = m.tenant AND o.id = m.id AND o.lease_id = m.lease_id
                RETURNING o.tenant, o.id, o.state, o.attempt, o.endpoint_id
            )
            INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason, endpoint_id)
            SELECT tenant, id, state, attempt, %(by)s, 'given back', endpoint_id FROM freed RETURNING 1 AS x
            """,
            tenants=[claim.tenant for claim in claims], ids=[claim.id for claim in claims],
            leases=[claim.lease_id for claim in claims], was=[claim.was for claim in claims], by=by,
        )
    )  # fmt: skip


def take_over(conn: Conn, *, look_up: list[str], repeat: list[str], decide: list[str], by: str) -> list[Row]:
    """Free what a dead worker held: leases that have run out. Its attempt may have reached the target, so an endpoint
    of the kinds ``look_up`` is asked first, those of ``repeat`` take a message once however often it comes, and for
    those of ``decide`` a person decides. Kinds this version does not know are left alone.
    """
    return every(
        conn,
        """
        WITH orphan AS (
            SELECT o.tenant, o.id, o.state AS was, e.kind FROM outbox o
            JOIN endpoint e ON e.tenant = o.tenant AND e.id = o.endpoint_id
            WHERE o.lease_id IS NOT NULL AND o.lease_until < now() AND e.kind = ANY(%(known)s)
            FOR UPDATE OF o SKIP LOCKED
        ), freed AS (
            UPDATE outbox o
            SET state = CASE WHEN w.was <> 'sending' THEN w.was
                             WHEN w.kind = ANY(%(look_up)s) THEN 'unconfirmed'
                             WHEN w.kind = ANY(%(repeat)s) THEN 'waiting' ELSE 'held' END,
                looks = CASE WHEN w.was = 'sending' THEN 0 ELSE o.looks END,
                next_attempt_at = now(), lease_id = NULL, lease_until = NULL, claimed_by = NULL, updated_at = now(),
                error_code = 'E901', error_params = NULL
            FROM orphan w WHERE o.tenant = w.tenant AND o.id = w.id AND o.lease_until < now()
            RETURNING o.tenant, o.id, o.kind, o.key, o.state, o.attempt, o.endpoint_id, w.was
        ), changed AS (
            INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason, endpoint_id, error_code)
            SELECT tenant, id, state, attempt, %(by)s, 'taken over', endpoint_id, 'E901' FROM freed
        )
        SELECT tenant, id, kind, key, state, attempt, endpoint_id, was FROM freed
        """,
        known=[*look_up, *repeat, *decide], look_up=look_up, repeat=repeat, by=by,
    )  # fmt: skip


def plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of an error as JSON that Postgres takes: a page of an error in UTF-16 is half NULs."""
    return {
        name: value if isinstance(value, int | bool) or value is None else _clean(str(value))[:1000]
        for name, value in params.items()
    }


def _clean(value: Any) -> Any:
    """JSON without what ``jsonb`` refuses: NUL, halves of surrogate pairs, numbers that are none."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_clean(str(name)): _clean(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
