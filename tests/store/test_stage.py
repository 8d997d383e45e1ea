"""Rows on their way into temporary tables: nothing is changed, and what cannot be stored is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.errors import DataError
from syncd.model.records import Record
from syncd.store.db import Conn, Row, every
from syncd.store.rows import Rows
from syncd.store.stage import Stage, render, scope_name, stage_name


def product(id_: str = "p", **fields: Any) -> Record:
    return Record("product", (id_,), fields)


def price(offer: str = "o", type_: str = "t", **fields: Any) -> Record:
    return Record("price", (offer, type_, "RUB", Decimal(0)), {"value": Decimal(1), **fields})


def staged(conn: Conn, entity: str = "product") -> list[Row]:
    return every(conn, f'SELECT * FROM "{stage_name(entity)}" ORDER BY n')


def scopes(conn: Conn, entity: str = "price") -> list[str]:
    return [row["of_key"] for row in every(conn, f'SELECT of_key FROM "{scope_name(entity)}" ORDER BY n')]


def stage_of(conn: Conn, *records: Record) -> Stage:
    stage = Stage(conn)
    for record in records:
        stage.add(record)
    stage.flush()
    return stage


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\\", "\\N", "\\.", "\t", "\n", "\r\n", "a\tb\\tc\nd\\ne", "\\\n", "\\x1e", "'\"%s", "«ёж» №5 ½", "🛠",
        "\u2028", "\ufffe", "\x01\x08\x7f", "t", "NULL",
    ],
)  # fmt: skip
def test_a_text_arrives_as_it_is(conn: Conn, text: str) -> None:
    stage_of(conn, product(text, name=text))
    (row,) = staged(conn)
    assert (row["id"], row["name"]) == (text, text)


def test_every_kind_of_value_arrives(conn: Conn) -> None:
    moment = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    record = product(weight=Decimal("1E+3"), barcodes=["1", "\\"], requisites={"а": None, "б": "\n"})
    record.extra = {"x": ["y"]}
    record.deleted = True
    stage = stage_of(conn, record, Record("property", ("q",), {"multiple": False}, stub=True))
    stage.add(Record("stock", ("o", "w"), {"expected": Decimal("-0.5"), "expected_at": moment}))
    stage.flush()
    (row,) = staged(conn)
    assert row["weight"] == 1000
    assert row["barcodes"] == '["1","\\\\"]'
    assert row["requisites"] == '{"а":null,"б":"\\n"}'
    assert row["extra"] == '{"x":["y"]}'
    assert (row["deleted"], row["stub"]) == (True, False)
    (flag,) = staged(conn, "property")
    assert (flag["multiple"], flag["deleted"], flag["stub"]) == (False, False, True)
    (rest,) = staged(conn, "stock")
    assert (rest["expected"], rest["expected_at"]) == (Decimal("-0.5"), moment)


def test_what_was_not_stated_is_null_and_empty_is_empty(conn: Conn) -> None:
    stage_of(conn, product(name="", sku=None))
    (row,) = staged(conn)
    assert (row["name"], row["sku"], row["code"], row["extra"]) == ("", None, None, None)


@pytest.mark.parametrize("bad", ["\x00", "\x1e", "\x1f", "a\x1fb", "\ud800", "a\udfff"])
@pytest.mark.parametrize("place", ["key", "text", "list", "map", "name in a map", "extra"])
def test_what_cannot_be_stored_is_refused_and_leaves_nothing(conn: Conn, bad: str, place: str) -> None:
    records = {
        "key": product(bad),
        "text": product(name=bad),
        "list": product(barcodes=[bad]),
        "map": product(requisites={"a": bad}),
        "name in a map": product(requisites={bad: "a"}),
        "extra": Record("product", ("p",), {}, extra={"a": bad}),
    }
    stage = stage_of(conn, product("good"))
    if place in ("list", "map", "name in a map", "extra") and bad.strip("ab") in ("\x1e", "\x1f"):
        stage.add(records[place])  # JSON holds these two escaped
        return
    with pytest.raises(DataError) as refused:
        stage.add(records[place])
    assert refused.value.code == "E215"
    stage.flush()
    assert [row["id"] for row in staged(conn)] == ["good"]


def test_a_text_that_only_looks_like_an_escaped_nul_is_taken(conn: Conn) -> None:
    stage_of(conn, product(barcodes=["\\u0000", "\\\\u0000"]))
    (row,) = conn.execute("SELECT barcodes::jsonb AS kept FROM stage_product").fetchall()
    assert row["kept"] == ["\\u0000", "\\\\u0000"]


def test_the_same_statement_has_the_same_hash_and_another_has_not() -> None:
    one = render(product(name="a"))[1]
    assert render(Record("product", ("p",), {"name": "a"}, line=7))[1] == one
    others = [
        product(name="b"), product("q", name="a"), product(name="a", sku=""), product(sku="a"), product(),
        Record("product", ("p",), {"name": "a"}, deleted=True), Record("product", ("p",), {"name": "a"}, stub=True),
        Record("product", ("p",), {"name": "a"}, extra={"x": "y"}),
    ]  # fmt: skip
    assert one not in {render(other)[1] for other in others}


def test_a_broken_file_is_taken_back_with_its_whole_sets_and_no_other(conn: Conn) -> None:
    stage = Stage(conn)
    for index in range(3):
        stage.begin_file(index)
        stage.add(product(f"p{index}"))
        stage.add(price(f"o{index}"))
        stage.whole_set("price", f"o{index}")
    stage.drop_file(1)
    assert [row["id"] for row in staged(conn)] == ["p0", "p2"]
    assert [row["offer_id"] for row in staged(conn, "price")] == ["o0", "o2"]
    assert scopes(conn) == ["o0", "o2"]


def test_a_file_that_was_taken_back_may_be_staged_again(conn: Conn) -> None:
    stage = Stage(conn)
    stage.begin_file(0)
    stage.add(product("wrong"))
    stage.drop_file(0)
    stage.begin_file(0)
    stage.add(product("right"))
    stage.flush()
    assert [row["id"] for row in staged(conn)] == ["right"]


def test_rows_are_numbered_in_the_order_of_files_and_of_records(conn: Conn) -> None:
    stage = Stage(conn)
    for index in (1, 0):
        stage.begin_file(index)
        stage.add(product(f"{index}a"))
        stage.add(product(f"{index}b"))
    stage.flush()
    assert [row["id"] for row in staged(conn)] == ["0a", "0b", "1a", "1b"]


def test_more_than_one_buffer_arrives_whole(conn: Conn) -> None:
    stage = Stage(conn)
    for number in range(300):
        stage.add(product(str(number), description="ъ" * 5000))
    stage.flush()
    assert len(staged(conn)) == 300
    stage.analyze()


@pytest.mark.parametrize("of", ["o", "a\\b", "a\nb", "a\tb", "a\rb", "ж"])
def test_the_scope_of_a_whole_set_arrives_as_it_is(conn: Conn, of: str) -> None:
    stage = Stage(conn)
    stage.whole_set("price", of)
    stage.flush()
    stage.analyze()
    assert scopes(conn) == [of]
    assert staged(conn, "price") == []


@pytest.mark.parametrize("of", ["\x00", "a\x1fb", "\x1e", "\ud800"])
def test_a_scope_that_nothing_can_be_stored_under_is_left_out(conn: Conn, of: str) -> None:
    stage = Stage(conn)
    stage.whole_set("price", "o")
    stage.whole_set("price", of)
    stage.flush()
    assert scopes(conn) == ["o"]


def test_a_set_with_a_refused_record_is_not_whole(conn: Conn) -> None:
    stage = Stage(conn)
    stage.add(price("o", "first"))
    with pytest.raises(DataError):
        stage.add(price("o", "second", unit="\ud800"))
    stage.whole_set("price", "o")
    stage.whole_set("price", "other")
    stage.whole_set("stock", "o")
    stage.flush()
    assert scopes(conn) == ["other"]
    assert scopes(conn, "stock") == ["o"]


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\x1e\x1f"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(TEXT, st.none() | TEXT, st.none() | st.lists(TEXT), st.dictionaries(TEXT, st.none() | TEXT)),
        max_size=8,
    )
)
def test_any_text_that_postgres_can_hold_comes_back(
    database_url: str, rows: list[tuple[str, str | None, list[str] | None, dict[str, str | None]]]
) -> None:
    with psycopg.Connection[Row].connect(database_url, autocommit=True, row_factory=psycopg.rows.dict_row) as conn:
        stage_of(conn, product("first"), *(product(i, name=n, barcodes=b, requisites=r) for i, n, b, r in rows))
        found = conn.execute(
            "SELECT id, name, barcodes::jsonb AS b, requisites::jsonb AS r FROM stage_product ORDER BY n OFFSET 1"
        ).fetchall()
        assert [(row["id"], row["name"], row["b"], row["r"]) for row in found] == rows
        conn.execute("DISCARD TEMP")


TEXTS = st.sampled_from(["", "a", "\\", "\n", "\r\n", "\x00", "\x1e", "\x1f", "\ud800", "ж" * 1500, "\x1ea"])
PRODUCTS = st.builds(
    lambda key, name, barcode, entity, deleted: Record(
        entity, (key,), {"name": name, "barcodes": [barcode], "weight": None}, deleted=deleted
    ),
    TEXTS, TEXTS | st.none(), TEXTS, st.sampled_from(["product"] * 9 + ["category"]), st.booleans(),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(batches=st.lists(st.lists(PRODUCTS, max_size=4), max_size=4))
def test_several_at_once_are_the_same_as_one_after_the_other(batches: list[list[Record]]) -> None:
    together, singly = Rows(5), Rows(5)
    told, expected = [], []
    for batch in batches:
        told += [(record.key, error.params["detail"]) for record, error in together.add_all(batch)]
        for record in batch:
            try:
                singly.add(record)
            except DataError as error:
                expected.append((record.key, error.params["detail"]))
    assert told == expected
    assert (together.number, together.size, together.refused) == (singly.number, singly.size, singly.refused)
    assert together.take() == singly.take()
