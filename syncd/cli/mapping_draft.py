"""The first lines of a mapping: which preset suits a base, and what of it the base lacks."""

from __future__ import annotations

from collections.abc import Mapping as Map
from typing import Final

from syncd.errors import MappingError
from syncd.i18n import tr
from syncd.mappings.check import check
from syncd.mappings.loading import read
from syncd.mappings.metadata import Metadata
from syncd.mappings.words import hint

_SCHEMA: Final = "# yaml-language-server: $schema=schema.json\n"
_MARKERS: Final = (
    ("ut115", ("Document_ЗаказКлиента", "Catalog_Партнеры", "Catalog_ОбъектыРасчетов")),
    ("ut11", ("Document_ЗаказКлиента", "Catalog_Партнеры")),
    ("unf", ("Document_ЗаказПокупателя", "Catalog_СтруктурныеЕдиницы")),
    ("bp30", ("Document_СчетНаОплатуПокупателю",)),
)
"""Configurations by the sets that only they have, the more particular first."""


def suits(base: Metadata) -> str | None:
    """The preset for a base, by what it publishes."""
    return next((name for name, sets in _MARKERS if all(each in base.sets for each in sets)), None)


def draft(preset: str | None, base: Metadata | None, presets: Map[str, str]) -> tuple[str, str, list[MappingError]]:
    """The text of a new mapping, the preset it extends, and what of the preset does not fit the base.

    Raises ``MappingError`` E706 for no preset, or one that is not there.
    """
    name = preset or (suits(base) if base else None)
    if name is None or name not in presets:
        advice = hint(name or "", presets, most=20)
        raise MappingError("E706", place="syncd mapping init", key=name or "", hint=advice)
    start = f"{_SCHEMA}extends: {name}\n"
    problems = check(read(start, "mapping.yaml", presets.get, presets), base) if base else []
    return start + _comments(problems), name, problems


def _comments(problems: list[MappingError]) -> str:
    lines = [
        tr("What your base has otherwise goes below: `syncd metadata search` finds names.",
           "Ниже — чем отличается ваша база: имена найдёт `syncd metadata search`."),
        tr("A field is replaced by a line of the same name, and taken away with null:",
           "Поле заменяется строкой с тем же именем, убирается словом null:"),
        "products:", "  fields:", tr("    sku: Code", "    sku: Code"), "    brand: null",
    ]  # fmt: skip
    if problems:
        lines += ["", tr("The base lacks this of the preset:", "Чего из заготовки в базе нет:")]
        lines += [f"{problem.code} {problem.text()}" for problem in problems]
    return "\n" + "\n".join(f"# {line}".rstrip() for line in lines) + "\n"
