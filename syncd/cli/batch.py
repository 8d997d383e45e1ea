"""``syncd batch``: actions on many things, how far they are, and stopping them."""

from __future__ import annotations

import time
from typing import Any, Final

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from syncd.cli.bulk import in_words, one_batch, progress
from syncd.cli.codes import PARTIAL
from syncd.cli.output import Column, Format, ago, dump, emit, moment, output_option, safe, short, stdout, talk, text
from syncd.cli.runtime import database, tenant_option
from syncd.errors import Refused
from syncd.i18n import tr
from syncd.store import batches
from syncd.store.db import Database, Row

_WATCH_SECONDS: Final = 1.0
_OVER: Final = frozenset({"done", "cancelled"})


@click.group()
def batch() -> None:
    """Actions on many things: progress, pause / действия над многим: ход, пауза."""


def document(row: Row) -> dict[str, Any]:
    """A batch as programs read it."""
    names = ("id", "action", "words", "reason", "by", "rate_per_second", "state_reason", "created_at", "finished_at")
    return {**{name: row[name] for name in names}, **progress(row), "filter": row["filter"]}


@batch.command("list")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="How many / сколько")
@tenant_option
@output_option
def list_(limit: int, tenant: str, output: Format) -> None:
    """Batches, newest first / пакеты действий, сначала новые."""
    with database() as db, db.transaction() as conn:
        found = batches.listing(conn, tenant, limit=limit)
    columns = [
        Column("id", "id", short), Column("created_at", tr("age", "возраст"), ago),
        Column("action", tr("action", "действие")), Column("state", tr("state", "состояние")),
        Column("total", tr("all", "всего"), text), Column("done", tr("done", "сделано"), text),
        Column("skipped", tr("skipped", "пропущено"), text), Column("failed", tr("failed", "ошибок"), text),
        Column("by", tr("by", "кто")), Column("reason", tr("why", "почему")), Column("words", tr("chosen by", "отбор")),
    ]  # fmt: skip
    emit(map(document, found), columns, output, empty=tr("There was no batch yet.", "Пакетов действий ещё не было."))


@batch.command("show")
@click.argument("word", metavar="ID")
@click.option("--watch", is_flag=True, help="Until it is over / до окончания")
@click.option("-n", "--limit", type=click.IntRange(0), default=20, show_default=True,
              help="Items that were not done / сколько несделанных показать")  # fmt: skip
@tenant_option
@output_option
def show(word: str, watch: bool, limit: int, tenant: str, output: Format) -> None:
    """One batch: how far, what was not done and why / один пакет: ход, что не сделано и почему.

    Exit code 5 when it is over and something of it was not done.
    """
    with database() as db:
        row = _watched(db, tenant, word, output) if watch else _one(db, tenant, word)
        with db.transaction() as conn:
            left = batches.items(conn, tenant, row["id"], outcomes=("failed", "skipped"), limit=limit)
            states = batches.messages(conn, tenant, row["id"])
    if output != "table":
        click.echo(dump({**document(row), "messages": states, "not_done": left}))
    else:
        _print(row, left, states)
    if row["state"] in _OVER and (row["failed"] or row["skipped"] or row["left"]):
        raise click.exceptions.Exit(PARTIAL)


def _one(db: Database, tenant: str, word: str) -> Row:
    with db.transaction() as conn:
        return one_batch(conn, tenant, word)


def _watched(db: Database, tenant: str, word: str, output: Format) -> Row:
    """Look at it every second until it is over, or until Ctrl-C."""
    row = _one(db, tenant, word)
    try:
        if output != "table":
            while row["state"] not in _OVER:
                if output == "jsonl":
                    click.echo(dump(document(row)))
                time.sleep(_WATCH_SECONDS)
                row = _one(db, tenant, word)
            return row
        with Live(_screen(row), console=stdout(), auto_refresh=False, transient=True) as live:
            while row["state"] not in _OVER:
                time.sleep(_WATCH_SECONDS)
                row = _one(db, tenant, word)
                live.update(_screen(row), refresh=True)
    except KeyboardInterrupt:  # the way to end it, not a failure
        pass
    return row


def _screen(row: Row) -> RenderableType:
    bar = ProgressBar(total=max(1, row["total"]), completed=row["total"] - row["left"], width=50)
    return Group(Text(f"{row['action']}  {row['words']}"), bar, Text(in_words(row)))


def _print(row: Row, left: list[Row], states: dict[str, int]) -> None:
    rate = f"{row['rate_per_second']:.4g}/s" if row["rate_per_second"] else "max"
    facts = [
        ("id", str(row["id"])), (tr("action", "действие"), row["action"]),
        (tr("chosen by", "отбор"), row["words"]), (tr("why", "почему"), row["reason"]), (tr("by", "кто"), row["by"]),
        (tr("made", "создан"), moment(row["created_at"])), (tr("rate", "темп"), rate),
        (tr("progress", "ход"), in_words(row)), (tr("left", "осталось"), str(row["left"]) if row["left"] else ""),
        (tr("stopped", "остановлен"), text(row["state_reason"])), (tr("ended", "окончен"), moment(row["finished_at"])),
        (tr("messages now", "сообщения сейчас"), ", ".join(f"{state} {number}" for state, number in states.items())),
    ]  # fmt: skip
    for name, value in facts:
        if value:
            stdout().print(f"[bold]{name:<16}[/] {safe(value)}", soft_wrap=True)
    if left:
        click.echo()
        columns = [
            Column("n", "#", text), Column("kind", tr("kind", "вид")), Column("subject", "id", _subject),
            Column("outcome", tr("outcome", "исход")), Column("note", tr("why", "почему"), text),
        ]  # fmt: skip
        emit(left, columns, "table")


def _subject(value: object) -> str:
    return text(value) if "@" in text(value) else short(value)


def _turn(word: str, tenant: str, action: str, reason: str | None) -> None:
    with database() as db, db.transaction() as conn:
        row = one_batch(conn, tenant, word)
        if not batches.turn(conn, tenant, row["id"], action, reason=reason):
            raise Refused("E971", id=row["id"], state=row["state"], action=action)
        row = one_batch(conn, tenant, str(row["id"]))
    talk.print(in_words(row))


@batch.command("pause")
@click.argument("word", metavar="ID")
@click.option("--reason", help="Why / почему")
@tenant_option
def pause(word: str, reason: str | None, tenant: str) -> None:
    """Stop for now / приостановить."""
    _turn(word, tenant, "pause", reason)


@batch.command("resume")
@click.argument("word", metavar="ID")
@tenant_option
def resume(word: str, tenant: str) -> None:
    """Go on where it stopped / продолжить с того же места."""
    _turn(word, tenant, "resume", None)


@batch.command("cancel")
@click.argument("word", metavar="ID")
@click.option("--reason", help="Why / почему")
@tenant_option
def cancel(word: str, reason: str | None, tenant: str) -> None:
    """Do nothing more of it; what was done stays / больше ничего не делать; сделанное останется."""
    _turn(word, tenant, "cancel", reason)
