"""``syncd config``: are the settings right, and where does each come from."""

from __future__ import annotations

import click

from syncd import config as settings
from syncd.cli.codes import CHECK_FAILED
from syncd.cli.output import Column, Format, dump, emit, output_option, safe, stdout
from syncd.errors import ConfigError
from syncd.i18n import tr
from syncd.mappings import orders as orders_mapping


@click.group()
def config() -> None:
    """The settings in force / действующие настройки."""


@config.command("check")
@output_option
def check(output: Format) -> None:
    """Tell everything that is wrong; exit code 7 / назвать все ошибки настроек; код 7."""
    file = settings.chosen_file()
    wrong = settings.problems() or _mapping_problems()
    origin = str(file) if file else None
    if output == "table":
        for error in wrong:
            stdout().print(f"! [bold red]{error.code}[/] {safe(error.text())}", soft_wrap=True)
        if not wrong:
            nothing = tr("no file: environment and defaults", "файла нет: окружение и значения по умолчанию")
            click.echo(f"OK {origin or nothing}")
    else:
        errors = [{"code": error.code, "message": error.text(), "owner": error.owner} for error in wrong]
        click.echo(dump({"ok": not wrong, "file": origin, "errors": errors}))
    if wrong:
        raise SystemExit(CHECK_FAILED)


def _mapping_problems() -> list[ConfigError]:
    try:
        orders_mapping.load(settings.load().exchange.orders_mapping)
    except ConfigError as error:
        return [error]
    return []


@config.command("show")
@click.option("--origin", is_flag=True, help="Say where each value comes from / сказать, откуда значение")
@output_option
def show(origin: bool, output: Format) -> None:
    """Every setting; passwords are masked / все настройки; пароли скрыты."""
    rows = [{"key": key, "value": value, "origin": where} for key, value, where in settings.explain(settings.load())]
    columns = [Column("key", tr("key", "ключ")), Column("value", tr("value", "значение"))]
    if origin:
        columns.append(Column("origin", tr("from", "откуда"), _origin))
    emit(rows, columns, output)


def _origin(value: object) -> str:
    return tr("default", "по умолчанию") if value == "default" else str(value)
