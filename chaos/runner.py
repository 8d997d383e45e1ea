"""One run: load, blows, rest, verdict."""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import redis

from chaos import odata_verdict, verdict
from chaos.house import House
from chaos.load import Storefront
from chaos.plan import TENANTS, Blow, Tenant, Via, blows

REST_SECONDS = 240.0
"""How long no message may come to its end after the last blow, unless one is in a pause."""
_REST_AT_MOST = 1800.0


@dataclass
class Report:
    """What was done and what came of it."""

    seed: int
    blows: Counter[str] = field(default_factory=Counter)
    strikes: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    changes: int = 0
    requests: int = 0
    requests_failed: int = 0
    seconds: float = 0.0
    rest_seconds: float = 0.0
    restarts: int = 0
    attempts: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        """All that was broken."""
        return sum(self.blows.values()) + sum(self.strikes.values())


def run(
    seed: int, *, orders: int, number: int, pause: float, threads: int = 3, keep: Path | None = None,
    via: Via = "http",
) -> Report:  # fmt: skip
    """``orders`` per tenant under ``number`` blows about ``pause`` seconds apart; then everything rests."""
    report = Report(seed)
    with tempfile.TemporaryDirectory(prefix="chaos-") as made:
        folder = (keep or Path(made)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        with House(folder, seed, TENANTS, via) as house:
            began = time.monotonic()
            shops = _load(house, report, seed, orders, number, pause, threads)
            rested = time.monotonic()
            report.seconds = rested - began
            report.problems += _rest(house)
            report.rest_seconds = time.monotonic() - rested
            _judge(house, report, shops)
    return report


def _load(
    house: House, report: Report, seed: int, orders: int, number: int, pause: float, threads: int
) -> list[Storefront]:  # fmt: skip
    each = orders // threads
    pace = max(0.01, number * pause / max(1, each))
    shops = [
        Storefront(
            house.address, tenant.name, house.keys[tenant.name], f"{tenant.name}-{n}", each, pace, seed + n,
            house.offer, changes=0.0 if house.via == "http" and tenant.ignores_key else 0.3,
        )
        for tenant in TENANTS
        for n in range(threads)
    ]  # fmt: skip
    stop = threading.Event()
    workers = [threading.Thread(target=_shop, args=(shop, stop, report)) for shop in shops]
    for worker in workers:
        worker.start()
    for blow in blows(seed, number, pause=pause):
        time.sleep(blow.pause)
        strike(house, blow)
        report.blows[blow.what] += 1
    for worker in workers:
        worker.join()
    return shops


def _shop(shop: Storefront, stop: threading.Event, report: Report) -> None:
    try:
        shop.run(stop)
    except Exception as error:  # told at the end, with everything else
        report.problems.append(f"{shop.tenant}: a storefront gave up: {error!r}")


def strike(house: House, blow: Blow) -> None:
    """Do it; what lasts is undone in the background."""
    verb, _, whom = blow.what.partition(" ")
    if verb == "cut":
        with suppress(psycopg.OperationalError), psycopg.connect(house.servers.database_url, connect_timeout=2) as conn:
            conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                         " AND backend_type = 'client backend'")  # fmt: skip
    elif verb == "flush":
        with suppress(redis.RedisError), redis.Redis.from_url(house.servers.redis_url, socket_timeout=2) as client:
            client.flushall()
    elif verb == "outage":
        _outage(house, _tenant(whom), blow.seconds)
    elif verb == "freeze":
        house.signal_server(whom, signal.SIGSTOP)
        threading.Timer(blow.seconds, house.signal_server, (whom, signal.SIGCONT)).start()
    elif verb == "end":
        house.signal(whom, signal.SIGTERM)
    elif whom in {"postgres", "valkey"}:
        house.signal_server(whom, signal.SIGKILL)
    else:
        house.signal(whom.removeprefix("1c "), signal.SIGKILL)


def _outage(house: House, tenant: Tenant, seconds: float) -> None:
    if house.via == "odata":
        house.signal(tenant.name, signal.SIGUSR1)  # for as long as it was told at its start
        return
    with suppress(httpx.HTTPError):
        httpx.post(f"{house.service(tenant)}/set", json={"outage": seconds}, timeout=3, trust_env=False)


def _tenant(name: str) -> Tenant:
    return next(tenant for tenant in TENANTS if tenant.name == name)


def _rest(house: House) -> list[str]:
    """Wait while messages go, or wait for their turn by the rules: the fourth failure inside 1C in a row costs ten
    minutes, and where answers still fail now and then all of it takes long.
    """
    began = moved = time.monotonic()
    least = sys.maxsize
    while (left := _left(house))[0] and time.monotonic() < min(moved + REST_SECONDS, began + _REST_AT_MOST):
        if left[0] < least or left[1]:
            least, moved = left[0], time.monotonic()
        time.sleep(0.2)
    if not left[0]:
        return []
    states = house.rows(
        "SELECT tenant, state, error_code, count(*) FROM outbox WHERE state <> 'acknowledged' GROUP BY 1, 2, 3"
    )
    return [f"after {time.monotonic() - began:.0f} s of rest: {states}"]


def _left(house: House) -> tuple[int, int]:
    """Messages that are open, and those of them whose pause is not over."""
    [(left, paused)] = house.rows(
        """SELECT count(*), count(*) FILTER (WHERE state = 'waiting' AND next_attempt_at > now()) FROM outbox
           WHERE state NOT IN ('acknowledged', 'cancelled', 'superseded')"""
    )
    return int(str(left)), int(str(paused))


def _judge(house: House, report: Report, shops: list[Storefront]) -> None:
    for tenant in TENANTS:
        accepted = {
            key: number for shop in shops if shop.tenant == tenant.name for key, number in shop.accepted.items()
        }
        report.accepted += len(accepted)
        judge = odata_verdict if house.via == "odata" else verdict
        report.strikes.update(judge.struck(house, tenant))
        report.problems += judge.problems(house, tenant, accepted)
        revisions = {
            key: number for shop in shops if shop.tenant == tenant.name for key, number in shop.revisions.items()
        }
        report.changes += sum(number - 1 for number in revisions.values())
        report.problems += verdict.order_of_revisions(house, tenant, revisions)
    report.requests = sum(shop.asked for shop in shops)
    report.requests_failed = sum(shop.failed for shop in shops)
    report.restarts = house.starts
    report.attempts = int(str(house.rows("SELECT count(*) FROM outbox_change WHERE state = 'sending'")[0][0]))
