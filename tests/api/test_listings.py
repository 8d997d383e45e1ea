"""Reading the catalogue: filters that mean what they say, pages that miss and repeat nothing, and who may read."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urljoin

import pytest

from syncd.model import ENTITIES
from syncd.model.records import Record
from syncd.store import access
from syncd.store.merge import merge_entity
from syncd.store.stage import Stage
from tests.api.site import OneC, Site, catalogue

PLURALS = [entity.plural for entity in ENTITIES.values()]


@pytest.fixture
def key(site: Site) -> str:
    return site.key()


def store(site: Site, *records: Record, tenant: str = "default", seq: int = 1) -> None:
    """Put records in as an import does."""
    with site.ctx.db.dedicated() as conn:
        stage = Stage(conn)
        stage.begin_file(0)
        for record in records:
            stage.add(record)
        stage.flush()
        with conn.transaction():
            for name in ENTITIES:
                if name in stage.entities:
                    merge_entity(conn, name, tenant=tenant, source_seq=seq, whole_sets=False)


def product(id_: str, *categories: str, deleted: bool = False, **fields: Any) -> Record:
    return Record(
        "product", (id_,), {"name": f"Товар {id_}", "category_ids": list(categories), **fields}, deleted=deleted
    )


def ids(site: Site, key: str, query: str, plural: str = "products") -> list[str]:
    response = site.get(f"/v1/{plural}?{query}", key)
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json()["items"]]


def pages(site: Site, key: str, query: str, plural: str = "products") -> list[dict[str, Any]]:
    """All records, page by page."""
    found: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        body = site.get(f"/v1/{plural}?{query}" + (f"&after={after}" if after else ""), key).json()
        found += body["items"]
        after = body["next"]
    return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["a", "b", "c"]),
        ("ids=a,c", ["a", "c"]),
        ("ids=a&ids=c,b", ["a", "b", "c"]),
        ("ids=,a,,", ["a"]),
        ("ids=nothing", []),
        ("category=k1", ["a", "b"]),
        ("category=k2,k3", ["b", "c"]),
        ("category=k1&sku=S-b", ["b"]),
        ("sku=S-a&sku=S-c", ["a", "c"]),
        ("limit=2", ["a", "b"]),
        ("deleted=true", ["a", "b", "c", "d"]),
        ("ids=d", []),
        ("ids=d&deleted=1", ["d"]),
    ],
)
def test_filters_mean_what_they_say(site: Site, key: str, query: str, expected: list[str]) -> None:
    store(
        site, product("a", "k1", sku="S-a"), product("b", "k1", "k2", sku="S-b"), product("c", "k3", sku="S-c"),
        product("d", deleted=True),
    )  # fmt: skip
    store(site, product("other", "k1"), tenant="other")
    assert ids(site, key, query) == expected


def test_an_empty_list_of_ids_does_not_answer_with_everything(site: Site, key: str) -> None:
    store(site, product("a"))
    response = site.get("/v1/products?ids=", key)
    assert response.status_code == 422 or response.json()["items"] == []


def test_offers_prices_and_stocks_are_found_by_the_category_of_their_product(site: Site, key: str) -> None:
    store(
        site, product("p1", "k1"), product("p2", "k2"),
        Record("offer", ("p1#x",), {"product_id": "p1"}), Record("offer", ("p2",), {"product_id": "p2"}),
        Record("price", ("p1#x", "retail", "RUB", Decimal(0)), {"value": Decimal("10.5000")}),
        Record("price", ("p2", "retail", "RUB", Decimal(0)), {"value": Decimal(1)}),
        Record("stock", ("p1#x", ""), {"on_hand": Decimal("-1.250")}),
    )  # fmt: skip
    assert ids(site, key, "category=k1", "offers") == ["p1#x"]
    prices = site.get("/v1/prices?category=k1", key).json()["items"]
    assert [(price["offer_id"], price["value"]) for price in prices] == [("p1#x", "10.5000")]
    stocks = site.get("/v1/stocks?category=k1", key).json()["items"]
    assert [(stock["offer_id"], stock["on_hand"]) for stock in stocks] == [("p1#x", "-1.250")]
    assert site.get("/v1/offers/p1%23x", key).json()["id"] == "p1#x"


@pytest.mark.parametrize(("given", "hint"), [("categry=k1", "category"), ("offset=5", "known: "), ("id=a", "ids")])
def test_an_unknown_parameter_is_refused_with_a_suggestion(site: Site, key: str, given: str, hint: str) -> None:
    response = site.get(f"/v1/products?{given}", key)
    assert response.status_code == 422
    assert hint in response.json()["error"]["message"]


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "1e9", "99999999999999999999999"])
def test_a_limit_outside_is_refused(site: Site, key: str, limit: str) -> None:
    assert site.get(f"/v1/products?limit={limit}", key).status_code == 422


def test_pages_cover_everything_once_while_records_arrive(site: Site, key: str) -> None:
    store(site, *(product(f"p{n:03}") for n in range(0, 100, 2)))
    seen: list[str] = []
    after = ""
    for page in range(100):
        body = site.get("/v1/products?limit=7" + (f"&after={after}" if after else ""), key).json()
        seen += [item["id"] for item in body["items"]]
        store(site, product(f"p{(page * 37) % 100 | 1:03}"), product(f"p{page * 2:03}", sku="new"), seq=page + 2)
        if body["next"] is None:
            break
        after = body["next"]
    assert len(seen) == len(set(seen))
    assert seen == sorted(seen)
    assert {f"p{n:03}" for n in range(0, 100, 2)} <= set(seen)


@pytest.mark.parametrize("limit", [1, 2, 3, 500])
def test_pages_of_a_key_of_four_fields_are_whole(site: Site, key: str, limit: int) -> None:
    keys = [(f"o{n % 3}", f"t{n % 2}", "RUB", Decimal(n)) for n in range(12)]
    store(site, *(Record("price", k, {"value": Decimal(1)}) for k in keys))
    found = pages(site, key, f"limit={limit}", "prices")
    assert [(p["offer_id"], p["price_type_id"], p["currency"], Decimal(p["min_quantity"])) for p in found] == sorted(
        keys
    )


def cursor(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("plural", ["products", "prices"])
@pytest.mark.parametrize(
    "after",
    [
        "x", "%00", "====", "ключ", "a" * 1999, cursor([]), cursor({}), cursor("a"), cursor(None), cursor([None] * 4),
        cursor([["a"]]), cursor(["a\u0000"]), cursor(["a", "b", "RUB", "NaN"]), cursor(["a", "b", "RUB", "sNaN"]),
        cursor(["a", "b", "RUB", "1e999999"]), cursor(["a", "b", "RUB", "-Infinity"]), cursor(["a", "b", "RUB", "x"]),
        cursor(["\ud800", "b", "RUB", "1"]), cursor(["a\u0000", "b", "RUB", "1"]), cursor([{"a": 1}]), cursor([1]),
    ],
)  # fmt: skip
def test_a_cursor_that_is_not_ours_is_refused_or_harmless(site: Site, key: str, plural: str, after: str) -> None:
    response = site.get(f"/v1/{plural}?after={quote(after, safe='%=')}", key)
    assert response.status_code in {200, 400, 422}, response.text
    if response.status_code == 400:
        assert response.json()["error"]["code"] == "E308"


@pytest.mark.parametrize("path", ["products", "orders", "prices"])
@pytest.mark.parametrize(
    ("moment", "status"),
    [
        ("2026-01-31T12:00:00", 422),
        ("2026-01-31T12:00:00%2B03:00", 200),
        ("2026-01-31T12:00:00Z", 200),
        ("0001-01-01T00:00:00%2B14:00", None),
        ("9999-12-31T23:59:59-23:59", None),
        ("2026-01-31T12:00:00%2B23:59", None),
        ("yesterday", 422),
        ("1e400", 422),
        ("99999999999999999", None),
    ],
)
def test_changed_since_needs_a_zone_and_never_breaks(
    site: Site, key: str, path: str, moment: str, status: int | None
) -> None:
    response = site.get(f"/v1/{path}?changed_since={moment}", key)
    assert response.status_code == status or (status is None and response.status_code in {200, 422}), response.text


def test_changed_since_gives_what_changed(site: Site, key: str) -> None:
    store(site, product("a"), product("b"))
    row = site.row("SELECT max(updated_at) AS at FROM products")
    store(site, product("b", sku="new"), product("a"), seq=2)
    later = (row["at"] + timedelta(microseconds=1)).isoformat().replace("+", "%2B")
    assert ids(site, key, f"changed_since={later}") == ["b"]


def test_the_answer_tells_how_old_it_is(site: Site, onec: OneC, key: str) -> None:
    empty = site.get("/v1/products", key).json()
    assert (empty["as_of"], empty["age_seconds"]) == (None, None)
    onec.push("import.xml", catalogue("Стул"))
    body = site.get("/v1/products", key).json()
    assert 0 <= body["age_seconds"] < 60
    assert datetime.now(UTC) - datetime.fromisoformat(body["as_of"]) < timedelta(seconds=60)
    onec.push("import.xml", catalogue("Стул"))
    assert site.get("/v1/products", key).json()["as_of"] > body["as_of"], "the same data again is newer knowledge"


@pytest.mark.parametrize("id_", ["none", "%00", "a%2Fb", "..%2F..", "%F0%9F%98%80", "a" * 5000, "%ED%A0%80"])
@pytest.mark.parametrize("plural", ["products", "offers"])
def test_an_id_that_is_not_there_is_not_found(site: Site, key: str, plural: str, id_: str) -> None:
    response = site.get(f"/v1/{plural}/{id_}", key)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "E305"


def test_a_record_of_another_company_is_not_found(site: Site, key: str) -> None:
    store(site, product("a"), tenant="other")
    assert site.get("/v1/products/a", key).status_code == 404
    assert ids(site, key, "ids=a&deleted=true") == []
    assert site.get("/v1/products/a", site.key(tenant="other")).status_code == 200


@pytest.mark.parametrize("plural", PLURALS)
def test_every_listing_answers_and_needs_a_key(site: Site, key: str, plural: str) -> None:
    assert site.get(f"/v1/{plural}", key).json()["items"] == []
    for headers in ({}, {"Authorization": "Bearer sk_unknown"}, {"Authorization": "Basic " + key}, {"X-Api-Key": "x"}):
        response = site.http.get(f"/v1/{plural}", headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (401, "E306")
    assert site.http.get(f"/v1/{plural}", headers={"X-Api-Key": key}).status_code == 200


def test_a_key_does_what_its_scopes_allow(site: Site) -> None:
    reader, seller = site.key(scopes=("read",)), site.key(scopes=("orders",))
    assert site.get("/v1/products", reader).status_code == 200
    assert site.get("/v1/products", seller).json()["error"]["code"] == "E310"
    assert site.order(reader, "k", {}).status_code == 403
    assert site.count("idempotency") == 0


def test_a_revoked_key_opens_nothing(site: Site, key: str) -> None:
    with site.ctx.db.transaction() as conn:
        assert access.revoke_key(conn, "default", "shop 0")
        assert not access.revoke_key(conn, "default", "shop 0")
    assert site.get("/v1/products", key).status_code == 401


def test_errors_are_said_in_the_language_asked_for(site: Site) -> None:
    said = site.http.get("/v1/products", headers={"Accept-Language": "ru-RU,ru"}).json()["error"]
    assert "API-ключ" in said["message"]
    assert said["owner"] == "storefront"
    assert said["correlation"]
    assert site.http.get("/v1/products", headers={"X-Request-Id": "abc"}).json()["error"]["correlation"] == "abc"


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_pages_of_the_documentation_load_nothing_from_outside(site: Site, page: str) -> None:
    html = site.http.get(page).text
    found = re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)["']""", html)
    assert found
    for address in [*found, *re.findall(r"""url\(["']?([^"')]+)""", html), "/openapi.json"]:
        whole = urljoin("http://testserver" + page, address)
        assert whole.startswith("http://testserver/"), address
        assert site.http.get(whole).status_code == 200, address
    assert not re.search(r"(?:https?:)?//(?!testserver|www\.w3\.org)[\w.-]+\.\w+", html), html
