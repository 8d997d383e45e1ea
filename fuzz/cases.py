"""One case: a seed and a number say all of it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from fuzz import bombs
from fuzz.mangling import mangled
from fuzz.originals import Original, originals
from fuzz.tokens import retold

_KINDS: Final = ("bytes",) * 8 + ("tokens",) * 10 + ("both",) * 2 + ("bomb",) + ("zip",) * 2


@dataclass(frozen=True, slots=True)
class Case:
    """A document to be survived. ``base`` is what it was made of, for the fast path to know beforehand."""

    name: str
    kind: str
    original: str
    file: str
    lane: str
    data: bytes
    base: bytes


def make(seed: int, number: int, *, corpus: bool = True) -> Case:
    """The case with this number: always the same for the same seed and the same originals."""
    rng = random.Random(f"{seed}:{number}")
    pool = originals(corpus=corpus)
    original, other = rng.choice(pool), rng.choice(pool)
    kind = rng.choice(_KINDS)
    data = _data(kind, original, other, rng)
    right = "sale" if original.is_sale and kind != "bomb" else "catalog"
    lane = right if rng.random() < 0.95 else rng.choice(("catalog", "sale"))
    suffix = "zip" if kind == "zip" else "xml"
    return Case(f"{seed}-{number}", kind, original.name, f"import{number}.{suffix}", lane, data, original.thin)


def _data(kind: str, original: Original, other: Original, rng: random.Random) -> bytes:
    mine = original.data if rng.random() < 0.3 else original.thin
    if kind == "bytes":
        return mangled(mine, other.data, rng)
    if kind == "tokens":
        return retold(mine, other.thin, rng)
    if kind == "both":
        return mangled(retold(mine, other.thin, rng), other.data, rng)
    if kind == "bomb":
        return bombs.document(rng)
    return bombs.archive(original.thin, rng)
