"""Who is let in and what checkauth and init answer: rules that real 1C clients hold the site to."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest

from syncd.api.exchange import PATHS
from tests.api.site import OneC, Site, basic, catalogue, running

TEXT = "text/plain; charset=utf-8"


def test_checkauth_for_a_catalogue_has_five_lines_without_bom_and_carriage_return(onec: OneC) -> None:
    body = onec.ask("type=catalog&mode=checkauth").content
    lines = body.decode("ascii").split("\n")
    assert lines[:2] == ["success", "PHPSESSID"]
    assert re.fullmatch(r"[\w-]{20,}", lines[2])
    assert re.fullmatch(r"sessid=[0-9a-f]{32}", lines[3])
    assert re.fullmatch(r"timestamp=\d{10}", lines[4])
    assert len(lines) == 5
    assert b"\r" not in body


@pytest.mark.parametrize("type_", ["sale", "reference"])
def test_checkauth_of_other_types_ends_with_the_sessid(onec: OneC, type_: str) -> None:
    lines = onec.checkauth(type_)
    assert len(lines) == 4
    assert lines[-1].startswith("sessid=")


def test_the_cookie_of_the_body_is_the_one_of_set_cookie(onec: OneC) -> None:
    response = onec.ask("type=catalog&mode=checkauth")
    _, name, value, *_ = response.text.split("\n")
    assert response.headers["set-cookie"].startswith(f"{name}={value};")


def test_init_for_the_standard_client_is_exactly_two_lines(onec: OneC) -> None:
    onec.checkauth()
    body = onec.ask("type=catalog&mode=init").content
    assert re.fullmatch(rb"zip=yes\nfile_limit=[1-9]\d*", body)


@pytest.mark.parametrize("type_", ["catalog", "sale"])
def test_init_with_a_version_is_four_lines_and_the_last_ends_in_a_number_of_2_08_or_more(
    onec: OneC, type_: str
) -> None:
    sessid = onec.checkauth(type_)[3]
    lines = onec.init(type_, f"&{sessid}&version=3.1")
    assert len(lines) == 4
    assert lines[2] == sessid
    assert float(lines[3][-4:]) >= 2.08


def test_zip_can_be_switched_off(database_url: str) -> None:
    from tests.api.site import settings

    with running(database_url, settings(zip=False, file_limit_bytes=70_000)) as site:
        onec = OneC(site)
        onec.checkauth()
        assert onec.init() == ["zip=no", "file_limit=70000"]


@pytest.mark.parametrize(
    ("login", "password"),
    [("1c", "wrong"), ("nobody", "correct horse battery"), ("", ""), ("1c\0", "x"), ("1с", "кириллица")],
)
def test_a_wrong_password_is_a_failure_and_opens_no_session(site: Site, login: str, password: str) -> None:
    onec = OneC(site, login=login, password=password)
    response = onec.ask("type=catalog&mode=checkauth")
    assert response.text.startswith("failure\nE101 ")
    assert "set-cookie" not in response.headers
    assert site.count("exchange_session") == 0
    assert onec.ask("type=catalog&mode=init").text.startswith("failure\nE101 ")
    assert site.count("exchange_session") == 0
    assert set(site.codes()) == {"E101"}


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Bearer abc", "Digest username=1c"])
def test_an_authorization_that_is_no_basic_is_none(site: Site, header: str) -> None:
    onec = OneC(site, send_basic=False, headers={"Authorization": header})
    assert onec.ask("type=catalog&mode=checkauth").text.startswith("failure\nE101 ")


@pytest.mark.parametrize("mode", ["init", "file&filename=import.xml", "import&filename=import.xml", "complete"])
def test_nothing_is_done_without_a_session(site: Site, mode: str) -> None:
    onec = OneC(site, send_basic=False)
    body = b"<?xml version='1.0'?><a/>" if mode.startswith("file") else None
    assert onec.ask(f"type=catalog&mode={mode}", body).text.startswith("failure\nE102 ")
    assert onec.ask(f"type=catalog&mode={mode}&sessid=0123456789abcdef0123456789abcdef", body).text.startswith(
        "failure"
    )
    assert site.count("upload") == 0
    assert site.codes()[0] == "E102"


def test_a_sessid_alone_is_no_session(site: Site) -> None:
    onec = OneC(site)
    sessid = onec.checkauth()[3]
    onec.cookie, onec.send_basic = "", False
    assert onec.ask(f"type=catalog&mode=init&{sessid}").text.startswith("failure\nE102 ")


def use_basic_alone(onec: OneC) -> None:
    onec.cookie = ""


def use_the_cookie_alone(onec: OneC) -> None:
    onec.send_basic = False


def use_a_wrong_cookie_with_basic(onec: OneC) -> None:
    onec.cookie = "PHPSESSID=stale"


def use_the_cookie_with_wrong_basic(onec: OneC) -> None:
    onec.password = "wrong"


def use_the_cookie_among_others(onec: OneC) -> None:
    onec.cookie = f"BITRIX_SM_GUEST=17; {onec.cookie}; tail=1"


@pytest.mark.parametrize(
    "change",
    [
        use_basic_alone,
        use_the_cookie_alone,
        use_a_wrong_cookie_with_basic,
        use_the_cookie_with_wrong_basic,
        use_the_cookie_among_others,
    ],
)
def test_a_session_goes_on_by_cookie_or_by_basic(onec: OneC, change: Callable[[OneC], None]) -> None:
    onec.checkauth()
    change(onec)
    assert onec.init()[0] == "zip=yes"
    assert onec.send("import.xml", catalogue("Стул")) == "success"
    assert onec.import_("import.xml").startswith("success")


def test_checkauth_by_cookie_alone_keeps_the_session(onec: OneC) -> None:
    lines = onec.checkauth()
    onec.send_basic = False
    assert onec.ask("type=catalog&mode=checkauth").text.split("\n")[:4] == lines[:4]


def test_a_cookie_of_another_company_opens_nothing(site: Site) -> None:
    site.add_infobase(tenant="other")
    onec = OneC(site)
    onec.checkauth()
    onec.send_basic = False
    assert onec.ask("type=catalog&mode=init", address="/t/other/1c_exchange").text.startswith("failure\nE102 ")
    other = OneC(site, address="/t/other/1c_exchange")
    assert other.checkauth()[0] == "success"


def test_guessing_is_slowed_down_and_the_right_password_of_a_known_client_is_not(site: Site) -> None:
    good, bad = OneC(site), OneC(site, password="guess")
    good.checkauth()
    answers = [bad.ask("type=catalog&mode=checkauth").text[:12] for _ in range(22)]
    assert answers[0] == "failure\nE101"
    assert answers[-1] == "failure\nE113"
    assert good.checkauth()[0] == "success"


def test_a_storm_of_checkauths_neither_ends_sessions_nor_is_turned_away(site: Site) -> None:
    first = OneC(site)
    first.begin()
    assert first.send("import.xml", catalogue("Стул")) == "success"
    for _ in range(60):
        assert OneC(site).checkauth()[0] == "success"
    assert first.import_("import.xml").startswith("success")


def test_a_session_survives_a_restart(database_url: str) -> None:
    with running(database_url) as before:
        onec = OneC(before)
        onec.begin()
        assert onec.send("import.xml", catalogue("Стул")[:100]) == "success"
        cookie = onec.cookie
    with running(database_url) as after:
        again = OneC(after, cookie=cookie, send_basic=False)
        assert again.send("import.xml", catalogue("Стул")[100:]) == "success"
        assert again.import_("import.xml").startswith("success")
        assert after.row("SELECT name FROM products")["name"] == "Стул"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("type=orders&mode=checkauth", "E103"),
        ("type=%D1%84%00&mode=checkauth", "E103"),
        ("mode=checkauth", "E109"),
        ("", "E109"),
        ("type=catalog", "E109"),
        ("type=catalog&mode=explode", "E104"),
        ("type=catalog&mode=query", "E104"),
        ("type=sale&mode=deactivate", "E104"),
        ("type=catalog&mode=file", "E109"),
        ("type=catalog&mode=import", "E109"),
    ],
)
def test_a_request_that_cannot_be_understood_is_a_failure_in_one_ascii_line(onec: OneC, query: str, code: str) -> None:
    onec.checkauth()
    response = onec.ask(query)
    assert response.status_code == 200
    word, reason = response.content.decode("ascii").split("\n")
    assert word == "failure"
    assert reason.startswith(f"{code} ")
    assert onec.site.codes() == [code]


@pytest.mark.parametrize(
    "query",
    [
        "x=1?type=catalog&mode=checkauth",
        "type=catalog&&mode=checkauth",
        "&type=catalog&mode=checkauth&",
        "type=catalog&mode=checkauth&&version=2.08&unknown",
        "TYPE=Catalog&Mode=CheckAuth",
        "type=catalog&mode=checkauth&type=sale&mode=query",
        "type=%63atalog&mode=checkauth",
    ],
)
def test_odd_query_strings_are_understood(onec: OneC, query: str) -> None:
    assert onec.ask(query).text.startswith("success\nPHPSESSID\n")


@pytest.mark.parametrize("path", [*PATHS, *(f"/t/default{path}" for path in PATHS)])
@pytest.mark.parametrize("slash", ["", "/"])
def test_every_address_answers_by_get_and_post_without_a_redirect(onec: OneC, path: str, slash: str) -> None:
    for body in (None, b""):
        response = onec.ask("type=catalog&mode=checkauth", body, address=path + slash)
        assert response.status_code == 200
        assert response.text.startswith("success\n")


def test_everything_may_be_posted(site: Site) -> None:
    onec = OneC(site, post_all=True, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert onec.push("import.xml", catalogue("Стул")).startswith("success")
    assert onec.ask("type=catalog&mode=deactivate&timestamp=1").text == "success"
    assert onec.ask("type=catalog&mode=complete").text == "success"
    onec.checkauth("sale")
    assert onec.ask("type=sale&mode=query").content.startswith(b"<?xml")
    assert onec.success() == "success"


@pytest.mark.parametrize(
    "mode", ["complete", "deactivate", "deactivate&timestamp=1700000000", "deactivate&timestamp=x"]
)
def test_the_end_of_a_run_is_a_success_and_removes_nothing(onec: OneC, mode: str) -> None:
    onec.push("import.xml", catalogue("Стул", "Стол"))
    assert onec.ask(f"type=catalog&mode={mode}").text == "success"
    assert onec.site.count("products", "deleted_at IS NULL") == 2


def answers(onec: OneC) -> list[httpx.Response]:
    """One answer of every kind."""
    onec.checkauth("sale")
    site = onec.site
    found = [
        onec.ask(query)
        for query in (
            "type=catalog&mode=checkauth",
            "type=catalog&mode=init",
            "type=catalog&mode=init&version=3.1",
            "type=catalog&mode=import&filename=none.xml",
            "type=catalog&mode=complete",
            "type=sale&mode=query",
            "type=sale&mode=success",
            "type=none",
        )
    ]
    found.append(onec.ask("type=catalog&mode=file&filename=a.xml", catalogue("Стул")))
    found.append(onec.ask("type=catalog&mode=import&filename=a.xml"))
    found += [site.http.request(method, "/1c_exchange?type=catalog&mode=init") for method in ("PUT", "DELETE", "PATCH")]
    paths = ("/", "/nowhere", "/t/x/nowhere", "/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs")
    found += [
        site.http.get(path) for path in (*paths, "/redoc", "/v1/products", "/v1/orders/x", "/t/none/1c_exchange?type=x")
    ]
    return found


def test_every_answer_has_a_body_and_its_charset_last_and_unquoted(onec: OneC) -> None:
    for response in answers(onec):
        assert response.content, response.url
        assert re.search(r"; charset=(utf-8|windows-1251)$", response.headers["content-type"]), response.url


def test_a_failure_inside_is_a_failure_in_the_words_of_the_protocol(site: Site) -> None:
    onec = OneC(site)
    onec.checkauth()
    with site.ctx.db.transaction() as conn:
        conn.execute("ALTER TABLE exchange_session RENAME TO hidden_session")
    try:
        response = onec.ask("type=catalog&mode=init")
        api = site.http.get("/v1/products", headers={"Authorization": "Bearer " + site.key()})
        with site.ctx.db.transaction() as conn:
            conn.execute("ALTER TABLE products RENAME TO hidden_products")
        broken = site.http.get("/v1/products", headers={"Authorization": "Bearer " + site.key()})
    finally:
        with site.ctx.db.transaction() as conn:
            conn.execute("ALTER TABLE IF EXISTS hidden_session RENAME TO exchange_session")
            conn.execute("ALTER TABLE IF EXISTS hidden_products RENAME TO products")
    assert response.status_code == 200
    assert response.headers["content-type"] == TEXT
    assert response.content.decode("ascii").startswith("failure\nE111 ")
    assert "Traceback" not in response.text
    assert api.status_code == 200
    assert broken.status_code == 500
    assert broken.json()["error"]["code"] == "E111"
    assert broken.headers["content-type"] == "application/json; charset=utf-8"


def test_parallel_sessions_keep_their_files_apart(site: Site) -> None:
    site.add_infobase(name="second", login="second")
    one, two = OneC(site), OneC(site, login="second")
    one.begin()
    two.begin()
    first, second = catalogue("Первый"), catalogue("Второй").replace(b"p1", b"q1")
    for start in range(0, max(len(first), len(second)), 97):
        for onec, data in ((one, first), (two, second)):
            if part := data[start : start + 97]:
                assert onec.send("import.xml", part) == "success"
    assert one.import_("import.xml").startswith("success")
    assert two.import_("import.xml").startswith("success")
    names = site.rows("SELECT id, name FROM products ORDER BY id")
    assert [(row["id"], row["name"]) for row in names] == [("p1", "Первый"), ("q1", "Второй")]


def test_sessions_of_one_infobase_do_not_mix_files_either(site: Site) -> None:
    one, two = OneC(site), OneC(site)
    one.begin()
    assert one.send("import.xml", catalogue("Стул")[:120]) == "success"
    two.begin()
    assert two.push("import.xml", catalogue("Стол")).startswith("success")
    assert one.send("import.xml", catalogue("Стул")[120:]) == "success"
    assert one.import_("import.xml").startswith("success")
    assert site.row("SELECT name FROM products")["name"] == "Стул"


def test_basic_is_not_needed_with_every_request_nor_harmful(site: Site) -> None:
    response = site.http.get(
        "/1c_exchange?type=catalog&mode=checkauth",
        headers={"Authorization": basic().lower().replace("basic", "BASIC", 1)},
    )
    assert response.text.startswith("failure\nE101 ")  # lower-cased base64 is another password
    response = site.http.get(
        "/1c_exchange?type=catalog&mode=checkauth", headers={"Authorization": "basic " + basic()[6:]}
    )
    site.http.cookies.clear()
    assert response.text.startswith("success\n")


def test_a_made_up_company_fills_no_journal(site: Site) -> None:
    onec = OneC(site, address="/t/made%00up/1c_exchange")
    assert onec.ask("type=catalog&mode=checkauth").text.startswith("failure\nE101 ")
    assert OneC(site, address="/t/none/1c_exchange").ask("type=x").text.startswith("failure\nE103 ")
    assert site.count("journal") == 0
