"""One message of the outbox: which one a word means, and how it is told."""

from __future__ import annotations

from typing import Any, Final

from syncd.errors import CATALOGUE, Refused, RequestError
from syncd.i18n import tr
from syncd.queue import view
from syncd.store.db import Conn, Row

_SAMPLES: Final = 5


def document(row: Row) -> dict[str, Any]:
    """A message as programs read it."""
    names = (
        "id", "kind", "key", "revision_no", "state", "attempt", "number", "exchange_number", "number_1c", "storefront",
        "infobase", "session_id", "next_attempt_at", "created_at", "updated_at", "sent_at", "acknowledged_at",
    )  # fmt: skip
    return {**{name: row[name] for name in names}, "code": row["error_code"], "message": message(row)}


def message(row: Row) -> str:
    found = CATALOGUE.get(row["error_code"] or "")
    return found.render(row["error_params"] or {}) if found else str(row["error_code"] or "")


def state_words(state: str, code: str | None) -> str:
    """What a state means to a person; ``code`` is the message's error."""
    words = {
        "pending": ("waits for 1C to ask", "ждёт, когда 1С спросит"),
        "sending": ("being sent", "отправляется"),
        "sent": ("given to 1C, not confirmed yet", "передан в 1С, ещё не подтверждён"),
        "waiting": ("will be tried again", "будет повтор"),
        "unconfirmed": ("given to 1C, the answer was lost", "передан в 1С, ответ потерян"),
        "acknowledged": ("1C confirmed it", "подтверждён 1С"),
        "rejected": ("refused, a person must act", "отклонён, нужен человек"),
        "held": (f"held by syncd, {code}", f"отложен syncd, {code}") if code else ("held back", "отложен"),
        "cancelled": ("cancelled", "отменён"),
        "superseded": ("replaced by a newer one", "заменён более новым"),
    }
    return tr(*words[state]) if state in words else state


def one_message(conn: Conn, tenant: str, word: str) -> Row:
    """The message a word means; of several about one object the newest. Raises E305, E413."""
    rows = view.find(conn, tenant, word)
    if not rows:
        raise RequestError("E305", what=tr("Message", "Сообщение"), id=word)
    if len({row["key"] for row in rows}) > 1:
        found = ", ".join(f"{row['id']} ({row['storefront'] or row['kind']})" for row in rows[:_SAMPLES])
        raise Refused("E413", word=word, found=found)
    return rows[0]
