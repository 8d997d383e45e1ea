"""1C as an HTTP service by our published contract (docs/http-service.md): orders by ``POST``, look-ups, pulls, ping.

An order is confirmed only by an answer that carries its own id and the reference of 1C's document. Anything else is
told apart by its body (``syncd.adapters.failures``): a 404 is "1C has it not" only in the contract's own shape, as the
page of a web server without the publication is a 404 too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import orjson

from syncd.adapters import failures
from syncd.adapters.httpclient import Answer, Client
from syncd.adapters.odata.problems import clean
from syncd.adapters.ports import Delivery, Ping, PingStep, Receipt
from syncd.errors import Refused, SyncdError, TransportError, UnknownOutcome
from syncd.i18n import tr
from syncd.store.endpoints import Endpoint

SETTINGS: Final = ("login", "ca", "idempotent", "look_up", "partial", "pulls")
"""What an endpoint's ``settings`` may hold: login; file of certificates; whether the service keeps to Idempotency-Key
(true), and answers ``GET /v1/orders/{id}`` (true); whether a pull without a cursor brings changes only (false);
what it gives to pulls (``syncd.schedules.plan.able``).
"""
_BOM: Final = b"\xef\xbb\xbf"
_ANSWER_LIMIT: Final = 64 << 20
_KEPT: Final = ("id", "ref", "number", "date", "posted", "revision", "created", "errors")
_STEPS: Final[Mapping[str, PingStep]] = {
    "E920": "login", "E921": "login", "E923": "name", "E924": "connection", "E925": "tls", "E928": "login",
    "E929": "session", "E930": "session", "E931": "publication", "E937": "name",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a pull; ``cursor`` goes into the next question, ``None`` when this was the last page."""

    items: list[dict[str, Any]]
    cursor: str | None


class HttpService:
    """One base behind our HTTP service: a ``Target`` and ``Pinged``. Threads share it.

    Raises ``ConfigError`` E937 for an address or certificates that cannot be used.
    """

    def __init__(
        self, address: str, *, login: str | None = None, password: str | None = None, zone: str = "Europe/Moscow",
        timeout: float = 60.0, concurrency: int = 2, ca: str | None = None, idempotent: bool = True,
        look_up: bool = True,
    ) -> None:  # fmt: skip
        self.idempotent = idempotent
        self.can_look_up = look_up
        self._zone = ZoneInfo(zone)
        self._client = Client(
            address, login=login, password=password, timeout=timeout, concurrency=concurrency, ca=ca,
            limit=_ANSWER_LIMIT,
        )  # fmt: skip
        self._host = self._client.host

    def __repr__(self) -> str:
        return f"<HttpService {self._client.root}>"

    @classmethod
    def of(cls, endpoint: Endpoint, password: str | None) -> HttpService:
        """The service behind an endpoint of kind ``http_service``."""
        settings = endpoint.settings
        return cls(
            endpoint.address, login=settings.get("login"), password=password, zone=endpoint.zone,
            timeout=endpoint.timeout_seconds, concurrency=endpoint.concurrency, ca=settings.get("ca"),
            idempotent=settings.get("idempotent", True), look_up=settings.get("look_up", True),
        )  # fmt: skip

    def deliver(self, delivery: Delivery) -> Receipt:
        """``POST /v1/orders``, once. 1C takes an ``Idempotency-Key`` once, however often it comes."""
        body = orjson.dumps(dict(delivery.body), default=str)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Idempotency-Key": delivery.marker,
            "X-Syncd-Attempt": str(delivery.attempt),
        }
        answer = self._client.post("/v1/orders", body, headers)
        document = _document(answer.body)
        errors = _errors(document)
        if document is not None and answer.status in {200, 201} and document.get("id") == delivery.marker:
            if document.get("ref") and not _older(document, delivery):
                return self._receipt(document)
            if document.get("ref"):
                en, ru = "the service keeps revision {0}, sent was {1}", "в сервисе версия {0}, передана {1}"
                told = tr(en, ru).format(document["revision"], delivery.revision_no)
                raise Refused("E934", key=delivery.marker, detail=told)
            if errors:
                raise Refused("E934", key=delivery.marker, detail=errors)
        if answer.status == 409 and errors:  # the twin of this request is at work right now
            busy = UnknownOutcome("E933", host=self._host, status=409, detail=errors)
            busy.retry_after = failures.retry_after(answer.headers) or 5.0
            raise busy
        if answer.status in {400, 403, 409, 422} and errors:
            raise Refused("E934", key=delivery.marker, detail=errors)
        raise failures.of_answer(
            answer.status, answer.headers, answer.body, self._host, write=True, remote=errors or None
        )

    def look_up(self, delivery: Delivery) -> Receipt | None:
        """``GET /v1/orders/{id}``. ``None`` only for a 404 that says so in the contract's shape, or for an older
        revision of the order.
        """
        answer = self._client.get(f"/v1/orders/{quote(delivery.marker, safe='')}")
        document = _document(answer.body)
        if document is not None and document.get("id") == delivery.marker:
            if answer.status == 200 and document.get("ref"):
                return None if _older(document, delivery) else self._receipt(document)
            if answer.status == 404 and "not-found" in _codes(document):
                return None
        raise self._unasked(answer, document)

    def pull(self, entity: str, cursor: str | None = None) -> Page:
        """``GET /v1/<entity>?cursor=``: what changed since the cursor, from the beginning without one.

        Raises ``TransportError``, ``RemoteError``.
        """
        answer = self._client.get(f"/v1/{quote(entity, safe='')}", {"cursor": cursor} if cursor else None)
        document = _document(answer.body)
        items = document.get("items") if document is not None else None
        if answer.status != 200 or document is None or not isinstance(items, list):
            raise self._unasked(answer, document)
        if not all(isinstance(item, dict) for item in items):
            raise self._broken(answer, tr("items holds what is no object", "в items есть не объект"))
        following = document.get("cursor")
        return Page(items, _text(following))

    def pages(self, entity: str, cursor: str | None = None) -> Iterator[Page]:
        """All pages from the cursor on. Raises as ``pull``, and E935 when a cursor leads back to itself."""
        while True:
            page = self.pull(entity, cursor)
            yield page
            if page.cursor is None:
                return
            if page.cursor == cursor:
                detail = tr(f"the cursor {cursor!r} leads to itself", f"курсор {cursor!r} ведёт на себя")
                raise TransportError("E935", host=self._host, status=200, detail=detail)
            cursor = page.cursor

    def ping(self) -> Ping:
        """``GET /v1/ping``. Never raises for what the other side does. A base that nobody used for a while takes 11 to
        30 s to wake up: the timeout should be a minute.
        """
        began = time.perf_counter()
        try:
            document = self._pinged()
        except SyncdError as error:
            maintained = isinstance(error, TransportError) and error.maintenance
            return Ping(_since(began), step_of(error), maintenance=maintained, error=error)
        about = {name: str(document[name]) for name in ("config", "version", "time") if document.get(name)}
        return Ping(_since(began), about=about)

    def close(self) -> None:
        """Give connections back."""
        self._client.close()

    def _pinged(self) -> dict[str, Any]:
        answer = self._client.get("/v1/ping")
        document = _document(answer.body)
        if document is None or answer.status != 200 or "ok" not in document:
            raise self._unasked(answer, document)
        if document.get("locked") is True:
            raise failures.maintenance(self._host, tr("the service says locked", "сервис сообщает locked"))
        if document["ok"] is not True:
            raise self._broken(answer, _errors(document) or "ok is not true")
        return document

    def _receipt(self, document: Mapping[str, Any]) -> Receipt:
        return Receipt(
            confirmed=True,
            ref=str(document["ref"]),
            number=_text(document.get("number")),
            date=_moment(document.get("date"), self._zone),
            posted=document["posted"] if isinstance(document.get("posted"), bool) else None,
            answer={name: document[name] for name in _KEPT if name in document},
        )

    def _unasked(self, answer: Answer, document: Mapping[str, Any] | None) -> SyncdError:
        """Why a question got no answer: nothing was changed by it, whatever went wrong."""
        if document is not None and answer.status == 200:
            return self._broken(answer, tr("the fields of the contract are missing", "нет полей из договора"))
        if answer.status < 300 and document is None:
            detail = clean(answer.body[:2000].decode("utf-8", "replace")) or tr("an empty answer", "пустой ответ")
            found = failures.of_answer(503, answer.headers, answer.body, self._host, write=False)
            maintained = isinstance(found, TransportError) and found.maintenance
            return found if maintained else TransportError("E931", host=self._host, status=answer.status, detail=detail)
        return failures.of_answer(
            answer.status, answer.headers, answer.body, self._host, write=False, remote=_errors(document) or None
        )

    def _broken(self, answer: Answer, detail: str) -> TransportError:
        return TransportError("E935", host=self._host, status=answer.status, detail=detail)


def open_target(endpoint: Endpoint, secret: str | None) -> HttpService:
    """The target behind an endpoint of kind ``http_service``; the secret is its password."""
    return HttpService.of(endpoint, secret)


def step_of(error: SyncdError) -> PingStep:
    """Which step of a ping an error belongs to."""
    if error.code == "E930" and failures.LICENCE.search(str(error.params.get("detail", ""))):
        return "licence"
    return _STEPS.get(error.code, "answer")


def _document(body: bytes) -> dict[str, Any] | None:
    """The JSON object in the body; ``None`` for anything else."""
    try:
        found = orjson.loads(body.removeprefix(_BOM))
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and "#exception" not in found else None


def _errors(document: Mapping[str, Any] | None) -> str:
    """What the contract's ``errors`` say, one line for a person; empty without any."""
    listed = document.get("errors") if document is not None else None
    if not isinstance(listed, list):
        return ""
    said = []
    for each in listed:
        if isinstance(each, dict):
            where = _text(each.get("field"))
            said.append(f"{where}: {each.get('message')}" if where else str(each.get("message")))
        else:
            said.append(str(each))
    return clean("; ".join(said))


def _older(document: Mapping[str, Any], delivery: Delivery) -> bool:
    """Whether 1C has an earlier state of the order than the one that is delivered."""
    revision = document.get("revision")
    return isinstance(revision, int) and revision < delivery.revision_no


def _codes(document: Mapping[str, Any]) -> set[str]:
    listed = document.get("errors")
    return {str(each.get("code")) for each in listed if isinstance(each, dict)} if isinstance(listed, list) else set()


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _moment(value: object, zone: ZoneInfo) -> datetime | None:
    """1C writes its own local time without a zone; a time with one is kept."""
    try:
        found = datetime.fromisoformat(str(value)) if value else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=zone)


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
