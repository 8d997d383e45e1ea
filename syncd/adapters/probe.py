"""The way to an address, step by step and timed: name, connection, TLS. For a person who asks where it breaks."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

from syncd.adapters import failures
from syncd.adapters.httpclient import CONNECT_SECONDS, encoded, trust
from syncd.adapters.odata.problems import clean
from syncd.adapters.ports import PingStep
from syncd.errors import SyncdError


@dataclass(frozen=True, slots=True)
class Step:
    """One step: how long it took, and why it failed if it did. ``about``: the address found, the certificate's end."""

    step: PingStep
    ms: float
    error: SyncdError | None = None
    about: str = ""


def steps(address: str, *, ca: str | None = None, timeout: float = CONNECT_SECONDS) -> list[Step]:
    """The steps up to the first that fails; nothing is sent. Raises ``ConfigError`` E937 for a wrong address."""
    parts = urlsplit(encoded(address))
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    context = trust(parts.geturl(), ca) if parts.scheme == "https" else None
    found: list[Step] = []
    with ExitStack() as stack:
        began = time.perf_counter()
        step: PingStep = "name"
        try:
            where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            found.append(Step(step, _since(began), about=str(where[4][0])))
            step, began = "connection", time.perf_counter()
            wire = stack.enter_context(socket.create_connection((host, port), timeout=timeout))
            found.append(Step(step, _since(began), about=f"port {port}"))
            if context is not None:
                step, began = "tls", time.perf_counter()
                secure = stack.enter_context(context.wrap_socket(wire, server_hostname=host))
                found.append(Step(step, _since(began), about=_certificate(secure)))
        except OSError as error:  # gaierror, SSLError and TimeoutError are all one
            detail = clean(f"{type(error).__name__}: {error}")
            found.append(Step(step, _since(began), failures.unconnected([error], parts.netloc, detail)))
    return found


def _certificate(secure: ssl.SSLSocket) -> str:
    known = secure.getpeercert() or {}
    return f"{secure.version()}, {known.get('notAfter', '')}".strip(", ")


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
