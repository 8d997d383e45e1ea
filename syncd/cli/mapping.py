"""``syncd mapping``: tell syncd what is where in a base of 1C, and find out whether it is right."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from syncd.cli import mapping_show as show
from syncd.cli.codes import CHECK_FAILED
from syncd.cli.mapping_draft import draft
from syncd.cli.metadata import base_option, chosen_base
from syncd.cli.output import Column, Format, ask, emit, moment, os_user, output_option, safe, talk, yes_option
from syncd.cli.runtime import database, settings, tenant_option
from syncd.errors import MappingError, Refused
from syncd.i18n import tr
from syncd.mappings.cases import Outcome, read_cases, run_cases
from syncd.mappings.check import check as check_mapping
from syncd.mappings.compare import compare, effects
from syncd.mappings.compiled import compile_mapping
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
@base_option
def init(preset: str | None, path: Path, base: str | None, metadata: Path | None, tenant: str) -> None:
    """Begin a mapping: a file that extends a preset / начать маппинг: файл поверх заготовки.

    Presets: ut11, ut115, unf, bp30. With the metadata of a base the preset is found by itself, and what does not fit
    is named in the file. / С метаданными базы заготовка найдётся сама, а что не подходит, названо в файле.
    """
    known = mapping_files.presets()
    if path.exists():
        raise Refused("E418", path=path)
    found = chosen_base(base, metadata, tenant)
    text, name, problems = draft(preset, found, {key: mapping_files.text_of(file) for key, file in known.items()})
    path.write_text(text, encoding="utf-8")
    talk.print(tr(f"{path} is written; it extends {name}.", f"Записан {path}; в основе заготовка {name}."))
    for problem in problems:
        talk.print(f"! {problem.code} {safe(problem.text())}")
    talk.print(tr(f"Next: syncd mapping check {path}", f"Дальше: syncd mapping check {path}"))


@mapping.command("check")
@click.argument("path", type=FILE)
@base_option
@output_option
def check(path: Path, base: str | None, metadata: Path | None, tenant: str, output: Format) -> None:
    """Tell every mistake with its line; exit code 7 / назвать все ошибки со строками; код 7."""
    found = mapping_files.load(path)
    against = chosen_base(base, metadata, tenant)
    problems = check_mapping(found, against) if against else lint(found)
    show.problems(problems, output, file=str(path), version=found.version)
    if not against and output == "table":
        hint = tr("Add --base NAME or --metadata FILE to hold it against the base itself.",
                  "Добавьте --base ИМЯ или --metadata ФАЙЛ, чтобы сверить с самой базой.")  # fmt: skip
        talk.print(hint)
    if problems:
        raise SystemExit(CHECK_FAILED)


@mapping.command("preview")
@click.argument("path", type=FILE)
@click.option("--section", "-s", help="Section, such as products or prices.retail / раздел")
@click.option("--record", "-r", type=click.File("r", encoding="utf-8-sig"), required=True,
              help="JSON of the record as 1C gives it; - for stdin / JSON записи из 1С; - из stdin")  # fmt: skip
@click.option("--lookups", "-l", type=click.File("r", encoding="utf-8-sig"),
              help="JSON of what via finds: {set: {id: record}} / JSON того, что найдёт via")  # fmt: skip
@base_option
@output_option
def preview(
    path: Path, section: str | None, record: Any, lookups: Any, base: str | None, metadata: Path | None, tenant: str,
    output: Format,
) -> None:  # fmt: skip
    """Show source, rule and result field by field / показать по полям источник, правило и результат."""
    books: dict[str, dict[str, Any]] = json.load(lookups, parse_float=Decimal) if lookups else {}

    def lookup(set_: str, key: str) -> Any:
        return books.get(set_, {}).get(key)

    found = _good(path)
    sources = {
        source.label: source for source in compile_mapping(found, _zone(), lookup, chosen_base(base, metadata, tenant))
    }
    chosen = sources.get(section or next(iter(sources), ""))
    if chosen is None:
        known = ", ".join(sources)
        raise click.UsageError(tr(f"Choose --section from: {known}", f"Укажите --section из: {known}"))
    for row in _records(record.read()):
        show.preview(chosen.preview(row), output)


@mapping.command("test")
@click.argument("path", type=FILE)
@click.option("--cases", type=FILE, help="File of cases; beside the mapping by default / файл случаев")
@output_option
def test(path: Path, cases: Path | None, output: Format) -> None:
    """Run the golden cases that lie beside the mapping; exit code 7 / прогнать случаи рядом с маппингом; код 7."""
    found = _good(path)
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


@mapping.command("diff")
@click.argument("old")
@click.argument("new")
@click.option("--record", "-r", type=click.File("r", encoding="utf-8-sig"),
              help="JSON records: what changes in them / JSON записей: что в них изменится")  # fmt: skip
@click.option("--section", "-s", help="Section of the records / раздел записей")
@tenant_option
@output_option
def diff(old: str, new: str, record: Any, section: str | None, tenant: str, output: Format) -> None:
    """What differs between two mappings / чем отличаются два маппинга.

    Each is a file, a preset, or NAME of a published one, NAME@VERSION for an earlier version.
    Каждый — файл, заготовка, ИМЯ опубликованного или ИМЯ@ВЕРСИЯ.
    """
    before, after = _any(old, tenant), _any(new, tenant)
    if record is not None:
        rows = effects(before, after, section or "", _records(record.read()), _zone())
        columns = [Column("record", tr("record", "запись")), Column("field", tr("field", "поле")),
                   Column("before", tr("before", "было")), Column("after", tr("after", "станет"))]  # fmt: skip
        emit(rows, columns, output, empty=tr("No record changes.", "Записи не изменятся."))
        return
    columns = [Column("path", tr("rule", "правило")), Column("before", tr("before", "было")),
               Column("after", tr("after", "станет")), Column("place", tr("where", "где"))]  # fmt: skip
    emit(compare(before, after), columns, output, empty=tr("They say the same.", "Они говорят одно и то же."))


@mapping.command("publish")
@click.argument("path", type=FILE)
@click.option("--name", help="Name to publish under; that of the file by default / имя; по умолчанию имя файла")
@click.option("--reason", required=True, help="Why, for the history / зачем, для истории")
@base_option
@yes_option
def publish(
    path: Path, name: str | None, reason: str, base: str | None, metadata: Path | None, tenant: str, yes: bool
) -> None:
    """Put a mapping in force; one with mistakes is refused / ввести маппинг в действие; с ошибками — отказ."""
    found = mapping_files.load(path)
    against = chosen_base(base, metadata, tenant)
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


def _good(path: Path) -> Mapping:
    """A mapping without mistakes of its own; they are told first."""
    found = mapping_files.load(path)
    problems = lint(found)
    if problems:
        show.problems(problems, "table", file=str(path), version=found.version)
        raise SystemExit(CHECK_FAILED)
    return found


def _any(word: str, tenant: str) -> Mapping:
    """A file, a preset or something published."""
    if Path(word).is_file() or word in mapping_files.presets():
        return mapping_files.load(Path(word))
    name, _, version = word.partition("@")
    with database() as db, db.transaction() as conn:
        found = mappings.find(conn, tenant, name, version) if version else mappings.current(conn, tenant, name)
    if found is None:
        raise MappingError("E748", name=name, version="")
    return found.mapping()


def _records(text: str) -> list[dict[str, Any]]:
    """Records as 1C gives them: one, a list, or an answer with ``value``; numbers stay exact."""
    try:
        found = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise MappingError("E702", place=f"JSON:{error.lineno}:{error.colno}", detail=error.msg) from error
    if isinstance(found, dict):
        found = found.get("value", found) if isinstance(found.get("value"), list) else [found]
    return [row for row in found if isinstance(row, dict)]


def _zone() -> ZoneInfo:
    return ZoneInfo(settings().zone)
