"""What every test may ask for: a clean database, a Valkey, a home folder, the corpus.

One Postgres and one Valkey serve a whole test run, with the settings syncd itself gives them. They start when the
first test asks, in a folder that the controlling process (of xdist, or the only one) makes and removes. Each worker
has its own database, made from a migrated template; a test finds its tables empty.
"""

from __future__ import annotations

import fcntl
import importlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import sql

from syncd import embedded, i18n

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
TEMPLATE = "syncd_template"
_servers = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """The controller chooses the folder of the servers; a worker is told."""
    workerinput = getattr(config, "workerinput", None)
    config.stash[_servers] = Path(workerinput["servers"] if workerinput else tempfile.mkdtemp(prefix="syncd-test-"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell a new xdist worker where the servers are."""
    node.workerinput["servers"] = str(node.config.stash[_servers])  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what is left (a crashed worker stops nothing) and remove the folder."""
    if not hasattr(config, "workerinput") and _servers in config.stash:
        embedded.stop(config.stash[_servers])
        shutil.rmtree(config.stash[_servers], ignore_errors=True)


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Iterator[embedded.Embedded]:
    """The Postgres and the Valkey of this run."""
    with embedded.start(pytestconfig.stash[_servers]) as running:
        yield running


@pytest.fixture(scope="session")
def worker_database(servers: embedded.Embedded) -> str:
    """The URL of this worker's own database, migrated; not cleaned between tests, ``database_url`` is."""
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        with (servers.home / "template.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone():
                _make_template(connection, servers)
        name = f"syncd_{_worker()}"
        _create(connection, name, TEMPLATE)
    return _url(servers, name)


@pytest.fixture
def database_url(worker_database: str) -> str:
    """A libpq URL of a migrated database with empty tables."""
    with psycopg.connect(worker_database, autocommit=True) as connection:
        try:
            connection.execute("SET lock_timeout = '2s'")
            _empty(connection)
        except psycopg.errors.LockNotAvailable:  # a connection that an earlier test left behind
            _disconnect_others(connection, connection.info.dbname)
            _empty(connection)
    return worker_database


@pytest.fixture
def redis_url(servers: embedded.Embedded) -> str:
    """The URL of an empty Valkey database of this worker."""
    number = int(_worker().removeprefix("gw") or 0) if _worker().startswith("gw") else 0
    url = servers.redis_url.replace("db=0", f"db={number}")
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is SYNCD_HOME for this test."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("SYNCD_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real documents beside the checkout."""
    if not CORPUS.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("shared/corpus is missing beside the checkout, and CI must not skip its tests")
        pytest.skip("shared/corpus is not beside this checkout")
    return CORPUS


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings of the developer's shell do not reach the tests; texts are English unless a test chooses."""
    for name in [name for name in os.environ if name.startswith("SYNCD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SYNCD_LANG", "en")
    yield
    i18n.use(None)


def _worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


def _url(servers: embedded.Embedded, database: str) -> str:
    return servers.database_url.replace("@/syncd?", f"@/{database}?")


def _make_template(connection: psycopg.Connection, servers: embedded.Embedded) -> None:
    """Migrate beside the template's name first: a migration that fails leaves no half of a template behind."""
    draft = f"{TEMPLATE}_draft"
    _create(connection, draft, "template1")
    if importlib.util.find_spec("syncd.store") and importlib.util.find_spec("syncd.store.migrate"):
        importlib.import_module("syncd.store.migrate").upgrade(_url(servers, draft))
    _disconnect_others(connection, draft)
    connection.execute(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(draft), sql.Identifier(TEMPLATE))
    )


def _create(connection: psycopg.Connection, name: str, template: str) -> None:
    database = sql.Identifier(name)
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
    connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(database, sql.Identifier(template)))


def _disconnect_others(connection: psycopg.Connection, database: str) -> None:
    connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
        [database],
    )


def _empty(connection: psycopg.Connection) -> None:
    """Truncate the tables that have rows; asking first is many times cheaper than truncating all of them."""
    tables = connection.execute(
        "SELECT format('%I.%I', 'public', relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'alembic_version'"
    ).fetchall()
    if not tables:
        return
    asked = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for (name,) in tables)
    full = [name for (name,) in connection.execute(asked.encode()).fetchall()]
    if full:
        connection.execute(f"TRUNCATE {', '.join(full)} RESTART IDENTITY CASCADE".encode())
