"""Watching what bases publish: an update of a configuration that breaks a mapping is told before anything fails.

Once a night the ``$metadata`` of every base over OData is fetched, kept when it is new, and the mapping in force is
held against it. Each rule that does not fit is a failure in the journal and an issue of its own; it is settled as soon
as the rule fits again, because the base or the mapping was mended.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog

from syncd import issues, journal
from syncd.adapters.odata import describe
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import configured
from syncd.errors import MappingError, SyncdError
from syncd.journal import Entry
from syncd.mappings.check import check
from syncd.mappings.compare import rule_at
from syncd.mappings.loading import Mapping
from syncd.mappings.metadata import Metadata
from syncd.mappings.metadata_search import Change, diff
from syncd.mappings.tree import Place
from syncd.queue import events
from syncd.store import endpoints, mappings, secrets
from syncd.store.db import Conn, every, execute
from syncd.store.endpoints import Endpoint
from syncd.sync.context import Context
from syncd.sync.odata_mapping import base_of, in_force, name_of
from syncd.sync.tell import said

log = structlog.get_logger(__name__)

KEPT: Final = 10
"""States of a base's metadata that are kept."""
ENTITY: Final = "mapping"
"""What issues of broken rules are about; their keys begin with the mapping's name."""
_TOLD: Final = 20
_KEY: Final = 500


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that does not fit: ``path`` as a mapping has it (``products.fields.sku``)."""

    path: str
    error: MappingError

    def key(self, mapping: str) -> str:
        """What its issue knows it by: a rule may be wrong in two ways."""
        return f"{mapping} {self.path} {self.error.params.get('key') or ''}".strip()[:_KEY]


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at a base found. ``changes`` since the state kept before, ``news`` of ``broken`` that fitted, or were
    not known, the last time.
    """

    endpoint: str
    mapping: str
    version: str
    hash: str
    changes: tuple[Change, ...]
    broken: tuple[Broken, ...]
    news: tuple[Broken, ...]


@dataclass(frozen=True, slots=True)
class Fetched:
    """Metadata of a base, and the state kept before; the same object where nothing has changed."""

    now: Metadata
    before: Metadata | None


def look(ctx: Context, endpoint: Endpoint, *, by: str) -> Looked:
    """Fetch what a base publishes, keep it, and hold the mapping in force against it.

    Raises ConfigError E850 where no mapping is in force, and as ``describe.metadata`` for a base that does not answer:
    that is journalled here.
    """
    with ctx.db.transaction() as conn:
        in_force(conn, endpoint)
    try:
        found = fetch(ctx, endpoint)
    except SyncdError as error:
        with ctx.db.transaction() as conn:
            failed(conn, endpoint, error)
        raise
    with ctx.db.transaction() as conn:
        return judge(conn, endpoint, found, by=by)


def fetch(ctx: Context, endpoint: Endpoint) -> Fetched:
    """What a base publishes now; no transaction is open meanwhile. Raises as ``describe.metadata``."""
    with ctx.db.transaction() as conn:
        before = mappings.metadata_of(conn, endpoint.tenant, base_of(endpoint))
    with closing(client_of(ctx, endpoint)) as client:
        now = describe.changed(client, before.hash if before else "")
    if now is None:
        assert before is not None
        return Fetched(before, before)
    return Fetched(now, before)


def client_of(ctx: Context, endpoint: Endpoint) -> Client:
    """The base behind an endpoint of kind ``odata``. Raises ConfigError E838, E920."""
    password = endpoint.secret(secrets.keys(ctx.settings)) if endpoint.has_secret else None
    return Client(
        configured(
            endpoint.address, endpoint.settings, password, zone=endpoint.zone, concurrency=endpoint.concurrency,
            seconds=endpoint.timeout_seconds,
        )
    )  # fmt: skip


def keep(conn: Conn, endpoint: Endpoint, found: Fetched, *, by: str, source: str = "") -> None:
    """Keep what was fetched under the base's name; the oldest states go."""
    name, where = base_of(endpoint), {"source": source or endpoint.address, "by": by}
    if found.before is not None and found.before.hash == found.now.hash:
        mappings.seen_metadata(conn, endpoint.tenant, name, found.now.hash, **where)
        return
    mappings.keep_metadata(conn, endpoint.tenant, name, found.now, **where)
    mappings.forget_metadata(conn, endpoint.tenant, name, keep=KEPT)


def judge(conn: Conn, endpoint: Endpoint, found: Fetched, *, by: str, source: str = "") -> Looked:
    """Keep metadata and hold the mapping in force against them: journal, issues, and the event ``mapping.broken`` for
    rules that were not known to be broken. Raises ConfigError E850.
    """
    lock = f"{endpoint.tenant}\x1fmetadata\x1f{base_of(endpoint)}"
    execute(conn, "SELECT pg_advisory_xact_lock(hashtextextended(%(lock)s, 0))", lock=lock)
    keep(conn, endpoint, found, by=by, source=source)
    name = name_of(endpoint)
    try:
        known = in_force(conn, endpoint)
    except MappingError as error:  # of a version this syncd cannot read any more
        version, broken = "", [Broken("", error)]
    else:
        version, broken = known.version, _broken(known.mapping, found.now)
    changes = tuple(diff(found.before, found.now)) if found.before not in (None, found.now) else ()
    before = _unsettled(conn, endpoint.tenant, name)
    news = tuple(each for each in broken if each.key(name) not in before)
    looked = Looked(endpoint.name, name, version, found.now.hash, changes, tuple(broken), news)
    _journal(conn, endpoint, looked)
    issues.succeeded(conn, endpoint.tenant, ENTITY, before - {each.key(name) for each in broken})
    if news:
        _tell(conn, endpoint, looked)
    return looked


def _broken(mapping: Mapping, base: Metadata) -> list[Broken]:
    path_of = rule_at(mapping)
    return [Broken(path_of(error.params["place"]), error) for error in check(mapping, base)]


def _unsettled(conn: Conn, tenant: str, mapping: str) -> set[str]:
    rows = every(
        conn,
        """SELECT DISTINCT key FROM issue_subject
           WHERE tenant = %(t)s AND entity = %(e)s AND starts_with(key, %(m)s) AND succeeded_at IS NULL""",
        t=tenant, e=ENTITY, m=f"{mapping} ",
    )  # fmt: skip
    return {row["key"] for row in rows}


def _journal(conn: Conn, endpoint: Endpoint, looked: Looked) -> None:
    """One row for the look, and one under it for each rule that does not fit."""
    error = None
    if looked.broken:
        error = MappingError("E750", mapping=looked.mapping, version=looked.version, base=base_of(endpoint),
                             count=len(looked.broken))  # fmt: skip
    entry = Entry(
        kind="metadata", direction="in", outcome="failed" if error else "ok", subject=base_of(endpoint),
        infobase_id=endpoint.infobase_id, error=error, counted=False,
        counters={"changes": len(looked.changes), "broken": len(looked.broken)},
        detail=f"{looked.hash[:12]} {looked.mapping} {looked.version}",
    )  # fmt: skip
    parent = journal.write(conn, endpoint.tenant, entry)
    issues.succeeded(conn, endpoint.tenant, "metadata", [base_of(endpoint)])  # it was fetched
    journal.write_all(conn, endpoint.tenant, [_row(endpoint, looked.mapping, each, parent) for each in looked.broken])


def _row(endpoint: Endpoint, mapping: str, broken: Broken, parent: UUID) -> Entry:
    place = broken.error.params.get("place")
    return Entry(
        kind="mapping", direction="in", outcome="failed", subject=mapping, infobase_id=endpoint.infobase_id,
        parent_id=parent, error=broken.error, entity=ENTITY, key=broken.key(mapping), path=broken.path,
        file=place.file if isinstance(place, Place) else None, line=place.line if isinstance(place, Place) else None,
    )  # fmt: skip


def _tell(conn: Conn, endpoint: Endpoint, looked: Looked) -> None:
    first = looked.news[0].error
    data: dict[str, Any] = {
        "mapping": looked.mapping, "version": looked.version, "endpoint": endpoint.name,
        "infobase": endpoint.infobase or endpoint.name, "infobase_id": endpoint.infobase_id,
        "metadata": looked.hash[:12], "broken": len(looked.broken),
        "rules": [f"{each.path} ({each.error.params.get('place')})" for each in looked.news[:_TOLD]],
        **said(first),
    }  # fmt: skip
    events.emit(conn, endpoint.tenant, "mapping.broken", looked.mapping, data)


def failed(conn: Conn, endpoint: Endpoint, error: SyncdError) -> None:
    """Journal that a base did not tell what it publishes."""
    entry = Entry(
        kind="metadata", direction="in", outcome="failed", subject=base_of(endpoint), error=error,
        infobase_id=endpoint.infobase_id,
    )  # fmt: skip
    journal.write_failure(conn, endpoint.tenant, entry)


def watched(conn: Conn, tenant: str, base: str | None = None) -> Iterator[Endpoint]:
    """The enabled endpoints of kind ``odata``: all, or those whose metadata are kept under a name."""
    for endpoint in endpoints.every(conn, tenant):
        if endpoint.kind == "odata" and endpoint.disabled_at is None and base in (None, base_of(endpoint)):
            yield endpoint
