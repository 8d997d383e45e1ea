"""Accepting an order: the use case against a bare loop that writes the same rows, and over HTTP against an endpoint of
the same application that writes one row. Rounds of both alternate in one run; the medians are compared.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Final
from uuid import uuid4

import httpx
import psycopg
from psycopg.types.json import Jsonb

from syncd.api.server import free_port
from syncd.config import Settings
from syncd.queue.broker import Doorbell
from syncd.store import access
from syncd.store.access import ApiKey
from syncd.store.db import Database
from syncd.store.ids import new_id, order_id
from syncd.sync import orders
from syncd.sync.context import Context

CONNECTIONS: Final = 8
ROUNDS: Final = 7
_ROOT: Final = Path(__file__).resolve().parents[2]
_numbers: Final = itertools.count(1)


def order(number: str) -> orders.NewOrder:
    """An order of three lines, as shops place them."""
    lines = tuple(
        orders.NewLine(f"b7a64c0e-0000-4000-8000-00000000000{n}", Decimal(n), Decimal("129.90"), name=f"Товар {n}")
        for n in (1, 2, 3)
    )
    customer = {"type": "person", "name": "Иванов Иван", "email": "ivanov@example.com", "phone": "+79990000000"}
    return orders.NewOrder(number=number, currency="RUB", customer=customer, lines=lines, comment="Позвоните")


def use_case(url: str, seconds: float) -> tuple[float, float]:
    """Orders a second by the use case and by the bare loop, medians of rounds that alternate."""
    db = Database(url, size=CONNECTIONS)
    ctx = Context(db, Settings(), Doorbell(None))
    with db.transaction() as conn:
        key = access.find_key(conn, access.create_key(conn, "default", f"bench {uuid4()}", "shop", ["orders"]))
    assert key is not None
    bare = [psycopg.connect(url) for _ in range(CONNECTIONS)]
    try:
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(ROUNDS):
            ours.append(_rate(lambda _n: _accept(ctx, key), seconds))
            theirs.append(_rate(lambda n: _bare(bare[n]), seconds))
        return median(ours), median(theirs)
    finally:
        for connection in bare:
            connection.close()
        db.close()


def _accept(ctx: Context, key: ApiKey) -> None:
    number = f"{next(_numbers):09}"
    orders.accept(ctx, key, number, order(number))


def _bare(connection: psycopg.Connection) -> None:
    """The same three rows and one commit, by somebody who knows that nothing can go wrong."""
    number = f"B{next(_numbers):09}"
    wanted = order(number)
    body = wanted.as_json()
    made = order_id("bare", "shop", number)
    connection.execute(
        """INSERT INTO sales_order (tenant, id, storefront, number, exchange_number, status, currency, amount, customer,
                                    lines, comment, requisites, body_hash)
           VALUES ('bare', %s, 'shop', %s, %s, 'new', 'RUB', %s, %s, %s, %s, %s, %s)""",
        [made, number, number, wanted.amount, Jsonb(wanted.customer), Jsonb(body["lines"]), wanted.comment,
         Jsonb(wanted.requisites), bytes(32)],
    )  # fmt: skip
    connection.execute(
        "INSERT INTO outbox (tenant, id, kind, key, revision_no) VALUES ('bare', %s, 'order', %s, 1)",
        [new_id(), str(made)],
    )
    connection.execute(
        """INSERT INTO idempotency (tenant, route, key, body, status, answer_id)
           VALUES ('bare', 'POST', %s, %s, 201, %s)""",
        [number, Jsonb(body), str(made)],
    )
    connection.commit()


def _rate(work: Callable[[int], None], seconds: float) -> float:
    """How often a second ``CONNECTIONS`` threads do it."""
    done = [0] * CONNECTIONS
    until = time.perf_counter() + seconds

    def repeat(n: int) -> None:
        while time.perf_counter() < until:
            work(n)
            done[n] += 1

    threads = [threading.Thread(target=repeat, args=(n,)) for n in range(CONNECTIONS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - began)


def over_http(url: str, seconds: float) -> tuple[float, float]:
    """Requests a second: ``POST /v1/orders`` and the one-row endpoint, medians of rounds that alternate."""
    db = Database(url, size=1)
    with db.transaction() as conn:
        key = access.create_key(conn, "default", f"bench {uuid4()}", "shop", ["orders"])
        conn.execute("CREATE TABLE IF NOT EXISTS bench_row (id uuid PRIMARY KEY, body jsonb NOT NULL)")
    db.close()
    with _server(url) as address, multiprocessing.get_context("spawn").Pool(2) as clients:
        ours: list[float] = []
        theirs: list[float] = []
        for n in range(ROUNDS + 1):
            for path, rates in (("/v1/orders", ours), ("/bench/row", theirs)):
                jobs = [(address, path, key, f"{uuid4()}", seconds) for _ in range(2)]
                rate = sum(clients.starmap(_client, jobs))
                if n:  # the first round fills pools and plans
                    rates.append(rate)
    return median(ours), median(theirs)


def _client(address: str, path: str, key: str, prefix: str, seconds: float) -> float:
    headers = {"Authorization": f"Bearer {key}"}
    body = order("x").as_json()
    body.pop("number")
    for line in body["lines"]:
        line.pop("amount")
    done = [0] * (CONNECTIONS // 2)
    until = time.perf_counter() + seconds

    def repeat(n: int) -> None:
        with httpx.Client(base_url=address, headers=headers, timeout=30, trust_env=False) as client:
            while time.perf_counter() < until:
                number = f"{prefix}-{n}-{done[n]}"
                answer = client.post(path, json={**body, "number": number}, headers={"Idempotency-Key": number})
                answer.raise_for_status()
                done[n] += 1

    threads = [threading.Thread(target=repeat, args=(n,)) for n in range(len(done))]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - began)


@contextmanager
def _server(url: str) -> Iterator[str]:
    port = free_port("127.0.0.1")
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.delivery.server", url, str(port)], cwd=_ROOT, env=os.environ.copy(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{address}/health/live", timeout=1, trust_env=False)
                break
            except httpx.HTTPError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(15)
