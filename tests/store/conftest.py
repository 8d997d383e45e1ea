"""A database, and records on their way into it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest

from syncd.model import ENTITIES
from syncd.model.records import Record, WholeSet
from syncd.store.db import Conn, Database
from syncd.store.merge import Counters, merge_entity
from syncd.store.stage import Stage

Merge = Callable[..., dict[str, Counters]]


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url, size=2)
    yield database
    database.close()


@pytest.fixture
def conn(db: Database) -> Iterator[Conn]:
    """A connection of its own in autocommit, as an import has one."""
    with db.dedicated() as connection:
        yield connection
        connection.execute("DISCARD TEMP")  # a connection is gone before its temporary tables are


def stage_all(stage: Stage, items: Iterable[Record | WholeSet]) -> None:
    for item in items:
        if isinstance(item, WholeSet):
            stage.whole_set(item.entity, item.of)
        else:
            stage.add(item)
    stage.flush()
    stage.analyze()


def merge_into(db: Database, items: Iterable[Record | WholeSet], *, seq: int, tenant: str) -> dict[str, Counters]:
    with db.dedicated() as connection:
        stage = Stage(connection)
        stage_all(stage, items)
        with connection.transaction():
            counters = {
                name: merge_entity(connection, name, tenant=tenant, source_seq=seq, whole_sets=name in stage.scopes)
                for name in ENTITIES
                if name in stage.entities
            }
        connection.execute("DISCARD TEMP")
    return counters


@pytest.fixture
def merge(db: Database) -> Merge:
    """Merge one package of records and whole sets: ``merge(item, …, seq=1, tenant="default")``."""

    def call(*items: Record | WholeSet, seq: int = 1, tenant: str = "default") -> dict[str, Counters]:
        return merge_into(db, items, seq=seq, tenant=tenant)

    return call
