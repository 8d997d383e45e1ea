"""Reference books that a company made itself (ПользовательскиеСправочники): any list with any columns."""

from __future__ import annotations

from typing import Final

from syncd.model.entity import Entity, Field
from syncd.model.fields import NAME, VERSION, id_field

REFERENCE_BOOK: Final = Entity(
    "reference_book",
    "reference_books",
    (id_field("Id of the book: its name in the metadata of 1C", "Ид справочника: его имя в метаданных 1С"),),
    (
        NAME,
        Field(
            "fields",
            "list",
            "Its columns: [{id, name, value_type}]; the keys of the items' values",
            "Реквизиты: [{id, name, value_type}]; ключи значений элементов",
        ),
        VERSION,
    ),
    "A reference book of 1C (Справочник)",
    "Справочник 1С",
)

REFERENCE_ITEM: Final = Entity(
    "reference_item",
    "reference_items",
    (Field("book_id", "text", "Id of the book", "Ид справочника"), id_field()),
    (
        NAME,
        Field("values", "map", "Column id to a text or a list of texts", "Ид реквизита → строка или список строк"),
        VERSION,
    ),
    "An item of a reference book (ЭлементСправочника)",
    "Элемент справочника",
    scope="book_id",
    filters=("book_id", "id"),
)
