"""``syncd infobase show | pause | resume | ping``: how a base is, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import click
from rich.table import Table

from syncd.adapters import probe
from syncd.adapters.ports import Ping
from syncd.cli.codes import CHECK_FAILED
from syncd.cli.output import Column, Format, ago, draw, dump, duration, emit, moment, os_user, output_option, safe, talk
from syncd.cli.runtime import context, database, tenant_option
from syncd.errors import Refused, RequestError, SyncdError
from syncd.health import standing
from syncd.i18n import tr
from syncd.spans import span
from syncd.store import endpoints
from syncd.store.db import Conn, Row
from syncd.sync import pings


def known(conn: Conn, tenant: str, name: str) -> Row:
    """The infobase of this name, with how it is. Raises ``RequestError`` E305."""
    found = standing.infobase(conn, tenant, name)
    if found is None:
        raise RequestError("E305", what=tr("Infobase", "База"), id=name, shown="`syncd infobase list`")
    return found


def state(row: Mapping[str, Any]) -> str:
    """How a base is, in a few words."""
    said = word(row["state"]) if row["called"] else tr("calls us", "вызывает нас сама")
    if row["called"] and row["failing"]:
        said += f" ({row['failing']})"
    if not row["paused"]:
        return said
    left = row["paused_until"]
    ends = f" {duration((left - left.now(left.tzinfo)).total_seconds())}" if left else ""
    return said + tr(", paused", ", на паузе") + ends


def word(state: str) -> str:
    """A state as it is said."""
    return {
        "up": tr("up", "работает"), "degraded": tr("degraded", "с перебоями"), "down": tr("down", "недоступна"),
        "maintenance": tr("maintenance", "регламентные работы"), "unknown": tr("unknown", "не проверялась"),
    }[state]  # fmt: skip


@click.command("show")
@click.argument("name")
@tenant_option
@output_option
def show(name: str, tenant: str, output: Format) -> None:
    """How a base is and was, and by what we call it / как живёт база и через что мы её вызываем."""
    with database() as db, db.transaction() as conn:
        row = known(conn, tenant, name)
        past = standing.history(conn, tenant, row["id"])
        ways = [endpoints.shown(each) for each in endpoints.every(conn, tenant) if each.infobase_id == row["id"]]
    if output != "table":
        about = {"message": standing.error_text(row), "history": past, "endpoints": ways}
        click.echo(dump(dict(row) | about))
        return
    _overview(row, ways)
    columns = [
        Column("at", tr("since", "с"), moment), Column("state", tr("state", "состояние"), word),
        Column("seconds", tr("for", "длилось"), duration),
        Column("failing", tr("failing", "что не прошло"), _text), Column("latency_ms", tr("latency", "отклик"), _ms),
        Column("message", tr("because", "почему")),
    ]  # fmt: skip
    if past:
        click.echo()
        emit([change | {"message": standing.error_text(change)} for change in past], columns, output)


def _overview(row: Row, ways: list[dict[str, Any]]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    lines = {
        tr("name", "имя"): row["name"],
        tr("state", "состояние"): state(row),
        tr("since", "с"): moment(row["since"]),
        tr("because", "почему"): standing.error_text(row),
        tr("latency", "отклик"): _ms(row["latency_ms"]),
        tr("asked", "проверена"): _ago(row["checked_at"]),
        tr("asked again", "следующая проверка"): moment(row["next_ping_at"]),
        tr("recovered", "восстановилась"): moment(row["recovered_at"]),
        tr("called us", "приходила сама"): _ago(row["seen_at"]) or tr("never", "ни разу"),
        tr("paused", "пауза"): f"{row['pause_reason']} ({row['paused_by']})" if row["paused"] else "",
        tr("we call it by", "вызываем через"): ", ".join(f"{way['name']} ({way['kind']})" for way in ways),
        tr("login, dialect", "логин, диалект"): f"{row['login']}, {row['dialect']}",
        tr("zone", "пояс"): row["zone"],
    }
    for title, value in lines.items():
        if value:
            table.add_row(title, safe(value))
    draw(table)


def _text(value: object) -> str:
    return str(value or "")


def _ms(value: object) -> str:
    return "" if not isinstance(value, int | float) else tr(f"{value:.0f} ms", f"{value:.0f} мс")


def _ago(value: object) -> str:
    said = ago(value)
    return tr(f"{said} ago", f"{said} назад") if said else ""


@click.command("pause")
@click.argument("name")
@click.option("--reason", required=True, help="Why, for the record / почему, для истории")
@click.option("--for", "for_", metavar="SPAN", help="30m, 2h, 1d; without: until resumed / без него — до resume")
@tenant_option
@output_option
def pause(name: str, reason: str, for_: str | None, tenant: str, output: Format) -> None:
    """Deliver nothing into a base for a while; orders wait / ничего не доставлять в базу; заказы подождут."""
    length = _span(for_) if for_ else None
    with database() as db, db.transaction() as conn:
        known(conn, tenant, name)
        seconds = length.total_seconds() if length else None
        standing.pause_infobase(conn, tenant, name, seconds=seconds, reason=reason, by=os_user())
        row = known(conn, tenant, name)
    _said(row, output)


@click.command("resume")
@click.argument("name")
@tenant_option
@output_option
def resume(name: str, tenant: str, output: Format) -> None:
    """End a pause / снять паузу."""
    with database() as db, db.transaction() as conn:
        known(conn, tenant, name)
        standing.resume_infobase(conn, tenant, name)
        row = known(conn, tenant, name)
    _said(row, output)


def _span(value: str) -> timedelta:
    try:
        return span(value)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _said(row: Row, output: Format) -> None:
    if output == "table":
        talk.print(safe(f"{row['name']}: {state(row)}"))
    else:
        click.echo(dump(dict(row)))


@click.command("ping")
@click.argument("name")
@tenant_option
@output_option
def ping(name: str, tenant: str, output: Format) -> None:
    """Ask a base now, every step timed; exit code 7 when it fails / спросить базу сейчас, по шагам; код 7 при сбое.

    What it sees counts as any other ping: two successes bring a base up.
    """
    with context() as ctx:
        with ctx.db.transaction() as conn:
            row = known(conn, tenant, name)
            endpoint = pings.endpoint_of(conn, tenant, row["id"])
        if endpoint is None:
            en = "this base calls us, so that it cannot be asked; `syncd endpoint add … --infobase` changes that"
            ru = "база вызывает нас сама, спросить её нельзя; это меняет `syncd endpoint add … --infobase`"
            detail = tr(en, ru)
            raise Refused("E937", name=name, detail=detail)
        way = probe.steps(endpoint.address, ca=endpoint.settings.get("ca"))
        asked = pings.ask(ctx, tenant, row["id"])
        assert asked is not None
        seen = asked.ping
        with ctx.db.transaction() as conn:
            row = known(conn, tenant, name)
    way = [*(each for each in way if each.error is None), _last(way, seen)]
    if output == "table":
        _show(way, row, seen)
    else:
        click.echo(dump(_document(way, row, seen) | {"endpoint": endpoint.name}))
    if seen.failing is not None:
        raise SystemExit(CHECK_FAILED)


def _last(way: list[probe.Step], seen: Ping) -> probe.Step:
    """The step that failed, else the answer."""
    failed = next((each for each in way if each.error is not None), None)
    about = " ".join(str(value) for value in seen.about.values())
    return failed or probe.Step(seen.failing or "answer", seen.latency_ms, seen.error, about)


def _show(way: list[probe.Step], row: Row, seen: Ping) -> None:
    columns = [
        Column("step", tr("step", "шаг")), Column("ms", tr("took", "заняло"), _ms),
        Column("about", tr("found", "итог")),
    ]  # fmt: skip
    emit([{"step": _steps()[each.step], "ms": each.ms, "about": _outcome(each.error) or each.about} for each in way],
         columns, "table")  # fmt: skip
    talk.print(safe(f"{row['name']}: {state(row)}"))
    if seen.error is not None:
        talk.print(safe(f"{seen.error.code} {seen.error.text()}"))


def _steps() -> Mapping[str, str]:
    return {
        "name": tr("name", "имя (name)"), "connection": tr("connection", "соединение (connection)"),
        "tls": "tls", "publication": tr("publication", "публикация (publication)"),
        "login": tr("login", "вход (login)"),
        "session": tr("session", "сеанс (session)"), "licence": tr("licence", "лицензия (licence)"),
        "answer": tr("answer", "ответ (answer)"),
    }  # fmt: skip


def _outcome(error: SyncdError | None) -> str:
    return tr(f"failed: {error.code}", f"не прошло: {error.code}") if error else ""


def _document(way: list[probe.Step], row: Row, seen: Ping) -> dict[str, Any]:
    error = seen.error
    return {
        "infobase": row["name"], "state": row["state"], "failing": seen.failing, "maintenance": seen.maintenance,
        "latency_ms": seen.latency_ms, "about": dict(seen.about),
        "error": {"code": error.code, "message": error.text(), "owner": error.owner} if error else None,
        "steps": [
            {"step": each.step, "ms": each.ms, "ok": each.error is None, "about": each.about,
             "code": each.error.code if each.error else None} for each in way
        ],
    }  # fmt: skip


COMMANDS: Final = (show, pause, resume, ping)
