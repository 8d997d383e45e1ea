"""One syncd plays 1C towards another one's exchange endpoint, over real HTTP: pushes arrive, orders come back once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from syncd.adapters import cms
from syncd.adapters.exchange.client import SiteClient
from syncd.commerceml.write_catalogue import Offered, Package, write_catalogue, write_offers
from syncd.errors import ConfigError
from syncd.model.records import Record
from syncd.queue.policy import EVENTS
from syncd.store import endpoints, secrets
from syncd.store.db import Row, execute
from syncd.store.endpoints import Endpoint
from syncd.store.ids import new_id
from syncd.sync import sites
from syncd.sync.delivery import Deliverer
from syncd.sync.targets import PROTOCOLS, Targets
from tests.api.site import LOGIN, PASSWORD, Site, running

AT = datetime.fromisoformat("2026-05-01T12:30:00")
SHOP = "shop"


class Web:
    """The API behind a real port, and a worker that imports while it is asked."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.asked: list[str] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._pass_on("GET", b"")

            def do_POST(self) -> None:
                self._pass_on("POST", self.rfile.read(int(self.headers["content-length"])))

            def _pass_on(self, method: str, body: bytes) -> None:
                web.asked.append(self.path)
                if "mode=import" in self.path:
                    web.site.work()
                answer = web.site.http.request(method, self.path, content=body, headers=dict(self.headers))
                self.send_response(answer.status_code)
                for name, value in answer.headers.multi_items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def address(self, tenant: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/t/{tenant}/1c_exchange"

    def modes(self) -> list[str]:
        return [path.partition("mode=")[2].partition("&")[0] for path in self.asked]


@pytest.fixture
def web(database_url: str, home: Path) -> Iterator[Web]:
    del home
    with running(database_url) as site:
        site.add_infobase(tenant=SHOP, name="syncd", login=LOGIN)
        made = Web(site)
        yield made
        made.close()


@pytest.fixture
def endpoint(web: Web) -> Endpoint:
    keys = secrets.keys(web.site.ctx.settings)
    with web.site.ctx.db.transaction() as conn:
        made, _ = endpoints.add(
            conn, "default", name="site", kind="cms", address=web.address(SHOP), takes=[], concurrency=1,
            timeout_seconds=30.0, settings={"login": LOGIN}, sealed=keys.seal(PASSWORD),
        )  # fmt: skip
    return made


def goods(folder: Path, *, price: str = "590", name: str = "Стул & <стол>") -> list[Path]:
    """A catalogue as 1C would send it."""
    package = Package("cat-1", "Каталог", AT)
    files = [folder / "import0_1.xml", folder / "offers0_1.xml"]
    group = Record("category", ("g1",), {"name": "Мебель"})
    products = [
        Record("product", ("p1",), {"name": name, "sku": "С-1", "category_ids": ["g1"], "requisites": {"Вид": "А"}}),
        Record("product", ("p2",), {"name": "Шкаф", "unit": {"code": "796", "name": "шт"}}),
    ]
    with files[0].open("wb") as out:
        write_catalogue(out, package, categories=[group], properties=[], products=products)
    offers = [
        Offered(
            Record("offer", (identity,), {"name": identity}),
            [Record("price", (identity, "t1", "RUB", Decimal(0)), {"value": Decimal(price)})],
            [Record("stock", (identity, "w1"), {"on_hand": Decimal(7)})],
        )
        for identity in ("p1", "p2#v1")
    ]
    types = [Record("price_type", ("t1",), {"name": "Розничная", "currency": "RUB"})]
    place = [Record("warehouse", ("w1",), {"name": "Основной"})]
    with files[1].open("wb") as out:
        write_offers(out, package, price_types=types, warehouses=place, offers=offers)
    return files


def from_1c(web: Web, folder: Path, **changes: str) -> None:
    """1C sends its catalogue to the first company."""
    client = SiteClient(web.address("default"), login=LOGIN, password=PASSWORD)
    client.push(goods(folder, **changes), folder)
    client.close()


def deliver(web: Web, endpoint: Endpoint, *, full: bool = False) -> Row:
    """Queue a push and let the worker's loop deliver it."""
    ctx = web.site.ctx
    with ctx.db.transaction() as conn:
        message = sites.push(conn, endpoint, full=full)
        assert sites.push(conn, endpoint, full=full) == message, "one that waits is enough"
    keys = secrets.keys(ctx.settings)
    targets = Targets(PROTOCOLS, lambda each: each.secret(keys), ctx.db)
    worker = Deliverer(ctx, new_id(), targets, PROTOCOLS, threads=1, rules=lambda _kind: EVENTS)
    assert worker.step() == 1
    flight = worker._jobs.get()
    assert flight is not None
    worker._fly(flight)
    worker.stop(0)
    return web.site.row("SELECT state, receipt, error_code FROM outbox WHERE id = %(id)s", id=message)


def told(web: Web, tenant: str, table: str, columns: str) -> list[tuple[Any, ...]]:
    rows = web.site.rows(
        f"SELECT {columns} FROM {table} WHERE tenant = %(t)s AND deleted_at IS NULL ORDER BY {columns}", t=tenant
    )
    return [tuple(row.values()) for row in rows]


TABLES = {
    "categories": "id, name, parent_id", "products": "id, name, sku, catalogue_id, category_ids, requisites, unit",
    "offers": "id, name, product_id, variant_id, catalogue_id", "price_types": "id, name, currency",
    "prices": "offer_id, price_type_id, currency, value", "warehouses": "id, name",
    "stocks": "offer_id, warehouse_id, on_hand",
}  # fmt: skip


def same(web: Web) -> None:
    for table, columns in TABLES.items():
        there = told(web, SHOP, table, columns)
        assert there
        assert there == told(web, "default", table, columns)


def test_a_push_makes_the_sites_catalogue_the_same_as_ours(web: Web, endpoint: Endpoint, tmp_path: Path) -> None:
    from_1c(web, tmp_path)
    web.asked.clear()
    done = deliver(web, endpoint)
    assert done["state"] == "acknowledged"
    assert (done["receipt"]["answer"]["products"], done["receipt"]["answer"]["offers"]) == (2, 2)
    assert web.modes()[:3] == ["checkauth", "init", "file"]
    assert web.modes()[-1] == "import"
    same(web)


def test_the_next_push_carries_only_what_changed(web: Web, endpoint: Endpoint, tmp_path: Path) -> None:
    from_1c(web, tmp_path)
    deliver(web, endpoint)
    web.asked.clear()
    nothing = deliver(web, endpoint)["receipt"]["answer"]
    assert (nothing["products"], nothing["offers"], nothing["files"], web.asked) == (0, 0, 0, [])
    from_1c(web, tmp_path, price="650.50")
    changed = deliver(web, endpoint)["receipt"]["answer"]
    assert (changed["products"], changed["offers"]) == (0, 2)
    same(web)
    assert told(web, SHOP, "prices", "value")[0] == (Decimal("650.50"),)
    assert deliver(web, endpoint, full=True)["receipt"]["answer"]["products"] == 2


def test_a_restored_postgres_that_counts_anew_makes_the_push_a_full_one(
    web: Web, endpoint: Endpoint, tmp_path: Path
) -> None:
    from_1c(web, tmp_path)
    deliver(web, endpoint)
    with web.site.ctx.db.transaction() as conn:
        execute(
            conn,
            "UPDATE outbox SET receipt = jsonb_set(receipt, '{answer,cursor}', '\"99999999999\"') WHERE kind = 'push'",
        )
    again = deliver(web, endpoint)["receipt"]["answer"]
    assert (again.get("since"), again["products"]) == (None, 2)


def test_what_was_removed_is_removed_there_and_a_stock_that_is_gone_is_none(
    web: Web, endpoint: Endpoint, tmp_path: Path
) -> None:
    from_1c(web, tmp_path)
    deliver(web, endpoint)
    with web.site.ctx.db.transaction() as conn:
        for table, where in (("products", "id = 'p2'"), ("stocks", "offer_id = 'p1'")):
            execute(
                conn,
                f"UPDATE {table} SET deleted_at = now(), xid = pg_current_xact_id()"
                f" WHERE tenant = 'default' AND {where}",
            )
    deliver(web, endpoint)
    assert told(web, SHOP, "products", "id") == [("p1",)]
    assert told(web, SHOP, "stocks", "offer_id, on_hand")[0] == ("p1", Decimal(0))


def test_a_refused_login_costs_no_attempt_and_says_whose_it_is(web: Web, endpoint: Endpoint, tmp_path: Path) -> None:
    from_1c(web, tmp_path)
    keys = secrets.keys(web.site.ctx.settings)
    with web.site.ctx.db.transaction() as conn:
        changed, _ = endpoints.change(conn, "default", endpoint.id, sealed=keys.seal("wrong"))
    done = deliver(web, changed)
    assert (done["state"], done["error_code"]) == ("waiting", "E985")


# --- orders -----------------------------------------------------------------------------------------------------------


def place(web: Web, key: str, number: str, price: str = "590.00") -> None:
    body = {
        "number": number, "currency": "RUB",
        "customer": {"name": "ООО «Ромашка»", "type": "legal", "inn": "7701234567", "email": "zakaz@example.org"},
        "lines": [{"offer_id": "p1", "quantity": "2", "price": price, "name": "Стул"}], "comment": "Звонить & ждать",
    }  # fmt: skip
    assert web.site.order(key, f"{number}-{price}", body).status_code == 201


def ours(web: Web) -> list[Row]:
    return web.site.rows(
        "SELECT number, storefront, amount, customer, lines, comment FROM sales_order WHERE tenant = 'default'"
        " ORDER BY number"
    )


def test_orders_of_a_site_are_taken_once_and_confirmed(web: Web, endpoint: Endpoint) -> None:
    key = web.site.key("bitrix", tenant=SHOP)
    place(web, key, "A-1")
    place(web, key, "A-2", "10.50")
    found = sites.fetch(web.site.ctx, endpoint)
    assert (sorted(found.new), found.failed, found.confirmed) == (["A-1", "A-2"], {}, True)
    first, second = ours(web)
    assert (first["storefront"], first["amount"], second["amount"]) == ("site", Decimal("1180.00"), Decimal("21.00"))
    assert (first["customer"]["name"], first["customer"]["inn"]) == ("ООО «Ромашка»", "7701234567")
    assert first["customer"]["email"] == "zakaz@example.org"
    assert (first["lines"][0]["offer_id"], first["comment"]) == ("p1", "Звонить & ждать")
    again = sites.fetch(web.site.ctx, endpoint)
    assert (again.new, again.known) == ([], [])
    sent = web.site.rows("SELECT key FROM outbox WHERE tenant = 'default' AND kind = 'order'")
    assert len(sent) == 2, "they go on to 1C"


def test_what_was_cut_before_success_comes_again_and_is_the_same_order(
    web: Web, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(web, web.site.key("bitrix", tenant=SHOP), "A-1")

    def cut(_client: SiteClient) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(SiteClient, "confirm", cut)
        with pytest.raises(ConnectionError):
            sites.fetch(web.site.ctx, endpoint)
    found = sites.fetch(web.site.ctx, endpoint)
    assert (found.new, found.known, found.confirmed) == ([], ["A-1"], True)
    assert len(ours(web)) == 1


def test_a_setting_that_nobody_reads_and_another_kind_are_refused(web: Web, endpoint: Endpoint) -> None:
    with web.site.ctx.db.transaction() as conn:
        changed, _ = endpoints.change(conn, "default", endpoint.id, settings={"lgoin": "x"})
        hook, _ = endpoints.add(conn, "default", name="hook", kind="webhook", address="http://h", takes=["*"])
        with pytest.raises(ConfigError, match="E992"):
            sites.push(conn, hook)
    with pytest.raises(ConfigError, match="E990"):
        cms.open_target(changed, None, web.site.ctx.db)
