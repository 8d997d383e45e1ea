"""A web shop as a client of the local API: it reads the catalogue, places orders, and asks where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self

import httpx

from syncd.emulator.faults import send_and_drop

_PAGE: Final = 1000
_OK: Final = 200
_CREATED: Final = 201


class ApiAnswered(Exception):
    """The API answered something else than was asked for; the text says what."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An accepted order. ``repeated`` when the API knew the Idempotency-Key already."""

    order: dict[str, Any]
    repeated: bool

    @property
    def id(self) -> str:
        """Our id of the order."""
        return str(self.order["id"])

    @property
    def number(self) -> str:
        """The number under which 1C knows the order."""
        return str(self.order["exchange_number"])


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the shop has read: products by id, offers by id, prices by offer and price type, stock by offer and
    warehouse, and how old the prices are in seconds.
    """

    products: dict[str, dict[str, Any]]
    offers: dict[str, dict[str, Any]]
    prices: dict[tuple[str, str], Decimal]
    stocks: dict[tuple[str, str], Decimal]
    age_seconds: float | None


class Storefront:
    """One shop with its API key. Raises ``ApiAnswered`` or ``httpx.HTTPError`` when the API does not do as asked."""

    def __init__(self, url: str, key: str, *, timeout: float = 30.0) -> None:
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=timeout, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def read_all(self) -> Shelf:
        """Read the whole catalogue, page by page."""
        ages: list[float] = []
        return Shelf(
            {row["id"]: row for row in self._pages("products", ages)},
            {row["id"]: row for row in self._pages("offers", ages)},
            {(row["offer_id"], row["price_type_id"]): Decimal(row["value"]) for row in self._pages("prices", ages)},
            {(row["offer_id"], row["warehouse_id"]): Decimal(row["on_hand"]) for row in self._pages("stocks", ages)},
            max(ages, default=None),
        )

    def _pages(self, plural: str, ages: list[float]) -> Iterator[dict[str, Any]]:
        after: str | None = None
        while True:
            page = self._json("GET", f"/v1/{plural}", params={"limit": _PAGE, **({"after": after} if after else {})})
            yield from page["items"]
            if page["age_seconds"] is not None:
                ages.append(float(page["age_seconds"]))
            after = page["next"]
            if after is None:
                return

    def place(self, body: dict[str, Any], key: str) -> Placed:
        """Place an order, or repeat the request of one; ``key`` is its Idempotency-Key."""
        response = self._http.post("/v1/orders", json=body, headers={"Idempotency-Key": key})
        if response.status_code not in (_OK, _CREATED):
            raise _unexpected(response)
        return Placed(response.json(), response.headers.get("idempotency-replayed") == "true")

    def place_and_miss_the_answer(self, body: dict[str, Any], key: str) -> None:
        """Send the same request, and lose the connection just when the answer comes. Raises ``OSError`` when the API
        cannot be reached.
        """
        request = self._http.build_request("POST", "/v1/orders", json=body, headers={"Idempotency-Key": key})
        send_and_drop(request, cut=False, wait=10.0)

    def order(self, id_: str) -> dict[str, Any]:
        """One order with its history and its delivery."""
        return self._json("GET", f"/v1/orders/{id_}")

    def orders(self, number: str) -> list[dict[str, Any]]:
        """The orders with this number: one, if all is well."""
        found: list[dict[str, Any]] = self._json("GET", "/v1/orders", params={"number": number})["items"]
        return found

    def _json(self, method: str, path: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self._http.request(method, path, params=params)
        if response.status_code != _OK:
            raise _unexpected(response)
        body: dict[str, Any] = response.json()
        return body


def _unexpected(response: httpx.Response) -> ApiAnswered:
    request = response.request
    return ApiAnswered(f"{request.method} {request.url.path}: HTTP {response.status_code}: {response.text[:300]}")
