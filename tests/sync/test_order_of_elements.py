"""Elements come in any order, and in any document: the rows are the same as those of the usual one."""

from __future__ import annotations

import random
from typing import Any, Final, Literal

import pytest
from lxml import etree
from lxml.etree import _Element as Element

from syncd.commerceml import reader
from syncd.config import Exchange, Imports, Settings
from syncd.model.records import Item
from syncd.sync import removals
from tests.api.site import OneC, Site, running

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


TYPES_ALONE: Final = document(f"<Классификатор>{TYPES}</Классификатор>")
OFFERS_ALONE: Final = document(OFFERS.format(types=""))
OFFERS_BEFORE_TYPES: Final = document(
    OFFERS.format(types="").replace("</ПакетПредложений>", TYPES + "</ПакетПредложений>")
)


def put(onec: OneC, *documents: bytes) -> None:
    """One session."""
    onec.begin()
    for n, data in enumerate(documents):
        onec.send(f"{n}.xml", data)
    for n in range(len(documents)):
        assert onec.import_(f"{n}.xml").startswith("success")


def prices(site: Site) -> list[tuple[str, str]]:
    found = site.rows("SELECT offer_id, currency FROM prices WHERE deleted_at IS NULL ORDER BY 1, 2")
    return [(row["offer_id"], row["currency"]) for row in found]


NAMED: Final = [("p1#o1", "KZT"), ("p2", "RUB")]
NAMELESS: Final = [("p1#o1", ""), ("p2", "RUB")]


@pytest.mark.parametrize("sessions", [
    ((TYPES_ALONE,), (OFFERS_ALONE,)),
    ((TYPES_ALONE, OFFERS_ALONE),),
    ((OFFERS_ALONE,), (TYPES_ALONE,)),
    ((OFFERS_ALONE, TYPES_ALONE),),
    ((OFFERS_ALONE,), (OFFERS_BEFORE_TYPES,)),
    ((OFFERS_ALONE,), (WHOLE,)),
])  # fmt: skip
@pytest.mark.parametrize("policy", ["replace", "keep"])
def test_a_price_takes_the_currency_of_a_type_that_comes_before_with_or_after_it(
    database_url: str, sessions: tuple[tuple[bytes, ...], ...], policy: Literal["replace", "keep"]
) -> None:
    chosen = Settings(exchange=Exchange(progress_hold_seconds=0), imports=Imports(prices=policy))
    with running(database_url, chosen) as site:
        onec = OneC(site)
        for _ in range(2):
            for documents in sessions:
                put(onec, *documents)
            assert prices(site) == NAMED
        put(onec, OFFERS_ALONE.replace(b">10<", b">11<"))
        assert prices(site) == NAMED
        assert site.row("SELECT value FROM prices WHERE offer_id = 'p1#o1' AND deleted_at IS NULL")["value"] == 11


def test_a_type_that_changes_its_currency_changes_the_prices_that_name_none(site: Site, onec: OneC) -> None:
    put(onec, OFFERS_ALONE)
    assert prices(site) == NAMELESS
    put(onec, TYPES_ALONE)
    put(onec, OFFERS_ALONE)
    put(onec, TYPES_ALONE.replace(b"KZT", b"BYN"))
    put(onec, OFFERS_ALONE)
    assert prices(site) == [("p1#o1", "BYN"), ("p2", "RUB")]


def test_types_in_another_document_keep_nothing_from_being_skipped(
    site: Site, onec: OneC, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        put(onec, TYPES_ALONE, document(CATALOGUE), OFFERS_ALONE)
    taken: list[str] = []

    def take(element: Element, *_: object) -> list[Item]:
        taken.append(element.tag)
        return []

    for name in ("Товар", "Предложение"):
        monkeypatch.setitem(reader.GOODS, name, take)
    put(onec, document(CATALOGUE), OFFERS_ALONE)
    assert taken == []
    assert prices(site) == NAMED


def test_a_catalogue_that_turns_out_to_be_another_one_skips_nothing(site: Site, onec: OneC) -> None:
    nameless = document(CATALOGUE.replace("<Ид>c1</Ид>", ""))
    put(onec, nameless)
    assert [row["catalogue_id"] for row in site.rows("SELECT catalogue_id FROM products")] == [None, None]
    put(onec, document(CATALOGUE.replace("<Ид>c1</Ид>", "").replace("</Каталог>", "<Ид>c1</Ид></Каталог>")))
    assert [row["catalogue_id"] for row in site.rows("SELECT catalogue_id FROM products")] == ["c1", "c1"]
    assert site.rows("SELECT 1 FROM export_run WHERE catalogue_id = 'c1'")
