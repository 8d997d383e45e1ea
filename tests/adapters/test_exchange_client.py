"""We play 1C towards sites as they really are: each answer below was seen at one of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from syncd.adapters.exchange.client import SiteClient
from syncd.errors import RemoteError, SyncdError, TransportError, UnknownOutcome

Answer = tuple[int, Mapping[str, str], bytes]


def ok(text: str | bytes, **headers: str) -> Answer:
    return 200, headers, text.encode() if isinstance(text, str) else text


@dataclass
class Cms:
    """A site: what it answers by mode; the last answer of a mode is given again and again."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)
    files: dict[str, list[bytes]] = field(default_factory=dict)
    port: int = 0

    def says(self, mode: str, *answers: Answer | str) -> None:
        self.answers[mode] = [ok(each) if isinstance(each, str) else each for each in answers]

    def modes(self) -> list[str]:
        return [mode(path) for path in self.asked]


def mode(path: str) -> str:
    return path.partition("mode=")[2].partition("&")[0]


@pytest.fixture
def cms() -> Iterator[Cms]:
    found = Cms()
    for name, text in (("checkauth", "success\nPHPSESSID\nabc"), ("init", "zip=no\nfile_limit=0"),
                       ("file", "success"), ("import", "success"), ("success", "success")):  # fmt: skip
        found.says(name, text)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["content-length"])))

        def _answer(self, body: bytes) -> None:
            found.asked.append(self.path)
            found.cookies.append(self.headers.get("Cookie") or "")
            if mode(self.path) == "file":
                name = parse_qs(self.path.rpartition("?")[2])["filename"][0]
                found.files.setdefault(name, []).append(body)
            left = found.answers[mode(self.path)]
            status, headers, text = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def client(cms: Cms) -> Iterator[Callable[..., SiteClient]]:
    made: list[SiteClient] = []

    def build(path: str = "/1c.php", **options: Any) -> SiteClient:
        made.append(SiteClient(f"http://127.0.0.1:{cms.port}{path}", login="Обмен", password="п", timeout=5, **options))
        return made[-1]

    yield build
    for each in made:
        each.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "import0_1.xml"
    path.write_bytes(b"0123456789" * 3)
    return path


def failing(call: Callable[[], object]) -> SyncdError:
    with pytest.raises(SyncdError) as raised:
        call()
    return raised.value


def test_the_whole_dialogue_in_order(cms: Cms, client: Callable[..., SiteClient], file: Path) -> None:
    client().push([file], file.parent)
    assert cms.modes() == ["checkauth", "init", "file", "import"]
    assert cms.asked[0] == "/1c.php?type=catalog&mode=checkauth"
    assert cms.asked[3].endswith("&mode=import&filename=import0_1.xml")
    assert cms.cookies == ["", *["PHPSESSID=abc"] * 3]
    assert cms.files == {"import0_1.xml": [file.read_bytes()]}


@pytest.mark.parametrize(
    ("answer", "cookie"),
    [
        (ok("success\n"), ""),
        (ok("success", Set_Cookie="sessionid=xyz; Path=/; HttpOnly"), "sessionid=xyz"),
        (ok("\ufeffsuccess\r\nwc1c-auth\r\na|b c%7C\r\nsessid=77\r\ntimestamp=1"), "wc1c-auth=a|b c%7C"),
        (ok("success\nlaravel_session\nq", Set_Cookie="PHPSESSID=right"), "laravel_session=q; PHPSESSID=right"),
        (ok("<br /><b>Warning</b>: mysql in <b>x.php</b>\nsuccess\nkey\n5f"), "key=5f"),
    ],
)  # fmt: skip
def test_the_session_is_found_wherever_the_site_puts_it(
    cms: Cms, client: Callable[..., SiteClient], answer: Answer, cookie: str
) -> None:
    cms.says("checkauth", answer)
    made = client()
    made.check_auth("catalog")
    made.init("catalog")
    assert cms.cookies[-1] == cookie
    assert ("sessid=77" in cms.asked[-1]) is (b"sessid" in answer[2])


@pytest.mark.parametrize(
    ("init", "pieces"),
    [
        ("zip=no\nfile_limit=0", [30]), ("zip=no\nfile_limit=12", [12, 12, 6]), ("file_limit = 10\nzip-no", [10] * 3),
        ("zip=no", [30]), ("ZIP=NO\r\nFILE_LIMIT=30\r\nsessid=1\r\nversion=3.1", [30]),
    ],
)  # fmt: skip
def test_a_file_goes_in_pieces_of_the_sites_own_size(
    cms: Cms, client: Callable[..., SiteClient], file: Path, init: str, pieces: list[int]
) -> None:
    cms.says("init", init)
    client().push([file], file.parent)
    assert [len(each) for each in cms.files["import0_1.xml"]] == pieces


def test_an_archive_goes_only_where_it_fits_one_piece(cms: Cms, client: Callable[..., SiteClient], file: Path) -> None:
    cms.says("init", "zip=yes\nfile_limit=1000", "zip=yes\nfile_limit=20")
    client().push([file], file.parent)
    assert list(cms.files) == ["v8_1C.zip"]
    assert cms.asked[-1].endswith("filename=import0_1.xml"), "the import names the document"
    client().push([file], file.parent)
    assert [len(each) for each in cms.files["import0_1.xml"]] == [20, 10]


def test_progress_is_asked_again_and_has_an_end(cms: Cms, client: Callable[..., SiteClient], file: Path) -> None:
    cms.says("import", "progress\nраспаковка", "progress", "success\ncommit")
    client().push([file], file.parent)
    assert cms.modes().count("import") == 3
    cms.says("import", "progress")
    assert failing(lambda: client(patience=0.1).push([file], file.parent)).code == "E988"


@pytest.mark.parametrize(
    ("mode", "answer", "kind", "code"),
    [
        ("checkauth", ok("failure\nERROR: 1010success\nkey\nabc"), TransportError, "E985"),
        ("checkauth", ok("failure\nwrong"), TransportError, "E985"),
        ("checkauth", (401, {}, b""), TransportError, "E985"),
        ("checkauth", ok("WP Error: nobody"), TransportError, "E989"),
        ("checkauth", ok("<html>login</html>"), TransportError, "E989"),
        ("checkauth", (404, {}, b"<html>no</html>"), TransportError, "E931"),
        ("file", ok("failure\nno space"), RemoteError, "E986"),
        ("file", ok(""), RemoteError, "E987"),
        ("import", ok("Error: no file"), RemoteError, "E987"),
        ("import", (500, {}, b"failure\nmessage\nfile.php\n12"), RemoteError, "E986"),
        ("import", (503, {}, b"<html>busy</html>"), TransportError, "E989"),
    ],
)  # fmt: skip
def test_what_is_no_success_is_never_taken_for_one(
    cms: Cms, client: Callable[..., SiteClient], file: Path, mode: str, answer: Answer, kind: type, code: str
) -> None:
    cms.says(mode, answer)
    error = failing(lambda: client().push([file], file.parent))
    assert (type(error), error.code) == (kind, code)
    assert cms.modes()[-1] == mode, "and nothing follows"


def test_a_question_mark_in_the_address_is_glued_or_merged(cms: Cms, client: Callable[..., SiteClient]) -> None:
    client("/?wc1c=exchange").check_auth("catalog")
    client("/?wc1c=exchange", merge=True).check_auth("catalog")
    client("/обмен/").check_auth("sale")
    assert cms.asked[0] == "/?wc1c=exchange?type=catalog&mode=checkauth"
    assert cms.asked[1] == "/?wc1c=exchange&type=catalog&mode=checkauth"
    assert cms.asked[2] == "/%D0%BE%D0%B1%D0%BC%D0%B5%D0%BD/?type=sale&mode=checkauth"


@pytest.mark.parametrize("junk", [b"", b"\xef\xbb\xbf", b"<b>Notice</b>: x in y\n"])
def test_orders_begin_where_the_document_does(cms: Cms, client: Callable[..., SiteClient], junk: bytes) -> None:
    document = '<?xml version="1.0" encoding="windows-1251"?><КоммерческаяИнформация/>'.encode("cp1251")
    cms.says("query", ok(junk + document))
    made = client()
    assert made.orders() == document
    made.confirm()
    assert cms.modes() == ["checkauth", "query", "success"]


def test_orders_are_not_asked_for_twice_when_there_is_no_document(cms: Cms, client: Callable[..., SiteClient]) -> None:
    cms.says("query", ok("failure\nbusy"))
    assert isinstance(failing(client().orders), RemoteError)
    assert cms.modes() == ["checkauth", "query"]


def test_a_site_that_falls_silent_in_a_file_leaves_the_outcome_open(
    cms: Cms, client: Callable[..., SiteClient], file: Path
) -> None:
    cms.says("file", (200, {"Content-Length": "999999", "Connection": "close"}, b"succ"))
    with pytest.raises(UnknownOutcome):
        client().push([file], file.parent)
    assert cms.modes().count("file") == 1
