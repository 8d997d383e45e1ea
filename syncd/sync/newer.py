"""Replaying a package: what newer packages stated, or removed, is left out of it.

A row's own ``source_seq`` does not tell: a newer package that stated what was stored already did not write it.
"""

from __future__ import annotations

from typing import Final

from psycopg import sql

from syncd.model import ENTITIES
from syncd.model.records import Record, WholeSet
from syncd.spill import Ordered
from syncd.store.db import Conn, every
from syncd.store.packages import Claim
from syncd.store.runs import ENTITIES as OF_KIND
from syncd.store.seen import load
from syncd.store.stated import OF_OWNER, catalogue_of, key_hash, seen_key

_LATER: Final = sql.SQL("""
    SELECT keys FROM package_seen JOIN package_seen_part USING (tenant, package_id, entity, catalogue_id)
    WHERE tenant = %(t)s AND entity = %(e)s AND seq > %(seq)s
""")


class Newer:
    """What was stated after the package that is replayed; loaded by entity when first asked for."""

    def __init__(self, conn: Conn, claim: Claim) -> None:
        self._conn = conn
        self._claim = claim
        self._keys: dict[str, Ordered] = {}
        self._removed = {
            (OF_KIND[row["kind"]], row["catalogue_id"])
            for row in every(
                conn,
                """SELECT DISTINCT kind, catalogue_id FROM export_run
                   WHERE tenant = %(t)s AND infobase_id IS NOT DISTINCT FROM %(i)s AND kind <> 'request'
                     AND state IN ('applied', 'nothing') AND first_seq > %(seq)s""",
                t=claim.tenant, i=claim.infobase_id, seq=claim.source_seq,
            )
        }  # fmt: skip

    def has(self, item: Record | WholeSet) -> bool:
        """Whether a newer package had the last word on this record: it stated it, or a full export left it out.

        Of a set whose records also come one by one (items of a reference book) nothing may go on the word of an older
        package once a newer one spoke of any.
        """
        if isinstance(item, Record) and (item.entity, catalogue_of(item)) in self._removed:
            return True
        keys = self._keys.get(item.entity)
        if keys is None:
            parameters = {"t": self._claim.tenant, "e": item.entity, "seq": self._claim.source_seq}
            keys = self._keys[item.entity] = load(self._conn, _LATER, parameters)
        if item.entity in OF_OWNER or not (scope := ENTITIES[item.entity].scope):
            return key_hash(seen_key(item)) in keys
        if isinstance(item, WholeSet):
            return bool(keys)
        of = str(item.key[ENTITIES[item.entity].key_names.index(scope)])
        return key_hash(seen_key(item)) in keys or key_hash(of) in keys
