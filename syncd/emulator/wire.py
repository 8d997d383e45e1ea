"""One request of 1C and its answer: the address as 1C makes it, Basic on every request, the cookie from the body, the
journal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import IO, Self

import httpx

from syncd.emulator.faults import ON_REQUEST, ClientFaults, Fault, send_and_drop
from syncd.emulator.violations import NoAnswer, ProtocolViolation, Said

USER_AGENT = "1C+Enterprise/8.3"
TIMEOUT = 180.0
"""Seconds; what УТ 11.4 and BAS УТ give their HTTPСоединение."""

OK = 200
NOT_MODIFIED = 304  # of type=listen only


@dataclass(frozen=True, slots=True)
class Exchange:
    """One line of the client's journal.

    ``head`` is the first 200 bytes of the answer, ``note`` what the client thought of it.
    """

    type: str
    mode: str
    filename: str
    sent: int
    status: int
    seconds: float
    head: bytes
    note: str = ""


JournalCallback = Callable[[Exchange], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the site said. ``asked`` names the request for messages."""

    asked: str
    status: int
    content_type: str
    body: bytes

    def violation(self, problem: Said) -> ProtocolViolation:
        """The complaint about this answer."""
        return ProtocolViolation(self.asked, problem, status=self.status, answer=self.body)


def base_address(address: str) -> tuple[str, str]:
    """Scheme with host, and path, as 1C cuts the address a user typed (BXMOD АдресСайтаРазобран).

     Spaces are removed, backslashes become slashes, no scheme means http. What follows the first slash is the path, a
    ``?`` included.
    """
    address = address.replace(" ", "").replace("\\", "/")
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "http", address
    host, _, path = rest.partition("/")
    return f"{scheme.lower()}://{host}", f"/{path}"


def charset_of(content_type: str) -> str | None:
    """The charset as BXMOD takes it: everything after ``charset=`` to the end of the header; ``None`` when there is
    none.
    """
    place = content_type.lower().find("charset=")
    return content_type[place + len("charset=") :] if place >= 0 else None


class Wire:
    """The connection to one site with one login. Close it, or use it as a context manager."""

    def __init__(
        self,
        address: str,
        login: str,
        password: str,
        *,
        transport: httpx.BaseTransport | None = None,
        timeout: float = TIMEOUT,
        journal: JournalCallback | None = None,
        faults: ClientFaults | None = None,
    ) -> None:
        self.host, self.path = base_address(address)
        self.cookie = ""
        self.faults = faults or ClientFaults()
        self._journal = journal
        self._timeout = timeout
        # A jar that takes nothing: 1C knows only the cookie named in the body of checkauth.
        jar = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
        self._http = httpx.Client(
            auth=httpx.BasicAuth(login, password),
            cookies=jar,
            follow_redirects=False,
            transport=transport,
            timeout=timeout,
            headers={"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"},
            trust_env=False,
        )
        self._authorization = httpx.BasicAuth(login, password)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def url(self, query: str) -> str:
        """The address of a request: ``?`` is always appended, even to an address that has one."""
        return f"{self.host}{self.path}?{query}"

    def call(
        self,
        type_: str,
        mode: str,
        *,
        filename: str = "",
        extra: str = "",
        body: bytes | IO[bytes] | None = None,
        size: int = 0,
        post: bool = False,
    ) -> Answer:
        """One request.

        With ``body`` it is a POST of raw bytes; ``size`` is their number; ``extra`` is appended to the query as it is.

         Raises ``NoAnswer`` when the connection fails, ``ProtocolViolation`` when the body of the answer is empty.
        """
        named = f"&filename={filename}" if filename else ""
        query = f"type={type_}" + (f"&mode={mode}" if mode else "") + named + extra
        asked = f"{type_}/{mode}" + (f" {filename}" if filename else "")
        fault = self.faults.strike(type_, mode, ON_REQUEST)
        started = time.monotonic()
        try:
            response = self._send(query, body, post=post, fault=fault)
        except (httpx.TransportError, OSError) as error:
            detail = str(error) or type(error).__name__
            self._note(Exchange(type_, mode, filename, size, 0, time.monotonic() - started, b"", detail))
            raise NoAnswer("E603", asked=asked, detail=detail) from error
        answer = Answer(asked, response.status_code, response.headers.get("content-type", ""), response.content)
        note = "" if answer.status == OK else f"HTTP {answer.status}"
        self._note(
            Exchange(type_, mode, filename, size, answer.status, time.monotonic() - started, answer.body[:200], note)
        )
        if not answer.body and answer.status != NOT_MODIFIED:
            raise answer.violation(Said("The answer is empty.", "Получен пустой ответ сервера."))
        return answer

    def _note(self, line: Exchange) -> None:
        if self._journal:
            self._journal(line)

    def _send(self, query: str, body: bytes | IO[bytes] | None, *, post: bool, fault: Fault | None) -> httpx.Response:
        method = "POST" if post or body is not None else "GET"
        headers = {"Cookie": self.cookie} if self.cookie else {}
        impatient = fault is Fault.IMPATIENCE
        timeout = httpx.Timeout(self._timeout, read=self.faults.patience) if impatient else httpx.Timeout(self._timeout)
        request = self._http.build_request(
            method, self.url(query), content=body, headers=headers, extensions={"timeout": timeout.as_dict()}
        )
        if fault in (Fault.LOST_ANSWER, Fault.CUT):
            signed = next(self._authorization.auth_flow(request))
            send_and_drop(signed, cut=fault is Fault.CUT, wait=self.faults.lost_answer_wait)
            raise ConnectionResetError(fault.value)
        return self._http.send(request)
