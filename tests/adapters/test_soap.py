"""The web service's target against the emulated service, over real HTTP: each fault, and what it means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from syncd.adapters import soap
from syncd.adapters.ports import Delivery, Target
from syncd.adapters.soap import SoapService
from syncd.adapters.soap_contract import PUBLISHED
from syncd.emulator.http_service_faults import BY_CHANCE, Behaviour, Fault, parse
from syncd.emulator.soap_service import WebService
from syncd.errors import ConfigError, Refused, RemoteError, SyncdError, TransportError, UnknownOutcome

MADE_BY = datetime(2026, 5, 1, 22, 30, tzinfo=UTC)
Make = Callable[..., tuple[WebService, SoapService]]


def delivery(marker: str = "", revision: int = 1, **body: object) -> Delivery:
    marker = marker or str(uuid4())
    return Delivery("t", uuid4(), "order", marker, revision, 1, marker, {"id": marker, **body}, MADE_BY)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A service with these faults, and the target that calls it."""
    with ExitStack() as stack:

        def build(faults: str = "", *, timeout: float = 5.0, login: str | None = None, **kwargs: Any) -> Any:
            seed = kwargs.get("seed", 1)
            behaviour = Behaviour(faults=parse(faults, seed), login=login, password="пароль", **kwargs)
            service = stack.enter_context(WebService(tmp_path / f"{uuid4()}.sqlite", behaviour))
            target = SoapService(service.url, login=login, password="пароль", timeout=timeout, concurrency=4)
            stack.callback(target.close)
            return service, target

        yield build


def refused(call: Callable[[], object]) -> SyncdError:
    with pytest.raises(SyncdError) as raised:
        call()
    return raised.value


# --- when all is well -------------------------------------------------------------------------------------------------


def test_an_order_is_confirmed_by_the_reference_and_number_of_1c(make: Make) -> None:
    service, target = make()
    sent = delivery(amount="10.00", customer={"name": "ООО «Ромашка» & Ко"})
    receipt = target.deliver(sent)
    (document,) = service.state.documents()
    assert (receipt.confirmed, receipt.ref, receipt.number) == (True, document.ref, "УТ00-000001")
    assert receipt.posted is True
    assert receipt.date is not None
    assert str(receipt.date.tzinfo) == "Europe/Moscow", "1C's time has no zone; it is the base's"
    assert document.body == dict(sent.body)
    as_target: Target = target
    assert as_target.idempotent
    assert as_target.can_look_up


def test_the_same_order_twice_is_one_document(make: Make) -> None:
    service, target = make()
    sent = delivery()
    assert target.deliver(sent).ref == target.deliver(sent).ref
    assert len(service.state.documents()) == 1


def test_threads_share_a_target_without_mixing_orders_up(make: Make) -> None:
    service, target = make(timeout=20.0)
    sent = [delivery(amount=f"{n}.00") for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(target.deliver, sent))
    made = {document.id: document for document in service.state.documents()}
    assert [made[each.marker].ref for each in sent] == [receipt.ref for receipt in receipts]
    assert [made[each.marker].body["amount"] for each in sent] == [each.body["amount"] for each in sent]


def test_a_look_up_finds_what_was_taken_and_tells_what_was_not(make: Make) -> None:
    _, target = make()
    sent = delivery()
    assert target.look_up(sent) is None
    taken = target.deliver(sent)
    found = target.look_up(sent)
    assert found is not None
    assert (found.ref, found.confirmed) == (taken.ref, True)
    assert target.look_up(delivery()) is None


def test_an_older_revision_in_1c_is_not_this_one(make: Make) -> None:
    _, target = make()
    marker = str(uuid4())
    target.deliver(delivery(marker, revision=1))
    newer = delivery(marker, revision=2)
    assert target.look_up(newer) is None
    assert refused(lambda: target.deliver(newer)).code == "E934", "the body says revision 1"


def test_the_address_in_the_wsdl_is_not_believed_and_the_wsdl_is_asked_for_once(make: Make) -> None:
    service, target = make()
    for _ in range(3):
        target.deliver(delivery())
    assert service.requests == 4


def test_a_cyrillic_login_is_sent_in_utf8_for_the_wsdl_too(make: Make) -> None:
    service, target = make(login="Обмен")
    assert target.deliver(delivery()).confirmed
    stranger = SoapService(service.url, login="Чужой", password="пароль")
    assert refused(lambda: stranger.deliver(delivery())).code == "E928"
    stranger.close()


# --- faults -----------------------------------------------------------------------------------------------------------

# whether the document is there all the same
LOST = {
    "drop-before": False, "page-500": False, "handler-500": False, "handler-200": False, "gateway-502-after": True,
    "timeout-after": True, "drop-after": True, "half-after": True, "page-500-after": True, "login-page": False,
    "maintenance": False, "bad-shape-after": True,
}  # fmt: skip


@pytest.mark.parametrize("fault", LOST)
def test_what_leaves_the_outcome_open_is_unknown_and_can_be_looked_up(make: Make, fault: str) -> None:
    service, target = make(f"post:{fault}", timeout=1.0, hang=3.0)
    sent = delivery()
    error = refused(lambda: target.deliver(sent))
    assert isinstance(error, UnknownOutcome)
    assert service.requests == 2, "the WSDL, and one attempt: nothing is sent again by itself"
    assert (target.look_up(sent) is not None) is LOST[fault]


@pytest.mark.parametrize(
    ("fault", "code"),
    [("blocked", "E929"), ("licence", "E930"), ("no-session", "E930"), ("unauthorised", "E928"), ("busy-429", "E930"),
     ("busy-503", "E930"), ("no-service", "E931")],
)  # fmt: skip
def test_who_was_not_let_in_did_nothing(make: Make, fault: str, code: str) -> None:
    service, target = make(f"post:{fault}")
    error = refused(lambda: target.deliver(delivery()))
    assert isinstance(error, TransportError)
    assert error.code == code
    assert error.maintenance is (code == "E929")
    assert service.state.documents() == []


def test_a_request_that_is_done_late_makes_one_document(make: Make) -> None:
    service, target = make("post:late", timeout=0.5, late=0.8)
    sent = delivery()
    assert isinstance(refused(lambda: target.deliver(sent)), UnknownOutcome)
    patient = SoapService(service.url, timeout=5.0)
    assert patient.deliver(sent).confirmed
    patient.close()
    assert len(service.state.documents()) == 1


def test_a_fault_tells_a_person_its_last_sentence(make: Make) -> None:
    _, target = make("post:handler-200")
    error = refused(lambda: target.deliver(delivery()))
    assert error.params["detail"] == "Поле объекта не обнаружено (СкладОтгрузки)"
    assert error.params["status"] == 200


def test_an_error_in_an_out_parameter_is_a_refusal_or_a_failure_by_its_code(make: Make) -> None:
    _, target = make("post:failed", refuse=1.0)
    assert isinstance(refused(lambda: target.deliver(delivery())), RemoteError)
    error = refused(lambda: target.deliver(delivery()))
    assert isinstance(error, Refused)
    assert "помечен на удаление" in error.text()


def test_nothing_is_sent_where_nobody_listens(make: Make) -> None:
    service, target = make()
    service.close_port()
    error = refused(lambda: target.deliver(delivery()))
    assert isinstance(error, TransportError)
    assert error.code == "E924"


@pytest.mark.parametrize("fault", sorted(each.value for each in BY_CHANCE["get"]))
def test_a_look_up_that_fails_never_says_that_there_is_nothing(make: Make, fault: str) -> None:
    _, target = make(f"get:{fault}", timeout=0.7, hang=1.0, late=0.1)
    sent = delivery()
    target.deliver(sent)
    assert isinstance(refused(lambda: target.look_up(sent)), TransportError)


@pytest.mark.parametrize("fault", ["drop-before", "login-page", "maintenance", "page-500", "no-service"])
def test_without_a_wsdl_nothing_is_sent(make: Make, fault: str) -> None:
    service, target = make(f"pull:{fault}")
    assert isinstance(refused(lambda: target.deliver(delivery())), TransportError)
    assert target.deliver(delivery()).confirmed, "the next attempt asks for it again"
    assert len(service.state.documents()) == 1


def test_chance_loses_and_doubles_nothing(make: Make) -> None:
    """The policy in small: unknown is looked up, what is not there is sent again."""
    service, target = make("0.4", timeout=0.4, hang=0.6, late=0.05, pause=0.01, seed=7)
    sent = [delivery() for _ in range(12)]
    for each in sent:
        confirmed = False
        for _ in range(60):
            try:
                confirmed = target.deliver(each).confirmed
            except UnknownOutcome:
                confirmed = _looked_up(target, each)
            except (TransportError, RemoteError):
                continue
            if confirmed:
                break
        assert confirmed
    assert sorted(document.id for document in service.state.documents()) == sorted(each.marker for each in sent)


def _looked_up(target: SoapService, sent: Delivery) -> bool:
    for _ in range(60):
        try:
            return target.look_up(sent) is not None
        except TransportError:
            continue
    raise AssertionError("the service never said")


# --- ping -------------------------------------------------------------------------------------------------------------


def test_a_ping_tells_the_configuration(make: Make) -> None:
    _, target = make()
    found = target.ping()
    assert (found.failing, found.about["config"]) == (None, "УправлениеТорговлей")
    assert found.latency_ms > 0


@pytest.mark.parametrize(
    ("fault", "step"),
    [("blocked", "session"), ("licence", "licence"), ("unauthorised", "login"), ("no-service", "publication"),
     ("handler-500", "answer"), ("drop-before", "answer")],
)  # fmt: skip
def test_a_ping_names_the_step_that_failed(make: Make, fault: str, step: str) -> None:
    _, target = make(f"ping:{fault}")
    found = target.ping()
    assert found.failing == step
    assert found.maintenance is (fault == "blocked")


def test_without_an_operation_for_it_the_wsdl_is_the_ping_and_is_asked_for_anew(make: Make) -> None:
    service, _ = make("pull:blocked@2")
    target = SoapService(service.url, replace(PUBLISHED, ping=None))
    assert target.ping().failing is None
    assert target.ping().maintenance
    target.close()


def test_a_changed_service_is_noticed_before_anything_is_sent(make: Make) -> None:
    service, _ = make()
    agreed = replace(PUBLISHED, create=replace(PUBLISHED.create, operation="СоздатьЗаказ"))
    target = SoapService(service.url, agreed)
    error = refused(lambda: target.deliver(delivery()))
    assert (error.code, isinstance(error, TransportError)) == ("E983", True)
    assert "CreateOrder" in error.text(), "it says which operations there are"
    target.close()
    agreed = replace(PUBLISHED, create=replace(PUBLISHED.create, results={"done": "return", "ref": "Ссылка"}))
    target = SoapService(service.url, agreed)
    assert "Ссылка" in refused(lambda: target.deliver(delivery())).text()
    target.close()
    assert service.state.documents() == []


def test_every_fault_has_a_meaning() -> None:
    told = set(LOST) | {"blocked", "licence", "no-session", "unauthorised", "busy-429", "busy-503", "no-service",
                            "failed", "late", "timeout-before", "drip-after", "gateway-504-after"}  # fmt: skip
    assert {fault.value for fault in Fault} == told


def test_an_address_that_is_none_is_said_at_once() -> None:
    with pytest.raises(ConfigError):
        SoapService("ftp://1c/ws/x.1cws")


@pytest.fixture(autouse=True)
def _no_wsdl_of_another_test() -> None:
    soap._Wsdls._kept.clear()
