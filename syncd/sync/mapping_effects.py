"""What a new version of a mapping would change in the records that are stored: tried on their own rows of 1C."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from syncd.mappings.cases import shown
from syncd.mappings.compiled import CompiledSource
from syncd.mappings.query import Query
from syncd.model import ENTITIES
from syncd.store.db import Database, every
from syncd.sync.mapping_samples import Seen, key_property
from syncd.sync.odata_pull import GUID
from syncd.sync.odata_read import REF

AT_ONCE: Final = 50


@dataclass(slots=True)
class Change:
    """A field that comes out otherwise in so many records; the first of them as an example."""

    field: str
    record: str
    before: str
    after: str
    count: int = 0


@dataclass(slots=True)
class Effect:
    """What becomes of one source: ``tried`` stored records, ``changed`` of them, ``left_out`` that would be no more,
    ``taken_in`` that were not.
    """

    section: str
    tried: int = 0
    changed: int = 0
    left_out: int = 0
    taken_in: int = 0
    fields: dict[str, Change] = field(default_factory=dict)


def effects(db: Database, tenant: str, old: Seen, new: Seen, *, limit: int, section: str | None = None) -> list[Effect]:
    """Of every source, up to ``limit`` stored records; their rows are read from the base again.

    Records whose key is no reference (prices, stocks) cannot be asked for one by one: the first rows of the base stand
    for them, as far as they are stored. Raises as ``Client.get``.
    """
    known = old.sources | new.sources
    labels = [label for label in known if _meant(label, section) and known[label].entity.name in ENTITIES]
    return [_effect(db, tenant, old, new, label, limit) for label in labels]


def _meant(label: str, section: str | None) -> bool:
    return section is None or section in {label, label.partition(".")[0]}


def _effect(db: Database, tenant: str, old: Seen, new: Seen, label: str, limit: int) -> Effect:
    before, after = old.sources.get(label), new.sources.get(label)
    found = Effect(label)
    known = before or after
    assert known is not None
    if before is not None and after is not None and _same_rows(before, after):
        rows = _rows(db, tenant, old, replace(before.query, **_both(before.query, after.query)), known, limit)
        pairs = zip(rows, old.made(before, rows), new.made(after, rows), strict=True)
        for row, was, now in pairs:
            _compare(found, title_of(row), was, now)
        return found
    was_by, now_by = (_by_key(db, tenant, seen, one, limit) for seen, one in ((old, before), (new, after)))
    for key in dict.fromkeys([*was_by, *now_by]):
        _compare(found, key, was_by.get(key, {}), now_by.get(key, {}))
    return found


def _same_rows(before: CompiledSource, after: CompiledSource) -> bool:
    """Whether both read the same rows of 1C, if not the same properties of them."""
    return (before.query.resource, before.query.filter) == (after.query.resource, after.query.filter)


def _both(before: Query, after: Query) -> dict[str, Any]:
    select = tuple(dict.fromkeys([*before.select, *after.select])) if before.select and after.select else ()
    return {"select": select, "expand": tuple(dict.fromkeys([*before.expand, *after.expand]))}


def _by_key(
    db: Database, tenant: str, seen: Seen, source: CompiledSource | None, limit: int
) -> dict[str, dict[str, Any]]:  # fmt: skip
    if source is None:
        return {}
    rows = _rows(db, tenant, seen, source.query, source, limit)
    names = [declared.name for declared, _ in source.key]
    return {
        "/".join(str(made.get(name) or "") for name in names): made
        for made in seen.made(source, rows) if made
    }  # fmt: skip


def _rows(
    db: Database, tenant: str, seen: Seen, query: Query, source: CompiledSource, limit: int
) -> list[Mapping[str, Any]]:  # fmt: skip
    """Rows of stored records: by their references where they have them."""
    ids = _stored(db, tenant, source, limit)
    guids = [id_ for id_ in ids if GUID.fullmatch(id_.partition("#")[0])]
    if query.order and guids and key_property(source) in {REF, "Owner_Key", "Owner"}:
        found: list[Mapping[str, Any]] = []
        for start in range(0, len(guids), AT_ONCE):
            found += seen.fetch(query, guids[start : start + AT_ONCE])
        return found
    return seen.rows(query, most=limit) if ids else []


def _stored(db: Database, tenant: str, source: CompiledSource, limit: int) -> list[str]:
    """Keys of stored records, spread over the table, always the same ones."""
    entity = source.entity
    key = entity.key_names[0]
    query = f"""SELECT "{key}" AS key FROM "{entity.plural}" WHERE tenant = %(t)s AND deleted_at IS NULL
                ORDER BY md5("{key}") LIMIT %(n)s"""  # noqa: S608 - names of the model
    with db.transaction() as conn:
        rows = every(conn, query, t=tenant, n=limit)
    return list(dict.fromkeys(str(row["key"]) for row in rows))


def _compare(found: Effect, name: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    if not was and not now:
        return
    found.tried += 1
    if not now or not was:
        found.left_out += not now
        found.taken_in += not was
        return
    differs = [each for each in dict.fromkeys([*was, *now]) if str(was.get(each)) != str(now.get(each))]
    found.changed += bool(differs)
    for each in differs:
        change = found.fields.setdefault(each, Change(each, name, _told(was.get(each)), _told(now.get(each))))
        change.count += 1


def _told(value: object) -> str:
    return str(value) if isinstance(value, Exception) else shown(value)


def title_of(row: Mapping[str, Any]) -> str:
    """What a person knows a row by: its description or number, else its reference, else its dimensions."""
    keys: Sequence[str] = ("Description", "Number", REF)
    named = next((str(row[key]) for key in keys if row.get(key)), "")
    return named or "/".join(str(value) for key, value in row.items() if key.endswith("_Key"))
