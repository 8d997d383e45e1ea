"""The merge: staged records go into their tables by set-based SQL that finds what changed first and writes only that.

Rules, the same for every protocol:

- a field that the source did not state keeps its value; a ``map`` merges key by key; the other kinds are replaced
  whole; a field that is ``stated_with`` another is stated, empty or not, where that one is;
- a record whose content does not differ is not written, so its revision stays;
- a row written by a newer package is left alone;
- a stub only says that an object exists and never changes a stored row;
- several statements of one package about one record count as one and say what they say one after the other;
- nothing is deleted: ``deleted_at`` is set, and cleared when the record returns.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from syncd.model import ENTITIES, Entity
from syncd.store import planner
from syncd.store.db import Conn, execute, one
from syncd.store.merge_sql import Statements, statements

_PAGE: Final = 8192
_KEYS_OF_A_PAGE: Final = 3
"""Measured, pages in memory or not: a look-up with all that follows takes 10 µs, a page that is read in its turn 30."""
_OTHER_JOINS: Final = ("enable_nestloop", "enable_mergejoin")


@dataclass(slots=True)
class Counters:
    """What became of the records of one entity. ``read`` counts distinct keys met, ``repeated`` further statements
    about one that was met already.
    """

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: int = 0
    repeated: int = field(default=0, compare=False)

    def as_dict(self) -> dict[str, int]:
        """For JSON: what adds up."""
        found = asdict(self)
        del found["repeated"]
        return found


def prepare(conn: Conn) -> None:
    """Tell the planner, for the transaction of the merge, that tables are cached or on fast disks: a package that
    changes little is then joined by the key instead of by reading whole tables."""
    execute(conn, "SET LOCAL random_page_cost = 1.1")
    execute(conn, "SET LOCAL work_mem = '64MB'")


def merge_entity(conn: Conn, name: str, *, tenant: str, source_seq: int, whole_sets: bool) -> Counters:
    """Merge what is staged for one entity, within the caller's transaction.

    ``source_seq`` is the package's place in the order of arrival. ``whole_sets`` tells that a table of scopes was
    staged too.
    """
    entity, sql = ENTITIES[name], statements(name)
    sets = whole_sets and entity.scope is not None
    parameters: dict[str, Any] = {"tenant": tenant, "source_seq": source_seq}
    keys = one(conn, sql.keys) or {}
    if keys["most"] > 1:
        execute(conn, sql.needless)
        execute(conn, sql.fold)
    counters = Counters(read=keys["number"], repeated=keys["again"])
    few = _are_few(conn, entity, max(counters.read, _number(conn, sql.sets) if sets else 0))
    absent = 0
    execute(conn, sql.begin)
    while True:
        _find(conn, sql, parameters, few=few, sets=sets)
        left_out = execute(conn, sql.absent, **parameters) if sets else 0
        changed = one(conn, sql.update, **parameters) or {}
        absent += left_out
        counters.updated += changed["updated"]
        counters.removed += changed["removed"]
        if left_out + changed["updated"] + changed["removed"] == _number(conn, sql.to_write, **parameters):
            break
        execute(conn, sql.again)  # somebody else wrote some of the rows since they were found
    counters.created = _number(conn, sql.insert, **parameters)
    execute(conn, sql.end)
    planner.tell(conn, name, tenant, counters.created)
    counters.unchanged = counters.read - counters.created - counters.updated - counters.removed
    counters.removed += absent
    return counters


def _number(conn: Conn, query: str, **parameters: Any) -> int:
    return int((one(conn, query, **parameters) or {})["number"])


def _are_few(conn: Conn, entity: Entity, keys: int) -> bool:
    """Whether looking up every key costs less than reading the table."""
    size = _number(conn, "SELECT pg_relation_size(%(name)s::regclass) AS number", name=f'"{entity.plural}"')
    return keys < _KEYS_OF_A_PAGE * (size // _PAGE)


def _find(conn: Conn, sql: Statements, parameters: dict[str, Any], *, few: bool, sets: bool) -> None:
    """Find what is stored of that which is staged, and what whole sets left out."""
    if few:
        for query in sql.look_up_sets if sets else sql.look_up:
            execute(conn, query, **parameters)
        return
    # left alone the planner takes a table that it knows little of for a small one, and looks up each key
    for way in _OTHER_JOINS:
        execute(conn, f"SET LOCAL {way} = off")
    execute(conn, sql.join_sets if sets else sql.join, **parameters)
    for way in _OTHER_JOINS:
        execute(conn, f"SET LOCAL {way} TO DEFAULT")
