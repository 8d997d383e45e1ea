"""``syncd endpoint``: the targets we call. Passwords come from a variable, a file or stdin, never as an argument."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar
from uuid import UUID

import click

from syncd.adapters import webhooks
from syncd.cli import endpoint_site
from syncd.cli.endpoint_report import explain, listed, overview
from syncd.cli.output import Format, ask, dump, os_user, output_option, safe, talk, yes_option
from syncd.cli.passwords import password_from
from syncd.cli.runtime import database, settings, tenant_option
from syncd.errors import ConfigError, RequestError
from syncd.i18n import tr
from syncd.log import mask
from syncd.queue.events import GROUPS, NAMES
from syncd.spans import span
from syncd.store import access, endpoints, secrets
from syncd.store.db import Conn, Database
from syncd.store.delivery_tables import ENDPOINT_KINDS
from syncd.store.endpoints import ORDER, Endpoint
from syncd.sync.targets import PROTOCOLS

Function = TypeVar("Function", bound=Callable[..., Any])
_BASES: Final = frozenset({"http_service", "odata", "soap"})
_SITE_SECONDS: Final = 3600.0
"""How long a site may import one file."""
_PER: Final = {"s": 1, "m": 60, "h": 3600}


@click.group()
def endpoint() -> None:
    """Targets we call: bases of 1C, webhooks, people / кого вызываем мы: базы 1С, вебхуки, люди."""


endpoint.add_command(endpoint_site.push)
endpoint.add_command(endpoint_site.fetch)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the options ask for; ``None`` where an option was not given."""

    address: str | None
    infobase: str | None
    login: str | None
    password_from: str | None
    ca: str | None
    pairs: tuple[str, ...]
    takes: tuple[str, ...] | None
    concurrency: int | None
    rate: Decimal | None
    timeout: float | None


def _takes(_ctx: click.Context, _param: click.Parameter, values: Sequence[str]) -> tuple[str, ...] | None:
    """Kinds of messages, between commas or repeated; an empty one means none."""
    if not values:
        return None
    found = tuple(dict.fromkeys(word.strip() for value in values for word in value.split(",") if word.strip()))
    known = {ORDER, "*", *NAMES, *GROUPS}
    unknown = [word for word in found if word not in known]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r}: " + tr("known are", "известны") + " " + ", ".join(sorted(known)))
    return found


def _rate(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Decimal | None:
    """Messages per second: ``5``, ``5/s``, ``30/m``, ``100/h``."""
    if value is None:
        return None
    number, _, unit = value.partition("/")
    try:
        found = Decimal(number) / _PER[unit or "s"]
    except (InvalidOperation, KeyError):
        found = Decimal(0)
    if not found.is_finite() or found <= 0:
        raise click.BadParameter(tr("write 5/s, 30/m or 100/h", "запишите 5/s, 30/m или 100/h"))
    return found


def _options(function: Function) -> Function:
    options = (
        click.option("--infobase", help="Base of 1C behind it: its ping opens and closes the way / база 1С за ней"),
        click.option("--login", help="Login / логин"),
        click.option("--password-from", metavar="env:NAME|file:PATH|-",
                     help="Where the password or key is / где лежит пароль или ключ"),
        click.option("--ca", type=click.Path(exists=True, dir_okay=False, resolve_path=True),
                     help="Certificates to trust / доверенные сертификаты"),
        click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE",
                     help="A setting of the protocol; repeat it / настройка протокола; можно повторять"),
        click.option("--takes", multiple=True, callback=_takes, metavar="KIND",
                     help="order, names of events, *; '' for none / order, имена событий, *; '' — ничего"),
        click.option("--concurrency", type=click.IntRange(1, 64), help="Calls at once / одновременных вызовов"),
        click.option("--rate", callback=_rate, metavar="N/s|m|h", help="Messages at most / сообщений не больше"),
        click.option("--timeout", type=click.FloatRange(1, 3600), metavar="SECONDS",
                     help="For one whole call / на один вызов целиком"),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@endpoint.command("add")
@click.argument("name")
@click.option("--kind", type=click.Choice(ENDPOINT_KINDS), required=True, help="Protocol / протокол")
@click.option("--address", required=True, help="Where it is, http(s)://… / где она")
@_options
@tenant_option
@output_option
def add(name: str, kind: str, tenant: str, output: Format, **options: Any) -> None:
    """Deliver to a target / доставлять получателю."""
    if not name.strip():
        raise click.UsageError(tr("A name is needed.", "Нужно имя."))
    wish = Wish(**options)
    found = settings()
    shown_once: str | None = None
    password = password_from(wish.password_from) if wish.password_from else None
    if kind == "webhook" and password is None:
        password = shown_once = webhooks.new_secret()
    values: dict[str, Any] = {
        "concurrency": 1 if kind == "cms" else wish.concurrency, "rate_per_second": wish.rate,
        "timeout_seconds": _SITE_SECONDS if kind == "cms" and wish.timeout is None else wish.timeout,
    }  # fmt: skip
    with database(found) as db, db.transaction() as conn:
        made, adopted = endpoints.add(
            conn, tenant, name=name, kind=kind, address=wish.address or "",
            takes=wish.takes if wish.takes is not None else _usual(kind), settings=_settings({}, wish),
            infobase_id=_infobase(conn, tenant, wish.infobase),
            sealed=secrets.keys(found).seal(password) if password is not None else None,
            **{key: value for key, value in values.items() if value is not None},
        )  # fmt: skip
        _check(made, password, db)
    _said(made, output, adopted=adopted, shown_once=shown_once)


@endpoint.command("set")
@click.argument("name")
@click.option("--address", help="Where it is now / где она теперь")
@click.option("--new-secret", is_flag=True, help="Make a new key of a webhook / выпустить новый ключ вебхука")
@click.option("--overlap", default="24h", show_default=True, metavar="SPAN",
              help="How long the old key signs too / сколько ещё подписывать и старым ключом")  # fmt: skip
@_options
@tenant_option
@output_option
def set_(name: str, new_secret: bool, overlap: str, tenant: str, output: Format, **options: Any) -> None:
    """Change what is given, keep the rest / изменить указанное, остальное оставить."""
    wish = Wish(**options)
    found = settings()
    keys = secrets.keys(found)
    given = password_from(wish.password_from) if wish.password_from else None
    with database(found) as db, db.transaction() as conn:
        known = _known(conn, tenant, name)
        shown_once: str | None = None
        if new_secret:
            if known.kind != "webhook":
                raise click.UsageError(tr("--new-secret is for webhooks.", "--new-secret — для вебхуков."))
            shown_once = webhooks.new_secret()
            until = datetime.now(UTC) + _span(overlap)
            given = webhooks.rotated(known.secret(keys) or "", shown_once, until=until)
        values = _changes(conn, tenant, known, wish)
        if given is not None:
            values["sealed"] = keys.seal(given)
        if not values:
            raise click.UsageError(tr("Nothing to change was given.", "Не указано, что изменить."))
        made, adopted = endpoints.change(conn, tenant, known.id, **values)
        _check(made, made.secret(keys), db)
    _said(made, output, adopted=adopted, shown_once=shown_once)


def _changes(conn: Conn, tenant: str, known: Endpoint, wish: Wish) -> dict[str, Any]:
    values: dict[str, Any] = {
        "address": wish.address, "takes": wish.takes, "concurrency": wish.concurrency, "rate_per_second": wish.rate,
        "timeout_seconds": wish.timeout,
    }  # fmt: skip
    chosen = {key: value for key, value in values.items() if value is not None}
    if wish.infobase is not None:
        chosen["infobase_id"] = _infobase(conn, tenant, wish.infobase)
    if wish.login is not None or wish.ca is not None or wish.pairs:
        chosen["settings"] = _settings(known.settings, wish)
    return chosen


def _usual(kind: str) -> tuple[str, ...]:
    return (ORDER,) if kind in _BASES else () if kind == "cms" else ("*",)


def _settings(before: dict[str, Any], wish: Wish) -> dict[str, Any]:
    """The protocol's settings; a value is JSON where it reads as such, and ``null`` takes a key away."""
    found = dict(before)
    for pair in wish.pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.UsageError(f"--set {pair}: KEY=VALUE")
        if mask(f"{key}=value") != f"{key}=value":
            en, ru = "secrets come by --password-from", "секреты передаются через --password-from"
            raise click.UsageError(f"--set {key}: " + tr(en, ru))
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    given = {"login": wish.login, "ca": wish.ca}
    found |= {key: value for key, value in given.items() if value is not None}
    if ":" in str(found.get("login") or ""):
        raise click.UsageError(tr("A login holds no colon: HTTP cannot send it.",
                                  "В логине не бывает двоеточия: по HTTP его не передать."))  # fmt: skip
    return {key: value for key, value in found.items() if value is not None}


def _infobase(conn: Conn, tenant: str, name: str | None) -> UUID | None:
    if not name:
        return None
    found = access.infobase_id(conn, tenant, name)
    if found is None:
        raise RequestError("E305", what=tr("Infobase", "База"), id=name, shown="`syncd infobase list`")
    return found


def _check(made: Endpoint, password: str | None, db: Database) -> None:
    """Open it once, so that what is wrong with it is said now. Raises ``ConfigError``; nothing is stored then."""
    protocol = PROTOCOLS.get(made.kind)
    if protocol is not None:
        protocol.open(made, password, db).close()
    elif made.takes:
        raise ConfigError("E903", kind=made.kind, endpoint=made.name)


def _span(value: str) -> timedelta:
    try:
        return span(value)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _known(conn: Conn, tenant: str, name: str) -> Endpoint:
    found = endpoints.by_name(conn, tenant, name)
    if found is None:
        raise RequestError("E305", what=tr("Endpoint", "Получатель"), id=name, shown="`syncd endpoint list`")
    return found


def _said(made: Endpoint, output: Format, *, adopted: int = 0, shown_once: str | None = None) -> None:
    if output != "table":
        once = {"secret": shown_once} if shown_once else {}
        click.echo(dump(endpoints.shown(made) | {"adopted": adopted} | once))
        return
    explain(made, adopted)
    if shown_once:
        talk.print(tr("The key of its signatures; it is not shown again:",
                      "Ключ его подписей; больше не будет показан:"))  # fmt: skip
        click.echo(shown_once)


# --- looking ----------------------------------------------------------------------------------------------------------


@endpoint.command("list")
@tenant_option
@output_option
def list_(tenant: str, output: Format) -> None:
    """Which there are, and whether their way is open / какие есть и открыт ли к ним путь."""
    with database() as db, db.transaction() as conn:
        rows = [endpoints.shown(each) | endpoints.counts(conn, each) for each in endpoints.every(conn, tenant)]
    listed(rows, output)


@endpoint.command("show")
@click.argument("name")
@tenant_option
@output_option
def show(name: str, tenant: str, output: Format) -> None:
    """Everything about one, but its secret / всё о получателе, кроме секрета."""
    with database() as db, db.transaction() as conn:
        found = _known(conn, tenant, name)
        row = endpoints.shown(found) | endpoints.counts(conn, found)
    if output == "table":
        overview(row)
    else:
        click.echo(dump(row))


# --- acting -----------------------------------------------------------------------------------------------------------


@endpoint.command("pause")
@click.argument("name")
@click.option("--reason", required=True, help="Why, for the record / почему, для истории")
@click.option("--for", "for_", metavar="SPAN", help="30m, 2h, 1d; without: until resumed / без него — до resume")
@tenant_option
@output_option
def pause(name: str, reason: str, for_: str | None, tenant: str, output: Format) -> None:
    """Send nothing there for a while; messages wait / ничего не отправлять; сообщения подождут."""
    until = datetime.now(UTC) + _span(for_) if for_ else None
    with database() as db, db.transaction() as conn:
        found = _known(conn, tenant, name)
        endpoints.pause(conn, tenant, found.id, until=until, reason=reason, by=os_user())
        made = _known(conn, tenant, name)
    _said(made, output)


@endpoint.command("resume")
@click.argument("name")
@tenant_option
@output_option
def resume(name: str, tenant: str, output: Format) -> None:
    """End a pause, open the gate, enable what was disabled / снять паузу, открыть путь, включить отключённое."""
    with database() as db, db.transaction() as conn:
        found = _known(conn, tenant, name)
        endpoints.resume(conn, tenant, found.id)
        made = _known(conn, tenant, name)
    _said(made, output)


@endpoint.command("remove")
@click.argument("name")
@yes_option
@click.option("--release", is_flag=True, help="Free orders never sent / освободить заказы, которые не отправлялись")
@tenant_option
@output_option
def remove(name: str, yes: bool, release: bool, tenant: str, output: Format) -> None:
    """Forget a target; refused while messages go there / забыть получателя; нельзя, пока ему идут сообщения."""
    with database() as db:
        with db.transaction() as conn:
            found = _known(conn, tenant, name)
        ask(tr(f"Endpoint {name} will be forgotten, its password too. Go on?",
               f"Получатель {name} и его пароль будут забыты. Продолжить?"), yes=yes)  # fmt: skip
        with db.transaction() as conn:
            released = endpoints.remove(conn, tenant, found.id, release=release, by=os_user())
    if output != "table":
        click.echo(dump({"tenant": tenant, "name": name, "removed": True, "released": released}))
        return
    talk.print(safe(tr(f"{name} was removed.", f"{name}: удалён.")))
    if released:
        talk.print(tr(f"Orders without an endpoint now: {released}", f"Заказов без получателя теперь: {released}"))
