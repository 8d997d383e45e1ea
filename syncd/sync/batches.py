"""Working off batches: one step after another at the batch's rate, taken over when a worker dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

import structlog

from syncd.i18n import tr
from syncd.queue import acts
from syncd.schedules import plan as planning
from syncd.schedules import rows
from syncd.store import batches, packages
from syncd.store.batches import Claim, Item, Step
from syncd.store.db import Conn, Database, one
from syncd.sync.context import Context

log = structlog.get_logger(__name__)

SLICE_SECONDS: Final = 5.0
"""After so long the batch that waited longest has its turn."""
PRIORITY: Final = 1
"""Behind live traffic."""
_RING_SECONDS: Final = 1.0
_WAIT_SECONDS: Final = 1.0  # between two signs of life while the rate makes it wait

Done = tuple[str, str | None]
"""An outcome (done, skipped, failed) and a note."""


class Batches:
    """The loop of one worker; ``wait`` sleeps until there may be more to do."""

    def __init__(self, ctx: Context, stopping: threading.Event, wait: Callable[[int], int]) -> None:
        self._ctx = ctx
        self._stopping = stopping
        self._wait = wait

    def loop(self) -> None:
        """Work until told to stop."""
        seen = 0
        while not self._stopping.is_set():
            with self._ctx.db.transaction() as conn:
                claim = batches.claim(conn, self._ctx.settings.worker.lease_seconds)
            if claim is None:
                seen = self._wait(seen)
            else:
                work(self._ctx, claim, self._stopping)


def work(ctx: Context, claim: Claim, stopping: threading.Event, *, seconds: float = SLICE_SECONDS) -> None:
    """Work off a batch for a while, and give it back."""
    until, rung = time.monotonic() + seconds, 0.0
    while not stopping.is_set() and time.monotonic() < until:
        found = _step(ctx, claim)
        if found.item is not None:
            if time.monotonic() - rung >= _RING_SECONDS:
                rung = time.monotonic()
                ctx.doorbell.ring()
        elif found.wait > 0:
            stopping.wait(min(found.wait, _WAIT_SECONDS))
        else:
            break
    with ctx.db.transaction() as conn:
        batches.give_back(conn, claim)
    ctx.doorbell.ring()


def _step(ctx: Context, claim: Claim) -> Step:
    """One item in one transaction; one that fails is noted as failed, and the others go on."""
    lease = ctx.settings.worker.lease_seconds
    try:
        with ctx.db.transaction() as conn:
            found = batches.step(conn, claim, lease)
            if found.item is not None:
                batches.done(conn, claim, found.n, *_do(ctx, conn, claim, found.item))
            return found
    except Database.UNREACHABLE:
        raise
    except Exception as error:
        log.exception("an item of a batch failed", batch=str(claim.id))
        with ctx.db.transaction() as conn:
            found = batches.step(conn, claim, lease)
            if found.item is not None:
                batches.done(conn, claim, found.n, "failed", f"{type(error).__name__}: {error}")
        return found


def _do(ctx: Context, conn: Conn, claim: Claim, item: Item) -> Done:
    if item.kind == "message":
        return _message(conn, claim, UUID(item.subject))
    if item.kind == "package":
        return _package(conn, claim, UUID(item.subject))
    return _pull(ctx, conn, claim, item.subject)


def _message(conn: Conn, claim: Claim, outbox_id: UUID) -> Done:
    by, reason, batch_id = claim.by, claim.reason, claim.id
    row = one(
        conn,
        "SELECT state, lease_id IS NOT NULL AS busy FROM outbox WHERE tenant = %(t)s AND id = %(id)s FOR UPDATE",
        t=claim.tenant, id=outbox_id,
    )  # fmt: skip
    if row is None:
        return "skipped", tr("it is gone", "его больше нет")
    if claim.action == "cancel":
        ok = acts.cancel(conn, claim.tenant, outbox_id, by=by, reason=reason, batch_id=batch_id)
    elif claim.action == "hold":
        ok = acts.hold(conn, claim.tenant, outbox_id, by=by, reason=reason, batch_id=batch_id)
    elif claim.action == "release" and row["state"] != "held":
        ok = False
    else:
        force = bool(claim.filter.get("force"))
        ok = acts.retry(
            conn, claim.tenant, outbox_id, by=by, reason=reason, force=force, priority=PRIORITY, batch_id=batch_id
        )
    if ok:
        return "done", None
    busy = tr(", being sent", ", отправляется") if row["busy"] else ""
    return "skipped", tr(f"it is {row['state']} now{busy}", f"оно уже {row['state']}{busy}")


def _package(conn: Conn, claim: Claim, package_id: UUID) -> Done:
    made = packages.replay(conn, claim.tenant, package_id, by=claim.by, reason=claim.reason)
    if made is None:
        return "skipped", tr("it has not ended, or is gone", "не закончен или удалён")
    return "done", str(made)


def _pull(ctx: Context, conn: Conn, claim: Claim, name: str) -> Done:
    found = planning.plans(conn, ctx.settings.schedules, zone=ctx.settings.zone, tenant=claim.tenant)
    plan = next((one for one in found if one.name == name), None)
    if plan is None:
        return "skipped", tr("there is no such schedule now", "такого расписания сейчас нет")
    at = rows.clock(conn)
    rows.queue(conn, claim.tenant, name, at, lane=plan.lane, by=f"{claim.by}, batch {claim.id}")
    return "done", at.isoformat()
