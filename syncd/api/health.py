"""Probes and metrics."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from syncd.api.auth import Ctx
from syncd.api.entities import answer
from syncd.health import snapshot
from syncd.store.db import Database

router: Final = APIRouter(tags=["health"])


@router.get("/", include_in_schema=False)
def root() -> Response:
    """Where to look."""
    return answer({
        "service": "syncd", "docs": "/docs", "openapi": "/openapi.json", "exchange": "/1c_exchange",
        "health": "/health/ready",
    })  # fmt: skip


@router.get("/health/live", summary="The process answers")
def live() -> dict[str, str]:
    """Always ok while the process runs."""
    return {"status": "ok"}


@router.get("/health/ready", summary="Orders can be taken", response_class=Response)
def ready(request: Request, ctx: Ctx) -> Response:
    """503 while Postgres is away. 1C being down is a normal state and changes nothing here."""
    del request
    try:
        with ctx.db.transaction() as conn:
            conn.execute("SELECT 1")
    except Database.UNREACHABLE as error:
        return answer({"status": "unavailable", "reason": type(error).__name__}, 503, {"Retry-After": "2"})
    return answer({"status": "ok"})


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def metrics(ctx: Ctx) -> Response:
    """The age of the oldest order that 1C has not confirmed is the number to watch."""
    registry = CollectorRegistry()
    outbox = Gauge(
        "syncd_outbox_messages", "Messages that 1C has not confirmed, by state", ["tenant", "state"], registry=registry
    )
    oldest = Gauge(
        "syncd_outbox_oldest_seconds", "Age of the oldest unconfirmed message", ["tenant"], registry=registry
    )
    packages = Gauge("syncd_packages_open", "Packages waiting or being imported", ["tenant"], registry=registry)
    workers = Gauge("syncd_workers_alive", "Workers seen lately", registry=registry)
    held = Gauge("syncd_removals_held", "Removals that wait for a person", ["tenant"], registry=registry)
    with ctx.db.transaction() as conn:
        found: dict[str, Any] = snapshot(conn)
    workers.set(found["workers"])
    for tenant, state in found["tenants"].items():
        for name, number in state["outbox"].items():
            outbox.labels(tenant, name).set(number)
        oldest.labels(tenant).set(state["oldest_seconds"])
        packages.labels(tenant).set(state["packages"])
        held.labels(tenant).set(state["removals_held"])
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
