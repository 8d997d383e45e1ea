"""Mutations of bytes, which know nothing of XML."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Final

RUBBISH: Final = (
    b"\x00", b"\x01", b"\x1e\x1f", b"\x98", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xed\xa0\xbd\xed\xb8\x80",
    b"\xed\xa0\x80", b"\xef\xbf\xbf", b"\xc2\xa0", b"\xe2\x80\xa8", b"\xf0\x9f\x98\x80", b"&", b"&amp;amp;", b"&#0;",
    b"&#xD83D;&#xDE00;", b"&#xFFFF;", b"&#99999999999;", b"&nbsp;", b"<", b">", b"]]>", b"<![CDATA[", b"<!--", b"-->",
    b"<?x ?>", b"<!DOCTYPE x>", b"\r", b"\r\n", b"\\", b"\\N", b"\t", b"'", b'"',
)  # fmt: skip
ENCODINGS: Final = (
    "utf-8", "utf-8-sig", "windows-1251", "windows-1251", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "koi8-r",
    "cp866",
    "utf-7", "latin-1", "gb18030",
)  # fmt: skip
DECLARED: Final = (
    "UTF-8", "utf8", "windows-1251", "Windows-1251", "cp1251", "UTF-16", "UTF-32", "KOI8-R", "cp866", "utf-7",
    "us-ascii",
    "ISO-8859-1", "base64", "zlib", "hex", "rot13", "punycode", "idna", "undefined", "unicode_escape", "x-none", "mbcs",
    "raw_unicode_escape", "utf-8-sig", "utf_16_le", "big5", "iso-2022-jp", "hz", "utf-8_", "..", "a" * 300,
)  # fmt: skip
_DECLARATION: Final = re.compile(r"^\ufeff?\s*<\?xml[^>]*\?>")


def mangled(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """One to four mutations, one after the other."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        data = rng.choice(_ALL)(data, other, rng)
    return data


def recoded(data: bytes, rng: random.Random) -> bytes:
    """The same text in another encoding, under a declaration that is right, wrong or missing."""
    text = _DECLARATION.sub("", data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace"))
    encoding = rng.choice(ENCODINGS)
    declared = rng.choice((encoding, encoding, rng.choice(DECLARED), None))
    head = "" if declared is None else f'<?xml version="1.0" encoding="{declared}"?>'
    lead = rng.choice(("", "", "", " ", "\n", "\ufeff", "x"))
    return (lead + head + text).encode(encoding, "xmlcharrefreplace")


def _flip(data: bytes, _other: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if out:
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _span(data: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randint(0, len(data))
    return start, min(len(data), start + rng.choice((1, 3, 40, 500, 20_000)))


def _cut(data: bytes, _other: bytes, rng: random.Random) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def _repeat(data: bytes, _other: bytes, rng: random.Random) -> bytes:
    start, end = _span(data, rng)
    return data[:end] + data[start:end] * rng.choice((1, 1, 2, 30)) + data[end:]


def _insert(data: bytes, _other: bytes, rng: random.Random) -> bytes:
    at = rng.randint(0, len(data))
    what = rng.choice(RUBBISH) if rng.random() < 0.8 else rng.randbytes(rng.randint(1, 200))
    return data[:at] + what * rng.choice((1, 1, 1, 50)) + data[at:]


def _into_text(data: bytes, _other: bytes, rng: random.Random) -> bytes:
    """Rubbish where it does the least harm to the structure: at the edge of a text."""
    places = [match.start() + (0 if rng.random() < 0.5 else 1) for match in re.finditer(rb">(?=[^<\s])", data)]
    if not places:
        return data
    at = rng.choice(places) + 1
    return data[:at] + rng.choice(RUBBISH) + data[at:]


def _truncate(data: bytes, _other: bytes, rng: random.Random) -> bytes:
    return data[: rng.choice((rng.randint(0, len(data)), rng.randint(0, 300), len(data) - rng.randint(1, 40)))]


def _splice(data: bytes, other: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]
    mine = [match.start() for match in re.finditer(rb"<[^/?!]", data)] or [0]
    theirs = [match.start() for match in re.finditer(rb"<[^/?!]", other)] or [0]
    return data[: rng.choice(mine)] + other[rng.choice(theirs) :]


def _recode(data: bytes, _other: bytes, rng: random.Random) -> bytes:
    return recoded(data, rng)


def _line_ends(data: bytes, _other: bytes, rng: random.Random) -> bytes:
    return data.replace(b"\n", rng.choice((b"\r\n", b"\r", b"", b" ")))


_ALL: Final[tuple[Callable[[bytes, bytes, random.Random], bytes], ...]] = (
    _flip, _cut, _repeat, _insert, _into_text, _into_text, _truncate, _splice, _recode, _recode, _line_ends,
)  # fmt: skip
