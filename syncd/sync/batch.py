"""Reading a batch of changed records: bytes in, rows for COPY and what is to be remembered out.

It needs no connection and no settings, so that a helper process can do it (``syncd.sync.helper``).
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from lxml import etree
from lxml.etree import _Element as Element

from syncd.commerceml.encoding import CleanBytes, EncodingMismatch
from syncd.commerceml.known import Signature, key_of
from syncd.commerceml.names import NAMES, line_of
from syncd.commerceml.parsing import tree
from syncd.commerceml.policy import Context, ReadPolicy
from syncd.commerceml.reader import read_goods
from syncd.commerceml.tracks import OWN
from syncd.errors import DataError
from syncd.model.records import BadRecord, Item, Record, WholeSet
from syncd.store.rows import Rows, Table
from syncd.store.stated import Seen

OFFER_ENTITIES: Final = frozenset({"offer", "price", "stock"})


class Unreadable(Exception):
    """The bytes are not the records they looked like: only a reading of the whole document can tell what is wrong."""


@dataclass(slots=True)
class Job:
    """Records of one list. ``element`` is their name, ``label`` the kind of document (``Known.labels``), ``records``
    their number, ``number`` that of the row before their first.

    What stands outside the records and decides how they are read: ``encoding``, ``namespaces``, ``catalogue_id``,
    ``currencies`` of price types, ``policy``.
    """

    element: str
    label: int
    records: int
    number: int
    encoding: str
    namespaces: dict[str | None, str]
    catalogue_id: str
    currencies: dict[str, str]
    policy: ReadPolicy
    body: bytes


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
    were.
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
    bad: list[tuple[int, Unusable]] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)


def read_batch(job: Job) -> Batch:
    """Read the records of a job. Raises ``Unreadable``."""
    context = Context(job.policy, catalogue_id=job.catalogue_id, currencies=job.currencies)
    batch = Batch(unknown=context.unknown, warnings=context.warnings, counts=context.counts)
    root = _root(job, context)
    reading = _Reading(job, batch)
    for ordinal, element in enumerate(root):
        reading.take(ordinal, line_of(element), read_goods(job.element, element, context))
    context.counts[job.element] += job.records
    batch.rows, batch.refused = reading.rows.take(), reading.rows.refused
    batch.signatures = list(reading.signatures)
    return batch


def _root(job: Job, context: Context) -> Element:
    spaces = "".join(
        f" xmlns{':' + prefix if prefix else ''}={quoteattr(uri)}" for prefix, uri in job.namespaces.items()
    )
    pieces = (f"<x{spaces}>".encode(job.encoding, "xmlcharrefreplace"), job.body, b"</x>")
    try:
        root = tree(CleanBytes(pieces, job.encoding, context.warnings))
    except (etree.XMLSyntaxError, EncodingMismatch) as error:
        raise Unreadable(str(error)) from error
    if len(root) != job.records or any(NAMES[element.tag] != job.element for element in root):
        raise Unreadable("texts that look like tags")
    return root


class _Reading:
    """Gathers what the records of one job state."""

    def __init__(self, job: Job, batch: Batch) -> None:
        self._job = job
        self._batch = batch
        self.rows = Rows(job.number)
        self.signatures: dict[Signature, int] = {}

    def take(self, ordinal: int, line: int, items: Iterable[Item]) -> None:
        """One record: what the reader made of it."""
        batch, rows, seen = self._batch, self.rows, self._batch.seen
        made: set[tuple[str, tuple[Any, ...]]] = set()
        good = True
        for item in items:
            batch.items += 1
            seen.note(item)
            if isinstance(item, Record):
                made.add((item.entity, item.key))
                if not item.stub:
                    batch.stated.add(item.entity)
                try:
                    rows.add(item)
                except DataError as error:
                    key = "/".join(map(str, item.key))
                    self._bad(ordinal, line, BadRecord(item.entity, key, item.entity, item.line, error))
                    good = False
            elif isinstance(item, WholeSet):
                rows.whole_set(item.entity, item.of)
            elif isinstance(item, BadRecord):
                self._bad(ordinal, line, item)
                good = False
        if self._job.element == "Товар" and not batch.of_offers:
            batch.of_offers = any(entity in OFFER_ENTITIES for entity, _ in made)
        self._remember(made if good else set())

    def _bad(self, ordinal: int, line: int, bad: BadRecord) -> None:
        below = max(0, bad.line - line)
        told = Unusable(bad.entity, bad.key, bad.path, below, bad.error.code, bad.error.params)
        self._batch.bad.append((ordinal, told))

    def _remember(self, made: set[tuple[str, tuple[Any, ...]]]) -> None:
        """What tells the record from others, and what it was made of; nothing of a bad one."""
        texts = {key[0] for entity, key in made if entity in OWN}
        counts: dict[str, int] = {}
        for entity, _ in made:
            counts[entity] = counts.get(entity, 0) + 1
        self._batch.keys.append(self._key(texts.pop()) if len(texts) == 1 else 0)
        self._batch.numbers.append(self.signatures.setdefault(tuple(sorted(counts.items())), len(self.signatures)))

    def _key(self, text: str) -> int:
        try:
            return key_of(text.encode(self._job.encoding), self._job.label)
        except UnicodeEncodeError:
            return 0
