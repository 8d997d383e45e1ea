"""What a base publishes: the model of its OData ``$metadata``.

Names are those of the wire (``Catalog_Номенклатура``, ``Вид_Key``); namespaces are cut off. A reference is a property
``X_Key`` with a navigation ``X``; a reference of several types is ``X`` (text) with ``X_Type``. A tabular section is a
property whose type is a collection of a row type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

COLLECTION: Final = "Collection("
NUMBERS: Final = frozenset({
    "Edm.Double", "Edm.Decimal", "Edm.Int16", "Edm.Int32", "Edm.Int64", "Edm.Single", "Edm.Byte",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Property:
    """One property. ``length`` is the longest text that fits, where the document says."""

    name: str
    type: str
    nullable: bool = True
    length: int | None = None

    @property
    def row_type(self) -> str | None:
        """Of a tabular section: the name of the type of its rows."""
        return self.type.removeprefix(COLLECTION).removesuffix(")") if self.type.startswith(COLLECTION) else None


@dataclass(slots=True)
class Shape:
    """An entity type or a complex type: key, properties, and where its references lead (navigation to type)."""

    name: str
    key: tuple[str, ...]
    properties: dict[str, Property]
    references: dict[str, str]

    @property
    def sections(self) -> dict[str, str]:
        """Tabular sections: name to the type of a row."""
        return {p.name: row for p in self.properties.values() if (row := p.row_type)}

    def is_composite(self, name: str) -> bool:
        """Whether a property holds references (or values) of several types."""
        return name in self.properties and f"{name}_Type" in self.properties


@dataclass(frozen=True, slots=True)
class Function:
    """Something that can be called on a set: a virtual table (``writes`` is false) or an action such as ``Post``."""

    name: str
    of: str
    parameters: tuple[tuple[str, str], ...]
    result: str
    writes: bool


@dataclass(slots=True)
class Metadata:
    """A whole document. ``hash`` is the SHA-256 of its bytes."""

    hash: str
    sets: dict[str, str] = field(default_factory=dict)
    types: dict[str, Shape] = field(default_factory=dict)
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)
    functions: dict[str, dict[str, Function]] = field(default_factory=dict)

    def shape(self, set_name: str) -> Shape | None:
        """The type of a published set."""
        return self.types.get(self.sets.get(set_name, ""))

    def calls(self, set_name: str) -> Mapping[str, Function]:
        """What can be called on a set, by name."""
        return self.functions.get(self.sets.get(set_name, ""), {})

    def virtual(self, set_name: str, function: str) -> tuple[Function, Shape] | None:
        """A virtual table and the shape of its rows; references lead where those of the register's records do."""
        found = self.calls(set_name).get(function)
        if found is None or found.writes:
            return None
        rows = self.types.get(found.result)
        if rows is None:
            return None
        records = self.types.get(set_name.removesuffix("_RecordType") + "_RecordType") or self.shape(set_name)
        return found, Shape(rows.name, (), rows.properties, rows.references or (records.references if records else {}))

    def rows(self, shape: Shape, section: str) -> Shape | None:
        """The shape of a row of a tabular section; it knows where its references lead."""
        row_type = shape.sections.get(section)
        row = self.types.get(row_type or "")
        if row is None:
            return None
        own = self.types.get(f"{shape.name}_{section}")  # the section as a set has the navigation that its rows lack
        return Shape(row.name, row.key, row.properties, row.references or (own.references if own else {}))

    def referred(self, shape: Shape, navigation: str) -> Shape | None:
        """The shape a reference leads to."""
        return self.types.get(shape.references.get(navigation, ""))

    @property
    def exchange_plans(self) -> list[str]:
        """Names of the published exchange plans."""
        return [name for name in self.sets if name.startswith("ExchangePlan_") and not self.is_section(name)]

    def is_section(self, set_name: str) -> bool:
        """Whether a set is the tabular section of another: read-only, and part of its owner anyway."""
        shape = self.shape(set_name)
        return shape is not None and shape.key == ("Ref_Key", "LineNumber")

    def objects(self) -> Iterator[tuple[str, Shape]]:
        """Sets that are no tabular sections, with their shapes, by name."""
        for name in sorted(self.sets):
            shape = self.shape(name)
            if shape is not None and not self.is_section(name):
                yield name, shape
