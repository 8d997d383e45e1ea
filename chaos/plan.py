"""What is broken, when, for how long: a list that only the seed decides."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Literal

from syncd.emulator.http_service_faults import Fault


@dataclass(frozen=True, slots=True)
class Tenant:
    """A company with a 1C of its own. ``ignores_key``: its 1C takes the same Idempotency-Key again and makes a second
    document, so that only our looking up keeps orders from being doubled.
    """

    name: str
    ignores_key: bool


Via = Literal["http", "odata"]
"""The way out: our HTTP service, or OData, where only a search by our mark keeps orders from being doubled."""
FAULT_RATE: Final = 0.06
"""How much of what OData is asked is struck; an order takes some seven requests."""

TENANTS: Final = (Tenant("once", ignores_key=False), Tenant("twice", ignores_key=True))
_RARE: Final = {"licence": 0.002, "no-session": 0.002, "busy-429": 0.01, "busy-503": 0.01}
"""1C asks to be left alone: nothing is sent to it for a while, so that these may not come often."""
FAULTS: Final = ",".join(
    f"{fault.value}={_RARE.get(fault.value, 0.02)}" for fault in Fault if fault is not Fault.UNAUTHORISED
)
"""What each 1C does to requests by chance: about a third of them are struck."""


@dataclass(frozen=True, slots=True)
class Blow:
    """One thing done to the house, ``pause`` seconds after the one before; ``seconds`` is how long it lasts."""

    what: str
    pause: float
    seconds: float = 0.0


_WEIGHTS: Final = {
    "kill worker-1": 14, "kill worker-2": 14, "kill api": 8, "kill scheduler": 3, "end worker-1": 4, "end worker-2": 4,
    "kill postgres": 4, "freeze postgres": 4, "cut connections": 10,
    "flush valkey": 8, "kill valkey": 5, "freeze valkey": 5,
    "kill 1c once": 5, "kill 1c twice": 5, "outage once": 8, "outage twice": 8,
}  # fmt: skip
_LASTING: Final = {"freeze": (0.5, 2.5), "outage": (0.5, 6.0)}
_LONG_OUTAGE: Final = 60.0  # of each 1C once, in a run that lasts: past every lease and every pause between two tries
_LONG_RUN: Final = 100


def blows(seed: int, number: int, *, pause: float) -> list[Blow]:
    """So many blows; about ``pause`` seconds between two. The first of each kind come early, so that a short run has
    them all.
    """
    dice = random.Random(seed)
    names = list(_WEIGHTS)
    dice.shuffle(names)
    wanted = (names + dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=number))[:number]
    made = []
    for what in wanted:
        low, high = _LASTING.get(what.partition(" ")[0], (0.0, 0.0))
        made.append(Blow(what, dice.uniform(0.3, 1.7) * pause, dice.uniform(low, high)))
    if number >= _LONG_RUN:
        for place, tenant in enumerate(TENANTS, start=1):
            made.insert(place * number // 3, Blow(f"outage {tenant.name}", pause, _LONG_OUTAGE))
    return made
