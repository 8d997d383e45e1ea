"""Which records a package stated: hashes of their keys, eight bytes each, so that absence can be told without keeping
a list of texts.

A hash in common makes a record look stated that was not: it stays, and nothing is lost.
"""

from __future__ import annotations

import heapq
import sys
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from uuid import UUID

from psycopg import sql

from syncd.commerceml import tracks
from syncd.commerceml.known import key_of
from syncd.store.db import Conn, execute

_CHUNK: Final = 262_144  # so many numbers may be objects at once: some 20 MB
OF_OFFERS: Final = frozenset({"price", "stock"})
"""Entities stated as a set under their offer: their key here is the offer's id."""
OF_OWNER: Final = OF_OFFERS | {"relation"}
"""Entities stated as a set under their owner, an offer or a product: their key here is the owner's id."""
WITH_CATALOGUE: Final = frozenset({"product", "offer"})


def key_hash(text: str) -> int:
    """The hash under which a record's key is kept, the same as that of records that were skipped unread."""
    return key_of(text.encode("utf-8", "surrogatepass"), 0)


def key_text(key: Iterable[Any]) -> str:
    """A record's key as one text."""
    return "\x1f".join(map(str, key))


@dataclass(slots=True)
class Seen:
    """What is stated, by entity and catalogue (``""`` where an entity knows none). ``stated`` counts records that are
    more than stubs, ``portions`` the numbers in the names of the files.
    """

    keys: dict[tuple[str, str], array[int]] = field(default_factory=dict)
    portions: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    stated: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, entity: str, key: str, catalogue_id: str = "", *, stub: bool = False) -> None:
        """One record: ``key`` is its id, of what is stated as a set (``OF_OWNER``) its owner's."""
        scope = (entity, catalogue_id)
        found = self.keys.get(scope)
        if found is None:
            found = self.keys[scope] = array("Q")
        hashed = key_hash(key)
        if not found or found[-1] != hashed:
            found.append(hashed)
        if not stub:
            self.stated[scope] += 1

    def distinct(self, entity: str) -> int:
        """How many records of an entity are stated, over all catalogues."""
        return len(set[int]().union(*(keys for (name, _), keys in self.keys.items() if name == entity)))

    def add_skipped(self, entity: str, skipped: tracks.Seen) -> None:
        """Records that were not even read: they state what records of their kind of document do."""
        for name in {entity, *(skipped.entities & (OF_OWNER | WITH_CATALOGUE))}:
            scope = (name, skipped.catalogue_id if name in WITH_CATALOGUE else "")
            self.keys.setdefault(scope, array("Q")).extend(skipped.hashes)
            if name in skipped.entities:
                self.stated[scope] += len(skipped.hashes)

    def note_portion(self, number: int) -> None:
        """All of this stood in a file whose name says it is portion ``number``."""
        for scope in self.keys:
            self.portions.setdefault(scope, set()).add(number)

    def move(self, entity: str, catalogue_id: str, to: str) -> None:
        """Count what was stated under one catalogue as stated under another."""
        source, target = (entity, catalogue_id), (entity, to)
        if source == target or source not in self.keys:
            return
        self.keys.setdefault(target, array("Q")).extend(self.keys.pop(source))
        self.portions.setdefault(target, set()).update(self.portions.pop(source, ()))
        self.stated[target] += self.stated.pop(source, 0)

    def take(self, other: Seen) -> None:
        """Add what another one holds."""
        for scope, keys in other.keys.items():
            self.keys.setdefault(scope, array("Q")).extend(keys)
            self.portions.setdefault(scope, set()).update(other.portions.get(scope, ()))
        self.stated.update(other.stated)

    def write(self, conn: Conn, tenant: str, package_id: UUID, *, seq: int, infobase_id: UUID | None) -> None:
        """Keep it, within the transaction that merges the package."""
        for scope, keys in self.keys.items():
            execute(
                conn,
                """INSERT INTO package_seen (tenant, package_id, entity, catalogue_id, seq, infobase_id, keys, portions,
                                             stated)
                   VALUES (%(t)s, %(p)s, %(e)s, %(c)s, %(seq)s, %(i)s, %(keys)s, %(portions)s, %(stated)s)
                   ON CONFLICT (tenant, package_id, entity, catalogue_id) DO UPDATE SET keys = excluded.keys""",
                t=tenant, p=package_id, e=scope[0], c=scope[1].replace("\x00", ""), seq=seq, i=infobase_id,
                keys=pack(keys), portions=sorted(self.portions.get(scope, ())), stated=self.stated[scope] > 0,
            )  # fmt: skip


def pack(keys: array[int]) -> bytes:
    """Hashes in ascending order, each once, little-endian."""
    ordered = _ordered(keys)
    if sys.byteorder == "big":
        ordered.byteswap()
    return ordered.tobytes()


def unpack(data: bytes) -> array[int]:
    """What ``pack`` made."""
    keys = array("Q")
    keys.frombytes(data)
    if sys.byteorder == "big":
        keys.byteswap()
    return keys


def _sorted(keys: array[int]) -> Iterator[int]:
    """In pieces: sorting makes objects of the numbers, many times their size."""
    pieces = [array("Q", sorted(keys[at : at + _CHUNK])) for at in range(0, len(keys), _CHUNK)]
    return iter(pieces[0]) if len(pieces) == 1 else heapq.merge(*pieces)


def _ordered(keys: array[int]) -> array[int]:
    """In ascending order, each once."""
    return array("Q", sorted(set(keys))) if len(keys) <= _CHUNK else distinct(_sorted(keys))


def distinct(ordered: Iterable[int]) -> array[int]:
    """Each once, of numbers in ascending order."""
    kept = array("Q")
    last = -1
    for key in ordered:
        if key != last:
            kept.append(key)
            last = key
    return kept


def load(conn: Conn, query: sql.Composed | sql.SQL, parameters: dict[str, Any]) -> array[int]:
    """All hashes of the rows whose ``keys`` a query selects, sorted: eight bytes per distinct record."""
    found, waiting = array("Q"), array("Q")
    with conn.transaction(), conn.cursor(name="seen", binary=True) as cursor:
        cursor.itersize = 4
        for row in cursor.execute(query, parameters):
            waiting.extend(unpack(row["keys"]))
            if len(waiting) > max(_CHUNK, len(found)):  # many small packages are merged at once, not one by one
                found, waiting = distinct(heapq.merge(found, _sorted(waiting))), array("Q")
    return distinct(heapq.merge(found, _sorted(waiting))) if found else _ordered(waiting)


def members(ordered: array[int]) -> Callable[[str], bool]:
    """Tells whether a key is among sorted hashes: at once where a set of them costs little memory."""
    if len(ordered) <= _CHUNK:
        known = frozenset(ordered)
        return lambda text: key_hash(text) in known
    return partial(holds, ordered)


def holds(ordered: array[int], text: str) -> bool:
    """Whether the key is among sorted hashes."""
    key = key_hash(text)
    at = bisect_left(ordered, key)
    return at < len(ordered) and ordered[at] == key
