"""Fields that several entities have."""

from __future__ import annotations

from syncd.model.entity import Field


def id_field(
    doc_en: str = "Id of the object in 1C, as 1C writes it", doc_ru: str = "Ид объекта в 1С, как его пишет 1С"
) -> Field:
    """The key of an object of 1C."""
    return Field("id", "text", doc_en, doc_ru)


NAME = Field("name", "text", "Name", "Наименование")
VERSION = Field(
    "version",
    "text",
    "Row version in 1C (НомерВерсии); equality only",
    "НомерВерсии; только для сравнения на равенство",
)
CATALOGUE_ID = Field("catalogue_id", "text", "Id of the catalogue it came with", "Ид каталога, с которым запись пришла")
SKU = Field("sku", "text", "Article (Артикул)", "Артикул")
CODE = Field("code", "text", "Code in 1C (Код)", "Код в 1С")
BARCODES = Field("barcodes", "list", "Barcodes, texts", "Штрихкоды, строки")
UNIT = Field(
    "unit",
    "map",
    "Base unit: code, name, full_name, international, packagings [{code, name, ratio}]",
    "Базовая единица: code, name, full_name, international, packagings [{code, name, ratio}]",
)
PROPERTIES = Field(
    "properties",
    "map",
    "Property values: property id to a text or a list of texts",
    "Значения свойств: Ид свойства → строка или список строк",
)
REQUISITES = Field(
    "requisites", "map", "Requisites (ЗначенияРеквизитов): name to value", "ЗначенияРеквизитов: имя → значение"
)
IMAGES = Field(
    "images", "list", "Images in order, the first is the main one: paths", "Картинки по порядку, первая главная: пути"
)
