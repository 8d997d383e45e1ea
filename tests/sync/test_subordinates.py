"""Payments and shipments: of one number, and before their order."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.mappings.orders import OrdersMapping
from syncd.model.records import OrderDocument
from syncd.store.db import execute
from syncd.sync import subordinates
from tests.api.site import OneC, Site, order_body

GUID = "9f0d2f1e-0000-4000-8000-000000000077"


def document(*inner: str) -> bytes:
    body = "".join(f"<Контейнер>{one}</Контейнер>" for one in inner)
    return f'<КоммерческаяИнформация ВерсияСхемы="3.1">{body}</КоммерческаяИнформация>'.encode()


def part(operation: str, requisite: str, basis: str, id_: str = "", number: str = "1") -> str:
    return (
        f"<Документ>{f'<Ид>{id_}</Ид>' if id_ else ''}<Номер>{number}</Номер><ХозОперация>{operation}</ХозОперация>"
        f"<Основание>{basis}</Основание><ЗначенияРеквизитов><ЗначениеРеквизита><Наименование>{requisite}</Наименование>"
        "<Значение>true</Значение></ЗначениеРеквизита></ЗначенияРеквизитов></Документ>"
    )


def order(said: str = "") -> str:
    return (
        f"<Документ><Ид>{GUID}</Ид><Номер1С>УТ-77</Номер1С><Дата>2026-11-20</Дата>"
        f"<ХозОперация>Заказ товара</ХозОперация><Валюта>RUB</Валюта><Сумма>21</Сумма>{said}</Документ>"
    )


def shipment(basis: str = GUID) -> str:
    return part("Отпуск товара", "Отгружен", basis, "s-1")


def payment(basis: str = GUID) -> str:
    return part("Выплата безналичных денег", "Оплачен", basis, "p-1")


def push(onec: OneC, data: bytes) -> None:
    assert onec.push("documents___1.xml", data, type_="sale").startswith("success")


def only(site: Site) -> dict[str, Any]:
    return dict(site.row("SELECT paid, shipped, status, extra_1c FROM sales_order"))


@pytest.mark.parametrize("named", [True, False])
def test_a_payment_and_a_shipment_of_one_number_are_both_kept(site: Site, onec: OneC, named: bool) -> None:
    site.order(site.key(), "k1", order_body("W-1"))
    paid = part("Выплата безналичных денег", "Оплачен", "W-1", "p-1" if named else "")
    push(onec, document(paid + part("Отпуск товара", "Отгружен", "W-1", "s-1" if named else "")))
    kept = only(site)["extra_1c"]["ПодчиненныеДокументы"]
    assert {told["ХозОперация"] for told in kept.values()} == {"Выплата безналичных денег", "Отпуск товара"}


def test_what_came_before_its_order_tells_it_when_that_comes(site: Site, onec: OneC) -> None:
    push(onec, document(shipment(), payment()))
    told = site.row("SELECT outcome, detail FROM journal WHERE kind = 'import'")
    assert told["outcome"] == "ok"
    assert told["detail"] == "warnings: payment or shipment whose order has not come, kept until it does ×2"
    assert site.count("waiting_document") == 2
    push(onec, document(order()))
    found = only(site)
    assert (found["paid"], found["shipped"], found["status"]) == (True, True, "shipped")
    assert set(found["extra_1c"]["ПодчиненныеДокументы"]) == {"p-1", "s-1"}
    assert site.count("waiting_document") == 0


def test_the_order_has_the_last_word_on_what_waited(site: Site, onec: OneC) -> None:
    push(onec, document(shipment(), payment()))
    requisite = "<ЗначениеРеквизита><Наименование>Отгружен</Наименование><Значение>false</Значение></ЗначениеРеквизита>"
    push(onec, document(order(f"<ЗначенияРеквизитов>{requisite}</ЗначенияРеквизитов>")))
    found = only(site)
    assert (found["paid"], found["shipped"]) == (True, False)


def test_the_same_twice_waits_once_and_what_names_no_order_is_told(site: Site, onec: OneC) -> None:
    for _ in range(2):
        push(onec, document(shipment(), shipment("")))
    assert site.count("waiting_document") == 1
    details = [row["detail"] for row in site.rows("SELECT detail FROM journal WHERE kind = 'import'")]
    assert all("payment or shipment that names no order ×1" in detail for detail in details)


def test_what_waits_for_nothing_is_forgotten_in_time(site: Site, onec: OneC) -> None:
    from syncd.sync import subordinates

    push(onec, document(shipment()))
    with site.ctx.db.transaction() as conn:
        assert subordinates.prune(conn, 90) == 0
        conn.execute("UPDATE waiting_document SET at = now() - interval '91 days'")
        assert subordinates.prune(conn, 90) == 1


def test_what_waits_for_another_order_of_the_same_number_grows_no_younger(site: Site) -> None:
    told = OrderDocument(id="p-1", number="1", operation="Выплата безналичных денег", basis="77", paid=True)
    other = OrderDocument(id="o-1", number="77", operation="Заказ товара")
    with site.ctx.db.transaction() as conn:
        assert subordinates.apply(conn, "default", told, source_seq=1, mapping=OrdersMapping()) == "waits"
        execute(conn, "UPDATE waiting_document SET at = now() - interval '10 days'")
        subordinates.resolve(conn, "default", [other], mapping=OrdersMapping())
        assert subordinates.prune(conn, 9) == 1


def test_a_number_that_postgres_cannot_hold_is_looked_for_nowhere(site: Site) -> None:
    with site.ctx.db.transaction() as conn:
        document = OrderDocument(id="o-1", number="A\x00B", operation="Заказ товара")
        subordinates.resolve(conn, "default", [document], mapping=OrdersMapping())
