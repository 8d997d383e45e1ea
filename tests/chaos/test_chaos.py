"""A short run of ``make chaos``: every kind of blow once, under load."""

from __future__ import annotations

import random

import pytest

from chaos.__main__ import show
from chaos.plan import blows
from chaos.runner import run


@pytest.mark.timeout(420)
def test_every_accepted_order_is_one_document_whatever_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.randrange(1_000_000)
    report = run(seed, orders=36, number=16, pause=0.8)
    with capsys.disabled():
        print(f"\nchaos, seed {seed}")
        show(report)
    assert report.problems == []
    assert report.accepted == 72
    assert len(report.blows) == 16, "every kind of blow"
    assert report.strikes, "1C answered badly too"
    assert report.restarts >= 6 + 5, "processes died and came back; two blows may meet in one"


@pytest.mark.timeout(420)
def test_over_odata_the_mark_alone_keeps_orders_from_being_doubled(capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.randrange(1_000_000)
    report = run(seed, orders=18, number=16, pause=0.8, via="odata")
    with capsys.disabled():
        print(f"\nchaos over OData, seed {seed}")
        show(report)
    assert report.problems == []
    assert report.accepted == 36
    assert len(report.blows) == 16, "every kind of blow"
    assert report.strikes, "1C answered badly too"


def test_a_seed_repeats_a_run() -> None:
    assert blows(7, 50, pause=1.0) == blows(7, 50, pause=1.0) != blows(8, 50, pause=1.0)
