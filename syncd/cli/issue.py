"""``syncd issue``: failures that are one failure; what is open, who mends it, what to type next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

import click
from rich.text import Text

from syncd import issues, journal
from syncd.cli.journal import owner_words, since_option
from syncd.cli.output import (
    Column,
    Format,
    ago,
    brief,
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
)
from syncd.cli.runtime import database, tenant_option
from syncd.errors import Owner, Refused, RequestError
from syncd.i18n import tr
from syncd.spans import span
from syncd.store.db import Conn, Row

_OWNERS: Final = get_args(Owner)
_SHOWN: Final = 5


@click.group()
def issue() -> None:
    """Failures of one kind: open ones, who mends them / ошибки одного вида: открытые, кто исправит."""


def document(row: Row) -> dict[str, Any]:
    """An issue as programs read it."""
    return {**row, "message": said(row)}


def said(row: Row) -> str:
    """What its newest failure says."""
    return journal.error_text(row)


@issue.command("list")
@click.option("--all", "every_one", is_flag=True, help="Muted, resolved and settled ones too / и закрытые тоже")
@click.option("--code", help="E… of the catalogue / код ошибки")
@click.option("--owner", type=click.Choice(_OWNERS), help="Who mends it / кто исправит")
@click.option("--since", callback=since_option, metavar="SPAN", help="Failed within: 2h, 1d / неудачи за срок")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="How many / сколько")
@tenant_option
@output_option
def list_(
    every_one: bool, code: str | None, owner: str | None, since: datetime | None, limit: int, tenant: str,
    output: Format,
) -> None:  # fmt: skip
    """What failed and never went through since / что не удалось и так и не прошло."""
    with database() as db, db.transaction() as conn:
        rows = issues.listing(
            conn, tenant, every_one=every_one, code=code and code.upper(), owner=owner, since=since, limit=limit
        )
    columns = [
        Column("id", "id", short), Column("state", tr("state", "состояние")), Column("code", tr("code", "код")),
        Column("count", tr("times", "раз"), text), Column("unresolved", tr("open", "открыто"), text),
        Column("last_at", tr("last", "последний"), ago),
        Column("owner", tr("who mends it", "кто исправит"), owner_words),
        Column("assigned_to", tr("taken by", "взял"), text), Column("message", tr("what", "что"), brief),
    ]  # fmt: skip
    emit([document(row) for row in rows], columns, output, empty=tr(
        "Nothing is open: all that failed went through later, or nothing failed.",
        "Открытых нет: всё, что не удалось, потом прошло — или неудач не было."))  # fmt: skip


@issue.command("show")
@click.argument("word", metavar="ID")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="Objects to show / объектов")
@click.option("--all", "every_one", is_flag=True, help="Those that went through too / и прошедшие потом")
@tenant_option
@output_option
def show(word: str, limit: int, every_one: bool, tenant: str, output: Format) -> None:
    """Everything about one: why, whom it hit, what next / всё об одной: почему, кого задела, что дальше."""
    with database() as db, db.transaction() as conn:
        row = _one(conn, tenant, word)
        touched = issues.subjects(conn, tenant, row["id"], unresolved=not every_one, limit=limit)
        names = _names(conn, tenant, touched)
    if output != "table":
        click.echo(dump({**document(row), "subjects": touched, "next": next_commands(row, touched)}))
        return
    _facts(row)
    if touched:
        title = (
            tr("Hit, and not through since", "Задело и с тех пор не прошло") if not every_one else tr("Hit", "Задело")
        )
        stdout().print(f"\n[bold]{title}: {row['touched'] if every_one else row['unresolved']}[/]")
    for subject in touched:
        name = names.get(subject["key"], subject["key"])
        through = tr(f", through {moment(subject['succeeded_at'])}", f", прошло {moment(subject['succeeded_at'])}")
        stdout().print(
            safe(f"  {_entity(subject['entity'])} {name}  ×{subject['count']}  {moment(subject['failed_at'])}"
                 + (through if subject["succeeded_at"] else "")), soft_wrap=True,
        )  # fmt: skip
    commands = next_commands(row, touched)
    stdout().print("\n" + tr("Next:", "Дальше:"))
    for command in commands:
        stdout().print(f"  [bold]{safe(command)}[/]", soft_wrap=True)


def _entity(name: str) -> str:
    return {"order": tr("order", "заказ"), "event": tr("event", "событие")}.get(name, name)


def _facts(row: Row) -> None:
    first, last = moment(row["first_at"]), moment(row["last_at"])
    times = tr(f"{row['count']}, first {first}, last {last}", f"{row['count']}, впервые {first}, последний {last}")
    facts = [
        ("id", str(row["id"])), (tr("state", "состояние"), _state(row)), (tr("times", "раз"), times),
        (tr("what", "что"), row["kind"]), (tr("infobase", "база"), text(row["infobase"])),
        (tr("where", "где"), text(row["path"])), (tr("why", "почему"), f"{row['code']} {said(row)}"),
        (tr("who mends it", "кто исправит"), owner_words(row["owner"])),
        (tr("taken by", "взял"), text(row["assigned_to"])), (tr("note", "заметка"), text(row["note"])),
    ]  # fmt: skip
    for name, value in facts:
        if value:
            stdout().print(Text(f"{name:<14}", "bold"), safe(value), soft_wrap=True)


def _state(row: Row) -> str:
    words = {
        "open": tr("open", "открыта"),
        "muted": tr("muted", "без уведомлений"),
        "resolved": tr("resolved", "решена"),
    }
    said_ = words[row["state"]]
    if row["state"] == "muted" and row["muted_until"]:
        said_ += tr(" until ", " до ") + moment(row["muted_until"])
    return said_ + (f" ({row['changed_by']}, {moment(row['changed_at'])})" if row["changed_by"] else "")


def _names(conn: Conn, tenant: str, touched: list[Row]) -> dict[str, str]:
    """Orders by the numbers people know."""
    return issues.order_numbers(conn, tenant, [row["key"] for row in touched if row["entity"] == "order"])


def next_commands(row: Row, touched: list[Row]) -> list[str]:
    """What to type next, the most telling first."""
    found = []
    if row["last_journal_id"]:
        found.append(f"syncd journal show {row['last_journal_id']}")
    if row["unresolved"] and any(subject["entity"] in {"order", "event"} for subject in touched):
        found += [f"syncd replay --issue {short(row['id'])} {rest}" for rest in ("--dry-run", '--reason "…"')]
    elif row["kind"] in {"import", "document", "record"}:
        found.append("syncd package list")
    if row["state"] == "resolved":
        return found
    return [*found, f'syncd issue resolve {short(row["id"])} --note "…"']


def _one(conn: Conn, tenant: str, word: str) -> Row:
    rows = issues.matching(conn, tenant, word)
    if not rows:
        raise RequestError("E305", what=tr("Issue", "Ошибка"), id=word, shown="`syncd issue list --all`")
    if len(rows) > 1:
        raise Refused("E413", word=word, found=", ".join(str(row["id"]) for row in rows[:_SHOWN]))
    return rows[0]


# --- acting -----------------------------------------------------------------------------------------------------------


def _change(tenant: str, word: str, output: Format, **values: Any) -> None:
    with database() as db, db.transaction() as conn:
        row = _one(conn, tenant, word)
        issues.change(conn, tenant, row["id"], by=os_user(), **values)
        row = _one(conn, tenant, str(row["id"]))
    if output != "table":
        click.echo(dump(document(row)))
        return
    talk.print(safe(f"{short(row['id'])} {row['code']}: {_state(row)}"))


@issue.command("note")
@click.argument("word", metavar="ID")
@click.argument("words", metavar="TEXT")
@tenant_option
@output_option
def note(word: str, words: str, tenant: str, output: Format) -> None:
    """Write a note beside it / записать заметку."""
    _change(tenant, word, output, note=words.strip() or None)


@issue.command("assign")
@click.argument("word", metavar="ID")
@click.argument("person")
@tenant_option
@output_option
def assign(word: str, person: str, tenant: str, output: Format) -> None:
    """Say who works on it / записать, кто занимается."""
    _change(tenant, word, output, assigned_to=person.strip() or None)


@issue.command("mute")
@click.argument("word", metavar="ID")
@click.option("--for", "for_", metavar="SPAN", help="2h, 1d, 1w; without: until reopened / без него — до reopen")
@click.option("--note", help="Why / почему")
@tenant_option
@output_option
def mute(word: str, for_: str | None, note: str | None, tenant: str, output: Format) -> None:
    """Count on, but tell nobody / считать дальше, но никому не сообщать."""
    try:
        until = datetime.now(UTC) + span(for_) if for_ else None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if until is not None and until - datetime.now(UTC) > timedelta(days=366):
        raise click.UsageError(tr("A year at most.", "Не больше года."))
    _change(tenant, word, output, state="muted", muted_until=until, **({"note": note} if note else {}))


@issue.command("resolve")
@click.argument("word", metavar="ID")
@click.option("--note", help="How / как")
@tenant_option
@output_option
def resolve(word: str, note: str | None, tenant: str, output: Format) -> None:
    """It is mended; when it comes back it is told anew / исправлено; если вернётся, сообщим снова."""
    _change(tenant, word, output, state="resolved", muted_until=None, **({"note": note} if note else {}))


@issue.command("reopen")
@click.argument("word", metavar="ID")
@tenant_option
@output_option
def reopen(word: str, tenant: str, output: Format) -> None:
    """It is not mended after all / всё-таки не исправлено."""
    _change(tenant, word, output, state="open", muted_until=None)
