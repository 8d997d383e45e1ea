"""Names as people mean them: nearest names for a misspelt one, and search by words of a language that bends them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from syncd.i18n import tr

_PARTS: Final = re.compile(r"[A-ZА-ЯЁ]+(?![a-zа-яё])|[A-ZА-ЯЁ]?[a-zа-яё]+|\d+")
_SHORTEST_STEM: Final = 4
_ENDING: Final = 3
"""A Russian ending is seldom longer: «номенклатура» and «номенклатуры» share all but the last letter."""
STANDARD: Final = {
    "Ссылка": "Ref_Key", "Код": "Code", "Наименование": "Description", "Родитель": "Parent_Key",
    "Владелец": "Owner_Key", "ЭтоГруппа": "IsFolder", "ПометкаУдаления": "DeletionMark", "Номер": "Number",
    "Дата": "Date", "Проведен": "Posted", "НомерСтроки": "LineNumber", "Период": "Period",
    "Регистратор": "Recorder", "ВерсияДанных": "DataVersion", "Предопределенный": "Predefined",
    "ВидДвижения": "RecordType", "Активность": "Active",
}  # fmt: skip
"""Standard attributes in 1C's language to their names in OData: they are English there, whatever the configuration."""
PREFIXES: Final = {
    "Справочник": "Catalog", "Документ": "Document", "РегистрСведений": "InformationRegister",
    "РегистрНакопления": "AccumulationRegister", "РегистрБухгалтерии": "AccountingRegister", "Константа": "Constant",
    "ПланОбмена": "ExchangePlan", "ПланВидовХарактеристик": "ChartOfCharacteristicTypes",
    "ПланСчетов": "ChartOfAccounts", "БизнесПроцесс": "BusinessProcess", "Задача": "Task",
    "ЖурналДокументов": "DocumentJournal",
}  # fmt: skip
TABLES: Final = {
    "Остатки": "Balance", "Обороты": "Turnovers", "ОстаткиИОбороты": "BalanceAndTurnovers",
    "СрезПоследних": "SliceLast", "СрезПервых": "SliceFirst",
}  # fmt: skip
"""Virtual tables as queries of 1C call them, to their names in OData."""
_ALIKE: Final = str.maketrans("aceopxykmhtb", "асеорхукмнтв")
"""Small Latin letters to the Cyrillic ones that they, or their capitals, look like."""
_SUFFIXES: Final = ("_Key", "_Type", "Balance", "Turnover", "____Presentation")


@lru_cache(maxsize=200_000)
def folded(name: str) -> str:
    """For comparison: no case, and ё is е."""
    return name.casefold().replace("ё", "е")


@lru_cache(maxsize=200_000)
def parts(name: str) -> tuple[str, ...]:
    """The words of a CamelCase name, folded: ``ВидНоменклатуры_Key`` is вид, номенклатуры, key."""
    return tuple(folded(word) for word in _PARTS.findall(name))


def _same_word(asked: str, word: str) -> bool:
    if word.startswith(asked):
        return True
    stem = max(_SHORTEST_STEM, len(asked) - _ENDING, len(word) - _ENDING)
    return len(asked) >= stem and asked[:stem] == word[:stem]


def matches(asked: Iterable[str], name: str) -> int | None:
    """How well all the asked words (folded) are found in a name: 0 is best, ``None`` not at all."""
    whole, own = folded(name), parts(name)
    inside = 0
    for word in asked:
        if any(_same_word(word, part) for part in own):
            continue
        if word not in whole:
            return None
        inside += 1
    return inside * 10 + len(own)


def in_odata(name: str) -> str:
    """A name as 1C's own language has it, in OData's spelling: ``Справочник.Номенклатура``, ``Наименование``.

    A name that is neither is handed back as it is.
    """
    if name in STANDARD:
        return STANDARD[name]
    prefix, _, rest = name.partition(".")
    if prefix in PREFIXES and rest:
        own, _, table = rest.partition(".")
        return f"{PREFIXES[prefix]}_{own}" + (f"/{TABLES.get(table, table)}" if table else "")
    return name


def nearest(name: str, known: Iterable[str], *, count: int = 1) -> list[str]:
    """The known names most like a misspelt one: case, ё, a standard ending left out, then letters, then words."""
    names = list(known)
    if (translated := in_odata(name)) in names:
        return [translated]
    wanted = folded(name)
    same = [other for other in names if folded(other) == wanted or folded(_bare(other)) == folded(_bare(name))]
    looks = skeleton(name)
    same += [other for other in names if skeleton(other) == looks]
    close = difflib.get_close_matches(wanted, {folded(other): other for other in names}, count, 0.7)
    by_folded = {folded(other): other for other in names}
    found = [*same, *(by_folded[word] for word in close)]
    if not found:
        asked = parts(name)
        ranked = sorted((rank, other) for other in names if asked and (rank := matches(asked, other)) is not None)
        found = [other for _, other in ranked]
    return list(dict.fromkeys(found))[:count]


def skeleton(name: str) -> str:
    """What a name looks like: letters that are the same to the eye are the same, Latin or Cyrillic."""
    return folded(name).translate(_ALIKE)


def mixed(name: str, meant: str) -> str:
    """Letters of a name that are Latin where the meant one has Cyrillic ones, or the other way round; else nothing."""
    if len(name) != len(meant) or skeleton(name) != skeleton(meant):
        return ""
    pairs = zip(name, meant, strict=True)
    return "".join(dict.fromkeys(one for one, other in pairs if folded(one) != folded(other)))


def _bare(name: str) -> str:
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def hint(name: str, known: Iterable[str], *, most: int = 12) -> str:
    """The end of a complaint: what to type instead; the known names, when they are few."""
    names = list(known)
    near = nearest(name, names)
    if near:
        said = tr(f" Did you mean {near[0]}?", f" Возможно, {near[0]}?")
        if letters := mixed(name, near[0]):
            latin = letters.isascii()
            en = f" It is typed with {'Latin' if latin else 'Cyrillic'} letters: {letters}."
            ru = f" Набрано {'латинскими' if latin else 'русскими'} буквами: {letters}."
            said += tr(en, ru)
        return said
    if names and len(names) <= most:
        listed = ", ".join(names)
        return tr(f" Known: {listed}.", f" Есть: {listed}.")
    return ""
