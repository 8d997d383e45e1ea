"""``syncd outbox``: what must reach 1C, where it stands; sending it again is in ``outbox_acts``."""

from __future__ import annotations

import click

from syncd.cli.filtering import where_filter
from syncd.cli.outbox_acts import cancel, hold, release, retry
from syncd.cli.outbox_rows import document, message, one_message, state_words, who
from syncd.cli.output import Column, Format, ago, dump, emit, moment, output_option, safe, short, stdout, talk, text
from syncd.cli.runtime import database, tenant_option
from syncd.filters.vocabularies import MESSAGES
from syncd.i18n import tr
from syncd.queue import view
from syncd.store.db import Row
from syncd.store.order_tables import OUTBOX_STATES


@click.group()
def outbox() -> None:
    """Orders on their way to 1C / заказы на пути в 1С."""


for act in (retry, cancel, hold, release):
    outbox.add_command(act)


@outbox.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice(OUTBOX_STATES), help="Only these / только такие")
@click.option("--where", metavar="FILTER", help='Filter / отбор: state:rejected code:E142 key:… after:-3h text:"…"')
@click.option("--all", "everything", is_flag=True, help="Confirmed ones too / и подтверждённые")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="How many / сколько")
@tenant_option
@output_option
def list_(
    states: tuple[str, ...], where: str | None, everything: bool, limit: int, tenant: str, output: Format
) -> None:
    """Open messages, newest first / незавершённые сообщения, сначала новые."""
    with database() as db, db.transaction() as conn:
        found = where_filter(conn, where, MESSAGES)
        named = everything or (found is not None and "state" in found.names())
        wanted = states or (None if named else view.OPEN_STATES)
        rows = view.listing(conn, tenant, states=wanted, limit=limit + 1, where=found.sql() if found else None)
    columns = [
        Column("id", "id", short), Column("what", tr("order", "заказ"), text),
        Column("storefront", tr("storefront", "витрина"), text), Column("state", tr("state", "состояние"), text),
        Column("attempt", tr("tries", "попыток"), text), Column("infobase", tr("infobase", "база"), text),
        Column("endpoint", tr("goes to", "получатель"), text),
        Column("number_1c", tr("number in 1C", "номер в 1С"), text),
        Column("created_at", tr("age", "возраст"), ago), Column("code", tr("error", "ошибка"), text),
    ]  # fmt: skip
    shown = [document(row) for row in rows[:limit]]
    if output == "table":
        shown = [row | {"what": row["number"] or row["event"] or row["key"]} for row in shown]
    emit(
        shown, columns, output,
        empty=tr("Nothing found.", "Ничего не найдено.") if states or where
        else tr("Nothing is on its way to 1C.", "На пути в 1С ничего нет."),
    )  # fmt: skip
    if output == "table" and len(rows) > limit:
        talk.print(
            tr(f"Only the newest {limit}: --limit shows more.", f"Только новые {limit}: --limit покажет больше.")
        )


@outbox.command("show")
@click.argument("word", metavar="ID|NUMBER")
@tenant_option
@output_option
def show(word: str, tenant: str, output: Format) -> None:
    """One message with its history / одно сообщение и его история."""
    with database() as db, db.transaction() as conn:
        row = one_message(conn, tenant, word)
        changes = view.history(conn, tenant, row["id"])
    if output != "table":
        click.echo(dump({**document(row), "history": changes}))
        return
    console = stdout()
    for name, value in _facts(row):
        if value:
            console.print(f"[bold]{name:<16}[/] {safe(value)}", soft_wrap=True)
    console.print()
    columns = [
        Column("at", tr("when", "когда"), moment), Column("state", tr("state", "состояние")),
        Column("attempt", tr("try", "попытка")), Column("by", tr("who", "кто"), who),
        Column("reason", tr("why", "почему"), text),
    ]  # fmt: skip
    emit(changes, columns, "table", empty=tr("Nothing has happened to it yet.", "С ним ещё ничего не происходило."))
    if row["state"] in {"rejected", "held"}:
        talk.print(f'-> syncd outbox retry {row["id"]} --reason "…"', markup=False)


def _facts(row: Row) -> list[tuple[str, str]]:
    number = row["number"] or row["event"] or row["key"]
    if row["exchange_number"] and row["exchange_number"] != row["number"]:
        number += tr(f" (in the exchange {row['exchange_number']})", f" (в обмене {row['exchange_number']})")
    error = f"{row['error_code']} {message(row)}" if row["error_code"] else ""
    return [
        ("id", str(row["id"])),
        (tr("order", "заказ") if row["kind"] == "order" else tr("event", "событие"), number),
        (tr("storefront", "витрина"), text(row["storefront"])),
        (tr("state", "состояние"), f"{row['state']}: {state_words(row)}"),
        (tr("goes to", "получатель"), text(row["endpoint"])),
        (tr("infobase", "база"), text(row["infobase"])),
        (tr("number in 1C", "номер в 1С"), text(row["number_1c"])),
        (tr("made", "создано"), moment(row["created_at"])),
        (_sent(row), moment(row["sent_at"])),
        (tr("confirmed", "подтверждено"), moment(row["acknowledged_at"])),
        (tr("tries", "попыток"), str(row["attempt"])),
        (tr("next try", "дальше"), _next(row)),
        (tr("waits for", "ждёт"), _blocked(row)),
        (tr("why", "почему"), error),
    ]


def _sent(row: Row) -> str:
    if row["kind"] != "order":
        return tr("sent", "отправлено")
    return tr("given to 1C", "передано в 1С")


def _blocked(row: Row) -> str:
    """What of the same order must be done before."""
    if not row["blocked_by"]:
        return ""
    other = short(row["blocked_by"])
    return tr(f"an earlier message about it: syncd outbox show {other}",
              f"более раннее сообщение о том же: syncd outbox show {other}")  # fmt: skip


def _next(row: Row) -> str:
    if row["next_attempt_at"]:
        return moment(row["next_attempt_at"])
    if row["endpoint"]:
        soon = tr("as soon as its gate is open and a place is free", "когда путь открыт и есть свободное место")
        return soon if row["state"] in {"pending", "waiting"} else ""
    asked = tr("when 1C asks for orders", "когда 1С спросит заказы")
    again = tr("offered again when 1C asks for orders", "будет предложен снова, когда 1С спросит заказы")
    return {"pending": asked, "waiting": asked, "sent": again, "unconfirmed": again}.get(row["state"], "")
