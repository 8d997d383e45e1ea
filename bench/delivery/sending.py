"""From the commit of an order to its first attempt, and deliveries a second, by real workers to an emulated 1C."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.delivery.acceptance import order
from syncd.config import Settings
from syncd.queue.broker import Doorbell, make_broker
from syncd.store import access, endpoints
from syncd.store.db import Database, every
from syncd.sync import orders
from syncd.sync.context import Context

_ROOT: Final = Path(__file__).resolve().parents[2]
_TENANT: Final = "sending"


@dataclass(frozen=True, slots=True)
class Attempts:
    """Percentiles in milliseconds."""

    p50: float
    p95: float


@contextmanager
def service() -> Iterator[str]:
    """An emulated 1C in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "address"
        process = subprocess.Popen(
            [sys.executable, "-m", "syncd.emulator.http_service", "--state", f"{folder}/base.sqlite", "--port-file",
             str(told)], cwd=_ROOT,
        )  # fmt: skip
        try:
            while not told.exists() or not told.read_text().strip():
                time.sleep(0.05)
            yield told.read_text().strip()
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def workers(number: int, url: str, redis_url: str | None) -> Iterator[None]:
    """So many worker processes; without Redis they find work by polling."""
    environment = {
        **os.environ, "SYNCD_DATABASE_URL": url, "SYNCD_LOG__LEVEL": "error",
        "SYNCD_REDIS_URL": redis_url or "redis://127.0.0.1:1/0",
    }  # fmt: skip
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "syncd", "worker"], cwd=_ROOT, env=environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(number)
    ]  # fmt: skip
    try:
        db = Database(url, size=1)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with db.transaction() as conn:
                alive = every(
                    conn, "SELECT 1 AS x FROM worker WHERE role = 'worker' AND seen_at > now() - interval '3 s'"
                )
            if len(alive) >= number:
                break
            time.sleep(0.2)
        db.close()
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(15)


def first_attempt(url: str, redis_url: str | None, seconds: float) -> Attempts:
    """Orders come one by one; how long each waits."""
    broker = make_broker(redis_url) if redis_url else None
    with service() as address, _shop(url, address, broker) as (ctx, key), workers(1, url, redis_url):
        until = time.monotonic() + seconds
        numbers = 0
        while time.monotonic() < until:
            orders.accept(ctx, key, f"{until}-{numbers}", order(f"{until}-{numbers}"))
            numbers += 1
            time.sleep(0.05)
        time.sleep(3)
        with ctx.db.transaction() as conn:
            rows = every(
                conn,
                """SELECT extract(epoch FROM min(c.at) - o.created_at)::float AS waited
                   FROM outbox o JOIN outbox_change c ON c.tenant = o.tenant AND c.outbox_id = o.id
                   WHERE o.tenant = %(t)s AND o.key IN (
                             SELECT id::text FROM sales_order WHERE tenant = %(t)s AND number LIKE %(p)s)
                     AND c.state = 'sending' GROUP BY o.id, o.created_at""",
                t=_TENANT, p=f"{until}-%",
            )  # fmt: skip
    waited = sorted(row["waited"] * 1000 for row in rows)
    assert len(waited) == numbers, "every order was tried"
    return Attempts(waited[len(waited) // 2], waited[int(len(waited) * 0.95)])


def deliveries(url: str, redis_url: str | None, *, number: int, orders_: int) -> float:
    """Orders a second that so many workers deliver from a backlog."""
    with service() as address, _shop(url, address, None) as (ctx, key):
        prefix = f"d{time.time_ns()}"
        for n in range(orders_):
            orders.accept(ctx, key, f"{prefix}-{n}", order(f"{prefix}-{n}"))
        with workers(number, url, redis_url):
            while True:
                with ctx.db.transaction() as conn:
                    rows = every(
                        conn,
                        """SELECT count(*) FILTER (WHERE state <> 'acknowledged') AS open,
                                  extract(epoch FROM max(acknowledged_at) - min(sent_at))::float AS took
                           FROM outbox WHERE tenant = %(t)s AND key IN (
                                SELECT id::text FROM sales_order WHERE tenant = %(t)s AND number LIKE %(p)s)""",
                        t=_TENANT, p=f"{prefix}-%",
                    )  # fmt: skip
                if not rows[0]["open"]:
                    return orders_ / float(rows[0]["took"])
                time.sleep(0.5)


@contextmanager
def _shop(url: str, address: str, broker: object) -> Iterator[tuple[Context, access.ApiKey]]:
    db = Database(url, size=2)
    ctx = Context(db, Settings(), Doorbell(broker))  # type: ignore[arg-type]
    with db.transaction() as conn:
        known = endpoints.by_name(conn, _TENANT, "erp")
        if known is None:
            endpoints.add(
                conn, _TENANT, name="erp", kind="http_service", address=address, takes=["order"], concurrency=16
            )
            access.create_key(conn, _TENANT, "bench", "shop", ["orders"])
        else:
            endpoints.change(conn, _TENANT, known.id, address=address)
        key = access.find_key(conn, access.create_key(conn, _TENANT, f"bench {time.time_ns()}", "shop", ["orders"]))
    assert key is not None
    try:
        yield ctx, key
    finally:
        db.close()
