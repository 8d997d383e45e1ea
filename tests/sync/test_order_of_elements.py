"""Elements come in any order, and in any document: the rows are the same as those of the usual one."""

from __future__ import annotations

import random
from typing import Any, Final

import pytest
from lxml import etree

from syncd.sync import removals
from tests.api.site import OneC, Site

CLASSIFIER: Final = (
    "<Классификатор><Ид>k1</Ид><Наименование>Классификатор</Наименование><Группы><Группа><Ид>g1</Ид>"
    "<Наименование>Мебель</Наименование><Группы><Группа><Ид>g2</Ид><Наименование>Стулья</Наименование></Группа>"
    "</Группы></Группа></Группы><Свойства><Свойство><Ид>s1</Ид><Наименование>Цвет</Наименование>"
    "<ТипЗначений>Справочник</ТипЗначений><ВариантыЗначений><Справочник><ИдЗначения>v1</ИдЗначения>"
    "<Значение>Красный</Значение></Справочник></ВариантыЗначений></Свойство></Свойства></Классификатор>"
)
CATALOGUE: Final = (
    "<Каталог><СодержитТолькоИзменения>false</СодержитТолькоИзменения><Ид>c1</Ид><ИдКлассификатора>k1"
    "</ИдКлассификатора><Наименование>Каталог</Наименование><Товары>"
    "<Товар><Ид>p1</Ид><Артикул>A-1</Артикул><Наименование>Стул</Наименование><Штрихкод>4600000000017</Штрихкод>"
    '<БазоваяЕдиница Код="796">шт</БазоваяЕдиница><Группы><Ид>g2</Ид></Группы><Описание>Крепкий</Описание>'
    "<ЗначенияСвойств><ЗначенияСвойства><Ид>s1</Ид><Значение>v1</Значение></ЗначенияСвойства></ЗначенияСвойств>"
    "<СтавкиНалогов><СтавкаНалога><Наименование>НДС</Наименование><Ставка>20</Ставка></СтавкаНалога></СтавкиНалогов>"
    "<ЗначенияРеквизитов><ЗначениеРеквизита><Наименование>ТипНоменклатуры</Наименование><Значение>Товар</Значение>"
    "</ЗначениеРеквизита></ЗначенияРеквизитов></Товар>"
    "<Товар><Ид>p2</Ид><Наименование>Стол</Наименование></Товар></Товары></Каталог>"
)
TYPES: Final = (
    "<ТипыЦен><ТипЦены><Ид>t1</Ид><Наименование>Розничная</Наименование><Валюта>KZT</Валюта></ТипЦены></ТипыЦен>"
)
OFFERS: Final = (
    "<ПакетПредложений><СодержитТолькоИзменения>false</СодержитТолькоИзменения><Ид>c1#</Ид><Наименование>Пакет"
    "</Наименование><ИдКаталога>c1</ИдКаталога><ИдКлассификатора>k1</ИдКлассификатора>{types}<Склады><Склад><Ид>w1</Ид>"
    "<Наименование>Основной</Наименование></Склад></Склады><Предложения>"
    "<Предложение><Ид>p1#o1</Ид><Наименование>Стул красный</Наименование><ХарактеристикиТовара><ХарактеристикаТовара>"
    "<Наименование>Цвет</Наименование><Значение>красный</Значение></ХарактеристикаТовара></ХарактеристикиТовара>"
    "<Цены><Цена><ИдТипаЦены>t1</ИдТипаЦены><ЦенаЗаЕдиницу>10</ЦенаЗаЕдиницу><Единица>шт</Единица>"
    '<Коэффициент>1</Коэффициент></Цена></Цены><Количество>7</Количество><Склад ИдСклада="w1" '
    'КоличествоНаСкладе="7"/></Предложение><Предложение><Ид>p2</Ид><Наименование>Стол</Наименование><Цены><Цена>'
    "<ЦенаЗаЕдиницу>1 250,5</ЦенаЗаЕдиницу><ИдТипаЦены>t1</ИдТипаЦены><Валюта>RUB</Валюта></Цена></Цены>"
    "</Предложение></Предложения></ПакетПредложений>"
)
_STRUCTURES: Final = frozenset({
    "КоммерческаяИнформация", "Классификатор", "Каталог", "ПакетПредложений", "Товар", "Предложение", "Группа",
    "Свойство", "ТипЦены", "Цена", "Склад", "ЗначенияСвойства", "СтавкаНалога", "ЗначениеРеквизита", "Справочник",
    "ХарактеристикаТовара",
})  # fmt: skip
"""Whose children stand in an order that a schema gives, and means nothing."""
_TABLES: Final = ("products", "offers", "prices", "stocks", "categories", "properties", "price_types", "warehouses")
_HISTORY: Final = frozenset({"revision", "source_seq", "updated_at", "xid", "content_hash"})


def document(*parts: str) -> bytes:
    body = "".join(parts)
    opening = '<КоммерческаяИнформация ВерсияСхемы="2.07" ДатаФормирования="2026-11-20T10:00:00">'
    return f'<?xml version="1.0" encoding="UTF-8"?>{opening}{body}</КоммерческаяИнформация>'.encode()


def shuffled(data: bytes, seed: int) -> bytes:
    root, dice = etree.fromstring(data), random.Random(seed)
    for element in list(root.iter(etree.Element)):
        if element.tag in _STRUCTURES:
            children = list(element)
            dice.shuffle(children)
            element[:] = children
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def turned(data: bytes) -> bytes:
    """Everything behind what it used to stand before."""
    root = etree.fromstring(data)
    for element in list(root.iter(etree.Element)):
        if element.tag in _STRUCTURES:
            element[:] = list(element)[::-1]
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def rows(site: Site) -> dict[str, list[dict[str, Any]]]:
    found = {table: site.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in _TABLES}
    return {
        table: [{name: value for name, value in row.items() if name not in _HISTORY} for row in rows]
        for table, rows in found.items()
    }


def forget(site: Site) -> None:
    with site.ctx.db.transaction() as conn:
        conn.execute(("TRUNCATE " + ", ".join((*_TABLES, "known_record", "known_record_part"))).encode())


WHOLE: Final = document(CLASSIFIER, CATALOGUE, OFFERS.format(types=TYPES))


@pytest.mark.parametrize("seed", [None, *range(8)])
def test_elements_in_any_order_end_in_the_same_rows(site: Site, onec: OneC, seed: int | None) -> None:
    onec.push("import.xml", WHOLE)
    usual = rows(site)
    assert [row["catalogue_id"] for row in usual["products"]] == ["c1", "c1"]
    assert [(row["price_type_id"], row["currency"]) for row in usual["prices"]] == [("t1", "KZT"), ("t1", "RUB")]
    forget(site)
    other = turned(WHOLE) if seed is None else shuffled(WHOLE, seed)
    for _ in range(2):
        assert onec.push("import.xml", other).startswith("success")
        assert rows(site) == usual
    assert site.codes() == []


def test_a_full_export_whose_id_comes_last_removes_what_it_left_out(site: Site, onec: OneC) -> None:
    less = CATALOGUE.replace("<Товар><Ид>p2</Ид><Наименование>Стол</Наименование></Товар>", "")
    for catalogue in (CATALOGUE, less):
        onec.push("import.xml", turned(document(catalogue)))
        onec.checkauth()
        assert onec.ask("type=catalog&mode=complete").text.startswith("success")
        site.work()
        removals.settle(site.ctx)
    gone = site.rows("SELECT id FROM products WHERE deleted_at IS NOT NULL")
    assert [row["id"] for row in gone] == ["p2"]


@pytest.mark.parametrize("apart", [("types.xml", "offers.xml"), ("types.xml offers.xml",)])
def test_a_price_takes_the_currency_of_a_type_that_another_document_brought(
    site: Site, onec: OneC, apart: tuple[str, ...]
) -> None:
    parts = {"types.xml": document(f"<Классификатор>{TYPES}</Классификатор>"),
             "offers.xml": document(OFFERS.format(types=""))}  # fmt: skip
    for _ in range(2):
        for names in apart:
            onec.begin()
            for name in names.split():
                onec.send(name, parts[name])
            for name in names.split():
                assert onec.import_(name).startswith("success")
        found = site.rows("SELECT offer_id, currency FROM prices ORDER BY 1")
        assert [(row["offer_id"], row["currency"]) for row in found] == [("p1#o1", "KZT"), ("p2", "RUB")]
