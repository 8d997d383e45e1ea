"""What the emulated HTTP service answers when something is wrong, as 1C and the web servers before it word it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

from syncd.emulator.http_service_faults import Fault

_JSON: Final = "application/json; charset=utf-8"
_HTML: Final = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to be written."""

    status: int
    body: bytes
    kind: str = _JSON
    headers: dict[str, str] = field(default_factory=dict)


def of(status: int, document: Any) -> Reply:
    """A JSON answer; with a BOM, as 1C likes to write it."""
    return Reply(status, b"\xef\xbb\xbf" + json.dumps(document, ensure_ascii=False).encode())


def refusal(status: int, key: str | None, code: str, message: str, where: str | None = None) -> Reply:
    """The contract's answer that something is wrong with the request, or that there is no such thing."""
    error = {"code": code, "message": message} | ({"field": where} if where else {})
    return of(status, {"id": key, "ref": None, "errors": [error]})


def _page(title: str, text: str) -> bytes:
    return (
        f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1>{text}</body></html>".encode()
    )


_HANDLER: Final = (
    "{HTTPСервис.ОбменССайтом.Модуль(142)}: Ошибка при вызове метода контекста (Записать)\nпо причине:\n"
    "{Документ.ЗаказКлиента.МодульОбъекта(87)}: Поле объекта не обнаружено (СкладОтгрузки)"
).encode()
_PLATFORM: Final = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.0 Transitional//EN"><html><head>'
    "<title>1C:Enterprise 8 application error:</title></head>"
    "<body><h2>1C:Enterprise 8 application error:</h2><p>%s</p></body></html>"
)
_BLOCKED: Final = {
    "#exception": "{http://v8.1c.ru/8.2/virtual-resource-system}Exception",
    "exception": {
        "clsid": "580392e6-ba49-4280-ac67-fcd6f2180121",
        "descr": "Ошибка при выполнении операции с информационной базой",
        "inner": {
            "clsid": "580392e6-ba49-4280-ac67-fcd6f2180121",
            "descr": "Начало сеанса с информационной базой запрещено.\nВедутся технические работы.",
        },
    },
}
_XHTML: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head>'
    b"<title>Service temporarily unavailable</title></head><body>"
    b"<p>Service temporarily unavailable. Please try again later.</p></body></html>"
)


def broken(fault: Fault, pause: float) -> Reply:
    """The answer of a fault. ``pause`` seconds go into ``Retry-After`` where there is one."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=pause), usegmt=True)
    lost = "Ошибка СУБД: Внутренняя ошибка компоненты dbeng8"
    replies = {
        Fault.PAGE_500: Reply(500, (_PLATFORM % lost).encode(), _HTML),
        Fault.PAGE_500_AFTER: Reply(500, (_PLATFORM % "Соединение с сервером разорвано").encode(), _HTML),
        Fault.LICENCE: Reply(500, (_PLATFORM % "Не обнаружено свободной лицензии!").encode(), _HTML),
        Fault.HANDLER_500: Reply(500, _HANDLER, "text/plain; charset=utf-8"),
        Fault.HANDLER_200: Reply(200, _HANDLER, "text/plain; charset=utf-8"),
        Fault.FAILED: refusal(500, None, "internal", "Конфликт блокировок при выполнении транзакции, запись отменена"),
        Fault.BAD_SHAPE: of(200, {"result": "ok"}),
        Fault.GATEWAY_502: Reply(502, _page("502 Bad Gateway", "<hr>nginx"), _HTML),
        Fault.GATEWAY_504: Reply(504, _page("504 Gateway Time-out", "<hr>nginx"), _HTML),
        Fault.LOGIN_PAGE: Reply(200, _page("Вход в сервис", '<form action="/login"><input name="user"></form>'), _HTML),
        Fault.MAINTENANCE: Reply(200, _XHTML, "application/xhtml+xml; charset=utf-8"),
        Fault.BLOCKED: of(403, _BLOCKED),
        Fault.NO_SESSION: Reply(406, _page("406 Not Acceptable", ""), _HTML),
        Fault.UNAUTHORISED: Reply(
            401, _page("401 - Unauthorized", ""), _HTML, {"WWW-Authenticate": 'Basic realm="1C:Enterprise 8"'}
        ),
        Fault.BUSY_429: Reply(429, _page("429 Too Many Requests", ""), _HTML, {"Retry-After": f"{pause:.0f}"}),
        Fault.BUSY_503: Reply(503, _page("503 Service Unavailable", ""), _HTML, {"Retry-After": later}),
        Fault.NO_SERVICE: Reply(404, _page("404 - File or directory not found.", ""), _HTML),
    }
    return replies[fault]
