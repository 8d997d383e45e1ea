"""From an endpoint's row to the adapter that speaks its protocol; one per endpoint and process, made anew when the row
changes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from syncd.adapters import cms, http_service, mail, soap, telegram, webhooks
from syncd.adapters.ports import Target
from syncd.errors import ConfigError
from syncd.store.db import Database
from syncd.store.endpoints import Endpoint
from syncd.sync import odata_orders

Open = Callable[[Endpoint, str | None, Database], Target]
"""From an endpoint and its secret; the database is for what is kept about its base."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a kind of endpoint is opened, and what may be done when an attempt's outcome is unknown."""

    open: Open
    can_look_up: bool
    idempotent: bool
    """Whether the same message twice does no harm: the target knows it again, or it is only a word to a person."""


def _plain(open_: Callable[[Endpoint, str | None], Target]) -> Open:
    """An adapter that needs nothing but the endpoint's row."""
    return lambda endpoint, secret, _db: open_(endpoint, secret)


PROTOCOLS: Final[dict[str, Protocol]] = {
    "http_service": Protocol(_plain(http_service.open_target), can_look_up=True, idempotent=True),
    "odata": Protocol(odata_orders.open_target, can_look_up=True, idempotent=False),
    "soap": Protocol(_plain(soap.open_target), can_look_up=True, idempotent=False),
    "cms": Protocol(cms.open_target, can_look_up=False, idempotent=True),
    "webhook": Protocol(_plain(webhooks.open_target), can_look_up=False, idempotent=True),
    "email": Protocol(_plain(mail.open_target), can_look_up=False, idempotent=True),
    "telegram": Protocol(_plain(telegram.open_target), can_look_up=False, idempotent=True),
}


def kinds_for_take_over(protocols: dict[str, Protocol]) -> dict[str, list[str]]:
    """Which kinds are looked up, repeated, or left to a person when their worker died."""
    found: dict[str, list[str]] = {"look_up": [], "repeat": [], "decide": []}
    for kind, protocol in protocols.items():
        name = "look_up" if protocol.can_look_up else "repeat" if protocol.idempotent else "decide"
        found[name].append(kind)
    return found


class Targets:
    """Open targets by endpoint. ``secret`` opens an endpoint's sealed secret."""

    def __init__(
        self, protocols: dict[str, Protocol], secret: Callable[[Endpoint], str | None], db: Database
    ) -> None:  # fmt: skip
        self._protocols = protocols
        self._db = db
        self._secret = secret
        self._open: dict[UUID, tuple[datetime, Target]] = {}
        self._lock = threading.Lock()

    def of(self, endpoint: Endpoint) -> Target:
        """The target of an endpoint. Raises ``ConfigError`` when its settings or secret cannot be used."""
        with self._lock:
            known = self._open.get(endpoint.id)
            if known and known[0] == endpoint.updated_at:
                return known[1]
            protocol = self._protocols.get(endpoint.kind)
            if protocol is None:
                raise ConfigError("E903", kind=endpoint.kind, endpoint=endpoint.name)
            made = protocol.open(endpoint, self._secret(endpoint), self._db)
            self._open[endpoint.id] = (endpoint.updated_at, made)
        if known:
            known[1].close()
        return made

    def close(self) -> None:
        """Give all connections back."""
        with self._lock:
            for _, target in self._open.values():
                target.close()
            self._open.clear()
