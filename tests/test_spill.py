"""Rows of numbers that lie on disk say what lists in memory would."""

from __future__ import annotations

import errno
import itertools
import os
import pickle
from array import array
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd import spill
from syncd.spill import Numbers, Ordered, Parted, Places, Pool, ordered

LONG = st.one_of(st.integers(0, 20), st.integers(0, (1 << 64) - 1))
NUMBERS = st.lists(LONG, max_size=80)


@pytest.fixture(autouse=True, scope="module", params=["in pieces", "in memory", "without room"])
def size(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "in memory":
            for name, value in (("PIECE", 7), ("_BLOCK", 4), ("_MARK", 3), ("_KNOWN", 2), ("_NEAR_BYTES", 100)):
                patch.setattr(spill, name, value)
        if request.param == "without room":
            left = itertools.cycle((*[True] * 5, *[False] * 3))
            real = os.pwrite

            def pwrite(file: int, data: memoryview, at: int) -> int:
                if not next(left):
                    raise OSError(errno.ENOSPC, "No space left on device")
                return real(file, data, at)

            patch.setattr(os, "pwrite", pwrite)
        yield


@given(st.lists(NUMBERS, max_size=8), st.data())
def test_a_row_of_numbers_is_what_was_added(pieces: list[list[int]], data: st.DataObject) -> None:
    row, model = Numbers(), list[int]()
    for piece in pieces:
        match data.draw(st.sampled_from(("append", "extend", "bytes", "tail"))):
            case "append":
                for number in piece:
                    row.append(number)
            case "extend":
                row.extend(piece)
            case "bytes":
                row.extend_bytes(array("Q", piece).tobytes())
            case _:
                row.tail.extend(piece)
                row.settle()
        model += piece
        if model:
            at = data.draw(st.integers(0, len(model) - 1))
            assert row[at] == model[at]
            number = data.draw(LONG)
            if row.amend(at, number):
                model[at] = number
            assert row[at] == model[at]
    assert len(row) == len(model)
    assert list(row) == model
    assert [number for piece in row.pieces() for number in piece] == model
    begin = data.draw(st.integers(0, len(model)))
    end = data.draw(st.integers(begin, len(model)))
    assert list(row.slice(begin, end)) == model[begin:end]
    for at in data.draw(st.permutations(range(len(model)))):
        assert row[at] == model[at]
    for at, number in enumerate(model):
        near, first = row.piece(at)
        assert near[at - first] == number


@given(NUMBERS, NUMBERS)
def test_numbers_are_put_in_order_each_once(numbers: list[int], others: list[int]) -> None:
    found = ordered(numbers)
    assert list(found) == sorted(set(numbers))
    assert len(found) == len(set(numbers))
    for number in (*numbers, *others):
        assert (number in found) == (number in set(numbers))
        assert found.place(number) == (sorted(set(numbers)).index(number) if number in numbers else -1)
    assert [number for part in range(256) for number in found.part(part)] == sorted(set(numbers))


@given(NUMBERS)
def test_parts_hold_what_was_put_by_its_highest_bits(numbers: list[int]) -> None:
    parted = Parted()
    parted.put(numbers)
    assert parted.number == len(numbers)
    for place, part in enumerate(parted.parts()):
        assert list(part) == [number for number in numbers if number >> 56 == place]


@given(NUMBERS, NUMBERS)
def test_a_number_is_found_where_it_stands_first(numbers: list[int], others: list[int]) -> None:
    row = Numbers()
    row.extend(numbers)
    places = Places(row)
    for number in (*numbers, *others):
        assert places.find(number) == (numbers.index(number) if number in numbers else -1)


@given(st.lists(st.lists(LONG, min_size=1, max_size=9), max_size=12))
def test_a_pool_gives_back_each_piece(pieces: list[list[int]]) -> None:
    pool = Pool()
    numbers = [pool.put(array("Q", piece)) for piece in pieces]
    assert [list(pool.get(number)) for number in numbers] == pieces
    if len(pieces) > 1:
        assert pool.put(array("Q", pieces[-1])) == numbers[-1]


def test_a_small_pool_travels_between_processes() -> None:
    pool = Pool()
    number = pool.put(array("Q", (1, 2)))
    assert list(pickle.loads(pickle.dumps(pool)).get(number)) == [1, 2]


def test_numbers_of_two_bytes_are_kept_as_such() -> None:
    row = Numbers("H")
    row.extend(range(40_000))
    assert row.slice(39_998, 40_000) == array("H", (39_998, 39_999))


def test_nothing_is_in_an_empty_order() -> None:
    empty = Ordered()
    assert not empty
    assert 5 not in empty
