"""Reading entities back, a page at a time: filters, keyset cursors, and how old the data is."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Select, Text, any_, literal, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, array

from syncd.errors import RequestError
from syncd.model import ENTITIES, Entity
from syncd.store.db import Conn, Row, run
from syncd.store.tables import ENTITY_TABLES

PAGE_LIMIT: Final = 1000
QUANTITY_DIGITS: Final = 1000
_AGE: Final = """
    SELECT (SELECT as_of FROM freshness WHERE tenant = %(t)s AND entity = %(e)s) AS as_of, clock_timestamp() AS now
"""


@dataclass(slots=True)
class Query:
    """What to list. ``equal`` maps a filter field to the allowed values; ``ids`` is the first key field's."""

    equal: dict[str, list[str]] = field(default_factory=dict)
    category: list[str] = field(default_factory=list)
    changed_since: datetime | None = None
    deleted: bool = False
    after: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Page:
    """A page: rows as stored, and the cursor of the next one, ``None`` at the end. ``as_of``: when 1C last spoke of the
    entity, and ``now`` by Postgres' clock.
    """

    rows: list[Row]
    next: str | None
    as_of: datetime | None
    now: datetime


def page(conn: Conn, tenant: str, name: str, query: Query) -> Page:
    """One page of an entity, in one round trip. Raises ``RequestError`` E308 for a cursor that is not ours."""
    entity, table = ENTITIES[name], ENTITY_TABLES[name]
    keys = [table.c[key] for key in entity.key_names]
    columns = [table.c[f.name] for f in entity.all_fields]
    statement = select(*columns, table.c.extra, table.c.updated_at, table.c.deleted_at).where(table.c.tenant == tenant)
    for column, values in query.equal.items():
        statement = statement.where(table.c[column] == any_(literal(values, ARRAY(Text()))))
    if query.category:
        statement = statement.where(_in_category(tenant, name, query.category))
    if query.changed_since is not None:
        statement = statement.where(table.c.updated_at >= query.changed_since)
    if not query.deleted:
        statement = statement.where(table.c.deleted_at.is_(None))
    if query.after is not None:
        statement = statement.where(tuple_(*keys) > tuple_(*_literals(entity, _decode(entity, query.after))))
    limit = min(query.limit, PAGE_LIMIT)
    with conn.pipeline():
        age = conn.execute(_AGE, {"t": tenant, "e": name})  # first: the rows are not older than we say
        found = run(conn, statement.order_by(*keys).limit(limit + 1))
    rows, told = found.fetchall(), age.fetchone()
    assert told is not None
    following = _encode(entity, rows[limit - 1]) if len(rows) > limit else None
    return Page(rows[:limit], following, told["as_of"], told["now"])


def get(conn: Conn, tenant: str, name: str, key: str) -> Row | None:
    """One record of an entity whose key is a single field."""
    if "\x00" in key:
        return None
    entity, table = ENTITIES[name], ENTITY_TABLES[name]
    columns = [table.c[f.name] for f in entity.all_fields]
    statement = select(*columns, table.c.extra, table.c.updated_at, table.c.deleted_at).where(
        table.c.tenant == tenant, table.c[entity.key_names[0]] == key
    )
    return run(conn, statement).fetchone()


def _in_category(tenant: str, name: str, categories: list[str]) -> ColumnElement[bool]:
    """In one of the categories: a product itself, anything else by its product."""
    products = ENTITY_TABLES["product"]
    table = ENTITY_TABLES[name]
    has_any: ColumnElement[bool] = products.c.category_ids.has_any(array(categories))
    if name == "product":
        return has_any
    ids: Select[Any] = select(products.c.id).where(products.c.tenant == tenant, has_any)
    if name == "offer":
        return table.c.product_id.in_(ids)
    offers = ENTITY_TABLES["offer"]
    of_products = select(offers.c.id).where(offers.c.tenant == tenant, offers.c.product_id.in_(ids))
    return table.c.offer_id.in_(of_products)


def _literals(entity: Entity, values: list[Any]) -> list[ColumnElement[Any]]:
    table = ENTITY_TABLES[entity.name]
    return [literal(value, table.c[key].type) for key, value in zip(entity.key_names, values, strict=True)]


def _encode(entity: Entity, row: Row) -> str:
    values = [str(row[key]) for key in entity.key_names]
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def _decode(entity: Entity, cursor: str) -> list[Any]:
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        decoded = [Decimal(v) if f.kind == "decimal" else str(v) for v, f in zip(values, entity.key, strict=True)]
    except (ValueError, TypeError, binascii.Error, InvalidOperation) as error:
        raise RequestError("E308") from error
    if any("\x00" in value if isinstance(value, str) else not _is_quantity(value) for value in decoded):
        raise RequestError("E308")
    return decoded


def _is_quantity(value: Decimal) -> bool:
    """Whether Postgres can hold the number; what we put into cursors is far from its limits."""
    return value.is_finite() and abs(value.adjusted()) < QUANTITY_DIGITS
