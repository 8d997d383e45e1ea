"""How 1C reads the site's answers.

Every rule here is an insistence of a real client; what breaks one raises ``ProtocolViolation``.

Sources: УТ 11.4.2 and BAS УТ 3.5 ``ОбменССайтом`` (lines as in the comments), module 1С-Битрикс 7.0.1.3.
"""

from __future__ import annotations

import codecs
import io
import re
import zipfile
from dataclasses import dataclass

from syncd.emulator.violations import Said, SiteRefused
from syncd.emulator.wire import Answer, charset_of

_XML_START = b"<?xml"
_ZIP_START = b"PK"
_DECLARED = re.compile(r"""^<\?xml[^>]*?encoding\s*=\s*["']([^"']+)["'][^>]*\?>""")
_CHARSET = re.compile(r"[A-Za-z0-9_.:-]+")
_INIT_LINES = 2
_CHECKAUTH_LINES = 3


@dataclass(frozen=True, slots=True)
class Parameters:
    """What ``init`` said. ``file_limit`` in bytes; zero or less means files are not split."""

    zip: bool
    file_limit: int


def decode(answer: Answer, *, strict: bool) -> str:
    """The body by the charset of Content-Type, which must be the last parameter and unquoted; without ``strict`` a
    missing one is UTF-8.
    """
    charset = charset_of(answer.content_type)
    if charset is None:
        if strict:
            raise answer.violation(
                Said(
                    f"Content-Type {answer.content_type!r} has no charset.",
                    f"В Content-Type {answer.content_type!r} нет charset.",
                )
            )
        charset = "utf-8"
    if not _is_charset(charset):
        raise answer.violation(
            Said(
                f"1C takes {charset!r} for the charset: it must be the last parameter and unquoted.",
                f"1С примет за кодировку {charset!r}: charset должен стоять последним и без кавычек.",
            )
        )
    try:
        return answer.body.decode(charset)
    except UnicodeDecodeError as error:
        raise answer.violation(
            Said(
                f"The body is not {charset}: byte {error.start}.",
                f"Тело не в кодировке {charset}: байт {error.start}.",
            )
        ) from error


def _is_charset(name: str) -> bool:
    """A name of a charset and nothing else; Python would forgive quotes, 1C does not."""
    try:
        return bool(_CHARSET.fullmatch(name) and codecs.lookup(name))
    except LookupError:
        return False


def status(answer: Answer, *, strict: bool) -> tuple[str, str]:
    """The status word and what follows it.

    The first line, trimmed and lower-cased, must be exactly success, progress or failure.
    """
    first, _, rest = decode(answer, strict=strict).partition("\n")
    word = first.strip(" \t\r").lower()
    if word not in ("success", "progress", "failure"):
        raise answer.violation(
            Said(
                f"The first line is {first[:80]!r}, not exactly success, progress or failure.",
                f"Первая строка {first[:80]!r}, а не ровно success, progress или failure.",
            )
        )
    return word, rest


def require_success(answer: Answer, *, strict: bool) -> str:
    """What follows ``success``. Raises ``SiteRefused`` on failure; progress has no meaning here."""
    word, rest = status(answer, strict=strict)
    if word == "failure":
        raise SiteRefused("E602", asked=answer.asked, reason=rest.strip()[:500])
    if word != "success":
        raise answer.violation(
            Said("Only success or failure has a meaning here.", "Здесь имеют смысл только success и failure.")
        )
    return rest


def cookie_of(answer: Answer, *, strict: bool) -> str:
    """``name=value`` from lines 2 and 3 of checkauth; 1C puts them in the Cookie header untrimmed (УТ 11.4,
    5910-5924).
    """
    rest = require_success(answer, strict=strict)
    lines = rest.split("\n")
    if len(lines) < _CHECKAUTH_LINES - 1 or not lines[0] or not lines[1]:
        raise answer.violation(
            Said(
                "Lines 2 and 3 must name the cookie and its value.",
                "Во 2-й и 3-й строках должны быть имя и значение cookie.",
            )
        )
    name, value = lines[0], lines[1]
    if any(sign in name + value for sign in "\r \t;"):
        raise answer.violation(
            Said(
                "The cookie's name or value has a space, a semicolon or a carriage return; 1C sends it untrimmed.",
                "В имени или значении cookie есть пробел, точка с запятой или CR; 1С отправит их как есть.",
            )
        )
    return f"{name}={value}"


def parameters(answer: Answer, *, strict: bool) -> Parameters:
    """Exactly two lines, where a trailing newline makes a third (УТ 11.4, 5942); the limit must convert by Число(),
    else no splitting.
    """
    lines = decode(answer, strict=strict).split("\n")
    if len(lines) != _INIT_LINES:
        raise answer.violation(
            Said(
                f"init has {len(lines)} lines, 1C takes exactly 2 without a newline at the end.",
                f"В ответе init строк: {len(lines)}, а 1С принимает ровно 2 без перевода строки в конце.",
            )
        )
    return Parameters(lines[0].strip().lower() == "zip=yes", number(lines[1].replace("file_limit=", "")))


def number(text: str) -> int:
    """Число() of a file limit; what is not a number gives -1."""
    cleaned = text.strip().replace("\u00a0", "").replace(" ", "")
    return int(cleaned) if re.fullmatch(r"-?\d+", cleaned) else -1


def documents_text(answer: Answer, *, strict: bool) -> str:
    """The XML of sale/query, as text without its declaration.

     The body must begin at its first byte with ``<?xml`` or ``PK`` (УТ 11.4, 3793-3815), and the charset must be there
    for certain.
    """
    if answer.body.startswith(_ZIP_START):
        return _unzipped(answer)
    if not answer.body.startswith(_XML_START):
        raise answer.violation(
            Said(
                "The body must begin at its first byte with <?xml or PK: the data could not be read.",
                "Тело должно с первого байта начинаться с <?xml или PK: не удалось прочитать данные.",
            )
        )
    text = decode(answer, strict=True)
    declared = _DECLARED.match(text)
    charset = charset_of(answer.content_type) or "utf-8"
    if strict and declared and codecs.lookup(declared[1]).name != codecs.lookup(charset).name:
        raise answer.violation(
            Said(
                f"The document declares {declared[1]}, Content-Type says {charset}.",
                f"В документе объявлена {declared[1]}, в Content-Type — {charset}.",
            )
        )
    return without_declaration(text)


def without_declaration(text: str) -> str:
    """The text after the XML declaration: once decoded, its encoding means nothing."""
    return text.partition("?>")[2] if text.startswith("<?xml") else text


def _unzipped(answer: Answer) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            content = archive.read(archive.namelist()[0])
    except (zipfile.BadZipFile, IndexError) as error:
        raise answer.violation(
            Said(f"The archive cannot be opened: {error}.", f"Архив не открывается: {error}.")
        ) from error
    declared = re.match(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*encoding=["']([\w-]+)""", content)
    encoding = declared[1].decode() if declared else "utf-8"
    return without_declaration(content.decode("utf-8-sig" if encoding.lower() == "utf-8" else encoding))
