"""Taking an order: once, whatever is repeated, at once or late, by one storefront or two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest

from syncd.sync.orders import fits_exchange
from tests.api.site import CHAIR, Site, order_body


@pytest.fixture
def key(site: Site) -> str:
    return site.key()


@contextmanager
def held_up(site: Site) -> Iterator[Callable[[int], None]]:
    """Orders get no further than to their message until the block ends; gives a wait for so many that wait."""
    with site.ctx.db.dedicated() as conn:
        conn.execute(
            """CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NEW; END $$"""
        )
        conn.execute("CREATE TRIGGER hold_up BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION hold_up()")
        conn.execute("SELECT pg_advisory_lock(42)")

        def wait(number: int) -> None:
            while site.count("pg_stat_activity", "wait_event_type = 'Lock' AND datname = current_database()") < number:
                pass

        try:
            yield wait
        finally:
            conn.execute("SELECT pg_advisory_unlock(42)")
            conn.execute("DROP FUNCTION hold_up CASCADE")


def test_an_order_and_its_message_are_made_together(site: Site, key: str) -> None:
    response = site.order(key, "k1", order_body())
    assert response.status_code == 201
    order = response.json()
    assert response.headers["location"] == f"/v1/orders/{order['id']}"
    assert order["status"] == "new"
    assert order["amount"] == "21.00"
    assert order["delivery"]["state"] == "pending"
    assert order["exchange_number"] == "W-1"
    assert site.get(response.headers["location"], key).json() == order


def test_a_repetition_is_the_same_order(site: Site, key: str) -> None:
    first = site.order(key, "k1", order_body())
    for _ in range(3):
        again = site.order(key, "k1", order_body())
        assert again.status_code == 200
        assert again.headers["idempotency-replayed"] == "true"
        assert again.json()["id"] == first.json()["id"]
    assert site.count("sales_order") == site.count("outbox") == site.count("idempotency") == 1


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"comment": "other"}, "comment"),
        ({"customer": {"name": "Пётр", "phone": "+7 900 000-00-00"}}, "customer.name"),
        ({"lines": [{"offer_id": CHAIR, "name": "Стул", "quantity": "3", "price": "10.50"}]}, "lines[0].quantity"),
        ({"requisites": {"Доставка": "курьер"}}, "requisites.Доставка"),
        ({"number": "W-2"}, "number"),
    ],
)
def test_another_body_under_the_same_key_is_refused_with_the_places_that_differ(
    site: Site, key: str, change: dict[str, Any], path: str
) -> None:
    site.order(key, "k1", order_body())
    response = site.order(key, "k1", order_body(**change))
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["code"] == "E302"
    assert path in error["message"]
    assert site.count("sales_order") == 1


def test_the_same_number_and_body_under_another_key_is_the_same_order(site: Site, key: str) -> None:
    first = site.order(key, "k1", order_body())
    again = site.order(key, "k2", order_body())
    assert again.status_code == 200
    assert again.json()["id"] == first.json()["id"]
    assert site.count("outbox") == 1


def test_a_number_that_is_taken_by_another_order_is_refused(site: Site, key: str) -> None:
    site.order(key, "k1", order_body())
    response = site.order(key, "k2", order_body(comment="another"))
    assert (response.status_code, response.json()["error"]["code"]) == (409, "E304")
    assert site.count("sales_order") == site.count("idempotency") == 1


def test_a_twin_in_flight_is_told_to_come_again(site: Site, key: str) -> None:
    with ThreadPoolExecutor(2) as hands:
        with held_up(site) as wait:
            first = hands.submit(site.order, key, "k1", order_body())
            wait(1)
            twin = site.order(key, "k1", order_body())
            assert (twin.status_code, twin.json()["error"]["code"]) == (409, "E303")
            assert int(twin.headers["retry-after"]) > 0
        assert first.result().status_code == 201
    assert site.order(key, "k1", order_body()).status_code == 200
    assert site.count("sales_order") == site.count("outbox") == 1


def test_one_order_sent_at_once_under_two_keys_is_one_order(site: Site, key: str) -> None:
    with ThreadPoolExecutor(2) as hands:
        with held_up(site) as wait:
            first = hands.submit(site.order, key, "k1", order_body())
            wait(1)
            second = hands.submit(site.order, key, "k2", order_body())
            wait(2)
        answers = sorted([first.result().status_code, second.result().status_code])
    assert answers == [200, 201]
    assert site.count("sales_order") == site.count("outbox") == 1


def test_two_storefronts_with_the_same_number_at_once_have_an_order_each(site: Site, key: str) -> None:
    other = site.key("other")
    with ThreadPoolExecutor(2) as hands:
        with held_up(site) as wait:
            first = hands.submit(site.order, key, "k1", order_body("7"))
            wait(1)
            second = hands.submit(site.order, other, "k1", order_body("7"))
            wait(2)
        orders = [first.result(), second.result()]
    assert [order.status_code for order in orders] == [201, 201]
    numbers = {order.json()["exchange_number"] for order in orders}
    assert len(numbers) == 2
    assert "7" in numbers
    assert {order.json()["number"] for order in orders} == {"7"}


@pytest.mark.parametrize(
    "number",
    ["W-1", "w-1", "Ж-12", "12345678901", "123456789012", "x" * 100, "заказ №5", "S0000000001", "a b", "1/2", "😀"],
)
def test_1c_gets_a_number_it_can_find_again(site: Site, key: str, number: str) -> None:
    order = site.order(key, "k1", order_body(number)).json()
    assert order["number"] == number
    given = order["exchange_number"]
    assert len(given) <= 11
    assert given == given.upper()
    assert given.isascii()
    assert (given == number) == fits_exchange(number)


def test_numbers_that_1c_takes_for_the_same_are_told_apart(site: Site, key: str) -> None:
    numbers = ["AB-1", "ab-1", "Ab-1", "123456789012", "123456789013", "S0000000001", "S0000000002"]
    given = [site.order(key, f"k{n}", order_body(number)).json()["exchange_number"] for n, number in enumerate(numbers)]
    assert len(set(given)) == len(numbers)
    assert given[0] == "AB-1"


def test_without_a_number_the_key_is_the_number(site: Site, key: str) -> None:
    order = site.order(key, "f3c1b5d0-key", order_body(None)).json()
    assert order["number"] == "f3c1b5d0-key"


LINE = {"offer_id": CHAIR, "quantity": "1", "price": "1"}


@pytest.mark.parametrize(
    "change",
    [
        {"lines": []},
        {"lines": [{**LINE, "quantity": "0"}]},
        {"lines": [{**LINE, "quantity": "-1"}]},
        {"lines": [{**LINE, "quantity": "NaN"}]},
        {"lines": [{**LINE, "quantity": "Infinity"}]},
        {"lines": [{**LINE, "quantity": "1e30"}]},
        {"lines": [{**LINE, "price": "-0.01"}]},
        {"lines": [{**LINE, "price": "0.0000001"}]},
        {"lines": [{**LINE, "offer_id": ""}]},
        {"lines": [{**LINE, "offer_id": "a\u0000b"}]},
        {"lines": [{**LINE, "prise": "1"}]},
        {"lines": "all"},
        {"customer": {}},
        {"customer": {"name": " "}},
        {"customer": {"name": "x" * 251}},
        {"customer": {"name": "a\u0001b"}},
        {"customer": {"name": "x", "inn": "12"}},
        {"customer": {"name": "x", "type": "alien"}},
        {"currency": "rub"},
        {"number": ""},
        {"number": "x" * 101},
        {"comment": "x" * 3001},
        {"requisites": {"": "x"}},
        {"requisites": {"a": 1}},
        {"unknown": 1},
    ],
)
def test_a_wrong_body_is_refused_with_the_place_and_nothing_is_kept(
    site: Site, key: str, change: dict[str, Any]
) -> None:
    response = site.order(key, "k1", {**order_body(), **change})
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["code"] == "E307"
    assert next(iter(change)) in error["details"][0]["path"]
    assert site.count("sales_order") == site.count("outbox") == site.count("idempotency") == 0


@pytest.mark.parametrize("given", ["1e3", 1000, 1000.0, "1000.000"])
def test_quantities_are_kept_in_plain_digits(site: Site, key: str, given: object) -> None:
    body = order_body(lines=[{**LINE, "quantity": given}])
    order = site.order(key, "k1", body).json()
    assert float(order["lines"][0]["quantity"]) == 1000
    assert "e" not in order["lines"][0]["quantity"].lower()
    assert "e" not in order["amount"].lower()


@pytest.mark.parametrize("given", [None, "", "  "])
def test_without_an_idempotency_key_nothing_is_accepted(site: Site, key: str, given: str | None) -> None:
    headers = {"Authorization": f"Bearer {key}"} | ({} if given is None else {"Idempotency-Key": given})
    response = site.http.post("/v1/orders", json=order_body(), headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "E301")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"a":1e999}', b"[" * 2000])
def test_a_body_that_is_no_order_is_refused(site: Site, key: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "k", "Content-Type": "application/json"}
    assert site.http.post("/v1/orders", content=body, headers=headers).status_code in {400, 422}


def test_an_order_of_another_company_is_not_found(site: Site, key: str) -> None:
    other = site.key(tenant="other")
    order = site.order(key, "k1", order_body()).json()
    for path in (f"/v1/orders/{order['id']}", f"/v1/orders/{uuid4()}"):
        response = site.get(path, other)
        assert (response.status_code, response.json()["error"]["code"]) == (404, "E305")
    assert site.get("/v1/orders", other).json()["items"] == []
    twin = site.order(other, "k1", order_body())
    assert twin.status_code == 201
    assert twin.json()["id"] != order["id"]
    assert twin.json()["exchange_number"] == "W-1"
