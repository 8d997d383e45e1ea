"""Output: a table on a terminal, JSON for programs. Data goes to stdout, talk to stderr."""

from __future__ import annotations

import getpass
import os
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar

import click
import orjson
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from syncd.cli.codes import REFUSED
from syncd.errors import Refused
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
    """One JSON text; times in ISO 8601 and UTC, numbers of money as texts."""
    options = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(value, default=_plain, option=options).decode()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
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
        table.add_row(*(safe(column.show(row.get(column.name))) for column in columns))
    draw(table)


def draw(what: RenderableType) -> None:
    """Print a table or a screen, without the spaces rich fills its lines with."""
    console = stdout()
    with console.capture() as captured:
        console.print(what)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def stdout() -> Console:
    """A console on stdout; wide when nobody looks, so that lines are not broken for a program."""
    return Console(soft_wrap=False, highlight=False, width=None if sys.stdout.isatty() else 200)


def safe(words: str) -> str:
    """A text from outside for a terminal: no markup of ours in it, and no control sequences of somebody else's."""
    return escape(
        "".join(c if c in "\n\t" or unicodedata.category(c) != "Cc" else "\N{REPLACEMENT CHARACTER}" for c in words)
    )


def ask(question: str, *, yes: bool) -> None:
    """Go on when a person says yes, or said so before. Raises ``Refused`` E412 where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("E412")
    if not click.confirm(question, err=True):
        talk.print(tr("Nothing was changed.", "Ничего не изменено."))
        raise SystemExit(REFUSED)


def yes_option(function: Function) -> Function:
    """``--yes``: do not ask."""
    return click.option("--yes", is_flag=True, help="Do not ask / не спрашивать")(function)


def os_user() -> str:
    """Who sits at this terminal, for the record."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in containers
        return f"uid {os.getuid()}"


def moment(value: object) -> str:
    """A time in the zone of who looks."""
    return value.astimezone().strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else ""


def size(value: object) -> str:
    """Bytes as a person reads them."""
    if not isinstance(value, int | float):
        return ""
    number = float(value)
    for unit in (tr("B", "Б"), tr("KB", "КБ"), tr("MB", "МБ"), tr("GB", "ГБ")):
        if number < 1024:
            return f"{number:.0f} {unit}" if number >= 10 or number == int(number) else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} " + tr("TB", "ТБ")


def text(value: object) -> str:
    """A value in a cell; nothing for none."""
    return "" if value is None else str(value)


def brief(value: object, length: int = 110) -> str:
    """A text in one line, cut where it is long: all of it stands where one thing is shown."""
    words = " ".join(text(value).split())
    return words if len(words) <= length else words[: length - 1] + "…"


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
