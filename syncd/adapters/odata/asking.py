"""One request under way: its name in errors, its time and size, and what its answer or its end means."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Final

import httpx

from syncd.adapters.odata import failures
from syncd.adapters.odata.answers import BOM
from syncd.errors import SyncdError, TransportError

_ROOT = re.compile(rb"<(?![?!])(?:[\w.-]+:)?([\w.-]+)")
IN_MEMORY: Final = 8 * 1024 * 1024
"""Bytes of a large answer that are kept in memory; what is larger goes to a temporary file."""
_HEAD: Final = 2048
_DOCUMENTS: Final = frozenset({b"feed", b"entry", b"service", b"Edmx"})


class Ask:
    """One request under way, as errors and the log name it."""

    def __init__(self, method: str, path: str, seconds: float, *, write: bool) -> None:
        head, _, rest = path.partition("(")
        action = rest.rpartition(")")[2]
        self.asked = f"{method} {head or '/'}{action}"
        self.write = write
        self.seconds = seconds
        self.begun = time.monotonic()
        self.cookie = ""

    def milliseconds(self) -> int:
        """Since it was sent."""
        return round((time.monotonic() - self.begun) * 1000)

    def chunks(self, response: httpx.Response, limit: int, setting: str) -> Iterator[bytes]:
        """The body, within its time and size: a server that drips would else hold a connection for ever. ``setting``
        is what raises the limit.
        """
        size = 0
        for chunk in response.iter_bytes():  # as it comes: with a size, httpx would wait for that much
            size += len(chunk)
            if size > limit:
                raise self.lost(TransportError("E836", asked=self.asked, limit=limit, setting=setting))
            if time.monotonic() - self.begun > self.seconds:
                raise self.lost(TransportError("E802", asked=self.asked, detail=f"> {self.seconds:g} s"))
            yield chunk

    def lost(self, error: SyncdError) -> SyncdError:
        """The error when the answer could not be had: of a write nobody knows the outcome then."""
        return failures.unknown(self.asked, error) if self.write else error


def check(response: httpx.Response, body: bytes, ask: Ask) -> None:
    """Raise for an answer that is no success, and for a success that is none: a page, or an error with status 200."""
    status = response.status_code
    if response.is_success and (not body or not _stranger(body)):
        return
    if status == 400 and ask.cookie and b"odata.error" not in body:
        raise failures.SessionRefused("E844", asked=ask.asked, detail="HTTP 400")
    raise failures.of_answer(
        status, body, write=ask.write, asked=ask.asked, retry_after=_seconds(response.headers.get("retry-after"))
    )


def kept(response: httpx.Response, ask: Ask, limit: int) -> IO[bytes]:
    """The body in a file, from its beginning; on disk where it is large. Raises as ``check`` does."""
    chunks = ask.chunks(response, limit, "max_kept_bytes")
    if not response.is_success:
        check(response, b"".join(chunks), ask)
    body = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - it is the caller's
    try:
        head = b""
        for chunk in chunks:
            head = head if len(head) > _HEAD else head + chunk
            body.write(chunk)
        check(response, head, ask)
        body.seek(0)
    except BaseException:
        body.close()
        raise
    return body


def _stranger(body: bytes) -> bool:
    head = body[:1500].removeprefix(BOM).lstrip()
    if head[:1] != b"<":
        return b'"odata.error"' in head[:300] or b'"#exception"' in head[:300] or head.startswith(b"{HTTP")
    root = _ROOT.search(head)
    return root is None or root[1] not in _DOCUMENTS


def in_our_words(error: httpx.HTTPError, ask: Ask) -> SyncdError:
    """What the connection did. Where it never came about, nothing was sent."""
    detail = str(error) or type(error).__name__
    reasons = list(_causes(error))
    if isinstance(error, httpx.ConnectError):
        if any(isinstance(reason, ssl.SSLError) for reason in reasons):
            return failures.Untrusted("E803", asked=ask.asked, detail=detail)
        unknown_name = any(isinstance(reason, socket.gaierror) for reason in reasons)
        return (failures.NameUnknown if unknown_name else failures.Unreachable)("E801", asked=ask.asked, detail=detail)
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return failures.Unreachable("E802", asked=ask.asked, detail=type(error).__name__)
    if isinstance(error, httpx.ProxyError | httpx.UnsupportedProtocol):
        return failures.Unreachable("E801", asked=ask.asked, detail=detail)
    code = "E802" if isinstance(error, httpx.TimeoutException) else "E801"
    if isinstance(error, httpx.DecodingError):
        code = "E809"
    return ask.lost(TransportError(code, asked=ask.asked, detail=f"{type(error).__name__}: {detail}"))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isdigit() else None
