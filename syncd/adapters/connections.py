"""Connections for httpx and httpcore that are not closed under a thread which uses them.

httpcore looks whether a connection is idle, then whether it can be read, which would tell of a server that left. No
lock holds over both: between the two another thread takes the connection and gets its answer, and httpcore closes it
under that thread. The answer is lost, and a good delivery has an unknown outcome. It takes a busy machine.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any, Final

import httpcore
import httpx

_KEPT_SECONDS: Final = 15.0
"""So long a connection is kept after its last answer."""
Cut = Callable[[float | None, type[httpcore.TimeoutException]], float | None]
"""Makes of a timeout what is left of the call, in seconds; raises the given exception where nothing is."""


def _uncut(timeout: float | None, _late: type[httpcore.TimeoutException]) -> float | None:
    return timeout


def _nobody() -> None:
    return


class Connection(httpcore.NetworkStream):
    """Something to be read tells of a server that left only while nobody uses the connection. ``writing`` is called
    before a part of a request leaves.
    """

    def __init__(
        self, real: httpcore.NetworkStream, cut: Cut = _uncut, writing: Callable[[], None] = _nobody
    ) -> None:  # fmt: skip
        self._real = real
        self._cut = cut
        self._writing = writing
        self._uses = 0
        self._awaited = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._real.read(max_bytes, self._cut(timeout, httpcore.ReadTimeout))
        self._awaited = False
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._uses += 1
        self._awaited = True
        self._writing()
        self._real.write(buffer, self._cut(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._real.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout = self._cut(timeout, httpcore.ConnectTimeout)
        return Connection(self._real.start_tls(ssl_context, server_hostname, timeout), self._cut, self._writing)

    def get_extra_info(self, info: str) -> Any:
        if info != "is_readable":
            return self._real.get_extra_info(info)
        before = self._uses
        readable = self._real.get_extra_info(info)  # others may run meanwhile
        return readable and not self._awaited and before == self._uses


class Backend(httpcore.NetworkBackend):
    """Makes such connections."""

    def __init__(self, cut: Cut = _uncut) -> None:
        self._cut = cut
        self._real = httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        timeout = self._cut(timeout, httpcore.ConnectTimeout)
        return Connection(self._real.connect_tcp(host, port, timeout, local_address, socket_options), self._cut)

    def sleep(self, seconds: float) -> None:
        self._real.sleep(seconds)


class Transport(httpx.HTTPTransport):
    """httpx's own transport over such connections, ``concurrency`` at most, deaf to the environment. ``settings`` are
    httpx's.
    """

    def __init__(self, concurrency: int, *, cut: Cut = _uncut, **settings: Any) -> None:
        limits = httpx.Limits(
            max_connections=concurrency, max_keepalive_connections=concurrency, keepalive_expiry=_KEPT_SECONDS
        )
        super().__init__(trust_env=False, limits=limits, **settings)
        self._pool._network_backend = Backend(cut)
