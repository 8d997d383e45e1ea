"""Reads a CommerceML 2.0x-3.1 document of any size as a stream of canonical records.

Elements are found by their local names, in any order, under any of the namespaces in use. Memory stays constant: what
was read, and what nobody reads, is dropped from the tree after each piece.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from lxml.etree import _Element as Element

from syncd.commerceml import classifier, discounts
from syncd.commerceml.books import BOOK, BOOKS, ITEMS, Books
from syncd.commerceml.catalogue import read_product
from syncd.commerceml.contracts import read_contracts
from syncd.commerceml.documents import read_document
from syncd.commerceml.encoding import CleanBytes, EncodingMismatch
from syncd.commerceml.heads import Heads
from syncd.commerceml.names import NAMES, line_of
from syncd.commerceml.offers import read_offer
from syncd.commerceml.parsing import empty, events
from syncd.commerceml.parties import read_party
from syncd.commerceml.policy import Beforehand, Context, ReadPolicy
from syncd.commerceml.sweep import Sweep
from syncd.errors import DataError
from syncd.model.records import BadRecord, Item

__all__ = ["EncodingMismatch", "Head", "ReadPolicy", "Reader"]

_CONTAINERS = frozenset({"Классификатор", "Каталог", "ПакетПредложений", "ИзмененияПакетаПредложений"})
_HOMES: dict[str, frozenset[tuple[str, ...]]] = {
    "Товар": frozenset({("Каталог", "Товары"), ("Каталог",)}),
    "Предложение": frozenset({
        ("ПакетПредложений", "Предложения"), ("ИзмененияПакетаПредложений", "Предложения"),
        ("ПакетПредложений",), ("ИзмененияПакетаПредложений",),
    }),
    "Свойство": frozenset((where, name) for where in _CONTAINERS for name in ("Свойства", "СвойстваЭлементов")),
    "Документ": frozenset({(), ("Контейнер",)}),
    "Контрагент": frozenset({("Контрагенты",)}),
    "ЭлементСправочника": frozenset({ITEMS, BOOK}),
    "ИнформацияОСкидке": frozenset({("Скидки",)}),
    "Скидка": frozenset({("Скидки",)}),
    "ВидДисконтнойКарты": frozenset({("ВидыДисконтныхКарт",)}),
    "ДисконтнаяКарта": frozenset({("ДисконтныеКарты",)}),
}  # fmt: skip
_HOMES["СвойствоНоменклатуры"] = _HOMES["Свойство"]
_LISTS = {
    "Группы": classifier.read_groups, "ТипыЦен": classifier.read_price_types, "Склады": classifier.read_warehouses,
    "ЕдиницыИзмерения": classifier.read_units, "Категории": classifier.read_product_kinds,
}  # fmt: skip
_RECORDS = frozenset({*_HOMES, *_LISTS})
_DEEPEST = max(len(place) for places in _HOMES.values() for place in places)
_COUNTED = frozenset({"Товар", "Предложение", "Документ"})
_FIRST_VERSION = frozenset({"Идентификатор", "Номер", "ХозОперация", "Наименование"})


@dataclass(slots=True)
class Head:
    """What the root says of the document."""

    root: str
    namespace: str
    schema_version: str
    generated_at: str
    id: str


class Reader:
    """Iterate over it once for the records of a document, in document order.

    ``chunks`` is the document in pieces of any size; ``encoding`` overrules the declared one. ``head`` is there after
    the first item; ``element`` is the element of which the last item was made, ``records`` counts the records taken up
    by element. ``unknown`` (element paths kept in ``extra`` or not read), ``warnings`` and ``counts`` (elements met)
    are complete at the end.

    Raises while iterating: ``DataError`` E201-E204 and E216 where the document cannot be read, and
    ``EncodingMismatch`` (E208), upon which the caller begins anew with ``encoding="windows-1251"``. A single record
    that cannot be used comes as a ``BadRecord``.

    ``late`` is there at the end, of what the document said behind records that depend on it, in an order that no schema
    has: read it once more with this as ``beforehand``.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        encoding: str | None = None,
        policy: ReadPolicy | None = None,
        beforehand: Beforehand | None = None,
    ) -> None:
        before = beforehand or Beforehand()
        self._context = Context(policy or ReadPolicy(), currencies=dict(before.currencies))
        self._pieces = CleanBytes(chunks, encoding, self._context.warnings)
        self._heads = Heads(self._context, before.catalogues)
        self._books = Books(self._context)
        self._parent: Element | None = None
        self._place: tuple[str, ...] | None = None
        self.element = ""
        self.records: Counter[str] = Counter()
        self.head = Head("", "", "", "", "")

    @property
    def context(self) -> Context:
        """What is known from the document so far, on which the reading of a record depends."""
        return self._context

    @property
    def late(self) -> Beforehand | None:
        """What came behind records that depend on it, with all currencies that are known."""
        known = self._context.currencies
        changed = any(known.get(name, "") != took for name, took in self._context.used.items())
        return Beforehand(self._heads.late, known) if changed or self._heads.late else None

    @property
    def namespaces(self) -> dict[str | None, str]:
        """Namespaces in force in the container that is open, by prefix."""
        container = self._heads.container
        return {} if container is None else {prefix: str(uri) for prefix, uri in container.nsmap.items()}

    @property
    def unknown(self) -> Counter[str]:
        """Paths of elements that were kept in ``extra`` or not read, by number."""
        return self._context.unknown

    @property
    def warnings(self) -> Counter[str]:
        """What had to be changed in the text of the document, by number."""
        return self._context.warnings

    @property
    def counts(self) -> Counter[str]:
        """Elements met by name: Товар (those of documents too), Предложение, Цена, Документ, Группа, Свойство…"""
        return self._context.counts

    def __iter__(self) -> Iterator[Item]:
        root: Element | None = None
        sweep: Sweep | None = None
        try:
            with closing(events(self._pieces, (*_RECORDS, *_CONTAINERS, BOOK[-1]))) as batches:
                for batch in batches:
                    for kind, element in batch:
                        name = NAMES[element.tag]
                        if kind == "end":
                            yield from self._end(name, element)
                        elif element.getparent() is None:
                            root = element
                            self._begin(root)
                            sweep = Sweep(root, self._heads, self._books, self._context.unknown, _RECORDS)
                        elif name in _CONTAINERS or name == "Документ":
                            self._open(name, element)
                    if sweep is not None:
                        sweep.run()
                    del batch
                if sweep is not None:
                    sweep.finish()
        finally:
            if root is not None:
                empty(root)

    def _begin(self, root: Element) -> None:
        namespace = root.tag[1:].partition("}")[0] if root.tag.startswith("{") else ""
        version = (root.get("ВерсияСхемы") or "").strip()
        self.head = Head(NAMES[root.tag], namespace, version, root.get("ДатаФормирования") or "", root.get("Ид") or "")
        if version.startswith("1.") or version == "1":
            raise DataError("E202")

    def _open(self, name: str, element: Element) -> None:
        if _FIRST_VERSION.intersection(element.attrib):  # CommerceML 1 says everything in attributes
            raise DataError("E202")
        if name in _CONTAINERS and self._place_of(element.getparent()) == ():
            self._heads.open(name, element)

    def _end(self, name: str, element: Element) -> Iterator[Item]:
        if name in _COUNTED:
            self._context.counts[name] += 1
        parent = element.getparent()
        if name in _HOMES:
            if parent is not self._parent:
                self._parent, self._place = parent, self._place_of(parent)
            if self._place in _HOMES[name]:
                if self._place:
                    yield from self._heads.before_record(element)
                yield from self._record(name, element)
        elif name in _LISTS:
            if parent is not None and (parent.getparent() is None or parent is self._heads.container):
                yield from self._heads.before_record(element)
                self.element = ""
                yield from _LISTS[name](element, self._context)
        elif name == BOOK[-1]:
            if parent is not None and NAMES[parent.tag] == BOOKS:
                self.element = ""
                yield from self._books.close(element)
        elif element is self._heads.container:
            yield from self._heads.close()

    def _record(self, name: str, element: Element) -> Iterable[Item]:
        line = line_of(element)
        self.element = name
        self.records[name] += 1
        try:
            if name in GOODS:
                return GOODS[name](element, self._context, line)
            if name == "Документ":
                return read_document(element, self._context)
            if name == "Контрагент":
                party = read_party(element, self._context, needs_id=True)
                return (party, *read_contracts(element, party.key[0], self._context))
            if name == "ЭлементСправочника":
                return self._books.item(element)
            if name in discounts.ENTITY_OF:
                return (discounts.read(element, self._context),)
            found = classifier.read_property(element, self._context)
        except DataError as error:
            return (_unusable(name, element, line, error),)
        return () if found is None else (found,)

    def _place_of(self, element: Element | None) -> tuple[str, ...] | None:
        """Names from below the root down to ``element``; ``None`` deeper than any home lies."""
        names: list[str] = []
        while element is not None:
            parent = element.getparent()
            if parent is None:
                return tuple(reversed(names))
            names.append(NAMES[element.tag])
            if len(names) > _DEEPEST:
                return None
            element = parent
        return None


GOODS: Final[dict[str, Callable[[Element, Context, int], list[Item]]]] = {
    "Товар": read_product,
    "Предложение": read_offer,
}
_ENTITIES = {
    **discounts.ENTITY_OF,
    "Товар": "product",
    "Предложение": "offer",
    "Контрагент": "counterparty",
    "Документ": "order",
    "Свойство": "property",
    "СвойствоНоменклатуры": "property",
}


def read_goods(name: str, element: Element, context: Context) -> list[Item]:
    """The records of one ``Товар`` or ``Предложение`` on its own."""
    line = line_of(element)
    try:
        return GOODS[name](element, context, line)
    except DataError as error:
        return [_unusable(name, element, line, error)]


def _unusable(name: str, element: Element, line: int, error: DataError) -> BadRecord:
    return BadRecord(_ENTITIES[name], _identity(element), str(error.params.get("path", name)), line, error)


def _identity(element: Element) -> str:
    for item in element:
        if NAMES[item.tag] == "Ид":
            return (item.text or "").strip()
    return ""
