"""What `make fuzz` has found: each was a crash, a hang, unbounded memory or a wrong row, and stays mended."""

from __future__ import annotations

import gc
import io
import resource
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from fuzz.cases import Case
from fuzz.importing import Imported, Importer
from syncd.commerceml import parsing
from syncd.commerceml.fast import RecordFilter
from syncd.commerceml.known import Known
from syncd.commerceml.reader import EncodingMismatch, Reader
from syncd.errors import DataError
from syncd.model.records import Record
from syncd.store import stage, uploads
from syncd.store.db import every

HEAD = "<КоммерческаяИнформация ВерсияСхемы='2.07'>"
TAIL = "</КоммерческаяИнформация>"
CATALOGUE = "<Каталог СодержитТолькоИзменения='false'><Ид>c</Ид><Товары>{}</Товары></Каталог>"


def document(inner: str, encoding: str = "utf-8", *, declared: str = "") -> bytes:
    text = f'<?xml version="1.0" encoding="{declared or encoding}"?>{HEAD}{inner}{TAIL}'
    return text.encode(encoding)


def goods(*records: str, encoding: str = "utf-8") -> bytes:
    return document(CATALOGUE.format("".join(records)), encoding)


def product(identity: str, more: str = "") -> str:
    return f"<Товар><Ид>{identity}</Ид>{more}<Наименование>Т</Наименование></Товар>"


def case(data: bytes, base: bytes = b"", file: str = "import.xml") -> Case:
    return Case("found", "test", "test", file, "catalog", data, base or data)


def packed(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as out:
        for name, data in members:
            out.writestr(name, data)
    return stream.getvalue()


@pytest.fixture
def importer(database_url: str) -> Iterator[Importer]:
    made = Importer(database_url)
    yield made
    made.fast.db.close()


def codes(importer: Importer) -> set[str]:
    with importer.fast.db.transaction() as conn:
        return {row["code"] for row in every(conn, "SELECT code FROM journal WHERE code IS NOT NULL")}


def survived(importer: Importer, data: bytes, *, file: str = "import.xml") -> Imported:
    done = importer.twice(case(data, file=file))
    assert done.problems == []
    return done


@pytest.mark.parametrize("name", ["base64", "zlib", "hex", "rot13", "bz2", "uu", "quopri"])
def test_a_codec_that_is_no_encoding_of_text_is_refused_like_any_unknown_one(name: str) -> None:
    with pytest.raises(EncodingMismatch):
        list(Reader([document(product("1"), declared=name)]))


def test_whoever_stops_reading_closes_the_stream_at_once() -> None:
    closed = []

    def chunks() -> Iterator[bytes]:
        try:
            yield document(CATALOGUE.format(product("1"))).replace("</Ид>".encode(), b"</x>")
            yield b" " * 1000
        finally:
            closed.append(True)

    gc.disable()
    try:
        found = RecordFilter(chunks(), lambda _: Known())
        found.itself = found  # type: ignore[attr-defined]  # a cycle, as an import makes one: only the collector frees it
        with pytest.raises(DataError, match="E201"):
            list(Reader(iter(found)))
        assert closed
    finally:
        gc.enable()


def test_a_long_document_in_another_encoding_than_declared_does_not_hang_the_import(importer: Importer) -> None:
    records = "".join(product(f"и{n}") for n in range(200))
    data = document(CATALOGUE.format(records + " " * (uploads.PIECE + 1)), "windows-1251", declared="UTF-8")
    assert survived(importer, data).outcome == "ok"
    data = document(CATALOGUE.format(product("1")), declared="raw_unicode_escape")
    assert survived(importer, data).outcome == "failed"


@pytest.mark.parametrize("where", ["Ид", "Артикул", "Каталог"])
def test_an_id_too_long_for_an_index_costs_the_record_and_not_the_queue(importer: Importer, where: str) -> None:
    long = "".join(chr(0x430 + (n * n * 7 + n // 3) % 32) for n in range(9_000))
    if where == "Каталог":
        data = goods(product("1")).replace(b"<\xd0\x98\xd0\xb4>c<", f"<Ид>{long}<".encode())
        assert survived(importer, data).outcome == "failed"
    else:
        bad = product(long) if where == "Ид" else product("2", f"<Артикул>{long}</Артикул>")
        assert survived(importer, goods(product("1"), bad)).outcome == "partial"
    assert codes(importer) == {"E215"}


def test_an_id_just_within_the_limit_is_stored(importer: Importer) -> None:
    fits = "".join(chr(0x430 + (n * n * 7 + n // 3) % 32) for n in range(stage.KEY_LIMIT // 2))
    assert survived(importer, goods(product(fits))).outcome == "ok"


@pytest.mark.parametrize(
    ("identity", "more", "encoding"),
    [
        ("\u00a0a\u00a0", "", "utf-8"),  # the reader trims every kind of space
        ("\u2003a", "", "utf-8"),
        ("a", "<Ид>b</Ид>", "utf-8"),  # and takes the last of several
        ("a\r\nb", "", "utf-8"),  # and line ends as XML has them
        ("a\ue001b", "", "utf-8"),  # and cleans away what XML forbids
        ("a\ue098b", "", "windows-1251"),  # and what windows-1251 does not know
        ("a\ue098#b", "", "windows-1251"),
    ],
)  # fmt: skip
def test_a_record_whose_id_is_not_as_its_bytes_show_it_is_not_taken_for_gone(
    importer: Importer, identity: str, more: str, encoding: str
) -> None:
    text = goods(product(identity, more), product("z"), encoding="utf-8").decode()
    data = text.replace('encoding="utf-8"', f'encoding="{encoding}"').encode(encoding, "xmlcharrefreplace")
    for letter, byte in ((0xE001, b"\x01"), (0xE098, b"\x98")):
        data = data.replace(chr(letter).encode(), byte).replace(b"&#%d;" % letter, byte)
    other = data.replace(b">z<", b">y<")
    assert importer.compare(case(other, data)).problems == []
    survived(importer, data)


def test_a_record_of_millions_of_elements_is_refused_before_it_fills_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parsing, "HELD_LIMIT", 30_000)
    swarm = document(CATALOGUE.format(f"<Товар><Ид>1</Ид>{'<а/>' * 200_000}</Товар>"))
    texts = document(CATALOGUE.format(f"<Товар><Ид>1</Ид>{('<а>' + 'x' * 9_000 + '</а>') * 500}</Товар>"))
    for data in (swarm, texts):
        with pytest.raises(DataError, match="E210"):
            list(Reader(data[at : at + 4096] for at in range(0, len(data), 4096)))
    many = goods(*(product(str(n)) for n in range(20_000)))
    assert len(list(Reader(many[at : at + 4096] for at in range(0, len(many), 4096)))) == 20_001


def test_of_two_ids_of_a_catalogue_the_first_counts_however_the_document_is_cut() -> None:
    data = document(
        f"<Каталог><Ид>c</Ид><Ид>d</Ид><Описание>{'x' * 300}</Описание><Товары>{product('1')}</Товары></Каталог>"
    )
    for size in (1, 40, 300, 10_000):
        records = list(Reader(data[at : at + size] for at in range(0, len(data), size)))
        assert [item.fields["catalogue_id"] for item in records if isinstance(item, Record)] == ["c"], size


def test_a_start_tag_without_end_is_not_gathered_for_ever() -> None:
    def endless() -> Iterator[bytes]:
        yield (HEAD + "<Каталог а='").encode()
        for _ in range(80):
            yield b"x" * (1 << 20)

    tracemalloc.start()
    try:
        given = sum(len(piece) for piece in RecordFilter(endless(), lambda _: Known()))
        assert given > 80 << 20
        assert tracemalloc.get_traced_memory()[1] < 140 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_in_one_go_are_refused(importer: Importer, method: int) -> None:
    bomb = packed(("import.xml", goods(product("1")) + b" " * (32 << 20)), method=method)
    assert survived(importer, bomb, file="import.zip").outcome == "failed"
    assert codes(importer) == {"E206"}


def test_a_bomb_is_refused_by_the_size_it_claims(importer: Importer) -> None:
    bomb = packed(("import.xml", goods(product("1")) + b" " * (32 << 20)))
    assert survived(importer, bomb, file="import.zip").outcome == "failed"
    assert codes(importer) == {"E206"}


def test_a_member_without_a_name_is_passed_over(importer: Importer) -> None:
    data = bytearray(packed(("x", b""), ("import.xml", goods(product("1")))))
    for mark, shift in ((b"PK\3\4", 26), (b"PK\1\2", 28)):
        at = data.find(mark)
        struct.pack_into("<HH", data, at + shift, 0, 1)  # the name's one letter is extra data now
    done = importer.twice(case(bytes(data), file="import.zip"))
    assert done.problems == []


def test_a_key_of_several_long_texts_is_refused_too() -> None:
    with pytest.raises(DataError, match="E215"):
        stage.render(Record("price", ("a" * 1_500, "b" * 1_500, "RUB", 0), {}))


def resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize("refused", [True, False])
def test_a_large_tree_is_gone_when_its_document_was_read(refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if refused:
        monkeypatch.setattr(parsing, "HELD_LIMIT", 400_000)
    data = document("<Документ><Номер>1</Номер><ХозОперация>Заказ товара</ХозОперация><б>{}</б></Документ>").replace(
        b"{}", b"<a/>" * 700_000
    )
    gc.disable()  # as it is during an import; and it does not know how large a tree is
    try:
        before = 0
        for _ in range(6):
            with pytest.raises(DataError, match="E210") if refused else nullcontext():
                assert len(list(Reader(data[at : at + 65_536] for at in range(0, len(data), 65_536)))) == 1
            before = before or resident()  # the first one shows what the process keeps for the next
        assert resident() - before < 100 << 20  # a tree takes 90 MB
    finally:
        gc.enable()


def test_a_record_too_large_to_put_aside_keeps_its_place_among_the_others(importer: Importer) -> None:
    def named(identity: str, name: str, more: str = "") -> str:
        return f"<Товар><Ид>{identity}</Ид><Наименование>{name}</Наименование>{more}</Товар>"

    crowd = [named(str(n), "так") for n in range(20)]
    large = named("3", "большой", f"<Описание>{'ж' * 400_000}</Описание>")
    data = goods(*crowd, large, named("3", "после"), named("4", "после"))
    assert importer.compare(case(data, goods(*crowd))).problems == []
    with importer.fast.db.transaction() as conn:
        names = every(conn, "SELECT DISTINCT name FROM products WHERE id = '3'")
    assert [row["name"] for row in names] == ["так"]  # the last document is the first one again
    assert survived(importer, data).outcome == "ok"
    with importer.fast.db.transaction() as conn:
        rows = every(conn, "SELECT DISTINCT name FROM products WHERE id = '3' AND name <> 'так'")
    assert [row["name"] for row in rows] == ["после"]


def test_very_many_attributes_take_no_time_that_grows_with_their_square() -> None:
    many = " ".join(f'a{n}="{n}"' for n in range(200_000))
    data = document(f"<Документ><Номер>1</Номер><ХозОперация>Заказ товара</ХозОперация><б {many}/></Документ>")
    began = time.process_time()
    assert len(list(Reader([data]))) == 1
    assert time.process_time() - began < 15  # it took 50 s, and takes less than one


def test_a_head_that_comes_behind_the_records_is_not_told_before_them_however_the_document_is_cut() -> None:
    data = document(f"<Каталог><Товары>{product('1')}{product('2')}</Товары><Ид>c</Ид></Каталог>")
    for size in (1, 40, 100, 10_000):
        records = list(Reader(data[at : at + size] for at in range(0, len(data), size)))
        assert [item.fields.get("catalogue_id") for item in records if isinstance(item, Record)] == [None, None], size


@pytest.mark.parametrize("crowd", [0, 40])
def test_a_known_record_read_under_an_id_that_its_bytes_do_not_show_is_read_again(
    crowd: int, importer: Importer
) -> None:
    before = [product("1", "<Артикул>раз</Артикул>"), product("2"), *(product(f"к{n}") for n in range(crowd))]
    hidden = ("<?x <Ид>9</Ид>?>", "<Ид>2</Ид>", "<!-- <Ид>9</Ид> -->", "<Артикул>0</Артикул>")
    for words in hidden:
        changed = product("1", "<Артикул>два</Артикул>").replace("<Товар>", f"<Товар>{words}")
        assert importer.compare(case(goods(*before, changed), goods(*before))).problems == [], words
        assert importer.compare(case(goods(changed, *before[1:]), goods(*before))).problems == [], words
        assert importer.compare(case(goods(changed, *before[1:], before[0]), goods(*before))).problems == [], words


def test_a_bad_record_read_under_an_id_that_its_bytes_do_not_show_is_read_again(importer: Importer) -> None:
    def offer(ids: str, value: str, more: str = "") -> str:
        price = "<Цена><ИдТипаЦены>т</ИдТипаЦены><ЦенаЗаЕдиницу>{}</ЦенаЗаЕдиницу><Валюта>RUB</Валюта></Цена>"
        return f"<Предложение>{ids}<Цены>{price.format(value)}{more}</Цены></Предложение>"

    def offers(*records: str) -> bytes:
        return document(
            "<ПакетПредложений СодержитТолькоИзменения='true'><Ид>п</Ид><ИдКаталога>c</ИдКаталога>"
            f"<Предложения>{''.join(records)}</Предложения></ПакетПредложений>"
        )

    bad = "<Цена><ИдТипаЦены>т2</ИдТипаЦены><ЦенаЗаЕдиницу>пять</ЦенаЗаЕдиницу></Цена>"
    crowd = [offer(f"<Ид>{n}</Ид>", "1") for n in range(30)]
    odd = offer("<Ид>к</Ид><Ид>7</Ид>", "2", bad)
    assert importer.compare(case(offers(*crowd[:7], odd, *crowd[8:]), offers(*crowd), file="offers.xml")).problems == []
