"""``syncd outbox``: what must reach 1C, where it stands, and sending it again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import click

from syncd.cli.codes import PARTIAL
from syncd.cli.output import (
    Column,
    Format,
    ago,
    ask,
    dump,
    emit,
    moment,
    os_user,
    output_option,
    safe,
    short,
    stdout,
    talk,
    text,
    yes_option,
)  # fmt: skip
from syncd.cli.runtime import database, tenant_option
from syncd.errors import CATALOGUE, Refused, RequestError
from syncd.i18n import tr
from syncd.queue import acts, view
from syncd.store.db import Conn, Database, Row
from syncd.store.order_tables import OUTBOX_STATES

_SAMPLES: Final = 5


@click.group()
def outbox() -> None:
    """Orders on their way to 1C / заказы на пути в 1С."""


def document(row: Row) -> dict[str, Any]:
    """A message as programs read it."""
    names = (
        "id", "kind", "key", "revision_no", "state", "attempt", "number", "exchange_number", "number_1c", "storefront",
        "infobase", "session_id", "next_attempt_at", "created_at", "updated_at", "sent_at", "acknowledged_at",
    )  # fmt: skip
    return {**{name: row[name] for name in names}, "code": row["error_code"], "message": _message(row)}


def _message(row: Row) -> str:
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


@outbox.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice(OUTBOX_STATES), help="Only these / только такие")
@click.option("--all", "everything", is_flag=True, help="Confirmed ones too / и подтверждённые")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many / сколько")
@tenant_option
@output_option
def list_(states: tuple[str, ...], everything: bool, limit: int, tenant: str, output: Format) -> None:
    """Open messages, newest first / незавершённые сообщения, сначала новые."""
    wanted = states or (None if everything else view.OPEN_STATES)
    with database() as db, db.transaction() as conn:
        rows = view.listing(conn, tenant, states=wanted, limit=limit + 1)
    columns = [
        Column("id", "id", short), Column("number", tr("order", "заказ"), text),
        Column("storefront", tr("storefront", "витрина"), text), Column("state", tr("state", "состояние"), text),
        Column("attempt", tr("tries", "попыток"), text), Column("infobase", tr("infobase", "база"), text),
        Column("number_1c", tr("number in 1C", "номер в 1С"), text),
        Column("created_at", tr("age", "возраст"), ago), Column("code", tr("error", "ошибка"), text),
    ]  # fmt: skip
    emit(
        map(document, rows[:limit]), columns, output,
        empty=tr("Nothing is on its way to 1C." if not states else "Nothing found.",
                 "На пути в 1С ничего нет." if not states else "Ничего не найдено."),
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
        row = _one(conn, tenant, word)
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
        Column("attempt", tr("try", "попытка")), Column("by", tr("who", "кто")),
        Column("reason", tr("why", "почему"), text),
    ]  # fmt: skip
    emit(changes, columns, "table", empty=tr("Nothing has happened to it yet.", "С ним ещё ничего не происходило."))
    if row["state"] in {"rejected", "held"}:
        talk.print(f'-> syncd outbox retry {row["id"]} --reason "…"', markup=False)


def _facts(row: Row) -> list[tuple[str, str]]:
    number = row["number"] or row["key"]
    if row["exchange_number"] and row["exchange_number"] != row["number"]:
        number += tr(f" (in the exchange {row['exchange_number']})", f" (в обмене {row['exchange_number']})")
    error = f"{row['error_code']} {_message(row)}" if row["error_code"] else ""
    return [
        ("id", str(row["id"])),
        (tr("order", "заказ") if row["kind"] == "order" else row["kind"], number),
        (tr("storefront", "витрина"), text(row["storefront"])),
        (tr("state", "состояние"), f"{row['state']}: {state_words(row['state'], row['error_code'])}"),
        (tr("infobase", "база"), text(row["infobase"])),
        (tr("number in 1C", "номер в 1С"), text(row["number_1c"])),
        (tr("made", "создано"), moment(row["created_at"])),
        (tr("given to 1C", "передано в 1С"), moment(row["sent_at"])),
        (tr("confirmed", "подтверждено"), moment(row["acknowledged_at"])),
        (tr("tries", "попыток"), str(row["attempt"])),
        (tr("next try", "дальше"), _next(row)),
        (tr("why", "почему"), error),
    ]


def _next(row: Row) -> str:
    if row["next_attempt_at"]:
        return moment(row["next_attempt_at"])
    asked = tr("when 1C asks for orders", "когда 1С спросит заказы")
    again = tr("offered again when 1C asks for orders", "будет предложен снова, когда 1С спросит заказы")
    return {"pending": asked, "waiting": asked, "sent": again, "unconfirmed": again}.get(row["state"], "")


def _one(conn: Conn, tenant: str, word: str) -> Row:
    """The message a word means; of several about one object the newest. Raises E305, E413."""
    rows = view.find(conn, tenant, word)
    if not rows:
        raise RequestError("E305", what=tr("Message", "Сообщение"), id=word)
    if len({row["key"] for row in rows}) > 1:
        found = ", ".join(f"{row['id']} ({row['storefront'] or row['kind']})" for row in rows[:_SAMPLES])
        raise Refused("E413", word=word, found=found)
    return rows[0]


# --- sending again -------------------------------------------------------------------------------------------------


@outbox.command("retry")
@click.argument("words", metavar="[ID|NUMBER]...", nargs=-1)
@click.option("--state", "states", multiple=True, type=click.Choice([*acts.RETRYABLE, "acknowledged"]),
              help="All in this state / все в этом состоянии")  # fmt: skip
@click.option("--reason", required=True, help="Why; it is recorded / почему; записывается в историю")
@click.option("--force", is_flag=True, help="Confirmed ones too / и подтверждённые 1С")
@click.option("--dry-run", is_flag=True, help="Only say what would be sent / только сказать, что уйдёт")
@yes_option
@tenant_option
@output_option
def retry(
    words: tuple[str, ...], states: tuple[str, ...], reason: str, force: bool, dry_run: bool, yes: bool, tenant: str,
    output: Format,
) -> None:  # fmt: skip
    """Send again; 1C matches orders by number / отправить снова; 1С находит заказ по номеру.

    Exit code 5 when some could not be sent again.
    """
    if not words and not states:
        raise click.UsageError(tr("Name messages, or --state.", "Назовите сообщения или --state."))
    if not reason.strip():
        raise click.UsageError(tr("The reason is empty.", "Причина пуста."))
    with database() as db:
        rows = _chosen(db, tenant, words, states)
        _forced(rows, force=force)
        _say(rows, states)
        if dry_run or not rows:
            _report([{**document(row), "retried": False} for row in rows], output)
            if dry_run:
                talk.print(tr("Nothing was changed (--dry-run).", "Ничего не изменено (--dry-run)."))
            return
        ask(tr("Send them again?", "Отправить их снова?"), yes=yes)
        done = _retry(db, tenant, rows, reason, force=force)
    _report([{**document(row), "retried": row["id"] in done} for row in rows], output)
    left = len(rows) - len(done)
    talk.print(tr(f"Will be sent again: {len(done)}. Not: {left}.", f"Уйдут снова: {len(done)}. Нет: {left}."))
    if left:
        raise SystemExit(PARTIAL)


def _chosen(db: Database, tenant: str, words: Sequence[str], states: tuple[str, ...]) -> list[Row]:
    found: dict[UUID, Row] = {}
    with db.transaction() as conn:
        for word in words:
            row = _one(conn, tenant, word)
            found[row["id"]] = row
        if states:
            found.update({row["id"]: row for row in view.listing(conn, tenant, states=states, limit=None)})
    return sorted(found.values(), key=lambda row: int(row["seq"]))


def _name(row: Row) -> str:
    return str(row["number"] or row["key"])


def _forced(rows: list[Row], *, force: bool) -> None:
    confirmed = [_name(row) for row in rows if row["state"] == "acknowledged"]
    if not confirmed:
        return
    if not force:
        more = f" (+{len(confirmed) - _SAMPLES})" if len(confirmed) > _SAMPLES else ""
        raise Refused("E415", number=", ".join(confirmed[:_SAMPLES]) + more)
    talk.print(tr(f"! {len(confirmed)} of them are confirmed: 1C will get them again and match them by number.",
                  f"! Из них подтверждены {len(confirmed)}: 1С получит их снова и сопоставит по номеру."))  # fmt: skip


def _say(rows: list[Row], states: tuple[str, ...]) -> None:
    """What will be touched: in words, in numbers, with samples."""
    chosen = tr(f"in state {', '.join(states)}", f"в состоянии {', '.join(states)}") if states else ""
    if not rows:
        talk.print(tr(f"No messages {chosen}.", f"Нет сообщений {chosen}."))
        return
    talk.print(
        tr(f"Messages to send again: {len(rows)} {chosen}", f"Сообщений к повторной отправке: {len(rows)} {chosen}")
    )
    for row in rows[:_SAMPLES]:
        talk.print(safe(f"  {short(row['id'])}  {_name(row)}  {row['state']}  {text(row['error_code'])}"))
    if len(rows) > _SAMPLES:
        talk.print(tr(f"  … and {len(rows) - _SAMPLES} more", f"  … и ещё {len(rows) - _SAMPLES}"))
    now = datetime.now(UTC)
    oldest, newest = (moment(pick(row["created_at"] or now for row in rows)) for pick in (min, max))
    talk.print(tr(f"Oldest {oldest}, newest {newest}", f"Самое старое {oldest}, самое новое {newest}"))


def _retry(db: Database, tenant: str, rows: list[Row], reason: str, *, force: bool) -> set[UUID]:
    """One transaction each: what was sent again before a failure stays so."""
    done: set[UUID] = set()
    by = os_user()
    for row in rows:
        with db.transaction() as conn:
            if acts.retry(conn, tenant, row["id"], by=by, reason=reason, force=force):
                done.add(row["id"])
    return done


def _report(rows: list[dict[str, Any]], output: Format) -> None:
    if output != "table":
        emit(rows, [], output)
    for row in rows if output == "table" else []:
        click.echo(row["id"])
