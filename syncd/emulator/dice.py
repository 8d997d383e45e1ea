"""Random-looking values that depend only on a seed and words: any record can be made alone, in any order, and is
always the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")

_EXHAUSTED = 1 << 64


def digest(seed: int, *words: object, size: int = 64) -> bytes:
    """``size`` bytes that stand for these words under this seed."""
    return blake2b(
        "\0".join(map(str, words)).encode(), key=seed.to_bytes(16, "big", signed=True), digest_size=size
    ).digest()


def guid(seed: int, *words: object) -> str:
    """A GUID as 1C writes it: lower case, with dashes."""
    text = digest(seed, "guid", *words, size=16).hex()
    return f"{text[:8]}-{text[8:12]}-11ee-8{text[17:20]}-{text[20:]}"


class Dice:
    """A row of throws for one record."""

    __slots__ = ("_pool", "_seed")

    def __init__(self, seed: int, *words: object) -> None:
        self._seed = seed
        self._pool = int.from_bytes(digest(seed, *words))

    def below(self, limit: int) -> int:
        """A whole number from 0 to ``limit - 1``."""
        if self._pool < _EXHAUSTED:
            self._pool = int.from_bytes(digest(self._seed, "more", self._pool))
        self._pool, throw = divmod(self._pool, limit)
        return throw

    def chance(self, share: float) -> bool:
        """True in ``share`` of the throws (0 to 1, in steps of a millionth)."""
        return self.below(1_000_000) < round(share * 1_000_000)

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.below(len(items))]
