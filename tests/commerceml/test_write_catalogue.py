"""What is written for a site is read back by our own reader as it was."""

from __future__ import annotations

import io
import resource
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.commerceml.reader import Reader
from syncd.commerceml.write_catalogue import Offered, Package, write_catalogue, write_offers
from syncd.model.records import BadRecord, Record, WholeSet

AT = datetime.fromisoformat("2026-05-01T12:30:00")
PACKAGE = Package("cat-1", "Основной каталог", AT)
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"]) | st.sampled_from(" &<>\"'"),
    min_size=1, max_size=20,
).map(lambda text: " ".join(text.split())).filter(bool)  # fmt: skip
ID = st.uuids().map(str)
NUMBER = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(10**9), places=3).map(
    lambda value: Decimal(format(value.normalize(), "f"))
)
UNIT = st.fixed_dictionaries({"code": st.just("796"), "name": TEXT.map("шт ".__add__)}, optional={"full_name": TEXT})
VALUES = st.dictionaries(ID, st.one_of(TEXT, st.lists(TEXT, min_size=2, max_size=3)).filter(
    lambda value: value != "00000000-0000-0000-0000-000000000000"), max_size=3)  # fmt: skip


@st.composite
def categories(draw: st.DrawFn) -> list[Record]:
    ids = draw(st.lists(ID, unique=True, max_size=8))
    parents = [draw(st.sampled_from(["", *ids[:n]])) for n in range(len(ids))]
    return [
        Record("category", (identity,), {"name": draw(TEXT), "parent_id": parent})
        for identity, parent in zip(ids, parents, strict=True)
    ]


@st.composite
def products(draw: st.DrawFn) -> Record:
    fields: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {"name": TEXT},
            optional={
                "sku": TEXT, "code": TEXT, "full_name": TEXT, "description": TEXT, "brand": TEXT, "country": TEXT,
                "version": TEXT, "unit": UNIT, "category_ids": st.lists(ID, min_size=1, max_size=3, unique=True),
                "manufacturer": st.fixed_dictionaries({"id": ID, "name": TEXT}),
                "properties": VALUES.filter(bool),
                "barcodes": st.lists(st.from_regex(r"[0-9]{13}", fullmatch=True), min_size=1, max_size=3, unique=True),
                "requisites": st.dictionaries(TEXT.map("Свой ".__add__), TEXT, min_size=1, max_size=3),
                "images": st.lists(TEXT.filter(lambda text: "\\" not in text), min_size=1, max_size=3, unique=True),
            },
        )
    )  # fmt: skip
    if draw(st.booleans()):
        fields |= {"tax_rate": Decimal(20), "tax_label": "20"}
    return Record("product", (draw(ID),), fields | {"catalogue_id": "cat-1"}, deleted=draw(st.booleans()))


@st.composite
def offered(draw: st.DrawFn) -> Offered:
    product, variant = draw(ID), draw(st.one_of(st.just(""), ID))
    identity = f"{product}#{variant}" if variant else product
    fields: dict[str, Any] = {"name": draw(TEXT), "product_id": product, "variant_id": variant, "catalogue_id": "cat-1"}
    if draw(st.booleans()):
        fields["characteristics"] = [{"name": draw(TEXT), "value": draw(TEXT)}]
    types = draw(st.lists(ID, max_size=3, unique=True))
    minimum, money = st.just(Decimal(0)) | NUMBER, st.sampled_from(["RUB", "USD", "KZT"])
    prices = [
        Record("price", (identity, each, draw(money), draw(minimum)), {"value": draw(NUMBER), "ratio": Decimal(1)})
        for each in types
    ]
    places = draw(st.just([""]) | st.lists(ID, min_size=1, max_size=3, unique=True))
    stocks = [Record("stock", (identity, place), {"on_hand": draw(NUMBER)}) for place in places]
    return Offered(Record("offer", (identity,), fields), prices, stocks)


def read(text: bytes) -> list[Record]:
    reader = Reader([text])
    found = list(reader)
    assert not [each for each in found if isinstance(each, BadRecord)]
    assert not reader.warnings
    return [each for each in found if isinstance(each, Record)]


def plain(record: Record) -> tuple[Any, ...]:
    return (record.entity, record.key, record.fields, record.deleted)


@settings(max_examples=60, deadline=None)
@given(categories(), st.lists(products(), max_size=4, unique_by=lambda record: record.key), st.booleans())
def test_a_catalogue_is_read_back_as_it_was(groups: list[Record], goods: list[Record], namespace: bool) -> None:
    out = io.BytesIO()
    package = Package("cat-1", "Основной каталог", AT, namespace=namespace)
    assert write_catalogue(out, package, categories=groups, properties=[], products=goods) == len(goods)
    found = read(out.getvalue())
    assert {plain(each)[1]: plain(each) for each in found if each.entity == "category"} == {
        each.key: plain(each) for each in groups
    }
    assert [plain(each) for each in found if each.entity == "product"] == [plain(each) for each in goods]


@settings(max_examples=60, deadline=None)
@given(st.lists(offered(), max_size=4, unique_by=lambda each: each.offer.key))
def test_offers_with_their_prices_and_stocks_are_read_back_as_they_were(goods: list[Offered]) -> None:
    out = io.BytesIO()
    write_offers(out, PACKAGE, price_types=[], warehouses=[], offers=goods)
    expected = [each for one in goods for each in (one.offer, *one.prices, *(one.stocks or ()))]
    assert [plain(each) for each in read(out.getvalue())] == [plain(each) for each in expected]


def test_lists_and_the_head_are_read_back() -> None:
    kinds = Record("property", ("p1",), {"name": "Цвет", "value_type": "dictionary", "values": {"v1": "Красный"},
                                         "multiple": True, "of": ["product"]})  # fmt: skip
    types = Record("price_type", ("t1",), {"name": "Розничная", "currency": "RUB", "tax_included": True})
    place = Record("warehouse", ("w1",), {"name": "Основной", "address": "Тверь, ул. Лесная"})
    first, second = io.BytesIO(), io.BytesIO()
    write_catalogue(first, PACKAGE, categories=[], properties=[kinds], products=[])
    write_offers(second, PACKAGE, price_types=[types], warehouses=[place], offers=[])
    assert [plain(each) for each in read(first.getvalue())] == [plain(kinds)]
    assert [plain(each) for each in read(second.getvalue())] == [plain(types), plain(place)]
    assert 'СодержитТолькоИзменения="true"'.encode() in first.getvalue()
    assert first.getvalue().startswith(b"<?xml")


def test_a_deleted_offer_has_neither_prices_nor_stocks() -> None:
    out = io.BytesIO()
    gone = Record("offer", ("a",), {"product_id": "a", "variant_id": ""}, deleted=True)
    write_offers(out, PACKAGE, price_types=[], warehouses=[], offers=[Offered(gone)])
    found = list(Reader([out.getvalue()]))
    assert [(each.entity, each.deleted) for each in found if isinstance(each, Record)] == [("offer", True)]
    assert [each.entity for each in found if isinstance(each, WholeSet)] == ["price", "stock"]


def test_groups_in_a_ring_are_all_written() -> None:
    ring = [Record("category", (a,), {"name": a, "parent_id": b}) for a, b in (("a", "b"), ("b", "a"), ("c", "x"))]
    out = io.BytesIO()
    write_catalogue(out, PACKAGE, categories=ring, properties=[], products=[])
    assert {each.key[0] for each in read(out.getvalue())} == {"a", "b", "c"}


def test_fields_that_sites_look_for_among_requisites_stand_there_once() -> None:
    product = Record("product", ("a",), {"name": "Стул", "type": "Товар", "weight": Decimal("1.50"),
                                         "requisites": {"ТипНоменклатуры": "Товар"}})  # fmt: skip
    out = io.BytesIO()
    write_catalogue(out, PACKAGE, categories=[], properties=[], products=[product])
    (found,) = read(out.getvalue())
    assert found.fields["requisites"] == {"ТипНоменклатуры": "Товар", "Вес": "1.5"}
    assert (found.fields["type"], found.fields["weight"]) == ("Товар", Decimal("1.5"))


def test_memory_does_not_grow_with_the_catalogue() -> None:
    class Nowhere(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            return len(data)

    def goods(count: int) -> Iterator[Record]:
        for n in range(count):
            yield Record("product", (f"{n:08}",), {"name": f"Товар {n}", "description": "x" * 500})

    write_catalogue(Nowhere(), PACKAGE, categories=[], properties=[], products=goods(1000))  # type: ignore[arg-type]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    write_catalogue(Nowhere(), PACKAGE, categories=[], properties=[], products=goods(30_000))  # type: ignore[arg-type]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8_000, "KiB; the document is 20 MB"
