"""A database, an infobase that can be pulled from, and schedules of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from syncd.schedules.plan import Plan
from syncd.schedules.settings import Schedule
from syncd.schedules.timing import Timing
from syncd.store import access, endpoints
from syncd.store.db import Database, every
from syncd.store.endpoints import Endpoint

TENANT = "default"
Rows = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url, size=8)
    yield database
    database.close()


@pytest.fixture
def endpoint(db: Database) -> Endpoint:
    """An HTTP service of the infobase ut11 that gives everything."""
    with db.transaction() as conn:
        infobase = access.add_infobase(conn, TENANT, "ut11", "1c", "x", dialect="auto", zone="Europe/Moscow")
        found, _ = endpoints.add(
            conn, TENANT, name="main", kind="http_service", address="http://127.0.0.1:9", takes=[],
            infobase_id=infobase, settings={"pulls": "*"},
        )  # fmt: skip
    return found


@pytest.fixture
def rows(db: Database) -> Rows:
    """All runs, in order."""

    def read() -> list[dict[str, Any]]:
        with db.transaction() as conn:
            return [dict(row) for row in every(conn, "SELECT * FROM schedule_run ORDER BY tenant, schedule, fire_at")]

    return read


def plan(name: str = "stocks@ut11", every: timedelta | None = None, **values: Any) -> Plan:
    """A schedule without an infobase: only time matters."""
    cron = values.pop("cron", None)
    timing = Timing(None if cron else every or timedelta(minutes=5), cron, values.pop("zone", "UTC"))
    return Plan(TENANT, name, timing, values.pop("lane", name), **{"pull": "stocks", **values})


def schedule(**values: Any) -> Schedule:
    return Schedule.model_validate({"pull": "stocks", "every": "5m", **values})
