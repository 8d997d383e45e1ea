"""What the OpenAPI schema promises, asked at random: there is always an answer, and never a failure inside."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis

from tests.api.site import Site

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.core.result import Ok

EXAMPLES = 6
"""For every operation: the whole takes a few seconds."""


@pytest.fixture(scope="module")
def everywhere(worker_database: str) -> Iterator[tuple[Site, str]]:
    site = Site(worker_database)
    yield site, site.key("random")
    site.http.close()  # the application was started in full, and closed the database when it ended


@pytest.fixture
def schema(everywhere: tuple[Site, str]) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_asgi("/openapi.json", everywhere[0].app)


def test_no_request_that_the_schema_allows_or_forbids_breaks_the_api(
    everywhere: tuple[Site, str], schema: schemathesis.BaseSchema
) -> None:
    key = everywhere[1]
    asked = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()

        @hypothesis(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case[Any]) -> None:
            nonlocal asked
            asked += 1
            headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": f"k{asked}"}
            response = case.call(headers=headers)
            assert response.status_code < 500, (case.path, response.text)
            assert response.content

        ask()
    assert asked > 20
