"""How endpoints are shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.table import Table

from syncd.cli.output import Column, Format, ago, draw, duration, emit, moment, safe, talk, text
from syncd.errors import CATALOGUE
from syncd.i18n import tr
from syncd.store.endpoints import Endpoint


def way(row: Mapping[str, Any]) -> str:
    """Whether messages go there, in a few words."""
    if row["disabled_at"]:
        return tr("disabled", "отключён")
    if row["paused"]:
        return tr("paused", "на паузе") + _until(row["paused_until"])
    if row["closed"]:
        return tr("closed", "закрыт") + _until(row["closed_until"]) + f" ({row['closed_code']})"
    if row["failures"]:
        return tr(f"open, {row['failures']} failures in a row", f"открыт, сбоев подряд: {row['failures']}")
    return tr("open", "открыт")


def _until(value: datetime | None) -> str:
    if value is None:
        return ""
    left = duration((value - datetime.now(value.tzinfo)).total_seconds())
    return tr(f" for {left}", f" ещё {left}")


def listed(rows: list[dict[str, Any]], output: Format) -> None:
    """The table of ``endpoint list``."""
    columns = [
        Column("name", tr("name", "имя")), Column("kind", tr("kind", "протокол")),
        Column("infobase", tr("infobase", "база"), text), Column("address", tr("address", "адрес")),
        Column("takes", tr("takes", "принимает"), ", ".join), Column("way", tr("way", "путь")),
        Column("open", tr("waiting", "ждёт"), text), Column("oldest_at", tr("oldest, ago", "старейшее, назад"), ago),
    ]  # fmt: skip
    shown = [row | {"way": way(row)} for row in rows] if output == "table" else rows
    nobody = tr("No endpoint yet: syncd endpoint add NAME --kind KIND --address ADDRESS",
                "Получателей пока нет: syncd endpoint add ИМЯ --kind ВИД --address АДРЕС")  # fmt: skip
    emit(shown, columns, output, empty=nobody)


def overview(row: Mapping[str, Any]) -> None:
    """One endpoint on a screen."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rate = f"{row['rate_per_second'].normalize():f}/s" if row["rate_per_second"] else tr("no limit", "без предела")
    lines = {
        tr("name", "имя"): row["name"],
        tr("kind", "протокол"): row["kind"],
        tr("address", "адрес"): row["address"],
        tr("infobase", "база"): row["infobase"]
        or tr("none: no pings, a breaker", "нет: без проверок, с предохранителем"),
        tr("takes", "принимает"): ", ".join(row["takes"]) or tr("nothing", "ничего"),
        tr("way", "путь"): way(row),
        tr("because", "почему"): _because(row),
        tr("waiting", "ждёт"): f"{row['open']}   {ago(row['oldest_at'])}".strip(),
        tr("at once", "одновременно"): str(row["concurrency"]),
        tr("at most", "не чаще"): rate,
        tr("timeout", "таймаут"): duration(row["timeout_seconds"]),
        tr("password", "пароль"): tr("kept", "хранится") if row["has_secret"] else tr("none", "нет"),
        **{f"  {key}": str(value) for key, value in sorted(row["settings"].items())},
        tr("recovered", "восстановился"): moment(row["recovered_at"]),
        tr("made", "создан"): moment(row["created_at"]),
    }
    for name, value in lines.items():
        if value:
            table.add_row(name, safe(value))
    draw(table)


def _because(row: Mapping[str, Any]) -> str:
    if row["paused"]:
        return f"{row['pause_reason']} ({row['paused_by']}, {moment(row['paused_at'])})"
    code = row["closed_code"]
    if not row["closed"] and not row["disabled_at"]:
        return ""
    if code == "E936":
        return CATALOGUE[code].render({"failures": row["failures"]})
    return tr(f"it asked for a pause ({code})", f"попросил паузу ({code})") if row["closed"] else text(code)


def explain(made: Endpoint, adopted: int) -> None:
    """What a change came to, and what to type next."""
    row = {name: getattr(made, name) for name in
           ("disabled_at", "paused", "paused_until", "closed", "closed_until", "closed_code", "failures")}  # fmt: skip
    talk.print(safe(f"{made.name} ({made.kind}): {way(row)}"))
    if adopted:
        talk.print(tr(f"Orders that waited for 1C and go there now: {adopted}",
                      f"Заказов, которые ждали 1С и теперь пойдут туда: {adopted}"))  # fmt: skip
    if made.infobase:
        talk.print(safe(tr(f"Try it: syncd infobase ping {made.infobase}",
                           f"Проверьте: syncd infobase ping {made.infobase}")))  # fmt: skip
