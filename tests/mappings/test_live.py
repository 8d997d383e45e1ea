"""A mapping at work on an emulated base: its metadata pulled, its queries answered, records made of the answers."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from syncd.adapters.odata import answers, describe, reading, writing
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import Endpoint
from syncd.adapters.odata.filters import all_of, equals
from syncd.adapters.odata.markers import ENOUGH, Marker, look_up
from syncd.emulator.odata import OdataBase
from syncd.mappings.check import check
from syncd.mappings.compiled import CompiledSource, compile_mapping
from syncd.mappings.query import Query
from syncd.mappings.write import compile_write
from syncd.model.records import Record
from tests.mappings.test_check import mapping

MOSCOW = ZoneInfo("Europe/Moscow")
MARK = "0190e0a2-7c1f-5d3e-9b60-2f4c8a1d7e55"
PRESETS = {"ut11": "ut11", "unf": "unf"}


@pytest.fixture(scope="module", params=PRESETS)
def base(request: pytest.FixtureRequest) -> Iterator[tuple[str, Client]]:
    made = OdataBase(request.param, size=12)
    with made.running() as running:
        endpoint = Endpoint(url=running.url, login=running.user, password=running.password)
        with Client(endpoint) as client:
            yield PRESETS[request.param], client


def rows(client: Client, query: Query) -> list[dict[str, Any]]:
    page = answers.page(client.get(query.resource, query.options, kind="table" if query.table else "read"))
    return [dict(record) for record in page.records]


class Books:
    """Sets that references lead to, read whole when first asked for."""

    def __init__(self, client: Client, takes: dict[str, set[str]]) -> None:
        self._client, self._takes = client, takes
        self._read: dict[str, dict[str, dict[str, Any]]] = {}

    def __call__(self, set_: str, key: str) -> dict[str, Any] | None:
        if set_ not in self._read:
            found = rows(self._client, Query(set_, select=("Ref_Key", *sorted(self._takes[set_]))))
            self._read[set_] = {str(row["Ref_Key"]): row for row in found}
        return self._read[set_].get(key)


def sources(name: str, client: Client) -> tuple[list[CompiledSource], dict[str, str]]:
    """Those of the preset that the base publishes, and the reasons why others are left out."""
    published = describe.metadata(client)
    found = mapping(f"extends: {name}")
    absent = {str(problem.params["place"]): str(problem) for problem in check(found, published)}
    takes: dict[str, set[str]] = {}
    books = Books(client, takes)
    made = compile_mapping(found, MOSCOW, books, base=published)
    for source in made:
        for set_, names in source.query.lookups.items():
            takes.setdefault(set_, set()).update(names)
    return [source for source in made if source.query.set in published.sets], absent


def test_the_queries_of_a_preset_are_answered_and_make_records(base: tuple[str, Client]) -> None:
    name, client = base
    usable, absent = sources(name, client)
    assert absent == {}
    made: dict[str, list[Record]] = {}
    for source in usable:
        found = [record for row in rows(client, source.query) if (record := source.run(row)) is not None]
        made[source.label] = source.combined(found)
    filled = {label for label, records in made.items() if records}
    assert {"categories", "products", "offers.products", "price_types", "prices", "warehouses", "counterparties",
            "settlements", "orders", "shipments", "invoices"} <= filled  # fmt: skip
    assert made["stocks"] if "stocks" in made else made["stocks.on_hand"]
    assert all(record.fields["name"] for record in made["products"])
    assert {record.key[2] for record in made["prices"]} == {"RUB"}
    offers = {record.key[0] for label, records in made.items() if label.startswith("offers.") for record in records}
    assert {record.key[0] for record in made["prices"]} & offers
    assert all(record.fields["lines"] for record in made["orders"])
    assert len({record.key for record in made["settlements"]}) == len(made["settlements"])


def test_an_order_written_with_a_preset_is_read_back_with_it(base: tuple[str, Client]) -> None:
    name, client = base
    usable, _ = sources(name, client)
    by_label = {source.label: source for source in usable}
    goods = [by_label["offers.products"].run(row) for row in rows(client, by_label["offers.products"].query)]
    buyer = rows(client, by_label["counterparties"].query)[0]
    offer = next(record for record in goods if record is not None and not record.deleted).key[0]
    order = {
        "number": "S-1", "created_at": "2026-05-01T12:30:00+03:00", "comment": "Позвонить", "amount": "30.00",
        "customer": {"inn": buyer["ИНН"], "kpp": buyer.get("КПП")},
        "lines": [{"offer_id": offer, "quantity": "3", "price": "10.00", "amount": "30.00"}],
    }  # fmt: skip
    write = compile_write(mapping(f"extends: {name}"), MOSCOW)
    assert write is not None
    (reference,) = write.references
    (way, *_) = reference.by(order, {})
    condition = all_of(*(equals(field, value) for field, value in way.items()))
    (found,) = reading.find(client, reference.set_name, condition, ["Ref_Key"])
    marker = Marker(write.set_name, write.marker)
    body = marker.put(write.build(order, {reference.name: str(found["Ref_Key"])}), MARK)
    written = writing.create(client, write.set_name, body, lambda: look_up(client, marker, MARK))
    assert {each.path for each in written.damage} <= {write.marker}, "a mark may be cut, and is found all the same"
    source = by_label["orders"]
    (record,) = [source.run(row) for row in rows(client, source.query) if row["Ref_Key"] == written.ref]
    assert record is not None
    assert MARK.startswith(record.fields["number"])
    assert len(record.fields["number"]) >= ENOUGH
    assert record.fields["comment"] == "Позвонить"
    assert record.fields["counterparty_id"] == buyer["Ref_Key"]
    (line,) = record.fields["lines"]
    assert (line["product_id"], Decimal(line["quantity"]), Decimal(line["price"])) == (offer, Decimal(3), Decimal(10))
