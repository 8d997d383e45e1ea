"""``syncd demo``: a whole exchange on this machine, to watch: real servers, real roles, and an emulated 1C."""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import click
from rich.console import Console
from rich.markup import escape

from syncd import journal, log
from syncd.api.server import free_port
from syncd.cli import demo_screen
from syncd.cli.codes import UNEXPECTED
from syncd.cli.demo_screen import Access
from syncd.cli.runtime import DEFAULT_TENANT, prepare, servers, settings
from syncd.cli.supervisor import Supervisor
from syncd.config import Settings
from syncd.emulator.bar import Bar
from syncd.emulator.catalogue import TradeBase
from syncd.emulator.client import StandardClient
from syncd.emulator.kept import KeptOrders
from syncd.emulator.storefront import Storefront
from syncd.emulator.story import Counts, Step, Story
from syncd.errors import ConfigError
from syncd.i18n import tr
from syncd.store import access
from syncd.store.db import Conn, Database, every, one

INFOBASE: Final = "1C"
LOGIN: Final = "demo"
STOREFRONT: Final = "demo"
PRODUCTS: Final = 1050
"""Goods of the demo's 1C; with their characteristics they make about 2,000 offers."""
HOME: Final = Path(".syncd") / "demo"
_WIDTH: Final = 120
_TAIL: Final = 15


@click.command()
@click.option("--once", is_flag=True, help="End after one exchange / закончить после одного обмена")
def demo(once: bool) -> None:
    """Show a whole exchange with an emulated 1C / показать целый обмен с 1С-эмулятором.

    Needs nothing but this checkout. Exit code 1 when a step did not end as it must.
    """
    with _interruptible():
        found = _demo_settings()
        console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDTH)
        with _alone(found.home):
            ok = _run(found, console, once=once)
    if not ok:
        raise click.exceptions.Exit(UNEXPECTED)


def _run(found: Settings, console: Console, *, once: bool) -> bool:
    started = time.monotonic()
    path = found.home / "log" / "demo.log"
    demo_screen.greet(console, found, path)
    with ExitStack() as stack:
        where = stack.enter_context(servers(found))
        log_begins = stack.enter_context(_logged_into(path))
        log.configure("json", found.log.level)
        prepare(where)
        db = Database(where.database_url, size=4)
        stack.callback(db.close)
        granted = _register(db, found)
        supervisor = stack.enter_context(Supervisor(where, host=found.api.host, port=_port(found)))
        stack.enter_context(_watched(supervisor))
        _wait_until_ready(supervisor, path, log_begins)
        seconds = time.monotonic() - started
        console.print(
            tr(f"Ready in {seconds:.1f} s: {supervisor.address}", f"Готово за {seconds:.1f} с: {supervisor.address}")
        )
        steps = _tell(found, console, db, supervisor.address, granted)
        demo_screen.summary(console, steps)
        ok = all(step.ok for step in steps)
        demo_screen.verdict(console, steps, path)
        if ok and not once:
            demo_screen.whereabouts(console, found, where, supervisor.address, LOGIN, granted)
            _stay(console)
        if not once:
            console.print(tr("Stopping…", "Останавливаю…"))
    return ok


def _tell(found: Settings, console: Console, db: Database, address: str, granted: Access) -> list[Step]:
    orders = KeptOrders.open(found.home / "onec.json", zone=found.zone)
    password = granted.infobase_password
    with (
        Storefront(address, granted.api_key) as shop,
        Bar(console) as bar,
        StandardClient(
            f"{address}/1c_exchange", LOGIN, password, journal=bar.heard, part_sent=bar.part
        ) as client,
    ):  # fmt: skip
        since = _now(db)
        story = Story(
            client=client, base=TradeBase.generate(1, products=PRODUCTS), orders=orders, shop=shop,
            counters=lambda: _counters(db, since), stamp=granted.stamp,
            say=lambda line: console.print(f"   {escape(line)}"), progress=bar.portion,
        )  # fmt: skip
        for n, step in enumerate(story.tell(), 1):
            if n > 1:
                demo_screen.told(console, story.steps[n - 2])
            if n == 2:  # the catalogue is through, nothing moves the bar any more
                bar.hide()
            console.print(f"\n[bold]{n}. {escape(demo_screen.sentence(step.title))}[/]")
        last = next((step for step in reversed(story.steps) if step.ok is not None), None)
        if last is not None:
            demo_screen.told(console, last)
        return story.steps


def _stay(console: Console) -> None:
    """Wait for Ctrl-C or SIGTERM."""
    try:
        threading.Event().wait()
    except _Stopped:
        console.print()


# --- settings, servers, doors -----------------------------------------------------------------------------------------


def _demo_settings() -> Settings:
    """The settings, but with servers and a home of the demo's own unless the environment names others: what the
    administrator's file names is not for playing.
    """
    if not os.environ.get("SYNCD_HOME"):
        os.environ["SYNCD_HOME"] = str(_own_home())
    found = settings()
    own = {name: None for name in ("database_url", "redis_url") if not os.environ.get(f"SYNCD_{name.upper()}")}
    return found.model_copy(update={**own, "home": found.home.absolute()})


def _own_home() -> Path:
    """Where the demo lives when nobody says otherwise: in the checkout, or here when syncd is installed."""
    checkout = Path(__file__).resolve().parents[2]
    return (checkout if (checkout / "cli.py").is_file() else Path.cwd()) / HOME


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C and SIGTERM unwind everything, once; the second ends the process at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        signal.signal(signal.SIGTERM, insist)
        signal.signal(signal.SIGINT, insist)
        raise _Stopped(number)

    def insist(number: int, frame: FrameType | None) -> None:
        del frame
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    yield


class _Stopped(KeyboardInterrupt):
    """Told to stop by a signal."""


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One demo per home: two would share one 1C. The kernel lets go of the lock when its holder dies."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (home / "demo.lock").open("a")
    except OSError as error:
        raise ConfigError("E402", file=str(home), detail=error.strerror or str(error)) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            en = "a demo is running in this folder already; stop it, or choose another folder with SYNCD_HOME"
            ru = "в этой папке уже работает демо; остановите его или выберите другую папку через SYNCD_HOME"
            raise ConfigError("E402", file=str(home), detail=tr(en, ru)) from None
        yield


@contextmanager
def _logged_into(path: Path) -> Iterator[int]:
    """What this process and the roles write to stderr goes into the file; an error that ends the demo does not.

    Gives the file's size at the beginning.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    terminal = os.dup(2)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 2)
        begins = file.tell()
    try:
        yield begins
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)


@contextmanager
def _watched(supervisor: Supervisor) -> Iterator[None]:
    """Roles that die while the block lasts are started again."""
    stop = threading.Event()
    watcher = threading.Thread(target=supervisor.watch, args=(stop,), name="demo-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()


def _port(found: Settings) -> int:
    """The port of the settings, or a free one when somebody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((found.api.host, found.api.port))
        except OSError:
            return free_port(found.api.host)
        return int(probe.getsockname()[1])


def _wait_until_ready(supervisor: Supervisor, path: Path, begins: int) -> None:
    """Raises ``ConfigError`` with the end of the log when a role cannot start."""
    try:
        supervisor.wait_until_ready(threading.Event())
    except ConfigError as error:
        lines = path.read_bytes()[begins:].decode("utf-8", "replace").splitlines()[-_TAIL:]
        said = tr("syncd did not start; its log ends with", "syncd не запустился; конец его лога")
        detail = "\n".join([f"{said}:", *lines])
        raise ConfigError("E402", file=str(path), detail=detail) from error


def _register(db: Database, found: Settings) -> Access:
    """Give 1C and the shop new secrets; those of earlier runs stop working."""
    stamp = _base36(int(time.time()))
    password = secrets.token_urlsafe(12)
    with db.transaction() as conn:
        if os.environ.get("SYNCD_DATABASE_URL") or found.home != _own_home():
            _refuse_real_data(conn)
        access.add_infobase(conn, DEFAULT_TENANT, INFOBASE, LOGIN, password, dialect="auto", zone=found.zone)
        for row in access.keys(conn, DEFAULT_TENANT):
            if row["storefront"] == STOREFRONT and row["name"].startswith("demo-") and row["revoked_at"] is None:
                access.revoke_key(conn, DEFAULT_TENANT, row["name"])
        name = f"demo-{stamp}-{secrets.token_hex(2)}"
        key = access.create_key(conn, DEFAULT_TENANT, name, STOREFRONT, ["read", "orders"])
    return Access(password, key, stamp)


def _refuse_real_data(conn: Conn) -> None:
    """The emulated 1C takes and confirms every waiting order: those of a real shop would never reach its 1C.

    Raises ``ConfigError`` E406.
    """
    strangers = [
        f"{tr('infobase', 'база')} {row['name']}"
        for row in access.infobases(conn, DEFAULT_TENANT)
        if (row["name"], row["login"]) != (INFOBASE, LOGIN)
    ]
    rows = every(
        conn,
        """SELECT DISTINCT storefront FROM sales_order
           WHERE tenant = %(t)s AND origin = 'storefront' AND storefront <> %(own)s ORDER BY storefront LIMIT 3""",
        t=DEFAULT_TENANT, own=STOREFRONT,
    )  # fmt: skip
    strangers += [f"{tr('orders of', 'заказы витрины')} {row['storefront']}" for row in rows]
    if strangers:
        key = "SYNCD_DATABASE_URL" if os.environ.get("SYNCD_DATABASE_URL") else "SYNCD_HOME"
        what = ", ".join(strangers[:3])
        en = f"there is work of others in that database ({what}); the demo would take its orders. Unset it"
        ru = f"в этой базе чужая работа ({what}); демо забрало бы её заказы. Уберите настройку"
        raise ConfigError("E406", key=key, detail=tr(en, ru))


def _base36(number: int) -> str:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    text = ""
    while number:
        number, rest = divmod(number, 36)
        text = digits[rest] + text
    return text


def _now(db: Database) -> object:
    with db.transaction() as conn:
        row = one(conn, "SELECT clock_timestamp() AS now")
    assert row is not None
    return row["now"]


def _counters(db: Database, since: object) -> Counts:
    """What the journal tells of 1C's imports since then; of a file that came twice, the later one."""
    with db.transaction() as conn:
        rows = journal.tail(conn, DEFAULT_TENANT, limit=100)
    by_file = {row["subject"]: row for row in rows if row["kind"] == "import" and row["last_at"] >= since}
    total: dict[str, dict[str, int]] = {}
    for row in by_file.values():
        for entity, counts in (row["counters"] or {}).items():
            into = total.setdefault(entity, {})
            for word, number in counts.items():
                into[word] = into.get(word, 0) + number
    return total
