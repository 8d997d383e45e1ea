"""What becomes of a message after an attempt or a look-up: a pure function, so that every rule can be read and tested
in one place.

- 1C is away or in maintenance: wait; it costs no attempt.
- The answer was lost: look it up, several times with growing pauses, before anything is sent again. Where the target
  cannot be asked it must take a message once itself (it is sent again, as after a failure), else a person decides.
- 1C failed inside: try again, a limited number of times, by an explicit list of delays.
- 1C refused, or our message cannot be written for it: final until a person acts.

Every delay lies between the stated minimum and the maximum; jitter only adds. ``Retry-After`` lengthens a delay and is
clamped to ``retry_after_max``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from syncd.errors import MappingError, Refused, RemoteError, SyncdError, TransportError, UnknownOutcome

Outcome = Literal["confirmed", "taken", "away", "unknown", "failed", "refused"]
"""How an attempt ended. ``taken``: the target took the message and has not confirmed it yet."""
State = Literal["acknowledged", "sent", "waiting", "unconfirmed", "rejected", "held"]


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient we are with one kind of message. Times in seconds."""

    delays: tuple[float, ...] = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
    """The least pause after the first, second, … attempt that failed inside the target; the last holds on."""
    attempts: int = 8
    """After so many attempts that failed inside a person must act."""
    away: float = 5.0
    """The least pause when the target could not be reached; when it answers again is the health ping's to say."""
    looks: tuple[float, ...] = (2.0, 10.0, 30.0)
    """The pauses before the first, second, … look-up after an answer was lost. When the last of them finds nothing,
    the message is sent again."""
    jitter: float = 0.2
    """The most that chance adds to a pause, as a share of it."""
    maximum: float = 6 * 3600.0
    """No pause is longer."""
    retry_after_max: float = 3600.0
    """A longer ``Retry-After`` is cut to this."""

    def __post_init__(self) -> None:
        least = max(*self.delays, *self.looks, self.away, 0.0)
        if not self.delays or not self.looks or self.attempts < 1 or least > self.maximum:
            raise ValueError("a policy needs delays and look-ups, an attempt, and no pause above its maximum")


ORDERS: Final = Policy()
EVENTS: Final = Policy(delays=(5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0), attempts=10, maximum=36_000.0)
"""As Standard Webhooks recommends: most of a day and a half before a person must act."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The next state, and after how many seconds the message is due again (``None``: not by itself).

    ``refund``: the attempt does not count. ``looks``: look-ups done since the outcome became unknown.
    """

    state: State
    delay: float | None = None
    refund: bool = False
    looks: int = 0
    gave_up: bool = False


def outcome_of(error: BaseException) -> Outcome:
    """The class of a failed attempt. What is not one of ours may have happened after the message was sent."""
    if isinstance(error, TransportError):
        return "away"
    if isinstance(error, Refused | MappingError):
        return "refused"
    if isinstance(error, RemoteError):
        return "failed"
    return "unknown"


def after_attempt(
    outcome: Outcome, attempt: int, policy: Policy, *, can_look_up: bool, idempotent: bool,
    retry_after: float | None = None, chance: float = 0.0,
) -> Decision:  # fmt: skip
    """What follows attempt number ``attempt`` (from 1). ``chance`` lies in [0, 1) and spreads the pauses."""

    def pause(least: float) -> float:
        return _pause(least, policy, retry_after, chance)

    if outcome == "confirmed":
        return Decision("acknowledged")
    if outcome == "refused":
        return Decision("rejected")
    if outcome == "away":
        return Decision("waiting", pause(policy.away), refund=True)
    if outcome == "taken":
        return Decision("sent", pause(policy.looks[0])) if can_look_up else Decision("held")
    if outcome == "unknown":
        if can_look_up:
            return Decision("unconfirmed", pause(policy.looks[0]))
        if not idempotent:
            return Decision("held")
    if attempt >= policy.attempts:
        return Decision("rejected", gave_up=True)
    return Decision("waiting", pause(_at(policy.delays, attempt)))


def after_look(
    found: bool | None, looks: int, policy: Policy, *, was: Literal["sent", "unconfirmed"],
    retry_after: float | None = None, chance: float = 0.0,
) -> Decision:  # fmt: skip
    """What follows a look-up, ``looks`` being those before it that found nothing. ``found``: ``None`` when the target
    could not be asked, which says nothing and counts for nothing.
    """
    if found:
        return Decision("acknowledged")
    if found is None:
        return Decision(was, _pause(_at(policy.looks, looks + 1), policy, retry_after, chance), looks=looks)
    if looks + 1 >= len(policy.looks):
        return Decision("waiting", 0.0)  # it certainly is not there: send it again
    return Decision(was, _pause(policy.looks[looks + 1], policy, retry_after, chance), looks=looks + 1)


def preview(policy: Policy) -> list[tuple[float, float]]:
    """The shortest and longest pause after each attempt that fails inside, for people."""
    return [
        (_pause(_at(policy.delays, n), policy, None, 0.0), _pause(_at(policy.delays, n), policy, None, 1.0))
        for n in range(1, policy.attempts)
    ]


def _at(pauses: tuple[float, ...], n: int) -> float:
    return pauses[min(n, len(pauses)) - 1]


def _pause(least: float, policy: Policy, retry_after: float | None, chance: float) -> float:
    wanted = least * (1 + policy.jitter * chance)
    if retry_after is not None:
        wanted = max(wanted, min(retry_after, policy.retry_after_max))
    return min(wanted, policy.maximum)


def as_error(error: BaseException) -> SyncdError:
    """The failure as one of our errors: a bug of ours after something was sent is an unknown outcome as well."""
    return error if isinstance(error, SyncdError) else UnknownOutcome("E902", detail=f"{type(error).__name__}: {error}")
