"""A gateway before 1C that sends a set in pieces: whoever asks gets all of it or an error, never a part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

import pytest

from syncd.adapters.odata import changes, following, reading, tables
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.filters import equals
from syncd.errors import RemoteError, TransportError
from tests.adapters.odata.conftest import Asked, Reply, Site, error, rows

KEYS = [str(UUID(int=number)) for number in range(1, 8)]
TABLE = "AccumulationRegister_X"
SHAPES = [
    "{path}?{query}", "{service}/{path}?{query}", "{root}/{path}?{query}", "http://1c.internal/x{service}/{path}?{query}",
]  # fmt: skip


class Gateway:
    """Sends two rows at a time. ``shape`` is how it writes its links."""

    def __init__(self, site: Site, shape: str = SHAPES[0]) -> None:
        self.site, self.shape = site, shape
        self.rows: list[dict[str, Any]] = [{"Ref_Key": key, "N": at, "ThisNode": False} for at, key in enumerate(KEYS)]

    def __call__(self, asked: Asked) -> Reply:
        if asked.path.endswith("/$count"):
            return Reply(str(len(self.rows)).encode())
        begun, token = int(asked.query.get("$skip", "0")), int(asked.query.get("$skiptoken", "0"))
        meant = self.rows[begun:][: int(asked.query.get("$top", "1000"))]
        extra = {"odata.nextLink": self.link(asked, token + 2)} if token + 2 < len(meant) else {}
        return rows(*meant[token : token + 2], **extra)

    def link(self, asked: Asked, token: int) -> str:
        kept = {**asked.query, "$skiptoken": str(token)}
        query = "&".join(f"{quote(name)}={quote(value)}" for name, value in kept.items())
        service = urlsplit(self.site.url).path
        return self.shape.format(path=quote(asked.path), query=query, root=self.site.url, service=service)


@pytest.mark.parametrize("shape", SHAPES)
def test_all_rows_of_a_table_come_whatever_the_links_look_like(site: Site, client: Client, shape: str) -> None:
    site.answer = Gateway(site, shape)
    found = tables.rows(client, TABLE, "Balance", condition=equals("Код", "О'Нил + 1"))
    assert [row["N"] for row in found] == list(range(7))
    assert len(site.asked) == 4
    assert {asked.path for asked in site.asked} == {f"{TABLE}/Balance(Condition='Код eq ''О''''Нил + 1''')"}
    assert all(asked.headers["Authorization"].startswith("Basic ") for asked in site.asked)


def test_nodes_behind_a_link_are_found(site: Site, client: Client) -> None:
    site.answer = Gateway(site)
    assert [node["N"] for node in changes.nodes(client, "ExchangePlan_X")] == list(range(7))


def test_a_search_gives_as_many_as_it_was_asked_for(site: Site, client: Client) -> None:
    site.answer = Gateway(site)
    assert [row["N"] for row in reading.find(client, "Catalog_X", equals("Code", "1"), most=5)] == list(range(5))
    assert len(site.asked) == 3


def test_objects_behind_a_link_are_not_taken_for_missing(site: Site, client: Client) -> None:
    site.answer = Gateway(site)
    assert reading.present(client, "Catalog_X", KEYS) == set(KEYS)


def test_pages_cut_short_are_filled_and_counted(site: Site, client: Client) -> None:
    site.answer = Gateway(site)
    pull = reading.Pull(client, "Catalog_X", ["N"], page_size=3)
    assert [row["N"] for batch in pull for row in batch.records] == list(range(7))
    assert pull.partial == set()


def test_a_piece_that_cannot_be_had_is_an_error_and_no_end(site: Site, client: Client) -> None:
    whole = Gateway(site)
    site.answer = lambda asked: error("-1", "x", 500) if "$skiptoken" in asked.query else whole(asked)
    with pytest.raises(RemoteError, match="E815"):
        tables.rows(client, TABLE, "Balance")


@pytest.mark.parametrize("link", ["https://thief.example/odata?x=1", "/elsewhere?x=1", "?x=1"])
def test_a_link_out_of_the_service_is_not_followed(site: Site, client: Client, link: str) -> None:
    site.answer = lambda _: rows({"N": 1}, **{"odata.nextLink": link})
    with pytest.raises(TransportError, match="E809"):
        tables.rows(client, TABLE, "Balance")
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: tables.rows(client, TABLE, "Balance"),
        lambda client: reading.find(client, "Catalog_X", equals("N", 1)),
        lambda client: list(reading.Pull(client, "Catalog_X")),
    ],
    ids=["table", "search", "set"],
)
def test_links_that_lead_in_a_circle_come_to_an_end(
    site: Site, client: Client, ask: Callable[[Client], object]
) -> None:
    site.answer = lambda _: rows(**{"odata.nextLink": "Catalog_X?$skiptoken=1"})
    with pytest.raises(TransportError, match="E809"):
        ask(client)
    assert len(site.asked) == 2


def test_links_that_always_differ_come_to_an_end_too(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST", 5)
    site.answer = lambda _: rows(**{"odata.nextLink": f"Catalog_X?$skiptoken={len(site.asked)}"})
    with pytest.raises(TransportError, match="E809"):
        tables.rows(client, TABLE, "Balance")
    assert len(site.asked) == 6
