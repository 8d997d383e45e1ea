from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.model import ENTITIES
from syncd.schedules.settings import DEFAULTS, GROUPS, PLURALS, Schedule, entities_of, with_defaults
from syncd.schedules.timing import EPOCH, Timing, cron_fields

BERLIN = "Europe/Berlin"


def times(line: str, zone: str, start: datetime, count: int) -> list[str]:
    timing, moment, found = Timing(None, line, zone), start, []
    for _ in range(count):
        moment = timing.after(moment)
        found.append(moment.astimezone(ZoneInfo(zone)).isoformat())
    return found


def test_a_time_that_comes_twice_in_autumn_fires_once() -> None:
    assert times("30 2 * * *", BERLIN, datetime(2026, 10, 24, 12, tzinfo=UTC), 2) == [
        "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00",
    ]  # fmt: skip


def test_a_time_that_spring_leaves_out_fires_at_the_moment_it_would_have_been() -> None:
    assert times("30 2 * * *", BERLIN, datetime(2026, 3, 28, 12, tzinfo=UTC), 3) == [
        "2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00", "2026-03-31T02:30:00+02:00",
    ]  # fmt: skip


def test_a_line_that_names_both_hours_of_the_gap_fires_once_for_both() -> None:
    assert times("0 2,3 * * *", BERLIN, datetime(2026, 3, 29, 0, tzinfo=UTC), 2) == [
        "2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00",
    ]  # fmt: skip


def test_every_half_hour_goes_on_through_both_nights() -> None:
    autumn = times("*/30 * * * *", BERLIN, datetime(2026, 10, 24, 23, 45, tzinfo=UTC), 6)
    assert [found[11:] for found in autumn] == [
        "02:00:00+02:00", "02:30:00+02:00", "02:00:00+01:00", "02:30:00+01:00", "03:00:00+01:00", "03:30:00+01:00",
    ]  # fmt: skip
    spring = times("*/30 * * * *", BERLIN, datetime(2026, 3, 29, 0, 15, tzinfo=UTC), 3)
    assert [found[11:] for found in spring] == ["01:30:00+01:00", "03:00:00+02:00", "03:30:00+02:00"]


@pytest.mark.parametrize(
    ("day", "expected"), [("0", "Sun"), ("7", "Sun"), ("1", "Mon"), ("sat", "Sat"), ("6-7", "Sat")]
)
def test_weekdays_are_numbered_as_in_every_crontab(day: str, expected: str) -> None:
    found = Timing(None, f"0 3 * * {day}", "Europe/Moscow").after(datetime(2026, 11, 23, tzinfo=UTC))
    assert found.astimezone(ZoneInfo("Europe/Moscow")).strftime("%a") == expected


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 3 * *", "five"), ("60 3 * * *", "0 to 59"), ("0 3 1 * 1", "keep one"), ("0 x * * *", "0 to 23"),
        ("*/0 * * * *", "'*/0'"), ("9-3 * * * *", "'9-3'"), ("0 3 0 * *", "1 to 31"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_refused_in_words(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        cron_fields(line)
    assert said in str(caught.value)


def test_a_day_that_never_comes_is_told_and_not_searched_for_ever() -> None:
    with pytest.raises(ValueError, match="never comes"):
        Timing(None, "0 0 31 2 *").after(EPOCH)


MOMENTS = st.timedeltas(timedelta(), timedelta(days=1100)).map(lambda since: datetime(2025, 1, 1, tzinfo=UTC) + since)
ZONES = st.sampled_from(["UTC", "Europe/Moscow", BERLIN, "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"])
LINES = st.sampled_from(["30 2 * * *", "*/15 * * * *", "0 */6 * * *", "5,35 1-3 * * *", "0 3 * * 1", "0 0 1 * *"])


@given(MOMENTS, ZONES, LINES)
@settings(max_examples=150, deadline=None)
def test_the_next_fire_time_is_later_and_nothing_lies_between(moment: datetime, zone: str, line: str) -> None:
    timing = Timing(None, line, zone)
    found = timing.after(moment)
    assert found > moment
    assert timing.fires_at(found)
    between = moment + (found - moment) / 2
    assert timing.after(between) == found
    assert timing.after(found - timedelta(microseconds=1)) == found


@given(MOMENTS, st.integers(5, 100_000))
@settings(max_examples=200, deadline=None)
def test_an_interval_has_one_grid_for_everybody(moment: datetime, seconds: int) -> None:
    timing = Timing(timedelta(seconds=seconds), None)
    found = timing.after(moment)
    assert moment < found <= moment + timedelta(seconds=seconds)
    assert (found - EPOCH) % timedelta(seconds=seconds) == timedelta()
    assert timing.start(moment) <= moment < timing.after(timing.start(moment))


@given(MOMENTS, st.timedeltas(timedelta(), timedelta(days=3)), st.sampled_from(["*/20 * * * *", None]))
@settings(max_examples=60, deadline=None)
def test_what_is_due_counts_every_fire_time(moment: datetime, slept: timedelta, line: str | None) -> None:
    timing = Timing(None if line else timedelta(minutes=20), line, BERLIN)
    since = timing.after(moment)
    due = timing.due(since, moment + slept)
    stepped = []
    at = since
    while at <= moment + slept:
        stepped.append(at)
        at = timing.after(at)
    if not stepped:
        assert due is None
        return
    assert due is not None
    assert (due.first, due.last, due.count) == (stepped[0], stepped[-1], len(stepped))
    assert due.before == (stepped[-2] if len(stepped) > 1 else stepped[0])


def test_settings_know_every_entity_of_the_model() -> None:
    assert {name: entity.plural for name, entity in ENTITIES.items()} == PLURALS
    assert all(set(entities_of(word)) <= set(ENTITIES) for word in [*GROUPS, *PLURALS, *PLURALS.values()])


def test_what_the_file_leaves_out_of_a_default_stays_and_a_new_time_replaces_the_old() -> None:
    merged = with_defaults({"stocks": {"every": "10m"}, "settlements": {"every": "1h"}, "own": {"pull": "prices"}})
    assert isinstance(merged, dict)
    assert merged["stocks"] == {**DEFAULTS["stocks"], "every": "10m"}
    assert "cron" not in merged["settlements"]
    assert merged["own"] == {"pull": "prices"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"every": "5m"}, "name what to pull"), ({"pull": "stock"}, "either"),
        ({"pull": "sotcks", "every": "5m"}, "known"),
        ({"pull": "stock", "every": "5m", "cron": "0 3 * * *"}, "either"), ({"pull": "stock", "every": "1s"}, "5s"),
        ({"pull": "stock", "every": "5m", "jitter": "6m"}, "jitter"),
        ({"pull": "stock", "cron": "0 25 * * *"}, "0 to 23"),
        ({"pull": "stock", "every": "5m", "zone": "Mars"}, "no time zone"),
        ({"pull": "stock", "every": "soon"}, "no span"),
    ],
)  # fmt: skip
def test_a_schedule_that_makes_no_sense_is_refused_in_words(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Schedule.model_validate(given)
