"""A set read in pieces is the set read at once, wherever the pieces end."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.adapters.odata import answers, streaming
from syncd.adapters.odata.answers import Wanted
from syncd.errors import TransportError
from tests.adapters.odata.test_answers import FEED

TEXTS = st.sampled_from(["", "a", "},{", '"},{"Ключ":', "]}", "\\", '\\"', "\n", "{[", "ё№", '},\n  {\n "Ключ"'])
NESTED: st.SearchStrategy[Any] = st.recursive(
    TEXTS | st.none() | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Ключ", "b", "value"]), inner,
                                                                max_size=2),
    max_leaves=6,
)  # fmt: skip
ROWS = st.lists(st.fixed_dictionaries({"Ключ": TEXTS}, optional={"b": NESTED, "Ё": NESTED}), max_size=12)


def read(body: bytes, piece: int, wanted: Wanted | None = None) -> list[dict[str, Any]]:
    return [row for part in streaming.records(io.BytesIO(body), None, wanted, piece=piece) for row in part]


@settings(max_examples=500, deadline=None)
@given(
    rows=ROWS, piece=st.integers(1, 200), indent=st.sampled_from([None, 1]), ascii_=st.booleans(),
    before=st.sampled_from([{}, {"odata.metadata": "http://x/$metadata"}, {"odata.count": "7"},
                            {"other": [{"Ключ": 1}]}]),
    after=st.sampled_from([{}, {"odata.nextLink": None}, {"more": [{"Ключ": "z"}, {"Ключ": "z"}]}]), mark=st.booleans(),
)  # fmt: skip
def test_pieces_are_the_whole(
    rows: list[dict[str, Any]], piece: int, indent: int | None, ascii_: bool, before: dict[str, Any],
    after: dict[str, Any], mark: bool,
) -> None:  # fmt: skip
    text = json.dumps({**before, "value": rows, **after}, ensure_ascii=ascii_, indent=indent)
    body = (b"\xef\xbb\xbf" if mark else b"") + text.encode()
    assert read(body, piece) == rows == answers.page(body).records


@settings(max_examples=300, deadline=None)
@given(rows=ROWS, piece=st.integers(1, 200), indent=st.sampled_from([None, 1]), first=st.booleans(), some=st.booleans())
def test_a_set_that_goes_on_elsewhere_is_never_taken_for_whole(
    rows: list[dict[str, Any]], piece: int, indent: int | None, first: bool, some: bool
) -> None:
    following = {"odata.nextLink": "Catalog_X?$skiptoken=1"}
    before, after = (following, {}) if first else ({}, following)
    body = json.dumps({"odata.metadata": "m", **before, "value": rows, **after}, indent=indent).encode()
    with pytest.raises(TransportError) as refused:
        read(body, piece, Wanted(["Ключ"]) if some else None)
    assert refused.value.code == "E809"


def test_a_feed_that_goes_on_elsewhere_is_never_taken_for_whole() -> None:
    feed = FEED.replace(b"</feed>", b'<link rel="next" href="Catalog_X?$skiptoken=1"/></feed>')
    assert answers.page(feed).next == "Catalog_X?$skiptoken=1"
    with pytest.raises(TransportError, match="E809"):
        read(feed, 10)


def test_the_word_for_what_follows_may_stand_in_a_value() -> None:
    assert read(b'{"odata.metadata":"odata.nextLink","value":[{"a":"odata.nextLink"}]}', 10) == [
        {"a": "odata.nextLink"}
    ]


@settings(max_examples=300, deadline=None)
@given(rows=ROWS.filter(bool), piece=st.integers(1, 200), share=st.floats(0, 1))
def test_an_answer_that_is_cut_is_never_taken_for_whole(rows: list[dict[str, Any]], piece: int, share: float) -> None:
    body = json.dumps({"value": rows}, ensure_ascii=False).encode()
    with pytest.raises(TransportError) as refused:
        read(body[: int(share * (len(body) - 1))], piece)
    assert refused.value.code == "E809"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"value":null}', b'{"value":[1,2,3,4,5,6,7]}',
        b'{"value":[[{"a":1},{"a":2}],[{"a":3}]]}',
        b'{"value":[{"a":1},{"a":2},7,{"a":3},{"a":4}]}', b'{"value":[{"a":1}{"a":2}]}',
        b'{"value":[{"a":1},,{"a":2}]}',
        b'{"value":[{"a":1},{"a":2}]', b'{"value":[{"a":1},{"a":2}]}x', b"<html><body>maintenance</body></html>",
        b'{"value":[{"a":1},{"a":2},]}', b'{"value":[{"a":"\xff"},{"a":2}]}', b'{"value":[{"a":1}]]',
    ],
)  # fmt: skip
@pytest.mark.parametrize("piece", [1, 7, 20, 1000])
def test_what_is_no_whole_set_is_an_error(body: bytes, piece: int) -> None:
    with pytest.raises(TransportError) as refused:
        read(body, piece)
    assert refused.value.code == "E809"


def test_atom_is_read_at_once() -> None:
    assert read(FEED, 10) == answers.page(FEED).records


def test_a_large_record_is_read_whole() -> None:
    rows = [{"Ключ": "x" * 5000, "b": [{"Ключ": n} for n in range(100)]}, *({"Ключ": str(n)} for n in range(50))]
    assert read(json.dumps({"value": rows}).encode(), 64) == rows


@settings(max_examples=300, deadline=None)
@given(rows=ROWS, piece=st.integers(1, 200))
def test_only_what_is_wanted_is_made(rows: list[dict[str, Any]], piece: int) -> None:
    whole = {"value": rows, "odata.count": "3"}
    body = json.dumps(whole).encode()
    wanted = Wanted(["Ключ", "b", "Ключ"])
    names = ("Ключ", "b")
    found = answers.page(json.dumps(whole | {"odata.nextLink": "n"}).encode(), wanted=wanted)
    assert (found.count, found.next) == (3, "n")
    for made in (found.records, read(body, piece, wanted)):
        assert [{n: row[n] for n in names if n in row} for row in made] == [
            {n: row[n] for n in names if n in row} for row in rows
        ]


def test_numbers_keep_their_digits_where_only_some_are_wanted() -> None:
    body = b'{"value":[{"a":0.10,"b":12345678901234567890123456789012345678.12,"c":5,"d":1e-7}]}'
    [row] = answers.page(body, wanted=Wanted("abc")).records
    assert [str(row[name]) for name in "abc"] == ["0.10", "12345678901234567890123456789012345678.12", "5"]
    assert isinstance(row["c"], int)
    assert isinstance(row["a"], Decimal)
    assert "d" not in row


@pytest.mark.parametrize("body", [b'{"value":[1]}', b'{"value":{}}', b'{"value":[{"a":1}', b"[]", b"{}", b"<a/>", b""])
def test_a_set_of_something_else_is_an_error_where_only_some_are_wanted(body: bytes) -> None:
    with pytest.raises(TransportError):
        answers.page(body, wanted=Wanted(["a"]))
