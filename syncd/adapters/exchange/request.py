"""Reading an exchange request as tolerantly as 1C's many clients need: all parameters are in the query string."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import unquote_to_bytes

from syncd.errors import RequestError

COOKIE: Final = "PHPSESSID"
"""One real client has this name hard-coded; the others take it from the body of ``checkauth``."""
NAME_LIMIT: Final = 500
_DRIVE: Final = re.compile(r"^[A-Za-z]:")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class ExchangeRequest:
    """One request, taken apart. ``type`` and ``mode`` are lower case; missing parameters are empty."""

    tenant: str
    type: str
    mode: str
    parameters: dict[str, str]
    token: str | None = None
    basic: tuple[str, str] | None = None
    address: str | None = None
    body: bytes = b""

    @property
    def version(self) -> str | None:
        """The CommerceML version that the Bitrix module announces; the standard client does not."""
        return self.parameters.get("version") or None

    @property
    def sessid(self) -> str:
        """The session's id as the Bitrix module repeats it; empty for the standard client and for ``sessid=``."""
        return self.parameters.get("sessid", "").strip()

    @property
    def timestamp(self) -> int | None:
        """The moment ``deactivate`` refers to, Unix seconds."""
        text = self.parameters.get("timestamp", "")
        return int(text) if text.isascii() and text.isdigit() else None


def parse_query(raw: bytes) -> dict[str, str]:
    """Parameters of a raw query string; the first of a name wins, as it is 1C's own when an address carries others.

    Tolerates what clients send: a second ``?`` (the address had one already and 1C glues its own on), ``&&``, a
    trailing ``&``, values that are not percent-encoded, UTF-8 or windows-1251.
    """
    parameters: dict[str, str] = {}
    for token in re.split(rb"[?&]", raw):
        name, _, value = token.partition(b"=")
        if name:
            parameters.setdefault(decode(unquote_to_bytes(name)).lower(), decode(unquote_to_bytes(value)))
    return parameters


def decode(data: bytes) -> str:
    """UTF-8, else windows-1251: the platform encodes names in either."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("windows-1251", "replace")


def parse_basic(header: str | None) -> tuple[str, str] | None:
    """Login and password of a ``Basic`` header; ``None`` when there is none or it is broken."""
    if not header or header[:6].lower() != "basic ":
        return None
    try:
        text = decode(base64.b64decode(header[6:].strip(), validate=False))
    except (binascii.Error, ValueError):
        return None
    login, colon, password = text.replace("\x00", "\ufffd").partition(":")  # Postgres knows no NUL
    return (login, password) if colon else None


def parse_token(header: str | None) -> str | None:
    """The value of our cookie."""
    if not header:
        return None
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(header)
    except CookieError:
        return None
    morsel = jar.get(COOKIE)
    return morsel.value if morsel and morsel.value else None


def clean_name(raw: str) -> str:
    """The file's path inside the exchange folder, with forward slashes.

    Clients send Windows paths, absolute temporary paths and blanks; XML and archives are known by their base name,
    pictures by the folders beneath ``import_files``. Raises ``RequestError`` E105 for a name that points outside or
    is no name.
    """
    name = raw.strip().replace("\\", "/")
    if _CONTROL.search(name) or "�" in name:
        raise RequestError("E105", name=raw[:NAME_LIMIT], reason="control characters")
    parts = [part.strip() for part in _DRIVE.sub("", name).split("/") if part.strip() not in {"", "."}]
    if ".." in parts:
        raise RequestError("E105", name=raw[:NAME_LIMIT], reason="it points outside")
    if not parts:
        raise RequestError("E105", name=raw[:NAME_LIMIT], reason="it is empty")
    if len("/".join(parts)) > NAME_LIMIT:
        raise RequestError("E105", name=raw[:60] + "…", reason=f"longer than {NAME_LIMIT} characters")
    if parts[0].lower() == "reports":
        return "/".join(["Reports", *parts[1:]])
    if parts[-1].lower().endswith((".xml", ".zip")) and "import_files" not in parts:
        return parts[-1]
    if "import_files" in parts:
        parts = parts[parts.index("import_files") :]
    return "/".join(parts)
