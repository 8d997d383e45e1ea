"""What is due in this installation: each schedule of the settings, for every infobase that can answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

from xxhash import xxh3_64_intdigest

from syncd.schedules.settings import CHANGES, METADATA, ORDER, Schedule, entities_of
from syncd.schedules.timing import Timing
from syncd.spans import span
from syncd.store import endpoints
from syncd.store.db import Conn
from syncd.store.endpoints import Endpoint

PULLING_KINDS: Final = ("http_service", "odata")
"""Kinds of endpoints that can be asked for data; ``syncd.sync.pulls.PULLERS`` has an adapter for each."""
INSTALLATION: Final = ""
"""The tenant of the installation's own jobs."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One schedule of one infobase, or a job of the installation (``pull`` is empty then).

    ``delay`` is the part of the jitter this schedule always waits: fire times themselves are the same for all.
    """

    tenant: str
    name: str
    timing: Timing
    lane: str
    pull: str = ""
    entities: tuple[str, ...] = ()
    delay: timedelta = timedelta()
    overlap: Literal["skip", "queue"] = "skip"
    catch_up: timedelta = timedelta(hours=1)
    late_after: timedelta | None = None
    endpoint: Endpoint | None = None

    @property
    def infobase_id(self) -> UUID | None:
        """The infobase it asks, if any."""
        return self.endpoint.infobase_id if self.endpoint else None


def able(endpoint: Endpoint, pull: str) -> bool:
    """Whether this endpoint gives such data: it says so in its setting ``pulls``: pulls or entities, as a list
    or between commas, or ``*``. A base over OData gives everything unless it says what; changes come of one that has a
    node of an exchange plan, metadata of every one. Orders come over OData only: other bases tell of them themselves.
    """
    if endpoint.disabled_at is not None or endpoint.kind not in PULLING_KINDS:
        return False
    if pull == METADATA:
        return endpoint.kind == "odata"
    if pull == CHANGES:
        return endpoint.kind == "odata" and bool(endpoint.settings.get("node"))
    if endpoint.kind != "odata" and entities_of(pull) == (ORDER,):
        return False
    given = endpoint.settings.get("pulls", ["*"] if endpoint.kind == "odata" else [])
    offered = {word.strip() for word in given.split(",")} if isinstance(given, str) else set(given)
    return "*" in offered or pull in offered or any(_same(pull, word) for word in offered)


def _same(pull: str, word: str) -> bool:
    try:
        return set(entities_of(pull)) <= set(entities_of(word))
    except ValueError:  # a word of a newer version
        return False


def plans(conn: Conn, schedules: Mapping[str, Schedule], *, zone: str, tenant: str | None = None) -> list[Plan]:
    """Every schedule there is now, of one tenant or of all, by tenant and name."""
    found: dict[tuple[str, str], Plan] = {}
    everyone = [each for each in endpoints.every(conn, tenant) if each.disabled_at is None]
    for name, schedule in schedules.items():
        if not schedule.enabled:
            continue
        for endpoint in everyone:
            if not _meant(schedule, endpoint):
                continue
            plan = make(name, schedule, endpoint, zone=zone)
            found.setdefault((plan.tenant, plan.name), plan)  # of several endpoints of one infobase the first by name
    return [found[key] for key in sorted(found)]


def _meant(schedule: Schedule, endpoint: Endpoint) -> bool:
    if schedule.tenant is not None and endpoint.tenant != schedule.tenant:
        return False
    if schedule.infobase is not None and endpoint.infobase != schedule.infobase:
        return False
    if schedule.endpoint is not None:  # named by a person, who knows what it gives
        kinds = ("odata",) if schedule.pull == METADATA or entities_of(schedule.pull) == (ORDER,) else PULLING_KINDS
        return endpoint.name == schedule.endpoint and endpoint.kind in kinds
    return able(endpoint, schedule.pull)


def make(name: str, schedule: Schedule, endpoint: Endpoint, *, zone: str) -> Plan:
    """One schedule for one endpoint. It is called after the infobase, so that a new endpoint of it goes on with the
    same history.
    """
    where = endpoint.infobase or endpoint.name
    full = f"{name}@{where}"
    jitter = int(span(schedule.jitter).total_seconds())
    return Plan(
        tenant=endpoint.tenant,
        name=full,
        timing=schedule.timing(zone),
        lane=f"{schedule.lane or schedule.pull}@{where}",
        pull=schedule.pull,
        entities=entities_of(schedule.pull),
        delay=timedelta(seconds=xxh3_64_intdigest(f"{endpoint.tenant}\x1f{full}".encode()) % jitter if jitter else 0),
        overlap=schedule.overlap,
        catch_up=span(schedule.catch_up),
        late_after=span(schedule.late_after) if schedule.late_after else None,
        endpoint=endpoint,
    )
