"""Probes and metrics."""

from __future__ import annotations

from typing import Any, Final, get_args

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from syncd.api.auth import Ctx
from syncd.api.entities import answer
from syncd.health import snapshot, takes_orders, workers
from syncd.health.hysteresis import State
from syncd.schedules import overview as schedules
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
    """503 while Postgres is away or takes no writes (a standby): then an order could not be accepted. 1C being down is
    a normal state and changes nothing here; nor does the absence of workers (``workers``): orders wait for them.
    """
    del request
    try:
        with ctx.db.transaction() as conn:
            writable, alive = takes_orders(conn), workers(conn)
    except Database.UNREACHABLE as error:
        return answer({"status": "unavailable", "reason": type(error).__name__}, 503, {"Retry-After": "2"})
    if not writable:
        return answer({"status": "unavailable", "reason": "read only"}, 503, {"Retry-After": "2"})
    return answer({"status": "ok", "workers": alive})


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def metrics(ctx: Ctx) -> Response:
    """The number to watch: ``syncd_outbox_oldest_seconds``, the age of the oldest order that 1C has not confirmed."""
    registry = CollectorRegistry()
    with ctx.db.transaction() as conn:
        found: dict[str, Any] = snapshot(conn)
        pulls = schedules.lates(conn, ctx.settings.schedules, zone=ctx.settings.zone)
    Gauge("syncd_workers_alive", "Workers seen lately", registry=registry).set(found["workers"])
    _companies(registry, found["tenants"])
    state = Gauge(
        "syncd_infobase_state", "1 at the state an infobase that we call is in", ["tenant", "infobase", "state"],
        registry=registry,
    )  # fmt: skip
    for row in found["infobases"]:
        for name in get_args(State):
            state.labels(row["tenant"], row["name"], name).set(row["state"] == name)
    closed = Gauge("syncd_gate_closed", "1 while nothing is sent there", ["tenant", "endpoint"], registry=registry)
    for row in found["gates"]:
        closed.labels(row["tenant"], row["name"]).set(row["closed"])
    late = Gauge("syncd_pull_late", "1 while a pull is later than allowed", ["tenant", "schedule"], registry=registry)
    overdue = Gauge(
        "syncd_pull_overdue_seconds", "How long a pull is due without a good run", ["tenant", "schedule"],
        registry=registry,
    )  # fmt: skip
    for row in pulls:
        late.labels(row["tenant"], row["name"]).set(row["late"])
        overdue.labels(row["tenant"], row["name"]).set(row["late_seconds"])
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _companies(registry: CollectorRegistry, tenants: dict[str, dict[str, Any]]) -> None:
    def gauge(name: str, words: str, *labels: str) -> Gauge:
        return Gauge(name, words, ["tenant", *labels], registry=registry)

    outbox = gauge("syncd_outbox_messages", "Orders that 1C has not confirmed, by state", "state")
    oldest = gauge("syncd_outbox_oldest_seconds", "Age of the oldest order that 1C has not confirmed")
    events = gauge("syncd_events_messages", "Events that are not delivered, by state", "state")
    oldest_event = gauge("syncd_events_oldest_seconds", "Age of the oldest event that is not delivered")
    packages = gauge("syncd_packages_open", "Packages waiting or being imported")
    held = gauge("syncd_removals_held", "Removals that wait for a person")
    for tenant, state in tenants.items():
        for name, number in state["outbox"].items():
            outbox.labels(tenant, name).set(number)
        for name, number in state["events"].items():
            events.labels(tenant, name).set(number)
        oldest.labels(tenant).set(state["oldest_seconds"])
        oldest_event.labels(tenant).set(state["oldest_event_seconds"])
        packages.labels(tenant).set(state["packages"])
        held.labels(tenant).set(state["removals_held"])
