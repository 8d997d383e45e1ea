"""The statements of the merge, built once for each entity. ``syncd.store.merge`` says what they are for.

What is stored of that which is staged is found once: ``found`` holds the place (``ctid``) of a staged row, that of the
stored one, and whether the first makes no difference to the second; a row without a staged place is one that a whole
set left out. Everything else goes by these places, and needs no key, no index and no second look at a large table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from syncd.model import ENTITIES, Entity, Field
from syncd.store.stage import scope_name, stage_name

_TENANT = "(SELECT %(tenant)s::text)"
"""Hidden from the planner, whose statistics may be older than the tenant: "no rows", and any index that begins with the
tenant would do for a look-up by key.
"""
_OF_TENANT = "t.tenant IS NOT DISTINCT FROM %(tenant)s"
"""Of a row that is looked up by its place, or met in its table's order: an index that answers it would be a detour."""


@dataclass(frozen=True, slots=True)
class Statements:
    """Of one entity, with the parameters ``tenant`` and ``source_seq``. ``sets`` are for staged whole sets."""

    keys: str
    sets: str
    needless: str
    fold: str
    begin: str
    again: str
    look_up: tuple[str, ...]
    look_up_sets: tuple[str, ...]
    join: str
    join_sets: str
    absent: str
    update: str
    to_write: str
    insert: str
    end: str


@cache
def statements(name: str) -> Statements:
    """The statements of an entity."""
    entity = ENTITIES[name]
    found = f"found_{name}"
    return Statements(
        keys=_keys_sql(entity),
        needless=_needless_sql(entity),
        fold=_fold_sql(entity),
        sets=f'SELECT count(*) AS number FROM "{scope_name(name)}"',  # noqa: S608 - a name of ours
        begin=f'CREATE TEMP TABLE "{found}" (staged tid, stored tid, same boolean)',
        again=f'TRUNCATE "{found}"',
        look_up=(_look_up_sql(entity, found),),
        look_up_sets=_look_up_sets_sql(entity, found),
        join=_join_sql(entity, found),
        join_sets=_join_sets_sql(entity, found),
        absent=_absent_sql(entity, found),
        update=_update_sql(entity, found),
        to_write=_to_write_sql(entity, found),
        insert=_insert_sql(entity, found),
        end=f'DROP TABLE "{found}"',
    )


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
        WHERE s.stub AND t.tenant = {_TENANT} AND {_same_key(entity, "t", "s")}
    """  # noqa: S608 - names come from the model


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


_SAME = """(s.stub OR t.source_seq > %(source_seq)s
            OR (t.content_hash = s.content_hash AND (t.deleted_at IS NOT NULL) = s.deleted))"""
_LEFT_OUT = "t.deleted_at IS NULL AND t.source_seq <= %(source_seq)s"
"""What a whole set of our package that does not name it removes."""


def _look_up_sql(entity: Entity, found: str, which: str = "") -> str:
    """Key by key, in the order of the index, which is that of a first load too: pages that are not in memory are read
    once and one after another. ``LIMIT`` keeps to look-ups: the planner is not asked, which knows little of a tenant
    that is new. ``which`` of the staged rows ``d``: all.
    """
    return f"""
        INSERT INTO "{found}"
        SELECT s.place, t.place, t.same
        FROM ({_staged(entity)} {which} ORDER BY {_keys(entity)}) s CROSS JOIN LATERAL (
            SELECT t.ctid AS place, {_SAME} AS same
            FROM "{entity.plural}" t WHERE t.tenant = {_TENANT} AND {_same_key(entity, "t", "s")} LIMIT 1
        ) t
    """  # noqa: S608 - names come from the model


def _look_up_sets_sql(entity: Entity, found: str) -> tuple[str, ...]:
    """Set by set, and what it left out with it, ``OFFSET`` keeping to look-ups; then what stands outside of sets."""
    if entity.scope is None:
        return ()
    sets = scope_name(entity.name)
    whole = f"""
        INSERT INTO "{found}"
        SELECT s.place, t.place, {_SAME}
        FROM (SELECT DISTINCT of_key FROM "{sets}" ORDER BY of_key) w CROSS JOIN LATERAL (
            SELECT {_keys(entity, "t.")}, t.ctid AS place, t.content_hash, t.deleted_at, t.source_seq
            FROM "{entity.plural}" t
            WHERE t.tenant = {_TENANT} AND t."{entity.scope}" = w.of_key
            OFFSET 0
        ) t
        LEFT JOIN ({_staged(entity)}) s ON {_same_key(entity, "t", "s")}
        WHERE s.place IS NOT NULL OR {_LEFT_OUT}
    """  # noqa: S608 - names come from the model
    outside = f'WHERE NOT EXISTS (SELECT FROM "{sets}" w WHERE w.of_key = d."{entity.scope}")'
    return whole, _look_up_sql(entity, found, outside)


def _staged(entity: Entity) -> str:
    return f"""
            SELECT {_keys(entity)}, d.ctid AS place, stub, content_hash, deleted FROM "{stage_name(entity.name)}" d
    """  # noqa: S608 - names come from the model


def _join_sql(entity: Entity, found: str) -> str:
    """All at once, by reading the whole table in its own order."""
    return f"""
        INSERT INTO "{found}"
        SELECT s.ctid, t.ctid, {_SAME}
        FROM "{entity.plural}" t JOIN "{stage_name(entity.name)}" s ON {_same_key(entity, "t", "s")}
        WHERE {_OF_TENANT}
    """  # noqa: S608 - names come from the model


def _join_sets_sql(entity: Entity, found: str) -> str:
    """All at once, and what the whole sets left out."""
    if entity.scope is None:
        return ""
    return f"""
        INSERT INTO "{found}"
        SELECT s.ctid, t.ctid, {_SAME}
        FROM "{entity.plural}" t
        LEFT JOIN "{stage_name(entity.name)}" s ON {_same_key(entity, "t", "s")}
        LEFT JOIN (SELECT DISTINCT of_key FROM "{scope_name(entity.name)}") w ON w.of_key = t."{entity.scope}"
        WHERE {_OF_TENANT}
          AND (s.n IS NOT NULL OR (w.of_key IS NOT NULL AND {_LEFT_OUT}))
    """  # noqa: S608 - names come from the model


def _absent_sql(entity: Entity, found: str) -> str:
    return f"""
        UPDATE "{entity.plural}" t
        SET deleted_at = now(), updated_at = now(), source_seq = %(source_seq)s,
            revision = nextval('revision_seq'), xid = pg_current_xact_id()
        FROM "{found}" f
        WHERE f.staged IS NULL AND t.ctid = f.stored AND {_OF_TENANT} AND {_LEFT_OUT}
    """  # noqa: S608 - names come from the model


def _update_sql(entity: Entity, found: str) -> str:
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
            FROM "{found}" f JOIN "{stage_name(entity.name)}" s ON s.ctid = f.staged
            WHERE NOT f.same AND t.ctid = f.stored AND {_OF_TENANT} AND {_same_key(entity, "t", "s")}
              AND ((t.deleted_at IS NOT NULL) <> s.deleted
                   OR ROW({stored}) IS DISTINCT FROM ROW({wanted}))
            RETURNING s.deleted
        )
        SELECT count(*) FILTER (WHERE NOT deleted) AS updated, count(*) FILTER (WHERE deleted) AS removed FROM changed
    """  # noqa: S608 - names come from the model


def _to_write_sql(entity: Entity, found: str) -> str:
    """How many rows were to be written: those that make a difference, but for those that are where they were found and
    are equal after all.
    """
    return f"""
        SELECT count(*) FILTER (WHERE t.place IS NULL) AS number
        FROM "{found}" f LEFT JOIN LATERAL (
            SELECT t.ctid AS place FROM "{entity.plural}" t
            WHERE t.ctid = f.stored AND {_OF_TENANT} AND f.staged IS NOT NULL LIMIT 1
        ) t ON true
        WHERE f.same IS NOT TRUE
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


def _insert_sql(entity: Entity, found: str) -> str:
    return f"""
        WITH created AS (
            {_into(entity)}
            WHERE NOT EXISTS (SELECT FROM "{found}" f WHERE f.staged = s.ctid)
            ORDER BY {_keys(entity, "s.")}
            ON CONFLICT DO NOTHING
            RETURNING 1
        )
        SELECT count(*) AS number FROM created
    """  # noqa: S608 - names come from the model
