"""What is mutated: the corpus beside the checkout, each document cut down to a few records of each kind; without the
corpus, documents of the emulator.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from lxml import etree
from lxml.etree import _Element as Element

from syncd.emulator.catalogue import TradeBase
from syncd.emulator.documents import standard_export
from syncd.emulator.documents31 import split_export

CORPUS: Final = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "commerceml"
_KEPT: Final = 6  # elements of one name under one parent that stay
_WHOLE: Final = 40_000  # bytes of a document that is mutated as it stands too


@dataclass(frozen=True, slots=True)
class Original:
    """A document before it is mutated. ``thin`` is the same with a few records of each kind, in UTF-8."""

    name: str
    data: bytes
    thin: bytes

    @property
    def is_sale(self) -> bool:
        """Whether it speaks of orders."""
        return "<Документ".encode() in self.thin


@cache
def originals(*, corpus: bool = True) -> tuple[Original, ...]:
    """All of them, in a fixed order."""
    documents = _corpus() if corpus else []
    documents = documents or _generated()
    return tuple(
        Original(name, data if len(data) <= _WHOLE else thin, thin)
        for name, data in documents
        for thin in [_thin(data)]
    )


def parser() -> etree.XMLParser:
    """One that makes a tree of anything, and fetches nothing."""
    return etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False)


def _corpus() -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in sorted(CORPUS.glob("*.xml"))]


def _generated() -> list[tuple[str, bytes]]:
    base = TradeBase.generate(1, products=12)
    portions = [*standard_export(base), *split_export(base)]
    return [(file.name, b"".join(file.write())) for portion in portions for file in portion.files]


def _thin(data: bytes) -> bytes:
    root = etree.fromstring(data, parser())
    _thin_out(root)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def _thin_out(element: Element) -> None:
    seen: Counter[object] = Counter()
    for child in list(element):
        seen[child.tag] += 1
        if seen[child.tag] > _KEPT:
            element.remove(child)
        else:
            _thin_out(child)
