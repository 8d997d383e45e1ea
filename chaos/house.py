"""Real processes: Postgres and Valkey, the roles of syncd, an emulated 1C per tenant. What dies is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self, TypeVar

import httpx
import psutil
import psycopg

from chaos.odata_base import Trade
from chaos.plan import FAULTS, Tenant, Via
from syncd import embedded
from syncd.api.server import free_port
from syncd.embedded.account import processes
from syncd.errors import SyncdError
from syncd.store import access, endpoints, migrate, secrets
from syncd.store.db import Database

ROLES: Final = ("api", "worker-1", "worker-2", "scheduler")
SETTINGS: Final = {
    "SYNCD_WORKER__LEASE_SECONDS": "8",
    "SYNCD_WORKER__POLL_SECONDS": "0.5",
    "SYNCD_WORKER__DELIVERY_THREADS": "12",
    "SYNCD_DELIVERY__LOOKS_SECONDS": "[1, 2, 4]",
    "SYNCD_HEALTH__INTERVAL_SECONDS": "2",
    "SYNCD_HEALTH__DOWN_INTERVAL_SECONDS": "1",
    "SYNCD_LOG__LEVEL": "warning",
    "SYNCD_LOG__FORMAT": "json",
    "SYNCD_LANG": "en",
}
Value = TypeVar("Value")


def until(ask: Callable[[], Value], what: str, *, patience: float) -> Value:
    """Ask until the answer is true. Raises ``TimeoutError``."""
    deadline = time.monotonic() + patience
    while not (found := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)
    return found


@dataclass
class House:
    """Use it as a context manager. ``folder`` holds all data and logs."""

    folder: Path
    seed: int
    tenants: tuple[Tenant, ...]
    via: Via = "http"
    offer: str = "b7a6"
    secret: str = field(default_factory=secrets.new_key)
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _commands: dict[str, list[str]] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _mender: threading.Thread | None = None
    starts: int = 0

    def __enter__(self) -> Self:
        self.servers = embedded.start(self.folder / "home")
        migrate.upgrade(self.servers.database_url)
        self.port = free_port("127.0.0.1")
        self.keys = self._furnish()
        for role in ROLES:
            name = role.partition("-")[0]
            self._commands[role] = [sys.executable, "-m", "syncd", name]
        self._commands["api"] += ["--host", "127.0.0.1", "--port", str(self.port)]
        for role in ROLES:
            self._spawn(role)
        self._mender = threading.Thread(target=self._mend, name="mender")
        self._mender.start()
        until(self._ready, "the API answers", patience=60)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._mender:
            self._mender.join()
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self._processes.values():
            try:
                process.wait(12)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        embedded.stop(self.folder / "home")

    @property
    def address(self) -> str:
        """Where the API answers."""
        return f"http://127.0.0.1:{self.port}"

    def service(self, tenant: Tenant) -> str:
        """The control address of a tenant's 1C."""
        return f"http://127.0.0.1:{self.ports[tenant.name]}/emulator"

    def state_of(self, tenant: Tenant) -> Path:
        """The file of a tenant's 1C."""
        return self.folder / f"{tenant.name}.sqlite"

    def rows(self, query: str, *parameters: object) -> list[tuple[object, ...]]:
        """What Postgres holds; waits while it is away."""
        deadline = time.monotonic() + 30
        while True:
            try:
                with psycopg.connect(self.servers.database_url, connect_timeout=3) as conn:
                    return conn.execute(query.encode(), parameters).fetchall()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    # --- breaking -----------------------------------------------------------------------------------------------------

    def signal(self, role: str, number: int) -> None:
        """Send a signal to a role or to a tenant's 1C."""
        with suppress(ProcessLookupError):
            os.kill(self._processes[role].pid, number)

    def signal_server(self, name: str, number: int) -> None:
        """Send a signal to Postgres' first process, or to all of it, or to Valkey."""
        folder = self.servers.home / ("postgres" if name == "postgres" else "valkey")
        found = processes("postgres" if name == "postgres" else "valkey-server", folder)
        if not found:
            return
        first = min(found, key=lambda process: process.create_time())
        whole = [first, *first.children(recursive=True)] if number in {signal.SIGSTOP, signal.SIGCONT} else [first]
        for process in whole:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    # --- building -----------------------------------------------------------------------------------------------------

    def _furnish(self) -> dict[str, str]:
        self.ports = {}
        database = Database(self.servers.database_url, size=1)
        keys = {}
        trade = Trade(self.seed) if self.via == "odata" else None
        if trade is not None:
            self.offer = trade.offer
        for tenant in self.tenants:
            port = self.ports[tenant.name] = free_port("127.0.0.1")
            self._commands[tenant.name] = trade.command(port, self.state_of(tenant)) if trade else [
                sys.executable, "-m", "syncd.emulator.http_service", "--port", str(port), "--state",
                str(self.state_of(tenant)), "--seed", str(self.seed), "--faults", FAULTS,
                "--hang", "4", "--late", "3", "--drip", "0.01", "--pause", "1", "--work", "0.01",
                *(["--ignore-key"] if tenant.ignores_key else []),
            ]  # fmt: skip
            self._spawn(tenant.name)
            with database.transaction() as conn:
                infobase = access.add_infobase(
                    conn, tenant.name, "trade", tenant.name, "x" * 16, dialect="auto", zone="Europe/Moscow"
                )
                if trade is not None:
                    trade.furnish(conn, tenant.name, infobase, port, self.folder, secrets.Keys([self.secret]))
                else:
                    endpoints.add(
                        conn, tenant.name, name="erp", kind="http_service", infobase_id=infobase, concurrency=8,
                        address=f"http://127.0.0.1:{port}/trade/hs/syncd", takes=["order"], timeout_seconds=1.5,
                    )  # fmt: skip
                keys[tenant.name] = access.create_key(conn, tenant.name, "shop", "shop", ["read", "orders"])
        database.close()
        return keys

    def _spawn(self, name: str) -> None:
        environment = {
            **os.environ, **SETTINGS, "SYNCD_HOME": str(self.folder / "home"),
            "SYNCD_SECRET_KEY": self.secret, "SYNCD_DATABASE_URL": self.servers.database_url,
            "SYNCD_REDIS_URL": self.servers.redis_url,
        }  # fmt: skip
        with (self.folder / f"{name}.log").open("ab") as out:
            self._processes[name] = subprocess.Popen(  # our own modules
                self._commands[name], env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        self.starts += 1

    def _mend(self) -> None:
        while not self._stopping.wait(0.2):
            with suppress(SyncdError):  # a server on its way down is started at the next look
                self.servers.ensure_alive()
            for name, process in list(self._processes.items()):
                if process.poll() is not None and not self._stopping.is_set():
                    self._spawn(name)

    def _ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.address}/health/ready", timeout=2.0, trust_env=False).status_code == 200
        return False
