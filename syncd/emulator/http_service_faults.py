"""What goes wrong with the emulated HTTP service: by script, or by chance from a seed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock
from typing import Final, Literal

from syncd.emulator.dice import Dice
from syncd.i18n import tr

Place = Literal["post", "get", "ping", "pull"]
"""``post``: an order comes; ``get``: it is looked up; ``ping``; ``pull``: records are asked for."""


class Fault(Enum):
    """A thing that can happen to one request. Those of a ``-after`` name happen when the document is in the base."""

    TIMEOUT_BEFORE = "timeout-before"
    """No answer, and nothing done."""
    TIMEOUT_AFTER = "timeout-after"
    """The document is created; no answer."""
    LATE = "late"
    """The request waits in the web server's queue, and is done long after the caller has given up."""
    DROP_BEFORE = "drop-before"
    DROP_AFTER = "drop-after"
    """The connection breaks, before or after the commit."""
    HALF = "half-after"
    """The head and half of the body, then the connection breaks."""
    DRIP = "drip-after"
    """The answer comes a byte at a time."""
    PAGE_500 = "page-500"
    PAGE_500_AFTER = "page-500-after"
    """The platform's own error page."""
    HANDLER_500 = "handler-500"
    HANDLER_200 = "handler-200"
    """``{HTTPСервис…}``: the text of an exception in the handler, with the status 500 or 200."""
    FAILED = "failed"
    """The contract's own words for a failure inside: rolled back."""
    BAD_SHAPE = "bad-shape-after"
    """JSON that is not the contract's."""
    GATEWAY_502 = "gateway-502-after"
    GATEWAY_504 = "gateway-504-after"
    LOGIN_PAGE = "login-page"
    MAINTENANCE = "maintenance"
    """A gateway's well-formed page of maintenance, with the status 200."""
    BLOCKED = "blocked"
    """Sessions of the base are blocked: 403 and ``#exception``."""
    LICENCE = "licence"
    NO_SESSION = "no-session"
    """406: the pool of sessions is full."""
    UNAUTHORISED = "unauthorised"
    BUSY_429 = "busy-429"
    BUSY_503 = "busy-503"
    """``Retry-After`` in seconds (429) and as a date (503)."""
    NO_SERVICE = "no-service"
    """404 of the web server: the publication is missing."""


BY_CHANCE: Final[Mapping[Place, tuple[Fault, ...]]] = {
    "post": tuple(fault for fault in Fault if fault is not Fault.UNAUTHORISED),
    "get": tuple(fault for fault in Fault if "after" not in fault.value and fault is not Fault.UNAUTHORISED),
    "ping": (),
    "pull": (Fault.DROP_BEFORE, Fault.PAGE_500, Fault.HANDLER_500, Fault.NO_SESSION, Fault.MAINTENANCE),
}
"""What chance does where. It spares pings, and never says that the password is wrong: people would be called."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``fault`` strikes the ``at``-th request (from 1) of this place, and the ``times - 1`` after it."""

    place: str
    fault: Fault
    at: int = 1
    times: int = 1


_RULE: Final = re.compile(r"(post|get|ping|pull):([a-z]+(?:-[a-z0-9]+)*)(?:@(\d+))?(?:x(\d+))?")
_RATE: Final = re.compile(r"(?:([a-z]+(?:-[a-z0-9]+)*)=)?(\d*\.?\d+)")


@dataclass(slots=True)
class Faults:
    """Decides which requests are struck. ``script`` goes first; then each fault of ``rates`` with its own probability;
    then any fault of the place with the probability ``rate`` (0 to 1).

    Chance depends only on the seed, the order's key and how often it has come: threads and restarts change nothing.
    """

    script: tuple[Rule, ...] = ()
    rate: float = 0.0
    rates: Mapping[Fault, float] = field(default_factory=dict)
    seed: int = 1
    _counts: dict[str, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def strike(self, place: Place, key: str, nth: int) -> Fault | None:
        """The fault for the ``nth`` request (from 1) about this key, if any."""
        with self._lock:
            self._counts[place] = count = self._counts.get(place, 0) + 1
        for rule in self.script:
            if rule.place == place and rule.at <= count < rule.at + rule.times:
                return rule.fault
        among = BY_CHANCE[place]
        for fault, share in self.rates.items():
            if fault in among and Dice(self.seed, fault.value, place, key, nth).chance(share):
                return fault
        dice = Dice(self.seed, "service fault", place, key, nth)
        return dice.pick(among) if among and dice.chance(self.rate) else None


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the service is. ``once``: it keeps to Idempotency-Key; ``refuse``: share of orders it refuses for good, by
    their key; times in seconds: ``hang`` of a request without an answer, ``late`` of one that is done after all,
    ``drip`` between two bytes, ``pause`` in ``Retry-After``, ``work`` that every order takes.
    """

    faults: Faults = field(default_factory=Faults)
    seed: int = 1
    mode: str = "up"
    once: bool = True
    refuse: float = 0.0
    hang: float = 120.0
    late: float = 3.0
    drip: float = 1.0
    pause: float = 2.0
    work: float = 0.0
    login: str | None = None
    password: str = ""
    zone: str = "Europe/Moscow"


def parse(text: str, seed: int = 1) -> Faults:
    """Faults from words between commas: ``0.2`` (any of them), ``drop-after=0.05`` (this one), ``post:blocked@2x3``.

    Raises ``ValueError`` with a sentence for a person.
    """
    names = {fault.value: fault for fault in Fault}
    script: list[Rule] = []
    rates: dict[Fault, float] = {}
    rate = 0.0
    for word in filter(None, (each.strip() for each in text.split(","))):
        if (found := _RULE.fullmatch(word)) and found[2] in names:
            script.append(Rule(found[1], names[found[2]], int(found[3] or 1), int(found[4] or 1)))
        elif (found := _RATE.fullmatch(word)) and float(found[2]) <= 1 and (found[1] is None or found[1] in names):
            if found[1] is None:
                rate = float(found[2])
            else:
                rates[names[found[1]]] = float(found[2])
        else:
            en = "write a share (0.2), fault=share or place:fault[@n][xtimes]; places: post, get, ping, pull; faults:"
            ru = "запишите долю (0.2), сбой=доля или место:сбой[@n][xраз]; места: post, get, ping, pull; сбои:"
            raise ValueError(f"{word!r}: " + tr(en, ru) + " " + ", ".join(names))
    return Faults(tuple(script), rate, rates, seed)
