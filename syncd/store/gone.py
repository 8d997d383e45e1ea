"""What a full set of an entity leaves out: counted, and removed, within the transaction that merged the set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from syncd.model import ENTITIES, Entity
from syncd.store.db import Conn, every, execute, one
from syncd.store.stage import stage_name


@dataclass(frozen=True, slots=True)
class Gone:
    """How many active records are absent from the set, and how many there are in all."""

    absent: int
    total: int


def count(conn: Conn, name: str, *, tenant: str, source_seq: int, staged: bool) -> Gone:
    """Compare what is stored with what is staged (nothing, where ``staged`` is false). A row that a newer source wrote
    is not absent.
    """
    entity = ENTITIES[name]
    row = one(
        conn,
        # two counts: within FILTER the staged set would be searched anew for each row as soon as it outgrows work_mem
        f"""SELECT (SELECT count(*) FROM "{entity.plural}" t
                    WHERE t.tenant = %(tenant)s AND t.deleted_at IS NULL) AS total,
                   (SELECT count(*) FROM "{entity.plural}" t
                    WHERE t.tenant = %(tenant)s AND t.deleted_at IS NULL AND t.source_seq < %(seq)s
                      AND {_absent(entity, staged)}) AS n""",  # noqa: S608 - names of the model
        tenant=tenant, seq=source_seq,
    )  # fmt: skip
    assert row is not None
    return Gone(row["n"], row["total"])


def absent(conn: Conn, name: str, *, tenant: str, source_seq: int) -> list[str]:
    """Keys of the active records that the staged set leaves out, of an entity with one key field."""
    entity = ENTITIES[name]
    rows = every(
        conn,
        f"""SELECT t."{entity.key_names[0]}" AS key FROM "{entity.plural}" t
            WHERE t.tenant = %(tenant)s AND t.deleted_at IS NULL AND t.source_seq < %(seq)s
              AND {_absent(entity, staged=True)}""",  # noqa: S608 - names of the model
        tenant=tenant, seq=source_seq,
    )  # fmt: skip
    return [row["key"] for row in rows]


@dataclass(frozen=True, slots=True)
class Holding:
    """Keys of the active records that hold something nobody stated, and how many hold something in all."""

    keys: list[tuple[Any, ...]]
    total: int


def holding(conn: Conn, name: str, field: str, *, tenant: str, source_seq: int, staged: bool) -> Holding:
    """Who holds something in a list or a number that the staged records (none, where ``staged`` is false) do not state.
    A row that a newer source wrote is left alone.
    """
    entity = ENTITIES[name]
    kind = next(each.kind for each in entity.fields if each.name == field)
    holds = f'jsonb_array_length(t."{field}") > 0' if kind == "list" else f't."{field}" <> 0'
    active = f"t.tenant = %(tenant)s AND t.deleted_at IS NULL AND {holds}"
    keys = ", ".join(f't."{key}"' for key in entity.key_names)
    rows = every(
        conn,
        f"""SELECT {keys} FROM "{entity.plural}" t
            WHERE {active} AND t.source_seq < %(seq)s
              AND {_absent(entity, staged, f'AND s."{field}" IS NOT NULL')}""",  # noqa: S608 - names of the model
        tenant=tenant, seq=source_seq,
    )  # fmt: skip
    total = one(conn, f'SELECT count(*) AS n FROM "{entity.plural}" t WHERE {active}', tenant=tenant)  # noqa: S608
    assert total is not None
    return Holding([tuple(row[key] for key in entity.key_names) for row in rows], total["n"])


def remove_keys(conn: Conn, name: str, keys: Sequence[Any], *, tenant: str, source_seq: int) -> int:
    """Set ``deleted_at`` on these records of an entity with one key field. Returns how many there were."""
    entity = ENTITIES[name]
    return execute(
        conn,
        f"""UPDATE "{entity.plural}" t
            SET deleted_at = now(), updated_at = now(), source_seq = %(seq)s, revision = nextval('revision_seq'),
                xid = pg_current_xact_id()
            WHERE t.tenant = %(tenant)s AND t.deleted_at IS NULL AND t.source_seq <= %(seq)s
              AND t."{entity.key_names[0]}" = ANY(%(keys)s)""",  # noqa: S608 - names of the model
        tenant=tenant, seq=source_seq, keys=list(keys),
    )  # fmt: skip


def remove(conn: Conn, name: str, *, tenant: str, source_seq: int, staged: bool) -> int:
    """Set ``deleted_at`` on what is absent. Returns how many."""
    entity = ENTITIES[name]
    return execute(
        conn,
        f"""UPDATE "{entity.plural}" t
            SET deleted_at = now(), updated_at = now(), source_seq = %(seq)s, revision = nextval('revision_seq'),
                xid = pg_current_xact_id()
            WHERE t.tenant = %(tenant)s AND t.deleted_at IS NULL AND t.source_seq < %(seq)s
              AND {_absent(entity, staged)}""",  # noqa: S608 - names of the model
        tenant=tenant, seq=source_seq,
    )  # fmt: skip


def _absent(entity: Entity, staged: bool, stating: str = "") -> str:
    if not staged:
        return "true"
    same = " AND ".join(f't."{key}" = s."{key}"' for key in entity.key_names)
    return f'NOT EXISTS (SELECT FROM "{stage_name(entity.name)}" s WHERE {same} {stating})'
