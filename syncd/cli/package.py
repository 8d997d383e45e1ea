"""``syncd package``: what came in, byte for byte; importing it again; and removals that wait for a person."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any, Final
from uuid import UUID

import click

from syncd.cli.codes import CHECK_FAILED, PARTIAL
from syncd.cli.journal import in_words
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
    size,
    stdout,
    talk,
    text,
    yes_option,
)  # fmt: skip
from syncd.cli.runtime import context, database, tenant_option
from syncd.errors import CATALOGUE, Refused, RequestError
from syncd.i18n import tr
from syncd.store import packages, runs, uploads
from syncd.store.db import Conn, Database, Row
from syncd.store.runs import Run
from syncd.sync import imports, removals

_STATES: Final = ("queued", "importing", "done", "failed")
_LOOK: Final = 0.2
_FITS: Final = 5


@click.group()
def package() -> None:
    """What 1C sent, and importing it again / что прислала 1С и повторный импорт."""


def document(row: Row) -> dict[str, Any]:
    """A package as programs read it."""
    names = (
        "id", "state", "outcome", "infobase", "source", "lane", "files", "counters", "attempt", "session_id",
        "created_at", "started_at", "finished_at", "replay_of", "replay_by", "replay_reason",
    )  # fmt: skip
    return {**{name: row[name] for name in names}, "code": row["error_code"], "message": _message(row)}


def _message(row: Row) -> str:
    found = CATALOGUE.get(row["error_code"] or "")
    return found.render(row["error_params"] or {}) if found else text(row["error_code"])


@package.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice([*_STATES, "held"]),
              help="Only these; held: removals that wait / только такие; held — придержанные удаления")  # fmt: skip
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="How many / сколько")
@tenant_option
@output_option
def list_(states: tuple[str, ...], limit: int, tenant: str, output: Format) -> None:
    """Packages, newest first / пакеты, сначала новые."""
    with database() as db, db.transaction() as conn:
        held = [_run_document(row) for row in runs.held(conn, tenant)] if "held" in states else []
        wanted = tuple(state for state in states if state != "held")
        rows = packages.listing(conn, tenant, states=wanted, limit=limit) if wanted or not states else []
    if "held" in states:
        _held_list(held, output)
    if wanted or not states:
        columns = [
            Column("id", "id", short), Column("created_at", tr("age", "возраст"), ago),
            Column("infobase", tr("infobase", "база"), text), Column("files", tr("files", "файлы"), _names),
            Column("state", tr("state", "состояние"), text), Column("outcome", tr("outcome", "исход"), text),
            Column("counters", tr("records", "записи"), in_words), Column("code", tr("error", "ошибка"), text),
            Column("replay_of", tr("replay of", "повтор"), short),
        ]  # fmt: skip
        emit(map(document, rows), columns, output, empty=tr("No packages.", "Пакетов нет."))


def _names(value: Any) -> str:
    names = value or []
    return ", ".join(names[:3]) + (f" +{len(names) - 3}" if len(names) > 3 else "")


def _run_document(row: Row) -> dict[str, Any]:
    names = ("id", "kind", "catalogue_id", "state", "ended_by", "seen", "absent", "total", "code", "reason")
    found = {name: row[name] for name in names}
    if found["reason"] is None and row["code"] in CATALOGUE:  # a person's reason stands above ours
        found["reason"] = CATALOGUE[row["code"]].render(row["params"] or {})
    return found


def _held_list(rows: list[dict[str, Any]], output: Format) -> None:
    columns = [
        Column("id", "id", short), Column("kind", tr("kind", "вид"), text),
        Column("catalogue_id", tr("catalogue", "каталог"), text), Column("absent", tr("would go", "уйдёт"), text),
        Column("total", tr("of", "из"), text), Column("reason", tr("why", "почему"), text),
    ]  # fmt: skip
    emit(rows, columns, output,
         empty=tr("No removal waits for a person.", "Ни одно удаление не ждёт человека."))  # fmt: skip


# --- one package ---------------------------------------------------------------------------------------------------


def _one(conn: Conn, tenant: str, word: str) -> Row:
    """The package a word means; a held removal's id means its last package. Raises E305, E413."""
    rows = packages.matching(conn, tenant, word, limit=_FITS + 1)
    if not rows:
        for row in _held(conn, tenant, word):
            last = runs.last_package(conn, _run(row))
            rows = packages.matching(conn, tenant, str(last), limit=1) if last else []
    if not rows:
        raise RequestError("E305", what=tr("Package", "Пакет"), id=word, shown="`syncd package list`")
    if len(rows) > 1:
        raise Refused("E413", word=word, found=", ".join(str(row["id"]) for row in rows[:_FITS]))
    return rows[0]


def _held(conn: Conn, tenant: str, word: str) -> list[Row]:
    found = word.lower()
    return [
        row for row in runs.held(conn, tenant) if str(row["id"]).startswith(found) or str(row["id"]).endswith(found)
    ]


def _run(row: Row) -> Run:
    return Run(**{name: row[name] for name in Run.__slots__})


@package.command("show")
@click.argument("word", metavar="ID")
@tenant_option
@output_option
def show(word: str, tenant: str, output: Format) -> None:
    """Everything about one package / всё об одном пакете."""
    with database() as db, db.transaction() as conn:
        row = _one(conn, tenant, word)
        files = packages.stored_files(conn, tenant, row["id"])
        belongs = [_run_document(found) for found in runs.of_package(conn, tenant, row["id"])]
    if output != "table":
        click.echo(dump({**document(row), "stored": files, "runs": belongs}))
        return
    for name, value in _facts(row):
        if value:
            stdout().print(f"[bold]{name:<16}[/] {safe(value)}", soft_wrap=True)
    click.echo()
    emit(files, [
        Column("name", tr("file", "файл")), Column("format", tr("format", "формат")),
        Column("size", tr("size", "размер"), size), Column("parts", tr("parts", "частей"), text),
        Column("members", tr("documents inside", "документы внутри"), _names),
    ], "table")  # fmt: skip
    for run in belongs:
        stdout().print("\n" + safe(_run_words(run)), soft_wrap=True)
    talk.print(f"-> syncd journal show {row['id']}", markup=False)


def _run_words(run: dict[str, Any]) -> str:
    said = tr(f"Full export {run['id']} ({run['kind']} {run['catalogue_id']}): {run['state']}",
              f"Полная выгрузка {run['id']} ({run['kind']} {run['catalogue_id']}): {run['state']}")  # fmt: skip
    if run["absent"] is not None:
        said += tr(f", leaves out {run['absent']} of {run['total']}", f", нет {run['absent']} из {run['total']}")
    if run["reason"]:
        said += f"\n   {run['reason']}"
    if run["state"] == "held":
        said += f'\n-> syncd package approve {run["id"]} --reason "…"\n-> syncd package reject {run["id"]} --reason "…"'
    return said


def _facts(row: Row) -> list[tuple[str, str]]:
    error = f"{row['error_code']} {_message(row)}" if row["error_code"] else ""
    replay = f"{row['replay_of']} ({row['replay_by']}: {row['replay_reason']})" if row["replay_of"] else ""
    return [
        ("id", str(row["id"])),
        (tr("state", "состояние"), row["state"] + (f", {row['outcome']}" if row["outcome"] else "")),
        (tr("infobase", "база"), text(row["infobase"])),
        (tr("came by", "откуда"), row["source"]),
        (tr("session", "сессия"), text(row["session_id"])),
        (tr("came", "пришёл"), moment(row["created_at"])),
        (tr("imported", "импортирован"), moment(row["finished_at"])),
        (tr("tries", "попыток"), str(row["attempt"])),
        (tr("records", "записи"), in_words(row["counters"])),
        (tr("replay of", "повтор пакета"), replay),
        (tr("why", "почему"), error),
    ]


@package.command("export")
@click.argument("word", metavar="ID")
@click.option("--to", "folder", required=True, type=click.Path(file_okay=False, path_type=Path),
              help="Folder / папка")  # fmt: skip
@tenant_option
def export(word: str, folder: Path, tenant: str) -> None:
    """Write the files as they came, byte for byte / записать файлы, как они пришли."""
    with database() as db, db.transaction() as conn:
        row = _one(conn, tenant, word)
        files = packages.stored_files(conn, tenant, row["id"])
        targets = [(file["id"], folder / _inside(file["name"], file["id"])) for file in files]
        names = Counter(path for _, path in targets)
        targets = [
            (id_, path.with_name(f"{short(id_)}-{path.name}") if names[path] > 1 else path) for id_, path in targets
        ]
        for _, path in targets:
            if path.exists():
                raise Refused("E418", path=path)
        for id_, path in targets:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as stream:
                for piece in uploads.pieces(conn, tenant, id_):
                    stream.write(piece)
            click.echo(path)


def _inside(name: str, id_: UUID) -> Path:
    """The name as a path that stays within the folder: names come from outside."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in {"/", "..", "."}]
    kept = ["".join(c if c.isprintable() and c != ":" else "_" for c in part) for part in parts]
    return Path(*kept) if kept else Path(str(id_))


@package.command("replay")
@click.argument("word", metavar="ID")
@click.option("--reason", required=True, help="Why; it is recorded / почему; записывается")
@yes_option
@tenant_option
@output_option
def replay(word: str, reason: str, yes: bool, tenant: str, output: Format) -> None:
    """Import it again; never undoes what came later / импортировать снова; более новое не затирается.

    Exit code 5 when something was left out, 7 when nothing could be imported.
    """
    _require(reason)
    with context() as ctx:
        with ctx.db.transaction() as conn:
            row = _one(conn, tenant, word)
        if row["state"] not in {"done", "failed"}:
            raise Refused("E417", package=row["id"], state=row["state"])
        talk.print(safe(f"{row['id']}  {moment(row['created_at'])}  {text(row['infobase'])}  {_names(row['files'])}"))
        ask(tr("Import it again?", "Импортировать снова?"), yes=yes)
        with ctx.db.transaction() as conn:
            made = packages.replay(conn, tenant, row["id"], by=os_user(), reason=reason)
        if made is None:
            raise Refused("E417", package=row["id"], state=row["state"])
        ctx.doorbell.ring()
        while (result := imports.outcome_of(ctx, tenant, made)) is None:
            claim = imports.claim_next(ctx)
            if claim is None:
                time.sleep(_LOOK)
            else:
                imports.run(ctx, claim)
    if output == "table":
        talk.print(safe(f"{made}: {result.outcome}  {in_words(result.counters)}"))
        click.echo(made)
    else:
        click.echo(dump({"id": made, "replay_of": row["id"], "outcome": result.outcome, "counters": result.counters}))
    if result.outcome != "ok":
        raise click.exceptions.Exit(PARTIAL if result.outcome == "partial" else CHECK_FAILED)


def _require(reason: str) -> None:
    if not reason.strip():
        raise click.UsageError(tr("The reason is empty.", "Причина пуста."))


# --- removals ------------------------------------------------------------------------------------------------------


@package.command("approve")
@click.argument("word", metavar="ID")
@click.option("--reason", required=True, help="Why; it is recorded / почему; записывается")
@tenant_option
def approve(word: str, reason: str, tenant: str) -> None:
    """Let a held removal go / разрешить придержанное удаление.

    ID of the removal or of the last package of its export. What was stated meanwhile stays.
    """
    _require(reason)
    with database() as db:
        run = _held_run(db, tenant, word)
        with db.transaction() as conn:
            removed = removals.approve(conn, run, by=os_user(), reason=reason)
    said = ", ".join(f"{entity} {number}" for entity, number in removed.items()) or "0"
    talk.print(tr(f"Removed: {said}.", f"Удалено: {said}."))


@package.command("reject")
@click.argument("word", metavar="ID")
@click.option("--reason", required=True, help="Why; it is recorded / почему; записывается")
@tenant_option
def reject(word: str, reason: str, tenant: str) -> None:
    """Keep what a full export left out / оставить то, чего не было в полной выгрузке."""
    _require(reason)
    with database() as db:
        run = _held_run(db, tenant, word)
        with db.transaction() as conn:
            removals.reject(conn, run, by=os_user(), reason=reason)
    talk.print(tr("Nothing was removed.", "Ничего не удалено."))


def _held_run(db: Database, tenant: str, word: str) -> Run:
    """The held removal a word means: its id, or that of its last package. Raises E305, E413, E416."""
    with db.transaction() as conn:
        found = _held(conn, tenant, word)
        if not found:
            if runs.known(conn, tenant, word) and not packages.matching(conn, tenant, word, limit=1):
                raise Refused("E416", run=word)
            last = _one(conn, tenant, word)["id"]
            found = [row for row in runs.held(conn, tenant) if runs.last_package(conn, _run(row)) == last]
            if not found:
                raise Refused("E416", run=word)
    if len(found) > 1:
        raise Refused("E413", word=word, found=", ".join(str(row["id"]) for row in found))
    return _run(found[0])
