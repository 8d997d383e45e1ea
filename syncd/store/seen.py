"""What packages stated (``syncd.store.stated``), kept beside them: absence can be told without a list of texts."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from psycopg import sql

from syncd.spill import Ordered, Parted, ordered
from syncd.store.db import Conn, execute
from syncd.store.stated import Seen

_LISTED: Final = 65_536  # so many numbers may be objects at once: some 5 MB
_SCOPE: Final = "tenant = %(t)s AND package_id = %(p)s AND entity = %(e)s AND catalogue_id = %(c)s"


def write(conn: Conn, stated: Seen, tenant: str, package_id: UUID, *, seq: int, infobase_id: UUID | None) -> None:
    """Keep what a package states, within the transaction that merges it."""
    pieces, keys = array("L"), ordered(())
    stated.settle()
    for (entity, catalogue), hashes in stated.keys.items():
        if pieces != hashes.pieces:  # an offer, its prices and its stocks are stated together: put in order once
            pieces, keys = hashes.pieces, ordered(hashes)
        scope = {"t": tenant, "p": package_id, "e": entity, "c": catalogue.replace("\x00", "")}
        execute(
            conn,
            """INSERT INTO package_seen (tenant, package_id, entity, catalogue_id, seq, infobase_id, portions, stated)
               VALUES (%(t)s, %(p)s, %(e)s, %(c)s, %(seq)s, %(i)s, %(portions)s, %(stated)s)
               ON CONFLICT (tenant, package_id, entity, catalogue_id) DO NOTHING""",
            **scope, seq=seq, i=infobase_id, portions=sorted(stated.portions.get((entity, catalogue), ())),
            stated=stated.stated[entity, catalogue] > 0,
        )  # fmt: skip
        execute(conn, f"DELETE FROM package_seen_part WHERE {_SCOPE}", **scope)  # noqa: S608 - a constant
        for n, piece in enumerate(keys.pieces()):
            execute(
                conn,
                """INSERT INTO package_seen_part (tenant, package_id, entity, catalogue_id, n, keys)
                   VALUES (%(t)s, %(p)s, %(e)s, %(c)s, %(n)s, %(keys)b)""",
                **scope, n=n, keys=_pack(piece),
            )  # fmt: skip


def _pack(piece: array[int]) -> bytes:
    """Little-endian."""
    if sys.byteorder == "big":
        piece = piece[:]
        piece.byteswap()
    return piece.tobytes()


def _unpack(data: bytes) -> array[int]:
    keys = array("Q")
    keys.frombytes(data)
    if sys.byteorder == "big":
        keys.byteswap()
    return keys


def load(conn: Conn, query: sql.Composed | sql.SQL, parameters: dict[str, Any]) -> Ordered:
    """All hashes of the parts whose ``keys`` a query selects."""
    found = Parted()
    with conn.transaction(), conn.cursor(name="seen", binary=True) as cursor:
        cursor.itersize = 4
        for row in cursor.execute(query, parameters):
            found.put(_unpack(row["keys"]))
    return Ordered(found)


def missing(stored: Parted, stated: Ordered) -> set[int] | None:
    """Hashes of ``stored`` that are not among ``stated``; ``None`` where there are too many to be held."""
    found: set[int] = set()
    for number, part in enumerate(stored.parts()):
        found |= set(part).difference(stated.part(number))
        if len(found) > _LISTED:
            return None
    return found


def overlap(keys: Iterable[int], stated: Ordered) -> bool:
    """Whether any of the hashes is among ``stated``."""
    if not stated:
        return False
    parted = Parted()
    parted.put(keys)
    return any(not set(part).isdisjoint(stated.part(number)) for number, part in enumerate(parted.parts()))
