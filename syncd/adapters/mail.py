"""Events by e-mail: one letter a message, plain text, TLS unless a setting says otherwise.

The address is the server: ``smtp://host:587`` (STARTTLS) or ``smtps://host:465``. Settings: ``to`` (addresses, a list
or separated by commas), ``from``, ``login``, ``lang``, ``tls`` (``none`` for a relay on one's own network),
``window_minutes``. The secret is the password.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from syncd.adapters.ports import Delivery, Receipt
from syncd.adapters.wording import words
from syncd.errors import ConfigError, Refused, RemoteError, SyncdError, TransportError, UnknownOutcome
from syncd.i18n import Language, tr
from syncd.store.endpoints import Endpoint

_PORTS: Final = {"smtp": 587, "smtps": 465}


class MailTarget:
    """One mail server and the people behind it. See ``syncd.adapters.ports.Target``.

    ``idempotent``: the Message-ID is the same at every attempt, and a letter that comes twice is better than a warning
    that waits for a person.
    """

    can_look_up = False
    idempotent = True

    def __init__(
        self, address: str, *, to: str | Sequence[str], sender: str, login: str = "", password: str | None = None,
        tls: bool = True, lang: Language = "ru", zone: str = "Europe/Moscow", timeout: float = 30.0,
        trust: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        """Raises ``ConfigError`` E952 for an address, a sender or recipients that cannot be."""
        parts = urlsplit(address)
        if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.password:
            raise _wrong("address", "must be smtp://host:587 or smtps://host:465",
                         "должен быть вида smtp://host:587 или smtps://host:465")  # fmt: skip
        self._host = parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._wrapped = parts.scheme == "smtps"
        self._tls = tls
        self._to = [one.strip() for one in (to.split(",") if isinstance(to, str) else to) if one.strip()]
        self._sender = sender
        self._login, self._password = login, password
        self._lang: Language = lang
        self._zone = ZoneInfo(zone)
        self._timeout = timeout
        self._trust = trust or ssl.create_default_context()
        for name, value in [("from", sender), *(("to", one) for one in self._to or [""])]:
            if not _is_address(value):
                raise _wrong(name, "must be an e-mail address", "должен быть адресом почты")
        if password and not (tls or self._wrapped):
            raise _wrong("tls", "is off: a password is not sent in the clear", "выключен: пароль открыто не передаётся")

    def __repr__(self) -> str:
        return f"MailTarget({self._host}:{self._port}, to {len(self._to)})"

    def deliver(self, delivery: Delivery) -> Receipt:
        """Send one letter. Raises ``TransportError`` E949 (not reached, or asked to come later before the letter),
        ``RemoteError`` E948 or E949, ``Refused`` E947, ``UnknownOutcome`` E945.
        """
        letter = self.letter(delivery)
        with self._failures("before"), self._connected() as server, self._failures("at the letter"):
            refused = server.send_message(letter, self._sender, self._to)
        return Receipt(confirmed=True, answer={"to": len(self._to) - len(refused), "refused": len(refused)})

    def look_up(self, delivery: Delivery) -> Receipt | None:
        """A letter cannot be asked for."""
        raise NotImplementedError("a letter is never looked up")

    def close(self) -> None:
        """Nothing is kept open: a mail server closes an idle connection soon anyway."""

    def letter(self, delivery: Delivery) -> EmailMessage:
        """The event as a letter."""
        said = words(delivery.body, lang=self._lang, zone=self._zone, tenant=delivery.tenant)
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = self._sender, ", ".join(self._to), said.subject
        letter["Date"] = format_datetime(delivery.created_at)
        domain = parseaddr(self._sender)[1].rpartition("@")[2]
        letter["Message-ID"] = f"<{delivery.marker}@{domain}>"
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
        letter.set_content(said.text)
        return letter

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        server: smtplib.SMTP = (
            smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout, context=self._trust)
            if self._wrapped
            else smtplib.SMTP(self._host, self._port, timeout=self._timeout)
        )
        try:
            if self._tls and not self._wrapped:
                server.starttls(context=self._trust)
            if self._login and self._password is not None:
                server.login(self._login, self._password)
            yield server
            try:
                server.quit()
            except (OSError, smtplib.SMTPException):
                return  # the letter was taken: how the goodbye went is no matter
        finally:
            server.close()

    @contextmanager
    def _failures(self, when: str) -> Iterator[None]:
        try:
            yield
        except SyncdError:
            raise
        except smtplib.SMTPAuthenticationError as error:
            raise RemoteError("E948", host=self._host, detail=_said(error.smtp_code, error.smtp_error)) from None
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise self._refused(code, text) from None
        except smtplib.SMTPResponseException as error:
            raise self._refused(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPNotSupportedError as error:
            raise RemoteError("E948", host=self._host, detail=str(error)) from None
        except (OSError, smtplib.SMTPException) as error:  # OSError: timeouts and certificates too
            detail = str(error) or type(error).__name__
            if when == "before":
                raise TransportError("E949", host=self._host, detail=detail) from None
            raise UnknownOutcome("E945", host=self._host, detail=detail) from None

    def _refused(self, code: int, text: bytes | str) -> SyncdError:
        """4xx: later (greylisting takes minutes); 5xx: never."""
        kind, number = (Refused, "E947") if code >= 500 else (RemoteError, "E949")
        return kind(number, host=self._host, detail=_said(code, text))


def open_target(endpoint: Endpoint, secret: str | None) -> MailTarget:
    """The target of an endpoint's row. Raises ``ConfigError`` E952."""
    settings = endpoint.settings
    return MailTarget(
        endpoint.address, to=settings.get("to") or "", sender=str(settings.get("from") or ""),
        login=str(settings.get("login") or ""), password=secret, tls=settings.get("tls", True) not in ("none", False),
        lang="en" if settings.get("lang") == "en" else "ru", zone=endpoint.zone, timeout=endpoint.timeout_seconds,
    )  # fmt: skip


def _said(code: int, text: bytes | str) -> str:
    words_ = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words_.split())}"[:300]


def _is_address(value: str) -> bool:
    name = parseaddr(value)[1]
    local, at, domain = name.partition("@")
    return bool(local and at and domain) and not any(c in value for c in "\r\n\x00")


def _wrong(key: str, en: str, ru: str) -> ConfigError:
    return ConfigError("E952", key=key, detail=tr(en, ru))
