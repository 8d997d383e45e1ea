"""One message of the outbox: which one a word means, and how it is told."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from syncd.cli.output import short
from syncd.errors import CATALOGUE, Refused, RequestError
from syncd.i18n import tr
from syncd.queue import view
from syncd.store.db import Conn, Row

_SAMPLES: Final = 5


def document(row: Row) -> dict[str, Any]:
    """A message as programs read it."""
    names = (
        "id", "kind", "key", "revision_no", "state", "attempt", "number", "exchange_number", "number_1c", "storefront",
        "infobase", "endpoint", "event", "blocked_by", "session_id", "next_attempt_at", "created_at", "updated_at",
        "sent_at", "acknowledged_at",
    )  # fmt: skip
    return {**{name: row[name] for name in names}, "code": row["error_code"], "message": message(row)}


def message(row: Row) -> str:
    found = CATALOGUE.get(row["error_code"] or "")
    return found.render(row["error_params"] or {}) if found else str(row["error_code"] or "")


def state_words(row: Row) -> str:
    """What its state means to a person: of what 1C fetches itself, and of what we bring to a target."""
    code = row["error_code"]
    words = {
        "sending": ("being sent", "отправляется"),
        "waiting": ("will be tried again", "будет повтор"),
        "rejected": ("refused, a person must act", "отклонено, нужен человек"),
        "held": (f"held by syncd, {code}", f"отложено syncd, {code}") if code else ("held back", "отложено"),
        "cancelled": ("cancelled", "отменено"),
        "superseded": ("replaced by a newer one", "заменено более новым"),
    } | (_CALLED if row["endpoint"] else _FETCHED)
    return tr(*words[row["state"]]) if row["state"] in words else str(row["state"])


_FETCHED: Final = {
    "pending": ("waits for 1C to ask", "ждёт, когда 1С спросит"),
    "sent": ("given to 1C, not confirmed yet", "передано в 1С, ещё не подтверждено"),
    "unconfirmed": ("given to 1C, the answer was lost", "передано в 1С, ответ потерян"),
    "acknowledged": ("1C confirmed it", "подтверждено 1С"),
}
_CALLED: Final = {
    "pending": ("waits for its turn", "ждёт своей очереди"),
    "sent": ("taken, not confirmed yet", "принято, ещё не подтверждено"),
    "unconfirmed": ("the answer was lost; it is looked up before anything is sent again",
                    "ответ потерян; сначала проверка, принято ли, потом повтор"),
    "acknowledged": ("confirmed", "подтверждено"),
}  # fmt: skip


def who(by: object) -> str:
    """Who changed a state: a person, a part of syncd, or a worker, which signs with its id."""
    said = str(by or "")
    try:
        UUID(said)
    except ValueError:
        return said
    return f"worker {short(said)}"


def one_message(conn: Conn, tenant: str, word: str) -> Row:
    """The message a word means; of several about one object the newest. Raises E305, E413."""
    rows = view.find(conn, tenant, word)
    if not rows:
        raise RequestError("E305", what=tr("Message", "Сообщение"), id=word, shown="`syncd outbox list --all`")
    if len({row["key"] for row in rows}) > 1:
        found = ", ".join(f"{row['id']} ({row['storefront'] or row['kind']})" for row in rows[:_SAMPLES])
        raise Refused("E413", word=word, found=found)
    return rows[0]
