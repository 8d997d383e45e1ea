"""The interpreter's settings for bulk work are put back when the last of it ends."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest

from syncd.sync.bulk import bulk


def test_settings_are_put_back_by_the_last_to_end() -> None:
    before = gc.get_threshold(), sys.getswitchinterval()
    one, two = bulk(), bulk()
    one.__enter__()
    within = gc.get_threshold(), sys.getswitchinterval()
    assert within != before
    two.__enter__()
    one.__exit__(None, None, None)
    assert (gc.get_threshold(), sys.getswitchinterval()) == within
    assert gc.get_freeze_count() > 0
    two.__exit__(None, None, None)
    assert (gc.get_threshold(), sys.getswitchinterval()) == before
    assert gc.get_freeze_count() == 0


def test_settings_are_put_back_after_a_failure() -> None:
    before = gc.get_threshold()
    with pytest.raises(ValueError, match="x"), bulk():
        raise ValueError("x")
    assert gc.get_threshold() == before


def test_what_the_work_left_in_rings_is_gone_at_its_end() -> None:
    class Ring:
        def __init__(self) -> None:
            self.itself = self

    with bulk():
        gone = weakref.ref(Ring())
    assert gone() is None
