"""1C as the client of the exchange with a site: the standard exchange of УТ 11 and BAS УТ (CommerceML 2.07).

It insists on everything the real client insists on; see ``answers`` for the rules. What a real 1C would end with an
error raises ``ProtocolViolation`` at once; ``failure`` and broken connections are retried as 1C retries a portion.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from syncd.emulator import answers
from syncd.emulator.answers import Parameters
from syncd.emulator.base import BatchResult, OrderBase
from syncd.emulator.catalogue import TradeBase
from syncd.emulator.documents import ExportFile, Portion, standard_export
from syncd.emulator.faults import ON_FILE, ON_IMPORT, ClientFaults
from syncd.emulator.order_documents import orders_file_name, orders_xml
from syncd.emulator.orders import TradeOrder
from syncd.emulator.upload import Outgoing, UploadResult, files_of, is_document, pack, parts, sent_name
from syncd.emulator.violations import NoAnswer, Said, SiteRefused
from syncd.emulator.wire import TIMEOUT, Answer, JournalCallback, Wire

PartSent = Callable[[str, int], None]
"""Told the file's name and the bytes of each part that was accepted."""


@dataclass(slots=True)
class PullResult:
    """One pull of orders: what 1C made of the batch, and whether success was sent and answered."""

    batch: BatchResult = field(default_factory=BatchResult)
    confirmed: bool = False
    pages: int = 0


class StandardClient:
    """The whole dialogue of the standard exchange with one site.

     ``url`` is the address a user typed; ``type=…`` is always appended after a ``?``. ``strict`` also rejects what
    only some clients choke on (an answer without charset, a Контейнер among the orders). ``attempts`` is how often one
    portion is sent in all, ``retry_pause`` the seconds between. ``import_cap`` ends an import that answers progress
    for longer (seconds); 1C itself has no such limit.
    """

    def __init__(
        self,
        url: str,
        login: str,
        password: str,
        *,
        transport: httpx.BaseTransport | None = None,
        timeout: float = TIMEOUT,
        journal: JournalCallback | None = None,
        faults: ClientFaults | None = None,
        strict: bool = True,
        attempts: int = 3,
        retry_pause: float = 0.0,
        import_cap: float = 600.0,
        wait_for_import: bool = True,
        post_all: bool = False,
        part_sent: PartSent | None = None,
    ) -> None:
        self.faults = faults or ClientFaults()
        self.strict = strict
        self.attempts = attempts
        self.part_sent = part_sent
        self._retry_pause = retry_pause
        self._import_cap = import_cap
        self._wait_for_import = wait_for_import
        self._post_all = post_all
        self._wire = Wire(
            url, login, password, transport=transport, timeout=timeout, journal=journal, faults=self.faults
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()

    # -- single calls

    def call(self, type_: str, mode: str, *, filename: str = "") -> Answer:
        """A request without a body."""
        return self._wire.call(type_, mode, filename=filename, extra=self._extra(type_, mode), post=self._post_all)

    def _extra(self, type_: str, mode: str) -> str:
        """What this client appends to the query."""
        return ""

    def check_auth(self, type_: str) -> None:
        """mode=checkauth: the cookie is taken from lines 2 and 3 of the body, and from nowhere else."""
        self._wire.cookie = ""
        answer = self.call(type_, "checkauth")
        self._wire.cookie = answers.cookie_of(answer, strict=self.strict)
        self._remember(answer)

    def _remember(self, answer: Answer) -> None:
        """What else this client takes from checkauth: nothing."""

    def init(self, type_: str) -> Parameters:
        """mode=init: exactly two lines."""
        return answers.parameters(self.call(type_, "init"), strict=self.strict)

    def send_file(self, type_: str, file: Outgoing, limit: int, result: UploadResult) -> None:
        """mode=file for every part, in order, under one name."""
        self._send_once(type_, file, limit, result)
        if self.faults.strike(type_, "file", ON_FILE):
            self._send_once(type_, file, limit, result)
        result.files += 1

    def _send_once(self, type_: str, file: Outgoing, limit: int, result: UploadResult) -> None:
        name = sent_name(file.name)
        for body, size in parts(file, limit):
            answer = self._wire.call(
                type_, "file", filename=name, extra=self._extra(type_, "file"), body=body, size=size
            )
            answers.require_success(answer, strict=self.strict)
            result.parts += 1
            result.bytes += size
            if self.part_sent:
                self.part_sent(name, size)

    def import_file(self, type_: str, name: str, result: UploadResult) -> None:
        """mode=import, repeated at once and without a pause while the site answers progress."""
        started = time.monotonic()
        while True:
            answer = self.call(type_, "import", filename=name)
            word, rest = answers.status(answer, strict=self.strict)
            if word == "success":
                return
            if word == "failure":
                raise SiteRefused("E602", asked=answer.asked, reason=rest.strip()[:500])
            result.progress += 1
            if time.monotonic() - started > self._import_cap:
                raise answer.violation(
                    Said(
                        f"The import has answered progress for {self._import_cap:.0f} s.",
                        f"Импорт отвечает progress уже {self._import_cap:.0f} с.",
                    )
                )

    # -- what this client writes

    def export(self, base: TradeBase, *, full: bool, portions: int) -> Iterator[Portion]:
        """The base in the files of this client."""
        return standard_export(base, full=full, portions=portions)

    def orders_file(self, orders: Sequence[TradeOrder], formed_at: str) -> ExportFile:
        """Orders back to the site in the file of this client."""
        return ExportFile(orders_file_name(), lambda: orders_xml(orders, formed_at))

    # -- sessions

    def finish_catalogue(self, *, full: bool) -> None:
        """What follows the last portion: nothing here."""

    def upload(self, type_: str, folder: Path) -> UploadResult:
        """Send everything in ``folder`` as one portion, whole again after a failure or a broken connection, up to
        ``attempts`` times.
        """
        files = files_of(folder)
        total = UploadResult()
        while True:
            total.attempts += 1
            try:
                self._upload_once(type_, files, total)
            except (NoAnswer, SiteRefused):
                if total.attempts >= self.attempts:
                    raise
                time.sleep(self._retry_pause)
            else:
                return total

    def _upload_once(self, type_: str, files: Sequence[Outgoing], result: UploadResult) -> None:
        self.check_auth(type_)
        given = self.init(type_)
        with tempfile.TemporaryDirectory(prefix="v8_") as folder:
            for file in [pack(list(files), Path(folder))] if given.zip else files:
                self.send_file(type_, file, given.file_limit, result)
        self._import_all(type_, [sent_name(file.name) for file in files if is_document(file.name)], result)

    def _import_all(self, type_: str, names: Sequence[str], result: UploadResult) -> None:
        """import for every XML.

        After an error УТ goes on with the next only when an earlier one succeeded (УТ 11.4, 6055-6140).
        """
        first_error: SiteRefused | None = None
        succeeded = 0
        for name in names:
            if not self._wait_for_import or self.faults.strike(type_, "import", ON_IMPORT):
                result.imports_skipped += 1
                continue
            try:
                self.import_file(type_, name, result)
            except SiteRefused as error:
                first_error = first_error or error
                if not succeeded:
                    break
            else:
                succeeded += 1
                result.documents += 1
        if first_error:
            raise first_error

    def pull_orders(self, orders: OrderBase, result: PullResult | None = None) -> PullResult:
        """checkauth, query without init, success: the last only when the whole batch was processed.

         After a ``NoAnswer`` 1C has the documents it wrote, as the given ``result`` tells, and the site sends the
        batch again.
        """
        result = result or PullResult()
        self.check_auth("sale")
        answer = self.call("sale", "query")
        text = answers.documents_text(answer, strict=self.strict)
        result.batch = orders.take(text)
        result.pages = 1
        if result.batch.containers and self.strict:
            raise answer.violation(
                Said(
                    f"{result.batch.containers} Контейнер: the standard exchange does not look inside and loses them.",
                    f"Контейнер: {result.batch.containers}; стандартный обмен внутрь не смотрит и теряет заказы.",
                )
            )
        if result.batch.ok:
            # УТ 11.4 does not look at the text of this answer; only none at all is an error.
            self.call("sale", "success")
            result.confirmed = True
        return result
