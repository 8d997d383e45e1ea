"""What packages stated (``syncd.store.stated``), kept beside them: absence can be told without a list of texts."""

from __future__ import annotations

import heapq
import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final
from uuid import UUID

from psycopg import sql
from xxhash import xxh3_64_intdigest

from syncd.store.db import Conn, execute
from syncd.store.stated import Seen, key_hash

_CHUNK: Final = 262_144  # so many numbers may be objects at once: some 20 MB


def write(conn: Conn, stated: Seen, tenant: str, package_id: UUID, *, seq: int, infobase_id: UUID | None) -> None:
    """Keep what a package states, within the transaction that merges it."""
    packed: dict[bytes, bytes] = {}
    for scope, keys in stated.keys.items():
        data = keys.tobytes()  # an offer, its prices and its stocks are stated together as a rule: packed once
        if data not in packed:
            packed = {data: pack(keys)}
        execute(
            conn,
            """INSERT INTO package_seen (tenant, package_id, entity, catalogue_id, seq, infobase_id, keys, portions,
                                         stated)
               VALUES (%(t)s, %(p)s, %(e)s, %(c)s, %(seq)s, %(i)s, %(keys)b, %(portions)s, %(stated)s)
               ON CONFLICT (tenant, package_id, entity, catalogue_id) DO UPDATE SET keys = excluded.keys""",
            t=tenant, p=package_id, e=scope[0], c=scope[1].replace("\x00", ""), seq=seq, i=infobase_id,
            keys=packed[data], portions=sorted(stated.portions.get(scope, ())), stated=stated.stated[scope] > 0,
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
            keys = unpack(row["keys"])
            if not found and not waiting:
                found = keys  # a package's own are in order
                continue
            waiting.extend(keys)
            if len(waiting) > max(_CHUNK, len(found)):  # many small packages are merged at once, not one by one
                found, waiting = _merged(found, waiting), array("Q")
    return _merged(found, waiting) if waiting else found


def _merged(ordered: array[int], more: array[int]) -> array[int]:
    if len(ordered) + len(more) <= _CHUNK:
        return _ordered(ordered + more)
    return distinct(heapq.merge(ordered, _sorted(more)))


def members(ordered: array[int]) -> Callable[[str], bool]:
    """Tells whether a key is among sorted hashes: at once where a set of them costs little memory."""
    if len(ordered) <= _CHUNK:
        known = frozenset(ordered)
        return lambda text: xxh3_64_intdigest(text.encode()) in known  # ``key_hash``: no lone surrogates in Postgres
    return partial(holds, ordered)


def holds(ordered: array[int], text: str) -> bool:
    """Whether the key is among sorted hashes."""
    key = key_hash(text)
    at = bisect_left(ordered, key)
    return at < len(ordered) and ordered[at] == key
