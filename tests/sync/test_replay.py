"""Importing a package again: it ends in the same state, and never undoes what came later."""

from __future__ import annotations

from uuid import UUID

import pytest

from syncd.store import packages
from syncd.store.db import execute
from tests.api.site import OneC, Site, order_body
from tests.sync.test_runs import active, complete, goods, ids, offers, silence


def newest(site: Site) -> UUID:
    found: UUID = site.row("SELECT id FROM package ORDER BY seq DESC LIMIT 1")["id"]
    return found


def replay(site: Site, package_id: UUID) -> str:
    with site.ctx.db.transaction() as conn:
        made = packages.replay(conn, "default", package_id, by="olga", reason="test")
    assert made is not None
    site.work()
    return str(site.row("SELECT outcome FROM package WHERE id = %(id)s", id=made)["outcome"])


def fails(site: Site, onec: OneC, name: str, data: bytes) -> UUID:
    """A package that syncd itself could not import that day."""
    onec.begin()
    onec.send(name, data)
    onec.ask(f"type=catalog&mode=import&filename={name}")
    with site.ctx.db.transaction() as conn:
        execute(conn, "UPDATE package SET attempt = 5 WHERE state = 'queued'")
    site.work()
    made = newest(site)
    assert site.row("SELECT error_code FROM package WHERE id = %(id)s", id=made)["error_code"] == "E502"
    return made


def names(site: Site) -> dict[str, str]:
    return {row["id"]: row["name"] for row in site.rows("SELECT id, name FROM products")}


def prices(site: Site) -> dict[str, int]:
    return {
        row["offer_id"]: int(row["value"])
        for row in site.rows("SELECT offer_id, value FROM prices WHERE deleted_at IS NULL")
    }


@pytest.fixture(params=[True, False], ids=["new", "other"])
def first(request: pytest.FixtureRequest, site: Site, onec: OneC) -> bool:
    """Whether the database knew the records before."""
    if request.param:
        onec.push("import0_1.xml", goods([1, 2], full=False, name="A"))
        onec.push("offers0_1.xml", offers([1, 2], full=False, price=10))
    return bool(request.param)


def test_a_replayed_package_changes_nothing(site: Site, onec: OneC) -> None:
    onec.push("import0_1.xml", goods(range(4), full=True))
    before = site.rows("SELECT * FROM products ORDER BY id")
    made = newest(site)
    assert replay(site, made) == "ok"
    assert site.rows("SELECT * FROM products ORDER BY id") == before
    row = site.row("SELECT * FROM package ORDER BY seq DESC LIMIT 1")
    assert (row["replay_of"], row["replay_by"], row["replay_reason"]) == (made, "olga", "test")


def test_a_failed_package_is_made_up_for(site: Site, onec: OneC) -> None:
    made = fails(site, onec, "import0_1.xml", goods([1, 2], full=False))
    assert active(site) == set()
    assert replay(site, made) == "ok"
    assert active(site) == ids([1, 2])


@pytest.mark.usefixtures("first")
def test_what_a_newer_package_stated_unchanged_is_not_undone_by_an_older_one(site: Site, onec: OneC) -> None:
    goods_2 = fails(site, onec, "import0_2.xml", goods([1, 2, 3], full=False, name="B"))
    offers_2 = fails(site, onec, "offers0_2.xml", offers([1, 2, 3], full=False, price=20))
    onec.push("import0_1.xml", goods([1, 2], full=False, name="A"))
    onec.push("offers0_1.xml", offers([1, 2], full=False, price=10))
    assert replay(site, goods_2) == "ok"
    assert replay(site, offers_2) == "ok"
    assert names(site) == {"c1-p1": "A 1", "c1-p2": "A 2", "c1-p3": "B 3"}
    assert prices(site) == {"c1-p1": 10, "c1-p2": 10, "c1-p3": 20}


def test_prices_stated_later_do_not_keep_older_names_away(site: Site, onec: OneC) -> None:
    onec.push("offers0_1.xml", offers([1], full=False, price=10))
    made = fails(site, onec, "import0_1.xml", goods([1], full=False, name="B"))
    onec.push("prices0_1.xml", offers([1], full=False, named=False, price=10))
    replay(site, made)
    assert names(site) == {"c1-p1": "B 1"}


def test_an_import_after_a_replay_reads_everything_it_must(site: Site, onec: OneC) -> None:
    one = goods([1], full=False, name="A")
    onec.push("import0_1.xml", one)
    onec.push("import0_1.xml", goods([1], full=False, name="B"))
    first = site.row("SELECT id FROM package ORDER BY seq LIMIT 1")["id"]
    replay(site, first)
    assert names(site) == {"c1-p1": "B 1"}
    onec.push("import0_1.xml", one)
    assert names(site) == {"c1-p1": "A 1"}


def test_what_a_newer_full_export_left_out_does_not_return(site: Site, onec: OneC) -> None:
    made = fails(site, onec, "import0_1.xml", goods([1, 2, 9], full=False))
    onec.push("import0_1.xml", goods([1, 2], full=True))
    complete(onec)
    replay(site, made)
    assert active(site) == ids([1, 2])


def test_a_replayed_full_export_removes_nothing_that_came_later(site: Site, onec: OneC) -> None:
    onec.push("import0_1.xml", goods([1, 2], full=True))
    made = newest(site)
    complete(onec)
    onec.push("import0_1.xml", goods([3], full=False))
    replay(site, made)
    silence(site)
    complete(onec)
    assert active(site) == ids([1, 2, 3])


def test_a_failed_portion_that_was_replayed_does_not_spoil_the_run(site: Site, onec: OneC) -> None:
    onec.push("import0_1.xml", goods(range(6), full=True))
    complete(onec)
    onec.push("import0_1.xml", goods([0, 1], full=True))
    made = fails(site, onec, "import0_2.xml", goods([2, 3], full=False))
    replay(site, made)
    complete(onec)
    assert active(site) == ids(range(4))


def test_an_open_package_cannot_be_replayed(site: Site, onec: OneC) -> None:
    onec.begin()
    onec.send("import0_1.xml", goods([1], full=False))
    onec.ask("type=catalog&mode=import&filename=import0_1.xml")
    with site.ctx.db.transaction() as conn:
        assert packages.replay(conn, "default", newest(site), by="olga", reason="test") is None


def test_an_order_stated_again_by_1c_is_not_undone_by_an_older_package(site: Site, onec: OneC) -> None:
    key = site.key()
    made = site.order(key, "k1", order_body("W-1")).json()
    number = site.row("SELECT exchange_number FROM sales_order")["exchange_number"]

    def stated(status: str) -> bytes:
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<КоммерческаяИнформация ВерсияСхемы="2.07"><Документ>'
            f"<Ид>{made['id']}</Ид><Номер>{number}</Номер><Дата>2026-11-20</Дата>"
            "<ХозОперация>Заказ товара</ХозОперация>"
            "<Роль>Продавец</Роль><Валюта>руб</Валюта><Курс>1</Курс><Сумма>21</Сумма><ЗначенияРеквизитов>"
            f"<ЗначениеРеквизита><Наименование>Статус заказа</Наименование><Значение>{status}</Значение>"
            "</ЗначениеРеквизита></ЗначенияРеквизитов></Документ></КоммерческаяИнформация>"
        ).encode()

    onec.push("orders-1.xml", stated("Принят"), type_="sale")
    onec.begin("sale")
    onec.send("orders-2.xml", stated("Отложен"), type_="sale")
    onec.ask("type=sale&mode=import&filename=orders-2.xml")
    with site.ctx.db.transaction() as conn:
        execute(conn, "UPDATE package SET attempt = 5 WHERE state = 'queued'")
    site.work()
    failed = newest(site)
    onec.push("orders-3.xml", stated("Принят"), type_="sale")
    assert site.row("SELECT status_1c FROM sales_order")["status_1c"] == "Принят"
    replay(site, failed)
    assert site.row("SELECT status_1c FROM sales_order")["status_1c"] == "Принят"
