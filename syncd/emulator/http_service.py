"""1C as an HTTP service by our contract (docs/http-service.md), with everything that goes wrong with one on demand.

A process of its own: ``python -m syncd.emulator.http_service --port 8090 --state base.sqlite --faults 0.2``. Documents
live in a SQLite file, so that a kill -9 loses none of them. Beside the contract it answers, always and without faults:

- ``GET /emulator/documents``: what was created, ``{"documents": […], "requests": n}``;
- ``POST /emulator/set`` with any of ``{"faults": "0.2,post:blocked@1x3", "mode": "up|blocked|maintenance",
  "outage": seconds, "once": bool}``: an outage closes the port for so long.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

from syncd.emulator.http_service_faults import Behaviour, parse
from syncd.emulator.http_service_state import State
from syncd.emulator.http_service_wire import MODES, Server

_MODES: Final = ("up", *MODES)


class Service:
    """The service at a port (0: any free one). ``start`` and ``stop``, or a ``with`` block."""

    def __init__(self, state: Path, behaviour: Behaviour | None = None, *, port: int = 0) -> None:
        self.behaviour = behaviour or Behaviour()
        self.state = State(state, self.behaviour.seed)
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self.port = port
        self.requests = 0
        self._keys: dict[str, threading.Lock] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """What an endpoint has as its address."""
        return f"http://127.0.0.1:{self.port}/trade/hs/syncd"

    def start(self) -> None:
        """Listen. Raises ``OSError`` when the port is taken."""
        with self._lock:
            if self._server is None:
                self._server = self._opened()
                self.port = self._server.server_address[1]
                self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
                self._thread.start()

    def _opened(self) -> Server:
        """The port, listening."""
        return Server(("127.0.0.1", self.port), self)

    def stop(self) -> None:
        """Close the port and the file; requests that hang are let go."""
        self.stopping.set()
        self.close_port()
        self.state.close()

    def close_port(self) -> None:
        """An outage: nobody listens any more, until ``start``. Connections that are open break."""
        with self._lock:
            if self._server is not None:
                self._server.shutdown()
                self._server.server_close()
                self._server.drop_all()
                self._server = None

    def outage(self, seconds: float) -> None:
        """Close the port for so long, in the background."""

        def away() -> None:
            self.close_port()
            if not self.stopping.wait(seconds):
                self.start()

        threading.Thread(target=away, daemon=True).start()

    def set(self, wish: dict[str, Any]) -> None:
        """Change the behaviour while it runs. Raises ``ValueError``."""
        values: dict[str, Any] = {name: wish[name] for name in ("mode", "once", "refuse") if name in wish}
        if "faults" in wish:
            values["faults"] = parse(str(wish["faults"]), self.behaviour.seed)
        if values.get("mode", "up") not in _MODES:
            raise ValueError("mode: " + ", ".join(_MODES))
        self.behaviour = replace(self.behaviour, **values)
        if "outage" in wish:
            self.outage(float(wish["outage"]))

    def key_lock(self, key: str) -> threading.Lock:
        """1C locks the key while its order is written: a twin and a look-up wait for it."""
        with self._lock:
            return self._keys.setdefault(key, threading.Lock())


# --- a process of its own ---------------------------------------------------------------------------------------------


def options(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line of ``python -m syncd.emulator.http_service``."""
    parser = argparse.ArgumentParser(prog="python -m syncd.emulator.http_service", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", type=Path, help="write the address there when it listens")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default="")
    parser.add_argument("--refuse", type=float, default=0.0)
    parser.add_argument("--ignore-key", action="store_true", help="take the same Idempotency-Key again: duplicates")
    parser.add_argument("--login")
    parser.add_argument("--password-env", help="variable with the password")
    for name in ("hang", "late", "drip", "pause", "work"):
        parser.add_argument(f"--{name}", type=float, default=getattr(Behaviour(), name))
    return parser.parse_args(words)


def behaviour_of(found: argparse.Namespace) -> Behaviour:
    """What the options ask for. Raises ``ValueError``."""
    return Behaviour(
        faults=parse(found.faults, found.seed), seed=found.seed, once=not found.ignore_key, refuse=found.refuse,
        hang=found.hang, late=found.late, drip=found.drip, pause=found.pause, work=found.work, login=found.login,
        password=os.environ.get(found.password_env or "", ""),
    )  # fmt: skip


def serve(service: Service, port_file: Path | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with service:
        if port_file:
            port_file.write_text(service.url + "\n", encoding="utf-8")
        stop.wait()


def main() -> None:
    """Run from the command line."""
    found = options()
    serve(Service(found.state, behaviour_of(found), port=found.port), found.port_file)


if __name__ == "__main__":
    main()
