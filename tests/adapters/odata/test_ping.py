"""What a ping tells an administrator, and that it costs 1C next to nothing."""

from __future__ import annotations

import socket

import pytest

from syncd.adapters.odata import ping
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import Endpoint
from syncd.adapters.odata.ping import ODataPing
from syncd.adapters.ports import Pinged, PingStep
from syncd.emulator.odata import Fault, OdataBase
from syncd.errors import ConfigError, RemoteError, TransportError
from tests.adapters.odata.conftest import Site, error, rows
from tests.adapters.odata.trade import connected, heard


def test_a_base_that_is_well_says_what_it_is(base: OdataBase) -> None:
    pinged: Pinged = ODataPing(connected(base))
    found = pinged.ping()
    assert (found.failing, found.error, found.maintenance) == (None, None, False)
    assert found.latency_ms > 0
    assert found.about["configuration"] == "ut"
    assert int(found.about["sets"]) > 50
    assert [each.path for each in heard(base, 1)] == [""]  # the service root, and nothing of $metadata


@pytest.mark.parametrize(
    ("fault", "step"),
    [
        (Fault.DROP_BEFORE, "connection"),
        (Fault.CUT, "connection"),
        (Fault.UNAUTHORIZED, "login"),
        (Fault.NOT_FOUND, "publication"),
        (Fault.LOGIN_PAGE, "publication"),
        (Fault.LICENCE, "licence"),
        (Fault.BLOCKED, "session"),
        (Fault.CRASH, "answer"),
        (Fault.BAD_GATEWAY, "answer"),
        (Fault.UNAVAILABLE, "answer"),
        (Fault.MAINTENANCE, "answer"),
    ],
)
def test_the_step_that_failed_is_named(base: OdataBase, fault: Fault, step: PingStep) -> None:
    base.fail_next(fault)
    found = ODataPing(connected(base)).ping()
    assert found.failing == step
    assert found.error is not None
    assert found.maintenance == (fault is Fault.BLOCKED)


def test_a_pool_that_stays_full_is_a_matter_of_sessions(base: OdataBase) -> None:
    base.fail_next(Fault.POOL, times=10)
    assert ODataPing(connected(base)).ping().failing == "session"


def test_a_name_that_nobody_knows_and_a_port_where_nobody_listens() -> None:
    with Client(Endpoint("http://no-such-host.invalid/base")) as client:
        assert ODataPing(client).ping().failing == "name"
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with Client(Endpoint(f"http://127.0.0.1:{bound.getsockname()[1]}/base")) as client:
            assert ODataPing(client).ping().failing == "connection"


def test_a_base_without_tls_at_an_https_address(site: Site) -> None:
    with Client(Endpoint(site.url.replace("http:", "https:"))) as client:
        assert ODataPing(client).ping().failing == "tls"


def test_nothing_published_is_told_as_such_and_not_as_no_data(site: Site, client: Client) -> None:
    site.answer = lambda _: rows()
    found = ODataPing(client).ping()
    assert found.failing == "publication"
    assert found.error is not None
    assert "УстановитьСоставСтандартногоИнтерфейсаOData" in found.error.text("ru")


def test_a_contract_that_is_kept_takes_a_request_for_each_set(base: OdataBase) -> None:
    needs = {"Catalog_Номенклатура": ["Description", "Артикул"], "Catalog_Контрагенты": ["ИНН"]}
    contract = ping.check(connected(base), needs)
    contract.require()
    assert contract.kept
    assert len(heard(base, 3)) == 3


def test_what_a_base_lacks_is_named_field_by_field(base: OdataBase) -> None:
    needs = {
        "Catalog_Номенклатура": ["Description", "НетТакого", "Артикул", "ИЭтого"],
        "Catalog_НетТакого": ["Description"],
        "AccumulationRegister_СвободныеОстатки/Balance()": ["ВНаличииBalance"],
    }
    contract = ping.check(connected(base), needs)
    assert contract.sets == ("Catalog_НетТакого",)
    assert contract.fields == {"Catalog_Номенклатура": ("НетТакого", "ИЭтого")}
    with pytest.raises(ConfigError, match=r"Catalog_НетТакого, Catalog_Номенклатура\.НетТакого"):
        contract.require()


def test_one_set_that_1c_cannot_read_does_not_hide_the_others(site: Site, client: Client) -> None:
    sets = rows({"name": "Catalog_А", "url": "Catalog_А"}, {"name": "Catalog_Б"}, {"name": "Catalog_В"})
    site.answer = lambda asked: {
        "": sets,
        "Catalog_А": error("-1", "joins can have at most 32767 columns", 500),
        "Catalog_Б": error("20", "Недостаточно прав", 401),
        "Catalog_В": rows(),
    }[asked.path]
    contract = ping.check(client, {"Catalog_А": ["X"], "Catalog_Б": ["X"], "Catalog_В": ["X"]})
    assert isinstance(contract.failed["Catalog_А"], RemoteError)
    assert contract.hidden == ("Catalog_Б",)
    assert contract.fields == {}


def test_a_base_that_is_away_keeps_no_contract_and_breaks_none(site: Site, client: Client) -> None:
    site.close()
    with pytest.raises(TransportError):
        ping.check(client, {"Catalog_А": ["X"]})


@pytest.mark.parametrize(
    ("sets", "family"),
    [
        (["Document_ЗаказКлиента", "Catalog_Партнеры"], "ut"),
        (["Document_ЗаказПокупателя", "Catalog_СтруктурныеЕдиницы"], "unf"),
        (["AccountingRegister_Хозрасчетный", "Document_СчетНаОплатуПокупателю"], "bp"),
        (["Catalog_Валюты"], None),
    ],
)
def test_a_configuration_is_known_by_what_it_publishes(sets: list[str], family: str | None) -> None:
    assert ping.configuration(sets) == family


def test_a_ping_never_asks_for_metadata() -> None:
    """They are 16 MB and half a minute on a usual base."""
    with OdataBase("ut11", size=1).running() as base, Client(Endpoint(base.url, base.user, base.password)) as client:
        assert ODataPing(client).ping().error is None
        assert [heard for heard in base.requests if "$metadata" in heard.path] == []
        assert base.requests
