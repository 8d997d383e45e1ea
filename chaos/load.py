"""Storefronts that place orders and do not give up until the API says it has them."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

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
    accepted: dict[str, str] = field(default_factory=dict)
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
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": number}
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            self.asked += 1
            try:
                answer = client.post("/v1/orders", json=body, headers=headers)
            except httpx.HTTPError:
                self.failed += 1
                time.sleep(0.2)
                continue
            if answer.status_code in {200, 201}:
                self.accepted[answer.json()["id"]] = number
                return
            if answer.status_code < 500 and answer.status_code not in {409, 429}:
                raise RuntimeError(f"{answer.status_code}: {answer.text[:300]}")
            self.failed += 1
            time.sleep(0.2)
        raise TimeoutError(f"order {number} was never accepted")
