"""Handing orders to 1C: from stored orders to the documents of ``sale/query``."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from syncd import journal
from syncd.commerceml.customers import customer_record
from syncd.commerceml.order_lines import DELIVERY_ID
from syncd.commerceml.orders import BITRIX, DIALECTS, STANDARD, Dialect, write_orders
from syncd.commerceml.requisites import normalised
from syncd.errors import RemoteError
from syncd.journal import Entry
from syncd.mappings.orders import OrdersMapping, flat
from syncd.model.records import OrderDocument, OrderLine
from syncd.queue import outbox
from syncd.store.access import Infobase, Session
from syncd.store.db import Conn, Row, every
from syncd.sync import orders, tell

log = structlog.get_logger(__name__)

BATCH: Final = 1000
"""Orders in one answer: the standard client asks once a session, the Bitrix module until the answer is empty."""
OPERATION: Final = "Заказ товара"


def dialect_of(session: Session, version: str | None = None) -> Dialect:
    """The infobase's own setting, else what the client showed: only the Bitrix module announces a version, with
    ``init`` or with the request itself.
    """
    if session.infobase.dialect == "auto":
        return BITRIX if session.version or version else STANDARD
    return DIALECTS[session.infobase.dialect]


def offer(
    conn: Conn, session: Session, dialect: Dialect, mapping: OrdersMapping, *, limit: int = BATCH,
    suspects: bool = False,
) -> tuple[bytes, list[str]]:  # fmt: skip
    """The next orders for this session as a document, and their keys; ``limit`` at most.

    An order that cannot be written is set aside for a person; the others go. ``suspects`` as in ``syncd.queue.pulls``.
    The standard client asks once a session, so that a second query means that the first answer was lost: it gets the
    same orders again. The Bitrix module asks until the answer is empty.
    """
    tenant = session.tenant
    messages = [] if dialect.container else outbox.offered_before(conn, tenant, session.id, "order")
    messages += outbox.offer(
        conn, tenant, infobase_id=session.infobase.id, session_id=session.id, kind="order", limit=limit,
        suspects=suspects,
    )  # fmt: skip
    rows = orders.many(conn, tenant, [UUID(message.key) for message in messages])
    goods = _goods(conn, tenant, list(rows.values()))
    now = datetime.now(UTC).astimezone(ZoneInfo(session.infobase.zone)).replace(tzinfo=None)
    documents: list[OrderDocument] = []
    keys: list[str] = []
    for message in messages:
        try:
            document = to_document(rows[UUID(message.key)], session.infobase, goods, mapping, dialect)
            write_orders([document], dialect=dialect, generated_at=now)
        except (ValueError, KeyError, ArithmeticError) as error:
            log.exception("an order cannot be written for 1C", order=message.key)
            problem = RemoteError("E222", order=message.key, detail=str(error))
            outbox.hold_back(conn, tenant, message, problem)
            _journal(conn, session, rows.get(UUID(message.key)), message.key, problem)
            tell.rejected(conn, tenant, message.key, problem)
            continue
        documents.append(document)
        keys.append(message.key)
    return write_orders(documents, dialect=dialect, generated_at=now), keys


def _journal(conn: Conn, session: Session, row: Row | None, key: str, error: RemoteError) -> None:
    entry = Entry(
        kind="orders", direction="out", outcome="failed", error=error, infobase_id=session.infobase.id,
        session_id=session.id, subject=row["number"] if row else key, entity="order", key=key,
    )  # fmt: skip
    journal.write(conn, session.tenant, entry)


def to_document(
    row: Row, infobase: Infobase, goods: dict[str, Row], mapping: OrdersMapping, dialect: Dialect
) -> OrderDocument:
    """A stored order as a document. Names, units and VAT the storefront did not give come from the catalogue, what
    1C calls things from the mapping.
    """
    zone = ZoneInfo(infobase.zone)
    lines = [_line(line, goods.get(line["offer_id"]), mapping) for line in row["lines"]]
    delivery = _delivery_line(row, mapping, dialect)
    lines += [delivery] if delivery else []
    return OrderDocument(
        id=str(row["id"]),
        number=row["exchange_number"],
        operation=OPERATION,
        date=row["created_at"].astimezone(zone).replace(tzinfo=None, microsecond=0),
        currency=mapping.currency(row["currency"]),
        amount=sum((line.amount for line in lines), Decimal()),
        comment=row["comment"] or None,
        cancelled=row["cancelled"] or None,
        lines=lines,
        counterparties=[customer_record(row["customer"], row["storefront"])],
        requisites=_requisites(row, mapping),
    )


def _line(line: dict[str, Any], known: Row | None, mapping: OrdersMapping) -> OrderLine:
    rate = known["tax_rate"] if known else None
    return OrderLine(
        product_id=line["offer_id"],
        name=line["name"] or (known["name"] if known else "") or line["offer_id"],
        quantity=Decimal(line["quantity"]),
        price=Decimal(line["price"]),
        amount=Decimal(line["amount"]),
        sku=line["sku"] or (known["sku"] if known else "") or "",
        unit=line["unit"] or (known["unit"] if known else "") or "",
        is_service=line["is_service"],
        tax_rate=mapping.rate(known["tax_label"] if known else None) if rate is None else rate,
    )


def _delivery_line(row: Row, mapping: OrdersMapping, dialect: Dialect) -> OrderLine | None:
    """The delivery among the lines, where it has a price and 1C a service for it."""
    wanted = (row["extra"] or {}).get("delivery") or {}
    price = Decimal(wanted.get("price") or 0)
    if not price or mapping.delivery_as != "line":
        return None
    known = mapping.delivery(wanted["method"])
    service = known.service or (DELIVERY_ID if dialect.delivery_line else "")
    if not service:
        return None
    return OrderLine(
        product_id=service, name=known.name, quantity=Decimal(1), price=price, amount=price, is_service=True,
        tax_rate=mapping.rate(known.tax),
    )  # fmt: skip


def _requisites(row: Row, mapping: OrdersMapping) -> dict[str, str]:
    """Those of the mapping, under those the storefront gave with the order."""
    extra = row["extra"] or {}
    names = ("number", "id", "currency", "amount", "comment", "storefront", "created_at")
    status, status_id = mapping.status_for(row["status"])
    values = flat({name: row[name] for name in names}, "") | {"status": status, "status_id": status_id}
    values |= flat(row["customer"], "customer.")
    if payment := extra.get("payment"):
        paid_by = mapping.payment(payment["method"])
        values |= flat({**payment, **paid_by.model_dump()}, "payment.")
    if delivery := extra.get("delivery"):
        brought_by = mapping.delivery(delivery["method"])
        values |= flat({**delivery, "name": brought_by.name, "id": brought_by.id}, "delivery.")
    given = {normalised(name) for name in row["requisites"]}
    ours = {name: value for name, value in mapping.requisites_of(values).items() if normalised(name) not in given}
    return {**ours, **row["requisites"]}


def _goods(conn: Conn, tenant: str, rows: list[Row]) -> dict[str, Row]:
    """Name, article, unit and VAT rate of the offers in these orders, by offer id; the product's where the offer has
    none.
    """
    wanted = list({line["offer_id"] for row in rows for line in row["lines"]})
    if not wanted:
        return {}
    found = every(
        conn,
        """SELECT w.id, coalesce(o.name, p.name) AS name, coalesce(o.sku, p.sku) AS sku, p.tax_rate, p.tax_label,
                  coalesce(o.unit ->> 'code', p.unit ->> 'code') AS unit
           FROM unnest(%(ids)s::text[]) AS w (id)
           LEFT JOIN offers o ON o.tenant = %(t)s AND o.id = w.id
           LEFT JOIN products p ON p.tenant = %(t)s AND p.id = split_part(w.id, '#', 1)""",
        t=tenant, ids=wanted,
    )  # fmt: skip
    return {row["id"]: row for row in found}
