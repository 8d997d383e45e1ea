"""``syncd schedule``: what is pulled from 1C and when, how late it is, and running, pausing and resuming it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any, Final

import click

from syncd import health
from syncd.cli.bulk import quiet
from syncd.cli.codes import CHECK_FAILED, PARTIAL
from syncd.cli.journal import in_words as counters_in_words
from syncd.cli.output import (
    Column,
    Format,
    ago,
    dump,
    duration,
    emit,
    moment,
    os_user,
    output_option,
    safe,
    talk,
    text,
)  # fmt: skip
from syncd.cli.runtime import database, settings, tenant_option
from syncd.i18n import tr
from syncd.schedules import overview, rows
from syncd.schedules.plan import Plan
from syncd.schedules.scheduler import fire_times
from syncd.schedules.settings import Schedule
from syncd.schedules.ticking import tick
from syncd.spans import span
from syncd.store.db import Conn, Row
from syncd.sync import pulls, scheduled
from syncd.sync.context import Context

_LOOK: Final = 0.2


@click.group()
def schedule() -> None:
    """What is pulled from 1C and when / что и когда получаем из 1С."""


def _span(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    """A span of time: 90s, 30m, 2h. Fails with a sentence."""
    try:
        return span(value) if value is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def _choose(conn: Conn, word: str, tenant: str, schedules: dict[str, Schedule], zone: str) -> Plan:
    return overview.choose(conn, schedules, word, zone=zone, tenant=tenant)


@schedule.command("list")
@click.option("--all", "everything", is_flag=True, help="The installation's own jobs too / и служебные задания")
@tenant_option
@output_option
def list_(everything: bool, tenant: str, output: Format) -> None:
    """Schedules with next, last, lateness, skipped / расписания: следующий, последний, опоздание, пропуски."""
    found = settings()
    with database(found) as db, db.transaction() as conn:
        lines = overview.overview(conn, found.schedules, zone=found.zone, tenant=tenant)
        own = overview.jobs(conn) if everything else []
        now = rows.clock(conn)
    columns = [
        Column("name", tr("name", "имя")), Column("when", tr("when", "когда")),
        Column("next_at", tr("next", "следующий"), lambda at: _in(at, now)),
        Column("last_good_at", tr("last good", "последний удачный"), ago),
        Column("last", tr("last", "последний")), Column("state", tr("state", "состояние")),
        Column("overlap", tr("overlap", "наложение")),
        Column("skipped_24h", tr("skipped 24h", "пропущено за 24 ч"), text),
    ]  # fmt: skip
    shown = lines + own
    if output == "table":
        shown = [{**line, "last": _last(line), "state": _state(line)} for line in shown]
    emit(shown, columns, output, empty=tr(
        "Nothing is pulled: no endpoint of an infobase can give data (`syncd endpoint list`, its setting pulls).",
        "Ничего не получаем: ни одна конечная точка не отдаёт данные (`syncd endpoint list`, настройка pulls).",
    ))  # fmt: skip


def _in(at: object, now: datetime) -> str:
    if not isinstance(at, datetime):
        return ""
    seconds = (at - now).total_seconds()
    return tr(f"in {duration(seconds)}", f"через {duration(seconds)}") if seconds > 0 else tr("now", "сейчас")


def _last(line: dict[str, Any]) -> str:
    outcome = text(line.get("last_outcome"))
    reason = overview.why(line.get("last_reason")) if outcome not in {"ok", ""} else ""
    return " ".join(part for part in (outcome, reason) if part)


def _state(line: dict[str, Any]) -> str:
    if line.get("paused"):
        until = line["paused_until"]
        end = tr(f" until {moment(until)}", f" до {moment(until)}") if until else ""
        return tr("paused", "на паузе") + end + f" ({line['paused_by']}: {line['pause_reason']})"
    if line.get("late"):
        return tr(f"LATE {duration(line['late_seconds'])}", f"ОПОЗДАНИЕ {duration(line['late_seconds'])}")
    return {"running": tr("running", "идёт"), "queued": tr("queued", "в очереди")}.get(line.get("now") or "", "")


@schedule.command("run")
@click.argument("name")
@click.option("--wait", is_flag=True, help="Until it is over / дождаться окончания")
@click.option("--full", is_flag=True, help="Everything, not only what changed / всё, а не только изменения")
@click.option("--remove", is_flag=True, help="Let it remove what the brake held (E967) / удалить придержанное (E967)")
@tenant_option
@output_option
def run(name: str, wait: bool, full: bool, remove: bool, tenant: str, output: Format) -> None:
    """Pull now; returns when it is queued / получить сейчас; возвращается, когда поставлено в очередь.

    With --wait exit code 5 when something was left out, 7 when it failed. Works with the daemon stopped.
    """
    with quiet() as ctx:
        found = ctx.settings
        with ctx.db.transaction() as conn:
            plan = _choose(conn, name, tenant, found.schedules, found.zone)
            at = rows.clock(conn)
            wishes = {word: True for word, given in (("full", full), ("remove", remove)) if given}
            rows.queue(conn, tenant, plan.name, at, lane=plan.lane, by=os_user(), counters=wishes)
        ctx.doorbell.ring()
        ended = _ended(ctx, plan, at) if wait else None
    document = {"schedule": plan.name, "fire_at": at, "state": "queued"}
    if ended is not None:
        document |= {"state": ended["state"], "outcome": ended["outcome"], "reason": ended["reason"],
                     "counters": (ended["counters"] or {}).get("records", {})}  # fmt: skip
    if output == "table":
        said = f"{plan.name}: " + (tr("queued", "в очереди") if ended is None else _said(ended))
        talk.print(safe(said))
        if ended is None:
            talk.print(f"-> syncd schedule history {plan.name}", markup=False)
    else:
        click.echo(dump(document))
    if ended is not None and ended["outcome"] != "ok":
        raise click.exceptions.Exit(PARTIAL if ended["outcome"] == "partial" else CHECK_FAILED)


def _said(row: Row) -> str:
    counted = counters_in_words((row["counters"] or {}).get("records"))
    return "  ".join(part for part in (row["outcome"], overview.why(row["reason"]), counted) if part)


def _ended(ctx: Context, plan: Plan, at: datetime) -> Row:
    """Wait for the run; where no worker lives it is done here."""
    while True:
        with ctx.db.transaction() as conn:
            ended = pulls.outcome_of(conn, plan.tenant, plan.name, at)
            if ended is not None:
                return ended
            alone = health.workers(conn) == 0
            lease = ctx.settings.worker.lease_seconds
            claim = rows.claim(conn, lease, only=(plan.tenant, plan.name, at)) if alone else None
        if claim is None:
            time.sleep(_LOOK)
        else:
            scheduled.run(ctx, claim)


@schedule.command("pause")
@click.argument("name")
@click.option("--reason", required=True, help="Why; it is recorded / почему; записывается")
@click.option(
    "--for", "for_", metavar="SPAN", callback=_span, help="How long: 30m, 2h; without it until resume / на сколько"
)
@tenant_option
def pause(name: str, reason: str, for_: timedelta | None, tenant: str) -> None:
    """Skip its times; each skip is a row / пропускать запуски; каждый пропуск записан."""
    if not reason.strip():
        raise click.UsageError(tr("The reason is empty.", "Причина пуста."))
    found = settings()
    with database(found) as db, db.transaction() as conn:
        plan = _choose(conn, name, tenant, found.schedules, found.zone)
        tick(conn, plan)  # what is due until now is not lost to the pause
        until = rows.clock(conn) + for_ if for_ else None
        rows.pause(conn, tenant, plan.name, until=until, reason=reason, by=os_user())
    end = tr(f" until {moment(until)}", f" до {moment(until)}") if until else ""
    talk.print(safe(plan.name + ": " + tr("paused", "на паузе") + end))


@schedule.command("resume")
@click.argument("name")
@tenant_option
def resume(name: str, tenant: str) -> None:
    """End the pause; the next time runs / снять с паузы; следующий запуск — в своё время."""
    found = settings()
    with database(found) as db, db.transaction() as conn:
        plan = _choose(conn, name, tenant, found.schedules, found.zone)
        tick(conn, plan)
        was = rows.resume(conn, tenant, plan.name)
    said = tr("goes on", "работает") if was else tr("was not paused", "на паузе и не было")
    talk.print(safe(f"{plan.name}: {said}"))


@schedule.command("next")
@click.argument("name")
@click.option(
    "-n", "--limit", "number", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many / сколько"
)
@tenant_option
@output_option
def next_(name: str, number: int, tenant: str, output: Format) -> None:
    """When it will run, jitter and clock changes included / когда будет запускаться, с учётом перевода часов."""
    found = settings()
    with database(found) as db, db.transaction() as conn:
        plan = _choose(conn, name, tenant, found.schedules, found.zone)
        times = fire_times(plan, rows.clock(conn), number)
    emit([{"at": at} for at in times], [Column("at", tr("when", "когда"), moment)], output)


@schedule.command("history")
@click.argument("name")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="How many / сколько")
@tenant_option
@output_option
def history(name: str, limit: int, tenant: str, output: Format) -> None:
    """Its runs and skips, newest first / запуски и пропуски, сначала новые."""
    found = settings()
    with database(found) as db, db.transaction() as conn:
        plan = _choose(conn, name, tenant, found.schedules, found.zone)
        lines = overview.history(conn, tenant, plan.name, limit)
    columns = [
        Column("fire_at", tr("time", "время"), moment), Column("state", tr("state", "состояние")),
        Column("outcome", tr("outcome", "исход"), text), Column("took", tr("took", "длилось"), text),
        Column("requested_by", tr("by", "кто"), text), Column("why", tr("why", "почему"), text),
        Column("done", tr("records", "записи"), text),
    ]  # fmt: skip
    shown = [dict(line) for line in lines]
    if output == "table":
        shown = [
            {**line, "took": _took(line), "why": _why(line),
             "done": counters_in_words((line["counters"] or {}).get("records"))}
            for line in shown
        ]  # fmt: skip
    emit(shown, columns, output, empty=tr("It has not run yet.", "Запусков ещё не было."))


def _took(line: dict[str, Any]) -> str:
    if line["started_at"] is None or line["finished_at"] is None:
        return ""
    return duration((line["finished_at"] - line["started_at"]).total_seconds())


def _why(line: dict[str, Any]) -> str:
    count = (line["counters"] or {}).get("count", 1)
    return overview.why(line["reason"]) + (f" ×{count}" if count > 1 else "")
