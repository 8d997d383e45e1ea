"""What packages stated (``syncd.store.stated``), kept beside them: absence can be told without a list of texts."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, Final
from uuid import UUID

from psycopg import sql

from syncd.store.db import Conn, execute
from syncd.store.stated import Hashes, Seen, key_hash

_CHUNK: Final = 65_536  # so many numbers may be objects at once: some 5 MB


def write(conn: Conn, stated: Seen, tenant: str, package_id: UUID, *, seq: int, infobase_id: UUID | None) -> None:
    """Keep what a package states, within the transaction that merges it."""
    packed: dict[tuple[int, ...], bytes] = {}
    for scope, keys in stated.keys.items():
        same = tuple(map(id, keys.pieces))  # an offer, its prices and its stocks are stated together: packed once
        if same not in packed:
            packed = {same: pack(keys)}
        execute(
            conn,
            """INSERT INTO package_seen (tenant, package_id, entity, catalogue_id, seq, infobase_id, keys, portions,
                                         stated)
               VALUES (%(t)s, %(p)s, %(e)s, %(c)s, %(seq)s, %(i)s, %(keys)b, %(portions)s, %(stated)s)
               ON CONFLICT (tenant, package_id, entity, catalogue_id) DO UPDATE SET keys = excluded.keys""",
            t=tenant, p=package_id, e=scope[0], c=scope[1].replace("\x00", ""), seq=seq, i=infobase_id,
            keys=packed[same], portions=sorted(stated.portions.get(scope, ())), stated=stated.stated[scope] > 0,
        )  # fmt: skip


def pack(keys: Hashes) -> bytes:
    """Hashes in ascending order, each once, little-endian."""
    ordered = in_order(keys, len(keys))
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


def in_order(keys: Iterable[int], number: int) -> array[int]:
    """In ascending order, each once; about ``number`` of them. To sort them makes objects of them, many times their
    size: so it is done a part at a time.
    """
    ordered = array("Q")
    for part in _parts(keys, number):
        ordered.extend(sorted(set(part)))
    return ordered


def _parts(keys: Iterable[int], number: int) -> Iterator[array[int]]:
    """By their highest bits, in ascending order. A part is gone when the next one is asked for."""
    bits = (number // _CHUNK).bit_length()
    parts = [array("Q") for _ in range(1 << bits)]
    shift = 64 - bits
    for key in keys:
        parts[key >> shift].append(key)
    while parts:
        yield parts.pop(0)


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
    both = ordered + more
    return in_order(both, len(both))


def missing(stored: array[int], stated: array[int]) -> set[int] | None:
    """Hashes of ``stored`` that are not among ``stated``, which are in order; ``None`` where there are too many to be
    held.
    """
    found: set[int] = set()
    for part in _parts(stored, max(len(stored), len(stated))):
        if part:
            begin, end = bisect_left(stated, min(part)), bisect_right(stated, max(part))
            found |= set(part).difference(stated[begin:end])
        if len(found) > _CHUNK:
            return None
    return found


def holds(ordered: array[int], text: str) -> bool:
    """Whether the key is among sorted hashes."""
    key = key_hash(text)
    at = bisect_left(ordered, key)
    return at < len(ordered) and ordered[at] == key
