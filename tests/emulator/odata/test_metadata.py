"""$metadata: written for the presets, read from other bases."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from lxml import etree

from syncd.emulator.odata import OdataBase
from syncd.emulator.odata.edmx import read, write
from syncd.emulator.odata.model import Kind, Role
from tests.emulator.odata.conftest import Connect, Wire, corpus

PRESETS = (("ut11", "metadata/ut11.4.edmx.gz"), ("unf", "metadata/unf1.6.edmx.gz"))
EDM = "{http://schemas.microsoft.com/ado/2009/11/edm}"
META = "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}"


def real(name: str) -> etree._Element:
    return etree.fromstring(gzip.decompress(corpus(name).read_bytes()), etree.XMLParser(huge_tree=True))


def properties(element: etree._Element) -> dict[str, tuple[str | None, str | None]]:
    return {
        prop.get("Name", ""): (prop.get("Type"), prop.get("Nullable")) for prop in element.findall(f"{EDM}Property")
    }


@pytest.mark.parametrize(("preset", "captured"), PRESETS)
def test_every_set_of_a_preset_is_one_of_the_real_configuration(preset: str, captured: str) -> None:
    """Names, types and keys are those of the real metadata; fields of customers and most sets are left out."""
    theirs = {element.get("Name"): element for element in real(captured).iter(f"{EDM}EntityType")}
    ours = etree.fromstring(write(OdataBase(preset, size=1).store.schema))
    found = list(ours.iter(f"{EDM}EntityType"))
    assert len(found) > 80
    for element in found:
        other = theirs[element.get("Name")]
        mine, real_ = properties(element), properties(other)
        for name, (type_, nullable) in mine.items():
            assert name in real_, (element.get("Name"), name)
            assert type_ == real_[name][0]
            assert nullable == real_[name][1], (element.get("Name"), name)
        keys = [[ref.get("Name") for ref in one.iter(f"{EDM}PropertyRef")] for one in (element, other)]
        assert keys[0] == keys[1]
        ends = {nav.get("Name") for nav in other.findall(f"{EDM}NavigationProperty")}
        assert {nav.get("Name") for nav in element.findall(f"{EDM}NavigationProperty")} <= ends


@pytest.mark.parametrize(("preset", "captured"), PRESETS)
def test_functions_and_their_results_are_declared_as_in_the_real_configuration(preset: str, captured: str) -> None:
    def functions(root: etree._Element) -> dict[tuple[str | None, str], tuple[object, ...]]:
        found: dict[tuple[str | None, str], tuple[object, ...]] = {}
        for one in root.iter(f"{EDM}FunctionImport"):
            parameters = [(item.get("Name"), item.get("Type")) for item in one.findall(f"{EDM}Parameter")]
            key = (one.get("Name"), str(parameters[0][1]))
            found[key] = (one.get("IsSideEffecting"), one.get("ReturnType"), *parameters)
        return found

    root, other = etree.fromstring(write(OdataBase(preset, size=1).store.schema)), real(captured)
    theirs, ours = functions(other), functions(root)
    assert len(ours) > 20
    for key, value in ours.items():
        assert value == theirs[key]
    rows = {element.get("Name"): list(properties(element)) for element in other.iter(f"{EDM}ComplexType")}
    for element in root.iter(f"{EDM}ComplexType"):
        if element.get("Name", "").endswith(("_Balance", "_Turnover", "_BalanceAndTurnover")):
            theirs_ = [name for name in rows[element.get("Name")] if name in properties(element)]
            assert list(properties(element)) == theirs_


def test_the_document_is_laid_out_as_1c_does(odata: Wire) -> None:
    answer = odata.get("$metadata")
    assert answer.headers["content-type"].startswith("application/xml")
    root = etree.fromstring(answer.content)
    services = root[0]
    assert services.get(f"{META}DataServiceVersion") == "3.0"
    schema = services[0]
    assert schema.get("Namespace") == "StandardODATA"
    container = schema.find(f"{EDM}EntityContainer")
    assert container is not None
    assert container.get("Name") == "EnterpriseV8"
    names = {element.get("Name") for element in container.findall(f"{EDM}EntitySet")}
    assert names == {one["name"] for one in odata.json("")["value"]}
    assert not [name for name in names if str(name).startswith("Enum")], "enumerations are types only"
    associations = {element.get("Name") for element in schema.findall(f"{EDM}Association")}
    for nav in schema.iter(f"{EDM}NavigationProperty"):
        assert str(nav.get("Relationship")).removeprefix("StandardODATA.") in associations


@pytest.mark.parametrize("preset", ["ut11", "unf"])
def test_a_written_document_is_read_back_as_the_same_schema(preset: str) -> None:
    ours = OdataBase(preset, size=1).store.schema
    again = read(write(ours))
    assert again.sets.keys() == ours.sets.keys()
    assert again.enums == ours.enums
    assert again.functions.keys() == ours.functions.keys()
    for name, made in ours.sets.items():
        other = again.sets[name]
        assert (other.kind, other.owner, other.section, other.folders) == (
            made.kind,
            made.owner,
            made.section,
            made.folders,
        )
        assert other.type.key == made.type.key
        assert list(other.type.props) == list(made.type.props)
        assert other.type.navs == made.type.navs
        assert other.type.collections.keys() == made.type.collections.keys()
        for prop in made.type.props.values():
            found = other.type.props[prop.name]
            assert (found.type, found.composite) == (prop.type, prop.composite), prop.name
            assert found.nullable == (prop.nullable and prop.name not in made.type.key), prop.name
        if made.name.startswith("Accum") and made.kind is Kind.RECORDS:
            for role in (Role.DIMENSION, Role.RESOURCE):
                assert other.type.of_role(role) == made.type.of_role(role)


def test_a_base_serves_the_sets_of_a_whole_real_configuration(connect: Connect, tmp_path: Path) -> None:
    document = tmp_path / "ut.xml"
    document.write_bytes(gzip.decompress(corpus("metadata/ut11.4.edmx.gz").read_bytes()))
    base = connect(metadata=document, size=5)
    assert len(base.json("")["value"]) > 2500
    rows = base.rows("Catalog_Номенклатура?$select=Code,Description&$orderby=Ref_Key")
    assert rows[0] == {"Code": "00000000001", "Description": "Номенклатура 1"}
    assert len(rows) == 5
    body = {"Date": "2026-05-05T10:00:00", "Товары": [{"LineNumber": 1, "Количество": 2}]}
    made = base.write("POST", "Document_ЗаказКлиента", body)
    assert made.status_code == 201
    address = f"Document_ЗаказКлиента(guid'{made.json()['Ref_Key']}')"
    assert base.send("POST", f"{address}/Post").status_code == 200
    assert base.json(address)["Posted"] is True
    assert base.rows("AccumulationRegister_СвободныеОстатки/Balance") == []
    assert base.rows("InformationRegister_ЦеныНоменклатуры_RecordType/SliceLast") == []
    assert base.get("$metadata").content == document.read_bytes(), "byte for byte"


@pytest.mark.parametrize(
    "name",
    sorted(path.name for path in (Path(__file__).resolve().parents[4] / "shared/corpus/odata/edmx").glob("*")) or [""],
)
def test_documents_of_other_bases_are_served(connect: Connect, name: str) -> None:
    base = connect(metadata=corpus(f"edmx/{name}"), size=3)
    for one in base.json("")["value"]:
        made = base.base.store.schema.sets[one["name"]]
        rows = base.rows(one["name"])
        if made.kind is Kind.OBJECTS:
            assert len(rows) == 3
            assert base.json(f"{one['name']}(guid'{rows[0]['Ref_Key']}')") == rows[0]


def test_two_schemas_in_one_document_are_both_read(connect: Connect) -> None:
    source = corpus("edmx/hackercb_synth_02-document-with-fi.xml").read_text(encoding="utf-8")
    start, end = source.index("<EntityContainer"), source.index("</Schema>")
    split = (
        source[:start] + '</Schema><Schema Namespace="Default" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        + source[start:end] + source[end:]
    )  # fmt: skip
    base = connect(metadata=split.encode(), size=2)
    assert len(base.rows("Document_РТУ")) == 2


def test_fields_of_captured_answers_are_given_as_captured(connect: Connect) -> None:
    """A document rebuilt from a captured answer is served with the same keys and types."""
    captured = json.loads(corpus("json/captured_moon_test_5_Catalog_ЕдиницыИзмерения.json").read_text("utf-8-sig"))
    row = captured["value"][0]
    edm = {bool: "Edm.Boolean", int: "Edm.Double", str: "Edm.String"}
    fields = {name: edm[type(value)] for name, value in row.items() if "@" not in name}
    fields |= {name: "Edm.Guid" for name in fields if name.endswith("_Key")} | {"Коэффициент": "Edm.Int64"}
    lines = "".join(f'<Property Name="{name}" Type="{type_}"/>' for name, type_ in fields.items())
    document = (
        '<edmx:Edmx xmlns:edmx="e"><Schema xmlns="s"><EntityType Name="Catalog_ЕдиницыИзмерения"><Key>'
        f'<PropertyRef Name="Ref_Key"/></Key>{lines}<NavigationProperty Name="Owner" Relationship="S.A" ToRole="End"/>'
        '</EntityType><Association Name="A"><End Role="End" Type="S.Catalog_ЕдиницыИзмерения"/></Association>'
        '<EntityContainer><EntitySet Name="Catalog_ЕдиницыИзмерения" EntityType="S.Catalog_ЕдиницыИзмерения"/>'
        "</EntityContainer></Schema></edmx:Edmx>"
    )
    base = connect(metadata=document.encode(), size=1)
    ref = base.rows("Catalog_ЕдиницыИзмерения")[0]["Ref_Key"]
    body = {name: value for name, value in row.items() if "@" not in name}
    base.write("PATCH", f"Catalog_ЕдиницыИзмерения(guid'{ref}')", body)
    answer = base.get("Catalog_ЕдиницыИзмерения?$format=json").json()
    ours = answer["value"][0]
    assert list(ours) == list(row)
    same = {name for name in row if name not in ("Ref_Key", "DataVersion") and "@" not in name}
    assert {name: ours[name] for name in same} == {name: row[name] for name in same}
    link = re.sub(r"guid'.*?'", f"guid'{ref}'", row["Owner@navigationLinkUrl"])
    assert ours["Owner@navigationLinkUrl"] == link
    assert answer["odata.metadata"].rpartition("/")[2] == captured["odata.metadata"].rpartition("/")[2]
