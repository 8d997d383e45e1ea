"""One source of a mapping, read from a base over OData: rows become records, and what a rule looks up elsewhere is
fetched for a page of rows at once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import IO, Any, Final, TypeVar

from syncd.adapters.odata import describe, reading, streaming
from syncd.adapters.odata.answers import Wanted
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.filters import Filter, all_of, compare
from syncd.adapters.odata.literals import name
from syncd.adapters.odata.reading import Batch, Pull
from syncd.adapters.ports import NotAtHand
from syncd.errors import MappingError
from syncd.mappings.compiled import CompiledSource
from syncd.mappings.metadata import Metadata
from syncd.model.records import BadRecord, Record
from syncd.sync.odata_filters import Filtering, Way

Row = Mapping[str, Any]
Page = Sequence[Record | BadRecord]
Some = TypeVar("Some")
MANY: Final = 200
"""Missing references in one page above which the whole set is read instead."""
REF: Final = "Ref_Key"


@dataclass(slots=True)
class Books:
    """What references lead to. ``find`` is the mapping's lookup: what it does not know it notes, and ``fetch`` gets."""

    client: Client
    takes: dict[str, set[str]] = field(default_factory=dict)
    asked: int = 0
    """How often something was missed."""
    _known: dict[str, dict[str, Row | None]] = field(default_factory=dict)
    _missing: dict[str, set[str]] = field(default_factory=dict)
    _whole: set[str] = field(default_factory=set)
    _hushed: bool = False
    _asking: threading.Lock = field(default_factory=threading.Lock)

    def need(self, sources: Iterable[CompiledSource]) -> None:
        """Learn which properties these sources take of each set."""
        for source in sources:
            for set_name, takes in source.query.lookups.items():
                self.takes.setdefault(set_name, set()).update(takes)

    def find(self, set_name: str, key: str) -> Row | None:
        """The record of a reference, if it is known already."""
        known = self._known.setdefault(set_name, {})
        if key not in known and set_name not in self._whole:
            self._missing.setdefault(set_name, set()).add(key)
        return known.get(key)

    def fetch(self) -> bool:
        """Get what was missed. Returns whether there was anything to get. Raises ``NotAtHand`` after ``hush``."""
        missing, self._missing = self._missing, {}
        self.asked += bool(missing)
        if not missing:
            return False
        with self._asking:
            if self._hushed:
                raise NotAtHand(", ".join(missing))
            self._get(missing)
        return True

    def hush(self) -> bool:
        """Ask the base for nothing more. ``False`` where it is being asked by the thread that reads ahead."""
        if not self._asking.acquire(blocking=False):
            return False
        self._hushed = True
        self._asking.release()
        return True

    def _get(self, missing: Mapping[str, set[str]]) -> None:
        for set_name, keys in missing.items():
            fields = sorted(self.takes.get(set_name, ()))
            expand = sorted({path.rpartition("/")[0] for path in fields if "/" in path})
            pages: Iterable[list[dict[str, Any]]]
            if len(keys) > MANY:
                pages = (batch.records for batch in Pull(self.client, set_name, fields, expand=expand))
            else:
                pages = reading.fetch(self.client, set_name, sorted(keys), fields, expand=expand)
            found: dict[str, Row | None] = {row[REF]: row for page in pages for row in page}
            # only now: what could not be read is asked for again by whoever needs it next
            self._known[set_name].update(dict.fromkeys(keys) | found)
            if len(keys) > MANY:
                self._whole.add(set_name)


@dataclass(slots=True)
class SourceReader:
    """Reads one source. After a read ``whole`` tells whether every record of the entity was seen, ``complete`` whether
    every row of this source was, ``newest`` the latest time of ``changed_by``; while it goes on, ``at_hand`` tells
    whether all that is still to come is here already.
    """

    client: Client
    source: CompiledSource
    books: Books
    base: Metadata | None = None
    page_size: int = reading.PAGE
    whole: bool = False
    complete: bool = False
    newest: str = ""
    at_hand: bool = False
    filtering: Filtering = field(init=False)

    def __post_init__(self) -> None:
        self.filtering = Filtering(self.source.query.set)

    @property
    def by_ref(self) -> bool:
        """Whether a record's key is the reference of one object, so that 1C can be asked for it."""
        key = self.source.entity.key
        rule = self.source.source.fields.get(key[0].name)
        return len(key) == 1 and self.is_object and rule is not None and rule.from_ == (REF,) and not rule.join

    @property
    def is_object(self) -> bool:
        """Whether rows are objects with references, and no records of a register."""
        return not self.source.query.table and bool(self.source.query.order)

    @property
    def narrowed(self) -> bool:
        """Whether a read never shows all: by the mapping's own word, or for the documents of some last days only."""
        return bool(self.source.source.partial) or self.source.query.days is not None

    def read(self, now: datetime, since: datetime | None = None) -> Iterator[Page]:
        """All records; of a source with ``changed_by`` those changed after ``since``. Times are the base's own."""
        hidden = self.client.endpoint.allowed_only
        self.newest, self.at_hand, self.complete = "", False, False
        if not self.is_object and self._key() is None:
            way, body = self.filtering.ask(self._scope(), None, self._table)
            with body:
                self.whole = not self.narrowed and not hidden
                for part in streaming.records(body, self._types(), self._wanted(way)):
                    asked = self.books.asked
                    made = self.records(self.filtering.kept(way, part))
                    self.at_hand = self.books.asked == asked  # few references: those of the next part are known too
                    yield made
            self.complete = not hidden
            return
        query = self.source.query
        way, (pull, batches) = self.filtering.ask(self._scope(), self._window(now, since), self._begun)
        for batch in batches:
            rows = self.filtering.kept(way, batch.records)
            if query.changed_by:
                self.newest = max([self.newest, *(str(row.get(query.changed_by) or "") for row in rows)])
            yield self.records(rows)
        # what moved while it was read is asked for by its key before it counts as gone
        doubts = pull.partial - {"shifted", "count"} if self.by_ref else pull.partial
        self.whole = not self.narrowed and not doubts
        self.complete = not pull.partial and since is None and query.days is None

    def fetch(self, keys: Iterable[str], *, visible: bool = False) -> Iterator[Page]:
        """Records of these references that still belong to the source. ``visible``: where the user may not see all,
        the others are left out; without it they are an error, as they must not look deleted.
        """
        wanted = list(keys)
        allowed_only = visible and self.client.endpoint.allowed_only

        def send(way: Way) -> Iterator[list[dict[str, Any]]]:
            select, expand = self._asked(way)
            query = self.source.query
            return _with_first(
                reading.fetch(
                    self.client, query.set, wanted, select, scope=way.scope, expand=expand, allowed_only=allowed_only
                )
            )

        way, pages = self.filtering.ask(self._scope(), None, send)
        for page in pages:
            yield self.records(self.filtering.kept(way, page))

    def records(self, rows: Sequence[Row]) -> list[Record | BadRecord]:
        """Rows as records, in their order but for those that waited for a reference."""
        made, waiting = self._run(rows)
        while waiting and self.books.fetch():
            more, waiting = self._run([row for row, _ in waiting])
            made += more
        return made + [self._bad(row, error) for row, error in waiting]

    def _run(self, rows: Sequence[Row]) -> tuple[list[Record | BadRecord], list[tuple[Row, MappingError]]]:
        made: list[Record | BadRecord] = []
        waiting: list[tuple[Row, MappingError]] = []
        run = self.source.run
        for row in rows:
            try:
                record = run(row)
            except MappingError as error:
                if error.code == "E745":
                    waiting.append((row, error))
                else:
                    made.append(self._bad(row, error))
            else:
                if record is not None:
                    made.append(record)
        return made, waiting

    def _bad(self, row: Row, error: MappingError) -> BadRecord:
        return BadRecord(self.source.entity.name, _shown(row), str(error.params.get("path") or ""), 0, error)

    def _begun(self, way: Way) -> tuple[Pull, Iterator[Batch]]:
        """A read by pages, of which the first one is here."""
        select, expand = self._asked(way)
        pull = Pull(
            self.client, self.source.query.set, select, key=self._key() or (REF,), scope=way.scope, where=way.where,
            page_size=self.page_size, types=self._types(), expand=expand, wanted=self._wanted(way),
        )  # fmt: skip
        return pull, _with_first(iter(pull))

    def _table(self, way: Way) -> IO[bytes]:
        """A virtual table, or a register whose key is not known: in one answer."""
        query = self.source.query
        select, expand = self._asked(way)
        options = {"$filter": str(way.scope)} if way.scope else {}
        if fields := reading.selected(select):
            options["$select"] = ",".join(fields)
        options |= reading.expanded(expand)
        if self.client.endpoint.allowed_only:
            options["allowedOnly"] = "true"
        return self.client.keep(query.resource, options, kind="table" if query.table else "read")

    def _key(self) -> tuple[str, ...] | None:
        if self.is_object:
            return (REF,)
        shape = None if self.source.query.table or self.base is None else self.base.shape(self.source.query.set)
        return shape.key or None if shape else None

    def _types(self) -> dict[str, str] | None:
        """Types for Atom, which names none."""
        if self.client.format != "atom" or self.base is None or self.source.query.table:
            return None
        return describe.types(self.base, self.source.query.set)

    def _asked(self, way: Way) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """``$select`` and ``$expand``."""
        query = self.source.query
        return tuple(dict.fromkeys(query.select + way.select)), tuple(dict.fromkeys(query.expand + way.expand))

    def _wanted(self, way: Way) -> Wanted:
        paths = (*(self._key() or ()), *self.source.query.select, *way.select)
        return Wanted(path.partition("/")[0] for path in paths)

    def _scope(self) -> Filter | None:
        return Filter(self.source.query.filter) if self.source.query.filter else None

    def _window(self, now: datetime, since: datetime | None) -> Filter | None:
        query = self.source.query
        days = compare("Date", "ge", now - timedelta(days=query.days)) if query.days is not None else None
        changed = compare(name(query.changed_by), "ge", since) if since is not None and query.changed_by else None
        return all_of(days, changed) or None


def _with_first(pages: Iterator[Some]) -> Iterator[Some]:
    """The same pages; the first has been asked for, so that what 1C says against it is raised here."""
    first = list(islice(pages, 1))
    return chain(first, pages)


def _shown(row: Row) -> str:
    """What a person finds the row by: its reference, else its dimensions."""
    if REF in row:
        return str(row[REF])
    keys = [str(value) for field_name, value in row.items() if field_name.endswith("_Key") and value]
    return "/".join(keys[:4])
