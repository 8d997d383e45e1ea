"""Settings of a web service, and WSDLs of real configurations: Cyrillic operations, out parameters, bare values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from lxml import etree

from syncd.adapters import soap_orders
from syncd.adapters.ports import Delivery
from syncd.adapters.soap import SoapService
from syncd.adapters.soap_contract import contract
from syncd.adapters.soap_wire import Fault, NoEnvelope, WrongService, Wsdl, parsed
from syncd.errors import ConfigError, MappingError, Refused, SyncdError, TransportError, UnknownOutcome
from tests.adapters.receiver import Receiver, receiving

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "odata"
WSDLS = sorted((FOLDER / "wsdl").glob("derived_*.wsdl"))
needs_corpus = pytest.mark.skipif(not WSDLS, reason="the corpus is not there")
MOSCOW = ZoneInfo("Europe/Moscow")
MADE_BY = datetime(2026, 5, 1, 22, 30, tzinfo=UTC)
BODY: dict[str, Any] = {
    "id": "5b0e8c1e-7a0e-5f6b-9c1d-2f4c7d1e9a00", "number": "1001", "storefront": "shop", "revision": 1,
    "created_at": "2026-05-01T22:30:00+00:00", "currency": "RUB", "amount": "1180.00",
    "customer": {"name": "ООО «Ромашка» & Ко", "type": "legal", "inn": "7701234567"}, "comment": "",
    "lines": [{"offer_id": "b7a6", "name": "Стул", "quantity": "2", "price": "590.00", "amount": "1180.00"}],
    "requisites": {"Город": "Тверь"},
}  # fmt: skip


def wsdl(name: str) -> bytes:
    return (FOLDER / "wsdl" / f"derived_{name}.wsdl").read_bytes()


def enveloped(inner: str) -> bytes:
    return (
        '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header/><s:Body>'
        f"{inner}</s:Body></s:Envelope>"
    ).encode()


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"lok_up": "Find"}, "look_up"), ({"contract": "УНФ"}, "site-exchange"), ({"soap": "1.3"}, "1.2"),
        ({"create": {"parameters": {}}}, "operation"), ({"wsdl": "x.wsdl"}, "?wsdl"),
        ({"create": {"operation": "A", "parameters": {"B": "jsn"}, "results": {"done": "return"}}}, "json"),
        ({"create": {"operation": "A", "results": {"reff": "Ref"}}}, "ref"),
        ({"create": {"operation": "A", "results": {"number": "N"}}}, "documents"),
    ],
)  # fmt: skip
def test_a_setting_that_is_not_understood_is_an_error_that_says_what_is_known(
    settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        contract(settings, "erp")
    assert raised.value.code == "E981"
    assert says in raised.value.text()


def test_a_service_that_cannot_be_asked_and_takes_twice_is_not_called() -> None:
    with pytest.raises(ConfigError) as raised:
        contract({"look_up": False, "idempotent": False}, "erp")
    assert raised.value.code == "E982"
    assert contract({"look_up": False, "idempotent": True}, "erp").look_up is None
    assert contract({"create": {"operation": "A", "results": {"ref": "return"}}}, "erp").idempotent is False


def test_an_operation_may_be_renamed_alone() -> None:
    made = contract({"create": "СоздатьЗаказ", "ping": False, "soap": 1.2}, "erp")
    assert (made.create.operation, made.create.results["ref"], made.ping, made.soap) == (
        "СоздатьЗаказ", "Ref", None, "1.2",
    )  # fmt: skip


# --- WSDLs of real configurations -------------------------------------------------------------------------------------


@needs_corpus
@pytest.mark.parametrize("path", WSDLS, ids=lambda path: path.stem)
def test_every_operation_of_every_service_can_be_written_or_says_what_is_missing(path: Path) -> None:
    made = Wsdl(path.read_bytes())
    assert made.operations
    for operation in made.operations:
        needed = [name for name, empty in made.parameters(operation).items() if not empty]
        if needed:
            with pytest.raises(ValueError, match=needed[0]):
                made.request(operation, {})
        else:
            root = parsed(made.request(operation, {}).body)
            assert root is not None
            assert etree.QName(root[-1][0]).localname == operation
        assert isinstance(made.results(operation), list)


@needs_corpus
def test_a_cyrillic_operation_goes_out_whole_and_every_empty_parameter_is_nil() -> None:
    made = Wsdl(wsdl("MobileService"))
    request = made.request("НачатьОбмен", {"КодМобильногоКомпьютера": "7"})
    assert request.headers["SOAPAction"] == (
        '"http://www.1c.ru/SB/MobileExchange#MobileService:НачатьОбмен"'.encode()
    )  # fmt: skip
    root = parsed(request.body)
    assert root is not None
    texts = {etree.QName(child).localname: child.text for child in root[-1][0]}
    assert len(texts) == 5
    assert texts["КодМобильногоКомпьютера"] == "7"
    nils = [child for child in root[-1][0] if child.get("{http://www.w3.org/2001/XMLSchema-instance}nil") == "true"]
    assert len(nils) == 4


@needs_corpus
def test_a_bare_value_and_one_among_out_parameters_are_read_alike() -> None:
    bare = Wsdl(wsdl("MobileService"))
    space = "http://www.1c.ru/SB/MobileExchange"
    answer = enveloped(f'<НачатьОбменResponse xmlns="{space}"><return>да</return></НачатьОбменResponse>')
    assert bare.answer("НачатьОбмен", answer) == {"return": "да"}
    empty = enveloped(f'<НачатьОбменResponse xmlns="{space}"><return/></НачатьОбменResponse>')
    assert bare.answer("НачатьОбмен", empty) == {"return": None}
    several = Wsdl(wsdl("EnterpriseDataExchange_1_0_1_1"))
    space = "http://www.1c.ru/SSL/EnterpriseDataExchange_1_0_1_1"
    told = enveloped(
        f'<TestConnectionResponse xmlns="{space}"><return>false</return><ErrorMessage>Нет узла</ErrorMessage>'
        "</TestConnectionResponse>"
    )
    assert several.answer("TestConnection", told) == {"return": False, "ErrorMessage": "Нет узла"}


@needs_corpus
def test_what_is_no_answer_of_the_operation_is_told_apart() -> None:
    made = Wsdl(wsdl("SiteExchange"))
    for body in (b"", b"<html><body>login</body></html>", b'{"ok": true}', b"<s:Envelope", enveloped("")):
        with pytest.raises(NoEnvelope):
            made.answer("LoadOrders", body)
    with pytest.raises(WrongService):
        made.answer("LoadOrders", enveloped("<GetItemsResponse xmlns='http://www.1c.ru/ExchangeWithSites'/>"))
    with pytest.raises(Fault, match="убытка"):
        made.answer("LoadOrders", (FOLDER / "errors" / "soap_fault_500_derived.xml").read_bytes())
    with pytest.raises(WrongService, match="LoadOrders"):
        made.parameters("CreateOrder")
    with pytest.raises(WrongService):
        Wsdl(b"<html/>")


# --- УНФ's own service for sites --------------------------------------------------------------------------------------


def delivery(**changes: Any) -> Delivery:
    body = BODY | changes
    return Delivery("t", uuid4(), "order", body["id"], 1, 1, body["id"], body, MADE_BY)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def unf(receiver: Receiver, *answers: str) -> SoapService:
    """The target before a service that gives these answers; its WSDL lies in a file."""
    receiver.answers = [(200, {"Content-Type": "text/xml"}, enveloped(answer)) for answer in answers]
    place = f"file:{FOLDER / 'wsdl' / 'derived_SiteExchange.wsdl'}"
    settings = {"contract": "site-exchange", "wsdl": place}
    return SoapService(receiver.url + "/ws/ExchangeWithSites.1cws", contract(settings, "unf"))


def loaded(value: str) -> str:
    return (
        f'<LoadOrdersResponse xmlns="http://www.1c.ru/ExchangeWithSites"><return>{value}</return></LoadOrdersResponse>'
    )


def orders(inner: str) -> str:
    return (
        '<GetOrdersResponse xmlns="http://www.1c.ru/ExchangeWithSites"><return '
        f'xmlns:d="urn:1C.ru:commerceml_205" ВерсияСхемы="2.05">{inner}</return></GetOrdersResponse>'
    )


def document(id_: str, number: str) -> str:
    return f"<d:Документ><d:Ид>{id_}</d:Ид><d:Номер>{number}</d:Номер><d:Дата>2026-05-02</d:Дата></d:Документ>"


@needs_corpus
def test_an_order_goes_to_unf_as_commerceml_in_its_own_namespace(receiver: Receiver) -> None:
    target = unf(receiver, loaded("true"))
    assert target.deliver(delivery()).confirmed
    (came,) = receiver.came
    assert came.path.endswith("/ws/ExchangeWithSites.1cws")
    root = parsed(came.body)
    assert root is not None
    (package,) = root.iter("{*}OrdersData")
    space = {"c": "urn:1C.ru:commerceml_205"}
    kind = package.get("{http://www.w3.org/2001/XMLSchema-instance}type") or ""
    assert package.nsmap[kind.partition(":")[0]] == space["c"]
    assert kind.endswith(":КоммерческаяИнформация")
    assert package.get("ВерсияСхемы") == "2.05"
    assert package.findtext("c:Документ/c:Номер", namespaces=space) == "1001"
    assert package.findtext("c:Документ/c:Дата", namespaces=space) == "2026-05-02", "Moscow is three hours ahead"
    assert package.findtext("c:Документ/c:Контрагенты/c:Контрагент/c:ИНН", namespaces=space) == "7701234567"
    assert package.findtext("c:Документ/c:Товары/c:Товар/c:Сумма", namespaces=space) == "1180"
    target.close()


@needs_corpus
@pytest.mark.parametrize("value", ["false", ""])
def test_what_unf_does_not_say_yes_to_is_not_known(receiver: Receiver, value: str) -> None:
    target = unf(receiver, loaded(value))
    with pytest.raises(UnknownOutcome):
        target.deliver(delivery())
    target.close()


@needs_corpus
def test_unf_is_asked_by_its_orders_and_an_empty_package_says_nothing(receiver: Receiver) -> None:
    others = orders(document("x", "17") + document("y", "18"))
    target = unf(receiver, others, orders(document("x", "17") + document("y", "1001")), orders(""))
    assert target.look_up(delivery()) is None
    found = target.look_up(delivery())
    assert found is not None
    assert (found.confirmed, found.number) == (True, "1001")
    with pytest.raises(TransportError):
        target.look_up(delivery())
    asked = parsed(receiver.came[0].body)
    assert asked is not None
    (since,) = asked.iter("{*}ModificationDate")
    assert since.text == "2026-05-01T01:30:00", "a day before, in the base's time, without a zone"
    target.close()


def test_an_order_that_1c_could_not_take_is_not_written() -> None:
    with pytest.raises(MappingError) as raised:
        soap_orders.package(BODY | {"number": "1" * 12}, MOSCOW, "urn:1C.ru:commerceml_205")
    assert raised.value.code == "E984"


# --- out parameters of other services ---------------------------------------------------------------------------------


@needs_corpus
def test_an_error_message_beside_false_is_a_refusal(receiver: Receiver) -> None:
    space = "http://www.1c.ru/SSL/EnterpriseDataExchange_1_0_1_1"
    said = "<return>false</return><ErrorMessage>Не найден узел обмена</ErrorMessage>"
    both = "<return>true</return><ErrorMessage>Записано не всё</ErrorMessage>"
    lock = "<return>false</return><ErrorMessage>Конфликт блокировок при выполнении транзакции</ErrorMessage>"
    answers = [
        f'<TestConnectionResponse xmlns="{space}">{each}</TestConnectionResponse>' for each in (said, both, lock)
    ]
    receiver.answers = [(200, {"Content-Type": "text/xml"}, enveloped(answer)) for answer in answers]
    call = {
        "operation": "TestConnection", "parameters": {"ExchangePlanName": "=Сайт", "PeerCode": "order.storefront"},
        "results": {"done": "return", "error": "ErrorMessage"},
    }  # fmt: skip
    place = f"file:{FOLDER / 'wsdl' / 'derived_EnterpriseDataExchange_1_0_1_1.wsdl'}"
    settings = {"create": call, "look_up": call, "ping": False, "wsdl": place}
    target = SoapService(receiver.url, contract(settings, "bsp"))
    raised: list[SyncdError] = []
    for _ in answers:
        with pytest.raises(SyncdError) as found:
            target.deliver(delivery())
        raised.append(found.value)
    assert [type(each).__name__ for each in raised] == ["Refused", "UnknownOutcome", "RemoteError"]
    assert isinstance(raised[0], Refused)
    root = parsed(receiver.came[0].body)
    assert root is not None
    assert [child.text for child in root[-1][0]] == ["Сайт", "shop"]
    target.close()
