"""What a full export did not state: found by streaming the stored ids past the hashes of those stated, and removed."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql
from psycopg.rows import tuple_row

from syncd.store import fingerprints
from syncd.store.db import Conn, execute
from syncd.store.runs import Run
from syncd.store.seen import load, members

_FETCH: Final = 5_000
_TABLES: Final = {"product": "products", "offer": "offers"}

_STATED: Final = sql.SQL("""
    SELECT s.keys FROM package_seen s
    WHERE s.tenant = %(t)s AND s.entity = %(e)s AND (s.seq >= %(first)s OR EXISTS (
        SELECT FROM infobase o
        WHERE o.tenant = s.tenant AND o.id = s.infobase_id AND o.id IS DISTINCT FROM %(i)s
          AND s.catalogue_id = %(c)s
          AND s.seq >= coalesce((
              SELECT max(x.first_seq) FROM export_run x
              WHERE x.tenant = s.tenant AND x.infobase_id = o.id AND x.kind = %(k)s AND x.catalogue_id = %(c)s
                AND x.state IN ('applied', 'nothing')), 0)))
    ORDER BY s.seq
""")
"""Stated since the run began by anybody, or by another infobase since the last full export of its own."""


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
        SELECT id FROM {} WHERE tenant = %(t)s AND catalogue_id = %(c)s AND deleted_at IS NULL
    """).format(sql.Identifier(_TABLES[run.entity]))
    total, count = _pass(conn, query, run.scope, stated, "absent_record")
    conn.execute("ANALYZE absent_record")
    return Absent(len(stated), count, total)


def _pass(
    conn: Conn, query: sql.Composed, parameters: dict[str, Any], stated: array[int], into: str
) -> tuple[int, int]:
    """Stream ids past the hashes; what is not among them goes into a temporary table. Returns all, and those."""
    total = count = 0
    is_stated = members(stated)
    with conn.cursor(name="stored", row_factory=tuple_row) as cursor:
        cursor.execute(query, parameters)
        while rows := cursor.fetchmany(_FETCH):
            total += len(rows)
            gone = [identity for (identity,) in rows if not is_stated(identity)]
            count += len(gone)
            if gone:
                conn.execute(sql.SQL("INSERT INTO {} SELECT unnest(%s::text[])").format(sql.Identifier(into)), (gone,))
    return total, count


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
    if removed.total():
        fingerprints.forget(conn, run.tenant)  # what is skipped as unchanged could not come back
    return +removed


def _delete(conn: Conn, run: Run, table: str, absent: str) -> int:
    return execute(
        conn,
        f"""UPDATE "{table}" t
            SET deleted_at = now(), updated_at = now(), source_seq = greatest(t.source_seq, %(last)s),
                revision = nextval('revision_seq'), xid = pg_current_xact_id()
            FROM {absent} a
            WHERE t.tenant = %(t)s AND t.id = a.id AND t.deleted_at IS NULL""",  # noqa: S608 - constants only
        **run.scope,
    )  # fmt: skip
