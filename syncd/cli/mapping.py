"""``syncd mapping``: tell syncd what is where in a base of 1C, and find out whether it is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click

from syncd.cli import mapping_show as show
from syncd.cli.codes import CHECK_FAILED
from syncd.cli.mapping_base import any_mapping, described, endpoint_option, good_mapping
from syncd.cli.mapping_draft import draft
from syncd.cli.mapping_try import diff, preview
from syncd.cli.metadata import base_option, chosen_base
from syncd.cli.output import Column, Format, ask, emit, moment, os_user, output_option, safe, talk, yes_option
from syncd.cli.runtime import database, settings, tenant_option
from syncd.errors import MappingError, Refused
from syncd.i18n import tr
from syncd.mappings.cases import Outcome, read_cases, run_cases
from syncd.mappings.check import check as check_mapping
from syncd.mappings.compare import compare
from syncd.mappings.lint import lint
from syncd.mappings.loading import Mapping
from syncd.mappings.schema import schema as make_schema
from syncd.store import mapping_files, mappings

FILE: Final = click.Path(path_type=Path, dir_okay=False)


@click.group()
def mapping() -> None:
    """What is where in a base of 1C, in YAML / что где лежит в базе 1С, в YAML."""


@mapping.command("init")
@click.argument("preset", required=False)
@click.option("--file", "path", type=FILE, default=Path("mapping.yaml"), show_default=True,
              help="File to write / какой файл записать")  # fmt: skip
@endpoint_option
@base_option
def init(
    preset: str | None, path: Path, endpoint: str | None, base: str | None, metadata: Path | None, tenant: str
) -> None:  # fmt: skip
    """Begin a mapping: a file that extends a preset / начать маппинг: файл поверх заготовки.

    Presets: ut11, ut115, unf, bp30. With the metadata of a base the preset is found by itself, and what does not fit
    is named in the file. / С метаданными базы заготовка найдётся сама, а что не подходит, названо в файле.
    """
    known = mapping_files.presets()
    if path.exists():
        raise Refused("E418", path=path)
    found = described(endpoint, tenant) if endpoint else chosen_base(base, metadata, tenant)
    text, name, problems = draft(preset, found, {key: mapping_files.text_of(file) for key, file in known.items()})
    path.write_text(text, encoding="utf-8")
    talk.print(tr(f"{path} is written; it extends {name}.", f"Записан {path}; в основе заготовка {name}."))
    for problem in problems:
        talk.print(f"! {problem.code} {safe(problem.text())}")
    talk.print(tr(f"Next: syncd mapping check {path}", f"Дальше: syncd mapping check {path}"))


@mapping.command("check")
@click.argument("path", metavar="MAPPING")
@endpoint_option
@base_option
@output_option
def check(
    path: str, endpoint: str | None, base: str | None, metadata: Path | None, tenant: str, output: Format
) -> None:  # fmt: skip
    """Tell every mistake with its line; exit code 7 / назвать все ошибки со строками; код 7.

    MAPPING is a file, a preset, or NAME of a published one. / MAPPING — файл, заготовка или ИМЯ опубликованного.
    """
    found = any_mapping(path, tenant)
    against = described(endpoint, tenant) if endpoint else chosen_base(base, metadata, tenant)
    problems = check_mapping(found, against) if against else lint(found)
    show.problems(problems, output, file=path, version=found.version)
    if not against and output == "table":
        hint = tr("Add --endpoint NAME, --base NAME or --metadata FILE to hold it against the base itself.",
                  "Добавьте --endpoint ИМЯ, --base ИМЯ или --metadata ФАЙЛ, чтобы сверить с самой базой.")  # fmt: skip
        talk.print(hint)
    if problems:
        raise SystemExit(CHECK_FAILED)


mapping.add_command(preview)
mapping.add_command(diff)


@mapping.command("test")
@click.argument("path", type=FILE)
@click.option("--cases", type=FILE, help="File of cases; beside the mapping by default / файл случаев")
@output_option
def test(path: Path, cases: Path | None, output: Format) -> None:
    """Run the golden cases that lie beside the mapping; exit code 7 / прогнать случаи рядом с маппингом; код 7."""
    found = good_mapping(str(path), tenant=None)
    named = mapping_files.presets().get(str(path), path)
    file = cases or named.with_name(f"{named.stem}.cases.yaml")
    outcomes = run_cases(found, read_cases(mapping_files.text_of(file), str(file)), _zone())
    show.outcomes(outcomes, output, file=str(file))
    _end(outcomes)


def _end(outcomes: list[Outcome]) -> None:
    failed = sum(1 for outcome in outcomes if outcome.differences)
    if failed:
        talk.print(f"[bold red]E747[/] {MappingError('E747', failed=failed, total=len(outcomes)).text()}")
        raise SystemExit(CHECK_FAILED)


@mapping.command("publish")
@click.argument("path", type=FILE)
@click.option("--name", help="Name to publish under; that of the file by default / имя; по умолчанию имя файла")
@click.option("--reason", required=True, help="Why, for the history / зачем, для истории")
@endpoint_option
@base_option
@yes_option
def publish(
    path: Path, name: str | None, reason: str, endpoint: str | None, base: str | None, metadata: Path | None,
    tenant: str, yes: bool,
) -> None:  # fmt: skip
    """Put a mapping in force; one with mistakes is refused / ввести маппинг в действие; с ошибками — отказ."""
    found = mapping_files.load(path)
    against = described(endpoint, tenant) if endpoint else chosen_base(base, metadata, tenant)
    problems = check_mapping(found, against) if against else lint(found)
    if problems:
        show.problems(problems, "table", file=str(path), version=found.version)
        raise MappingError("E749", count=len(problems))
    chosen = name or path.stem
    with database() as db:
        with db.transaction() as conn:
            before = mappings.current(conn, tenant, chosen)
        if before is not None and before.version == found.version:
            talk.print(tr(f"{chosen} {found.version} is in force already.", f"{chosen} {found.version} уже действует."))
            return
        _tell(before.mapping() if before else None, found)
        ask(tr(f"Publish {chosen} {found.version}?", f"Опубликовать {chosen} {found.version}?"), yes=yes)
        with db.transaction() as conn:
            mappings.publish(conn, tenant, chosen, found, by=os_user(), reason=reason)
    talk.print(tr(f"{chosen} {found.version} is in force.", f"{chosen} {found.version} действует."))


def _tell(before: Mapping | None, after: Mapping) -> None:
    if before is None:
        return
    rows = compare(before, after)
    talk.print(tr(f"Rules that change: {len(rows)}", f"Изменится правил: {len(rows)}"))
    for row in rows[:20]:
        talk.print(safe(f"  {row['path']}: {row['before'] or '—'} → {row['after'] or '—'}"))


@mapping.command("history")
@click.argument("name", required=False)
@tenant_option
@output_option
def history(name: str | None, tenant: str, output: Format) -> None:
    """What was published, by whom and why / что, кем и зачем опубликовано."""
    with database() as db, db.transaction() as conn:
        found = mappings.history(conn, tenant, name)
    rows = [{"name": p.name, "version": p.version, "at": p.at, "by": p.by, "reason": p.reason} for p in found]
    columns = [Column("name", tr("name", "имя")), Column("version", tr("version", "версия")),
               Column("at", tr("published", "опубликован"), moment), Column("by", tr("by", "кем")),
               Column("reason", tr("reason", "зачем"))]  # fmt: skip
    emit(rows, columns, output, empty=tr("Nothing is published.", "Ничего не опубликовано."))


@mapping.command("rollback")
@click.argument("name")
@click.argument("version")
@click.option("--reason", required=True, help="Why, for the history / зачем, для истории")
@tenant_option
@yes_option
def rollback(name: str, version: str, reason: str, tenant: str, yes: bool) -> None:
    """Put an earlier version in force again / вернуть прежнюю версию."""
    with database() as db:
        with db.transaction() as conn:
            found, before = mappings.find(conn, tenant, name, version), mappings.current(conn, tenant, name)
        _tell(before.mapping() if before else None, found.mapping())
        ask(tr(f"Put {name} {found.version} in force?", f"Вернуть {name} {found.version}?"), yes=yes)
        with db.transaction() as conn:
            mappings.rollback(conn, tenant, name, version, by=os_user(), reason=reason)
    talk.print(tr(f"{name} {found.version} is in force.", f"{name} {found.version} действует."))


@mapping.command("schema")
def schema() -> None:
    """The JSON Schema of the language, for editors / JSON Schema языка для редакторов."""
    click.echo(json.dumps(make_schema(), ensure_ascii=False, indent=1))


def _zone() -> ZoneInfo:
    return ZoneInfo(settings().zone)
