"""Webhooks against real servers: signatures, refusals, slow and hostile receivers."""

from __future__ import annotations

import ipaddress
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from uuid import UUID

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from syncd.adapters.guarded import is_public
from syncd.adapters.ports import Delivery
from syncd.adapters.webhooks import WebhookTarget, in_force, new_secret, open_target, retry_after, rotated
from syncd.errors import ConfigError, Refused, RemoteError, SyncdError, TransportError, UnknownOutcome
from tests.adapters.receiver import Receiver, receiving
from tests.adapters.rows import endpoint

EVENT = UUID("019328aa-0000-7000-8000-000000000001")
PAYLOAD = {"type": "order.changed", "timestamp": "2026-11-22T12:00:00+00:00", "data": {"number": "Заказ 1"}}


def delivery(**body: object) -> Delivery:
    return Delivery(
        tenant="default", id=EVENT, kind="event", key="k", revision_no=1, attempt=1, marker=str(EVENT),
        body={**PAYLOAD, **body}, created_at=datetime.now(UTC),
    )  # fmt: skip


_open: list[WebhookTarget] = []


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiving() as found:
        yield found
        while _open:
            _open.pop().close()


def target(shop: Receiver, secret: str | None = None, *, timeout: float = 5.0) -> WebhookTarget:
    _open.append(WebhookTarget(shop.url, secret or new_secret(), allow_private=True, timeout=timeout))
    return _open[-1]


def refusal(shop: Receiver, *, timeout: float = 5.0) -> SyncdError:
    hook = target(shop, timeout=timeout)
    with pytest.raises(SyncdError) as caught:
        hook.deliver(delivery())
    hook.close()
    return caught.value


def test_a_message_is_signed_so_that_the_standards_library_verifies_it(shop: Receiver) -> None:
    secret = new_secret()
    receipt = target(shop, secret).deliver(delivery(count=3, events=["x"]))
    assert receipt.confirmed
    (came,) = shop.came
    assert came.headers["webhook-id"] == str(EVENT)
    assert came.headers["content-type"] == "application/json"
    assert Webhook(secret).verify(came.body, came.headers) == PAYLOAD  # what is ours stays at home
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(came.body, came.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(came.body.replace(b"1", b"2"), came.headers)


def test_while_a_secret_is_rotated_both_verify_and_then_only_the_new_one(shop: Receiver) -> None:
    old, new, now = new_secret(), new_secret(), datetime.now(UTC)
    stored = rotated(old, new, until=now + timedelta(hours=24))
    target(shop, stored).deliver(delivery())
    for secret in (old, new):
        assert Webhook(secret).verify(shop.came[0].body, shop.came[0].headers) == PAYLOAD
    assert in_force(stored, now + timedelta(hours=25)) == [new]
    newest = new_secret()
    assert in_force(rotated(stored, newest, until=now + timedelta(days=7)), now) == [newest, new, old]
    assert in_force(rotated(stored, newest, until=now + timedelta(days=7)), now + timedelta(days=2)) == [newest, new]


def test_the_id_is_the_same_at_every_attempt(shop: Receiver) -> None:
    shop.answers = [(500, {}, b"oops"), (200, {}, b"ok")]
    hook = target(shop)
    with pytest.raises(RemoteError, match="E941"):
        hook.deliver(delivery())
    hook.deliver(delivery())
    assert shop.came[0].headers["webhook-id"] == shop.came[1].headers["webhook-id"]


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [(500, RemoteError, "E941"), (404, RemoteError, "E941"), (401, RemoteError, "E941"), (410, Refused, "E942"),
     (429, TransportError, "E946"), (503, TransportError, "E946")],
)  # fmt: skip
def test_whatever_is_not_2xx_is_no_success(shop: Receiver, status: int, kind: type[SyncdError], code: str) -> None:
    shop.answers = [(status, {"Retry-After": "120"}, b"no such <b>thing</b>")]
    error = refusal(shop)
    assert type(error) is kind
    assert error.code == code
    assert error.retry_after == (None if status == 410 else 120)


def test_redirects_are_not_followed(shop: Receiver) -> None:
    with receiving() as other:
        shop.answers = [(302, {"Location": f"{other.url}?key=hush"}, b"")]
        error = refusal(shop)
        assert error.code == "E943"
        assert "hush" not in str(error)
        assert other.came == []


def test_an_answer_that_never_ends_is_cut(shop: Receiver) -> None:
    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 500 no\r\nContent-Length: 1000000000\r\n\r\n")
        with suppress(OSError):  # reset or broken pipe, when the reader has enough
            while True:
                handler.wfile.write(b"x" * 65_536)

    shop.raw = flood
    error = refusal(shop)
    assert error.code == "E941"
    assert len(str(error)) < 1_000


def test_a_receiver_that_drips_its_answer_holds_nobody_up(shop: Receiver) -> None:
    stop = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000:
            if stop.wait(0.05):
                return
            handler.wfile.write(bytes([byte]))

    shop.raw = drip
    begun = time.monotonic()
    error = refusal(shop, timeout=0.5)
    stop.set()
    assert isinstance(error, UnknownOutcome)
    assert time.monotonic() - begun < 5


def test_a_lost_answer_is_an_unknown_outcome(shop: Receiver) -> None:
    shop.raw = lambda handler: handler.connection.close()
    assert isinstance(refusal(shop), UnknownOutcome)


def test_a_success_whose_body_breaks_off_is_a_success(shop: Receiver) -> None:
    def half(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    shop.raw = half
    assert target(shop).deliver(delivery()).confirmed


def test_who_does_not_listen_was_sent_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        hook = WebhookTarget(f"http://127.0.0.1:{taken.getsockname()[1]}/", new_secret(), allow_private=True, timeout=2)
        with pytest.raises(TransportError, match="E944"):
            hook.deliver(delivery())


def test_a_name_that_does_not_exist_was_sent_nothing() -> None:
    hook = WebhookTarget("https://no-such-host.invalid/", new_secret(), timeout=5)
    with pytest.raises(TransportError, match="E944"):
        hook.deliver(delivery())


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"]
)
def test_an_address_of_our_own_network_is_not_called(shop: Receiver, host: str) -> None:
    hook = WebhookTarget(f"http://{host}:{shop.port}/", new_secret(), timeout=2)
    with pytest.raises(SyncdError) as caught:
        hook.deliver(delivery())
    assert caught.value.code in {"E940", "E944"}
    assert shop.came == []


def test_a_name_that_resolves_differently_a_moment_later_gains_nothing(
    shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked once, and connected to what the answer was: the second answer is never asked for."""
    answers = [("93.184.215.14", shop.port), ("127.0.0.1", shop.port)]
    asked: list[str] = []
    connected: list[str] = []

    def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", answers[len(asked) - 1])]

    def connect(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        connected.append(address[0])
        raise TimeoutError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    hook = WebhookTarget(f"http://rebind.example:{shop.port}/", new_secret(), timeout=2)
    with pytest.raises(TransportError):
        hook.deliver(delivery())
    assert asked == ["rebind.example"]
    assert connected == ["93.184.215.14"]
    with pytest.raises(RemoteError, match="E940"):
        hook.deliver(delivery())
    assert connected == ["93.184.215.14"]


@pytest.mark.parametrize(
    ("address", "public"),
    [("93.184.215.14", True), ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True), ("10.1.2.3", False),
     ("172.16.0.1", False), ("192.168.1.1", False), ("169.254.169.254", False), ("100.64.0.1", False),
     ("127.0.0.2", False), ("0.0.0.0", False), ("224.0.0.1", False), ("255.255.255.255", False), ("::1", False),
     ("fe80::1", False), ("fc00::1", False), ("fd00:ec2::254", False), ("::ffff:169.254.169.254", False),
     ("::ffff:93.184.215.14", True), ("64:ff9b::a9fe:a9fe", False), ("2002:7f00:1::", False), ("2001::1", False),
     ("ff02::1", False)],
)  # fmt: skip
def test_addresses_are_told_apart(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize(
    "address", ["ftp://shop.example/", "shop.example", "http://", "https://user:pass@shop.example/", "http://a:99999/"]
)
def test_an_address_that_cannot_be_called_is_refused_when_it_is_made(address: str) -> None:
    with pytest.raises(ConfigError, match="E952"):
        WebhookTarget(address, new_secret())


def test_a_secret_that_is_none_is_refused_and_not_shown() -> None:
    for secret in ("", "whsec_", "whsec_hush§hush"):
        with pytest.raises(ConfigError) as caught:
            WebhookTarget("https://shop.example/", secret)
        assert "hush" not in repr(caught.value) + str(caught.value)
    secret = new_secret()
    assert secret not in repr(WebhookTarget("https://shop.example/hook?key=hush", secret))
    assert "hush" not in repr(WebhookTarget("https://shop.example/hook?key=hush", secret))


def test_an_endpoint_is_opened_as_its_row_says(shop: Receiver) -> None:
    closed, opened = endpoint("webhook", shop.url), endpoint("webhook", shop.url, allow_private=True)
    with pytest.raises(RemoteError, match="E940"):
        open_target(closed, new_secret()).deliver(delivery())
    _open.append(open_target(opened, new_secret()))
    assert _open[-1].deliver(delivery()).confirmed
    with pytest.raises(ConfigError, match="E952"):
        open_target(opened, None)


def test_several_threads_share_a_target(shop: Receiver) -> None:
    hook = target(shop)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                hook.deliver(delivery())
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failed == []
    assert len(shop.came) == 80
    assert all(json.loads(came.body) == PAYLOAD for came in shop.came)


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    assert retry_after("30", now) == 30
    assert retry_after("Sun, 22 Nov 2026 12:01:00 GMT", now) == 60
    assert retry_after("Sun, 22 Nov 2026 11:00:00 GMT", now) == 0
    assert retry_after("soon", now) is None
    assert retry_after(None, now) is None
