"""Reading a package: its documents go record by record into staging, unchanged records are not even parsed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from syncd.commerceml.encoding import let_go
from syncd.commerceml.fast import ELEMENTS, RecordFilter
from syncd.commerceml.known import Known
from syncd.commerceml.policy import Beforehand
from syncd.commerceml.reader import EncodingMismatch, Reader
from syncd.commerceml.tracks import Aside, Track
from syncd.errors import DataError
from syncd.model.records import BadRecord, CatalogueHead, Item, OrderDocument, Record, WholeSet
from syncd.prefetch import prefetched
from syncd.store import fingerprints, packages, stated
from syncd.store.db import Conn
from syncd.store.first_load import FirstLoad
from syncd.store.packages import Claim
from syncd.store.stage import Stage
from syncd.sync import currencies, removals
from syncd.sync.batch import OFFER_ENTITIES, Batch, Job, Unreadable
from syncd.sync.context import Context
from syncd.sync.helpers import HelperLost, Helpers
from syncd.sync.newer import Newer
from syncd.sync.sources import Source, policy_of, zone_of
from syncd.sync.spool import Spool

BAD_RECORDS_KEPT: Final = 1000
"""Bad records of one package, and broken documents, that get a journal row each; the rest are counted."""
_CHECK_EVERY: Final = 500  # records between two looks at the clock
_ENTITY: Final = {"Товар": "product", "Предложение": "offer"}
BOOK_ITEM: Final = "reference_item"


log = structlog.get_logger(__name__)


class LeaseLost(Exception):
    """Another worker has the package now: what was staged here is dropped."""


class Unsure(Exception):
    """A document broke off after unchanged records had been skipped: the package is read again without skipping."""


class Stopping(Exception):
    """The worker was told to stop: the package goes back to the queue."""


@dataclass(slots=True)
class Bad:
    """What could not be used, kept for the journal."""

    rows: list[tuple[str, BadRecord]] = field(default_factory=list)
    keys: dict[str, set[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, file: str, bad: BadRecord) -> None:
        self.counts[bad.entity] += 1
        if bad.key:
            self.keys.setdefault(bad.entity, set()).add(bad.key)
        if len(self.rows) < BAD_RECORDS_KEPT:
            self.rows.append((file, bad))


@dataclass(slots=True)
class Run:
    """One import under way."""

    ctx: Context
    claim: Claim
    conn: Conn
    side: Conn
    """For what is asked while rows are on their way over ``conn``."""
    reading: Conn
    stage: Stage
    spool: Spool[OrderDocument]
    helpers: Helpers
    stopping: Callable[[], bool]
    bad: Bad = field(default_factory=Bad)
    broken: list[tuple[str, DataError]] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    known: dict[str, Known] = field(default_factory=dict)
    seen: stated.Seen = field(default_factory=stated.Seen)
    """What the package states."""
    full: dict[tuple[str, str], bool] = field(default_factory=dict)
    """For each kind and catalogue (or book) met, whether a full export of it begins here."""
    currencies: dict[str, str] = field(default_factory=dict)
    """Of price types: those stored, and what documents of the package say of them."""
    late: dict[int, Beforehand] = field(default_factory=dict)
    """Of documents that say something behind the records that depend on it, by their place in the package."""
    first: FirstLoad | None = None
    newer: Newer | None = None
    """Of a replay: what newer packages stated, and is left out."""
    fast: bool = True
    """Whether unchanged records may be skipped; not when an older package is read again."""
    files: int = 0
    records: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    file: str = ""
    beat_at: float = 0.0

    def again(self) -> Run:
        """The same import from its beginning, skipping nothing, in this process alone."""
        self.helpers.close()
        stage = self.stage
        if self.first is not None:  # what was staged went with its transaction
            stage = Stage(self.conn)
        else:
            for index in range(self.files):
                stage.drop_file(index)
        self.spool.rewind(0)
        return Run(
            self.ctx, self.claim, self.conn, self.side, self.reading, stage, self.spool, self.helpers, self.stopping,
            newer=self.newer, fast=False, currencies=currencies.stored(self.side, self.claim.tenant), late=self.late,
        )  # fmt: skip


def read_file(state: Run, index: int, source: Source) -> None:
    """Stage one document. A broken one leaves nothing of itself behind."""
    encoding: str | None = None
    while True:
        mark, done = state.spool.mark(), state.bytes_done
        state.stage.begin_file(index)
        beforehand = state.late.get(index)
        document = _Document(state, source, encoding, beforehand or Beforehand(currencies=state.currencies))
        try:
            document.read()
            late = document.reader.late
            if late is None or beforehand is not None:
                break
            state.late[index] = late
        except (Unreadable, HelperLost) as error:
            log.warning("a document is read again without helpers", file=source.name, reason=str(error))
            raise Unsure from error
        except DataError as error:
            state.bytes_done = done
            if state.known:
                raise Unsure from error
            state.stage.drop_file(index)
            state.spool.rewind(mark)
            if isinstance(error, EncodingMismatch) and encoding is None:
                encoding = "windows-1251"
                continue
            state.broken.append((source.name, error.without_frames()))
            return
        if state.fast:
            raise Unsure
        state.bytes_done = done
        state.stage.drop_file(index)
        state.spool.rewind(mark)
    _collect(state, document)
    if encoding:
        state.warnings["declared UTF-8, read as windows-1251"] += 1


class _Document:
    """One reading of one document."""

    def __init__(self, state: Run, source: Source, encoding: str | None, beforehand: Beforehand) -> None:
        self._state = state
        self._source = source
        self.name = source.name
        self.bad = Bad()
        self.seen = stated.Seen(state.seen.pool)
        self.full: dict[tuple[str, str], bool] = {}
        self._places: dict[int, tuple[int, int]] = {}
        """Of bad records of a document that was not read in one piece: where they begin, and the line from there."""
        chunks = _counted(state, prefetched(source.open()))
        # what a document before this one stated past the filter, this one states anew: nothing of it is unchanged
        fast = state.fast and not any(known.spoiled for known in state.known.values())
        self._filter = (
            RecordFilter(
                chunks, self._load, encoding=encoding, hand=self._hand, currencies=beforehand.currencies
            ) if fast else None
        )  # fmt: skip
        pieces = iter(self._filter) if self._filter else chunks
        zone = zone_of(state.side, state.claim, state.ctx.settings.zone)
        policy = policy_of(state.ctx, zone)
        self.reader = Reader(pieces, encoding=encoding, policy=policy, beforehand=beforehand)

    def _load(self, kind: str) -> Known:
        """What is known of a kind of record, loaded once for the package."""
        state = self._state
        if kind not in state.known:
            policy = repr(state.ctx.settings.imports)
            state.known[kind] = fingerprints.load(state.side, state.claim.tenant, kind, policy=policy)
        return state.known[kind]

    def read(self) -> None:
        """Stage every record. Raises ``DataError`` when the document cannot be read to its end."""
        for item in self.reader:
            if not self._has_a_say(item):
                continue
            self._follow(item)
            refused = _take(self._state, self._source.name, item, self.bad)
            if refused is not None:
                self._follow(refused)
        if self._filter is not None:
            self._settle(self._filter)

    def _follow(self, item: Item) -> None:
        """Tell the filter what became of a record that it let through."""
        element = self.reader.element
        track = self._filter.tracks.get(element) if self._filter else None
        if track is None or not isinstance(item, Record | BadRecord):
            return
        offset = track.note(self.reader.records[element], item)
        if isinstance(item, BadRecord):
            if offset >= 0 and self._filter is not None and self._filter.cut:
                self._places[id(item)] = offset, 0
        elif element == "Товар" and item.entity in OFFER_ENTITIES:
            self._load("offers").spoiled = True  # a catalogue spoke of offers: their own document has not the last word

    def _hand(self, element: str, track: Track, last: bool) -> None:
        """Have the records read that the filter put aside."""
        state, aside, context = self._state, track.aside, self.reader.context
        if aside.records:
            track.aside = Aside()
            job = Job(
                element, track.label, state.stage.reserve(aside.size), track.encoding, self.reader.namespaces,
                context.catalogue_id, context.currencies, context.policy, aside.records,
            )  # fmt: skip
            aside.records = []
            state.helpers.give(job, partial(self._take_batch, element, track, aside))
        if last:
            state.helpers.settle()

    def _take_batch(self, element: str, track: Track, aside: Aside, batch: Batch) -> None:
        """Stage what became of records that were read elsewhere, and remember it as of those that were read here."""
        state, reader = self._state, self.reader
        state.stage.take(batch.rows, batch.refused)
        self.seen.take(batch.seen)
        track.known.learn_many(aside.slot, track.label, batch.keys, batch.numbers, batch.signatures)
        track.read_elsewhere(aside, batch.stated)
        if batch.of_offers:
            self._load("offers").spoiled = True
        for ordinal, found in batch.bad:
            bad = found.record()
            self._places[id(bad)] = aside.offsets[ordinal], bad.line
            self.bad.add(self.name, bad)
        reader.context.used.update(batch.used)
        reader.unknown.update(batch.unknown)
        reader.warnings.update(batch.warnings)
        reader.counts.update(batch.counts)
        state.records += batch.items
        beat(state)

    def _settle(self, found: RecordFilter) -> None:
        found.settle(self.reader.records)
        for element, track in found.tracks.items():
            for cut in track.seen:
                if cut.hashes:
                    self.seen.add_skipped(_ENTITY[element], cut)
        missed = any(self.reader.records[element] and element not in found.tracks for element in _ENTITY)
        if missed or (found.untracked and (self.reader.counts["Товар"] or self.reader.counts["Предложение"])):
            for kind in ("catalogue", "offers"):
                self._load(kind).spoiled = True
        if any(known.ambiguous for known in self._state.known.values()) or self._skipped_too_soon(found):
            raise Unsure
        if self._places:
            self._place_lines()

    def _skipped_too_soon(self, found: RecordFilter) -> bool:
        """Whether records were skipped in a catalogue that turned out to be another one, or before the currencies of
        price types changed.
        """
        skipped = [(kind, cut) for kind, element in ELEMENTS.items() if element in found.tracks
                   for cut in found.tracks[element].seen if cut.hashes]  # fmt: skip
        if any((kind, cut.catalogue_id) not in self.full for kind, cut in skipped):
            return True
        return bool(skipped) and any(assumed != self.reader.context.currencies for assumed in found.assumed)

    def _place_lines(self) -> None:
        """Bad records stand on lines of the document as it came, from which unchanged records were cut out."""
        known = [(*self._places[id(bad)], bad) for _, bad in self.bad.rows if id(bad) in self._places]
        rows = sorted(known, key=lambda row: row[0])
        position, line = 0, 1
        chunks = self._source.open()
        for chunk in chunks:
            while rows and rows[0][0] < position + len(chunk):
                offset, below, bad = rows.pop(0)
                bad.line = line + chunk.count(b"\n", 0, offset - position) + below
            if not rows:
                break
            position, line = position + len(chunk), line + chunk.count(b"\n")

    def _has_a_say(self, item: Item) -> bool:
        """Remember what the item states. ``False`` when a newer package had the last word on it: this is a replay."""
        if isinstance(item, Record | WholeSet) and self._state.newer is not None and self._state.newer.has(item):
            return False
        self.seen.note(item)
        if isinstance(item, WholeSet) and item.entity == BOOK_ITEM:
            self.full["book", item.of] = True
        elif isinstance(item, CatalogueHead):
            version = self.reader.head.schema_version
            full = removals.is_full(item.changes_only, version, self._state.ctx.settings.imports)
            self.full[item.kind, item.id] = full
        return True


def _collect(state: Run, document: _Document) -> None:
    reader, bad = document.reader, document.bad
    portion = removals.portion_of(document.name)
    if portion is not None:
        document.seen.note_portion(portion)
    for entity, book in [scope for scope in document.seen.keys if scope[0] == BOOK_ITEM]:
        if ("book", book) not in document.full:  # changes of a book are no portion of a full export of it
            document.seen.move(entity, book, "")
    document.seen.settle()
    state.seen.take(document.seen)
    for scope, full in document.full.items():
        state.full[scope] = full or state.full.get(scope, False)
    state.currencies.update(reader.context.currencies)
    state.unknown.update(reader.unknown)
    state.warnings.update(reader.warnings)
    state.bad.counts.update(bad.counts)
    for entity, keys in bad.keys.items():
        state.bad.keys.setdefault(entity, set()).update(keys)
    state.bad.rows.extend(bad.rows[: BAD_RECORDS_KEPT - len(state.bad.rows)])


def _counted(state: Run, chunks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        for chunk in chunks:
            yield chunk
            state.bytes_done += len(chunk)
            beat(state)
    finally:
        let_go(chunks)


def _take(state: Run, file: str, item: Item, bad: Bad) -> BadRecord | None:
    """Stage one item. Returns what was refused of it."""
    refused: BadRecord | None = None
    if isinstance(item, Record):
        try:
            state.stage.add(item)
        except DataError as error:
            refused = BadRecord(item.entity, "/".join(map(str, item.key)), item.entity, item.line, error)
            bad.add(file, refused)
    elif isinstance(item, WholeSet) and item.entity != BOOK_ITEM:  # of a book one document may state a part only
        state.stage.whole_set(item.entity, item.of)
    elif isinstance(item, OrderDocument):
        state.spool.put(item)
        _take_parties(state, file, item, bad)
    elif isinstance(item, BadRecord):
        bad.add(file, item)
    state.records += 1
    if state.records % _CHECK_EVERY == 0:
        beat(state)
    return refused


def _take_parties(state: Run, file: str, document: OrderDocument, bad: Bad) -> None:
    """Counterparties that 1C knows; one that cannot be stored costs neither the order nor the file."""
    for party in document.counterparties:
        if not document.number_1c or not party.key or not party.key[0]:
            continue
        try:
            state.stage.add(party)
        except DataError as error:
            bad.add(file, BadRecord(party.entity, str(party.key[0]), "Контрагент", document.line, error))


def beat(state: Run, *, force: bool = False) -> None:
    """Keep the lease from the loop that does the work: a worker that hangs loses it."""
    if state.stopping():
        raise Stopping
    lease = state.ctx.settings.worker.lease_seconds
    now = time.monotonic()
    if not force and now - state.beat_at < min(1.0, lease / 4):
        return
    state.beat_at = now
    progress = {
        "file": state.file, "records": state.records, "bytes": state.bytes_done, "total": state.bytes_total,
    }  # fmt: skip
    if not packages.heartbeat(state.side, state.claim, lease, progress):
        raise LeaseLost
