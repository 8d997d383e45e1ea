"""Statistics of Postgres are as old as the last ANALYZE: of a company that came after it they say "no rows", and any
index that begins with the tenant then looks as good as that of the key. Autovacuum comes a minute later, or never where
a tenth of a large table is more than what came; so whoever loads much tells the planner, in the same transaction.
"""

from __future__ import annotations

from typing import Final

from syncd.model import ENTITIES, Entity
from syncd.store.db import Conn, execute, one

_LEAST: Final = 1_000
"""Of fewer rows it does not matter how they are looked up."""


def tell(conn: Conn, name: str, tenant: str, created: int) -> None:
    """Analyse the table of an entity if the planner expects fewer rows of a tenant than were created just now.

    Waits for nobody: a table that is locked is being analysed, or soon will be.
    """
    entity = ENTITIES[name]
    if created >= _LEAST and created > _expected(conn, entity, tenant):
        execute(conn, f'ANALYZE (SKIP_LOCKED) "{entity.plural}" ({", ".join(_looked_up_by(entity))})')


def _expected(conn: Conn, entity: Entity, tenant: str) -> int:
    asked = f'EXPLAIN (FORMAT JSON) SELECT FROM "{entity.plural}" WHERE tenant = %(tenant)s'
    told = one(conn, asked, tenant=tenant) or {}
    return int(told["QUERY PLAN"][0]["Plan"]["Plan Rows"])


def _looked_up_by(entity: Entity) -> list[str]:
    """The columns of conditions: to read the others, large as some are, would take most of the time."""
    return [f'"{name}"' for name in dict.fromkeys(("tenant", *entity.key_names, *entity.filters, "deleted_at"))]
