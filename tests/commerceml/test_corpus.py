"""Real documents: each is read to its end, with a clear outcome and nothing lost on the way."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from syncd.commerceml.reader import Reader
from syncd.errors import DataError
from syncd.model.entities import ENTITIES
from syncd.model.records import BadRecord, Item, OrderDocument, Record

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "commerceml"
COUNTED = ("Товар", "Предложение", "Цена", "Документ")

REFUSED = {"119-alexander-rako-vNA-Transformed77-Order8x.xml": "E202"}
"""Documents that are refused as a whole: CommerceML 1."""
BAD = {
    "015-alexmobicraft-v3.1-units.xml": Counter({"unit": 1}),  # a unit with blanks for Ид and Код
    "060-akuraga-v2.07-offers.xml": Counter({"offer": 27}),  # offers without Ид
}
"""Records that cannot be used, by document and entity."""

documents = sorted(path.name for path in CORPUS.glob("*.xml"))


def rows() -> dict[str, dict[str, str]]:
    with (CORPUS / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}


def read(name: str) -> tuple[list[Item], Reader]:
    with (CORPUS / name).open("rb") as file:
        reader = Reader(iter(lambda: file.read(50_000), b""))
        return list(reader), reader


@pytest.mark.skipif(not documents, reason="shared/corpus is not beside this checkout")
def test_the_corpus_is_all_there() -> None:
    assert {name for name in rows() if name.endswith(".xml")} == set(documents)


@pytest.mark.parametrize("name", documents)
def test_a_real_document_is_read_to_its_end(name: str) -> None:
    if name in REFUSED:
        with pytest.raises(DataError) as caught:
            read(name)
        assert caught.value.code == REFUSED[name]
        return
    items, reader = read(name)
    assert items
    stated = dict(part.split("=") for part in rows()[name]["contents"].split())
    assert {tag: reader.counts[tag] for tag in COUNTED} == {tag: int(stated.get(tag, 0)) for tag in COUNTED}
    assert Counter(item.entity for item in items if isinstance(item, BadRecord)) == BAD.get(name, Counter())
    assert not reader.warnings
    for item in items:
        if isinstance(item, Record):
            check(item)


def check(record: Record) -> None:
    entity = ENTITIES[record.entity]
    assert len(record.key) == len(entity.key)
    assert all(part is not None for part in record.key)
    assert record.key[0] == record.key[0].strip() != ""
    assert record.fields.keys() <= {field.name for field in entity.fields}


def only(name: str, kind: type[Any]) -> list[Any]:
    if not documents:
        pytest.skip("shared/corpus is not beside this checkout")
    return [item for item in read(name)[0] if isinstance(item, kind)]


def test_variants_that_were_exported_as_products_are_offers() -> None:
    records = only("035-irpsv-v2.04-import.xml", Record)
    assert [record.entity for record in records if "#" in record.key[0]] == ["offer"] * 4
    assert all(record.fields["characteristics"] for record in records if record.entity == "offer")


def test_the_orders_of_a_typical_configuration_have_customers_and_lines() -> None:
    orders = only("045-artemsway-v2.07-orders_1.xml", OrderDocument)
    assert orders[0].number == "20"
    assert all(order.lines and len(order.counterparties) == 1 for order in orders)
    assert {order.currency for order in orders} == {"RUB"}
    for order in orders:
        assert all(line.amount == line.price * line.quantity for line in order.lines)


def test_a_document_in_utf16_is_read() -> None:
    heads = only("086-brandymint-v2.03-pricelist.xml", object)
    assert [head.name for head in heads] == ["Прайс-лист от 29.01.2015"]
