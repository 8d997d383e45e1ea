"""From one answer to the state of an infobase: pure, so that its promises can be tested without a base.

- One failure is no outage: ``down_after`` of them in a row are, and ``up_after`` successes end it.
- Maintenance counts at once, as 1C says so itself. So does a refused login: knocking on would lock the user.
- ``degraded`` is open for deliveries and worth a look: two slow answers in a row, or a base that comes and goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from syncd.adapters.ports import Ping
from syncd.config import Health

State = Literal["unknown", "up", "degraded", "maintenance", "down"]
CLOSED: Final = frozenset({"maintenance", "down"})
"""States in which nothing is delivered."""
FLAPS: Final = 4
FLAP_MINUTES: Final = 15
"""So many changes of state within so many minutes are flapping."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an infobase stands. ``good`` counts quick successes in a row, ``bad`` failures in a row; both are 0 after a
    slow success.
    """

    state: State = "unknown"
    good: int = 0
    bad: int = 0


def step(now: Standing, ping: Ping, flaps: int, limits: Health) -> Standing:
    """The standing after one more ping. ``flaps``: changes of state in the last ``FLAP_MINUTES``."""
    if ping.maintenance:
        return Standing("maintenance")
    if ping.failing is not None:
        bad = now.bad + 1
        down = now.state == "down" or ping.failing == "login" or bad >= limits.down_after
        return Standing("down" if down else now.state, 0, bad)
    slow = ping.latency_ms > limits.slow_seconds * 1000
    again = slow and now.state in {"up", "degraded"} and not now.good and not now.bad
    good = now.good + 1 if not slow or now.state in CLOSED else 0
    return Standing(_risen(now.state, good, slow=slow, again=again, flaps=flaps, limits=limits), good, 0)


def _risen(state: State, good: int, *, slow: bool, again: bool, flaps: int, limits: Health) -> State:
    """The state after a success."""
    if state in CLOSED and good < limits.up_after:
        return state
    if state == "degraded" and good < limits.up_after:
        return "degraded"
    if again or (state in CLOSED and slow) or (flaps >= FLAPS and state != "unknown"):
        return "degraded"
    return "up"


def pause(now: Standing, ping: Ping, limits: Health) -> float:
    """Seconds until the next ping."""
    if now.state == "maintenance" or ping.failing == "login":
        return limits.locked_interval_seconds
    asked = ping.error.retry_after if ping.error and ping.error.retry_after else 0.0
    if ping.failing is not None or now.state in CLOSED:  # a failure is confirmed, and a recovery noticed, soon
        return max(limits.down_interval_seconds, asked)
    return limits.interval_seconds
