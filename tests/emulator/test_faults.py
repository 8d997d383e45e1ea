from __future__ import annotations

import threading
from pathlib import Path

import pytest

from syncd.emulator.base import OrderBase
from syncd.emulator.client import StandardClient
from syncd.emulator.faults import ON_REQUEST, ClientFaults, Fault, Rule
from syncd.emulator.session import exchange_orders
from syncd.emulator.violations import NoAnswer
from tests.emulator.honest_site import LOGIN, PASSWORD, HonestSite, Reply, Request
from tests.emulator.order_xml import encoded, order


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "import0_1.xml").write_bytes(b"<?xml version='1.0'?><a>" + b"x" * 3000 + b"</a>")
    return tmp_path


def struck_client(site: HonestSite, *rules: Rule, attempts: int = 3) -> StandardClient:
    return StandardClient(site.address, LOGIN, PASSWORD, faults=ClientFaults(rules), attempts=attempts, timeout=10)


def test_a_lost_answer_reaches_the_site_and_the_portion_is_sent_again(site: HonestSite, folder: Path) -> None:
    with struck_client(site, Rule("import", Fault.LOST_ANSWER)) as client:
        result = client.upload("catalog", folder)
    assert result.attempts == 2
    assert len(site.imported["import0_1.xml"]) == 2
    assert client.faults.struck == [("catalog", "import", Fault.LOST_ANSWER)]


def test_a_lost_answer_to_success_makes_the_site_send_again_and_1c_makes_no_double(site: HonestSite) -> None:
    site.orders = encoded(order("WEB-1"), order("WEB-2"))
    orders = OrderBase()
    with struck_client(site, Rule("success", Fault.LOST_ANSWER)) as client:
        report = exchange_orders(client, orders)
    assert report.pulls == 2
    assert (report.created, report.updated, report.sent) == (2, 2, 0)
    assert site.confirmed == 2
    assert orders.doubles() == {}
    assert orders.created == {"WEB-1": 1, "WEB-2": 1}


def test_a_cut_part_never_becomes_a_whole_one(site: HonestSite, folder: Path) -> None:
    with struck_client(site, Rule("file", Fault.CUT)) as client:
        result = client.upload("catalog", folder)
    assert result.attempts == 2
    assert site.imported["import0_1.xml"] == [(folder / "import0_1.xml").read_bytes()]


def test_an_impatient_client_gives_up_and_comes_again(site: HonestSite, folder: Path) -> None:
    came_again = threading.Event()

    def second_time(request: Request) -> None:
        if site.modes().count("catalog/checkauth") > 1:
            came_again.set()

    def not_before(request: Request) -> None:
        assert came_again.wait(10)

    site.misbehave.update({"checkauth": second_time, "import": not_before})
    with struck_client(site, Rule("import", Fault.IMPATIENCE), attempts=2) as client:
        assert client.upload("catalog", folder).attempts == 2
    assert came_again.is_set()


def test_a_file_sent_twice_is_sent_whole_under_the_same_name(site: HonestSite, folder: Path) -> None:
    site.file_limit = 1000
    with struck_client(site, Rule("file", Fault.REPEAT_FILE)) as client:
        result = client.upload("catalog", folder)
    assert result.parts == 8
    assert site.imported["import0_1.xml"] == [(folder / "import0_1.xml").read_bytes()]


def test_import_can_be_skipped_for_one_file(site: HonestSite, folder: Path) -> None:
    with struck_client(site, Rule("import", Fault.SKIP_IMPORT)) as client:
        assert client.upload("catalog", folder).imports_skipped == 1
        assert client.upload("catalog", folder).imports_skipped == 0
    assert len(site.imported["import0_1.xml"]) == 1


def test_when_no_attempt_is_left_the_broken_connection_is_reported(site: HonestSite, folder: Path) -> None:
    with struck_client(site, Rule("file", Fault.LOST_ANSWER, times=9), attempts=2) as client:
        with pytest.raises(NoAnswer) as caught:
            client.upload("catalog", folder)
        assert client.faults.struck == [("catalog", "file", Fault.LOST_ANSWER)] * 2
    assert "catalog/file import0_1.xml" in caught.value.text("en")


def test_rules_count_occasions_of_their_own_type_only() -> None:
    faults = ClientFaults((Rule("init", Fault.CUT, at=2, type="sale"),))
    asked = [("catalog", None), ("sale", None), ("catalog", None), ("sale", Fault.CUT), ("sale", None)]
    assert [faults.strike(type_, "init", ON_REQUEST) for type_, _ in asked] == [expected for _, expected in asked]


def test_drawn_faults_depend_on_the_seed_alone() -> None:
    def drawn(seed: int) -> list[Fault | None]:
        faults = ClientFaults(rate=0.3, seed=seed)
        return [faults.strike("catalog", "file", ON_REQUEST) for _ in range(200)]

    assert drawn(5) == drawn(5)
    assert drawn(5) != drawn(6)
    assert 30 < sum(fault is not None for fault in drawn(5)) < 90


def test_an_exchange_under_a_storm_of_faults_ends_with_every_order_once(site: HonestSite) -> None:
    site.orders = encoded(*(order(f"WEB-{number}") for number in range(20)))
    orders = OrderBase()
    faults = ClientFaults(rate=0.5, seed=11, patience=0.0001)
    with StandardClient(site.address, LOGIN, PASSWORD, faults=faults, attempts=200) as client:
        assert all(exchange_orders(client, orders).confirmed for _ in range(5))
    assert len(faults.struck) > 5
    assert orders.doubles() == {}
    assert len(orders.orders) == 20


def test_a_site_that_hangs_up_is_a_transport_error(site: HonestSite) -> None:
    def hang_up(request: Request) -> Reply:
        raise ConnectionAbortedError

    site.misbehave["init"] = hang_up
    with struck_client(site, attempts=1) as client:
        client.check_auth("catalog")
        with pytest.raises(NoAnswer):
            client.init("catalog")
