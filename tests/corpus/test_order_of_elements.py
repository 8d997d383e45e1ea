"""Real documents with their elements shuffled: what is read of them does not depend on an order that means nothing."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
from lxml import etree

from syncd.commerceml.policy import Beforehand
from syncd.commerceml.reader import Reader
from syncd.errors import DataError
from syncd.model.records import CatalogueHead, Item
from tests.corpus.test_golden import FOLDER, TABLE, documents

LARGEST = 2_000_000  # bytes; the larger ones repeat what the others say


def read(data: bytes) -> list[Item]:
    """As an import does: once more where something came behind what depends on it."""
    beforehand: Beforehand | None = None
    while True:
        reader = Reader([data], beforehand=beforehand)
        items = list(reader)
        if beforehand is not None or reader.late is None:
            return items
        beforehand = reader.late


def told(items: list[Item]) -> list[str]:
    """What the items say, in no order; of a head that is told again the last word."""
    heads = {(item.kind, item.id): item for item in items if isinstance(item, CatalogueHead)}
    records = [item for item in items if not isinstance(item, CatalogueHead)]
    return sorted(repr(_unordered(item)) for item in (*records, *heads.values()))


def _unordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unordered(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_unordered(item) for item in value]
    if dataclasses.is_dataclass(value):
        names = [one.name for one in dataclasses.fields(value) if one.name != "line"]
        return {name: _unordered(getattr(value, name)) for name in names}
    return value


def shuffled(data: bytes, dice: random.Random) -> bytes:
    """Children of every element by their names in another order; those of one name, a list, stay in theirs."""
    root = etree.fromstring(data)
    for element in root.iter(etree.Element):
        names = list(dict.fromkeys(child.tag for child in element))
        dice.shuffle(names)
        element[:] = sorted(element, key=lambda child: names.index(child.tag))
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the corpus is not there")
@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_real_document_is_read_alike_in_whatever_order_its_elements_stand(name: str) -> None:
    for data in documents(FOLDER / name):
        if len(data) > LARGEST:
            continue
        try:
            root = etree.fromstring(data)
        except etree.XMLSyntaxError:  # broken as it came: other tests say what becomes of it
            continue
        plain = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
        try:
            usual = told(read(plain))
        except DataError:  # CommerceML 1
            continue
        for seed in range(3):
            assert told(read(shuffled(plain, random.Random(seed)))) == usual
