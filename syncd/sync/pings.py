"""Asking the infobases we call how they are. The ping is the half-open probe: no order is risked to find out.

A base is claimed by moving its ``next_ping_at`` beyond the longest ping, so that one worker at a time asks it and a
killed one is replaced by the clock. While the answer is awaited no transaction is open.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

import structlog

from syncd.adapters import http_service, soap
from syncd.adapters.odata import endpoint as odata
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.ping import ODataPing
from syncd.adapters.ports import Ping, Pinged
from syncd.errors import SyncdError
from syncd.health import standing
from syncd.health.hysteresis import CLOSED, State
from syncd.store import endpoints, secrets
from syncd.store.db import Conn, Database, Row, every, execute
from syncd.store.endpoints import Endpoint
from syncd.sync.context import Context

log = structlog.get_logger(__name__)

AT_ONCE: Final = 16
"""Bases one worker asks at the same time: one that hangs does not keep the others waiting."""
_LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A ping, and the state of the base before and after it."""

    ping: Ping
    before: State
    after: State


class Pingable(Pinged, Protocol):
    """Something that can be asked, and closed."""

    def close(self) -> None:
        """Give connections back."""


class _OData:
    """A base over OData, asked by its service document; with a place of its own, so that a long pull does not make it
    look slow.
    """

    def __init__(self, endpoint: Endpoint, password: str | None) -> None:
        settings = endpoint.settings
        self._client = Client(
            odata.Endpoint(
                endpoint.address, login=settings.get("login") or "", password=password or "", zone=endpoint.zone,
                ca=Path(settings["ca"]) if settings.get("ca") else None, proxy=settings.get("proxy"), concurrency=1,
                timeouts=odata.Timeouts(ping=endpoint.timeout_seconds),
            )
        )  # fmt: skip

    def ping(self) -> Ping:
        return ODataPing(self._client).ping()

    def close(self) -> None:
        self._client.close()


PINGERS: Final[Mapping[str, Callable[[Endpoint, str | None], Pingable]]] = {
    "http_service": http_service.open_target,
    "odata": _OData,
    "soap": soap.open_target,
}
"""How an endpoint of each kind is asked. The infobase behind it is known by the first of its endpoints found here."""


class Pinger:
    """Asks what is due, without waiting for the answers. What is awaited when ``stopping`` is set is forgotten: another
    worker asks again.
    """

    def __init__(self, ctx: Context, stopping: threading.Event, *, at_once: int = AT_ONCE) -> None:
        self._ctx = ctx
        self._stopping = stopping
        self._places = threading.BoundedSemaphore(at_once)
        self._at_once = at_once

    def loop(self) -> None:
        """Until the worker stops."""
        while not self._stopping.wait(_LOOK_SECONDS):
            self.due()

    def due(self) -> int:
        """Begin to ask the bases whose time has come; returns how many."""
        free = 0
        while free < self._at_once and self._places.acquire(blocking=False):
            free += 1
        rows: list[Row] = []
        try:
            if free:
                with self._ctx.db.transaction() as conn:
                    rows = claim(conn, self._ctx.settings.health.timeout_seconds, free)
        finally:
            for _ in range(free - len(rows)):
                self._places.release()
        for row in rows:
            threading.Thread(target=self._ask, args=(row["tenant"], row["infobase_id"]), daemon=True).start()
        return len(rows)

    def _ask(self, tenant: str, infobase_id: UUID) -> None:
        try:
            seen = ask(self._ctx, tenant, infobase_id, wanted=lambda: not self._stopping.is_set())
            if seen and seen.before != seen.after:
                error = seen.ping.error
                log.info(
                    "an infobase changed its state", tenant=tenant, infobase=str(infobase_id), before=seen.before,
                    after=seen.after, failing=seen.ping.failing, code=error.code if error else None,
                )  # fmt: skip
        except Database.UNREACHABLE as error:
            log.warning("a ping was not written: Postgres is away", error=str(error).strip())
        except Exception:
            if not self._stopping.is_set():
                log.exception("a ping failed inside", tenant=tenant, infobase=str(infobase_id))
        finally:
            self._places.release()


def due(ctx: Context) -> int:
    """Ask every base whose time has come and wait for the answers; returns how many."""
    with ctx.db.transaction() as conn:
        rows = claim(conn, ctx.settings.health.timeout_seconds, AT_ONCE)
    threads = [threading.Thread(target=ask, args=(ctx, row["tenant"], row["infobase_id"])) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(rows)


def claim(conn: Conn, timeout: float, limit: int) -> list[Row]:
    """Take bases that are due: tenant and infobase_id. Nobody else gets them until a ping must be over."""
    kinds = list(PINGERS)
    execute(
        conn,
        """INSERT INTO infobase_health (tenant, infobase_id, next_ping_at)
           SELECT DISTINCT e.tenant, e.infobase_id, now() FROM endpoint e
           WHERE e.kind = ANY(%(kinds)s) AND e.infobase_id IS NOT NULL AND e.disabled_at IS NULL
             AND NOT EXISTS (SELECT FROM infobase_health h
                             WHERE h.tenant = e.tenant AND h.infobase_id = e.infobase_id)
           ON CONFLICT DO NOTHING""",
        kinds=kinds,
    )
    return every(
        conn,
        """UPDATE infobase_health h SET next_ping_at = now() + make_interval(secs => %(lease)s)
           FROM (SELECT tenant, infobase_id FROM infobase_health d
                 WHERE (d.next_ping_at IS NULL OR d.next_ping_at <= now())
                   AND EXISTS (SELECT FROM endpoint e WHERE e.tenant = d.tenant AND e.infobase_id = d.infobase_id
                                 AND e.kind = ANY(%(kinds)s) AND e.disabled_at IS NULL)
                 ORDER BY d.next_ping_at NULLS FIRST LIMIT %(limit)s FOR UPDATE SKIP LOCKED) AS due
           WHERE h.tenant = due.tenant AND h.infobase_id = due.infobase_id
           RETURNING h.tenant, h.infobase_id""",
        kinds=kinds, lease=timeout + standing.LEASE_SECONDS, limit=limit,
    )  # fmt: skip


def ask(ctx: Context, tenant: str, infobase_id: UUID, *, wanted: Callable[[], bool] = lambda: True) -> Seen | None:
    """Ask one base now and write what it said; ``None`` when we do not call it. ``wanted`` is asked before writing."""
    with ctx.db.transaction() as conn:
        endpoint = endpoint_of(conn, tenant, infobase_id)
        before = _state(conn, tenant, infobase_id)
    if endpoint is None:
        return None
    seen = ping(ctx, endpoint)
    if not wanted():
        return Seen(seen, before, before)
    with ctx.db.transaction() as conn:
        after = standing.record(conn, tenant, infobase_id, seen, ctx.settings.health)
    if before in CLOSED and after not in CLOSED:
        ctx.doorbell.ring()
    return Seen(seen, before, after)


def ping(ctx: Context, endpoint: Endpoint) -> Ping:
    """Ask over a connection of its own, so that name, connection and TLS are tried too. Never raises for what is wrong
    with the endpoint or the base.
    """
    patient = replace(endpoint, timeout_seconds=ctx.settings.health.timeout_seconds)
    try:
        with closing(PINGERS[endpoint.kind](patient, endpoint.secret(secrets.keys(ctx.settings)))) as target:
            return target.ping()
    except SyncdError as error:  # our own settings: a key, an address, certificates
        return Ping(0.0, http_service.step_of(error), error=error)


def endpoint_of(conn: Conn, tenant: str, infobase_id: UUID) -> Endpoint | None:
    """The endpoint by which an infobase is asked: the first whose kind can be."""
    found = endpoints.of_infobase(conn, tenant, infobase_id)
    return next((each for each in found if each.kind in PINGERS), None)


def _state(conn: Conn, tenant: str, infobase_id: UUID) -> State:
    rows = every(
        conn,
        "SELECT state FROM infobase_health WHERE tenant = %(t)s AND infobase_id = %(i)s",
        t=tenant, i=infobase_id,
    )  # fmt: skip
    found: State = rows[0]["state"] if rows else "unknown"
    return found
