"""From the bytes of a document to clean UTF-8 that an XML parser accepts, piece by piece.

1C writes UTF-8 with a byte order mark; older configurations and sites write windows-1251 and UTF-16. Texts edited by
people hold characters that XML 1.0 forbids; one of them would otherwise cost the whole file.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Generator, Iterable, Iterator

from syncd.commerceml.names import ROOT
from syncd.errors import DataError

PIECE = 65536
"""Bytes given to the parser at once: small enough for constant memory, large enough for speed."""

_DECLARATION = re.compile(rb"""\s*<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
_CODE_PAGES = frozenset({"cp1251", "cp1252", "cp866", "koi8-r", "iso8859-1", "iso8859-5", "ascii"})
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
         (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_CONTROLS = bytes([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20)])
_SURROGATES = re.compile(rb"(?:\xed[\xa0-\xbf][\x80-\xbf])+")
_REFERENCES = re.compile(rb"(?:&#(?:[xX][0-9a-fA-F]{1,12}|[0-9]{1,12});)+")
_REFERENCE = re.compile(rb"&#([xX]?)([0-9a-fA-F]+);")
_TAIL = re.compile(rb"(?:(?:&#?[xX]?[0-9a-fA-F]{0,12};?)+|(?:\xed(?:[\xa0-\xbf][\x80-\xbf]?)?|\xef(?:\xbf)?)+)$")
_TAIL_WINDOW = 64
_END = 128  # bytes; an end tag of the root, with what may stand behind it
_CONTINUATIONS = bytes(range(0x80, 0xC0))


class EncodingMismatch(DataError):
    """The bytes are not in the declared encoding. The caller may read again with ``encoding="windows-1251"``."""

    def __init__(self, declared: str, detail: str) -> None:
        super().__init__("E208", declared=declared, detail=detail)


class CleanBytes:
    """Iterates over a document's bytes as clean UTF-8 pieces without a byte order mark.

    ``encoding`` overrules what the document declares. ``warnings`` counts what had to be changed. Raises
    ``EncodingMismatch`` where the bytes are not what was declared; invalid UTF-8 is left to the parser, which sees it
    at no cost (``mismatch`` tells it apart).
    """

    def __init__(self, chunks: Iterable[bytes], encoding: str | None, warnings: Counter[str]) -> None:
        self._chunks = chunks
        self._forced = encoding
        self.warnings = warnings
        self.declared = ""
        self.encoding = "utf-8"
        self._seen = b""

    def __iter__(self) -> Generator[bytes, None, None]:
        try:
            yield from self._run()
        finally:
            let_go(self._chunks)

    def _run(self) -> Iterator[bytes]:
        pieces = _cut(self._chunks)
        start = b""
        for piece in pieces:
            start += piece
            if len(start) >= 256:  # enough to see the mark and the declaration
                break
        bom = self._sniff(start)
        body = _chain(start[bom:], pieces)
        held = b""
        for piece in body if self.encoding == "utf-8" else self._transcode(body):
            data = held + piece if held else piece
            tail = _TAIL.search(data, max(0, len(data) - _TAIL_WINDOW))
            held = b""
            if tail is not None and len(tail.group()) < _TAIL_WINDOW:
                held = tail.group()
                data = data[: tail.start()]
            yield self._clean(data)
        if held:
            yield self._clean(held)

    def mismatch(self, detail: str) -> EncodingMismatch | None:
        """After the parser refused a piece: the error if its bytes were not UTF-8, else ``None``."""
        whole = self._seen.lstrip(_CONTINUATIONS)  # the first bytes may belong to a character cut in two
        try:
            codecs.getincrementaldecoder("utf-8")().decode(whole)
        except UnicodeDecodeError:
            return EncodingMismatch(self.declared or "utf-8", detail)
        return None

    def closes(self, name: str) -> bool:
        """Whether the element's end tag is among the last bytes that came."""
        return re.search(rf"</(?:[^<>/\s]+:)?{name}\s*>", self._seen[-_END:].decode("utf-8", "replace")) is not None

    def _sniff(self, start: bytes) -> int:
        """Decide the encoding; the length of the byte order mark."""
        bom = 0
        found = ""
        for mark, name in _BOMS:
            if start.startswith(mark):
                found, bom = name, len(mark) if name == "utf-8" else 0
                break
        if not found and start[:4] in (b"<\0?\0", b"\0<\0?"):
            found = "utf-16-le" if start[0] else "utf-16-be"
        declared = _DECLARATION.match(start, bom)
        self.declared = declared.group(1).decode("ascii") if declared else ""
        if found.startswith(("utf-16", "utf-32")):
            self.declared = self.declared or found
        stated = self._known(self._forced or self.declared)
        if self._forced and found.startswith(("utf-16", "utf-32")):
            found = ""
        if stated.startswith(("utf-16", "utf-32")) and declared and not found:
            stated = "utf-8"  # the declaration was readable byte by byte, so it is wrong
            self.warnings["encoding is not the declared one"] += 1
        elif not found and not self._forced and stated in _CODE_PAGES and ROOT.encode() in start:
            stated = "utf-8"  # in none of them do the root's letters have these bytes
            self.warnings["encoding is not the declared one"] += 1
        if found and declared and found != stated and not self._forced:
            self.warnings["encoding is not the declared one"] += 1
        self.encoding = stated if self._forced else found or stated
        return bom

    def _known(self, name: str) -> str:
        if not name:
            return "utf-8"
        try:
            b"<".decode(name, "replace")  # refuses what is no encoding of text: base64, zlib, rot13
            return codecs.lookup(name).name
        except (LookupError, UnicodeError) as error:
            raise EncodingMismatch(name, str(error)) from error

    def _transcode(self, body: Iterable[bytes]) -> Iterator[bytes]:
        wide = self.encoding.startswith(("utf-16", "utf-32"))
        decoder = codecs.getincrementaldecoder(self.encoding)("replace" if wide else "syncd.skip")
        for piece in body:
            yield self._decoded(decoder, piece, final=False)
        yield self._decoded(decoder, b"", final=True)

    def _decoded(self, decoder: codecs.IncrementalDecoder, piece: bytes, *, final: bool) -> bytes:
        try:
            return decoder.decode(piece, final).encode("utf-8")
        except UnicodeError as error:
            raise EncodingMismatch(self.declared or self.encoding, str(error)) from error

    def _clean(self, data: bytes) -> bytes:
        clean = data.translate(None, _CONTROLS)
        if len(clean) != len(data):
            self.warnings["control characters removed"] += len(data) - len(clean)
        if b"&#" in clean:
            clean = _REFERENCES.sub(self._references, clean)
        if b"\xed" in clean:
            clean = _SURROGATES.sub(self._surrogates, clean)
        if b"\xef\xbf" in clean:
            clean = clean.replace(b"\xef\xbf\xbe", b"\xef\xbf\xbd").replace(b"\xef\xbf\xbf", b"\xef\xbf\xbd")
        self._seen = self._seen[-_END:] + clean
        return clean

    def _references(self, match: re.Match[bytes]) -> bytes:
        """Drop references to what XML forbids; two halves of a surrogate pair become their character."""
        out: list[str] = []
        for hexadecimal, digits in _REFERENCE.findall(match.group()):
            code = int(digits, 16 if hexadecimal else 10)
            if _allowed(code):
                out.append(f"&#{code};")
            elif 0xD800 <= code < 0xE000:
                out.append(chr(code))
            else:
                self.warnings["control characters removed"] += 1
        text = "".join(out)
        if any("\ud800" <= sign <= "\udfff" for sign in text):
            self.warnings["surrogates repaired"] += 1
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text.encode("utf-8")

    def _surrogates(self, match: re.Match[bytes]) -> bytes:
        """UTF-16 halves written as UTF-8 (CESU-8): pairs become their character, lone ones U+FFFD."""
        self.warnings["surrogates repaired"] += 1
        text = match.group().decode("utf-8", "surrogatepass")
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def let_go(chunks: Iterable[bytes]) -> None:
    """Close a stream that may hold a connection: who stops reading must not wait for the garbage collector."""
    if isinstance(chunks, Generator):
        chunks.close()


def _allowed(code: int) -> bool:
    """XML 1.0 production Char."""
    return code in (9, 10, 13) or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code < 0x110000


def _cut(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        if len(chunk) <= PIECE:
            if chunk:
                yield chunk
            continue
        for start in range(0, len(chunk), PIECE):
            yield bytes(memoryview(chunk)[start : start + PIECE])


def _chain(start: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if start:
        yield start
    yield from rest


def _skip(error: UnicodeError) -> tuple[str, int]:
    """Leave out single bytes that a code page does not define (0x98 in windows-1251)."""
    if isinstance(error, UnicodeDecodeError):
        return "", error.end
    raise error


codecs.register_error("syncd.skip", _skip)
