"""A storefront changes its order: it sends the newer full state, which goes to 1C as the next revision.

1C may keep its own state without a word (УТ 11 does not update an order it has confirmed), so what it says afterwards
is held against what the storefront wanted. The last wish stands in ``extra`` under ``change``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd import journal
from syncd.errors import RemoteError, RequestError
from syncd.journal import Entry
from syncd.queue import outbox
from syncd.store.access import ApiKey
from syncd.store.db import Conn, Row, execute, one
from syncd.sync.context import Context
from syncd.sync.orders import NewOrder, differences

CLOSED: Final = ("cancelled", "completed")
"""Statuses of an order that 1C is done with."""
CHANGE: Final = "change"
_FIELDS: Final = ("currency", "customer", "lines", "comment", "requisites")


@dataclass(frozen=True, slots=True)
class Changed:
    """The outcome of a change. ``repeated`` when this is the state the order has already."""

    id: UUID
    repeated: bool


def change(ctx: Context, key: ApiKey, order: NewOrder, *, expected: int | None = None) -> Changed:
    """Give an order of this storefront a new full state: the order and its outbox row in one transaction.

    Older revisions that 1C was never given are superseded; one it was given is confirmed first. The same state again
    changes nothing. Raises ``RequestError`` E305 (404) for an order the storefront has not, E311 (409) for one that is
    closed in 1C, E313 (412) when the order is not at the ``expected`` revision any more.
    """
    with ctx.db.transaction() as conn:
        done = _change(conn, key, order, expected)
    if not done.repeated:
        ctx.doorbell.ring()
    return done


def _change(conn: Conn, key: ApiKey, order: NewOrder, expected: int | None) -> Changed:
    row = one(
        conn,
        """SELECT id, status, number_1c, revision_no, body_hash, currency, customer, lines, comment, requisites, extra
           FROM sales_order WHERE tenant = %(t)s AND storefront = %(s)s AND number = %(n)s AND origin = 'storefront'
           FOR UPDATE""",
        t=key.tenant, s=key.storefront, n=order.number,
    )  # fmt: skip
    if row is None:
        raise RequestError("E305", status=404, what="Order", id=order.number, shown="`GET /v1/orders`")
    if bytes(row["body_hash"] or b"") == order.digest:
        return Changed(row["id"], repeated=True)
    if expected is not None and expected != row["revision_no"]:
        raise RequestError("E313", status=412, number=order.number, expected=expected, found=row["revision_no"])
    if row["status"] in CLOSED:
        raise RequestError("E311", status=409, number=order.number, state=row["status"])
    _write(conn, key.tenant, row, order)
    _send(conn, key.tenant, row)
    return Changed(row["id"], repeated=False)


def _write(conn: Conn, tenant: str, row: Row, order: NewOrder) -> None:
    body = order.as_json()
    revision = row["revision_no"] + 1
    # what 1C said last is forgotten: if it says the same again, that is an answer to this change
    execute(
        conn,
        """UPDATE sales_order SET currency = %(currency)s, amount = %(amount)s, customer = %(customer)s,
                  lines = %(lines)s, comment = %(comment)s, requisites = %(requisites)s, extra = %(extra)s,
                  body_hash = %(digest)s, revision_no = %(no)s, content_hash = NULL, updated_at = now(),
                  revision = nextval('revision_seq'), xid = pg_current_xact_id()
           WHERE tenant = %(t)s AND id = %(id)s""",
        t=tenant, id=row["id"], currency=order.currency, amount=order.amount, customer=Jsonb(order.customer),
        lines=Jsonb(body["lines"]), comment=order.comment, requisites=Jsonb(order.requisites), digest=order.digest,
        no=revision, extra=Jsonb({**order.extra, CHANGE: {"revision": revision, "wanted": mark(body["lines"])}}),
    )  # fmt: skip
    before = {name: row[name] for name in _FIELDS}
    before |= {name: value for name, value in (row["extra"] or {}).items() if name != CHANGE}
    after = {name: body[name] for name in _FIELDS} | order.extra
    changed = sorted({path.partition("[")[0].partition(".")[0] for path in differences(before, after)})
    execute(
        conn,
        """INSERT INTO order_status (tenant, order_id, status, source, detail)
           VALUES (%(t)s, %(id)s, %(status)s, 'storefront', %(detail)s)""",
        t=tenant, id=row["id"], status=row["status"], detail=Jsonb({"changed": changed, "revision": revision}),
    )  # fmt: skip


def _send(conn: Conn, tenant: str, row: Row) -> None:
    """The next revision goes the way of the one before it."""
    last = one(
        conn,
        """SELECT infobase_id, endpoint_id FROM outbox WHERE tenant = %(t)s AND kind = 'order' AND key = %(k)s
           ORDER BY revision_no DESC, seq DESC LIMIT 1""",
        t=tenant, k=str(row["id"]),
    )  # fmt: skip
    way = last or {"infobase_id": None, "endpoint_id": None}
    outbox.enqueue(conn, tenant, kind="order", key=str(row["id"]), revision_no=row["revision_no"] + 1, **way)


def on_its_way(conn: Conn, tenant: str, row: Row) -> bool:
    """Whether 1C may not have the storefront's last change yet: what it says of the lines is older then."""
    if row["revision_no"] == 1:
        return False
    query = """SELECT 1 AS x FROM outbox WHERE tenant = %(t)s AND kind = 'order' AND key = %(k)s
                 AND state NOT IN ('acknowledged', 'cancelled', 'superseded') LIMIT 1"""
    return one(conn, query, t=tenant, k=str(row["id"])) is not None


def judge(conn: Conn, tenant: str, row: Row, lines: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Columns that tell whether 1C took the storefront's last change, by the lines it has now; none when nothing new
    is known. That it did not goes into the journal too (E312), and the storefront may send its state once more.
    """
    asked = (row["extra"] or {}).get(CHANGE)
    if not asked:
        return {}
    taken = mark(lines) == asked["wanted"]
    if asked.get("taken") is taken:
        return {}
    columns: dict[str, Any] = {"extra": {**row["extra"], CHANGE: {**asked, "taken": taken}}}
    if not taken:
        columns["body_hash"] = None
        problem = RemoteError("E312", number=row["number"], revision=asked["revision"])
        entry = Entry(
            kind="orders", direction="in", outcome="partial", error=problem, subject=row["number"], entity="order",
            key=str(row["id"]),
        )  # fmt: skip
        journal.write(conn, tenant, entry)
    return columns


def substance(lines: Iterable[Mapping[str, Any]]) -> list[tuple[str, Decimal, Decimal]]:
    """What makes two sets of lines differ for a person: goods, quantities, amounts; not how numbers are written."""
    return sorted((line["offer_id"], Decimal(line["quantity"]), Decimal(line["amount"])) for line in lines)


def mark(lines: Iterable[Mapping[str, Any]]) -> str:
    """The same for lines that are the same for a person."""
    plain = [(offer, *(format(value.normalize(), "f") for value in numbers)) for offer, *numbers in substance(lines)]
    return sha256(repr(plain).encode()).hexdigest()[:32]
