"""What leaves for 1C, what is made of the ways a connection can end, and what is never repeated or shown."""

from __future__ import annotations

import base64
import io
import logging
import re
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from syncd.adapters.odata import failures
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import Endpoint, Timeouts
from syncd.emulator.odata import Fault, OdataBase
from syncd.errors import ConfigError, Refused, TransportError, UnknownOutcome
from tests.adapters.odata.conftest import Asked, Reply, Site, error, rows


def test_login_goes_as_utf8_without_being_asked_for(site: Site, client: Client) -> None:
    site.answer = lambda _: rows()
    client.get("Catalog_X")
    scheme, _, value = site.asked[0].headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(value).decode()) == ("Basic", "Обмен:тайна")


def test_a_space_never_becomes_a_plus_and_names_are_encoded_once(site: Site, client: Client) -> None:
    site.answer = lambda _: rows()
    client.get("Catalog_Номенклатура", {"$filter": "Описание eq 'a+b & c;d=1#'", "$top": "1"})
    target = site.asked[0].target
    assert target.isascii()
    assert "+" not in target
    assert "%25" not in target
    assert " " not in target
    assert site.asked[0].path == "Catalog_Номенклатура"
    assert site.asked[0].query["$filter"] == "Описание eq 'a+b & c;d=1#'"
    assert site.asked[0].query["$format"] == "application/json;odata=nometadata"
    assert ";" not in target


def certificate(folder: Path) -> tuple[Path, Path]:
    made = [folder / "key.pem", folder / "certificate.pem"]
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", str(made[0]), "-out", str(made[1])], check=True, capture_output=True)
    return made[0], made[1]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_certificate_of_ones_own_is_trusted_by_its_file_and_never_by_switching_checks_off(
    site: Site, tmp_path: Path
) -> None:
    key, made = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    site.wrap(context)
    site.answer = lambda _: rows()
    address = site.url.replace("http:", "https:")
    with Client(Endpoint(address, ca=made)) as client:
        client.get("Catalog_X")
    with Client(Endpoint(address)) as client, pytest.raises(failures.Untrusted, match="E803"):
        client.get("Catalog_X")


@pytest.mark.parametrize("tail", ["", "/", "/odata/standard.odata", "/odata/standard.odata/"])
def test_the_service_keeps_its_last_segment_however_the_address_is_written(tail: str) -> None:
    assert Endpoint(f"http://host/base{tail}").root == "http://host/base/odata/standard.odata"


def test_the_service_root_ends_with_a_slash(site: Site, client: Client) -> None:
    site.answer = lambda _: rows()
    client.get("", kind="ping")
    assert site.asked[0].target.partition("?")[0].endswith("/standard.odata/")


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "ftp://host/base"},
        {"url": "http://user:s3cret@host/base"},
        {"url": "http://host/base?x=1"},
        {"url": "host/base"},
        {"login": "a:b"},
        {"concurrency": 0},
        {"zone": "Mars/Olympus"},
    ],
)
def test_an_endpoint_that_cannot_be_right_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="E838") as refused:
        Endpoint(**{"url": "http://host/base", **settings})  # type: ignore[arg-type]
    assert "s3cret" not in str(refused.value)


def test_a_certificate_file_that_is_not_there_is_the_administrators(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="E838"):
        Client(Endpoint("https://127.0.0.1/base", ca=tmp_path / "none.pem"))


def test_a_write_without_a_body_states_its_length(site: Site, client: Client) -> None:
    site.answer = lambda _: Reply()
    assert client.send("POST", "Document_X(guid'1')/Post") == b""
    assert site.asked[0].headers["Content-Length"] == "0"


def test_atom_is_asked_for_without_a_format(site: Site) -> None:
    site.answer = lambda _: Reply(b"<feed xmlns='http://www.w3.org/2005/Atom'/>")
    with Client(Endpoint(site.url, format="atom")) as client:
        client.get("Catalog_X")
    assert "$format" not in site.asked[0].query
    assert site.asked[0].headers["Accept"] == "application/atom+xml"


def test_a_base_that_refuses_short_json_is_asked_for_the_usual_one_from_then_on(site: Site, client: Client) -> None:
    def answer(asked: Asked) -> Reply:
        return rows() if asked.query["$format"] == "json" else error("3", "Представление не поддерживается")

    site.answer = answer
    client.get("Catalog_X")
    client.get("Catalog_X")
    assert [asked.query["$format"] for asked in site.asked] == ["application/json;odata=nometadata", "json", "json"]


# --- answers that must not be trusted ---


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<!DOCTYPE HTML><html><head><title>1cfresh</title></head></html>", "E812"),
        (b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body>unavailable</body></html>', "E808"),
        (b"<!-- note --><html><body>Login</body></html>", "E812"),
        (b'{"odata.error":{"code":"-1","message":{"value":"x"}}}', "E815"),
    ],
)
def test_a_page_with_status_200_is_no_empty_set(site: Site, client: Client, body: bytes, code: str) -> None:
    site.answer = lambda _: Reply(body)
    with pytest.raises(Exception, match=code):
        client.get("Catalog_X")


def test_redirects_are_not_followed_with_our_password(site: Site, client: Client) -> None:
    site.answer = lambda _: Reply(b"", 302, {"Location": f"{site.url}/login"})
    with pytest.raises(ConfigError, match="E812"):
        client.get("Catalog_X")
    assert len(site.asked) == 1


def test_an_answer_that_breaks_off_is_a_transport_error(site: Site, client: Client) -> None:
    site.answer = lambda _: Reply(rows({"a": 1}).body, cut=5)
    with pytest.raises(TransportError, match="E801"):
        client.get("Catalog_X")


def test_a_read_is_asked_once_more_where_the_connection_broke(site: Site, client: Client) -> None:
    site.answer = lambda _: Reply(cut=-1) if len(site.asked) == 1 else rows({"a": 1})
    assert b'"a"' in client.get("Catalog_X")
    assert len(site.asked) == 2


def test_an_answer_that_drips_is_not_waited_for_for_ever() -> None:
    with OdataBase(seed=1, size=12).running() as base:
        base.fail_next(Fault.DRIP)
        settings = Endpoint(base.url, base.user, base.password, timeouts=Timeouts(read=0.2))
        with Client(settings) as client, pytest.raises(TransportError, match="E802"):
            client.get("Catalog_Номенклатура")


def test_an_answer_larger_than_allowed_is_not_taken(site: Site) -> None:
    site.answer = lambda _: Reply(b'{"value":[]}' + b" " * 100_000)
    with Client(Endpoint(site.url, max_answer_bytes=50_000)) as client, pytest.raises(TransportError, match="E836"):
        client.get("Catalog_X")


# --- what is never sent twice ---


@pytest.mark.parametrize("cut", [-1, 3])
def test_a_post_whose_answer_is_lost_is_unknown_and_was_sent_once(site: Site, client: Client, cut: int) -> None:
    site.answer = lambda _: Reply(b'{"Ref_Key":"x"}', 201, cut=cut)
    with pytest.raises(UnknownOutcome, match="E827"):
        client.send("POST", "Document_X", b"{}")
    assert len(site.asked) == 1


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_post_that_a_proxy_answered_is_unknown_and_was_sent_once(site: Site, client: Client, status: int) -> None:
    site.answer = lambda _: Reply(b"<html>proxy</html>", status)
    with pytest.raises(UnknownOutcome):
        client.send("POST", "Document_X", b"{}")
    assert len(site.asked) == 1


def test_a_post_that_timed_out_is_unknown(site: Site) -> None:
    release = threading.Event()

    def answer(_: Asked) -> Reply:
        release.wait(10)
        return Reply(b"{}", 201)

    site.answer = answer
    with Client(Endpoint(site.url, timeouts=Timeouts(write=0.2))) as client:
        with pytest.raises(UnknownOutcome) as unknown:
            client.send("POST", "Document_X", b"{}")
        assert "E802" in str(unknown.value)
        release.set()
    assert len(site.asked) == 1


def test_a_post_that_found_no_session_was_not_done_and_is_not_repeated_here(site: Site, client: Client) -> None:
    site.answer = lambda _: Reply(b"", 406)
    with pytest.raises(failures.SessionRefused) as refused:
        client.send("POST", "Document_X", b"{}")
    assert not isinstance(refused.value, UnknownOutcome)
    assert refused.value.retry_after
    assert len(site.asked) == 1


def test_a_post_to_nobody_was_not_done() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound and not listening: refused
        address = f"http://127.0.0.1:{bound.getsockname()[1]}/base"
        with Client(Endpoint(address)) as client, pytest.raises(failures.Unreachable, match="E801"):
            client.send("POST", "Document_X", b"{}")


def test_a_read_that_found_no_session_is_asked_again_with_pauses(site: Site) -> None:
    pauses: list[float] = []
    site.answer = lambda _: Reply(b"", 406) if len(site.asked) < 3 else rows()
    with Client(Endpoint(site.url), sleep=pauses.append) as client:
        client.get("Catalog_X")
    assert pauses == [1.0, 2.0]


def test_a_wrong_password_is_not_tried_again(site: Site, client: Client) -> None:
    site.answer = lambda _: Reply(b"<html>401</html>", 401)
    with pytest.raises(ConfigError, match="E813"):
        client.get("Catalog_X")
    assert len(site.asked) == 1


def test_the_pause_a_server_asks_for_is_on_the_error(site: Site, client: Client) -> None:
    site.answer = lambda _: Reply(b"", 503, {"Retry-After": "77"})
    with pytest.raises(TransportError) as refused:
        client.get("Catalog_X")
    assert refused.value.retry_after == 77


# --- sessions ---


def test_cookies_are_kept_only_in_manual_sessions(site: Site, client: Client) -> None:
    site.answer = lambda _: Reply(rows().body, headers={"Set-Cookie": "ibsession=abc; Path=/"})
    client.get("Catalog_X")
    client.get("Catalog_X")
    assert all("Cookie" not in asked.headers and "IBSession" not in asked.headers for asked in site.asked)


def test_a_manual_session_is_begun_once_used_and_ended(site: Site) -> None:
    site.answer = lambda _: Reply(rows().body, headers={"Set-Cookie": "ibsession=abc; Path=/"})
    with Client(Endpoint(site.url, session="manual")) as client:
        client.get("Catalog_X")
        client.get("Catalog_X")
    seen = [(asked.headers.get("IBSession"), asked.headers.get("Cookie")) for asked in site.asked]
    assert seen == [("start", None), (None, "ibsession=abc"), ("finish", "ibsession=abc")]


def test_a_session_that_ended_is_begun_anew_once_for_a_read(site: Site) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.headers.get("Cookie") == "ibsession=1":
            return Reply(b"", 400)
        return Reply(rows().body, headers={"Set-Cookie": f"ibsession={len(site.asked)}"})

    site.answer = answer
    with Client(Endpoint(site.url, session="manual"), sleep=lambda _: None) as client:
        client.get("Catalog_X")
        client.get("Catalog_X")
    assert [asked.headers.get("Cookie") for asked in site.asked] == [None, "ibsession=1", None, "ibsession=3"]


def test_a_write_into_a_session_that_ended_was_not_done(site: Site) -> None:
    site.answer = lambda asked: (
        Reply(b"", 400) if "Cookie" in asked.headers else Reply(rows().body, headers={"Set-Cookie": "ibsession=1"})
    )
    with Client(Endpoint(site.url, session="manual")) as client:
        client.get("Catalog_X")
        with pytest.raises(failures.SessionRefused, match="E844"):
            client.send("POST", "Document_X", b"{}")
    assert [asked.method for asked in site.asked] == ["GET", "POST"]


def test_a_publication_without_sessions_of_ours_is_left_alone(site: Site) -> None:
    site.answer = lambda _: rows()
    with Client(Endpoint(site.url, session="manual")) as client:
        client.get("Catalog_X")
        client.get("Catalog_X")
    assert [asked.headers.get("IBSession") for asked in site.asked] == ["start", None]


# --- how many at once ---


def test_no_more_requests_at_once_than_agreed_over_all_clients(site: Site) -> None:
    now, most = 0, 0
    lock = threading.Lock()
    both = threading.Event()

    def answer(_: Asked) -> Reply:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            if now == 2:
                both.set()
        both.wait(5)
        with lock:
            now -= 1
        return rows()

    site.answer = answer
    clients = [Client(Endpoint(site.url, concurrency=2)) for _ in range(2)]
    threads = [threading.Thread(target=each.get, args=("Catalog_X",)) for each in clients for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in clients:
        each.close()
    assert most == 2
    assert len(site.asked) == 8


# --- what is never shown ---


def test_a_password_is_nowhere_to_be_seen(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    endpoint = Endpoint(site.url, "Обмен", "тайна")
    encoded = base64.b64encode("Обмен:тайна".encode()).decode()
    caplog.set_level(logging.DEBUG)
    site.answer = lambda asked: Reply(str(asked.headers).encode(), 500)  # a server that repeats all it got
    with Client(endpoint) as client, pytest.raises(TransportError) as failed:
        client.get("Catalog_X")
    for shown in (repr(endpoint), repr(client), str(failed.value), repr(failed.value.params), caplog.text):
        assert "тайна" not in shown
        assert encoded not in shown


def test_values_of_a_filter_do_not_stand_in_errors(site: Site, client: Client) -> None:
    site.answer = lambda _: Reply(b"", 503)
    with pytest.raises(TransportError) as failed:
        client.get("Catalog_X(guid'1')", {"$filter": "ИНН eq '7707083893'"})
    assert "7707083893" not in str(failed.value)
    assert failed.value.params["asked"] == "GET Catalog_X"


def test_an_address_that_is_too_long_is_not_sent(site: Site) -> None:
    with Client(Endpoint(site.url, max_url=200)) as client, pytest.raises(Refused, match="E843"):
        client.get("Catalog_X", {"$select": "Поле," * 100})
    assert site.asked == []


def test_a_host_whose_name_nobody_knows_is_told_from_one_that_is_down() -> None:
    with Client(Endpoint("http://no-such-host.invalid/base")) as client, pytest.raises(failures.NameUnknown):
        client.get("Catalog_X")


def test_plain_http_at_an_https_address_is_a_matter_of_tls(site: Site) -> None:
    address = re.sub("^http:", "https:", site.url)
    with Client(Endpoint(address)) as client, pytest.raises(failures.Untrusted, match="E803") as failed:
        client.get("Catalog_X")
    assert "SSL" in str(failed.value)


def test_a_download_goes_to_a_file_and_stops_at_its_limit(site: Site, client: Client) -> None:
    body = b"<feed xmlns='http://www.w3.org/2005/Atom'>" + b" " * 300_000 + b"</feed>"
    site.answer = lambda _: Reply(body)
    target = io.BytesIO()
    assert client.download("POST", "SelectChanges", {}, target, kind="changes", limit=1_000_000) == len(body)
    assert target.getvalue() == body
    with pytest.raises(TransportError, match="E836"):
        client.download("POST", "SelectChanges", {}, io.BytesIO(), kind="changes", limit=100_000)


# --- large answers ---


@pytest.mark.parametrize("size", [10, 9_000_000])
def test_a_large_answer_is_kept_in_a_file(site: Site, client: Client, size: int) -> None:
    body = b'{"value":[]}' + b" " * size
    site.answer = lambda _: Reply(body)
    with client.keep("Register/Balance()", {"$select": "A"}, kind="table") as kept:
        assert kept.read() == body
    assert site.asked[0].query["$select"] == "A"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(b"<!DOCTYPE HTML><html><head><title>1cfresh</title></head></html>" + b" " * 9_000_000), "E812"),
        (Reply(b'{"odata.error":{"code":"-1","message":{"value":"x"}}}'), "E815"),
        (Reply(b"", 302, {"Location": "/login"}), "E812"),
        (Reply(b'{"value":[]}' + b" " * 9_000_000, cut=8_500_000), "E801"),
        (error("6", "Сегмент пути " + "х" * 5000), "E820"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_not_kept(site: Site, client: Client, reply: Reply, code: str) -> None:
    site.answer = lambda _: reply
    with pytest.raises(Exception, match=code):
        client.keep("Register/Balance()", kind="table")


def test_a_kept_answer_has_a_limit_and_is_asked_for_again_as_others_are(site: Site) -> None:
    site.answer = lambda _: Reply(b"", 406) if len(site.asked) < 3 else Reply(b'{"value":[]}' + b" " * 100_000)
    pauses: list[float] = []
    settings = Endpoint(site.url, max_kept_bytes=50_000)
    with Client(settings, sleep=pauses.append) as client, pytest.raises(TransportError, match="E836"):
        client.keep("Register/Balance()", kind="table")
    assert pauses == [1.0, 2.0]
