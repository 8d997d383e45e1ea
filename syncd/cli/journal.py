"""``syncd journal``: every exchange, and everything about one of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, get_args

import click
from rich.text import Text

from syncd import journal as store
from syncd import phrases
from syncd.cli.filtering import where_filter
from syncd.cli.output import Column, Format, dump, emit, moment, output_option, safe, short, stdout, talk, text
from syncd.cli.runtime import database, tenant_option
from syncd.errors import Owner, Refused, RequestError
from syncd.filters.vocabularies import JOURNAL
from syncd.i18n import tr
from syncd.model import ENTITIES
from syncd.spans import span
from syncd.store.db import Database, Row

_POLL_SECONDS: Final = 1.0
_WINDOW_SECONDS: Final = 900.0
"""How far back a follower looks: an import's row shows the time when its merge began, and is seen when that ended."""
_WINDOW_ROWS: Final = 5_000
_COUNTS: Final = ("read", "created", "updated", "unchanged", "removed", "failed")


def since_option(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    """A span of time back from now."""
    if value is None:
        return None
    try:
        return datetime.now(UTC) - span(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group()
def journal() -> None:
    """Every exchange: what, where, why, who fixes it / все обмены: что, где, почему, кто исправит."""


def document(row: Row) -> dict[str, Any]:
    """A row of the journal as programs read it."""
    names = (
        "id", "parent_id", "at", "last_at", "repeats", "kind", "direction", "outcome", "infobase", "subject",
        "session_id", "package_id", "code", "owner", "entity", "key", "path", "file", "line", "counters", "detail",
    )  # fmt: skip
    return {**{name: row[name] for name in names}, "message": store.error_text(row)}


@journal.command("tail")
@click.option("-f", "--follow", is_flag=True, help="Go on as exchanges happen / показывать дальше по мере обменов")
@click.option("--errors", is_flag=True, help="Only what failed / только неудачи")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="How many / сколько")
@click.option("--records", is_flag=True, help="Bad records too / и плохие записи")
@click.option("--code", help="E… of the catalogue / код ошибки")
@click.option("--owner", type=click.Choice(get_args(Owner)), help="Who mends it / кто исправит")
@click.option("--since", callback=since_option, metavar="SPAN", help="Within: 2h, 1d / за срок: 2h, 1d")
@click.option("--unresolved", is_flag=True, help="What failed and never went through since / что так и не прошло")
@click.option("--where", metavar="FILTER", help='Filter / отбор: kind:pull outcome:failed code:E142 text:"…" after:-3h')
@tenant_option
@output_option
def tail(
    follow: bool, errors: bool, limit: int, records: bool, code: str | None, owner: str | None, since: datetime | None,
    unresolved: bool, where: str | None, tenant: str, output: Format,
) -> None:  # fmt: skip
    """The newest exchanges, a line each / последние обмены, по строке на каждый."""
    if follow and output == "json":
        raise click.UsageError(tr("-f has no end and json is one document: use -o jsonl.",
                                  "У -f нет конца, а json — один документ: используйте -o jsonl."))  # fmt: skip
    wanted: dict[str, Any] = {
        "errors": errors, "children": records or unresolved, "code": code and code.upper(), "owner": owner,
        "since": since, "unresolved": unresolved,
    }  # fmt: skip
    with database() as db:
        with db.transaction() as conn:
            chosen = where_filter(conn, where, JOURNAL)
            wanted["where"] = chosen.sql() if chosen else None
            rows = store.tail(conn, tenant, limit=limit, **wanted)
            known = store.tail(conn, tenant, limit=_WINDOW_ROWS, window=_WINDOW_SECONDS, **wanted) if follow else []
        if output == "json":
            click.echo(dump([document(row) for row in rows]))
            return
        _print(rows, output)
        if not rows and output == "table":
            talk.print(_nothing(unresolved=unresolved, chosen=bool(errors or code or owner or since or where)))
        if follow:
            seen = {row["id"]: row["repeats"] for row in known + rows}
            try:
                for found in _follow(db, tenant, seen, wanted):
                    _print(found, output)
            except KeyboardInterrupt:  # the way to end it, not a failure
                return


def _nothing(*, unresolved: bool, chosen: bool) -> str:
    if unresolved:
        return tr("Nothing is open: all that failed went through later, or nothing failed.",
                  "Открытых нет: всё, что не удалось, потом прошло — или неудач не было.")  # fmt: skip
    return tr("Nothing found.", "Ничего не найдено.") if chosen else tr("No exchange yet.", "Обменов пока не было.")


def _follow(db: Database, tenant: str, seen: dict[Any, int], wanted: dict[str, Any]) -> Iterator[list[Row]]:
    """What was written since, each second; a row comes again when it was repeated. Waits while Postgres is away."""
    away = False
    while True:
        time.sleep(_POLL_SECONDS)
        try:
            with db.transaction() as conn:
                rows = store.tail(conn, tenant, limit=_WINDOW_ROWS, window=_WINDOW_SECONDS, **wanted)
        except Database.UNREACHABLE:
            if not away:
                talk.print(tr("Postgres is away; waiting for it.", "Postgres недоступен; жду его."))
            away = True
            continue
        if away:
            away = False
            talk.print(tr("Postgres is back.", "Postgres снова отвечает."))
        yield [row for row in rows if seen.get(row["id"]) != row["repeats"]]
        seen.clear()
        seen.update({row["id"]: row["repeats"] for row in rows})


def _print(rows: list[Row], output: Format) -> None:
    for row in rows:
        if output == "jsonl":
            click.echo(dump(document(row)))
        else:
            stdout().print(line(row), soft_wrap=True)


def line(row: Row) -> str:
    """One exchange in one line, with rich's markup."""
    outcome = {"ok": "[green]ok[/]", "partial": "[yellow]partial[/]"}.get(
        row["outcome"], f"[bold red]{row['outcome']}[/]"
    )
    parts = [
        moment(row["last_at"] if row["repeats"] > 1 else row["at"]), short(row["id"]), row["kind"], outcome,
        safe(_flat(row["infobase"] or "-")), safe(_flat(row["subject"] or "")), safe(in_words(row["counters"])),
    ]  # fmt: skip
    if row["code"]:
        parts.append(f"[red]{row['code']}[/]")
    if row["repeats"] > 1:
        parts.append(f"×{row['repeats']}")
    return "  ".join(part for part in parts if part)


def _flat(words: str) -> str:
    return " ".join(words.split())


def in_order(counters: dict[str, dict[str, int]] | None) -> list[tuple[str, dict[str, int]]]:
    """Counters in the order of the model: the database keeps none."""
    rank = {name: n for n, name in enumerate(ENTITIES)}
    return sorted((counters or {}).items(), key=lambda pair: rank.get(pair[0], len(rank)))


def in_words(counters: dict[str, dict[str, int]] | None) -> str:
    """Counters in a few words: ``product 120 (3 new, 5 changed)``."""
    words = {
        "created": tr("new", "новых"), "updated": tr("changed", "изменено"), "removed": tr("removed", "удалено"),
        "failed": tr("bad", "плохих"),
    }  # fmt: skip
    parts = []
    for entity, counts in in_order(counters):
        changes = ", ".join(f"{counts[name]} {word}" for name, word in words.items() if counts.get(name))
        parts.append(f"{entity} {counts.get('read', 0)}" + (f" ({changes})" if changes else ""))
    return "; ".join(parts)


# --- one exchange --------------------------------------------------------------------------------------------------


@journal.command("show")
@click.argument("word", metavar="ID")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Bad records to show / сколько плохих записей",
)
@tenant_option
@output_option
def show(word: str, limit: int, tenant: str, output: Format) -> None:
    """Everything about one exchange / всё об одном обмене.

    ID as `journal tail` prints it, its beginning, or all of it.
    """
    with database() as db, db.transaction() as conn:
        rows = store.matching(conn, tenant, word, limit=6)
        if not rows:
            raise RequestError("E305", what=tr("Exchange", "Обмен"), id=word, shown="`syncd journal tail`")
        if len(rows) > 1:
            raise Refused(
                "E413", word=word, found=", ".join(str(row["id"]) for row in rows[:5]) + ("…" if len(rows) > 5 else "")
            )
        row = rows[0]
        bad = store.children(conn, tenant, row["id"], limit=limit)
        total = store.count_children(conn, tenant, row["id"])
    if output != "table":
        whole = {
            **document(row),
            "records_total": total,
            "records": [document(child) for child in bad],
            "next": next_command(row),
        }
        click.echo(dump(whole))
        return
    _facts(row)
    _counters(row)
    if row["detail"]:
        stdout().print("\n" + safe(phrases.notes(row["detail"])), soft_wrap=True)
    _records(row, bad, total)
    command = next_command(row)
    if command:
        stdout().print("\n" + tr("Next: ", "Дальше: ") + f"[bold]{safe(command)}[/]", soft_wrap=True)


def owner_words(owner: str | None) -> str:
    """Who fixes it, as people call them."""
    words = {
        "1c-developer": ("1C developer", "разработчик 1С"), "administrator": ("administrator", "администратор"),
        "storefront": ("developer of the storefront", "разработчик витрины"),
        "on-call": ("engineer on call", "дежурный инженер"), "syncd": ("developers of syncd", "разработчики syncd"),
    }  # fmt: skip
    return tr(*words[owner]) if owner in words else text(owner)


def place(row: Row) -> str:
    """Where: file, line, path."""
    at = text(row["file"])
    if row["line"]:
        at += f":{row['line']}"
    return "  ".join(part for part in (at, text(row["path"])) if part)


def _facts(row: Row) -> None:
    what = " ".join(part for part in (row["kind"], _flat(row["subject"] or "")) if part)
    entity = " ".join(part for part in (text(row["entity"]), text(row["key"])) if part)
    error = f"{row['code']} {store.error_text(row)}" if row["code"] else ""
    since = tr(
        f"×{row['repeats']}, last {moment(row['last_at'])}", f"×{row['repeats']}, последний {moment(row['last_at'])}"
    )
    facts = [
        ("id", str(row["id"])), (tr("when", "когда"), moment(row["at"])),
        (tr("repeated", "повторов"), since if row["repeats"] > 1 else ""),
        (tr("what", "что"), what), (tr("outcome", "исход"), row["outcome"]),
        (tr("infobase", "база"), text(row["infobase"])),
        (tr("where", "где"), place(row)), (tr("record", "запись"), entity), (tr("why", "почему"), error),
        (tr("who fixes it", "кто исправит"), owner_words(row["owner"])),
        (tr("session", "сессия"), text(row["session_id"])),
    ]  # fmt: skip
    for name, value in facts:
        if value:
            stdout().print(Text(f"{name:<14}", "bold"), safe(value), soft_wrap=True)


def _counters(row: Row) -> None:
    if not row["counters"]:
        return
    titles = dict(zip(_COUNTS, ("прочитано", "создано", "изменено", "без изменений", "удалено", "ошибок"), strict=True))
    columns = [Column("entity", tr("entity", "сущность"))]
    columns += [Column(name, tr(name, titles[name]), text) for name in _COUNTS]
    click.echo()
    emit([{"entity": name, **counts} for name, counts in in_order(row["counters"])], columns, "table")


def _records(row: Row, bad: list[Row], total: int) -> None:
    if not total:
        return
    stdout().print(
        "\n" + tr(f"Bad documents and records: {total}", f"Плохих документов и записей: {total}"), style="bold"
    )
    for child in bad:
        head = "  ".join(
            part for part in (short(child["id"]), place(child), text(child["entity"]), text(child["key"])) if part
        )
        stdout().print(safe(_flat(head)), soft_wrap=True)
        stdout().print(f"    [red]{text(child['code'])}[/] " + safe(store.error_text(child)), soft_wrap=True)
    if len(bad) < total:
        more = f"syncd journal show {row['id']} --limit {total}"
        stdout().print(
            tr(f"… and {total - len(bad)} more: {more}", f"… и ещё {total - len(bad)}: {more}"), soft_wrap=True
        )


def next_command(row: Row) -> str | None:
    """What to type next; nothing when there is nothing to be done."""
    if row["parent_id"]:
        return f"syncd journal show {row['parent_id']}"
    if row["outcome"] == "ok":
        return None
    if row["code"] == "E942":
        return "syncd webhook list"
    if row["kind"] in {"delivery", "look-up"} and row["key"] and row["entity"] == "order":
        return f"syncd outbox show {row['subject'] or row['key']}"
    if row["code"] == "E222":
        return "syncd outbox list --state rejected"
    if row["code"] in {"E101", "E113"}:
        return "syncd infobase list"
    if row["code"] == "E112":
        return "syncd status"
    return "syncd journal tail -f"
