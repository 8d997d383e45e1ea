"""The client of one endpoint: its deadline, its limits, what it sends and what it does not."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from syncd.adapters.httpclient import Client, encoded
from syncd.errors import ConfigError, SyncdError, TransportError, UnknownOutcome

Talk = Callable[[socket.socket], None]


@contextmanager
def server(talk: Talk, connections: int = 1) -> Iterator[str]:
    """A server that says these things to each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for _ in range(connections):
                wire, _ = listening.accept()
                with wire:
                    try:
                        talk(wire)
                    except OSError:  # the client went away, as it should
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/x"
        thread.join(10)
        assert not thread.is_alive()


def failed(call: Callable[[], object]) -> SyncdError:
    with pytest.raises(SyncdError) as raised:
        call()
    return raised.value


def drip(head: bytes) -> Talk:
    def talk(wire: socket.socket) -> None:
        wire.recv(65536)
        wire.sendall(head)
        while True:
            wire.sendall(b"x")
            time.sleep(0.02)

    return talk


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"])
def test_a_server_that_drips_head_or_body_is_left_at_the_deadline(head: bytes, write: bool) -> None:
    with server(drip(head)) as url:
        client = Client(url, timeout=0.4)
        began = time.monotonic()
        error = failed(lambda: client.post("/a", b"{}", {}) if write else client.get("/a"))
        assert time.monotonic() - began < 3
        client.close()
    assert type(error) is (UnknownOutcome if write else TransportError)


def test_an_answer_that_is_too_large_is_not_kept() -> None:
    def talk(wire: socket.socket) -> None:
        wire.recv(65536)
        wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)

    with server(talk, 2) as url:
        client = Client(url, timeout=5, limit=1000)
        assert failed(lambda: client.post("/a", b"{}", {})).code == "E927"
        assert failed(lambda: client.get("/a")).code == "E939"
        client.close()


def test_login_and_password_go_in_utf8_and_at_once() -> None:
    seen: list[bytes] = []

    def talk(wire: socket.socket) -> None:
        seen.append(wire.recv(65536))
        wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with server(talk) as url:
        client = Client(url, login="Сайт", password="пароль:1", timeout=5)
        assert client.get("/a", {"cursor": "a b"}).body == b"{}"
        client.close()
    expected = base64.b64encode("Сайт:пароль:1".encode())
    assert b"Authorization: Basic " + expected + b"\r\n" in seen[0]
    assert seen[0].startswith(b"GET /x/a?cursor=a+b HTTP/1.1\r\n") or b"cursor=a%20b" in seen[0]


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    def talk(wire: socket.socket) -> None:
        wire.recv(65536)
        wire.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")

    with server(talk) as url:
        client = Client(url, login="a", password="b", timeout=5)
        assert client.get("/a").status == 302
        client.close()


def test_a_half_answer_of_any_framing_is_no_answer() -> None:
    halves = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200",
        b"",
    ]
    for half in halves:

        def talk(wire: socket.socket, said: bytes = half) -> None:
            wire.recv(65536)
            wire.sendall(said)

        with server(talk) as url:
            client = Client(url, timeout=5)
            assert isinstance(failed(lambda c=client: c.post("/a", b"{}", {})), UnknownOutcome)  # type: ignore[misc]
            client.close()


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("http://h/x/", "http://h/x"),
        ("https://пример.рф/торг", "https://xn--e1afmkfd.xn--p1ai/%D1%82%D0%BE%D1%80%D0%B3"),
        ("http://h:81/a%20b", "http://h:81/a%20b"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("http://H/a b", "http://h/a%20b"),
    ],
)
def test_addresses_go_out_as_the_wire_wants_them(address: str, wire: str) -> None:
    assert encoded(address) == wire


def test_a_wrong_address_never_repeats_a_password() -> None:
    with pytest.raises(ConfigError) as raised:
        encoded("http://user:hunter2@h/x")
    assert "hunter2" not in str(raised.value)
