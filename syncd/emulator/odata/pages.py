"""What stands in front of 1C, or 1C itself, says instead of an answer: status, type and body of each such page."""

from __future__ import annotations

from typing import Final

from syncd.emulator.odata.answers import BOM
from syncd.emulator.odata.faults import Fault
from syncd.emulator.odata.service import Answer

_HTML: Final = "text/html;charset=utf-8"
_PLATFORM: Final = (
    '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN">\n<html><head><title>1C:Enterprise 8 application error</title>'
    "</head><body><h2>1C:Enterprise 8 application error:</h2>{}<br><b>by reason: </b><br>{}</body></html>"
)
_FULL: Final = "The device is full &apos;/tmp/v8_x.tmp&apos;. 28(0x0000001C): No space left on device"
_LICENCE: Final = (
    "Не обнаружено свободной лицензии!\nПревышено максимальное количество пользователей, одновременно работающих с "
    "программой."
)
_BLOCKED: Final = (
    '{"#exception": "{http://v8.1c.ru/8.2/virtual-resource-system}Exception", "exception": {"reason": 403, "descr": '
    '"HTTP: Forbidden\\nОшибка при выполнении запроса GET к ресурсу /odata/standard.odata:", "inner": {"descr": '
    '"Начало сеанса с информационной базой запрещено.\\nВедутся технические работы", "inner": {"descr": '
    '"Ведутся технические работы", "creationStack": "", "data": "77u/ew=="}}}}'
)
_LOGIN: Final = (
    '    <!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN"><html><head><title>1cfresh</title></head><body>'
    '<form action="/login" method="post"><input name="user"><input name="password" type="password"></form></body>'
    "</html>"
)
_XHTML: Final = "http://www.w3.org/1999/xhtml"
_GATEWAY: Final = f'<?xml version="1.0"?><html xmlns="{_XHTML}"><body>Service temporarily unavailable</body></html>'


def _plain(status: int, words: str) -> tuple[int, str, bytes]:
    page = f"<html><head><title>{status} {words}</title></head><body><h1>{status} {words}</h1></body></html>"
    return status, _HTML, page.encode()


_PAGES: Final[dict[Fault, tuple[int, str, bytes]]] = {
    Fault.BLOCKED: (403, "application/json", BOM + _BLOCKED.encode()),
    Fault.POOL: _plain(406, "Not Acceptable"),
    Fault.LICENCE: (500, _HTML, _PLATFORM.format("Unrecoverable error", _LICENCE).encode()),
    Fault.CRASH: (500, _HTML, _PLATFORM.format("Unrecoverable error", _FULL).encode()),
    Fault.LOGIN_PAGE: (200, _HTML, _LOGIN.encode()),
    Fault.MAINTENANCE: (200, "application/xhtml+xml", _GATEWAY.encode()),
    Fault.UNAUTHORIZED: _plain(401, "Unauthorized"),
    Fault.NOT_FOUND: _plain(404, "Not Found"),
    Fault.BAD_GATEWAY: _plain(502, "Bad Gateway"),
    Fault.UNAVAILABLE: _plain(503, "Service Unavailable"),
    Fault.TIMEOUT_AFTER_COMMIT: _plain(504, "Gateway Timeout"),
    Fault.SESSION_LOST: _plain(400, "Bad Request"),
}
LENGTH_REQUIRED: Final = _plain(411, "Length Required")


def page(fault: Fault) -> Answer | None:
    """The page of a fault that has one."""
    found = _PAGES.get(fault)
    return answer(found) if found else None


def answer(found: tuple[int, str, bytes]) -> Answer:
    """A page as an answer."""
    status, content_type, body = found
    headers = {"WWW-Authenticate": 'Basic realm="1C:Enterprise 8.3"'} if status == 401 else {}
    return Answer(status, content_type, [body], headers)
