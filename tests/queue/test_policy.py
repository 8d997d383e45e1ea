"""The rules of what follows an attempt: pauses within their bounds, and no state that nobody asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import ConfigError, MappingError, Refused, RemoteError, TransportError, UnknownOutcome
from syncd.queue import policy
from syncd.queue.policy import Outcome, Policy, after_attempt, after_look, outcome_of

PAUSES = st.lists(st.floats(0, 3600), min_size=1, max_size=6).map(lambda found: tuple(sorted(found)))
POLICIES = st.builds(
    Policy, delays=PAUSES, attempts=st.integers(1, 12), away=st.floats(0, 3600), looks=PAUSES,
    jitter=st.floats(0, 1), maximum=st.floats(3600, 86_400), retry_after_max=st.floats(0, 7200),
)  # fmt: skip
OUTCOMES: tuple[Outcome, ...] = ("confirmed", "taken", "away", "unknown", "failed", "refused")
CHANCE = st.floats(0, 1, exclude_max=True)


@given(
    rules=POLICIES, outcome=st.sampled_from(OUTCOMES), attempt=st.integers(1, 50),
    retry_after=st.none() | st.floats(0, 1e6), chance=CHANCE, can_look_up=st.booleans(), idempotent=st.booleans(),
)  # fmt: skip
def test_a_pause_is_never_below_its_minimum_and_never_above_the_maximum(
    rules: Policy, outcome: Outcome, attempt: int, retry_after: float | None, chance: float, can_look_up: bool,
    idempotent: bool,
) -> None:  # fmt: skip
    found = after_attempt(
        outcome, attempt, rules, can_look_up=can_look_up, idempotent=idempotent, retry_after=retry_after, chance=chance
    )
    if found.delay is None:
        assert found.state in {"acknowledged", "rejected", "held"}
        return
    least = {
        "away": rules.away,
        "taken": rules.looks[0],
        "unknown": rules.looks[0] if can_look_up else rules.delays[min(attempt, len(rules.delays)) - 1],
        "failed": rules.delays[min(attempt, len(rules.delays)) - 1],
    }[outcome]
    assert least <= found.delay <= rules.maximum
    if retry_after is not None:
        assert found.delay >= min(retry_after, rules.retry_after_max, rules.maximum)
    assert found.delay <= max(least * (1 + rules.jitter), min(retry_after or 0, rules.retry_after_max))


@given(rules=POLICIES, attempt=st.integers(1, 1000), chance=CHANCE, able=st.booleans())
def test_a_target_that_is_away_never_costs_an_attempt(rules: Policy, attempt: int, chance: float, able: bool) -> None:
    found = after_attempt("away", attempt, rules, can_look_up=able, idempotent=not able, chance=chance)
    assert (found.state, found.refund) == ("waiting", True)


@given(rules=POLICIES, attempt=st.integers(1, 50), chance=CHANCE, idempotent=st.booleans())
def test_an_unknown_outcome_is_never_sent_again_before_a_look_up(
    rules: Policy, attempt: int, chance: float, idempotent: bool
) -> None:
    asked = after_attempt("unknown", attempt, rules, can_look_up=True, idempotent=idempotent, chance=chance)
    assert asked.state == "unconfirmed"
    blind = after_attempt("unknown", attempt, rules, can_look_up=False, idempotent=False, chance=chance)
    assert (blind.state, blind.delay) == ("held", None)


@given(rules=POLICIES, attempt=st.integers(1, 50), chance=CHANCE)
def test_failures_inside_the_target_end_after_the_stated_number(rules: Policy, attempt: int, chance: float) -> None:
    found = after_attempt("failed", attempt, rules, can_look_up=True, idempotent=True, chance=chance)
    assert (found.state == "rejected") == found.gave_up == (attempt >= rules.attempts)


@given(rules=POLICIES, chance=CHANCE)
def test_a_look_up_that_finds_nothing_is_repeated_with_growing_pauses_before_a_new_attempt(
    rules: Policy, chance: float
) -> None:
    looks, pauses = 0, []
    while (found := after_look(False, looks, rules, was="unconfirmed", chance=0.0)).state == "unconfirmed":
        assert found.looks == looks + 1
        looks = found.looks
        assert found.delay is not None
        pauses.append(found.delay)
    assert found.state == "waiting"
    assert looks + 1 == len(rules.looks), "the first look-up came after the first pause"
    assert pauses == sorted(pauses)
    assert after_look(True, looks, rules, was="unconfirmed", chance=chance).state == "acknowledged"


@given(rules=POLICIES, looks=st.integers(0, 10), chance=CHANCE)
def test_a_look_up_that_could_not_be_made_says_nothing(rules: Policy, looks: int, chance: float) -> None:
    found = after_look(None, looks, rules, was="unconfirmed", chance=chance)
    assert (found.state, found.looks) == ("unconfirmed", looks)


def test_errors_have_the_class_of_who_must_react() -> None:
    assert outcome_of(TransportError("E901")) == "away"
    assert outcome_of(UnknownOutcome("E902", detail="x")) == "unknown"
    assert outcome_of(RemoteError("E904")) == "failed"
    assert outcome_of(Refused("E904")) == outcome_of(MappingError("E905")) == "refused"
    assert outcome_of(ValueError("a bug of ours, maybe after the request went out")) == "unknown"
    assert outcome_of(ConfigError("E903")) == "unknown"


def test_a_policy_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="maximum"):
        Policy(delays=(100.0,), maximum=50.0)
    with pytest.raises(ValueError, match="maximum"):
        Policy(looks=())


def test_the_preview_shows_every_pause() -> None:
    shown = policy.preview(policy.ORDERS)
    assert len(shown) == policy.ORDERS.attempts - 1
    assert shown[0] == (5.0, 6.0)
    assert all(least <= most <= policy.ORDERS.maximum for least, most in shown)
