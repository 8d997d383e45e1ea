"""The way to an address, step by step; and whose certificates are trusted."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from syncd.adapters import probe
from syncd.adapters.http_service import HttpService
from syncd.errors import ConfigError

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n{"ok": true}'


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key, as companies make them for their 1C."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "1c")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + pem)
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[str]:
    """A web server that speaks TLS with that certificate and answers pings."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = server.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as wire:
                    if wire.recv(65536):
                        wire.sendall(ANSWER)
            except OSError:  # the caller did not trust us
                plain.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.getsockname()[1]}/trade/hs/syncd"
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


def test_a_certificate_of_the_companys_own_is_trusted_by_its_file_alone(secure: str, certificate: Path) -> None:
    trusting, doubting = HttpService(secure, ca=str(certificate), timeout=5), HttpService(secure, timeout=5)
    assert trusting.ping().failing is None
    ping = doubting.ping()
    assert ping.failing == "tls"
    assert ping.error is not None
    assert ping.error.code == "E925"
    assert "self-signed" in ping.error.text()
    assert "--ca" in ping.error.text()
    trusting.close()
    doubting.close()


def test_every_step_to_a_secure_address_is_timed(secure: str, certificate: Path) -> None:
    found = probe.steps(secure, ca=str(certificate))
    assert [(each.step, each.error) for each in found] == [("name", None), ("connection", None), ("tls", None)]
    assert found[2].about.startswith("TLSv1")
    assert all(each.ms > 0 for each in found)


def test_the_first_step_that_fails_is_the_last(secure: str) -> None:
    found = probe.steps(secure)
    assert [each.step for each in found] == ["name", "connection", "tls"]
    assert found[2].error is not None
    assert found[2].error.code == "E925"
    unnamed = probe.steps("http://no-such-host.invalid/x")
    assert [(each.step, each.error.code if each.error else None) for each in unnamed] == [("name", "E923")]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    closed = probe.steps(f"http://127.0.0.1:{port}/x")
    assert [(each.step, each.error.code if each.error else None) for each in closed] == [
        ("name", None), ("connection", "E924"),
    ]  # fmt: skip


def test_an_address_that_is_none_is_told_at_once() -> None:
    with pytest.raises(ConfigError):
        probe.steps("1c.example")
