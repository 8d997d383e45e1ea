"""``syncd infobase``: the 1C bases that may exchange with us."""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from syncd import yamlfile
from syncd.cli.infobase_health import COMMANDS, state
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
    talk,
    text,
    yes_option,
)  # fmt: skip
from syncd.cli.runtime import DEFAULT_TENANT, database, settings, tenant_option
from syncd.config import Settings
from syncd.errors import Refused, RequestError
from syncd.health import standing
from syncd.i18n import tr
from syncd.mappings import orders as orders_mapping
from syncd.queue import acts
from syncd.store import access, endpoints, infobase_words
from syncd.store.db import Conn
from syncd.store.infobase_words import Words


@click.group()
def infobase() -> None:
    """Bases of 1C that may exchange with us / базы 1С, которым разрешён обмен."""


@infobase.command("add")
@click.argument("name")
@click.option("--login", required=True, help="Login that 1C will send / логин, с которым придёт 1С")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin / прочитать пароль из stdin")
@click.option("--dialect", type=click.Choice(["auto", "standard", "bitrix"]), default="auto", show_default=True,
              help="How orders are written for it / как писать для неё заказы")  # fmt: skip
@click.option("--zone", help="Time zone of the base / часовой пояс базы (default: setting zone)")
@click.option("--replace", is_flag=True, help="Change the one of this name / изменить базу с этим именем")
@tenant_option
@output_option
def add(
    name: str,
    login: str,
    password_stdin: bool,
    dialect: str,
    zone: str | None,
    replace: bool,
    tenant: str,
    output: Format,
) -> None:
    """Let a base exchange with us / разрешить базе обмен."""
    found = settings()
    zone = _zone(zone or found.zone)
    if not name.strip() or not login or ":" in login:
        raise click.UsageError(tr("A name and a login are needed, and a login holds no colon.",
                                  "Нужны имя и логин, и в логине не бывает двоеточия."))  # fmt: skip
    password = _password(password_stdin)
    with database(found) as db, db.transaction() as conn:
        existed = access.infobase_id(conn, tenant, name) is not None
        if existed and not replace:
            hint = tr(
                "Add --replace to change its login and password.", "Добавьте --replace, чтобы сменить логин и пароль."
            )
            raise Refused("E411", what=_what(), name=name, hint=hint)
        other = access.find_login(conn, tenant, login)
        if other and other[0].name != name:
            hint = tr(f"It belongs to infobase {other[0].name!r}.", f"Он принадлежит базе {other[0].name!r}.")
            raise Refused("E411", what=tr("Login", "Логин"), name=login, hint=hint)
        made = access.add_infobase(conn, tenant, name, login, password, dialect=dialect, zone=zone)
    where = address(found, tenant, dialect)
    if output == "table":
        _explain(name, login, where, existed=existed)
        return
    click.echo(dump({
        "id": made, "tenant": tenant, "name": name, "login": login, "dialect": dialect, "zone": zone, "address": where,
        "replaced": existed,
    }))  # fmt: skip


def _what() -> str:
    return tr("Infobase", "База")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        en, ru = (
            f"{name!r} is no time zone; write it as Europe/Moscow",
            f"{name!r} — не часовой пояс; пример: Europe/Moscow",
        )
        raise click.UsageError(tr(en, ru)) from error
    return name


def _password(from_stdin: bool) -> str:
    """The password, from stdin or asked for without an echo. It is never an argument: others see those."""
    if from_stdin:
        try:
            given = sys.stdin.buffer.read().decode("utf-8")
        except UnicodeDecodeError as error:
            raise click.UsageError(tr("The password is not UTF-8.", "Пароль не в UTF-8.")) from error
        password = given.removesuffix("\r\n") if given.endswith("\r\n") else given.removesuffix("\n")
    elif sys.stdin.isatty():
        password = click.prompt(tr("Password", "Пароль"), hide_input=True, confirmation_prompt=True, err=True)
    else:
        raise click.UsageError(tr("Give the password to --password-stdin.", "Передайте пароль через --password-stdin."))
    if not password:
        raise click.UsageError(tr("The password is empty.", "Пароль пуст."))
    return str(password)


def address(found: Settings, tenant: str, dialect: str) -> str:
    """What is typed into 1C as the address of the site."""
    path = "/bitrix/admin/1c_exchange.php" if dialect == "bitrix" else "/1c_exchange"
    host = f"[{found.api.host}]" if ":" in found.api.host else found.api.host
    return f"http://{host}:{found.api.port}" + ("" if tenant == DEFAULT_TENANT else f"/t/{tenant}") + path


def _explain(name: str, login: str, where: str, *, existed: bool) -> None:
    done = tr("changed", "изменена") if existed else tr("may exchange", "может обмениваться")
    talk.print(safe(f"{_what()} {name}: {done}."))
    talk.print(tr("Type into the exchange settings of 1C:", "Введите в настройках обмена 1С:"))
    talk.print(safe(tr(f"  Address   {where}", f"  Адрес     {where}")))
    talk.print(safe(tr(f"  Login     {login}", f"  Логин     {login}")))
    talk.print(tr("  Password  the one you have just given", "  Пароль    тот, что вы сейчас задали"))
    talk.print(tr("From another machine use the host and port at which it reaches syncd. Then: syncd journal tail -f",
                  "С другой машины — узел и порт, где виден syncd. Дальше: syncd journal tail -f"))  # fmt: skip


@infobase.command("list")
@tenant_option
@output_option
def list_(tenant: str, output: Format) -> None:
    """Which bases there are, how they are, when they called / какие базы есть, живы ли, когда приходили."""
    with database() as db, db.transaction() as conn:
        rows = [
            row | {"message": standing.error_text(row)} if output != "table" else row | {"said": state(row)}
            for row in standing.every_infobase(conn, tenant)
        ]
    columns = [
        Column("name", tr("name", "имя")), Column("said", tr("state", "состояние")),
        Column("since", tr("for", "уже"), ago), Column("latency_ms", tr("latency, ms", "отклик, мс"), _whole),
        Column("seen_at", tr("called us, ago", "приходила, назад"), ago),
        Column("login", tr("login", "логин")), Column("dialect", tr("dialect", "диалект")),
        Column("zone", tr("zone", "пояс")), Column("orders_mapping", tr("own mapping", "свой файл"), text),
        Column("created_at", tr("made", "создана"), moment),
    ]  # fmt: skip
    emit(rows, columns, output, empty=tr("No infobase yet: syncd infobase add NAME --login LOGIN",
                                         "Баз пока нет: syncd infobase add ИМЯ --login ЛОГИН"))  # fmt: skip


def _whole(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, int | float) else ""


for command in COMMANDS:
    infobase.add_command(command)


@infobase.command("mapping")
@click.argument("name")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--default", "drop", is_flag=True, help="Back to exchange.orders_mapping / вернуться к общему файлу")
@tenant_option
def mapping(name: str, file: Path | None, drop: bool, tenant: str) -> None:
    """The words of this base in orders: set, show, drop / слова этой базы в заказах: задать, показать, убрать.

    Without FILE prints what the base has of its own. FILE is copied into Postgres and holds from the next exchange on.
    """
    if file and drop:
        raise click.UsageError(tr("Give a file or --default, not both.", "Нужен файл или --default, а не оба."))
    words = Words(str(file), yamlfile.text_of(file)) if file else None
    if words:
        orders_mapping.parse(words.text, Path(words.file))
    with database() as db, db.transaction() as conn:
        found = access.infobase_id(conn, tenant, name)
        if found is None:
            raise RequestError("E305", what=_what(), id=name, shown="`syncd infobase list`")
        if words or drop:
            infobase_words.keep(conn, tenant, found, words)
        else:
            words = infobase_words.of(conn, tenant, found)
            if words:
                click.echo(words.text, nl=not words.text.endswith("\n"))
    if words:
        talk.print(safe(tr(f"{name}: own orders mapping, from {words.file}.",
                           f"{name}: свой файл соответствий заказов, из {words.file}.")))  # fmt: skip
    else:
        talk.print(safe(tr(f"{name}: the orders mapping of the installation.",
                           f"{name}: общий файл соответствий заказов.")))  # fmt: skip


@infobase.command("remove")
@click.argument("name")
@yes_option
@click.option("--release", is_flag=True, help="Give its open orders to the next base / отдать её заказы следующей базе")
@tenant_option
@output_option
def remove(name: str, yes: bool, release: bool, tenant: str, output: Format) -> None:
    """Forbid a base to exchange; what it sent stays / запретить базе обмен; присланное останется."""
    with database() as db:
        with db.transaction() as conn:
            _removable(conn, tenant, name, release=release)
        ask(tr(f"Infobase {name} will not be able to exchange any more. Go on?",
               f"База {name} больше не сможет обмениваться. Продолжить?"), yes=yes)  # fmt: skip
        with db.transaction() as conn:
            id_, released = _removable(conn, tenant, name, release=release)
            acts.unbind(conn, tenant, id_, by=os_user(), reason=f"infobase {name} removed")
            access.remove_infobase(conn, tenant, name)
    if output != "table":
        click.echo(dump({"tenant": tenant, "name": name, "removed": True, "released": released}))
        return
    talk.print(safe(tr(f"{name} was removed.", f"{name}: удалена.")))
    if released:
        talk.print(tr(f"Orders for the next base: {released}", f"Заказов для следующей базы: {released}"))


def _removable(conn: Conn, tenant: str, name: str, *, release: bool) -> tuple[UUID, int]:
    """Its id, and how many orders only this base would be offered: they may not be left behind. Raises E305, E414."""
    found = access.infobase_id(conn, tenant, name)
    if found is None:
        raise RequestError("E305", what=_what(), id=name, shown="`syncd infobase list`")
    ways = [each.name for each in endpoints.every(conn, tenant) if each.infobase_id == found]
    if ways:
        raise Refused("E938", name=name, endpoints=", ".join(ways))
    count = acts.bound(conn, tenant, found)
    if count and not release:
        raise Refused("E414", name=name, count=count)
    return found, count
