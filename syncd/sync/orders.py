"""Orders: taking one from a storefront, handing it to 1C as a document, and taking 1C's answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import orjson
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from syncd.errors import RequestError
from syncd.queue import outbox, view
from syncd.store.access import ApiKey
from syncd.store.db import Conn, Row, every, execute, one, together
from syncd.store.ids import new_id, order_id
from syncd.sync.context import Context

ROUTE: Final = "POST /v1/orders"
CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line a storefront ordered. ``offer_id`` is 1C's id of the offer; money in the order's currency, VAT as in the
    price.
    """

    offer_id: str
    quantity: Decimal
    price: Decimal
    name: str = ""
    sku: str = ""
    unit: str = ""
    is_service: bool = False

    @property
    def amount(self) -> Decimal:
        """Quantity times price, in cents."""
        return (self.quantity * self.price).quantize(CENT)

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "offer_id": self.offer_id, "name": self.name, "sku": self.sku, "unit": self.unit,
            "quantity": format(self.quantity, "f"), "price": format(self.price, "f"),
            "amount": format(self.amount, "f"), "is_service": self.is_service,
        }  # fmt: skip


def digest_of(body: dict[str, Any]) -> bytes:
    """The same for two bodies of requests that are the same."""
    return sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as a storefront places it. ``number`` is the storefront's own and unique within the storefront."""

    number: str
    currency: str
    customer: dict[str, Any]
    lines: tuple[NewLine, ...]
    comment: str = ""
    requisites: dict[str, str] = field(default_factory=dict)
    payment: dict[str, Any] | None = None
    delivery: dict[str, Any] | None = None

    @property
    def amount(self) -> Decimal:
        """What the customer pays: the lines and the delivery."""
        lines = sum((line.amount for line in self.lines), Decimal())
        return lines + Decimal((self.delivery or {}).get("price") or 0)

    @property
    def extra(self) -> dict[str, Any]:
        """How it is paid and delivered, as it is stored; only what the storefront stated."""
        return {name: value for name, value in (("payment", self.payment), ("delivery", self.delivery)) if value}

    @property
    def digest(self) -> bytes:
        """The same for two requests that are the same."""
        return digest_of(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """The canonical body: what two requests must share to be the same request."""
        return {
            "number": self.number, "currency": self.currency, "customer": self.customer, "comment": self.comment,
            "requisites": self.requisites, "lines": [line.as_json() for line in self.lines], **self.extra,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Accepted:
    """The outcome of an acceptance. ``repeated`` when the same request had been answered before."""

    id: UUID
    repeated: bool


def accept(ctx: Context, key: ApiKey, idempotency_key: str, order: NewOrder) -> Accepted:
    """Accept an order: the order, its outbox row and the idempotency record in one transaction.

    The state of 1C plays no part. Raises ``RequestError`` E302 (422) for another body under the same key, E303 (409)
    while a twin is in flight, E304 (409) when the number is taken by another order of the storefront.
    """
    for number_taken in (False, True):
        try:
            accepted = _accept_new(ctx, key, idempotency_key, order, generate_number=number_taken)
            if accepted is None:
                with ctx.db.transaction() as conn:
                    accepted = _accept(conn, key, idempotency_key, order, generate_number=number_taken)
            break
        except UniqueViolation:
            # another storefront of the company has this short number: this one gets one of ours
            if number_taken:
                raise
    assert accepted is not None
    if not accepted.repeated:
        ctx.doorbell.ring()
    return accepted


_SALES_ORDER: Final = """
    INSERT INTO sales_order (tenant, id, storefront, number, exchange_number, status, currency, amount, customer,
                             lines, comment, requisites, body_hash, extra)
    SELECT %(t)s, %(id)s, %(storefront)s, %(number)s,
           coalesce(%(own)s, 'S' || lpad(nextval('order_number_seq')::text, 10, '0')),
           'new', %(currency)s, %(amount)s, %(customer)s, %(lines)s, %(comment)s, %(requisites)s, %(digest)s,
           %(extra)s
"""
_ACCEPT: Final = f"""
    WITH gate AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock(hashtextextended(%(scope)s, 0)) AS free
    ), made AS (
        {_SALES_ORDER} FROM gate
        WHERE gate.free
          AND NOT EXISTS (SELECT FROM idempotency WHERE tenant = %(t)s AND route = %(route)s AND key = %(k)s)
        ON CONFLICT (tenant, id) DO NOTHING
        RETURNING id
    ), queued AS (
        INSERT INTO outbox (tenant, id, kind, key, revision_no, endpoint_id)
        SELECT %(t)s, %(message)s, %(kind)s, made.id::text, 1, ({outbox.FIRST_TAKER}) FROM made
    ), noted AS (
        INSERT INTO idempotency (tenant, route, key, body, status, answer_id)
        SELECT %(t)s, %(route)s, %(k)s, %(body)s, 201, made.id::text FROM made
    )
    SELECT gate.free, made.id FROM gate LEFT JOIN made ON true
"""  # noqa: S608 - constants only


def _accept_new(
    ctx: Context, key: ApiKey, idempotency_key: str, order: NewOrder, *, generate_number: bool
) -> Accepted | None:
    """What nearly every order is: new. All its rows in one statement, which is a transaction of its own; ``None`` when
    the order or the key is known. The statement may not see a twin that ended right before it had the lock: that one's
    rows then stand in its way, and nothing is written.
    """
    body = order.as_json()
    values = _values(key, order, body, generate_number=generate_number) | {
        "scope": _scope(key, idempotency_key), "route": _route(key), "k": idempotency_key, "body": Jsonb(body),
        "message": new_id(), "kind": "order", "infobase": None,
    }  # fmt: skip
    with ctx.db.statement() as conn:
        row = one(conn, _ACCEPT, **values)
    assert row is not None
    if not row["free"]:
        raise RequestError("E303", status=409)
    return Accepted(row["id"], repeated=False) if row["id"] else None


def _route(key: ApiKey) -> str:
    return f"{ROUTE} {key.storefront}"


def _scope(key: ApiKey, idempotency_key: str) -> str:
    return f"{key.tenant}\x1f{key.storefront}\x1f{ROUTE}\x1f{idempotency_key}"


def _values(key: ApiKey, order: NewOrder, body: dict[str, Any], *, generate_number: bool) -> dict[str, Any]:
    own = None if generate_number or not fits_exchange(order.number) else order.number
    return {
        "t": key.tenant, "id": order_id(key.tenant, key.storefront, order.number), "storefront": key.storefront,
        "number": order.number, "own": own, "currency": order.currency, "amount": order.amount,
        "customer": Jsonb(order.customer), "lines": Jsonb(body["lines"]), "comment": order.comment,
        "requisites": Jsonb(order.requisites), "digest": digest_of(body),
        "extra": Jsonb(order.extra) if order.extra else None,
    }  # fmt: skip


def _accept(conn: Conn, key: ApiKey, idempotency_key: str, order: NewOrder, *, generate_number: bool) -> Accepted:
    tenant, route, scope = key.tenant, _route(key), _scope(key, idempotency_key)
    (lock,), answered = together(
        conn,
        ("SELECT pg_try_advisory_xact_lock(hashtextextended(%(scope)s, 0)) AS free", {"scope": scope}),
        (
            "SELECT body, answer_id FROM idempotency WHERE tenant = %(t)s AND route = %(r)s AND key = %(k)s",
            {"t": tenant, "r": route, "k": idempotency_key},
        ),
    )
    if not lock["free"]:
        raise RequestError("E303", status=409)
    body = order.as_json()
    known = answered[0] if answered else None
    if known:
        if known["body"] != body:
            raise RequestError("E302", status=422, paths=", ".join(differences(known["body"], body)))
        return Accepted(UUID(known["answer_id"]), repeated=True)
    made, repeated = _insert(conn, key, order, body, generate_number=generate_number)
    with conn.pipeline():  # both in one round trip
        if not repeated:
            outbox.enqueue(conn, tenant, kind="order", key=str(made))
        execute(
            conn,
            """INSERT INTO idempotency (tenant, route, key, body, status, answer_id)
               VALUES (%(t)s, %(r)s, %(k)s, %(body)s, 201, %(id)s)""",
            t=tenant, r=route, k=idempotency_key, body=Jsonb(body), id=str(made),
        )  # fmt: skip
    return Accepted(made, repeated)


def _insert(
    conn: Conn, key: ApiKey, order: NewOrder, body: dict[str, Any], *, generate_number: bool
) -> tuple[UUID, bool]:
    tenant = key.tenant
    values = _values(key, order, body, generate_number=generate_number)
    made, digest = values["id"], values["digest"]
    inserted = one(conn, _SALES_ORDER + " ON CONFLICT (tenant, id) DO NOTHING RETURNING id", **values)
    if inserted is None:
        same = one(conn, "SELECT body_hash FROM sales_order WHERE tenant = %(t)s AND id = %(id)s", t=tenant, id=made)
        if same is None or bytes(same["body_hash"] or b"") != digest:
            raise RequestError("E304", status=409, number=order.number, storefront=key.storefront)
        return made, True
    return made, False


def fits_exchange(number: str) -> bool:
    """Whether 1C can find a document by this number: 11 characters at most, and no two that differ in case only.

    УТ 11 looks numbers up in a column of 11 characters, and 1C compares texts without case.
    """
    generated = len(number) == 11 and number.startswith("S") and number[1:].isdigit()
    allowed = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_/"
    return 0 < len(number) <= 11 and all(c in allowed for c in number) and not generated


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Paths at which two JSON values differ, ten at most."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = [
            inner
            for name in sorted(old.keys() | new.keys())
            for inner in differences(old.get(name), new.get(name), f"{path}.{name}" if path else name)
        ]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        found = [
            inner for i, (a, b) in enumerate(zip(old, new, strict=True)) for inner in differences(a, b, f"{path}[{i}]")
        ]
    else:
        found = [] if old == new else [path or "body"]
    return found[:10]


_ORDER: Final = """
    SELECT id, storefront, number, exchange_number, origin, status, currency, amount, customer, lines, comment,
           requisites, extra, extra_1c, id_1c, number_1c, date_1c, status_1c, posted, paid, shipped, cancelled,
           created_at, updated_at, known_at, revision_no
    FROM sales_order WHERE tenant = %(t)s
"""


_HISTORY: Final = """
    SELECT at, status, source, detail FROM order_status WHERE tenant = %(t)s AND order_id = %(id)s ORDER BY seq
"""


def get(conn: Conn, tenant: str, id_: UUID) -> Row | None:
    """One order."""
    return one(conn, _ORDER + " AND id = %(id)s", t=tenant, id=id_)


def whole(conn: Conn, tenant: str, id_: UUID) -> tuple[Row, list[Row], Row | None] | None:
    """One order with its age in seconds (``age``), its history, and where its newest message stands; in one round
    trip.
    """
    found, history_, delivery = together(
        conn,
        (_ORDER.replace("revision_no", "revision_no, extract(epoch FROM now() - known_at)::float AS age", 1)
         + " AND id = %(id)s", {"t": tenant, "id": id_}),
        (_HISTORY, {"t": tenant, "id": id_}),
        (view.DELIVERY, {"t": tenant, "kind": "order", "key": str(id_)}),
    )  # fmt: skip
    return (found[0], history_, delivery[0] if delivery else None) if found else None


def many(conn: Conn, tenant: str, ids: list[UUID]) -> dict[UUID, Row]:
    """Several orders by id."""
    return {row["id"]: row for row in every(conn, _ORDER + " AND id = ANY(%(ids)s)", t=tenant, ids=ids)}


def page(
    conn: Conn, tenant: str, *, after: UUID | None, number: str | None, since: datetime | None, limit: int
) -> list[Row]:
    """Orders by id, from a cursor on."""
    return every(
        conn,
        _ORDER
        + """ AND (%(after)s::uuid IS NULL OR id > %(after)s)
              AND (%(number)s::text IS NULL OR number = %(number)s OR exchange_number = %(number)s)
              AND (%(since)s::timestamptz IS NULL OR updated_at >= %(since)s)
            ORDER BY id LIMIT %(limit)s""",
        t=tenant, after=after, number=number, since=since, limit=limit,
    )  # fmt: skip
