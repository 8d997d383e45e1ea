"""What is known of records seen before: for each, the hash of its bytes and what it was made of.

Three rows in the order of the last export, on disk but for where it is read: the key (a hash of ``Ид`` and the kind of
document), the value (a hash of the record's bytes and of everything outside it that its reading depends on), and the
number of its signature (how many rows of each entity it makes). 1C exports in the same order time after time, so a
record is looked for where the one before it was found; an index is built only when the order has changed.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, compress, pairwise
from typing import Final

from xxhash import xxh3_64_intdigest

from syncd.spill import PIECE, Numbers, Parted, Places, ordered

Signature = tuple[tuple[str, int], ...]
"""How many rows of each entity a record makes: ``(("offer", 1), ("price", 3))``."""

UNSEEN: Final = 0
SKIPPED: Final = 1
READ: Final = 2
PART: Final = 8 * PIECE
"""So many records are kept together."""
NO_SIGNATURE: Final = 0xFFFF
"""Of a record that must be read again next time: it was bad, or nothing tells it from another."""


def key_of(identity: bytes, label: int) -> int:
    """The key of a record: its ``Ид`` in one kind of document."""
    return xxh3_64_intdigest(identity) ^ mask_of(label)


def mask_of(label: int) -> int:
    """Makes of the key of one kind of document that of another: ``key_of(x, 1) ^ mask_of(1) == key_of(x, 0)``."""
    return label * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF


def _shorts() -> Numbers:
    return Numbers("H")


def _longs() -> array[int]:
    return array("Q")


@dataclass(slots=True)
class Part:
    """Keys, values and numbers of signatures of records one after another."""

    keys: array[int] = field(default_factory=_longs)
    values: array[int] = field(default_factory=_longs)
    signature_numbers: array[int] = field(default_factory=lambda: array("H"))

    def choose(self, wanted: list[bool]) -> None:
        """Only these stay."""
        self.keys = array("Q", compress(self.keys, wanted))
        self.values = array("Q", compress(self.values, wanted))
        self.signature_numbers = array("H", compress(self.signature_numbers, wanted))


@dataclass(slots=True)
class Known:
    """Records of one kind of container (catalogue or offers).

    ``labels`` are the kinds of documents they came in, with the entities these state. ``spoiled``: something was read
    past the filter, so that what is known here is no longer to be trusted.
    """

    keys: Numbers = field(default_factory=Numbers)
    values: Numbers = field(default_factory=Numbers)
    signature_numbers: Numbers = field(default_factory=_shorts)
    signatures: list[Signature] = field(default_factory=list)
    labels: dict[int, set[str]] = field(default_factory=dict)
    spoiled: bool = False
    used: set[int] = field(default_factory=set)
    """Labels of the documents of this package."""
    _states: bytearray = field(default_factory=bytearray)
    _expected: int = 0
    _places: Places | None = None
    _order: Numbers = field(default_factory=Numbers)
    """Runs of records as they came: the first one's position, how many, and whether among fresh ones."""
    _run: tuple[int, int, bool] = (0, 0, False)
    """The last one, which may grow."""
    _fresh_keys: Numbers = field(default_factory=Numbers)
    _fresh_values: Numbers = field(default_factory=Numbers)
    _fresh_numbers: Numbers = field(default_factory=_shorts)
    _number_of: dict[Signature, int] = field(default_factory=dict)
    _skipped: Counter[int] = field(default_factory=Counter)
    _strangers: dict[int, array[int]] = field(default_factory=dict)
    """For each label, keys of records in which the reader found another ``Ид`` than the bytes show: both of them."""

    def __post_init__(self) -> None:
        self._states = bytearray(len(self.keys))
        self._number_of = {signature: number for number, signature in enumerate(self.signatures)}

    @property
    def _fresh(self) -> tuple[Numbers, Numbers, Numbers]:
        return self._fresh_keys, self._fresh_values, self._fresh_numbers

    @property
    def changed(self) -> bool:
        """Whether anything is to be stored anew."""
        return len(self._fresh_keys) > 0 or READ in self._states

    def follow(self, matches: Callable[[int], bool]) -> array[int]:
        """Skip records from the one after the one before on, as long as ``matches`` says of the value of the next one
        that it is there. The value is a hash of the ``Ид`` too. Returns their keys.
        """
        begin = at = self._expected
        states, known = self._states, len(self._states)
        while at < known:
            values, first = self.values.piece(at)
            end = first + len(values)
            while at < end and states[at] == UNSEEN and matches(values[at - first]):
                at += 1
            if at < end:
                break
        if at > begin:
            self._expected = at
            states[begin:at] = bytes((SKIPPED,)) * (at - begin)
            self._skipped.update(self.signature_numbers.slice(begin, at))
            self._in_order(begin, at - begin)
        return self.keys.slice(begin, at)

    def skip(self, key: int, value: int) -> bool:
        """Whether the record may be skipped: its bytes are those of the last time, and nobody spoke of it since."""
        at = self._expected
        if at >= len(self._states) or self.keys[at] != key:
            at = self._find(key)
            if at < 0:
                return False
        self._expected = at + 1
        state = self._states[at]
        if state != READ and self.values[at] == value:
            if state == UNSEEN:
                self._states[at] = SKIPPED
                self._skipped[self.signature_numbers[at]] += 1
                self._in_order(at, 1)
            return True
        self._drop(at)
        return False

    def _find(self, key: int) -> int:
        if not self._states:
            return -1
        if self._places is None:
            self._places = Places(self.keys)
        return self._places.find(key)

    def touch(self, identity: bytes, label: int) -> None:
        """The record was read in one kind of document: other kinds that speak of the same have not the last word."""
        stated = self.labels[label]
        for other, entities in self.labels.items():
            if other != label and not entities.isdisjoint(stated):
                at = self._find(key_of(identity, other))
                if at >= 0:
                    self._drop(at)

    def _drop(self, at: int) -> None:
        if self._states[at] == SKIPPED:
            self._skipped[self.signature_numbers[at]] -= 1
        self._states[at] = READ

    def let_through(self, key: int, value: int) -> int:
        """A record goes to the reader. Returns the number under which ``learn`` knows it."""
        slot = len(self._fresh_keys)
        keys = self._fresh_keys.tail
        keys.append(key)
        self._fresh_values.tail.append(value)
        self._fresh_numbers.tail.append(NO_SIGNATURE)
        if len(keys) >= PIECE:
            for row in self._fresh:
                row.settle()
        self._in_order(slot, 1, fresh=True)
        return slot

    def _in_order(self, first: int, count: int, *, fresh: bool = False) -> None:
        """These came next; runs of neighbours cost no more than one."""
        begin, number, was_fresh = self._run
        if was_fresh == fresh and begin + number == first:
            self._run = begin, number + count, fresh
        else:
            self._order.extend(self._run)
            self._run = first, count, fresh

    def learn(self, slot: int, signature: Signature) -> None:
        """The record was read and was good: next time it may be skipped."""
        number = self._number_of.get(signature)
        if number is None:
            number = len(self.signatures)
            if number >= NO_SIGNATURE:
                return
            self.signatures.append(signature)
            self._number_of[signature] = number
        self._fresh_numbers.amend(slot, number)  # where that fails it is read again next time

    def learn_many(
        self, slot: int, label: int, keys: array[int], numbers: array[int], signatures: list[Signature]
    ) -> None:
        """Records that were let through one after another were read elsewhere: ``keys`` are those the reader found, 0
        where it found none, ``numbers`` point into ``signatures``, or are ``NO_SIGNATURE`` of a bad one.
        """
        for at, (key, number) in enumerate(zip(keys, numbers, strict=True), start=slot):
            shown = self._fresh_keys[at]
            if key != shown:
                self.misread(label, shown, key)
            elif key and number != NO_SIGNATURE:
                self.learn(at, signatures[number])

    def misread(self, label: int, *keys: int) -> None:
        """The bytes of a record show the first key, and the reader found others; 0: none."""
        self._strangers.setdefault(label, array("Q")).extend(filter(None, keys))

    @property
    def ambiguous(self) -> bool:
        """What was skipped, or may be skipped next time, is in doubt, and only reading everything can tell: documents
        of several kinds speak of the same, so that who has the last word is not known; or a record that is known
        was read under an ``Ид`` that its bytes do not show."""
        stated = [self.labels[label] for label in self.used]
        if sum(map(len, stated)) > len(set[str]().union(*stated)) and any(self._skipped.values()):
            return True
        return any(self._knows(label, keys) for label, keys in self._strangers.items())

    def _knows(self, label: int, strangers: array[int]) -> bool:
        """Whether one of these records of a kind of document is known, in any kind that speaks of the same."""
        stated = self.labels[label]
        for other, entities in self.labels.items():
            if other == label or not entities.isdisjoint(stated):
                mask = mask_of(label) ^ mask_of(other)
                keys = array("Q", (key ^ mask for key in strangers))
                if any(self._find(key) >= 0 for key in keys) or self._learnt_any(keys):
                    return True
        return False

    def _learnt_any(self, keys: array[int]) -> bool:
        strangers = frozenset(keys) if len(keys) < PIECE else ordered(keys)
        fresh = zip(self._fresh_keys, self._fresh_numbers, strict=True)
        return any(number != NO_SIGNATURE and key in strangers for key, number in fresh)

    def rows_skipped(self) -> Counter[str]:
        """How many rows of each entity the skipped records stand for."""
        rows: Counter[str] = Counter()
        for number, times in self._skipped.items():
            for entity, count in self.signatures[number]:
                rows[entity] += count * times
        return rows

    def merged(self) -> Iterator[Part]:
        """What is known after this package, in its order; what it did not speak of comes behind."""
        part = Part()
        for more in self._merged():
            part.keys.extend(more.keys)
            part.values.extend(more.values)
            part.signature_numbers.extend(more.signature_numbers)
            if len(part.keys) >= PART:
                yield part
                part = Part()
        if part.keys:
            yield part

    def _merged(self) -> Iterator[Part]:
        repeated = self._repeated()
        for begin, end, fresh in self._came():
            if fresh:
                part = Part(*(row.slice(begin, end) for row in self._fresh))
                bad = NO_SIGNATURE in part.signature_numbers
                if bad or repeated:
                    part.choose([
                        number != NO_SIGNATURE and repeated.get(key, position) == position
                        for position, key, number in zip(
                            range(begin, end), part.keys, part.signature_numbers, strict=True
                        )
                    ])  # fmt: skip
                yield part
            else:
                yield self._kept(begin, end, SKIPPED)
        for begin in range(0, len(self._states), PIECE):
            yield self._kept(begin, min(begin + PIECE, len(self._states)), UNSEEN)

    def _kept(self, begin: int, end: int, state: int) -> Part:
        """Those between two positions that are in a state."""
        states = self._states[begin:end]
        number = states.count(state)
        if not number:
            return Part()
        part = Part(*(row.slice(begin, end) for row in (self.keys, self.values, self.signature_numbers)))
        if number < len(states):
            part.choose([found == state for found in states])
        return part

    def _came(self) -> Iterator[tuple[int, int, bool]]:
        """Pieces of rows in the order in which they came: from where to where, and whether of fresh ones."""
        order = iter(self._order)
        for first, count, fresh in chain(zip(order, order, order, strict=True), (self._run,)):
            for begin in range(first, first + count, PIECE):
                yield begin, min(begin + PIECE, first + count), bool(fresh)

    def _repeated(self) -> dict[int, int]:
        """Keys that were let through more than once, with the last slot of each: the last statement wins."""
        parted = Parted()
        parted.put(self._fresh_keys)
        twice: set[int] = set()
        for part in parted.parts():
            if len(set(part)) < len(part):
                ordered = sorted(part)
                twice.update(key for key, after in pairwise(ordered) if key == after)
        if not twice:
            return {}
        return {key: slot for slot, key in enumerate(self._fresh_keys) if key in twice}
