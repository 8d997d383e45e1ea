"""Reading fixtures and short documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.commerceml.reader import Reader, ReadPolicy
from syncd.model.records import Item

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "commerceml"

Read = Callable[..., tuple[list[Item], Reader]]


@pytest.fixture
def read_fixture() -> Read:
    """Items and reader of a document in tests/fixtures/commerceml."""

    def read(name: str, policy: ReadPolicy | None = None, size: int = 1 << 20) -> tuple[list[Item], Reader]:
        data = (FIXTURES / name).read_bytes()
        reader = Reader([data[start : start + size] for start in range(0, len(data), size)], policy=policy)
        return list(reader), reader

    return read


@pytest.fixture
def read_xml() -> Read:
    """Items and reader of what stands inside the root element."""

    def read(inner: str, policy: ReadPolicy | None = None) -> tuple[list[Item], Reader]:
        text = f'<КоммерческаяИнформация ВерсияСхемы="2.08">{inner}</КоммерческаяИнформация>'
        reader = Reader([text.encode()], policy=policy)
        return list(reader), reader

    return read
