"""``ПользовательскиеСправочники``: reference books, item by item, however long a book is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from lxml.etree import _Element as Element

from syncd.commerceml import blocks
from syncd.commerceml.classifier import VALUE_TYPES
from syncd.commerceml.names import NAMES, line_of
from syncd.commerceml.policy import Context
from syncd.commerceml.values import boolean, plain, text_of
from syncd.errors import DataError
from syncd.model.records import BadRecord, Record, WholeSet

BOOKS: Final = "ПользовательскиеСправочники"
BOOK: Final = (BOOKS, "Справочник")
"""Where a book stands."""
ITEMS: Final = (*BOOK, "ЭлементыСправочника")
"""Where its items stand."""
_FLAG: Final = "СодержитТолькоИзменения"
_FIELDS: Final = {"Наименование": "name", "Реквизиты": "fields", "НомерВерсии": "version"}
_COLUMN: Final = {"Ид": "id", "Наименование": "name", "ТипЗначений": "value_type"}
_NAMES: Final = ("Наименование", "Name", "UF_NAME", "Description")
"""Columns that hold the name of an item, as 1C and Bitrix' highload blocks call them."""

BookItem = Record | WholeSet | BadRecord


class Books:
    """The book that is open now, and what was said of it so far. A whole set is whole as far as the document knows: a
    book may come in several.

    What the sweep drops is handed to ``take``; what still stands in the tree is looked up when needed. That the items
    stated are all that a book has must be said (``СодержитТолькоИзменения`` false): silence is taken for changes.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._book: Element | None = None
        self._children: dict[str, Any] = {}
        self._changes_only: bool | None = None
        self._told: Record | None = None
        self._all_good = True

    def take(self, parent: Element, item: Element) -> None:
        """One finished child of ``ПользовательскиеСправочники`` or of a ``Справочник`` in it."""
        name = NAMES[item.tag]
        if NAMES[parent.tag] == BOOKS:
            if name == _FLAG:
                self._changes_only = boolean(item.text)
        elif name and name != ITEMS[-1] and name != "ЭлементСправочника":
            self._open(parent)
            self._children[name] = _columns(item) if name == "Реквизиты" else plain(item)

    def item(self, element: Element) -> Iterator[BookItem]:
        """One item; before the first one of a book, the book."""
        book = element.getparent()
        if book is not None and NAMES[book.tag] == ITEMS[-1]:
            book = book.getparent()
        if book is None:
            return
        self._open(book)
        if self._told is None:
            record = self._record(book)
            if record.key[0]:
                self._told = record
                yield record
        found = _item(element, self._told.key[0] if self._told else "", self._context)
        self._all_good = self._all_good and isinstance(found, Record)
        yield found

    def close(self, book: Element) -> Iterator[BookItem]:
        """The book ended: what was not told of it yet, and whether these were all its items."""
        self._open(book)
        record = self._record(book)
        if not record.key[0]:
            yield BadRecord("reference_book", "", "Справочник", record.line, DataError("E211", element="Справочник"))
        else:
            if record != self._told:
                yield record
            if self._all_good and not record.deleted and self._states_all(book.getparent()):
                yield WholeSet("reference_item", record.key[0])
        self._book = None

    def _open(self, book: Element) -> None:
        if self._book is not book:
            self._book, self._children, self._told, self._all_good = book, {}, None, True

    def _states_all(self, books: Element | None) -> bool:
        if books is None:
            return False
        for item in books:
            self.take(books, item)
        stated = boolean(books.get(_FLAG))
        return (self._changes_only if stated is None else stated) is False

    def _record(self, book: Element) -> Record:
        for item in book:
            self.take(book, item)
        extra = dict(self._children)
        fields = {field: extra.pop(name) for name, field in _FIELDS.items() if name in extra}
        identity = str(extra.pop("Ид", ""))
        gone = boolean(extra.pop("ПометкаУдаления", None)) is True
        for name in extra:
            self._context.unknown["Справочник/" + name] += 1
        return Record("reference_book", (identity,), fields, extra or None, gone, False, line_of(book))


def _columns(element: Element) -> list[dict[str, Any]]:
    """``Реквизиты``: the columns; what they hold beside id, name and type stays as it came."""
    rows = []
    for column in element:
        row: dict[str, Any] = {}
        for part in column:
            name = NAMES[part.tag]
            if name in _COLUMN:
                row[_COLUMN[name]] = text_of(part)
            elif name:
                blocks.keep(name, part, row)
        kind = row.get("value_type", "")
        row["value_type"] = VALUE_TYPES.get(kind.casefold().replace(" ", ""), kind)
        if row.get("id"):
            rows.append(row)
    return rows


def _item(element: Element, book_id: str, context: Context) -> Record | BadRecord:
    identity = ""
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    gone = blocks.is_deleted_status(element.get("Статус"))
    for part in element:
        name = NAMES[part.tag]
        if name == "Ид":
            identity = text_of(part)
        elif name == "Наименование":
            fields["name"] = text_of(part)
        elif name == "НомерВерсии":
            fields["version"] = text_of(part)
        elif name == "ЗначенияРеквизитов":
            fields.setdefault("values", {}).update(blocks.requisites(part))
        elif name in ("Статус", "ПометкаУдаления"):
            gone = gone or blocks.deleted(name, part)
        elif name:
            context.unknown["ЭлементСправочника/" + name] += 1
            blocks.keep(name, part, extra)
    line = line_of(element)
    if not identity or not book_id:
        owner = "ЭлементСправочника" if book_id else "Справочник"
        return BadRecord("reference_item", identity, "ЭлементСправочника", line, DataError("E211", element=owner))
    values = fields.get("values", {})
    named = next((values[name] for name in _NAMES if isinstance(values.get(name), str)), None)
    if "name" not in fields and named:
        fields["name"] = named
    return Record("reference_item", (book_id, identity), fields, extra or None, gone, False, line)
