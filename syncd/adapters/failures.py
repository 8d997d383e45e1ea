"""What a failed HTTP call means for the message it carried: was it certainly not done, done inside and failed, refused,
or does nobody know?

Read by the body before the status: 1C and what stands before it answer 200 with a login page and 403 while sessions are
blocked. A write has certainly not been done only where the request cannot have reached a handler; whatever else is not
the contract's own answer is ``UnknownOutcome``, and is looked up before anything is sent again.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from syncd.adapters.odata.problems import Problem, clean, read
from syncd.errors import ConfigError, RemoteError, SyncdError, TransportError, UnknownOutcome

MAINTENANCE_SECONDS: Final = 300.0
BUSY_SECONDS: Final = 30.0
LONGEST_PAUSE_SECONDS: Final = 3600.0
"""A ``Retry-After`` beyond this is cut: a clock that is wrong on the other side must not stop deliveries for days."""

MAINTENANCE: Final = re.compile(
    r"начало сеанса\b.*\bзапрещено|ведутся технические работы|технологическ\w+ работ|регламентн\w+ работ"
    r"|session start\b.*\b(?:denied|prohibited)|монопольн\w+ режим|exclusive mode|service temporarily unavailable"
    r"|обновлени\w+ (?:конфигурации|информационной базы)|under maintenance|scheduled maintenance",
    re.IGNORECASE | re.DOTALL,
)
LICENCE: Final = re.compile(
    r"лицензи|максимальное количество пользователей|no free licen[sc]es|licen[sc]e not found|maximum number of users",
    re.IGNORECASE,
)
NO_BASE: Final = re.compile(
    r"информационная база не (?:обнаружена|найдена)|infobase (?:is )?not found"
    r"|нет доступа к (?:информационной базе|файлу)",
    re.IGNORECASE,
)
LOGIN: Final = re.compile(
    r"идентификация пользователя не выполнена|неправильное имя или пароль"
    r"|user (?:is )?not (?:identified|authenticated)",
    re.IGNORECASE,
)
_NO_SERVICE: Final = frozenset({404, 405, 410})
_BUSY: Final = frozenset({406, 408, 429})


# --- no answer --------------------------------------------------------------------------------------------------------


def of_exception(error: Exception, host: str, *, write: bool) -> SyncdError:
    """Our error for one of httpx's. ``write``: the request would have changed something on the other side."""
    detail = clean(f"{type(error).__name__}: {error}")
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return ConfigError("E937", name=host, detail=detail)
    if isinstance(error, httpx.PoolTimeout):
        return TransportError("E926", host=host)
    causes = list(_causes(error))
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return unconnected(causes, host, detail)
    if write:
        return UnknownOutcome("E927", host=host, detail=detail)
    return TransportError("E939", host=host, detail=detail)


def unconnected(causes: list[BaseException], host: str, detail: str) -> SyncdError:
    """No connection came about: nothing was sent. The causes tell whether name, connection or TLS failed."""
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return TransportError("E923", host=host, detail=clean(str(cause.strerror or cause)))
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TransportError("E925", host=host, detail=clean(cause.verify_message))
        if isinstance(cause, ssl.SSLError):
            return TransportError("E925", host=host, detail=clean(str(cause.reason or cause)))
    return TransportError("E924", host=host, detail=detail)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


# --- an answer that is not the contract's -----------------------------------------------------------------------------


def of_answer(
    status: int, headers: httpx.Headers, body: bytes, host: str, *, write: bool, remote: str | None = None
) -> SyncdError:
    """Our error for an answer. ``remote``: what the service itself said went wrong, in the contract's shape, if it did:
    a failure it tells itself was rolled back.
    """
    problem = read(body)
    detail = remote or problem.text or f"HTTP {status}"
    error = _kept_out(status, problem, host, detail) or _by_status(status, problem, host, detail, remote, headers)
    if error is None:
        code, params = ("E933", {"status": status}) if write else ("E939", {})
        error = (UnknownOutcome if write else TransportError)(code, host=host, detail=_told(status, detail), **params)
    error.retry_after = retry_after(headers) or error.retry_after
    return error


def _kept_out(status: int, problem: Problem, host: str, detail: str) -> SyncdError | None:
    """1C said in words that it let nobody in: no handler was reached, whatever the status."""
    framed = problem.kind in {"exception", "platform"} or (problem.kind == "page" and status in {403, 503})
    if framed and MAINTENANCE.search(problem.text):
        return maintenance(host, detail)
    if problem.kind not in {"exception", "platform", "text"} or _by_handler(problem):
        return None
    if LICENCE.search(problem.text):
        return paused(TransportError("E930", host=host, status=status, detail=detail), BUSY_SECONDS)
    if LOGIN.search(problem.text):
        return TransportError("E928", host=host, status=status, detail=detail)
    if NO_BASE.search(problem.text):
        return TransportError("E924", host=host, detail=detail)
    return None


def _by_handler(problem: Problem) -> bool:
    """``{HTTPСервис.Имя.Модуль(12)}: …``: the text of an exception in the handler, which had begun by then."""
    return problem.kind == "text"


def _by_status(
    status: int, problem: Problem, host: str, detail: str, remote: str | None, headers: httpx.Headers
) -> SyncdError | None:
    """What the status alone settles; ``None`` where it says nothing of the outcome."""
    if status == 401:
        return TransportError("E928", host=host, status=status, detail=detail)
    if status == 403:
        if problem.kind == "exception":
            return paused(TransportError("E930", host=host, status=status, detail=detail), BUSY_SECONDS)
        return TransportError("E928", host=host, status=status, detail=detail)
    if status in _NO_SERVICE or 300 <= status < 400:
        return TransportError("E931", host=host, status=status, detail=detail)
    if status in _BUSY or (status == 503 and "retry-after" in headers):
        return paused(TransportError("E930", host=host, status=status, detail=detail), BUSY_SECONDS)
    if 400 <= status < 500 or remote is not None:
        return RemoteError("E932", status=status, detail=detail)
    return None


def _told(status: int, detail: str) -> str:
    return detail if detail.startswith("HTTP ") else f"HTTP {status}: {detail}"


def maintenance(host: str, detail: str) -> TransportError:
    """The base is alive and lets nobody in on purpose."""
    error = TransportError("E929", host=host, detail=detail)
    error.maintenance = True
    error.retry_after = MAINTENANCE_SECONDS
    return error


def paused(error: SyncdError, seconds: float) -> SyncdError:
    """The error, with how long the other side should be left alone."""
    error.retry_after = seconds
    return error


def retry_after(headers: httpx.Headers) -> float | None:
    """``Retry-After`` (RFC 9110, 10.2.3) as seconds from now: given as seconds or as a date; at most an hour. ``None``
    without the header, or with one that is neither.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isdecimal():
        return min(float(value), LONGEST_PAUSE_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((aware - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_PAUSE_SECONDS)
