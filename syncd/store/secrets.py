"""Sealing what must be kept and never shown: passwords and signing keys of endpoints.

The keys are Fernet keys (AES-128-CBC with HMAC-SHA256, as github.com/fernet/spec says): from the setting
``secret_key`` (several, separated by commas; the first seals, all open), else from ``secret.key`` in the home folder,
one key a line, made at first use. Several hosts need the same keys, hence the setting.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from syncd.config import Settings
from syncd.errors import ConfigError
from syncd.i18n import tr
from syncd.store.db import Conn, every, execute

FILE: Final = "secret.key"


class Keys:
    """Seals and opens. Shows nothing of itself, in no repr and no error."""

    __slots__ = ("_again", "_box", "_count")

    def __init__(self, keys: Sequence[str], *, again: Callable[[], Sequence[str]] | None = None) -> None:
        """``again`` reads the keys anew: another process may have put a new one first since."""
        self._again = again
        self._use(keys)

    def _use(self, keys: Sequence[str]) -> None:
        try:
            self._box = MultiFernet([Fernet(key.encode()) for key in keys])
        except ValueError:
            detail = tr("is no key; `syncd secret new` makes one", "не ключ; новый делает `syncd secret new`")
            raise ConfigError("E406", key="secret_key", detail=detail) from None
        self._count = len(keys)

    def __repr__(self) -> str:
        return f"Keys({self._count})"

    def seal(self, secret: str) -> bytes:
        """The secret under the first key."""
        return self._box.encrypt(secret.encode())

    def open(self, sealed: bytes) -> str:
        """The secret. Raises ``ConfigError`` E920 when none of the keys sealed it."""
        try:
            return self._box.decrypt(bytes(sealed)).decode()
        except InvalidToken:
            if self._again is None:
                raise ConfigError("E920") from None
        self._use(self._again())
        try:
            return self._box.decrypt(bytes(sealed)).decode()
        except InvalidToken:
            raise ConfigError("E920") from None

    def reseal(self, sealed: bytes) -> bytes:
        """The same secret under the first key. Raises ``ConfigError`` E920."""
        return self.seal(self.open(sealed))


def new_key() -> str:
    """A fresh key as text."""
    return Fernet.generate_key().decode()


def keys(settings: Settings) -> Keys:
    """The keys in force; the first use makes the key file. Raises ``ConfigError`` E406 or E921."""
    if settings.secret_key is not None:
        return Keys([key.strip() for key in settings.secret_key.get_secret_value().split(",") if key.strip()])
    path = settings.home / FILE
    return Keys(_file(path), again=lambda: _file(path))


def add_key(settings: Settings) -> Path | None:
    """Put a fresh key first in the key file; what the older ones sealed still opens. ``None`` when the keys are a
    setting: the administrator puts a new one first there.
    """
    if settings.secret_key is not None:
        return None
    path = settings.home / FILE
    found = _file(path)
    _write(path, [new_key(), *found], replace=True)
    return path


def forget_old(settings: Settings) -> int:
    """Keep only the first key of the key file. What an older key sealed is lost: seal it anew before. Returns how many
    were forgotten.
    """
    path = settings.home / FILE
    found = _file(path)
    _write(path, found[:1], replace=True)
    return len(found) - 1


def rotate(conn: Conn, found: Keys) -> int:
    """Seal every stored secret anew under the first key. Returns how many there are. Raises ``ConfigError`` E920."""
    rows = every(
        conn, "SELECT tenant, id, secret FROM endpoint WHERE secret IS NOT NULL ORDER BY tenant, id FOR UPDATE"
    )
    for row in rows:
        execute(
            conn,
            "UPDATE endpoint SET secret = %(s)s WHERE tenant = %(t)s AND id = %(id)s",
            s=found.reseal(row["secret"]), t=row["tenant"], id=row["id"],
        )  # fmt: skip
    return len(rows)


def _file(path: Path) -> list[str]:
    """The keys of the file, which is made when it is not there."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, [new_key()], replace=False)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            detail = tr(f"others may read it; chmod 600 {path}", f"его могут читать другие; chmod 600 {path}")
            raise ConfigError("E921", file=path, detail=detail)
        found = path.read_text(encoding="ascii", errors="replace").split()
    except OSError as error:
        raise ConfigError("E921", file=path, detail=error.strerror or type(error).__name__) from None
    if not found:
        raise ConfigError("E921", file=path, detail=tr("it is empty", "он пуст"))
    return found


def _write(path: Path, found: Sequence[str], *, replace: bool) -> None:
    """Whole or not at all; without ``replace`` the file of a process that was faster stays."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=FILE)  # mkstemp: mode 0600 from the start
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write("\n".join(found) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            Path(draft).replace(path)
        else:
            try:
                path.hardlink_to(draft)
            except FileExistsError:
                return
    finally:
        Path(draft).unlink(missing_ok=True)
