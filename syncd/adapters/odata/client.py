"""HTTP to one base: few requests at once, patience for a cold start, nothing sent twice by itself, no secret shown."""

from __future__ import annotations

import base64
import http.cookiejar
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Final, Literal, Self, TypeVar
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import httpx
import structlog

from syncd.adapters.connections import Transport
from syncd.adapters.odata import failures
from syncd.adapters.odata.asking import Ask, check, in_our_words, kept
from syncd.adapters.odata.endpoint import Endpoint, Format, Kind
from syncd.adapters.odata.literals import in_path, in_query
from syncd.adapters.odata.sessions import Sessions
from syncd.errors import ConfigError, Refused, SyncdError, TransportError

log = structlog.get_logger(__name__)

Method = Literal["GET", "POST", "PATCH"]
"""There is no DELETE: it removes for good and looks after no references. A deletion is a mark (``writing``)."""
Query = Mapping[str, str]
Answer = TypeVar("Answer")

_FORMATS: Final[Mapping[Format, tuple[str, str]]] = {
    "nometadata": ("application/json;odata=nometadata", "application/json;odata=nometadata"),
    "json": ("json", "application/json"),
    "atom": ("", "application/atom+xml"),
}
ACTIONS: Final = frozenset({"Post", "Unpost", "Start", "ExecuteTask", "SelectChanges", "NotifyChangesReceived"})
"""1C does these on GET too, so nothing here ever reads them."""
_POOL_PAUSES: Final = (1.0, 2.0, 4.0)
"""Seconds before a read that found no free session is asked again."""
_gates: WeakValueDictionary[tuple[str, int], threading.BoundedSemaphore] = WeakValueDictionary()
_gates_lock = threading.Lock()


class Client:
    """One base. Safe for several threads. Close it, or use it in a ``with``."""

    def __init__(self, endpoint: Endpoint, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.endpoint = endpoint
        self.format: Format = endpoint.format
        self.url_limit = endpoint.max_url
        self._sleep = sleep
        self._gate = _gate(endpoint)
        self._sessions = Sessions(kept=endpoint.session == "manual")
        self._root = endpoint.root
        self._host = urlsplit(self._root).netloc
        credentials = base64.b64encode(f"{endpoint.login}:{endpoint.password}".encode()).decode()
        headers = {"User-Agent": "syncd"} | ({"Authorization": f"Basic {credentials}"} if endpoint.login else {})
        try:
            verify: ssl.SSLContext | bool = _trust(endpoint) if self._root.startswith("https") else False
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError("E838", detail=f"ca {endpoint.ca}: {error}") from error
        self._http = httpx.Client(
            headers=headers,
            transport=Transport(endpoint.concurrency, verify=verify, proxy=endpoint.proxy),
            trust_env=False,  # a .netrc must not replace the login, nor a proxy of the shell come between
            follow_redirects=False,  # credentials go nowhere else
            cookies=http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[])),
        )

    def __repr__(self) -> str:
        return f"<Client {self._root} as {self.endpoint.login!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fits(self, path: str, query: Query) -> bool:
        """Whether the address is short enough for what is known of the web server."""
        return self._length(path, query) <= self.url_limit

    def shorten(self, limit: int, path: str, query: Query) -> bool:
        """The web server did not take this address: keep to ``limit`` from now on. ``False`` if that explains
        nothing.
        """
        if self._length(path, query) <= limit:
            return False
        self.url_limit = min(self.url_limit, limit)
        log.warning("the web server takes no long addresses; whole objects are read instead", host=self._host)
        return True

    def close(self) -> None:
        """End sessions of ours and give connections back."""
        for cookie in self._sessions.drain():
            try:
                self._http.get(f"{self._root}/", headers={"IBSession": "finish", "Cookie": cookie}, timeout=5)
            except httpx.HTTPError as error:  # 1C ends it by itself after a while
                log.info("a session was left to 1C to end", host=self._host, error=type(error).__name__)
        self._http.close()

    def get(self, path: str, query: Query | None = None, *, kind: Kind = "read", accept: Format | None = None) -> bytes:
        """Read a resource; ``path`` and ``query`` are not encoded yet. Waits and asks again where 1C has no session,
        and once where the connection broke.

        Raises TransportError, ConfigError, RemoteError, MappingError and Refused (``failures``), E843 for an address
        that is too long.
        """

        def ask(headers: Mapping[str, str], added: str) -> bytes:
            return self._ask("GET", path, query, kind, headers=headers, added=added)

        return self._patiently(path, kind, accept, ask)

    def keep(self, path: str, query: Query | None = None, *, kind: Kind = "read") -> IO[bytes]:
        """Read a resource that may be large, into a file that is on disk then; the caller closes it. All of it came
        when this returns. Waits, asks again and raises as ``get`` does.
        """

        def ask(headers: Mapping[str, str], added: str) -> IO[bytes]:
            with self._response("GET", path, query, kind, headers=headers, added=added, content=b"") as (response, ask):
                return kept(response, ask, self.endpoint.max_kept_bytes)

        return self._patiently(path, kind, None, ask)

    def _patiently(
        self, path: str, kind: Kind, accept: Format | None, ask: Callable[[Mapping[str, str], str], Answer]
    ) -> Answer:
        if path.rpartition("/")[2].partition("(")[0] in ACTIONS:
            raise ValueError(f"{path} acts, even when it is only read")
        pauses = iter(_POOL_PAUSES)
        again = kind != "ping"
        while True:
            chosen = accept or self.format
            try:
                return ask(_accept(chosen), _FORMATS[chosen][0])
            except failures.FormatRefused:
                if accept or self.format != "nometadata":
                    raise
                self.format = "json"
            except failures.SessionRefused as error:
                pause = next(pauses, None)
                if error.code not in {"E807", "E844"} or pause is None:
                    raise
                self._sleep(pause)
            except TransportError as error:
                if not again or not isinstance(error.__cause__, httpx.RemoteProtocolError | httpx.ReadError):
                    raise
                again = False  # as a rule a connection that the server closed while it was idle

    def send(
        self, method: Literal["POST", "PATCH"], path: str, body: bytes | None = None, query: Query | None = None, *,
        kind: Kind = "write", headers: Mapping[str, str] | None = None,
    ) -> bytes:  # fmt: skip
        """Write once; an empty answer is ``b""``. Never repeated here. Raises UnknownOutcome where nobody can tell
        whether it was done; any other error means that it was not.
        """
        # the writes of 1C answer in JSON even where a set is read as Atom
        chosen: Format = "json" if self.format == "atom" else self.format
        sent = {**_accept(chosen), **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json;charset=utf-8"
        return self._ask(method, path, query, kind, headers=sent, added=_FORMATS[chosen][0], content=body or b"")

    def download(
        self,
        method: Literal["GET", "POST"],
        path: str,
        query: Query | None,
        target: IO[bytes],
        *,
        kind: Kind,
        limit: int,
    ) -> int:
        """Put a large Atom or XML answer into a file; returns its bytes. Raises as ``get`` does, E836 above ``limit``.

        A POST is sent once; as it only reads (``SelectChanges``), a lost answer is a TransportError.
        """
        headers = {"Accept": "application/atom+xml,application/xml"}
        with self._response(method, path, query, kind, headers=headers, added="", content=b"") as (response, ask):
            head = b""
            size = 0
            for chunk in ask.chunks(response, limit, "max_kept_bytes"):
                head = head if len(head) > 2048 else head + chunk
                target.write(chunk)
                size += len(chunk)
            check(response, head, ask)
            return size

    def _ask(
        self,
        method: Method,
        path: str,
        query: Query | None,
        kind: Kind,
        *,
        headers: Mapping[str, str],
        added: str,
        content: bytes = b"",
    ) -> bytes:
        with self._response(method, path, query, kind, headers=headers, added=added, content=content) as (
            response,
            ask,
        ):
            body = b"".join(ask.chunks(response, self.endpoint.max_answer_bytes, "max_answer_bytes"))
            check(response, body, ask)
            return body

    @contextmanager
    def _response(
        self, method: Method, path: str, query: Query | None, kind: Kind, *, headers: Mapping[str, str], added: str,
        content: bytes,
    ) -> Iterator[tuple[httpx.Response, Ask]]:  # fmt: skip
        """Send a request, give its answer, and put what httpx raises into our words."""
        seconds = self.endpoint.timeouts.of(kind)
        ask = Ask(method, path, seconds, write=method != "GET" and kind in {"write", "confirm"})
        url = self._address(path, query, added, ask.asked)
        if not self._gate.acquire(timeout=seconds):
            raise TransportError("E802", asked=ask.asked, detail=f"concurrency={self.endpoint.concurrency}")
        session = self._sessions.take()
        try:
            ask.begun = time.monotonic()
            timeout = httpx.Timeout(seconds, connect=self.endpoint.timeouts.connect)
            with self._http.stream(
                method, url, headers={**headers, **session.headers}, content=content or None, timeout=timeout
            ) as response:
                session.answered(response)
                ask.cookie = session.cookie
                yield response, ask
            log.debug(
                "1C answered", asked=ask.asked, host=self._host, status=response.status_code, ms=ask.milliseconds()
            )
        except httpx.HTTPError as error:
            raise in_our_words(error, ask) from error
        except SyncdError as error:
            log.debug("1C failed", asked=ask.asked, host=self._host, code=error.code, ms=ask.milliseconds())
            if error.code == "E844":
                session.cookie = ""
            raise
        finally:
            self._sessions.give(session)
            self._gate.release()

    def _address(self, path: str, query: Query | None, added: str, asked: str) -> str:
        url = _encoded(path, {**(query or {}), **({"$format": added} if added else {})})
        if len(url) > self.endpoint.max_url:
            raise Refused("E843", length=len(url), limit=self.endpoint.max_url, asked=asked)
        return self._root + url

    def _length(self, path: str, query: Query) -> int:
        return len(_encoded(path, {**query, "$format": _FORMATS[self.format][0]}))


def _encoded(path: str, query: Query) -> str:
    values = "&".join(f"{in_query(name)}={in_query(value)}" for name, value in query.items())
    return f"/{in_path(path)}" + (f"?{values}" if values else "")


def _accept(chosen: Format) -> dict[str, str]:
    return {"Accept": _FORMATS[chosen][1]}


def _trust(endpoint: Endpoint) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if endpoint.ca is not None:
        context.load_verify_locations(cafile=str(endpoint.ca))
    return context


def _gate(endpoint: Endpoint) -> threading.BoundedSemaphore:
    """The semaphore of a base, shared by all clients of this process that agree on its concurrency."""
    key = (endpoint.root, endpoint.concurrency)
    with _gates_lock:
        gate = _gates.get(key)
        if gate is None:
            gate = _gates[key] = threading.BoundedSemaphore(endpoint.concurrency)
        return gate
