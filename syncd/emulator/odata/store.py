"""What is in the base: rows by key, most of them made only when somebody looks.

A table of a hundred thousand goods takes no room until one of them is changed: ``Seeds`` make any row from its number,
and the table keeps what differs from them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from threading import RLock
from typing import Final, Protocol, TypeAlias

from syncd.emulator.odata.model import EntitySet, Kind, Row, Schema

Key: TypeAlias = tuple[str, ...]
Wanted: TypeAlias = dict[str, frozenset[str]]
"""Values a property must have one of, as far as they could be told from a condition."""


class Seeds(Protocol):
    """Rows made from their numbers, in the order of their keys where the key is a reference."""

    unique: bool
    """For registers: no two rows of the whole table have the same dimensions."""

    def __len__(self) -> int:
        """How many rows."""
        ...

    def row(self, index: int) -> Row:
        """The row, made anew: whoever gets it may change it."""
        ...

    def find(self, key: Key) -> int | None:
        """The number of the row with this key."""
        ...

    def where(self, wanted: Wanted) -> Iterable[int] | None:
        """Numbers among which the wanted rows are; None: look at all."""
        ...


class NoSeeds:
    """Nothing to begin with."""

    unique = True

    def __len__(self) -> int:
        return 0

    def row(self, index: int) -> Row:
        """There is none."""
        raise IndexError(index)

    def find(self, key: Key) -> int | None:
        """Nothing is found."""
        del key
        return None

    def where(self, wanted: Wanted) -> Iterable[int] | None:
        """Nothing to look at."""
        del wanted
        return ()


class Table:
    """Rows of one set by key. Not guarded by itself: the base has one lock for reading and writing."""

    def __init__(self, entity_set: EntitySet, seeds: Seeds | None = None) -> None:
        self.set = entity_set
        self.seeds: Seeds = seeds or NoSeeds()
        self._kept: dict[Key, Row | None] = {}
        self._over: dict[int, Key] = {}

    def key_of(self, row: Row) -> Key:
        """The key in a row."""
        return tuple(str(row[name]) for name in self.set.type.key)

    def get(self, key: Key) -> Row | None:
        """The row, or None."""
        if key in self._kept:
            return self._kept[key]
        index = self.seeds.find(key)
        return None if index is None else self.seeds.row(index)

    def put(self, row: Row) -> None:
        """Keep a row, new or changed."""
        key = self.key_of(row)
        self._kept[key] = row
        self._cover(key)

    def remove(self, key: Key) -> None:
        """Forget a row."""
        if self.seeds.find(key) is None:
            self._kept.pop(key, None)
        else:
            self._kept[key] = None
            self._cover(key)

    def _cover(self, key: Key) -> None:
        index = self.seeds.find(key)
        if index is not None:
            self._over[index] = key

    def __len__(self) -> int:
        own = sum(row is not None for row in self._kept.values())
        return len(self.seeds) - len(self._over) + own

    def rows(self, wanted: Wanted | None = None, start: int = 0) -> Iterator[Row]:
        """All rows that may be wanted, without the first ``start``: the seeded ones in their order, then the others."""
        numbers = self._numbers(wanted)
        if self._over and not isinstance(numbers, range):
            numbers = sorted({*numbers, *self._over})  # what was changed may be wanted now
        for index in numbers:
            key = self._over.get(index)
            if key is not None and self._kept[key] is None:
                continue
            if start > 0:
                start -= 1
                continue
            row = self._kept[key] if key is not None else self.seeds.row(index)
            assert row is not None
            yield row
        seeded = set(self._over.values())
        for key, row in list(self._kept.items()):
            if row is None or key in seeded:
                continue
            if start > 0:
                start -= 1
            else:
                yield row

    def _numbers(self, wanted: Wanted | None) -> Iterable[int]:
        numbers = self.seeds.where(wanted) if wanted else None
        return range(len(self.seeds)) if numbers is None else numbers

    def untouched(self, wanted: Wanted) -> Iterator[Row]:
        """Seeded rows that nobody changed."""
        for index in self._numbers(wanted):
            if index not in self._over:
                yield self.seeds.row(index)

    def touched(self) -> list[Row]:
        """Rows that were added or changed."""
        return [row for row in self._kept.values() if row is not None]


_ZEROS: Final = b"\0\0\0\0"


def data_version(number: int) -> str:
    """The version of an object as 1C writes it: eight bytes in base64."""
    return b64encode(number.to_bytes(4, "big") + _ZEROS).decode()


@dataclass(slots=True)
class Store:
    """All tables of a base, and who wants to know of changes.

    ``watchers`` are called with (set, key, row as it is now) of each change, before the lock is let go; ``on_commit``
    with all changes of a transaction at once.
    """

    schema: Schema
    tables: dict[str, Table] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)
    watchers: list[Callable[[EntitySet, Key, Row | None], None]] = field(default_factory=list)
    on_commit: Callable[[list[tuple[str, Key, Row | None]]], None] | None = None
    version: int = 1 << 24
    in_order: bool = True
    """New objects got references above all others, so that rows come sorted by them."""
    _undo: list[tuple[Table, Key, Row | None]] | None = None

    def __post_init__(self) -> None:
        for entity_set in self.schema.sets.values():
            if entity_set.kind not in (Kind.SECTION, Kind.RECORDS):
                self.tables.setdefault(entity_set.name, Table(entity_set))

    def seed(self, name: str, seeds: Seeds) -> None:
        """Give a set its first rows."""
        self.tables[name] = Table(self.schema.sets[name], seeds)

    def next_version(self) -> str:
        """A DataVersion nobody has yet."""
        self.version += 1
        return data_version(self.version)

    def put(self, name: str, row: Row) -> None:
        """Write a row."""
        table = self.tables[name]
        key = table.key_of(row)
        before = table.get(key)
        table.put(row)
        self._changed(table, key, before)

    def remove(self, name: str, key: Key) -> None:
        """Delete a row."""
        table = self.tables[name]
        before = table.get(key)
        table.remove(key)
        self._changed(table, key, before)

    def _changed(self, table: Table, key: Key, before: Row | None) -> None:
        if self._undo is None:
            self._tell(table, key)
        else:
            self._undo.append((table, key, before))

    def _tell(self, table: Table, key: Key) -> None:
        for watcher in self.watchers:
            watcher(table.set, key, table.get(key))

    def transaction(self) -> Transaction:
        """Changes within it happen all or not at all."""
        return Transaction(self)

    def begin(self) -> None:
        """Start to remember; the lock is held until ``end``."""
        self.lock.acquire()
        self._undo = []

    def end(self, *, keep: bool) -> None:
        """Let the changes stand, or take them back in reverse."""
        undo, self._undo = self._undo or [], None
        try:
            if keep and undo and self.on_commit:
                changed = dict.fromkeys((table, key) for table, key, _ in undo)
                self.on_commit([(table.set.name, key, table.get(key)) for table, key in changed])
            for table, key, before in undo if keep else reversed(undo):
                if keep:
                    self._tell(table, key)
                elif before is None:
                    table.remove(key)
                else:
                    table.put(before)
        finally:
            self.lock.release()


class Transaction:
    """A ``with`` block whose changes are taken back when it ends with an exception."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> None:
        self._store.begin()

    def __exit__(self, kind: object, *rest: object) -> None:
        self._store.end(keep=kind is None)
