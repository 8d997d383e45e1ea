"""The merge: staged records go into their tables by set-based SQL that finds what changed first and writes only that.

Rules, the same for every protocol:

- a field that the source did not state keeps its value; a ``map`` merges key by key; the other kinds are replaced
  whole; a field that is ``stated_with`` another is stated, empty or not, where that one is;
- a record whose content does not differ is not written, so its revision stays;
- a row written by a newer package is left alone;
- a stub only says that an object exists and never changes a stored row;
- several statements of one package about one record count as one and say what they say one after the other;
- nothing is deleted: ``deleted_at`` is set, and cleared when the record returns.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, Final

from syncd.model import ENTITIES, Entity, Field
from syncd.store.db import Conn, execute, one
from syncd.store.stage import scope_name, stage_name

_PAGE: Final = 8192
_KEYS_OF_A_PAGE: Final = 5  # measured: a look-up takes 8 µs, reading a page and joining its rows 10 to 40, thrice
_WHOLE_JOINS: Final = ("enable_hashjoin", "enable_mergejoin")


@dataclass(slots=True)
class Counters:
    """What became of the records of one entity. ``read`` counts distinct keys met, ``repeated`` further statements
    about one that was met already.
    """

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: int = 0
    repeated: int = field(default=0, compare=False)

    def as_dict(self) -> dict[str, int]:
        """For JSON: what adds up."""
        found = asdict(self)
        del found["repeated"]
        return found


def prepare(conn: Conn) -> None:
    """Tell the planner, for the transaction of the merge, that tables are cached or on fast disks: a package that
    changes little is then joined by the key instead of by reading whole tables."""
    execute(conn, "SET LOCAL random_page_cost = 1.1")
    execute(conn, "SET LOCAL work_mem = '64MB'")


def merge_entity(conn: Conn, name: str, *, tenant: str, source_seq: int, whole_sets: bool) -> Counters:
    """Merge what is staged for one entity, within the caller's transaction.

    ``source_seq`` is the package's place in the order of arrival. ``whole_sets`` tells that a table of scopes was
    staged too.
    """
    entity = ENTITIES[name]
    parameters: dict[str, Any] = {"tenant": tenant, "source_seq": source_seq}
    keys = one(conn, _sql(name).keys) or {}
    if keys["most"] > 1:
        execute(conn, _sql(name).needless)
        execute(conn, _sql(name).fold)
    counters = Counters(read=keys["number"], repeated=keys["again"])
    few = _are_few(conn, entity, counters.read)
    absent = 0
    if whole_sets and entity.scope and (not few or _any_absent(conn, name, parameters)):
        absent = execute(conn, _sql(name).absent, **parameters)
    if counters.read:
        with _looking_up(conn, entity, parameters) if few else nullcontext():
            changed = one(conn, _sql(name).update, **parameters) or {}
            created = one(conn, _sql(name).insert, **parameters) or {}
        counters.updated, counters.removed = changed["updated"], changed["removed"]
        counters.created = created["created"]
    counters.unchanged = counters.read - counters.created - counters.updated - counters.removed
    counters.removed += absent
    return counters


def _are_few(conn: Conn, entity: Entity, staged: int) -> bool:
    """Whether looking up every staged key costs less than reading the table.

    The planner is told of a table that it knows nothing of: autovacuum comes to a first load a minute later.
    """
    found = one(
        conn,
        """SELECT reltuples AS known, pg_relation_size(oid) / %(page)s AS pages FROM pg_class
           WHERE oid = %(name)s::regclass""",
        name=f'"{entity.plural}"', page=_PAGE,
    ) or {}  # fmt: skip
    if staged >= _KEYS_OF_A_PAGE * found["pages"]:
        return False
    if found["known"] <= 0:
        execute(conn, "SET LOCAL default_statistics_target = 10")  # a look at 3,000 pages
        execute(conn, f'ANALYZE "{entity.plural}" (tenant, {_keys(entity)})')
        execute(conn, "SET LOCAL default_statistics_target TO DEFAULT")
    return True


def _any_absent(conn: Conn, name: str, parameters: dict[str, Any]) -> bool:
    found = one(conn, _sql(name).any_absent, **parameters) or {}
    return bool(found["number"])


@contextmanager
def _looking_up(conn: Conn, entity: Entity, parameters: dict[str, Any]) -> Iterator[None]:
    """Forget what is staged and makes no difference, and have the rest looked up key by key.

    The planner is not asked, which knows little of a tenant that is new. With an index on both sides neither order of
    the join is bad.
    """
    table = stage_name(entity.name)
    execute(conn, _sql(entity.name).pare, **parameters)
    execute(conn, f'CREATE INDEX "{table}_keys" ON "{table}" ({_keys(entity)})')
    execute(conn, f'ANALYZE "{table}" ({_keys(entity)}, deleted, stub)')
    for way in _WHOLE_JOINS:
        execute(conn, f"SET LOCAL {way} = off")
    yield
    for way in _WHOLE_JOINS:
        execute(conn, f"SET LOCAL {way} TO DEFAULT")
    execute(conn, f'DROP INDEX "{table}_keys"')


@dataclass(frozen=True, slots=True)
class _Statements:
    keys: str
    needless: str
    fold: str
    update: str
    insert: str
    absent: str
    any_absent: str
    pare: str


@cache
def _sql(name: str) -> _Statements:
    entity = ENTITIES[name]
    return _Statements(
        keys=_keys_sql(entity),
        needless=_needless_sql(entity),
        fold=_fold_sql(entity),
        update=_update_sql(entity),
        insert=_insert_sql(entity),
        absent=_absent_sql(entity),
        any_absent=_any_absent_sql(entity),
        pare=_pare_sql(entity),
    )


def _keys(entity: Entity, prefix: str = "") -> str:
    return ", ".join(f'{prefix}"{key}"' for key in entity.key_names)


def _same_key(entity: Entity, left: str, right: str) -> str:
    return " AND ".join(f'{left}."{key}" = {right}."{key}"' for key in entity.key_names)


def _stated(field: Field) -> str:
    """The staged value in the table's type."""
    if field.kind == "map":
        return f'jsonb_strip_nulls(s."{field.name}"::jsonb)'
    return f's."{field.name}"::jsonb' if field.kind == "list" else f's."{field.name}"'


def _merged(field: Field) -> str:
    """What the column will hold: the stated value, or the stored one where nothing was stated."""
    name = field.name
    if field.kind == "map":
        return f"""CASE WHEN s."{name}" IS NULL THEN t."{name}"
                     ELSE jsonb_strip_nulls(coalesce(t."{name}", '{{}}') || s."{name}"::jsonb) END"""
    if field.stated_with:
        return f'CASE WHEN s."{field.stated_with}" IS NULL THEN coalesce(s."{name}", t."{name}") ELSE s."{name}" END'
    return f'coalesce({_stated(field)}, t."{name}")'


def _keys_sql(entity: Entity) -> str:
    """How many keys were staged, how often the one stated most, and how many statements more there are than keys."""
    return f"""
        SELECT count(*) AS number, coalesce(max(times), 0) AS most, coalesce(sum(stated - 1), 0)::bigint AS again
        FROM (SELECT count(*) AS times, greatest(count(*) FILTER (WHERE NOT stub), 1) AS stated
              FROM "{stage_name(entity.name)}" GROUP BY {_keys(entity)}) k
    """  # noqa: S608 - names come from the model, never from data


def _needless_sql(entity: Entity) -> str:
    """Stubs of objects that another record of the package states: they say nothing more."""
    table = stage_name(entity.name)
    return f"""
        DELETE FROM "{table}" s USING "{table}" d WHERE s.stub AND NOT d.stub AND {_same_key(entity, "s", "d")}
    """  # noqa: S608 - names come from the model


def _fold_sql(entity: Entity) -> str:
    """Several statements about one key become one that says the same as they do one after the other."""
    table = stage_name(entity.name)
    columns = [*(field.name for field in entity.fields), "extra"]
    newest = ", ".join([*(_last(field) for field in entity.fields), _last_stated("extra")])
    names = ", ".join(f'"{c}"' for c in columns)
    return f"""
        WITH twice AS (
            SELECT {_keys(entity)} FROM "{table}" GROUP BY {_keys(entity)} HAVING count(*) > 1
        ), gone AS (
            DELETE FROM "{table}" s USING twice d WHERE {_same_key(entity, "s", "d")}
        )
        INSERT INTO "{table}" (n, {_keys(entity)}, {names}, deleted, stub, content_hash)
        SELECT max(s.n), {_keys(entity, "s.")}, {newest},
               (array_agg(s.deleted ORDER BY s.n DESC))[1],
               bool_and(s.stub),
               CASE WHEN count(DISTINCT s.content_hash) = 1 THEN min(s.content_hash::text)::uuid
                    ELSE md5(string_agg(s.content_hash::text, '' ORDER BY s.n))::uuid END
        FROM "{table}" s JOIN twice d ON {_same_key(entity, "s", "d")}
        GROUP BY {_keys(entity, "s.")}
    """  # noqa: S608 - names come from the model


def _last(field: Field) -> str:
    """What several statements say of a field: the last one that states it; of a map, of each of its keys."""
    if field.kind != "map":
        return _last_stated(field.name, beside=field.stated_with)
    stated = f'array_agg(s."{field.name}" ORDER BY s.n) FILTER (WHERE s."{field.name}" IS NOT NULL)'
    return f"""
        CASE WHEN count(s."{field.name}") > 0 THEN coalesce((
            SELECT jsonb_object_agg(part.key, part.value ORDER BY doc.place)
            FROM unnest({stated}) WITH ORDINALITY doc (body, place), jsonb_each(doc.body::jsonb) part
        ), '{{}}')::text END AS "{field.name}"
    """  # noqa: S608 - names come from the model


def _last_stated(column: str, *, beside: str | None = None) -> str:
    stated = " OR ".join(f's."{name}" IS NOT NULL' for name in (column, beside) if name)
    return f'(array_agg(s."{column}" ORDER BY s.n DESC) FILTER (WHERE {stated}))[1] AS "{column}"'


def _pare_sql(entity: Entity) -> str:
    """Forget staged rows that ``_update_sql`` and ``_insert_sql`` would leave out. ``LIMIT`` keeps to look-ups."""
    table = stage_name(entity.name)
    return f"""
        DELETE FROM "{table}" d USING (
            SELECT s.ctid AS place
            FROM "{table}" s CROSS JOIN LATERAL (
                SELECT t.content_hash, t.deleted_at IS NOT NULL AS deleted, t.source_seq
                FROM "{entity.plural}" t WHERE t.tenant = %(tenant)s AND {_same_key(entity, "t", "s")} LIMIT 1
            ) t
            WHERE s.stub OR t.source_seq > %(source_seq)s
               OR (t.content_hash = s.content_hash AND t.deleted = s.deleted)
        ) same
        WHERE d.ctid = same.place
    """  # noqa: S608 - names come from the model


def _update_sql(entity: Entity) -> str:
    fields = entity.fields
    assignments = ",\n            ".join(f'"{field.name}" = {_merged(field)}' for field in fields)
    stored = ", ".join([*(f't."{field.name}"' for field in fields), "t.extra"])
    wanted = ", ".join([*(_merged(field) for field in fields), "coalesce(s.extra::jsonb, t.extra)"])
    return f"""
        WITH changed AS (
            UPDATE "{entity.plural}" t SET
            {assignments},
            extra = coalesce(s.extra::jsonb, t.extra),
            content_hash = s.content_hash,
            source_seq = %(source_seq)s,
            revision = nextval('revision_seq'),
            xid = pg_current_xact_id(),
            updated_at = now(),
            deleted_at = CASE WHEN s.deleted THEN coalesce(t.deleted_at, now()) END
            FROM "{stage_name(entity.name)}" s
            WHERE t.tenant = %(tenant)s AND {_same_key(entity, "t", "s")}
              AND NOT s.stub
              AND t.source_seq <= %(source_seq)s
              AND (t.content_hash <> s.content_hash OR (t.deleted_at IS NOT NULL) <> s.deleted)
              AND ((t.deleted_at IS NOT NULL) <> s.deleted
                   OR ROW({stored}) IS DISTINCT FROM ROW({wanted}))
            RETURNING s.deleted
        )
        SELECT count(*) FILTER (WHERE NOT deleted) AS updated, count(*) FILTER (WHERE deleted) AS removed FROM changed
    """  # noqa: S608 - names come from the model


@cache
def insert_all_sql(name: str) -> str:
    """Insert all that is staged but stubs, where nothing is stored: a key that is there already is an error."""
    return f"{_into(ENTITIES[name])} WHERE NOT s.stub ORDER BY {_keys(ENTITIES[name], 's.')}"


@cache
def stated_already_sql(name: str) -> str:
    """Forget stubs of what is stored: they say nothing more."""
    entity = ENTITIES[name]
    return f"""
        DELETE FROM "{stage_name(name)}" s USING "{entity.plural}" t
        WHERE s.stub AND t.tenant = %(tenant)s AND {_same_key(entity, "t", "s")}
    """  # noqa: S608 - names come from the model


def _into(entity: Entity) -> str:
    names = ", ".join(f'"{field.name}"' for field in entity.fields)
    values = ", ".join(_stated(field) for field in entity.fields)
    return f"""
        INSERT INTO "{entity.plural}"
            (tenant, {_keys(entity)}, {names}, extra, content_hash, source_seq, deleted_at)
        SELECT %(tenant)s, {_keys(entity, "s.")}, {values}, s.extra::jsonb, s.content_hash, %(source_seq)s,
               CASE WHEN s.deleted THEN now() END
        FROM "{stage_name(entity.name)}" s
    """  # noqa: S608 - names come from the model


def _insert_sql(entity: Entity) -> str:
    return f"""
        WITH created AS (
            {_into(entity)}
            WHERE NOT EXISTS (
                SELECT FROM "{entity.plural}" t WHERE t.tenant = %(tenant)s AND {_same_key(entity, "t", "s")}
            )
            ORDER BY {_keys(entity, "s.")}
            ON CONFLICT DO NOTHING
            RETURNING 1
        )
        SELECT count(*) AS created FROM created
    """  # noqa: S608 - names come from the model


def _absent_sql(entity: Entity) -> str:
    if entity.scope is None:
        return ""
    return f"""
        UPDATE "{entity.plural}" t
        SET deleted_at = now(), updated_at = now(), source_seq = %(source_seq)s,
            revision = nextval('revision_seq'), xid = pg_current_xact_id()
        FROM (SELECT DISTINCT of_key FROM "{scope_name(entity.name)}") w
        WHERE t.tenant = %(tenant)s AND t."{entity.scope}" = w.of_key
          AND t.deleted_at IS NULL
          AND t.source_seq <= %(source_seq)s
          AND NOT EXISTS (SELECT FROM "{stage_name(entity.name)}" s WHERE {_same_key(entity, "t", "s")})
    """  # noqa: S608 - names come from the model


def _any_absent_sql(entity: Entity) -> str:
    """How many rows ``_absent_sql`` would mark, by look-ups: ``OFFSET`` keeps to them."""
    if entity.scope is None:
        return ""
    return f"""
        SELECT count(*) AS number
        FROM (SELECT DISTINCT of_key FROM "{scope_name(entity.name)}") w CROSS JOIN LATERAL (
            SELECT {_keys(entity, "t.")} FROM "{entity.plural}" t
            WHERE t.tenant = %(tenant)s AND t."{entity.scope}" = w.of_key
              AND t.deleted_at IS NULL AND t.source_seq <= %(source_seq)s
            OFFSET 0
        ) t
        WHERE NOT EXISTS (SELECT FROM "{stage_name(entity.name)}" s WHERE {_same_key(entity, "t", "s")})
    """  # noqa: S608 - names come from the model
