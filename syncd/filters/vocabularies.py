"""What can be asked about messages, packages, pulls and the journal. The aliases are those of the listings' queries."""

from __future__ import annotations

from typing import Final

from syncd.errors import CATALOGUE
from syncd.filters.language import Name, Vocabulary
from syncd.store.order_tables import OUTBOX_STATES


def _codes(owner: str) -> list[str]:
    return [code for code, text in CATALOGUE.items() if text.owner == owner]


_OWNERS: Final = tuple(sorted({text.owner for text in CATALOGUE.values()}))
_OUTCOMES: Final = ("ok", "partial", "failed")


def _owner(column: str) -> Name:
    return Name("lookup", (column,), "to be fixed by", "исправляет", find=_codes)


def _times(column: str) -> dict[str, Name]:
    return {
        "after": Name("after", (column,), "not before", "не раньше"),
        "before": Name("before", (column,), "before", "раньше"),
    }


MESSAGES: Final[Vocabulary] = {
    "state": Name("word", ("o.state",), "state", "состояние", values=OUTBOX_STATES),
    "code": Name("text", ("o.error_code",), "error", "ошибка"),
    "owner": _owner("o.error_code"),
    "key": Name("text", ("o.key", "s.number", "s.exchange_number", "s.number_1c"), "order or key", "заказ или ключ"),
    "kind": Name("text", ("o.kind",), "kind", "вид"),
    "event": Name("text", ("(o.payload ->> 'type')",), "event", "событие"),
    "storefront": Name("text", ("s.storefront",), "storefront", "витрина"),
    "endpoint": Name("text", ("e.name",), "endpoint", "конечная точка"),
    "infobase": Name("text", ("i.name",), "infobase", "база"),
    "attempts": Name("number", ("o.attempt",), "attempts", "попыток"),
    **_times("o.created_at"),
    "id": Name("id", ("o.id",), "id", "id"),
    "batch": Name("id", ("o.batch_id",), "batch", "пакет действий"),
    "text": Name("search", ("o.error_params::text", "o.key", "coalesce(s.number, '')"), "containing", "содержит"),
}
"""``o`` outbox, ``s`` order, ``e`` endpoint, ``i`` infobase."""

PACKAGES: Final[Vocabulary] = {
    "state": Name("word", ("p.state",), "state", "состояние", values=("queued", "importing", "done", "failed")),
    "outcome": Name("word", ("p.outcome",), "outcome", "исход", values=_OUTCOMES),
    "code": Name("text", ("p.error_code",), "error", "ошибка"),
    "owner": _owner("p.error_code"),
    "infobase": Name("text", ("i.name",), "infobase", "база"),
    "lane": Name("text", ("p.lane",), "lane", "полоса"),
    **_times("p.created_at"),
    "id": Name("id", ("p.id",), "id", "id"),
    "file": Name("text", (
        "(SELECT x.name FROM package_file x WHERE x.tenant = p.tenant AND x.package_id = p.id ORDER BY x.n LIMIT 1)",
    ), "file", "файл"),
    "text": Name("search", ("coalesce(p.error_params::text, '')",), "containing", "содержит"),
}  # fmt: skip
"""``p`` package, ``i`` infobase."""

PULLS: Final[Vocabulary] = {
    "state": Name("word", ("r.state",), "state", "состояние", values=("queued", "running", "done", "skipped")),
    "outcome": Name("word", ("r.outcome",), "outcome", "исход", values=(*_OUTCOMES, "skipped")),
    "code": Name("text", ("r.reason",), "error", "ошибка"),
    "owner": _owner("r.reason"),
    "key": Name("text", ("r.schedule", "split_part(r.schedule, '@', 1)"), "schedule", "расписание"),
    "infobase": Name("text", ("split_part(r.schedule, '@', 2)",), "infobase", "база"),
    **_times("r.fire_at"),
    "text": Name("search", ("coalesce(r.reason, '')", "r.schedule"), "containing", "содержит"),
}
"""``r`` schedule_run."""

JOURNAL: Final[Vocabulary] = {
    "kind": Name("text", ("j.kind",), "kind", "вид"),
    "outcome": Name("word", ("j.outcome",), "outcome", "исход", values=_OUTCOMES),
    "code": Name("text", ("j.code",), "error", "ошибка"),
    "owner": Name("word", ("j.owner",), "to be fixed by", "исправляет", values=_OWNERS),
    "infobase": Name("text", ("i.name",), "infobase", "база"),
    "entity": Name("text", ("j.entity",), "entity", "сущность"),
    "key": Name("text", ("j.key",), "key", "ключ"),
    "subject": Name("text", ("j.subject",), "subject", "предмет"),
    "file": Name("text", ("j.file",), "file", "файл"),
    "path": Name("text", ("j.path",), "field", "поле"),
    "attempts": Name("number", ("j.repeats",), "repeats", "повторов"),
    **_times("j.last_at"),
    "id": Name("id", ("j.id",), "id", "id"),
    "text": Name("search", (
        "coalesce(j.subject, '')", "coalesce(j.detail, '')", "coalesce(j.params::text, '')", "coalesce(j.key, '')",
    ), "containing", "содержит"),
}  # fmt: skip
"""``j`` journal, ``i`` infobase."""
