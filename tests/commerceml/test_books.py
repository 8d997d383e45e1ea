"""Reference books: every item under its book, however the document is cut, and whole sets only where they are said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from syncd.commerceml.reader import Reader
from syncd.commerceml.sweep import Sweep
from syncd.model.records import BadRecord, Record, WholeSet

Read = Callable[..., tuple[list[Any], Reader]]


def books(flag: str, *items: str, before: str = "", book: str = "Книга") -> str:
    rows = "".join(f"<ЭлементСправочника><Ид>{item}</Ид></ЭлементСправочника>" for item in items)
    return (
        f"<ПользовательскиеСправочники{flag}>{before}<Справочник><Ид>{book}</Ид>"
        f"<ЭлементыСправочника>{rows}</ЭлементыСправочника></Справочник></ПользовательскиеСправочники>"
    )


def records(items: list[Any], entity: str) -> list[Record]:
    return [item for item in items if isinstance(item, Record) and item.entity == entity]


def test_a_book_comes_with_its_columns_before_its_items(read_fixture: Read) -> None:
    items, _ = read_fixture("references.xml")
    book, first, second, third = items[:4]
    assert (book.entity, book.key, book.extra) == ("reference_book", ("Бренды",), {"Цвет": "синий"})
    assert book.fields == {
        "name": "Бренды товаров",
        "fields": [
            {"id": "Наименование", "name": "Наименование", "value_type": "text"},
            {"id": "Основан", "name": "Год основания", "value_type": "number"},
            {"id": "Страны", "name": "Страны", "value_type": "text"},
        ],
    }
    assert first.key == ("Бренды", "b-1")
    assert first.fields == {
        "name": "Лютик",
        "version": "AAAB",
        "values": {"Наименование": "Лютик", "Основан": "1987", "Страны": ["Россия", "Сербия"]},
    }
    assert second.fields["values"] == {"Наименование": "Ромашка", "Основан": None}, "an empty value clears"
    assert second.extra == {"Порядок": "7"}
    assert (third.key, third.deleted) == (("Бренды", "b-3"), True)
    assert items[4] == WholeSet("reference_item", "Бренды")


def test_a_book_without_items_is_told_and_is_then_empty(read_fixture: Read) -> None:
    items, _ = read_fixture("references.xml")
    at = next(n for n, item in enumerate(items) if isinstance(item, Record) and item.key == ("Пустой",))
    assert items[at].fields == {"name": "Пустой справочник"}
    assert items[at + 1] == WholeSet("reference_item", "Пустой")


def test_of_a_book_with_a_bad_item_not_all_is_known(read_fixture: Read) -> None:
    items, _ = read_fixture("references.xml")
    assert [item.of for item in items if isinstance(item, WholeSet)] == ["Бренды", "Пустой"]
    bad = [(item.entity, item.key, item.error.code) for item in items if isinstance(item, BadRecord)]
    assert bad == [
        ("reference_item", "", "E211"), ("reference_item", "x-1", "E211"), ("reference_book", "", "E211"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("flag", "before", "whole"),
    [
        (' СодержитТолькоИзменения="false"', "", True),
        (' СодержитТолькоИзменения="0"', "", True),
        ("", "<СодержитТолькоИзменения>false</СодержитТолькоИзменения>", True),
        (' СодержитТолькоИзменения="true"', "", False),
        (' СодержитТолькоИзменения="true"', "<СодержитТолькоИзменения>false</СодержитТолькоИзменения>", False),
        ("", "", False),
        (' СодержитТолькоИзменения=""', "", False),
    ],
)
def test_only_a_document_that_says_so_states_all_items(read_xml: Read, flag: str, before: str, whole: bool) -> None:
    items, _ = read_xml(books(flag, "1", "2", before=before))
    assert [item.of for item in items if isinstance(item, WholeSet)] == ["Книга"] * whole
    assert [record.key for record in records(items, "reference_item")] == [("Книга", "1"), ("Книга", "2")]


def test_the_values_of_a_property_are_no_reference_book(read_xml: Read) -> None:
    items, _ = read_xml(
        "<Классификатор><Свойства><Свойство><Ид>p</Ид><Наименование>Цвет</Наименование><ВариантыЗначений><Справочник>"
        "<ИдЗначения>1</ИдЗначения><Значение>Синий</Значение></Справочник></ВариантыЗначений></Свойство></Свойства>"
        "</Классификатор>"
    )
    assert [(item.entity, item.fields["values"]) for item in items] == [("property", {"1": "Синий"})]


def test_nothing_of_a_book_is_unknown_but_what_has_no_field(read_fixture: Read) -> None:
    _, reader = read_fixture("references.xml")
    assert set(reader.unknown) == {"Справочник/Цвет", "ЭлементСправочника/Порядок"}


def test_a_long_book_does_not_grow_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def document(count: int) -> Iterator[bytes]:
        yield (
            "<КоммерческаяИнформация><ПользовательскиеСправочники СодержитТолькоИзменения='false'><Справочник>"
            "<Ид>Книга</Ид><Наименование>Книга</Наименование><ЭлементыСправочника>"
        ).encode()
        for n in range(count):
            name = "x" * 300
            yield f"<ЭлементСправочника><Ид>{n}</Ид><Наименование>{name}</Наименование></ЭлементСправочника>".encode()
        yield "</ЭлементыСправочника></Справочник></ПользовательскиеСправочники></КоммерческаяИнформация>".encode()

    sizes: list[int] = []

    class Counting(Sweep):
        def run(self) -> None:
            super().run()
            sizes.append(sum(1 for _ in self._root.iter()))

    monkeypatch.setattr("syncd.commerceml.reader.Sweep", Counting)
    found = list(Reader(document(3000)))
    assert max(sizes) < 20
    assert len(found) == 3002
    assert found[0].key == ("Книга",)  # type: ignore[union-attr]
    assert found[-1] == WholeSet("reference_item", "Книга")
