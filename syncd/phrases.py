"""Remarks that are stored in English, in the language of who reads them: reasons within errors, notes of an import."""

from __future__ import annotations

import re
from typing import Final

from syncd.i18n import Language, language

_REASONS: Final = {
    "there is no XML document inside": "внутри нет документа XML",
    r"the member (.+) points outside": r"файл \1 внутри указывает наружу",
    r"the member (.+) is encrypted": r"файл \1 внутри зашифрован",
    r"the member (.+) is an archive bomb": r"файл \1 внутри — архивная бомба",
    r"the member (.+) is packed with method (\d+); pack it with Deflate": (
        r"файл \1 внутри сжат методом \2; нужен Deflate"
    ),
    r"(\d+) members, the limit is (\d+)": r"файлов внутри — \1, предел — \2",
    "control characters": "управляющие символы",
    "it points outside": "оно указывает наружу",
    "it is empty": "оно пустое",
    r"longer than (\d+) characters": r"длиннее \1 знаков",
    r"an id of more than (\d+) characters": r"Ид длиннее \1 знаков",
    "no root element": "нет корневого элемента",
    "the goods are kept in 1C and come from it": "товары хранятся в 1С и приходят из неё",
    "there is no CRM here": "CRM здесь нет",
}
_NOTES: Final = {
    "not read by syncd yet, kept in extra where a record holds it: ": (
        "syncd этого пока не читает; стоящее внутри записи хранится в её extra: "
    ),
    r"(\d+) more broken documents are counted, not listed": r"ещё повреждённых документов, без списка: \1",
    r"(\d+) more bad records are counted, not listed": r"ещё плохих записей, без списка: \1",
    r"approved by (.+?): ": r"разрешено, \1: ",
    r"rejected by (.+?): ": r"отклонено, \1: ",
    "warnings: ": "предупреждения: ",
    r"from (?=[0-9a-f.:]+$)": "с адреса ",
}
WARNINGS: Final = {
    "control characters removed": "управляющие символы удалены",
    "surrogates repaired": "половины символов UTF-16 исправлены",
    "encoding is not the declared one": "кодировка не та, что объявлена",
    "declared UTF-8, read as windows-1251": "объявлена UTF-8, прочитано как windows-1251",
    "negative prices left out": "отрицательные цены пропущены",
    "prices below a millionth left out": "цены меньше миллионной пропущены",
    "product stated more than once, the last statement counts": "товар передан не один раз, действует последнее",
    "offer stated more than once, the last statement counts": "предложение передано не один раз, действует последнее",
    "payment or shipment whose order has not come, kept until it does": "оплата или отгрузка без заказа, ждёт его",
    "payment or shipment that names no order": "оплата или отгрузка не называет заказ",
}


def reason(text: str, lang: Language | None = None) -> str:
    """A reason within the sentence of an error."""
    if (lang or language()) == "ru":
        for pattern, russian in _REASONS.items():
            if found := re.fullmatch(pattern, text, re.DOTALL):
                return found.expand(russian)
    return text


def notes(text: str) -> str:
    """The notes below an exchange: a line each."""
    return "\n".join(map(_note, text.split("\n"))) if language() == "ru" else text


def _note(line: str) -> str:
    if line.startswith("warnings: "):
        for english, russian in WARNINGS.items():
            line = line.replace(f"{english} ×", f"{russian} ×")
    for pattern, russian in _NOTES.items():
        if found := re.match(pattern, line):
            return found.expand(russian) + line[found.end() :]
    return line
