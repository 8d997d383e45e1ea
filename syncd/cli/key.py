"""``syncd key``: API keys of storefronts."""

from __future__ import annotations

from typing import Any

import click

from syncd.cli.output import Column, Format, ask, dump, emit, moment, output_option, safe, talk, yes_option
from syncd.cli.runtime import database, tenant_option
from syncd.errors import Refused, RequestError
from syncd.i18n import tr
from syncd.store import access


@click.group()
def key() -> None:
    """API keys of storefronts / API-ключи витрин."""


@key.command("create")
@click.argument("name")
@click.option("--storefront", help="Whose orders / чьи заказы (default: NAME)")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(["read", "orders"]), default=("read", "orders"),
              show_default=True, help="What it allows; repeat it / что разрешает; можно повторять")  # fmt: skip
@tenant_option
@output_option
def create(name: str, storefront: str | None, scopes: tuple[str, ...], tenant: str, output: Format) -> None:
    """Make a key and print it once / создать ключ и один раз показать его."""
    if not name.strip():
        raise click.UsageError(tr("A name is needed.", "Нужно имя."))
    allowed = sorted(set(scopes), reverse=True)
    with database() as db, db.transaction() as conn:
        if access.key_exists(conn, tenant, name):
            hint = tr(
                "Revoked keys keep their names; choose another one.",
                "Имя отозванного ключа не освобождается; выберите другое.",
            )
            raise Refused("E411", what=_what(), name=name, hint=hint)
        made = access.create_key(conn, tenant, name, storefront or name, allowed)
    if output == "table":
        click.echo(made)
    else:
        document = {"tenant": tenant, "name": name, "storefront": storefront or name, "scopes": allowed, "key": made}
        click.echo(dump(document))
    talk.print(tr("Keep it now: syncd stores only a hash and cannot show it again.",
                  "Сохраните сейчас: syncd хранит только хеш и снова показать ключ не сможет."))  # fmt: skip


def _what() -> str:
    return tr("Key", "Ключ")


def _scopes(value: Any) -> str:
    return ", ".join(value or ())


@key.command("list")
@tenant_option
@output_option
def list_(tenant: str, output: Format) -> None:
    """Which keys there are / какие ключи есть."""
    with database() as db, db.transaction() as conn:
        rows = access.keys(conn, tenant)
    columns = [
        Column("name", tr("name", "имя")), Column("storefront", tr("storefront", "витрина")),
        Column("prefix", tr("begins with", "начало")), Column("scopes", tr("allows", "разрешает"), _scopes),
        Column("created_at", tr("made", "создан"), moment), Column("revoked_at", tr("revoked", "отозван"), moment),
    ]  # fmt: skip
    emit(rows, columns, output, empty=tr("No key yet: syncd key create NAME", "Ключей пока нет: syncd key create ИМЯ"))


@key.command("revoke")
@click.argument("name")
@yes_option
@tenant_option
@output_option
def revoke(name: str, yes: bool, tenant: str, output: Format) -> None:
    """Make a key useless at once / сразу сделать ключ недействительным."""
    with database() as db:
        with db.transaction() as conn:
            known = [row for row in access.keys(conn, tenant) if row["name"] == name and row["revoked_at"] is None]
        if not known:
            raise RequestError("E305", what=_what(), id=name, shown="`syncd key list`")
        shop = known[0]["storefront"]
        ask(tr(f"Storefront {shop} will be turned away with key {name}. Go on?",
               f"Витрина {shop} с ключом {name} получит отказ. Продолжить?"), yes=yes)  # fmt: skip
        with db.transaction() as conn:
            access.revoke_key(conn, tenant, name)
    if output == "table":
        talk.print(safe(tr(f"Key {name} was revoked.", f"Ключ {name} отозван.")))
    else:
        click.echo(dump({"tenant": tenant, "name": name, "revoked": True}))
