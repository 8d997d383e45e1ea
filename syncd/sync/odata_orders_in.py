"""What became of orders, read from a base over OData by the section ``orders`` of its mapping.

Once a day, and whenever a person asks for everything, all documents of the window are read: the section's ``days``, 90
where it names none. In between a source with ``changed_by`` gives those that changed; of any other the newest documents
are read, and the orders that are open here are asked for by their references. Orders of ours that are older than the
window and still open are asked for each time. What is not shown says nothing: no order ends because it is absent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from syncd.adapters.odata.literals import read_moment
from syncd.adapters.ports import Pulled, PulledOrder
from syncd.errors import MappingError
from syncd.mappings.orders import OrdersMapping
from syncd.model.records import BadRecord, Record
from syncd.store.db import Conn, every
from syncd.sync.odata_order_documents import Part, bad, deletion, order_of
from syncd.sync.odata_read import Page as Read
from syncd.sync.odata_read import SourceReader

DAYS: Final = 90
"""How many days back documents are read where the section does not say (``days``)."""
WHOLE_EVERY: Final = timedelta(hours=23)
"""How long changes and open orders alone are read: others may have been changed too."""
OVERLAP: Final = timedelta(minutes=5)
"""Read again before the newest time that was seen: 1C writes the time when a change begins, not when it is stored."""
AGAIN_DAYS: Final = 2
"""Between whole reads documents of so many days before the last read are read again: people date them back."""
SHARE: Final = 0.5
"""Part of the window's documents above which open ones are not asked for, some twenty in one request: a page of a
thousand costs 1C no more than that."""
_DOCUMENT: Final = "Document_"
_OPEN: Final = """
    SELECT id_1c, coalesce(date_1c, created_at) AS at FROM sales_order
    WHERE tenant = %(t)s AND id_1c ~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$'
      AND status NOT IN ('cancelled', 'completed') AND created_at > now() - interval '1 year'
      AND (origin = 'storefront' OR coalesce(date_1c, created_at) > %(since)s)
    ORDER BY at
"""
Item = BadRecord | PulledOrder
Page = Sequence[Item]
_AT_ONCE: Final = 1000
Open = Callable[[datetime], list[tuple[str, datetime]]]


def open_orders(conn: Conn, tenant: str, since: datetime) -> list[tuple[str, datetime]]:
    """References and dates of orders that 1C is not done with: ours of the last year, those born in 1C after ``since``;
    the oldest first.
    """
    return [(row["id_1c"], row["at"]) for row in every(conn, _OPEN, t=tenant, since=since)]


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where the last read ended, by the base's clock: when all was read, and how many documents that was; when the last
    time, and the newest change of each source that tells.
    """

    whole: datetime
    documents: int
    read: datetime
    since: dict[str, datetime]

    @classmethod
    def of(cls, text: str | None, now: datetime) -> _Cursor | None:
        """``None`` when everything is to be read."""
        if not text:
            return None
        found = json.loads(text)
        whole, read = datetime.fromisoformat(found["whole"]), datetime.fromisoformat(found["read"])
        since = {name: datetime.fromisoformat(at) for name, at in found["since"].items()}
        return cls(whole, found["documents"], read, since) if timedelta() <= now - whole <= WHOLE_EVERY else None

    def text(self) -> str:
        since = {name: at.isoformat() for name, at in self.since.items()}
        whole, read = self.whole.isoformat(), self.read.isoformat()
        return json.dumps({"whole": whole, "documents": self.documents, "read": read, "since": since})


@dataclass(slots=True)
class OrdersIn:
    """The sources of the section ``orders`` of one base. ``posting`` is what its ``write`` asks for, ``words`` are the
    mapping's own.
    """

    readers: Sequence[SourceReader]
    zone: ZoneInfo
    posting: str
    words: OrdersMapping | None
    now: Callable[[], datetime]
    open: Open
    _parts: dict[str, Part] = field(init=False)
    _beside: dict[str, list[Record]] = field(default_factory=dict)
    """What sources beside the documents say, by the order's reference."""
    _seen: set[str] = field(default_factory=set)
    _following: _Cursor | None = None

    def __post_init__(self) -> None:
        self._parts = {reader.source.label: self._part(reader) for reader in self.readers}

    def _part(self, reader: SourceReader) -> Part:
        others = [other.source for other in self.readers if other is not reader and _may_meet(reader, other)]
        alone = not any(other.deleted or "cancelled" in other.source.fields for other in others)
        return Part(reader.source, whole=reader.by_ref, cancels=alone)

    @property
    def sets(self) -> set[str]:
        """Sets whose changes concern orders."""
        return {_plain(reader) for reader in self.readers}

    def pull(self, cursor: str | None) -> Pulled:
        """Orders that may have changed since the cursor, or all of the window."""
        return Pulled(
            self._pages(_Cursor.of(cursor, self.now())), partial=True,
            cursor=lambda: self._following.text() if self._following else None, words=self.words,
        )  # fmt: skip

    def changed(self, touched: Mapping[str, Mapping[str, bool]]) -> Iterator[Page]:
        """What a packet of changes touches: references by set, and whether they are deleted. An object that is there,
        but not for us, says nothing.
        """
        self._begin()
        if any(_plain(reader) in touched for reader in self.readers if not reader.by_ref):
            yield from self._read_beside(self.now())
        for reader in self._documents:
            keys = touched.get(_plain(reader), {})
            yield from self._asked(reader, [key for key, deleted in keys.items() if key and not deleted])
        yield from self._left()
        gone = {key for reader in self._documents for key, dead in touched.get(_plain(reader), {}).items() if dead}
        yield [deletion(key) for key in sorted(gone - self._seen - {""})]

    @property
    def _documents(self) -> list[SourceReader]:
        return [reader for reader in self.readers if reader.by_ref]

    def _begin(self) -> None:
        self._beside, self._seen, self._following = {}, set(), None

    def _pages(self, known: _Cursor | None) -> Iterator[Page]:
        self._begin()
        now = self.now()
        window = self._window_begins(now)
        waiting = self.open(window.replace(tzinfo=self.zone))
        tells = all(reader.source.query.changed_by for reader in self._documents)
        if known is not None and not tells and len(waiting) > SHARE * known.documents:
            known = None
        yield from self._read_beside(now)
        since = dict(known.since) if known else {}
        for reader in self._documents:
            chosen = _narrowed(reader, now, known)
            yield from self._converted(reader, chosen.read(now, since.get(reader.source.label)))
            if (newest := read_moment(chosen.newest)) is not None:
                since[reader.source.label] = newest - OVERLAP
        documents = known.documents if known else len(self._seen)
        # where 1C tells of changes, an open order of the window that was not seen just now has not changed
        told = known is not None and tells
        asked = [key for key, at in waiting if not told or at < window.replace(tzinfo=self.zone)]
        for reader in self._documents:
            yield from self._asked(reader, [key for key in asked if key not in self._seen])
        yield from self._left()
        self._following = _Cursor(known.whole if known else now, documents, now, since)

    def _window_begins(self, now: datetime) -> datetime:
        days = [reader.source.query.days or DAYS for reader in self._documents]
        return now - timedelta(days=min(days, default=DAYS))

    def _asked(self, reader: SourceReader, keys: Sequence[str]) -> Iterator[Page]:
        yield from self._converted(reader, reader.fetch(keys, visible=True))

    def _converted(self, reader: SourceReader, pages: Iterable[Read]) -> Iterator[Page]:
        part = self._parts[reader.source.label]
        for page in pages:
            made: list[Item] = []
            for item in page:
                if isinstance(item, Record):
                    key = str(item.key[0])
                    self._seen.add(key)
                    made.append(self._document(item, part, self._beside.get(key, ())))
                else:
                    self._seen.add(item.key)
                    made.append(item)
            yield made

    def _document(self, record: Record, part: Part, beside: Sequence[Record] = ()) -> Item:
        try:
            return order_of(record, part, beside, self.zone, self.posting)
        except MappingError as error:
            return bad(record, error)

    def _read_beside(self, now: datetime) -> Iterator[Page]:
        """Sources that speak of orders and are no documents: kept until those come."""
        for reader in self.readers:
            if reader.by_ref:
                continue
            records: list[Record] = []
            for page in reader.read(now):
                yield [item for item in page if not isinstance(item, Record)]
                records += [item for item in page if isinstance(item, Record)]
            for record in reader.source.combined(records):
                self._beside.setdefault(str(record.key[0]), []).append(record)

    def _left(self) -> Iterator[Page]:
        """What is said of orders whose documents were not read now."""
        beside = next((self._parts[reader.source.label] for reader in self.readers if not reader.by_ref), None)
        left = (records for key, records in self._beside.items() if key not in self._seen)
        while beside is not None and (page := list(islice(left, _AT_ONCE))):
            yield [self._document(first, beside, others) for first, *others in page]


def _may_meet(one: SourceReader, other: SourceReader) -> bool:
    """Whether both may speak of one order: documents of two sets are two documents."""
    return not (one.by_ref and other.by_ref and one.source.query.set != other.source.query.set)


def _plain(reader: SourceReader) -> str:
    """The set as a packet of changes names it."""
    return reader.source.query.set.removesuffix("_RecordType")


def _narrowed(reader: SourceReader, now: datetime, known: _Cursor | None) -> SourceReader:
    """The reader for the window of documents, or between whole reads for the newest of them."""
    query = reader.source.query
    if not query.set.startswith(_DOCUMENT):
        return reader
    days = query.days or DAYS
    if known is not None and not query.changed_by:
        days = min(days, (now - known.read).days + AGAIN_DAYS)
    return replace(reader, source=replace(reader.source, query=replace(query, days=days)))
