"""HTTP to one endpoint: a deadline for the whole call, no cookies, no redirects, nothing sent twice by itself.

httpx's timeouts count from one piece of an answer to the next, so that a server that drips bytes would hold a thread
for hours. Here every read and write on the socket is cut to what is left of the call's own time.
"""

from __future__ import annotations

import base64
import http.cookiejar
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit, urlunsplit

import httpcore
import httpx

from syncd.adapters import failures
from syncd.adapters.connections import Transport
from syncd.errors import ConfigError, TransportError, UnknownOutcome
from syncd.i18n import tr

CONNECT_SECONDS: Final = 10.0
_SAFE: Final = "/:;=@!$&'()*+,~%"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: ``body`` is complete."""

    status: int
    headers: httpx.Headers
    body: bytes


class Client:
    """Calls one endpoint. Threads share it. Its connections are limited to ``concurrency``.

    ``address`` may be Cyrillic. ``ca`` is a file of certificates to trust instead of the system's. Raises
    ``ConfigError`` E937 for an address or a file of certificates that cannot be used.
    """

    def __init__(
        self, address: str, *, login: str | None = None, password: str | None = None, timeout: float = 60.0,
        concurrency: int = 2, ca: str | None = None, limit: int = 64 << 20, connect_timeout: float = CONNECT_SECONDS,
    ) -> None:  # fmt: skip
        self.root = encoded(address)
        self.host = urlsplit(self.root).netloc
        self._timeout = timeout
        self._connect = min(connect_timeout, timeout)
        self._limit = limit
        self._deadlines = _Deadlines()
        headers = {"User-Agent": "syncd", "Accept": "application/json"}
        if login is not None:  # UTF-8 is what 1C decodes; httpx would do the same, but not say so for ever
            headers["Authorization"] = "Basic " + base64.b64encode(f"{login}:{password or ''}".encode()).decode()
        transport = Transport(concurrency, cut=self._deadlines.cut, verify=trust(self.root, ca))
        self._http = httpx.Client(
            headers=headers,
            transport=transport,
            follow_redirects=False,  # credentials go nowhere else
            trust_env=False,  # a .netrc must not replace the login
            cookies=http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[])),
            timeout=httpx.Timeout(timeout, connect=self._connect, pool=self._connect),
        )

    def __repr__(self) -> str:
        return f"<Client {self.root}>"

    def get(
        self, path: str, params: Mapping[str, str] | None = None, *, timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """Ask once. Raises ``TransportError`` or ``ConfigError`` when no whole answer came."""
        asked = dict(params) if params else None
        return self._call("GET", path, params=asked, headers=dict(headers or {}), write=False, timeout=timeout)

    def post(self, path: str, body: bytes, headers: Mapping[str, str | bytes] | Mapping[str, str]) -> Answer:
        """Send once. Raises ``UnknownOutcome`` when it may have arrived and no whole answer came, ``TransportError``
        when it certainly was not sent.
        """
        return self._call("POST", path, content=body, headers=dict(headers), write=True)

    def close(self) -> None:
        """Give connections back."""
        self._http.close()

    def _call(
        self, method: Literal["GET", "POST"], path: str, *, write: bool, timeout: float | None = None, **request: Any
    ) -> Answer:
        try:
            with (
                self._deadlines.within(timeout or self._timeout),
                self._http.stream(method, self.root + path, **request) as response,
            ):
                body = self._body(response, write=write)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise failures.of_exception(error, self.host, write=write) from error
        return Answer(response.status_code, response.headers, body)

    def _body(self, response: httpx.Response, *, write: bool) -> bytes:
        parts: list[bytes] = []
        size = 0
        for part in response.iter_bytes():
            size += len(part)
            if size > self._limit:
                detail = tr(f"the answer is larger than {self._limit} bytes", f"ответ больше {self._limit} байт")
                kind, code = (UnknownOutcome, "E927") if write else (TransportError, "E939")
                raise kind(code, host=self.host, detail=detail)
            parts.append(part)
        return b"".join(parts)


def encoded(address: str) -> str:
    """An address as it goes on the wire: host in IDNA, path in percent-encoded UTF-8, without a slash at the end.

    Raises ``ConfigError`` E937.
    """
    try:
        parts = urlsplit(address.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigError("E937", name=address, detail=str(error)) from error
    if parts.scheme not in {"http", "https"} or not host or parts.username or parts.query or parts.fragment:
        en = "an address is http(s)://host/path, without login, question mark and #"
        ru = "адрес — это http(s)://узел/путь, без логина, вопросительного знака и #"
        raise ConfigError("E937", name=parts.hostname or "?", detail=tr(en, ru))
    name = f"[{host}]" if ":" in host else httpx.URL(f"http://{host}").raw_host.decode("ascii")
    netloc = name if port is None else f"{name}:{port}"
    return urlunsplit((parts.scheme, netloc, quote(parts.path, safe=_SAFE).rstrip("/"), "", ""))


def trust(address: str, ca: str | None) -> ssl.SSLContext:
    """Which certificates to trust: the system's, or those of the file. Raises ``ConfigError`` E937."""
    if not address.startswith("https"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # unused, and reading the system's certificates costs 20 ms
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:  # ssl.SSLError is one
        detail = tr(f"the certificates in {ca} cannot be read: {error}", f"сертификаты из {ca} не прочитать: {error}")
        raise ConfigError("E937", name=urlsplit(address).netloc, detail=detail) from error


# --- the deadline -----------------------------------------------------------------------------------------------------


class _Deadlines(threading.local):
    """When the call of this thread must be over, by ``time.monotonic``; ``None`` outside of a call."""

    at: float | None = None

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        self.at = time.monotonic() + seconds
        try:
            yield
        finally:
            self.at = None

    def cut(self, timeout: float | None, late: type[httpcore.TimeoutException]) -> float | None:
        """The timeout, or what is left of the call if that is less."""
        if self.at is None:
            return timeout
        left = self.at - time.monotonic()
        if left <= 0:
            raise late("the time for the whole call is over")
        return left if timeout is None else min(timeout, left)
