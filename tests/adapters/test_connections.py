"""A connection that is used is not taken for one whose server left, in whatever moment httpcore looks."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from syncd.adapters.connections import Connection, Transport

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Looked(httpcore.NetworkStream):
    """A stream of which somebody may do something while another thread looks whether it can be read."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self.meanwhile: Any = lambda: None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        del timeout
        return self._wire.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        del timeout
        self._wire.sendall(buffer)

    def close(self) -> None:
        self._wire.close()

    def get_extra_info(self, info: str) -> Any:
        assert info == "is_readable"
        self.meanwhile()
        return bool(select.select([self._wire], [], [], 0)[0])


@contextmanager
def connected() -> Iterator[tuple[Looked, Connection, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        real = Looked(ours)
        yield real, Connection(real), theirs


def test_an_answer_that_is_awaited_is_no_sign_that_the_server_left() -> None:
    with connected() as (_, connection, server):
        connection.write(b"GET")
        server.sendall(ANSWER)
        assert not connection.get_extra_info("is_readable")
        assert connection.read(65536) == ANSWER
        assert not connection.get_extra_info("is_readable")


def test_a_server_that_left_is_noticed() -> None:
    with connected() as (_, connection, server):
        connection.write(b"GET")
        server.sendall(ANSWER)
        connection.read(65536)
        server.close()
        assert connection.get_extra_info("is_readable")


def test_a_request_of_another_thread_amid_the_look_counts() -> None:
    with connected() as (real, connection, server):

        def ask() -> None:
            connection.write(b"GET")
            server.sendall(ANSWER)

        real.meanwhile = ask
        assert not connection.get_extra_info("is_readable"), "asked, and the answer is there"
        connection.read(65536)

        def ask_and_read() -> None:
            ask()
            connection.read(3)

        real.meanwhile = ask_and_read
        assert not connection.get_extra_info("is_readable"), "asked, and a part of the answer is read"


def test_threads_that_share_a_few_connections_lose_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:

        def talk(wire: socket.socket) -> None:
            with wire, wire.makefile("rb") as lines:
                while lines.readline():
                    while lines.readline() not in (b"\r\n", b""):
                        pass
                    wire.sendall(ANSWER)

        def serve() -> None:
            while True:
                try:
                    wire, _ = listening.accept()
                except OSError:  # closed: the test is over
                    return
                threading.Thread(target=talk, args=(wire,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        port = listening.getsockname()[1]
        with httpx.Client(transport=Transport(4, verify=False), timeout=30) as client:
            failed: list[httpx.HTTPError] = []

            def ask() -> None:
                for _ in range(150):
                    try:
                        assert client.get(f"http://127.0.0.1:{port}/").text == "ok"
                    except httpx.HTTPError as error:
                        failed.append(error)

            threads = [threading.Thread(target=ask) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        assert failed == []
        listening.shutdown(socket.SHUT_RDWR)
