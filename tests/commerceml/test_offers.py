from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from syncd.commerceml.policy import ReadPolicy
from syncd.commerceml.reader import Reader
from syncd.model.records import BadRecord, CatalogueHead, Record, WholeSet

Read = Callable[..., tuple[list[Any], Reader]]


@pytest.fixture
def items(read_fixture: Read) -> list[Any]:
    return read_fixture("offers.xml")[0]


def of(items: list[Any], entity: str, offer: str | None = None) -> list[Record]:
    return [
        item
        for item in items
        if isinstance(item, Record) and item.entity == entity and (offer is None or item.key[0] == offer)
    ]


def stocks(items: list[Any], offer: str) -> dict[str, Decimal]:
    return {item.key[1]: item.fields["on_hand"] for item in of(items, "stock", offer)}


def test_the_package_is_announced_before_its_lists(items: list[Any]) -> None:
    assert items[0] == CatalogueHead("offers", "cat", "Пакет", True)


def test_price_types_and_warehouses_of_the_package_are_read(items: list[Any]) -> None:
    assert [item.fields for item in of(items, "price_type")] == [
        {"name": "Розничная", "currency": "RUB", "tax_included": True},
        {"name": "Оптовая", "currency": "USD"},
    ]
    warehouse = of(items, "warehouse", "w-1")[0]
    assert warehouse.fields == {
        "name": "Основной",
        "address": "Москва, Тверская, 1",
        "contacts": [{"type": "Телефон рабочий", "value": "+7 495 000-00-00"}],
    }


def test_an_offer_is_split_into_product_and_characteristic(items: list[Any]) -> None:
    (offer,) = of(items, "offer", "p-1#v-1")
    assert offer.fields == {
        "product_id": "p-1", "variant_id": "v-1", "catalogue_id": "cat", "name": "Кеды (42, белый)", "sku": "K-1",
        "barcodes": ["4600000000048"], "unit": {"code": "796", "full_name": "Штука", "name": "шт"},
        "characteristics": [{"name": "Размер", "value": "42"}, {"id": "ax-2", "name": "Цвет", "value": "белый"}],
    }  # fmt: skip
    assert not offer.stub


def test_prices_are_per_base_unit_in_letters_of_a_currency(items: list[Any]) -> None:
    rows = {item.key: item for item in of(items, "price", "p-1#v-1")}
    package = rows["p-1#v-1", "retail", "RUB", Decimal(0)]
    assert package.fields == {"value": Decimal("100.041667"), "unit": "упак", "ratio": Decimal(12)}
    assert package.extra == {"quoted": "1200.50"}
    assert rows["p-1#v-1", "trade", "USD", Decimal(0)].fields == {"value": Decimal("9.99"), "ratio": Decimal(1)}
    assert rows["p-1#v-1", "trade", "USD", Decimal(10)].fields["value"] == Decimal("8.5")
    assert len(rows) == 3, "a price of zero is no price"


def test_the_prices_of_an_offer_are_all_its_prices(items: list[Any], read_fixture: Read) -> None:
    sets = [item.of for item in items if isinstance(item, WholeSet) and item.entity == "price"]
    assert sets == ["p-1#v-1", "p-2", "p-4"]
    kept, _ = read_fixture("offers.xml", policy=ReadPolicy(prices_replace=False, stocks_replace=False))
    assert [item for item in kept if isinstance(item, WholeSet)] == [WholeSet("price", "p-4"), WholeSet("stock", "p-4")]


def test_a_price_that_cannot_be_read_spares_the_stored_ones(items: list[Any]) -> None:
    (bad,) = [item for item in items if isinstance(item, BadRecord) and item.entity == "price"]
    assert (bad.key, bad.error.code, bad.error.params["value"]) == ("p-5", "E212", "дорого")
    assert [item.key[1] for item in of(items, "price", "p-5")] == ["trade"]
    assert WholeSet("price", "p-5") not in items


def test_stocks_per_warehouse_stand_without_the_total(items: list[Any]) -> None:
    assert stocks(items, "p-1#v-1") == {"w-1": Decimal("-2.5"), "w-2": Decimal(0)}
    assert WholeSet("stock", "p-1#v-1") in items


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        ("p-3", {"": Decimal(5)}),
        ("p-6", {"w-1": Decimal(1), "w-2": Decimal(2)}),
        ("p-7", {"w-1": Decimal(3)}),
        ("p-8", {"": Decimal(11)}),
        ("p-9", {}),
    ],
)
def test_stocks_are_read_in_every_shape(items: list[Any], offer: str, expected: dict[str, Decimal]) -> None:
    assert stocks(items, offer) == expected
    assert (WholeSet("stock", offer) in items) == ("w-1" in expected)


def test_an_offer_that_states_only_prices_and_stocks_is_a_stub(items: list[Any]) -> None:
    assert {item.key[0] for item in of(items, "offer") if item.stub} == {"p-2", "p-3", "p-6", "p-7", "p-8", "p-9"}


def test_a_deleted_offer_has_neither_prices_nor_stocks(items: list[Any]) -> None:
    (offer,) = of(items, "offer", "p-4")
    assert offer.deleted
    assert not offer.stub
    assert not of(items, "price", "p-4")
    assert not of(items, "stock", "p-4")
    assert [item.entity for item in items if isinstance(item, WholeSet) and item.of == "p-4"] == ["price", "stock"]


def test_an_offer_without_an_id_is_a_bad_record(items: list[Any], read_fixture: Read) -> None:
    (bad,) = [item for item in items if isinstance(item, BadRecord) and item.entity == "offer"]
    assert bad.error.code == "E211"
    assert bad.line > 0
    assert read_fixture("offers.xml")[1].counts["Цена"] == 8


def test_rests_of_the_third_version_are_read_with_any_prefix(read_fixture: Read) -> None:
    items, _ = read_fixture("rests31.xml")
    assert all(item.stub for item in of(items, "offer"))
    assert stocks(items, "p-1") == {"w-1": Decimal(10), "w-2": Decimal("1.5")}
    assert of(items, "stock", "p-1")[0].fields == {"on_hand": Decimal(10), "reserved": Decimal(4)}
    assert stocks(items, "p-2") == {"": Decimal(8)}
    assert stocks(items, "p-3") == {"": Decimal(3)}


def test_a_stock_that_cannot_be_read_spares_the_stored_ones(read_fixture: Read) -> None:
    items, _ = read_fixture("rests31.xml")
    assert stocks(items, "p-4") == {"w-2": Decimal(2)}
    assert WholeSet("stock", "p-4") not in items
    (bad,) = [item for item in items if isinstance(item, BadRecord)]
    assert (bad.entity, bad.key, bad.error.code) == ("stock", "p-4", "E212")


@pytest.mark.parametrize(
    ("price", "code"),
    [
        ("<ЦенаЗаЕдиницу>1</ЦенаЗаЕдиницу>", "E214"),
        ("<ИдТипаЦены>t</ИдТипаЦены><ЦенаЗаЕдиницу>NaN</ЦенаЗаЕдиницу>", "E212"),
    ],
)
def test_a_price_without_type_or_number_is_a_bad_record(read_xml: Read, price: str, code: str) -> None:
    items, _ = read_xml(offer(f"<Цены><Цена>{price}</Цена></Цены>"))
    assert [item.error.code for item in items if isinstance(item, BadRecord)] == [code]


@pytest.mark.parametrize("value", ["0", "0.00", "", "-5", "0.0000000001", "1e-30"])
def test_a_price_of_nothing_is_no_price(read_xml: Read, value: str) -> None:
    price = f"<Цены><Цена><ИдТипаЦены>t</ИдТипаЦены><ЦенаЗаЕдиницу>{value}</ЦенаЗаЕдиницу></Цена></Цены>"
    items, _ = read_xml(offer(price))
    assert not of(items, "price")
    assert WholeSet("price", "1") in items


def test_tax_and_upper_limit_of_a_price_are_kept_aside(read_xml: Read) -> None:
    price = (
        "<ИдТипаЦены>t</ИдТипаЦены><ЦенаЗаЕдиницу>1.1234567</ЦенаЗаЕдиницу><Коэффициент>0</Коэффициент>"
        "<КоличествоОт>5</КоличествоОт><КоличествоДо>9</КоличествоДо><ИдЕдиницыИзмерения>796 </ИдЕдиницыИзмерения>"
    )
    items, reader = read_xml(offer(f"<Цены><Цена>{price}</Цена></Цены>"))
    (record,) = of(items, "price")
    assert record.key == ("1", "t", "", Decimal(5))
    assert record.fields == {"value": Decimal("1.123457"), "unit": "796", "ratio": Decimal(1)}
    assert record.extra == {"КоличествоДо": "9"}
    assert reader.unknown["Цена/КоличествоДо"] == 1


def test_a_version_alone_leaves_an_offer_a_stub(read_xml: Read) -> None:
    items, _ = read_xml(offer("<НомерВерсии>A</НомерВерсии><Количество>1</Количество>"))
    (record,) = of(items, "offer")
    assert record.stub
    assert "version" not in record.fields


def test_a_described_offer_keeps_its_version_pictures_and_properties(read_xml: Read) -> None:
    items, _ = read_xml(
        offer(
            "<НомерВерсии>A</НомерВерсии><Наименование>Н</Наименование><Картинка>a.jpg</Картинка><Группы><Ид>g</Ид></Группы>"
            "<ЗначенияСвойств><ЗначенияСвойства><Ид>p</Ид><Значение>v</Значение></ЗначенияСвойства></ЗначенияСвойств>"
            "<ЗначенияРеквизитов><ЗначениеРеквизита><Наименование>Код</Наименование><Значение>7</Значение></ЗначениеРеквизита></ЗначенияРеквизитов>"
        )
    )
    (record,) = of(items, "offer")
    assert record.fields == {
        "product_id": "1", "variant_id": "", "catalogue_id": "c", "name": "Н", "version": "A", "images": ["a.jpg"],
        "properties": {"p": "v"}, "requisites": {"Код": "7"}, "code": "7",
    }  # fmt: skip
    assert record.extra == {"Группы": {"Ид": "g"}}


def offer(inner: str) -> str:
    return (
        f"<ПакетПредложений><Ид>c</Ид><Предложения><Предложение><Ид>1</Ид>{inner}</Предложение></Предложения>"
        "</ПакетПредложений>"
    )
