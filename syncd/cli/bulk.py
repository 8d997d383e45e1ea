"""Acting on many things at once: say what would be touched, ask, make a batch, and wait for it where that is wished."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar
from uuid import UUID

import click

from syncd import health
from syncd.cli.codes import PARTIAL
from syncd.cli.output import Format, ask, duration, moment, os_user, safe, short, talk
from syncd.cli.output import dump as as_json
from syncd.cli.runtime import database, settings
from syncd.errors import Refused, RequestError
from syncd.i18n import tr
from syncd.queue.broker import Doorbell, make_broker
from syncd.store import batches
from syncd.store.db import Conn, Row
from syncd.sync.batches import work
from syncd.sync.choosing import Choice
from syncd.sync.context import Context

Function = TypeVar("Function", bound=Callable[..., Any])

SAMPLES: Final = 5
_RATE: Final = Decimal(5)
_PER: Final = {"s": 1, "m": 60, "h": 3600}
_LOOK: Final = 0.2


@dataclass(frozen=True, slots=True)
class Wish:
    """What the options ask for, beside what it is done to."""

    action: str
    tenant: str
    reason: str
    rate: Decimal | None
    limit: int | None
    dry_run: bool
    yes: bool
    wait: bool
    force: bool
    output: Format


@contextmanager
def quiet() -> Iterator[Context]:
    """A context for a command that leaves the work to others: it starts no server for the sake of a doorbell."""
    found = settings()
    with database(found) as db:
        yield Context(db, found, Doorbell(make_broker(found.redis_url) if found.redis_url else None))


def batch_options(function: Function) -> Function:
    """``--reason``, ``--rate``, ``--limit``, ``--dry-run``, ``--yes``, ``--wait``."""
    options = (
        click.option("--reason", default="", help="Why; it is recorded / почему; записывается"),
        click.option("--rate", callback=_rate, default="5/s", show_default=True, metavar="N/s|m|h|max",
                     help="At most so many / не быстрее"),
        click.option("--limit", type=click.IntRange(1), help="Only the oldest so many / только столько старейших"),
        click.option("--dry-run", is_flag=True, help="Only say what would be touched / только сказать, что затронет"),
        click.option("--yes", is_flag=True, help="Do not ask / не спрашивать"),
        click.option("--wait", is_flag=True, help="Until the batch is over / дождаться окончания"),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def _rate(_ctx: click.Context, _param: click.Parameter, value: str) -> Decimal | None:
    """``5/s``, ``30/m``, ``100/h``, ``max``: as a number per second; ``None`` for no limit."""
    if value == "max":
        return None
    number, _, unit = value.partition("/")
    try:
        found = Decimal(number) / _PER[unit or "s"]
    except (InvalidOperation, KeyError):
        found = Decimal(0)
    if not found.is_finite() or found <= 0:
        raise click.BadParameter(tr("write 5/s, 30/m, 100/h or max", "запишите 5/s, 30/m, 100/h или max"))
    return found


def require_reason(reason: str, *, dry_run: bool) -> None:
    """Raises a usage error for an action without a reason."""
    if not dry_run and not reason.strip():
        raise click.UsageError(tr('Say why: --reason "…".', 'Укажите причину: --reason "…".'))


# --- before ----------------------------------------------------------------------------------------------------------


def say(choice: Choice, words: str, *, more: int, rate: Decimal | None) -> None:
    """What will be touched: in words, in numbers, with samples, the oldest and the newest."""
    total = len(choice.chosen)
    if words:
        talk.print(tr("Chosen by: ", "Отбор: ") + safe(words), highlight=False)
    kinds = Counter(one.item.kind for one in choice.chosen)
    names = {
        "message": tr("messages", "сообщений"), "package": tr("packages", "пакетов"), "pull": tr("pulls", "получений"),
    }  # fmt: skip
    counted = ", ".join(f"{names[kind]} {number}" for kind, number in kinds.items())
    talk.print(tr("Will be touched: ", "Будет затронуто: ") + (counted or "0"))
    for one in choice.chosen[:SAMPLES]:
        code = f"  {one.code}" if one.code else ""
        shown = short(one.item.subject) if one.item.kind != "pull" else one.item.subject
        talk.print(safe(f"  {shown}  {one.label}  {one.state}{code}  {moment(one.at)}"))
    if total > SAMPLES:
        talk.print(tr(f"  … and {total - SAMPLES} more", f"  … и ещё {total - SAMPLES}"))
    if total:
        times = [one.at for one in choice.chosen]
        oldest, newest = moment(min(times)), moment(max(times))
        talk.print(tr(f"Oldest {oldest}, newest {newest}", f"Самое старое {oldest}, самое новое {newest}"))
    if more:
        talk.print(tr(f"Left for another time (--limit): {more}", f"Останется на другой раз (--limit): {more}"))
    if choice.left_out:
        states = ", ".join(f"{state} {number}" for state, number in sorted(choice.left_out.items()))
        talk.print(
            tr(f"They match, and are left alone: {states}", f"Подходят под отбор, но не будут тронуты: {states}")
        )
    if total > 1 and rate is not None and float(total / rate) > 1:
        takes = duration(float(total / rate))
        talk.print(tr(f"It takes about {takes}.", f"Займёт примерно {takes}."))


# --- doing -----------------------------------------------------------------------------------------------------------


def begin(ctx: Context, wish: Wish, choice: Choice, words: str, filter_: dict[str, Any]) -> None:
    """Say, ask, make the batch of exactly what was shown, and wait for it when wished. Prints its id.

    Exits with 5 when it was waited for and something of it could not be done.
    """
    more = choice.cut(wish.limit)
    say(choice, words, more=more, rate=wish.rate)
    document: dict[str, Any] = {"batch": None, "action": wish.action, "total": len(choice.chosen), "words": words,
                                "left_out": choice.left_out}  # fmt: skip
    if wish.dry_run or not choice.chosen:
        nothing = tr("Nothing was changed (--dry-run).", "Ничего не изменено (--dry-run).")
        talk.print(nothing if wish.dry_run else tr("There is nothing to do.", "Делать нечего."))
        if wish.output != "table":
            items = [{"kind": one.item.kind, "id": one.item.subject, "label": one.label, "state": one.state,
                      "code": one.code, "at": one.at} for one in choice.chosen]  # fmt: skip
            click.echo(as_json({**document, "items": items}))
        return
    ask(tr("Go on?", "Продолжить?"), yes=wish.yes)
    with ctx.db.transaction() as conn:
        made = batches.create(
            conn, wish.tenant, action=wish.action, filter_={**filter_, "force": wish.force}, words=words,
            reason=wish.reason, by=os_user(), rate=wish.rate, items=[one.item for one in choice.chosen],
        )  # fmt: skip
        alone = health.workers(conn) == 0
    ctx.doorbell.ring()
    row = wait_for(ctx, wish.tenant, made) if wish.wait else None
    if wish.output == "table":
        click.echo(made)
        _next(made, row, alone=alone)
    else:
        click.echo(as_json({**document, "batch": made, **(progress(row) if row else {})}))
    if row is not None and (row["skipped"] or row["failed"]):
        raise SystemExit(PARTIAL)


def _next(made: UUID, row: Row | None, *, alone: bool) -> None:
    if row is not None:
        talk.print(in_words(row))
        return
    if alone:
        talk.print(tr("! no worker is alive: the batch waits for one, or add --wait",
                      "! нет ни одного живого worker: пакет подождёт; или добавьте --wait"))  # fmt: skip
    talk.print(f"-> syncd batch show {made} --watch", markup=False)


def wait_for(ctx: Context, tenant: str, batch_id: UUID) -> Row:
    """Wait until the batch is over; where no worker lives it is done here."""
    here = threading.Event()
    while True:
        with ctx.db.transaction() as conn:
            row = one_batch(conn, tenant, str(batch_id))
            if row["state"] in {"done", "cancelled"}:
                return row
            alone = health.workers(conn) == 0
            lease = ctx.settings.worker.lease_seconds
            claim = batches.claim(conn, lease, only=batch_id) if alone else None
        if claim is None:
            time.sleep(_LOOK)
        else:
            work(ctx, claim, here)


def one_batch(conn: Conn, tenant: str, word: str) -> Row:
    """The batch a word means. Raises ``RequestError`` E305, ``Refused`` E413."""
    found = batches.matching(conn, tenant, word)
    if not found:
        raise RequestError("E305", what=tr("Batch", "Пакет действий"), id=word, shown="`syncd batch list`")
    if len(found) > 1:
        raise Refused("E413", word=word, found=", ".join(str(row["id"]) for row in found))
    return found[0]


def progress(row: Row) -> dict[str, Any]:
    """How far a batch is, for programs."""
    return {name: row[name] for name in ("state", "total", "done", "skipped", "failed", "left")}


def in_words(row: Row) -> str:
    """How far a batch is, in a line."""
    en = f"{row['state']}: done {row['done']} of {row['total']}, skipped {row['skipped']}, failed {row['failed']}"
    ru = f"{row['state']}: сделано {row['done']} из {row['total']}, пропущено {row['skipped']}, ошибок {row['failed']}"
    return tr(en, ru)
