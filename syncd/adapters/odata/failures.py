"""What a failure means: who must act, what was done, what to do next.

Told by the body first and by the status only where there is no body of 1C: 500 may be broken JSON of ours, 403 may be
maintenance, 401 a row that is hidden, 406 a full pool of sessions, 200 a login page. A write has failed for certain
only where 1C or the web server said so; anything else is ``UnknownOutcome``, which is looked up before anything is sent
again.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from syncd.adapters.odata.problems import Problem, read
from syncd.errors import ConfigError, MappingError, Refused, RemoteError, SyncdError, TransportError, UnknownOutcome

Certainty = Literal["not done", "unknown"]

MAINTENANCE_SECONDS: Final = 300.0
BUSY_SECONDS: Final = 30.0


class Missing(Refused):
    """1C has no object of this key (code 9): the only answer that says so."""


class NotPublished(MappingError):
    """The set is not among those published (code 8), or has another name in this configuration."""


class UnknownName(MappingError):
    """A field, function or expression that this base does not know (codes 6, 10, 11, 14, 21)."""


class RowsHidden(ConfigError):
    """The user may not see some rows of what was asked (code 20); ``allowedOnly`` shows the others."""


class FormatRefused(RemoteError):
    """The publication does not speak the asked variant of JSON (code 3)."""


class NameUnknown(TransportError):
    """No address for the host's name."""


class Unreachable(TransportError):
    """No connection to the host: nothing was sent."""


class Untrusted(ConfigError):
    """The certificate of the host is not trusted: nothing was sent."""


class SessionRefused(TransportError):
    """1C has no session for us now: pool full, licences used up, a cookie that ended, or maintenance."""


class Maintenance(SessionRefused):
    """Sessions are forbidden on purpose. The ping of the base finds out when that is over."""

    maintenance = True


_LICENCE = re.compile(
    r"свободн\w+ лицензи|не найдена лицензия. не обнаружен ключ|максимальное количество пользователей"
    r"|no free licen[sc]es|licen[sc]e not found. software protection|maximum number of users",
    re.IGNORECASE,
)
_MAINTENANCE = re.compile(
    r"начало сеанса\b.*\bзапрещено|ведутся технические работы|session start\b.*\b(?:denied|prohibited)", re.IGNORECASE
)
_MAINTENANCE_OF_PLATFORM = re.compile(
    r"технологическ\w+ работ|монопольн\w+ режим|exclusive mode|обновлени\w+ (?:конфигурации|информационной базы)"
    r"|заблокирован\w* для обновления",
    re.IGNORECASE,
)
_LOCK = re.compile(
    r"конфликт блокировок|ожидания предоставления блокировки|не удалось заблокировать|взаимоблокировк|deadlock"
    r"|lock (?:conflict|request time ?-?out)|could not lock",
    re.IGNORECASE,
)
_BROKEN = re.compile(
    r"сеанс (?:отсутствует|завершен|удален)|соединение разорвано|ClusterDistribImpl"
    r"|connection (?:was )?(?:broken|closed)"
    r"|session (?:is )?(?:missing|terminated|deleted)",
    re.IGNORECASE,
)
_CHANGED = re.compile(r"изменены или удалены другим|changed or deleted by another", re.IGNORECASE)
_NO_BASE = re.compile(r"информационная база не (?:обнаружена|найдена)|infobase (?:is )?not found", re.IGNORECASE)
_LOGIN = re.compile(
    r"идентификация пользователя не выполнена|неправильное имя или пароль"
    r"|user (?:is )?not (?:identified|authenticated)",
    re.IGNORECASE,
)
_CLOSED = re.compile(r"дат\w+ запрета|запрещено изменять данные|период\b.{0,60}\bзакрыт|closing date", re.IGNORECASE)
_BUSINESS = re.compile(
    r"не\s?уникал|уже (?:существует|есть|зарегистрирован)|не заполнен|не указан|не хватает|недостаточно"
    r"|превышен\w*\b.{0,40}"
    r"\b(?:лимит|кредит|долг|сумм)|not unique|already exists|must be filled|is not filled|is required|insufficient",
    re.IGNORECASE,
)
_VALUE_CODES: Final = frozenset({"1", "4", "5", "7", "12", "13", "16", "18"})
_NAME_CODES: Final = frozenset({"6", "10", "11", "14", "21"})
_UNSUPPORTED_CODES: Final = frozenset({"0", "2", "17", "19"})
_NOT_DONE: Final = frozenset({400, 401, 404, 405, 406, 411, 412, 413, 414, 415, 501})
"""Statuses of a web server that say: this never reached an object of 1C."""


def of_answer(status: int, body: bytes, *, write: bool, asked: str, retry_after: float | None = None) -> SyncdError:
    """The error for an answer that is no success. ``asked`` names the request without its values."""
    problem = read(body)
    error = _meaning(status, problem, asked)
    if retry_after is not None:
        error.retry_after = retry_after
    if write and certainty(status, problem) == "unknown":
        return unknown(asked, error)
    return error


def certainty(status: int, problem: Problem) -> Certainty:
    """Whether a write that was answered like this was certainly not done."""
    if _BROKEN.search(problem.text):
        return "unknown"
    if problem.kind in {"odata", "fault", "text"}:
        return "unknown" if status < 300 and problem.kind == "text" else "not done"
    if problem.kind == "exception":
        return "not done" if _MAINTENANCE.search(problem.text) or _LICENCE.search(problem.text) else "unknown"
    if problem.kind == "platform":
        return "not done" if any(told.search(problem.text) for told in (_LICENCE, _NO_BASE, _LOGIN)) else "unknown"
    return "not done" if status in _NOT_DONE or 300 <= status < 400 or status == 403 else "unknown"


def unknown(asked: str, cause: SyncdError) -> UnknownOutcome:
    """A write whose answer was lost or says nothing. ``cause`` stays readable in the text and as ``__cause__``."""
    error = UnknownOutcome("E827", asked=asked, detail=f"{cause.code}: {cause.params.get('detail', '')}".rstrip(": "))
    error.__cause__ = cause
    return error


def _meaning(status: int, problem: Problem, asked: str) -> SyncdError:
    detail = problem.text or f"HTTP {status}"
    if found := _by_text(status, problem, asked, detail):
        return found
    if problem.kind == "odata":
        return _of_odata(status, problem, asked, detail)
    if problem.kind == "exception" and status == 403:
        return _paused(SessionRefused("E816", asked=asked, detail=detail), BUSY_SECONDS)
    if problem.kind in {"exception", "platform"}:
        return TransportError("E804", asked=asked, detail=detail)
    if problem.kind in {"fault", "text"}:
        return RemoteError("E815", asked=asked, detail=detail)
    return _of_server(status, asked, detail)


def _by_text(status: int, problem: Problem, asked: str, detail: str) -> SyncdError | None:
    """Conditions that 1C tells in words, in whatever frame they come. What the configuration's own code says (a licence
    to sell, a password of another service) is none of them: an order must not wait for ever for that to pass.
    """
    text = problem.text
    if problem.kind in {"page", "nothing"}:
        return None
    of_platform = problem.kind in {"exception", "platform"}
    if _MAINTENANCE.search(text) or (of_platform and _MAINTENANCE_OF_PLATFORM.search(text)):
        return _paused(Maintenance("E805", asked=asked, detail=detail), MAINTENANCE_SECONDS)
    if _LICENCE.search(text):
        return _paused(SessionRefused("E806", asked=asked, detail=detail), BUSY_SECONDS)
    if of_platform and _LOGIN.search(text):
        return ConfigError("E813", asked=asked, detail=detail)
    if of_platform and _NO_BASE.search(text):
        return TransportError("E804", asked=asked, detail=detail)
    if _LOCK.search(text):  # concerns this object alone: nothing else has to wait
        return TransportError("E810", asked=asked, detail=detail)
    if _BROKEN.search(text):
        return _paused(TransportError("E810", asked=asked, detail=detail), BUSY_SECONDS)
    if status == 412 or _CHANGED.search(text):
        return RemoteError("E824", asked=asked, detail=detail)
    return None


def _of_odata(status: int, problem: Problem, asked: str, detail: str) -> SyncdError:
    code = problem.code or _guessed(status, detail)
    if code == "20":
        return RowsHidden("E814", asked=asked, detail=detail)
    if code == "8":
        return NotPublished("E821", asked=asked, detail=detail)
    if code == "9":
        return Missing("E822", asked=asked, detail=detail)
    if code == "15":
        return Refused("E823", asked=asked, detail=detail)
    if code == "3":
        return FormatRefused("E826", asked=asked, detail=detail)
    if code in _NAME_CODES:
        return UnknownName("E820", asked=asked, detail=detail)
    if code in _VALUE_CODES:
        return Refused("E819", asked=asked, detail=detail)
    if code in _UNSUPPORTED_CODES:
        return Refused("E826", asked=asked, detail=detail)
    if _CLOSED.search(detail):
        return Refused("E818", asked=asked, detail=detail)
    if _BUSINESS.search(detail):
        return Refused("E817", asked=asked, detail=detail)
    return RemoteError("E815", asked=asked, detail=detail)


def _guessed(status: int, detail: str) -> str:
    """The code 1C left out (``<code/>``). Nothing counts as gone unless 1C says that the instance is."""
    if status == 404:
        return "9" if re.search(r"экземпляр|instance", detail, re.IGNORECASE) else "8"
    return "20" if status == 401 else "-1"


def _of_server(status: int, asked: str, detail: str) -> SyncdError:
    """No word of 1C: the web server, a proxy, a portal."""
    detail = f"HTTP {status}: {detail.removeprefix(f'{status} ')}" if not detail.startswith("HTTP ") else detail
    match status:
        case 401:
            return ConfigError("E813", asked=asked, detail=detail)
        case 403:
            return TransportError("E816", asked=asked, detail=detail)
        case 404 | 410:
            return TransportError("E811", asked=asked, detail=detail)
        case 406:
            return _paused(SessionRefused("E807", asked=asked, detail=detail), BUSY_SECONDS)
        case 412:
            return RemoteError("E824", asked=asked, detail=detail)
        case 413 | 414:
            return Refused("E825", asked=asked, detail=detail)
        case 405 | 411 | 415 | 501:
            return Refused("E826", asked=asked, detail=detail)
        case 400:
            return Refused("E819", asked=asked, detail=detail)
        case _ if 300 <= status < 400:
            return ConfigError("E812", asked=asked, detail=detail)
    if 200 <= status < 300 and not re.search(r"unavailable|maintenance|недоступ|работы", detail, re.IGNORECASE):
        return ConfigError("E812", asked=asked, detail=detail)
    return _paused(TransportError("E808", asked=asked, detail=detail), BUSY_SECONDS)


def _paused(error: SyncdError, seconds: float) -> SyncdError:
    error.retry_after = seconds
    return error
