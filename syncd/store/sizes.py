"""How much room the data takes."""

from __future__ import annotations

from syncd.store.db import Conn, Row, every, one


def database_bytes(conn: Conn) -> int:
    """Bytes of the whole database on disk."""
    row = one(conn, "SELECT pg_database_size(current_database()) AS n")
    return int(row["n"]) if row else 0


def tables(conn: Conn) -> list[Row]:
    """Our tables, the largest first: bytes with indexes, bytes of indexes, and rows as Postgres estimates them.

    ``rows`` is ``None`` for a table that was never analysed.
    """
    return every(
        conn,
        """SELECT c.relname AS "table", pg_total_relation_size(c.oid) AS bytes, pg_indexes_size(c.oid) AS index_bytes,
                  CASE WHEN c.reltuples < 0 THEN NULL ELSE c.reltuples::bigint END AS "rows"
           FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
           ORDER BY bytes DESC, c.relname""",
    )
