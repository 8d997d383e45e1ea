"""The fast path: records whose bytes are those of the last time are cut out of the document before it is parsed.

Most exports of 1C are mostly unchanged. Here the borders of records are found in the bytes, which is some twenty times
faster than parsing, and an unchanged record never reaches the parser. The filter gives up, and lets everything through,
wherever the bytes alone cannot tell: UTF-16, prefixes, comments between records, nested records.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from xxhash import xxh3_64, xxh3_64_intdigest

from syncd.commerceml import around
from syncd.commerceml.encoding import let_go
from syncd.commerceml.heads import catalogue_id
from syncd.commerceml.known import Known
from syncd.commerceml.tracks import Track
from syncd.commerceml.values import base_id

LoadKnown = Callable[[str], Known]
"""Gives what is known of the records of a kind of container: ``catalogue`` or ``offers``."""

Hand = Callable[[str, Track, bool], None]
"""Takes what was put aside of a kind of element (``Track.aside``). ``True``: the list ended, and all of it is to be
settled before the next one begins."""

RECORD_LIMIT: Final = 32 << 20
"""A record larger than this is not held in memory for a comparison; bytes."""
_HEAD_LIMIT: Final = 4 << 20
ASIDE_BYTES: Final = 1 << 19
"""So much is put aside before it is handed over: small beside the memory of a process, large beside a message. A record
larger than this is for the reader, which watches how much it holds."""
_TAIL: Final = 256  # bytes kept back, so that no tag is cut in two
_CONTAINERS: Final = {"Каталог": "catalogue", "ПакетПредложений": "offers", "ИзмененияПакетаПредложений": "offers"}
ELEMENTS: Final = {"catalogue": "Товар", "offers": "Предложение"}
_AFTER_NAME: Final = (b" ", b">", b"/", b"\t", b"\r", b"\n")


class RecordFilter:
    """Iterate over it once for the document without its unchanged records.

    ``tracks`` has one entry for every element of records met (Товар, Предложение). Tell a track with ``note`` what the
    reader made of its records, and call ``settle`` when the document was read to its end.
    ``hand`` takes changed records to be read elsewhere: of every list then only the first one goes to the reader, so
    that it tells the head. ``cut`` tells that the reader does not see all of the document.
    ``untracked`` tells that records went through unseen: what was known is then no longer to be trusted.
    ``currencies`` are those of price types that the document need not name; ``assumed`` what they were, with its own,
    where records with prices began.
    """

    def __init__(
        self,
        chunks: Iterator[bytes],
        load: LoadKnown,
        *,
        encoding: str | None = None,
        hand: Hand | None = None,
        currencies: Mapping[str, str] | None = None,
    ) -> None:
        self._chunks = chunks
        self._hand = hand
        self.hands = hand is not None
        self._load: LoadKnown | None = load
        self._encoding = encoding
        self._price_types = xxh3_64()
        self._currencies = dict(currencies or {})
        self.assumed: list[dict[str, str]] = []
        self.tracks: dict[str, Track] = {}
        self.untracked = False
        self.cut = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._run()
        finally:
            let_go(self._chunks)
            # who listens holds this filter: no ring that waits for the collector
            self._load = self._hand = None

    def _run(self) -> Iterator[bytes]:
        first = next(self._chunks, b"")
        encoding = self._encoding or around.encoding_of(first)
        if encoding is None:
            self.untracked = True
            yield first
            yield from self._chunks
            return
        yield from _Scan(self, encoding).run(first, self._chunks)

    def settle(self, records: Mapping[str, int]) -> None:
        """The document was read to its end. ``records``: how many of each element the reader took up."""
        for element, track in self.tracks.items():
            if not track.settle(records.get(element, 0)):
                self.untracked = True

    def hand_over(self, element: str, *, last: bool) -> None:
        """Give away what was put aside. ``last``: the list ended."""
        if self._hand is not None and element in self.tracks:
            self._hand(element, self.tracks[element], last)

    def add_price_types(self, text: bytes, encoding: str) -> None:
        """Price types of the document: a price without a currency takes that of its type."""
        self._price_types.update(text)
        self._currencies |= around.currencies(around.parsed(text, encoding))

    def open(self, kind: str, head: bytes, first_record: bytes, encoding: str) -> Track:
        """A container's records begin. ``head`` is what stands between its tag and the first record."""
        track = self.tracks.get(ELEMENTS[kind])
        if track is None:
            assert self._load is not None
            track = self.tracks[ELEMENTS[kind]] = Track(self._load(kind))
        root = around.parsed(head, encoding)
        context = self._price_types.copy()
        self._currencies |= around.currencies(root)
        if around.has_prices(first_record, encoding):
            if self._currencies not in self.assumed:
                self.assumed.append(dict(self._currencies))
            context.update(repr(sorted(self._currencies.items())).encode())
        context.update(b"\x1f".join((encoding.encode(), kind.encode(), around.without_flag(head, encoding))))
        label = around.label(kind, first_record, encoding)
        context.update(b"\x1f%d" % label)
        track.begin(catalogue_id(kind, around.head_of(root)), label, context.intdigest(), encoding)
        return track


class _Scan:
    """Finds the borders of records in the bytes of one document."""

    def __init__(self, owner: RecordFilter, encoding: str) -> None:
        self._owner = owner
        self._encoding = encoding
        alternatives = "|".join((*_CONTAINERS, "ТипыЦен"))
        self._heads = re.compile(f"<({alternatives})[\\s>]".encode(encoding))
        self._container_of = {name.encode(encoding): name for name in _CONTAINERS}
        self._price_types_end = "</ТипыЦен>".encode(encoding)
        self._buffer = b""
        self._offset = 0
        self._nested = False
        self._step = self._look_for_container
        self._head = bytearray()
        self._start = self._end = self._close = b""
        self._identity = re.compile(b"")
        self._kind = ""
        self._track: Track | None = None

    def run(self, first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """All pieces of the document that are to be parsed."""
        chunk: bytes | None = first
        while chunk is not None:
            self._buffer += chunk
            following = next(chunks, None)
            while (piece := self._step(last=following is None)) is not None:
                if piece:
                    yield piece
            chunk = following
        if self._kind:
            self._owner.hand_over(ELEMENTS[self._kind], last=True)
        if self._buffer:
            yield self._buffer

    # Each step takes from the buffer what it understands and returns what of it is to be parsed; None: more is needed.

    def _look_for_container(self, *, last: bool) -> bytes | None:
        found = self._heads.search(self._buffer)
        if found is None:
            return self._take(len(self._buffer) - _TAIL) if not last and len(self._buffer) > _TAIL else None
        name = self._container_of.get(found.group(1))
        if name is None:  # price types before any container: the classifier's
            end = self._buffer.find(self._price_types_end, found.end())
            if end < 0:
                return self._give_up() if last or len(self._buffer) > RECORD_LIMIT else None
            self._owner.add_price_types(self._buffer[found.start() : end], self._encoding)
            return self._take(end + len(self._price_types_end))
        opened = self._buffer.find(b">", found.start())
        if opened < 0:
            return self._give_up() if last or len(self._buffer) > RECORD_LIMIT else None
        self._enter(_CONTAINERS[name], name)
        return self._take(opened + 1)

    def _enter(self, kind: str, name: str) -> None:
        element, encoding = ELEMENTS[kind], self._encoding
        self._kind = kind
        self._head = bytearray()
        self._start = f"<{element}".encode(encoding)
        self._end = f"</{element}>".encode(encoding)
        self._close = f"</{name}>".encode(encoding)
        self._identity = re.compile(f"<{element}[^<>]*>\\s*<Ид>([^<>&]{{1,200}})</Ид>".encode(encoding))
        self._step = self._look_for_first

    def _look_for_first(self, *, last: bool) -> bytes | None:
        at = self._find_start(0, len(self._buffer))
        close = self._buffer.find(self._close)
        if close >= 0 and (at < 0 or close < at):
            self._step = self._look_for_container
            return self._take(close + len(self._close))
        if at < 0:
            if len(self._head) > _HEAD_LIMIT:
                return self._give_up()
            if last or len(self._buffer) <= _TAIL:
                return None
            size = len(self._buffer) - _TAIL
            self._head += self._buffer[:size]
            return self._take(size)
        end = self._buffer.find(self._end, at)
        if end < 0:
            return self._give_up() if last or len(self._buffer) - at > RECORD_LIMIT else None
        self._head += self._buffer[:at]
        self._track = self._owner.open(self._kind, bytes(self._head), self._buffer[at:end], self._encoding)
        self._step = self._cut_records
        return self._take(at)

    def _cut_records(self, *, last: bool) -> bytes | None:
        """Cut what is unchanged out of the whole records in the buffer.

        A record ends before the next one begins. Texts in which tags stand as text may cut a record in two; the reader
        then takes up fewer records than were let through, and nothing is learnt of such a document.
        """
        del last
        buffer, track, owner = self._buffer, self._track, self._owner
        assert track is not None
        aside = owner.hands and track.ready
        out: list[bytes] = []
        done = kept = 0  # what lies before `done` is settled; from `kept` on it goes to the parser
        at = self._find_start(0, len(buffer))
        while at >= 0 and not buffer[done:at].strip():
            begin, at, end = at, *self._follow(track, at)
            if at > begin:
                if kept < done:
                    out.append(buffer[kept:done])
                done = kept = end
            following = self._find_start(at + 1, len(buffer))
            end = self._end_before(at, following)
            if end < 0:
                break
            if self._leaves(track, buffer[at:end], at, end, aside=aside):
                if kept < done:
                    out.append(buffer[kept:done])
                kept = end
            elif owner.hands:  # the reader is to take it up before the next one is looked at
                done, at = end, following
                break
            done, at = end, following
        owner.cut |= kept > 0
        out.append(buffer[kept:done])
        gap = b"" if at < 0 else buffer[done:at].strip()
        tail = self._after(self._drop(done), more=at >= 0, gap=gap)
        if tail is None and not done:
            return None
        if self._step != self._cut_records:
            owner.hand_over(ELEMENTS[self._kind], last=True)
        return b"".join((*out, tail or b""))

    def _after(self, rest: bytes, *, more: bool, gap: bytes) -> bytes | None:
        """Decide what comes after the records that are settled; ``None``: more of them. ``more`` tells whether
        another one begins in the rest, ``gap`` what but spaces stands before it.
        """
        if self._nested or len(rest) > RECORD_LIMIT:
            return self._give_up()
        if gap or (not more and rest.lstrip()[:2] == b"</"):
            self._step = self._look_for_container  # the list of records ended
            return b""
        return None

    def _follow(self, track: Track, at: int) -> tuple[int, int]:
        """Skip unchanged records from ``at`` on that came in this order the last time too, as long as another one
        begins behind them. Returns where that one begins, and where the last one skipped ends.
        """
        buffer, start, end, context = self._buffer, self._start, self._end, track.context
        find, rfind, size, ending = buffer.find, buffer.rfind, len(start), len(end)
        stop = at

        def matches(value: int) -> bool:
            nonlocal at, stop
            following = find(start, at + size)
            if following < 0 or buffer[following + size : following + size + 1] not in _AFTER_NAME:
                return False
            ends = rfind(end, at, following) + ending
            if ends < ending or xxh3_64_intdigest(buffer[at:ends], context) != value:
                return False
            if buffer[ends:following].strip():
                return False
            at, stop = following, ends
            return True

        track.follow(matches)
        return at, stop

    def _leaves(self, track: Track, record: bytes, at: int, end: int, *, aside: bool) -> bool:
        """Whether the record at ``at`` is not for the reader: it is unchanged, or put aside."""
        identity = self._identity_of(at, end)
        if track.unchanged(record, identity):
            return True
        if not aside or len(record) > ASIDE_BYTES:
            self._owner.hand_over(ELEMENTS[self._kind], last=False)  # what came before stays before it
            track.let_through(record, identity, self._offset + at)
            return False
        track.put_aside(record, identity, self._offset + at)
        if track.aside.size >= ASIDE_BYTES:
            self._owner.hand_over(ELEMENTS[self._kind], last=False)
        return True

    def _end_before(self, at: int, following: int) -> int:
        """Where the record at ``at`` ends, the next one beginning at ``following``; -1: more is needed, or it nests."""
        buffer = self._buffer
        if following >= 0:
            end = buffer.rfind(self._end, at, following)
            if end >= 0:
                return end + len(self._end)
            self._nested = True
            return -1
        end = buffer.find(self._end, at)
        if end < 0:
            return -1
        end += len(self._end)
        # the last one of the list: what follows is its end, or is not here yet
        return end if buffer[end : end + _TAIL].lstrip()[:2] == b"</" else -1

    def _identity_of(self, at: int, end: int) -> bytes | None:
        """The record's Ид in UTF-8 where it is plain to see; a characteristic among products is no product."""
        found = self._identity.match(self._buffer, at, end)
        if found is None:
            return None
        identity: bytes = found.group(1)
        if identity.isascii() and b"#" not in identity:
            return identity if identity == identity.strip() else None
        try:
            text = identity.decode(self._encoding)
        except UnicodeDecodeError:
            return None
        base = base_id(text)
        if text != text.strip() or ("#" in base and self._kind == "catalogue"):
            return None
        return base.encode()

    def _find_start(self, begin: int, end: int) -> int:
        """Where a record's start tag stands; names that only begin so (``Товары``) are passed over."""
        size = len(self._start)
        at = self._buffer.find(self._start, begin, end)
        while at >= 0 and self._buffer[at + size : at + size + 1] not in _AFTER_NAME:
            at = self._buffer.find(self._start, at + size, end)
        return at

    def _take(self, size: int) -> bytes:
        taken = self._buffer[:size]
        self._drop(size)
        return taken

    def _drop(self, size: int) -> bytes:
        """Take so many bytes off the buffer. Returns what is left."""
        self._buffer = self._buffer[size:]
        self._offset += size
        return self._buffer

    def _give_up(self) -> bytes:
        """From here on everything goes to the parser."""
        self._owner.untracked = True
        self._step = self._pass
        return self._take(len(self._buffer))

    def _pass(self, *, last: bool) -> bytes | None:
        del last
        return self._take(len(self._buffer)) or None
