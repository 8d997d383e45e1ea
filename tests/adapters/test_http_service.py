"""The HTTP service's target against the emulated service, over real HTTP: each fault, and what it means."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from syncd.adapters.http_service import HttpService
from syncd.adapters.httpclient import Client
from syncd.adapters.ports import Delivery, Target
from syncd.emulator.http_service import Service
from syncd.emulator.http_service_faults import BY_CHANCE, Behaviour, Fault, parse
from syncd.errors import ConfigError, Refused, RemoteError, SyncdError, TransportError, UnknownOutcome

MADE_BY = datetime(2026, 5, 1, tzinfo=UTC)
Make = Callable[..., tuple[Service, HttpService]]


def delivery(marker: str = "", **body: object) -> Delivery:
    marker = marker or str(uuid4())
    return Delivery("t", uuid4(), "order", marker, 1, 1, marker, {"id": marker, **body}, MADE_BY)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A service with these faults, and the target that calls it."""
    with ExitStack() as stack:

        def build(faults: str = "", *, timeout: float = 5.0, login: str | None = None, **kwargs: Any) -> Any:
            seed = kwargs.get("seed", 1)
            behaviour = Behaviour(faults=parse(faults, seed), login=login, password="пароль", **kwargs)
            service = stack.enter_context(Service(tmp_path / f"{uuid4()}.sqlite", behaviour))
            target = HttpService(service.url, login=login, password="пароль", timeout=timeout, concurrency=4)
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
    sent = delivery(amount="10.00", customer={"name": "ООО «Ромашка»"})
    receipt = target.deliver(sent)
    document = service.state.documents()[0]
    assert (receipt.confirmed, receipt.ref, receipt.number) == (True, document.ref, "УТ00-000001")
    assert receipt.posted is True
    assert receipt.date is not None
    assert str(receipt.date.tzinfo) == "Europe/Moscow"
    assert receipt.answer["created"] is True
    assert document.body == dict(sent.body)
    assert isinstance(target, HttpService)
    as_target: Target = target
    assert as_target.idempotent
    assert as_target.can_look_up


def test_the_same_order_twice_is_one_document(make: Make) -> None:
    service, target = make()
    sent = delivery()
    first, second = target.deliver(sent), target.deliver(sent)
    assert first.ref == second.ref
    assert (first.answer["created"], second.answer["created"]) == (True, False)
    assert len(service.state.documents()) == 1


def test_a_service_that_ignores_the_key_makes_two(make: Make) -> None:
    service, target = make(once=False)
    sent = delivery()
    assert target.deliver(sent).ref != target.deliver(sent).ref
    assert len(service.state.documents()) == 2


def test_a_look_up_finds_what_is_there_and_says_what_is_not(make: Make) -> None:
    _, target = make()
    sent = delivery("shop/1 & 2?")
    assert target.look_up(sent) is None
    receipt = target.deliver(sent)
    found = target.look_up(sent)
    assert found is not None
    assert (found.ref, found.number) == (receipt.ref, receipt.number)


def test_a_newer_revision_is_written_over_the_document_and_never_makes_another(make: Make) -> None:
    service, target = make()
    first = delivery(revision=1)
    second = replace(first, revision_no=2, body={**first.body, "revision": 2, "comment": "two"})
    ref = target.deliver(first).ref
    assert target.look_up(second) is None, "1C has the order, but not this state of it"
    receipt = target.deliver(second)
    assert (receipt.ref, receipt.answer["revision"], receipt.answer["created"]) == (ref, 2, False)
    assert target.look_up(second) is not None
    assert target.deliver(first).answer["revision"] == 2, "the older one, late, changes nothing"
    assert [document.body["comment"] for document in service.state.documents()] == ["two"]


def test_a_pull_follows_the_cursor_to_the_end(make: Make) -> None:
    _, target = make()
    pages = list(target.pages("products"))
    assert [len(page.items) for page in pages] == [100, 100, 50]
    assert pages[-1].cursor is None
    assert len({item["id"] for page in pages for item in page.items}) == 250


def test_a_ping_tells_the_configuration_and_its_version(make: Make) -> None:
    _, target = make(login="Сайт")
    ping = target.ping()
    assert (ping.failing, ping.error, ping.maintenance) == (None, None, False)
    assert ping.about["config"] == "УправлениеТорговлей"
    assert 0 < ping.latency_ms < 5000


# --- what each failure means ------------------------------------------------------------------------------------------

OUTCOMES: dict[Fault, tuple[type[SyncdError], str, int]] = {
    Fault.TIMEOUT_BEFORE: (UnknownOutcome, "E927", 0),
    Fault.TIMEOUT_AFTER: (UnknownOutcome, "E927", 1),
    Fault.LATE: (UnknownOutcome, "E927", 1),
    Fault.DROP_BEFORE: (UnknownOutcome, "E927", 0),
    Fault.DROP_AFTER: (UnknownOutcome, "E927", 1),
    Fault.HALF: (UnknownOutcome, "E927", 1),
    Fault.DRIP: (UnknownOutcome, "E927", 1),
    Fault.PAGE_500: (UnknownOutcome, "E933", 0),
    Fault.PAGE_500_AFTER: (UnknownOutcome, "E933", 1),
    Fault.HANDLER_500: (UnknownOutcome, "E933", 0),
    Fault.HANDLER_200: (UnknownOutcome, "E933", 0),
    Fault.FAILED: (RemoteError, "E932", 0),
    Fault.BAD_SHAPE: (UnknownOutcome, "E933", 1),
    Fault.GATEWAY_502: (UnknownOutcome, "E933", 1),
    Fault.GATEWAY_504: (UnknownOutcome, "E933", 1),
    Fault.LOGIN_PAGE: (UnknownOutcome, "E933", 0),
    Fault.MAINTENANCE: (UnknownOutcome, "E933", 0),
    Fault.BLOCKED: (TransportError, "E929", 0),
    Fault.LICENCE: (TransportError, "E930", 0),
    Fault.NO_SESSION: (TransportError, "E930", 0),
    Fault.UNAUTHORISED: (TransportError, "E928", 0),
    Fault.BUSY_429: (TransportError, "E930", 0),
    Fault.BUSY_503: (TransportError, "E930", 0),
    Fault.NO_SERVICE: (TransportError, "E931", 0),
}


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.value)
def test_a_failed_post_says_what_became_of_the_order(make: Make, fault: Fault) -> None:
    kind, code, documents = OUTCOMES[fault]
    service, target = make(f"post:{fault.value}", timeout=0.3, drip=0.05, late=0.5)
    sent = delivery()
    error = refused(lambda: target.deliver(sent))
    assert (type(error), error.code) == (kind, code), error.text()
    found = target.look_up(sent)
    if fault is Fault.LATE:
        assert found is None, "it is still on its way: that the key is kept to saves the day"
        assert target.deliver(sent).confirmed
        found = target.look_up(sent)
    assert (found is not None) == bool(documents)
    assert target.deliver(sent).answer["created"] is (documents == 0)
    assert len(service.state.documents()) == 1
    assert isinstance(error, UnknownOutcome) or not documents, "what is certain must be true"


@pytest.mark.parametrize("fault", BY_CHANCE["get"], ids=lambda fault: fault.value)
def test_a_look_up_that_fails_never_says_that_the_order_is_not_there(make: Make, fault: Fault) -> None:
    _, target = make(f"get:{fault.value}", timeout=0.3, late=0.5)
    sent = delivery()
    target.deliver(sent)
    error = refused(lambda: target.look_up(sent))
    assert isinstance(error, TransportError | RemoteError), error.text()
    assert target.look_up(sent) is not None


def test_a_drip_is_cut_when_the_time_of_the_whole_call_is_over(make: Make) -> None:
    _, target = make("post:drip-after", timeout=0.5, drip=0.1)
    began = time.monotonic()
    refused(lambda: target.deliver(delivery()))
    assert 0.4 < time.monotonic() - began < 3


def test_a_refused_order_carries_the_words_of_1c_and_the_field(make: Make) -> None:
    service, target = make(refuse=1.0)
    sent = delivery()
    error = refused(lambda: target.deliver(sent))
    assert (type(error), error.code) == (Refused, "E934")
    assert "customer.inn: Контрагент с таким ИНН помечен на удаление" in error.text("ru")
    assert target.look_up(sent) is None
    assert service.state.documents() == []


def test_the_pause_a_service_asks_for_is_kept_in_both_spellings(make: Make) -> None:
    _, target = make("post:busy-429,post:busy-503@2", pause=7.0)
    assert refused(lambda: target.deliver(delivery())).retry_after == 7.0
    second = refused(lambda: target.deliver(delivery())).retry_after
    assert second is not None
    assert 4 < second <= 7


def test_blocked_sessions_are_maintenance_and_not_a_wrong_password(make: Make) -> None:
    service, target = make()
    service.set({"mode": "blocked"})
    error = refused(lambda: target.deliver(delivery()))
    assert isinstance(error, TransportError)
    assert error.maintenance
    ping = target.ping()
    assert (ping.failing, ping.maintenance) == ("session", True)
    assert "Ведутся технические работы" in str(ping.error)
    service.set({"mode": "maintenance"})
    assert target.ping().maintenance


def test_a_wrong_password_is_told_without_the_password(make: Make) -> None:
    service, _ = make(login="Сайт")
    target = HttpService(service.url, login="Сайт", password="hunter2")
    error = refused(lambda: target.deliver(delivery()))
    assert (error.code, error.owner) == ("E928", "administrator")
    assert "hunter2" not in repr(target) + str(error)
    assert target.ping().failing == "login"
    target.close()


def test_a_closed_port_is_told_apart_from_a_lost_answer(make: Make) -> None:
    service, target = make()
    target.ping()
    service.close_port()
    error = refused(lambda: target.deliver(delivery()))
    assert (type(error), error.code) == (TransportError, "E924")
    assert target.ping().failing == "connection"
    service.start()
    assert target.deliver(delivery()).confirmed


def test_a_name_that_nobody_knows_is_its_own_failure() -> None:
    target = HttpService("http://no-such-host.invalid/trade/hs/syncd", timeout=5)
    error = refused(lambda: target.deliver(delivery()))
    assert (type(error), error.code) == (TransportError, "E923")
    assert target.ping().failing == "name"
    target.close()


def test_plain_http_behind_a_tls_address_is_a_failure_of_tls(make: Make) -> None:
    service, _ = make()
    target = HttpService(service.url.replace("http:", "https:"), timeout=5)
    error = refused(lambda: target.deliver(delivery()))
    assert (type(error), error.code) == (TransportError, "E925")
    assert target.ping().failing == "tls"
    target.close()


def test_busy_connections_are_ours_and_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = Client(f"http://127.0.0.1:{server.getsockname()[1]}/x", timeout=30, concurrency=1, connect_timeout=0.2)
        lost: list[str] = []
        busy = threading.Thread(target=lambda: lost.append(refused(lambda: client.post("/a", b"", {})).code))
        busy.start()
        connection, _ = server.accept()
        error = refused(lambda: client.post("/b", b"", {}))
        connection.close()
        busy.join()
        client.close()
    assert (type(error), error.code) == (TransportError, "E926")
    assert lost == ["E927"]


def test_an_answer_about_another_order_confirms_nothing(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        body = b'{"id": "another", "ref": "x", "number": "1", "created": true, "errors": []}'

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

        thread = threading.Thread(target=answer)
        thread.start()
        target = HttpService(f"http://127.0.0.1:{server.getsockname()[1]}/x", timeout=5)
        error = refused(lambda: target.deliver(delivery()))
        thread.join()
        target.close()
    assert (type(error), error.code) == (UnknownOutcome, "E933")


# --- addresses and settings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["ftp://h/x", "h/x", "http://", "http://u:p@h/x", "http://h/x?y=1", "http://h:port/x", "http://h/x#y"],
)
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(ConfigError) as raised:
        HttpService(address)
    assert raised.value.code == "E937"
    assert ":p@" not in str(raised.value)


def test_an_address_in_cyrillic_goes_out_encoded(make: Make) -> None:
    service, _ = make()
    target = HttpService(f"http://127.0.0.1:{service.port}/торговля/hs/обмен/")
    assert target.deliver(delivery()).confirmed
    assert "%D1%82%D0%BE%D1%80" in repr(target)
    target.close()


def test_certificates_that_cannot_be_read_are_an_error_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(ConfigError) as raised:
        HttpService("https://h/x", ca=str(tmp_path / "ca.pem"))
    assert raised.value.code == "E937"
    assert isinstance(raised.value.__cause__, ssl.SSLError)


def test_cookies_are_neither_kept_nor_sent() -> None:
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        body = b'{"ok": true}'

        def answer() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    seen.append(connection.recv(65536))
                    head = b"HTTP/1.1 200 OK\r\nSet-Cookie: ibsession=1\r\nConnection: close\r\n"
                    connection.sendall(head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

        thread = threading.Thread(target=answer)
        thread.start()
        target = HttpService(f"http://127.0.0.1:{server.getsockname()[1]}/x", timeout=5)
        assert [target.ping().failing for _ in range(2)] == [None, None]
        thread.join()
        target.close()
    assert b"ookie" not in seen[1]


# --- the promise that rests on all this -------------------------------------------------------------------------------

SLOW = {Fault.TIMEOUT_AFTER, Fault.TIMEOUT_BEFORE, Fault.DRIP}
STORM = ",".join(f"{fault.value}={0.01 if fault in SLOW else 0.04}" for fault in Fault if fault is not Fault.LATE)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_who_obeys_the_classes_of_failures_makes_no_document_twice_even_without_idempotency(
    make: Make, seed: int
) -> None:
    service, target = make(STORM, seed=seed, once=False, timeout=0.3, drip=0.05)
    failures = 0
    sent = [delivery() for _ in range(40)]
    for each in sent:
        unknown, receipt = False, None
        while receipt is None:
            try:
                receipt = target.look_up(each) if unknown else target.deliver(each)
                unknown = False
            except UnknownOutcome:
                failures, unknown = failures + 1, True
            except (TransportError, RemoteError):
                failures += 1
    assert failures > 20
    assert sorted(document.id for document in service.state.documents()) == sorted(each.marker for each in sent)
