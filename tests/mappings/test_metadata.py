"""The metadata of a base: read as a stream, kept small, searched in Russian, compared."""

from __future__ import annotations

import io
import resource
from pathlib import Path

import pytest

from syncd.errors import MappingError
from syncd.mappings.metadata_reader import pack, read, unpack
from syncd.mappings.metadata_search import diff, search
from syncd.mappings.words import hint, in_odata, nearest
from tests.conftest import CORPUS
from tests.mappings.bases import edmx

EDMX = CORPUS / "odata" / "edmx"
HEAD = '<edmx:Edmx xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx" Version="1.0"><edmx:DataServices>'
TAIL = "</edmx:DataServices></edmx:Edmx>"


def document(body: str, container: str = "", namespace: str = "http://schemas.microsoft.com/ado/2009/11/edm") -> bytes:
    schema = f'<Schema xmlns="http://schemas.microsoft.com/ado/2009/11/edm" Namespace="StandardODATA">{body}</Schema>'
    second = f'<Schema Namespace="Default" xmlns="{namespace}"><EntityContainer>{container}</EntityContainer></Schema>'
    return (HEAD + schema + second + TAIL).encode()


CATALOG = """
  <EntityType Name="Catalog_Товары"><Key><PropertyRef Name="Ref_Key"/></Key>
    <Property Name="Ref_Key" Type="Edm.Guid" Nullable="false"/><Property Name="Имя" Type="Edm.String" MaxLength="25"/>
    <Property Name="Вид_Key" Type="Edm.Guid"/><Property Name="Цены" Type="Collection(StandardODATA.Catalog_Товары_Цены_RowType)"/>
    <Property Name="База" Type="Edm.String"/><Property Name="База_Type" Type="Edm.String"/>
    <NavigationProperty Name="Вид" Relationship="StandardODATA.A" FromRole="Begin" ToRole="End"/>
  </EntityType>
  <EntityType Name="Catalog_Виды"><Key><PropertyRef Name="Ref_Key"/></Key><Property Name="Ref_Key" Type="Edm.Guid"/></EntityType>
  <ComplexType Name="Catalog_Товары_Цены_RowType"><Property Name="Цена" Type="Edm.Double"/></ComplexType>
  <EnumType Name="Статусы" AllowedLength="10" AllowedLength="10"><Member Name="Новый"/></EnumType>
  <Association Name="A"><End Role="Begin" Type="StandardODATA.Catalog_Товары"/><End Role="End" Type="StandardODATA.Catalog_Виды"/></Association>
"""  # noqa: E501
SETS = """
  <EntitySet Name="Catalog_Товары" EntityType="StandardODATA.Catalog_Товары"/>
  <EntitySet Name="Catalog_Виды" EntityType="StandardODATA.Catalog_Виды"/>
"""


def test_what_real_documents_do_is_understood() -> None:
    """A second schema of another namespace holds the container, and an attribute of EnumType stands there twice."""
    made = read(io.BytesIO(document(CATALOG, SETS, "http://docs.oasis-open.org/odata/ns/edm")))
    shape = made.shape("Catalog_Товары")
    assert shape is not None
    assert shape.references == {"Вид": "Catalog_Виды"}
    assert shape.properties["Имя"].length == 25
    assert shape.sections == {"Цены": "Catalog_Товары_Цены_RowType"}
    assert shape.is_composite("База")
    assert not shape.is_composite("Имя")
    assert made.enums == {"Статусы": ("Новый",)}
    assert made.shape("Catalog_Нет") is None


def test_an_excerpt_of_a_live_base_is_understood() -> None:
    path = EDMX / "ut11_real_excerpt.edmx"
    if not path.is_file():
        pytest.skip("the corpus is not here")
    with path.open("rb") as stream:
        made = read(stream)
    records = "InformationRegister_пр_ОчередьДействий_RecordType"
    assert set(made.calls(records)) == {"SliceLast"}
    assert made.virtual("InformationRegister_пр_ОчередьДействий", "SliceLast") is None
    found = made.virtual(records, "SliceLast")
    assert found is not None
    assert [name for name, _ in found[0].parameters] == ["Condition", "Period"]
    assert made.functions["Document_РеализацияТоваровУслуг"]["Post"].writes


@pytest.mark.parametrize("path", sorted(EDMX.glob("hackercb_synth_0[1-8]*.xml")), ids=lambda path: path.stem)
def test_small_documents_of_another_client_are_read(path: Path) -> None:
    with path.open("rb") as stream:
        assert read(stream).sets


@pytest.mark.parametrize(
    "data",
    [
        b"", b"<html><body>1C:Enterprise 8</body></html>", b'{"value": []}', document(CATALOG, SETS)[:-60],
        document(CATALOG, SETS)[:900], document(CATALOG),
        b'<!DOCTYPE x [<!ENTITY a "aaa">]><x>&a;</x>',
    ],
)  # fmt: skip
def test_what_is_no_whole_metadata_is_refused(data: bytes) -> None:
    with pytest.raises(MappingError) as caught:
        read(io.BytesIO(data))
    assert caught.value.code == "E732"
    assert "standard.odata/$metadata" in str(caught.value)


def test_the_compact_form_says_the_same_and_is_small() -> None:
    made = edmx("ut11.4")
    packed = pack(made)
    assert len(packed) < 600_000
    assert unpack(packed) == made
    with pytest.raises(MappingError):
        unpack(packed[:-20])


def test_a_document_of_fifteen_megabytes_costs_little_time_and_memory() -> None:
    """Twice the corpus' document: its bytes are read once, and kept by nobody."""
    made = edmx("ut11.4")  # so that what is measured is the second reading
    many = "".join(
        f'<EntityType Name="Catalog_С{n}"><Key><PropertyRef Name="Ref_Key"/></Key>'
        + "".join(f'<Property Name="Реквизит{m}" Type="Edm.String" Nullable="true"/>' for m in range(45))
        + "</EntityType>"
        for n in range(4300)
    )
    sets = "".join(f'<EntitySet Name="Catalog_С{n}" EntityType="StandardODATA.Catalog_С{n}"/>' for n in range(4300))
    data = document(many, sets)
    assert len(data) > 13_000_000
    before = resource.getrusage(resource.RUSAGE_SELF)
    big = read(io.BytesIO(data))
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert len(big.sets) == 4300 > len(made.sets) / 2
    assert after.ru_utime - before.ru_utime < 10
    assert after.ru_maxrss - before.ru_maxrss < 150_000, "kilobytes"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("номенклатура вид", "Catalog_ВидыНоменклатуры"),
        ("ВИД НОМЕНКЛАТУРА", "Catalog_ВидыНоменклатуры"),
        ("заказ клиента номер", "НомерПоДаннымКлиента"),
        ("штрихкод", "InformationRegister_ШтрихкодыНоменклатуры"),
        ("заказклиента", "Document_ЗаказКлиента"),
        ("свободные остатки balance", "AccumulationRegister_СвободныеОстатки/Balance"),
        ("партнер", "Catalog_Партнеры"),
    ],
)
def test_things_are_found_by_words_of_any_case_and_ending(words: str, expected: str) -> None:
    assert expected in [hit.path for hit in search(edmx("ut11.4"), words, limit=8)]


def test_yo_and_ye_are_the_same_letter_in_a_search() -> None:
    base = edmx("ut11.4")
    assert search(base, "учёт", limit=5) == search(base, "учет", limit=5) != []
    assert search(base, "нетакогослова") == search(base, "  ") == []


def test_a_change_of_the_configuration_is_told_by_property() -> None:
    old = read(io.BytesIO(document(CATALOG, SETS)))
    new = read(io.BytesIO(document(
        CATALOG.replace('"Имя" Type="Edm.String" MaxLength="25"', '"Имя" Type="Edm.String" MaxLength="10"')
        .replace('<Property Name="Вид_Key" Type="Edm.Guid"/>', "").replace('"Цена"', '"Стоимость"'),
        SETS + '<EntitySet Name="Catalog_Новый" EntityType="StandardODATA.Catalog_Виды"/>',
    )))  # fmt: skip
    told = {change.path: (change.before, change.after) for change in diff(old, new)}
    assert told == {
        "Catalog_Новый": ("", "+"),
        "Catalog_Товары.Вид_Key": ("→ Catalog_Виды", ""),
        "Catalog_Товары.Имя": ("Edm.String(25)", "Edm.String(10)"),
        "Catalog_Товары.Цены/Стоимость": ("", "Edm.Double"),
        "Catalog_Товары.Цены/Цена": ("Edm.Double", ""),
    }
    assert diff(old, old) == []


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("Артикль", ["Артикул", "Код"], "Артикул"),
        ("ЕдиницаИзмерения", ["ЕдиницаИзмерения_Key", "Единица"], "ЕдиницаИзмерения_Key"),
        ("ВНаличии", ["ВНаличииBalance", "Номенклатура_Key"], "ВНаличииBalance"),
        ("Наименование", ["НаименованиеПолное", "Description"], "Description"),
        ("Справочник.Номенклатура", ["Catalog_Номенклатура"], "Catalog_Номенклатура"),
        ("партнёр_key", ["Партнер_Key"], "Партнер_Key"),
    ],
)
def test_the_nearest_name_is_what_a_1c_developer_means(name: str, known: list[str], expected: str) -> None:
    assert nearest(name, known) == [expected]
    assert expected in hint(name, known)


def test_names_of_the_language_of_1c_are_put_into_those_of_odata() -> None:
    assert in_odata("РегистрСведений.Цены.СрезПоследних") == "InformationRegister_Цены/SliceLast"
    assert in_odata("Ссылка") == "Ref_Key"
    assert in_odata("Артикул") == "Артикул"
