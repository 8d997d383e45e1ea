"""Keeps memory constant: after each piece everything finished is dropped along the open path of the tree."""

from __future__ import annotations

from collections import Counter

from lxml.etree import _Element as Element

from syncd.commerceml.alike import Steps, TooMany, census
from syncd.commerceml.books import BOOK, BOOKS, ITEMS, Books
from syncd.commerceml.heads import FIELDS, Heads
from syncd.commerceml.names import NAMES

_COUNTED_DEPTH = 3
_CROWD = 64
_READ = FIELDS | {
    "Описание", "Владелец", "Классификатор", "Каталог", "ПакетПредложений", "ИзмененияПакетаПредложений", "Контейнер",
    "Контрагенты", "Товары", "Предложения", "Свойства", "СвойстваЭлементов", "Скидки", "ВидыДисконтныхКарт",
    "ДисконтныеКарты", *ITEMS,
}  # fmt: skip


class Sweep:
    """Walks from the root along the last children down to an unfinished record, and drops all their elder siblings.

    ``records`` are the names whose elements are read as a whole when they end. What is dropped without having been read
    is counted in ``unknown`` by its path, three levels deep.
    """

    def __init__(
        self, root: Element, heads: Heads, books: Books, unknown: Counter[str], records: frozenset[str]
    ) -> None:
        self._root = root
        self._heads = heads
        self._books = books
        self._unknown = unknown
        self._records = records

    def run(self) -> None:
        """Drop what is finished. Never touches the last child of an element: the parser may still write there."""
        node = self._root
        path: tuple[str, ...] = ()
        while len(node):
            last = node[-1]
            if last.getprevious() is not None:
                if not self._leave_crowd(node, path):
                    for item in list(node)[:-1]:  # in their order: of two that say the same the first counts
                        self._leave(node, item, path)
                del node[:-1]
            name = NAMES[last.tag]
            if name in self._records or (len(path) == 1 and name == "Владелец"):
                return
            if path == BOOK and name != ITEMS[-1]:  # read as a whole when the book is
                return
            node, path = last, (*path, name)

    def finish(self) -> None:
        """The document ended: count what stands along the last path."""
        self.run()
        for item in self._root:
            self._count(item, ())

    def _leave_crowd(self, node: Element, path: tuple[str, ...]) -> bool:
        """Count all but the last child at once where they are many, of few names, and nobody looks at any of them."""
        if path[:1] == (BOOKS,):
            return False
        if len(path) >= _COUNTED_DEPTH:
            return True
        if len(node) <= _CROWD:
            return False
        found: Counter[str] = Counter()
        try:
            self._count_crowd(node, (), path, found)
        except TooMany:
            return False
        self._unknown.update(found)
        return True

    def _count_crowd(self, node: Element, steps: Steps, path: tuple[str, ...], found: Counter[str]) -> None:
        """What ``_count`` counts, of all elements to which the steps lead."""
        for tag, number in census(node, steps).items():
            name = NAMES[tag]
            if not steps and name in FIELDS and node is self._heads.container:
                raise TooMany  # the head is told of each
            if name in self._records or name == "Владелец":
                continue
            whole = (*path, name)
            if name not in _READ:
                found["/".join(whole)] += number
            if len(whole) < _COUNTED_DEPTH and whole[:2] != BOOK:
                self._count_crowd(node, (*steps, tag), whole, found)

    def _leave(self, parent: Element, item: Element, path: tuple[str, ...]) -> None:
        if parent is self._heads.container:
            self._heads.take(item)
        elif path[:1] == (BOOKS,) and len(path) < len(ITEMS):
            self._books.take(parent, item)
        self._count(item, path)

    def _count(self, item: Element, path: tuple[str, ...]) -> None:
        name = NAMES[item.tag]
        if name in self._records or len(path) >= _COUNTED_DEPTH or name == "Владелец" or path[:2] == BOOK:
            return
        whole = (*path, name)
        if name not in _READ:
            self._unknown["/".join(whole)] += 1
        if len(whole) < _COUNTED_DEPTH:
            for inner in item:
                self._count(inner, whole)
