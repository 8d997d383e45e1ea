"""YAML as a tree that knows where each part stands, so that every complaint can name file, line and column.

Trees are merged before anything is made of them: what a mapping says stands over what it extends, and keeps its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Self

import yaml

from syncd.errors import MappingError
from syncd.i18n import tr

SIZE_LIMIT: Final = 1 << 20
"""Longest text of a mapping, characters."""
_DEPTH_LIMIT: Final = 20
_Scalar = str | int | float | bool | None


class Place(str):
    """Where something stands, counted from one: ``file:line:column``. A text, so that it can be kept with an error."""

    __slots__ = ("column", "file", "line")
    file: str
    line: int
    column: int

    def __new__(cls, file: str, line: int, column: int) -> Self:
        """The place in a file."""
        made = super().__new__(cls, f"{file}:{line}:{column}")
        made.file, made.line, made.column = file, line, column
        return made


@dataclass(slots=True)
class Tree:
    """One node: a scalar, a list or a map. ``place`` is that of its key where it has one."""

    place: Place
    value: _Scalar | list[Tree] | dict[str, Tree]
    text: str = ""  # of a scalar, as written
    problems: list[MappingError] = field(default_factory=list)

    @property
    def map(self) -> dict[str, Tree]:
        """Its keys; none for anything but a map."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def list(self) -> list[Tree]:
        """Its elements; none for anything but a list."""
        return self.value if isinstance(self.value, list) else []

    @property
    def is_null(self) -> bool:
        """Whether it is an explicit nothing (``null``, ``~``, or a key without a value)."""
        return self.value is None

    def plain(self) -> object:
        """Without places."""
        if isinstance(self.value, dict):
            return {key: part.plain() for key, part in self.value.items()}
        return [part.plain() for part in self.value] if isinstance(self.value, list) else self.value

    def at(self, path: tuple[object, ...]) -> Tree:
        """The node at a path of keys and numbers, or the deepest one on the way there."""
        node = self
        for step in path:
            found = node.map.get(str(step))
            if found is None and isinstance(step, int) and step < len(node.list):
                found = node.list[step]
            if found is None:
                return node
            node = found
        return node


def parse(text: str, file: str) -> Tree:
    """Read one document. Repeated keys become ``problems`` of the root.

    Raises ``MappingError`` E702 for what is no YAML, or too large or deep to be a mapping.
    """
    start = Place(file, 1, 1)
    if len(text) > SIZE_LIMIT:
        raise MappingError(
            "E702", place=start, detail=tr("it is too large for a mapping", "слишком велик для маппинга")
        )
    try:
        _refuse_aliases(text, file)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else start
        raise MappingError("E702", place=place, detail=_trouble(error)) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise MappingError("E702", place=start, detail=f"YAML: {error}") from error
    problems: list[MappingError] = []
    root = Tree(start, {}) if node is None else _tree(node, file, start, problems, 0)
    root.problems = problems
    if not isinstance(root.value, dict):
        raise MappingError(
            "E702", place=root.place, detail=tr("keys with values are expected", "ожидаются ключи со значениями")
        )
    return root


def _refuse_aliases(text: str, file: str) -> None:
    """Aliases can blow up a few lines to gigabytes, and a mapping has ``dictionaries`` instead."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            mark = event.start_mark
            place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
            detail = tr("anchors (&, *) are not allowed", "якоря (&, *) не допускаются")
            raise MappingError("E702", place=place, detail=detail)


def _tree(node: yaml.Node, file: str, place: Place, problems: list[MappingError], depth: int) -> Tree:
    if depth > _DEPTH_LIMIT:
        raise MappingError("E702", place=place, detail=tr("it is nested too deep", "слишком глубокая вложенность"))
    if isinstance(node, yaml.MappingNode):
        values: dict[str, Tree] = {}
        for key_node, value_node in node.value:
            at = _place(key_node, file)
            key = str(key_node.value)
            if key in values:
                en, ru = f"{key} is given twice", f"{key} задан дважды"
                problems.append(MappingError("E702", place=at, detail=tr(en, ru)))
            values[key] = _tree(value_node, file, at, problems, depth + 1)
        return Tree(place, values)
    if isinstance(node, yaml.SequenceNode):
        return Tree(place, [_tree(part, file, _place(part, file), problems, depth + 1) for part in node.value])
    return Tree(place, _scalar(node), node.value)


def _scalar(node: yaml.Node) -> _Scalar:
    tag = str(node.tag).rpartition(":")[2]
    text = str(node.value)
    if tag == "null":
        return None
    if tag == "bool" and text.casefold() in {"true", "false"}:  # NO is a country, and "on" a word
        return text.casefold() == "true"
    if tag == "int" and text.lstrip("-").isdigit() and (text.lstrip("-")[:1] != "0" or text == "0"):
        return int(text)  # 007 is a code, and 1:30 no number
    if tag == "float":
        try:
            return float(text)
        except ValueError:
            return text
    return text


def _place(node: yaml.Node, file: str) -> Place:
    return Place(file, node.start_mark.line + 1, node.start_mark.column + 1)


def _trouble(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or str(error)
    if "\\t" in problem:
        return tr("a tab is used for indentation; use spaces", "отступ сделан табуляцией; нужны пробелы")
    for said, (en, ru) in _TROUBLES.items():
        if said in problem:
            return tr(en, ru)
    return tr(f"this is no YAML: {problem}", f"это не YAML: {problem}")


_TROUBLES: Final = {
    "mapping values are not allowed": (
        ("a colon that fits nothing: keys of one section stand exactly below each other, and behind a colon there is a "
        "space (`sku: Code`); look at the line above too"),
        ("лишнее двоеточие: ключи одного раздела стоят строго друг под другом, после двоеточия нужен пробел "
        "(`sku: Code`); посмотрите и строку выше"),
    ),
    "could not find expected ':'": (
        "a key without a colon: write `sku: Code`; look at the line above too",
        "ключ без двоеточия: пишите `sku: Code`; посмотрите и строку выше",
    ),
    "found unexpected end of stream": (
        "a quote is not closed", "кавычка не закрыта"
    ),
    "expected ',' or '}'": (
        "a brace { is not closed, or a comma is missing; look at the line above too",
        "не закрыта скобка { или не хватает запятой; посмотрите и строку выше",
    ),
    "expected ',' or ']'": (
        "a bracket [ is not closed, or a comma is missing; look at the line above too",
        "не закрыта скобка [ или не хватает запятой; посмотрите и строку выше",
    ),
    "expected <block end>": (
        ("this does not fit what stands above: an indentation differs from that of its neighbours, or a quote is not "
        "closed"),
        "это не сходится со строками выше: отступ не как у соседних строк, или не закрыта кавычка",
    ),
    "found character '%'": ("% must stand in quotes", "% нужно взять в кавычки"),
    "found character '@'": ("@ must stand in quotes", "@ нужно взять в кавычки"),
    "found character '`'": ("` must stand in quotes", "` нужно взять в кавычки"),
}  # fmt: skip
"""What the parser says of usual slips, and what a person would."""


def nodes(tree: Tree) -> Iterator[Tree]:
    """The node itself and everything beneath."""
    yield tree
    for part in (*tree.map.values(), *tree.list):
        yield from nodes(part)
