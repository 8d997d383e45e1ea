"""Reads the ``.model`` files: the sets of a configuration, as its own ``$metadata`` shows them, a line per attribute.

``@ Set flags``, then its attributes; ``+ Section``, then those of the section; ``= Enumeration members``. An attribute
is a name and a type: ``s25`` text of 25 characters (``s``: any length), ``n2`` number of 2 decimal places, ``i16``,
``i32``, ``i64``, ``b``, ``u`` GUID, ``d`` date, ``v`` value storage, ``?`` several types, ``eName`` enumeration,
``>Set`` reference. A register's dimension has ``!`` before it, its resource ``#``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Final

from syncd.emulator.odata.functions import bind
from syncd.emulator.odata.model import EntitySet, EntityType, Kind, Prop, Role, Schema

_SIMPLE: Final = {
    "b": "Edm.Boolean", "u": "Edm.Guid", "d": "Edm.DateTime",
    "i16": "Edm.Int16", "i32": "Edm.Int32", "i64": "Edm.Int64",
}  # fmt: skip
_ROLES: Final = {"!": Role.DIMENSION, "#": Role.RESOURCE}


@cache
def declared(name: str) -> Schema:
    """The schema of the file ``<name>.model`` of this package. Bases share it: nobody changes a schema."""
    text = files(__package__).joinpath(f"{name}.model").read_text(encoding="utf-8")
    schema = Schema()
    current: EntityType | None = None
    entity_set: EntitySet | None = None
    for line in text.splitlines():
        sign, _, rest = line.partition(" ")
        if sign == "#" and rest[:1].isascii():
            continue  # a comment: names of resources are Cyrillic
        if sign == "@":
            entity_set = _begin(schema, *rest.split())
            current = _fields_of(schema, entity_set)
        elif sign == "+":
            assert entity_set
            current = _section(schema, entity_set, rest)
        elif sign == "=":
            enum, _, members = rest.partition(" ")
            schema.enums[enum] = tuple(members.split(","))
        elif line:
            assert current
            _attribute(current, line)
    for made in list(schema.sets.values()):
        _finish(schema, made)
    return schema


def _begin(schema: Schema, name: str, *flags: str) -> EntitySet:
    words = dict(flag.partition("=")[::2] for flag in flags)
    prefix = name.partition("_")[0]
    if prefix in ("InformationRegister", "AccumulationRegister"):
        made = _register(schema, name, words)
    elif prefix == "Constant":
        made = EntitySet(name, Kind.CONSTANT, EntityType(name, ("SurrogateKey",)))
        made.type.add(Prop("SurrogateKey", "Edm.Int16", nullable=False))
    else:
        made = _object(name, words)
    schema.add(made)
    return made


def _object(name: str, words: dict[str, str]) -> EntitySet:
    kind = EntityType(name, ("Ref_Key",))
    kind.add(
        Prop("Ref_Key", "Edm.Guid", nullable=False),
        Prop("DataVersion", "Edm.String"),
        Prop("DeletionMark", "Edm.Boolean"),
    )
    made = EntitySet(
        name, Kind.OBJECTS, kind, folders="folders" in words, code_length=int(words.get("code", 0)),
        number_length=int(words.get("number", 0)), posting="unposted" not in words,
    )  # fmt: skip
    if owner := words.get("owner"):
        _reference(kind, "Owner", "" if owner == "any" else owner, composite=owner == "any")
    if made.folders or "tree" in words:
        _reference(kind, "Parent", name)
    if made.folders:
        kind.add(Prop("IsFolder", "Edm.Boolean"))
    if made.code_length:
        kind.add(Prop("Code", "Edm.String", length=made.code_length))
    if "description" in words:
        kind.add(Prop("Description", "Edm.String", length=int(words["description"])))
    if made.number_length:
        kind.add(
            Prop("Number", "Edm.String", length=made.number_length),
            Prop("Date", "Edm.DateTime"),
            Prop("Posted", "Edm.Boolean"),
        )
    if name.startswith("ExchangePlan"):
        kind.add(
            Prop("SentNo", "Edm.Int64"), Prop("ReceivedNo", "Edm.Int64"), Prop("ThisNode", "Edm.Boolean"),
        )  # fmt: skip
    return made


def _register(schema: Schema, name: str, words: dict[str, str]) -> EntitySet:
    """Of a subordinate register the separate records are made first: they have the fields."""
    recorder = words.get("recorder")
    if not recorder:
        made = EntitySet(name, Kind.INDEPENDENT, EntityType(name, ()), periodic="periodic" in words)
        if made.periodic:
            made.type.add(Prop("Period", "Edm.DateTime", nullable=False))
        return made
    record = EntityType(f"{name}_RecordType", ())
    accumulation = name.startswith("Accumulation")
    _reference(
        record, "Recorder", "" if recorder == "any" else recorder, composite=recorder == "any",
        nullable=not accumulation,
    )  # fmt: skip
    if accumulation or "periodic" in words:
        record.add(Prop("Period", "Edm.DateTime"))
    record.add(Prop("LineNumber", "Edm.Int64", nullable=not accumulation), Prop("Active", "Edm.Boolean"))
    if "balance" in words:
        record.add(Prop("RecordType", "Edm.String"))
    recorder_key = tuple(key for key in ("Recorder", "Recorder_Type", "Recorder_Key") if key in record.props)
    record_set = EntityType(name, recorder_key)
    record_set.add(*(replace(record.props[key], nullable=False) for key in recorder_key))
    record_set.collections["RecordSet"] = record
    schema.add(EntitySet(f"{name}_RecordType", Kind.RECORDS, record, owner=name, section="RecordSet"))
    return EntitySet(
        name, Kind.RECORD_SETS, record_set, balance="balance" in words, periodic="periodic" in words
    )  # fmt: skip


def _fields_of(schema: Schema, made: EntitySet) -> EntityType:
    return schema.sets[f"{made.name}_RecordType"].type if made.kind is Kind.RECORD_SETS else made.type


def _section(schema: Schema, owner: EntitySet, name: str) -> EntityType:
    rows = EntityType(f"{owner.name}_{name}", ("Ref_Key", "LineNumber"))
    rows.add(Prop("Ref_Key", "Edm.Guid", nullable=False), Prop("LineNumber", "Edm.Int64", nullable=False))
    owner.type.collections[name] = rows
    schema.add(EntitySet(rows.name, Kind.SECTION, rows, owner=owner.name, section=name))
    return rows


def _attribute(kind: EntityType, line: str) -> None:
    role, _, rest = line.partition(" ") if line[0] in _ROLES else ("", "", line)
    name, _, form = rest.partition(" ")
    place = _ROLES.get(role, Role.ATTRIBUTE)
    if form[0] == ">":
        _reference(kind, name, form[1:], role=place)
    elif form == "?":
        _reference(kind, name, "", composite=True, role=place)
    elif form == "v":
        kind.add(
            Prop(name, "Edm.Stream"), Prop(f"{name}_Type", "Edm.String"), Prop(f"{name}_Base64Data", "Edm.Binary"),
        )  # fmt: skip
    elif form[0] == "e":
        kind.add(Prop(name, "Edm.String", enum=form[1:], role=place))
    elif form[0] == "s":
        kind.add(Prop(name, "Edm.String", length=int(form[1:] or 0), role=place))
    elif form[0] == "n":
        kind.add(Prop(name, "Edm.Double", scale=int(form[1:]), role=place))
    else:
        kind.add(Prop(name, _SIMPLE[form], role=place))


def _reference(
    kind: EntityType, name: str, target: str, *, composite: bool = False, nullable: bool = True,
    role: Role = Role.NONE,
) -> None:  # fmt: skip
    if composite:
        kind.add(
            Prop(name, "Edm.String", nullable=nullable, composite=True, role=role),
            Prop(f"{name}_Type", "Edm.String", nullable=nullable, composite=True, role=role),
        )
        return
    kind.add(Prop(f"{name}_Key", "Edm.Guid", nullable=nullable, role=role))
    if target:
        kind.navs[name] = target


def _finish(schema: Schema, made: EntitySet) -> None:
    """Add what comes after the attributes: predefined items, keys of registers, functions."""
    if made.name.startswith(("Catalog", "ChartOf", "ExchangePlan")) and made.kind is Kind.OBJECTS:
        made.type.add(Prop("Predefined", "Edm.Boolean"), Prop("PredefinedDataName", "Edm.String"))
    if made.kind is Kind.INDEPENDENT:
        made.type.key = _dimension_key(made)
    if made.kind is Kind.RECORDS:
        owner = schema.sets[made.owner]
        dimensions = _dimension_key(made)
        made.type.key = dimensions if owner.name.startswith("Info") else (*owner.type.key, "LineNumber")
    bind(schema, made)


def _dimension_key(made: EntitySet) -> tuple[str, ...]:
    period = ("Period",) if "Period" in made.type.props else ()
    return period + tuple(prop.name for prop in made.type.props.values() if prop.role is Role.DIMENSION)
