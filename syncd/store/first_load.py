"""A first load: rows of entities of which a company has nothing yet go into their tables while the reading goes on.

There is nothing to compare with, so they are inserted as they are, in portions sorted by key, in the transaction that
the merge ends. A record that is stated twice shows as a violated key: nothing of the portion is taken then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from psycopg import errors

from syncd.model import ENTITIES
from syncd.store import planner
from syncd.store.db import Conn, execute, one
from syncd.store.merge import Counters, merge_entity, prepare
from syncd.store.merge_sql import insert_all_sql, stated_already_sql
from syncd.store.rows import Table
from syncd.store.stage import stage_name

PORTION_BYTES: Final = 8 << 20
"""So much of an entity is staged at least before it is inserted."""
_LARGEST_PORTION: Final = 32 << 20
_SHARE: Final = 4  # of what is there already: the larger an index, the more rows are to meet on each of its pages
_HEADS: Final = ("product", "offer")
_CANDIDATES: Final = (*_HEADS, "price", "stock")


class Repeated(Exception):
    """A record was stated twice, here or by somebody else meanwhile, and its first statement is in its table already:
    only a new reading can fold them.
    """


class FirstLoad:
    """The entities of one import that are loaded for the first time, within one transaction on its connection."""

    def __init__(
        self, conn: Conn, tenant: str, source_seq: int, entities: frozenset[str], *, portion: int | None = None
    ) -> None:
        self._conn = conn
        self._parameters: dict[str, Any] = {"tenant": tenant, "source_seq": source_seq}
        self._portion = PORTION_BYTES if portion is None else portion
        self._staged: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        """Of what was inserted before the end."""
        self._moved: dict[str, int] = {}
        self.entities = entities

    def begin(self) -> None:
        """The transaction began."""
        prepare(self._conn)

    def staged(self, table: Table, size: int) -> None:
        """So many bytes were staged: insert them when they are a portion. Raises ``Repeated``."""
        entity, scopes = table
        if scopes or entity not in self.entities:
            return
        staged, before = self._staged.get(entity, 0) + size, self._bytes.get(entity, 0)
        self._staged[entity] = staged
        if staged >= max(self._portion, min(_LARGEST_PORTION, before // _SHARE)):
            self._staged[entity], self._bytes[entity] = 0, before + staged
            try:
                self._move(entity)
            except (errors.UniqueViolation, errors.LockNotAvailable, errors.DeadlockDetected) as error:
                raise Repeated(entity) from error

    def merge(self, name: str) -> Counters:
        """What ``merge_entity`` does, of what is still staged; counts what was inserted before too."""
        try:
            with self._conn.transaction():
                self._move(name)
        except errors.UniqueViolation as error:
            if self._moved.get(name):
                raise Repeated(name) from error
            execute(self._conn, f'ANALYZE "{stage_name(name)}"')
        moved = self._moved.get(name, 0)
        if moved:
            planner.tell(self._conn, name, self._parameters["tenant"], moved)
            execute(self._conn, stated_already_sql(name), **self._parameters)
        counters = merge_entity(self._conn, name, whole_sets=False, **self._parameters)
        counters.read += moved
        counters.created += moved
        return counters

    def _move(self, entity: str) -> None:
        moved = execute(self._conn, insert_all_sql(entity), **self._parameters)
        if moved:
            stage = stage_name(entity)
            stubs = one(self._conn, f'SELECT 1 AS x FROM "{stage}" WHERE stub LIMIT 1')  # noqa: S608 - a name of ours
            forget = f'DELETE FROM "{stage}" WHERE NOT stub' if stubs else f'TRUNCATE "{stage}"'  # noqa: S608
            execute(self._conn, forget)
        self._moved[entity] = self._moved.get(entity, 0) + moved


def of_an_import(conn: Conn, tenant: str) -> frozenset[str]:
    """The entities of which there is no row, when it is products or offers that are missing."""
    found = without_rows(conn, tenant, _CANDIDATES)
    return found if found.intersection(_HEADS) else frozenset()


def without_rows(conn: Conn, tenant: str, names: Iterable[str]) -> frozenset[str]:
    """Those of the entities of which a company has no row."""
    query = 'SELECT 1 AS x FROM "{}" WHERE tenant = %(t)s LIMIT 1'
    return frozenset(name for name in names if one(conn, query.format(ENTITIES[name].plural), t=tenant) is None)
