"""What is known of records seen before: for each, the hash of its bytes and what it was made of.

Three arrays sorted by key, so that a million records cost 18 MB: the key (a hash of ``Ид`` and the kind of document),
the value (a hash of the record's bytes and of everything outside it that its reading depends on), and the number of its
signature (how many rows of each entity it makes).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from xxhash import xxh3_64_intdigest

Signature = tuple[tuple[str, int], ...]
"""How many rows of each entity a record makes: ``(("offer", 1), ("price", 3))``."""

UNSEEN: Final = 0
SKIPPED: Final = 1
PARSED: Final = 2
SIGNATURES_MAX: Final = 65_000
NO_SIGNATURE: Final = 0xFFFF
"""Of a record that must be read again next time: it was bad, or nothing tells it from another."""


def key_of(identity: bytes, label: int) -> int:
    """The key of a record: its ``Ид`` in one kind of document."""
    return xxh3_64_intdigest(identity, seed=label)


@dataclass(slots=True)
class Known:
    """Records of one kind of container (catalogue or offers).

    ``labels`` are the kinds of documents they came in, with the entities these state.
    """

    keys: array[int] = field(default_factory=lambda: array("Q"))
    values: array[int] = field(default_factory=lambda: array("Q"))
    signature_numbers: array[int] = field(default_factory=lambda: array("H"))
    signatures: list[Signature] = field(default_factory=list)
    labels: dict[int, set[str]] = field(default_factory=dict)
    spoiled: bool = False
    """Something was read past the filter: what is known here is no longer to be trusted."""
    _states: bytearray = field(default_factory=bytearray)
    _fresh_keys: array[int] = field(default_factory=lambda: array("Q"))
    _fresh_values: array[int] = field(default_factory=lambda: array("Q"))
    _fresh_numbers: array[int] = field(default_factory=lambda: array("H"))
    _number_of: dict[Signature, int] = field(default_factory=dict)
    skipped: Counter[int] = field(default_factory=Counter)
    """Records skipped, by the number of their signature."""

    def __post_init__(self) -> None:
        self._states = bytearray(len(self.keys))
        self._number_of = {signature: number for number, signature in enumerate(self.signatures)}

    @property
    def changed(self) -> bool:
        """Whether anything is to be stored anew."""
        return bool(self._fresh_keys) or PARSED in self._states or self.spoiled

    def skip(self, key: int, value: int) -> bool:
        """Whether the record may be skipped: its bytes are those of the last time, and nobody spoke of it since."""
        at = bisect_left(self.keys, key)
        if at == len(self.keys) or self.keys[at] != key:
            return False
        state = self._states[at]
        if state != PARSED and self.values[at] == value:
            if state == UNSEEN:
                self._states[at] = SKIPPED
                self.skipped[self.signature_numbers[at]] += 1
            return True
        self._drop(at)
        return False

    def touch(self, identity: bytes, label: int) -> None:
        """The record was read in one kind of document: other kinds that speak of the same have not the last word."""
        stated = self.labels[label]
        for other, entities in self.labels.items():
            if other != label and not entities.isdisjoint(stated):
                key = key_of(identity, other)
                at = bisect_left(self.keys, key)
                if at < len(self.keys) and self.keys[at] == key:
                    self._drop(at)

    def _drop(self, at: int) -> None:
        if self._states[at] == SKIPPED:
            number = self.signature_numbers[at]
            self.skipped[number] -= 1
        self._states[at] = PARSED

    def add(self, key: int, value: int, signature: Signature) -> None:
        """A record was read: next time it may be skipped."""
        number = self._number_of.get(signature)
        if number is None:
            if len(self.signatures) >= SIGNATURES_MAX:
                return
            number = len(self.signatures)
            self.signatures.append(signature)
            self._number_of[signature] = number
        self._fresh_keys.append(key)
        self._fresh_values.append(value)
        self._fresh_numbers.append(number)

    def rows_skipped(self) -> Counter[str]:
        """How many rows of each entity the skipped records stand for."""
        rows: Counter[str] = Counter()
        for number, times in self.skipped.items():
            for entity, count in self.signatures[number]:
                rows[entity] += count * times
        return rows

    def merged(self) -> Known:
        """What is known after this package: old records nobody spoke of anew, and the fresh, the last of each key."""
        if not self.changed:
            return self
        keep = [at for at, state in enumerate(self._states) if state != PARSED]
        keys = array("Q", map(self.keys.__getitem__, keep)) + self._fresh_keys
        values = array("Q", map(self.values.__getitem__, keep)) + self._fresh_values
        numbers = array("H", map(self.signature_numbers.__getitem__, keep)) + self._fresh_numbers
        del keep
        order = sorted(range(len(keys)), key=keys.__getitem__)
        last = [at for at, after in zip(order, [*order[1:], -1], strict=True) if after < 0 or keys[after] != keys[at]]
        return Known(
            array("Q", map(keys.__getitem__, last)),
            array("Q", map(values.__getitem__, last)),
            array("H", map(numbers.__getitem__, last)),
            self.signatures,
            self.labels,
        )
