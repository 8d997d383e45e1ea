"""The site's side of the exchange: 1C calls us. What each mode answers, for the standard client and for the Bitrix
module.

Rules (the exchange protocol as its real clients read it): the first line is ``success``, ``progress`` or ``failure``
and nothing else; lines end in LF, the last one in nothing; ``init`` has exactly two lines for the standard client;
``charset`` stands last in Content-Type; no answer is empty; texts are ASCII, as old clients read them in the system's
code page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from syncd.adapters.exchange.latin import latin
from syncd.adapters.exchange.request import COOKIE, ExchangeRequest, clean_name
from syncd.adapters.ports import ExchangePort, ImportState, Orders
from syncd.errors import RequestError, SyncdError
from syncd.store.access import Session

TYPES: Final = ("catalog", "sale", "reference", "listen")
MODES: Final[dict[str, tuple[str, ...]]] = {
    "catalog": ("checkauth", "init", "file", "import", "complete", "deactivate"),
    "sale": ("checkauth", "init", "file", "import", "query", "success", "info"),
    "reference": ("checkauth", "init", "file", "import"),
}
UNSERVED: Final = {
    "get_catalog": "the goods are kept in 1C and come from it",
    "crm": "there is no CRM here",
}
"""Types that a real client knows and syncd has nothing for."""
TEXT: Final = "text/plain; charset=utf-8"
SALE_VERSION: Final = "2.09"
"""The module takes the last four characters of the line for a number that must be 2.08 or more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: always HTTP 200 unless we are broken, for clients that never look at the status."""

    body: bytes
    content_type: str = TEXT
    headers: dict[str, str] = field(default_factory=dict)
    error: SyncdError | None = None
    running: bool = False
    """The import goes on: the edge may hold the answer back and ask again, as clients repeat at once."""


@dataclass(frozen=True, slots=True)
class Handled:
    """An answer, and the session it was given in, for the journal."""

    answer: Answer
    session: Session | None


def success(*lines: str) -> Answer:
    """``success`` and further lines."""
    return Answer("\n".join(("success", *lines)).encode())


def failure(error: SyncdError) -> Answer:
    """``failure`` and one clear line."""
    line = f"{error.code} {error.text('en')}".replace("\n", " ").replace("\r", " ")
    return Answer(b"failure\n" + latin(line), error=error)


class ExchangeServer:
    """Dispatches a request to the use case behind it."""

    def __init__(self, port: ExchangePort) -> None:
        self._port = port
        self._modes: dict[str, Callable[[ExchangeRequest, Session], Answer]] = {
            "init": self._init,
            "file": self._file,
            "import": self._import,
            "query": self._query,
            "success": self._success,
            "info": self._info,
            "complete": self._end,
            "deactivate": self._end,
        }

    def handle(self, request: ExchangeRequest) -> Handled:
        """Answer one request. Errors a person can act on become ``failure``; others go up to the edge."""
        session: Session | None = None
        try:
            self._known(request)
            if request.mode == "checkauth":
                return self._checkauth(request)
            session = self._port.session(
                request.tenant, request.type, token=request.token, basic=request.basic, address=request.address
            )
            if request.sessid:
                self._port.verify(session, request.sessid)
            return Handled(self._modes[request.mode](request, session), session)
        except SyncdError as error:
            return Handled(failure(error), session)

    def _known(self, request: ExchangeRequest) -> None:
        if not request.type:
            raise RequestError("E109", parameter="type")
        if request.type in UNSERVED:
            raise RequestError("E115", type=request.type, reason=UNSERVED[request.type])
        if request.type not in MODES:
            raise RequestError("E103", type=request.type[:50], known=", ".join(TYPES))
        if not request.mode:
            raise RequestError("E109", parameter="mode")
        if request.mode not in MODES[request.type]:
            known = ", ".join(MODES[request.type])
            raise RequestError("E104", mode=request.mode[:50], type=request.type, known=known)

    def _checkauth(self, request: ExchangeRequest) -> Handled:
        if request.basic is None:
            if request.token is None:
                raise RequestError("E101")
            session = self._port.session(
                request.tenant, request.type, token=request.token, basic=None, address=request.address
            )
            return Handled(success(COOKIE, request.token, f"sessid={session.id.hex}"), session)
        opened = self._port.login(request.tenant, *request.basic, request.type, request.address)
        lines = [COOKIE, opened.token, f"sessid={opened.session.id.hex}"]
        if request.type == "catalog":
            lines.append(f"timestamp={opened.timestamp}")
        answer = success(*lines)
        cookie = f"{COOKIE}={quote(opened.token)}; Path=/; HttpOnly; SameSite=Lax"
        return Handled(Answer(answer.body, headers={"Set-Cookie": cookie}), opened.session)

    def _init(self, request: ExchangeRequest, session: Session) -> Answer:
        self._port.begin(session, request.type, request.version)
        lines = [f"zip={'yes' if self._port.zip_accepted else 'no'}", f"file_limit={self._port.file_limit}"]
        if request.version:
            lines += [f"sessid={session.id.hex}", f"version={SALE_VERSION}"]
        return Answer("\n".join(lines).encode())

    def _file(self, request: ExchangeRequest, session: Session) -> Answer:
        name = self._filename(request)
        if len(request.body) > self._port.file_limit:
            raise RequestError("E106", size=len(request.body), limit=self._port.file_limit)
        self._port.receive(session, request.type, name, request.body)
        return success()

    def _import(self, request: ExchangeRequest, session: Session) -> Answer:
        return import_answer(self._port.start_import(session, request.type, self._filename(request)))

    def _query(self, request: ExchangeRequest, session: Session) -> Answer:
        return _document(self._port.orders(session, request.version))

    def _info(self, request: ExchangeRequest, session: Session) -> Answer:
        return _document(self._port.info(session, request.version))

    def _success(self, request: ExchangeRequest, session: Session) -> Answer:
        self._port.confirm(session)
        return success()

    def _end(self, request: ExchangeRequest, session: Session) -> Answer:
        self._port.end_of_run(session, request.mode, request.timestamp)
        return success()

    @staticmethod
    def _filename(request: ExchangeRequest) -> str:
        raw = request.parameters.get("filename", "")
        if not raw:
            raise RequestError("E109", parameter="filename")
        return clean_name(raw)


def _document(found: Orders) -> Answer:
    return Answer(found.document, content_type=f"application/xml; charset={found.charset}")


def import_answer(state: ImportState) -> Answer:
    """An import's state in the words of the protocol."""
    word = {"running": "progress", "done": "success", "failed": "failure"}[state.status]
    return Answer(latin(f"{word}\n{state.message}"), running=state.status == "running")
