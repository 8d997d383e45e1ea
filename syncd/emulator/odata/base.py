"""A 1C base that answers over OData, for tests and for trying things out: ``OdataBase``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Final

from syncd.emulator.odata import edmx
from syncd.emulator.odata.exchange import ExchangePlans
from syncd.emulator.odata.faults import Fault, OdataFaults, Rule
from syncd.emulator.odata.generic import generic
from syncd.emulator.odata.kept import Kept
from syncd.emulator.odata.model import EntitySet, Kind, Row
from syncd.emulator.odata.preset import Preset
from syncd.emulator.odata.reading import Reader
from syncd.emulator.odata.refusals import Language
from syncd.emulator.odata.server import Heard, Log, Publication, Server
from syncd.emulator.odata.service import Service
from syncd.emulator.odata.sessions import Sessions
from syncd.emulator.odata.store import Store
from syncd.emulator.odata.unf import UNF
from syncd.emulator.odata.ut import UT11
from syncd.emulator.odata.writing import Body, Writer

PRESETS: Final[dict[str, Preset]] = {preset.name: preset for preset in (UT11, UNF)}


@dataclass(frozen=True, slots=True)
class Manners:
    """How this publication differs from the usual one.

    ``ref_key_accepted``: POST may name its own Ref_Key. ``if_match_honoured``: 412 as the developer guide has it, while
    live bases ignore If-Match. ``atom_only``: a platform before 8.3.6. ``bom``: JSON begins with one.
    ``length_required``: IIS, 411 for a write without Content-Length. ``language``: of the platform's messages. The rest
    is about sessions: requests at once, seconds to wait for a place (then 406), seconds a session stays warm, seconds
    the first request takes, whether IBSession is heeded. ``refused_filters``: a ``$filter`` in which this regular
    expression is found cannot be computed by the base.
    """

    ref_key_accepted: bool = False
    if_match_honoured: bool = False
    atom_only: bool = False
    bom: bool = False
    length_required: bool = False
    language: Language = Language.RU
    pool_size: int = 10
    pool_timeout: float = 5.0
    session_age: float = 20.0
    cold_start: float = 0.0
    manual_sessions: bool = False
    refused_filters: str = ""


class OdataBase:
    """An emulated base.

    ``preset`` is ``ut11`` or ``unf``; with ``metadata`` (a file or its bytes) the base publishes what that document
    says instead. What is written outlives the process in the file ``kept``. ``size`` counts goods, or objects of each
    set of a foreign document. The same ``seed`` and ``size`` give the same base.
    """

    def __init__(
        self, preset: str = "ut11", *, seed: int = 1, size: int = 50, user: str = "odata",
        password: str = "odata",  # noqa: S107 - a base to play with
        faults: OdataFaults | None = None, metadata: Path | bytes | None = None, manners: Manners | None = None,
        clock: Callable[[], datetime] | None = None, port: int = 0, kept: Path | None = None,
    ) -> None:  # fmt: skip
        made = PRESETS[preset]
        if metadata is not None:
            document = metadata if isinstance(metadata, bytes) else metadata.read_bytes()
            made = generic(edmx.read(document), made.publication)
        manners = manners or Manners()
        self.faults = faults or OdataFaults(seed=seed)
        self.user, self.password = user, password
        self.hidden: dict[str, set[str]] = {}
        """References the user may not see, by set."""
        self.store = Store(made.schema())
        self._reader = Reader(self.store, self._is_hidden)
        self._writer = Writer(
            self.store, self._reader, made.rules(self.store), clock or _local_now, number_prefix=made.number_prefix,
            ref_key_accepted=manners.ref_key_accepted, seed=seed,
        )  # fmt: skip
        posted = made.fill(self.store, seed, size)
        for name, ref in posted:
            self._post_at_first(name, ref)
        self._kept = Kept(kept) if kept is not None else None
        if self._kept is not None:
            self._kept.begin(self.store, self._writer, made_of=f"{made.publication}, seed {seed}, size {size}")
        self.plans = ExchangePlans(self.store)
        self._log = Log(struck=self._kept.struck if self._kept else None)
        self._root = f"/{made.publication}/odata/standard.odata"
        self._port = port
        self._server: Server | None = None
        self._publication = Publication(
            Service(
                self.store, self._reader, self._writer, self.plans, lambda: self.url.rstrip("/"),
                if_match_honoured=manners.if_match_honoured, atom_only=manners.atom_only, bom=manners.bom,
                refused_filters=manners.refused_filters,
            ),
            self._root, user, password, self.faults,
            Sessions(
                manners.pool_size, manners.pool_timeout, manners.cold_start, manners.session_age,
                manual=manners.manual_sessions,
            ),
            self._log, self.store.lock, manners.language, manners.length_required,
        )  # fmt: skip

    def _post_at_first(self, name: str, ref: str) -> None:
        """Make the movements without touching the document: it says it is posted already."""
        made = self.store.schema.sets[name]
        row = self._reader.one(made, (ref,))
        for register, records in self._writer.rules.movements(made, row).items():
            self._writer.write_records(register, name, row, records)

    def _is_hidden(self, entity_set: EntitySet, row: Row) -> bool:
        return bool(self.hidden) and str(row.get("Ref_Key", "")) in self.hidden.get(entity_set.name, ())

    # -- running

    @contextmanager
    def running(self) -> Iterator[OdataBase]:
        """Serve on 127.0.0.1 in a thread until the block ends. The next time it is at the same address again."""
        self.start()
        thread = Thread(target=self.serve, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.stop()
            thread.join()

    def start(self) -> None:
        """Take the port; ``serve`` answers.

        Raises ``OSError`` when the port is taken.
        """
        self._server = Server(self._port, self._publication)
        self._port = self._server.server_address[1]

    def serve(self) -> None:
        """Answer until ``stop`` is called or the thread is interrupted."""
        assert self._server
        self._server.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        """End ``serve`` in another thread, and let the port go."""
        if self._server:
            self._server.shutdown()
        self.close()

    def close(self) -> None:
        """Let the port go, when nobody serves."""
        if self._server:
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        """The address of the service, with a slash at its end."""
        assert self._server, "the base is not running"
        return f"http://127.0.0.1:{self._server.server_address[1]}{self._root}/"

    # -- control

    def fail_next(
        self, fault: Fault | str, *, method: str = "", resource: str = "", times: int = 1, after: int = 0
    ) -> None:  # fmt: skip
        """Strike the next ``times`` requests with this method and resource, leaving the first ``after`` alone."""
        names = {one.value.replace(" ", "-"): one for one in Fault}
        found = fault if isinstance(fault, Fault) else names[fault.replace(" ", "-")]
        self.faults.next(Rule(found, method, resource, after + 1, times))

    @property
    def blocked(self) -> bool:
        """Sessions are forbidden: every request gets 403 with the exception of the virtual resource system."""
        return self._publication.blocked

    @blocked.setter
    def blocked(self, value: bool) -> None:
        self._publication.blocked = value

    @property
    def requests(self) -> list[Heard]:
        """The log, oldest first."""
        return list(self._log.requests)

    def listen(self, listener: Callable[[Heard], None]) -> None:
        """Be told of every request when it is over."""
        self._log.listener = listener

    @property
    def ignored(self) -> list[str]:
        """Properties clients sent that 1C dropped without a word, as ``Set.Property``."""
        return list(self._writer.ignored)

    # -- what is in the base

    def rows(self, name: str) -> list[Row]:
        """Every row of a set, sections and separate records included."""
        with self.store.lock:
            return [dict(row) for row in self._reader.rows(self.store.schema.sets[name])]

    def documents(self, kind: str) -> list[Row]:
        """Documents by the name of their kind, such as ``ЗаказКлиента``, in the order they were made."""
        return self.rows(f"Document_{kind}")

    def get(self, name: str, ref: str) -> Row | None:
        """An object by reference."""
        with self.store.lock:
            row = self.store.tables[name].get((ref,))
            return None if row is None else dict(row)

    def movements(self, register: str, recorder: str) -> list[Row]:
        """The records a document has in a register."""
        return [row for row in self.rows(f"{register}_RecordType") if row.get("Recorder") == recorder]

    # -- what people do in 1C

    def create(self, name: str, fields: Mapping[str, object]) -> Row:
        """Make an object as a user would: all of 1C's rules apply.

        Raises ``ODataRefusal``.
        """
        with self.store.transaction():
            return self._writer.create(self.store.schema.sets[name], dict(fields))

    def change(self, name: str, ref: str, fields: Mapping[str, object]) -> Row:
        """Change an object."""
        body: Body = dict(fields)
        with self.store.transaction():
            return self._writer.change(self.store.schema.sets[name], (ref,), body, whole=False)

    def post(self, name: str, ref: str) -> Row:
        """Post a document."""
        with self.store.transaction():
            return self._writer.post(self.store.schema.sets[name], (ref,))

    def unpost(self, name: str, ref: str) -> Row:
        """Take a posting back."""
        with self.store.transaction():
            return self._writer.unpost(self.store.schema.sets[name], (ref,))

    def delete(self, name: str, ref: str) -> None:
        """Delete at once."""
        with self.store.transaction():
            self._writer.delete(self.store.schema.sets[name], (ref,))

    def nodes(self, plan: str = "") -> list[str]:
        """References of the peers in an exchange plan; of the first plan when none is named."""
        plans = [name for name, table in self.store.tables.items() if _is_plan(name, table.set)]
        return [str(row["Ref_Key"]) for row in self.rows(plan or plans[0]) if not row["ThisNode"]]


def _is_plan(name: str, entity_set: EntitySet) -> bool:
    return name.startswith("ExchangePlan") and entity_set.kind is Kind.OBJECTS


def _local_now() -> datetime:
    """Naive, as 1C's own time is."""
    return datetime.now().replace(microsecond=0)  # noqa: DTZ005
