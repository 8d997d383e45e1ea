"""YAML files that people write: only known keys, and every complaint names the line and column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic_core import ErrorDetails

from syncd.errors import ConfigError
from syncd.i18n import tr

Hint = Callable[[str, type[BaseModel]], str]
"""Given an unknown key (with its section) and the model of the section: words about the nearest key, or nothing."""


@dataclass(slots=True)
class Document:
    """The values of a file, and for each key the place where it stands, as ``file:line``."""

    values: dict[str, object] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    problems: list[ConfigError] = field(default_factory=list)
    path: Path = field(default_factory=Path)
    hint: Hint = field(default=lambda _key, _model: "")

    @classmethod
    def read(cls, path: Path, model: type[BaseModel], hint: Hint, *, text: str | None = None) -> Document:
        """Read the file as ``model`` describes it; unknown and repeated keys become ``problems`` (E401, E402).

        With ``text`` that is taken for the file's content.

        Raises ``ConfigError`` E402 for what is no readable YAML file.
        """
        root = _composed(path, text)
        document = cls(path=path, hint=hint)
        if root is not None:
            document.values = document._section(root, model, "")
        return document

    def _section(self, node: yaml.Node, model: type[BaseModel], prefix: str) -> dict[str, object]:
        """Walk the tree itself, for only it knows lines; a section left empty is as good as absent."""
        values: dict[str, object] = {}
        for key, key_node, value_node in self._pairs(node):
            if key not in model.model_fields:
                mark = key_node.start_mark
                place = {"file": self.path, "line": mark.line + 1, "column": mark.column + 1}
                self.problems.append(
                    ConfigError("E401", key=prefix + key, hint=self.hint(prefix + key, model), **place)
                )
            elif self._is_new(key, key_node, values, prefix):
                values[key] = self._value(value_node, model.model_fields[key].annotation, prefix + key)
        return values

    def _table(self, node: yaml.Node, annotation: object, prefix: str) -> dict[str, object]:
        """Keys of the user's own choice."""
        values: dict[str, object] = {}
        for key, key_node, value_node in self._pairs(node):
            if self._is_new(key, key_node, values, prefix):
                values[key] = self._value(value_node, annotation, prefix + key)
        return values

    def _pairs(self, node: yaml.Node) -> list[tuple[str, yaml.Node, yaml.Node]]:
        if _is_null(node):
            return []
        if not isinstance(node, yaml.MappingNode):
            line = node.start_mark.line + 1
            en, ru = "keys with values are expected here", "здесь нужны ключи со значениями"
            detail = tr(f"line {line}: {en}", f"строка {line}: {ru}")
            self.problems.append(ConfigError("E402", file=self.path, detail=detail))
            return []
        return [(str(key.value), key, value) for key, value in node.value]

    def _is_new(self, key: str, node: yaml.Node, values: dict[str, object], prefix: str) -> bool:
        line = node.start_mark.line + 1
        if key in values:
            detail = tr(f"line {line}: {key} is given twice", f"строка {line}: {key} задан дважды")
            self.problems.append(ConfigError("E402", file=self.path, detail=detail))
            return False
        self.lines[prefix + key] = f"{self.path}:{line}"
        return True

    def _value(self, node: yaml.Node, annotation: object, key: str) -> object:
        short = get_origin(annotation) is Annotated  # a model that also takes a plain text
        bare = get_args(annotation)[0] if short else annotation
        if isinstance(bare, type) and issubclass(bare, BaseModel):
            if not short or isinstance(node, yaml.MappingNode):
                return self._section(node, bare, key + ".")
            return None if _is_null(node) else node.value
        if get_origin(bare) is dict and isinstance(node, yaml.MappingNode):
            return self._table(node, get_args(bare)[1], key + ".")
        if bare is str and isinstance(node, yaml.ScalarNode) and not _is_null(node):
            return node.value  # as it is written: a code of 007 is no number
        return _constructed(node)


def text_of(path: Path) -> str:
    """The file's text. Raises ``ConfigError`` E402 when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError("E402", file=path, detail=tr("there is no such file", "такого файла нет")) from None
    except OSError as error:
        raise ConfigError("E402", file=path, detail=error.strerror) from None
    except UnicodeDecodeError as error:
        en, ru = f"byte {error.start} is not UTF-8", f"байт {error.start} не в UTF-8"
        raise ConfigError("E402", file=path, detail=tr(en, ru)) from None


def _composed(path: Path, text: str | None) -> yaml.Node | None:
    content = text_of(path) if text is None else text
    try:
        return yaml.compose(content, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigError("E402", file=path, detail=_yaml_trouble(error)) from None


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")


def _constructed(node: yaml.Node) -> object:
    loader = yaml.SafeLoader("")
    try:
        value: object = loader.construct_object(node, deep=True)
    finally:
        loader.dispose()
    return value


def _yaml_trouble(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    if mark is None:
        return tr(f"not YAML: {problem}", f"это не YAML: {problem}")
    line, column = mark.line + 1, mark.column + 1
    return tr(
        f"not YAML at line {line}, column {column}: {problem}", f"не YAML, строка {line}, столбец {column}: {problem}"
    )


_TEXTS = {
    "int_parsing": ("a whole number is needed", "нужно целое число"),
    "int_type": ("a whole number is needed", "нужно целое число"),
    "int_from_float": ("a whole number is needed", "нужно целое число"),
    "float_parsing": ("a number is needed", "нужно число"),
    "float_type": ("a number is needed", "нужно число"),
    "decimal_parsing": ("a number is needed", "нужно число"),
    "decimal_type": ("a number is needed", "нужно число"),
    "bool_parsing": ("true or false is needed", "нужно true или false"),
    "bool_type": ("true or false is needed", "нужно true или false"),
    "string_type": ("a text is needed", "нужна строка"),
    "string_too_short": ("it must not be empty", "значение не должно быть пустым"),
    "path_type": ("a path is needed", "нужен путь"),
    "missing": ("it is missing", "значения нет"),
    "greater_than": ("it must be more than {gt}", "должно быть больше {gt}"),
    "greater_than_equal": ("it must be at least {ge}", "должно быть не меньше {ge}"),
    "less_than_equal": ("it must be at most {le}", "должно быть не больше {le}"),
    "literal_error": ("one of {expected} is needed", "нужно одно из: {expected}"),
}


def said(error: ErrorDetails) -> str:
    """What is wrong with a value, in the language in force."""
    pair = _TEXTS.get(error["type"])
    return tr(*pair).format_map(error.get("ctx", {})) if pair else error["msg"].removeprefix("Value error, ")
