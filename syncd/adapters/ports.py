"""What the protocols need from the rest of syncd. ``syncd.sync`` implements them; tests may bring their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from syncd.errors import DataError, SyncdError
from syncd.mappings.orders import OrdersMapping
from syncd.model.records import BadRecord, OrderDocument, Record
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


# --- the way out: targets we call ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way to a target.

    ``marker`` is what the target must know it by (the order's id as text, an event's id): the same at every attempt,
    never that of another message, so that a look-up by it tells whether an earlier attempt was done. ``body`` is plain
    JSON: of an order as ``syncd.sync.orders_out`` describes it, of an event as the webhook carries it.
    """

    tenant: str
    id: UUID
    kind: str
    key: str
    revision_no: int
    attempt: int
    marker: str
    body: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the target said. ``confirmed``: it has the object and said so by its own id; else it only took the message
    and must be asked later. ``answer``: what is worth keeping of the answer, without secrets, small.
    """

    confirmed: bool
    ref: str | None = None
    number: str | None = None
    date: datetime | None = None
    posted: bool | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)


class Target(Protocol):
    """One endpoint that messages are delivered to. Used by several threads at once.

    Both methods raise ``TransportError`` (the target was certainly not reached, or is down or in maintenance: nothing
    was done), ``UnknownOutcome`` (sent, and the answer was lost or says nothing), ``RemoteError`` (it failed inside and
    certainly did nothing), ``Refused`` (it said no), ``MappingError`` (our message cannot be written for it). Any other
    exception after something was sent counts as an unknown outcome. An error may carry ``retry_after`` seconds.
    """

    can_look_up: bool
    """Whether ``look_up`` can tell if a message was taken."""
    idempotent: bool
    """Whether the target itself takes a message once, however often it comes (by ``marker``)."""

    def deliver(self, delivery: Delivery) -> Receipt:
        """Send it once."""

    def look_up(self, delivery: Delivery) -> Receipt | None:
        """Ask by ``marker`` whether the target has it; ``None`` when it certainly has not, as of now."""

    def close(self) -> None:
        """Give connections back."""


PingStep = Literal["name", "connection", "tls", "publication", "login", "session", "licence", "answer"]


@dataclass(frozen=True, slots=True)
class Ping:
    """How an infobase answered: ``failing`` is the first step that failed, ``None`` when all went well.
    ``maintenance``: it is alive and lets nobody in on purpose. ``about``: name and version of the configuration where
    it told them.
    """

    latency_ms: float
    failing: PingStep | None = None
    maintenance: bool = False
    error: SyncdError | None = None
    about: Mapping[str, str] = field(default_factory=dict)


class Pinged(Protocol):
    """Something that can be asked how it is, cheaply. Never raises for what the other side does."""

    def ping(self) -> Ping:
        """Ask once."""


# --- the way in: data we ask for --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gone:
    """An object that 1C has no more, or that is of no use to us any more. Says nothing where it is not stored."""

    entity: str
    key: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PulledOrder:
    """An order as a base shows it now; ``document.id`` is 1C's reference. ``marker`` is what the document bears of
    ours, perhaps cut. ``born``: an order that nobody here knows is one born in 1C; a part of a document, or word of its
    end, makes none. ``confirms``: it shows that 1C is done with what it was sent.
    """

    document: OrderDocument
    marker: str = ""
    born: bool = True
    confirms: bool = True


@dataclass(frozen=True, slots=True)
class Rest:
    """All records of an entity of which a pull of changes does not state these fields have nothing in them: the value
    is what stands for nothing, an empty list or zero.
    """

    entity: str
    fields: Mapping[str, Any]


Item = Record | BadRecord | Gone | Rest | PulledOrder


class NotAtHand(Exception):
    """A page cannot be had without asking the base again, which was not to be asked any more (``Pulled.hush``)."""


Recheck = Callable[[Sequence[str]], Iterator[Sequence[Record | BadRecord]]]


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one question for an entity brings, page by page, as it comes.

    ``partial``: these are changes or a part of the whole, so nothing is gone for not being among them. The others are
    asked when all pages were read. ``cursor``: where the next pull may begin, ``None`` for from the beginning.
    ``whole``: whether it stayed certain that everything was seen. ``recheck``, where the base can be asked for single
    records, gives those of the keys that it has after all: a set that moved while it was read hides some. ``at_hand``:
    whether all pages that are still to come have been sent by the base, so that nobody has to wait for it any more.
    ``words``: what statuses and the like of its orders are called there, where the source says so itself.
    ``hush``: ask the base for nothing more; ``False`` where it is being asked right now, and may go on. Afterwards a
    page that needs another answer raises ``NotAtHand``: somebody holds locks for as long as these pages come.
    ``notes``: what is to be told of how it was read, though nothing is wrong with what came.
    """

    pages: Iterator[Sequence[Item]]
    partial: bool
    cursor: Callable[[], str | None] = lambda: None
    whole: Callable[[], bool] = lambda: True
    recheck: Recheck | None = None
    at_hand: Callable[[], bool] = lambda: False
    words: OrdersMapping | None = None
    hush: Callable[[], bool] = lambda: False
    notes: Callable[[], Sequence[DataError]] = tuple


class Puller(Protocol):
    """One base that is asked for data. Used by one thread at a time.

    What comes is a page of the contract or an error, never an empty set for an answer that was not understood. Raises
    ``TransportError``, ``RemoteError``, ``Refused``, ``MappingError``, ``ConfigError``, while pages are read too.
    """

    def gives(self, entity: str) -> bool:
        """Whether it has such records at all."""

    def pull(self, entity: str, cursor: str | None) -> Pulled:
        """Ask for an entity: all of it, or what changed since the cursor where the protocol can tell."""

    def changes(self) -> Pulled:
        """What changed of all entities since it was last ``committed``. Raises ConfigError where there is no such."""

    def committed(self) -> None:
        """What was pulled is stored for good; what is forgotten there now was not in vain."""

    def close(self) -> None:
        """Give connections back; another thread may be waiting for an answer."""
