"""What becomes of staged records: the rules of the merge, one by one, and against a model that is only a dict."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.model.records import Record, WholeSet
from syncd.store import merge as merging
from syncd.store.db import Database, Row, every, execute
from syncd.store.merge import Counters

from .conftest import Merge, merge_into

TABLES = {"product": "products", "offer": "offers", "price": "prices", "stock": "stocks"}


@pytest.fixture(autouse=True, params=["looked up", "joined"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few staged rows are looked up one by one, many are joined; which it is must make no difference."""
    few = request.param == "looked up"
    monkeypatch.setattr(merging, "_are_few", lambda *_: few)


def product(id_: str = "p", *, deleted: bool = False, extra: dict[str, Any] | None = None, **fields: Any) -> Record:
    return Record("product", (id_,), fields, extra, deleted)


def offer(id_: str = "o", *, stub: bool = False, **fields: Any) -> Record:
    return Record("offer", (id_,), fields, None, False, stub)


def price(of: str, type_: str, value: str, *, deleted: bool = False) -> Record:
    return Record("price", (of, type_, "RUB", Decimal(0)), {"value": Decimal(value)}, None, deleted)


def counts(**values: int) -> Counters:
    return Counters(**values)


def rows(db: Database, entity: str, tenant: str = "default") -> list[Row]:
    with db.transaction() as conn:
        return every(conn, f"SELECT * FROM {TABLES[entity]} WHERE tenant = %(t)s ORDER BY 2, 3", t=tenant)


def row(db: Database, entity: str = "product") -> Row:
    (found,) = rows(db, entity)
    return found


def test_a_new_record_is_created(db: Database, merge: Merge) -> None:
    record = product(name="Дрель", weight=Decimal("1.5"), barcodes=["1", "2"], requisites={"а": "б"}, extra={"x": "y"})
    assert merge(record) == {"product": counts(read=1, created=1)}
    found = row(db)
    assert (found["name"], found["weight"], found["barcodes"]) == ("Дрель", Decimal("1.5"), ["1", "2"])
    assert (found["requisites"], found["extra"], found["sku"]) == ({"а": "б"}, {"x": "y"}, None)
    assert (found["deleted_at"], found["source_seq"]) == (None, 1)


def test_a_field_that_is_not_stated_keeps_its_value(db: Database, merge: Merge) -> None:
    merge(product(name="a", sku="b", barcodes=["1"], requisites={"x": "1"}, extra={"k": "v"}))
    assert merge(product(name="c", sku=None), seq=2)["product"] == counts(read=1, updated=1)
    found = row(db)
    assert (found["name"], found["sku"], found["barcodes"]) == ("c", "b", ["1"])
    assert (found["requisites"], found["extra"]) == ({"x": "1"}, {"k": "v"})


def test_an_empty_text_clears(db: Database, merge: Merge) -> None:
    merge(product(name="a", sku="b", barcodes=["1"]))
    merge(product(sku="", barcodes=[]), seq=2)
    assert (row(db)["name"], row(db)["sku"], row(db)["barcodes"]) == ("a", "", [])


def test_a_rate_goes_when_a_label_without_one_is_stated(db: Database, merge: Merge) -> None:
    merge(product(name="a", tax_rate=Decimal(20), tax_label="20"))
    merge(product(name="b"), seq=2)
    assert (row(db)["tax_rate"], row(db)["tax_label"]) == (Decimal(20), "20"), "nothing was said of taxes"
    free = product(tax_rate=None, tax_label="Без НДС")
    assert merge(free, seq=3)["product"] == counts(read=1, updated=1)
    assert (row(db)["tax_rate"], row(db)["tax_label"]) == (None, "Без НДС")
    assert merge(free, seq=4)["product"] == counts(read=1, unchanged=1)
    merge(product(tax_rate=Decimal(10)), seq=5)
    assert (row(db)["tax_rate"], row(db)["tax_label"]) == (Decimal(10), "Без НДС"), "a rate alone is a rate"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ([(20, "20"), (None, "Без НДС")], (None, "Без НДС")),
        ([(None, "Без НДС"), (20, "20")], (Decimal(20), "20")),
        ([(20, "20"), (None, None)], (Decimal(20), "20")),
        ([(None, "Без НДС"), (None, None)], (None, "Без НДС")),
    ],
)
def test_the_last_statement_of_a_package_about_a_rate_counts(
    db: Database, merge: Merge, stated: list[tuple[int | None, str | None]], expected: tuple[Decimal | None, str]
) -> None:
    merge(product(tax_rate=Decimal(5), tax_label="5"))
    merge(*(product(tax_rate=Decimal(r) if r else None, tax_label=label) for r, label in stated), seq=2)
    assert (row(db)["tax_rate"], row(db)["tax_label"]) == expected


def test_a_map_merges_key_by_key_and_null_clears_one_key(db: Database, merge: Merge) -> None:
    merge(product(requisites={"a": "1", "b": "2", "c": ["3"], "never": None}))
    assert row(db)["requisites"] == {"a": "1", "b": "2", "c": ["3"]}
    merge(product(requisites={"a": None, "b": "4", "d": "5", "none": None}), seq=2)
    assert row(db)["requisites"] == {"b": "4", "c": ["3"], "d": "5"}
    assert merge(product(requisites={}), seq=3)["product"].unchanged == 1


def test_a_list_and_extra_are_replaced_whole(db: Database, merge: Merge) -> None:
    merge(product(barcodes=["1", "2"], extra={"a": "1", "b": "2"}))
    merge(product(barcodes=["3"], extra={"c": "3"}), seq=2)
    assert (row(db)["barcodes"], row(db)["extra"]) == (["3"], {"c": "3"})


@pytest.mark.parametrize(
    "again",
    [
        product(name="a", weight=Decimal("1.5"), requisites={"x": "1", "y": "2"}),
        product(name="a"),
        product(weight=Decimal("1.50")),
        product(requisites={"y": "2", "gone": None}),
        product(),
    ],
)
def test_what_does_not_differ_is_not_written(db: Database, merge: Merge, again: Record) -> None:
    merge(product(name="a", weight=Decimal("1.5"), requisites={"x": "1", "y": "2"}))
    before = row(db)
    assert merge(again, seq=2) == {"product": counts(read=1, unchanged=1)}
    assert row(db) == before


def test_a_written_record_gets_a_new_revision_and_its_package(db: Database, merge: Merge) -> None:
    merge(product(name="a"))
    before = row(db)
    merge(product(name="b"), seq=2)
    after = row(db)
    assert after["revision"] > before["revision"]
    assert (after["source_seq"], after["xid"] != before["xid"]) == (2, True)
    assert after["updated_at"] > before["updated_at"]


def test_what_a_newer_package_wrote_is_not_undone(db: Database, merge: Merge) -> None:
    merge(product(name="new"), product("gone", deleted=True), price("o", "t", "5"), seq=7)
    before = rows(db, "product"), rows(db, "price")
    late = merge(
        product(name="old"),
        product("gone"),
        price("o", "t", "4"),
        WholeSet("price", "o"),
        product("p", deleted=True),
        seq=6,
    )
    assert late == {"product": counts(read=2, unchanged=2), "price": counts(read=1, unchanged=1)}
    assert merge(WholeSet("price", "o"), seq=6) == {"price": counts()}
    assert (rows(db, "product"), rows(db, "price")) == before


def test_what_somebody_else_writes_meanwhile_is_written_all_the_same(
    db: Database, merge: Merge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import of orders states counterparties while a catalogue is merged: neither waits for the other."""
    merge(product(name="a", sku="1"), product("q", name="a"), price("o", "t", "1"), price("o", "u", "1"))
    find = merging._find
    meanwhile = [
        "UPDATE products SET sku = '2', revision = nextval('revision_seq') WHERE id = 'p'",
        "",  # found again, and written
        "UPDATE prices SET unit = 'x' WHERE price_type_id = 'u'",
        "",
    ]

    def found_and_changed(*arguments: Any, **options: Any) -> None:
        find(*arguments, **options)
        if statement := meanwhile.pop(0):
            with db.transaction() as other:
                execute(other, "SET LOCAL lock_timeout = '5s'")
                execute(other, statement)

    monkeypatch.setattr(merging, "_find", found_and_changed)
    done = merge(product(name="b"), product("q", name="b"), price("o", "t", "2"), WholeSet("price", "o"), seq=2)
    assert done == {"product": counts(read=2, updated=2), "price": counts(read=1, updated=1, removed=1)}
    assert meanwhile == []
    assert [(found["name"], found["sku"]) for found in rows(db, "product")] == [("b", "2"), ("b", None)]
    assert [(found["unit"], found["deleted_at"] is None) for found in rows(db, "price")] == [(None, True), ("x", False)]


def test_the_same_package_may_be_merged_twice(db: Database, merge: Merge) -> None:
    merge(product(name="a"), seq=3)
    before = row(db)
    assert merge(product(name="a"), seq=3)["product"].unchanged == 1
    assert row(db) == before


def test_a_stub_creates_but_never_changes(db: Database, merge: Merge) -> None:
    assert merge(offer(stub=True, product_id="p"))["offer"] == counts(read=1, created=1)
    merge(offer(name="a", product_id="p"), seq=2)
    before = row(db, "offer")
    assert merge(offer(stub=True, product_id="other"), seq=3)["offer"] == counts(read=1, unchanged=1)
    assert row(db, "offer") == before


def test_a_stub_does_not_bring_a_deleted_record_back(db: Database, merge: Merge) -> None:
    merge(Record("offer", ("o",), {}, deleted=True))
    assert merge(offer(stub=True), seq=2)["offer"].unchanged == 1
    assert row(db, "offer")["deleted_at"] is not None


def test_a_stub_beside_its_record_adds_nothing(db: Database, merge: Merge) -> None:
    assert merge(offer(stub=True, code="stub"), offer(name="a"), offer(stub=True, code="x"))["offer"].read == 1
    assert (row(db, "offer")["name"], row(db, "offer")["code"]) == ("a", None)


def test_statements_about_one_record_fold_into_what_they_say_in_their_order(db: Database, merge: Merge) -> None:
    counted = merge(
        product(name="a", sku="1", barcodes=["1"], requisites={"x": "1", "y": "1"}),
        product(name="b", barcodes=["2", "3"], requisites={"y": None, "z": "3"}),
        product(name=None, requisites={"z": "4"}),
    )
    assert counted == {"product": counts(read=1, created=1)}
    found = row(db)
    assert (found["name"], found["sku"], found["barcodes"]) == ("b", "1", ["2", "3"])
    assert found["requisites"] == {"x": "1", "z": "4"}


def test_folding_clears_what_the_last_statement_clears(db: Database, merge: Merge) -> None:
    merge(product(requisites={"x": "1", "y": "2"}))
    merge(product(requisites={"x": "3"}), product(requisites={"x": None}), seq=2)
    assert row(db)["requisites"] == {"y": "2"}


def test_the_last_statement_decides_whether_a_record_is_deleted(db: Database, merge: Merge) -> None:
    merge(product("a"), product("a", deleted=True), product("b", deleted=True), product("b", name="x"))
    assert [found["deleted_at"] is not None for found in rows(db, "product")] == [True, False]


def test_records_stated_twice_are_unchanged_the_next_time(db: Database, merge: Merge) -> None:
    twice = [product(name="a"), product(name="b"), product("q", name="same"), product("q", name="same")]
    merge(*twice)
    before = rows(db, "product")
    assert merge(*twice, seq=2)["product"] == counts(read=2, unchanged=2)
    assert merge(product("q", name="same"), seq=3)["product"] == counts(read=1, unchanged=1)
    assert rows(db, "product") == before


def test_deleting_sets_the_moment_once_and_returning_clears_it(db: Database, merge: Merge) -> None:
    merge(product(name="a"))
    assert merge(product(deleted=True), seq=2)["product"] == counts(read=1, removed=1)
    gone = row(db)
    assert gone["deleted_at"] is not None
    assert gone["name"] == "a"
    assert merge(product(deleted=True), seq=3)["product"] == counts(read=1, unchanged=1)
    assert row(db) == gone
    assert merge(product(), seq=4)["product"] == counts(read=1, updated=1)
    assert (row(db)["deleted_at"], row(db)["name"]) == (None, "a")


def test_a_record_that_comes_deleted_is_kept_as_deleted(db: Database, merge: Merge) -> None:
    assert merge(product(deleted=True))["product"] == counts(read=1, created=1)
    assert row(db)["deleted_at"] is not None


def test_a_whole_set_removes_what_it_does_not_name(db: Database, merge: Merge) -> None:
    merge(price("o", "a", "1"), price("o", "b", "2"), price("other", "a", "3"))
    counted = merge(price("o", "a", "1"), price("o", "c", "4"), WholeSet("price", "o"), seq=2)
    assert counted == {"price": counts(read=2, created=1, unchanged=1, removed=1)}
    assert {(r["offer_id"], r["price_type_id"]): r["deleted_at"] is not None for r in rows(db, "price")} == {
        ("o", "a"): False,
        ("o", "b"): True,
        ("o", "c"): False,
        ("other", "a"): False,
    }
    assert merge(price("o", "b", "2"), seq=3)["price"] == counts(read=1, updated=1)


def test_an_empty_whole_set_removes_all_under_it_and_only_once(db: Database, merge: Merge) -> None:
    merge(price("o", "a", "1"), price("o", "b", "2"))
    assert merge(WholeSet("price", "o"), WholeSet("price", "o"), seq=2) == {"price": counts(removed=2)}
    before = rows(db, "price")
    assert merge(WholeSet("price", "o"), seq=3) == {"price": counts()}
    assert rows(db, "price") == before


def test_without_a_whole_set_nothing_is_removed(db: Database, merge: Merge) -> None:
    merge(price("o", "a", "1"), price("o", "b", "2"))
    merge(price("o", "a", "5"), seq=2)
    assert [found["deleted_at"] for found in rows(db, "price")] == [None, None]


def test_companies_do_not_see_each_other(db: Database, merge: Merge) -> None:
    merge(product(name="a"), price("o", "a", "1"))
    merge(product(name="b"), WholeSet("price", "o"), seq=2, tenant="other")
    assert row(db)["name"] == "a"
    assert [found["deleted_at"] for found in rows(db, "price")] == [None]
    assert [found["name"] for found in rows(db, "product", "other")] == ["b"]


# The model: the same rules over a dict, one record after the other.

IDS = st.sampled_from(["a", "b", "c"])
VALUES = st.none() | st.sampled_from(["", "1", "2"])
MAPS = st.none() | st.dictionaries(st.sampled_from("xyz"), st.none() | st.sampled_from(["1", "2"]), max_size=3)
FIELDS = st.fixed_dictionaries(
    {}, optional={"name": VALUES, "barcodes": st.none() | st.lists(VALUES, max_size=2), "requisites": MAPS}
)
RECORDS = st.builds(
    lambda id_, fields, state: Record("offer", (id_,), fields, None, state == "deleted", state == "stub"),
    IDS, FIELDS, st.sampled_from(["", "", "", "deleted", "stub"]),
)  # fmt: skip
PRICES = st.builds(price, IDS, st.sampled_from("xy"), st.sampled_from(["1", "1.0", "2"]), deleted=st.booleans())
PACKAGES = st.tuples(
    st.integers(1, 6), st.lists(RECORDS | PRICES | st.builds(WholeSet, st.just("price"), IDS), max_size=8)
)


@dataclass
class Kept:
    """A row of the model."""

    fields: dict[str, Any] = field(default_factory=dict)
    deleted: bool = False
    seq: int = 0


def _state(kept: Kept) -> tuple[dict[str, Any], bool]:
    return {name: value for name, value in kept.fields.items() if value is not None}, kept.deleted


def _stated(kept: Kept, record: Record) -> None:
    kept.deleted = record.deleted
    for name, value in record.fields.items():
        if isinstance(value, dict):
            merged = {**(kept.fields.get(name) or {}), **value}
            kept.fields[name] = {key: inner for key, inner in merged.items() if inner is not None}
        elif value is not None:
            kept.fields[name] = value


def apply(model: dict[tuple[Any, ...], Kept], entity: str, items: list[Any], seq: int) -> Counters:
    """Merge one package into the model; what it says of one key counts as one record."""
    records = [item for item in items if isinstance(item, Record) and item.entity == entity]
    scopes = {item.of for item in items if isinstance(item, WholeSet) and item.entity == entity}
    counters = Counters(read=len({record.key for record in records}))
    for key in {record.key for record in records}:
        mine = [record for record in records if record.key == key]
        mine = [record for record in mine if not record.stub] or mine
        old = model.get(key)
        new = Kept(dict(old.fields) if old else {}, old.deleted if old else False, seq)
        for record in mine:
            _stated(new, record)
        if old is None:
            counters.created += 1
            model[key] = new
        elif mine[0].stub or old.seq > seq or _state(old) == _state(new):
            counters.unchanged += 1
        else:
            counters.removed += new.deleted
            counters.updated += not new.deleted
            model[key] = new
    for key, kept in model.items():
        if key[0] in scopes and not kept.deleted and kept.seq <= seq and key not in {record.key for record in records}:
            kept.deleted, kept.seq = True, seq
            counters.removed += 1
    return counters


def stored(db: Database, entity: str, key: tuple[str, ...], names: tuple[str, ...]) -> dict[tuple[Any, ...], Any]:
    return {
        tuple(found[name] for name in key): (
            {name: found[name] for name in names if found[name] is not None},
            found["deleted_at"] is not None,
            found["source_seq"],
        )
        for found in rows(db, entity)
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(packages=st.lists(PACKAGES, max_size=5))
def test_the_merge_does_what_the_model_does(db: Database, packages: list[tuple[int, list[Record | WholeSet]]]) -> None:
    with db.transaction() as conn:
        conn.execute("TRUNCATE offers, prices")
    offers: dict[tuple[Any, ...], Kept] = {}
    prices: dict[tuple[Any, ...], Kept] = {}
    for seq, items in packages:
        expected = {"offer": apply(offers, "offer", items, seq), "price": apply(prices, "price", items, seq)}
        counted = merge_into(db, items, seq=seq, tenant="default")
        assert {name: counted.get(name, Counters()) for name in expected} == expected
    price_key = ("offer_id", "price_type_id", "currency", "min_quantity")
    for model, found in (
        (offers, stored(db, "offer", ("id",), ("name", "barcodes", "requisites"))),
        (prices, stored(db, "price", price_key, ("value",))),
    ):
        assert found == {key: (*_state(kept), kept.seq) for key, kept in model.items()}
