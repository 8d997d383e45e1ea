"""Which records a package states: hashes of their keys, eight bytes each, gathered on disk while it is read.

A hash in common makes a record look stated that was not: it stays, and nothing is lost.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from xxhash import xxh3_64_intdigest

from syncd.commerceml import tracks
from syncd.commerceml.heads import ID_LIMIT
from syncd.commerceml.known import key_of, mask_of
from syncd.model import ENTITIES
from syncd.model.records import BadRecord, Item, Record, WholeSet
from syncd.spill import PIECE, Parted, Pool

OF_OFFERS: Final = frozenset({"price", "stock"})
"""Entities stated as a set under their offer: their key here is the offer's id."""
OF_OWNER: Final = OF_OFFERS | {"relation"}
"""Entities stated as a set under their owner, an offer or a product: their key here is the owner's id."""
WITH_CATALOGUE: Final = frozenset({"product", "offer"})


def key_hash(text: str) -> int:
    """The hash under which a record's key is kept, the same as that of records that were skipped unread."""
    return key_of(text.encode("utf-8", "surrogatepass"), 0)


def key_hashes(texts: Iterable[str], prefix: str = "") -> list[int]:
    """``key_hash`` of many keys with something before each: a million of them in a third of the time."""
    before = prefix.encode("utf-8", "surrogatepass")
    mask = mask_of(0)
    return [xxh3_64_intdigest(before + text.encode("utf-8", "surrogatepass")) ^ mask for text in texts]


def key_text(key: Iterable[Any]) -> str:
    """A record's key as one text."""
    return "\x1f".join(map(str, key))


def seen_key(item: Record | WholeSet) -> str:
    """Under which text a statement is remembered: a price or a stock under its offer, a relation under its product."""
    if isinstance(item, WholeSet):
        return item.of
    if item.entity in OF_OWNER:
        entity = ENTITIES[item.entity]
        if entity.scope:
            return str(item.key[entity.key_names.index(entity.scope)])
    return item.key[0] if len(item.key) == 1 else key_text(item.key)


def catalogue_of(item: Record) -> str:
    """The catalogue, or the book, under which a record is remembered."""
    if item.entity == "reference_item":
        return str(item.key[0]) if len(str(item.key[0])) <= ID_LIMIT else ""
    return str(item.fields.get("catalogue_id") or "") if item.entity in WITH_CATALOGUE else ""


class Hashes:
    """Hashes in the order of statement, in pieces of a pool: an offer, its prices and its stocks are stated together as
    a rule, so that their pieces are the same ones.
    """

    __slots__ = ("_own", "pieces", "pool")

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.pieces = array("L")
        self._own = array("Q")  # the last piece, while it grows

    def add(self, hashed: int) -> None:
        """One more, unless it is the last one again."""
        own = self._own
        if not own or own[-1] != hashed:
            own.append(hashed)
            if len(own) >= PIECE:
                self.close()

    def close(self) -> None:
        """The last piece does not grow any more."""
        if self._own:
            self.pieces.append(self.pool.put(self._own))
            self._own = array("Q")

    def share(self, pieces: Iterable[int]) -> None:
        """Further pieces of the pool."""
        self.close()
        self.pieces.extend(pieces)

    def __len__(self) -> int:
        return sum(map(len, self._all()))

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self._all())

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Hashes) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def _all(self) -> Iterator[array[int]]:
        yield from map(self.pool.get, self.pieces)
        yield self._own


@dataclass(slots=True)
class Seen:
    """What is stated, by entity and catalogue (``""`` where an entity knows none). ``stated`` counts records that are
    more than stubs, ``portions`` the numbers in the names of the files.
    """

    pool: Pool = field(default_factory=Pool, compare=False)
    keys: dict[tuple[str, str], Hashes] = field(default_factory=dict)
    portions: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    stated: Counter[tuple[str, str]] = field(default_factory=Counter)
    _offer: dict[str, str] = field(default_factory=dict)

    def note(self, item: Item) -> None:
        """What an item states; one that could not be used states its key all the same."""
        if isinstance(item, Record):
            entity = item.entity
            if entity in OF_OFFERS:
                self._of_offer(entity, item.key[0])
            else:
                self.add(entity, seen_key(item), catalogue_of(item), stub=item.stub)
        elif isinstance(item, WholeSet):
            if item.entity in OF_OFFERS:
                self._of_offer(item.entity, item.of)
            else:
                self.add(item.entity, item.of)
        elif isinstance(item, BadRecord) and item.key:
            self.add(item.entity, item.key)

    def _of_offer(self, entity: str, offer_id: str) -> None:
        if self._offer.get(entity) != offer_id:  # else the offer's price before this one has been remembered
            self._offer[entity] = offer_id
            self.add(entity, offer_id)

    def add(self, entity: str, key: str, catalogue_id: str = "", *, stub: bool = False) -> None:
        """One record: ``key`` is its id, of what is stated as a set (``OF_OWNER``) its owner's."""
        scope = (entity, catalogue_id)
        self._of(scope).add(key_hash(key))
        if not stub:
            self.stated[scope] += 1

    def _of(self, scope: tuple[str, str]) -> Hashes:
        found = self.keys.get(scope)
        if found is None:
            found = self.keys[scope] = Hashes(self.pool)
        return found

    def distinct(self, entity: str) -> int:
        """How many records of an entity are stated, over all catalogues."""
        parted = Parted()
        for (name, _), keys in self.keys.items():
            if name == entity:
                parted.put(keys)
        return sum(len(set(part)) for part in parted.parts())

    def add_skipped(self, entity: str, skipped: tracks.Seen) -> None:
        """Records that were not even read: they state what records of their kind of document do."""
        pieces = [self.pool.put(piece) for piece in skipped.hashes.pieces()]
        for name in {entity, *(skipped.entities & (OF_OWNER | WITH_CATALOGUE))}:
            scope = (name, skipped.catalogue_id if name in WITH_CATALOGUE else "")
            self._of(scope).share(pieces)
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
        gone = self.keys.pop(source)
        gone.close()
        self._of(target).share(gone.pieces)
        self.portions.setdefault(target, set()).update(self.portions.pop(source, ()))
        self.stated[target] += self.stated.pop(source, 0)

    def take(self, other: Seen) -> None:
        """Add what another one holds, which is not to be used after it."""
        moved: dict[int, int] = {}
        for scope, keys in other.keys.items():
            keys.close()
            pieces: Iterable[int] = keys.pieces
            if other.pool is not self.pool:
                for piece in keys.pieces:
                    if piece not in moved:
                        moved[piece] = self.pool.put(other.pool.get(piece))
                pieces = map(moved.__getitem__, keys.pieces)
            self._of(scope).share(pieces)
            self.portions.setdefault(scope, set()).update(other.portions.get(scope, ()))
        self.stated.update(other.stated)

    def settle(self) -> None:
        """No more is added for now: what several scopes state together is the same piece from here on."""
        for keys in self.keys.values():
            keys.close()
