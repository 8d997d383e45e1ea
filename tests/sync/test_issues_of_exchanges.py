"""Issues as whole exchanges make them and settle them."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from syncd import issues
from syncd.queue import acts, view
from syncd.store.db import execute
from tests.api.site import PASSWORD, OneC, Site
from tests.sync.test_orders_exchange import DELIVERY, asked, place

OFFERS = """<?xml version="1.0" encoding="UTF-8"?>
<КоммерческаяИнформация ВерсияСхемы="2.07"><ПакетПредложений СодержитТолькоИзменения="true"><Ид>o</Ид>
<ИдКаталога>c1</ИдКаталога><Наименование>П</Наименование><Предложения>{}</Предложения></ПакетПредложений>
</КоммерческаяИнформация>"""
BROKEN = b"<?xml version='1.0'?><a>"


LINE = {"name": "x", "sku": "", "unit": "", "quantity": "1", "price": "2", "amount": "2", "is_service": False}


def offers(**prices: str) -> bytes:
    body = "".join(
        f"<Предложение><Ид>{id_}</Ид><Наименование>{id_}</Наименование><Цены><Цена><ИдТипаЦены>t</ИдТипаЦены>"
        f"<ЦенаЗаЕдиницу>{price}</ЦенаЗаЕдиницу><Валюта>руб</Валюта></Цена></Цены></Предложение>"
        for id_, price in prices.items()
    )
    return OFFERS.format(body).encode()


def listed(site: Site, **options: Any) -> list[dict[str, Any]]:
    with site.ctx.db.transaction() as conn:
        return issues.listing(conn, "default", **options)


def test_bad_records_of_a_package_are_one_issue_settled_record_by_record(site: Site, onec: OneC) -> None:
    onec.push("offers.xml", offers(**{f"p{n}": "expensive" for n in range(5)}, good="5"))
    (found,) = listed(site)
    assert (found["kind"], found["count"], found["touched"]) == ("record", 5, 5)
    onec.push("offers.xml", offers(p0="10", p1="11", p2="still"))
    (found,) = listed(site)
    assert (found["count"], found["unresolved"]) == (6, 3)
    onec.push("offers.xml", offers(p2="12", p3="13", p4="14"))
    assert listed(site) == []


def test_a_broken_file_is_one_issue_until_a_file_of_that_name_comes_in(site: Site, onec: OneC) -> None:
    onec.push("offers.xml", BROKEN)
    (found,) = listed(site)
    assert (found["kind"], found["count"]) == ("document", 1)
    onec.push("import.xml", offers(p1="1"))
    assert len(listed(site)) == 1
    onec.push("offers.xml", offers(p1="1"))
    assert listed(site) == []


def test_an_order_that_cannot_be_written_is_an_issue_until_1c_has_it(site: Site, onec: OneC) -> None:
    key = site.key()
    bad = place(site, key, "W-1", lines=[DELIVERY])
    onec.checkauth("sale")
    assert asked(onec) == []
    (found,) = listed(site)
    assert (found["code"], found["kind"], found["count"]) == ("E222", "orders", 1)
    with site.ctx.db.transaction() as conn:
        assert [row["key"] for row in issues.subjects(conn, "default", found["id"])] == [bad["id"]]
        execute(conn, "UPDATE sales_order SET lines = %(l)s", l=Jsonb([{**LINE, "offer_id": "p1"}]))
        (message,) = view.find(conn, "default", "W-1")
        assert acts.retry(conn, "default", message["id"], by="anna", reason="mended")
    onec.checkauth("sale")
    assert asked(onec) == ["W-1"]
    onec.success()
    assert listed(site) == []


def test_the_right_password_settles_the_wrong_one(site: Site, onec: OneC) -> None:
    onec.password = "wrong"
    for _ in range(3):
        onec.checkauth("catalog")
    assert [(row["code"], row["count"]) for row in listed(site)] == [("E101", 3)]
    onec.password = PASSWORD
    onec.checkauth("catalog")
    assert listed(site) == []


@pytest.mark.parametrize("records", [400])
def test_counting_costs_a_package_of_bad_records_few_statements(site: Site, onec: OneC, records: int) -> None:
    onec.push("offers.xml", offers(**{f"p{n}": "x" for n in range(records)}))
    (found,) = listed(site)
    assert found["count"] == records
    assert site.count("journal", "parent_id IS NOT NULL") == records
