"""``syncd emulate infobase``: a 1C base that answers over OData on this machine."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from lxml import etree
from rich.markup import escape

from syncd.cli.output import talk
from syncd.emulator.odata import Manners, OdataBase, OdataFaults, Rule, parse_rule
from syncd.emulator.odata.base import PRESETS
from syncd.emulator.odata.server import Heard
from syncd.i18n import tr

_PASSWORD: Final = "odata"  # noqa: S105 - of a base that exists for trying things out


def _rules(_ctx: click.Context, _param: click.Parameter, values: Sequence[str]) -> list[Rule]:
    try:
        return [parse_rule(value) for value in values]
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _password(*, stdin: bool, variable: str | None) -> str:
    """From stdin or the environment; a fixed one otherwise, as nobody outside this machine can connect."""
    if stdin and variable:
        raise click.UsageError("--password-stdin / --password-env: " + tr("give one of them", "укажите что-то одно"))
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if variable and variable not in os.environ:
        raise click.UsageError(f"--password-env: {variable} " + tr("is not set", "не задана"))
    return os.environ[variable] if variable else _PASSWORD


@click.command()
@click.option("--preset", type=click.Choice(list(PRESETS)), default="ut11", show_default=True,
              help="Which configuration / какая конфигурация: ut11 (УТ 11.4), unf (УНФ 1.6)")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=8314, show_default=True,
              help="Port of 127.0.0.1, 0: any free one / порт на 127.0.0.1, 0 — любой свободный")  # fmt: skip
@click.option("--size", type=click.IntRange(1, 10_000_000), default=500, show_default=True,
              help="How many goods / сколько товаров")  # fmt: skip
@click.option("--metadata", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Publish what this $metadata file says / опубликовать то, что в этом файле $metadata")  # fmt: skip
@click.option("--login", default="odata", show_default=True, help="Login / логин")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin / пароль из stdin")
@click.option("--password-env", metavar="NAME",
              help=f"Variable with the password / переменная с паролем; {_PASSWORD} without it / без неё")  # fmt: skip
@click.option("--faults", "--fault", "fault", multiple=True, metavar="RULE", callback=_rules,
              help="Break a request / сломать запрос: [METHOD/][RESOURCE]:FAULT[@N][xTIMES], "
                   "POST/Document_:drop-after-commit@1")  # fmt: skip
@click.option("--fault-rate", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="Break requests by chance / ломать запросы случайно, 0…1")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True,
              help="Seed of the base and of chance / зерно базы и случайностей")  # fmt: skip
@click.option("--cold-start", type=click.FloatRange(min=0), default=0.0, show_default=True,
              help="Seconds the first request takes / секунд на первый запрос")  # fmt: skip
@click.option("--pool", type=click.IntRange(min=1), default=10, show_default=True,
              help="Requests at once, 406 beyond / запросов одновременно, сверх того 406")  # fmt: skip
@click.option("--state", type=click.Path(dir_okay=False, path_type=Path),
              help="Keep what is written in this file / хранить записанное в этом файле")  # fmt: skip
@click.option("-v", "--verbose", is_flag=True, help="A line per request / строка на каждый запрос")
def infobase(
    preset: str, port: int, size: int, metadata: Path | None, login: str, password_stdin: bool,
    password_env: str | None, fault: list[Rule], fault_rate: float, seed: int, cold_start: float, pool: int,
    state: Path | None, verbose: bool,
) -> None:  # fmt: skip
    """Be a 1C base that answers over OData / сыграть базу 1С, которая отвечает по OData.

    Runs until Ctrl+C / работает до Ctrl+C. Only this machine can connect / подключиться можно только с этой машины.
    """
    try:
        base = OdataBase(
            preset, seed=seed, size=size, user=login, password=_password(stdin=password_stdin, variable=password_env),
            faults=OdataFaults(fault, fault_rate, seed), metadata=metadata, port=port, kept=state,
            manners=Manners(cold_start=cold_start, pool_size=pool),
        )  # fmt: skip
        base.start()
    except etree.XMLSyntaxError as error:
        raise click.BadParameter(f"{metadata}: {error}", param_hint="--metadata") from error
    except OSError as error:
        raise click.BadParameter(str(error), param_hint="--port") from error
    answered: Counter[int] = Counter()

    def heard(one: Heard) -> None:
        answered[one.status] += 1
        if verbose:
            talk.print(_line(one))

    base.listen(heard)
    talk.print(tr(f"The base answers at {base.url}", f"База отвечает по адресу {base.url}"))
    talk.print(tr(f"Login {login}. Stop with Ctrl+C.", f"Логин {login}. Остановить: Ctrl+C."))
    try:
        base.serve()
    except KeyboardInterrupt:
        base.close()
    _report(answered, base)


def _line(one: Heard) -> str:
    query = f"?{one.query}" if one.query else ""
    fault = f" [bold red]{one.fault.value}[/]" if one.fault else ""
    status = str(one.status or "---")
    return f"{status} {one.method} {escape(one.path + query)} {one.seconds:.3f}s{fault}"


def _report(answered: Counter[int], base: OdataBase) -> None:
    by_status = ", ".join(f"{status or '---'}: {count}" for status, count in sorted(answered.items()))
    total = sum(answered.values())
    talk.print(tr(f"{total} requests ({by_status}).", f"Запросов: {total} ({by_status})."))
    if base.ignored:
        names = ", ".join(sorted(set(base.ignored)))
        talk.print(tr(f"Properties 1C dropped in silence: {names}.", f"Реквизиты, молча отброшенные 1С: {names}."))
