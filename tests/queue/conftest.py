"""A database for the queue's tests, and endpoints to send to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from syncd.store.db import Database, execute
from syncd.store.ids import new_id

MakeEndpoint = Callable[..., UUID]


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url, size=4)
    yield database
    database.close()


@pytest.fixture
def endpoint(db: Database) -> MakeEndpoint:
    """Make an endpoint: ``endpoint("webhook", takes=["order.*"], tenant="default", **settings)``."""

    def make(
        kind: str = "webhook", takes: tuple[str, ...] = ("*",), tenant: str = "default", **settings: object
    ) -> UUID:
        made = new_id()
        with db.transaction() as conn:
            execute(
                conn,
                """INSERT INTO endpoint (tenant, id, name, kind, address, settings, takes)
                   VALUES (%(t)s, %(id)s, %(name)s, %(kind)s, 'http://127.0.0.1:9/', %(settings)s, %(takes)s)""",
                t=tenant, id=made, name=f"{kind} {made}", kind=kind, settings=Jsonb(settings), takes=list(takes),
            )  # fmt: skip
        return made

    return make
