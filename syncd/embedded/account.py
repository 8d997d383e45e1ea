"""Under whose name the servers run, the folders that account may enter, and the processes that work in them."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from syncd.errors import ConfigError
from syncd.i18n import tr

SERVER_USER = "pgserver"  # the name the Postgres wheel uses too
LOG_BYTES = 10_000_000
TAIL_LINES = 6


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the servers: we, or for root the system user ``pgserver``, for Postgres refuses to run as root."""

    uid: int
    gid: int
    other: bool

    @classmethod
    def choose(cls, home: Path, binaries: Iterable[Path]) -> Self:
        """The account for a home; as root, make the user and let it reach its folders and the wheels' binaries."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), other=False)
        entry = _system_user()
        account = cls(entry.pw_uid, entry.pw_gid, other=True)
        for binary in binaries:
            account._let_run(binary)
        for folder in (home, *home.parents):
            account._open(folder, stat.S_IXOTH)
        return account

    def _let_run(self, binary: Path) -> None:
        root = binary.parent.parent if binary.parent.name == "bin" else binary.parent
        for folder in root.parents:
            self._open(folder, stat.S_IXOTH)
        if binary.stat().st_mode & stat.S_IXOTH and root.stat().st_mode & stat.S_IXOTH:
            return
        for path in (root, *root.rglob("*")):  # installed under a strict umask
            self._open(path, stat.S_IROTH | (stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0))

    def _open(self, path: Path, bits: int) -> None:
        """Add bits for others where the account lacks them: on the way, to pass through and never to list."""
        info = path.stat()
        if info.st_uid != self.uid and info.st_mode & bits != bits:
            path.chmod(stat.S_IMODE(info.st_mode) | bits)

    def folder(self, path: Path) -> Path:
        """Make a folder that only the account (and root) can enter."""
        path.mkdir(exist_ok=True, mode=0o700)
        if self.other:
            os.chown(path, self.uid, self.gid)
        return path

    def log_file(self, home: Path, server: str) -> Path:
        """The log of a server; a large one is put aside before the server starts."""
        path = self.folder(home / "log") / f"{server}.log"
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path

    def socket_folder(self, home: Path, known: str | None) -> Path:
        """``home/run``, or a short folder of our own where that path is too long for a socket or not fit for one.

        ``known`` is the folder in use; it stays, so that processes with another TMPDIR agree.
        """
        inside = self.folder(home / "run")
        name = f"syncd-{os.geteuid()}-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"
        if known and (Path(known) == inside or (Path(known).name == name and self._owns(Path(known)))):
            return self.folder(Path(known))
        # Postgres reads a comma or a quote in the path as a list.
        if re.fullmatch(r"[\w./-]+", str(inside)) and _takes_sockets(inside):
            return inside
        short = Path(tempfile.gettempdir()) / name
        if short.exists() and not self._owns(short):
            en, ru = f"{short} belongs to another user", f"{short} принадлежит другому пользователю"
            raise failure("Postgres / Valkey", tr(en, ru))
        return self.folder(short)

    def _owns(self, folder: Path) -> bool:
        """Whether a folder in a shared place is a real one of this account, closed to others."""
        try:
            info = folder.lstat()
        except FileNotFoundError:
            return False
        return stat.S_ISDIR(info.st_mode) and info.st_uid == self.uid and not info.st_mode & 0o077

    def run(self, server: str, command: Sequence[str | Path], *, log: Path | None = None, typed: str = "") -> None:
        """Run a server's tool under the account; its own words go into the E405 when it fails."""
        # Through files and not pipes: a daemon that inherited a pipe would keep us waiting for its end.
        with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as words:
            words.write(typed)
            words.seek(0)
            ended = subprocess.run(  # noqa: S603 - the wheels' own binaries
                [str(part) for part in command],
                stdin=words,
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd="/",
                check=False,
                start_new_session=True,  # Ctrl-C is for us; the servers are stopped in order
                env={**os.environ, "LC_ALL": "C"},
                user=self.uid if self.other else None,
                group=self.gid if self.other else None,
                extra_groups=[] if self.other else None,
            )
            said.seek(0)
            if ended.returncode:
                name, code = Path(command[0]).name, ended.returncode
                reason = tr(f"{name} ended with {code}", f"{name} завершился с кодом {code}")
                raise failure(server, f"{reason}: {said.read()}", log)


def _system_user() -> pwd.struct_passwd:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SERVER_USER)
    tool = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if tool:
        options = ("--system", "--no-create-home", "--shell", "/usr/sbin/nologin")
        subprocess.run([tool, *options, SERVER_USER], check=False, capture_output=True)  # noqa: S603 - a fixed tool
    try:
        return pwd.getpwnam(SERVER_USER)
    except KeyError:
        en = f"it does not run as root and the user {SERVER_USER} cannot be made; run syncd as an ordinary user"
        ru = f"он не работает от root, а создать {SERVER_USER} не удалось; запустите syncd обычным пользователем"
        raise failure("Postgres", tr(en, ru)) from None


def _takes_sockets(folder: Path) -> bool:
    """Whether a socket can be made there: the path may be too long, the file system may know no sockets."""
    probe = folder / ".s.PGSQL.54321.lock"
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(probe))
    except OSError:
        return False
    probe.unlink()
    return True


def package_folder(package: str) -> Path:
    """Where a wheel lies. It is not imported: that costs time, and one of them warns of a missing runtime folder."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        en, ru = f"the package {package} is not installed", f"пакет {package} не установлен"
        raise failure(package, tr(en, ru))
    return Path(next(iter(spec.submodule_search_locations)))


def processes(name: str, folder: Path) -> list[psutil.Process]:
    """The processes called ``name`` whose working directory is ``folder``: a pid alone proves nothing."""
    found = []
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.info["name"] == name and process.cwd() == str(folder):
                found.append(process)
    return found


def end(process: psutil.Process, number: signal.Signals, seconds: float) -> None:
    """Send a signal and insist with SIGKILL after ``seconds``."""
    for way in (number, signal.SIGKILL):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(way)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if _gone(process):
                return
            time.sleep(0.01)


def _gone(process: psutil.Process) -> bool:
    """Ended, or a zombie: in many containers process 1 is slow to collect the dead, or never does."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def failure(server: str, reason: str, log: Path | None = None) -> ConfigError:
    """An E405 with the last lines of the server's log."""
    text = " ".join(reason.split())
    if log is not None and log.exists():
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
        text = f"{text} ({log}: {' | '.join(lines)})"
    return ConfigError("E405", server=server, detail=text)
