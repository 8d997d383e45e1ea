"""Bytes that wait for Postgres: in memory, then in a file, then in memory again when the disk is full."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.store import backlog
from syncd.store.backlog import Backlog


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backlog, "_IN_MEMORY", 20)
        patch.setattr(backlog, "_ON_DISK", 100)
        yield


@given(st.lists(st.one_of(st.binary(max_size=30), st.none()), max_size=60))
def test_what_is_put_is_taken_in_order(steps: list[bytes | None]) -> None:
    found = Backlog()
    waiting: deque[tuple[backlog.Piece, bytes]] = deque()
    for data in steps:
        if data is not None and found.has_room(len(data)):
            waiting.append((found.put(data), data))
        elif waiting:
            piece, expected = waiting.popleft()
            assert found.take(piece) == expected
    assert all(found.take(piece) == expected for piece, expected in waiting)
    assert found.has_room(100)
    found.close()


def test_there_is_room_until_the_file_is_full() -> None:
    found = Backlog()
    pieces = [found.put(b"x" * 20) for _ in range(6)]
    assert pieces[0].data is not None
    assert all(piece.data is None for piece in pieces[1:])
    assert not found.has_room(1)
    for piece in pieces:
        found.take(piece)
    assert found.has_room(20)
    found.close()


def test_a_full_disk_costs_memory_for_a_moment_and_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Backlog()
    first = found.put(b"x" * 20)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    second = found.put(b"y" * 20)
    assert not found.has_room(1), "no more than one piece too much"
    assert (found.take(first), found.take(second)) == (b"x" * 20, b"y" * 20)
    assert found.has_room(1)
    found.close()
