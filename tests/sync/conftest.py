"""What the tests of the use cases share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.site import OneC, Site, running


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with running(database_url) as found:
        yield found


@pytest.fixture
def onec(site: Site) -> OneC:
    return OneC(site)
