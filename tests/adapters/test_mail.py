"""Events by e-mail, to a real SMTP server in this process."""

from __future__ import annotations

import asyncio
import email
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from syncd.adapters.mail import MailTarget, open_target
from syncd.adapters.ports import Delivery
from syncd.errors import ConfigError, Refused, RemoteError, TransportError, UnknownOutcome
from tests.adapters.rows import endpoint

EVENT = UUID("019328aa-0000-7000-8000-000000000001")
PASSWORD = "hush-hush"


def delivery(name: str = "order.rejected", **more: Any) -> Delivery:
    error = {
        "code": "E817",
        "owner": "1c-developer",
        "message": "1C did not agree.",
        "message_ru": "1С не согласилась.",
    }
    body = {
        "type": name, "timestamp": "2026-11-22T09:00:00+00:00", "data": {"number": "З-1", **error}, **more,
    }  # fmt: skip
    return Delivery(
        tenant="acme", id=EVENT, kind="event", key="k", revision_no=1, attempt=1, marker=str(EVENT), body=body,
        created_at=datetime(2026, 11, 22, 9, tzinfo=UTC),
    )  # fmt: skip


@dataclass
class Box:
    """What the server does, and what came."""

    port: int = 0
    rcpt: str = "250 OK"
    data: str = "250 taken"
    drop: bool = False
    secure: list[bool] = field(default_factory=list)
    letters: list[EmailMessage] = field(default_factory=list)
    to: list[str] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt.startswith("250") or "bad" not in address:
            envelope.rcpt_tos.append(address)
            return "250 OK"
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.drop:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            return ""
        assert isinstance(envelope.content, bytes)
        self.secure.append(session.ssl is not None)
        self.letters.append(email.message_from_bytes(envelope.content, policy=policy.default))
        self.to += envelope.rcpt_tos
        return self.data


def login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(key), "-out", str(cert),
    ]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return cert, key


@pytest.fixture
def box(certificate: tuple[Path, Path]) -> Iterator[Box]:
    found = Box()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found.port = free.getsockname()[1]
    controller = Controller(
        found, hostname="127.0.0.1", port=found.port, tls_context=context, authenticator=login, auth_required=False
    )
    controller.start()
    yield found
    controller.stop()


@pytest.fixture
def trust(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[0]))


def target(box: Box, trust: ssl.SSLContext, **options: Any) -> MailTarget:
    given = {"to": "ops@shop.example, Boss <boss@shop.example>", "sender": "syncd <syncd@shop.example>"}
    return MailTarget(f"smtp://127.0.0.1:{box.port}", trust=trust, timeout=5, **{**given, **options})


def test_a_letter_says_what_happened_who_mends_it_and_what_to_type(box: Box, trust: ssl.SSLContext) -> None:
    receipt = target(box, trust, login="syncd", password=PASSWORD).deliver(delivery())
    assert receipt.confirmed
    (letter,) = box.letters
    assert box.secure == [True]
    assert box.to == ["ops@shop.example", "boss@shop.example"]
    assert letter["Message-ID"] == f"<{EVENT}@shop.example>"
    assert letter["Subject"] == "[syncd] Заказ З-1 отклонён"
    said = letter.get_content()
    for expected in ("E817 1С не согласилась.", "разработчик 1С", "syncd outbox show З-1", "12:00:00", "acme"):
        assert expected in said


def test_a_letter_speaks_english_where_the_endpoint_does(box: Box, trust: ssl.SSLContext) -> None:
    target(box, trust, lang="en").deliver(delivery())
    assert box.letters[0]["Subject"] == "[syncd] Order З-1 was rejected"
    assert "E817 1C did not agree." in box.letters[0].get_content()


def test_events_collected_into_one_letter_are_counted_and_the_first_named(box: Box, trust: ssl.SSLContext) -> None:
    first = [
        {"type": "order.rejected", "timestamp": "2026-11-22T09:00:00+00:00", "data": {"number": n}} for n in range(10)
    ]
    target(box, trust).deliver(delivery(count=40, first=first, since="2026-11-22T08:59:00+00:00"))
    said = box.letters[0].get_content()
    assert box.letters[0]["Subject"].startswith("[syncd] 40 × ")
    assert "11:59:00: 40" in said
    assert said.count("отклонён") == 11
    assert "ещё 30" in said


def test_a_line_break_in_what_a_shop_named_an_order_makes_no_header(box: Box, trust: ssl.SSLContext) -> None:
    target(box, trust).deliver(delivery(data={"number": "1\r\nBcc: all@shop.example"}))
    assert box.letters[0]["Bcc"] is None
    assert box.to == ["ops@shop.example", "boss@shop.example"]


def test_the_wrong_password_is_told_without_showing_it(box: Box, trust: ssl.SSLContext) -> None:
    hook = target(box, trust, login="syncd", password="wrong-and-hidden")
    with pytest.raises(RemoteError, match="E948") as caught:
        hook.deliver(delivery())
    assert "hidden" not in str(caught.value) + repr(hook)


@pytest.mark.parametrize(("answer", "kind"), [("550 no such user", Refused), ("451 come later", RemoteError)])
def test_a_letter_nobody_may_get_is_refused_and_greylisting_is_waited_out(
    box: Box, trust: ssl.SSLContext, answer: str, kind: type[Exception]
) -> None:
    box.rcpt = answer
    hook = target(box, trust, to=["bad@shop.example"])
    with pytest.raises(kind, match=answer):
        hook.deliver(delivery())
    assert box.letters == []


def test_who_is_refused_among_others_keeps_nobody_from_the_letter(box: Box, trust: ssl.SSLContext) -> None:
    box.rcpt = "550 no such user"
    receipt = target(box, trust, to=["bad@shop.example", "good@shop.example"]).deliver(delivery())
    assert receipt.answer == {"to": 1, "refused": 1}


def test_a_connection_lost_after_the_letter_leaves_the_outcome_unknown(box: Box, trust: ssl.SSLContext) -> None:
    box.drop = True
    with pytest.raises(UnknownOutcome):
        target(box, trust).deliver(delivery())


def test_a_server_that_is_away_or_not_trusted_was_sent_nothing(box: Box, trust: ssl.SSLContext) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = MailTarget(
            f"smtp://127.0.0.1:{taken.getsockname()[1]}", to="a@b.example", sender="s@b.example", timeout=2
        )
        with pytest.raises(TransportError, match="E949"):
            away.deliver(delivery())
    stranger = target(box, ssl.create_default_context())
    with pytest.raises(TransportError, match="E949"):
        stranger.deliver(delivery())
    assert box.letters == []


@pytest.mark.parametrize(
    "wrong",
    [{"address": "mail.example:25"}, {"address": "smtp://user:pass@mail.example"}, {"to": ""}, {"to": "nobody"},
     {"sender": "x"}, {"tls": False, "password": "p"}],
)  # fmt: skip
def test_an_endpoint_that_cannot_work_is_refused_when_it_is_made(wrong: dict[str, Any]) -> None:
    given = {"address": "smtp://mail.example", "to": "a@b.example", "sender": "s@b.example", **wrong}
    with pytest.raises(ConfigError, match="E952"):
        MailTarget(given.pop("address"), **given)


def test_an_endpoint_is_opened_as_its_row_says(box: Box) -> None:
    row = endpoint(
        "email", f"smtp://127.0.0.1:{box.port}", to=["a@b.example"], lang="en", tls="none", **{"from": "s@b.example"}
    )
    open_target(row, None).deliver(delivery())
    assert box.to == ["a@b.example"]
    assert box.secure == [False]
    assert "was rejected" in box.letters[0]["Subject"]
