"""The direction into 1C held against a base: 1C ignores an unknown property and answers 200, so this is found here or
nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from syncd.errors import MappingError
from syncd.i18n import tr
from syncd.mappings.language import Reference, Rule, Source
from syncd.mappings.metadata import Metadata, Shape
from syncd.mappings.query import split
from syncd.mappings.tree import Tree
from syncd.mappings.words import hint

MARKER_LENGTH: Final = 36
"""The marker is the order's id."""
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _own() -> dict[str, str]:
    """What 1C itself keeps, and why it is not to be written."""
    return {
        "Ref_Key": tr("1C gives it itself", "её назначает сама 1С"),
        "DataVersion": tr("1C counts it itself", "её ведёт сама 1С"),
        "Posted": tr("the flag alone makes no movements; use post: true", "флаг сам не даст движений; есть post: true"),
        "LineNumber": tr("syncd numbers the rows itself", "строки нумерует сам syncd"),
    }  # fmt: skip


def check_write(source: Source, tree: Tree, base: Metadata) -> Iterator[MappingError]:
    """Mistakes in ``write`` of a source."""
    write, at = source.write, tree.at(("write",))
    assert write is not None
    name = write.to or split(source.from_ or "")[0]
    shape = base.shape(name)
    if shape is None:
        yield MappingError("E721", place=at.at(("to",)).place, key=name, hint=hint(name, base.sets))
        return
    if write.marker is not None and write.requisite is None:
        yield from _marker(write.marker, shape, name, at)
    yield from _fields(write.fields, shape, name, at)
    if write.post and "Post" not in base.calls(name):
        detail = tr("this object cannot be posted", "этот объект не проводится")
        yield MappingError("E733", place=at.at(("post",)).place, key="post", detail=detail)
    for key, reference in write.references.items():
        yield from _reference(reference, at.at(("references", key)), base)
    lines = write.lines
    if lines is None:
        return
    section = lines.to or (source.lines.from_ if source.lines else None) or ""
    rows = base.rows(shape, section)
    if rows is None:
        place = at.at(("lines", "to")).place
        yield MappingError("E724", place=place, of=name, key=section, hint=hint(section, shape.sections))
        return
    yield from _fields(lines.fields, rows, f"{name}/{section}", at.at(("lines",)))


def _reference(reference: Reference, at: Tree, base: Metadata) -> Iterator[MappingError]:
    shape = base.shape(reference.in_)
    if shape is None:
        yield MappingError("E721", place=at.at(("in",)).place, key=reference.in_, hint=hint(reference.in_, base.sets))
        return
    for n, way in enumerate(reference.by):
        node = at.at(("by",))
        for name in way:
            place = node.at((n, name) if node.list else (name,)).place
            if name not in shape.properties:
                known = hint(name, shape.properties)
                yield MappingError("E722", place=place, of=reference.in_, key=name, hint=known)
    made = Tree(at.place, {"fields": at.map["make"]}) if "make" in at.map else at
    yield from _fields(reference.make or {}, shape, reference.in_, made)


def _marker(marker: str, shape: Shape, of: str, at: Tree) -> Iterator[MappingError]:
    place = at.at(("marker",)).place
    found = shape.properties.get(marker)
    if found is None:
        yield MappingError("E722", place=place, of=of, key=marker, hint=hint(marker, shape.properties))
    elif found.type != "Edm.String" or shape.is_composite(marker):
        detail = tr(f"it is {found.type}, a text is needed", f"тип {found.type}, а нужна строка")
        yield MappingError("E730", place=place, key=marker, detail=detail, hint="")
    elif found.length is not None and found.length < MARKER_LENGTH:
        en = f"it holds {found.length} characters and 1C cuts the rest off in silence; {MARKER_LENGTH} are needed"
        ru = f"в нём {found.length} символов, остальное 1С молча отрежет; нужно {MARKER_LENGTH}"
        yield MappingError("E730", place=place, key=marker, detail=tr(en, ru), hint="")


def _fields(rules: dict[str, Rule], shape: Shape, of: str, at: Tree) -> Iterator[MappingError]:
    for name, rule in rules.items():
        place = at.at(("fields", name)).place
        found = shape.properties.get(name)
        if name in _own():
            yield MappingError("E733", place=place, key=name, detail=_own()[name])
        elif found is None:
            yield MappingError("E722", place=place, of=of, key=name, hint=hint(name, shape.properties))
        elif found.row_type:
            detail = tr("it is a tabular section; use lines", "это табличная часть; есть lines")
            yield MappingError("E733", place=place, key=name, detail=detail)
        elif found.type == "Edm.Guid" and isinstance(rule.value, str) and not _GUID.fullmatch(rule.value):
            detail = tr(f"{rule.value!r} is no id", f"{rule.value!r} — не идентификатор")
            yield MappingError("E733", place=at.at(("fields", name, "value")).place, key=name, detail=detail)
