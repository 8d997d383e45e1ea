"""1C as a web service (SOAP): orders by an operation of our published contract (docs/soap.md) or of another that the
endpoint's settings describe, look-ups, ping.

An order is confirmed only by the operation's own answer. 1C tells what went wrong in an out parameter, in a ``Fault``
(with 500 or 200), or somebody before it answers with a page; ``syncd.adapters.failures`` knows the pages. A ``Fault``
of a module that had begun says nothing of what was written: it is looked up.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

import orjson
import structlog

from syncd.adapters import failures, soap_orders
from syncd.adapters.http_service import step_of
from syncd.adapters.httpclient import Answer, Client, encoded
from syncd.adapters.odata.problems import clean
from syncd.adapters.ports import Delivery, Ping, Receipt
from syncd.adapters.soap_contract import PUBLISHED, Call, Contract, contract
from syncd.adapters.soap_wire import Fault, NoEnvelope, WrongService, Wsdl, is_wsdl
from syncd.errors import MappingError, Refused, RemoteError, SyncdError, TransportError, UnknownOutcome
from syncd.i18n import tr
from syncd.store.endpoints import Endpoint

log = structlog.get_logger(__name__)

WSDL_SECONDS: Final = 3600.0
"""How long a WSDL is believed: 1C makes it anew from metadata for every request, in seconds of a session's time."""
_ANSWER_LIMIT: Final = 64 << 20
_SAFE: Final = "/:;=@!$&'()*+,~%?"
_MODULE: Final = re.compile(r"\{[^{}]+\(\d+\)\}")
_ROLLED_BACK: Final = re.compile(
    r"конфликт блокировок|превышено время ожидания предоставления блокировки|не удалось заблокировать"
    r"|lock conflict|lock (?:request )?time-?out",
    re.IGNORECASE,
)
_TRUE: Final = frozenset({"true", "1", "ok", "истина", "да"})
_FALSE: Final = frozenset({"false", "0", "ложь", "нет"})
_FAILED: Final = frozenset({"failed", "internal"})


class SoapService:
    """One web service of 1C: a ``Target`` and ``Pinged``. Threads share it. Nothing is asked before the first call.

    ``address`` is the service's own (``…/ws/syncd.1cws``): the one in the WSDL is what the web server believes to be
    called. Raises ``ConfigError`` E937 for an address or certificates that cannot be used.
    """

    can_look_up = True

    def __init__(
        self, address: str, agreed: Contract = PUBLISHED, *, login: str | None = None, password: str | None = None,
        zone: str = "Europe/Moscow", timeout: float = 60.0, concurrency: int = 2, ca: str | None = None,
    ) -> None:  # fmt: skip
        self.idempotent = agreed.idempotent
        self._agreed = agreed
        self._zone = ZoneInfo(zone)
        parts = urlsplit(encoded(address))
        self._client = Client(
            f"{parts.scheme}://{parts.netloc}", login=login, password=password, timeout=timeout,
            concurrency=concurrency, ca=ca, limit=_ANSWER_LIMIT,
        )  # fmt: skip
        self._path = parts.path
        self._host = self._client.host
        self._wsdls = _Wsdls(self._client, self._path, agreed, login)

    def __repr__(self) -> str:
        return f"<SoapService {self._client.root}{self._path}>"

    @classmethod
    def of(cls, endpoint: Endpoint, password: str | None) -> SoapService:
        """The service behind an endpoint of kind ``soap``. Raises ``ConfigError`` E937, E981, E982."""
        settings = endpoint.settings
        return cls(
            endpoint.address, contract(settings, endpoint.name), login=settings.get("login"), password=password,
            zone=endpoint.zone, timeout=endpoint.timeout_seconds, concurrency=endpoint.concurrency,
            ca=settings.get("ca"),
        )  # fmt: skip

    def deliver(self, delivery: Delivery) -> Receipt:
        """Call the operation that makes an order, once."""
        call = self._agreed.create
        found = self._asked(call, delivery, write=True)
        error = _said(found)
        if error:
            raise self._unwritten(delivery, found, error)
        if "done" in call.results and _yes(found.get("done")) is not True:
            raise UnknownOutcome("E933", host=self._host, status=200, detail=_shown(call, "done", found.get("done")))
        if "ref" in call.results and not found.get("ref"):
            raise UnknownOutcome("E933", host=self._host, status=200, detail=_shown(call, "ref", found.get("ref")))
        if self._older(found, delivery):
            en, ru = "the service keeps revision {0}, sent was {1}", "в сервисе версия {0}, передана {1}"
            told = tr(en, ru).format(found["revision"], delivery.revision_no)
            raise Refused("E934", key=delivery.marker, detail=told)
        return self._receipt(found)

    def look_up(self, delivery: Delivery) -> Receipt | None:
        """Ask by the message's id, or among the documents of the last days. ``None`` only where the service says so.

        A service that takes an order once and cannot be asked lets it be sent again.
        """
        call = self._agreed.look_up
        if call is None:
            return None
        found = self._asked(call, delivery, write=False)
        if error := _said(found):
            raise TransportError("E983", host=self._host, detail=error)
        if "documents" in call.results:
            return self._among(found.get("documents"), delivery)
        done, ref = _yes(found.get("done")), found.get("ref")
        if ("done" in call.results and done is None) or (done is False and ref):
            raise TransportError("E983", host=self._host, detail=_shown(call, "done", found.get("done")))
        if done is False or (done is None and not ref):
            return None
        if "ref" in call.results and not ref:  # it says the document is there, and not which
            raise TransportError("E983", host=self._host, detail=_shown(call, "ref", ref))
        return None if self._older(found, delivery) else self._receipt(found)

    def ping(self) -> Ping:
        """Call the operation for it, or ask for the WSDL anew where there is none. Never raises for what the other side
        does; an empty answer is a good one.
        """
        began = time.perf_counter()
        about: dict[str, str] = {}
        try:
            if self._agreed.ping is None:
                self._wsdls.get(fresh=True)
            else:
                found = self._asked(self._agreed.ping, None, write=False)
                if found.get("locked") is True:
                    raise failures.maintenance(self._host, tr("the service says Locked", "сервис сообщает Locked"))
                if error := _said(found):
                    raise TransportError("E983", host=self._host, detail=error)
                named = {"configuration": "config", "version": "version"}
                about = {named[key]: str(found[key]) for key in named if found.get(key)}
        except SyncdError as error:
            maintained = isinstance(error, TransportError) and error.maintenance
            return Ping(_since(began), step_of(error), maintenance=maintained, error=error)
        return Ping(_since(began), about=about)

    def close(self) -> None:
        """Give connections back."""
        self._client.close()

    # --- a call -------------------------------------------------------------------------------------------------------

    def _asked(self, call: Call, delivery: Delivery | None, *, write: bool) -> dict[str, Any]:
        """The results of an operation by our names for them."""
        wsdl = self._wsdls.get()
        try:
            values = {name: self._value(source, delivery) for name, source in call.parameters.items()}
            request = wsdl.request(call.operation, values)
            self._check(wsdl, call)
        except WrongService as error:
            self._wsdls.forget()
            raise TransportError("E983", host=self._host, detail=clean(str(error))) from error
        except ValueError as error:
            key = delivery.marker if delivery else call.operation
            raise MappingError("E984", key=key, detail=clean(str(error))) from error
        try:
            answer = self._client.post(self._path, request.body, request.headers)
        except UnknownOutcome as error:
            if write:
                raise
            raise TransportError("E939", **error.params) from error
        return self._read(wsdl, call, answer, write=write)

    def _read(self, wsdl: Wsdl, call: Call, answer: Answer, *, write: bool) -> dict[str, Any]:
        try:
            found = wsdl.answer(call.operation, answer.body)
        except Fault as fault:
            raise self._failed(fault.text, answer, write=write) from fault
        except NoEnvelope:
            raise _of_page(answer, self._host, write=write) from None
        except WrongService as error:
            raise self._broken(answer, clean(str(error)), write=write) from error
        return {name: _at(found, path) for name, path in call.results.items()}

    def _check(self, wsdl: Wsdl, call: Call) -> None:
        """Raises ``WrongService`` where the answer cannot hold what the settings name."""
        known = wsdl.results(call.operation)
        missing = sorted({path.partition(".")[0] for path in call.results.values()} - set(known))
        if missing:
            raise WrongService(f"{call.operation}: {', '.join(missing)}; there is: {', '.join(known) or '—'}")

    def _value(self, source: str, delivery: Delivery | None) -> Any:
        if source.startswith("="):
            return source[1:]
        if delivery is None:
            raise ValueError(source)
        if source.startswith("order."):
            return _at(delivery.body, source.removeprefix("order."))
        if source == "commerceml":
            return soap_orders.package(delivery.body, self._zone, self._agreed.namespace)
        # 1C takes a time without a zone for its own
        local = delivery.created_at.astimezone(self._zone).replace(tzinfo=None, microsecond=0)
        made: dict[str, Any] = {
            "id": delivery.marker, "attempt": delivery.attempt, "revision": delivery.revision_no, "created_at": local,
            "day_before": local - timedelta(days=1),
        }  # fmt: skip
        return orjson.dumps(dict(delivery.body), default=str).decode() if source == "json" else made[source]

    # --- what an answer means -----------------------------------------------------------------------------------------

    def _failed(self, text: str, answer: Answer, *, write: bool) -> SyncdError:
        """A ``Fault``: of the platform, which let nobody in, or of a module, which may have written something."""
        told = text.rpartition("}: ")[2] if _MODULE.search(text) else text
        log.warning("a web service of 1C failed", host=self._host, status=answer.status, text=clean(text))
        if not _MODULE.search(text):
            self._wsdls.forget()  # the service may have changed
            kept_out: SyncdError | None = None
            if failures.MAINTENANCE.search(text):
                kept_out = failures.maintenance(self._host, clean(text))
            elif failures.LICENCE.search(text):
                kept_out = failures.paused(
                    TransportError("E930", host=self._host, status=answer.status, detail=clean(text)),
                    failures.BUSY_SECONDS,
                )
            elif failures.LOGIN.search(text):
                kept_out = TransportError("E928", host=self._host, status=answer.status, detail=clean(text))
            elif failures.NO_BASE.search(text):
                kept_out = TransportError("E924", host=self._host, detail=clean(text))
            if kept_out is not None:
                return kept_out
        if write:
            return UnknownOutcome("E933", host=self._host, status=answer.status, detail=clean(told))
        return TransportError("E983", host=self._host, detail=clean(told))

    def _unwritten(self, delivery: Delivery, found: Mapping[str, Any], error: str) -> SyncdError:
        """What an error told in an out parameter means. With a reference beside it, it contradicts itself."""
        code = str(found.get("code") or "").lower()
        if found.get("ref") or _yes(found.get("done")):
            return UnknownOutcome("E933", host=self._host, status=200, detail=error)
        if code == "busy":
            busy = UnknownOutcome("E933", host=self._host, status=200, detail=error)
            busy.retry_after = 5.0
            return busy
        if code in _FAILED or (not code and _ROLLED_BACK.search(error)):
            return RemoteError("E932", status=200, detail=error)
        return Refused("E934", key=delivery.marker, detail=error)

    def _broken(self, answer: Answer, detail: str, *, write: bool) -> SyncdError:
        if write:
            return UnknownOutcome("E933", host=self._host, status=answer.status, detail=detail)
        return TransportError("E983", host=self._host, detail=detail)

    def _among(self, found: object, delivery: Delivery) -> Receipt | None:
        """The order among documents. An empty package says nothing: 1C sends the same when it failed inside."""
        listed = soap_orders.documents(found)
        number = str(delivery.body.get("number") or "")
        for document in listed:
            if document.get("Ид") == delivery.marker or (number and document.get("Номер") == number):
                return Receipt(confirmed=True, number=document.get("Номер"), answer=dict(document))
        if not listed:
            en, ru = "an empty package says nothing", "пустой пакет ни о чём не говорит"
            raise TransportError("E983", host=self._host, detail=tr(en, ru))
        return None

    def _older(self, found: Mapping[str, Any], delivery: Delivery) -> bool:
        revision = found.get("revision")
        known = isinstance(revision, int | Decimal) and not isinstance(revision, bool)
        return known and int(revision or 0) < delivery.revision_no

    def _receipt(self, found: Mapping[str, Any]) -> Receipt:
        date = found.get("date")
        if isinstance(date, str):
            date = _moment(date)
        if isinstance(date, datetime) and date.tzinfo is None:
            date = date.replace(tzinfo=self._zone)
        kept = {name: _json(found[name]) for name in ("ref", "number", "date", "posted", "revision") if found.get(name)}
        return Receipt(
            confirmed=True,
            ref=str(found["ref"]) if found.get("ref") else None,
            number=str(found["number"]) if found.get("number") else None,
            date=date if isinstance(date, datetime) and date.year > 1 else None,
            posted=found["posted"] if isinstance(found.get("posted"), bool) else None,
            answer=kept,
        )


class _Wsdls:
    """The WSDL of one target: asked for with the same login as the service, kept for an hour by the whole process, as
    each ping opens a target of its own.
    """

    _kept: Final[dict[tuple[str, ...], tuple[float, Wsdl]]] = {}
    _lock: Final = threading.Lock()

    def __init__(self, client: Client, path: str, agreed: Contract, login: str | None) -> None:
        self._client = client
        self._path = path
        self._agreed = agreed
        self._key = (client.root, path, agreed.wsdl, agreed.service or "", agreed.soap, login or "")

    def get(self, *, fresh: bool = False) -> Wsdl:
        """Raises ``TransportError``: nothing was sent to the service yet."""
        with self._lock:
            kept = self._kept.get(self._key)
        if kept and not fresh and time.monotonic() - kept[0] < WSDL_SECONDS:
            return kept[1]
        text = self._text()
        try:
            made = Wsdl(text, self._agreed.service, self._agreed.soap)
        except WrongService as error:
            raise TransportError("E983", host=self._client.host, detail=clean(str(error))) from error
        with self._lock:
            self._kept[self._key] = (time.monotonic(), made)
        return made

    def forget(self) -> None:
        """Ask anew next time."""
        with self._lock:
            self._kept.pop(self._key, None)

    def _text(self) -> bytes:
        place = self._agreed.wsdl
        if place.startswith("file:"):
            try:
                return Path(place.removeprefix("file:")).read_bytes()
            except OSError as error:
                raise TransportError("E983", host=self._client.host, detail=str(error)) from error
        answer = self._client.get(self._path + place if place.startswith("?") else quote(place, safe=_SAFE))
        if answer.status == 200 and is_wsdl(answer.body):
            return answer.body
        raise _of_page(answer, self._client.host, write=False)


def open_target(endpoint: Endpoint, secret: str | None) -> SoapService:
    """The target behind an endpoint of kind ``soap``; the secret is its password."""
    return SoapService.of(endpoint, secret)


def _of_page(answer: Answer, host: str, *, write: bool) -> SyncdError:
    """What is not SOAP: somebody before 1C, or the platform outside of the service."""
    if write or answer.status >= 300:
        return failures.of_answer(answer.status, answer.headers, answer.body, host, write=write)
    found = failures.of_answer(503, answer.headers, answer.body, host, write=False)
    if isinstance(found, TransportError) and found.maintenance:
        return found
    detail = clean(answer.body[:2000].decode("utf-8", "replace")) or tr("an empty answer", "пустой ответ")
    return TransportError("E931", host=host, status=answer.status, detail=detail)


def _said(found: Mapping[str, Any]) -> str:
    """The text of the error, one line; a code alone will do."""
    text = clean(str(found.get("error") or ""))
    return text or (str(found["code"]) if found.get("code") else "")


def _shown(call: Call, result: str, value: object) -> str:
    return f"{call.operation}: {call.results[result]} = {'—' if value is None else clean(str(value))}"


def _yes(value: object) -> bool | None:
    """A flag as services tell it: a boolean, a number, a word; ``None`` for what is none."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    return True if text in _TRUE else False if text in _FALSE else None


def _at(value: Any, path: str) -> Any:
    """What stands at a dotted path; ``None`` where the way ends."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _json(value: Any) -> Any:
    return value if isinstance(value, bool | int | str) else str(value)


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
