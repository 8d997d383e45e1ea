"""Rows of endpoints as Postgres would give them, for adapters that are opened from one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from syncd.store.endpoints import Endpoint
from syncd.store.ids import new_id


def endpoint(kind: str, address: str, **settings: Any) -> Endpoint:
    now = datetime.now(UTC)
    return Endpoint(
        tenant="default", id=new_id(), name="one", kind=kind, infobase_id=None, infobase=None, zone="Europe/Moscow",
        address=address, settings=settings, takes=("*",), concurrency=2, rate_per_second=None, timeout_seconds=5.0,
        paused=False, paused_at=None, paused_until=None, pause_reason=None, paused_by=None, closed=False,
        closed_until=None, closed_code=None, failures=0, recovered_at=None, disabled_at=None, created_at=now,
        updated_at=now,
    )  # fmt: skip
