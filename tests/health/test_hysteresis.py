"""The states of an infobase, as the answers to its pings make them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncd.adapters.ports import Ping
from syncd.config import Health
from syncd.errors import TransportError
from syncd.health.hysteresis import CLOSED, FLAPS, Standing, State, pause, step

LIMITS = Health()
GOOD, SLOW = Ping(50.0), Ping(11_000.0)
BAD = Ping(60_000.0, "connection", error=TransportError("E924", host="h", detail="x"))
LOCKED = Ping(50.0, "session", maintenance=True)
LOGIN = Ping(50.0, "login")
ANY = st.sampled_from([GOOD, SLOW, BAD, LOCKED, LOGIN])


def states(*pings: Ping, begin: Standing | None = None, flaps: int = 0) -> list[State]:
    now, found = begin or Standing(), []
    for each in pings:
        now = step(now, each, flaps, LIMITS)
        found.append(now.state)
    return found


def test_the_first_good_answer_makes_a_base_up() -> None:
    assert states(GOOD) == ["up"]


def test_a_base_goes_down_at_the_third_failure_in_a_row_and_up_at_the_second_success() -> None:
    assert states(GOOD, BAD, BAD, BAD, GOOD, GOOD) == ["up", "up", "up", "down", "down", "up"]


def test_failures_with_a_success_between_are_no_outage() -> None:
    assert set(states(GOOD, BAD, BAD, GOOD, BAD, BAD, GOOD)) == {"up"}


def test_a_base_never_seen_goes_down_as_well() -> None:
    assert states(BAD, BAD, BAD) == ["unknown", "unknown", "down"]


def test_maintenance_counts_at_once_and_ends_like_an_outage() -> None:
    assert states(GOOD, LOCKED, GOOD, GOOD) == ["up", "maintenance", "maintenance", "up"]


def test_a_base_that_goes_away_in_maintenance_is_down_after_a_while() -> None:
    assert states(GOOD, LOCKED, BAD, BAD, BAD) == ["up", "maintenance", "maintenance", "maintenance", "down"]


def test_a_refused_login_is_down_at_once_so_that_nobody_knocks_on() -> None:
    assert states(GOOD, LOGIN) == ["up", "down"]


def test_one_slow_answer_is_a_cold_start_and_two_are_degraded() -> None:
    assert states(GOOD, SLOW, GOOD) == ["up", "up", "up"]
    assert states(GOOD, SLOW, SLOW, GOOD, SLOW, GOOD, GOOD) == ["up", "up"] + ["degraded"] * 4 + ["up"]


def test_a_base_that_comes_and_goes_is_degraded_until_it_stays() -> None:
    down = Standing("down", 0, 3)
    assert states(GOOD, GOOD, GOOD, begin=down, flaps=FLAPS) == ["down", "degraded", "degraded"]
    assert states(GOOD, begin=Standing("degraded", 2, 0), flaps=FLAPS - 1) == ["up"]


def test_a_slow_recovery_is_a_recovery() -> None:
    assert states(SLOW, SLOW, begin=Standing("down", 0, 5)) == ["down", "degraded"]


def test_pings_come_faster_while_a_base_is_away_and_never_often_while_it_is_locked() -> None:
    up, down, locked = Standing("up", 3, 0), Standing("down", 0, 4), Standing("maintenance")
    assert pause(up, GOOD, LIMITS) == LIMITS.interval_seconds
    assert pause(Standing("up", 0, 1), BAD, LIMITS) == LIMITS.down_interval_seconds
    assert pause(down, BAD, LIMITS) == LIMITS.down_interval_seconds
    assert pause(Standing("down", 1, 0), GOOD, LIMITS) == LIMITS.down_interval_seconds
    assert pause(locked, LOCKED, LIMITS) >= 120
    assert pause(down, LOGIN, LIMITS) >= 120
    busy = TransportError("E930", host="h", status=429, detail="x")
    busy.retry_after = 77
    assert pause(up, Ping(1.0, "session", error=busy), LIMITS) == 77


@given(st.lists(ANY, max_size=40))
def test_whatever_comes_two_quick_answers_open_and_three_failures_close(pings: list[Ping]) -> None:
    now = Standing()
    for each in pings:
        now = step(now, each, 0, LIMITS)
    opened = step(step(now, GOOD, 0, LIMITS), GOOD, 0, LIMITS)
    assert opened.state == "up"
    for _ in range(3):
        now = step(now, BAD, 0, LIMITS)
    assert now.state == "down"


@given(st.lists(ANY, max_size=40), st.integers(0, 6))
def test_one_failure_never_closes_a_base_and_one_success_never_opens_one(pings: list[Ping], flaps: int) -> None:
    now = Standing()
    for each in pings:
        now = step(now, each, flaps, LIMITS)
    if now.bad == 0:
        assert step(now, BAD, flaps, LIMITS).state == now.state
    if now.state in CLOSED and now.good == 0:
        assert step(now, GOOD, flaps, LIMITS).state == now.state
