"""How 1C says no: a status, a number of its own, and a sentence in the language of the base."""

from __future__ import annotations

import json
from enum import Enum
from typing import Final
from xml.sax.saxutils import escape


class Language(Enum):
    """Of the platform's own messages."""

    RU = "ru"
    EN = "en"


class ODataRefusal(Exception):
    """The request ends with 1C's own error body.

    ``code`` is 1C's: -1 for an exception of the configuration or the platform, else one of the developer guide's
    table (chapter 17.4, 0 to 21).
    """

    def __init__(self, status: int, code: int, ru: str, en: str = "") -> None:
        super().__init__(ru)
        self.status = status
        self.code = code
        self._texts = {Language.RU: ru, Language.EN: en or ru}

    def text(self, language: Language) -> str:
        """The sentence."""
        return self._texts[language]

    def as_json(self, language: Language) -> bytes:
        """The body for those who asked for JSON."""
        message = {"lang": "ru", "value": self.text(language)}
        body = {"odata.error": {"code": str(self.code), "message": message}}
        return json.dumps(body, ensure_ascii=False, indent=1).encode()

    def as_xml(self, language: Language) -> bytes:
        """The body for everybody else."""
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<m:error xmlns:m="{_METADATA}">\n\t<m:code>{self.code}</m:code>'
            f"\n\t<m:message>{escape(self.text(language))}</m:message>\n</m:error>"
        ).encode()


_METADATA: Final = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"


def unsupported_option(name: str) -> ODataRefusal:
    """A system query option 1C does not have."""
    return ODataRefusal(400, 0, f"Параметр {name} не поддерживается", f"The {name} parameter is not supported")


def unreadable(value: object, type_: str) -> ODataRefusal:
    """A value that is not one of its type."""
    return ODataRefusal(400, 1, f"Не удалось разобрать строку '{value}' как значение типа {type_}!")


def bad_request(text: str) -> ODataRefusal:
    """The body is not what it should be."""
    return ODataRefusal(400, 2, text)


def missing_property(name: str) -> ODataRefusal:
    """PUT asks for everything."""
    return ODataRefusal(400, 5, f'Не указано значение обязательного свойства "{name}"')


def no_segment(name: str) -> ODataRefusal:
    """A name in the address, or in an option that names properties, stands for nothing."""
    return ODataRefusal(400, 6, f"Сегмент пути '{name}' не найден!")


def no_method() -> ODataRefusal:
    """A function the set does not have."""
    return ODataRefusal(400, 6, "Метод не найден")


def incomplete_key(name: str) -> ODataRefusal:
    """A part of the key was not given."""
    return ODataRefusal(400, 7, f'Не указана часть ключа "{name}"')


def no_set(name: str) -> ODataRefusal:
    """A set that is not published."""
    return ODataRefusal(404, 8, f'Сущность "{name}" не найдена', f'"{name}" entity is not found')


def no_instance(name: str) -> ODataRefusal:
    """An object that is not there."""
    ru = f'Экземпляр сущности "{name.partition("_")[2]}" не найден по переданному ключу.'
    return ODataRefusal(404, 9, ru, "Entity instance not found")


def no_property(name: str) -> ODataRefusal:
    """A property of a condition that is not there."""
    return ODataRefusal(400, 10, f'Свойство "{name}" не найдено')


def no_argument(name: str) -> ODataRefusal:
    """A function was called without something it needs."""
    return ODataRefusal(400, 12, f'Не указан обязательный параметр метода "{name}"')


def rows_alone() -> ODataRefusal:
    """Rows of a tabular section live in their object only."""
    return ODataRefusal(400, 13, "Непосредственное создание строк табличных частей не поддерживается")


def option_unreadable(option: str) -> ODataRefusal:
    """A query option that cannot be parsed."""
    ru = f"Ошибка при разборе опции запроса {option}"
    return ODataRefusal(400, 14, ru, f"Error parsing {option} query option")


def key_taken() -> ODataRefusal:
    """A record with this key is there already."""
    return ODataRefusal(400, 15, "Запись с такими ключевыми полями существует!")


def method_forbidden(method: str) -> ODataRefusal:
    """This verb does not go with this address."""
    return ODataRefusal(405, 19, f"Метод HTTP {method} не поддерживается для данного ресурса")


def forbidden_rows() -> ODataRefusal:
    """The selection touches rows the user may not see, and allowedOnly was not said."""
    return ODataRefusal(401, 20, "Недостаточно прав доступа")


def bad_function(name: str) -> ODataRefusal:
    """A function of a condition 1C does not have."""
    return ODataRefusal(400, 21, f'Функция "{name}" не поддерживается')


def failed(text: str) -> ODataRefusal:
    """An exception of the configuration, the database or the platform: nothing was written."""
    return ODataRefusal(500, -1, text)


def not_comparable(column: int) -> ODataRefusal:
    """Values of different types were compared: the query that 1C made of the condition fails."""
    return failed(f"{{(3, {column})}}: Неверные параметры в операции\n сравнения.")


def plus_in_condition() -> ODataRefusal:
    """A plus is not a space to 1C."""
    return failed('Операция не разрешена в предложении "ГДЕ"')


def handler_failed(handler: str, text: str) -> ODataRefusal:
    """The configuration's own code threw."""
    return failed(f"Ошибка при выполнении обработчика - '{handler}'\n{text}")
