"""The publication on a socket of 127.0.0.1: Basic login, sessions, faults, a log of what was asked."""

from __future__ import annotations

import time
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from hmac import compare_digest
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from threading import Lock
from typing import Final, Protocol
from urllib.parse import unquote

from syncd.emulator.odata import pages
from syncd.emulator.odata.answers import Format
from syncd.emulator.odata.faults import Fault, OdataFaults
from syncd.emulator.odata.refusals import Language, ODataRefusal, handler_failed
from syncd.emulator.odata.refusals import failed as refused
from syncd.emulator.odata.service import JSON, Answer, Asked
from syncd.emulator.odata.sessions import SessionLost, Sessions

_AT_ONCE: Final = 1 << 20
_DRIP: Final = 16
_KEPT: Final = 100_000
_BEFORE: Final = frozenset((
    Fault.BLOCKED, Fault.POOL, Fault.LICENCE, Fault.CRASH, Fault.LOGIN_PAGE, Fault.MAINTENANCE, Fault.UNAUTHORIZED,
    Fault.NOT_FOUND, Fault.BAD_GATEWAY, Fault.UNAVAILABLE, Fault.SESSION_LOST,
))  # fmt: skip
_WRITING: Final = ("POST", "PUT", "PATCH", "MERGE", "DELETE")


@dataclass(slots=True)
class Heard:
    """One line of the log: what was asked, and what became of it.

    ``status`` 0: no answer reached the client. ``written``: the base was changed.
    """

    method: str
    path: str
    query: str
    status: int = 0
    fault: Fault | None = None
    written: bool = False
    sent: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Log:
    """The latest requests, oldest first. ``listener`` is told of each when it is over, ``struck`` of each fault before
    it does its harm: method, path, fault, body.
    """

    requests: deque[Heard] = field(default_factory=lambda: deque(maxlen=_KEPT))
    listener: Callable[[Heard], None] | None = None
    struck: Callable[[str, str, str, bytes], None] | None = None
    _lock: Lock = field(default_factory=Lock)

    def add(self, heard: Heard) -> None:
        """A request is over."""
        with self._lock:
            self.requests.append(heard)
            if self.listener:
                self.listener(heard)


class Answering(Protocol):
    """What the server serves."""

    def answer(self, asked: Asked) -> Answer:
        """1C's answer; raises ``ODataRefusal``."""
        ...

    def format_of(self, asked: Asked) -> Format:
        """How errors are to be written."""
        ...


@dataclass(slots=True)
class Publication:
    """Everything a handler needs. ``prefix`` is the path of the service, such as ``/ut/odata/standard.odata``."""

    service: Answering
    prefix: str
    user: str
    password: str
    faults: OdataFaults
    sessions: Sessions
    log: Log
    lock: AbstractContextManager[object]
    language: Language = Language.RU
    length_required: bool = False
    blocked: bool = False


class Server(ThreadingHTTPServer):
    """Serves one publication; threads end with the process."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, publication: Publication) -> None:
        self.publication = publication
        self._open: set[socket] = set()
        super().__init__(("127.0.0.1", port), Handler)

    def process_request(self, request: socket, client_address: object) -> None:  # type: ignore[override]
        """A connection came."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket) -> None:  # type: ignore[override]
        """A connection is over."""
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """A base that is down answers nobody, on connections kept open neither."""
        super().server_close()
        for connection in list(self._open):
            with suppress(OSError):  # the client was quicker
                connection.shutdown(SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is no matter; anything else is ours, and shown."""
        import sys

        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Dropped(Exception):
    """The connection is to be cut."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The log is kept elsewhere."""

    def handle_any(self) -> None:
        """One request from beginning to end."""
        publication = self.server.publication
        started = time.monotonic()
        raw_path, _, query = self.path.partition("?")
        path = unquote(raw_path)
        inside = path.removeprefix(publication.prefix).strip("/")
        heard = Heard(self.command, inside, unquote(query))
        try:
            body = self._read()
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, inside, query, headers, body or b"")
            known = path == publication.prefix or path.startswith(publication.prefix + "/")
            answer = self._checked(asked, body, heard) if known else pages.page(Fault.NOT_FOUND)
            assert answer
            heard.status, heard.written = answer.status, answer.written
            self._send(answer, heard)
        except (_Dropped, ConnectionError):
            heard.status = 0
            self.close_connection = True
        finally:
            heard.seconds = time.monotonic() - started
            publication.log.add(heard)

    do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815
    do_PATCH = do_DELETE = do_MERGE = do_OPTIONS = handle_any  # noqa: N815

    def _read(self) -> bytes | None:
        """The body; None when its length was not told."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        length = self.headers.get("Content-Length")
        return None if length is None else self.rfile.read(int(length))

    # -- from the outside inwards

    def _checked(self, asked: Asked, body: bytes | None, heard: Heard) -> Answer:
        """The web server's own say, then faults, then 1C."""
        publication = self.server.publication
        if publication.length_required and body is None and asked.method in _WRITING:
            return pages.answer(pages.LENGTH_REQUIRED)
        heard.fault = fault = publication.faults.strike(asked.method, asked.path)
        if fault is not None and publication.log.struck:
            publication.log.struck(asked.method, asked.path, fault.value, asked.body)
        if fault is Fault.DROP_BEFORE:
            raise _Dropped
        if fault is Fault.SLOW:
            time.sleep(publication.faults.slow)
        page = pages.page(fault) if fault in _BEFORE else None
        if page is None and not self._known_user(asked):
            page = pages.page(Fault.UNAUTHORIZED)
        if page is None and publication.blocked:
            page = pages.page(Fault.BLOCKED)
        if page is not None:
            return page
        if not publication.sessions.enter():
            return pages.answer((406, "text/html", b"<html><body>406 Not Acceptable</body></html>"))
        try:
            answer = self._from_1c(asked, fault)
        finally:
            publication.sessions.leave()
        if fault is Fault.DROP_AFTER_COMMIT:
            heard.written = answer.written
            raise _Dropped
        if fault is Fault.TIMEOUT_AFTER_COMMIT:
            late = pages.page(fault)
            assert late
            late.written = answer.written
            return late
        return answer

    def _known_user(self, asked: Asked) -> bool:
        """Basic, in UTF-8 and nothing else."""
        publication = self.server.publication
        scheme, _, text = asked.headers.get("authorization", "").partition(" ")
        expected = f"{publication.user}:{publication.password}".encode()
        try:
            return scheme.lower() == "basic" and compare_digest(b64decode(text, validate=True), expected)
        except ValueError:
            return False

    def _from_1c(self, asked: Asked, fault: Fault | None) -> Answer:
        """1C's answer, its refusal included. The first of the body is made while nobody writes."""
        publication = self.server.publication
        try:
            wanted = asked.headers.get("ibsession", "").lower()
            cookie = publication.sessions.cookie(wanted, _session_of(asked.headers.get("cookie", "")))
        except SessionLost:
            lost = pages.page(Fault.SESSION_LOST)
            assert lost
            return lost
        try:
            if fault is Fault.HANDLER:
                raise handler_failed("ПриЗаписи", "{ОбщийМодуль.ОбщегоНазначения.Модуль(180)}: Сбой по сценарию")
            if fault is Fault.LOCK:
                raise refused(
                    "Конфликт блокировок при выполнении транзакции:\nПревышено время ожидания предоставления блокировки"
                )
            with publication.lock:
                answer = publication.service.answer(asked)
                answer.body = _begun(answer.body)
        except ODataRefusal as refusal:
            answer = self._refusal(asked, refusal)
        if cookie:
            answer.headers["Set-Cookie"] = cookie
        return answer

    def _refusal(self, asked: Asked, refusal: ODataRefusal) -> Answer:
        publication = self.server.publication
        if publication.service.format_of(asked) is Format.JSON:
            return Answer(refusal.status, JSON.format("minimalmetadata"), [refusal.as_json(publication.language)])
        return Answer(refusal.status, "application/xml;charset=utf-8", [refusal.as_xml(publication.language)])

    # -- sending

    def _send(self, answer: Answer, heard: Heard) -> None:
        pieces = list(answer.body) if not isinstance(answer.body, _Begun) or answer.body.whole else None
        self.send_response_only(answer.status)
        self.send_header("Server", "Microsoft-IIS/10.0")
        self.send_header("Date", self.date_time_string())
        if answer.content_type and answer.status != 204:
            self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            # 1C writes Location in raw UTF-8; the library writes headers in latin-1.
            self.send_header(name, value.encode().decode("latin-1"))
        if pieces is not None:
            self.send_header("Content-Length", str(sum(map(len, pieces))))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command == "HEAD":
            return
        if pieces is not None:
            self._body(b"".join(pieces), heard)
            return
        for piece in _gathered(iter(answer.body)):
            self.wfile.write(b"%X\r\n%b\r\n" % (len(piece), piece))
            heard.sent += len(piece)
            if heard.fault is Fault.CUT:
                self._cut()
        self.wfile.write(b"0\r\n\r\n")

    def _body(self, body: bytes, heard: Heard) -> None:
        if heard.fault is Fault.CUT:
            self.wfile.write(body[: len(body) // 2])
            self._cut()
        if heard.fault is Fault.DRIP:
            for place in range(0, len(body), _DRIP):
                self.wfile.write(body[place : place + _DRIP])
                self.wfile.flush()
                time.sleep(self.server.publication.faults.drip)
        else:
            self.wfile.write(body)
        heard.sent = len(body)

    def _cut(self) -> None:
        self.wfile.flush()
        raise _Dropped


def _session_of(cookie: str) -> str:
    found = SimpleCookie(cookie).get("ibsession") if cookie else None
    return found.value if found else ""


class _Begun:
    """A body of which the first megabyte is made; ``whole``: that is all of it."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._first: list[bytes] = []
        self._rest = pieces
        size = 0
        self.whole = True
        for piece in pieces:
            self._first.append(piece)
            size += len(piece)
            if size > _AT_ONCE:
                self.whole = False
                break

    def __iter__(self) -> Iterator[bytes]:
        yield from self._first
        if not self.whole:
            yield from self._rest


def _begun(body: object) -> _Begun:
    assert hasattr(body, "__iter__")
    return _Begun(iter(body))


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """In portions of 64 KiB and more."""
    kept: list[bytes] = []
    size = 0
    for piece in pieces:
        kept.append(piece)
        size += len(piece)
        if size >= 1 << 16:
            yield b"".join(kept)
            kept, size = [], 0
    if kept:
        yield b"".join(kept)
