"""An honest site of the exchange that misbehaves on demand: what the emulated 1C talks to in its own tests."""

from __future__ import annotations

import base64
import io
import threading
import zipfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

LOGIN, PASSWORD = "обмен", "pa:ss"
COOKIE = ("site_session", "0f1e2d")
EMPTY = '<?xml version="1.0" encoding="windows-1251"?><КоммерческаяИнформация ВерсияСхемы="2.07"/>'


@dataclass(slots=True)
class Reply:
    """One answer of the site."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Request:
    """What came from 1C."""

    method: str
    target: str
    type: str
    mode: str
    filename: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


Misbehaviour = Callable[[Request], Reply | None]


class HonestSite:
    """A site on 127.0.0.1 that keeps every rule, unless ``misbehave[mode]`` answers instead of it."""

    def __init__(self) -> None:
        self.zip = False
        self.file_limit = 1 << 20
        self.orders = EMPTY.encode("cp1251")
        self.misbehave: dict[str, Misbehaviour] = {}
        self.requests: list[Request] = []
        self.files: dict[str, bytes] = {}
        self.imported: dict[str, list[bytes]] = defaultdict(list)
        self.confirmed = 0
        self._lock = threading.Lock()
        self._uploading: dict[str, bytes] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/exchange"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def modes(self) -> list[str]:
        """The dialogue so far, as type/mode."""
        return [f"{request.type}/{request.mode}" for request in self.requests]

    def answer(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
        strange = self.misbehave.get(request.mode)
        reply = strange(request) if strange else None  # outside of the lock: it may wait for a later request
        if reply:
            return reply
        with self._lock:
            return self._honest(request)

    def _honest(self, request: Request) -> Reply:
        expected = "Basic " + base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != expected:
            return Reply(b"failure\nwrong password", status=401)
        if request.mode == "checkauth":
            return Reply(f"success\n{COOKIE[0]}\n{COOKIE[1]}\nsessid=abc\ntimestamp=1700000000".encode())
        if request.headers.get("cookie") != "=".join(COOKIE):
            return Reply(b"failure\nno session")
        answers = {"init": self._init, "file": self._file, "import": self._import, "query": self._query}
        return answers.get(request.mode, self._success)(request)

    def _init(self, request: Request) -> Reply:
        self._uploading = {}
        lines = f"zip={'yes' if self.zip else 'no'}\nfile_limit={self.file_limit}"
        if "version" in request.query:
            lines += "\nsessid=abc\nversion=2.09"
        return Reply(lines.encode())

    def _file(self, request: Request) -> Reply:
        if len(request.body) != int(request.headers["content-length"]):
            return Reply(b"failure\nincomplete")
        if len(request.body) > self.file_limit > 0:
            return Reply(b"failure\npart is too long")
        before = (
            b""
            if request.body.startswith((b"\xef\xbb\xbf<?xml", b"<?xml", b"PK\3\4"))
            else self._uploading.get(request.filename, b"")
        )
        self._uploading[request.filename] = before + request.body
        return Reply(b"success\n")

    def _import(self, request: Request) -> Reply:
        for content in list(self._uploading.values()):
            if content.startswith(b"PK"):
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    self._uploading.update({name: archive.read(name) for name in archive.namelist()})
        if request.filename not in self._uploading:
            return Reply(b"failure\nno such file")
        self.files.update(self._uploading)
        self.imported[request.filename].append(self._uploading[request.filename])
        return Reply(b"success")

    def _query(self, request: Request) -> Reply:
        return Reply(self.orders, "application/xml; charset=windows-1251")

    def _success(self, request: Request) -> Reply:
        self.confirmed += request.mode == "success"
        return Reply(b"success")


def _handler(site: HonestSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # one packet an answer: Nagle would wait 40 ms for the acknowledgement of its head

        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length)
            query = dict(part.partition("=")[::2] for part in self.path.rpartition("?")[2].split("&") if part)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(
                self.command,
                self.path,
                query.get("type", ""),
                query.get("mode", ""),
                unquote(query.get("filename", "")),
                query,
                headers,
                body,
            )
            reply = site.answer(request)
            try:
                self.send_response(reply.status)
                for name, value in {
                    "Content-Type": reply.content_type,
                    "Content-Length": str(len(reply.body)),
                    **reply.headers,
                }.items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)
                self.wfile.flush()
            except OSError:
                self.close_connection = True  # 1C hung up before the answer

        do_GET = _serve  # noqa: N815 - the name the server calls
        do_POST = _serve  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Tests look at ``requests`` instead."""

    return Handler
