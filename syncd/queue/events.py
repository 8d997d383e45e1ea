"""What storefronts and operators can be told of, and the one way to tell them.

``emit`` belongs into the transaction that causes the event: what was rolled back was never told, what was committed is
delivered, however long the other side is away. What each event holds is written in ``docs/events.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, get_args
from uuid import UUID

from syncd.i18n import tr
from syncd.store import events as rows
from syncd.store.db import Conn

EventName = Literal[
    "order.delivered", "order.rejected", "order.changed", "infobase.down", "infobase.up", "infobase.maintenance",
    "pull.late", "brake.on", "package.failed", "issue.opened", "mapping.broken", "endpoint.disabled", "test",
]  # fmt: skip
NAMES: Final[tuple[EventName, ...]] = get_args(EventName)
GROUPS: Final = tuple(sorted({f"{name.partition('.')[0]}.*" for name in NAMES if "." in name}))


def emit(
    conn: Conn, tenant: str, name: EventName, key: str, data: Mapping[str, Any], *, dedupe: str | None = None
) -> int:  # fmt: skip
    """Tell everyone who asked for this event, within the caller's transaction. Returns how many endpoints get it.

    ``key`` is the id of what the event is about (an order, an infobase, a package). With ``dedupe`` (a revision, the
    number of a change) the same name, key and ``dedupe`` are one event, however often they are told; without, every
    call is an event of its own. The data must hold no secret. An event of an order carries ``storefront``.
    """
    return rows.put(conn, tenant, name, key, data, dedupe=dedupe)


def emit_to(conn: Conn, tenant: str, endpoint_id: UUID, name: EventName, key: str, data: Mapping[str, Any]) -> int:
    """Tell one endpoint, whatever it takes: for trying it out."""
    return rows.put(conn, tenant, name, key, data, only=endpoint_id)


def wanted(conn: Conn, tenant: str, name: EventName) -> bool:
    """Whether anybody takes this event: for callers whose data costs queries."""
    return rows.wanted(conn, tenant, name)


def meaning(name: str) -> str:
    """What an event is, in a few words."""
    words: dict[str, tuple[str, str]] = {
        "order.delivered": ("1C has the order", "заказ принят в 1С"),
        "order.rejected": ("1C or syncd refused the order; a person must act", "заказ отклонён; нужен человек"),
        "order.changed": ("1C changed the order: status, number, payment, lines", "1С изменила заказ"),
        "infobase.down": ("a base of 1C does not answer", "база 1С не отвечает"),
        "infobase.up": ("a base of 1C answers again", "база 1С снова отвечает"),
        "infobase.maintenance": ("a base of 1C is closed for maintenance", "база 1С закрыта на обслуживание"),
        "pull.late": ("data from 1C is older than it should be", "данные из 1С устарели"),
        "brake.on": ("a full export would remove too much and is held", "полная выгрузка удалила бы слишком много"),
        "package.failed": ("a package from 1C was not imported", "пакет из 1С не импортирован"),
        "issue.opened": ("a new kind of failure, or a resolved one is back", "новая ошибка или вернулась решённая"),
        "mapping.broken": ("1C was changed and a mapping fits it no more", "база изменилась, маппинг не подходит"),
        "endpoint.disabled": ("an endpoint said it is gone and was disabled", "получатель отключён: адреса больше нет"),
        "test": ("a trial message of a person", "пробное сообщение"),
    }
    return tr(*words[name]) if name in words else name
