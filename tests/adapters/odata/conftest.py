"""A small real web server that answers as a test tells it, standing where 1C would."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

import orjson
import pytest

from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import Endpoint
from syncd.emulator.odata import OdataBase
from tests.adapters.odata import trade


@dataclass(frozen=True)
class Asked:
    """A request as it came: ``target`` is the raw address, ``path`` and ``query`` are decoded, spaces only from %20."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path).partition("standard.odata")[2].lstrip("/")

    @property
    def query(self) -> dict[str, str]:
        pairs = (part.partition("=") for part in urlsplit(self.target).query.split("&") if part)
        return {unquote(name): unquote(value) for name, _, value in pairs}


@dataclass(frozen=True)
class Reply:
    """An answer. ``cut``: bytes of the body that are sent before the connection breaks; -1 sends not even a head."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None


Handler: TypeAlias = Callable[[Asked], Reply]


def rows(*records: Mapping[str, Any], **extra: Any) -> Reply:
    """A set as 1C sends it."""
    return Reply(orjson.dumps({"value": list(records), **extra}))


def error(code: str, text: str, status: int = 400) -> Reply:
    """OData's error as 1C sends it, with its BOM."""
    body = orjson.dumps({"odata.error": {"code": code, "message": {"lang": "ru", "value": text}}})
    return Reply(b"\xef\xbb\xbf" + body, status)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that went away on purpose is no news."""


class Site:
    """The server: ``asked`` has all requests, ``answer`` is what it says next."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._news = threading.Condition()
        self.answer: Handler = lambda _: Reply(b"", 500)
        site = self

        class _Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
                with site._news:
                    site.asked.append(asked)
                    site._news.notify_all()
                reply = site.answer(asked)
                if reply.cut == -1:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
                if reply.cut is not None:
                    self.close_connection = True

            do_GET = _serve  # noqa: N815 - names the server looks for
            do_POST = _serve  # noqa: N815
            do_PATCH = _serve  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/base/odata/standard.odata"

    def wait(self, many: int) -> None:
        """Until so many requests have come."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.asked) >= many, timeout=10)

    def wrap(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Clients that a test opened on the way are closed behind it."""
    yield
    while trade.OPENED:
        trade.OPENED.pop().close()


@pytest.fixture
def base() -> Iterator[OdataBase]:
    """An emulated УТ 11 with twelve goods."""
    with OdataBase(preset="ut11", seed=1, size=12).running() as running:
        yield running


@pytest.fixture
def client(site: Site) -> Iterator[Client]:
    with Client(Endpoint(site.url, "Обмен", "тайна"), sleep=lambda _: None) as made:
        yield made
