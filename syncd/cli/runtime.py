"""What a command needs to work: settings, servers (the embedded ones where none are named), a migrated database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from syncd import embedded, i18n, log
from syncd.config import Settings, load
from syncd.embedded import Embedded
from syncd.errors import ConfigError
from syncd.queue.broker import Doorbell, make_broker
from syncd.store import migrate
from syncd.store.db import Database
from syncd.sync.context import Context

DEFAULT_TENANT = "default"
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Servers:
    """Where Postgres and Redis are. ``embedded`` holds the ones we run ourselves, if any."""

    database_url: str
    redis_url: str | None
    embedded: Embedded | None


def settings() -> Settings:
    """Read the settings and set language and log. Raises ``ConfigError``."""
    found = load()
    if found.lang:
        i18n.use(found.lang)
    log.configure(found.log.format, found.log.level)
    return found


@contextmanager
def servers(found: Settings, *, redis: bool = True) -> Iterator[Servers]:
    """The servers that are named in the settings; for one that is not, the embedded one, for as long as the block
    lasts.
    """
    postgres, valkey = found.database_url is None, redis and found.redis_url is None
    if not postgres and not valkey:
        yield Servers(found.database_url or "", found.redis_url, None)
        return
    with embedded.start(found.home, postgres=postgres, valkey=valkey) as own:
        yield Servers(found.database_url or own.database_url, found.redis_url or own.redis_url or None, own)


def prepare(found: Servers) -> None:
    """Bring an embedded database up to date; a database of the administrator's is only checked. Raises E403, E404."""
    current, needed = migrate.revision_of(found.database_url), migrate.head()
    if current == needed:
        return
    if found.embedded is None or not found.embedded.database_url:
        raise ConfigError("E404", found=current, needed=needed)
    migrate.upgrade(found.database_url)


@contextmanager
def database(found: Settings | None = None) -> Iterator[Database]:
    """A ready database for a short command; works with the daemon running or not. Raises E403 when it goes away."""
    with servers(found or settings(), redis=False) as where:
        prepare(where)
        db = Database(where.database_url, size=4)
        try:
            yield db
        except Database.UNREACHABLE as error:
            raise ConfigError("E403", detail=str(error).strip()) from error
        finally:
            db.close()


@contextmanager
def context(found: Settings | None = None) -> Iterator[Context]:
    """A ready context for a command that does work: its doorbell wakes the daemon's workers."""
    chosen = found or settings()
    with servers(chosen) as where:
        prepare(where)
        db = Database(where.database_url, size=8)
        try:
            yield Context(db, chosen, Doorbell(make_broker(where.redis_url) if where.redis_url else None))
        finally:
            db.close()


def tenant_option(function: Function) -> Function:
    """``--tenant``: which company's data."""
    return click.option(
        "--tenant", envvar="SYNCD_TENANT", default=DEFAULT_TENANT, show_default=True,
        help="Company / компания (env SYNCD_TENANT)",
    )(function)  # fmt: skip
