"""Taking what 1C says about orders: number, date, status, payment, shipment, cancellation, changed lines."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final, Literal
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from syncd.commerceml.order_lines import DELIVERY_ID
from syncd.mappings.orders import OrdersMapping
from syncd.model.records import OrderDocument, OrderLine
from syncd.queue import outbox
from syncd.store.db import Conn, Row, execute, one
from syncd.store.ids import order_id
from syncd.sync import order_changes, tell
from syncd.sync.order_changes import substance

Effect = Literal["created", "updated", "unchanged"]
ORDER_OPERATIONS: Final = frozenset({"", "заказ товара", "заказ"})
BORN_IN_1C: Final = "1c"
REQUISITES: Final = "ЗначенияРеквизитов"
SUBORDINATE: Final = "ПодчиненныеДокументы"
"""Where an order keeps what its payments and shipments said, see ``syncd.sync.subordinates``."""
MEANS: Final = "syncd:status"
"""Beside 1C's own words: what its status means, where the source said so itself."""
_FOUND: Final = """SELECT id, number, origin, revision_no, status, number_1c, date_1c, id_1c, status_1c, posted, paid,
                          shipped, cancelled, lines, amount, content_hash, source_seq, extra, extra_1c
                   FROM sales_order WHERE tenant = %(t)s AND {} FOR UPDATE"""


def is_order(document: OrderDocument) -> bool:
    """Payments and shipments travel as documents too, bound to their order by ``basis``."""
    return document.operation.strip().casefold() in ORDER_OPERATIONS


def key_of(document: OrderDocument) -> str:
    """What identifies the document among those of a package."""
    return document.number or document.id or document.number_1c or ""


def apply(
    conn: Conn, tenant: str, document: OrderDocument, *, zone: ZoneInfo, source_seq: int, mapping: OrdersMapping
) -> Effect:
    """Bring one order up to what 1C says. An older package never undoes a newer one.

    An order is found by its number in the exchange, then by our id, then by 1C's; never is one created that only
    looks new: a document without a number of ours is an order born in 1C. The change is not offered back to 1C.
    """
    row = _find(conn, tenant, document)
    return take(conn, tenant, row, document, zone=zone, source_seq=source_seq, mapping=mapping)


def take(
    conn: Conn, tenant: str, row: Row | None, document: OrderDocument, *, zone: ZoneInfo, source_seq: int,
    mapping: OrdersMapping, digest: UUID | None = None, confirms: bool = True, by: str = "exchange",
) -> Effect:  # fmt: skip
    """``apply`` to an order that was found already; without a ``row`` it is one born in 1C. ``digest``: of the document
    as it came. ``confirms``: whether it may show that 1C has what it was sent; ``by``: who saw that.
    """
    digest = digest or content_hash(document)
    if row is None:
        _insert(conn, tenant, document, zone=zone, source_seq=source_seq, digest=digest, mapping=mapping)
        return "created"
    if (
        confirms and _confirms(row, document, mapping)
        and outbox.confirm_key(conn, tenant, "order", str(row["id"]), by=by)
    ):  # fmt: skip
        tell.delivered(conn, tenant, "order", str(row["id"]))
    if (row["source_seq"] or 0) > source_seq:
        return "unchanged"
    crossed = order_changes.on_its_way(conn, tenant, row)
    if (
        row["content_hash"] == digest and not crossed
    ):  # noted all the same: a replay of an older package must not undo it
        _update(conn, tenant, row, {}, digest=digest, source_seq=source_seq)
        return "unchanged"
    changes = _changes(row, document, zone, mapping)
    if crossed:  # 1C says so before it has the storefront's change: its lines may not undo that
        changes = {name: value for name, value in changes.items() if name not in {"lines", "amount"}}
    stored = {name: value for name, value in changes.items() if row[name] != value}
    if not crossed and document.lines is not None:
        stored |= order_changes.judge(conn, tenant, row, _goods(document, row, mapping))
    _update(conn, tenant, row, stored, digest=None if crossed else digest, source_seq=source_seq)
    return "updated" if stored else "unchanged"


def _confirms(row: Row, document: OrderDocument, mapping: OrdersMapping) -> bool:
    """Whether 1C shows that it has what it was sent: of a changed order only the change itself shows that."""
    if row["origin"] != "storefront" or row["revision_no"] == 1:
        return bool(row["origin"] == "storefront")
    lines = None if document.lines is None else _goods(document, row, mapping)
    return lines is not None and substance(lines) == substance(row["lines"])


def _goods(document: OrderDocument, row: Row, mapping: OrdersMapping) -> list[dict[str, Any]]:
    """The document's lines as the storefront knows them."""
    return _without_delivery([line_json(line) for line in document.lines or ()], row, mapping)


def lock(conn: Conn, tenant: str) -> None:
    """One at a time within a tenant: two that bring many orders would wait for each other's rows."""
    execute(conn, "SELECT pg_advisory_xact_lock(hashtextextended('orders ' || %(t)s, 0))", t=tenant)


def locked(conn: Conn, tenant: str, id_: UUID) -> Row | None:
    """An order by our id, for ``take``; nobody else changes it until the transaction ends."""
    return one(conn, _FOUND.format("id = %(id)s"), t=tenant, id=id_)


def _find(conn: Conn, tenant: str, document: OrderDocument) -> Row | None:
    query = _FOUND
    if document.number:
        row = one(conn, query.format("exchange_number = %(n)s"), t=tenant, n=document.number.strip().upper())
        if row:
            return row
    ours = uuid_of(document.id)
    if ours:
        row = one(conn, query.format("id = %(id)s"), t=tenant, id=ours)
        if row:
            return row
    if not document.id:
        return None
    return one(conn, query.format("id_1c = %(id)s") + " LIMIT 1", t=tenant, id=document.id)


def uuid_of(text: str) -> UUID | None:
    """The id, where the text is one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _changes(row: Row, document: OrderDocument, zone: ZoneInfo, mapping: OrdersMapping) -> dict[str, Any]:
    """Columns as the document states them; what it does not state keeps its value."""
    stated: dict[str, Any] = {
        "number_1c": document.number_1c,
        "date_1c": _aware(document.date_1c, zone),
        "status_1c": document.status,
        "posted": document.posted,
        "paid": document.paid,
        "shipped": document.shipped,
        "cancelled": True if document.deletion_mark else document.cancelled,
    }
    if document.id and document.id != str(row["id"]):
        stated["id_1c"] = document.id
    if document.lines is not None:
        lines = [line_json(line) for line in document.lines]
        if substance(_without_delivery(lines, row, mapping)) != substance(row["lines"]):
            stated["lines"] = lines
            stated["amount"] = document.amount or sum((line.amount for line in document.lines), Decimal())
    stated["extra_1c"] = merged_extra(row["extra_1c"], extra_of(document))
    if document.status is not None and not document.means:
        stated["extra_1c"].pop(MEANS, None)  # what it said before was of another status
    changes = {name: value for name, value in stated.items() if value is not None}
    merged = {name: row[name] for name in ("number_1c", "posted", "shipped", "cancelled", "status_1c")} | changes
    changes["status"] = status_of(merged, mapping)
    return changes


def status_of(state: dict[str, Any], mapping: OrdersMapping) -> str:
    """The order's status in our words, from what 1C says: cancelled above all, then what its status means, then what
    follows from its number and shipment. A shipment counts more than a status that somebody forgot to change.
    """
    if state.get("cancelled"):
        return "cancelled"
    meant = (state.get("extra_1c") or {}).get(MEANS) or mapping.status(state.get("status_1c"))
    if state.get("shipped") and meant not in {"completed", "cancelled"}:
        return "shipped"
    return meant or ("confirmed" if state.get("number_1c") or state.get("posted") else "new")


def _without_delivery(lines: list[dict[str, Any]], row: Row, mapping: OrdersMapping) -> list[dict[str, Any]]:
    """1C's lines without the one that syncd made of the delivery: for the storefront that is no change."""
    delivery = (row["extra"] or {}).get("delivery") or {}
    price = Decimal(delivery.get("price") or 0)
    ids = {DELIVERY_ID, mapping.delivery(delivery.get("method") or "-").service} - {""}
    return [line for line in lines if not (price and line["offer_id"] in ids and Decimal(line["amount"]) == price)]


def _update(conn: Conn, tenant: str, row: Row, stored: dict[str, Any], *, digest: UUID | None, source_seq: int) -> None:
    if not stored:
        execute(
            conn,
            """UPDATE sales_order SET content_hash = %(h)s, source_seq = %(seq)s, known_at = now()
               WHERE tenant = %(t)s AND id = %(id)s""",
            t=tenant, id=row["id"], h=digest, seq=source_seq,
        )  # fmt: skip
        return
    columns = ", ".join(f"{name} = %({name})s" for name in stored)
    values = {name: Jsonb(value) if name in {"lines", "extra", "extra_1c"} else value for name, value in stored.items()}
    execute(
        conn,
        f"""UPDATE sales_order SET {columns}, content_hash = %(h)s, source_seq = %(seq)s, known_at = now(),
                   updated_at = now(), revision = nextval('revision_seq'), xid = pg_current_xact_id()
            WHERE tenant = %(t)s AND id = %(id)s""",  # noqa: S608 - column names are ours
        t=tenant, id=row["id"], h=digest, seq=source_seq, **values,
    )  # fmt: skip
    note_status(conn, tenant, row["id"], str(stored.get("status", row["status"])), _told(stored))
    tell.changed(conn, tenant, row["id"], sorted({*_told(stored), *({"status"} & stored.keys())}))


def _told(stored: dict[str, Any]) -> list[str]:
    """What changed, as the API calls it."""
    names = {"change" if name == "extra" else name for name in stored if name not in {"status", "body_hash"}}
    return sorted(names)


def note_status(conn: Conn, tenant: str, id_: UUID, status: str, changed: list[str]) -> None:
    """A row of the order's history."""
    execute(
        conn,
        """INSERT INTO order_status (tenant, order_id, status, source, detail)
           VALUES (%(t)s, %(id)s, %(status)s, '1c', %(detail)s)""",
        t=tenant, id=id_, status=status, detail=Jsonb({"changed": changed}),
    )  # fmt: skip


def _insert(
    conn: Conn,
    tenant: str,
    document: OrderDocument,
    *,
    zone: ZoneInfo,
    source_seq: int,
    digest: UUID,
    mapping: OrdersMapping,
) -> None:
    number = document.number or document.number_1c or document.id
    extra = merged_extra(None, extra_of(document))
    made = order_id(tenant, BORN_IN_1C, document.id or number)
    customer = document.counterparties[0].fields if document.counterparties else {}
    lines = document.lines or []
    state = {
        "number_1c": document.number_1c, "posted": document.posted, "shipped": document.shipped,
        "cancelled": document.cancelled, "status_1c": document.status, "extra_1c": extra,
    }  # fmt: skip
    execute(
        conn,
        """INSERT INTO sales_order (tenant, id, storefront, number, exchange_number, origin, status, currency, amount,
                                    customer, lines, comment, requisites, id_1c, number_1c, date_1c, status_1c, posted,
                                    paid, shipped, cancelled, extra_1c, content_hash, source_seq, known_at)
           VALUES (%(t)s, %(id)s, %(storefront)s, %(number)s, %(exchange)s, '1c', %(status)s, %(currency)s, %(amount)s,
                   %(customer)s, %(lines)s, %(comment)s, %(requisites)s, %(id_1c)s, %(number_1c)s, %(date_1c)s,
                   %(status_1c)s, %(posted)s, %(paid)s, %(shipped)s, %(cancelled)s, %(extra)s, %(hash)s, %(seq)s,
                   now())""",
        t=tenant, id=made, storefront=BORN_IN_1C, number=document.id or number,
        exchange=document.number.strip().upper() if document.number else f"1C/{made.hex}",
        status=status_of(state, mapping), currency=mapping.iso(document.currency),
        amount=document.amount if document.amount is not None else sum((line.amount for line in lines), Decimal()),
        customer=Jsonb({"name": customer.get("name") or "", "inn": customer.get("inn") or ""}),
        lines=Jsonb([line_json(line) for line in lines]), comment=document.comment,
        requisites=Jsonb(document.requisites), id_1c=document.id or None, number_1c=document.number_1c,
        date_1c=_aware(document.date_1c, zone), status_1c=document.status, posted=document.posted, paid=document.paid,
        shipped=document.shipped, cancelled=document.cancelled, hash=digest, seq=source_seq,
        extra=Jsonb(extra),
    )  # fmt: skip
    note_status(conn, tenant, made, status_of(state, mapping), ["created in 1C"])
    tell.changed(conn, tenant, made, ["created"])


def extra_of(document: OrderDocument) -> dict[str, Any]:
    """What the document says beyond the fields of an order, under 1C's own names: requisites, taxes, discounts, the
    term of payment, receipts; of its lines, those that say more than an order's line holds.
    """
    found = dict(document.extra)
    if document.means:
        found[MEANS] = document.means
    if document.requisites:
        found[REQUISITES] = dict(document.requisites)
    lines = [{"Ид": line.product_id, **line.extra} for line in document.lines or () if line.extra]
    if lines:
        found["Товары"] = lines
    return found


def merged_extra(stored: dict[str, Any] | None, stated: dict[str, Any]) -> dict[str, Any]:
    """What is stored with what is stated above it: element by element, requisites and documents one by one."""
    merged = {**(stored or {}), **stated}
    for name in (REQUISITES, SUBORDINATE):
        if stored and name in stored and name in stated:
            merged[name] = {**stored[name], **stated[name]}
    return merged


def line_json(line: OrderLine) -> dict[str, Any]:
    """A line as it is stored."""
    return {
        "offer_id": line.product_id, "name": line.name, "sku": line.sku, "unit": line.unit,
        "quantity": str(line.quantity), "price": str(line.price), "amount": str(line.amount),
        "is_service": line.is_service,
    }  # fmt: skip


def _aware(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    return moment.replace(tzinfo=zone) if moment else None


_DOCUMENTS: Final = UUID("b7a64c0e-3f0b-5f9e-8a37-5a0d1c2e9f44")


def content_hash(document: OrderDocument) -> UUID:
    """The same for documents that say the same, whatever the line they stand on."""
    plain = dataclasses.asdict(dataclasses.replace(document, line=0, counterparties=[]))
    if document.means is None:  # as it was before a source could say so
        del plain["means"]
    text = repr(sorted(plain.items(), key=lambda item: item[0]))
    return uuid5(_DOCUMENTS, blake2b(text.encode("utf-8", "replace")).hexdigest())
