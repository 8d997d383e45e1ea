"""Calling an address that somebody else wrote down: resolved once, checked, and connected to as checked.

A webhook's address comes from outside. It must not lead into our own network (a metadata service, a database, 1C
itself), neither at once nor by a name that resolves differently a moment later.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterable
from typing import Final

import httpcore

from syncd.adapters.connections import Connection
from syncd.errors import RemoteError, TransportError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_EMBEDS_V4: Final = ipaddress.ip_network("64:ff9b::/96")  # NAT64, RFC 6052
_SocketOptions = Iterable[tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]]


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet, looking through the ways to write an IPv4 address as IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _EMBEDS_V4:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address.teredo:
            return False
        inner = address.ipv4_mapped or address.sixtofour
        if inner:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


class Guard(httpcore.NetworkBackend):
    """Connects to public addresses only, unless told otherwise, and keeps each thread's deadline.

    A name that has one private address among others is refused as a whole.
    """

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._inner = httpcore.SyncBackend()
        self._local = threading.local()

    def give(self, seconds: float) -> None:
        """So long this thread's next request may take in all, however slowly the other side drips its answer."""
        self._local.deadline = time.monotonic() + seconds
        self._local.written = False

    @property
    def written(self) -> bool:
        """Whether anything of this thread's request may have reached the other side."""
        return bool(getattr(self._local, "written", False))

    def note_written(self) -> None:
        """A part of the request is about to leave."""
        self._local.written = True

    def left(self, timeout: float | None, error: type[Exception]) -> float:
        """Seconds until the deadline, or the timeout when that is sooner. Raises ``error`` when none are left."""
        seconds = float(getattr(self._local, "deadline", time.monotonic() + 60.0)) - time.monotonic()
        if seconds <= 0:
            raise error("the time for the whole request is over")
        return min(seconds, timeout) if timeout is not None else seconds

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: _SocketOptions | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        """Resolve, check, connect to what was checked. Raises ``RemoteError`` E940, ``TransportError`` E944."""
        failure: Exception | None = None
        for address in self.resolve(host, port):
            try:
                stream = self._inner.connect_tcp(
                    str(address), port, self.left(timeout, httpcore.ConnectTimeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            return Connection(stream, self.left, self.note_written)
        raise failure or httpcore.ConnectError("no address")

    def resolve(self, host: str, port: int) -> list[Address]:
        """The addresses of a name, all of them allowed. Raises ``RemoteError`` E940, ``TransportError`` E944."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            detail = getattr(error, "strerror", None) or type(error).__name__
            raise TransportError("E944", host=host, detail=detail) from None
        addresses = list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))
        for address in addresses:
            if not self._allow_private and not is_public(address):
                raise RemoteError("E940", host=host, address=str(address))
        return addresses

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: _SocketOptions | None = None
    ) -> httpcore.NetworkStream:
        """Never: an address from outside must not name a socket of this machine."""
        del timeout, socket_options
        raise RemoteError("E940", host=path, address="unix")
