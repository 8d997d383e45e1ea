"""Runs the roles as child processes of one terminal, starts again what dies, and keeps the embedded servers alive."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import httpx
import structlog

from syncd.api.server import free_port
from syncd.cli.runtime import Servers
from syncd.errors import ConfigError

log = structlog.get_logger(__name__)

ROLES: Final = ("api", "worker", "scheduler")
_GRACE_SECONDS: Final = 8.5  # within the ten seconds that a stop may take
_PAUSE_SECONDS: Final = 1.0  # before a role that died is started again
_READY_SECONDS: Final = 60.0


@dataclass(slots=True)
class _Child:
    role: str
    process: subprocess.Popen[bytes]
    restarts: int = 0
    again_at: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Use it as a context manager: leaving it stops all roles. ``roles`` are those to run."""

    servers: Servers
    host: str
    port: int
    roles: tuple[str, ...] = ROLES
    _children: dict[str, _Child] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where the API answers."""
        return f"http://{self.host}:{self.port}"

    def __enter__(self) -> Self:
        self.port = self.port or free_port(self.host)
        try:
            for role in self.roles:
                self._children[role] = _Child(role, self._spawn(role))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait_until_ready(self, stop: threading.Event) -> bool:
        """Wait until the API takes orders. ``False`` when told to stop. Raises ``ConfigError`` when a role cannot
        start.
        """
        deadline = time.monotonic() + _READY_SECONDS
        while not stop.is_set():
            for child in self._children.values():
                code = child.process.poll()
                if code not in (None, 0) and child.restarts == 0:
                    raise ConfigError("E408", role=child.role, status=code)
            try:
                if httpx.get(f"{self.address}/health/ready", timeout=2.0, trust_env=False).status_code == 200:
                    return True
            except httpx.HTTPError:
                pass  # it is starting
            if time.monotonic() > deadline:
                raise ConfigError("E408", role="api", status="no answer")
            stop.wait(0.1)
        return False

    def watch(self, stop: threading.Event) -> None:
        """Start again what dies, until told to stop."""
        while not stop.wait(0.25):
            self.mend()

    def mend(self) -> None:
        """Look once: servers and roles that died are started again."""
        own = self.servers.embedded
        if own is not None and (started := own.ensure_alive()):
            log.warning("embedded servers were started again", servers=started)
        now = time.monotonic()
        for child in self._children.values():
            code = child.process.poll()
            if code is None:
                continue
            if child.again_at == 0.0:
                log.error("a role ended and is started again", role=child.role, status=code)
                child.again_at = now + _PAUSE_SECONDS
            elif now >= child.again_at:
                _let_go(child.process)
                child.process, child.again_at = self._spawn(child.role), 0.0
                child.restarts += 1

    def stop(self) -> None:
        """Ask all roles to stop, wait, and end what is left."""
        for child in self._children.values():
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + _GRACE_SECONDS
        for child in self._children.values():
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("a role did not stop in time and is killed", role=child.role)
                child.process.kill()
                child.process.wait()
            _let_go(child.process)
        self._children.clear()

    def pid(self, role: str) -> int:
        """The process of a role."""
        return self._children[role].process.pid

    def _spawn(self, role: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "SYNCD_DATABASE_URL": self.servers.database_url}
        if self.servers.redis_url:
            environment["SYNCD_REDIS_URL"] = self.servers.redis_url
        command = [sys.executable, "-m", "syncd", role, "--supervised"]
        if role == "api":
            command += ["--host", self.host, "--port", str(self.port)]
        # a session of its own: Ctrl-C reaches us alone, and we stop the roles in order
        return subprocess.Popen(  # noqa: S603 - our own module
            command, env=environment, stdin=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """Close our end of its pipe; the process has ended."""
    if process.stdin:
        process.stdin.close()
