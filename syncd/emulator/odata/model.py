"""What a base publishes: entity sets, their types, and the functions bound to them.

Whether it was declared here or read from a base's own ``$metadata``, the rest of the emulator sees only this.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

EMPTY_REF: Final = "00000000-0000-0000-0000-000000000000"
EMPTY_DATE: Final = "0001-01-01T00:00:00"
UNDEFINED: Final = "StandardODATA.Undefined"
NAMESPACE: Final = "StandardODATA."

Wire: TypeAlias = str | int | float | bool | list["Row"] | dict[str, "Wire"] | None
"""A value as it travels: Int64 is text, a date naive text, a tabular section a list, an expanded object a mapping."""
Row: TypeAlias = dict[str, Wire]


class Role(Enum):
    """What a field of a register is for."""

    NONE = ""
    DIMENSION = "dimension"
    RESOURCE = "resource"
    ATTRIBUTE = "attribute"


@dataclass(frozen=True, slots=True)
class Prop:
    """A property: ``length`` in characters (0: no limit), ``scale`` in decimal places.

    ``target`` is the set a reference points to, ``enum`` the enumeration of its values; both may be unknown.
    ``composite`` is a value of several types, its type beside it in ``<name>_Type``.
    """

    name: str
    type: str
    nullable: bool = True
    length: int = 0
    scale: int = 3
    enum: str = ""
    composite: bool = False
    role: Role = Role.NONE

    @property
    def empty(self) -> Wire:
        """What 1C keeps where nothing was said."""
        if self.name.endswith("_Type") and self.type == "Edm.String" and self.composite:
            return UNDEFINED
        return _EMPTY.get(self.type, 0)


_EMPTY: Final[dict[str, Wire]] = {
    "Edm.String": "",
    "Edm.Guid": EMPTY_REF,
    "Edm.DateTime": EMPTY_DATE,
    "Edm.Boolean": False,
    "Edm.Int64": "0",
    "Edm.Binary": "",
    "Edm.Stream": "",
}


@dataclass(slots=True)
class EntityType:
    """Properties, navigation (name to set, empty when unknown) and collections (name to the type of a row)."""

    name: str
    key: tuple[str, ...]
    props: dict[str, Prop] = field(default_factory=dict)
    navs: dict[str, str] = field(default_factory=dict)
    collections: dict[str, EntityType] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def add(self, *props: Prop) -> None:
        """Append properties."""
        for prop in props:
            self.props[prop.name] = prop

    def blank(self) -> Row:
        """A row in which nothing is filled."""
        row: Row = {name: prop.empty for name, prop in self.props.items() if prop.type != "Edm.Stream"}
        row.update({name: [] for name in self.collections})
        return row

    def of_role(self, role: Role) -> list[str]:
        """Logical names of the register's fields of this role: a reference without its ``_Key``, a composite once."""
        return [logical(prop.name) for prop in self.props.values() if prop.role is role and not _is_type(prop)]

    def field_of(self, name: str) -> str:
        """The property behind a logical name: ``Склад`` is kept in ``Склад_Key``; empty when there is none."""
        return next((found for found in (name, f"{name}_Key") if found in self.props), "")


def logical(name: str) -> str:
    """The attribute's name as the configuration has it."""
    return name.removesuffix("_Key")


def _is_type(prop: Prop) -> bool:
    return prop.composite and prop.name.endswith("_Type")


class Kind(Enum):
    """How an entity set behaves."""

    OBJECTS = "objects"
    """Catalogues, documents and the like, by Ref_Key."""
    SECTION = "section"
    """A tabular section as a set of its own: for reading only."""
    RECORD_SETS = "record sets"
    """A subordinate register, by recorder."""
    RECORDS = "records"
    """The separate records of a subordinate register: for reading only."""
    INDEPENDENT = "independent"
    """An independent information register, by its dimensions."""
    CONSTANT = "constant"


@dataclass(slots=True)
class EntitySet:
    """A set; ``owner`` and ``section`` say of which set's rows a SECTION or RECORDS consists.

    ``posting``: its documents, if it has any, can be posted.
    """

    name: str
    kind: Kind
    type: EntityType
    owner: str = ""
    section: str = ""
    folders: bool = False
    code_length: int = 0
    number_length: int = 0
    balance: bool = False
    periodic: bool = False
    posting: bool = True

    @property
    def prefix(self) -> str:
        """The class of object, such as ``Document``."""
        return self.name.partition("_")[0]


@dataclass(frozen=True, slots=True)
class Function:
    """A function bound to a set; ``returns`` names the type of its rows, empty for an action."""

    name: str
    bound: str
    parameters: tuple[tuple[str, str], ...] = ()
    side_effects: bool = False
    returns: str = ""


@dataclass(slots=True)
class Schema:
    """Everything a base publishes. ``functions`` by (set, function)."""

    sets: dict[str, EntitySet] = field(default_factory=dict)
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)
    functions: dict[tuple[str, str], Function] = field(default_factory=dict)
    document: bytes = b""
    """The ``$metadata`` this was read from, to be served as it is; empty: written anew."""

    def add(self, entity_set: EntitySet) -> None:
        """Publish a set."""
        self.sets[entity_set.name] = entity_set
