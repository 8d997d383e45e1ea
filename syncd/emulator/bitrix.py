"""1C with the module of 1С-Битрикс (7.0.1.3, CommerceML 3.1) as the client: sessid, version, one XML file a session,
containers of orders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

from syncd.emulator import answers
from syncd.emulator.answers import Parameters
from syncd.emulator.base import OrderBase
from syncd.emulator.catalogue import TradeBase
from syncd.emulator.client import PullResult, StandardClient
from syncd.emulator.documents import ExportFile, Portion
from syncd.emulator.documents31 import split_export
from syncd.emulator.order_documents import containers_file_name, containers_xml
from syncd.emulator.orders import TradeOrder
from syncd.emulator.references import Book, SiteInfo, references_xml, site_info
from syncd.emulator.upload import UploadResult
from syncd.emulator.violations import Said, SiteRefused
from syncd.emulator.wire import NOT_MODIFIED, OK, Answer

VERSION = "3.1"
_WITH_VERSION = frozenset({"init", "query", "success", "info"})
_LINES_OF_SALE_INIT = 4
_SESSID_LINE, _TIMESTAMP_LINE = 3, 4
_LEAST_VERSION = 2.08
_PAGES = 1000


class BitrixModuleClient(StandardClient):
    """The dialogue of the module. Push each file in a session of its own, then ``finish_catalogue``.

    Its text reader takes garbage for the encoding when an answer has no charset, so every answer must have one.
    """

    _token = ""
    _timestamp = ""

    def _extra(self, type_: str, mode: str) -> str:
        """sessid as the whole fourth line of checkauth, or a bare ``&`` when there was none (BXMOD 1576)."""
        if mode == "checkauth":
            return ""
        return self._token + (f"&version={VERSION}" if mode in _WITH_VERSION else "")

    def _remember(self, answer: Answer) -> None:
        """The token is the last checkauth's, the timestamp the first one's of the run (BXMOD 1585-1596)."""
        lines = answers.decode(answer, strict=True).split("\n")
        self._token = "&" + (lines[_SESSID_LINE] if len(lines) > _SESSID_LINE else "")
        if len(lines) > _TIMESTAMP_LINE and not self._timestamp:
            self._timestamp = lines[_TIMESTAMP_LINE]

    def init(self, type_: str) -> Parameters:
        """At least two lines for a catalogue; four for sale, where the last four characters must be a version of 2.08
        or more.
        """
        answer = self.call(type_, "init")
        lines = answers.decode(answer, strict=True).split("\n")
        least = _LINES_OF_SALE_INIT if type_ == "sale" else _LINES_OF_SALE_INIT // 2
        if len(lines) < least:
            raise answer.violation(
                Said(
                    f"init has {len(lines)} lines, the module needs {least}.",
                    f"В ответе init строк: {len(lines)}, а модулю нужно {least}.",
                )
            )
        if type_ == "sale":
            self._check_version(answer, lines[_LINES_OF_SALE_INIT - 1])
        zip_ = lines[0].strip().lower() == "zip=yes"
        return Parameters(zip_, answers.number(lines[1].replace("file_limit=", "")))

    @staticmethod
    def _check_version(answer: Answer, line: str) -> None:
        last = line[-4:]
        if not re.fullmatch(r"\s*\d+(\.\d+)?\s*", last) or float(last) < _LEAST_VERSION:
            raise answer.violation(
                Said(
                    f"Число({last!r}) of the last four characters of {line!r} is no version of 2.08 or more.",
                    f"Число({last!r}) от последних четырёх знаков {line!r} не даёт версию от 2.08.",
                )
            )

    def export(self, base: TradeBase, *, full: bool, portions: int) -> Iterator[Portion]:
        """The base split by kind, 3.1."""
        return split_export(base, full=full, portions=portions)

    def orders_file(self, orders: Sequence[TradeOrder], formed_at: str) -> ExportFile:
        """Orders in containers, 3.1."""
        return ExportFile(containers_file_name(), lambda: containers_xml(orders, formed_at))

    def finish_catalogue(self, *, full: bool) -> None:
        """deactivate with the timestamp of the run's first checkauth (full exports only), then complete; a checkauth
        before each.
        """
        if full:
            self.check_auth("catalog")
            stamp = f"&{self._timestamp}" if self._timestamp else ""
            answer = self._wire.call("catalog", "deactivate", extra=stamp + self._extra("catalog", "deactivate"))
            answers.require_success(answer, strict=True)
        self.check_auth("catalog")
        answers.require_success(self.call("catalog", "complete"), strict=True)
        self._timestamp = ""

    def info(self) -> SiteInfo:
        """What the settings form of the module loads from the site; nothing is sent before it but checkauth."""
        self.check_auth("sale")
        return site_info(self.call("sale", "info"))

    def listen(self) -> bool:
        """type=listen without a cookie: whether an exchange should begin. Other answers than 200 and 304 are an error
        (BXMOD 60-130).
        """
        self._wire.cookie = ""
        answer = self._wire.call("listen", "", extra="&version=2.1")
        if answer.status == NOT_MODIFIED and answer.body:
            raise answer.violation(Said("304 must have no body.", "У ответа 304 не должно быть тела."))
        if answer.status not in (OK, NOT_MODIFIED):
            raise SiteRefused("E602", asked=answer.asked, reason=f"HTTP {answer.status}")
        return answer.status == OK

    def push_references(self, folder: Path, books: Sequence[Book]) -> UploadResult:
        """The user's own reference books: type=reference, one file in a session of its own."""
        name = f"references___{uuid4()}.xml"
        (folder / name).write_bytes(references_xml(books))
        return self.upload("reference", folder)

    def pull_orders(self, orders: OrderBase, result: PullResult | None = None) -> PullResult:
        """checkauth, init, query until an answer has no Контейнер, then success.

        The module itself would repeat query forever; after 1000 pages it is a violation.
        """
        result = result or PullResult()
        self.check_auth("sale")
        self.init("sale")
        while result.batch.ok:
            answer = self.call("sale", "query")
            page = orders.take(answers.documents_text(answer, strict=self.strict), containers=True)
            result.batch.add(page)
            result.pages += 1
            if not page.containers:
                break
            if result.pages >= _PAGES:
                raise answer.violation(
                    Said(
                        f"query has had containers {_PAGES} times and never ends.",
                        f"query уже {_PAGES} раз вернул контейнеры и не кончается.",
                    )
                )
        if result.batch.ok:
            answers.require_success(self.call("sale", "success"), strict=True)
            result.confirmed = True
        return result
