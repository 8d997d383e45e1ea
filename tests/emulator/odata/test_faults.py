"""What goes wrong on purpose: each fault as a client meets it, and what the base did meanwhile."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from urllib.parse import urlsplit

import httpx
import pytest

from syncd.emulator.odata import Fault, Manners, OdataBase, OdataFaults, Rule, parse_rule
from tests.emulator.odata.conftest import Connect, Wire, corpus

ORDERS = "Document_ЗаказКлиента"
BODY = {"Date": "2026-05-05T10:00:00", "НомерПоДаннымКлиента": "F-1"}


def count(odata: Wire) -> int:
    return sum(row["НомерПоДаннымКлиента"] == "F-1" for row in odata.base.documents("ЗаказКлиента"))


def test_a_connection_dropped_before_leaves_nothing_written(odata: Wire) -> None:
    odata.base.fail_next("drop before", method="POST")
    with pytest.raises(httpx.TransportError):
        odata.write("POST", ORDERS, BODY)
    assert count(odata) == 0
    assert odata.write("POST", ORDERS, BODY).status_code == 201


def test_a_connection_dropped_after_the_commit_leaves_the_document(odata: Wire) -> None:
    odata.base.fail_next("drop after commit", method="POST", resource=ORDERS)
    with pytest.raises(httpx.TransportError):
        odata.write("POST", ORDERS, BODY)
    assert count(odata) == 1
    heard = odata.base.requests[-1]
    assert (heard.status, heard.written, heard.fault) == (0, True, Fault.DROP_AFTER_COMMIT)


def test_a_gateway_that_gave_up_waiting_says_504_though_it_is_written(odata: Wire) -> None:
    odata.base.fail_next("timeout after commit")
    assert odata.write("POST", ORDERS, BODY).status_code == 504
    assert count(odata) == 1


@pytest.mark.parametrize("fault", ["handler", "lock"])
def test_an_exception_inside_1c_has_its_error_body_and_writes_nothing(odata: Wire, fault: str) -> None:
    odata.base.fail_next(fault)
    assert odata.error(odata.write("POST", ORDERS, BODY))[:2] == (500, "-1")
    assert count(odata) == 0


@pytest.mark.parametrize(
    ("fault", "status"),
    [("blocked", 403), ("pool", 406), ("licence", 500), ("crash", 500), ("login page", 200), ("maintenance", 200),
     ("unauthorized", 401), ("not found", 404), ("bad gateway", 502), ("unavailable", 503), ("session lost", 400)],
)  # fmt: skip
def test_a_page_in_place_of_an_answer_writes_nothing(odata: Wire, fault: str, status: int) -> None:
    odata.base.fail_next(fault)
    answer = odata.write("POST", ORDERS, BODY)
    assert answer.status_code == status
    assert b"odata.error" not in answer.content
    assert count(odata) == 0


def test_half_an_answer_breaks_off_in_the_body(odata: Wire) -> None:
    odata.base.fail_next("cut")
    with pytest.raises(httpx.RemoteProtocolError):
        odata.get(f"{ORDERS}?$format=json")


def test_half_an_answer_breaks_off_in_a_long_body_too(connect: Connect) -> None:
    base = connect(size=1500)
    base.base.fail_next("cut")
    with pytest.raises(httpx.RemoteProtocolError):
        base.get("Catalog_Номенклатура?$format=json")
    assert len(base.rows("Catalog_Номенклатура?$filter=IsFolder eq false")) == 1500


def test_a_slow_drip_arrives_whole(connect: Connect) -> None:
    base = connect(faults=OdataFaults([Rule(Fault.DRIP)], drip=0))
    assert base.rows("Catalog_Валюты?$select=Code") == [{"Code": "643"}, {"Code": "840"}]


def test_rules_count_requests_of_their_own_kind(connect: Connect) -> None:
    base = connect(faults=OdataFaults([parse_rule("GET/Catalog_Валюты:crash@2x2")]))
    found = [base.get(name).status_code for name in ["Catalog_Валюты", "Catalog_Склады"] * 4]
    assert found[::2] == [200, 500, 500, 200]
    assert found[1::2] == [200] * 4
    assert [fault for *_, fault in base.base.faults.struck] == [Fault.CRASH] * 2


def test_chance_is_the_same_for_the_same_seed(connect: Connect) -> None:
    def statuses(seed: int) -> list[int]:
        base = connect(faults=OdataFaults(rate=0.3, seed=seed, among=(Fault.CRASH, Fault.BLOCKED)))
        return [base.get("Catalog_Валюты").status_code for _ in range(30)]

    one = statuses(1)
    assert one == statuses(1)
    assert one != statuses(2)
    assert 3 <= Counter(one)[500] + Counter(one)[403] <= 20
    assert Counter(one).keys() == {200, 403, 500}


@pytest.mark.parametrize("text", ["", "crash", "GET/Catalog_:nothing", "GET/x:crash@", ":crash@a"])
def test_a_rule_that_makes_no_sense_is_refused_with_the_known_faults(text: str) -> None:
    with pytest.raises(ValueError, match="drop-after-commit"):
        parse_rule(text)


def test_a_rule_reads_as_it_is_written() -> None:
    assert parse_rule("POST/Document_ЗаказКлиента:drop-after-commit@2x3") == Rule(
        Fault.DROP_AFTER_COMMIT, "POST", "Document_ЗаказКлиента", 2, 3
    )
    assert parse_rule(":blocked") == Rule(Fault.BLOCKED)


def test_a_blocked_base_answers_nobody_until_it_is_open_again(odata: Wire) -> None:
    odata.base.blocked = True
    assert [odata.get(name).status_code for name in ("", "Catalog_Валюты")] == [403, 403]
    odata.base.blocked = False
    assert odata.get("Catalog_Валюты").status_code == 200


def test_a_base_that_was_down_comes_back_at_the_same_address_with_all_it_had() -> None:
    base = OdataBase(size=5)
    with httpx.Client(auth=("odata", "odata")) as client:
        with base.running():
            address = base.url
            assert client.post(f"{address}{ORDERS}?$format=json", json=BODY).status_code == 201
        with pytest.raises(httpx.TransportError):
            client.get(address)
        with base.running():
            assert base.url == address
            found = client.get(f"{address}{ORDERS}?$format=json&$filter=НомерПоДаннымКлиента eq 'F-1'").json()
            assert len(found["value"]) == 1


def test_wrong_logins_and_other_charsets_are_turned_away(odata: Wire) -> None:
    for auth in (None, ("обмен".encode(), b"wrong"), ("обмен".encode("cp1251"), "пароль".encode("cp1251"))):
        answer = httpx.get(odata.base.url, auth=auth)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert httpx.get(odata.base.url, headers={"Authorization": "Basic ***"}).status_code == 401


def test_an_address_outside_the_publication_is_the_web_servers_404(odata: Wire) -> None:
    parts = urlsplit(odata.base.url)
    answer = odata.http.get(f"{parts.scheme}://{parts.netloc}/other/odata/standard.odata/")
    assert answer.status_code == 404
    assert b"odata.error" not in answer.content


def test_more_requests_than_sessions_get_406(connect: Connect) -> None:
    base = connect(manners=Manners(pool_size=1, pool_timeout=0.05),
                   faults=OdataFaults())  # fmt: skip
    sessions = base.base._publication.sessions
    assert sessions.enter()
    assert base.get("Catalog_Валюты").status_code == 406
    sessions.leave()
    assert base.get("Catalog_Валюты").status_code == 200


def test_the_first_request_after_a_pause_is_slow(connect: Connect) -> None:
    base = connect(manners=Manners(cold_start=0.2))
    base.get("Catalog_Валюты")
    base.get("Catalog_Валюты")
    first, second = base.base.requests
    assert first.seconds >= 0.2 > second.seconds


def test_a_session_is_kept_by_its_cookie_when_the_base_heeds_it(odata: Wire, connect: Connect) -> None:
    ignoring = odata.send("GET", "Catalog_Валюты", headers={"IBSession": "start"})
    assert "set-cookie" not in ignoring.headers
    base = connect(manners=Manners(manual_sessions=True))
    answer = base.send("GET", "Catalog_Валюты", headers={"IBSession": "start"})
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert cookie.startswith("ibsession=")
    base.http.cookies.clear()
    assert base.send("GET", "Catalog_Валюты", headers={"Cookie": cookie}).status_code == 200
    ended = base.send("GET", "Catalog_Валюты", headers={"Cookie": cookie, "IBSession": "finish"})
    assert ended.status_code == 200
    assert base.send("GET", "Catalog_Валюты", headers={"Cookie": cookie}).status_code == 400


def test_the_log_tells_what_was_asked_and_answered(odata: Wire) -> None:
    odata.rows("Catalog_Валюты?$filter=Code eq '643'")
    odata.write("POST", ORDERS, BODY)
    read, written = odata.base.requests
    assert (read.method, read.path, read.status, read.written) == ("GET", "Catalog_Валюты", 200, False)
    assert "$filter=Code eq '643'" in read.query
    assert (written.method, written.path, written.status, written.written) == ("POST", ORDERS, 201, True)


def test_writes_at_the_same_time_are_all_there_with_numbers_of_their_own(odata: Wire) -> None:
    def work() -> None:
        for _ in range(5):
            assert odata.write("POST", ORDERS, BODY).status_code == 201

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = odata.base.documents("ЗаказКлиента")
    assert count(odata) == 20
    assert len({row["Number"] for row in rows}) == len(rows)


def test_a_client_that_hangs_up_does_not_disturb_the_base(odata: Wire, capfd: pytest.CaptureFixture[str]) -> None:
    parts = urlsplit(odata.base.url)
    assert parts.hostname
    assert parts.port
    with socket.create_connection((parts.hostname, parts.port)) as raw:
        raw.sendall(b"POST /ut/odata/standard.odata/x HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{")
    assert odata.get("Catalog_Валюты").status_code == 200
    assert "Traceback" not in capfd.readouterr().err


def test_the_pages_are_those_met_in_the_wild(odata: Wire) -> None:
    for fault, name in (("crash", "application_error_500.html"), ("maintenance", "gateway_200_maintenance.xhtml")):
        odata.base.fail_next(fault)
        expected = corpus(f"errors/{name}").read_text(encoding="utf-8").strip()
        assert odata.get("Catalog_Валюты").text.strip() == expected
    odata.base.fail_next("blocked")
    body = odata.get("Catalog_Валюты").content
    blocked = corpus("errors/session_blocked_403_virtual_resource.json").read_bytes()
    assert body.startswith(b"\xef\xbb\xbf") == blocked.startswith(b"\xef\xbb\xbf")
    for text in ("#exception", "Начало сеанса с информационной базой запрещено", "Ведутся технические работы"):
        assert text.encode() in body
        assert text.encode() in blocked
