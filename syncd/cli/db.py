"""``syncd db``: the schema of the database and its size."""

from __future__ import annotations

import click

from syncd.cli.codes import CHECK_FAILED
from syncd.cli.output import Column, Format, dump, emit, output_option, size, talk, text
from syncd.cli.runtime import database, servers, settings
from syncd.i18n import tr
from syncd.store import migrate, sizes


@click.group()
def db() -> None:
    """The database: schema and size / база данных: схема и размер."""


@db.command("migrate")
@click.option("--dry-run", is_flag=True, help="Only say what would be done / только сказать, что будет сделано")
@output_option
def migrate_(dry_run: bool, output: Format) -> None:
    """Bring the schema to what this version needs / привести схему к нужной версии."""
    with servers(settings(), redis=False) as where:
        if dry_run:
            before, after = migrate.revision_of(where.database_url), migrate.head()
        else:
            before, after = migrate.upgrade(where.database_url)
    if output != "table":
        click.echo(dump({"from": before, "to": after, "changed": before != after and not dry_run, "dry_run": dry_run}))
        return
    click.echo(f"{before} -> {after}")
    if before == after:
        talk.print(tr("Nothing to do.", "Делать нечего."))
    elif dry_run:
        talk.print(tr("Nothing was changed (--dry-run).", "Ничего не изменено (--dry-run)."))


@db.command("check")
@output_option
def check(output: Format) -> None:
    """Whether the schema fits; exit code 7 when not / подходит ли схема; код 7, если нет."""
    with servers(settings(), redis=False) as where:
        found, needed = migrate.revision_of(where.database_url), migrate.head()
    if output != "table":
        click.echo(dump({"found": found, "needed": needed, "ok": found == needed}))
    elif found == needed:
        click.echo(f"OK {found}")
    else:
        click.echo(
            tr(
                f"! schema {found}, needed {needed}  ->  syncd db migrate",
                f"! схема {found}, нужна {needed}  ->  syncd db migrate",
            )
        )
    if found != needed:
        raise SystemExit(CHECK_FAILED)


@db.command("size")
@click.option(
    "-n", "--limit", type=click.IntRange(1), default=15, show_default=True, help="How many tables / сколько таблиц"
)
@output_option
def size_(limit: int, output: Format) -> None:
    """How much room the data takes / сколько места занимают данные."""
    with database() as found, found.transaction() as conn:
        total, rows = sizes.database_bytes(conn), sizes.tables(conn)
    if output == "json":
        click.echo(dump({"bytes": total, "tables": rows}))
        return
    columns = [
        Column("table", tr("table", "таблица")), Column("bytes", tr("size", "размер"), size),
        Column("index_bytes", tr("of it indexes", "из них индексы"), size),
        Column("rows", tr("rows, about", "строк, примерно"), text),
    ]  # fmt: skip
    emit(rows if output == "jsonl" else rows[:limit], columns, output)
    if output == "table":
        talk.print(tr(f"The whole database: {size(total)}", f"Вся база: {size(total)}"))
