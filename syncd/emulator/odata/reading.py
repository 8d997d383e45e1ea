"""Answers to reading requests: which rows, in which order, how many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from syncd.emulator.odata.address import Segment, number, split
from syncd.emulator.odata.condition import parse, wanted
from syncd.emulator.odata.evaluate import Compiler, Test
from syncd.emulator.odata.literals import Type, literal
from syncd.emulator.odata.model import NAMESPACE, EntitySet, EntityType, Kind, Row
from syncd.emulator.odata.refusals import forbidden_rows, incomplete_key, no_instance, no_property, no_segment
from syncd.emulator.odata.refusals import unreadable as _unreadable
from syncd.emulator.odata.shaping import Metadata, Shaper
from syncd.emulator.odata.store import Key, Store, Wanted
from syncd.emulator.odata.values import as_text

_EXPECTED: Final = {"Edm.Guid": Type.GUID, "Edm.DateTime": Type.DATE, "Edm.String": Type.TEXT}


@dataclass(slots=True)
class Page:
    """Rows to be shown, and how many there are in all when that was asked."""

    rows: Iterator[Row]
    count: int | None = None


class Reader:
    """Reads one store. ``hidden`` says which rows the user may not see."""

    def __init__(self, store: Store, hidden: Callable[[EntitySet, Row], bool]) -> None:
        self.store = store
        self._hidden = hidden

    def follow(self, name: str, ref: str) -> Row | None:
        """The object a reference points to."""
        table = self.store.tables.get(name)
        return table.get((ref,)) if table else None

    def shaper(self, entity_set: EntitySet, options: dict[str, str], metadata: Metadata) -> Shaper:
        """What shows the rows of this request."""
        return Shaper(
            self.store.schema, entity_set, self.follow, select=options.get("$select", ""),
            expand=options.get("$expand", ""), metadata=metadata,
        )  # fmt: skip

    # -- one object

    def key(self, entity_set: EntitySet, segment: Segment) -> Key:
        """The key an address gives, in the order of the set's key.

        Raises ``ODataRefusal``: code 7 when a part is missing, 1 when one cannot be read.
        """
        kind, given = entity_set.type, dict(segment.arguments)
        if "" in given:
            if len(kind.key) > 1:
                raise incomplete_key(next(name for name in kind.key if name not in given))
            given[kind.key[0] if kind.key else ""] = given.pop("")
        for name in given:
            if name not in kind.key:
                raise no_property(name)
        found = []
        for name in kind.key:
            if name not in given:
                raise incomplete_key(name)
            found.append(_key_part(kind, name, given[name]))
        return tuple(found)

    def one(self, entity_set: EntitySet, key: Key) -> Row:
        """The object or record with this key.

        Raises ``ODataRefusal``: 404 code 9, or 401 code 20 for a hidden one.
        """
        if entity_set.kind in (Kind.SECTION, Kind.RECORDS):
            names = entity_set.type.key
            wish = {name: frozenset((part,)) for name, part in zip(names, key, strict=True) if name.endswith("_Key")}
            rows = self.rows(entity_set, wish)
            found = next((row for row in rows if tuple(as_text(row.get(name)) for name in names) == key), None)
        elif entity_set.kind is Kind.CONSTANT:
            found = next(self.rows(entity_set))
        else:
            found = self.store.tables[entity_set.name].get(key)
        if found is None:
            raise no_instance(entity_set.name)
        if self._hidden(entity_set, found):
            raise forbidden_rows()
        return found

    # -- many

    def rows(self, entity_set: EntitySet, wish: Wanted | None = None) -> Iterator[Row]:
        """Every row of a set of any kind."""
        if entity_set.kind not in (Kind.SECTION, Kind.RECORDS):
            yield from self.store.tables[entity_set.name].rows(wish)
            return
        for owner in self.store.tables[entity_set.owner].rows(wish):
            below = owner.get(entity_set.section)
            if isinstance(below, list):
                yield from below

    def count(self, entity_set: EntitySet, options: dict[str, str]) -> int:
        """How many rows ``$filter`` leaves."""
        return sum(1 for _ in self._filtered(entity_set, options))

    def page(self, entity_set: EntitySet, options: dict[str, str]) -> Page:
        """The rows of a collection request, before they are shaped."""
        skip, top = number(options, "$skip") or 0, number(options, "$top")
        order = self._order(entity_set, options.get("$orderby", ""))
        total = None
        if options.get("$inlinecount", "none") == "allpages":
            plain = "$filter" not in options and entity_set.name in self.store.tables
            total = len(self.store.tables[entity_set.name]) if plain else self.count(entity_set, options)
        plain = "$filter" not in options and entity_set.name in self.store.tables and order is None
        rows = (
            self._allowed(entity_set, self.store.tables[entity_set.name].rows(None, skip), options)
            if plain
            else self._filtered(entity_set, options)
        )
        if order is not None:
            rows = iter(order(rows))
        start = 0 if plain else skip
        return Page(islice(rows, start, None if top is None else start + top), total)

    def page_of(self, entity_set: EntitySet, rows: Iterator[Row], options: dict[str, str]) -> Page:
        """The same for rows computed elsewhere."""
        test = self.condition(entity_set.type, options.get("$filter", ""), "$filter")[0]
        found: Iterator[Row] = rows if test is None else filter(test, rows)
        order = self._order(entity_set, options.get("$orderby", ""))
        if order is not None:
            found = iter(order(found))
        total = None
        if options.get("$inlinecount", "none") == "allpages":
            kept = list(found)
            found, total = iter(kept), len(kept)
        skip, top = number(options, "$skip") or 0, number(options, "$top")
        return Page(islice(found, skip, None if top is None else skip + top), total)

    def _filtered(self, entity_set: EntitySet, options: dict[str, str]) -> Iterator[Row]:
        test, wish = self.condition(entity_set.type, options.get("$filter", ""), "$filter")
        rows: Iterable[Row] = self.rows(entity_set, wish)
        return self._allowed(entity_set, rows if test is None else filter(test, rows), options)

    def _allowed(self, entity_set: EntitySet, rows: Iterable[Row], options: dict[str, str]) -> Iterator[Row]:
        only = (options.get("allowedOnly") or options.get("$allowedOnly") or "").lower() == "true"
        for row in rows:
            if not self._hidden(entity_set, row):
                yield row
            elif not only:
                raise forbidden_rows()

    def condition(self, kind: EntityType, text: str, option: str) -> tuple[Test | None, Wanted]:
        """The test a condition stands for, and what it plainly wants."""
        if not text.strip():
            return None, {}
        node = parse(text, option)
        return Compiler(self.store.schema, kind, self.follow, option).test(node), wanted(node)

    def _order(self, entity_set: EntitySet, text: str) -> Callable[[Iterable[Row]], list[Row]] | None:
        """What sorts rows; None when they come in this order anyway."""
        if not text.strip():
            return None
        fields = []
        for part in split(text, ","):
            words = part.split()
            if not words or len(words) > 2 or (len(words) == 2 and words[1] not in ("asc", "desc")):
                raise no_segment(part.strip())
            fields.append((words[0], words[-1] == "desc"))
        if fields == [("Ref_Key", False)] and entity_set.kind is Kind.OBJECTS and self.store.in_order:
            return None
        return sorter(self, entity_set.type, fields)


def sorter(
    reader: Reader, kind: EntityType, fields: list[tuple[str, bool]]
) -> Callable[[Iterable[Row]], list[Row]]:  # fmt: skip
    """Sorts by (property path, downwards); empty values first, as databases of 1C do.

    Raises ``ODataRefusal`` code 6 for a property that is not there.
    """
    compiler = Compiler(reader.store.schema, kind, reader.follow, "$orderby")
    keys = []
    for path, down in fields:
        parts = tuple(path.split("/"))
        if len(parts) == 1 and parts[0] not in kind.props:
            raise no_segment(parts[0])
        keys.append((compiler.sort_key(parts), down))

    def sort(rows: Iterable[Row]) -> list[Row]:
        found = list(rows)
        for key, down in reversed(keys):
            found.sort(key=key, reverse=down)
        return found

    return sort


def _key_part(kind: EntityType, name: str, text: str) -> str:
    prop = kind.props[name]
    found = literal(text)
    if found is None:
        raise _unreadable(text, prop.type)
    if prop.composite and found.type is Type.GUID:
        return str(found.value)
    expected = _EXPECTED.get(prop.type)
    if expected and found.type is not expected:
        raise _unreadable(text, prop.type)
    value = as_text(found.value)
    if name.endswith("_Type") and prop.composite and not value.startswith((NAMESPACE, "Edm.")):
        return f"{NAMESPACE}{value}"
    return value
