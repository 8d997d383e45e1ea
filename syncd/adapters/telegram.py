"""Events to a Telegram chat through a bot (https://core.telegram.org/bots/api#sendmessage).

The address is that of the Bot API (``https://api.telegram.org``, or a server of one's own). Settings: ``chat`` (a
number or ``@name``), ``topic`` (of a forum), ``lang``, ``proxy``, ``window_minutes``. The secret is the bot's token. It
is part of the URL, so that no URL is ever shown, logged or put into an error here.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx

from syncd.adapters.ports import Delivery, Receipt
from syncd.adapters.wording import words
from syncd.errors import ConfigError, Refused, RemoteError, SyncdError, TransportError, UnknownOutcome
from syncd.i18n import Language, tr
from syncd.store.endpoints import Endpoint

PUBLIC: Final = "https://api.telegram.org"
LONGEST: Final = 4_096
"""Characters of one message, as Telegram limits it."""
_TOKEN: Final = re.compile(r"\d+:[\w-]{20,}", re.ASCII)
_BEFORE_SENDING: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

logging.getLogger("httpx").setLevel(logging.WARNING)  # its lines at INFO hold whole URLs


class TelegramTarget:
    """One chat. See ``syncd.adapters.ports.Target``.

    ``idempotent``: Telegram does not know a message again, but a warning that comes twice is better than one that waits
    for a person.
    """

    can_look_up = False
    idempotent = True

    def __init__(
        self, address: str, token: str, *, chat: str, topic: int | None = None, lang: Language = "ru",
        zone: str = "Europe/Moscow", timeout: float = 20.0, proxy: str | None = None,
    ) -> None:  # fmt: skip
        """Raises ``ConfigError`` E952."""
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise _wrong("address", "must be http://… or https://…", "должен быть вида http://… или https://…")
        if not _TOKEN.fullmatch(token):
            raise _wrong("token", "is no token of a bot", "не токен бота")
        if not chat:
            raise _wrong("chat", "is missing", "не задан")
        self._host = parts.hostname
        self._base = address.rstrip("/")
        self._token = token
        self._chat, self._topic = chat, topic
        self._lang: Language = lang
        self._zone = ZoneInfo(zone)
        try:
            self._client = httpx.Client(timeout=timeout, follow_redirects=False, proxy=proxy)
        except (ValueError, httpx.InvalidURL):
            raise _wrong("proxy", "is no address of a proxy", "не адрес прокси") from None

    def __repr__(self) -> str:
        return f"TelegramTarget({self._host}, chat {self._chat})"

    def deliver(self, delivery: Delivery) -> Receipt:
        """Send one message. Raises ``TransportError`` E944 or E946, ``UnknownOutcome`` E945, ``RemoteError`` E951,
        ``Refused`` E950.
        """
        said = words(delivery.body, lang=self._lang, zone=self._zone, tenant=delivery.tenant)
        body: dict[str, Any] = {
            "chat_id": self._chat, "text": cut(said.text), "link_preview_options": {"is_disabled": True},
        }  # fmt: skip
        if self._topic is not None:
            body["message_thread_id"] = self._topic
        answer = self._post(body)
        told = _json(answer)
        if answer.status_code == 200 and told.get("ok") is True:
            number = (told.get("result") or {}).get("message_id")
            return Receipt(confirmed=True, ref=None if number is None else str(number), answer={"status": 200})
        raise self._failure(answer, told)

    def look_up(self, delivery: Delivery) -> Receipt | None:
        """A bot cannot ask for its own messages."""
        raise NotImplementedError("a message to a chat is never looked up")

    def close(self) -> None:
        """Give connections back."""
        self._client.close()

    def _post(self, body: Mapping[str, Any]) -> httpx.Response:
        try:
            return self._client.post(f"{self._base}/bot{self._token}/sendMessage", json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            kind, code = (TransportError, "E944") if isinstance(error, _BEFORE_SENDING) else (UnknownOutcome, "E945")
            detail = str(error).replace(self._token, "***") or type(error).__name__
        raise kind(code, host=self._host, detail=detail)  # out of the block: the cause knows the URL

    def _failure(self, answer: httpx.Response, told: Mapping[str, Any]) -> SyncdError:
        status = answer.status_code
        parameters = told.get("parameters") or {}
        error: SyncdError
        if status == 429 or status >= 500:
            error = TransportError("E946", host=self._host, status=status)
            wait = parameters.get("retry_after")
            error.retry_after = float(wait) if isinstance(wait, int | float) else None
            return error
        if status in {401, 404}:  # an unknown token is "Not Found" too
            return RemoteError("E951", status=status)
        detail = str(told.get("description") or answer.reason_phrase or "-").replace(self._token, "***")
        if "migrate_to_chat_id" in parameters:
            detail += f" → chat {parameters['migrate_to_chat_id']}"
        return Refused("E950", status=status, detail=detail[:300])


def cut(text: str) -> str:
    """As much as Telegram takes; it counts UTF-16 units."""
    encoded = text.encode("utf-16-le")
    if len(encoded) // 2 <= LONGEST:
        return text
    return encoded[: (LONGEST - 2) * 2].decode("utf-16-le", "ignore") + " …"


def open_target(endpoint: Endpoint, secret: str | None) -> TelegramTarget:
    """The target of an endpoint's row. Raises ``ConfigError`` E952."""
    settings = endpoint.settings
    topic = settings.get("topic")
    return TelegramTarget(
        endpoint.address or PUBLIC, secret or "", chat=str(settings.get("chat") or ""),
        topic=int(topic) if topic is not None else None, lang="en" if settings.get("lang") == "en" else "ru",
        zone=endpoint.zone, timeout=endpoint.timeout_seconds, proxy=settings.get("proxy") or None,
    )  # fmt: skip


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _wrong(key: str, en: str, ru: str) -> ConfigError:
    return ConfigError("E952", key=key, detail=tr(en, ru))
