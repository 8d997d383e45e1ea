from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.emulator.base import OrderBase
from syncd.emulator.client import StandardClient
from syncd.emulator.upload import UploadResult
from syncd.emulator.violations import NoAnswer, ProtocolViolation, SiteRefused
from syncd.emulator.wire import Exchange, base_address
from tests.emulator.honest_site import LOGIN, PASSWORD, HonestSite, Misbehaviour, Reply, Request
from tests.emulator.order_xml import encoded, order


def always(
    body: bytes,
    content_type: str = "text/plain; charset=utf-8",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Misbehaviour:
    return lambda request: Reply(body, content_type, status, headers or {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "import0_1.xml").write_bytes(b"\xef\xbb\xbf<?xml version='1.0'?><a>" + b"x" * 3000 + b"</a>")
    pictures = tmp_path / "import_files" / "ab"
    pictures.mkdir(parents=True)
    (pictures / "one_two.png").write_bytes(b"picture")
    return tmp_path


def test_a_portion_goes_through_the_whole_dialogue(site: HonestSite, client: StandardClient, folder: Path) -> None:
    result = client.upload("catalog", folder)
    assert [mode.rpartition("/")[2] for mode in site.modes()] == ["checkauth", "init", "file", "file", "import"]
    assert site.imported["import0_1.xml"] == [(folder / "import0_1.xml").read_bytes()]
    assert site.files["import_files/ab/one_two.png"] == b"picture"
    assert (result.documents, result.files, result.parts) == (1, 2, 2)


def test_basic_goes_with_every_request_and_the_cookie_with_all_after_checkauth(
    site: HonestSite, client: StandardClient, folder: Path
) -> None:
    client.upload("catalog", folder)
    assert all(request.headers["authorization"].startswith("Basic ") for request in site.requests)
    assert "cookie" not in site.requests[0].headers
    assert {request.headers["cookie"] for request in site.requests[1:]} == {"site_session=0f1e2d"}


def test_set_cookie_is_ignored(site: HonestSite, client: StandardClient) -> None:
    site.misbehave["checkauth"] = always(b"success\nname\nvalue", headers={"Set-Cookie": "other=thing; Path=/"})
    site.misbehave["init"] = lambda request: (
        Reply(b"zip=no\nfile_limit=10") if request.headers.get("cookie") == "name=value" else None
    )
    client.check_auth("catalog")
    assert client.init("catalog").file_limit == 10


def test_files_are_posted_raw_and_everything_else_is_a_get_without_a_body(
    site: HonestSite, client: StandardClient, folder: Path
) -> None:
    client.upload("catalog", folder)
    assert {request.mode: request.method for request in site.requests} == {
        "checkauth": "GET",
        "init": "GET",
        "file": "POST",
        "import": "GET",
    }
    assert all(not request.body for request in site.requests if request.method == "GET")


def test_a_long_file_is_cut_by_the_limit_and_sent_in_order_under_one_name(
    site: HonestSite, client: StandardClient, folder: Path
) -> None:
    site.file_limit = 1000
    result = client.upload("catalog", folder)
    parts = [request for request in site.requests if request.filename == "import0_1.xml" and request.mode == "file"]
    assert [len(part.body) for part in parts] == [1000, 1000, 1000, 31]
    assert b"".join(part.body for part in parts) == (folder / "import0_1.xml").read_bytes()
    assert result.parts == 5


@pytest.mark.parametrize("limit", ["0", "-1", "many", ""])
def test_a_limit_that_is_no_positive_number_means_no_splitting(
    site: HonestSite, client: StandardClient, folder: Path, limit: str
) -> None:
    site.file_limit = 0
    site.misbehave["init"] = always(f"zip=no\nfile_limit={limit}".encode())
    assert client.upload("catalog", folder).parts == 2
    assert site.requests[2].headers["content-length"] == str((folder / "import0_1.xml").stat().st_size)


def test_with_zip_one_archive_of_everything_is_sent_and_the_xml_is_imported(
    site: HonestSite, client: StandardClient, folder: Path
) -> None:
    site.zip = True
    site.file_limit = 100
    client.upload("catalog", folder)
    names = {request.filename for request in site.requests if request.mode == "file"}
    assert len(names) == 1
    name = names.pop()
    assert name.startswith("v8_")
    assert name.endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(site.files[name])) as archive:
        assert archive.namelist() == ["import0_1.xml", "import_files/ab/one_two.png"]
    assert list(site.imported) == ["import0_1.xml"]


def test_only_the_literal_zip_yes_switches_archives_on(site: HonestSite, client: StandardClient) -> None:
    client.check_auth("catalog")
    for said, expected in ((b"zip=yes", True), (b"zip=no", False), (b"zip-yes", False), (b"zip=1", False)):
        site.misbehave["init"] = always(said + b"\nfile_limit=5")
        assert client.init("catalog").zip is expected


@pytest.mark.parametrize(
    "answer",
    [
        b"zip=no\nfile_limit=100\n",
        b"zip=no\nfile_limit=100\nsessid=abc",
        b"zip=no\nfile_limit=100\nsessid=abc\nversion=2.09",
        b"zip=no",
        b"failure",
        b"<html><body>\n502\n</body></html>",
    ],
)
def test_init_must_have_exactly_two_lines(site: HonestSite, client: StandardClient, answer: bytes) -> None:
    site.misbehave["init"] = always(answer)
    client.check_auth("catalog")
    with pytest.raises(ProtocolViolation) as caught:
        client.init("catalog")
    assert caught.value.head == answer[:200]
    assert caught.value.asked == "catalog/init"


@pytest.mark.parametrize(
    "answer",
    [
        b"success",
        b"success\nname",
        b"success\nname\n",
        b"success\r\nname\r\nvalue\r\n",
        b"success\nname\nvalue with a space",
        b"successfully\nname\nvalue",
        b"\xef\xbb\xbfsuccess\nname\nvalue",
        b"\nsuccess\nname\nvalue",
        b"Warning: something\nsuccess\nname\nvalue",
        b"progress\nname\nvalue",
        b"<html>404</html>",
    ],
)
def test_checkauth_must_be_success_and_a_clean_cookie(site: HonestSite, client: StandardClient, answer: bytes) -> None:
    site.misbehave["checkauth"] = always(answer)
    with pytest.raises(ProtocolViolation):
        client.check_auth("catalog")


@pytest.mark.parametrize(
    "answer", [b"success\nname\nvalue", b" Success \nname\nvalue", b"SUCCESS\nname\nvalue\nsessid=1\ntimestamp=5"]
)
def test_the_status_is_trimmed_and_lower_cased(site: HonestSite, client: StandardClient, answer: bytes) -> None:
    site.misbehave["checkauth"] = always(answer)
    client.check_auth("catalog")
    client.init("catalog")
    assert site.requests[-1].headers["cookie"] == "name=value"


def test_a_wrong_password_is_a_refusal_even_with_http_401(site: HonestSite) -> None:
    with StandardClient(site.address, LOGIN, "wrong") as client, pytest.raises(SiteRefused) as caught:
        client.check_auth("catalog")
    assert "wrong password" in caught.value.text("en")


@pytest.mark.parametrize("mode", ["checkauth", "init", "file", "import", "query", "success"])
def test_an_empty_body_is_an_error_in_every_mode(
    site: HonestSite, client: StandardClient, folder: Path, mode: str
) -> None:
    site.misbehave[mode] = always(b"")
    if mode in ("query", "success"):
        with pytest.raises(ProtocolViolation) as caught:
            client.pull_orders(OrderBase())
    else:
        with pytest.raises(ProtocolViolation) as caught:
            client.upload("catalog", folder)
    assert "empty" in caught.value.text("en")


def test_the_http_status_is_journaled_and_otherwise_ignored(site: HonestSite) -> None:
    lines: list[Exchange] = []
    site.misbehave["checkauth"] = always(b"success\nname\nvalue", status=500)
    with StandardClient(site.address, LOGIN, PASSWORD, journal=lines.append) as client:
        client.check_auth("catalog")
    assert [(line.mode, line.status, line.note) for line in lines] == [("checkauth", 500, "HTTP 500")]


def test_the_journal_never_holds_the_password(site: HonestSite, folder: Path) -> None:
    lines: list[Exchange] = []
    with StandardClient(site.address, LOGIN, PASSWORD, journal=lines.append) as client:
        client.upload("catalog", folder)
    assert len(lines) == len(site.requests)
    assert PASSWORD not in repr(lines)


def test_redirects_are_not_followed(site: HonestSite, client: StandardClient) -> None:
    site.misbehave["checkauth"] = always(b"moved", status=301, headers={"Location": site.address + "/"})
    with pytest.raises(ProtocolViolation) as caught:
        client.check_auth("catalog")
    assert len(site.requests) == 1
    assert "301" in caught.value.text("en")


@pytest.mark.parametrize("content_type", ["text/plain", ""])
def test_a_missing_charset_is_a_violation_unless_the_client_is_lenient(site: HonestSite, content_type: str) -> None:
    site.misbehave["checkauth"] = always(b"success\nname\nvalue", content_type)
    with StandardClient(site.address, LOGIN, PASSWORD) as strict, pytest.raises(ProtocolViolation):
        strict.check_auth("catalog")
    with StandardClient(site.address, LOGIN, PASSWORD, strict=False) as lenient:
        lenient.check_auth("catalog")


def test_progress_is_repeated_until_success(site: HonestSite, client: StandardClient, folder: Path) -> None:
    answers: Iterator[bytes] = iter([b"progress\nunpacking", b"progress\n50 %", b"Progress"])

    def slow(request: Request) -> Reply | None:
        said = next(answers, None)
        return Reply(said) if said else None

    site.misbehave["import"] = slow
    result = client.upload("catalog", folder)
    assert result.progress == 3
    assert site.modes().count("catalog/import") == 4


def test_endless_progress_ends_at_our_own_cap(site: HonestSite, folder: Path) -> None:
    site.misbehave["import"] = always(b"progress\nforever")
    with StandardClient(site.address, LOGIN, PASSWORD, import_cap=0.05) as client, pytest.raises(ProtocolViolation):
        client.upload("catalog", folder)


def test_failure_carries_the_reason(site: HonestSite, client: StandardClient, folder: Path) -> None:
    site.misbehave["import"] = always("failure\nнет места на диске".encode())
    with pytest.raises(SiteRefused) as caught:
        client.upload("catalog", folder)
    assert "нет места на диске" in caught.value.text("ru")


@pytest.mark.parametrize("answer", [b"ok", b"<!DOCTYPE html>", b"success: imported", b"complete"])
def test_an_unknown_import_status_is_a_violation(
    site: HonestSite, client: StandardClient, folder: Path, answer: bytes
) -> None:
    site.misbehave["import"] = always(answer)
    with pytest.raises(ProtocolViolation):
        client.upload("catalog", folder)


def test_a_failed_portion_is_sent_whole_again(site: HonestSite, folder: Path) -> None:
    answers = iter([b"failure\nbusy", b"failure\nbusy"])

    def busy(request: Request) -> Reply | None:
        said = next(answers, None)
        return Reply(said) if said else None

    site.misbehave["file"] = busy
    with StandardClient(site.address, LOGIN, PASSWORD, attempts=3) as client:
        result = client.upload("catalog", folder)
    assert result.attempts == 3
    assert site.modes().count("catalog/checkauth") == 3
    assert len(site.imported["import0_1.xml"]) == 1


def test_a_violation_is_never_retried(site: HonestSite, folder: Path) -> None:
    site.misbehave["file"] = always(b"<html>oops</html>")
    with StandardClient(site.address, LOGIN, PASSWORD, attempts=5) as client, pytest.raises(ProtocolViolation):
        client.upload("catalog", folder)
    assert site.modes().count("catalog/file") == 1


def test_without_waiting_for_import_it_is_never_called(site: HonestSite, folder: Path) -> None:
    with StandardClient(site.address, LOGIN, PASSWORD, wait_for_import=False) as client:
        result = client.upload("catalog", folder)
    assert "catalog/import" not in site.modes()
    assert result.imports_skipped == 1


def test_everything_can_go_by_post(site: HonestSite, folder: Path) -> None:
    with StandardClient(site.address, LOGIN, PASSWORD, post_all=True) as client:
        client.upload("catalog", folder)
    assert {request.method for request in site.requests} == {"POST"}


def test_the_address_is_made_as_1c_makes_it() -> None:
    assert base_address(r"http:\\shop.example\bitrix admin\1c.php ") == ("http://shop.example", "/bitrixadmin/1c.php")
    assert base_address("shop.example:8080") == ("http://shop.example:8080", "/")
    assert base_address("https://shop.example/?wc1c=exchange") == ("https://shop.example", "/?wc1c=exchange")


def test_a_second_question_mark_is_appended_to_an_address_that_has_one(site: HonestSite) -> None:
    with StandardClient(site.address + "/?wc1c=exchange", LOGIN, PASSWORD) as client:
        client.check_auth("catalog")
    assert site.requests[0].target == "/exchange/?wc1c=exchange?type=catalog&mode=checkauth"


def test_names_lose_what_follows_their_second_dot(site: HonestSite, client: StandardClient, tmp_path: Path) -> None:
    (tmp_path / "import0_1.xml").write_bytes(b"<?xml version='1.0'?><a/>")
    (tmp_path / "photo.old.jpg").write_bytes(b"jpg")
    client.upload("catalog", tmp_path)
    assert [request.filename for request in site.requests if request.mode == "file"] == ["import0_1.xml", "photo.old"]


def test_orders_are_pulled_without_init_and_confirmed(site: HonestSite, client: StandardClient) -> None:
    site.orders = encoded(order("WEB-1"), order("WEB-2"))
    orders = OrderBase()
    result = client.pull_orders(orders)
    assert site.modes() == ["sale/checkauth", "sale/query", "sale/success"]
    assert result.confirmed
    assert result.batch.created == ["WEB-1", "WEB-2"]


def test_one_bad_order_keeps_success_from_being_sent(site: HonestSite, client: StandardClient) -> None:
    site.orders = encoded(order("WEB-1"), order("WEB-2", operation="Выплата наличных денег"), order("WEB-3"))
    orders = OrderBase()
    result = client.pull_orders(orders)
    assert not result.confirmed
    assert result.batch.refused
    assert result.batch.refused.number == "WEB-2"
    assert site.confirmed == 0
    assert [stored.number for stored in orders.orders.values()] == ["WEB-1"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"\n<?xml version='1.0'?><a/>", "application/xml; charset=utf-8"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><a/>", "application/xml; charset=utf-8"),
        (b"notice<?xml version='1.0'?><a/>", "application/xml; charset=utf-8"),
        (b"failure\nno session", "text/plain; charset=utf-8"),
        (b"<?xml version='1.0'?><a/>", "application/xml"),
        (b"<?xml version='1.0'?><a/>", 'application/xml; charset="utf-8"'),
        (b"<?xml version='1.0'?><a/>", "application/xml; charset=utf-8; foo=bar"),
        ("<?xml version='1.0'?><а/>".encode("cp1251"), "application/xml; charset=utf-8"),
        (b'<?xml version="1.0" encoding="windows-1251"?><a/>', "application/xml; charset=utf-8"),
    ],
)
def test_the_answer_to_query_must_be_xml_from_its_first_byte_in_the_charset_it_names(
    site: HonestSite, client: StandardClient, body: bytes, content_type: str
) -> None:
    site.misbehave["query"] = always(body, content_type)
    with pytest.raises(ProtocolViolation):
        client.pull_orders(OrderBase())
    assert site.confirmed == 0


def test_a_missing_charset_on_query_is_a_violation_even_for_a_lenient_client(site: HonestSite) -> None:
    site.misbehave["query"] = always(encoded(order()), "application/xml")
    with StandardClient(site.address, LOGIN, PASSWORD, strict=False) as client, pytest.raises(ProtocolViolation):
        client.pull_orders(OrderBase())


def test_letters_outside_windows_1251_arrive_as_references(site: HonestSite, client: StandardClient) -> None:
    site.orders = encoded(order(extra="<Комментарий>5 ₽ 🚚 қазақ</Комментарий>"))
    orders = OrderBase()
    client.pull_orders(orders)
    assert orders.order("WEB-1").comment == "5 ₽ 🚚 қазақ"


def test_orders_in_a_container_would_be_lost_and_are_a_violation(site: HonestSite, client: StandardClient) -> None:
    site.orders = encoded(f"<Контейнер>{order()}</Контейнер>")
    with pytest.raises(ProtocolViolation):
        client.pull_orders(OrderBase())


def test_the_text_of_the_answer_to_success_does_not_matter(site: HonestSite, client: StandardClient) -> None:
    site.misbehave["success"] = always(b"error")
    assert client.pull_orders(OrderBase()).confirmed


def test_a_site_that_is_not_there_is_a_transport_error() -> None:
    with StandardClient("http://127.0.0.1:9/", LOGIN, PASSWORD, timeout=2) as client, pytest.raises(NoAnswer):
        client.check_auth("catalog")


def test_a_violation_speaks_both_languages(site: HonestSite, client: StandardClient) -> None:
    site.misbehave["checkauth"] = always(b"<html>")
    with pytest.raises(ProtocolViolation) as caught:
        client.check_auth("sale")
    assert "not exactly success" in caught.value.text("en")
    assert "а не ровно success" in caught.value.text("ru")
    assert "sale/checkauth" in caught.value.text("ru")


def test_a_whole_answer_of_import_is_counted_in_bytes(site: HonestSite, client: StandardClient, folder: Path) -> None:
    result = client.upload("catalog", folder)
    assert result == UploadResult(documents=1, files=2, parts=2, bytes=3038, attempts=1)
