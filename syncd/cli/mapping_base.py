"""A mapping by its file or name, and a base by the name of its endpoint, for the commands about mappings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from syncd.adapters.odata.client import Client
from syncd.cli import mapping_show as show
from syncd.cli.codes import CHECK_FAILED
from syncd.cli.output import moment, os_user, safe, talk
from syncd.cli.runtime import context, database
from syncd.errors import MappingError, RequestError
from syncd.i18n import tr
from syncd.mappings.lint import lint
from syncd.mappings.loading import Mapping
from syncd.mappings.metadata import Metadata
from syncd.store import endpoints, mapping_files, mappings
from syncd.store.db import Conn
from syncd.store.endpoints import Endpoint
from syncd.sync import metadata_watch
from syncd.sync.context import Context
from syncd.sync.odata_mapping import base_of

Function = TypeVar("Function", bound=Callable[..., Any])


def endpoint_option(function: Function) -> Function:
    """``--endpoint``: the base itself, as it is known to syncd."""
    return click.option(
        "--endpoint", help="Endpoint of kind odata: the base itself / получатель вида odata: сама база"
    )(function)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Live:
    """A base that can be asked, and what is known of it."""

    ctx: Context
    endpoint: Endpoint
    client: Client
    base: Metadata


def odata_endpoint(conn: Conn, name: str, tenant: str) -> Endpoint:
    """The endpoint of this name. Raises RequestError E305, MappingError E751."""
    found = endpoints.by_name(conn, tenant, name)
    if found is None:
        raise RequestError("E305", what=tr("Endpoint", "Получатель"), id=name, shown="`syncd endpoint list`")
    if found.kind != "odata":
        raise MappingError("E751", name=name, kind=found.kind)
    return found


@contextmanager
def live(name: str, tenant: str) -> Iterator[Live]:
    """The base behind an endpoint, for the length of a command."""
    with context() as ctx:
        with ctx.db.transaction() as conn:
            endpoint = odata_endpoint(conn, name, tenant)
        base = _described(ctx, endpoint)
        with closing(metadata_watch.client_of(ctx, endpoint)) as client:
            yield Live(ctx, endpoint, client, base)


def described(name: str, tenant: str) -> Metadata:
    """What the base behind an endpoint publishes: as it was kept, fetched where nothing was."""
    with context() as ctx:
        with ctx.db.transaction() as conn:
            endpoint = odata_endpoint(conn, name, tenant)
        return _described(ctx, endpoint)


def _described(ctx: Context, endpoint: Endpoint) -> Metadata:
    with ctx.db.transaction() as conn:
        found = mappings.metadata_of(conn, endpoint.tenant, base_of(endpoint))
        kept = mappings.metadata_history(conn, endpoint.tenant, base_of(endpoint), limit=1)
    if found is not None and kept:
        when = moment(kept[0].at)
        en = f"Metadata as of {when}; fetch them anew: syncd metadata watch --endpoint {endpoint.name}"
        ru = f"Метаданные от {when}; получить заново: syncd metadata watch --endpoint {endpoint.name}"
        talk.print(safe(tr(en, ru)))
        return found
    talk.print(tr("Fetching metadata: half a minute as a rule…", "Получаю метаданные: обычно полминуты…"))
    fetched = metadata_watch.fetch(ctx, endpoint)
    with ctx.db.transaction() as conn:
        metadata_watch.keep(conn, endpoint, fetched, by=os_user())
    return fetched.now


def any_mapping(word: str, tenant: str | None) -> Mapping:
    """A file, a preset or something published (NAME, NAME@VERSION), where there is a tenant. Raises MappingError."""
    if Path(word).is_file() or word in mapping_files.presets() or tenant is None or _like_a_file(word):
        return mapping_files.load(Path(word))
    name, _, version = word.partition("@")
    with database() as db, db.transaction() as conn:
        found = mappings.find(conn, tenant, name, version) if version else mappings.current(conn, tenant, name)
    if found is None:
        raise MappingError("E748", name=name, version="")
    return found.mapping()


def _like_a_file(word: str) -> bool:
    return word.endswith((".yaml", ".yml")) or "/" in word or "\\" in word


def good_mapping(word: str, *, tenant: str | None) -> Mapping:
    """A mapping without mistakes of its own; they are told first, with exit code 7."""
    found = any_mapping(word, tenant)
    problems = lint(found)
    if problems:
        show.problems(problems, "table", file=word, version=found.version)
        raise SystemExit(CHECK_FAILED)
    return found
