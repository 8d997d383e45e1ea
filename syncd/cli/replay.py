"""``syncd replay``: send, import or pull again what a filter, a time or an issue names."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import click

from syncd.cli.bulk import Wish, batch_options, begin, quiet, require_reason
from syncd.cli.filtering import parsed
from syncd.cli.output import Format, output_option
from syncd.cli.runtime import tenant_option
from syncd.errors import Refused, RequestError
from syncd.i18n import tr
from syncd.queue import view
from syncd.schedules import rows
from syncd.store.db import Conn
from syncd.sync import choosing
from syncd.sync.choosing import VOCABULARIES, Choice

_KINDS: Final = tuple(VOCABULARIES)


@click.command()
@click.option(
    "--id",
    "ids",
    multiple=True,
    metavar="ID",
    help="A message, order, package or schedule; repeat it / сообщение, заказ, пакет или расписание",
)
@click.option("--where", metavar="FILTER", help='Filter / отбор: state:rejected code:E142 key:… after:-3h text:"…"')
@click.option("--from", "from_", metavar="TIME", help="Not before: -3h, 10:30, 2026-11-22 / не раньше")
@click.option("--to", metavar="TIME", help="Before: now, -1h / раньше чем")
@click.option("--issue", metavar="ID", help="What an issue touched and never went through since / по проблеме")
@click.option(
    "--what",
    multiple=True,
    type=click.Choice(_KINDS),
    help="Default: message; with --issue all / по умолчанию message, с --issue — всё",
)
@click.option("--force", is_flag=True, help="What 1C confirmed too / и подтверждённое 1С")
@batch_options
@tenant_option
@output_option
def replay(
    ids: tuple[str, ...], where: str | None, from_: str | None, to: str | None, issue: str | None,
    what: tuple[str, ...], force: bool, tenant: str, output: Format, reason: str, rate: Decimal | None,
    limit: int | None, dry_run: bool, yes: bool, wait: bool,
) -> None:  # fmt: skip
    """Send, import or pull again, as a batch / отправить, импортировать или получить снова.

    It goes behind live traffic. Names nothing by itself: give --id, --where, --from or --issue. Always says first what
    it would touch. Without state: in the filter it takes what is rejected, held, unconfirmed or waiting, packages and
    pulls that went wrong.
    """
    if not ids and not issue and not from_ and not to and not (where or "").strip():
        raise click.UsageError(tr("Name what to replay: --id, --where, --from or --issue.",
                                  "Укажите, что повторить: --id, --where, --from или --issue."))  # fmt: skip
    if ids and (where or from_ or to or issue):
        raise click.UsageError(tr("--id stands alone.", "--id не сочетается с отбором."))
    require_reason(reason, dry_run=dry_run)
    wish = Wish("replay", tenant, reason, rate, limit, dry_run, yes, wait, force, output)
    with quiet() as ctx:
        with ctx.db.transaction() as conn:
            if ids:
                choice, words = _named(conn, tenant, ids, force=force), tr("by id", "по id")
                filter_: dict[str, Any] = {"ids": list(ids)}
            else:
                kinds = what or (_KINDS if issue else _KINDS[:1])
                terms = [where or "", f'after:"{from_}"' if from_ else "", f'before:"{to}"' if to else ""]
                text = " ".join(term for term in terms if term.strip())
                choice, words = _filtered(conn, tenant, text, kinds, issue, force=force)
                filter_ = {"where": text, "what": list(kinds), "issue": issue}
        begin(ctx, wish, choice, words, filter_)


def _filtered(
    conn: Conn, tenant: str, text: str, kinds: tuple[str, ...], issue: str | None, *, force: bool
) -> tuple[Choice, str]:
    now = rows.clock(conn)
    about = _issue(conn, tenant, issue) if issue else None
    found = {kind: parsed(text, VOCABULARIES[kind], now) for kind in kinds}
    choice = Choice()
    for kind, where in found.items():
        if kind == "message":
            part = choosing.messages(conn, tenant, "replay", where=where, issue=about, force=force)
        elif kind == "package":
            part = choosing.packages(conn, tenant, where=where, issue=about)
        else:
            part = choosing.pulls(conn, tenant, where=where, issue=about)
        _join(choice, part)
    words = next(iter(found.values())).words()
    told = [words, tr(f"issue {issue}", f"проблема {issue}") if issue else ""]
    return choice, "; ".join(part for part in told if part)


def _join(choice: Choice, part: Choice) -> None:
    choice.chosen += part.chosen
    for state, number in part.left_out.items():
        choice.left_out[state] = choice.left_out.get(state, 0) + number


def _issue(conn: Conn, tenant: str, word: str) -> UUID:
    found = choosing.issue_of(conn, tenant, word)
    if not found:
        raise RequestError("E305", what=tr("Issue", "Проблема"), id=word, shown="`syncd issue list --all`")
    if len(found) > 1:
        raise Refused("E413", word=word, found=", ".join(str(row["id"]) for row in found))
    made: UUID = found[0]["id"]
    return made


def _named(conn: Conn, tenant: str, words: tuple[str, ...], *, force: bool) -> Choice:
    """Whatever the words name, in the order of the kinds. Raises E305, E413."""
    messages: list[UUID] = []
    packages: list[UUID] = []
    schedules: list[str] = []
    for word in dict.fromkeys(words):
        if choosing.known_schedule(conn, tenant, word):
            schedules.append(word)
            continue
        known = view.find(conn, tenant, word)
        other = [] if known else choosing.package_ids(conn, tenant, word)
        if not known and not other:
            raise RequestError(
                "E305",
                what=tr("Message, package or schedule", "Сообщение, пакет или расписание"),
                id=word,
                shown="`syncd outbox list --all`, `syncd package list`, `syncd schedule list`",
            )
        if len({row["key"] for row in known}) > 1 or len(other) > 1:
            found = ", ".join(str(id_) for id_ in [*(row["id"] for row in known), *other][:5])
            raise Refused("E413", word=word, found=found)
        messages += [row["id"] for row in known[:1]]
        packages += other
    choice = Choice()
    if messages:
        _join(choice, choosing.messages(conn, tenant, "replay", ids=messages, force=force))
    if packages:
        _join(choice, choosing.packages(conn, tenant, ids=packages))
    if schedules:
        _join(choice, choosing.pulls(conn, tenant, names=schedules))
    return choice
