"""Storefronts that place orders and do not give up until the API says it has them."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass
class Storefront:
    """One thread of one shop. ``accepted`` holds the ids of what the API took on: from then on it is our word."""

    address: str
    tenant: str
    key: str
    name: str
    orders: int
    pace: float
    seed: int
    offer: str = "b7a6"
    changes: float = 0.0
    """Share of the orders that are changed after they were placed, once or twice."""
    accepted: dict[str, str] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    asked: int = 0
    failed: int = 0

    def run(self, stop: threading.Event) -> None:
        """Place all orders, or as many as come through until told to stop."""
        dice = random.Random(self.seed)
        with httpx.Client(base_url=self.address, timeout=5.0, trust_env=False) as client:
            for number in range(self.orders):
                if stop.is_set():
                    return
                self._place(client, f"{self.name}-{number}", dice)
                time.sleep(dice.expovariate(1 / self.pace))

    def _place(self, client: httpx.Client, number: str, dice: random.Random) -> None:
        line = {"offer_id": self.offer, "name": "Стул", "quantity": "1", "price": str(dice.randrange(1, 10_000))}
        customer = {"name": f"Покупатель {number}", "inn": f"77{dice.randrange(40):08d}"}
        body = {"number": number, "currency": "RUB", "customer": customer, "lines": [line]}
        placed = self._insist(client, "POST", "/v1/orders", body, {"Idempotency-Key": number})
        self.accepted[placed["id"]] = number
        self.revisions[placed["id"]] = placed["revision"]
        for _ in range(dice.choice((1, 2)) if dice.random() < self.changes else 0):
            time.sleep(dice.expovariate(1 / self.pace))
            body["lines"] = [line | {"price": str(dice.randrange(10_000, 20_000))}]
            changed = self._insist(client, "PUT", f"/v1/orders/{number}", body, {})
            self.revisions[placed["id"]] = changed["revision"]

    def _insist(
        self, client: httpx.Client, method: str, path: str, body: dict[str, Any], headers: dict[str, str]
    ) -> dict[str, Any]:
        """Ask until the API says yes; the same request again is the same order, or the same state of it."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            self.asked += 1
            try:
                answer = client.request(
                    method, path, json=body, headers=headers | {"Authorization": f"Bearer {self.key}"}
                )
            except httpx.HTTPError:
                self.failed += 1
                time.sleep(0.2)
                continue
            if answer.status_code in {200, 201}:
                found: dict[str, Any] = answer.json()
                return found
            if answer.status_code < 500 and answer.status_code not in {409, 429}:
                raise RuntimeError(f"{answer.status_code}: {answer.text[:300]}")
            self.failed += 1
            time.sleep(0.2)
        raise TimeoutError(f"{method} {path} was never accepted")
