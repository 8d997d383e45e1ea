"""What 1C sends beside goods and orders goes the whole way: exchange, import, store, API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api.site import OneC, Site, order_body
from tests.sync.test_runs import silence

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "commerceml"


@pytest.fixture
def key(site: Site) -> str:
    return site.key()


def items(site: Site, key: str, query: str) -> list[dict[str, Any]]:
    answer = site.get(f"/v1/{query}", key)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def push(onec: OneC, name: str, data: bytes, type_: str = "catalog") -> None:
    assert onec.push(name, data, type_=type_).startswith("success")


def book(*ids: str, changes: bool) -> bytes:
    rows = "".join(
        f"<ЭлементСправочника><Ид>{id_}</Ид><Наименование>{id_}</Наименование></ЭлементСправочника>" for id_ in ids
    )
    flag = "true" if changes else "false"
    return (
        f'<КоммерческаяИнформация ВерсияСхемы="3.1"><ПользовательскиеСправочники СодержитТолькоИзменения="{flag}">'
        f"<Справочник><Ид>Бренды</Ид><ЭлементыСправочника>{rows}</ЭлементыСправочника></Справочник>"
        "</ПользовательскиеСправочники></КоммерческаяИнформация>"
    ).encode()


def product(inner: str) -> bytes:
    return (
        '<КоммерческаяИнформация ВерсияСхемы="2.08"><Каталог СодержитТолькоИзменения="true"><Ид>c</Ид><Товары>'
        f"<Товар><Ид>kit</Ид><Наименование>Набор</Наименование>{inner}</Товар></Товары></Каталог>"
        "</КоммерческаяИнформация>"
    ).encode()


def test_reference_books_are_listed_with_their_items(site: Site, onec: OneC, key: str) -> None:
    push(onec, "references.xml", (FIXTURES / "references.xml").read_bytes(), "reference")
    assert [row["id"] for row in items(site, key, "reference_books")] == ["Бренды", "Пустой", "Сезоны"]
    found = items(site, key, "reference_items?book_id=Бренды")
    assert [(row["id"], row["name"]) for row in found] == [("b-1", "Лютик"), ("b-2", "Ромашка")]
    assert found[0]["values"] == {"Наименование": "Лютик", "Основан": "1987", "Страны": ["Россия", "Сербия"]}
    assert found[1]["values"] == {"Наименование": "Ромашка"}
    assert [row["id"] for row in items(site, key, "reference_items?id=s-1,b-2")] == ["b-2", "s-1"]


def test_a_book_sent_whole_replaces_its_items_once_its_export_is_over(site: Site, onec: OneC, key: str) -> None:
    push(onec, "a.xml", book("1", "2", changes=False), "reference")
    push(onec, "b.xml", book("3", changes=True), "reference")
    assert [row["id"] for row in items(site, key, "reference_items")] == ["1", "2", "3"]
    push(onec, "c.xml", book("2", "4", changes=False), "reference")
    assert [row["id"] for row in items(site, key, "reference_items")] == ["1", "2", "3", "4"]
    silence(site)
    assert [row["id"] for row in items(site, key, "reference_items")] == ["2", "4"]
    assert len(items(site, key, "reference_items?deleted=true")) == 4


def test_a_replayed_book_takes_nothing_from_a_newer_one(site: Site, onec: OneC, key: str) -> None:
    from syncd.store import packages

    push(onec, "a.xml", book("1", "2", changes=False), "reference")
    push(onec, "b.xml", book("3", changes=True), "reference")
    first = site.row("SELECT id FROM package ORDER BY seq LIMIT 1")["id"]
    with site.ctx.db.transaction() as conn:
        packages.replay(conn, "default", first, by="test", reason="again")
    site.work()
    assert [row["id"] for row in items(site, key, "reference_items")] == ["1", "2", "3"]


def test_discounts_and_cards_are_listed(site: Site, onec: OneC, key: str) -> None:
    push(onec, "discount___1.xml", (FIXTURES / "discounts.xml").read_bytes())
    (discount,) = items(site, key, "discounts")
    assert (discount["value"], discount["priority"], discount["starts_at"]) == ("7.5", 10, "2026-02-01T00:00:00")
    assert len(discount["conditions"]) == 2
    assert [row["name"] for row in items(site, key, "discount_card_kinds")] == ["Золотая"]
    (card,) = items(site, key, "discount_cards?barcode=2900001")
    assert (card["counterparty_id"], card["kind_id"], card["extra"]["Пинкод"]) == ("c-1", "k-1", "0000")


def test_kits_and_analogues_are_listed_and_replaced_as_one_set(site: Site, onec: OneC, key: str) -> None:
    push(onec, "import.xml", (FIXTURES / "kits.xml").read_bytes())
    found = items(site, key, "relations?product_id=kit-1")
    assert [(row["kind"], row["other_id"], row["quantity"]) for row in found] == [
        ("analogue", "kit-2", None), ("kit", "a-1", "4"), ("kit", "a-2#v-1", "0.5"), ("kit", "a-3", None),
    ]  # fmt: skip
    assert len(items(site, key, "relations?kind=analogue&other_id=kit-2")) == 1
    assert [row["id"] for row in items(site, key, "product_kinds")] == ["pk-1", "pk-2"]
    part = "<Комплектующее><Ид>{}</Ид><Количество>1</Количество></Комплектующее>"
    push(onec, "1.xml", product(f"<Комплектующие>{part.format('x')}{part.format('y')}</Комплектующие>"))
    push(onec, "2.xml", product("<Артикул>1</Артикул>"))
    assert [row["other_id"] for row in items(site, key, "relations?product_id=kit")] == ["x", "y"], "nothing was said"
    push(onec, "3.xml", product(f"<Комплектующие>{part.format('y')}</Комплектующие>"))
    assert [row["other_id"] for row in items(site, key, "relations?product_id=kit")] == ["y"]
    push(onec, "4.xml", product("<Комплектующие/>"))
    assert items(site, key, "relations?product_id=kit") == []
    assert len(items(site, key, "relations?product_id=kit-1")) == 4


def test_a_product_that_becomes_free_of_vat_loses_its_rate(site: Site, onec: OneC, key: str) -> None:
    tax = (
        "<СтавкиНалогов><СтавкаНалога><Наименование>НДС</Наименование><Ставка>{}</Ставка></СтавкаНалога>"
        "</СтавкиНалогов>"
    )
    seen = []
    for n, inner in enumerate((tax.format(20), "", tax.format("Без НДС"), "", tax.format("10%"))):
        push(onec, f"{n}.xml", product(inner))
        found = site.get("/v1/products/kit", key).json()
        seen.append((found["tax_rate"], found["tax_label"]))
    assert seen == [("20", "20"), ("20", "20"), (None, "Без НДС"), (None, "Без НДС"), ("10", "10%")]


def answer_of_1c(number: str, inner: str, requisites: str = "") -> bytes:
    return (
        '<КоммерческаяИнформация ВерсияСхемы="2.08"><Документ><Ид>o-1</Ид>'
        f"<Номер>{number}</Номер><ХозОперация>Заказ товара</ХозОперация>{inner}<ЗначенияРеквизитов>{requisites}"
        "<ЗначениеРеквизита><Наименование>Номер по 1С</Наименование><Значение>УТ-1</Значение></ЗначениеРеквизита>"
        "</ЗначенияРеквизитов></Документ></КоммерческаяИнформация>"
    ).encode()


def test_an_order_shows_what_1c_says_of_it_beyond_its_fields(site: Site, onec: OneC, key: str) -> None:
    order = site.order(key, "k1", order_body("W-1")).json()
    assert order["extra_1c"] is None
    term = "<СрокПлатежа>2026-03-10</СрокПлатежа><Скидки><Скидка><Сумма>5</Сумма></Скидка></Скидки>"
    wish = "<ЗначениеРеквизита><Наименование>Склад</Наименование><Значение>Север</Значение></ЗначениеРеквизита>"
    push(onec, "orders.xml", answer_of_1c("W-1", term, wish), "sale")
    found = site.get(f"/v1/orders/{order['id']}", key).json()
    assert found["extra_1c"] == {
        "СрокПлатежа": "2026-03-10",
        "Скидки": {"Скидка": {"Сумма": "5"}},
        "ЗначенияРеквизитов": {"Склад": "Север", "Номер по 1С": "УТ-1"},
    }
    assert found["requested"] == {"payment": None, "delivery": None}
    push(onec, "orders2.xml", answer_of_1c("W-1", "<СрокПлатежа>2026-04-01</СрокПлатежа>"), "sale")
    later = site.get(f"/v1/orders/{order['id']}", key).json()["extra_1c"]
    assert (later["СрокПлатежа"], later["Скидки"]) == ("2026-04-01", {"Скидка": {"Сумма": "5"}})
    assert later["ЗначенияРеквизитов"] == {"Склад": "Север", "Номер по 1С": "УТ-1"}
    revision = site.row("SELECT revision FROM sales_order")["revision"]
    push(onec, "orders3.xml", answer_of_1c("W-1", "<СрокПлатежа>2026-04-01</СрокПлатежа>"), "sale")
    assert site.row("SELECT revision FROM sales_order")["revision"] == revision, "nothing new was said"


def test_the_receipt_of_a_payment_stands_with_its_order(site: Site, onec: OneC, key: str) -> None:
    order = site.order(key, "k1", order_body("W-1")).json()
    payment = (
        '<КоммерческаяИнформация ВерсияСхемы="3.1"><Контейнер><Документ><Ид>pay-1</Ид><Номер>1</Номер>'
        "<ХозОперация>Эквайринговая операция</ХозОперация><Основание>W-1</Основание>"
        "<ИнформацияОЧеках><Чек><Ид>r-1</Ид></Чек></ИнформацияОЧеках></Документ></Контейнер></КоммерческаяИнформация>"
    ).encode()
    push(onec, "documents.xml", payment, "sale")
    found = site.get(f"/v1/orders/{order['id']}", key).json()
    assert found["extra_1c"]["ПодчиненныеДокументы"] == {
        "pay-1": {
            "ХозОперация": "Эквайринговая операция", "Номер": "1", "ИнформацияОЧеках": {"Чек": {"Ид": "r-1"}},
        }
    }  # fmt: skip
    push(onec, "orders.xml", answer_of_1c("W-1", ""), "sale")
    again = site.get(f"/v1/orders/{order['id']}", key).json()
    assert "ПодчиненныеДокументы" in again["extra_1c"], "the order's own document does not take it away"


def test_an_order_born_in_1c_has_it_too(site: Site, onec: OneC, key: str) -> None:
    push(onec, "orders.xml", answer_of_1c("", "<СрокПлатежа>2026-03-10</СрокПлатежа><Валюта>RUB</Валюта>"), "sale")
    (order,) = items(site, key, "orders")
    assert order["extra_1c"]["СрокПлатежа"] == "2026-03-10"


def test_contracts_are_listed_with_times_by_the_clock_of_their_base(site: Site, onec: OneC, key: str) -> None:
    document = (
        '<КоммерческаяИнформация ВерсияСхемы="3.1"><Контрагенты><Контрагент><Ид>c-1</Ид>'
        "<Наименование>Лютик</Наименование><Договоры><Договор><Ид>d-1</Ид><ТипЦен>opt</ТипЦен>"
        "<Дата>2026-02-01</Дата><КредитныйЛимит>100.50</КредитныйЛимит></Договор></Договоры></Контрагент>"
        "</Контрагенты></КоммерческаяИнформация>"
    )
    push(onec, "contragents___1.xml", document.encode(), "sale")
    (contract,) = items(site, key, "contracts?counterparty_id=c-1")
    assert (contract["price_type_id"], contract["credit_limit"]) == ("opt", "100.50")
    assert contract["date"] == "2026-01-31T21:00:00+00:00"
