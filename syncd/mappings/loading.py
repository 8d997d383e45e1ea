"""From the text of a mapping to its sources, with every complaint at its line and column.

No files are read here: texts come in, ``syncd.cli.mapping`` and the store know where they lie.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from syncd.errors import MappingError
from syncd.i18n import tr
from syncd.mappings.language import Head, Source
from syncd.mappings.merging import Presets, whole
from syncd.mappings.orders import OrdersMapping
from syncd.mappings.targets import TARGETS
from syncd.mappings.tree import Tree
from syncd.mappings.words import hint
from syncd.yamlfile import said

HEAD_KEYS: Final = tuple(Head.model_fields)


@dataclass(slots=True)
class Section:
    """One source of one entity. ``section`` is the entity's plural; ``label`` tells sources of one entity apart."""

    section: str
    label: str
    source: Source
    tree: Tree


@dataclass(slots=True)
class Mapping:
    """A mapping as read. ``problems`` is empty when it can be used; ``version`` is the hash of what it says."""

    file: str
    head: Head
    sections: list[Section]
    tree: Tree
    version: str
    texts: dict[str, str]
    problems: list[MappingError] = field(default_factory=list)

    @property
    def words(self) -> OrdersMapping:
        """The words of orders; the usual ones where the mapping says nothing."""
        return self.head.words or OrdersMapping()

    def of(self, section: str) -> list[Section]:
        """The sources of an entity, by its plural."""
        return [found for found in self.sections if found.section == section]


def read(text: str, file: str, presets: Presets, known: Iterable[str] = ()) -> Mapping:
    """Read a mapping and what it extends; what is wrong with single keys is told in ``problems``.

    Raises ``MappingError`` E702, E706, E707, E709 where nothing can be read at all.
    """
    tree, texts = whole(text, file, presets, sorted(known))
    problems = list(tree.problems)
    head = _head(tree, problems)
    sections = [made for name in tree.map if name in TARGETS for made in _sections(name, tree.map[name], problems)]
    return Mapping(file, head, sections, tree, version(tree), texts, problems)


def version(tree: Tree) -> str:
    """The hash of what a mapping says, however it is written down: comments and order of keys do not count."""
    plain: Any = tree.plain()
    said_ = {key: value for key, value in plain.items() if key not in {"description", "extends"}}
    return hashlib.sha256(json.dumps(said_, sort_keys=True).encode()).hexdigest()[:12]


def _head(tree: Tree, problems: list[MappingError]) -> Head:
    for key, part in tree.map.items():
        if key not in TARGETS and key not in HEAD_KEYS:
            problems.append(MappingError("E704", place=part.place, key=key, hint=hint(key, (*TARGETS, *HEAD_KEYS))))
    own = {key: part for key, part in tree.map.items() if key in HEAD_KEYS and not part.is_null}
    made = _validated(Head, Tree(tree.place, dict(own)), problems)
    return made if isinstance(made, Head) else Head()


def _sections(name: str, tree: Tree, problems: list[MappingError]) -> list[Section]:
    several = bool(tree.list)
    found: list[Section] = []
    for part in tree.list if several else [tree]:
        if not isinstance(part.value, dict):
            detail = tr("a section with keys is expected here", "здесь ожидается раздел с ключами")
            problems.append(MappingError("E702", place=part.place, detail=detail))
            continue
        _without_nulls(part)
        made = _validated(Source, part, problems)
        if isinstance(made, Source) and not made.off:
            label = f"{name}.{made.name}" if several and made.name else name
            found.append(Section(name, label, made, part))
    if several:
        _named(name, tree, problems)
    return found


def _without_nulls(source: Tree) -> None:
    """A field taken away where there is no preset to take it from."""
    for key in ("fields", "extra", "parameters"):
        if key in source.map and isinstance(table := source.map[key].value, dict):
            source.map[key].value = {name: part for name, part in table.items() if not part.is_null}


def _named(section: str, tree: Tree, problems: list[MappingError]) -> None:
    seen: set[str] = set()
    for part in tree.list:
        name = str(part.map["name"].value) if "name" in part.map else ""
        if not name or name in seen:
            detail = tr(
                "of several sources each needs a name of its own", "у каждого из нескольких источников нужно своё имя"
            )
            problems.append(MappingError("E709", place=part.place, key=f"{section}: name", detail=detail))
        seen.add(name)


def _validated(model: type[BaseModel], tree: Tree, problems: list[MappingError]) -> BaseModel | None:
    try:
        return model.model_validate(tree.plain())
    except ValidationError as error:
        seen: set[str] = set()
        for found in error.errors(include_url=False):
            problem = _problem(model, tree, found)
            if str(problem.params["place"]) not in seen:
                seen.add(str(problem.params["place"]))
                problems.append(problem)
    return None


def _problem(model: type[BaseModel], tree: Tree, found: ErrorDetails) -> MappingError:
    place = tree.at(found["loc"]).place
    key = str(found["loc"][-1]) if found["loc"] else ""
    if found["type"] == "extra_forbidden":
        return MappingError("E701", place=place, key=key, hint=hint(key, _keys(model, found["loc"][:-1]), most=30))
    if found["type"] in {"model_type", "dict_type", "model_attributes_type"}:
        detail = tr("keys with values are expected here", "здесь ожидаются ключи со значениями")
        return MappingError("E703", place=place, key=key, detail=detail, hint="")
    return MappingError("E703", place=place, key=_path(found["loc"]), detail=said(found), hint=_choice(found))


def _choice(found: ErrorDetails) -> str:
    if found["type"] != "literal_error":
        return ""
    expected = str(found.get("ctx", {}).get("expected", ""))
    return hint(str(found["input"]), [word.strip(" '") for word in expected.replace(" or ", ",").split(",")], most=0)


def _path(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in loc if not str(step).startswith(("function-", "constrained-")))


def _keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys allowed at a place."""
    current: object = model
    for step in loc:
        if isinstance(current, type) and issubclass(current, BaseModel):
            current = next((f.annotation for n, f in current.model_fields.items() if step in {n, f.alias}), None)
        elif get_origin(current) is dict:
            current = get_args(current)[1]
        current = _bare(current)
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [f.alias or name for name, f in current.model_fields.items() if not f.exclude]
    return []


def _bare(annotation: object) -> object:
    """Without ``Annotated`` and ``| None``."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    arguments = [part for part in get_args(annotation) if part is not type(None)]
    if len(arguments) == 1 and get_origin(annotation) is not dict:
        return _bare(arguments[0])
    return annotation
