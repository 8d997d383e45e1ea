"""Metadata of real configurations, from the corpus beside the checkout."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from functools import cache

import pytest

from syncd.mappings.metadata import Function, Metadata, Property, Shape
from syncd.mappings.metadata_reader import read
from tests.conftest import CORPUS

FOLDER = CORPUS / "odata" / "metadata"
_EDM = {"decimal": "Edm.Double", "boolean": "Edm.Boolean", "dateTime": "Edm.DateTime", "string": "Edm.String"}
_CATALOG = ("Ref_Key", "DataVersion", "DeletionMark", "Parent_Key", "Owner_Key", "IsFolder", "Code", "Description")
_DOCUMENT = ("Ref_Key", "DataVersion", "DeletionMark", "Number", "Date", "Posted")
_KINDS = {"DeletionMark": "Edm.Boolean", "IsFolder": "Edm.Boolean", "Posted": "Edm.Boolean", "Date": "Edm.DateTime"}


@cache
def edmx(name: str) -> Metadata:
    """A whole ``$metadata``: ``ut11.4`` or ``unf1.6``."""
    path = FOLDER / f"{name}.edmx.gz"
    if not path.is_file():
        pytest.skip("the corpus is not here")
    with gzip.open(path) as stream:
        return read(stream)


@cache
def listed(config: str) -> Metadata:
    """What the list of fields says of a configuration, in the shape its ``$metadata`` would have.

    The list does not say of a register of facts whether it is independent; the set and its ``_RecordType`` are made.
    """
    made = Metadata(config)
    for object_, rows in _objects(config):
        _add(made, object_, rows)
    for name in {target for shape in made.types.values() for target in shape.references.values()} - made.types.keys():
        _add(made, name, [])  # the list holds the objects that matter for trade; others are referred to all the same
    owner = Property("Owner", "Edm.String")
    for name in {"Catalog_ХарактеристикиНоменклатуры"} & made.types.keys():
        made.types[name].properties |= {"Owner": owner, "Owner_Type": Property("Owner_Type", "Edm.String")}
    if not made.sets:
        pytest.skip("the corpus is not here")
    return made


def _objects(config: str) -> Iterator[tuple[str, list[list[str]]]]:
    path = FOLDER / "config_fields.tsv.gz"
    if not path.is_file():
        return
    found: dict[str, list[list[str]]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            cells = line.rstrip("\n").split("\t")
            if cells[0] == config:
                found.setdefault(cells[1], []).append(cells)
    yield from found.items()


def _add(made: Metadata, name: str, rows: list[list[str]]) -> None:
    kind = name.partition("_")[0]
    standard = _CATALOG if kind == "Catalog" else _DOCUMENT if kind == "Document" else ()
    shape = Shape(name, ("Ref_Key",) if standard else (), {}, {})
    for attribute in standard:
        type_ = "Edm.Guid" if attribute.endswith("_Key") else _KINDS.get(attribute, "Edm.String")
        shape.properties[attribute] = Property(attribute, type_)
    if "Parent_Key" in shape.properties:
        shape.references["Parent"] = name
    for _, _, section, attribute, types in rows:
        if not section.startswith("TS:"):
            _property(shape, attribute, types)
            continue
        row_name = f"{name}_{section[3:]}_RowType"
        shape.properties[section[3:]] = Property(section[3:], f"Collection({row_name})")
        row = made.types.setdefault(
            row_name, Shape(row_name, (), {"LineNumber": Property("LineNumber", "Edm.Int64")}, {})
        )
        _property(row, attribute, types)
    made.sets[name] = name
    made.types[name] = shape
    if kind == "Document":
        made.functions[name] = {"Post": Function("Post", name, (("PostingModeOperational", "Edm.Boolean"),), "", True)}
    if kind.endswith("Register"):
        _register(made, kind, name, rows)


def _register(made: Metadata, kind: str, name: str, rows: list[list[str]]) -> None:
    records = f"{name}_RecordType"
    made.types[records] = Shape(records, (), made.types[name].properties, made.types[name].references)
    made.sets[records] = records
    if kind == "InformationRegister":
        parameters: tuple[tuple[str, str], ...] = (("Condition", "Edm.String"), ("Period", "Edm.DateTime"))
        for owner in (name, records):
            made.functions[owner] = {"SliceLast": Function("SliceLast", owner, parameters, records, False)}
        return
    result = Shape(f"{name}_Balance", (), {}, made.types[name].references)
    for _, _, section, attribute, types in rows:
        if section == "Dimension":
            _property(result, attribute, types)
        elif section == "Resource":
            result.properties[f"{attribute}Balance"] = Property(f"{attribute}Balance", "Edm.Double")
    made.types[result.name] = result
    made.types[name] = Shape(
        name, (), {"Recorder": Property("Recorder", "Edm.String"), "RecordSet": Property("RecordSet", "Edm.String")}, {}
    )
    names = ["Condition", "Dimensions", "Period"]
    if kind == "AccountingRegister":
        names += ["AccountCondition", "ExtraDimensions"]
        for extra in ("Account_Key", "ExtDimension1", "ExtDimension2", "ExtDimension3"):
            type_ = "Edm.Guid" if extra.endswith("_Key") else "Edm.String"
            result.properties[extra] = Property(extra, type_)
            if type_ == "Edm.String":
                result.properties[f"{extra}_Type"] = Property(f"{extra}_Type", "Edm.String")
        result.references["Account"] = "ChartOfAccounts_Хозрасчетный"
        made.types.setdefault(
            "ChartOfAccounts_Хозрасчетный",
            Shape("ChartOfAccounts_Хозрасчетный", ("Ref_Key",), {"Code": Property("Code", "Edm.String")}, {}),
        )
        for resource in [p for p in result.properties if p.endswith("Balance")]:
            for side in ("Dr", "Cr"):
                result.properties[resource + side] = Property(resource + side, "Edm.Double")
    parameters = tuple((parameter, "Edm.String") for parameter in names)
    made.functions[name] = {"Balance": Function("Balance", name, parameters, result.name, False)}


def _property(shape: Shape, name: str, types: str) -> None:
    first = types.split(";", maxsplit=1)[0]
    if name.endswith("_Key"):
        shape.properties[name] = Property(name, "Edm.Guid")
        kind, _, target = first.partition("Ref.")
        shape.references[name.removesuffix("_Key")] = f"{kind}_{target}"
        return
    shape.properties[name] = Property(name, _EDM.get(first, "Edm.String"))
    if ";" in types or ("Ref." in first and not first.startswith("Enum")):
        shape.properties[f"{name}_Type"] = Property(f"{name}_Type", "Edm.String")
