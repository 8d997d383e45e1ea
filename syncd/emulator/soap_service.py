"""1C as a web service by our contract (docs/soap.md), with faults on demand: ``python -m syncd.emulator.soap_service
--port 8091 --state base.sqlite --faults 0.2``.

Everything around the contract is that of ``syncd.emulator.http_service``: the file of documents, the words for faults,
``/emulator/documents`` and ``/emulator/set``. Here ``handler-500`` and ``handler-200`` are a ``Fault`` with that
status, ``failed`` is an error in the out parameters, ``bad-shape-after`` an empty 202, and ``pull`` is the place of the
WSDL.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from lxml import etree
from lxml.etree import _Element as Element

from syncd.emulator.dice import Dice
from syncd.emulator.http_service import Service, behaviour_of, options, serve
from syncd.emulator.http_service_answers import Reply
from syncd.emulator.http_service_faults import Fault, Place
from syncd.emulator.http_service_state import Document
from syncd.emulator.http_service_wire import MODES, Handler, Server
from syncd.emulator.soap_wsdl import NAMESPACE, OPERATIONS, wsdl

_SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_XML: Final = "text/xml; charset=utf-8"
_PLACES: Final[dict[str, Place]] = {"CreateOrder": "post", "FindOrder": "get", "Ping": "ping"}
_MODULE: Final = (
    "Неизвестная ошибка. {WebСервис.Syncd.Модуль(25)}: Ошибка при вызове метода контекста (Записать)\nпо причине:\n"
    "{WebСервис.Syncd.Модуль(25)}: Поле объекта не обнаружено (СкладОтгрузки)"
)


class WebService(Service):
    """The web service at a port (0: any free one). ``start`` and ``stop``, or a ``with`` block."""

    @property
    def url(self) -> str:
        """What an endpoint has as its address."""
        return f"http://127.0.0.1:{self.port}/trade/ws/syncd.1cws"

    def _opened(self) -> Server:
        return Server(("127.0.0.1", self.port), self, _Handler)


class _Handler(Handler):
    def _answer(self, method: str, body: bytes) -> None:
        if self.path.startswith("/emulator/"):
            self._write(self._own(method, self.path.partition("?")[0], body))
            return
        path, _, query = self.path.partition("?")
        service = self.server.service
        behaviour = service.behaviour
        operation = _operation(body) if method == "POST" else None
        if path != "/trade/ws/syncd.1cws" or (operation is None and query != "wsdl"):
            self._write(self._broken(Fault.NO_SERVICE))
            return
        service.requests += 1
        place: Place = _PLACES[etree.QName(operation).localname] if operation is not None else "pull"
        key = (operation.findtext(f"{{{NAMESPACE}}}ID") or "") if operation is not None else "wsdl"
        fault = MODES.get(behaviour.mode) or behaviour.faults.strike(place, key, service.state.ask(place, key))
        if not self._welcome(behaviour):
            fault = Fault.UNAUTHORISED
        self._with(fault, place, key, body, {})

    def _broken(self, fault: Fault) -> Reply:
        if fault in {Fault.HANDLER_500, Fault.HANDLER_200}:
            return _fault(500 if fault is Fault.HANDLER_500 else 200, _MODULE)
        if fault is Fault.BAD_SHAPE:
            return Reply(202, b"", _XML)
        if fault is Fault.FAILED:
            return _told("CreateOrder", {"return": False, "ErrorCode": "failed",
                                         "ErrorMessage": "Конфликт блокировок при выполнении транзакции"})  # fmt: skip
        return super()._broken(fault)

    def _done(self, place: Place, key: str, body: bytes, query: dict[str, list[str]]) -> Reply:
        service = self.server.service
        if place == "pull":
            return Reply(200, wsdl("http://srv-1c.local/trade/ws/syncd.1cws"), _XML)
        if place == "ping":
            about = {"Configuration": "УправлениеТорговлей", "Version": "11.5.17.92", "Locked": False}
            return _told("Ping", {"return": True, **about})
        with service.key_lock(key):
            if place == "get":
                known = service.state.find(key)
                return _told("FindOrder", _of(known) if known else {"return": False})
            return self._order(key, body)

    def _order(self, key: str, body: bytes) -> Reply:
        service = self.server.service
        behaviour = service.behaviour
        operation = _operation(body)
        assert operation is not None
        try:
            order = json.loads(operation.findtext(f"{{{NAMESPACE}}}Order") or "")
        except ValueError:
            return _told("CreateOrder", {"return": False, "ErrorCode": "refused", "ErrorMessage": "Не JSON"})
        if Dice(behaviour.seed, "refuse", key).chance(behaviour.refuse):
            return _told("CreateOrder", {"return": False, "ErrorCode": "refused",
                                         "ErrorMessage": "Контрагент с таким ИНН помечен на удаление"})  # fmt: skip
        service.stopping.wait(behaviour.work)
        now = datetime.now(ZoneInfo(behaviour.zone))
        made, _ = service.state.create(key, order, now=now, attempt=None, once=behaviour.once)
        return _told("CreateOrder", _of(made))


def _operation(body: bytes) -> Element | None:
    """The operation's element in a request; ``None`` for what is no request of this service."""
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return None
    held = root.find(f"{{{_SOAP}}}Body")
    found = next(iter(held.iterchildren("*")), None) if held is not None else None
    known = found is not None and found.tag in {f"{{{NAMESPACE}}}{name}" for name in OPERATIONS}
    return found if known else None


def _of(document: Document) -> dict[str, Any]:
    return {
        "return": True, "Ref": document.ref, "Number": document.number, "Date": document.date,
        "Posted": document.posted, "Revision": document.revision,
    }  # fmt: skip


def _told(operation: str, values: dict[str, Any]) -> Reply:
    """An answer: every result is there, and what is not given is nil, as 1C writes an empty out parameter."""
    made = etree.Element(f"{{{NAMESPACE}}}{operation}Response", nsmap={"m": NAMESPACE})
    for name, _ in OPERATIONS[operation][1]:
        child = etree.SubElement(made, f"{{{NAMESPACE}}}{name}")
        value = values.get(name)
        if value is None:
            child.set(_NIL, "true")
        else:
            child.text = str(value).lower() if isinstance(value, bool) else str(value)
    return Reply(200, _enveloped(made), _XML)


def _fault(status: int, text: str) -> Reply:
    made = etree.Element(f"{{{_SOAP}}}Fault")
    etree.SubElement(made, "faultcode").text = "soap:Server"
    etree.SubElement(made, "faultstring").text = text
    return Reply(status, _enveloped(made), _XML)


def _enveloped(inner: Element) -> bytes:
    root = etree.Element(f"{{{_SOAP}}}Envelope", nsmap={"soap": _SOAP})
    etree.SubElement(root, f"{{{_SOAP}}}Header")
    etree.SubElement(root, f"{{{_SOAP}}}Body").append(inner)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def main() -> None:
    """Run from the command line."""
    found = options()
    serve(WebService(found.state, behaviour_of(found), port=found.port), found.port_file)


if __name__ == "__main__":
    main()
