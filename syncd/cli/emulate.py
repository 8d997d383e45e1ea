"""``syncd emulate``: a 1C for any address of the CommerceML exchange, ours or another's."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from rich.markup import escape

from syncd.cli.codes import CHECK_FAILED, PARTIAL
from syncd.cli.emulate_infobase import infobase
from syncd.cli.emulate_report import line, show
from syncd.cli.emulate_service import service
from syncd.cli.output import Format, output_option, talk
from syncd.emulator.bar import Bar
from syncd.emulator.bitrix import BitrixModuleClient
from syncd.emulator.catalogue import TradeBase
from syncd.emulator.client import StandardClient
from syncd.emulator.faults import ClientFaults, parse_rule
from syncd.emulator.kept import KeptOrders
from syncd.emulator.orders import TradeOrder
from syncd.emulator.session import (
    OrdersReport,
    PushReport,
    exchange_orders,
    push_catalogue,
    push_files,
    send_statuses,
)  # fmt: skip
from syncd.emulator.violations import DocumentRefused, ProtocolViolation
from syncd.emulator.wire import Exchange
from syncd.errors import RequestError, SyncdError
from syncd.i18n import tr

Function = TypeVar("Function", bound=Callable[..., Any])
_CLIENTS: Final[dict[str, type[StandardClient]]] = {"standard": StandardClient, "bitrix": BitrixModuleClient}


@dataclass(frozen=True, slots=True)
class Site:
    """Where the emulated 1C knocks, and how it behaves."""

    url: str
    login: str
    password: str
    dialect: str
    wait: bool
    strict: bool
    timeout: float
    attempts: int
    faults: ClientFaults
    verbose: bool
    output: Format

    @contextmanager
    def client(self) -> Iterator[tuple[StandardClient, Bar]]:
        """A client with its bar, which shows itself on a terminal only."""
        with Bar(talk) as bar:

            def heard(exchange: Exchange) -> None:
                bar.heard(exchange)
                if self.verbose:
                    talk.print(escape(line(exchange)))

            made = _CLIENTS[self.dialect](
                self.url, self.login, self.password, timeout=self.timeout, journal=heard, faults=self.faults,
                strict=self.strict, attempts=self.attempts, wait_for_import=self.wait, part_sent=bar.part,
                retry_pause=1.0,
            )  # fmt: skip
            with made:
                yield made, bar


@dataclass(frozen=True, slots=True)
class Deeds:
    """What people do with orders in the emulated 1C: numbers of the site, and statuses as (number, status)."""

    statuses: tuple[tuple[str, str], ...]
    pay: tuple[str, ...]
    ship: tuple[str, ...]
    cancel: tuple[str, ...]

    def do(self, orders: KeptOrders) -> int:
        """Do it; returns how much was done.

        Raises ``RequestError`` E305 for a number 1C does not have, and does nothing then.
        """
        deeds: list[tuple[str, Callable[[str], TradeOrder]]] = [
            (number, functools.partial(orders.set_status, status=status)) for number, status in self.statuses
        ]
        for numbers, deed in ((self.pay, orders.pay), (self.ship, orders.ship), (self.cancel, orders.cancel)):
            deeds += [(number, deed) for number in numbers]
        for number, _ in deeds:
            _known(orders, number)
        for number, do in deeds:
            do(number)
        return len(deeds)


def _known(orders: KeptOrders, number: str) -> None:
    try:
        orders.order(number)
    except KeyError:
        what = tr("Order in the emulated 1C", "Заказ в эмуляторе 1С")
        raise RequestError("E305", what=what, id=number, shown="`syncd emulate orders`") from None


# --- options ----------------------------------------------------------------------------------------------------------


def _password(url: str, *, stdin: bool, variable: str | None) -> str:
    """From stdin, from the environment, or asked for on a terminal."""
    if stdin and variable:
        raise click.UsageError("--password-stdin / --password-env: " + tr("give one of them", "укажите что-то одно"))
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if variable:
        if variable not in os.environ:
            raise click.UsageError(f"--password-env: {variable} " + tr("is not set", "не задана"))
        return os.environ[variable]
    if not sys.stdin.isatty():
        raise click.UsageError(
            tr(
                "Nobody can be asked for the password here: use --password-stdin or --password-env NAME.",
                "Пароль спросить не у кого: укажите --password-stdin или --password-env ИМЯ.",
            )
        )
    asked: str = click.prompt(tr(f"Password for {url}", f"Пароль для {url}"), hide_input=True, err=True)
    return asked


def _rules(_ctx: click.Context, _param: click.Parameter, values: Sequence[str]) -> list[Any]:
    try:
        return [parse_rule(value) for value in values]
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _site_options(function: Function) -> Function:
    """The options of every command here; the command gets a ``Site`` instead of them."""

    @functools.wraps(function)
    def wrapper(
        *args: Any, url: str, login: str, password_stdin: bool, password_env: str | None, dialect: str, wait: bool,
        strict: bool, timeout: float, attempts: int, fault: list[Any], fault_rate: float, seed: int, verbose: bool,
        output: Format, **kwargs: Any,
    ) -> object:  # fmt: skip
        password = _password(url, stdin=password_stdin, variable=password_env)
        faults = ClientFaults(tuple(fault), rate=fault_rate, seed=seed)
        site = Site(url, login, password, dialect, wait, strict, timeout, attempts, faults, verbose, output)
        with _violations():
            return function(*args, site=site, seed=seed, **kwargs)

    options = (
        click.option("--url", required=True, help="Address of the exchange / адрес обмена, http://…/1c_exchange"),
        click.option("--login", required=True, help="Login / логин"),
        click.option("--password-stdin", is_flag=True, help="Read the password from stdin / пароль из stdin"),
        click.option("--password-env", metavar="NAME", help="Variable with the password / переменная с паролем"),
        click.option("--dialect", type=click.Choice(list(_CLIENTS)), default="standard", show_default=True,
                     help="Which 1C / какая 1С: standard (УТ), bitrix (module / модуль)"),
        click.option("--import/--no-import", "wait", default=True, show_default=True,
                     help="Call import and wait for it / вызывать import и ждать его"),
        click.option("--strict/--no-strict", default=True, show_default=True,
                     help="Complain of what only some 1C choke on / ругаться и на то, что ломает не каждую 1С"),
        click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=180.0, show_default=True,
                     help="Seconds for an answer / секунд на ответ"),
        click.option("--attempts", type=click.IntRange(1, 100), default=3, show_default=True,
                     help="How often a portion is sent in all / сколько раз передавать порцию"),
        click.option("--fault", "--faults", "fault", multiple=True, metavar="RULE", callback=_rules,
                     help="Break a request / сломать запрос: [TYPE/]MODE:FAULT[@N][xTIMES], sale/query:lost-answer@1"),
        click.option("--fault-rate", type=click.FloatRange(0, 1), default=0.0, show_default=True,
                     help="Break requests by chance / ломать запросы случайно, 0…1"),
        click.option("--seed", type=int, default=1, show_default=True,
                     help="Seed of the base and of chance / зерно базы и случайностей"),
        click.option("-v", "--verbose", is_flag=True, help="A line per request / строка на каждый запрос"),
        output_option,
    )  # fmt: skip
    made: Any = wrapper
    for option in reversed(options):
        made = option(made)
    found: Function = made
    return found


@contextmanager
def _violations() -> Iterator[None]:
    """What a real 1C would stop at ends the command with the code of a failed check."""
    try:
        yield
    except ProtocolViolation as error:
        _complain(error)
        raise click.exceptions.Exit(CHECK_FAILED) from error
    except DocumentRefused as error:
        _complain(error)
        raise click.exceptions.Exit(PARTIAL) from error


def _complain(error: SyncdError) -> None:
    talk.print(f"[bold red]{error.code}[/] {escape(error.text())}")


def _status(_ctx: click.Context, _param: click.Parameter, values: Sequence[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for value in values:
        number, separator, status = value.partition("=")
        if not (number and separator and status):
            raise click.BadParameter(tr("write it as NUMBER=STATUS", "запишите как НОМЕР=СТАТУС"))
        found.append((number, status))
    return tuple(found)


def _zone(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise click.BadParameter(tr("no such time zone", "нет такого часового пояса")) from error
    return value


def _orders_options(function: Function) -> Function:
    @functools.wraps(function)
    def wrapper(
        *args: Any, state: Path, zone: str, status: tuple[tuple[str, str], ...], pay: tuple[str, ...],
        ship: tuple[str, ...], cancel: tuple[str, ...], **kwargs: Any,
    ) -> object:  # fmt: skip
        if not state.parent.is_dir():
            raise click.BadParameter(tr("its folder is not there", "такой папки нет"), param_hint="--state")
        orders = KeptOrders.open(state, zone=zone)
        return function(*args, orders=orders, deeds=Deeds(status, pay, ship, cancel), **kwargs)

    options = (
        click.option("--state", type=click.Path(path_type=Path, dir_okay=False), default=Path("onec.json"),
                     show_default=True, help="File of the emulated 1C's documents / файл документов эмулятора"),
        click.option("--zone", default="Europe/Moscow", show_default=True, callback=_zone,
                     help="Time zone of the emulated 1C / её часовой пояс"),
        click.option("--status", multiple=True, metavar="NUMBER=STATUS", callback=_status,
                     help="Give an order a status / дать заказу статус"),
        click.option("--pay", multiple=True, metavar="NUMBER", help="Pay it whole / оплатить полностью"),
        click.option("--ship", multiple=True, metavar="NUMBER", help="Ship it / отгрузить"),
        click.option("--cancel", multiple=True, metavar="NUMBER", help="Cancel it / отменить"),
    )  # fmt: skip
    made: Any = wrapper
    for option in reversed(options):
        made = option(made)
    found: Function = made
    return found


def _base_options(function: Function) -> Function:
    options = (
        click.option("--products", type=click.IntRange(1, 10_000_000), default=500, show_default=True,
                     help="How many goods / сколько товаров"),
        click.option("--portions", type=click.IntRange(1, 10_000), default=1, show_default=True,
                     help="In how many portions / на сколько порций делить"),
        click.option("--full/--changes", default=True, show_default=True,
                     help="Everything, or one round of changes / всё или только изменения"),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


# --- commands ---------------------------------------------------------------------------------------------------------


@click.group()
def emulate() -> None:
    """Be a 1C for any exchange address / сыграть 1С для любого адреса обмена.

    Exit codes: 4 the site refused, 5 1C could not write an order, 6 no answer, 7 the site broke the protocol.
    """


emulate.add_command(infobase)
emulate.add_command(service)


@emulate.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@_base_options
@_site_options
def push(paths: tuple[Path, ...], products: int, portions: int, full: bool, seed: int, site: Site) -> None:
    """Send a made-up catalogue, or PATHS / выгрузить придуманный каталог или PATHS (XML, ZIP, folders / папки)."""
    with site.client() as (client, bar):
        if paths:
            report = push_files(client, paths, progress=bar.portion)
        else:
            report = _push(client, bar, _base(seed, products, full=full), full=full, portions=portions)
    show(site.output, site.faults.struck, catalogue=report)


@emulate.command()
@_orders_options
@_site_options
def orders(orders: KeptOrders, deeds: Deeds, seed: int, site: Site) -> None:
    """Fetch orders, confirm them, send statuses back / забрать заказы, подтвердить, вернуть статусы."""
    del seed
    with site.client() as (client, bar):
        report = exchange_orders(client, orders, progress=bar.portion)
        if deeds.do(orders):
            _back(client, orders, report, bar)
    show(site.output, site.faults.struck, orders=report)


@emulate.command()
@_base_options
@_orders_options
@click.option("--answer/--no-answer", default=True, show_default=True,
              help="Post new orders, send their numbers back / провести новые заказы, вернуть номера")  # fmt: skip
@_site_options
def session(
    products: int, portions: int, full: bool, orders: KeptOrders, deeds: Deeds, answer: bool, seed: int, site: Site
) -> None:
    """The whole of it: catalogue, orders, statuses back / всё сразу: каталог, заказы, статусы обратно."""
    with site.client() as (client, bar):
        catalogue = _push(client, bar, _base(seed, products, full=full), full=full, portions=portions)
        before = set(orders.orders)
        report = exchange_orders(client, orders, progress=bar.portion)
        if answer:
            for guid in orders.orders.keys() - before:
                orders.post(orders.orders[guid].number)
        if deeds.do(orders) or answer:
            _back(client, orders, report, bar)
    show(site.output, site.faults.struck, catalogue=catalogue, orders=report)


def _base(seed: int, products: int, *, full: bool) -> TradeBase:
    """The base; for ``--changes`` with one round of them, the same every time."""
    base = TradeBase.generate(seed, products=products)
    if not full:
        base.change(names=0.02, prices=0.1, stocks=0.2, deleted=0.005)
    return base


def _push(client: StandardClient, bar: Bar, base: TradeBase, *, full: bool, portions: int) -> PushReport:
    return push_catalogue(client, base, full=full, portions=portions, progress=bar.portion)


def _back(client: StandardClient, orders: KeptOrders, report: OrdersReport, bar: Bar) -> None:
    """Send what changed in 1C, and count it into the report."""
    sent = send_statuses(client, orders, progress=bar.portion)
    report.sent += sent.sent
    report.upload.add(sent.upload)
    report.seconds += sent.seconds
