"""First rows of a base, made from their numbers and found by their keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from syncd.emulator.dice import digest
from syncd.emulator.odata.model import EMPTY_REF, EntityType, Row
from syncd.emulator.odata.store import Key, Wanted, data_version

_NODE: Final = "5404a6b4b8ed"


class Refs:
    """References of one kind of object: numbered in order, and recognised again without being kept.

    As in 1C, references made one after another differ in their first part only.
    """

    def __init__(self, seed: int, kind: str, count: int) -> None:
        words = digest(seed, "refs", kind, size=8)
        self.count = count
        self._base = int.from_bytes(words[:4]) & 0x3FFFFFFF
        self._tail = f"-{words[4:6].hex()}-11ee-8{words[6:8].hex()[1:]}-{_NODE}"

    def __getitem__(self, index: int) -> str:
        return f"{self._base + index:08x}{self._tail}"

    def find(self, ref: str) -> int | None:
        """The number behind a reference, None for a foreign one."""
        if not ref.endswith(self._tail):
            return None
        index = int(ref[:8], 16) - self._base
        return index if 0 <= index < self.count else None


@dataclass(slots=True)
class ObjectSeeds:
    """Objects by reference. ``make`` gives what differs from a blank object.

    ``lookups`` tell for other properties which numbers have a value, so that searching by them is quick.
    """

    refs: Refs
    kind: EntityType
    make: Callable[[int], Row]
    lookups: Mapping[str, Callable[[str], Iterable[int]]] = field(default_factory=dict)
    unique: bool = True
    _blank: Row = field(init=False)

    def __post_init__(self) -> None:
        self._blank = self.kind.blank()

    def __len__(self) -> int:
        return self.refs.count

    def row(self, index: int) -> Row:
        """The object with this number."""
        return {
            **self._blank,
            "Ref_Key": self.refs[index],
            "DataVersion": data_version(index + 1),
            **self.make(index),
        }

    def find(self, key: Key) -> int | None:
        """The number of a reference."""
        return self.refs.find(key[0])

    def where(self, wanted: Wanted) -> Iterable[int] | None:
        """By reference, by a lower bound of it, or by what can be looked up."""
        for name, values in wanted.items():
            if name == "Ref_Key":
                return sorted({found for value in values if (found := self.refs.find(value)) is not None})
            if name in self.lookups:
                numbers = {number for value in values for number in self.lookups[name](value)}
                return sorted(number for number in numbers if 0 <= number < len(self))
        if bound := next(iter(wanted.get(">Ref_Key", ())), ""):
            return range(self._first_from(bound), len(self))
        return None

    def _first_from(self, bound: str) -> int:
        """The first number whose reference is not below the bound."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.refs[middle] < bound:
                low = middle + 1
            else:
                high = middle
        return low


@dataclass(slots=True)
class SetSeeds:
    """Sets of records by recorder: documents ``refs`` make them, ``records`` gives those of one document.

    ``lookups`` tell which documents have records with a value.
    """

    refs: Refs
    kind: EntityType
    document: str
    records: Callable[[int], Iterable[Row]]
    lookups: Mapping[str, Callable[[str], Iterable[int]]] = field(default_factory=dict)
    unique: bool = True
    _blank: Row = field(init=False)

    def __post_init__(self) -> None:
        self._blank = self.kind.collections["RecordSet"].blank()

    def __len__(self) -> int:
        return self.refs.count

    def row(self, index: int) -> Row:
        """The set of the document with this number."""
        parts = (self.refs[index], f"StandardODATA.{self.document}")
        keys: Row = dict(zip(self.kind.key, parts, strict=False))
        rows: list[Row] = [
            {**self._blank, **keys, "LineNumber": str(line), "Active": True, **record}
            for line, record in enumerate(self.records(index), 1)
        ]
        return {**keys, "RecordSet": rows}

    def find(self, key: Key) -> int | None:
        """The number of the recorder."""
        return self.refs.find(key[0])

    def where(self, wanted: Wanted) -> Iterable[int] | None:
        """By recorder or by what can be looked up."""
        return _looked_up({**self.lookups, "Recorder": self._of_ref, "Recorder_Key": self._of_ref}, wanted, len(self))

    def _of_ref(self, ref: str) -> Iterable[int]:
        found = self.refs.find(ref)
        return () if found is None else (found,)


@dataclass(slots=True)
class RecordSeeds:
    """Records of an independent register. ``index`` tells the number of a key, as far as it can be told."""

    count: int
    make: Callable[[int], Row]
    index: Callable[[Key], int | None]
    key: tuple[str, ...]
    lookups: Mapping[str, Callable[[str], Iterable[int]]] = field(default_factory=dict)
    unique: bool = True

    def __len__(self) -> int:
        return self.count

    def row(self, index: int) -> Row:
        """The record with this number."""
        return self.make(index)

    def find(self, key: Key) -> int | None:
        """The number of a key; a key that differs in a part nobody asked for is another."""
        found = self.index(key)
        if found is None or not 0 <= found < self.count:
            return None
        row = self.make(found)
        return found if tuple(str(row[name]) for name in self.key) == key else None

    def where(self, wanted: Wanted) -> Iterable[int] | None:
        """By what can be looked up."""
        return _looked_up(self.lookups, wanted, self.count)


def _looked_up(
    lookups: Mapping[str, Callable[[str], Iterable[int]]], wanted: Wanted, count: int
) -> Iterable[int] | None:  # fmt: skip
    for name, values in wanted.items():
        if name in lookups:
            numbers = {number for value in values for number in lookups[name](value)}
            return sorted(number for number in numbers if 0 <= number < count)
    return None


def reference(name: str, ref: str, type_: str) -> Row:
    """The two properties of a reference that may have several types."""
    return {name: ref, f"{name}_Type": f"StandardODATA.{type_}" if ref != EMPTY_REF else "StandardODATA.Undefined"}
