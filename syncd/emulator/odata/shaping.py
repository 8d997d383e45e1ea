"""What of a row is shown: ``$select`` and ``$expand``, presentations, links to referenced objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from syncd.emulator.odata.address import split
from syncd.emulator.odata.evaluate import Follow
from syncd.emulator.odata.model import EMPTY_REF, NAMESPACE, EntitySet, EntityType, Row, Schema, Wire
from syncd.emulator.odata.refusals import no_segment
from syncd.emulator.odata.values import as_text

PRESENTATION: Final = "____Presentation"


class Metadata(Enum):
    """How much JSON says of itself; Atom is always like MINIMAL."""

    NONE = "nometadata"
    MINIMAL = "minimalmetadata"
    FULL = "fullmetadata"


@dataclass(slots=True)
class Selection:
    """``$select`` taken apart."""

    names: list[str] = field(default_factory=list)
    inside: dict[str, list[str]] = field(default_factory=dict)
    """Navigation or section, to the paths chosen of it."""
    presentations: list[str] = field(default_factory=list)
    itself: bool = False
    """The presentation of the object itself."""


class Shaper:
    """Shows rows of one set as one request wants them.

    Raises ``ODataRefusal`` code 6 for names that are not there.
    """

    def __init__(
        self, schema: Schema, entity_set: EntitySet, follow: Follow, *, select: str = "", expand: str = "",
        metadata: Metadata = Metadata.MINIMAL,
    ) -> None:  # fmt: skip
        self._schema = schema
        self._set = entity_set
        self._kind = entity_set.type
        self._follow = follow
        self._metadata = metadata
        self._selection = self._select(select) if select.strip() else None
        self._expand = self._expanded(expand)

    # -- reading the options

    def _select(self, text: str) -> Selection:
        made = Selection()
        for part in (name.strip() for name in split(text, ",")):
            head, slash, rest = part.partition("/")
            if part in ("*", "**"):
                made.names += [name for name, prop in self._kind.props.items() if prop.type != "Edm.Stream"]
                made.names += self._kind.collections if part == "*" else ()
                made.names += self._kind.navs
            elif part == f"*{PRESENTATION}":
                made.presentations += [name for name, prop in self._kind.props.items() if prop.name != "Ref_Key"]
            elif part == "Presentation":
                made.itself = True
            elif part.endswith(PRESENTATION):
                made.presentations.append(self._property(part.removesuffix(PRESENTATION)))
            elif slash:
                self._inside(made, head, rest)
            else:
                made.names.append(self._known(part))
        return made

    def _known(self, name: str) -> str:
        kind = self._kind
        if name in kind.props or name in kind.collections or name in kind.navs:
            return name
        raise no_segment(name)

    def _property(self, name: str) -> str:
        found = self._kind.field_of(name)
        if not found:
            raise no_segment(name)
        return found

    def _inside(self, made: Selection, head: str, rest: str) -> None:
        rows = self._kind.collections.get(head)
        if rows:
            if rest != "*" and rest not in rows.props:
                raise no_segment(rest)
        elif head in self._kind.navs:
            target = (
                self._schema.sets[self._kind.navs[head]].type if self._kind.navs[head] in self._schema.sets else None
            )
            first = rest.partition("/")[0]
            if target and first != "*" and first not in target.props and first not in target.navs:
                raise no_segment(first)
        elif not (head in self._kind.props and self._kind.props[head].composite):
            raise no_segment(head)
        if head not in made.inside:
            made.inside[head] = []
            made.names.append(head)
        made.inside[head].append(rest)

    def _expanded(self, text: str) -> dict[str, list[str]]:
        """Navigation to the rest of the paths; only what ``$select`` mentions is really expanded, as measured."""
        found: dict[str, list[str]] = {}
        for part in (name.strip() for name in split(text, ",") if name.strip()):
            head, _, rest = part.partition("/")
            composite = head in self._kind.props and self._kind.props[head].composite
            if head != "*" and head not in self._kind.navs and not composite:
                raise no_segment(head)
            for name in self._kind.navs if head == "*" else (head,):
                found.setdefault(name, []).append(rest)
        return found

    # -- showing

    def shape(self, row: Row) -> Row:
        """The row as the client gets it."""
        kind = self._kind
        selection = self._selection
        if selection is None:
            shown: Row = {name: row[name] for name in kind.props if name in row}
            shown.update({name: row.get(name) or [] for name in kind.collections})
            names = list(kind.navs)
        else:
            shown, names = self._chosen(row, selection)
        if self._metadata is not Metadata.NONE:
            self._links(shown, row, [name for name in names if name in kind.navs and name not in shown])
        if self._metadata is Metadata.FULL:
            shown = {"odata.type": f"{NAMESPACE}{kind.name}", "odata.id": self.address(row), **shown}
        return shown

    def _chosen(self, row: Row, selection: Selection) -> tuple[Row, list[str]]:
        shown: Row = {}
        for name in selection.names:
            if name in self._kind.collections:
                shown[name] = self._section(row.get(name), selection.inside.get(name))
            elif name in self._kind.navs or name in selection.inside:
                if name in self._expand:
                    shown[name] = self._object(name, row, selection.inside.get(name, []), self._expand[name])
            elif name in row:
                shown[name] = row[name]
        for name in selection.presentations:
            shown[f"{name.removesuffix('_Key')}{PRESENTATION}"] = self.presentation(self._kind, name, row)
        if selection.itself:
            shown["Presentation"] = title(self._set.name, row)
        return shown, selection.names

    def _section(self, rows: Wire, fields: list[str] | None) -> Wire:
        if not isinstance(rows, list) or fields is None or "*" in fields:
            return rows if isinstance(rows, list) else []
        return [{name: row[name] for name in fields if name in row} for row in rows]

    def _object(self, name: str, row: Row, fields: list[str], deeper: list[str]) -> Wire:
        target = self._kind.navs.get(name) or str(row.get(f"{name}_Type", "")).removeprefix(NAMESPACE)
        ref = str(row.get(f"{name}_Key", row.get(name)))
        other = self._follow(target, ref) if target in self._schema.sets and ref != EMPTY_REF else None
        if other is None:
            return None
        inner = Shaper(
            self._schema, self._schema.sets[target], self._follow, select=",".join(fields),
            expand=",".join(part for part in deeper if part), metadata=self._metadata,
        )  # fmt: skip
        return inner.shape(other)

    def _links(self, shown: Row, row: Row, names: list[str]) -> None:
        if not self._kind.key or not all(part in row for part in self._kind.key):
            return
        base = self.address(row)
        for name in names:
            ref = row.get(f"{name}_Key")
            if ref and ref != EMPTY_REF:
                shown[f"{name}@navigationLinkUrl"] = f"{base}/{name}"

    def address(self, row: Row) -> str:
        """The object's own address, relative to the service."""
        return f"{self._set.name}({key_text(self._set.type, row)})"

    def presentation(self, kind: EntityType, name: str, row: Row) -> Wire:
        """A value as 1C shows it to people."""
        target = kind.navs.get(name.removesuffix("_Key"), "")
        if not target and kind.props[name].composite:
            target = str(row.get(f"{name}_Type", "")).removeprefix(NAMESPACE)
        if target in self._schema.sets:
            other = self._follow(target, str(row.get(name)))
            return title(target, other) if other else ""
        value = row.get(name)
        if isinstance(value, bool):
            return "Да" if value else "Нет"
        return as_text(value) if not isinstance(value, list) else ""


def title(set_name: str, row: Row) -> str:
    """The object's name for people: a description, or kind, number and date."""
    if "Number" in row:
        date = str(row["Date"])
        kind = set_name.partition("_")[2]
        return f"{kind} {row['Number']} от {date[8:10]}.{date[5:7]}.{date[:4]} {date[11:]}"
    return as_text(row.get("Description", ""))


def key_text(kind: EntityType, row: Row) -> str:
    """The key as an address has it: ``guid'…'``, or the parts by name."""
    if kind.key == ("Ref_Key",):
        return f"guid'{row['Ref_Key']}'"
    return ",".join(f"{name}={_literal(kind, name, row)}" for name in kind.key)


def _literal(kind: EntityType, name: str, row: Row) -> str:
    value, type_ = as_text(row.get(name)), kind.props[name].type
    if type_ == "Edm.Guid":
        return f"guid'{value}'"
    if type_ == "Edm.DateTime":
        return f"datetime'{value}'"
    return "'" + value.replace("'", "''") + "'" if type_ == "Edm.String" else value
