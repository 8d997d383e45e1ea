"""Claiming messages: among ten million finished ones, under a transaction that stays open, and while a backlog drains.

Claims and their endings are the real statements; the target answers at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Final
from uuid import UUID

import psycopg
from sqlalchemy.engine import make_url

from syncd.queue import finish, outbox
from syncd.queue.claims import Claim, Floors, Turn, claim
from syncd.queue.policy import Decision
from syncd.store import endpoints, migrate
from syncd.store.db import Conn, Database, execute, one
from syncd.store.ids import new_id

BATCH: Final = 8
_ID: Final = """
    (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint - {before}), 12, '0') || '7'
     || lpad(to_hex(mod(n, 4096)), 3, '0') || '8' || substr(md5(n::text), 1, 15))::uuid
"""
"""A UUIDv7, as messages have it, made the given number of milliseconds before now; ``n`` counts rows."""
_DONE: Final = Decision("acknowledged")
_AT_ONCE: Final = 500_000


@dataclass
class Deliveries:
    """One worker's loop without the network."""

    db: Database
    floors: Floors = field(default_factory=Floors)
    turn: Turn = field(default_factory=Turn)
    worker: UUID = field(default_factory=new_id)
    seconds: list[float] = field(default_factory=list)

    def step(self, free: int = BATCH, seen: Callable[[list[Claim]], None] | None = None) -> int:
        """Claim once, and end what was claimed; ``seconds`` grows by the time of the claim."""
        began = time.perf_counter()
        with self.db.transaction() as conn:
            got = claim(
                conn, worker=self.worker, free=free, lease=60, kinds=["http_service"], floors=self.floors,
                turn=self.turn,
            )  # fmt: skip
        self.seconds.append(time.perf_counter() - began)
        if seen:
            seen(got)
        for each in got:
            with self.db.transaction() as conn:
                finish.finish(conn, each, _DONE, by="bench")
        return len(got)


def endpoint(conn: Conn, tenant: str, concurrency: int = 64) -> UUID:
    """A target that takes orders."""
    made, _ = endpoints.add(
        conn, tenant, name="erp", kind="http_service", address="http://127.0.0.1:9", takes=["order"],
        concurrency=concurrency,
    )  # fmt: skip
    return made.id


def enqueue(conn: Conn, tenant: str, endpoint_id: UUID, number: int) -> None:
    """So many messages, each about an object of its own."""
    execute(
        conn,
        f"""INSERT INTO outbox (tenant, id, kind, key, revision_no, endpoint_id)
            SELECT %(t)s, {_ID.format(before=0)}, 'order', gen_random_uuid()::text, 1, %(e)s
            FROM generate_series(1, %(n)s) n""",
        t=tenant, e=endpoint_id, n=number,
    )  # fmt: skip


def finished(url: str, number: int) -> None:
    """So many finished messages of the tenant that is measured."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SET synchronous_commit = off")
        for done in range(0, number, _AT_ONCE):
            conn.execute(
                f"""INSERT INTO outbox (tenant, id, kind, key, revision_no, endpoint_id, state, acknowledged_at)
                    SELECT 'bench', {_ID.format(before=f"60 * ({number - done} - n)")}, 'order',
                           gen_random_uuid()::text, 1, e.id, 'acknowledged', now()
                    FROM endpoint e, generate_series(1, %s) n WHERE e.tenant = 'bench'""".encode(),
                [min(_AT_ONCE, number - done)],
            )
        conn.execute("VACUUM (ANALYZE) outbox")  # they came in a year, not in a minute
        conn.execute("CHECKPOINT")


def database_beside(url: str, name: str) -> str:
    """An empty database of the same server, ready for work."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}"'.encode())
    made = make_url(url).set(database=name).render_as_string(hide_password=False)
    migrate.upgrade(made)
    return made


def latency(url: str, messages: int) -> list[float]:
    """The time of each claim that found something, in seconds, while so many messages are worked off."""
    db = Database(url, size=2)
    try:
        with db.transaction() as conn:
            known = endpoints.by_name(conn, "bench", "erp")
            made = known.id if known else endpoint(conn, "bench")
            enqueue(conn, "bench", made, messages)
        loop = Deliveries(db)
        while loop.step():
            pass
        return loop.seconds[:-1]
    finally:
        db.close()


def under_an_open_transaction(url: str, messages: int) -> tuple[float, float]:
    """The median claim of the first and of the last tenth, while a snapshot is held for the whole run."""
    with psycopg.connect(url) as held:
        held.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        held.execute("SELECT count(*) FROM endpoint")
        seconds = latency(url, messages)
    tenth = max(1, len(seconds) // 10)
    return median(seconds[:tenth]), median(seconds[-tenth:])


@dataclass(frozen=True, slots=True)
class Drain:
    """How long new orders waited, median seconds, while a backlog drained for ``seconds``."""

    seconds: float
    neighbour: float
    same: float
    rate: float


def drain(url: str, backlog: int, *, every: float = 0.2) -> Drain:
    """One company has a backlog; both it and its neighbour get a new order ``every`` so many seconds."""
    db = Database(url, size=2)
    ages: dict[str, list[float]] = {"busy": [], "neighbour": []}
    try:
        with db.transaction() as conn:
            targets = {tenant: endpoint(conn, tenant, concurrency=BATCH) for tenant in ages}
            enqueue(conn, "busy", targets["busy"], backlog)
        loop = Deliveries(db)
        fresh: dict[UUID, tuple[str, float]] = {}

        def seen(got: list[Claim]) -> None:
            for each in got:
                if each.id in fresh:
                    tenant, at = fresh.pop(each.id)
                    ages[tenant].append(time.perf_counter() - at)

        began = last = time.perf_counter()
        done = 0
        while got := loop.step(seen=seen):
            done += got
            if time.perf_counter() - last >= every and done < backlog:
                last = time.perf_counter()
                with db.transaction() as conn:
                    for tenant in targets:
                        made = outbox.enqueue(conn, tenant, kind="order", key=str(new_id()))
                        fresh[made] = (tenant, time.perf_counter())
        seconds = time.perf_counter() - began
        row = one_count(db)
        assert row == 0, "everything was delivered"
        return Drain(seconds, median(ages["neighbour"]), median(ages["busy"]), done / seconds)
    finally:
        db.close()


def one_count(db: Database) -> int:
    """Messages that are left."""
    with db.transaction() as conn:
        row = one(conn, "SELECT count(*) AS n FROM outbox WHERE state <> 'acknowledged'")
    assert row is not None
    return int(row["n"])
