from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from syncd.commerceml.reader import Reader
from syncd.model.records import Record, WholeSet

Read = Callable[..., tuple[list[Any], Reader]]


def records(items: list[Any], entity: str) -> dict[Any, Record]:
    found = [item for item in items if isinstance(item, Record) and item.entity == entity]
    return {item.key[0]: item for item in found}


@pytest.fixture
def items(read_fixture: Read) -> list[Any]:
    return read_fixture("catalogue.xml")[0]


@pytest.fixture
def product(read_xml: Read) -> Any:
    """Read one product from its children."""

    def read(inner: str, attributes: str = "") -> Record:
        text = f"<Каталог><Ид>c</Ид><Товары><Товар{attributes}><Ид>1</Ид>{inner}</Товар></Товары></Каталог>"
        found = records(read_xml(text)[0], "product")
        return found["1"]

    return read


def test_categories_take_their_parent_from_the_nesting(items: list[Any]) -> None:
    found = records(items, "category")
    assert {key: record.fields["parent_id"] for key, record in found.items()} == {
        "g-1": "", "g-1-1": "g-1", "g-1-1-1": "g-1-1", "g-2": "",
    }  # fmt: skip
    assert list(found) == ["g-1", "g-1-1", "g-1-1-1", "g-2"]
    assert found["g-1"].fields == {"name": "Инструмент", "version": "AAAAAAAAAAI=", "parent_id": ""}
    assert found["g-2"].deleted
    assert found["g-2"].extra == {"Цвет": "синий"}


def test_properties_have_their_type_dictionary_and_what_they_describe(items: list[Any]) -> None:
    found = records(items, "property")
    colour = found["p-colour"]
    assert colour.fields == {
        "name": "Цвет", "value_type": "dictionary", "values": {"c-red": "Красный", "c-blue": "Синий"},
        "of": ["product", "offer"], "multiple": True,
    }  # fmt: skip
    assert colour.extra == {"Внешний": "false"}
    types = {key: record.fields.get("value_type") for key, record in found.items()}
    assert types["p-length"] == "number"
    assert types["p-new"] == "boolean"
    assert types["p-sale"] == "date"
    assert types["p-shape"] == "dictionary"
    assert found["p-shape"].fields["values"] == {"v1": "Круг"}


def test_a_product_is_read_with_all_its_fields(items: list[Any]) -> None:
    record = records(items, "product")["6d1a2b3c-0000-4000-8000-000000000001"]
    assert record.fields == {
        "catalogue_id": "cat",
        "name": "Дрель «Гром»",
        "full_name": "Дрель ударная «Гром»",
        "sku": "DR-1",
        "code": "00-00001",
        "version": "AAAAAAAAAAM=",
        "barcodes": ["4600000000017", "4600000000024", "4600000000031"],
        "description": "<b>Мощная</b> дрель",
        "category_ids": ["g-1-1-1", "g-1"],
        "unit": {
            "code": "796", "name": "шт", "full_name": "Штука", "international": "PCE",
            "packagings": [{"code": "778", "ratio": "12"}],
        },
        "brand": "Гром",
        "manufacturer": {"id": "m-1", "name": "Завод"},
        "country": "Россия",
        "kind": "Электроинструмент",
        "type": "Товар",
        "tax_rate": Decimal(18),
        "tax_label": "18%",
        "weight": Decimal("1.75"),
        "properties": {"p-colour": ["c-red", "c-blue"], "p-length": "1 250,5", "p-new": None, "p-sale": None},
        "requisites": {
            "ВидНоменклатуры": "Электроинструмент", "ТипНоменклатуры": "Товар",
            "Повне найменування": "Дрель ударная «Гром»", "Вес": "1,75", "Код": "00-00001",
            "ОписаниеФайла": ["import_files/6d/6d_1.jpg#Спереди", "import_files/6d/6d_2.jpg#Сзади"],
        },
        "images": ["import_files/6d/6d_1.jpg", "import_files/6d/6d_2.jpg", "import_files/6d/6d_3.jpg"],
    }  # fmt: skip
    assert record.extra == {"ХарактеристикиТовара": [{"id": "v-1", "name": "42", "value": "42"}], "Ширина": "10"}
    assert not record.deleted


def test_an_empty_element_clears_and_an_absent_one_says_nothing(items: list[Any]) -> None:
    fields = records(items, "product")["p-no-vat"].fields
    assert fields["sku"] == ""
    assert fields["barcodes"] == []
    assert fields["weight"] == Decimal("0.4")
    assert fields["unit"] == {"code": "796"}
    assert (fields["tax_rate"], fields["tax_label"]) == (None, "Без НДС")
    assert not {"images", "description", "properties", "category_ids"} & fields.keys()


def test_deletion_is_understood_in_all_three_spellings(items: list[Any]) -> None:
    gone = {key for key, record in records(items, "product").items() if record.deleted}
    assert gone == {"p-gone-1", "p-gone-2", "p-gone-3"}


def test_a_product_with_a_characteristic_in_its_id_is_an_offer(items: list[Any]) -> None:
    record = records(items, "offer")["p-var#v-7"]
    assert record.fields == {
        "product_id": "p-var", "variant_id": "v-7", "catalogue_id": "cat", "name": "Кеды (42)", "sku": "K",
        "characteristics": [{"name": "Размер", "value": "42"}],
    }  # fmt: skip
    assert record.extra == {"description": "Кеды"}
    assert "p-var#v-7" not in records(items, "product")


def test_equal_halves_of_an_id_are_the_product_itself(items: list[Any]) -> None:
    assert "p-same" in records(items, "product")


def test_a_price_inside_a_product_belongs_to_its_own_offer(items: list[Any]) -> None:
    offer = records(items, "offer")["p-sold"]
    assert offer.stub
    assert offer.fields == {"product_id": "p-sold", "variant_id": "", "catalogue_id": "cat"}
    price = records(items, "price")["p-sold"]
    assert price.key == ("p-sold", "BASE", "UAH", Decimal(0))
    assert price.fields == {"value": Decimal(15)}
    assert records(items, "stock")["p-sold"].fields == {"on_hand": Decimal(4)}
    assert WholeSet("price", "p-sold") in items


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("<БазоваяЕдиница>шт</БазоваяЕдиница>", {"name": "шт"}),
        ("<БазоваяЕдиница>796 </БазоваяЕдиница>", {"code": "796"}),
        (
            '<БазоваяЕдиница Код="    " НаименованиеПолное="Штука">шт</БазоваяЕдиница>',
            {"full_name": "Штука", "name": "шт"},
        ),
        (
            "<БазоваяЕдиница>кг<Пересчет><Единица>г</Единица><Коэффициент>0,001</Коэффициент></Пересчет></БазоваяЕдиница>",
            {"name": "кг", "packagings": [{"name": "г", "ratio": "0.001"}]},
        ),
        (
            "<БазоваяЕдиница><Ид>796 </Ид><НаименованиеКраткое>шт</НаименованиеКраткое></БазоваяЕдиница>",
            {"code": "796", "name": "шт"},
        ),
        ("<БазоваяЕдиница/>", {}),
    ],
)
def test_the_base_unit_is_read_in_its_shapes(product: Any, unit: str, expected: dict[str, Any]) -> None:
    assert product(unit).fields["unit"] == expected


@pytest.mark.parametrize(
    ("rate", "value"), [("20", 20), ("18%", 18), ("0", 0), ("НДС 10%", 10), ("Без налога", None), ("20/120", None)]
)
def test_a_tax_is_a_rate_or_only_a_label(product: Any, rate: str, value: int | None) -> None:
    row = f"<СтавкаНалога><Наименование>НДС</Наименование><Ставка>{rate}</Ставка></СтавкаНалога>"
    other = "<СтавкаНалога><Наименование>Акциз</Наименование><Ставка>5</Ставка></СтавкаНалога>"
    fields = product(f"<СтавкиНалогов>{other}{row}</СтавкиНалогов>").fields
    assert (fields["tax_rate"], fields["tax_label"]) == (value, rate)


def test_a_weight_that_is_no_number_does_not_lose_the_product(product: Any) -> None:
    record = product("<Вес>полтора кг</Вес>")
    assert "weight" not in record.fields
    assert record.extra == {"Вес": "полтора кг"}


def test_an_element_of_weight_wins_over_the_requisite(product: Any) -> None:
    requisite = "<ЗначениеРеквизита><Наименование>Вес</Наименование><Значение>2</Значение></ЗначениеРеквизита>"
    record = product(f"<Вес>1.5</Вес><ЗначенияРеквизитов>{requisite}</ЗначенияРеквизитов>")
    assert record.fields["weight"] == Decimal("1.5")


def test_unknown_elements_are_kept_with_attributes_and_children(product: Any) -> None:
    record = product('<Марки вид="1"><Марка>A</Марка><Марка>B</Марка></Марки><Тег>x</Тег><Тег>y</Тег>')
    assert record.extra == {"Марки": {"@вид": "1", "Марка": ["A", "B"]}, "Тег": ["x", "y"]}


def test_unescaped_html_in_a_description_keeps_its_text(product: Any) -> None:
    assert product("<Описание>Раз<br/>два <b>три</b></Описание>").fields["description"] == "Раздва три"


def test_a_property_stated_several_times_has_all_its_values(product: Any) -> None:
    row = "<ЗначенияСвойства><Ид>p</Ид><Значение>{}</Значение></ЗначенияСвойства>"
    rows = "".join(row.format(value) for value in ("a", "", "b"))
    assert product(f"<ЗначенияСвойств>{rows}</ЗначенияСвойств>").fields["properties"] == {"p": ["a", "b"]}


def test_an_empty_picture_clears_the_images(product: Any) -> None:
    assert product("<Картинка/>").fields["images"] == []


def test_the_same_id_twice_is_yielded_twice(read_xml: Read) -> None:
    goods = "<Товар><Ид>1</Ид><Артикул>a</Артикул></Товар><Товар><Ид>1</Ид><Артикул>b</Артикул></Товар>"
    items, _ = read_xml(f"<Каталог><Ид>c</Ид><Товары>{goods}</Товары></Каталог>")
    assert [item.fields["sku"] for item in items if isinstance(item, Record)] == ["a", "b"]


def test_units_and_warehouses_and_price_types_of_a_classifier_are_read(read_xml: Read) -> None:
    items, _ = read_xml(
        "<Классификатор><ЕдиницыИзмерения><ЕдиницаИзмерения><Ид>796 </Ид><Код>796 </Код>"
        "<НаименованиеКраткое>шт</НаименованиеКраткое><НаименованиеПолное>Штука</НаименованиеПолное>"
        "<МеждународноеСокращение>PCE</МеждународноеСокращение></ЕдиницаИзмерения></ЕдиницыИзмерения>"
        "<Склады><Склад><Ид>w</Ид><Наименование>Склад</Наименование></Склад></Склады>"
        "<ТипыЦен><ТипЦены><Ид>t</Ид><Валюта>руб</Валюта></ТипЦены></ТипыЦен></Классификатор>"
    )
    assert [(item.entity, item.key, item.fields) for item in items if isinstance(item, Record)] == [
        ("unit", ("796",), {"code": "796", "name": "шт", "full_name": "Штука", "international": "PCE"}),
        ("warehouse", ("w",), {"name": "Склад"}),
        ("price_type", ("t",), {"currency": "RUB"}),
    ]


def test_counterparties_are_read_as_what_they_are(read_fixture: Read) -> None:
    items, reader = read_fixture("counterparties.xml")
    found = records(items, "counterparty")
    assert {key: record.fields["legal_kind"] for key, record in found.items()} == {
        "c-1": "legal", "c-2": "entrepreneur", "c-3": "person",
    }  # fmt: skip
    fields = found["c-1"].fields
    assert (fields["inn"], fields["kpp"], fields["okpo"]) == ("7700000000", "770001001", "12345678")
    assert fields["addresses"] == [
        {"type": "legal", "text": "119000, Москва", "parts": {"Почтовый индекс": "119000"}},
        {"type": "actual", "text": "Тула", "parts": {}},
    ]
    assert fields["contacts"] == [{"type": "Телефон рабочий", "value": "+7 495 1"}]
    assert fields["bank_accounts"] == [
        {"number": "40702810000000000001", "bic": "044525000", "bank": "Банк", "correspondent": "30101"}
    ]
    assert found["c-3"].fields["full_name"] == "Первый Пётр"
    assert found["c-3"].deleted
    assert [item.error.code for item in items if not isinstance(item, Record)] == ["E211"]
    assert reader.counts["Контрагент"] == 4
