"""Find a thing in a base's metadata by words, and tell what differs between two states of a base."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from syncd.mappings.metadata import Metadata, Shape
from syncd.mappings.words import folded, matches

Kind = Literal["set", "section", "property", "table", "enum"]
_ORDER: Final[dict[Kind, int]] = {"set": 0, "section": 1, "table": 1, "property": 2, "enum": 3}
LIMIT: Final = 50


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found: ``path`` is what a mapping would name, ``of`` the set it belongs to."""

    kind: Kind
    path: str
    of: str
    type: str


def search(made: Metadata, text: str, *, limit: int = LIMIT) -> list[Hit]:
    """What the words name, best first; all words must be found in one name, or in that of its owner too.

    Case and ё/е make no difference, endings little («номенклатура вид» finds ``ВидыНоменклатуры``).
    """
    asked = folded(text).replace(".", " ").replace("/", " ").split()
    if not asked:
        return []
    ranked = ((rank, hit) for hit in _all(made) if (rank := _rank(asked, hit)) is not None)
    best = heapq.nsmallest(limit, ranked, key=lambda found: (found[0], found[1].of, found[1].path))
    return [hit for _, hit in best]


def _rank(asked: list[str], hit: Hit) -> tuple[int, int] | None:
    own = matches(asked, hit.path)
    if own is not None:
        return own // 10, _ORDER[hit.kind] * 3 + own % 10
    if hit.kind in {"property", "section", "table"}:  # some words may name the owner, one at least the thing itself
        beside = matches(asked, f"{hit.of}_{hit.path}")
        if beside is not None and any(matches([word], hit.path) is not None for word in asked):
            return 10 + beside // 10, _ORDER[hit.kind] * 3 + beside % 10
    return None


def _all(made: Metadata) -> Iterator[Hit]:
    for name, shape in made.objects():
        yield Hit("set", name, name, "")
        for function in made.calls(name).values():
            if not function.writes:
                yield Hit("table", f"{name}/{function.name}", name, ", ".join(p for p, _ in function.parameters))
        yield from _properties(made, name, shape)
    for name, members in made.enums.items():
        yield Hit("enum", name, name, ", ".join(members))


def _properties(made: Metadata, name: str, shape: Shape) -> Iterator[Hit]:
    for found in shape.properties.values():
        if found.row_type is None:
            yield Hit("property", found.name, name, kind_of(shape, found.name))
            continue
        yield Hit("section", found.name, name, "")
        rows = made.rows(shape, found.name)
        for part in rows.properties.values() if rows else ():
            yield Hit("property", f"{found.name}/{part.name}", name, part.type)


def kind_of(shape: Shape, name: str) -> str:
    """The type of a property in words: where a reference leads, or that it leads to several types."""
    found = shape.properties[name]
    if shape.is_composite(name):
        return "*"
    target = shape.references.get(name.removesuffix("_Key")) if name.endswith("_Key") else None
    return f"→ {target}" if target else found.type


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two states of a base. ``before`` and ``after`` are types; empty where there was none."""

    path: str
    before: str
    after: str


def diff(old: Metadata, new: Metadata) -> list[Change]:
    """What was added, taken away or changed: sets, their properties, rows of tabular sections, enumerations."""
    before, after = dict(_flat(old)), dict(_flat(new))
    gone = {path for path in before.keys() - after.keys() if "." not in path}
    fresh = {path for path in after.keys() - before.keys() if "." not in path}
    found = []
    for path in sorted(before.keys() | after.keys()):
        owner = path.partition(".")[0]
        if path != owner and (owner in gone or owner in fresh):
            continue  # the set itself says it
        if before.get(path) != after.get(path):
            found.append(Change(path, before.get(path, ""), after.get(path, "")))
    return found


def _flat(made: Metadata) -> Iterator[tuple[str, str]]:
    for name, shape in made.objects():
        yield name, "+"
        for function in made.calls(name).values():
            yield f"{name}./{function.name}", ", ".join(p for p, _ in function.parameters)
        for hit in _properties(made, name, shape):
            found = shape.properties.get(hit.path)
            length = f"({found.length})" if found and found.length else ""
            yield f"{name}.{hit.path}", hit.type + length or "+"
    for name, members in made.enums.items():
        yield f"enum {name}", ", ".join(members)
