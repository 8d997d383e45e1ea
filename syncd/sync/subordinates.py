"""Payments and shipments: documents that tell their order, named by ``Основание``, that it is paid or shipped.

One may come before its order: alone in a container, or from a file that could be read where the order's could not.
It waits then, and tells its order when that comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from psycopg.types.json import Jsonb

from syncd.mappings.orders import OrdersMapping
from syncd.model.records import OrderDocument
from syncd.store.db import Conn, Row, every, execute, one
from syncd.sync import tell
from syncd.sync.orders_in import SUBORDINATE, extra_of, is_order, merged_extra, note_status, status_of, uuid_of

Effect = Literal["updated", "unchanged", "waits", "of nothing"]
_ID_LIMIT = 500


def apply(conn: Conn, tenant: str, document: OrderDocument, *, source_seq: int, mapping: OrdersMapping) -> Effect:
    """Tell the order what the document says; what else it says is kept beside the order's own."""
    if not document.basis or len(document.basis) > _ID_LIMIT:
        return "of nothing"
    row = _order(conn, tenant, document.basis)
    told = {"ХозОперация": document.operation, "Номер": document.number, **extra_of(document)}
    facts = {"paid": document.paid, "shipped": document.shipped, "told": told}
    if row is None:
        _keep(conn, tenant, document.basis, _key_of(document), facts, source_seq)
        return "waits"
    if (row["source_seq"] or 0) > source_seq:
        return "unchanged"
    return _tell(conn, tenant, row, _key_of(document), facts, mapping)


def resolve(conn: Conn, tenant: str, documents: Iterable[OrderDocument], *, mapping: OrdersMapping) -> None:
    """Let what waited tell these orders, which have come now."""
    names = {name for document in documents if is_order(document) for name in (document.id, document.number) if name}
    waiting = every(
        conn,
        """SELECT basis, key, facts, source_seq FROM waiting_document
           WHERE tenant = %(t)s AND basis = ANY(%(names)s) ORDER BY source_seq FOR UPDATE""",
        t=tenant, names=sorted(name for name in names if "\x00" not in name),
    )  # fmt: skip
    for row in waiting:
        facts = dict(row["facts"])
        order = _order(conn, tenant, row["basis"])
        if order is None:
            continue
        execute(
            conn, "DELETE FROM waiting_document WHERE tenant = %(t)s AND basis = %(b)s AND key = %(k)s",
            t=tenant, b=row["basis"], k=row["key"],
        )  # fmt: skip
        if (order["source_seq"] or 0) > row["source_seq"]:  # of what both speak the order has the last word
            facts |= {name: None for name in ("paid", "shipped") if order[name] is not None}
        _tell(conn, tenant, order, row["key"], facts, mapping)


def prune(conn: Conn, keep_days: int) -> int:
    """Forget what waited for an order that never came."""
    query = "DELETE FROM waiting_document WHERE at < now() - make_interval(days => %(d)s)"
    return execute(conn, query, d=keep_days)


def _order(conn: Conn, tenant: str, basis: str) -> Row | None:
    return one(
        conn,
        """SELECT id, status, paid, shipped, number_1c, posted, cancelled, status_1c, extra_1c, source_seq
           FROM sales_order
           WHERE tenant = %(t)s AND (id = %(id)s OR id_1c = %(basis)s OR exchange_number = %(basis)s)
           LIMIT 1 FOR UPDATE""",
        t=tenant, id=uuid_of(basis), basis=basis,
    )  # fmt: skip


def _key_of(document: OrderDocument) -> str:
    """A payment and a shipment of one order may have the same number."""
    return (document.id or f"{document.operation} {document.number}".strip())[:_ID_LIMIT]


def _keep(conn: Conn, tenant: str, basis: str, key: str, facts: dict[str, Any], source_seq: int) -> None:
    execute(
        conn,
        """INSERT INTO waiting_document AS w (tenant, basis, key, source_seq, facts)
           VALUES (%(t)s, %(b)s, %(k)s, %(seq)s, %(facts)s)
           ON CONFLICT (tenant, basis, key) DO UPDATE
               SET source_seq = excluded.source_seq, facts = excluded.facts, at = now()
               WHERE w.source_seq <= excluded.source_seq""",
        t=tenant, b=basis, k=key, seq=source_seq, facts=Jsonb(facts),
    )  # fmt: skip


def _tell(conn: Conn, tenant: str, row: Row, key: str, facts: dict[str, Any], mapping: OrdersMapping) -> Effect:
    stated: dict[str, Any] = {name: True for name in ("paid", "shipped") if facts[name] and not row[name]}
    extra = merged_extra(row["extra_1c"], {SUBORDINATE: {key: facts["told"]}})
    if extra != row["extra_1c"]:
        stated["extra_1c"] = extra
    if not stated:
        return "unchanged"
    status = status_of({**row, **stated}, mapping)
    execute(
        conn,
        """UPDATE sales_order SET paid = coalesce(%(paid)s, paid), shipped = coalesce(%(shipped)s, shipped),
                  extra_1c = coalesce(%(extra)s, extra_1c), status = %(status)s, updated_at = now(), known_at = now(),
                  revision = nextval('revision_seq'), xid = pg_current_xact_id()
           WHERE tenant = %(t)s AND id = %(id)s""",
        t=tenant, id=row["id"], paid=stated.get("paid"), shipped=stated.get("shipped"), status=status,
        extra=Jsonb(extra),
    )  # fmt: skip
    note_status(conn, tenant, row["id"], status, sorted(stated))
    tell.changed(conn, tenant, row["id"], sorted({*stated, *(["status"] if status != row["status"] else [])}))
    return "updated"
