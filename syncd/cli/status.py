"""``syncd status``: one screen that says whether anything needs a person, and the command to type next."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import click
import redis
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from syncd import health
from syncd.cli.codes import CHECK_FAILED, DEPENDENCY_DOWN, OK
from syncd.cli.endpoint_report import way
from syncd.cli.infobase_health import state
from syncd.cli.output import Format, ago, brief, draw, dump, duration, moment, output_option, safe, short, stdout, text
from syncd.cli.runtime import servers, settings, tenant_option
from syncd.config import Settings
from syncd.embedded.state import State
from syncd.embedded.valkey import SOCKET
from syncd.errors import ConfigError
from syncd.health.hysteresis import CLOSED
from syncd.i18n import tr
from syncd.queue.view import OPEN_STATES
from syncd.schedules import overview as schedules
from syncd.store import batches, migrate
from syncd.store.db import Database, one

_WATCH_SECONDS: Final = 2.0
_REDIS_SECONDS: Final = 0.5
_ISSUES: Final = 3
_LATE_SECONDS: Final = 900
"""An order that 1C has not confirmed for so long deserves a look."""


@click.command()
@click.option("--watch", is_flag=True, help="Every two seconds / каждые две секунды")
@tenant_option
@output_option
def status(watch: bool, tenant: str, output: Format) -> None:
    """One screen: what is alive, what waits, what failed / один экран: что живо, что ждёт, что не удалось.

    Exit code 6 when Postgres is away, 7 when the schema is old. Works with the daemon stopped.
    """
    if watch and output == "json":
        raise click.UsageError(tr("--watch has no end and json is one document: use -o jsonl.",
                                  "У --watch нет конца, а json — один документ: используйте -o jsonl."))  # fmt: skip
    found = settings()
    if watch:
        _watch(found, tenant, output)
        return
    seen = look(found, tenant)
    if output == "table":
        draw(screen(seen))
    else:
        click.echo(dump(seen))
    raise SystemExit(_code(seen))


def _code(seen: dict[str, Any]) -> int:
    if not seen["database"]["ok"]:
        return DEPENDENCY_DOWN
    return OK if seen["database"]["schema"] == seen["database"]["needed"] else CHECK_FAILED


def _watch(found: Settings, tenant: str, output: Format) -> None:
    try:
        if output == "jsonl":
            while True:
                click.echo(dump(look(found, tenant)))
                time.sleep(_WATCH_SECONDS)
        with Live(screen(look(found, tenant)), console=stdout(), auto_refresh=False) as live:
            while True:
                time.sleep(_WATCH_SECONDS)
                live.update(screen(look(found, tenant)), refresh=True)
    except KeyboardInterrupt:  # the way to end it, not a failure
        return


# --- what is so ----------------------------------------------------------------------------------------------------


def look(found: Settings, tenant: str) -> dict[str, Any]:
    """The state of things as programs read it. Never raises because a server is away."""
    seen: dict[str, Any] = {"tenant": tenant, "at": datetime.now(UTC)}
    needed = migrate.head()
    try:
        with servers(found, redis=False) as where:
            schema = migrate.revision_of(where.database_url)
            if schema != needed and where.embedded is not None:
                schema = migrate.upgrade(where.database_url)[1]
            seen |= _database(found, where.database_url, tenant, schema, needed)
    except ConfigError as error:
        if error.code not in {"E403", "E405"}:
            raise
        seen["database"] = {"ok": False, "code": error.code, "message": error.text(), "needed": needed}
    except Database.UNREACHABLE as error:
        trouble = ConfigError("E403", detail=str(error).strip())
        seen["database"] = {"ok": False, "code": trouble.code, "message": trouble.text(), "needed": needed}
    seen["redis"] = {"state": _redis(found)}
    seen["attention"] = _attention(seen)
    return seen


def _database(found: Settings, url: str, tenant: str, schema: str, needed: str) -> dict[str, Any]:
    db = Database(url, size=1)
    try:
        with db.transaction() as conn:
            row = one(conn, "SELECT current_setting('server_version') AS version")
            version = row["version"].partition(" ")[0] if row else ""
            about = {"ok": True, "server": version, "schema": schema, "needed": needed}
            if schema != needed:
                return {"database": about}
            pulls = schedules.overview(conn, found.schedules, zone=found.zone, tenant=tenant)
            open_batches = batches.opened(conn, tenant)
            return {
                "database": about, **health.overview(conn, tenant), "pulls": pulls, "batches": open_batches,
            }  # fmt: skip
    finally:
        db.close()


def _redis(found: Settings) -> str:
    """``up``, ``down``, or ``off`` when none is set and no daemon runs an embedded one."""
    url = found.redis_url
    if url is None:
        sockets = State.read(found.home.resolve()).sockets if found.home.is_dir() else None
        if not sockets:
            return "off"
        url = f"unix://{quote(sockets)}/{SOCKET}?db=0"
    try:
        limits = {"socket_connect_timeout": _REDIS_SECONDS, "socket_timeout": _REDIS_SECONDS}
        with redis.Redis.from_url(url, **limits) as client:
            client.ping()
    except (redis.RedisError, OSError):
        return "down" if found.redis_url else "off"
    return "up"


def _attention(seen: dict[str, Any]) -> list[dict[str, str]]:
    """What needs a person, each with the command to type next."""
    found: list[tuple[str, str]] = []
    about = seen["database"]
    if not about["ok"]:
        return [{"message": about["message"], "command": "syncd config show --origin"}]
    if about["schema"] != about["needed"]:
        en, ru = (
            f"the schema is {about['schema']}, needed is {about['needed']}",
            f"схема {about['schema']}, нужна {about['needed']}",
        )
        return [{"message": tr(en, ru), "command": "syncd db migrate"}]
    box = seen["outbox"]
    if box["rejected"]:
        said = tr(
            f"orders that cannot be given to 1C: {box['rejected']}",
            f"заказов, которые нельзя передать 1С: {box['rejected']}",
        )
        found.append((said, "syncd outbox list --state rejected"))
    if box["held"]:
        said = tr(f"orders held back from 1C: {box['held']}", f"заказов отложено, в 1С не идут: {box['held']}")
        found.append((said, "syncd outbox list --state held"))
    if (box["oldest_seconds"] or 0) > _LATE_SECONDS:
        age = duration(box["oldest_seconds"])
        found.append((tr(f"an order waits for 1C for {age}", f"заказ ждёт 1С уже {age}"), "syncd outbox list"))
    for row in seen["removals_held"]:
        said = tr(
            f"a full export of catalogue {row['catalogue_id']} would remove {row['absent']} of {row['total']}: held",
            f"полная выгрузка каталога {row['catalogue_id']} удалила бы {row['absent']} из {row['total']}: придержано",
        )
        found.append((said, f"syncd package show {row['id']}"))
    found += _troubles(seen)
    if not seen["workers"]:
        waiting = tr(f"; packages wait: {seen['packages_open']}", f"; пакетов ждёт: {seen['packages_open']}")
        said = tr("no worker is alive", "нет ни одного живого worker")
        found.append((said + (waiting if seen["packages_open"] else ""), "syncd up"))
    if not seen["infobases"]:
        found.append((tr("no infobase may exchange yet", "ни одной базе ещё не разрешён обмен"), "syncd infobase add"))
    if seen["redis"]["state"] == "down":
        found.append((tr("Redis is away: work is found a little later", "Redis недоступен: работа найдётся чуть позже"),
                      "syncd config show --origin"))  # fmt: skip
    found += [(_issue(row), f"syncd issue show {short(row['id'])}") for row in seen["issues"][:_ISSUES]]
    return [{"message": message, "command": command} for message, command in found]


# --- how it is shown -----------------------------------------------------------------------------------------------


def screen(seen: dict[str, Any]) -> RenderableType:
    """The screen, made for 24 lines of a healthy service."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    about = seen["database"]
    if about["ok"]:
        table.add_row("POSTGRES", f"{about['server']}   " + tr(f"schema {about['schema']}", f"схема {about['schema']}"))
    else:
        table.add_row("POSTGRES", "[bold red]" + tr("away", "недоступен") + "[/]")
    table.add_row("REDIS", _doorbell(seen["redis"]["state"]))
    if "workers" in seen:
        _rows(table, seen)
    marks = [
        Text.assemble(("! ", "bold red"), f"{_flat(mark['message'])}  ->  ", (mark["command"], "bold"))
        for mark in seen["attention"]
    ]
    return Group(table, *marks)


def _flat(words: str) -> str:
    return "".join(c if c.isprintable() else " " for c in words)


def _doorbell(state: str) -> str:
    return {
        "up": tr("up, doorbell on", "работает, звонок включён"),
        "down": "[yellow]" + tr("away, work is found by polling", "недоступен, работа находится опросом") + "[/]",
        "off": tr("not running", "не запущен"),
    }[state]


def _rows(table: Table, seen: dict[str, Any]) -> None:
    who = ", ".join(sorted({f"{row['host']}:{row['pid']}" for row in seen["workers"]}))
    table.add_row(tr("WORKERS", "РАБОТНИКИ"), safe(f"{len(seen['workers'])}   {who}".strip()))
    for n, row in enumerate(seen["infobases"]):
        table.add_row(tr("INFOBASES", "БАЗЫ") if n == 0 else "", safe(_infobase(row)))
    shut = [row for row in seen["endpoints"] if row["paused"] or row["closed"] or row["disabled_at"] or row["failures"]]
    for n, row in enumerate(shut):
        told = f"{row['name']}   {way(row)}" + (tr(f"   waiting {row['open']}", f"   ждёт {row['open']}"))
        table.add_row(tr("GATES", "ПУТИ") if n == 0 else "", safe(told))
    table.add_row(tr("ORDERS", "ЗАКАЗЫ"), _outbox(seen["outbox"]))
    if seen["events"]["open"]:
        table.add_row(tr("EVENTS", "СОБЫТИЯ"), _events(seen["events"]))
    hidden = seen["packages_open"] - len(seen["packages"])
    for n, row in enumerate(seen["packages"]):
        table.add_row(tr("PACKAGES", "ПАКЕТЫ") if n == 0 else "", safe(_package(row)))
    if hidden > 0:
        table.add_row("", tr(f"… and {hidden} more", f"… и ещё {hidden}"))
    if seen["pulls"]:
        told = "   ".join(schedules.in_words(row, seen["at"]) for row in seen["pulls"])
        table.add_row(tr("PULLS, AGE", "ПОЛУЧЕНИЕ"), safe(told))
    for n, row in enumerate(seen["batches"]):
        table.add_row(tr("BATCHES", "ДЕЙСТВИЯ") if n == 0 else "", safe(f"{short(row['id'])}   {_batch(row)}"))
    fresh = "   ".join(f"{row['entity']} {ago(row['as_of'])}" for row in seen["freshness"])
    table.add_row(tr("DATA, AGE", "ДАННЫЕ"), fresh or tr("nothing came from 1C yet", "из 1С ещё ничего не пришло"))
    for n, row in enumerate(seen["failures"][:5]):
        head = tr("FAILED, 24 h", "СБОИ, 24 ч") if n == 0 else ""
        table.add_row(head, safe(f"{moment(row['last_at'])}   {_flat(_failure(row))}"))
    if not seen["failures"]:
        table.add_row(tr("FAILED, 24 h", "СБОИ, 24 ч"), tr("nothing", "ничего"))


def _infobase(row: Mapping[str, Any]) -> str:
    said = state(row)
    if row["called"] and row["latency_ms"] is not None and not row["failing"]:
        said += tr(f" {row['latency_ms']:.0f} ms", f" {row['latency_ms']:.0f} мс")
    seen = ago(row["seen_at"])
    if seen:
        came = tr(f"{seen} ago", f"{seen} назад")
    else:
        came = "" if row["called"] else tr("never called", "ещё не приходила")
    parts = [row["name"], came, said] if row["called"] or row["paused"] else [row["name"], came]
    return "   ".join(part for part in parts if part)


def _troubles(seen: dict[str, Any]) -> list[tuple[str, str]]:
    """Bases that do not take orders, ways that are shut, pulls that are late."""
    found = []
    for row in seen["infobases"]:
        if row["state"] in CLOSED:
            lasts = ago(row["since"])
            said = tr(f"{row['name']}: {state(row)} for {lasts}", f"{row['name']}: {state(row)}, уже {lasts}")
            found.append((said, f"syncd infobase ping {row['name']}"))
    for row in seen["endpoints"]:
        if (row["disabled_at"] or row["paused"]) and row["open"]:
            waits = tr(f"messages wait: {row['open']}", f"ждёт сообщений: {row['open']}")
            found.append((f"{row['name']}: {way(row)}; {waits}", f"syncd endpoint show {row['name']}"))
    for row in seen["pulls"]:
        if row["late"]:
            age = duration(row["late_seconds"])
            said = tr(f"{row['name']} is late by {age}", f"{row['name']} опаздывает на {age}")
            found.append((said, f"syncd schedule history {row['name']}"))
    return found


def _batch(row: Mapping[str, Any]) -> str:
    ended = row["total"] - row["left"]
    done = tr(f"{ended} of {row['total']}", f"{ended} из {row['total']}")
    return "   ".join(_flat(part) for part in (row["action"], row["state"], done, row["reason"]))


def _failure(row: Mapping[str, Any]) -> str:
    if not row["code"]:  # imports that went through but for some records, each of which has a code of its own
        return tr(f"imports that left records out ×{row['count']}", f"импорты с пропущенными записями ×{row['count']}")
    settled = tr(" (all went through since)", " (потом всё прошло)") if not row["unresolved"] else ""
    return f"{row['code']} ×{row['count']}{settled}: {brief(row['message'])}"


def _issue(row: Mapping[str, Any]) -> str:
    """What one cause stops, and what it is."""
    number = row["stuck"] or row["unresolved"]
    taken = tr(f", {row['assigned_to']} is at it", f", занимается {row['assigned_to']}") if row["assigned_to"] else ""
    if row["stuck"]:
        said = tr(f"{number} stopped by one cause", f"остановлено по одной причине: {number}")
    else:
        said = tr(f"{number} not through", f"не прошло: {number}")
    return f"{row['code']}, {said}{taken}: {brief(row['message'])}"


def _events(events: Mapping[str, Any]) -> str:
    age = duration(events["oldest_seconds"] or 0)
    said = tr(f"waiting {events['open']}   oldest {age}", f"ждёт {events['open']}   старейшее {age}")
    stuck = tr(f"   not delivered {events['stuck']}", f"   не доставлено {events['stuck']}")
    return said + (stuck if events["stuck"] else "")


def _outbox(box: Mapping[str, Any]) -> str:
    counts = "   ".join(f"{state} {box[state]}" for state in OPEN_STATES if box[state])
    if not counts:
        return tr("empty: 1C confirmed everything", "пусто: 1С подтвердила всё")
    age = duration(box["oldest_seconds"] or 0)
    return counts + "   " + tr(f"oldest unconfirmed {age}", f"старейший неподтверждённый {age}")


def _package(row: Mapping[str, Any]) -> str:
    names = row["files"] or []
    name = names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "") if names else row["source"]
    parts = [short(row["id"]), row["state"], text(row["infobase"]), name]
    progress = row["progress"] or {}
    if row["state"] == "importing" and progress:
        share = f"{100 * progress['bytes'] // progress['total']}%" if progress.get("total") else ""
        parts += [
            share,
            tr(f"{progress['records']} records", f"записей: {progress['records']}"),
            text(progress.get("file")),
        ]
    else:
        parts.append(tr(f"waits {ago(row['created_at'])}", f"ждёт {ago(row['created_at'])}"))
    return "   ".join(_flat(part) for part in parts if part)
