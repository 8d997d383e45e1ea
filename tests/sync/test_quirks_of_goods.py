"""What exports of goods do in the field, each named after what it must not break."""

from __future__ import annotations

import itertools

import pytest

from tests.api.site import OneC, Site

GOODS = (
    "<Каталог><Ид>c1</Ид><Товары><Товар><Ид>p1</Ид><Наименование>Стул</Наименование><Группы><Ид>g1</Ид></Группы>"
    "<ЗначенияСвойств><ЗначенияСвойства><Ид>s1</Ид><Значение>v1</Значение></ЗначенияСвойства><ЗначенияСвойства>"
    "<Ид>s2</Ид><Значение>1\u00a0250,5</Значение></ЗначенияСвойства><ЗначенияСвойства><Ид>s3</Ид>"
    "<Значение>true</Значение></ЗначенияСвойства></ЗначенияСвойств></Товар></Товары></Каталог>"
)
CLASSIFIER = (
    "<Классификатор><Группы><Группа><Ид>g1</Ид><Наименование>Мебель</Наименование></Группа></Группы><Свойства>"
    "<Свойство><Ид>s1</Ид><Наименование>Цвет</Наименование><ТипЗначений>Справочник</ТипЗначений><ВариантыЗначений>"
    "<Справочник><ИдЗначения>v1</ИдЗначения><Значение>Красный</Значение></Справочник></ВариантыЗначений></Свойство>"
    "<Свойство><Ид>s2</Ид><Наименование>Длина</Наименование><ТипЗначений>Число</ТипЗначений></Свойство>"
    "<Свойство><Ид>s3</Ид><Наименование>Новинка</Наименование><ТипЗначений>Справочник</ТипЗначений><ВариантыЗначений>"
    "<Справочник><ИдЗначения>true</ИдЗначения><Значение>Да</Значение></Справочник>"
    "<Справочник><ИдЗначения>false</ИдЗначения><Значение>Нет</Значение></Справочник></ВариантыЗначений></Свойство>"
    "</Свойства></Классификатор>"
)
PRICES = (
    "<ПакетПредложений><Ид>c1#</Ид><ИдКаталога>c1</ИдКаталога><Предложения><Предложение><Ид>p1</Ид><Цены><Цена>"
    "<ИдТипаЦены>t1</ИдТипаЦены><ЦенаЗаЕдиницу>10</ЦенаЗаЕдиницу><Валюта>RUB</Валюта></Цена></Цены></Предложение>"
    "</Предложения></ПакетПредложений>"
)
RESTS = (
    "<ПакетПредложений><Ид>c1#</Ид><ИдКаталога>c1</ИдКаталога><Предложения><Предложение><Ид>p1</Ид><Остатки><Остаток>"
    "<Склад><Ид>w1</Ид><Количество>7</Количество></Склад></Остаток></Остатки></Предложение></Предложения>"
    "</ПакетПредложений>"
)
OFFERS = (
    "<ПакетПредложений><Ид>c1#</Ид><ИдКаталога>c1</ИдКаталога><Предложения><Предложение><Ид>p1</Ид>"
    "<Наименование>Стул</Наименование></Предложение></Предложения></ПакетПредложений>"
)


def document(*parts: str, attributes: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><КоммерческаяИнформация ВерсияСхемы="3.1"{attributes}>'
        f"{''.join(parts)}</КоммерческаяИнформация>"
    ).encode()


def state(site: Site) -> list[object]:
    queries = (
        "SELECT id, name, properties, category_ids FROM products",
        "SELECT id, name, product_id FROM offers",
        "SELECT offer_id, price_type_id, value FROM prices",
        "SELECT offer_id, warehouse_id, on_hand FROM stocks",
        "SELECT id, name FROM categories",
        "SELECT id, name, value_type, values FROM properties ORDER BY id",
    )
    return [[tuple(row.values()) for row in site.rows(query)] for query in queries]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5])
def test_files_in_any_order_end_in_the_same_rows(site: Site, onec: OneC, order: tuple[int, ...]) -> None:
    files = [("goods.xml", GOODS), ("prices.xml", PRICES), ("rests.xml", RESTS), ("offers.xml", OFFERS)]
    onec.begin()
    for place in [*order, -1]:
        name, text = [*files, ("properties.xml", CLASSIFIER)][place]
        onec.push(name, document(text))
    found = state(site)
    assert found[1] == [("p1", "Стул", "p1")]
    assert [len(rows) for rows in found if isinstance(rows, list)] == [1, 1, 1, 1, 1, 3]


def test_references_wait_for_a_later_classifier(site: Site, onec: OneC) -> None:
    onec.begin()
    onec.push("goods.xml", document(GOODS))
    (product,) = site.rows("SELECT category_ids, properties FROM products")
    assert product["category_ids"] == ["g1"]
    assert product["properties"]["s1"] == "v1", "the raw id of a value that no dictionary has yet"
    onec.push("properties.xml", document(CLASSIFIER))
    key = site.key()
    shown = site.get("/v1/products/p1", key).json()
    assert shown["properties"]["s1"] == "v1"
    (colour,) = site.rows("SELECT values FROM properties WHERE id = 's1'")
    assert colour["values"] == {"v1": "Красный"}


def test_a_yes_or_no_is_a_dictionary_like_any_other(site: Site, onec: OneC) -> None:
    onec.begin()
    onec.push("import.xml", document(CLASSIFIER, GOODS))
    (flag,) = site.rows("SELECT values FROM properties WHERE id = 's3'")
    assert flag["values"] == {"true": "Да", "false": "Нет"}
    assert site.row("SELECT properties FROM products")["properties"]["s3"] == "true"


def test_a_number_in_a_property_keeps_the_words_of_1c(site: Site, onec: OneC) -> None:
    """A value is a text of one of many locales; the property says that it is a number, the site reads it."""
    onec.begin()
    onec.push("import.xml", document(CLASSIFIER, GOODS))
    assert site.row("SELECT properties FROM products")["properties"]["s2"] == "1\u00a0250,5"
    assert site.row("SELECT value_type FROM properties WHERE id = 's2'")["value_type"] == "number"


def test_the_same_id_twice_counts_once_with_a_warning(site: Site, onec: OneC) -> None:
    onec.begin()
    again = GOODS.replace("</Товары>", "<Товар><Ид>p1</Ид><Наименование>Кресло</Наименование></Товар></Товары>")
    onec.push("import.xml", document(CLASSIFIER, again))
    package = site.row("SELECT outcome, counters FROM package")
    assert package["outcome"] == "ok"
    assert package["counters"]["product"] == {
        "read": 1, "created": 1, "updated": 0, "unchanged": 0, "removed": 0, "failed": 0,
    }  # fmt: skip
    assert site.row("SELECT name FROM products")["name"] == "Кресло"
    detail = site.row("SELECT detail FROM journal WHERE kind = 'import'")["detail"]
    assert "product stated more than once, the last statement counts ×1" in detail


def test_what_moysklad_says_at_the_root_disturbs_nothing(site: Site, onec: OneC) -> None:
    onec.begin()
    onec.push("import.xml", document(GOODS.replace("p1", "0-AbZ9xYw"), attributes=' СинхронизацияТоваров="true"'))
    assert site.row("SELECT outcome FROM package")["outcome"] == "ok"
    assert site.row("SELECT id FROM products")["id"] == "0-AbZ9xYw"
