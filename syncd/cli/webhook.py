"""``syncd webhook``: events to storefronts, and what their developers need to try them out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import click
from standardwebhooks import Webhook

from syncd.adapters import webhooks
from syncd.adapters.ports import Delivery
from syncd.cli.output import Column, Format, dump, emit, moment, os_user, output_option, safe, talk, text
from syncd.cli.passwords import password_from
from syncd.cli.runtime import database, settings, tenant_option
from syncd.cli.webhook_listen import HEADERS, fits, serve
from syncd.config import Settings
from syncd.errors import ConfigError, Refused, RequestError
from syncd.i18n import tr
from syncd.queue.events import GROUPS, NAMES, emit_to, meaning
from syncd.spans import span
from syncd.store import endpoints, secrets
from syncd.store.db import Conn
from syncd.store.endpoints import Endpoint
from syncd.store.events import TAKERS, plain
from syncd.store.ids import new_id
from syncd.sync.targets import PROTOCOLS


@click.group()
def webhook() -> None:
    """Events to storefronts, signed / события витринам, с подписью."""


def _takes(_ctx: click.Context, _param: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(word.strip() for value in values for word in value.split(",") if word.strip()))
    known = ("*", *GROUPS, *NAMES)
    for word in found:
        if word not in known:
            told = tr(f"{word!r} is no event. Known: ", f"{word!r} — не событие. Известны: ") + ", ".join(known)
            raise click.BadParameter(told)
    return found


@webhook.command("add")
@click.argument("name")
@click.argument("address")
@click.option(
    "--takes",
    multiple=True,
    default=("order.*",),
    show_default=True,
    callback=_takes,
    metavar="EVENT",
    help="Names of events, groups (order.*), * / имена событий, группы (order.*), *",
)
@click.option("--storefront", help="Only orders of this storefront / только заказы этой витрины")
@click.option("--allow-private", is_flag=True, help="The address may be in our own network / адрес в нашей сети")
@click.option(
    "--timeout",
    type=click.FloatRange(1, webhooks.LONGEST_SECONDS),
    default=15.0,
    show_default=True,
    help="Seconds for one call / секунд на вызов",
)
@tenant_option
@output_option
def add(
    name: str, address: str, takes: tuple[str, ...], storefront: str | None, allow_private: bool, timeout: float,
    tenant: str, output: Format,
) -> None:  # fmt: skip
    """Send events to an address; prints its secret once / слать события на адрес; секрет печатается один раз."""
    found = settings()
    secret = webhooks.new_secret()
    address = _ascii(address)
    webhooks.check_address(address)
    chosen = {"storefront": storefront, "allow_private": allow_private or None}
    with database(found) as db, db.transaction() as conn:
        made, _ = endpoints.add(
            conn, tenant, name=name, kind="webhook", address=address, takes=takes, timeout_seconds=timeout,
            settings={key: value for key, value in chosen.items() if value is not None},
            sealed=secrets.keys(found).seal(secret),
        )  # fmt: skip
    if output != "table":
        click.echo(dump({**_shown(made), "secret": secret}))
        return
    if address.startswith("http://") and not allow_private:
        talk.print(tr("! http:// shows the messages to everyone on the way; use https://.",
                      "! По http:// сообщения видны всем на пути; используйте https://."))  # fmt: skip
    talk.print(tr("The secret that verifies the signatures; it is not shown again:",
                  "Секрет для проверки подписей; больше он не будет показан:"))  # fmt: skip
    click.echo(secret)
    talk.print(safe(tr(f"Try it: syncd webhook test {name}", f"Проверьте: syncd webhook test {name}")))


def _ascii(address: str) -> str:
    """An address as it goes over the wire: домен.рф becomes xn--…"""
    with suppress(ValueError):
        parts = urlsplit(address)
        if parts.hostname and not parts.hostname.isascii():
            host = parts.hostname.encode("idna").decode() + (f":{parts.port}" if parts.port else "")
            return urlunsplit(parts._replace(netloc=host))
    return address


def _shown(endpoint: Endpoint) -> dict[str, Any]:
    names = ("id", "name", "kind", "address", "takes", "settings", "failures", "disabled_at", "closed_until", "paused")
    return {name: getattr(endpoint, name) for name in names} | {"state": _state(endpoint)}


def _state(endpoint: Endpoint) -> str:
    if endpoint.disabled_at:
        return tr(f"disabled {endpoint.closed_code or ''}", f"отключён {endpoint.closed_code or ''}").strip()
    if endpoint.paused:
        return tr("paused", "на паузе")
    if endpoint.closed:
        return tr(f"waits {endpoint.closed_code or ''}", f"ждёт {endpoint.closed_code or ''}").strip()
    return tr("open", "открыт")


@webhook.command("list")
@tenant_option
@output_option
def list_(tenant: str, output: Format) -> None:
    """Who is told of what: webhooks, e-mail, Telegram / кому о чём сообщаем: вебхуки, почта, Telegram."""
    with database() as db, db.transaction() as conn:
        found = [each for each in endpoints.every(conn, tenant) if each.kind in TAKERS]
    columns = [
        Column("name", tr("name", "имя")), Column("kind", tr("kind", "вид")), Column("address", tr("address", "адрес")),
        Column("takes", tr("takes", "события"), ", ".join), Column("state", tr("state", "состояние")),
        Column("disabled_at", tr("since", "с"), moment),
    ]  # fmt: skip
    emit([_shown(each) for each in found], columns, output, empty=tr(
        "Nobody is told of anything. Begin with `syncd webhook add`.",
        "Никому ни о чём не сообщаем. Начните с `syncd webhook add`."))  # fmt: skip


@webhook.command("events")
@output_option
def events(output: Format) -> None:
    """The events there are / какие есть события."""
    columns = [Column("event", tr("event", "событие")), Column("meaning", tr("meaning", "смысл"))]
    emit([{"event": name, "meaning": meaning(name)} for name in NAMES], columns, output)


@webhook.command("rotate")
@click.argument("name")
@click.option(
    "--overlap",
    default="24h",
    show_default=True,
    metavar="SPAN",
    help="How long the old secret signs too / сколько ещё подписывать и старым",
)
@tenant_option
@output_option
def rotate(name: str, overlap: str, tenant: str, output: Format) -> None:
    """Make a new secret; the old one signs on for a while / новый секрет; старый ещё действует."""
    try:
        until = datetime.now(UTC) + span(overlap)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    found = settings()
    keys = secrets.keys(found)
    fresh = webhooks.new_secret()
    with database(found) as db, db.transaction() as conn:
        known = _known(conn, tenant, name, ("webhook",))
        stored = webhooks.rotated(known.secret(keys) or "", fresh, until=until)
        endpoints.change(conn, tenant, known.id, sealed=keys.seal(stored))
    if output != "table":
        click.echo(dump({"name": name, "secret": fresh, "old_until": until}))
        return
    talk.print(tr(f"Both secrets sign until {moment(until)}. The new one; it is not shown again:",
                  f"До {moment(until)} подписывают оба. Новый секрет; больше он не будет показан:"))  # fmt: skip
    click.echo(fresh)


def _known(conn: Conn, tenant: str, name: str, kinds: Sequence[str] = TAKERS) -> Endpoint:
    found = endpoints.by_name(conn, tenant, name)
    if found is None:
        raise RequestError("E305", what=tr("Endpoint", "Получатель"), id=name, shown="`syncd webhook list`")
    if found.kind not in kinds:
        detail = tr(f"is of kind {found.kind}; wanted: ", f"вида {found.kind}; нужен: ") + ", ".join(kinds)
        raise Refused("E952", key=name, detail=detail)
    return found


@webhook.command("test")
@click.argument("name")
@click.option("--queue", is_flag=True, help="Through the outbox, as events go / через очередь, как все события")
@tenant_option
@output_option
def test(name: str, queue: bool, tenant: str, output: Format) -> None:
    """Send a trial message and show the answer / отправить пробное сообщение и показать ответ."""
    found = settings()
    marker = new_id()
    data = {"text": tr("A trial of syncd", "Проверка syncd"), "by": os_user()}
    with database(found) as db:
        with db.transaction() as conn:
            known = _known(conn, tenant, name)
            if queue:
                emit_to(conn, tenant, known.id, "test", str(marker), data)
        if queue:
            talk.print(tr("It waits in the outbox: syncd outbox list", "Оно в очереди: syncd outbox list"))
            return
    now = datetime.now(UTC)
    body = {"type": "test", "timestamp": now.isoformat(), "data": plain(data)}
    message = Delivery(
        tenant=tenant, id=marker, kind="event", key="test", revision_no=1, attempt=1, marker=str(marker), body=body,
        created_at=now,
    )  # fmt: skip
    with database(found) as db:
        target = PROTOCOLS[known.kind].open(known, known.secret(secrets.keys(found)), db)
        try:
            receipt = target.deliver(message)
        finally:
            target.close()
    if output == "table":
        talk.print("[green]ok[/] " + safe(text(receipt.ref) + " " + dump(dict(receipt.answer))))
    else:
        click.echo(dump({"id": marker, "ok": True, "ref": receipt.ref, "answer": dict(receipt.answer)}))


# --- for the developer of a storefront --------------------------------------------------------------------------------


def _secret_options(function: Any) -> Any:
    named = click.option("--endpoint", help="The secret of this endpoint / секрет этого получателя")
    given = click.option("--secret-from", metavar="env:NAME|file:PATH|-", help="Where it is / где он лежит")
    return named(given(function))


def _signers(found: Settings, endpoint: str | None, secret_from: str | None, tenant: str) -> list[Webhook]:
    """What signs or verifies: the secrets in force. Nothing when neither option was given."""
    if secret_from:
        return [webhooks.checked(password_from(secret_from))]
    if endpoint is None:
        return []
    with database(found) as db, db.transaction() as conn:
        known = _known(conn, tenant, endpoint, ("webhook",))
    stored = known.secret(secrets.keys(found)) or ""
    return [webhooks.checked(each) for each in webhooks.in_force(stored, datetime.now(UTC))]


def _needed(signers: list[Webhook]) -> list[Webhook]:
    if not signers:
        raise click.UsageError(tr("Name --endpoint or --secret-from.", "Укажите --endpoint или --secret-from."))
    return signers


def _body(path: str) -> bytes:
    return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()


@webhook.command("sign")
@click.argument("path", metavar="FILE|-")
@click.option("--id", "marker", help="webhook-id; without: a fresh one / без него — новый")
@_secret_options
@tenant_option
@output_option
def sign(
    path: str, marker: str | None, endpoint: str | None, secret_from: str | None, tenant: str, output: Format
) -> None:
    """The headers that syncd would send with this body / заголовки, с которыми syncd послал бы это тело."""
    signers = _needed(_signers(settings(), endpoint, secret_from, tenant))
    headers = webhooks.headers_of(signers, marker or str(new_id()), _utf8(_body(path)), datetime.now(UTC))
    if output != "table":
        click.echo(dump(headers))
        return
    for name, value in headers.items():
        click.echo(f"{name}: {value}")


def _utf8(body: bytes) -> bytes:
    try:
        body.decode()
    except UnicodeDecodeError:
        raise Refused("E953", detail=tr("the body is not UTF-8", "тело не в UTF-8")) from None
    return body


@webhook.command("verify")
@click.argument("path", metavar="FILE|-")
@click.option("--id", "marker", required=True, help="Header / заголовок webhook-id")
@click.option("--timestamp", required=True, help="Header / заголовок webhook-timestamp")
@click.option("--signature", required=True, help="Header / заголовок webhook-signature")
@_secret_options
@tenant_option
def verify(
    path: str, marker: str, timestamp: str, signature: str, endpoint: str | None, secret_from: str | None, tenant: str
) -> None:
    """Whether a signature fits the body / подходит ли подпись к телу. Exit code 7 when it does not."""
    signers = _needed(_signers(settings(), endpoint, secret_from, tenant))
    headers = dict(zip(HEADERS, (marker, timestamp, signature), strict=True))
    problem = fits(signers, headers, _body(path))
    if problem is not None:
        raise ConfigError("E953", detail=problem)
    talk.print(tr("[green]ok[/] The signature fits.", "[green]ok[/] Подпись подходит."))


@webhook.command("listen")
@click.option("--port", type=click.IntRange(0, 65535), default=8090, show_default=True, help="0: any / любой")
@click.option(
    "--status", type=click.IntRange(200, 599), default=204, show_default=True, help="What to answer / чем отвечать"
)
@click.option("--count", type=click.IntRange(1), help="End after so many / закончить после стольких")
@_secret_options
@tenant_option
@output_option
def listen(
    port: int, status: int, count: int | None, endpoint: str | None, secret_from: str | None, tenant: str,
    output: Format,
) -> None:  # fmt: skip
    """Print what comes, and whether its signature fits / печатать входящее и проверять подпись.

    Add it first: syncd webhook add dev http://127.0.0.1:8090/ --takes '*' --allow-private
    """
    signers = _signers(settings(), endpoint, secret_from, tenant)
    serve(port, status, signers, count, output)
