"""The wire of the emulated HTTP service: what is asked, what is answered, and how it breaks."""

from __future__ import annotations

import base64
import json
import select
import socket
import sys
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

from syncd.emulator.dice import Dice, guid
from syncd.emulator.http_service_answers import Reply, broken, of, refusal
from syncd.emulator.http_service_faults import Behaviour, Fault, Place

if TYPE_CHECKING:
    from syncd.emulator.http_service import Service

MODES: Final = {"blocked": Fault.BLOCKED, "maintenance": Fault.MAINTENANCE}
"""States of the whole base, by the fault that every request meets."""
_BEFORE: Final = frozenset({Fault.DROP_BEFORE, Fault.TIMEOUT_BEFORE})
_PAGE: Final = 100


class Server(ThreadingHTTPServer):
    """The open port of a service."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], service: Service, handler: type[Handler] | None = None) -> None:
        self.service = service
        self._open: set[socket.socket] = set()
        super().__init__(address, handler or Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def drop_all(self) -> None:
        """Break what is still open."""
        for connection in list(self._open):
            _reset(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # that the caller went away is no news
            super().handle_error(request, client_address)


def _reset(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # gone already
        return


class Handler(BaseHTTPRequestHandler):
    """One connection of a caller. What is asked and answered is a subclass's own; how it breaks is not."""

    protocol_version = "HTTP/1.1"
    server: Server
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet

    def do_GET(self) -> None:
        self._answer("GET", b"")

    def do_POST(self) -> None:
        self._answer("POST", self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def log_message(self, *_: Any) -> None:  # the journal of syncd tells the story
        return

    # --- what is asked ------------------------------------------------------------------------------------------------

    def _answer(self, method: str, body: bytes) -> None:
        address = urlsplit(self.path)
        service = self.server.service
        if address.path.startswith("/emulator/"):
            self._write(self._own(method, address.path, body))
            return
        _, found, rest = address.path.partition("/v1/")
        place = _place(method, rest) if found else None
        if place is None:
            self._write(self._broken(Fault.NO_SERVICE))
            return
        service.requests += 1
        key = self._key(place, rest)
        behaviour = service.behaviour
        fault = MODES.get(behaviour.mode) or behaviour.faults.strike(place, key, service.state.ask(place, key))
        if not self._welcome(behaviour):
            fault = Fault.UNAUTHORISED
        self._with(fault, place, key, body, parse_qs(address.query))

    def _with(self, fault: Fault | None, place: Place, key: str, body: bytes, query: dict[str, list[str]]) -> None:
        """Do what is asked, as far as the fault lets it come."""
        behaviour = self.server.service.behaviour
        if fault in _BEFORE:
            self._break(behaviour.hang if fault is Fault.TIMEOUT_BEFORE else 0.0)
            return
        if fault is Fault.LATE and self.server.service.stopping.wait(behaviour.late):
            self._break(0.0)
            return
        if fault is not None and fault is not Fault.LATE and "after" not in fault.value:
            self._write(self._broken(fault))
            return
        reply = self._done(place, key, body, query)
        if fault is None:
            self._write(reply)
        elif fault in {Fault.TIMEOUT_AFTER, Fault.DROP_AFTER, Fault.LATE}:
            self._break(behaviour.hang if fault is Fault.TIMEOUT_AFTER else 0.0)
        elif fault is Fault.HALF:
            self._write(reply, part=len(reply.body) // 2)
            self._break(0.0)
        elif fault is Fault.DRIP:
            self._drip(reply, behaviour.drip)
        else:
            self._write(self._broken(fault))

    def _broken(self, fault: Fault) -> Reply:
        """The answer of a fault."""
        return broken(fault, self.server.service.behaviour.pause)

    def _done(self, place: Place, key: str, body: bytes, query: dict[str, list[str]]) -> Reply:
        service = self.server.service
        if place == "ping":
            now = datetime.now(ZoneInfo(service.behaviour.zone)).strftime("%Y-%m-%dT%H:%M:%S")
            about = {"config": "УправлениеТорговлей", "version": "11.5.17.92"}
            return of(200, {"ok": True, **about, "time": now, "locked": False})
        if place == "pull":
            return self._records(key, query)
        with service.key_lock(key):
            if place == "get":
                known = service.state.find(key)
                return of(200, known.answer(created=False)) if known else refusal(404, key, "not-found", "Нет заказа")
            return self._take(key, body)

    def _take(self, key: str, body: bytes) -> Reply:
        service = self.server.service
        behaviour = service.behaviour
        if not key:
            return refusal(400, None, "no-key", "Нет заголовка Idempotency-Key")
        try:
            order = json.loads(body)
        except ValueError:
            order = None
        if not isinstance(order, dict):
            return refusal(400, key, "not-json", "Тело запроса не JSON-объект")
        if Dice(behaviour.seed, "refuse", key).chance(behaviour.refuse):
            return refusal(422, key, "counterparty", "Контрагент с таким ИНН помечен на удаление", "customer.inn")
        service.stopping.wait(behaviour.work)
        now = datetime.now(ZoneInfo(behaviour.zone))
        made, new = service.state.create(
            key, order, now=now, attempt=self.headers.get("X-Syncd-Attempt"), once=behaviour.once
        )
        return of(201 if new else 200, made.answer(created=new))

    def _records(self, entity: str, query: dict[str, list[str]]) -> Reply:
        """Pages of made-up records; of ``orders`` the real ones."""
        service = self.server.service
        seed = service.behaviour.seed
        begin = int(query.get("cursor", ["0"])[0] or 0)
        if entity == "orders":
            items = [document.answer(created=False) for document in service.state.documents()]
        else:
            items = [
                {"id": guid(seed, entity, n), "name": f"{entity} {n}", "code": f"{n:05}"} for n in range(2 * _PAGE + 50)
            ]
        page = items[begin : begin + _PAGE]
        following = begin + len(page)
        return of(200, {"items": page, "cursor": str(following) if following < len(items) else None})

    def _key(self, place: Place, rest: str) -> str:
        if place == "post":
            return self.headers.get("Idempotency-Key", "")
        return unquote(rest.removeprefix("orders/"))

    def _welcome(self, behaviour: Behaviour) -> bool:
        if behaviour.login is None:
            return True
        expected = base64.b64encode(f"{behaviour.login}:{behaviour.password}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {expected}"

    def _own(self, method: str, path: str, body: bytes) -> Reply:
        service = self.server.service
        if method == "GET" and path == "/emulator/documents":
            found = [document.shown() for document in service.state.documents()]
            return of(200, {"documents": found, "requests": service.requests})
        if method == "POST" and path == "/emulator/set":
            try:
                service.set(json.loads(body))
            except (ValueError, TypeError) as error:
                return refusal(400, None, "wrong", str(error))
            return of(200, {"ok": True})
        return refusal(404, None, "unknown", path)

    # --- the wire -----------------------------------------------------------------------------------------------------

    def _write(self, reply: Reply, part: int | None = None) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body if part is None else reply.body[:part])
        self.wfile.flush()

    def _drip(self, reply: Reply, seconds: float) -> None:
        self._write(reply, part=0)
        for n in range(len(reply.body)):
            self.wfile.write(reply.body[n : n + 1])
            self.wfile.flush()
            if self.server.service.stopping.wait(seconds):
                break

    def _break(self, hang: float) -> None:
        """Say nothing for so long, or until the caller goes or the service stops; then break the connection."""
        self.close_connection = True
        waited = 0.0
        while waited < hang and not self.server.service.stopping.is_set():
            if select.select([self.connection], [], [], 0.1)[0]:  # the caller closed it
                break
            waited += 0.1
        _reset(self.connection)


def _place(method: str, rest: str) -> Place | None:
    if method == "POST":
        return "post" if rest == "orders" else None
    if rest == "ping":
        return "ping"
    if rest.startswith("orders/") and rest.count("/") == 1:
        return "get"
    return "pull" if rest and "/" not in rest else None
