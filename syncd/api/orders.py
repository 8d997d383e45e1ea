"""Orders: placing one, and seeing where it stands."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from syncd.api.auth import Ctx, Reader, Seller
from syncd.api.entities import answer, refuse_unknown
from syncd.errors import CATALOGUE, RequestError
from syncd.store.db import Conn, Row
from syncd.sync import order_changes, orders_in
from syncd.sync import orders as use_case
from syncd.sync.orders import NewLine, NewOrder

router: Final = APIRouter(prefix="/v1/orders", tags=["orders"])


def _storable(text: str) -> str:
    """Postgres and XML know no NUL, no control characters and no half of a pair."""
    if any(ord(c) < 32 and c not in "\t\n\r" for c in text) or any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise ValueError("control characters are not allowed")
    return text


Text = Annotated[str, AfterValidator(_storable)]
Money = Annotated[Decimal, Field(max_digits=18, decimal_places=6, allow_inf_nan=False)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Customer(_Body):
    """Who orders. A legal entity or an entrepreneur needs a name and, as a rule, an ИНН."""

    id: Annotated[Text, Field(max_length=80)] | None = Field(
        None, description="Ид of the counterparty in 1C, where known"
    )
    type: Literal["person", "legal", "entrepreneur"] = "person"
    name: Annotated[Text, Field(min_length=1, max_length=250)]
    full_name: Annotated[Text, Field(max_length=1000)] | None = None
    inn: Annotated[str, Field(pattern=r"^(\d{8,14})$")] | None = None
    kpp: Annotated[str, Field(pattern=r"^\w{9}$")] | None = None
    email: Annotated[Text, Field(max_length=250)] | None = None
    phone: Annotated[Text, Field(max_length=50)] | None = None
    address: Annotated[Text, Field(max_length=1000)] | None = None


class Line(_Body):
    """One line. ``price`` is that of one unit, VAT as in the price type it was taken from."""

    offer_id: Annotated[Text, Field(min_length=1, max_length=200)] = Field(
        description="Id of the offer: product or product#characteristic"
    )
    quantity: Annotated[Money, Field(gt=0)]
    price: Annotated[Money, Field(ge=0)]
    name: Annotated[Text, Field(max_length=1000)] = Field("", description="Taken from the catalogue when empty")
    sku: Annotated[Text, Field(max_length=255)] = ""
    unit: Annotated[Text, Field(max_length=50)] = ""
    is_service: bool = Field(False, description="A service, such as delivery, not goods")


class Payment(_Body):
    """How it is paid. ``method`` is the storefront's own code; the orders mapping says how 1C calls it."""

    method: Annotated[Text, Field(min_length=1, max_length=100)]
    paid: bool | None = Field(None, description="Paid on the site; left out when the site does not know")


class Delivery(_Body):
    """How it is delivered. ``price`` counts in the order's amount, in its currency, VAT included."""

    method: Annotated[Text, Field(min_length=1, max_length=100)]
    address: Annotated[Text, Field(max_length=1000)] | None = None
    price: Annotated[Decimal, Field(ge=0, max_digits=15, decimal_places=2, allow_inf_nan=False)] | None = None
    comment: Annotated[Text, Field(max_length=1000)] | None = None


class OrderBody(_Body):
    """An order. ``number`` is the storefront's own; without it the Idempotency-Key is the number."""

    number: Annotated[Text, Field(min_length=1, max_length=100)] | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "RUB"
    customer: Customer
    lines: Annotated[list[Line], Field(min_length=1, max_length=5000)]
    comment: Annotated[Text, Field(max_length=3000)] = ""
    requisites: dict[Annotated[Text, Field(min_length=1, max_length=250)], Annotated[Text, Field(max_length=1000)]] = (
        Field(default_factory=dict, description="Further values for 1C: requisite name to value")
    )
    payment: Payment | None = None
    delivery: Delivery | None = None


@router.post("", status_code=201, summary="Place an order", response_class=Response)
def place(
    ctx: Ctx, key: Seller, body: OrderBody,
    idempotency_key: Annotated[str | None, Header(max_length=255, description="New for every order")] = None,
) -> Response:  # fmt: skip
    """Accepted in one transaction with its delivery to 1C, whatever state 1C is in.

    A repetition answers the same order with `Idempotency-Replayed: true`. 409 while a twin is in flight, 422 for
    another body.
    """
    if not idempotency_key or not idempotency_key.strip():
        raise RequestError("E301", status=400)
    order = _stated_order(body, body.number or idempotency_key.strip()[:100])
    accepted = use_case.accept(ctx, key, idempotency_key.strip(), order)
    with ctx.db.statement() as conn:
        found = _full(conn, key.tenant, accepted.id)
    return _order_answer(found, 200 if accepted.repeated else 201, repeated=accepted.repeated)


@router.put("/{number:path}", summary="Change an order: its newer full state", response_class=Response)
def change(
    ctx: Ctx, key: Seller, number: Annotated[Text, Path(min_length=1, max_length=100)], body: OrderBody,
    if_match: Annotated[str | None, Header(max_length=50, description="The ETag of the state you changed")] = None,
) -> Response:  # fmt: skip
    """`number` is the storefront's own; what the body leaves out is no longer stated. The state goes to 1C as the next
    `revision`, whatever state 1C is in; a revision that 1C was never given is superseded.

    The same state again answers 200 with `Idempotency-Replayed: true` and changes nothing. 404 for a number the
    storefront has not ordered under, 409 for an order that is cancelled or completed in 1C, 412 when `If-Match` is
    not the current revision. `change.taken` tells whether 1C's lines are those of the change: 1C may keep its own.
    """
    number = number.strip()
    if body.number not in (None, number):
        raise RequestError("E307", status=422, detail="number: the body names another order than the address")
    order = _stated_order(body, number)
    changed = order_changes.change(ctx, key, order, expected=_expected(if_match))
    with ctx.db.statement() as conn:
        found = _full(conn, key.tenant, changed.id)
    return _order_answer(found, 200, repeated=changed.repeated)


def _stated_order(body: OrderBody, number: str) -> NewOrder:
    return NewOrder(
        number=number,
        currency=body.currency,
        customer=body.customer.model_dump(exclude_none=True),
        lines=tuple(NewLine(**line.model_dump()) for line in body.lines),
        comment=body.comment,
        requisites=body.requisites,
        payment=_stated(body.payment),
        delivery=_stated(body.delivery),
    )


def _order_answer(found: dict[str, Any], status: int, *, repeated: bool = False) -> Response:
    headers = {"Location": f"/v1/orders/{found['id']}", "ETag": f'"{found["revision"]}"'}
    if repeated:
        headers["Idempotency-Replayed"] = "true"
    return answer(found, status, headers)


def _expected(if_match: str | None) -> int | None:
    """The revision an ``If-Match`` names; ``None`` for any."""
    told = (if_match or "*").strip().removeprefix("W/").strip('"')
    if told == "*":
        return None
    if not (told.isascii() and told.isdigit()):
        raise RequestError("E307", status=422, detail="If-Match: one ETag of the order is expected")
    return int(told)


@router.get("/{order_id}", summary="One order: lines, status, delivery, age", response_class=Response)
def show(ctx: Ctx, key: Reader, order_id: UUID) -> Response:
    """`delivery.state` tells whether 1C has it: pending, sent (handed over), acknowledged (1C confirmed)."""
    with ctx.db.statement() as conn:
        found = _full(conn, key.tenant, order_id)
    return answer(found, 200, {"ETag": f'"{found["revision"]}"'})


@router.get("", summary="Orders, by id", response_class=Response)
def many(
    request: Request, ctx: Ctx, key: Reader, number: Annotated[str | None, Query(max_length=100)] = None,
    changed_since: datetime | None = None, after: UUID | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:  # fmt: skip
    """Page by `after` = `next` of the page before."""
    refuse_unknown(request, {"number", "changed_since", "after", "limit"})
    if changed_since is not None and changed_since.tzinfo is None:
        raise RequestError("E307", status=422, detail="changed_since needs a time zone")
    if number and "\x00" in number:
        raise RequestError("E307", status=422, detail="NUL is no part of a number")
    with ctx.db.transaction() as conn:
        rows = use_case.page(conn, key.tenant, after=after, number=number, since=changed_since, limit=limit + 1)
    items = [_order(row) for row in rows[:limit]]
    return answer({"items": items, "next": rows[limit - 1]["id"] if len(rows) > limit else None})


def _stated(part: _Body | None) -> dict[str, Any] | None:
    """What the storefront stated, with money as text: the same for every spelling of a number."""
    if part is None:
        return None
    found = part.model_dump(exclude_none=True)
    return {name: format(value, ".2f") if isinstance(value, Decimal) else value for name, value in found.items()}


def _full(conn: Conn, tenant: str, id_: UUID) -> dict[str, Any]:
    whole = use_case.whole(conn, tenant, id_)
    if whole is None:
        raise RequestError("E305", status=404, what="Order", id=str(id_), shown="`GET /v1/orders`")
    row, history, delivery = whole
    age = row.pop("age")
    found = _order(row)
    found["history"], found["delivery"] = history, _delivery(delivery)
    found["age_seconds"] = None if age is None else round(age, 1)
    return found


def _order(row: Row) -> dict[str, Any]:
    found = dict(row)
    found["as_of"] = found.pop("known_at")
    found["revision"] = found.pop("revision_no")
    extra = found.pop("extra") or {}
    if found["extra_1c"]:  # without what is noted for ourselves
        found["extra_1c"] = {name: value for name, value in found["extra_1c"].items() if name != orders_in.MEANS}
    asked = extra.get(order_changes.CHANGE)
    found["change"] = {"revision": asked["revision"], "taken": asked.get("taken")} if asked else None
    found["requested"] = {name: extra.get(name) for name in ("payment", "delivery")}
    return found


def _delivery(row: Row | None) -> dict[str, Any] | None:
    if row is None:
        return None
    found = dict(row)
    code, params = found.pop("error_code"), found.pop("error_params")
    found["error"] = (
        {"code": code, "message": CATALOGUE[code].render(params or {}, "en")} if code in CATALOGUE else None
    )
    return found
