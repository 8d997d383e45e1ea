"""``syncd endpoint push`` and ``fetch`` as a person meets them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from syncd.store.db import Database, every

from .conftest import Run

ORDER = (
    '<?xml version="1.0" encoding="UTF-8"?><КоммерческаяИнформация ВерсияСхемы="2.07">'
    "<Документ><Ид>{0}</Ид><Номер>{0}</Номер><Дата>2026-05-01</Дата><ХозОперация>Заказ товара</ХозОперация>"
    "<Валюта>RUB</Валюта><Сумма>180</Сумма><Контрагенты><Контрагент><Ид>7</Ид><Наименование>Иванов</Наименование>"
    "</Контрагент></Контрагенты><Товары><Товар><Ид>p1</Ид><Наименование>Стул</Наименование>"
    "<ЦенаЗаЕдиницу>100</ЦенаЗаЕдиницу><Количество>{1}</Количество><Сумма>180</Сумма></Товар></Товары></Документ>"
    "</КоммерческаяИнформация>"
)


@pytest.fixture
def site() -> Iterator[dict[str, str]]:
    """A site's exchange by mode; ``address`` is where it is."""
    said = {"checkauth": "success\nPHPSESSID\nabc", "success": "success", "asked": ""}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            mode = self.path.partition("mode=")[2]
            said["asked"] += f"{mode} "
            self.send_response(200)
            self.end_headers()
            self.wfile.write(said[mode].encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    said["address"] = f"http://127.0.0.1:{server.server_address[1]}/1c_exchange.php"
    yield said
    server.shutdown()
    server.server_close()


def test_a_site_is_added_pushed_to_and_its_orders_are_fetched(run: Run, db: Database, site: dict[str, str]) -> None:
    added = run("endpoint", "add", "shop", "--kind", "cms", "--address", site["address"], "-o", "json")
    assert added.code == 0, added.err
    assert (added.json["takes"], added.json["timeout_seconds"], added.json["concurrency"]) == ([], 3600.0, 1)
    first = run("endpoint", "push", "shop", "-o", "json")
    assert first.code == 0, first.err
    assert run("endpoint", "push", "shop", "-o", "json").json["message"] == first.json["message"]
    assert run("endpoint", "push", "shop", "--full", "-o", "json").json["message"] != first.json["message"]
    site["query"] = ORDER.format("77", "2")
    fetched = run("endpoint", "fetch", "shop", "-o", "json")
    assert fetched.code == 0, fetched.err
    assert (fetched.json["new"], fetched.json["confirmed"]) == (["77"], True)
    with db.transaction() as conn:
        (order,) = every(conn, "SELECT storefront, number, amount, lines FROM sales_order")
        states = every(conn, "SELECT state FROM outbox WHERE kind = 'push' ORDER BY seq")
    assert (order["storefront"], order["number"], order["lines"][0]["price"]) == ("shop", "77", "90"), "the discount"
    assert [row["state"] for row in states] == ["superseded", "pending"]


def test_an_order_that_cannot_be_taken_is_told_and_nothing_is_confirmed(
    run: Run, db: Database, site: dict[str, str]
) -> None:
    run("endpoint", "add", "shop", "--kind", "cms", "--address", site["address"])
    site["query"] = ORDER.format("78", "0")
    fetched = run("endpoint", "fetch", "shop")
    assert fetched.code == 1
    assert "78" in fetched.err
    assert site["asked"].split() == ["checkauth", "query"]
    with db.transaction() as conn:
        (row,) = every(conn, "SELECT code, key FROM journal")
    assert tuple(row.values()) == ("E991", "78")


def test_a_document_that_cannot_be_read_is_kept_as_it_came_and_not_confirmed(
    run: Run, db: Database, site: dict[str, str]
) -> None:
    run("endpoint", "add", "shop", "--kind", "cms", "--address", site["address"])
    site["query"] = ORDER.format("79", "1").replace("Стул", "Стул & стол")
    fetched = run("endpoint", "fetch", "shop")
    assert fetched.code != 0
    assert site["asked"].split() == ["checkauth", "query"]
    with db.transaction() as conn:
        (row,) = every(conn, "SELECT outcome, detail FROM journal")
        (kept,) = every(conn, "SELECT u.id, c.data FROM upload u JOIN upload_chunk c ON c.upload_id = u.id")
        assert every(conn, "SELECT FROM sales_order") == []
    assert (row["outcome"], row["detail"]) == ("failed", f"upload {kept['id']}")
    assert bytes(kept["data"]).decode() == site["query"]


def test_another_kind_is_no_site(run: Run, db: Database) -> None:
    del db
    run("endpoint", "add", "hook", "--kind", "webhook", "--address", "http://h.example")
    assert "E992" in run("endpoint", "push", "hook").err
    assert "E305" in run("endpoint", "push", "nobody").err
