"""What stands in every real document, counted and, record by record, read by a person: changes here are on purpose.

``golden.tsv`` has for each document how many records of each entity are read from it. The numbers were derived from the
XML with another parser and from the corpus' own manifest, where they differ for a reason: a price of nothing is no
price, an offer that is deleted has none, an offer without Ид is bad, a property without a name is a display setting.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from syncd.commerceml.reader import Reader
from syncd.errors import DataError
from syncd.model.records import BadRecord, Item, OrderDocument, Record

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "commerceml"
GOLDEN = Path(__file__).with_name("golden.tsv")


def golden() -> dict[str, dict[str, int]]:
    """Counters by document; a document that is refused has the code alone."""
    rows = [line.split("\t") for line in GOLDEN.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {name: {one: int(n or 0) for one, _, n in (part.partition("=") for part in rest)} for name, *rest in rows}


TABLE = golden()


def documents(path: Path) -> Iterator[bytes]:
    """The XML of a file, or of each member of an archive."""
    if path.suffix != ".zip":
        yield path.read_bytes()
        return
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.lower().endswith(".xml"):
                yield archive.read(name)


@cache
def items(name: str) -> tuple[Item, ...]:
    return tuple(item for data in documents(FOLDER / name) for item in Reader([data]))


def counted(name: str) -> dict[str, int]:
    found: Counter[str] = Counter()
    try:
        for item in items(name):
            if isinstance(item, Record):
                found[item.entity + ("_stub" if item.stub else "")] += 1
            elif isinstance(item, BadRecord):
                found[f"bad_{item.entity}"] += 1
            elif isinstance(item, OrderDocument):
                found["order"] += 1
                found["line"] += len(item.lines or ())
                found["party"] += len(item.counterparties)
    except DataError as error:
        return {error.code: 0}
    return dict(found)


def test_the_table_has_every_document_of_the_corpus(corpus: Path) -> None:
    assert set(TABLE) == {path.name for path in (corpus / "commerceml").glob("[0-9]*.*")}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_real_document_has_the_records_it_always_had(corpus: Path, name: str) -> None:
    del corpus
    assert counted(name) == TABLE[name]


@dataclass(frozen=True)
class Golden:
    """One record, as a person read it in the XML. ``fields`` are some of its fields."""

    document: str
    entity: str
    key: tuple[Any, ...]
    fields: dict[str, Any] = field(default_factory=dict)


def price(document: str, offer: str, type_: str, currency: str, value: str) -> Golden:
    return Golden(document, "price", (offer, type_, currency, Decimal(0)), {"value": Decimal(value)})


def stock(document: str, offer: str, warehouse: str, on_hand: str) -> Golden:
    return Golden(document, "stock", (offer, warehouse), {"on_hand": Decimal(on_hand)})


RECORDS = [
    Golden("002", "product", ("018d777d-9094-11ec-a2ff-04421a23d8e8",), {
        "sku": "ES1115", "unit": {"code": "796"}, "category_ids": ["9c5bad96-a802-11e7-8151-00155d87f90d"],
        "country": "КИТАЙ", "version": "AAAAAAAAAAI=", "tax_rate": Decimal(20), "barcodes": [],
    }),
    Golden("003", "category", ("662b647a-bd77-11e4-afc8-20cf3073dde3",), {
        "name": "Одежда для гимнастики", "parent_id": "4423384a-bd77-11e4-afc8-20cf3073dde3",
    }),
    Golden("005", "price_type", ("a91bdb02-b3f2-11ea-81c3-00155d3cae02",), {"currency": "RUB", "tax_included": True}),
    price("006", "038bca5a-747e-11ea-81c1-00155d3cae02", "b86fb8c5-ea2d-11eb-81f3-00155d3cae02", "RUB", "5592"),
    price("006", "038bca5a-747e-11ea-81c1-00155d3cae02", "3d1482c4-bd77-11e4-afc8-20cf3073dde3", "RUB", "6990"),
    Golden("014", "warehouse", ("b41f7acc-58e5-11f0-90b3-fa163ea88911",), {"name": "2 ТЛВ склад"}),
    Golden("015", "unit", ("704",), {"code": "704", "full_name": "набор"}),
    price("020", "b9006815-7dde-11e8-80cb-70106fc831cf", "df3ab54d-8718-11e7-afd4-1c872c77ed7c", "RUB", "14240"),
    stock("021", "b9006815-7dde-11e8-80cb-70106fc831cf#ca3fa92c-8662-11e8-80cb-70106fc831cf", "", "2"),
    price("026", "26b0dc32-4d66-11e4-99fe-003048c64779", "4d968229-47ba-11e4-a628-003048c64779", "RUB", "328"),
    stock("027", "2cc58dc1-4d66-11e4-99fe-003048c64779", "5d1caeb1-44b2-11e4-a628-003048c64779", "1"),
    Golden("030", "product", ("0c175826-19c2-11e7-80c2-0cc47ab29cd1",), {
        "tax_rate": Decimal(20), "kind": "Коврики для дома", "type": "Товар",
        "manufacturer": {"id": "018b11b8-18fa-11e7-80c2-0cc47ab29cd1", "name": "Crazy Boom"},
        "category_ids": ["82cfb8dc-18f9-11e7-80c2-0cc47ab29cd1"],
    }),
    price("032", "80cb5293-19c1-11e7-80c2-0cc47ab29cd1", "279b6812-740b-11e8-80c8-0cc47ab29cd1", "RUB", "100"),
    stock("032", "80cb5293-19c1-11e7-80c2-0cc47ab29cd1", "dd306af1-19c9-11e7-80c2-0cc47ab29cd1", "231"),
    Golden("035", "offer", ("05e26d70-01e4-11dc-a411-00055d80a2d1#218a1598-044b-11dc-a414-00055d80a2d1",), {
        "product_id": "05e26d70-01e4-11dc-a411-00055d80a2d1", "name": "Стол обеденный",
        "characteristics": [{"name": "Цвет", "value": "Красный"}],
    }),
    price("036", "05e26d70-01e4-11dc-a411-00055d80a2d1#218a1598-044b-11dc-a414-00055d80a2d1",
          "bd72d8fd-55bc-11d9-848a-00112f43529a", "USD", "6"),
    price("036", "05e26d70-01e4-11dc-a411-00055d80a2d1#218a1598-044b-11dc-a414-00055d80a2d1",
          "cbcf493b-55bc-11d9-848a-00112f43529a", "RUB", "7"),
    stock("036", "05e26d70-01e4-11dc-a411-00055d80a2d1#218a1598-044b-11dc-a414-00055d80a2d1", "", "0"),
    price("041", "bd72d930-55bc-11d9-848a-00112f43529a", "319090f5-d250-11e1-8823-00155d343e29", "RUB", "3037.50"),
    stock("044", "dee6e1d3-55bc-11d9-848a-00112f43529a#b02e2814-720f-11df-b436-0015e92f2802",
          "08305acc-7303-11df-b338-0011955cba6b", "0"),
    Golden("047", "product", ("7b57db14-a128-11f0-8174-000c29e0bb69",), {
        "sku": "00-00052", "code": "00-00052", "name": "Весы МК-3.2-А21", "unit": {"full_name": "шт"},
        "tax_rate": Decimal(5),
    }),
    price("053", "eeeed72e-44c7-11f1-ac27-1063c8c9a4b2", "4261b6c7-faca-11f0-bb7c-8f5d5c293000", "RUB", "426"),
    stock("053", "eeeed72e-44c7-11f1-ac27-1063c8c9a4b2", "", "5"),
    price("060", "dc9a7ca5-e499-11e2-9526-00163c2d0dbf", "518f59e1-08dd-11e3-9e06-00163c2d0dbf", "UAH", "7.34"),
    Golden("071", "offer", ("bd72d913-55bc-11d9-848a-00112f43529a#90c55449-d3a8-11e4-9423-e0cb4ed5eed4",), {
        "sku": "Б- 130005", "product_id": "bd72d913-55bc-11d9-848a-00112f43529a",
        "variant_id": "90c55449-d3a8-11e4-9423-e0cb4ed5eed4",
    }),
    Golden("077", "offer", ("ffce323d-c133-11e8-8111-0050569b2b72#8a4e5eaa-d129-11e8-8112-0050569b2b72",), {
        "name": "Test Offer 2", "characteristics": [{"name": "Цвет", "value": "Желтый"}],
    }),
    price("077", "ffce323d-c133-11e8-8111-0050569b2b72#8a4e5eaa-d129-11e8-8112-0050569b2b72",
          "a5d63ccd-7df9-11e8-80fc-0050569b0657", "RUB", "15500"),
    Golden("078", "counterparty", ("4141d5ec-e2a6-11db-95d9-505054503030",), {
        "inn": "747347821546", "role": "Покупатель", "legal_kind": "entrepreneur", "version": "AAAAAQAAAAc=",
    }),
    stock("083", "6c4e0c4b-6c2c-11e7-81d6-38d547224d22", "c7ceb2f4-833b-11e7-b922-38d547224d22", "6"),
    price("093", "a3d4c4f5-7cd7-11e0-a78d-00a1b011ee35", "433f9e0e-c7ef-11e0-a785-a07570784707", "USD", "176"),
    stock("095", "176658", "75567", "1"),
    Golden("096", "product", ("112",), {
        "barcodes": ["4820182290848"], "category_ids": ["22"], "kind": "Товар",
        "unit": {"code": "2009", "full_name": "Штука", "international": "-", "name": "шт"},
    }),
    price("101", "111", "3333", "UAH", "147.74"),
    Golden("113", "product", ("bcf11d4b-21b4-11e6-80b9-00155d64d004",), {
        "sku": "5303018", "code": "408784", "weight": Decimal("2.745"), "barcodes": ["2000000232607"],
    }),
    price("114", "a44e48b6-9b28-11e4-80ba-000c29ae6a43", "02d5e32d-e7a0-11e6-80ed-000c29856768", "RUB", "1270"),
    price("116", "29be66891c37b4d933385786918a4663", "SALE", "UAH", "501"),
    price("126", "183", "BASE", "RUB", "1999.00"),
    stock("126", "183", "", "100"),
    stock("138", "dee6e1aa-55bc-11d9-848a-00112f43529a", "3f86a8a6-4a24-11e0-af0f-0015e9b8c48d", "64"),
]  # fmt: skip


def where(name: str) -> str:
    """The document whose name begins with this number."""
    return next(document for document in sorted(TABLE) if document.startswith(name + "-"))


@pytest.mark.parametrize("wanted", RECORDS, ids=lambda wanted: f"{wanted.document}-{wanted.entity}")
def test_a_real_record_is_read_as_it_is_written(corpus: Path, wanted: Golden) -> None:
    del corpus
    found = [
        item
        for item in items(where(wanted.document))
        if isinstance(item, Record) and (item.entity, item.key) == (wanted.entity, wanted.key)
    ]
    assert len(found) == 1
    assert {name: found[0].fields.get(name) for name in wanted.fields} == wanted.fields
    assert not found[0].deleted


@dataclass(frozen=True)
class Order:
    """An order document as a person read it. ``lines``: product, quantity, price, amount of the first ones."""

    document: str
    id: str
    number: str
    date: str
    currency: str
    amount: str
    parties: list[str]
    lines: list[tuple[str, str, str, str]]
    fields: dict[str, Any] = field(default_factory=dict)


ORDERS = [
    Order("029", "132", "132", "2021-02-11T18:45:21", "RUB", "231.74", ["38#catalog_exchange#"],
          [("910e89e5-205e-4d95-872a-0a0255c42f02", "1", "231.74", "231.74")]),
    Order("045", "fab0f37b-1818-11e6-b175-6805ca05f260", "98", "2007-10-16T15:40:40", "RUB", "9683.42",
          ["1#admin#Петров Петр"], [("dd67322d-2b88-11e5-8159-6805ca05f260", "1", "19403", "19403")]),
    Order("057", "ORD-3-android-db0e0582-ebe5-4411-a44c-df995e888971", "ORD-20260501-666551", "2026-05-01T18:44:38",
          "RUB", "97.2", ["1"], [("None", "2", "53.6", "107.2")]),
    Order("062", "36", "36", "2007-10-30T15:19:27", "RUB", "6734.47", ["1#admin# admin"],
          [("ORDER_DELIVERY", "1", "340", "340"),
           ("dee6e19a-55bc-11d9-848a-00112f43529a", "1", "6394.47", "6394.47")]),
    Order("075", "2e334fbe-6299-11e9-a23f-00155d01c80d", "5", "2017-05-11T00:00:00", "RUB", "79",
          ["2e334fbc-6299-11e9-a23f-00155d01c80d"], [("26c4bb41-6299-11e9-a23f-00155d01c80d", "1", "79", "79")],
          {"tax_included": True, "number_1c": "НФФР-000003"}),
    Order("117", "3aeb20a7-3eea-11e2-86fd-00e0529ce6ff", "ПРМ001", "2012-12-05T20:50:52", "RUB", "27505.35",
          ["9851f350-f097-11dd-a5df-00030d59e20b", "1a25e358-201e-11dd-8b30-00e04d529652"],
          [("*5108", "5", "52.66", "263.3")]),
    Order("120", "", "0000014247", "2012-12-06T12:07:40", "RUB", "22487.27",
          ["CCE48F89-236B-4392-8ECD-98B1C3547EDA", "AD4D104C-D44A-454C-A745-06E5F520425E"],
          [("4485", "1", "394.13", "394.13")], {"operation": "Отпуск товара"}),
]  # fmt: skip


@pytest.mark.parametrize("wanted", ORDERS, ids=lambda wanted: f"{wanted.document}-{wanted.number}")
def test_a_real_order_is_read_as_it_is_written(corpus: Path, wanted: Order) -> None:
    del corpus
    (found,) = (
        item
        for item in items(where(wanted.document))
        if isinstance(item, OrderDocument) and (item.id, item.number) == (wanted.id, wanted.number)
    )
    assert found.date is not None
    assert found.date.isoformat() == wanted.date
    assert (found.currency, found.amount) == (wanted.currency, Decimal(wanted.amount))
    assert [party.key[0] for party in found.counterparties] == wanted.parties
    assert found.lines is not None
    lines = [(line.product_id, line.quantity, line.price, line.amount) for line in found.lines]
    assert lines[: len(wanted.lines)] == [
        (product, Decimal(quantity), Decimal(price_), Decimal(amount))
        for product, quantity, price_, amount in wanted.lines
    ]
    assert {name: getattr(found, name) for name in wanted.fields} == wanted.fields
