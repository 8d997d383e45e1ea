"""``syncd metadata watch``: what the nightly look at bases does, now."""

from __future__ import annotations

import click

from syncd.cli.codes import CHECK_FAILED
from syncd.cli.mapping_base import odata_endpoint
from syncd.cli.output import Column, Format, emit, os_user, output_option, safe, stdout, talk
from syncd.cli.runtime import context, tenant_option
from syncd.errors import ConfigError, SyncdError
from syncd.i18n import tr
from syncd.store.endpoints import Endpoint
from syncd.sync import metadata_watch
from syncd.sync.context import Context
from syncd.sync.metadata_watch import Looked


@click.command()
@click.option("--endpoint", help="Only this one; else all of kind odata / только этот; иначе все вида odata")
@tenant_option
@output_option
def watch(endpoint: str | None, tenant: str, output: Format) -> None:
    """Fetch what bases publish and hold the mappings against it; exit code 7 / сверить маппинги с базами; код 7.

    The schedule `metadata` does it every night. / Каждую ночь это делает расписание `metadata`.
    """
    with context() as ctx:
        with ctx.db.transaction() as conn:
            chosen = [odata_endpoint(conn, endpoint, tenant)] if endpoint else [*metadata_watch.watched(conn, tenant)]
        looked = [_look(ctx, each) for each in chosen]
    rows = [
        {
            "endpoint": each.endpoint, "mapping": each.mapping, "version": each.version, "metadata": each.hash[:12],
            "changes": len(each.changes), "broken": len(each.broken),
            "problems": [
                {"path": one.path, "code": one.error.code, "message": one.error.text()} for one in each.broken
            ],
        }
        for each in looked if isinstance(each, Looked)
    ]  # fmt: skip
    columns = [
        Column("endpoint", tr("endpoint", "получатель")), Column("mapping", tr("mapping", "маппинг")),
        Column("version", tr("version", "версия")), Column("metadata", tr("metadata", "метаданные")),
        Column("changes", tr("changes in 1C", "изменений в 1С")), Column("broken", tr("broken", "не подходит")),
    ]  # fmt: skip
    emit(rows, columns, output, empty=tr(
        "No endpoint of kind odata has a mapping in force (`syncd endpoint list`, `syncd mapping publish`).",
        "Нет получателя вида odata с действующим маппингом (`syncd endpoint list`, `syncd mapping publish`).",
    ))  # fmt: skip
    for each in looked:
        if isinstance(each, Looked) and output == "table":
            tell(each)
    if any(isinstance(each, SyncdError) or (each is not None and each.broken) for each in looked):
        raise SystemExit(CHECK_FAILED)


def _look(ctx: Context, endpoint: Endpoint) -> Looked | SyncdError | None:
    """One base that does not answer stops no other."""
    try:
        return metadata_watch.look(ctx, endpoint, by=os_user())
    except SyncdError as error:
        talk.print(f"{safe(endpoint.name)}: [bold red]{error.code}[/] {safe(error.text())}")
        return None if isinstance(error, ConfigError) and error.code == "E850" else error


def tell(looked: Looked) -> None:
    """What does not fit, one line each."""
    for one in looked.broken:
        stdout().print(f"[bold red]{one.error.code}[/] {safe(one.error.text())}", soft_wrap=True)
