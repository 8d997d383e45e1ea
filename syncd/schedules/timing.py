"""When a schedule fires: by an interval, or by a crontab line in a time zone.

Traps that are closed here, each met in other schedulers:

- 0 and 7 are Sunday, as in every crontab (APScheduler 3 counts from Monday);
- the night clocks go back 02:30 comes twice and a job of 02:30 fires once; the night they go forward it does not come
  at all and the job fires at the moment it would have been (vixie cron does the same). A line with ``*`` for the hour
  goes by elapsed time: both hours fire, the missing one does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from syncd.i18n import tr

EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_SHIFT: Final = timedelta(hours=3)  # more than clocks are ever moved at once
_MOST: Final = 100_000  # fire times counted after a long sleep; a line of every minute gathers so many in 69 days
_FIELDS: Final[tuple[tuple[str, int, int, tuple[str, ...]], ...]] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day_of_week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART: Final = re.compile(r"(\*|[0-9a-z]+)(?:-([0-9a-z]+))?(?:/(\d+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Due:
    """Fire times that have come: the first, the last, the one before it, and how many."""

    first: datetime
    last: datetime
    before: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Timing:
    """Exactly one of ``every`` and ``cron`` is given. ``zone`` matters for ``cron`` only."""

    every: timedelta | None
    cron: str | None
    zone: str = "UTC"

    def after(self, moment: datetime) -> datetime:
        """The first fire time later than the moment; the same for everybody who asks."""
        if self.every is not None:
            return self._interval_after(moment)
        return _cron_after(self.cron or "", self.zone, moment)

    def start(self, moment: datetime) -> datetime:
        """Where a schedule begins that nobody has seen before: an interval at once, a crontab line at its next time."""
        return self.after(moment - self.every) if self.every is not None else self.after(moment)

    def fires_at(self, moment: datetime) -> bool:
        """Whether this is one of the fire times."""
        return self.after(moment - _TICK) == moment

    def due(self, since: datetime, until: datetime) -> Due | None:
        """The fire times in ``since <= t <= until``, of which ``since`` is the first. ``None`` when it has not come."""
        if since > until:
            return None
        if self.every is not None:
            steps = (until - since) // self.every
            last = since + steps * self.every
            return Due(since, last, last - self.every if steps else since, steps + 1)
        before, last, count = since, since, 1
        while count < _MOST and (following := self.after(last)) <= until:
            before, last, count = last, following, count + 1
        return Due(since, last, before, count)

    def _interval_after(self, moment: datetime) -> datetime:
        from apscheduler.triggers.interval import IntervalTrigger

        assert self.every is not None
        trigger = IntervalTrigger(seconds=int(self.every.total_seconds()), start_date=EPOCH, timezone=UTC)
        found: datetime = trigger.get_next_fire_time(None, moment + _TICK)
        return found.astimezone(UTC)


def _cron_after(line: str, zone_name: str, moment: datetime) -> datetime:
    """The earliest fire time after the moment among wall-clock times near it: clocks that are moved change their
    order."""
    zone, elapsed = ZoneInfo(zone_name), line.split()[1].startswith("*")
    now = moment.astimezone(zone).replace(tzinfo=None)
    following = _next_wall(line, now + _TICK)
    if _steady(now, zone) and _steady(following, zone):
        return following.replace(tzinfo=zone).astimezone(UTC)
    wall = now - _SHIFT
    found: list[datetime] = []
    end: datetime | None = None
    for _ in range(_MOST):
        following = _next_wall(line, wall)
        if end is not None and following > end:
            break
        hits = [instant for instant in _instants(following, zone, elapsed=elapsed) if instant > moment]
        if hits and end is None:
            end = following + _SHIFT
        found += hits
        wall = following + _TICK
    if not found:
        raise ValueError(tr(f"{line!r} never comes", f"{line!r} не наступит никогда"))
    return min(found)


def _steady(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether no clock is moved near this time."""
    before, behind = ((wall + shift).replace(tzinfo=zone).utcoffset() for shift in (-2 * _SHIFT, 2 * _SHIFT))
    return before == behind


def _next_wall(line: str, wall: datetime) -> datetime:
    found = _trigger(line).get_next_fire_time(None, wall.replace(tzinfo=UTC))
    if found is None:
        raise ValueError(tr(f"{line!r} never comes", f"{line!r} не наступит никогда"))
    naive: datetime = found.replace(tzinfo=None)
    return naive


@cache
def _trigger(line: str):  # type: ignore[no-untyped-def]
    """The trigger on plain wall-clock time: it is told that all clocks are UTC, so that it meets no shift."""
    from apscheduler.triggers.cron import CronTrigger

    return CronTrigger(timezone=UTC, **cron_fields(line))


def _instants(wall: datetime, zone: ZoneInfo, *, elapsed: bool) -> list[datetime]:
    """When clocks of the zone show this: once as a rule, twice or never on the nights they are moved."""
    early, late = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if early.astimezone(zone).replace(tzinfo=None) != wall:  # the gap
        return [] if elapsed else [early]
    return [early, late] if elapsed and late != early else [early]


def cron_fields(line: str) -> dict[str, str]:
    """A crontab line as APScheduler's fields. Raises ``ValueError`` with a sentence for a person."""
    parts = line.split()
    if len(parts) != len(_FIELDS):
        en = f"{line!r} has {len(parts)} fields, a crontab line has five: minute hour day month weekday"
        ru = f"в {line!r} полей: {len(parts)}, а нужно пять: минута час день месяц день-недели"
        raise ValueError(tr(en, ru))
    if not parts[2].startswith("*") and not parts[4].startswith("*"):
        en = f"{line!r} names a day of the month and a weekday: crontabs disagree on what that means, keep one"
        ru = f"в {line!r} указаны и число, и день недели: crontab понимают это по-разному, оставьте одно"
        raise ValueError(tr(en, ru))
    made = {name: _field(part, low, high, names) for part, (name, low, high, names) in zip(parts, _FIELDS, strict=True)}
    return {**made, "second": "0"}


def _field(text: str, low: int, high: int, names: tuple[str, ...]) -> str:
    """One field, checked; weekdays become names, for their numbers mean something else to APScheduler."""
    values: set[int] = set()
    for part in text.lower().split(","):
        found = _PART.fullmatch(part)
        if found is None:
            raise _wrong(text, low, high)
        first, last, step = found[1], found[2], int(found[3] or 1)
        begin = low if first == "*" else _number(first, text, low, high, names)
        end = high if first == "*" else _number(last, text, low, high, names) if last else begin
        if found[3] and not last and first != "*":
            end = high
        if begin > end or not step or (first == "*" and last):
            raise _wrong(text, low, high)
        values.update(range(begin, end + 1, step))
    if text == "*":
        return "*"
    if len(names) == len(_DAYS):
        return ",".join(dict.fromkeys(_DAYS[number % 7] for number in sorted(values)))
    return ",".join(map(str, sorted(values)))


def _number(word: str, text: str, low: int, high: int, names: tuple[str, ...]) -> int:
    base = 1 if low == 1 else 0
    number = names.index(word) + base if word in names else int(word) if word.isdigit() else -1
    if not low <= number <= high:
        raise _wrong(text, low, high)
    return number


def _wrong(text: str, low: int, high: int) -> ValueError:
    return ValueError(tr(f"{text!r} must be of {low} to {high}", f"{text!r}: допустимы значения от {low} до {high}"))
