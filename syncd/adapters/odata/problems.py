"""What the body of a failed answer says, whatever it is written in: OData's error as JSON or XML, the platform's own
``#exception``, its crash page, a SOAP fault, a handler's text, somebody else's page.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
from lxml import etree

from syncd.adapters.odata.answers import BOM
from syncd.log import mask

Kind = Literal["odata", "exception", "platform", "fault", "text", "page", "nothing"]
"""``odata``: 1C's OData answered. ``exception`` and ``platform``: 1C did, before OData. ``fault`` and ``text``: another
service of 1C. ``page``: something between us and 1C, as far as one can tell. ``nothing``: no body."""

LONGEST: Final = 600
_LONGEST_PAGE: Final = 10_000
"""Characters of a page that are looked at: the time that its tags take grows with the square of its length."""
_PLATFORM = re.compile(r"1[CС]:(?:Enterprise|Предприятие) 8[^<]{0,40}(?:application error|ошибка)", re.IGNORECASE)
_HANDLER = re.compile(r"\s*\{[\wА-Яа-яёЁ.]+\(\d+\)\}\s*:")
_TAGS = re.compile(
    r"<(?:script|style)\b.*?(?:</(?:script|style|head)>|\Z)|<head\b.*?</(?:script|style|head)>|<!--.*?-->|<[^>]++>",
    re.DOTALL | re.IGNORECASE,
)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PRIVATE = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+|(?<![\w-])\+?\d[\d\s()-]{8,}\d(?![\w-])")


@dataclass(frozen=True, slots=True)
class Problem:
    """``code`` is OData's, empty where 1C left it out; ``text`` is cleaned for people: one line, nobody's data."""

    kind: Kind
    code: str
    text: str


def read(body: bytes) -> Problem:
    """Understand a body that should not have come, never failing itself."""
    body = body.removeprefix(BOM).strip()
    if not body:
        return Problem("nothing", "", "")
    if body[:1] in {b"{", b"["} and (found := _json(body)):
        return found
    text = body[:100_000].decode("utf-8", "replace")
    if body[:1] == b"<":
        return _xml(body) or _html(text)
    return Problem("text" if _HANDLER.match(text) else "page", "", clean(text))


def clean(text: str) -> str:
    """One line of at most 600 characters, without secrets, mail addresses, telephone and taxpayer numbers: 1C repeats
    what it was sent, and the text goes to the journal.
    """
    line = " ".join(text.split())[: 2 * LONGEST]  # the search for private data is slow on long words
    line = mask(_PRIVATE.sub(_hidden, line))
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _hidden(found: re.Match[str]) -> str:
    if _GUID.fullmatch(found[0]):
        return found[0]
    private = "@" in found[0] or sum(map(str.isdigit, found[0])) >= 10
    return "***" if private else found[0]


def _json(body: bytes) -> Problem | None:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(document, dict):
        return Problem("page", "", clean(body[:LONGEST].decode("utf-8", "replace")))
    error = document.get("odata.error") or document.get("error")
    if isinstance(error, dict):
        message = error.get("message")
        text = message.get("value") if isinstance(message, dict) else message
        return Problem("odata", str(error.get("code") or ""), clean(str(text or "")))
    if "#exception" in document:
        return Problem("exception", "", clean(" / ".join(_descriptions(document.get("exception")))))
    return Problem("page", "", clean(body[:LONGEST].decode("utf-8", "replace")))


def _descriptions(exception: Any) -> list[str]:
    """From the outermost to the innermost, which is the reason; a text that repeats its outer one is left out."""
    found: list[str] = []
    while isinstance(exception, dict):
        text = str(exception.get("descr") or "")
        if text and not any(text in other for other in found):
            found.append(text)
        exception = exception.get("inner")
    return found


def _xml(body: bytes) -> Problem | None:
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return None
    kind = etree.QName(root).localname
    if kind == "error":
        texts = {etree.QName(child).localname: child.text or "" for child in root.iterchildren("*")}
        return Problem("odata", texts.get("code", "").strip(), clean(texts.get("message", "")))
    if kind == "Envelope":
        return Problem("fault", "", clean(root.findtext(".//faultstring") or ""))
    return None


def _html(text: str) -> Problem:
    text = text[:_LONGEST_PAGE]
    title = _TITLE.search(text)
    said = clean(html.unescape(_TAGS.sub(" ", text)))
    if _PLATFORM.search(text):
        return Problem("platform", "", said)
    heading = clean(html.unescape(title[1])) if title else ""
    return Problem("page", "", f"{heading}: {said}".strip(": ") if heading not in said else said)
