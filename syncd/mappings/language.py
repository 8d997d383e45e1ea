"""The keys of the language. What each means is said here once, in both languages; the JSON Schema and the guide to
mistakes follow from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from syncd.i18n import tr
from syncd.mappings.orders import OrdersMapping

Scalar = str | int | float | bool | None
As = Literal["text", "decimal", "integer", "boolean", "timestamp", "tax", "currency"]
Combine = Literal["sum", "min", "max", "first", "last", "list"]
DICTIONARY: Final = "values (name)"


def said(en: str, ru: str) -> Any:
    """A key of the language that may be left out, with what it means."""
    return Field(default=None, description=f"{en} · {ru}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


def _names(value: object) -> object:
    """One name, or several."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Sequence) and value and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise ValueError(tr("a name or a list of names is needed", "нужно имя или список имён"))


def _text(value: object) -> object:
    """A number is a text too: a code of 643."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Text = Annotated[str, BeforeValidator(_text)]


class Rule(_Part):
    """Where one value comes from and what becomes of it.

    A plain text stands for ``{from: …}``, a list for ``{from: […]}``, a number or true/false for ``{value: …}``.
    """

    from_: Names | None = Field(
        default=None, alias="from",
        description="Property, or path through references (Валюта/Code); of several the first that is not empty · "
        "Реквизит или путь через ссылки (Валюта/Code); из нескольких берётся первый непустой",
    )  # fmt: skip
    join: Text | None = said(
        "Join the values of from with this text instead, empty ones left out",
        "Вместо этого соединить непустые значения from этим текстом",
    )
    default: str | None = said("Property to take when from is empty", "Реквизит на случай, если from пуст")
    value: Scalar = said("Constant: alone, or for an empty source", "Константа: сама по себе или для пустого источника")
    as_: As | None = Field(
        default=None, alias="as",
        description="Kind of the value; the field's own when left out. tax: per cent from НДС20; currency: letters "
        "from 643 · Вид значения; по умолчанию как у поля. tax: процент из НДС20; currency: буквы из 643",
    )  # fmt: skip
    values: dict[str, Scalar] | None = said(
        "Dictionary: word of 1C to value of syncd, or the name of one of dictionaries",
        "Словарь: слово 1С → значение syncd, либо имя словаря из dictionaries",
    )
    dictionary: str | None = Field(default=None, alias=DICTIONARY, exclude=True)
    unlisted: Literal["error", "keep", "empty"] | None = said(
        "A word that is not in values: error (the default), keep it, or leave the field empty",
        "Слово, которого нет в values: error (так по умолчанию), keep — оставить, empty — пусто",
    )
    via: str | None = said(
        "Set to look the reference up in (Catalog_Валюты); take names what to take there",
        "Набор, в котором искать по ссылке (Catalog_Валюты); take — что там взять",
    )
    take: str | None = said("With via: property of the record found", "Вместе с via: реквизит найденной записи")
    type_: str | None = Field(
        default=None, alias="type",
        description="For a reference of several types: take it only when it is of this one (Document_ЗаказКлиента) · "
        "Для ссылки составного типа: брать, только если она этого типа (Document_ЗаказКлиента)",
    )  # fmt: skip
    expr: str | None = said(
        "Expression over the properties: Цена * Количество", "Выражение над реквизитами: Цена * Количество"
    )
    rows: str | None = said("Tabular section to read row by row", "Табличная часть: читается по строкам")
    when: str | None = said(
        "With rows: expression that a row must satisfy", "Вместе с rows: условие на строку, выражение"
    )
    fields: dict[str, RuleOrShort] | None = said(
        "With rows: what each element of the list holds", "Вместе с rows: что хранит каждый элемент списка"
    )
    each: RuleOrShort | None = said(
        "With rows: the one value of each row", "Вместе с rows: единственное значение строки"
    )
    key: RuleOrShort | None = said(
        "With rows and each: the key under which it is put into a map", "Вместе с rows и each: ключ значения в словаре"
    )
    parts: dict[str, RuleOrShort] | None = said("Parts of a map, by name", "Части словаря по именам")
    combine: Combine | None = said(
        "Several records with one key become one: what this field does then",
        "Несколько записей с одним ключом складываются в одну: что при этом делает поле",
    )
    optional: bool | None = said(
        "Leave the field out where the base has no such property: not every release does",
        "Не брать поле, если в базе нет такого реквизита: он есть не в каждой редакции",
    )
    only: Literal["read", "write"] | None = said("One direction only", "Только в одну сторону")

    @model_validator(mode="before")
    @classmethod
    def _named_dictionary(cls, given: object) -> object:
        if isinstance(given, dict) and isinstance(given.get("values"), str):
            return {**{k: v for k, v in given.items() if k != "values"}, DICTIONARY: given["values"]}
        return given


def short(value: object) -> object:
    """The short forms of a rule."""
    if isinstance(value, str | list):
        return {"from": value}
    return {"value": value} if isinstance(value, int | float) else value


RuleOrShort = Annotated[Rule, BeforeValidator(short)]
Rules = dict[str, RuleOrShort]


class Lines(_Part):
    """The lines of a document."""

    from_: str | None = Field(default=None, alias="from", description="Tabular section · Табличная часть")
    when: str | None = said("Expression that a row must satisfy", "Условие на строку, выражение")
    fields: Rules = Field(default_factory=dict, description="Field of a line: rule · Поле строки: правило")


class WriteLines(_Part):
    """The lines of a document on their way into 1C."""

    to: str | None = said("Tabular section; that of lines when left out", "Табличная часть; по умолчанию как в lines")
    fields: Rules = Field(
        default_factory=dict,
        description="Property of the row: field of the line, constant or rule · "
        "Реквизит строки: поле строки заказа, константа или правило",
    )


def _several(value: object) -> object:
    """One way of finding, or several."""
    return [value] if isinstance(value, dict) else value


class Reference(_Part):
    """An object of 1C that the document needs: found there, or made."""

    in_: str = Field(
        alias="in", description="Set to search in (Catalog_Контрагенты) · Где искать (Catalog_Контрагенты)"
    )
    by: Annotated[list[Rules], BeforeValidator(_several)] = Field(
        min_length=1,
        description="Property: field of the order; of several the first that finds something decides · "
        "Реквизит: поле заказа; из нескольких способов решает первый, который что-то нашёл",
    )
    make: Rules | None = said(
        "Properties of a new one, where it may be made; without it a missing one stops the order",
        "Реквизиты нового объекта, если его можно создать; без make отсутствие останавливает заказ",
    )
    needed: bool | None = said(
        "false: leave the reference empty where nothing is found", "false: не найдено — оставить пустым"
    )


class Write(_Part):
    """The other direction: a record of syncd as an object of 1C."""

    to: str | None = said(
        "Set to write to; that of from when left out", "Куда писать; по умолчанию туда же, что в from"
    )
    marker: str | None = said(
        "Property that carries our number: by it an order is found before it is sent again",
        "Реквизит с нашим номером: по нему заказ ищется перед повторной отправкой",
    )
    requisite: str | None = said(
        "Id of the additional requisite, when the marker is a row of the tabular section ДополнительныеРеквизиты",
        "Идентификатор дополнительного реквизита, если метка — строка табличной части ДополнительныеРеквизиты",
    )
    post: Literal[True, False, "try"] | None = said(
        "Post the document after writing; try: where 1C lets it",
        "Провести документ после записи; try: если 1С позволит",
    )
    references: dict[str, Reference] = Field(
        default_factory=dict,
        description="Objects to find or make first; fields name them refs.… · "
        "Объекты, которые сначала найти или создать; в fields они зовутся refs.…",
    )
    fields: Rules = Field(
        default_factory=dict,
        description="Property: field of the order (customer.inn), constant or rule · "
        "Реквизит: поле заказа (customer.inn), константа или правило",
    )
    lines: WriteLines | None = said("The tabular section", "Табличная часть")


class Source(_Part):
    """A section: what of 1C an entity is made of."""

    name: str | None = said("Name of the source, when an entity has several", "Имя источника, если их несколько")
    from_: str | None = Field(
        default=None, alias="from",
        description="Set (Catalog_Номенклатура) or virtual table (AccumulationRegister_ТоварыНаСкладах/Balance) · "
        "Набор (Catalog_Номенклатура) или виртуальная таблица (AccumulationRegister_ТоварыНаСкладах/Balance)",
    )  # fmt: skip
    parameters: dict[str, Text] = Field(
        default_factory=dict,
        description="Parameters of a virtual table: Dimensions, Condition, Period… · "
        "Параметры виртуальной таблицы: Dimensions, Condition, Period…",
    )
    where: str | None = said("Filter that 1C computes (OData $filter)", "Отбор на стороне 1С (OData $filter)")
    when: str | None = said(
        "Expression that a record must satisfy, computed by syncd", "Условие на запись, вычисляет syncd"
    )
    fields: Rules = Field(default_factory=dict, description="Field of syncd: rule · Поле syncd: правило")
    lines: Lines | None = said("The tabular section with the lines", "Табличная часть со строками")
    extra: Rules = Field(
        default_factory=dict,
        description="What syncd has no field for, by names of your own · "
        "То, для чего в syncd нет поля, под своими именами",
    )
    deleted: RuleOrShort | None = said("What says that a record is deleted", "По чему видно, что запись удалена")
    partial: bool | None = said(
        "The source shows a part only: what is absent is not removed",
        "Источник показывает только часть: отсутствие записи — не удаление",
    )
    changed_by: str | None = said(
        "Property with the time of the last change, to read changes only",
        "Реквизит с временем изменения, чтобы читать только изменения",
    )
    days: int | None = said("Documents of the last so many days only", "Только документы за столько последних дней")
    off: bool | None = said("Do not use this source", "Не использовать этот источник")
    write: Write | None = said("The direction into 1C", "Направление в 1С")


class Head(_Part):
    """The keys of a mapping beside its sections."""

    extends: str | None = said("Preset to start from: ut11, ut115, unf, bp30", "Заготовка: ut11, ut115, unf, bp30")
    description: str | None = said("What base this is for, in your words", "Для какой базы, своими словами")
    exchange_plan: str | None = said(
        "Exchange plan that registers changes (ExchangePlan_…)",
        "План обмена, регистрирующий изменения (ExchangePlan_…)",
    )
    dictionaries: dict[str, dict[str, Scalar]] = Field(
        default_factory=dict,
        description="Dictionaries that several rules use, by name · Словари для нескольких правил, по именам",
    )
    words: OrdersMapping | None = said(
        "Words of orders, for CommerceML as well: statuses, payments, deliveries, taxes…",
        "Слова заказов, в том числе для CommerceML: статусы, оплаты, доставки, налоги…",
    )


Rule.model_rebuild()
