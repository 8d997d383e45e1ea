"""What is known of records seen before: for each, the hash of its bytes and what it was made of.

Three arrays in the order of the last export, so that a million records cost 18 MB: the key (a hash of ``Ид`` and the
kind of document), the value (a hash of the record's bytes and of everything outside it that its reading depends on),
and the number of its signature (how many rows of each entity it makes). 1C exports in the same order time after time,
so a record is looked for where the one before it was found; an index is built only when the order has changed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from xxhash import xxh3_64_intdigest

Signature = tuple[tuple[str, int], ...]
"""How many rows of each entity a record makes: ``(("offer", 1), ("price", 3))``."""

UNSEEN: Final = 0
SKIPPED: Final = 1
READ: Final = 2
_SORTED_AT_ONCE: Final = 200_000
NO_SIGNATURE: Final = 0xFFFF
"""Of a record that must be read again next time: it was bad, or nothing tells it from another."""


def key_of(identity: bytes, label: int) -> int:
    """The key of a record: its ``Ид`` in one kind of document."""
    return xxh3_64_intdigest(identity) ^ mask_of(label)


def mask_of(label: int) -> int:
    """Makes of the key of one kind of document that of another: ``key_of(x, 1) ^ mask_of(1) == key_of(x, 0)``."""
    return label * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF


def _longs() -> array[int]:
    return array("Q")


def _shorts() -> array[int]:
    return array("H")


def _positions() -> array[int]:
    return array("q")


@dataclass(slots=True)
class Known:
    """Records of one kind of container (catalogue or offers).

    ``labels`` are the kinds of documents they came in, with the entities these state. ``spoiled``: something was read
    past the filter, so that what is known here is no longer to be trusted.
    """

    keys: array[int] = field(default_factory=_longs)
    values: array[int] = field(default_factory=_longs)
    signature_numbers: array[int] = field(default_factory=_shorts)
    signatures: list[Signature] = field(default_factory=list)
    labels: dict[int, set[str]] = field(default_factory=dict)
    spoiled: bool = False
    used: set[int] = field(default_factory=set)
    """Labels of the documents of this package."""
    _states: bytearray = field(default_factory=bytearray)
    _expected: int = 0
    _sorted: array[int] | None = None
    _sorted_at: array[int] = field(default_factory=_longs)
    _order: array[int] = field(default_factory=_positions)
    """Runs of records as they came: the first one's position, how many, and whether among fresh ones."""
    _fresh_keys: array[int] = field(default_factory=_longs)
    _fresh_values: array[int] = field(default_factory=_longs)
    _fresh_numbers: array[int] = field(default_factory=_shorts)
    _number_of: dict[Signature, int] = field(default_factory=dict)
    _skipped: Counter[int] = field(default_factory=Counter)
    _strangers: dict[int, array[int]] = field(default_factory=dict)
    """For each label, keys of records in which the reader found another ``Ид`` than the bytes show: both of them."""

    def __post_init__(self) -> None:
        self._states = bytearray(len(self.keys))
        self._number_of = {signature: number for number, signature in enumerate(self.signatures)}

    @property
    def changed(self) -> bool:
        """Whether anything is to be stored anew."""
        return bool(self._fresh_keys) or READ in self._states

    def follow(self, matches: Callable[[int], bool]) -> array[int]:
        """Skip records from the one after the one before on, as long as ``matches`` says of the value of the next one
        that it is there. The value is a hash of the ``Ид`` too. Returns their keys.
        """
        begin = at = self._expected
        values, states, known = self.values, self._states, len(self.values)
        while at < known and states[at] == UNSEEN and matches(values[at]):
            at += 1
        if at > begin:
            self._expected = at
            states[begin:at] = bytes((SKIPPED,)) * (at - begin)
            self._skipped.update(self.signature_numbers[begin:at])
            self._in_order(begin, at - begin)
        return self.keys[begin:at]

    def skip(self, key: int, value: int) -> bool:
        """Whether the record may be skipped: its bytes are those of the last time, and nobody spoke of it since."""
        at = self._expected
        if at >= len(self.keys) or self.keys[at] != key:
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
        if not self.keys:
            return -1
        if self._sorted is None:
            self._sorted_at = array("Q", sorted(range(len(self.keys)), key=self.keys.__getitem__))
            self._sorted = array("Q", map(self.keys.__getitem__, self._sorted_at))
        near = bisect_left(self._sorted, key)
        found = near < len(self._sorted) and self._sorted[near] == key
        return self._sorted_at[near] if found else -1

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
        self._fresh_keys.append(key)
        self._fresh_values.append(value)
        self._fresh_numbers.append(NO_SIGNATURE)
        self._in_order(slot, 1, fresh=True)
        return slot

    def _in_order(self, first: int, count: int, *, fresh: bool = False) -> None:
        """These came next; runs of neighbours cost no more than one."""
        order = self._order
        if order and order[-1] == fresh and order[-3] + order[-2] == first:
            order[-2] += count
        else:
            order.extend((first, count, fresh))

    def learn(self, slot: int, signature: Signature) -> None:
        """The record was read and was good: next time it may be skipped."""
        number = self._number_of.get(signature)
        if number is None:
            number = len(self.signatures)
            if number >= NO_SIGNATURE:
                return
            self.signatures.append(signature)
            self._number_of[signature] = number
        self._fresh_numbers[slot] = number

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
        parts = len(keys) // _SORTED_AT_ONCE + 1
        for part in range(parts):
            wanted = {key for key in keys if key % parts == part}
            fresh = zip(self._fresh_keys, self._fresh_numbers, strict=True)
            if any(key in wanted and number != NO_SIGNATURE for key, number in fresh):
                return True
        return False

    def rows_skipped(self) -> Counter[str]:
        """How many rows of each entity the skipped records stand for."""
        rows: Counter[str] = Counter()
        for number, times in self._skipped.items():
            for entity, count in self.signatures[number]:
                rows[entity] += count * times
        return rows

    def merged(self) -> Known:
        """What is known after this package, in its order; what it did not speak of comes behind."""
        if not self.changed:
            return self
        keys, values, numbers = array("Q"), array("Q"), array("H")
        repeated = self._repeated()
        for position, is_fresh in self._came():
            if not is_fresh:
                if self._states[position] == SKIPPED:
                    self._keep(position, keys, values, numbers)
                continue
            key = self._fresh_keys[position]
            if self._fresh_numbers[position] != NO_SIGNATURE and repeated.get(key, position) == position:
                keys.append(key)
                values.append(self._fresh_values[position])
                numbers.append(self._fresh_numbers[position])
        for position, state in enumerate(self._states):
            if state == UNSEEN:
                self._keep(position, keys, values, numbers)
        return Known(keys, values, numbers, self.signatures, self.labels)

    def _came(self) -> Iterator[tuple[int, bool]]:
        """Positions of records in the order in which they came, and whether they are those of fresh ones."""
        order = self._order
        for at in range(0, len(order), 3):
            for position in range(order[at], order[at] + order[at + 1]):
                yield position, bool(order[at + 2])

    def _keep(self, position: int, keys: array[int], values: array[int], numbers: array[int]) -> None:
        keys.append(self.keys[position])
        values.append(self.values[position])
        numbers.append(self.signature_numbers[position])

    def _repeated(self) -> dict[int, int]:
        """Keys that were let through more than once, with the last slot of each: the last statement wins."""
        parts = len(self._fresh_keys) // _SORTED_AT_ONCE + 1  # numbers in a list cost five times those in an array
        twice: set[int] = set()
        for part in range(parts):
            ordered = sorted(key for key in self._fresh_keys if key % parts == part)
            twice.update(key for key, after in pairwise(ordered) if key == after)
        if not twice:
            return {}
        return {key: slot for slot, key in enumerate(self._fresh_keys) if key in twice}
