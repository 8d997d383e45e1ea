"""Reads and writes ``$metadata``: EDMX 1.0 with CSDL of OData 3, laid out as 1C does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Final
from xml.sax.saxutils import quoteattr

from lxml import etree

from syncd.emulator.odata.functions import bind
from syncd.emulator.odata.model import NAMESPACE, EntitySet, EntityType, Function, Kind, Prop, Role, Schema
from syncd.emulator.odata.virtual import columns

_EDMX: Final = "http://schemas.microsoft.com/ado/2007/06/edmx"
_META: Final = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
_EDM: Final = "http://schemas.microsoft.com/ado/2009/11/edm"


def write(schema: Schema) -> bytes:
    """The document of a declared schema; one that was read is given back as it was."""
    return schema.document or "\n".join(_document(schema)).encode()


def _document(schema: Schema) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<edmx:Edmx xmlns:edmx="{_EDMX}" Version="1.0">'
    versions = 'm:DataServiceVersion="3.0" m:MaxDataServiceVersion="3.0"'
    yield f'\t<edmx:DataServices xmlns:m="{_META}" {versions}>'
    yield f'\t\t<Schema xmlns="{_EDM}" Namespace="StandardODATA">'
    for made in schema.sets.values():
        yield from _type("EntityType", made.name, made.type, key=True)
    for made in schema.sets.values():
        yield from _complex(schema, made)
    for made in schema.sets.values():
        yield from _associations(made)
    for name, members in schema.enums.items():
        yield f'\t\t\t<EnumType Name={quoteattr(name)} UnderlyingType="Edm.Int32">'
        yield from (f"\t\t\t\t<Member Name={quoteattr(member)}/>" for member in members)
        yield "\t\t\t</EnumType>"
    yield from _container(schema)
    yield "\t\t</Schema>\n\t</edmx:DataServices>\n</edmx:Edmx>"


def _type(tag: str, name: str, kind: EntityType, *, key: bool) -> Iterator[str]:
    open_ = ' OpenType="true"' if key and any(prop.composite for prop in kind.props.values()) else ""
    yield f"\t\t\t<{tag} Name={quoteattr(name)}{open_}>"
    if key and kind.key:
        yield "\t\t\t\t<Key>"
        yield from (f"\t\t\t\t\t<PropertyRef Name={quoteattr(part)}/>" for part in kind.key)
        yield "\t\t\t\t</Key>"
    for prop in kind.props.values():
        nullable = "false" if prop.name in kind.key or not prop.nullable else "true"
        yield f'\t\t\t\t<Property Name={quoteattr(prop.name)} Type="{prop.type}" Nullable="{nullable}"/>'
    for part, rows in kind.collections.items():
        row = f"{NAMESPACE}{rows.name.removesuffix('_RecordType')}_RowType"
        yield f'\t\t\t\t<Property Name={quoteattr(part)} Type="Collection({row})" Nullable="false"/>'
    for nav in kind.navs if key else ():
        relation = quoteattr(f"{NAMESPACE}{name}_{nav}")
        yield (
            f'\t\t\t\t<NavigationProperty Name={quoteattr(nav)} Relationship={relation} FromRole="Begin" ToRole="End"/>'
        )
    yield f"\t\t\t</{tag}>"


def _complex(schema: Schema, made: EntitySet) -> Iterator[str]:
    for rows in made.type.collections.values():
        yield from _type("ComplexType", f"{rows.name.removesuffix('_RecordType')}_RowType", rows, key=False)
    for (bound, name), function in schema.functions.items():
        if bound == made.name and function.returns and not name.startswith("Slice"):
            record = made.type.collections["RecordSet"]
            yield from _type("ComplexType", function.returns, columns(made, record, function), key=False)


def _associations(made: EntitySet) -> Iterator[str]:
    for nav, target in made.type.navs.items():
        yield f"\t\t\t<Association Name={quoteattr(f'{made.name}_{nav}')}>"
        yield f'\t\t\t\t<End Role="Begin" Type={quoteattr(NAMESPACE + made.name)} Multiplicity="*"/>'
        yield f'\t\t\t\t<End Role="End" Type={quoteattr(NAMESPACE + target)} Multiplicity="0..1"/>'
        yield "\t\t\t</Association>"


def _container(schema: Schema) -> Iterator[str]:
    yield '\t\t\t<EntityContainer Name="EnterpriseV8" m:IsDefaultEntityContainer="true">'
    for name, made in schema.sets.items():
        yield f"\t\t\t\t<EntitySet Name={quoteattr(name)} EntityType={quoteattr(NAMESPACE + made.type.name)}/>"
    for function in schema.functions.values():
        yield from _function(function)
    yield "\t\t\t</EntityContainer>"


def _function(function: Function) -> Iterator[str]:
    effects = "true" if function.side_effects else "false"
    returns = f" ReturnType={quoteattr(f'Collection({NAMESPACE}{function.returns})')}" if function.returns else ""
    yield f'\t\t\t\t<FunctionImport Name="{function.name}" IsBindable="true" IsSideEffecting="{effects}"{returns}>'
    yield f'\t\t\t\t\t<Parameter Name="bindingParameter" Type={quoteattr(NAMESPACE + function.bound)}/>'
    yield from (f'\t\t\t\t\t<Parameter Name="{name}" Type="{type_}"/>' for name, type_ in function.parameters)
    yield "\t\t\t\t</FunctionImport>"


# --- reading ----------------------------------------------------------------------------------------------------------


def read(document: bytes) -> Schema:
    """The schema a base's own ``$metadata`` describes. Namespaces are not looked at: bases differ in them.

    Raises ``lxml.etree.XMLSyntaxError`` for what is no XML.
    """
    found = _Found()
    for _, element in etree.iterparse(BytesIO(document), events=("end",), resolve_entities=False):
        if not isinstance(element.tag, str):
            continue
        tag = etree.QName(element).localname
        if tag in ("EntityType", "ComplexType"):
            found.types[element.get("Name", "")] = element
        elif tag == "Association":
            ends = {end.get("Role"): _bare(end.get("Type")) for end in element.iterchildren() if end.get("Role")}
            found.ends[element.get("Name", "")] = ends
        elif tag == "EnumType":
            names = tuple(child.get("Name", "") for child in element.iterchildren())
            found.schema.enums[element.get("Name", "")] = names
        elif tag == "FunctionImport" and element.get("Name") == "Post":
            binding = next((one.get("Type") for one in element.iterchildren() if one.get("Type")), None)
            found.posted.update((_bare(binding), element.get("EntitySetPath", "")))
        elif tag == "EntitySet":
            found.sets[element.get("Name", "")] = _bare(element.get("EntityType"))
    found.schema.document = document
    return found.build()


def _bare(name: str | None) -> str:
    return (name or "").removeprefix("Collection(").removesuffix(")").rpartition(".")[2]


class _Found:
    """What was seen of a document, until its container says which types are published."""

    def __init__(self) -> None:
        self.schema = Schema()
        self.types: dict[str, etree._Element] = {}
        self.ends: dict[str, dict[str | None, str]] = {}
        self.sets: dict[str, str] = {}
        self.posted: set[str] = set()

    def build(self) -> Schema:
        """The schema."""
        by_type = {type_: name for name, type_ in self.sets.items()}
        for name, type_ in self.sets.items():
            if type_ in self.types:
                self.schema.add(self._set(name, self._entity(self.types[type_], by_type)))
        for made in self.schema.sets.values():
            self._place(made)
        for made in list(self.schema.sets.values()):
            made.posting = not self.posted or made.name in self.posted
            bind(self.schema, made)
        return self.schema

    def _entity(self, element: etree._Element, by_type: dict[str, str]) -> EntityType:
        made = EntityType(
            element.get("Name", ""), tuple(ref.get("Name", "") for ref in element.iterfind(".//{*}PropertyRef"))
        )
        properties = list(element.iterfind("{*}Property"))
        names = {prop.get("Name", ""): prop.get("Type", "") for prop in properties}
        for prop in properties:
            name, type_ = prop.get("Name", ""), prop.get("Type", "")
            row = self.types.get(_bare(type_)) if type_.startswith("Collection(") else None
            if row is not None:
                made.collections[name] = self._entity(row, by_type)
            elif type_.startswith("Edm."):
                made.add(self._prop(prop, name, type_, names))
        for nav in element.iterfind("{*}NavigationProperty"):
            ends = self.ends.get(_bare(nav.get("Relationship")), {})
            made.navs[nav.get("Name", "")] = by_type.get(ends.get(nav.get("ToRole"), ""), "")
        return made

    @staticmethod
    def _prop(element: etree._Element, name: str, type_: str, names: dict[str, str]) -> Prop:
        length = element.get("MaxLength", "")
        pair = name.removesuffix("_Type") if name.endswith("_Type") else f"{name}_Type"
        composite = type_ == "Edm.String" == names.get(pair)
        return Prop(
            name, type_, nullable=element.get("Nullable") != "false",
            length=int(length) if length.isdecimal() else 0, composite=composite, role=_role(name),
        )  # fmt: skip

    @staticmethod
    def _set(name: str, kind: EntityType) -> EntitySet:
        made = EntitySet(name, Kind.OBJECTS, kind)
        made.folders = "IsFolder" in kind.props
        made.code_length = (kind.props["Code"].length or 11) if "Code" in kind.props else 0
        made.number_length = (kind.props["Number"].length or 11) if "Number" in kind.props else 0
        made.periodic = "Period" in kind.props
        if "SurrogateKey" in kind.props:
            made.kind = Kind.CONSTANT
        elif "RecordSet" in kind.collections:
            made.kind = Kind.RECORD_SETS
            made.balance = "RecordType" in kind.collections["RecordSet"].props
        elif kind.key != ("Ref_Key",):
            made.kind = Kind.INDEPENDENT
        return made

    def _place(self, made: EntitySet) -> None:
        """Sections and separate records belong to another set; registers say what is a dimension by their keys."""
        owner, _, section = made.name.rpartition("_")
        if section == "RecordType" and owner in self.schema.sets:
            made.kind, made.owner, made.section = Kind.RECORDS, owner, "RecordSet"
            self.schema.sets[owner].type.collections["RecordSet"] = made.type
            _roles(made.type, self._columns(owner))
        elif set(made.type.key) == {"Ref_Key", "LineNumber"}:
            for other in self.schema.sets.values():
                if (
                    made.name.startswith(f"{other.name}_")
                    and made.name[len(other.name) + 1 :] in other.type.collections
                ):
                    made.kind, made.owner = Kind.SECTION, other.name
                    made.section = made.name[len(other.name) + 1 :]
                    other.type.collections[made.section] = made.type
        elif made.kind is Kind.INDEPENDENT:
            _roles(made.type, [])

    def _columns(self, register: str) -> list[str]:
        """Of the register's virtual tables: its dimensions, and its resources with what was asked of them."""
        for table in ("Balance", "Turnover"):
            element = self.types.get(f"{register}_{table}")
            if element is not None:
                return [prop.get("Name", "") for prop in element.iterfind("{*}Property")]
        return []


_STANDARD: Final = frozenset((
    "Ref_Key", "DataVersion", "DeletionMark", "Parent_Key", "IsFolder", "Description", "Code", "Owner_Key", "Owner",
    "Owner_Type", "Predefined", "PredefinedDataName", "Number", "Date", "Posted", "LineNumber", "SentNo", "ReceivedNo",
    "ThisNode", "Recorder", "Recorder_Type", "Recorder_Key", "Period", "Active", "RecordType", "SurrogateKey",
))  # fmt: skip


def _role(name: str) -> Role:
    return Role.NONE if name in _STANDARD else Role.ATTRIBUTE


def _roles(kind: EntityType, columns_: list[str]) -> None:
    """Dimensions are in the key of an information register, and among the columns of an accumulation register."""
    for name, prop in kind.props.items():
        if prop.role is not Role.ATTRIBUTE:
            continue
        if kind.name.startswith("Accumulation"):
            resource = f"{name}Balance" in columns_ or f"{name}Turnover" in columns_
            role = Role.RESOURCE if resource else Role.DIMENSION if name in columns_ else Role.ATTRIBUTE
        else:
            role = Role.DIMENSION if name in kind.key else Role.RESOURCE
        kind.props[name] = replace(prop, role=role)
