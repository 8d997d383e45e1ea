"""Currencies of prices that name none: those of their price types, which may come before them, with them or later."""

from __future__ import annotations

from typing import Final

from syncd.store.db import Conn, every, execute

_STORED: Final = "SELECT id, currency FROM price_types WHERE tenant = %(t)s AND currency <> ''"
_OF_TYPE: Final = """
    p.tenant = %(t)s AND p.currency = '' AND p.deleted_at IS NULL
    AND y.tenant = p.tenant AND y.id = p.price_type_id AND y.currency <> ''
"""
_NAMED_TOO: Final = """EXISTS (
    SELECT FROM prices n
    WHERE n.tenant = p.tenant AND n.offer_id = p.offer_id AND n.price_type_id = p.price_type_id
      AND n.currency = y.currency AND n.min_quantity = p.min_quantity)"""
_WRITTEN: Final = "updated_at = now(), revision = nextval('revision_seq'), xid = pg_current_xact_id()"
_OF_ANY: Final = f"{_WRITTEN} FROM price_types y WHERE {_OF_TYPE}"
_LEAVE: Final = f"UPDATE prices p SET deleted_at = now(), {_OF_ANY} AND {_NAMED_TOO}"  # noqa: S608 - constants
_NAME: Final = f"UPDATE prices p SET currency = y.currency, {_OF_ANY}"  # noqa: S608 - constants


def stored(conn: Conn, tenant: str) -> dict[str, str]:
    """Of the price types that are known: their currencies by their ids."""
    return {str(row["id"]): str(row["currency"]) for row in every(conn, _STORED, t=tenant)}


def settle(conn: Conn, tenant: str) -> None:
    """Name the currency of stored prices whose type has one by now. A price that is stored under it already has the
    last word.
    """
    execute(conn, _LEAVE, t=tenant)
    execute(conn, _NAME, t=tenant)
