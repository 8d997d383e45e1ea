"""The 1C's side of the exchange with a site: we call a CMS's own ``1c_exchange`` as 1C would.

Real endpoints are sloppy, so this side is tolerant where 1C is not: a word after PHP's notices, a BOM, ``failure`` and
``success`` in one body (the former counts), a cookie in the body, in ``Set-Cookie`` or nowhere. What holds no word of
the protocol is never taken for success.
"""

from __future__ import annotations

import re
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, urlsplit

from syncd.adapters import failures
from syncd.adapters.httpclient import Answer, Client, encoded
from syncd.adapters.odata.problems import clean
from syncd.errors import RemoteError, SyncdError, TransportError
from syncd.i18n import tr

PIECE: Final = 1 << 20
"""Bytes in one ``file`` request for a site that names no limit of its own."""
LARGEST_PIECE: Final = 64 << 20
_PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
_WORD: Final = re.compile(r"^\s*(success|failure|progress)\b[^\S\n]*", re.MULTILINE | re.IGNORECASE)
_FAILURE: Final = re.compile(r"^\s*failure\b", re.MULTILINE | re.IGNORECASE)
_SESSID: Final = re.compile(r"^sessid=(\S+)", re.MULTILINE)
_ZIP: Final = re.compile(r"\bzip\s*=\s*yes\b", re.IGNORECASE)
_LIMIT: Final = re.compile(r"\bfile_limit\s*=\s*(\d+)", re.IGNORECASE)
_COOKIE_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
Kind = Literal["catalog", "sale"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What ``init`` said. ``limit`` is ``None`` where a file goes in one piece."""

    zip: bool
    limit: int | None


@dataclass(slots=True)
class _Session:
    cookies: dict[str, str] = field(default_factory=dict)
    sessid: str = ""


class SiteClient:
    """One site. Used by one thread at a time.

    ``address`` is what a user of 1C would type; one that holds a question mark gets ``?type=…`` glued on, as 1C does,
    or ``&type=…`` with ``merge``. ``patience`` is how long one file's import may say ``progress``, seconds. Raises
    ``ConfigError`` E937 for an address that cannot be used.
    """

    def __init__(
        self, address: str, *, login: str | None, password: str | None, timeout: float = 180.0, ca: str | None = None,
        merge: bool = False, patience: float = 3600.0,
    ) -> None:  # fmt: skip
        place, mark, query = address.strip().replace(" ", "").replace("\\", "/").partition("?")
        parts = urlsplit(encoded(place))
        slash = "/" if place.endswith("/") else ""  # a site may redirect without it, and nobody follows
        glue = "&" if mark and merge else "?"
        self._begin = parts.path + slash + (f"?{quote(query, safe=_SAFE)}" if mark else "") + glue
        self._client = Client(
            f"{parts.scheme}://{parts.netloc}", login=login, password=password, timeout=timeout, concurrency=1, ca=ca
        )
        self.host = self._client.host
        self._patience = patience
        self._session = _Session()
        self._stop = threading.Event()

    def __repr__(self) -> str:
        return f"<SiteClient {self.host}>"

    def close(self) -> None:
        """Give the connection back; a wait for an import ends."""
        self._stop.set()
        self._client.close()

    # --- whole dialogues ----------------------------------------------------------------------------------------------

    def push(self, files: Sequence[Path], folder: Path) -> None:
        """Send files of one catalogue session and wait until each ``.xml`` was imported, in order.

        Raises ``TransportError`` (E985: login), ``RemoteError`` E986 (the site says failure), E987 (it says nothing of
        the protocol), E988 (an import does not end), ``UnknownOutcome``: the same files may be sent again.
        """
        self.check_auth("catalog")
        terms = self.init("catalog")
        for path in [packed] if (packed := _packed(files, folder, terms)) else files:
            self.send("catalog", path, terms.limit)
        for path in files:
            self.import_file("catalog", path.name)

    def orders(self) -> bytes:
        """``checkauth`` and ``query``: the document as it came, from its first ``<``. Never asked twice by itself: some
        sites take a second ``query`` for ``success``.
        """
        self.check_auth("sale")
        answer = self._call("sale", "query")
        start = answer.body.find(b"<?xml")
        start = answer.body.find(b"<\xd0\x9a\xd0\xbe\xd0\xbc") if start < 0 else start  # <Ком without a declaration
        if answer.status != 200 or start < 0:
            raise self._strange("sale/query", answer)
        return answer.body[start:]

    def confirm(self) -> None:
        """``success``: the site need not offer these orders again. In the session of ``orders``."""
        self._said("sale/success", self._call("sale", "success"))

    # --- single requests ----------------------------------------------------------------------------------------------

    def check_auth(self, kind: Kind) -> None:
        """Open a session. Raises ``TransportError`` E985 when the site refuses the login."""
        self._session = _Session()
        answer = self._call(kind, "checkauth")
        word, rest = self._word(answer)
        if word == "failure" or (answer.status in {401, 403}):
            raise TransportError("E985", host=self.host, detail=clean(rest) or f"HTTP {answer.status}")
        if word != "success":
            raise self._away(f"{kind}/checkauth", answer)
        lines = [line.strip() for line in rest.splitlines() if line.strip()]
        if len(lines) > 1 and _COOKIE_NAME.fullmatch(lines[0]) and not lines[0].startswith(("sessid=", "timestamp=")):
            self._session.cookies[lines[0]] = lines[1]
        self._learn(answer, rest)

    def init(self, kind: Kind) -> Terms:
        """Ask for the limits. Zero means that a file goes in one piece; none said, pieces of a megabyte."""
        answer = self._call(kind, "init")
        text = _decoded(answer.body)
        if _FAILURE.search(text) or answer.status != 200:
            self._said(f"{kind}/init", answer)
        self._learn(answer, text)
        limit = _LIMIT.search(text)
        if limit is None:
            return Terms(bool(_ZIP.search(text)), PIECE)
        size = int(limit[1])
        return Terms(bool(_ZIP.search(text)), min(size, LARGEST_PIECE) if size else None)

    def send(self, kind: Kind, path: Path, limit: int | None) -> None:
        """``file`` for each piece, in order, under one name."""
        for piece in _pieces(path, limit):
            answer = self._call(kind, "file", name=path.name, body=piece)
            self._said(f"{kind}/file {path.name}", answer)

    def import_file(self, kind: Kind, name: str) -> None:
        """``import`` until it is no longer ``progress``. Raises ``RemoteError`` E988 when patience ends."""
        deadline = time.monotonic() + self._patience
        asked = 0
        while self._said(f"{kind}/import {name}", self._call(kind, "import", name=name)) == "progress":
            if time.monotonic() > deadline or self._stop.wait(_PAUSES[min(asked, len(_PAUSES) - 1)]):
                raise RemoteError("E988", host=self.host, name=name, seconds=round(self._patience))
            asked += 1

    def _call(self, kind: Kind, mode: str, *, name: str = "", body: bytes | None = None) -> Answer:
        """GET without a body, POST with one. Cookies and ``sessid`` as the site gave them."""
        query = f"type={kind}&mode={mode}" + (f"&filename={quote(name, safe='/')}" if name else "")
        if self._session.sessid:
            query += f"&sessid={quote(self._session.sessid, safe='')}"
        headers: dict[str, str] = {"Accept": "*/*", "User-Agent": "1C+Enterprise/8.3"}
        if self._session.cookies:  # verbatim: a value may hold what a cookie should not
            headers["Cookie"] = "; ".join(f"{key}={value}" for key, value in self._session.cookies.items())
        if body is None:
            return self._client.get(self._begin + query, headers=headers)
        return self._client.post(self._begin + query, body, headers | {"Content-Type": "application/octet-stream"})

    # --- answers ------------------------------------------------------------------------------------------------------

    def _learn(self, answer: Answer, text: str) -> None:
        """Cookies of the headers, and ``sessid`` of the body, which Bitrix demands from then on."""
        for header in answer.headers.get_list("set-cookie"):
            try:
                jar = SimpleCookie(header)
            except CookieError:
                continue
            for key, morsel in jar.items():
                self._session.cookies.setdefault(key, morsel.coded_value)
        if found := _SESSID.search(text):
            self._session.sessid = found[1]

    def _word(self, answer: Answer) -> tuple[str, str]:
        """The word of the protocol and what follows it; an empty word where there is none. ``failure`` wins."""
        text = _decoded(answer.body)
        found = _WORD.search(text)
        if bad := _FAILURE.search(text):
            return "failure", text[bad.end() :]
        return (found[1].lower(), text[found.end() :]) if found and answer.status == 200 else ("", text)

    def _said(self, asked: str, answer: Answer) -> str:
        """``success`` or ``progress``. Raises ``RemoteError`` E986 for ``failure``."""
        word, rest = self._word(answer)
        if word == "failure":
            raise RemoteError("E986", host=self.host, asked=asked, detail=clean(rest) or "failure")
        if not word:
            raise self._strange(asked, answer)
        return word

    def _strange(self, asked: str, answer: Answer) -> SyncdError:
        """No word of the protocol: a page, a PHP error, nothing."""
        if answer.status in {401, 403, 404, 429, 502, 503, 504}:
            return self._away(asked, answer)
        detail = clean(answer.body[:2000].decode("utf-8", "replace")) or tr("an empty answer", "пустой ответ")
        return RemoteError("E987", host=self.host, asked=asked, status=answer.status, detail=detail)

    def _away(self, asked: str, answer: Answer) -> TransportError:
        found = failures.of_answer(answer.status, answer.headers, answer.body, self.host, write=False)
        if isinstance(found, TransportError) and found.code != "E939":
            return found
        detail = clean(answer.body[:2000].decode("utf-8", "replace")) or tr("an empty answer", "пустой ответ")
        return TransportError("E989", host=self.host, asked=asked, status=answer.status, detail=detail)


_SAFE: Final = "/:;=@!$&'()*+,~%"


def _decoded(body: bytes) -> str:
    text = body.removeprefix(b"\xef\xbb\xbf")[:100_000]
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("windows-1251", "replace")


def _pieces(path: Path, limit: int | None) -> Iterator[bytes]:
    with path.open("rb") as file:
        first = True
        while (piece := file.read(limit or -1)) or first:
            yield piece
            first = False


def _packed(files: Sequence[Path], folder: Path, terms: Terms) -> Path | None:
    """All files as one archive, where the site takes one and it fits one piece: some overwrite instead of append."""
    if not terms.zip:
        return None
    path = folder / "v8_1C.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    return path if terms.limit is None or path.stat().st_size <= terms.limit else None


def known_settings(settings: Mapping[str, object]) -> list[str]:
    """Settings of an endpoint that nobody reads."""
    return sorted(
        settings.keys() - {"login", "ca", "merge", "namespace", "storefront", "price_types", "images", "zone"}
    )
