"""What packages stated: hashes in pieces, put in order and compared a part at a time."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.store import seen, stated
from syncd.store.stated import Hashes, Seen

NUMBERS = st.lists(st.one_of(st.integers(0, 20), st.integers(0, (1 << 64) - 1)), max_size=60)


@pytest.fixture(autouse=True, scope="module")
def in_small_parts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seen, "_CHUNK", 7)
        patch.setattr(stated, "_AT_ONCE", 7)
        yield


def hashes(*pieces: list[int]) -> Hashes:
    made = Hashes()
    for piece in pieces:
        made.share(array("Q", piece))
    return made


@given(NUMBERS, NUMBERS)
def test_what_is_packed_is_in_order_and_each_once(some: list[int], more: list[int]) -> None:
    packed = seen.pack(hashes(some, more, some))
    assert list(seen.unpack(packed)) == sorted({*some, *more})


@given(NUMBERS, NUMBERS)
def test_different_ones_are_counted_over_all(some: list[int], more: list[int]) -> None:
    assert stated.distinct([hashes(some, more), hashes(more)]) == len({*some, *more})


@given(NUMBERS, NUMBERS)
def test_what_is_missing_is_found_unless_it_is_too_much(stored: list[int], known: list[int]) -> None:
    found = seen.missing(array("Q", stored), array("Q", sorted(set(known))))
    absent = set(stored) - set(known)
    assert found == absent or (found is None and len(absent) > 7)


def test_pieces_of_an_offer_its_prices_and_its_stocks_are_kept_once() -> None:
    made = Seen()
    for number in range(5):
        for entity in ("offer", "price", "stock"):
            made.add(entity, f"o{number}")
    made.settle()
    whole = Seen()
    whole.take(made)
    pieces = [whole.keys[entity, ""].pieces for entity in ("offer", "price", "stock")]
    assert pieces[0][0] is pieces[1][0] is pieces[2][0]
    whole.add("price", "another")
    assert len(whole.keys["price", ""]) == 6
    assert len(whole.keys["stock", ""]) == 5, "a shared piece is not added to"
