"""Schema migrations with Alembic, run from code: ``upgrade`` brings a database to what this version needs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool

from syncd.errors import ConfigError

_FOLDER: Final = Path(__file__).parent / "migrations"
logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)  # it tells of every connection otherwise
_LOCK: Final = 0x73796E6364  # "syncd": two processes that start at once do not migrate at once


def sqlalchemy_url(database_url: str) -> str:
    """The same database in SQLAlchemy's spelling, with psycopg as the driver."""
    scheme, rest = database_url.split("://", 1)
    if scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise ConfigError("E406", key="database_url", detail=f"{scheme}:// is not postgresql://")
    return f"postgresql+psycopg://{rest}"


def config() -> Config:
    """Alembic's configuration, without a file: ours needs none."""
    made = Config()
    made.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return made


def head() -> str:
    """The revision this version of syncd needs."""
    return ScriptDirectory.from_config(config()).get_current_head() or "base"


def current(connection: Connection) -> str:
    """The revision the database has; ``base`` when it is empty."""
    return MigrationContext.configure(connection).get_current_revision() or "base"


def upgrade(database_url: str) -> tuple[str, str]:
    """Migrate to ``head``. Returns the revisions before and after. Raises ``ConfigError`` E403 when Postgres is not
    there.
    """
    engine = create_engine(sqlalchemy_url(database_url), poolclass=pool.NullPool)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            before = current(connection)
            settings = config()
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")
            return before, current(connection)
    except Exception as error:
        if isinstance(error.__cause__, psycopg.OperationalError):
            raise ConfigError("E403", detail=str(error.__cause__).strip()) from error
        raise
    finally:
        engine.dispose()


def revision_of(database_url: str) -> str:
    """The revision of a database, ``base`` when it has none. Raises ``ConfigError`` E403 when Postgres is not there."""
    try:
        with psycopg.connect(database_url, connect_timeout=5) as connection:
            row = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
            if row is None or row[0] is None:
                return "base"
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(found[0]) if found else "base"
    except psycopg.OperationalError as error:
        raise ConfigError("E403", detail=str(error).strip()) from error
