"""What the protocols need from the rest of syncd. ``syncd.sync`` implements them; tests may bring their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from syncd.store.access import Session

ImportStatus = Literal["running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class ImportState:
    """How far the import of one file is. ``message`` is a line for the person at 1C, in ASCII."""

    status: ImportStatus
    message: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that ``checkauth`` opened, with the value of its cookie. ``timestamp`` is Unix seconds."""

    session: Session
    token: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Orders:
    """An answer to ``sale/query`` or ``sale/info``: a whole document and its encoding's name."""

    document: bytes
    charset: str


class ExchangePort(Protocol):
    """The use cases behind the 1C-site exchange. All raise ``SyncdError`` with a text for the person at 1C."""

    file_limit: int
    zip_accepted: bool

    def login(self, tenant: str, login: str, password: str, type_: str, address: str | None) -> Opened:
        """Open a session. Raises ``RequestError`` E101 or E113."""

    def session(
        self, tenant: str, type_: str, *, token: str | None, basic: tuple[str, str] | None, address: str | None
    ) -> Session:
        """The session of a request: by cookie, else by login and password. Raises ``RequestError`` E101 or E102."""

    def begin(self, session: Session, type_: str, version: str | None) -> None:
        """``init``: files sent from now on are new ones."""

    def receive(self, session: Session, type_: str, name: str, data: bytes) -> int:
        """Append a part of a file. Returns the file's size so far."""

    def start_import(self, session: Session, type_: str, name: str) -> ImportState:
        """Queue the file's import unless it is queued already, and tell how far it is."""

    def verify(self, session: Session, sessid: str) -> None:
        """A request's ``sessid`` is the session's own or another's of its infobase. Raises ``RequestError`` E116."""

    def orders(self, session: Session, version: str | None) -> Orders:
        """Orders this session was not offered yet."""

    def info(self, session: Session, version: str | None) -> Orders:
        """Statuses, methods of payment and of delivery, for 1C's settings."""

    def confirm(self, session: Session) -> int:
        """1C has what it was offered in this session. Returns how many orders that closed."""

    def end_of_run(self, session: Session, mode: str, timestamp: int | None) -> None:
        """``complete`` or ``deactivate``: nothing more comes in this run; files without an import are imported."""
