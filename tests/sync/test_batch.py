"""Records read by their shape are those that the parser reads: the parser is the oracle."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from syncd.commerceml import shapes
from syncd.commerceml.policy import ReadPolicy
from syncd.sync import batch
from syncd.sync.batch import Batch, Job, Unreadable, read_batch

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "commerceml"
DOCUMENTS = sorted(CORPUS.glob("*.xml"))
NAMESPACES: dict[str | None, str] = {
    None: "urn:1C.ru:commerceml_2",
    "x": "urn:a?b=1&c='2'",
    "xsi": "urn:xsi",
    "xs": "urn:xs",
}
ELEMENTS = ("Товар", "Предложение")


def job(element: str, records: list[bytes], encoding: str = "utf-8", policy: ReadPolicy | None = None) -> Job:
    return Job(element, 1, 7, encoding, NAMESPACES, "cat", {"t1": "USD"}, policy or ReadPolicy(), records)


def outcome(asked: Job, *, by_shape: bool = True) -> Batch | str:
    try:
        return read_batch(asked, by_shape=by_shape)
    except Unreadable:
        return "unreadable"


def by_shape(asked: Job) -> int:
    """How many of the records are read by their shape."""
    return sum(items is not None for items in batch._by_shape(asked, batch.context_of(asked)))


def same(asked: Job) -> Batch | str:
    found = outcome(asked)
    assert found == outcome(asked, by_shape=False)
    return found


@pytest.mark.skipif(not DOCUMENTS, reason="shared/corpus is not beside this checkout")
def test_real_records_are_read_alike_and_nearly_all_by_their_shape() -> None:
    told: Counter[str] = Counter()
    for path in DOCUMENTS:
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        if b"windows-1251" in data[:100]:
            data = data.decode("cp1251").encode()
        for element in ELEMENTS:
            records = re.findall(f"<{element}[ >].*?</{element}>".encode(), data, re.DOTALL)
            records = [record for record in records if _whole(record)]
            if not records:
                continue
            asked = job(element, records)
            assert isinstance(same(asked), Batch), path.name
            told["records"] += len(records)
            told["by shape"] += by_shape(asked)
    assert told["records"] > 1000
    assert told["by shape"] > 0.9 * told["records"], told


def _whole(record: bytes) -> bool:
    try:
        etree.fromstring(b"<x xmlns:xsi='y' xmlns:xs='z'>" + record + b"</x>")
    except etree.XMLSyntaxError:
        return False
    return True


def record(*children: str, element: str = "Предложение", attributes: str = "") -> bytes:
    return f"<{element}{attributes}>{''.join(children)}</{element}>".encode()


ID = "<Ид>a</Ид>"


@pytest.mark.parametrize(
    "odd",
    [
        record(ID, "<Наименование>a&#33;</Наименование>"),
        record(ID, "<Наименование><![CDATA[<b>]]></Наименование>"),
        record(ID, "<Описание>a <b>c</b></Описание>", element="Товар"),
        record(ID, "<Наименование>a<!-- b -->c</Наименование>"),
        record(ID, "<Наименование>a<?b?>c</Наименование>"),
        record(ID, "<Страна/><СтранаПроисхождения>Россия</СтранаПроисхождения>", element="Товар"),
        record(ID, '<Склад x:ИдСклада="w" x:КоличествоНаСкладе="5"/>'),
        record(ID, "text", "<Наименование>b</Наименование>"),
        record(ID, "<Статус>Удален</Статус>"),
        record(ID, attributes=' Статус="Удален"'),
        record(ID, "<ПометкаУдаления>true</ПометкаУдаления>"),
        record(ID, "<Наименование>a</Наименование><Наименование>b</Наименование>"),
        record("<Ид>a#b</Ид>", element="Товар"),
        record("<Ид></Ид>"),
        record("<Наименование>a</Наименование>"),
        record(ID, "<Количество>1 2 3</Количество>"),
        record(ID, "<Цены><Цена><ЦенаЗаЕдиницу>-5</ЦенаЗаЕдиницу><ИдТипаЦены>t</ИдТипаЦены></Цена></Цены>"),
        record(ID, "<Цены><Цена><ЦенаЗаЕдиницу>5</ЦенаЗаЕдиницу></Цена></Цены>"),
        record(ID, "<Цены><Цена><ЦенаЗаЕдиницу>x</ЦенаЗаЕдиницу><ИдТипаЦены>t</ИдТипаЦены></Цена></Цены>"),
        record(ID, '<Склад ИдСклада="" КоличествоНаСкладе="5"/>'),
        record(ID, "<Склад ИдСклада='w' КоличествоНаСкладе='5'/>"),
        record(ID, "<Остатки><Остаток>5</Остаток></Остатки>"),
        record(ID, "<Аналоги><Аналог><Ид>b</Ид></Аналог></Аналоги>", element="Товар"),
        record(ID, "<Цены/>", element="Товар"),
        record(ID, "<ДополнительнаяКартинка1>a.png</ДополнительнаяКартинка1>", element="Товар"),
        record(ID, "<БазоваяЕдиница Код='\ue0000'>шт</БазоваяЕдиница>"),
    ],
)
def test_what_is_odd_is_left_to_the_parser(odd: bytes) -> None:
    element = "Товар" if odd.startswith("<Товар".encode()) else "Предложение"
    usual = record("<Ид>u</Ид>", "<Наименование>b</Наименование>", element=element)
    asked = job(element, [usual, odd, usual])
    assert isinstance(same(asked), Batch)
    assert by_shape(asked) == 2


@pytest.mark.parametrize(
    "body",
    [
        record(ID, "<Наименование>a]]>b</Наименование>"),
        record(ID, "<Наименование>a\x01b</Наименование>"),
        record(ID, "<Наименование>a\ufffeb\uffff</Наименование>"),
        record(ID, "<Наименование>").replace("Наименование".encode(), b"\xff"),
        record(ID, "<Наименование>a"),
        record(ID, "<!-- "),
        record(ID, " -->"),
    ],
)
def test_a_batch_with_what_xml_does_not_know_is_left_to_the_parser(body: bytes) -> None:
    same(job("Предложение", [record("<Ид>u</Ид>"), body, record("<Ид>v</Ид>")]))


def test_a_text_that_the_parser_refuses_is_refused() -> None:
    huge = record(ID, f"<Описание>{'x' * 10_500_000}</Описание>", element="Товар")
    usual = record(ID, "<Описание>x</Описание>", element="Товар")
    assert same(job("Товар", [usual, usual, huge])) == "unreadable"


def test_what_is_learnt_of_shapes_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "_SHAPES_SIZE", 5_000)
    batch._shapes.cache_clear()
    for number in range(100):
        several = record(ID, *[f"<Поле{n}>x</Поле{n}>" for n in range(number)], element="Товар")
        same(job("Товар", [several] * 3))
    known = batch._shapes("Товар", tuple(NAMESPACES.items()))
    assert 0 < sum(map(len, known._known)) <= 5_000
    batch._shapes.cache_clear()


def test_a_shape_that_comes_once_is_not_learnt() -> None:
    batch._shapes.cache_clear()
    asked = job("Товар", [record(ID, f"<Поле{n}>x</Поле{n}>", element="Товар") for n in range(50)])
    assert by_shape(asked) == 0
    assert by_shape(asked) == 50


def test_a_comment_over_several_records_is_noticed() -> None:
    pieces = [
        record(ID, "<Описание><!-- ", "</Описание>"),
        record("<Ид>b</Ид>"),
        record("<Ид>c</Ид>", "<Описание> --></Описание>"),
    ]
    assert same(job("Предложение", pieces)) == "unreadable"
    assert outcome(job("Предложение", pieces[:1])) == "unreadable"


def test_ends_of_line_are_those_of_xml() -> None:
    found = same(job("Товар", [record(ID, "<Описание>a\r\nb\rc</Описание>", element="Товар")]))
    assert isinstance(found, Batch)
    assert b"a\\nb\\nc" in found.rows["product", False]


def test_a_shape_in_windows_1251() -> None:
    records = [
        text.decode().encode("cp1251") for text in [record(ID, "<Наименование>Кирпич №1 &amp; ко</Наименование>")] * 3
    ]
    asked = job("Предложение", records, encoding="windows-1251")
    same(asked)
    assert by_shape(asked) == 3


TEXTS = st.sampled_from(
    ["a", "b", " c ", "\u00a0d", "", " ", "\n", "1", "0", "2,5", "1 000,00", "-3", "x>y", 'q"r', "&amp;", "&lt;b&gt;",
     "&#10;", "&quot;e&apos;", "true", "false", "Удален", "t1", "RUB", "00000000-0000-0000-0000-000000000000", "a#b",
     "НДС", "Без НДС", "Вес", "Код", "796", "back\\slash", "two\nlines", "None", "a<!-- b -->c", "a<?b?>c", "<!---->d",
     "<![CDATA[e]]>"]
)  # fmt: skip
SPACES = st.sampled_from(["", "", "", "\n\t", " "])


@st.composite
def leaf(draw: st.DrawFn, *names: str) -> str:
    name = draw(st.sampled_from(names))
    text = draw(TEXTS)
    attribute = draw(st.sampled_from(["", "", "", ' Код="7"', " Код='7'", ' Код="a&amp;b"', ' Код=" 5 " ']))
    if not text and draw(st.booleans()):
        return f"<{name}{attribute}/>"
    return f"<{name}{attribute}>{text}</{name}>"


@st.composite
def block(draw: st.DrawFn, name: str, inner: st.SearchStrategy[str], most: int = 3) -> str:
    space = draw(SPACES)
    parts = draw(st.lists(inner, max_size=most))
    return f"<{name}>{space}{space.join(parts)}{space}</{name}>"


WAREHOUSES = st.one_of(
    st.builds('<Склад ИдСклада="{}" КоличествоНаСкладе="{}"/>'.format, st.sampled_from(["w1", "w2", ""]), TEXTS),
    st.builds('<Склад x:ИдСклада="{}" x:КоличествоНаСкладе="{}"/>'.format, TEXTS, TEXTS),
    block("Склад", leaf("Ид", "ИдСклада", "Количество", "Резерв", "Наименование", "ДругоеПоле")),
)
CHILDREN = st.one_of(
    leaf("Наименование", "Артикул", "Код", "НомерВерсии", "Штрихкод", "ШтрихКод", "Картинка", "Страна", "Описание"),
    leaf("Страна", "СтранаПроисхождения", "ПолноеНаименование", "Наименование"),
    leaf("Статус", "ПометкаУдаления", "Вес", "Неизвестное", "ТорговаяМарка", "БазоваяЕдиница", "Изготовитель"),
    block("Группы", leaf("Ид")),
    block("ЗначенияСвойств", block("ЗначенияСвойства", leaf("Ид", "Значение", "Наименование"))),
    block("ЗначенияСвойств", st.builds("<С><Ид>{}</Ид><Значение>{}</Значение></С>".format, TEXTS, TEXTS)),
    block("ЗначенияРеквизитов", st.builds("<Р><Наименование>{}</Наименование><Значение>{}</Значение></Р>".format,
                                          TEXTS, TEXTS)),
    block("СтавкиНалогов", block("СтавкаНалога", leaf("Наименование", "Ставка"))),
    block("БазоваяЕдиница", block("Пересчет", leaf("Единица", "Коэффициент"))),
    block("ХарактеристикиТовара", block("ХарактеристикаТовара", leaf("Ид", "Наименование", "Значение"))),
    block("Неизвестное", leaf("А", "Б")),
    block("Цены", block("Цена", leaf("ЦенаЗаЕдиницу", "ИдТипаЦены", "Валюта", "Коэффициент", "МинКоличество",
                                     "Единица", "Представление", "Налог"), most=6)),
    block("Цены", st.builds("<Цена><ИдТипаЦены>{}</ИдТипаЦены><ЦенаЗаЕдиницу>{}</ЦенаЗаЕдиницу></Цена>".format,
                            TEXTS, TEXTS)),
    leaf("Количество"),
    WAREHOUSES,
    block("Остатки", block("Остаток", WAREHOUSES)),
    st.sampled_from(["<!-- note -->", "<x:Артикул>p</x:Артикул>", "<Ид/>", "loose"]),
)  # fmt: skip


@st.composite
def record_of(draw: st.DrawFn, element: str) -> bytes:
    attributes = draw(st.sampled_from(["", "", "", ' Статус="Изменен"', ' Статус="Удален"', ' другое="1"']))
    identity = draw(st.sampled_from([ID, "<Ид>b</Ид>", "<Ид>c#d</Ид>", "<Ид> e </Ид>", "<Ид/>"]))
    parts = [identity, *draw(st.lists(CHILDREN, max_size=6))]
    space = draw(SPACES)
    return record(space + space.join(parts) + space, element=element, attributes=attributes)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_record_is_read_by_its_shape_as_by_the_parser(data: st.DataObject) -> None:
    element = data.draw(st.sampled_from(ELEMENTS))
    records = data.draw(st.lists(record_of(element), min_size=1, max_size=4))
    policy = ReadPolicy(prices_replace=data.draw(st.booleans()), stocks_replace=data.draw(st.booleans()))
    same(job(element, [*records, *records], policy=policy))
