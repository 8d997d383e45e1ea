"""The XML parser: bytes in, events of the elements we know out, with everything refused that CommerceML never needs."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from itertools import chain
from typing import Final, Literal, cast

from lxml import etree
from lxml.etree import _Element as Element

from syncd.commerceml.encoding import CleanBytes
from syncd.commerceml.names import NAMES, ROOT, line_of
from syncd.errors import DataError

_MAX_PROLOG = 1_000_000

HELD_LIMIT: Final = 3_000_000
"""Nodes (elements, texts, attributes, or 32 characters of text) that one unfinished record may have: some 500 MB."""
_NODE_CHARACTERS: Final = 32

Event = tuple[str, Element]


def events(pieces: CleanBytes, tags: Iterable[str]) -> Generator[list[Event], None, None]:
    """Start and end events of the elements with these local names and of the root, one list per piece read.

    The caller drops what is finished before it asks for the next list; at the end it closes this and empties the root.
    Raises ``DataError`` E201 (not well-formed), E203 (another root), E204 (DTD or entities), E210 (a record without
    end), E216 (cut off) and ``EncodingMismatch``.
    """
    with closing(iter(pieces)) as source:
        yield from _events(source, pieces, ["{*}" + tag for tag in (*tags, ROOT)])


def _events(source: Iterator[bytes], pieces: CleanBytes, tags: list[str]) -> Iterator[list[Event]]:
    start = b""
    root = None
    probe = _parser(("start",), None)
    while root is None:
        piece = next(source, None)
        if piece is None:
            _close(probe, pieces, began=ROOT.encode() in start)
            raise DataError("E201", line=1, detail="no root element")
        start += piece
        _feed(probe, piece, pieces)
        root = next((element for _, element in _read(probe)), None)
        if len(start) > _MAX_PROLOG and root is None:
            raise DataError("E201", line=1, detail="no root element")
    _check(root)
    _abandon(probe)
    empty(root)
    parser = _parser(("start", "end"), tags)
    try:
        fresh = 0
        for piece in chain((start,), source):
            _feed(parser, piece, pieces)
            found = _read(parser)
            root = found[0][1] if fresh == 0 and found else root
            yield found
            fresh += piece.count(b"<") + piece.count(b"=") + len(piece) // _NODE_CHARACTERS + 1
            if fresh > HELD_LIMIT // 3:
                fresh = 1
                if _held(root) > HELD_LIMIT:
                    raise DataError("E210", line=line_of(root[-1]), limit=HELD_LIMIT)
        _close(parser, pieces, began=True)
        yield _read(parser)
    finally:
        _abandon(parser)


def _abandon(parser: etree.XMLPullParser) -> None:
    with suppress(etree.XMLSyntaxError):  # it ended before, or breaks off now
        parser.close()


def empty(root: Element) -> None:
    """Drop what is in a tree whose parser is closed. The two hold each other: only the collector, which does not know
    how large they are, would free them.
    """
    path = [root]
    while len(path[-1]):
        path.append(path[-1][-1])
    for element in reversed(path):
        del element[:]


def _held(root: Element) -> int:
    """How large the tree is at this moment, in nodes."""
    return int(cast("float", _SIZE(root)))


_SIZE: Final = etree.XPath(
    f"count(.//node()) + count(.//@*) + string-length(string(.)) div {_NODE_CHARACTERS}", smart_strings=False
)


def _check(root: Element) -> None:
    dtd = cast("object | None", root.getroottree().docinfo.internalDTD)
    if dtd is not None:  # there is one for every DOCTYPE, with or without a subset
        raise DataError("E204")
    if NAMES[root.tag] != ROOT:
        raise DataError("E203", root=NAMES[root.tag])


def _parser(kinds: tuple[Literal["start", "end"], ...], tags: list[str] | None) -> etree.XMLPullParser:
    return etree.XMLPullParser(
        events=kinds, tag=tags, encoding="utf-8", remove_comments=True, remove_pis=True, remove_blank_text=True,
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False,
    )  # fmt: skip


def tree(pieces: Iterable[bytes]) -> Element:
    """The root of a small document, read as ``events`` reads a large one. Raises ``etree.XMLSyntaxError``."""
    parser = etree.XMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, remove_blank_text=True, resolve_entities=False,
        load_dtd=False, no_network=True, huge_tree=False,
    )  # fmt: skip
    for piece in pieces:
        parser.feed(piece)
    return parser.close()


def _read(parser: etree.XMLPullParser) -> list[Event]:
    return cast("list[Event]", list(parser.read_events()))


def _feed(parser: etree.XMLPullParser, piece: bytes, pieces: CleanBytes) -> None:
    try:
        parser.feed(piece)
    except etree.XMLSyntaxError as error:
        raise _refusal(error, pieces) from error


def _close(parser: etree.XMLPullParser, pieces: CleanBytes, *, began: bool) -> None:
    """The document came to its end. ``began``: and its root was there."""
    try:
        parser.close()
    except etree.XMLSyntaxError as error:
        refusal = _refusal(error, pieces)
        if began and refusal.code == "E201" and not pieces.closes(ROOT):
            refusal = DataError("E216", line=error.position[0])
        raise refusal from error


def _refusal(error: etree.XMLSyntaxError, pieces: CleanBytes) -> DataError:
    detail = error.msg or "unknown"
    return pieces.mismatch(detail) or DataError("E201", line=error.position[0], detail=detail)
