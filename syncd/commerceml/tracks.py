"""What became of the records of one kind in one document: which were cut out, and what was made of the others."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from xxhash import xxh3_64_intdigest

from syncd.commerceml.known import Known, Signature, key_of, mask_of
from syncd.model.records import BadRecord, Item, Record
from syncd.spill import Numbers

OWN = frozenset({"product", "offer", "price", "stock"})  # records whose key begins with the Ид of their element


@dataclass(slots=True)
class Seen:
    """Ids of one catalogue whose records were cut out: hashes, as ``known.key_of(id, 0)`` makes them."""

    catalogue_id: str
    entities: set[str]
    """What records of this kind of document state, so far."""
    hashes: Numbers = field(default_factory=Numbers)


@dataclass(slots=True)
class Aside:
    """Records one after another of a document that are to be read elsewhere: their bytes, and where each begins.

    ``identities`` are there when other kinds of documents speak of the same records. ``slot`` is the first one's.
    """

    slot: int = 0
    size: int = 0
    records: list[bytes] = field(default_factory=list)
    offsets: array[int] = field(default_factory=lambda: array("Q"))
    identities: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class _Pending:
    identity: bytes
    slot: int
    offset: int
    label: int


@dataclass(slots=True)
class Track:
    """One kind of record, in the order of the document. ``label`` is the kind of document, see ``Known.labels``."""

    known: Known
    label: int = 0
    context: int = 0
    encoding: str = "utf-8"
    seen: list[Seen] = field(default_factory=list)
    ready: bool = False
    """Whether the reader took up a record of the open container, so that all that its reading depends on is known."""
    aside: Aside = field(default_factory=Aside)
    _pending: deque[_Pending] = field(default_factory=deque)
    _closed: int = 0
    _mask: int = 0
    _made: dict[tuple[str, tuple[object, ...]], None] = field(default_factory=dict)
    _bad: bool = False

    def begin(self, catalogue_id: str, label: int, context: int, encoding: str) -> None:
        """A container's records begin."""
        self.label, self.context, self.encoding = label, context, encoding
        self._mask = mask_of(label)
        self.known.used.add(label)
        self.ready = False
        self.seen.append(Seen(catalogue_id, self.known.labels.setdefault(label, set())))

    def follow(self, matches: Callable[[int], bool]) -> bool:
        """Skip the records that came here the last time too, unchanged: they are remembered as stated, and nobody needs
        to look for their Ид. ``matches`` tells of a value whether the next record has it.
        """
        keys = self.known.follow(matches)
        mask = self._mask
        self.seen[-1].hashes.extend([key ^ mask for key in keys])
        return bool(keys)

    def unchanged(self, record: bytes, identity: bytes | None) -> bool:
        """Whether this record may be cut out: then it is remembered as stated."""
        if identity is None:
            return False
        if not self.known.skip(key_of(identity, self.label), xxh3_64_intdigest(record, self.context)):
            return False
        self.seen[-1].hashes.append(key_of(identity, 0))
        return True

    def let_through(self, record: bytes, identity: bytes | None, offset: int) -> None:
        """A record that is not skipped goes to the reader, and waits for what that makes of it.

        ``offset`` is where it begins in the document, bytes.
        """
        if identity is None:
            self._pending.append(_Pending(b"", -1, offset, self.label))
            return
        slot = self.known.let_through(key_of(identity, self.label), xxh3_64_intdigest(record, self.context))
        self._pending.append(_Pending(identity, slot, offset, self.label))

    def put_aside(self, record: bytes, identity: bytes | None, offset: int) -> None:
        """A record that is not skipped is to be read elsewhere."""
        key, value = 0, 0
        if identity is not None:
            key, value = key_of(identity, self.label), xxh3_64_intdigest(record, self.context)
        slot = self.known.let_through(key, value)
        aside = self.aside
        if not aside.records:
            aside.slot = slot
        aside.records.append(record)
        aside.offsets.append(offset)
        aside.size += len(record)
        if identity is not None and len(self.known.labels) > 1:
            aside.identities.append(identity)

    def read_elsewhere(self, aside: Aside, stated: set[str]) -> None:
        """Records put aside were read: they state records of these entities."""
        self.known.labels[self.label] |= stated
        if len(self.known.labels) > 1:
            for identity in aside.identities:
                self.known.touch(identity, self.label)

    def note(self, ordinal: int, item: Item) -> int:
        """The reader made this item of the ``ordinal``-th record (from 1) it was given.

        Returns where that record begins in the document, bytes; -1 when that is not known.
        """
        self.ready = True
        while self._closed < ordinal - 1:
            self._close()
        if isinstance(item, Record):
            self._made[item.entity, item.key] = None
            if not item.stub and self._pending:
                self.known.labels[self._pending[0].label].add(item.entity)
        elif isinstance(item, BadRecord):
            self._bad = True
        return self._pending[0].offset if self._pending else -1

    def settle(self, records: int) -> bool:
        """The document was read to its end, with so many records taken up by the reader.

        ``False`` when these are not the records that were let through: then nothing learnt here is to be trusted.
        """
        same = records == self._closed + len(self._pending)
        while self._pending:
            self._close()
        return same

    def _close(self) -> None:
        """The oldest record that was let through is done: next time it may be skipped, unless it was bad."""
        self._closed += 1
        if self._pending:
            pending = self._pending.popleft()
            if pending.slot >= 0 and len(self.known.labels) > 1:
                self.known.touch(pending.identity, pending.label)
            if self._made:
                self._learn(pending)
        self._made = {}
        self._bad = False

    def _learn(self, pending: _Pending) -> None:
        """The reader may have found another Ид than the bytes show: it trims, cleans, and takes the last of several."""
        found = {str(key[0]).encode("utf-8", "surrogatepass") for entity, key in self._made if entity in OWN}
        if pending.slot < 0 or found - {pending.identity}:
            shown = key_of(pending.identity, pending.label) if pending.slot >= 0 else 0
            self.known.misread(pending.label, shown, *(key_of(identity, pending.label) for identity in found))
        elif not self._bad:
            self.known.learn(pending.slot, self._signature())

    def _signature(self) -> Signature:
        counts: dict[str, int] = {}
        for entity, _ in self._made:
            counts[entity] = counts.get(entity, 0) + 1
        return tuple(sorted(counts.items()))
