"""Pages that overlap: rows come once, in order, and no row that stayed is lost while others come and go."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.adapters.odata.answers import Page, Record
from syncd.adapters.odata.paging import Ahead, Overlap
from syncd.errors import TransportError


def served(rows: list[int], skip: int, top: int) -> Page:
    return Page([{"Ref_Key": str(row)} for row in rows[skip : skip + top]])


def numbers(records: list[Record]) -> list[int]:
    return [int(record["Ref_Key"]) for record in records]


def for_ever(overlap: Overlap, page: Callable[[], Page]) -> None:
    for _ in range(1000):
        overlap.take(page())


@given(st.integers(min_value=0, max_value=40), st.integers(min_value=1, max_value=7))
def test_a_set_that_stands_still_is_read_once_and_whole(many: int, size: int) -> None:
    rows = list(range(many))
    overlap = Overlap(("Ref_Key",), size)
    taken: list[int] = []
    while not overlap.ended:
        taken += numbers(overlap.take(served(rows, overlap.skip, overlap.top)))
    assert taken == rows
    assert not overlap.shifted
    assert overlap.taken == many


@given(st.data())
def test_rows_that_stayed_are_read_once_whatever_comes_and_goes(data: st.DataObject) -> None:
    size = data.draw(st.integers(min_value=2, max_value=6))
    rows = [number * 10 for number in range(data.draw(st.integers(min_value=0, max_value=40)))]
    stayed = set(rows)
    overlap = Overlap(("Ref_Key",), size)
    taken: list[int] = []
    for _ in range(200):
        if overlap.ended:
            break
        taken += numbers(overlap.take(served(rows, overlap.skip, overlap.top)))
        for _ in range(data.draw(st.integers(min_value=0, max_value=2))):
            number = data.draw(st.integers(min_value=-40, max_value=200))
            if number < 0:
                gone = set(rows[number:][:1])
                rows = [row for row in rows if row not in gone]
                stayed -= gone
            else:
                rows = sorted({*rows, number * 2 + 1})
    assert overlap.ended
    assert len(taken) == len(set(taken))
    assert stayed <= set(taken)


def test_a_row_inserted_before_the_page_is_noticed() -> None:
    overlap = Overlap(("Ref_Key",), 2)
    assert numbers(overlap.take(served([1, 2, 3, 4], 0, 2))) == [1, 2]
    assert numbers(overlap.take(served([0, 1, 2, 3, 4], overlap.skip, overlap.top))) == [3]
    assert overlap.shifted


def test_a_row_removed_before_the_page_hides_none() -> None:
    overlap = Overlap(("Ref_Key",), 2)
    overlap.take(served([1, 2, 3, 4, 5], 0, 2))
    rows = [2, 3, 4, 5]
    taken: list[int] = []
    while not overlap.ended:
        taken += numbers(overlap.take(served(rows, overlap.skip, overlap.top)))
    assert taken == [3, 4, 5]
    assert overlap.shifted


def test_a_read_goes_on_where_it_stopped() -> None:
    overlap = Overlap(("Ref_Key",), 2, taken=2, last=("2",))
    assert (overlap.skip, overlap.top) == (1, 3)
    assert numbers(overlap.take(served([1, 2, 3], 1, 3))) == [3]
    assert overlap.ended
    assert not overlap.shifted


def test_a_short_page_with_a_next_one_is_not_the_end() -> None:
    overlap = Overlap(("Ref_Key",), 10)
    overlap.take(Page([{"Ref_Key": "1"}], next="more"))
    assert not overlap.ended


@pytest.mark.parametrize("before", [[], ["1", "2"]])
def test_empty_pages_that_promise_more_come_to_an_end(before: list[str]) -> None:
    overlap = Overlap(("Ref_Key",), 2)
    if before:
        overlap.take(Page([{"Ref_Key": key} for key in before]))
    with pytest.raises(TransportError, match="E809"):
        for_ever(overlap, lambda: Page([], next="more"))
    assert not overlap.ended


def test_rows_added_before_each_page_do_not_end_a_read() -> None:
    rows = list(range(100, 110))
    overlap = Overlap(("Ref_Key",), 2)
    taken: list[int] = []
    while not overlap.ended:
        taken += numbers(overlap.take(served(rows, overlap.skip, overlap.top)))
        if rows[0] > 40:  # twenty times as many as a page holds: each brings old rows only
            rows = [*range(rows[0] - overlap.top, rows[0]), *rows]
    assert set(range(100, 110)) <= set(taken)
    assert overlap.shifted


def test_a_server_that_does_not_heed_skip_is_not_asked_for_ever() -> None:
    overlap = Overlap(("Ref_Key",), 2)
    with pytest.raises(TransportError, match="E809"):
        for_ever(overlap, lambda: served(list(range(10)), 0, overlap.top))


def test_the_next_page_is_fetched_while_this_one_is_worked_on() -> None:
    threads: list[str] = []

    def work(skip: int, top: int) -> Page:
        threads.append(threading.current_thread().name)
        return served(list(range(10)), skip, top)

    ahead = Ahead(work)
    ahead.start(2, 3)
    assert numbers(ahead.get(2, 3).records) == [2, 3, 4]
    assert numbers(ahead.get(1, 2).records) == [1, 2]
    assert threads[0].startswith("odata-ahead")
    assert threads[-1] == threading.current_thread().name


def test_a_page_that_failed_ahead_fails_when_it_is_asked_for() -> None:
    def work(_skip: int, _top: int) -> Page:
        raise ZeroDivisionError

    ahead = Ahead(work)
    ahead.start(0, 1)
    with pytest.raises(ZeroDivisionError):
        ahead.get(0, 1)


def test_a_page_that_is_not_wanted_any_more_is_thrown_away() -> None:
    ahead = Ahead(lambda skip, top: served(list(range(10)), skip, top))
    ahead.start(5, 3)
    assert numbers(ahead.get(1, 2).records) == [1, 2]
