"""Sites that have an exchange with 1C of their own: pushes to them, and their orders into our store.

Orders are taken as 1C takes them: ``sale/query``, each order in a transaction of its own, ``sale/success`` only when
all of them are stored. What a crash cut in two comes again, and is the same order by its number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from syncd import journal
from syncd.adapters.cms import KIND, Site
from syncd.commerceml.order_lines import DELIVERY_ID
from syncd.commerceml.reader import EncodingMismatch, Reader
from syncd.errors import ConfigError, DataError, RequestError, SyncdError
from syncd.journal import Entry
from syncd.model.records import BadRecord, OrderDocument, OrderLine, Record
from syncd.queue import outbox
from syncd.store import secrets, uploads
from syncd.store.access import ApiKey
from syncd.store.db import Conn, execute, one
from syncd.store.endpoints import Endpoint
from syncd.store.ids import new_id, order_id
from syncd.sync import orders
from syncd.sync.context import Context
from syncd.sync.order_changes import change

CMS: Final = "cms"
_PLACES: Final = Decimal("0.000001")


@dataclass(slots=True)
class Fetched:
    """One fetch: orders new to us, known ones, changed ones, those cancelled before we saw them, and those that
    could not be taken, by number.
    """

    new: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, SyncdError] = field(default_factory=dict)
    confirmed: bool = False


def push(conn: Conn, endpoint: Endpoint, *, full: bool = False) -> UUID:
    """Queue a push: what changed since the last that arrived, or everything. One that waits already is enough.

    Raises ``ConfigError`` E992 for an endpoint that is no site.
    """
    _is_site(endpoint)
    waiting = one(
        conn,
        """SELECT id FROM outbox WHERE tenant = %(t)s AND endpoint_id = %(e)s AND kind = %(k)s
             AND state IN ('pending', 'waiting') AND (payload->>'full')::boolean >= %(full)s LIMIT 1""",
        t=endpoint.tenant, e=endpoint.id, k=KIND, full=full,
    )  # fmt: skip
    if waiting:
        found: UUID = waiting["id"]
        return found
    key = str(endpoint.id)
    last = one(
        conn,
        """SELECT coalesce(max(revision_no), 0) AS n,
                  coalesce(bool_or((payload->>'full')::boolean)
                           FILTER (WHERE state IN ('pending', 'waiting', 'held', 'rejected')), false) AS full
           FROM outbox WHERE tenant = %(t)s AND kind = %(k)s AND key = %(key)s""",
        t=endpoint.tenant, k=KIND, key=key,
    )  # fmt: skip
    assert last is not None
    following, full = last["n"] + 1, full or last["full"]  # it takes the place of those that did not arrive
    return outbox.enqueue(
        conn, endpoint.tenant, kind=KIND, key=key, revision_no=following, endpoint_id=endpoint.id,
        payload={"type": KIND, "full": full},
    )  # fmt: skip


def fetch(ctx: Context, endpoint: Endpoint) -> Fetched:
    """Take the orders of a site. What came is kept as it came before it is read: some sites forget their orders with
    the first answer.

    Raises what ``SiteClient`` raises, ``DataError`` for a document that cannot be read (then no order is stored and
    nothing is confirmed; the journal names what is kept), ``ConfigError`` E992.
    """
    _is_site(endpoint)
    storefront = str(endpoint.settings.get("storefront") or endpoint.name)
    key = ApiKey(endpoint.tenant, new_id(), endpoint.name, storefront, frozenset({"orders"}))
    client = Site(endpoint, endpoint.secret(secrets.keys(ctx.settings)), ctx.db).connect()
    found = Fetched()
    try:
        document = client.orders()
        with ctx.db.transaction() as conn:
            kept = uploads.store(conn, endpoint.tenant, f"{endpoint.name} orders.xml", [document], type_="sale")
            _keep(conn, endpoint.tenant, kept, "taken")
        for item in _documents(ctx, endpoint, document, kept):
            _take(ctx, endpoint, key, item, found)
        if not found.failed:
            client.confirm()
            found.confirmed = True
            with ctx.db.transaction() as conn:
                _keep(conn, endpoint.tenant, kept, "replaced")
    finally:
        client.close()
    return found


def _is_site(endpoint: Endpoint) -> None:
    if endpoint.kind != CMS:
        raise ConfigError("E992", endpoint=endpoint.name)


def _keep(conn: Conn, tenant: str, upload: UUID, state: str) -> None:
    """``taken`` is kept as long as the journal, ``replaced`` for a day."""
    execute(
        conn, "UPDATE upload SET state = %(s)s, updated_at = now() WHERE tenant = %(t)s AND id = %(u)s",
        s=state, t=tenant, u=upload,
    )  # fmt: skip


def _documents(
    ctx: Context, endpoint: Endpoint, document: bytes, kept: UUID
) -> list[OrderDocument | BadRecord]:  # fmt: skip
    """All of them, before any is stored. A wrong encoding in the declaration is overruled once."""
    try:
        try:
            items = list(Reader([document]))
        except EncodingMismatch:
            items = list(Reader([document], encoding="windows-1251"))
    except DataError as error:
        with ctx.db.transaction() as conn:
            entry = Entry("orders", "in", "failed", endpoint.name, error=error, detail=f"upload {kept}")
            journal.write_failure(conn, endpoint.tenant, entry)
        raise
    return [item for item in items if isinstance(item, OrderDocument | BadRecord)]


def _take(ctx: Context, endpoint: Endpoint, key: ApiKey, item: OrderDocument | BadRecord, found: Fetched) -> None:
    """Store one order, or tell why it cannot be; the others go on."""
    number = item.key if isinstance(item, BadRecord) else item.number or item.id
    if number in found.failed:
        return
    try:
        if isinstance(item, BadRecord):
            raise item.error
        if item.cancelled and not _stored(ctx, key, number):
            found.skipped.append(number)
        else:
            _store(ctx, key, new_order(item), found)
    except (DataError, RequestError, ValueError, LookupError, ArithmeticError) as error:
        detail = error.text() if isinstance(error, SyncdError) else str(error)
        problem = DataError("E991", number=number, site=endpoint.name, detail=detail)
        found.failed[number] = problem
        with ctx.db.transaction() as conn:
            journal.write_failure(
                conn,
                endpoint.tenant,
                Entry("orders", "in", "failed", number, error=problem, entity="order", key=number),
            )


def _store(ctx: Context, key: ApiKey, order: orders.NewOrder, found: Fetched) -> None:
    """The same order again is known; another state of it is a change."""
    try:
        done = orders.accept(ctx, key, f"{order.number} {sha256(order.digest).hexdigest()[:32]}", order)
    except RequestError as error:
        if error.code != "E304":
            raise
        try:
            repeated = change(ctx, key, order).repeated
        except RequestError as refused:
            if refused.code != "E311":  # 1C is done with it: what the site changed afterwards changes nothing there
                raise
            repeated = True
        (found.known if repeated else found.changed).append(order.number)
    else:
        (found.known if done.repeated else found.new).append(order.number)


def _stored(ctx: Context, key: ApiKey, number: str) -> bool:
    with ctx.db.transaction() as conn:
        id_ = order_id(key.tenant, key.storefront, number)
        return one(conn, "SELECT FROM sales_order WHERE tenant = %(t)s AND id = %(i)s", t=key.tenant, i=id_) is not None


def new_order(document: OrderDocument) -> orders.NewOrder:
    """A site's document as an order of its storefront. Raises ``ValueError`` where what 1C needs is missing."""
    if not document.lines:
        raise ValueError("Документ/Товары")
    lines = []
    delivery: dict[str, Any] | None = None
    for line in document.lines:
        if line.product_id == DELIVERY_ID:
            delivery = {"method": line.name or DELIVERY_ID, "price": format(line.amount, "f")}
        else:
            lines.append(_line(line))
    if not lines:
        raise ValueError("Документ/Товары/Товар")
    return orders.NewOrder(
        number=document.number or document.id, currency=document.currency or "RUB",
        customer=_customer(document.counterparties), lines=tuple(lines), comment=document.comment or "",
        requisites=dict(document.requisites), delivery=delivery,
    )  # fmt: skip


def _line(line: OrderLine) -> orders.NewLine:
    """A discount that the site subtracts from the amount alone goes into the price."""
    offer = line.product_id or line.sku
    if not offer:
        raise ValueError("Товар/Ид")
    if line.quantity <= 0:
        raise ValueError("Товар/Количество")
    price = line.price
    if (line.quantity * price).quantize(orders.CENT) != line.amount.quantize(orders.CENT):
        price = (line.amount / line.quantity).quantize(_PLACES).normalize()
    return orders.NewLine(
        offer, line.quantity, Decimal(format(price, "f")), name=line.name, sku=line.sku, unit=line.unit,
        is_service=line.is_service,
    )  # fmt: skip


def _customer(parties: list[Record]) -> dict[str, Any]:
    """The first counterparty is the customer, as for 1C."""
    if not parties:
        return {"type": "person", "name": "—"}
    fields = parties[0].fields
    made: dict[str, Any] = {
        "type": fields.get("legal_kind") or ("legal" if fields.get("official_name") or fields.get("kpp") else "person"),
        "name": fields.get("name") or fields.get("full_name") or "—",
    }
    if parties[0].key and parties[0].key[0]:
        made["id"] = str(parties[0].key[0])
    made |= {name: fields[name] for name in ("full_name", "inn", "kpp") if fields.get(name)}
    for contact in fields.get("contacts") or ():
        kind = str(contact.get("type") or "").lower()
        name = "email" if "почт" in kind or "mail" in kind else "phone" if "тел" in kind or "phone" in kind else ""
        if name and name not in made:
            made[name] = contact["value"]
    for address in fields.get("addresses") or ():
        if address.get("text"):
            made.setdefault("address", address["text"])
    return made
