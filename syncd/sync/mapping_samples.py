"""A few records of a base, seen through a mapping: what a 1C developer looks at before a mapping is put in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

from syncd.adapters.odata import answers, describe, reading
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.filters import Filter, all_of, equals
from syncd.adapters.odata.literals import ref
from syncd.mappings.compiled import Cell, CompiledSource, compile_mapping
from syncd.mappings.loading import Mapping
from syncd.mappings.metadata import Metadata
from syncd.mappings.query import Query
from syncd.sync.odata_read import REF, Books, Row

_ROUNDS: Final = 5
"""Lookups of lookups that are followed."""


@dataclass(slots=True)
class Seen:
    """A mapping over a live base: its sources by label, and the books that references are looked up in."""

    client: Client
    base: Metadata | None
    books: Books
    sources: dict[str, CompiledSource] = field(default_factory=dict)

    @classmethod
    def through(cls, client: Client, mapping: Mapping, zone: ZoneInfo, base: Metadata | None) -> Seen:
        """The mapping must have no mistakes; sources whose set the base does not publish are left out."""
        books = Books(client)
        made = compile_mapping(mapping, zone, books.find, base)
        books.need(made)
        known = [one for one in made if base is None or one.query.set in base.sets]
        return cls(client, base, books, {one.label: one for one in known})

    def rows(self, query: Query, *, ids: Sequence[str] = (), key: str = REF, most: int = 1) -> list[Row]:
        """Records by a reference in their property ``key``, or the first ones that the source would read.

        Raises as ``Client.get``.
        """
        where: Filter | None = Filter(query.filter) if query.filter and not ids else None
        found: list[Row] = []
        for id_ in ids or [""]:
            options = dict(query.options)
            options.pop("$filter", None)
            if condition := all_of(where, equals(key, ref(id_)) if id_ else None):
                options["$filter"] = condition
            if not (query.table and ids):
                options["$top"] = str(most)
            body = self.client.get(query.resource, options, kind="table" if query.table else "read")
            found += answers.page(body, self._types(query)).records[:most]
        return found

    def fetch(self, query: Query, ids: Iterable[str]) -> list[Row]:
        """Objects by their references, those that still belong to the source; the others are not among them."""
        scope = Filter(query.filter) if query.filter else None
        given = [id_.partition("#")[2] or id_ for id_ in ids]
        pages = reading.fetch(self.client, query.set, given, query.select, scope=scope, expand=query.expand)
        return [row for page in pages for row in page]

    def preview(self, source: CompiledSource, row: Row) -> list[Cell]:
        """Field by field, with what references lead to."""
        for _ in range(_ROUNDS):
            cells = source.preview(row)
            if not self.books.fetch():
                break
        return cells

    def made(self, source: CompiledSource, rows: Iterable[Row]) -> list[dict[str, Any]]:
        """Each row as the fields of its record; a mistake stands in its field. Nothing for rows that are left out."""
        kept = list(rows)
        for _ in range(_ROUNDS):
            found = [{cell.field: cell.error or cell.result for cell in source.preview(row)} for row in kept]
            if not self.books.fetch():
                break
        return [
            fields if source.when is None or source.when(row) else {}
            for fields, row in zip(found, kept, strict=True)
        ]  # fmt: skip

    def _types(self, query: Query) -> dict[str, str] | None:
        """Types for Atom, which names none."""
        if self.client.format != "atom" or self.base is None or query.table:
            return None
        return describe.types(self.base, query.set)


def key_property(source: CompiledSource) -> str:
    """The property that holds the first part of a record's key: what ``--id`` is compared with."""
    rule = source.source.fields.get(source.entity.key[0].name)
    return rule.from_[0] if rule is not None and rule.from_ else REF
