"""The canonical entities that come from 1C: what they are, their keys, their fields.

Images, barcodes and units stand inside the product or offer that owns them: 1C sends them only with their owner and
always as a whole, so rows of their own would add writes and nothing else.
"""

from __future__ import annotations

from typing import Final

from syncd.model.customers import CONTRACT, COUNTERPARTY, PERSONAL_PRICE
from syncd.model.discounts import DISCOUNT, DISCOUNT_CARD, DISCOUNT_CARD_KIND
from syncd.model.entity import Entity, Field
from syncd.model.fields import (
    BARCODES,
    CATALOGUE_ID,
    CODE,
    IMAGES,
    NAME,
    PROPERTIES,
    REQUISITES,
    SKU,
    UNIT,
    VERSION,
    id_field,
)
from syncd.model.reference_books import REFERENCE_BOOK, REFERENCE_ITEM
from syncd.model.sales import INVOICE, PAYMENT, RETURN, SETTLEMENT, SHIPMENT

CATEGORY: Final = Entity(
    "category",
    "categories",
    (id_field(),),
    (
        NAME,
        Field(
            "parent_id",
            "text",
            "Id of the parent category; empty at the top",
            "Ид родительской группы; пусто у верхней",
        ),
        Field("description", "text", "Description", "Описание"),
        VERSION,
    ),
    "A group of the catalogue (Группа)",
    "Группа каталога",
    filters=("parent_id",),
)

PROPERTY: Final = Entity(
    "property",
    "properties",
    (id_field(),),
    (
        NAME,
        Field(
            "value_type",
            "text",
            "text, number, time, dictionary, boolean or date",
            "text, number, time, dictionary, boolean или date",
        ),
        Field("values", "map", "Dictionary: value id to value", "Справочник: Ид значения → значение"),
        Field("multiple", "boolean", "Several values at once", "Множественное"),
        Field("of", "list", "What it describes: product, offer, order", "Что описывает: product, offer, order"),
        VERSION,
    ),
    "A property of products or offers (Свойство)",
    "Свойство товаров или предложений",
)

PRODUCT: Final = Entity(
    "product",
    "products",
    (id_field(),),
    (
        CATALOGUE_ID,
        NAME,
        Field("full_name", "text", "Full name", "Полное наименование"),
        SKU,
        CODE,
        BARCODES,
        Field("description", "text", "Description, text or HTML", "Описание, текст или HTML"),
        Field("category_ids", "list", "Categories, the first is the main one", "Группы, первая главная"),
        UNIT,
        Field("brand", "text", "Trade mark", "Торговая марка"),
        Field("manufacturer", "map", "Manufacturer: id, name", "Изготовитель: id, name"),
        Field("country", "text", "Country of origin", "Страна"),
        Field("kind", "text", "Kind of item (ВидНоменклатуры)", "Вид номенклатуры"),
        Field(
            "type",
            "text",
            "Type of item (ТипНоменклатуры): Товар, Услуга, Набор…",
            "Тип номенклатуры: Товар, Услуга, Набор…",
        ),
        Field(
            "tax_rate",
            "decimal",
            "VAT rate in per cent; null when without VAT",
            "Ставка НДС в процентах; null, если без НДС",
            stated_with="tax_label",
        ),
        Field("tax_label", "text", "VAT rate as 1C writes it", "Ставка НДС, как пишет 1С"),
        Field("weight", "decimal", "Weight, in 1C's unit (kg as a rule)", "Вес в единицах 1С (обычно кг)"),
        PROPERTIES,
        REQUISITES,
        IMAGES,
        VERSION,
    ),
    "A product (Товар)",
    "Товар",
    filters=("catalogue_id", "sku"),
)

OFFER: Final = Entity(
    "offer",
    "offers",
    (id_field("Id: product, or product#characteristic", "Ид: товар или товар#характеристика"),),
    (
        Field("product_id", "text", "Id of the product", "Ид товара"),
        Field(
            "variant_id",
            "text",
            "Id of the characteristic; empty when the product itself is offered",
            "Ид характеристики; пусто, если предлагается сам товар",
        ),
        CATALOGUE_ID,
        NAME,
        SKU,
        CODE,
        BARCODES,
        UNIT,
        Field(
            "characteristics", "list", "Axes of the variant: [{id, name, value}]", "Характеристики: [{id, name, value}]"
        ),
        PROPERTIES,
        REQUISITES,
        IMAGES,
        VERSION,
    ),
    "What is priced and stocked: a product or one of its characteristics (Предложение)",
    "То, что имеет цену и остаток: товар или его характеристика (Предложение)",
    filters=("product_id", "sku"),
)

RELATION: Final = Entity(
    "relation",
    "relations",
    (
        Field("product_id", "text", "Id of the product", "Ид товара"),
        Field(
            "kind",
            "text",
            "kit (a part of the kit), analogue or accessory",
            "kit (часть комплекта), analogue или accessory",
        ),
        Field("other_id", "text", "Id of the related product", "Ид связанного товара"),
    ),
    (
        Field("quantity", "decimal", "Of a kit: how many go into one", "Для комплекта: сколько входит в один"),
        NAME,
        SKU,
        UNIT,
    ),
    "Another product that belongs to a product: a part of a kit, an analogue (Комплектующие, Аналоги)",
    "Связанный товар: часть комплекта, аналог (Комплектующие, Аналоги)",
    scope="product_id",
    filters=("product_id", "kind", "other_id"),
)

PRODUCT_KIND: Final = Entity(
    "product_kind",
    "product_kinds",
    (id_field(),),
    (
        NAME,
        Field(
            "property_ids",
            "list",
            "Properties that products of this kind have",
            "Свойства, которые есть у товаров этой категории",
        ),
        VERSION,
    ),
    "A kind of products with properties of its own (Категория of УНФ; products name it in extra)",
    "Категория номенклатуры со своими свойствами (УНФ; товары называют её в extra)",
)

PRICE_TYPE: Final = Entity(
    "price_type",
    "price_types",
    (id_field(),),
    (
        NAME,
        Field(
            "currency",
            "text",
            "Currency, ISO 4217 letters where known",
            "Валюта, буквенный код ISO 4217, если известен",
        ),
        Field("tax_included", "boolean", "VAT is inside the price", "НДС включён в цену"),
        VERSION,
    ),
    "A kind of price (ТипЦены)",
    "Тип цены",
)

PRICE: Final = Entity(
    "price",
    "prices",
    (
        Field("offer_id", "text", "Id of the offer", "Ид предложения"),
        Field("price_type_id", "text", "Id of the price type", "Ид типа цены"),
        Field("currency", "text", "Currency, ISO 4217 letters where known", "Валюта"),
        Field("min_quantity", "decimal", "From this quantity; 0 for any", "От какого количества; 0 — от любого"),
    ),
    (
        Field("value", "decimal", "Price of one base unit", "Цена за базовую единицу"),
        Field("unit", "text", "Unit the price was quoted for in 1C", "Единица, за которую цена назначена в 1С"),
        Field("ratio", "decimal", "Base units in that unit", "Коэффициент этой единицы к базовой"),
    ),
    "A price of an offer (Цена)",
    "Цена предложения",
    scope="offer_id",
    filters=("offer_id", "price_type_id"),
)

WAREHOUSE: Final = Entity(
    "warehouse",
    "warehouses",
    (id_field(),),
    (
        NAME,
        Field("address", "text", "Address as one line", "Адрес одной строкой"),
        Field("contacts", "list", "Contacts: [{type, value}]", "Контакты: [{type, value}]"),
        VERSION,
    ),
    "A warehouse (Склад)",
    "Склад",
)

STOCK: Final = Entity(
    "stock",
    "stocks",
    (
        Field("offer_id", "text", "Id of the offer", "Ид предложения"),
        Field(
            "warehouse_id",
            "text",
            "Id of the warehouse; empty for the total of all",
            "Ид склада; пусто — всего по складам",
        ),
    ),
    (
        Field(
            "on_hand",
            "decimal",
            "Quantity on hand; may be negative or a fraction",
            "Количество; бывает отрицательным и дробным",
        ),
        Field("reserved", "decimal", "Reserved quantity", "В резерве"),
        Field("expected", "decimal", "Expected quantity", "Ожидается"),
        Field("expected_at", "timestamp", "When it is expected", "Когда ожидается"),
    ),
    "Stock of an offer in a warehouse (Остаток)",
    "Остаток предложения на складе",
    scope="offer_id",
    filters=("offer_id", "warehouse_id"),
)

UNIT_OF_MEASURE: Final = Entity(
    "unit",
    "units",
    (
        id_field(
            "Id of the unit, trimmed: a code such as 796, as a rule",
            "Ид единицы без пробелов: обычно код, например 796",
        ),
    ),
    (
        CODE,
        NAME,
        Field("full_name", "text", "Full name", "Полное наименование"),
        Field("international", "text", "International abbreviation", "Международное сокращение"),
        VERSION,
    ),
    "A unit of measure (ЕдиницаИзмерения)",
    "Единица измерения",
)

ENTITIES: Final[dict[str, Entity]] = {
    entity.name: entity
    for entity in (
        CATEGORY,
        PROPERTY,
        UNIT_OF_MEASURE,
        PRICE_TYPE,
        WAREHOUSE,
        PRODUCT_KIND,
        PRODUCT,
        RELATION,
        OFFER,
        PRICE,
        STOCK,
        COUNTERPARTY,
        CONTRACT,
        PERSONAL_PRICE,
        SETTLEMENT,
        INVOICE,
        SHIPMENT,
        PAYMENT,
        RETURN,
        REFERENCE_BOOK,
        REFERENCE_ITEM,
        DISCOUNT,
        DISCOUNT_CARD_KIND,
        DISCOUNT_CARD,
    )
}
"""All of them by name, in the order in which they are merged."""
