from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncd.commerceml.reader import Reader
from syncd.commerceml.sweep import Sweep
from syncd.errors import DataError
from syncd.model.entities import ENTITIES
from syncd.model.records import BadRecord, CatalogueHead, Item, Record

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "commerceml"
Read = Callable[..., tuple[list[Item], Reader]]

ROOT = "<КоммерческаяИнформация>{}</КоммерческаяИнформация>"


def code_of(data: bytes) -> DataError:
    with pytest.raises(DataError) as caught:
        list(Reader([data]))
    return caught.value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ROOT.format("<Каталог><Ид>1</Каталог>"), "E201"),
        (ROOT.format("<Каталог></Каталог>")[:-3], "E216"),
        (ROOT.format("<Каталог>")[:-30], "E216"),
        (ROOT.format("<Каталог><Ид>1 &amp"), "E201"),
        ("", "E201"),
        ("<?xml version='1.0'?>", "E201"),
        ("не XML", "E201"),
        (ROOT.format("&nbsp;"), "E201"),
        ("<html><body/></html>", "E203"),
        ("<!DOCTYPE html><html/>", "E204"),
        ('<!DOCTYPE x [<!ENTITY a "b">]>' + ROOT.format("<Документ><Ид>&a;</Ид></Документ>"), "E204"),
        ('<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">' + ROOT.format(""), "E204"),
        (ROOT.format('<Каталог Идентификатор="1" Наименование="К"/>'), "E202"),
        (ROOT.format('<Документ ХозОперация="Order" Номер="1"/>'), "E202"),
        ('<КоммерческаяИнформация ВерсияСхемы="1.05"/>', "E202"),
    ],
)
def test_a_document_that_cannot_be_read_is_refused_with_its_reason(text: str, code: str) -> None:
    assert code_of(text.encode()).code == code


def test_broken_xml_is_refused_with_its_line() -> None:
    error = code_of(ROOT.format("\n\n<Каталог>\n</Товары>").encode())
    assert error.params["line"] == 4


def test_records_before_broken_xml_are_still_yielded() -> None:
    group = "<Группы><Группа><Ид>1</Ид></Группа></Группы>"
    start = f"<КоммерческаяИнформация><Классификатор>{group}{' ' * 300}"
    reader = iter(Reader([start.encode(), b"<x></y>"]))
    assert isinstance(next(reader), Record)
    with pytest.raises(DataError):
        next(reader)


def test_the_head_tells_version_namespace_and_origin(read_fixture: Read) -> None:
    _, reader = read_fixture("catalogue.xml")
    head = reader.head
    assert head.root == "КоммерческаяИнформация"
    assert (head.namespace, head.schema_version) == ("urn:1C.ru:commerceml_2", "2.08")
    assert (head.generated_at, head.id) == ("2026-03-01T0:36:33", "Витрина")


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.glob("*.xml")))
def test_the_pieces_of_a_document_do_not_change_what_is_read(read_fixture: Read, name: str, size: int) -> None:
    whole, first = read_fixture(name)
    pieces, second = read_fixture(name, size=size)
    assert [repr(item) for item in pieces] == [repr(item) for item in whole]
    assert (second.unknown, second.counts, second.warnings) == (first.unknown, first.counts, first.warnings)


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.glob("*.xml")))
def test_every_field_read_exists_in_the_model(read_fixture: Read, name: str) -> None:
    items, _ = read_fixture(name)
    for item in items:
        if isinstance(item, Record):
            entity = ENTITIES[item.entity]
            assert len(item.key) == len(entity.key)
            assert item.fields.keys() <= {field.name for field in entity.fields}


@pytest.mark.parametrize(
    "opening",
    [
        "<КоммерческаяИнформация>",
        *(f'<КоммерческаяИнформация xmlns="urn:1C.ru:commerceml_{n}">' for n in ("2", "205", "208", "210", "3")),
    ],
)
def test_every_namespace_means_the_same(opening: str) -> None:
    body = "<Каталог><Ид>c</Ид><Товары><Товар><Ид>1</Ид></Товар></Товары></Каталог></КоммерческаяИнформация>"
    assert list(Reader([(opening + body).encode()])) == [
        CatalogueHead("catalogue", "c", "", None),
        Record("product", ("1",), {"catalogue_id": "c"}, line=1),
    ]


def test_a_head_after_its_records_is_told_again() -> None:
    goods = f"<Товары><Товар><Ид>1</Ид></Товар></Товары>{' ' * 300}"
    after = "<Ид>c</Ид><СодержитТолькоИзменения>0</СодержитТолькоИзменения></Каталог></КоммерческаяИнформация>"
    items = list(Reader([f"<КоммерческаяИнформация><Каталог>{goods}".encode(), after.encode()]))
    assert items == [
        CatalogueHead("catalogue", "", "", None),
        Record("product", ("1",), {}, line=1),
        CatalogueHead("catalogue", "c", "", False),
    ]


@pytest.mark.parametrize(
    ("catalogue", "changes_only"),
    [
        ("<Каталог><Ид>c</Ид></Каталог>", None),
        ('<Каталог СодержитТолькоИзменения="true"><Ид>c</Ид></Каталог>', True),
        ('<Каталог СодержитТолькоИзменения="1"><Ид>c</Ид></Каталог>', True),
        ("<Каталог><Ид>c</Ид><СодержитТолькоИзменения>false</СодержитТолькоИзменения></Каталог>", False),
    ],
)
def test_a_stub_catalogue_has_a_head_and_no_products(read_xml: Read, catalogue: str, changes_only: bool | None) -> None:
    assert read_xml(catalogue)[0] == [CatalogueHead("catalogue", "c", "", changes_only)]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ("<Ид>c#</Ид>", "c"),
        ("<Ид>#c</Ид>", "c"),
        ("<Ид>other#</Ид><ИдКаталога>c</ИдКаталога>", "c"),
    ],
)
@pytest.mark.parametrize("tag", ["ПакетПредложений", "ИзмененияПакетаПредложений"])
def test_a_package_of_offers_is_known_by_its_catalogue(read_xml: Read, tag: str, ids: str, expected: str) -> None:
    (head,) = read_xml(f"<{tag}>{ids}</{tag}>")[0]
    assert head == CatalogueHead("offers", expected, "", None)


def test_what_is_not_read_is_counted_by_its_path(read_fixture: Read) -> None:
    _, reader = read_fixture("catalogue.xml")
    assert reader.unknown["НаборыТоваров/Набор"] == 2
    assert reader.unknown["НаборыТоваров"] == 1
    assert reader.unknown["Товар/ДополнительнаяКартинка1"] == 1
    assert reader.unknown["Товар/Ширина"] == 1
    assert not any("Владелец" in path or "Товары" in path for path in reader.unknown)


def test_a_bad_record_does_not_stop_the_others(read_fixture: Read) -> None:
    items, reader = read_fixture("catalogue.xml")
    bad = [item for item in items if isinstance(item, BadRecord)]
    assert [(item.entity, item.error.code) for item in bad] == [
        ("category", "E211"),
        ("property", "E211"),
        ("product", "E211"),
    ]
    assert all(item.line > 0 for item in bad)
    assert reader.counts["Товар"] == 9


def test_a_record_knows_its_line(read_fixture: Read) -> None:
    items, _ = read_fixture("catalogue.xml")
    lines = (FIXTURES / "catalogue.xml").read_text("utf-8").splitlines()
    for item in items:
        if isinstance(item, Record) and item.entity == "product":
            assert "<Товар" in lines[item.line - 1]


def long_document(count: int, row: str, before: str, after: str) -> Iterator[bytes]:
    yield f"<КоммерческаяИнформация>{before}".encode()
    block = (row * 100).encode()
    for _ in range(count // 100):
        yield block
    yield f"{after}</КоммерческаяИнформация>".encode()


PRODUCT = "<Товар><Ид>1</Ид><Наименование>Товар с именем</Наименование><Описание>" + "x" * 300 + "</Описание></Товар>"
OFFER = '<Предложение><Ид>1</Ид><Склад ИдСклада="w" КоличествоНаСкладе="1"/></Предложение>'
JUNK = "<Мусор><Глубже><Ещё>" + "x" * 300 + "</Ещё></Глубже></Мусор>"


@pytest.mark.parametrize(
    ("row", "before", "after"),
    [
        (PRODUCT, "<Каталог><Ид>c</Ид><Товары>", "</Товары></Каталог>"),
        (OFFER, "<ПакетПредложений><Ид>c</Ид><Предложения>", "</Предложения></ПакетПредложений>"),
        (JUNK, "<Неизвестное><Список>", "</Список></Неизвестное>"),
        (JUNK, "<Каталог>", "<Ид>c</Ид></Каталог>"),
        ("<Документ><Номер>1</Номер></Документ>", "", ""),
        ("<Контейнер><Документ><Номер>1</Номер></Документ></Контейнер>", "", ""),
        ("<Свойство><Ид>1</Ид></Свойство>", "<Классификатор><Свойства>", "</Свойства></Классификатор>"),
    ],
)
def test_the_tree_in_memory_does_not_grow_with_the_document(
    monkeypatch: pytest.MonkeyPatch, row: str, before: str, after: str
) -> None:
    sizes: list[int] = []

    class Counting(Sweep):
        def run(self) -> None:
            super().run()
            sizes.append(sum(1 for _ in self._root.iter()))

    monkeypatch.setattr("syncd.commerceml.reader.Sweep", Counting)
    for _ in Reader(long_document(20_000, row, before, after)):
        pass
    assert len(sizes) > 10
    assert max(sizes) < 20


def test_memory_of_python_stays_flat() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        for _ in Reader(long_document(count, PRODUCT, "<Каталог><Ид>c</Ид><Товары>", "</Товары></Каталог>")):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1000)
    assert peak(20_000) < 2 * peak(2_000) + 200_000
