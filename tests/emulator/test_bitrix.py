from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from syncd.emulator.base import OrderBase
from syncd.emulator.bitrix import BitrixModuleClient
from syncd.emulator.catalogue import TradeBase
from syncd.emulator.session import exchange_orders, push_catalogue
from syncd.emulator.violations import ProtocolViolation
from tests.emulator.honest_site import LOGIN, PASSWORD, HonestSite, Reply, Request
from tests.emulator.order_xml import batch, order

HEAD = '<?xml version="1.0" encoding="utf-8"?>'


@pytest.fixture
def client(site: HonestSite) -> Iterator[BitrixModuleClient]:
    with BitrixModuleClient(site.address, LOGIN, PASSWORD, timeout=10, attempts=1) as module:
        yield module


def pages(*bodies: str) -> Iterator[Reply]:
    for body in bodies:
        yield Reply((HEAD + body).encode(), "application/xml; charset=utf-8")


def container(*documents: str) -> str:
    return f"<Контейнер>{''.join(documents)}</Контейнер>"


def test_every_file_is_a_session_with_sessid_and_the_catalogue_is_finished(
    site: HonestSite, client: BitrixModuleClient
) -> None:
    report = push_catalogue(client, TradeBase.generate(2, products=10, pictures=0), portions=2)
    kinds = [name.partition("_")[0] for name in site.imported]
    assert kinds == [
        "priceLists",
        "storages",
        "units",
        "groups",
        "propertiesGoods",
        "goods",
        "goods",
        "propertiesOffers",
        "offers",
        "offers",
        "prices",
        "prices",
        "rests",
        "rests",
    ]
    assert report.portions == 14
    assert site.modes()[-4:] == ["catalog/checkauth", "catalog/deactivate", "catalog/checkauth", "catalog/complete"]
    later = [request for request in site.requests if request.mode != "checkauth"]
    assert {request.query["sessid"] for request in later} == {"abc"}
    assert {request.query["version"] for request in later if request.mode == "init"} == {"3.1"}


def test_deactivate_carries_the_timestamp_of_the_first_checkauth(site: HonestSite, client: BitrixModuleClient) -> None:
    stamps = iter(range(1000, 9000))
    site.misbehave["checkauth"] = lambda request: Reply(
        f"success\nsite_session\n0f1e2d\nsessid=abc\ntimestamp={next(stamps)}".encode()
    )
    push_catalogue(client, TradeBase.generate(2, products=3, pictures=0))
    deactivate = next(request for request in site.requests if request.mode == "deactivate")
    assert deactivate.query["timestamp"] == "1000"


def test_a_delta_is_completed_and_never_deactivates(site: HonestSite, client: BitrixModuleClient) -> None:
    base = TradeBase.generate(2, products=50, pictures=0)
    base.change(prices=0.5)
    push_catalogue(client, base, full=False)
    assert [name.partition("_")[0] for name in site.imported] == ["prices"]
    assert "catalog/deactivate" not in site.modes()
    assert site.modes()[-1] == "catalog/complete"


def test_without_a_fourth_line_the_token_is_a_bare_ampersand(site: HonestSite, client: BitrixModuleClient) -> None:
    site.misbehave["checkauth"] = lambda request: Reply(b"success\nsite_session\n0f1e2d")
    client.check_auth("catalog")
    client.init("catalog")
    assert site.requests[-1].target.endswith("&mode=init&&version=3.1")


@pytest.mark.parametrize("last", ["version=3.1", "version=2.07", "version=", "sessid=a"])
def test_the_last_four_characters_of_sale_init_must_be_a_version(
    site: HonestSite, client: BitrixModuleClient, last: str
) -> None:
    site.misbehave["init"] = lambda request: Reply(f"zip=no\nfile_limit=1\nsessid=abc\n{last}".encode())
    client.check_auth("sale")
    with pytest.raises(ProtocolViolation):
        client.init("sale")


def test_two_lines_are_too_few_for_sale_and_enough_for_a_catalogue(
    site: HonestSite, client: BitrixModuleClient
) -> None:
    site.misbehave["init"] = lambda request: Reply(b"zip=no\nfile_limit=1")
    client.check_auth("catalog")
    assert client.init("catalog").file_limit == 1
    with pytest.raises(ProtocolViolation):
        client.init("sale")


def test_query_is_repeated_until_no_container_comes(site: HonestSite, client: BitrixModuleClient) -> None:
    payment = order("WEB-1", operation="Эквайринговая операция")
    answers = pages(batch(container(order("WEB-1"), payment)), batch(container(order("LONG-NUMBER-2"))), batch())
    site.misbehave["query"] = lambda request: next(answers)
    orders = OrderBase()
    result = client.pull_orders(orders)
    assert site.modes() == ["sale/checkauth", "sale/init", *["sale/query"] * 3, "sale/success"]
    assert result.batch.created == ["WEB-1", "LONG-NUMBER-2"]
    assert result.confirmed
    assert result.pages == 3


def test_a_long_number_makes_no_double_here(site: HonestSite, client: BitrixModuleClient) -> None:
    orders = OrderBase()
    for _ in range(2):
        answers = pages(batch(container(order("LONG-NUMBER-2"))), batch())
        site.misbehave["query"] = lambda request, answers=answers: next(answers)  # type: ignore[misc]
        client.pull_orders(orders)
    assert orders.doubles() == {}


def test_documents_outside_of_containers_are_not_seen(site: HonestSite, client: BitrixModuleClient) -> None:
    answers = pages(batch(order("WEB-1")))
    site.misbehave["query"] = lambda request: next(answers)
    orders = OrderBase()
    assert client.pull_orders(orders).confirmed
    assert orders.orders == {}


def test_a_site_that_repeats_the_same_list_forever_is_a_violation(site: HonestSite, client: BitrixModuleClient) -> None:
    same = (HEAD + batch(container())).encode()
    site.misbehave["query"] = lambda request: Reply(same, "application/xml; charset=utf-8")
    with pytest.raises(ProtocolViolation, match=r"never ends|не кончается"):
        client.pull_orders(OrderBase())
    assert site.confirmed == 0


def test_orders_go_back_in_containers_with_payment_and_shipment(site: HonestSite, client: BitrixModuleClient) -> None:
    orders = OrderBase()
    orders.take(batch(order("WEB-1")))
    orders.pay("WEB-1")
    orders.ship("WEB-1")
    answers = pages(batch())
    site.misbehave["query"] = lambda request: next(answers)
    assert exchange_orders(client, orders).sent == 1
    (name, contents), *_ = site.imported.items()
    assert name.startswith("documents___")
    root = etree.fromstring(contents[0])
    space = "{urn:1C.ru:commerceml_3}"
    operations = [str(found.text) for found in root.iterfind(f"{space}Контейнер/{space}Документ/{space}ХозОперация")]
    assert operations == ["Заказ товара", "Отпуск товара", "Выплата безналичных денег"]
    bases = {found.text for found in root.iter(f"{space}Основание")}
    assert bases == {"site-1"}


def test_an_answer_without_a_charset_breaks_the_module(site: HonestSite, tmp_path: Path) -> None:
    def plain(request: Request) -> Reply:
        return Reply(b"success\nname\nvalue", "text/plain")

    site.misbehave["checkauth"] = plain
    with BitrixModuleClient(site.address, LOGIN, PASSWORD, strict=False) as module:
        with pytest.raises(ProtocolViolation):
            module.check_auth("catalog")
        assert len(site.requests) == 1
