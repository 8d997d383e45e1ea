"""A running base and a plain HTTP client for it, shared by the tests of the emulated OData interface."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from syncd.emulator.odata import OdataBase

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpus" / "odata"
EMPTY = "00000000-0000-0000-0000-000000000000"
PASSWORD = "пароль"


@dataclass
class Wire:
    """Sends requests as they are written: what is percent-encoded is encoded as UTF-8, ``+`` is left alone."""

    base: OdataBase
    http: httpx.Client

    def send(self, method: str, address: str, **rest: Any) -> httpx.Response:
        path, mark, query = address.partition("?")
        safe = "$,'()/:;=&+%@*~-._"
        return self.http.request(
            method, self.base.url + quote(path, safe=safe) + mark + quote(query, safe=safe), **rest
        )

    def get(self, address: str) -> httpx.Response:
        return self.send("GET", address)

    def json(self, address: str) -> Any:
        """The body of a successful answer in JSON without metadata."""
        mark = "&" if "?" in address else "?"
        answer = self.get(f"{address}{mark}$format=application/json;odata=nometadata")
        assert answer.status_code == 200, answer.text
        return json.loads(answer.content.decode("utf-8-sig"))

    def rows(self, address: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.json(address)["value"]
        return found

    def write(self, method: str, address: str, body: Any, **headers: str) -> httpx.Response:
        mark = "&" if "?" in address else "?"
        return self.send(method, f"{address}{mark}$format=json", json=body, headers=headers)

    def error(self, answer: httpx.Response) -> tuple[int, str, str]:
        """Status, 1C's code and text of a refusal."""
        found = json.loads(answer.content.decode("utf-8-sig"))["odata.error"]
        return answer.status_code, found["code"], found["message"]["value"]

    def refused(self, address: str) -> tuple[int, str, str]:
        mark = "&" if "?" in address else "?"
        return self.error(self.get(f"{address}{mark}$format=json"))


Connect = Callable[..., Wire]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Starts bases of any kind and gives a client for each."""
    with ExitStack() as stack:

        def start(preset: str = "ut11", **rest: Any) -> Wire:
            running = stack.enter_context(OdataBase(preset, **{"size": 20, **rest}).running())
            auth = (running.user.encode(), running.password.encode())
            return Wire(running, stack.enter_context(httpx.Client(auth=auth, timeout=20, verify=False)))

        yield start


@pytest.fixture
def odata(connect: Connect) -> Wire:
    return connect(seed=1, size=40, user="обмен", password=PASSWORD)


@pytest.fixture
def unf(connect: Connect) -> Wire:
    return connect("unf", seed=1, size=40)


def corpus(name: str) -> Path:
    """A file of the corpus beside the checkout; the test is skipped without it."""
    path = CORPUS / name
    if not path.exists():
        pytest.skip("the corpus is not here")
    return path
