"""Events in words for people: what happened, why, who mends it, what to type next. In Russian or English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from syncd.i18n import Language

_LONGEST: Final = 800
"""Characters of one fact: an address or a text of 1C's may be endless."""


@dataclass(frozen=True, slots=True)
class Words:
    """A message for a person: ``subject`` is one line, ``text`` holds no markup."""

    subject: str
    text: str


Data = Mapping[str, Any]
Pair = tuple[str, str]

_HEADLINES: Final[dict[str, Callable[[Data], Pair]]] = {
    "order.delivered": lambda d: (f"Order {_order(d)} is in 1C", f"Заказ {_order(d)} принят в 1С"),
    "order.rejected": lambda d: (f"Order {_order(d)} was rejected", f"Заказ {_order(d)} отклонён"),
    "order.changed": lambda d: (f"1C changed order {_order(d)}", f"1С изменила заказ {_order(d)}"),
    "infobase.down": lambda d: (f"1C does not answer: {_base(d)}", f"1С не отвечает: {_base(d)}"),
    "infobase.up": lambda d: (f"1C answers again: {_base(d)}", f"1С снова отвечает: {_base(d)}"),
    "infobase.maintenance": lambda d: (
        f"1C is closed for maintenance: {_base(d)}", f"1С закрыта на обслуживание: {_base(d)}"
    ),
    "pull.late": lambda d: (f"Data from 1C is late: {_pull(d)}", f"Данные из 1С опаздывают: {_pull(d)}"),
    "brake.on": lambda d: (
        f"A removal of {d.get('absent', '?')} records is held", f"Удаление {d.get('absent', '?')} записей придержано"
    ),
    "package.failed": lambda d: (f"A package was not imported: {_files(d)}", f"Пакет не импортирован: {_files(d)}"),
    "issue.opened": lambda d: (
        (f"A failure is back: {_issue(d)}", f"Ошибка вернулась: {_issue(d)}") if d.get("reopened")
        else (f"A new failure: {_issue(d)}", f"Новая ошибка: {_issue(d)}")
    ),
    "mapping.broken": lambda d: (
        f"Mapping {d.get('mapping', '?')} does not fit {_base(d)} any more",
        f"Маппинг {d.get('mapping', '?')} больше не подходит базе {_base(d)}",
    ),
    "endpoint.disabled": lambda d: (
        f"Endpoint {d.get('name', '?')} is disabled", f"Получатель {d.get('name', '?')} отключён"
    ),
    "test": lambda _: ("A trial message of syncd", "Пробное сообщение syncd"),
}  # fmt: skip

_NEXT: Final[dict[str, str]] = {
    "order.rejected": "syncd outbox show {number}",
    "order.changed": "syncd outbox show {number}",
    "infobase.down": "syncd status",
    "infobase.maintenance": "syncd status",
    "pull.late": "syncd status",
    "brake.on": "syncd package approve {run} --reason …  |  syncd package reject {run} --reason …",
    "package.failed": "syncd package show {package}",
    "issue.opened": "syncd issue show {issue}",
    "mapping.broken": "syncd metadata watch --endpoint {endpoint}",
    "endpoint.disabled": "syncd webhook list",
}

_LABELS: Final[dict[str, Pair]] = {
    "status": ("status", "статус"), "number_1c": ("number in 1C", "номер в 1С"),
    "storefront": ("storefront", "витрина"),
    "infobase": ("infobase", "база"), "failing": ("fails at", "сбой на шаге"), "since": ("since", "с"),
    "catalogue": ("catalogue", "каталог"), "entity": ("entity", "сущность"), "absent": ("to be removed", "к удалению"),
    "total": ("of", "из"), "path": ("where", "где"), "count": ("times", "раз"), "text": ("text", "текст"),
    "late_seconds": ("late by, s", "опоздание, с"), "amount": ("amount", "сумма"), "changed": ("changed", "изменилось"),
    "broken": ("rules that do not fit", "правил не подходит"), "rules": ("which", "какие"),
    "address": ("address", "адрес"), "reason": ("reason", "причина"),
}  # fmt: skip

_OWNERS: Final[dict[str, Pair]] = {
    "1c-developer": ("1C developer", "разработчик 1С"), "administrator": ("administrator", "администратор"),
    "storefront": ("developer of the storefront", "разработчик витрины"),
    "on-call": ("engineer on call", "дежурный инженер"), "syncd": ("developers of syncd", "разработчики syncd"),
}  # fmt: skip


def words(payload: Data, *, lang: Language, zone: ZoneInfo, tenant: str) -> Words:
    """One stored event, or several collected into one message, for a person."""
    russian = lang == "ru"
    count = int(payload.get("count", 1))
    headline = _headline(payload, lang)
    subject = f"[syncd] {headline}" if count == 1 else f"[syncd] {count} × {headline}"
    lines = [headline, ""]
    data = payload.get("data") or {}
    for name, value in data.items():
        if name in _LABELS and value not in (None, "", [], {}):
            lines.append(f"{_LABELS[name][russian]}: {_value(value)}")
    if data.get("code"):
        sentence = data.get(f"message_{lang}") or data.get("message") or ""
        lines += ["", f"{data['code']} {_value(sentence)}".strip()]
        owner = _OWNERS.get(str(data.get("owner")))
        if owner:
            lines.append(f"{('Who mends it', 'Кто исправит')[russian]}: {owner[russian]}")
    following = _next(payload["type"], data)
    if following:
        lines += ["", f"{('Next', 'Дальше')[russian]}: {following}"]
    if count > 1:
        lines += ["", *_collected(payload, count, lang, zone)]
    lines += [
        "",
        f"{payload['type']}, {_when(payload['timestamp'], zone)}, {('company', 'компания')[russian]} {tenant}",
    ]
    return Words(" ".join(subject.split())[:200], "\n".join(lines))


def _collected(payload: Data, count: int, lang: Language, zone: ZoneInfo) -> list[str]:
    """The events of one message, the first of them one by one."""
    russian = lang == "ru"
    kept = payload.get("first") or []
    since = _when(payload.get("since") or payload["timestamp"], zone)
    head = f"Событий с {since}: {count}." if russian else f"Events since {since}: {count}."
    lines = [head]
    lines += [f"  {_when(event['timestamp'], zone)}  {_headline(event, lang)}" for event in kept]
    if count > len(kept):
        lines.append(f"  … и ещё {count - len(kept)}" if russian else f"  … and {count - len(kept)} more")
    return lines


def _headline(event: Data, lang: Language) -> str:
    made = _HEADLINES.get(str(event.get("type")))
    return made(event.get("data") or {})[lang == "ru"] if made else str(event.get("type"))


def _next(name: str, data: Data) -> str:
    template = _NEXT.get(name, "")
    wanted = {key: _value(data[key]) for key in ("number", "run", "package", "issue", "endpoint") if data.get(key)}
    try:
        return template.format(**wanted)
    except KeyError:
        return ""


def _when(text: object, zone: ZoneInfo) -> str:
    try:
        return datetime.fromisoformat(str(text)).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return str(text)


def _value(value: object) -> str:
    said = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return " ".join(said.split())[:_LONGEST]


def _order(data: Data) -> str:
    return _value(data.get("number") or data.get("order_id") or "?")


def _base(data: Data) -> str:
    return _value(data.get("infobase") or data.get("name") or data.get("infobase_id") or "?")


def _pull(data: Data) -> str:
    return _value(data.get("schedule") or data.get("pull") or data.get("name") or data.get("entity") or "?")


def _files(data: Data) -> str:
    return _value(data.get("files") or data.get("package") or "?")[:80]


def _issue(data: Data) -> str:
    return " ".join(part for part in (str(data.get("code") or "?"), str(data.get("kind") or "")) if part)
