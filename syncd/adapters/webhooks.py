"""Webhooks to storefronts, as https://www.standardwebhooks.com asks: signed, 2xx or again, 410 for good.

The id of a message is the same at every attempt, so that a storefront that keeps the ids it has seen takes each message
once. A secret is rotated with an overlap: for a while both sign.
"""

from __future__ import annotations

import base64
import secrets
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore
import orjson
from standardwebhooks import Webhook

from syncd import __version__
from syncd.adapters.guarded import Guard
from syncd.adapters.ports import Delivery, Receipt
from syncd.errors import ConfigError, Refused, RemoteError, SyncdError, TransportError, UnknownOutcome
from syncd.i18n import tr
from syncd.store.endpoints import Endpoint

PREFIX: Final = "whsec_"
ANSWER_LIMIT: Final = 65_536
"""Bytes of an answer that are read; the rest is none of our business."""
KEPT: Final = 300
"""Characters of an answer that are kept for a person."""
LONGEST_SECONDS: Final = 30.0
"""No receiver is waited for longer: the standard asks it to answer first and work afterwards."""
OURS: Final = frozenset({"type", "timestamp", "data"})
"""What of a stored payload leaves the house."""
GONE: Final = "E942"
"""What a webhook says that is gone for good: the endpoint is to be disabled."""
_PAUSE: Final = frozenset({429, 502, 503, 504})
_BEFORE_SENDING: Final = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout)
_FAILURES: Final = (
    httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, httpcore.UnsupportedProtocol,
    ssl.SSLError, OSError,
)  # fmt: skip


def new_secret() -> str:
    """A fresh secret: 32 random bytes, as every library of the standard reads them."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def rotated(stored: str, new: str, *, until: datetime) -> str:
    """The stored secrets with a new one in front; the others sign on until the time given."""
    kept = [f"{secret}@{min(end or until, until):%Y-%m-%dT%H:%M:%SZ}" for secret, end in _parsed(stored)]
    return " ".join([new, *kept[:3]])


def in_force(stored: str, now: datetime) -> list[str]:
    """The secrets that sign now, the newest first."""
    return [secret for secret, end in _parsed(stored) if end is None or end > now]


def _parsed(stored: str) -> list[tuple[str, datetime | None]]:
    found = []
    for part in stored.split():
        secret, _, end = part.partition("@")
        found.append((secret, datetime.fromisoformat(end) if end else None))
    return found


def checked(secret: str) -> Webhook:
    """A secret that signs. Raises ``ConfigError`` E952 without telling what it was."""
    try:
        return Webhook(secret)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, its text must not reach anybody
        detail = tr(f"is no secret of the form {PREFIX}…", f"не секрет вида {PREFIX}…")
        raise ConfigError("E952", key="secret", detail=detail) from None


def headers_of(signers: Sequence[Webhook], marker: str, body: bytes, now: datetime) -> dict[str, str]:
    """The three headers of the standard; one signature per secret."""
    text = body.decode()
    return {
        "webhook-id": marker,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signer.sign(marker, now, text) for signer in signers),
    }


def body_of(payload: Mapping[str, Any]) -> bytes:
    """What is sent and signed."""
    return orjson.dumps({name: value for name, value in payload.items() if name in OURS})


class WebhookTarget:
    """One storefront's address. See ``syncd.adapters.ports.Target``."""

    can_look_up = False
    idempotent = True

    def __init__(
        self, address: str, stored_secret: str, *, allow_private: bool = False, timeout: float = 15.0,
        connections: int = 4, trust: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        """``stored_secret``: the secrets as ``rotated`` writes them. ``timeout``: seconds for one whole request.
        Raises ``ConfigError`` E952.
        """
        check_address(address)
        self._address = address
        self._secret = stored_secret
        for secret in [secret for secret, _ in _parsed(stored_secret)] or [""]:
            checked(secret)
        self._timeout = timeout
        self._guard = Guard(allow_private=allow_private)
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust or ssl.create_default_context(), max_connections=connections,
            max_keepalive_connections=connections, keepalive_expiry=10.0, network_backend=self._guard,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"WebhookTarget({_shown(self._address)!r})"

    def deliver(self, delivery: Delivery) -> Receipt:
        """Post it once. Raises ``TransportError`` E944 or E946, ``UnknownOutcome`` E945, ``RemoteError`` E940, E941 or
        E943, ``Refused`` E942 (410: the endpoint is gone).
        """
        now = datetime.now(UTC)
        signers = [checked(secret) for secret in in_force(self._secret, now)]
        body = body_of(delivery.body)
        status, headers, answer = self._post(body, headers_of(signers, delivery.marker, body, now))
        if 200 <= status < 300:
            return Receipt(confirmed=True, answer={"status": status})
        raise self._failure(status, headers, answer)

    def look_up(self, delivery: Delivery) -> Receipt | None:
        """A webhook cannot be asked."""
        raise NotImplementedError("a webhook is never looked up")

    def close(self) -> None:
        """Give connections back."""
        self._pool.close()

    def _post(self, body: bytes, signed: dict[str, str]) -> tuple[int, dict[str, str], str]:
        host = urlsplit(self._address).hostname or ""
        about = {"content-type": "application/json", "user-agent": f"syncd/{__version__}", "accept": "*/*"}
        headers: list[tuple[bytes | str, bytes | str]] = [
            *about.items(), *signed.items(), ("host", urlsplit(self._address).netloc)
        ]  # fmt: skip
        per_step = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)
        self._guard.give(self._timeout)
        try:
            with self._pool.stream(
                "POST", self._address, headers=headers, content=body, extensions={"timeout": per_step}
            ) as response:  # fmt: skip
                found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                return response.status, found, _read(response)
        except SyncdError:
            raise
        except _FAILURES as error:
            detail = str(error) or type(error).__name__
            if isinstance(error, _BEFORE_SENDING) or not self._guard.written:
                raise TransportError("E944", host=host, detail=detail) from None
            raise UnknownOutcome("E945", host=host, detail=detail) from None

    def _failure(self, status: int, headers: Mapping[str, str], answer: str) -> SyncdError:
        told = {"host": urlsplit(self._address).hostname or "", "status": status}
        if status == 410:
            return Refused(GONE, **told)
        if 300 <= status < 400:
            return RemoteError("E943", **told, location=_shown(headers.get("location", "")))
        error: SyncdError = TransportError("E946", **told) if status in _PAUSE else RemoteError(
            "E941", **told, answer=answer or "-"
        )  # fmt: skip
        error.retry_after = retry_after(headers.get("retry-after"), datetime.now(UTC))
        return error


def open_target(endpoint: Endpoint, secret: str | None) -> WebhookTarget:
    """The target of an endpoint's row. Raises ``ConfigError`` E952."""
    return WebhookTarget(
        endpoint.address, secret or "", allow_private=endpoint.settings.get("allow_private") is True,
        timeout=min(endpoint.timeout_seconds, LONGEST_SECONDS), connections=endpoint.concurrency,
    )  # fmt: skip


def _read(response: httpcore.Response) -> str:
    """The beginning of an answer, as a person reads it. A status says all we need: a body that breaks off changes
    nothing.
    """
    head = b""
    try:
        for chunk in response.iter_stream():
            head += chunk
            if len(head) >= ANSWER_LIMIT:
                break
    except _FAILURES:
        head += b" ..."
    return " ".join(head.decode("utf-8", "replace").split())[:KEPT]


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds the other side asked for, written as seconds or as a date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (aware - now) / timedelta(seconds=1))


def check_address(address: str) -> None:
    """Raises ``ConfigError`` E952 for what is no address of a web server, or holds a password."""
    try:
        parts = urlsplit(address)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_fine = urlsplit(""), False
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_fine or not address.isascii():
        detail = tr("must be http://… or https://…, in ASCII", "должен быть вида http://… или https://…, в ASCII")
        raise ConfigError("E952", key="address", detail=detail)
    if parts.username or parts.password:
        detail = tr("must hold no login and password: messages are signed", "без логина и пароля: сообщения подписаны")
        raise ConfigError("E952", key="address", detail=detail)


def _shown(address: str) -> str:
    """An address without its query: shops put keys there."""
    return address.partition("?")[0][:200]
