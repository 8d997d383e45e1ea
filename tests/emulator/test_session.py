from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from lxml import etree

from syncd.emulator.base import OrderBase
from syncd.emulator.catalogue import TradeBase
from syncd.emulator.client import StandardClient
from syncd.emulator.session import exchange_orders, push_catalogue, push_files, send_statuses, whole_session
from syncd.emulator.violations import SiteRefused
from syncd.errors import ConfigError
from tests.emulator.honest_site import HonestSite, Reply
from tests.emulator.order_xml import encoded, order


def test_a_full_push_is_one_session_per_portion(site: HonestSite, client: StandardClient) -> None:
    base = TradeBase.generate(3, products=40, pictures=0)
    seen: list[tuple[str, int, int]] = []
    report = push_catalogue(client, base, portions=2, progress=lambda *event: seen.append(event))
    assert report.portions == 4
    assert report.products == 40
    assert report.upload.documents == 4
    assert report.seconds > 0
    assert list(site.imported) == ["import0_1.xml", "import0_2.xml", "offers0_1.xml", "offers0_2.xml"]
    assert site.modes() == ["catalog/checkauth", "catalog/init", "catalog/file", "catalog/import"] * 4
    assert seen == [("portion", done, 4) for done in range(5)]


def test_what_arrives_is_what_the_base_writes_with_zip_and_without(site: HonestSite, client: StandardClient) -> None:
    base = TradeBase.generate(3, products=30, pictures=0.5)
    site.file_limit = 5000
    push_catalogue(client, base)
    unzipped = dict(site.files)
    site.files.clear()
    site.zip = True
    push_catalogue(client, base)
    packed = {name: content for name, content in site.files.items() if not name.endswith(".zip")}
    assert packed == unzipped
    assert sum(name.endswith(".png") for name in packed) > 5
    for name, content in packed.items():
        if name.endswith(".png"):
            assert content == base.picture(name)


def test_a_refused_portion_ends_the_push(site: HonestSite, client: StandardClient) -> None:
    site.misbehave["import"] = lambda request: Reply(b"failure\nno") if "0_2" in request.filename else None
    with pytest.raises(SiteRefused):
        push_catalogue(client, TradeBase.generate(3, products=10, pictures=0), portions=3)
    assert list(site.imported) == ["import0_1.xml"]


def test_given_files_are_pushed_goods_first_with_their_pictures(
    site: HonestSite, client: StandardClient, tmp_path: Path
) -> None:
    for name in ("offers.xml", "import.xml"):
        (tmp_path / name).write_bytes(b"<?xml version='1.0'?><a/>")
    (tmp_path / "import_files").mkdir()
    (tmp_path / "import_files" / "a.png").write_bytes(b"png")
    report = push_files(client, [tmp_path])
    assert list(site.imported) == ["import.xml", "offers.xml"]
    assert report.portions == 2
    assert [request.filename for request in site.requests if request.mode == "file"] == [
        "import.xml",
        "import_files/a.png",
        "offers.xml",
    ]


def test_an_archive_is_pushed_as_the_files_in_it_and_orders_go_to_sale(
    site: HonestSite, client: StandardClient, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "v8.zip", "w") as archive:
        archive.writestr("import0_1.xml", "<?xml version='1.0'?><a/>")
        archive.writestr("orders-1_1.xml", "<?xml version='1.0'?><b/>")
    push_files(client, [tmp_path / "v8.zip"])
    assert {request.filename: request.type for request in site.requests if request.mode == "import"} == {
        "import0_1.xml": "catalog",
        "orders-1_1.xml": "sale",
    }


def test_paths_without_a_document_are_an_error_before_anything_is_sent(
    site: HonestSite, client: StandardClient, tmp_path: Path
) -> None:
    for path in (tmp_path, tmp_path / "absent.xml"):
        with pytest.raises(ConfigError):
            push_files(client, [path])
    assert site.requests == []


def test_orders_just_loaded_are_not_pushed_back_in_the_same_run(site: HonestSite, client: StandardClient) -> None:
    site.orders = encoded(order("WEB-1"))
    orders = OrderBase()
    first = exchange_orders(client, orders)
    assert (first.created, first.sent, first.confirmed) == (1, 0, True)
    site.orders = encoded()
    second = exchange_orders(client, orders)
    assert second.sent == 1
    assert site.modes()[-4:] == ["sale/checkauth", "sale/init", "sale/file", "sale/import"]
    assert exchange_orders(client, orders).sent == 0


def test_a_refused_batch_is_reported_and_the_rest_of_the_exchange_goes_on(
    site: HonestSite, client: StandardClient
) -> None:
    orders = OrderBase()
    site.orders = encoded(order("WEB-1"))
    exchange_orders(client, orders)
    orders.pay("WEB-1")
    site.orders = encoded(order("WEB-2", currency=""))
    report = exchange_orders(client, orders)
    assert report.refused
    assert not report.confirmed
    assert report.sent == 1


def test_statuses_stay_registered_until_the_site_takes_them(site: HonestSite, client: StandardClient) -> None:
    site.orders = encoded(order("WEB-1"))
    orders = OrderBase()
    exchange_orders(client, orders)
    orders.pay("WEB-1")
    site.misbehave["import"] = lambda request: Reply(b"failure\nlater")
    with pytest.raises(SiteRefused):
        send_statuses(client, orders)
    assert [stored.number for stored in orders.changed()] == ["WEB-1"]
    del site.misbehave["import"]
    assert send_statuses(client, orders).sent == 1
    assert orders.changed() == []
    (name, contents), *_ = site.imported.items()
    assert name.startswith("orders-")
    assert name.endswith("_1.xml")
    root = etree.fromstring(contents[0])
    assert root.findtext("{*}Документ/{*}Номер") == "WEB-1"


def test_a_whole_session_does_goods_offers_and_orders_in_this_order(site: HonestSite, client: StandardClient) -> None:
    site.orders = encoded(order("WEB-1"))
    report = whole_session(client, TradeBase.generate(3, products=5, pictures=0), OrderBase())
    assert report.catalogue.products == 5
    assert report.orders.created == 1
    assert report.seconds >= report.catalogue.seconds
    assert [name for name in site.modes() if name.endswith(("import", "query"))] == [
        "catalog/import",
        "catalog/import",
        "sale/query",
    ]
