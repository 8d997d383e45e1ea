"""Whole dialogues of the emulated clients of 1C with the real application and its worker: clean, and on a bad day."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from syncd.api.server import free_port, serve
from syncd.emulator import session
from syncd.emulator.base import OrderBase
from syncd.emulator.bitrix import BitrixModuleClient
from syncd.emulator.catalogue import TradeBase
from syncd.emulator.client import StandardClient
from syncd.emulator.faults import ClientFaults, Fault, Rule
from syncd.emulator.references import Book
from syncd.sync.worker import Worker
from tests.api.site import ADDRESS, LOGIN, PASSWORD, OneC, Site, order_body, running, settings

CLIENTS = [StandardClient, BitrixModuleClient]


@contextmanager
def working(database_url: str, **exchange: Any) -> Iterator[Site]:
    """A site whose worker works by itself."""
    with running(database_url, settings(**exchange)) as site:
        worker = Worker(site.ctx, None, threads=1)
        worker.start()
        try:
            yield site
        finally:
            worker.stop()


@pytest.fixture
def live(database_url: str) -> Iterator[Site]:
    with working(database_url) as site:
        yield site


@contextmanager
def over_http(site: Site) -> Iterator[str]:
    """The same application as another process would serve it, on a real port."""
    stop, port = threading.Event(), free_port("127.0.0.1")
    thread = threading.Thread(
        target=serve, args=(site.ctx.settings,),
        kwargs={"database_url": site.ctx.db.url, "redis_url": None, "host": "127.0.0.1", "port": port, "stop": stop},
    )  # fmt: skip
    thread.start()
    try:
        _until(lambda: httpx.get(f"http://127.0.0.1:{port}/health/live").status_code == 200)
        yield f"http://127.0.0.1:{port}{ADDRESS}"
    finally:
        stop.set()
        thread.join()


def _until(check: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if check():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)


def client_of(kind: type[StandardClient], site: Site, **options: Any) -> StandardClient:
    return kind(f"http://testserver{ADDRESS}", LOGIN, PASSWORD, transport=site.http._transport, **options)


def place(site: Site, count: int) -> list[str]:
    key = site.key()
    found = [f"W-{n}" for n in range(count)]
    for number in found:
        assert site.order(key, number, order_body(number)).status_code == 201
    return found


def refused(site: Site) -> list[str]:
    return [row["code"] for row in site.rows("SELECT code FROM journal WHERE kind = 'exchange' AND outcome = 'failed'")]


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_whole_session_brings_goods_in_and_orders_out_and_back(live: Site, kind: type[StandardClient]) -> None:
    placed = place(live, 5)
    trade, base = TradeBase(5, 30), OrderBase()
    with client_of(kind, live) as client:
        report = session.whole_session(client, trade, base, portions=2)
        assert (report.orders.created, report.orders.confirmed, report.orders.pulls) == (5, True, 1)
        for number in placed:
            base.pay(number)
        assert session.send_statuses(client, base).sent == 5
        assert session.exchange_orders(client, base).created == 0
    assert live.count("products", "deleted_at IS NULL") == 30
    assert live.count("prices") > 0
    assert live.count("sales_order", "paid AND number_1c IS NOT NULL") == 5
    assert base.doubles() == {}
    assert refused(live) == []


BAD_DAYS: dict[str, tuple[Rule, ...]] = {
    "the answers of checkauth, file and import are lost": tuple(
        Rule(mode, Fault.LOST_ANSWER, type="catalog") for mode in ("checkauth", "init", "file", "import")
    ),
    "a part breaks off": (Rule("file", Fault.CUT), Rule("file", Fault.CUT, at=3)),
    "a file is sent twice": (Rule("file", Fault.REPEAT_FILE), Rule("file", Fault.REPEAT_FILE, at=2)),
    "imports are never asked for": (Rule("import", Fault.SKIP_IMPORT, times=100),),
    "1C does not wait": (Rule("import", Fault.IMPATIENCE, times=2),),
    "the orders and the confirmation are lost": (Rule("query", Fault.LOST_ANSWER), Rule("success", Fault.LOST_ANSWER)),
}


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("day", BAD_DAYS)
def test_on_a_bad_day_everything_arrives_once(database_url: str, kind: type[StandardClient], day: str) -> None:
    with working(database_url, idle_import_seconds=1, file_limit_bytes=65_536) as site, over_http(site) as address:
        place(site, 4)
        trade, base = TradeBase(9, 40), OrderBase()
        faults = ClientFaults(script=BAD_DAYS[day], lost_answer_wait=5.0)
        with kind(address, LOGIN, PASSWORD, faults=faults, attempts=8) as client:
            session.whole_session(client, trade, base, portions=2)
            session.exchange_orders(client, base)
        assert faults.struck, "nothing went wrong"
        _until(lambda: site.count("package", "state IN ('queued', 'importing')") == 0 and site.count("products") == 40)
        assert base.doubles() == {}
        assert base.created.total() == 4
        assert site.count("outbox", "state = 'acknowledged'") == 4
        assert site.count("products", "deleted_at IS NULL") == 40


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_session_goes_on_in_another_process(live: Site, database_url: str, kind: type[StandardClient]) -> None:
    other = Site(database_url, live.ctx.settings)
    try:
        place(live, 3)
        turn = _ByTurns(live.http._transport, other.http._transport)
        base = OrderBase()
        with kind(f"http://testserver{ADDRESS}", LOGIN, PASSWORD, transport=turn) as client:
            report = session.whole_session(client, TradeBase(2, 12), base, portions=1)
        assert turn.asked > 8
        assert (report.orders.created, report.orders.confirmed) == (3, True)
        assert live.count("products") == 12
    finally:
        other.close()


class _ByTurns(httpx.BaseTransport):
    """Two processes behind one address."""

    def __init__(self, *inner: httpx.BaseTransport) -> None:
        self.inner = inner
        self.asked = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return self.inner[self.asked % len(self.inner)].handle_request(request)


MAPPING = """
statuses:
  Принят: new
  В работе: {means: confirmed, id: "07"}
  Тайный: {means: completed, listed: false}
payments:
  card: {name: Банковская карта, id: "2", kind: Безналичная}
deliveries:
  courier: Курьер ₽
"""


@pytest.fixture
def mapped(database_url: str, tmp_path: Path) -> Iterator[Site]:
    path = tmp_path / "orders.yaml"
    path.write_text(MAPPING, encoding="utf-8")
    with running(database_url, settings(orders_mapping=path)) as site:
        yield site


def test_info_tells_the_module_statuses_payments_and_deliveries(mapped: Site) -> None:
    client = client_of(BitrixModuleClient, mapped)
    assert isinstance(client, BitrixModuleClient)
    info = client.info()
    assert info.statuses == {"Принят": "Принят", "07": "В работе"}
    assert info.payments == {"2": "Банковская карта"}
    assert info.deliveries == {"courier": "Курьер ₽"}


@pytest.mark.parametrize(("version", "charset"), [("", "windows-1251"), ("&version=3.1", "utf-8")])
def test_info_is_exactly_what_bitrix_writes(mapped: Site, version: str, charset: str) -> None:
    onec = OneC(mapped)
    onec.checkauth("sale")
    response = onec.ask("type=sale&mode=info" + version)
    assert response.headers["content-type"] == f"application/xml; charset={charset}"
    text = response.content.decode(charset)
    assert text.startswith(
        f'<?xml version="1.0" encoding="{charset}"?>\n<Справочник><\u0043татусы><Элемент><Ид>Принят</Ид>'
    )
    assert "<ТипОплаты>Безналичная</ТипОплаты>" in text
    assert "Тайный" not in text


def test_reference_books_are_taken_and_stored(live: Site, tmp_path: Path) -> None:
    client = client_of(BitrixModuleClient, live)
    assert isinstance(client, BitrixModuleClient)
    books = [Book("Цвета", "Цвета", {f"g{n}": {"Код": str(n), "Название": f"Цвет {n}"} for n in range(7)})]
    result = client.push_references(tmp_path, books)
    assert (result.files, result.documents) == (1, 1)
    assert live.row("SELECT outcome FROM journal WHERE kind = 'import'")["outcome"] == "ok"
    assert live.row("SELECT count(*) AS items FROM reference_items")["items"] == 7


def test_listen_answers_at_once_when_an_order_waits_and_else_not_modified(database_url: str) -> None:
    with running(database_url, settings(listen_seconds=0)) as site:
        client = client_of(BitrixModuleClient, site)
        assert isinstance(client, BitrixModuleClient)
        assert client.listen() is False
        place(site, 1)
        assert client.listen() is True
        assert client.pull_orders(OrderBase()).confirmed
        assert client.listen() is False


def test_a_held_listen_ends_when_an_order_comes_and_holds_no_thread_nor_connection(database_url: str) -> None:
    with running(database_url, settings(listen_seconds=30)) as site:
        site.ctx.settings.api.threads  # noqa: B018 - 16; twice as many listen
        assert site.ctx.settings.api.threads < 32
        with over_http(site) as address:
            heard: list[bool] = []

            def listen() -> None:
                with BitrixModuleClient(address, LOGIN, PASSWORD) as client:
                    heard.append(client.listen())

            threads = [threading.Thread(target=listen) for _ in range(32)]
            for thread in threads:
                thread.start()
            with StandardClient(address, LOGIN, PASSWORD) as other:
                other.check_auth("catalog")  # the process still answers
            assert heard == []
            place(site, 1)
            for thread in threads:
                thread.join()
            assert heard == [True] * 32


def test_listen_of_a_stranger_is_never_200(site: Site) -> None:
    for onec in (OneC(site, password="wrong"), OneC(site, send_basic=False)):
        response = onec.ask("type=listen&version=2.1")
        assert response.status_code == 401
        assert response.text.startswith("failure\nE101 ")
    assert site.codes()


def test_a_sessid_must_be_one_of_the_infobase(site: Site) -> None:
    site.add_infobase(name="second", login="second")
    own, other = OneC(site), OneC(site, login="second")
    first = own.checkauth()[3]
    foreign = other.checkauth()[3]
    second = own.checkauth()[3]
    assert first != second
    for sessid in (first, second, "sessid=", "", "&"):
        assert own.ask(f"type=catalog&mode=init&{sessid}").text.startswith("zip="), sessid
    for sessid in (foreign, "sessid=" + "0" * 32, "sessid=nonsense"):
        assert own.ask(f"type=catalog&mode=init&{sessid}").text.startswith("failure\nE116 "), sessid


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("type=crm&mode=query", "E115"),
        ("type=get_catalog&mode=checkauth", "E115"),
        ("type=get_catalog", "E115"),
        ("type=catalog", "E109"),
        ("type=sale&mode=", "E109"),
        ("mode=checkauth", "E109"),
        ("type=return&mode=checkauth", "E103"),
        ("type=sale&mode=deactivate", "E104"),
        ("type=reference&mode=query", "E104"),
    ],
)
def test_what_is_not_served_is_a_clear_failure(onec: OneC, query: str, code: str) -> None:
    onec.checkauth()
    response = onec.ask(query)
    assert (response.status_code, response.text[:13]) == (200, f"failure\n{code} ")


def test_a_full_push_of_the_module_ends_with_deactivate_and_complete(live: Site) -> None:
    said: list[tuple[str, str]] = []
    client = client_of(BitrixModuleClient, live, journal=lambda line: said.append((line.type, line.mode)))
    session.push_catalogue(client, TradeBase(3, 10), full=True)
    modes = [mode for _, mode in said]
    assert modes[-4:] == ["checkauth", "deactivate", "checkauth", "complete"]
    assert live.count("products", "deleted_at IS NULL") == 10
    assert live.count("package", "state <> 'done'") == 0


def test_every_order_of_a_long_queue_reaches_the_module_page_by_page(live: Site) -> None:
    place(live, 12)
    client, base = client_of(BitrixModuleClient, live), OrderBase()
    result = client.pull_orders(base)
    assert (len(result.batch.created), result.pages, result.confirmed) == (12, 2, True)
