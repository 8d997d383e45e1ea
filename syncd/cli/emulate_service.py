"""``syncd emulate service``: 1C as an HTTP service or a web service, for an endpoint of that kind to call."""

from __future__ import annotations

import os
from pathlib import Path

import click

from syncd.cli.output import safe, talk
from syncd.emulator.http_service import Service, serve
from syncd.emulator.http_service_faults import Behaviour, Faults, parse
from syncd.emulator.soap_service import WebService
from syncd.errors import ConfigError
from syncd.i18n import tr


def _faults(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    try:
        parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


@click.command("service")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port, 0 for any / порт, 0 — любой")
@click.option("--port-file", type=click.Path(path_type=Path), help="Write the address there / записать адрес туда")
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False), default=Path("onec-service.sqlite"),
              show_default=True, help="File of its documents / файл её документов")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of chance / зерно случайностей")
@click.option("--faults", default="", callback=_faults, metavar="LIST",
              help="What breaks / что ломать: 0.2,drop-after=0.1,post:blocked@2x3")  # fmt: skip
@click.option("--refuse", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="Share of orders it refuses / доля заказов с отказом")  # fmt: skip
@click.option("--ignore-key", is_flag=True, help="Take a repeated Idempotency-Key / не замечать повтор ключа")
@click.option("--work", type=click.FloatRange(0, 600), default=0.0, metavar="SECONDS",
              help="How long an order takes / сколько обрабатывается заказ")  # fmt: skip
@click.option("--soap", is_flag=True, help="Be a web service (SOAP) / быть веб-сервисом (SOAP)")
@click.option("--login", help="Login it asks for / какой логин спрашивать")
@click.option("--password-env", metavar="NAME", help="Variable with the password / переменная с паролем")
def service(
    port: int, port_file: Path | None, state: Path, seed: int, faults: str, refuse: float, ignore_key: bool,
    work: float, soap: bool, login: str | None, password_env: str | None,
) -> None:  # fmt: skip
    """Be a 1C that we call, with faults / сыграть 1С, которую вызываем мы, со сбоями. Ctrl-C stops it."""
    if password_env and password_env not in os.environ:
        raise click.UsageError(f"--password-env: {password_env} " + tr("is not set", "не задана"))
    if not state.parent.is_dir():
        raise click.BadParameter(tr("its folder is not there", "такой папки нет"), param_hint="--state")
    behaviour = Behaviour(
        faults=parse(faults, seed) if faults else Faults(seed=seed), seed=seed, once=not ignore_key, refuse=refuse,
        work=work, login=login, password=os.environ.get(password_env or "", ""),
    )  # fmt: skip
    running = (WebService if soap else Service)(state, behaviour, port=port)
    try:
        running.start()
    except OSError as error:
        raise ConfigError("E407", host="127.0.0.1", port=port, detail=error.strerror or str(error)) from error
    talk.print(safe(tr(f"1C answers at {running.url}; give it to an endpoint:",
                       f"1С отвечает по адресу {running.url}; укажите его получателю:")))  # fmt: skip
    talk.print(safe(f"  syncd endpoint add demo --kind {'soap' if soap else 'http_service'} --address {running.url}"))
    serve(running, port_file)
