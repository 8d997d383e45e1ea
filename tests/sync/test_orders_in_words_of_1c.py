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
from syncd.store import access, infobase_words, packages
from syncd.store.infobase_words import Words
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


OWN = "statuses: {Выдан: completed}\ncurrencies: {RUB: рубль}\npayments: {card: Картой}\n"


def own_words(site: Site, login: str, text: str | None) -> None:
    with site.ctx.db.transaction() as conn:
        found = access.find_login(conn, "default", login)
        assert found is not None
        assert infobase_words.keep(conn, "default", found[0].id, Words("own.yaml", text) if text else None)


def bound(site: Site, number: str, login: str) -> None:
    """Let only this base be offered the order."""
    site.rows(
        """UPDATE outbox o SET infobase_id = i.id FROM infobase i, sales_order s
           WHERE i.login = %(login)s AND s.number = %(n)s AND o.key = s.id::text RETURNING 1 AS x""",
        login=login, n=number,
    )  # fmt: skip


def test_each_base_is_spoken_to_in_its_own_words(mapped: Site) -> None:
    mapped.add_infobase(name="second", login="2c")
    own_words(mapped, "2c", OWN)
    key = mapped.key()
    bases = {}
    for number, login in (("W-1", LOGIN), ("W-2", "2c")):
        placed = mapped.order(key, number, order_body(number, payment={"method": "card"})).json()
        bound(mapped, number, login)
        base = bases[login] = OrderBase()
        with StandardClient(f"http://testserver{ADDRESS}", login, PASSWORD, transport=mapped.http._transport) as client:
            assert session.exchange_orders(client, base).confirmed
            base.set_status(number, "Выдан")
            assert session.send_statuses(client, base).sent == 1
        assert mapped.get(f"/v1/orders/{placed['id']}", key).json()["status"] == "completed"
    first, second = bases[LOGIN].order("W-1"), bases["2c"].order("W-2")
    assert (first.currency, first.requisites["Метод оплаты"]) == ("руб", "Банковская карта")
    assert (second.currency, second.requisites["Метод оплаты"]) == ("рубль", "Картой")


def test_mode_info_tells_a_base_its_own_statuses_at_once(mapped: Site) -> None:
    onec = OneC(mapped)
    onec.checkauth("sale")
    assert "Ожидается согласование" in onec.ask("type=sale&mode=info").content.decode("windows-1251")
    own_words(mapped, LOGIN, OWN)
    told = onec.ask("type=sale&mode=info").content.decode("windows-1251")
    assert ("Выдан" in told, "Ожидается согласование" in told) == (True, False)
    own_words(mapped, LOGIN, None)
    assert "Ожидается согласование" in onec.ask("type=sale&mode=info").content.decode("windows-1251")


def test_an_own_mapping_that_no_longer_fits_is_told_by_line_and_costs_nothing(site: Site) -> None:
    own_words(site, LOGIN, "statuses:\n  Выдан: handed\n")
    key = site.key()
    site.order(key, "k1", order_body())
    onec = OneC(site)
    onec.checkauth("sale")
    answer = onec.ask("type=sale&mode=query").text
    assert answer.startswith("failure\nE406")
    assert "own.yaml:2" in answer
    assert site.row("SELECT state FROM outbox")["state"] == "pending"
    document = (
        "<КоммерческаяИнформация><Документ><Ид>g</Ид><Номер>W-1</Номер><ХозОперация>Заказ товара</ХозОперация>"
        "</Документ></КоммерческаяИнформация>"
    )
    assert onec.push("orders.xml", document.encode(), type_="sale").startswith("failure\nE406")
    failed = site.row("SELECT id, error_code FROM package")
    assert failed["error_code"] == "E406"
    own_words(site, LOGIN, None)
    with site.ctx.db.transaction() as conn:
        packages.replay(conn, "default", failed["id"], by="test", reason="mapping mended")
    assert [result.outcome for result in site.work()] == ["ok"]
