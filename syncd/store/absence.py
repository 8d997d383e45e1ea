"""What a full export did not state: found by streaming the stored ids past the hashes of those stated, and removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql
from psycopg.rows import tuple_row

from syncd.prefetch import prefetched
from syncd.spill import Ordered, Parted
from syncd.store import fingerprints
from syncd.store.db import Conn, execute
from syncd.store.packages import Claim
from syncd.store.runs import ENTITIES, Run
from syncd.store.seen import load, missing, overlap
from syncd.store.stated import Hashes, key_hashes, key_text

_FETCH: Final = 5_000
_TABLES: Final = {"product": "products", "offer": "offers", "reference_item": "reference_items"}
_OF: Final = {"product": "catalogue_id", "offer": "catalogue_id", "reference_item": "book_id"}
"""The column that names what a full export states the whole of."""

_STATED: Final = sql.SQL("""
    SELECT p.keys FROM package_seen s JOIN package_seen_part p USING (tenant, package_id, entity, catalogue_id)
    WHERE s.tenant = %(t)s AND s.entity = %(e)s AND (s.seq >= %(first)s OR EXISTS (
        SELECT FROM infobase o
        WHERE o.tenant = s.tenant AND o.id = s.infobase_id AND o.id IS DISTINCT FROM %(i)s
          AND s.catalogue_id = %(c)s
          AND s.seq >= coalesce((
              SELECT max(x.first_seq) FROM export_run x
              WHERE x.tenant = s.tenant AND x.infobase_id = o.id AND x.kind = %(k)s AND x.catalogue_id = %(c)s
                AND x.state IN ('applied', 'nothing')), 0)))
""")
"""Stated since the run began by anybody, or by another infobase since the last full export of its own."""

_STATED_IN_OPEN_RUN: Final = sql.SQL("""
    SELECT p.keys FROM package_seen s JOIN package_seen_part p USING (tenant, package_id, entity, catalogue_id)
    JOIN export_run r
      ON r.tenant = s.tenant AND r.infobase_id IS NOT DISTINCT FROM s.infobase_id AND r.catalogue_id = s.catalogue_id
     AND r.kind = %(k)s AND r.state = 'open' AND s.seq >= r.first_seq
    WHERE s.tenant = %(t)s AND s.infobase_id IS NOT DISTINCT FROM %(i)s AND s.entity = %(e)s
      AND s.catalogue_id = %(c)s AND s.seq < %(seq)s
""")


@dataclass(frozen=True, slots=True)
class Absent:
    """How many records were stated, are absent, and are active in all."""

    seen: int
    count: int
    total: int


def find(conn: Conn, run: Run) -> Absent:
    """Put the ids of absent records into the temporary table ``absent_record``, within the caller's transaction."""
    conn.execute('CREATE TEMP TABLE IF NOT EXISTS absent_record (id text COLLATE "C") ON COMMIT DROP')
    conn.execute("TRUNCATE absent_record")
    stated = load(conn, _STATED, run.scope)
    query = sql.SQL("""
        SELECT id FROM {} WHERE tenant = %(t)s AND {} = %(c)s AND deleted_at IS NULL
    """).format(sql.Identifier(_TABLES[run.entity]), sql.Identifier(_OF[run.entity]))
    total, count = _pass(conn, query, run.scope, stated, "absent_record", prefix=_prefix(run))
    conn.execute("ANALYZE absent_record")
    return Absent(len(stated), count, total)


def _prefix(run: Run) -> str:
    """What stands before an id in the key under which a record is remembered."""
    return key_text((run.catalogue_id, "")) if run.kind == "book" else ""


def restates(conn: Conn, claim: Claim, kind: str, catalogue: str, keys: Hashes) -> bool:
    """Whether any of these was stated before in the run that is open: then they are no further portion of it."""
    parameters = {"t": claim.tenant, "i": claim.infobase_id, "k": kind, "e": ENTITIES[kind], "c": catalogue,
                  "seq": claim.source_seq}  # fmt: skip
    return overlap(keys, load(conn, _STATED_IN_OPEN_RUN, parameters))


def _pass(
    conn: Conn, query: sql.Composed, parameters: dict[str, Any], stated: Ordered, into: str, *, prefix: str = ""
) -> tuple[int, int]:
    """Stream ids past the hashes; what is not among them goes into a temporary table. Returns all, and those."""
    stored = Parted()
    for ids in prefetched(_streamed(conn, query, parameters)):
        stored.put(key_hashes(ids, prefix))
    gone = missing(stored, stated)
    if gone is not None and not gone:
        return stored.number, 0
    count = 0
    for ids in _streamed(conn, query, parameters):
        hashes = key_hashes(ids, prefix)
        if gone is None:
            absent = [identity for identity, key in zip(ids, hashes, strict=True) if key not in stated]
        else:
            absent = [identity for identity, key in zip(ids, hashes, strict=True) if key in gone]
        count += len(absent)
        if absent:
            conn.execute(sql.SQL("INSERT INTO {} SELECT unnest(%s::text[])").format(sql.Identifier(into)), (absent,))
    return stored.number, count


def _streamed(conn: Conn, query: sql.Composed, parameters: dict[str, Any]) -> Iterator[list[str]]:
    with conn.cursor(name="stored", row_factory=tuple_row) as cursor:
        cursor.execute(query, parameters)
        while rows := cursor.fetchmany(_FETCH):
            yield [identity for (identity,) in rows]


def remove(conn: Conn, run: Run) -> Counter[str]:
    """Set ``deleted_at`` on what ``find`` found, and on the offers of such products unless they were stated."""
    removed = Counter({run.entity: _delete(conn, run, _TABLES[run.entity], "absent_record")})
    if run.kind == "catalogue":
        conn.execute('CREATE TEMP TABLE IF NOT EXISTS absent_offer (id text COLLATE "C") ON COMMIT DROP')
        conn.execute("TRUNCATE absent_offer")
        parameters = {**run.scope, "e": "offer", "k": "offers"}
        query = sql.SQL("""
            SELECT o.id FROM offers o JOIN absent_record a ON a.id = o.product_id
            WHERE o.tenant = %(t)s AND o.deleted_at IS NULL
        """).format()
        _pass(conn, query, parameters, load(conn, _STATED, parameters), "absent_offer")
        removed["offer"] += _delete(conn, run, "offers", "absent_offer")
    if removed.total() and run.kind != "book":
        fingerprints.forget(conn, run.tenant)  # what is skipped as unchanged could not come back
    return +removed


def _delete(conn: Conn, run: Run, table: str, absent: str) -> int:
    of_book = "AND t.book_id = %(c)s" if run.kind == "book" else ""  # ids of items are their book's own
    return execute(
        conn,
        f"""UPDATE "{table}" t
            SET deleted_at = now(), updated_at = now(), source_seq = greatest(t.source_seq, %(last)s),
                revision = nextval('revision_seq'), xid = pg_current_xact_id()
            FROM {absent} a
            WHERE t.tenant = %(t)s AND t.id = a.id AND t.deleted_at IS NULL {of_book}""",  # noqa: S608 - constants only
        **run.scope,
    )  # fmt: skip
