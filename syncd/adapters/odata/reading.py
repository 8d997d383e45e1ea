"""Reading sets: page by page without losing a row in silence, object by object, by lists of keys.

1C sends no pages of its own, and most bases refuse ``Ref_Key gt guid'…'`` (500, measured on live bases); sorted by a
reference, they sort by what the object shows, which users change. So a set is read with ``$skip``, each page
overlapping the one before by a row: a row that is not where it was means that the set has moved, and what was read is
marked partial. Nothing may be removed because of a partial view; ``present`` asks about single candidates.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import UUID

from syncd.adapters.odata import answers, failures, following
from syncd.adapters.odata.answers import Page, Record, Types, Wanted
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.filters import MAX_ENCODED, Filter, all_of, batches, equals
from syncd.adapters.odata.literals import Value, fits_path, in_query, key, name, ref
from syncd.adapters.odata.paging import Ahead, Overlap
from syncd.errors import Refused, RemoteError, TransportError

Partial = Literal["allowed_only", "filter", "resumed", "shifted", "count"]
"""Why a view is not the whole: rows the user may not see, a condition beside the set's own meaning, a read that began
in the middle, rows that moved while it went on, another number of rows than 1C counts."""

PAGE: Final = 1000
SHORT_URL: Final = 2000
"""Characters of path and query that every web server takes; IIS stops at 2048 for the query unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a read stands: rows taken, and the key of the last one. Plain values, so that it can be stored."""

    taken: int
    last: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one page, none of which came before, and where to go on after them."""

    records: list[Record]
    cursor: Cursor


@dataclass(slots=True)
class Pull:
    """A read of a set. Iterate it once; afterwards ``partial``, ``dropped`` and ``total`` tell what it was.

    ``scope`` is the part of the set that is meant at all (``IsFolder eq false``), ``where`` narrows it for this once.
    ``optional`` fields are left out, and named in ``dropped``, where the configuration lacks them. ``types`` make
    numbers of Atom's texts; JSON needs none. ``expand`` names the references that ``select`` goes through. ``wanted``:
    of JSON nothing else is read.
    """

    client: Client
    set_name: str
    select: Sequence[str] = ()
    optional: Collection[str] = ()
    key: tuple[str, ...] = ("Ref_Key",)
    scope: Filter | None = None
    where: Filter | None = None
    page_size: int = PAGE
    after: Cursor | None = None
    allowed_only: bool | None = None
    order: Sequence[str] = ()
    types: Types | None = None
    expand: Sequence[str] = ()
    wanted: Wanted | None = None
    partial: set[Partial] = field(default_factory=set)
    dropped: list[str] = field(default_factory=list)
    total: int = 0

    def __post_init__(self) -> None:
        if self.allowed_only is None:
            self.allowed_only = self.client.endpoint.allowed_only
        for stated, reason in ((self.allowed_only, "allowed_only"), (self.where, "filter"), (self.after, "resumed")):
            if stated:
                self.partial.add(reason)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Batch]:
        """Pages in order; the next one is fetched while the caller works. At the end the rows are counted. A page that
        is too large is asked for by halves.
        """
        overlap = Overlap(self.key, self.page_size, self.after.taken if self.after else 0, self._last())
        ahead = Ahead(self._page)
        while not overlap.ended:
            try:
                page = ahead.get(overlap.skip, overlap.top)
            except TransportError as error:
                if error.code != "E836" or not overlap.narrow():
                    raise
                continue
            overlap.expect(page, lambda following: ahead.start(*following))
            fresh = overlap.take(page)
            if overlap.shifted:
                self.partial.add("shifted")
            if fresh:
                self.total += len(fresh)
                yield Batch(fresh, Cursor(overlap.taken, overlap.place))
        self._count_again(overlap.taken)

    def _last(self) -> tuple[str, ...] | None:
        return self.after.last if self.after else None

    def _count_again(self, taken: int) -> None:
        """A row may slip through between two pages without moving the overlap: then the number tells."""
        if count(self.client, self.set_name, all_of(self.scope, self.where), allowed_only=self.allowed_only) != taken:
            self.partial.add("count")

    def _page(self, skip: int, top: int) -> Page:
        while True:
            query = {"$top": str(top), "$orderby": ",".join(map(name, self.order or self.key))}
            if skip:
                query["$skip"] = str(skip)
            if condition := all_of(self.scope, self.where):
                query["$filter"] = condition
            if self.allowed_only:
                query["allowedOnly"] = "true"
            query |= expanded(self.expand)
            try:
                body = ask(self.client, self.set_name, query, self._fields())
                return self._filled(answers.page(body, self.types, self.wanted), top)
            except failures.UnknownName as error:
                self._drop(error)

    def _filled(self, page: Page, top: int) -> Page:
        """A page that a gateway cut short, with what its links lead to."""
        for more in following.rest(self.client, page, types=self.types, wanted=self.wanted):
            page = Page(page.records + more.records, page.count, more.next)
            if len(page.records) >= top:
                break
        return page

    def _fields(self) -> list[str]:
        return selected([*self.key, *self.select], self.dropped)

    def _drop(self, error: failures.UnknownName) -> None:
        """Go on without an optional field that the configuration lacks; which one, the text tells as a rule."""
        left = [each for each in self.optional if each not in self.dropped]
        named = [each for each in left if each in str(error.params.get("detail", ""))]
        if not left:
            raise error
        self.dropped += named or left


def ask(client: Client, path: str, query: dict[str, str], fields: Sequence[str]) -> bytes:
    """GET with ``$select``. Where its names make the address too long for the web server, all fields but tabular
    sections are asked for, or all of them.
    """
    whole = {"$select": "**"} if fields and not any("/" in each for each in fields) else {}
    chosen = {"$select": ",".join(fields)} if fields else {}
    if chosen and not client.fits(path, query | chosen):
        chosen = whole
    try:
        return client.get(path, query | chosen)
    except (Refused, TransportError) as error:
        too_long = error.code in {"E811", "E819", "E825", "E843"} and not isinstance(error, RemoteError)
        if chosen == whole or not too_long or not client.shorten(SHORT_URL, path, query | chosen):
            raise
        return client.get(path, query | whole)


def selected(fields: Iterable[str], without: Collection[str] = ()) -> list[str]:
    """Names for ``$select``, each once; nothing when only the key was given, which means all fields."""
    return [name(each) if each not in {"*", "**"} else each for each in dict.fromkeys(fields) if each not in without]


def expanded(references: Iterable[str]) -> dict[str, str]:
    """``$expand`` for the references that ``$select`` goes through: without it 1C leaves out what they lead to."""
    return {"$expand": ",".join(map(name, references))} if references else {}


def get(client: Client, set_name: str, of: UUID | str | dict[str, Value], select: Sequence[str] = ()) -> Record | None:
    """One object, ``None`` only when 1C itself says that it has none (code 9)."""
    fields = selected(select)
    if fits_path(of):
        try:
            return answers.record(ask(client, f"{name(set_name)}{key(of, client.endpoint.clock)}", {}, fields))
        except failures.Missing:
            return None
    assert isinstance(of, dict)
    condition = all_of(*(equals(part, value, client.endpoint.clock) for part, value in of.items()))
    found = following.whole(client, ask(client, name(set_name), {"$filter": condition, "$top": "1"}, fields), most=1)
    return found[0] if found else None


def find(
    client: Client, set_name: str, where: Filter, select: Sequence[str] = (), *, order: str = "", most: int = 100
) -> list[Record]:
    """A few objects that meet a condition, at most ``most``."""
    query = {"$filter": str(where), "$top": str(most)} | ({"$orderby": order} if order else {})
    return following.whole(client, ask(client, name(set_name), query, selected(select)), most=most)


def fetch(
    client: Client,
    set_name: str,
    keys: Iterable[UUID | str],
    select: Sequence[str] = (),
    *,
    field_name: str = "Ref_Key",
    scope: Filter | None = None,
    expand: Sequence[str] = (),
    allowed_only: bool = False,
) -> Iterator[list[Record]]:
    """Objects by their references, a few per request. Those that 1C does not have are simply not among them, nor those
    that ``scope`` leaves out.
    """
    fields = selected([field_name, *select]) if select else []
    used = len(in_query(f"{set_name}{','.join(fields)}{scope or ''}{','.join(expand)}")) + 200
    room = max(300, min(MAX_ENCODED, client.url_limit - used))
    for _, condition in batches(field_name, map(ref, keys), encoded=room):
        query = {"$filter": str(all_of(scope, condition))} | expanded(expand)
        if allowed_only:
            query["allowedOnly"] = "true"
        yield following.whole(client, ask(client, name(set_name), query, fields))


def present(client: Client, set_name: str, keys: Iterable[UUID | str]) -> set[str]:
    """Which of these references 1C still has: ask before anything is removed that a full read did not show."""
    return {record["Ref_Key"] for page in fetch(client, set_name, keys, ["Ref_Key"]) for record in page}


def count(client: Client, set_name: str, where: Filter | None = None, *, allowed_only: bool | None = False) -> int:
    """How many objects there are."""
    query = {"$filter": str(where)} if where else {}
    if allowed_only:
        query["allowedOnly"] = "true"
    return answers.count(client.get(f"{name(set_name)}/$count", query))
