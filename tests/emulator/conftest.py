"""What the tests of the emulated 1C share: an honest site and a client that talks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.emulator.client import StandardClient
from tests.emulator.honest_site import LOGIN, PASSWORD, HonestSite


@pytest.fixture
def site() -> Iterator[HonestSite]:
    honest = HonestSite()
    yield honest
    honest.close()


@pytest.fixture
def client(site: HonestSite) -> Iterator[StandardClient]:
    with StandardClient(site.address, LOGIN, PASSWORD, timeout=10, attempts=1) as standard:
        yield standard
