"""``syncd endpoint push`` and ``syncd endpoint fetch``: a site that has an exchange with 1C of its own."""

from __future__ import annotations

import click

from syncd.cli.bulk import quiet
from syncd.cli.output import Format, dump, output_option, safe, talk
from syncd.cli.runtime import tenant_option
from syncd.errors import RequestError
from syncd.i18n import tr
from syncd.store import endpoints
from syncd.store.db import Conn
from syncd.store.endpoints import Endpoint
from syncd.sync import sites


@click.command("push")
@click.argument("name")
@click.option("--full", is_flag=True, help="Everything, not only changes / всё, а не только изменения")
@tenant_option
@output_option
def push(name: str, full: bool, tenant: str, output: Format) -> None:
    """Send what changed to a site, as 1C would / отправить сайту изменения, как это сделала бы 1С."""
    with quiet() as ctx:
        with ctx.db.transaction() as conn:
            message = sites.push(conn, _known(conn, tenant, name), full=full)
        ctx.doorbell.ring()
    if output != "table":
        click.echo(dump({"tenant": tenant, "name": name, "message": str(message), "full": full}))
        return
    talk.print(safe(tr(f"Queued; a worker sends it: syncd outbox show {message}",
                       f"Поставлено в очередь, отправит worker: syncd outbox show {message}")))  # fmt: skip


@click.command("fetch")
@click.argument("name")
@tenant_option
@output_option
def fetch(name: str, tenant: str, output: Format) -> None:
    """Take a site's orders, as 1C would / забрать заказы сайта, как это сделала бы 1С."""
    with quiet() as ctx:
        with ctx.db.transaction() as conn:
            endpoint = _known(conn, tenant, name)
        found = sites.fetch(ctx, endpoint)
    failed = {number: error.text() for number, error in found.failed.items()}
    if output != "table":
        click.echo(dump({"new": found.new, "known": found.known, "changed": found.changed, "skipped": found.skipped,
                         "failed": failed, "confirmed": found.confirmed}))  # fmt: skip
    else:
        talk.print(safe(tr(
            f"Orders: {len(found.new)} new, {len(found.changed)} changed, {len(found.known)} known, "
            f"{len(found.skipped)} cancelled before they came, {len(failed)} failed",
            f"Заказов: новых {len(found.new)}, изменённых {len(found.changed)}, известных {len(found.known)}, "
            f"отменённых до нас {len(found.skipped)}, с ошибкой {len(failed)}",
        )))  # fmt: skip
        for text in failed.values():
            talk.print(safe(text))
    if failed:
        raise click.exceptions.Exit(1)


def _known(conn: Conn, tenant: str, name: str) -> Endpoint:
    found = endpoints.by_name(conn, tenant, name)
    if found is None:
        raise RequestError("E305", what=tr("Endpoint", "Получатель"), id=name, shown="`syncd endpoint list`")
    return found
