"""What a message carries: an order as plain JSON, an event as it was told. Read when it is sent, not when queued,
so that the target gets the newest full state.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from syncd.adapters.ports import Delivery
from syncd.queue.claims import Claim
from syncd.store.db import Conn, Row
from syncd.sync import orders


def deliveries(conn: Conn, claims: list[Claim]) -> dict[UUID, Delivery | None]:
    """The deliveries of these claims by message id; ``None`` where the object is gone."""
    wanted: dict[str, list[UUID]] = {}
    for claim in claims:
        if made := order_key(claim):
            wanted.setdefault(claim.tenant, []).append(made)
    rows = {tenant: orders.many(conn, tenant, ids) for tenant, ids in wanted.items()}
    found: dict[UUID, Delivery | None] = {}
    for claim in claims:
        id_ = order_key(claim)
        row = rows[claim.tenant].get(id_) if id_ else None
        body = order_body(row) if row else claim.payload
        found[claim.id] = None if body is None else _delivery(claim, body)
    return found


def order_key(claim: Claim) -> UUID | None:
    """The order a message is about; ``None`` for other messages, and for a key that is none of ours: one row that
    cannot be read must not stop the others.
    """
    if claim.kind != "order":
        return None
    try:
        return UUID(claim.key)
    except ValueError:
        return None


def _delivery(claim: Claim, body: dict[str, Any]) -> Delivery:
    marker = claim.key if claim.kind == "order" else str(claim.id)
    return Delivery(
        tenant=claim.tenant, id=claim.id, kind=claim.kind, key=claim.key, revision_no=claim.revision_no,
        attempt=claim.attempt, marker=marker, body=body, created_at=claim.created_at,
    )  # fmt: skip


def order_body(row: Row) -> dict[str, Any]:
    """An order as JSON: money and quantities are texts, so that no digit is lost; times in UTC."""
    extra = row["extra"] or {}
    return {
        "id": str(row["id"]),
        "number": row["exchange_number"],
        "storefront_number": row["number"],
        "storefront": row["storefront"],
        "revision": row["revision_no"],
        "created_at": row["created_at"].isoformat(),
        "currency": row["currency"],
        "amount": format(row["amount"], "f"),
        "customer": row["customer"],
        "lines": row["lines"],
        "payment": extra.get("payment"),
        "delivery": extra.get("delivery"),
        "comment": row["comment"] or "",
        "requisites": row["requisites"],
    }
