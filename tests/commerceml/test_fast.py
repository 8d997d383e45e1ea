"""The filter that cuts unchanged records out of a document, against documents made by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.commerceml.fast import RecordFilter
from syncd.commerceml.known import Known
from syncd.commerceml.reader import Reader
from syncd.model.records import BadRecord, Item, Record
from syncd.spill import Numbers

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<КоммерческаяИнформация ВерсияСхемы="2.07">\n'
CATALOGUE = (
    HEAD + '<Каталог СодержитТолькоИзменения="{flag}">\n<Ид>c1</Ид>\n<Наименование>Каталог</Наименование>\n<Товары>\n'
    "{records}\n</Товары>\n</Каталог>\n</КоммерческаяИнформация>\n"
)
OFFERS = (
    HEAD + "<ПакетПредложений>\n<Ид>c1#</Ид>\n<ИдКаталога>c1</ИдКаталога>\n<Предложения>\n{records}"
    "\n</Предложения>\n</ПакетПредложений>\n</КоммерческаяИнформация>\n"
)


def product(identity: str, name: str = "Товар", inner: str = "") -> str:
    return f"<Товар>\n<Ид>{identity}</Ид>\n<Наименование>{name}</Наименование>{inner}\n</Товар>\n"


def catalogue(*records: str, flag: str = "true") -> str:
    return CATALOGUE.format(flag=flag, records="".join(records))


def offers(*records: str) -> str:
    return OFFERS.format(records="".join(records))


class Memory:
    """What is known between documents, as an import keeps it."""

    def __init__(self) -> None:
        self.known: dict[str, Known] = {}
        self.filter: RecordFilter | None = None
        self.offset = 0

    def read(self, text: str, *, encoding: str = "utf-8", piece: int = 1 << 20) -> list[Item]:
        data = text.encode(encoding)
        chunks = (data[at : at + piece] for at in range(0, len(data), piece))
        self.filter = RecordFilter(chunks, lambda kind: self.known.setdefault(kind, Known()))
        reader = Reader(iter(self.filter))
        items: list[Item] = []
        for item in reader:
            track = self.filter.tracks.get(reader.element)
            if track is not None and isinstance(item, Record | BadRecord):
                self.offset = track.note(reader.records[reader.element], item)
            items.append(item)
        self.filter.settle(reader.records)
        if self.filter.untracked:
            self.known = {}
        self.skipped = sum((known.rows_skipped() for known in self.known.values()), start=Known().rows_skipped())
        self.known = {kind: kept(known) for kind, known in self.known.items()}
        return items


def kept(known: Known) -> Known:
    """As it comes back from where it is stored."""
    keys, values, numbers = Numbers(), Numbers(), Numbers("H")
    for part in known.merged():
        keys.extend(part.keys)
        values.extend(part.values)
        numbers.extend(part.signature_numbers)
    return Known(keys, values, numbers, known.signatures, known.labels)


@pytest.fixture
def memory() -> Memory:
    return Memory()


def ids(items: list[Item]) -> list[str]:
    return [item.key[0] for item in items if isinstance(item, Record)]


@pytest.mark.parametrize("piece", [1, 7, 64, 1 << 20])
def test_the_second_reading_of_the_same_document_reaches_no_record(memory: Memory, piece: int) -> None:
    text = catalogue(product("a"), product("b"), product("c"))
    assert ids(memory.read(text, piece=piece)) == ["a", "b", "c"]
    assert ids(memory.read(text, piece=piece)) == []
    assert memory.skipped == {"product": 3}


def test_only_the_changed_record_is_read(memory: Memory) -> None:
    memory.read(catalogue(product("a"), product("b"), product("c")))
    assert ids(memory.read(catalogue(product("a"), product("b", "Иначе"), product("c")))) == ["b"]
    assert ids(memory.read(catalogue(product("a"), product("b", "Иначе"), product("c")))) == []


def test_a_value_that_returns_is_read_again(memory: Memory) -> None:
    for name in ("Раз", "Два", "Раз"):
        assert ids(memory.read(catalogue(product("a", name)))) == ["a"]


def test_full_and_delta_share_what_is_known(memory: Memory) -> None:
    memory.read(catalogue(product("a"), flag="false"))
    assert ids(memory.read(catalogue(product("a"), flag="true"))) == []


def test_the_place_of_a_record_is_that_in_the_document_as_it_came(memory: Memory) -> None:
    memory.read(catalogue(product("a"), product("b")))
    text = catalogue(product("a"), product("b"), "<Товар>\n<Наименование>Без Ид</Наименование>\n</Товар>\n")
    assert any(isinstance(item, BadRecord) for item in memory.read(text))
    assert memory.offset == len(text[: text.index("<Товар>\n<Наименование>")].encode())


def test_the_last_of_two_records_with_one_id_wins_every_time(memory: Memory) -> None:
    text = catalogue(product("a", "Первый"), product("a", "Второй"))
    for _ in range(3):
        names = [item.fields["name"] for item in memory.read(text) if isinstance(item, Record)]
        assert names[-1:] == ["Второй"]


def test_a_bad_record_is_read_every_time(memory: Memory) -> None:
    text = offers("<Предложение><Ид>a</Ид><Цены><Цена><ЦенаЗаЕдиницу>сто</ЦенаЗаЕдиницу></Цена></Цены></Предложение>")
    for _ in range(2):
        assert any(isinstance(item, BadRecord) for item in memory.read(text))


def test_an_end_tag_within_cdata_ends_nothing(memory: Memory) -> None:
    inner = "<Описание><![CDATA[ </Товар> <b>жирно</b> ]]></Описание><!-- </Товар> -->"
    text = catalogue(product("a", inner=inner), product("b"))
    assert ids(memory.read(text)) == ["a", "b"]
    assert ids(memory.read(text)) == []


def test_split_files_of_one_offer_do_not_push_each_other_out(memory: Memory) -> None:
    described = offers("<Предложение><Ид>a</Ид><Наименование>А</Наименование></Предложение>")
    priced = offers(
        "<Предложение><Ид>a</Ид><Цены><Цена><ИдТипаЦены>t</ИдТипаЦены><ЦенаЗаЕдиницу>5</ЦенаЗаЕдиницу></Цена></Цены>"
        "</Предложение>"
    )
    for text in (described, priced):
        memory.read(text)
    assert ids(memory.read(described)) == []
    assert ids(memory.read(priced)) == []


def test_a_tax_named_in_a_price_does_not_make_a_file_of_prices_one_of_offers(memory: Memory) -> None:
    described = offers("<Предложение><Ид>a</Ид><Наименование>А</Наименование></Предложение>")
    priced = offers(
        "<Предложение><Ид>a</Ид><Цены><Цена><ИдТипаЦены>t</ИдТипаЦены><ЦенаЗаЕдиницу>5</ЦенаЗаЕдиницу>"
        "<Налог><Наименование>НДС</Наименование></Налог></Цена></Цены></Предложение>"
    )
    for text in (described, priced):
        memory.read(text)
    assert ids(memory.read(described)) == []
    assert ids(memory.read(priced)) == []


def test_prices_from_another_kind_of_document_make_the_whole_offer_be_read_again(memory: Memory) -> None:
    price = "<Цены><Цена><ИдТипаЦены>t</ИдТипаЦены><ЦенаЗаЕдиницу>{}</ЦенаЗаЕдиницу></Цена></Цены>"
    whole = offers(f"<Предложение><Ид>a</Ид><Наименование>А</Наименование>{price.format(5)}</Предложение>")
    memory.read(whole)
    memory.read(offers(f"<Предложение><Ид>a</Ид>{price.format(7)}</Предложение>"))
    assert "price" in {item.entity for item in memory.read(whole) if isinstance(item, Record)}


def test_a_price_type_with_another_currency_makes_every_price_be_read_again(memory: Memory) -> None:
    text = (
        HEAD + "<ПакетПредложений><Ид>c1</Ид><ТипыЦен><ТипЦены><Ид>t</Ид><Валюта>{}</Валюта></ТипЦены></ТипыЦен>"
        "<Предложения><Предложение><Ид>a</Ид><Цены><Цена><ИдТипаЦены>t</ИдТипаЦены><ЦенаЗаЕдиницу>5</ЦенаЗаЕдиницу>"
        "</Цена></Цены></Предложение></Предложения></ПакетПредложений></КоммерческаяИнформация>"
    )
    memory.read(text.format("RUB"))
    items = memory.read(text.format("USD"))
    assert [item.key[2] for item in items if isinstance(item, Record) and item.entity == "price"] == ["USD"]


@pytest.mark.parametrize(
    "text",
    [
        catalogue(product("a", inner="<Комплектующие><Товар><Ид>z</Ид></Товар></Комплектующие>")),
        (
            '<?xml version="1.0"?><x:КоммерческаяИнформация xmlns:x="urn:1C.ru:commerceml_2" ВерсияСхемы="2.07">'
            "<x:Каталог><x:Ид>c</x:Ид><x:Товары><x:Товар><x:Ид>a</x:Ид></x:Товар></x:Товары></x:Каталог>"
            "</x:КоммерческаяИнформация>"
        ),
    ],
    ids=["nested records", "a prefix"],
)
def test_where_bytes_cannot_tell_everything_is_read_every_time(memory: Memory, text: str) -> None:
    first = ids(memory.read(text))
    assert "a" in first
    assert ids(memory.read(text)) == first


def test_lines_of_orders_beside_a_catalogue_are_not_its_products(memory: Memory) -> None:
    order = "<Документ><Ид>1</Ид><Номер>1</Номер><Товары><Товар><Ид>a</Ид></Товар></Товары></Документ>"
    text = catalogue(product("a")).replace("</Каталог>", f"</Каталог>{order}")
    assert ids(memory.read(text)) == ["a"]
    assert [type(item).__name__ for item in memory.read(text)] == ["CatalogueHead", "OrderDocument"]


def test_utf_16_is_read_every_time(memory: Memory) -> None:
    text = catalogue(product("a")).replace("UTF-8", "UTF-16")
    for _ in range(2):
        assert ids(memory.read(text, encoding="utf-16")) == ["a"]


def test_windows_1251_is_filtered_too(memory: Memory) -> None:
    text = catalogue(product("a"), product("ы")).replace("UTF-8", "windows-1251")
    assert ids(memory.read(text, encoding="windows-1251")) == ["a", "ы"]
    assert ids(memory.read(text, encoding="windows-1251")) == []


def test_the_catalogue_of_skipped_records_is_known(memory: Memory) -> None:
    text = catalogue(product("a"), product("b"))
    memory.read(text)
    memory.read(text)
    assert memory.filter is not None
    assert [(seen.catalogue_id, len(seen.hashes)) for seen in memory.filter.tracks["Товар"].seen] == [("c1", 2)]


def test_skipped_records_come_back_when_the_same_id_is_read_again_in_the_document(memory: Memory) -> None:
    memory.read(catalogue(product("a", "Первый")))
    items: Iterator[Item] = iter(memory.read(catalogue(product("a", "Первый"), product("a", "Второй"))))
    assert [item.fields["name"] for item in items if isinstance(item, Record)] == ["Второй"]
    assert memory.skipped["product"] == 0
