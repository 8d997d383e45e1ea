"""The roles: API, worker, scheduler; and ``up``, which runs all of them in one terminal."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final, TypeVar

import click
import structlog

from syncd.cli.runtime import prepare, servers, settings
from syncd.i18n import tr

log = structlog.get_logger(__name__)

Function = TypeVar("Function", bound=Callable[..., Any])
WORKER_NICENESS: Final = 10
"""A tenth of a processor's time where others want it, all of it where nobody does."""


def stop_event() -> threading.Event:
    """Set by Ctrl-C or SIGTERM. The second signal ends the process at once."""
    event = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        if event.is_set():
            raise SystemExit(128 + number)
        event.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return event


def end_with_parent() -> None:
    """Stop when the process that started us is gone: it holds the other end of our standard input and writes
    nothing.
    """

    def wait() -> None:
        os.read(0, 1)  # not sys.stdin: its lock, held by a daemon thread, would break the interpreter's end
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="syncd-parent", daemon=True).start()


def give_way() -> None:
    """An import takes every processor it gets; who asks the API goes before. Call it before there are threads.

    Linux shares time between sessions first (autogroup of ``sched(7)``), so that the niceness of a process counts
    within its session alone. Our own session's is changed, never that of a terminal.
    """
    os.setpriority(os.PRIO_PROCESS, 0, max(WORKER_NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    group = Path("/proc/self/autogroup")
    if os.getsid(0) == os.getpid() and group.exists():
        try:
            group.write_text(str(WORKER_NICENESS), encoding="ascii")
        except OSError as error:  # a sandbox without it, or changed a moment ago
            log.info("the worker's session keeps its priority", error=str(error))


def _supervised(function: Function) -> Function:
    return click.option(
        "--supervised", is_flag=True, hidden=True, expose_value=False, is_eager=True,
        callback=lambda _ctx, _param, value: end_with_parent() if value else None,
    )(function)  # fmt: skip


@click.command()
@_supervised
@click.option("--host", help="Address to listen at / адрес (api.host)")
@click.option("--port", type=click.IntRange(0, 65535), help="Port / порт (api.port)")
def api(host: str | None, port: int | None) -> None:
    """Serve storefronts and 1C over HTTP / обслуживать витрины и 1С по HTTP."""
    from syncd.api.server import serve

    found = settings()
    with servers(found) as where:
        prepare(where)
        serve(
            found,
            database_url=where.database_url,
            redis_url=where.redis_url,
            host=host or found.api.host,
            port=found.api.port if port is None else port,
            stop=stop_event(),
        )


@click.command()
@_supervised
def worker() -> None:
    """Import packages and deliver / импортировать пакеты и доставлять."""
    from syncd.queue.broker import Doorbell, make_broker
    from syncd.store.db import Database
    from syncd.sync.context import Context
    from syncd.sync.worker import Worker

    found = settings()
    with servers(found) as where:
        prepare(where)
        stop = stop_event()
        give_way()  # after servers were started that are not to
        broker = make_broker(where.redis_url) if where.redis_url else None
        db = Database(where.database_url, size=found.worker.threads + found.worker.delivery_threads + 8)
        running = Worker(Context(db, found, Doorbell(broker)), broker, threads=found.worker.threads)
        running.start()
        stop.wait()
        running.stop()
        db.close()


@click.command()
@_supervised
def scheduler() -> None:
    """Run what is due by the clock / запускать то, чему пора по расписанию."""
    from syncd.queue.broker import Doorbell, make_broker
    from syncd.schedules.plan import plans
    from syncd.schedules.scheduler import Scheduler
    from syncd.store.db import Database
    from syncd.sync.context import Context
    from syncd.sync.housekeeping import jobs

    found = settings()
    with servers(found, redis=False) as where:
        prepare(where)
        stop = stop_event()
        db = Database(where.database_url, size=4)
        doorbell = Doorbell(make_broker(where.redis_url) if where.redis_url else None)
        running = Scheduler(
            db,
            jobs(Context(db, found, doorbell)),
            lambda conn: plans(conn, found.schedules, zone=found.zone),
            doorbell.ring,
        )
        running.start()
        stop.wait()
        running.stop()
        db.close()


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the API / порт API (api.port)")
@click.option(
    "--port-file",
    type=click.Path(path_type=Path),
    help="Write the address there / записать адрес туда",
)
def up(port: int | None, port_file: Path | None) -> None:
    """Run every role in this terminal / запустить все роли в этом терминале."""
    from syncd.cli.supervisor import Supervisor

    found = settings()
    stop = stop_event()
    with servers(found) as where:
        prepare(where)
        with Supervisor(where, host=found.api.host, port=found.api.port if port is None else port) as supervisor:
            if supervisor.wait_until_ready(stop):
                address = supervisor.address
                ready = tr(
                    f"syncd answers at {address} (Ctrl-C stops it)", f"syncd отвечает: {address} (Ctrl-C — стоп)"
                )
                click.echo(ready, err=True)
                if port_file:
                    port_file.write_text(address + "\n")
            supervisor.watch(stop)
