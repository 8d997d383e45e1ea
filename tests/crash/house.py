"""The roles of syncd as real processes, and what it takes to stop them at a chosen moment."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self, TypeVar

import httpx
import psycopg
from psycopg.rows import DictRow, dict_row

from syncd.cli.runtime import Servers
from syncd.cli.supervisor import Supervisor
from syncd.embedded import Embedded
from syncd.emulator.client import StandardClient
from syncd.errors import SyncdError
from syncd.store import access
from syncd.store.db import Database

LOGIN, PASSWORD = "1c", "secret"
PATIENCE = 45.0
"""Seconds after which something that should happen counts as not happening."""
Value = TypeVar("Value")


def until(ask: Callable[[], Value], what: str, *, patience: float = PATIENCE) -> Value:
    """Ask again and again until the answer is true."""
    deadline = time.monotonic() + patience
    while not (found := ask()):
        assert time.monotonic() < deadline, f"in vain: {what}"
        threading.Event().wait(0.01)
    return found


class House:
    """The roles over one database, started again when they die; and a look into Postgres."""

    def __init__(
        self, database_url: str, redis_url: str | None, embedded: Embedded | None = None, **roles: Any
    ) -> None:
        self.database_url = database_url
        self.supervisor = Supervisor(Servers(database_url, redis_url, embedded), "127.0.0.1", 0, **roles)
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._mend, name="mend")
        self.mends = 0

    def __enter__(self) -> Self:
        self.supervisor.__enter__()
        assert "api" not in self.supervisor.roles or self.supervisor.wait_until_ready(self._stop)
        self._watch.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._watch.join()
        self.supervisor.stop()

    def _mend(self) -> None:
        while not self._stop.wait(0.1):
            with suppress(SyncdError):  # a server that is on its way down is started at the next look
                self.supervisor.mend()
            self.mends += 1

    @property
    def address(self) -> str:
        """Where the API answers."""
        return self.supervisor.address

    def kill(self, role: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to a role; its process."""
        pid = self.supervisor.pid(role)
        os.kill(pid, number)
        return pid

    def rows(self, query: str) -> list[DictRow]:
        """What Postgres holds."""
        with psycopg.Connection[DictRow].connect(self.database_url, row_factory=dict_row) as conn:
            return conn.execute(query.encode()).fetchall()

    def one(self, query: str) -> Any:
        """The first value there."""
        return next(iter(self.rows(query)[0].values()))

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Nobody else reads or writes this table for as long as the block lasts."""
        with psycopg.connect(self.database_url) as conn:
            conn.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
            yield
            conn.rollback()

    def someone_waits_for(self, table: str) -> bool:
        """Whether a backend waits for the lock on the table."""
        return bool(self.one(f"SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{table}'::regclass"))

    def is_idle(self) -> bool:
        """Whether every package has ended."""
        return not self.one("SELECT count(*) FROM package WHERE state IN ('queued', 'importing')")


def let_in(database_url: str) -> str:
    """An infobase and a storefront; the storefront's key."""
    db = Database(database_url, size=1)
    try:
        with db.transaction() as conn:
            access.add_infobase(conn, "default", "trade", LOGIN, PASSWORD, dialect="auto", zone="Europe/Moscow")
            return access.create_key(conn, "default", "shop", "shop", ["read", "orders"])
    finally:
        db.close()


def onec(address: str, **options: Any) -> StandardClient:
    """The emulated 1C."""
    return StandardClient(address + "/1c_exchange", LOGIN, PASSWORD, timeout=30, **options)


def again(run: Callable[[], Value], *, patience: float = PATIENCE) -> Value:
    """As the schedule of 1C does: what failed is done again, until it ends well."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return run()
        except SyncdError:
            assert time.monotonic() < deadline, "the exchange never ended well"
            threading.Event().wait(0.1)


def place(address: str, key: str, number: str, *, patience: float = PATIENCE) -> httpx.Response:
    """A storefront that repeats its request, with the same key, until it is answered."""
    body = {
        "number": number,
        "customer": {"name": f"Покупатель {number}", "phone": "+7 900 000-00-00"},
        "lines": [{"offer_id": "b7a64c0e-0000-4000-8000-000000000001", "name": "Стул", "quantity": "1", "price": "10"}],
    }
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": f"key-{number}"}
    deadline = time.monotonic() + patience
    while True:
        with suppress(httpx.TransportError):
            answer = httpx.post(f"{address}/v1/orders", json=body, headers=headers, timeout=20, trust_env=False)
            if answer.status_code in {200, 201}:
                return answer
            assert answer.status_code in {409, 503}, answer.text
        assert time.monotonic() < deadline, f"order {number} was never answered"
        threading.Event().wait(0.05)
