"""Currencies of prices that name none: those of their price types, which may come before them, with them or later."""

from __future__ import annotations

from typing import Final

from syncd.model import ENTITIES
from syncd.store.db import Conn, every, execute

_STORED: Final = "SELECT id, currency FROM price_types WHERE tenant = %(t)s AND currency <> ''"
_OF_TYPE: Final = """
    p.tenant = %(t)s AND p.currency = '' AND p.deleted_at IS NULL
    AND y.tenant = p.tenant AND y.id = p.price_type_id AND y.currency <> ''
"""
_SAME: Final = """
    n.tenant = p.tenant AND n.offer_id = p.offer_id AND n.price_type_id = p.price_type_id
    AND n.currency = y.currency AND n.min_quantity = p.min_quantity
"""
_WRITTEN: Final = "updated_at = now(), revision = nextval('revision_seq'), xid = pg_current_xact_id()"
_TAKEN: Final = ", ".join(
    f'"{name}" = p."{name}"'
    for name in (*(field.name for field in ENTITIES["price"].fields), "extra", "content_hash", "source_seq")
)
_AGAIN: Final = f"""
    UPDATE prices n SET {_TAKEN}, deleted_at = NULL, {_WRITTEN} FROM prices p, price_types y
    WHERE {_OF_TYPE} AND {_SAME} AND n.deleted_at IS NOT NULL
"""  # noqa: S608 - constants
_LEAVE: Final = f"""
    UPDATE prices p SET deleted_at = now(), {_WRITTEN} FROM prices n, price_types y WHERE {_OF_TYPE} AND {_SAME}
"""  # noqa: S608 - constants
_NAME: Final = f"""
    UPDATE prices p SET currency = y.currency, {_WRITTEN} FROM price_types y WHERE {_OF_TYPE}
"""  # noqa: S608 - constants
STEPS: Final = (_AGAIN, _LEAVE, _NAME)
"""A price that was under this currency before is that again; one that is there still has the last word."""


def stored(conn: Conn, tenant: str) -> dict[str, str]:
    """Of the price types that are known: their currencies by their ids."""
    return {str(row["id"]): str(row["currency"]) for row in every(conn, _STORED, t=tenant)}


def settle(conn: Conn, tenant: str) -> None:
    """Name the currency of stored prices whose type has one by now."""
    for step in STEPS:
        execute(conn, step, t=tenant)
