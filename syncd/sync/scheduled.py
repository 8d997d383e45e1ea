"""A run that is due: a pull of data, or a look at what a base publishes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

import structlog

from syncd.errors import ConfigError, MappingError, RemoteError, SyncdError, TransportError
from syncd.schedules import plan as planning
from syncd.schedules import rows
from syncd.schedules.plan import Plan
from syncd.schedules.rows import TAKEOVERS, Claim
from syncd.schedules.settings import METADATA
from syncd.store.db import Conn, Database
from syncd.store.endpoints import Endpoint
from syncd.sync import metadata_watch, pulls
from syncd.sync.ahead import Ahead
from syncd.sync.context import Context
from syncd.sync.metadata_watch import Fetched
from syncd.sync.odata_mapping import in_force
from syncd.sync.pulls import Result
from syncd.sync.reading import LeaseLost, Stopping

log = structlog.get_logger(__name__)

RETRIES: Final = (timedelta(minutes=10), timedelta(minutes=30), timedelta(hours=1))
"""Pauses after which a base that did not answer at night is asked again."""
BY: Final = "schedule"


def run(ctx: Context, claim: Claim, *, stopping: Callable[[], bool] = lambda: False) -> Result | None:
    """Do one run; see ``pulls.run``."""
    with ctx.db.transaction() as conn:
        found = planning.plans(conn, ctx.settings.schedules, zone=ctx.settings.zone, tenant=claim.tenant)
    plan = next((plan for plan in found if plan.name == claim.schedule), None)
    if plan is None or plan.endpoint is None or plan.pull != METADATA:
        return pulls.run(ctx, claim, stopping=stopping)
    return _watch(ctx, claim, plan.endpoint, plan, stopping)


def _watch(
    ctx: Context, claim: Claim, endpoint: Endpoint, plan: Plan, stopping: Callable[[], bool]
) -> Result | None:  # fmt: skip
    if claim.takeovers >= TAKEOVERS:
        return _end(ctx, claim, "failed", "E970")
    try:
        if not _mapped(ctx, endpoint):
            return _end(ctx, claim, "skipped", "unmapped")
        found = _fetch(ctx, claim, endpoint, stopping)
        with ctx.db.transaction() as conn:
            return _judge(conn, claim, endpoint, found)
    except LeaseLost:
        log.warning("the lease of a look at metadata was lost", schedule=claim.schedule)
        return None
    except (Stopping, *Database.UNREACHABLE):
        if not stopping():
            raise
        with ctx.db.transaction() as conn:
            rows.give_back(conn, claim)
        return None
    except SyncdError as error:
        return _failed(ctx, claim, endpoint, plan, error)


def _mapped(ctx: Context, endpoint: Endpoint) -> bool:
    """Whether a mapping is in force; one that cannot be read is, and is told of as broken."""
    with ctx.db.transaction() as conn:
        try:
            in_force(conn, endpoint)
        except ConfigError as error:
            if error.code != "E850":
                raise
            return False
        except MappingError:
            return True
    return True


def _fetch(ctx: Context, claim: Claim, endpoint: Endpoint, stopping: Callable[[], bool]) -> Fetched:
    """Half a minute as a rule: the lease is kept meanwhile."""

    def once() -> Iterator[Fetched]:
        yield metadata_watch.fetch(ctx, endpoint)

    def beat() -> None:
        if stopping():
            raise Stopping
        with ctx.db.transaction() as conn:
            if not rows.heartbeat(conn, claim, ctx.settings.worker.lease_seconds):
                raise LeaseLost

    ahead = Ahead(once(), beat, name=claim.schedule)
    try:
        return next(iter(ahead))
    finally:
        ahead.close()


def _judge(conn: Conn, claim: Claim, endpoint: Endpoint, found: Fetched) -> Result:
    if not rows.hold(conn, claim):
        raise LeaseLost
    looked = metadata_watch.judge(conn, endpoint, found, by=claim.requested_by or BY)
    outcome = "failed" if looked.broken else "ok"
    counters = {"changes": len(looked.changes), "broken": len(looked.broken)}
    reason = "E750" if looked.broken else None
    rows.finish(conn, claim, outcome, reason=reason, counters={"metadata": counters})
    return Result(outcome, {"metadata": counters})


def _failed(ctx: Context, claim: Claim, endpoint: Endpoint, plan: Plan, error: SyncdError) -> Result | None:
    """Try again tonight where 1C may be well again by then."""
    retries = int(claim.counters.get("retries", 0))
    passing = isinstance(error, TransportError | RemoteError) and claim.requested_by is None
    with ctx.db.transaction() as conn:
        metadata_watch.failed(conn, endpoint, error)
        if passing and retries < len(RETRIES) and RETRIES[retries] < plan.catch_up:
            rows.give_back(conn, claim, delay=RETRIES[retries], reason=error.code)
            return Result("later")
        return Result("failed") if rows.finish(conn, claim, "failed", reason=error.code) else None


def _end(ctx: Context, claim: Claim, outcome: str, reason: str) -> Result | None:
    with ctx.db.transaction() as conn:
        return Result(outcome) if rows.finish(conn, claim, outcome, reason=reason) else None
