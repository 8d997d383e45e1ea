"""``syncd outbox retry|cancel|hold|release``: one message at once, several as a batch behind live traffic."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, TypeVar

import click

from syncd.cli.bulk import SAMPLES, Wish, batch_options, begin, quiet, require_reason, say
from syncd.cli.codes import PARTIAL
from syncd.cli.filtering import where_filter
from syncd.cli.outbox_rows import document, one_message
from syncd.cli.output import Format, ask, emit, os_user, output_option, talk
from syncd.cli.runtime import tenant_option
from syncd.errors import Refused
from syncd.filters.vocabularies import MESSAGES
from syncd.i18n import tr
from syncd.queue import acts
from syncd.store.db import Conn, Row
from syncd.sync import choosing
from syncd.sync.choosing import Choice
from syncd.sync.context import Context

Function = TypeVar("Function", bound=Callable[..., Any])

_SINGLE: Final = {"retry": acts.retry, "cancel": acts.cancel, "hold": acts.hold, "release": acts.release}


def _options(function: Function) -> Function:
    """Which messages, and how."""
    options = (
        click.argument("words", metavar="[ID|NUMBER]...", nargs=-1),
        click.option("--where", metavar="FILTER", help='Filter / отбор: state:rejected code:E142 after:-3h text:"…"'),
        batch_options,
        tenant_option,
        output_option,
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@click.command()
@click.option("--state", "states", multiple=True, type=click.Choice([*acts.RETRYABLE, "acknowledged"]),
              help="All in this state / все в этом состоянии")  # fmt: skip
@click.option("--force", is_flag=True, help="Confirmed ones too / и подтверждённые 1С")
@_options
def retry(words: tuple[str, ...], states: tuple[str, ...], where: str | None, **rest: Any) -> None:
    """Send again; 1C matches orders by number / отправить снова; 1С находит заказ по номеру.

    One is sent again at once; several become a batch behind live traffic. Exit code 5 when some could not be.
    """
    if states:
        where = f"{where or ''} state:{','.join(states)}".strip()
    _act("retry", words, where, **rest)


@click.command()
@_options
def cancel(words: tuple[str, ...], where: str | None, **rest: Any) -> None:
    """Never send it; of an unconfirmed one 1C may have the document / не отправлять; проверьте 1С, если уже ушло."""
    _act("cancel", words, where, **rest)


@click.command()
@_options
def hold(words: tuple[str, ...], where: str | None, **rest: Any) -> None:
    """Keep it back until release / придержать до release."""
    _act("hold", words, where, **rest)


@click.command()
@_options
def release(words: tuple[str, ...], where: str | None, **rest: Any) -> None:
    """Let a held one go / отпустить придержанное."""
    _act("release", words, where, **rest)


def _act(
    action: str, words: tuple[str, ...], where: str | None, *, reason: str, rate: Decimal | None, limit: int | None,
    dry_run: bool, yes: bool, wait: bool, tenant: str, output: Format, force: bool = False,
) -> None:  # fmt: skip
    if not words and not (where or "").strip():
        raise click.UsageError(tr("Name messages, or --where.", "Назовите сообщения или укажите --where."))
    if words and (where or "").strip():
        raise click.UsageError(tr("Name messages or --where, not both.", "Либо сообщения, либо --where."))
    require_reason(reason, dry_run=dry_run)
    wish = Wish(action, tenant, reason, rate, limit, dry_run, yes, wait, force, output)
    with quiet() as ctx:
        with ctx.db.transaction() as conn:
            known = [one_message(conn, tenant, word) for word in words]
            if action == "retry":
                _forced(known, force=force)
            found = where_filter(conn, where, MESSAGES)
            choice = choosing.messages(
                conn, tenant, action, where=found, ids=[row["id"] for row in known] if known else None, force=force
            )
        if len(known) == 1 and choice.chosen:
            _one(ctx, wish, choice, known[0])
            return
        _refuse_none(known, choice, action)
        begin(ctx, wish, choice, found.words() if found else tr("by id", "по id"), {"where": where, "ids": list(words)})
    if known and choice.left_out:
        raise SystemExit(PARTIAL)


def _refuse_none(known: list[Row], choice: Choice, action: str) -> None:
    """A person named messages, and none of them may be acted on: that is no success."""
    if known and not choice.chosen:
        raise Refused("E974", action=action, number=_name(known[0]), state=known[0]["state"])


def _one(ctx: Context, wish: Wish, choice: Choice, row: Row) -> None:
    """A single message: now, and not behind the others."""
    say(choice, "", more=0, rate=None)
    if not wish.dry_run:
        ask(tr("Go on?", "Продолжить?"), yes=wish.yes)
    done = False
    with ctx.db.transaction() as conn:
        if not wish.dry_run:
            done = _do(conn, wish, row)
    ctx.doorbell.ring()
    if wish.output != "table":
        emit([{**document(row), "done": done}], [], wish.output)
    else:
        click.echo(row["id"])
    if wish.dry_run:
        talk.print(tr("Nothing was changed (--dry-run).", "Ничего не изменено (--dry-run)."))
    elif not done:
        talk.print(tr("It has changed meanwhile; nothing was done.", "Оно успело измениться; ничего не сделано."))
        raise SystemExit(PARTIAL)
    else:
        talk.print(tr("Done.", "Сделано."))


def _do(conn: Conn, wish: Wish, row: Row) -> bool:
    if wish.action == "retry":
        return acts.retry(conn, wish.tenant, row["id"], by=os_user(), reason=wish.reason, force=wish.force)
    return _SINGLE[wish.action](conn, wish.tenant, row["id"], by=os_user(), reason=wish.reason)


def _name(row: Row) -> str:
    return str(row["number"] or row["key"])


def _forced(rows: list[Row], *, force: bool) -> None:
    confirmed = [_name(row) for row in rows if row["state"] == "acknowledged"]
    if not confirmed:
        return
    if not force:
        more = f" (+{len(confirmed) - SAMPLES})" if len(confirmed) > SAMPLES else ""
        raise Refused("E415", number=", ".join(confirmed[:SAMPLES]) + more)
    talk.print(tr(f"! {len(confirmed)} of them are confirmed: 1C will get them again and match them by number.",
                  f"! Из них подтверждены {len(confirmed)}: 1С получит их снова и сопоставит по номеру."))  # fmt: skip
