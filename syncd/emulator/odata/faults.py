"""What goes wrong on the way to a base and inside it, by script, by seed, or for the next request only.

The bodies are those met in the wild: see ``pages.py``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock
from typing import Final

from syncd.emulator.dice import Dice
from syncd.i18n import tr


class Fault(Enum):
    """A thing that can happen to one request."""

    DROP_BEFORE = "drop before"
    """The connection breaks before 1C sees the request."""
    DROP_AFTER_COMMIT = "drop after commit"
    """1C does what was asked; the connection breaks before a byte of the answer."""
    TIMEOUT_AFTER_COMMIT = "timeout after commit"
    """1C does what was asked; the gateway says 504."""
    CUT = "cut"
    """Half of the answer, then the connection breaks."""
    DRIP = "drip"
    """The answer comes a few bytes at a time, ``OdataFaults.drip`` seconds apart."""
    SLOW = "slow"
    """The answer takes ``OdataFaults.slow`` seconds to begin."""
    HANDLER = "handler"
    """The configuration's code throws: 500 code -1, nothing is written."""
    LOCK = "lock"
    """A conflict of locks: 500 code -1, nothing is written."""
    BLOCKED = "blocked"
    """Sessions are forbidden: 403 with the exception of the virtual resource system."""
    POOL = "pool"
    """No session to be had: 406."""
    LICENCE = "licence"
    """No licence: the platform's error page."""
    CRASH = "crash"
    """The platform's error page: 500 in HTML."""
    LOGIN_PAGE = "login page"
    """A page for people to log in, with 200."""
    MAINTENANCE = "maintenance"
    """The gateway's page of maintenance: well-formed XHTML with 200."""
    UNAUTHORIZED = "unauthorized"
    """401 from the web server."""
    NOT_FOUND = "not found"
    """404 of the web server, without 1C's body: the publication is gone."""
    BAD_GATEWAY = "bad gateway"
    """502 before 1C sees the request."""
    UNAVAILABLE = "unavailable"
    """503 before 1C sees the request."""
    SESSION_LOST = "session lost"
    """400 for a session cookie that is not known any more."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``fault`` strikes the ``at``-th request (from 1) with this method and resource, and the ``times - 1`` after it.

    ``method`` and ``resource`` empty mean any; ``resource`` is the beginning of the path within the service.
    """

    fault: Fault
    method: str = ""
    resource: str = ""
    at: int = 1
    times: int = 1

    def fits(self, method: str, path: str) -> bool:
        """Whether this request counts."""
        return self.method in ("", method) and path.startswith(self.resource)


_RULE: Final = re.compile(r"(?:([A-Z]+)/)?([^:]*):([a-z]+(?:[- ][a-z]+)*?)(?:@(\d+))?(?:x(\d+))?")


def parse_rule(text: str) -> Rule:
    """A rule from ``[METHOD/][resource]:fault[@n][xtimes]``, as ``POST/Document_ЗаказКлиента:drop-after-commit@2x3``.

    Raises ``ValueError`` with a sentence for a person.
    """
    found = _RULE.fullmatch(text)
    names = {fault.value.replace(" ", "-"): fault for fault in Fault}
    if not found or found[3].replace(" ", "-") not in names:
        known = ", ".join(names)
        raise ValueError(
            tr(
                f"{text!r} is no rule; write [METHOD/][resource]:fault[@n][xtimes] with a fault of: {known}",
                f"{text!r} — не правило; запишите [МЕТОД/][ресурс]:сбой[@n][xраз], сбой из списка: {known}",
            )
        )
    method, resource, fault, at, times = found.groups()
    return Rule(names[fault.replace(" ", "-")], method or "", resource, int(at or 1), int(times or 1))


DRAWN: Final = (
    Fault.DROP_BEFORE, Fault.DROP_AFTER_COMMIT, Fault.TIMEOUT_AFTER_COMMIT, Fault.CUT, Fault.HANDLER, Fault.LOCK,
    Fault.BLOCKED, Fault.POOL, Fault.LICENCE, Fault.CRASH, Fault.LOGIN_PAGE, Fault.MAINTENANCE, Fault.BAD_GATEWAY,
    Fault.UNAVAILABLE,
)  # fmt: skip
"""What chance picks from: what passes by itself."""


@dataclass(slots=True)
class OdataFaults:
    """Decides which requests are struck: by ``script``, or else each with probability ``rate`` (0 to 1) from ``seed``.

    ``struck`` lists what happened as (method, path, fault).
    """

    script: Sequence[Rule] = ()
    rate: float = 0.0
    seed: int = 1
    among: Sequence[Fault] = DRAWN
    slow: float = 2.0
    drip: float = 0.02
    struck: list[tuple[str, str, Fault]] = field(default_factory=list)
    _rules: list[tuple[Rule, Counter[str]]] = field(default_factory=list)
    _seen: int = 0
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._rules = [(rule, Counter()) for rule in self.script]

    def next(self, rule: Rule) -> None:
        """Add a rule that counts from now on."""
        with self._lock:
            self._rules.append((rule, Counter()))

    def clear(self) -> None:
        """No more rules, no more chance."""
        with self._lock:
            self._rules.clear()
            self.rate = 0.0

    def strike(self, method: str, path: str) -> Fault | None:
        """The fault for this request, if any."""
        with self._lock:
            self._seen += 1
            fault = self._scripted(method, path) or self._drawn(method, path)
            if fault:
                self.struck.append((method, path, fault))
            return fault

    def _scripted(self, method: str, path: str) -> Fault | None:
        found = None
        for rule, counter in self._rules:
            if rule.fits(method, path):
                counter["seen"] += 1
                if rule.at <= counter["seen"] < rule.at + rule.times and found is None:
                    found = rule.fault
        return found

    def _drawn(self, method: str, path: str) -> Fault | None:
        if self.rate <= 0:
            return None
        dice = Dice(self.seed, "odata fault", method, path.partition("(")[0], self._seen)
        return dice.pick(self.among) if dice.chance(self.rate) else None
