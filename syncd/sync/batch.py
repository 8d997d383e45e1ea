"""Reading a batch of changed records: bytes in, rows for COPY and what is to be remembered out.

It needs no connection and no settings, so that a helper process can do it (``syncd.sync.helper``).
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from lxml import etree
from lxml.etree import _Element as Element

from syncd.commerceml.encoding import CleanBytes, EncodingMismatch
from syncd.commerceml.known import NO_SIGNATURE, Signature, key_of
from syncd.commerceml.names import NAMES, line_of
from syncd.commerceml.parsing import tree
from syncd.commerceml.policy import Context, ReadPolicy
from syncd.commerceml.reader import read_goods
from syncd.commerceml.shape_goods import understand
from syncd.commerceml.shapes import Shapes, declared, usual
from syncd.commerceml.tracks import OWN
from syncd.errors import DataError
from syncd.model.records import BadRecord, Item, Record, WholeSet
from syncd.store.rows import Rows, Table
from syncd.store.stated import OF_OFFERS, Seen

OFFER_ENTITIES: Final = frozenset({"offer", "price", "stock"})


class Unreadable(Exception):
    """The bytes are not the records they looked like: only a reading of the whole document can tell what is wrong."""


@dataclass(slots=True)
class Job:
    """Records of one list. ``element`` is their name, ``label`` the kind of document (``Known.labels``), ``number``
    that of the row before their first.

    What stands outside the records and decides how they are read: ``encoding``, ``namespaces``, ``catalogue_id``,
    ``currencies`` of price types, ``policy``.
    """

    element: str
    label: int
    number: int
    encoding: str
    namespaces: dict[str | None, str]
    catalogue_id: str
    currencies: dict[str, str]
    policy: ReadPolicy
    records: list[bytes]


@dataclass(slots=True)
class Unusable:
    """A ``BadRecord`` that can travel between processes. ``line`` counts from the record's first."""

    entity: str
    key: str
    path: str
    line: int
    code: str
    params: dict[str, Any]

    def record(self) -> BadRecord:
        """As it was."""
        return BadRecord(self.entity, self.key, self.path, self.line, DataError(self.code, **self.params))


@dataclass(slots=True)
class Batch:
    """What became of a job.

    For each record ``keys`` (as ``Known.learn_many`` wants them) and ``numbers`` into ``signatures``. ``bad`` holds
    what cannot be used, with the record's place in the job.
    ``stated`` are the entities of which more than stubs were met, ``of_offers`` tells that prices, stocks or offers
    were. ``used`` are currencies that prices took of their types (``Context.used``).
    """

    items: int = 0
    rows: dict[Table, bytes] = field(default_factory=dict)
    refused: set[tuple[str, Any]] = field(default_factory=set)
    seen: Seen = field(default_factory=Seen)
    keys: array[int] = field(default_factory=lambda: array("Q"))
    numbers: array[int] = field(default_factory=lambda: array("L"))
    signatures: list[Signature] = field(default_factory=list)
    stated: set[str] = field(default_factory=set)
    of_offers: bool = False
    used: dict[str, str] = field(default_factory=dict)
    bad: list[tuple[int, Unusable]] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)


def read_batch(job: Job, *, by_shape: bool = True) -> Batch:
    """Read the records of a job; not ``by_shape``: all of them by the parser. Raises ``Unreadable``."""
    context = context_of(job)
    batch = Batch(
        unknown=context.unknown, warnings=context.warnings, counts=context.counts, used=context.used
    )  # fmt: skip
    reading = _Reading(job, batch)
    found = _by_shape(job, context) if by_shape else [None] * len(job.records)
    for ordinal, (line, items, clean) in enumerate(_read(job, found, context)):
        reading.take(ordinal, line, items, clean=clean)
    context.counts[job.element] += len(job.records)
    batch.rows, batch.refused = reading.rows.take(), reading.rows.refused
    batch.signatures = list(reading.signatures)
    batch.seen.settle()
    return batch


def context_of(job: Job) -> Context:
    """What stands around the records."""
    return Context(job.policy, catalogue_id=job.catalogue_id, currencies=job.currencies)


def _read(
    job: Job, found: Sequence[list[Item] | None], context: Context
) -> Iterator[tuple[int, list[Item], bool]]:  # fmt: skip
    """Of each record its line (as far as it is known), its items, and whether they are surely free of control
    characters: those found by its shape, or those of the parser where it is irregular.
    """
    irregular = [record for record, items in zip(job.records, found, strict=True) if items is None]
    parsed = iter(_root(job, irregular, context) if irregular else ())
    for items in found:
        if items is not None:
            yield 0, items, True
        else:
            element = next(parsed)
            yield line_of(element), read_goods(job.element, element, context), False


def _by_shape(job: Job, context: Context) -> list[list[Item] | None]:
    body = b"".join(job.records)
    try:
        if b"\r" in body:
            texts = [
                record.replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode(job.encoding) for record in job.records
            ]
            body = body.replace(b"\r", b"")
        else:
            texts = [record.decode(job.encoding) for record in job.records]
    except UnicodeDecodeError:
        return [None] * len(job.records)
    if not usual(body):
        return [None] * len(job.records)
    shapes = _shapes(job.element, tuple(job.namespaces.items()))
    return [shapes.read(text, context) for text in texts]


@lru_cache(maxsize=8)
def _shapes(element: str, namespaces: tuple[tuple[str | None, str], ...]) -> Shapes:
    """What this process learnt of an element; ``element`` keeps products and offers apart."""
    del element
    return Shapes(understand, dict(namespaces))


def _root(job: Job, records: Sequence[bytes], context: Context) -> Element:
    pieces = (f"<x{declared(job.namespaces)}>".encode(job.encoding, "xmlcharrefreplace"), *records, b"</x>")
    try:
        root = tree(CleanBytes(pieces, job.encoding, context.warnings))
    except (etree.XMLSyntaxError, EncodingMismatch) as error:
        raise Unreadable(str(error)) from error
    if len(root) != len(records) or any(NAMES[element.tag] != job.element for element in root):
        raise Unreadable("texts that look like tags")
    return root


class _Reading:
    """Gathers what the records of one job state."""

    def __init__(self, job: Job, batch: Batch) -> None:
        self._job = job
        self._batch = batch
        self.rows = Rows(job.number)
        self.signatures: dict[Signature, int] = {}

    def take(self, ordinal: int, line: int, items: Iterable[Item], *, clean: bool) -> None:
        """One record: what the reader made of it. ``clean``: without control characters."""
        batch, rows, seen = self._batch, self.rows, self._batch.seen
        made: dict[str, set[tuple[Any, ...]]] = {}
        keys: set[tuple[Any, ...]] = set()
        before = ""
        good = True
        for item in items:
            batch.items += 1
            if isinstance(item, Record):
                entity = item.entity
                if entity != before or entity not in OF_OFFERS:  # one price says what the next ones of the offer do
                    before = entity
                    keys = made.setdefault(entity, set())
                    seen.note(item)
                    if not item.stub:
                        batch.stated.add(entity)
                keys.add(item.key)
                try:
                    rows.add(item, clean=clean)
                except DataError as error:
                    key = "/".join(map(str, item.key))
                    self._bad(ordinal, line, BadRecord(entity, key, entity, item.line, error))
                    good = False
                continue
            seen.note(item)
            if isinstance(item, WholeSet):
                rows.whole_set(item.entity, item.of)
            elif isinstance(item, BadRecord):
                self._bad(ordinal, line, item)
                good = False
        if self._job.element == "Товар" and not OFFER_ENTITIES.isdisjoint(made):
            batch.of_offers = True
        self._remember(made, good=good)

    def _bad(self, ordinal: int, line: int, bad: BadRecord) -> None:
        below = max(0, bad.line - line)
        told = Unusable(bad.entity, bad.key, bad.path, below, bad.error.code, bad.error.params)
        self._batch.bad.append((ordinal, told))

    def _remember(self, made: dict[str, set[tuple[Any, ...]]], *, good: bool) -> None:
        """What tells the record from others, and what it was made of, if it is a good one."""
        texts = {key[0] for entity, keys in made.items() if entity in OWN for key in keys}
        self._batch.keys.append(self._key(texts.pop()) if len(texts) == 1 else 0)
        if not good:
            self._batch.numbers.append(NO_SIGNATURE)
            return
        signature = tuple(sorted((entity, len(keys)) for entity, keys in made.items()))
        self._batch.numbers.append(self.signatures.setdefault(signature, len(self.signatures)))

    def _key(self, text: str) -> int:
        try:
            return key_of(text.encode(), self._job.label)
        except UnicodeEncodeError:
            return 0
