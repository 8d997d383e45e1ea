"""What is known of records: its memory does not grow with them, and their order may change."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable

import pytest

from syncd.commerceml.known import Known
from syncd.spill import Numbers
from syncd.store.stated import Seen
from tests.commerceml.test_fast import kept

SPREAD = 0x9E3779B97F4A7C15
LAST = (1 << 64) - 1
OFFER = (("offer", 1), ("price", 3))


def key(number: int) -> int:
    return (number + 1) * SPREAD & LAST


def read(known: Known, numbers: range) -> None:
    """Records with these numbers went to the reader and were good."""
    for number in numbers:
        known.learn(known.let_through(key(number), number), OFFER)


def learnt(number: int) -> None:
    known = Known()
    read(known, range(number))
    for _ in known.merged():
        pass


def stated(number: int) -> None:
    seen = Seen()
    for place in range(number):
        for entity in ("offer", "price"):
            seen.add(entity, str(place))
    assert seen.distinct("price") == number


def looked_for(number: int) -> None:
    row = Numbers()
    row.extend(map(key, range(number)))
    known = Known(keys=row, values=row, signature_numbers=_zeros(number), signatures=[OFFER])
    assert all(known.skip(key(place), key(place)) for place in range(number - 1, -1, -max(1, number // 500)))


def _zeros(number: int) -> Numbers:
    row = Numbers("H")
    row.extend_bytes(bytes(2 * number))
    return row


def peak(work: Callable[[int], None], number: int) -> int:
    tracemalloc.start()
    try:
        work(number)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("work", [learnt, stated, looked_for])
def test_memory_does_not_grow_with_the_number_of_records(work: Callable[[int], None]) -> None:
    few, many = peak(work, 150_000), peak(work, 450_000)
    assert many - few < 300_000 * 8, "less than eight bytes of each"


def test_records_in_another_order_are_known_all_the_same() -> None:
    known = Known()
    read(known, range(40_000))
    known, order = kept(known), list(range(40_000))
    random.Random(1).shuffle(order)
    assert all(known.skip(key(number), number) for number in order)
    assert not known.changed
    assert list(kept(known).values) == order


def test_what_came_is_kept_in_its_order_and_the_rest_behind_it() -> None:
    known = Known()
    read(known, range(50_000))
    known = kept(known)
    came = [number if number % 10_000 else number + 1_000_000 for number in range(30_000, 50_000)]
    for number, value in enumerate(came, 30_000):
        if not known.skip(key(number), value):
            known.learn(known.let_through(key(number), value), OFFER)
    assert known.rows_skipped()["price"] == 3 * (20_000 - 2)
    assert list(kept(known).values) == [*came, *range(30_000)]


def test_of_a_record_that_came_twice_the_last_statement_is_known() -> None:
    known = Known()
    for value in (1, 2, 3):
        known.learn(known.let_through(key(7), value), OFFER)
    read(known, range(8, 20_000))
    known = kept(known)
    assert known.values[0] == 3
    assert len(known.keys) == 20_000 - 7
