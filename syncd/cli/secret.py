"""``syncd secret``: the keys that seal the passwords of endpoints."""

from __future__ import annotations

import click

from syncd.cli.output import Format, ask, dump, output_option, safe, talk, yes_option
from syncd.cli.runtime import database, settings
from syncd.i18n import tr
from syncd.store import secrets


@click.group()
def secret() -> None:
    """Keys that seal stored passwords / ключи, которыми запечатаны пароли."""


@secret.command("new")
def new() -> None:
    """Print a fresh key for SYNCD_SECRET_KEY; changes nothing / напечатать новый ключ; ничего не меняет."""
    click.echo(secrets.new_key())


@secret.command("rotate")
@click.option("--forget", is_flag=True, help="Then drop the older keys of the file / затем удалить старые ключи файла")
@yes_option
@output_option
def rotate(forget: bool, yes: bool, output: Format) -> None:
    """Seal all stored passwords with a new key / запечатать все пароли новым ключом.

    With a key file a new key is made first. With SYNCD_SECRET_KEY put the new key first yourself, the old ones behind
    it, restart syncd, then run this; then the old ones may go. Backups need the keys of their time.
    """
    found = settings()
    if forget and found.secret_key is None:
        ask(tr("Backups of the database made before need the keys that will be dropped. Go on?",
               "Прежним копиям базы понадобятся ключи, которые будут удалены. Продолжить?"), yes=yes)  # fmt: skip
    with database(found) as db, db.transaction() as conn:
        file = secrets.add_key(found)
        count = secrets.rotate(conn, secrets.keys(found))
    dropped = secrets.forget_old(found) if forget and file else 0
    if output != "table":
        click.echo(dump({"sealed": count, "file": file, "dropped": dropped}))
        return
    talk.print(tr(f"Passwords sealed with the first key: {count}.", f"Паролей запечатано первым ключом: {count}."))
    if file:
        talk.print(safe(tr(f"Keep a copy of {file}.", f"Сохраните копию {file}.")))
