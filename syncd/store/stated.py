"""Which records a package states: hashes of their keys, eight bytes each, gathered while it is read.

A hash in common makes a record look stated that was not: it stays, and nothing is lost.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from syncd.commerceml import tracks
from syncd.commerceml.known import key_of

OF_OFFERS: Final = frozenset({"price", "stock"})
"""Entities stated as a set under their offer: their key here is the offer's id."""
OF_OWNER: Final = OF_OFFERS | {"relation"}
"""Entities stated as a set under their owner, an offer or a product: their key here is the owner's id."""
WITH_CATALOGUE: Final = frozenset({"product", "offer"})


def key_hash(text: str) -> int:
    """The hash under which a record's key is kept, the same as that of records that were skipped unread."""
    return key_of(text.encode("utf-8", "surrogatepass"), 0)


def key_text(key: Iterable[Any]) -> str:
    """A record's key as one text."""
    return "\x1f".join(map(str, key))


@dataclass(slots=True)
class Seen:
    """What is stated, by entity and catalogue (``""`` where an entity knows none). ``stated`` counts records that are
    more than stubs, ``portions`` the numbers in the names of the files.
    """

    keys: dict[tuple[str, str], array[int]] = field(default_factory=dict)
    portions: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    stated: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, entity: str, key: str, catalogue_id: str = "", *, stub: bool = False) -> None:
        """One record: ``key`` is its id, of what is stated as a set (``OF_OWNER``) its owner's."""
        scope = (entity, catalogue_id)
        found = self.keys.get(scope)
        if found is None:
            found = self.keys[scope] = array("Q")
        hashed = key_hash(key)
        if not found or found[-1] != hashed:
            found.append(hashed)
        if not stub:
            self.stated[scope] += 1

    def distinct(self, entity: str) -> int:
        """How many records of an entity are stated, over all catalogues."""
        return len(set[int]().union(*(keys for (name, _), keys in self.keys.items() if name == entity)))

    def add_skipped(self, entity: str, skipped: tracks.Seen) -> None:
        """Records that were not even read: they state what records of their kind of document do."""
        for name in {entity, *(skipped.entities & (OF_OWNER | WITH_CATALOGUE))}:
            scope = (name, skipped.catalogue_id if name in WITH_CATALOGUE else "")
            self.keys.setdefault(scope, array("Q")).extend(skipped.hashes)
            if name in skipped.entities:
                self.stated[scope] += len(skipped.hashes)

    def note_portion(self, number: int) -> None:
        """All of this stood in a file whose name says it is portion ``number``."""
        for scope in self.keys:
            self.portions.setdefault(scope, set()).add(number)

    def move(self, entity: str, catalogue_id: str, to: str) -> None:
        """Count what was stated under one catalogue as stated under another."""
        source, target = (entity, catalogue_id), (entity, to)
        if source == target or source not in self.keys:
            return
        self.keys.setdefault(target, array("Q")).extend(self.keys.pop(source))
        self.portions.setdefault(target, set()).update(self.portions.pop(source, ()))
        self.stated[target] += self.stated.pop(source, 0)

    def take(self, other: Seen) -> None:
        """Add what another one holds."""
        for scope, keys in other.keys.items():
            self.keys.setdefault(scope, array("Q")).extend(keys)
            self.portions.setdefault(scope, set()).update(other.portions.get(scope, ()))
        self.stated.update(other.stated)
