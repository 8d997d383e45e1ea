"""The orders mapping that one infobase has of its own: kept with it, so that every process has the same one."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd.store.db import Conn, execute, one


@dataclass(frozen=True, slots=True)
class Words:
    """A mapping's text, and the name of the file it was read from, for messages."""

    file: str
    text: str


def keep(conn: Conn, tenant: str, infobase_id: UUID, words: Words | None) -> bool:
    """Give an infobase a mapping of its own, or take it away. ``False`` when there is no such infobase."""
    found = Jsonb({"file": words.file, "text": words.text}) if words else None
    query = "UPDATE infobase SET orders_mapping = %(words)s WHERE tenant = %(t)s AND id = %(i)s"
    return execute(conn, query, t=tenant, i=infobase_id, words=found) > 0


def of(conn: Conn, tenant: str, infobase_id: UUID | None) -> Words | None:
    """The infobase's own mapping, if it has one."""
    query = "SELECT orders_mapping FROM infobase WHERE tenant = %(t)s AND id = %(i)s"
    row = one(conn, query, t=tenant, i=infobase_id)
    return Words(**row["orders_mapping"]) if row and row["orders_mapping"] else None
