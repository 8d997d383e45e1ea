"""What packages stated: hashes in pieces, put in order and compared a part at a time."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.spill import Parted, Pool, ordered
from syncd.store import seen
from syncd.store.stated import Hashes, Seen

NUMBERS = st.lists(st.one_of(st.integers(0, 20), st.integers(0, (1 << 64) - 1)), max_size=60)


@pytest.fixture(autouse=True, scope="module")
def in_small_parts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seen, "_LISTED", 7)
        yield


def hashes(*pieces: list[int]) -> Hashes:
    made = Hashes(Pool())
    for piece in pieces:
        made.share([made.pool.put(array("Q", piece))])
    return made


@given(NUMBERS, NUMBERS)
def test_different_ones_are_counted_over_all(some: list[int], more: list[int]) -> None:
    made = Seen()
    for number in some:
        made.add("offer", str(number))
    for number in more:
        made.add("offer", str(number), "c1")
    assert made.distinct("offer") == len({*some, *more})
    assert made.distinct("product") == 0


@given(NUMBERS, NUMBERS)
def test_what_is_missing_is_found_unless_it_is_too_much(stored: list[int], known: list[int]) -> None:
    parted = Parted()
    parted.put(stored)
    found = seen.missing(parted, ordered(known))
    absent = set(stored) - set(known)
    assert found == absent or (found is None and len(absent) > 7)


@given(NUMBERS, NUMBERS)
def test_an_overlap_is_found(keys: list[int], stated: list[int]) -> None:
    assert seen.overlap(keys, ordered(stated)) == bool(set(keys) & set(stated))


def test_pieces_of_an_offer_its_prices_and_its_stocks_are_kept_once() -> None:
    made = Seen()
    for number in range(5):
        for entity in ("offer", "price", "stock"):
            made.add(entity, f"o{number}")
    made.settle()
    whole = Seen()
    whole.take(made)
    pieces = [list(whole.keys[entity, ""].pieces) for entity in ("offer", "price", "stock")]
    assert pieces[0] == pieces[1] == pieces[2] == [0]
    whole.add("price", "another")
    assert len(whole.keys["price", ""]) == 6
    assert len(whole.keys["stock", ""]) == 5, "a shared piece is not added to"
