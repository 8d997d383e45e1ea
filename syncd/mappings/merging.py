"""``extends``: what a mapping says stands over its preset, field by field; ``null`` takes away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from syncd.errors import MappingError
from syncd.i18n import tr
from syncd.mappings.targets import TARGETS
from syncd.mappings.tree import Tree, parse
from syncd.mappings.words import hint

Presets = Callable[[str], str | None]
"""The text of a preset by its name."""
_ONE_DICTIONARY: Final = "words of one dictionary"
_BY_KEY: Final = frozenset({
    "fields", "extra", "parameters", "references", "dictionaries", _ONE_DICTIONARY,
    "statuses", "payments", "deliveries", "taxes", "currencies", "requisites",
})  # fmt: skip
_PARTS: Final = frozenset({"lines", "write", "words"})


def whole(text: str, file: str, presets: Presets, known: list[str]) -> tuple[Tree, dict[str, str]]:
    """A mapping together with all it extends, and the texts it was made of: presets by name, its own under nothing.

    Raises ``MappingError`` E702 (no YAML), E706 (no such preset), E707 (a circle).
    """
    chain = [parse(text, file)]
    texts = {"": text}
    names: list[str] = []
    while (extends := chain[-1].map.get("extends")) is not None and not extends.is_null:
        name = str(extends.value)
        if name in names:
            raise MappingError("E707", place=extends.place, chain=" → ".join([*names, name]))
        found = presets(name)
        if found is None:
            raise MappingError("E706", place=extends.place, key=name, hint=hint(name, known))
        names.append(name)
        texts[name] = found
        chain.append(parse(found, f"{name}.yaml"))
    root = chain[-1]
    for child in reversed(chain[:-1]):
        root = _root(root, child)
    root.problems = [problem for tree in chain for problem in tree.problems]
    return root, texts


def _root(parent: Tree, child: Tree) -> Tree:
    values = dict(parent.map)
    for key, part in child.map.items():
        if part.is_null:
            values.pop(key, None)
        elif key in TARGETS and key in values:
            values[key] = _section(values[key], part)
        else:
            values[key] = _over(values.get(key), part, key)
    values.pop("extends", None)
    if "extends" in child.map:
        values["extends"] = child.map["extends"]
    return Tree(child.place, values)


def _section(parent: Tree, child: Tree) -> Tree:
    """One source over one source; of several, those that share a name."""
    if not parent.list and not child.list:
        return _source(parent, child)
    sources = {_name(part): part for part in (parent.list or [parent])}
    for part in child.list or [child]:
        name = _name(part)
        if not child.list and not name:
            known = ", ".join(filter(None, sources))
            en = f"the preset has several sources here; say which with name: {known}"
            ru = f"в заготовке здесь несколько источников; укажите, какой: name: {known}"
            raise MappingError("E709", place=part.place, key="name", detail=tr(en, ru))
        sources[name] = _source(sources[name], part) if name in sources else part
    return Tree(child.place, list(sources.values()))


def _name(source: Tree) -> str:
    name = source.map.get("name")
    return "" if name is None else str(name.value)


def _source(parent: Tree, child: Tree) -> Tree:
    values = dict(parent.map)
    for key, part in child.map.items():
        if part.is_null:
            values.pop(key, None)
        else:
            values[key] = _over(values.get(key), part, key)
    return Tree(child.place, values)


def _over(parent: Tree | None, child: Tree, key: str) -> Tree:
    """A key of a section: tables of rules are merged by their keys, parts by theirs, anything else is replaced."""
    if key in _PARTS and parent is not None and child.map:
        return _source(parent, child)
    if key in _BY_KEY and isinstance(child.value, dict):
        values = dict(parent.map) if parent is not None else {}
        for name, part in child.value.items():
            if part.is_null and key != "requisites":  # there null is a value: leave this requisite out
                values.pop(name, None)
            else:
                values[name] = _over(values.get(name), part, _ONE_DICTIONARY) if key == "dictionaries" else part
        return Tree(child.place, values)
    return child
