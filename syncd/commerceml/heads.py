"""Heads of catalogues and packages of offers: gathered while they stand open, told before their first record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml.etree import _Element as Element

from syncd.commerceml.names import NAMES
from syncd.commerceml.policy import Context
from syncd.commerceml.values import boolean, text_of
from syncd.errors import DataError
from syncd.model.records import CatalogueHead

_KINDS = {"Каталог": "catalogue", "ПакетПредложений": "offers", "ИзмененияПакетаПредложений": "offers"}
FIELDS = frozenset({"Ид", "ИдКаталога", "ИдКлассификатора", "Наименование", "СодержитТолькоИзменения"})
"""Children of a container that make its head."""

ID_LIMIT = 500
"""Longest id of a catalogue, characters: it stands in keys of Postgres."""


def catalogue_id(kind: str, fields: Mapping[str, str]) -> str:
    """The id of a catalogue, of what its head says; a package of offers names its catalogue."""
    identity = fields.get("Ид", "")
    if kind == "offers":
        identity = fields.get("ИдКаталога") or identity
    return identity.strip("#").strip()


class Heads:
    """The container that is open now, and what its head said so far. ``late``: ids that heads told only behind their
    first record, by the number of the container; those of ``beforehand`` count from its beginning.
    """

    def __init__(self, context: Context, beforehand: Mapping[int, str]) -> None:
        self._context = context
        self._beforehand = beforehand
        self._number = -1
        self.late: dict[int, str] = {}
        self.container: Element | None = None
        self._name = ""
        self._fields: dict[str, str] = {}
        self._told: CatalogueHead | None = None

    def open(self, name: str, element: Element) -> None:
        """A container began."""
        self.container = element
        self._name = name
        self._number += 1
        self._told = None
        stated = element.get("СодержитТолькоИзменения")
        self._fields = {} if stated is None else {"СодержитТолькоИзменения": stated}
        self._context.catalogue_id = ""

    def take(self, element: Element) -> None:
        """One finished child of the open container."""
        name = NAMES[element.tag]
        if name in FIELDS:
            self._fields.setdefault(name, text_of(element))

    def before_record(self, record: Element) -> Iterator[CatalogueHead]:
        """The head, once, as far as it stands before the first record: what comes behind may not be read yet."""
        if self._told is None and self._name in _KINDS:
            self._gather(before=record)
            self._told = self._head()
            yield self._told

    def close(self) -> Iterator[CatalogueHead]:
        """The container ended: its head, unless it has been told just so before."""
        if self._name in _KINDS:
            self._gather()
            head = self._head()
            if head != self._told:
                if self._told is not None and head.id != self._told.id:
                    self.late[self._number] = head.id
                yield head
        self.container = None
        self._name = ""

    def _gather(self, before: Element | None = None) -> None:
        if self.container is not None:
            while before is not None and before.getparent() is not self.container:
                before = before.getparent()
            for item in self.container:
                if item is before:
                    break
                self.take(item)

    def _head(self) -> CatalogueHead:
        kind = _KINDS[self._name]
        identity = self._beforehand.get(self._number) or catalogue_id(kind, self._fields)
        if len(identity) > ID_LIMIT:
            raise DataError("E215", path=f"{self._name}/Ид", detail=f"an id of more than {ID_LIMIT} characters")
        self._context.catalogue_id = identity
        only_changes = boolean(self._fields.get("СодержитТолькоИзменения"))
        return CatalogueHead(kind, self._context.catalogue_id, self._fields.get("Наименование", ""), only_changes)
