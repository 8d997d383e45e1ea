"""Output: a table on a terminal, JSON for programs. Data goes to stdout, talk to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar

import click
import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from syncd.i18n import tr

Format = Literal["table", "json", "jsonl"]
Function = TypeVar("Function", bound=Callable[..., Any])

talk = Console(stderr=True, soft_wrap=True, highlight=False)
"""For what is said to a person beside the data."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: where its value comes from, its title, and how it is shown."""

    name: str
    title: str
    show: Callable[[Any], str] = str


def output_option(function: Function) -> Function:
    """``-o table|json|jsonl``: a table on a terminal, JSON lines into a pipe, unless said otherwise."""
    return click.option(
        "-o", "--output", "output", type=click.Choice(["table", "json", "jsonl"]), default="table", show_default=True,
        help="Format of the output / формат вывода",
    )(function)  # fmt: skip


def dump(value: object) -> str:
    """One JSON text; times in ISO 8601, numbers of money as texts."""
    return orjson.dumps(value, default=_plain).decode()


def _plain(value: object) -> object:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def emit(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[Column], output: Format, *, empty: str = "", title: str = ""
) -> None:
    """Print rows: as a table with the columns, or whole as JSON."""
    found = [dict(row) for row in rows]
    if output == "json":
        click.echo(dump(found))
    elif output == "jsonl":
        for row in found:
            click.echo(dump(row))
    elif not found:
        talk.print(empty or tr("Nothing found.", "Ничего не найдено."))
    else:
        _table(found, columns, title)


def _table(rows: list[dict[str, Any]], columns: Sequence[Column], title: str) -> None:
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.title, overflow="fold")
    for row in rows:
        table.add_row(*(escape(column.show(row.get(column.name))) for column in columns))
    stdout().print(table)


def stdout() -> Console:
    """A console on stdout; wide when nobody looks, so that lines are not broken for a program."""
    return Console(soft_wrap=False, highlight=False, width=None if sys.stdout.isatty() else 200)


def text(value: object) -> str:
    """A value in a cell; nothing for none."""
    return "" if value is None else str(value)


def short(value: object) -> str:
    """The last eight characters of an id: the part of a UUIDv7 that differs."""
    return "" if value is None else str(value)[-8:]


def ago(moment: object) -> str:
    """A time as a person asks for it: how long ago."""
    if not isinstance(moment, datetime):
        return ""
    return duration((datetime.now(UTC) - moment).total_seconds())


def duration(seconds: float) -> str:
    """Seconds in words: 12s, 3m, 2h, 5d."""
    for limit, unit, size in ((90, tr("s", "с"), 1), (5400, tr("m", "мин"), 60), (129600, tr("h", "ч"), 3600)):
        if seconds < limit:
            return f"{max(0, round(seconds / size))}{unit}"
    return f"{round(seconds / 86400)}" + tr("d", "д")
