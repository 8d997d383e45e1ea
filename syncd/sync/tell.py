"""Telling of what happened: the data of each event, made in the transaction that causes it.

Each function costs one small query where nobody asked for the event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from syncd import issues
from syncd.adapters.ports import Receipt
from syncd.errors import SyncdError
from syncd.queue import events
from syncd.queue.events import EventName
from syncd.store import endpoints
from syncd.store.db import Conn, every, one
from syncd.store.endpoints import Endpoint

_ORDER = """SELECT id::text AS order_id, revision_no AS revision, revision AS version, number, storefront, status,
                   number_1c, date_1c, id_1c, status_1c, posted, paid, shipped, cancelled, amount, currency
            FROM sales_order WHERE tenant = %(t)s AND id = ANY(%(ids)s)"""


def delivered(conn: Conn, tenant: str, kind: str, key: str, receipt: Receipt | None = None) -> int:
    """1C has an order: its receipt where it gave one, else what 1C said of the order so far. Other kinds of messages
    are nobody's event. Returns how many endpoints are told.
    """
    return delivered_all(conn, tenant, [key], receipt) if kind == "order" else 0


def delivered_all(conn: Conn, tenant: str, keys: Sequence[str], receipt: Receipt | None = None) -> int:
    """Several orders at once, as 1C confirms them in an exchange. What failed of them before is settled."""
    issues.succeeded(conn, tenant, "order", keys)
    if not keys or not events.wanted(conn, tenant, "order.delivered"):
        return 0
    told = 0
    for data in _orders(conn, tenant, keys):
        if receipt:
            found = {
                "number_1c": receipt.number,
                "date_1c": receipt.date,
                "id_1c": receipt.ref,
                "posted": receipt.posted,
            }
            data |= {name: value for name, value in found.items() if value is not None}
        dedupe = str(data["revision"])
        told += events.emit(conn, tenant, "order.delivered", data["order_id"], data, dedupe=dedupe)
    return told


def rejected(conn: Conn, tenant: str, key: str, error: SyncdError, *, dedupe: str | None = None) -> int:
    """An order that does not reach 1C until a person acts. ``dedupe``: the series of attempts it ended."""
    return _order_event(conn, tenant, "order.rejected", key, said(error), dedupe)


def changed(conn: Conn, tenant: str, order_id: UUID, names: Sequence[str]) -> int:
    """1C changed an order. ``names``: what of it, as the API calls it."""
    return _order_event(conn, tenant, "order.changed", str(order_id), {"changed": list(names)}, None)


def brake(conn: Conn, tenant: str, run_id: UUID, error: SyncdError) -> int:
    """A removal is held; the error says which and why."""
    data = {name: error.params.get(name) for name in ("catalogue", "entity", "absent", "total")}
    return events.emit(
        conn, tenant, "brake.on", str(run_id), {"run": run_id, **data, **said(error)}, dedupe=str(run_id)
    )


def package_failed(
    conn: Conn, tenant: str, package_id: UUID, infobase_id: UUID | None, files: Sequence[str], error: SyncdError
) -> int:
    """Nothing of a package was applied."""
    if not events.wanted(conn, tenant, "package.failed"):
        return 0
    base = one(
        conn, "SELECT name FROM infobase WHERE tenant = %(t)s AND id = %(i)s", t=tenant, i=infobase_id
    )  # fmt: skip
    data = {
        "package": package_id, "files": list(files), "infobase_id": infobase_id,
        "infobase": base["name"] if base else None, **said(error),
    }  # fmt: skip
    return events.emit(conn, tenant, "package.failed", str(package_id), data, dedupe=str(package_id))


def gone(conn: Conn, endpoint: Endpoint, error: SyncdError) -> bool:
    """An endpoint said that it is gone for good (410): disable it and tell the others. ``False`` when it was disabled
    before. Its messages stay, and go on when a person enables it again.
    """
    found = endpoints.get(conn, endpoint.tenant, endpoint.id)
    if found is None or found.disabled_at is not None:
        return False
    endpoints.disable(conn, endpoint.tenant, endpoint.id, error.code)
    data = {"endpoint": endpoint.id, "name": endpoint.name, "kind": endpoint.kind, **said(error)}
    events.emit(conn, endpoint.tenant, "endpoint.disabled", str(endpoint.id), data)
    return True


def said(error: SyncdError) -> dict[str, Any]:
    """An error as every event carries it: its code, who mends it, and the sentence in both languages."""
    return {
        "code": error.code, "owner": error.owner, "message": error.text("en"), "message_ru": error.text("ru"),
    }  # fmt: skip


def _order_event(
    conn: Conn, tenant: str, name: EventName, key: str, more: Mapping[str, Any], dedupe: str | None
) -> int:
    if not events.wanted(conn, tenant, name):
        return 0
    return sum(
        events.emit(conn, tenant, name, key, {**data, **more}, dedupe=dedupe)
        for data in _orders(conn, tenant, [key])
    )  # fmt: skip


def _orders(conn: Conn, tenant: str, keys: Sequence[str]) -> list[dict[str, Any]]:
    found = {row["order_id"]: dict(row) for row in every(conn, _ORDER, t=tenant, ids=[UUID(key) for key in keys])}
    return [found[key] for key in keys if key in found]
