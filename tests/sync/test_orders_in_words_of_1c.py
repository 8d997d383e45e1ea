"""Payment, delivery and statuses on their way from a storefront to 1C and back, in the words of one base."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from syncd.emulator import session
from syncd.emulator.base import OrderBase
from syncd.emulator.bitrix import BitrixModuleClient
from syncd.emulator.client import StandardClient
from syncd.errors import ConfigError
from syncd.sync.worker import Worker
from tests.api.site import ADDRESS, LOGIN, PASSWORD, OneC, Site, order_body, running, settings

SERVICE = "9e1c7a52-1f0b-11ee-9d3a-00155d0a1b02"
WORDS = f"""
statuses:
  Ожидается согласование: {{means: new, id: "01"}}
  К обеспечению: confirmed
  Выдан: {{means: completed, id: "09"}}
payments:
  card: {{name: Банковская карта, id: "2"}}
deliveries:
  courier: {{name: Курьер, service: {SERVICE}}}
currencies: {{RUB: руб}}
"""
WISHES: dict[str, Any] = {
    "payment": {"method": "card", "paid": False},
    "delivery": {"method": "courier", "address": "Мира, 1", "price": "300", "comment": "до 18:00"},
}


@pytest.fixture
def mapped(database_url: str, tmp_path: Path) -> Iterator[Site]:
    path = tmp_path / "orders.yaml"
    path.write_text(WORDS, encoding="utf-8")
    with running(database_url, settings(orders_mapping=path)) as site:
        worker = Worker(site.ctx, None, threads=1)
        worker.start()
        try:
            yield site
        finally:
            worker.stop()


@pytest.mark.parametrize("kind", [StandardClient, BitrixModuleClient])
def test_an_order_with_payment_and_delivery_goes_to_1c_and_back(mapped: Site, kind: type[StandardClient]) -> None:
    key = mapped.key()
    placed = mapped.order(key, "k1", order_body(**WISHES)).json()
    assert float(placed["amount"]) == 321
    assert placed["requested"]["payment"] == WISHES["payment"]
    assert placed["requested"]["delivery"] == {**WISHES["delivery"], "price": "300.00"}
    base = OrderBase()
    with kind(f"http://testserver{ADDRESS}", LOGIN, PASSWORD, transport=mapped.http._transport) as client:
        assert session.exchange_orders(client, base).confirmed
        order = base.order("W-1")
        assert order.currency == "руб"
        assert [(line.product_id, line.amount) for line in order.lines][1] == (SERVICE, Decimal(300))
        assert order.requisites["Метод оплаты"] == "Банковская карта"
        assert order.requisites["Заказ оплачен"] == "false"
        assert order.requisites["Адрес доставки"] == "Мира, 1"
        for status, ours in (("К обеспечению", "confirmed"), ("Выдан", "completed"), ("Чужой", "confirmed")):
            base.set_status("W-1", status)
            assert session.send_statuses(client, base).sent == 1
            found = mapped.get(f"/v1/orders/{placed['id']}", key).json()
            assert (found["status_1c"], found["status"]) == (status, ours)
        assert found["lines"] == placed["lines"], "1C's line for the delivery is no change of the order"
        assert float(found["amount"]) == 321
        assert found["paid"] is not True
        base.ship("W-1")
        session.send_statuses(client, base)
    assert mapped.get(f"/v1/orders/{placed['id']}", key).json()["status"] == "shipped"
    assert base.doubles() == {}


def test_the_same_wishes_are_the_same_request_however_a_price_is_spelt(site: Site) -> None:
    key = site.key()
    first = site.order(key, "k1", order_body(delivery={"method": "post", "price": "300"}))
    again = site.order(key, "k1", order_body(delivery={"method": "post", "price": "300.00"}))
    other = site.order(key, "k1", order_body(delivery={"method": "post", "price": "301"}))
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 422)
    assert again.json()["id"] == first.json()["id"]
    assert "delivery.price" in other.json()["error"]["message"]


def test_an_order_without_wishes_has_none(site: Site) -> None:
    found = site.order(site.key(), "k1", order_body()).json()
    assert found["requested"] == {"payment": None, "delivery": None}
    assert "extra" not in found


@pytest.mark.parametrize(
    "wish",
    [
        {"payment": {}},
        {"payment": {"method": ""}},
        {"payment": {"method": "card", "paid": "perhaps"}},
        {"delivery": {"method": "post", "price": "-1"}},
        {"delivery": {"method": "post", "price": "1.001"}},
        {"delivery": {"method": "post", "adress": "x"}},
        {"delivery": {"method": "post", "address": "a\u0000b"}},
    ],
)
def test_wishes_that_make_no_sense_are_refused(site: Site, wish: dict[str, Any]) -> None:
    response = site.order(site.key(), "k1", order_body(**wish))
    assert (response.status_code, response.json()["error"]["code"]) == (422, "E307")
    assert site.count("sales_order") == 0


def test_the_api_does_not_start_with_a_wrong_mapping(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text("status: {}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="E401"):
        Site(database_url, settings(orders_mapping=path))


def test_an_unknown_method_is_sent_as_the_storefront_calls_it(site: Site) -> None:
    site.order(site.key(), "k1", order_body(payment={"method": "crypto ₽"}))
    onec = OneC(site)
    onec.checkauth("sale")
    assert "crypto &#8381;" in onec.query()
