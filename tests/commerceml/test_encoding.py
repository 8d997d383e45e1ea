from __future__ import annotations

import codecs
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.commerceml.reader import EncodingMismatch, Reader
from syncd.errors import DataError
from syncd.model.records import Record

BODY = "<Классификатор><Группы><Группа><Ид>1</Ид><Наименование>{}</Наименование></Группа></Группы></Классификатор>"


def document(name: str, declared: str | None = "utf-8") -> str:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>\n' if declared else ""
    return f"{declaration}<КоммерческаяИнформация>{BODY.format(name)}</КоммерческаяИнформация>"


def name_in(data: bytes, encoding: str | None = None, size: int = 1 << 20) -> tuple[str, Reader]:
    reader = Reader([data[start : start + size] for start in range(0, len(data), size)], encoding=encoding)
    (record,) = list(reader)
    assert isinstance(record, Record)
    return record.fields["name"], reader


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    "data",
    [
        document("Ёж").encode(),
        codecs.BOM_UTF8 + document("Ёж").encode(),
        document("Ёж", None).encode(),
        document("Ёж", "windows-1251").encode("cp1251"),
        document("Ёж", "cp1251").encode("cp1251"),
        document("Ёж", "koi8-r").encode("koi8-r"),
        document("Ёж", "UTF-16").encode("utf-16"),
        codecs.BOM_UTF16_BE + document("Ёж", "UTF-16").encode("utf-16-be"),
        document("Ёж", "UTF-16").encode("utf-16-le"),
        document("Ёж", None).encode("utf-16"),
    ],
)
def test_every_encoding_met_is_read_whatever_the_pieces(data: bytes, size: int) -> None:
    name, reader = name_in(data, size=size)
    assert name == "Ёж"
    assert not reader.warnings


def test_a_byte_order_mark_is_believed_over_the_declaration() -> None:
    name, reader = name_in(codecs.BOM_UTF8 + document("Ёж", "windows-1251").encode())
    assert name == "Ёж"
    assert reader.warnings == {"encoding is not the declared one": 1}


def test_a_declared_utf16_that_can_be_read_byte_by_byte_is_utf8() -> None:
    name, reader = name_in(document("Ёж", "UTF-16").encode())
    assert name == "Ёж"
    assert reader.warnings == {"encoding is not the declared one": 1}


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
@pytest.mark.parametrize("declared", ["windows-1251", "koi8-r", "iso-8859-1"])
def test_a_declared_code_page_is_not_believed_where_the_root_is_written_in_utf8(declared: str, size: int) -> None:
    name, reader = name_in(document("Ёж", declared).encode(), size=size)
    assert name == "Ёж"
    assert reader.warnings == {"encoding is not the declared one": 1}


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_bytes_of_another_encoding_ask_for_a_second_reading(size: int) -> None:
    data = document("Ёж").encode("cp1251")
    with pytest.raises(EncodingMismatch) as caught:
        name_in(data, size=size)
    assert caught.value.code == "E208"
    assert caught.value.params["declared"] == "utf-8"
    assert name_in(data, "windows-1251")[0] == "Ёж"


def test_a_mismatch_deep_in_the_text_is_told_from_broken_xml() -> None:
    start, _, end = document("{}").partition("{}")
    data = start.encode() + b"x" * 100_000 + "Ёж".encode("cp1251") + end.encode()
    with pytest.raises(EncodingMismatch):
        name_in(data)


def test_an_unknown_encoding_is_a_mismatch() -> None:
    with pytest.raises(EncodingMismatch):
        name_in(document("x", "win-klingon").encode())


@pytest.mark.parametrize("size", [1, 2, 5, 1 << 20])
@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (b"a\x00\x0b\x1fb", "ab"),
        (b"a&#11;&#0;&#x1F;b", "ab"),
        (b"a&#13;&#1105;&#x451;b", "a\rёёb"),
        (b"a&#xD83D;&#xDE00;b", "a😀b"),
        (b"a&#xD83D;b", "a\ufffdb"),
        (b"a\xed\xa0\xbd\xed\xb8\x80b", "a😀b"),
        (b"a\xed\xa0\xbdb", "a\ufffdb"),
        (b"a\xef\xbf\xbf\xef\xbf\xbeb", "a\ufffd\ufffdb"),
        (b"a&#xFFFF;b", "ab"),
        ("н&amp;#11;".encode(), "н&#11;"),
    ],
)
def test_characters_that_xml_forbids_are_taken_out_whatever_the_pieces(raw: bytes, clean: str, size: int) -> None:
    start, _, end = document("{}").partition("{}")
    name, _ = name_in(start.encode() + raw + end.encode(), size=size)
    assert name == clean


def test_taken_out_characters_are_counted() -> None:
    _, reader = name_in(document("a\x0b\x0c&#11;b").encode())
    assert reader.warnings == {"control characters removed": 3}


def test_an_undefined_byte_of_the_code_page_is_left_out() -> None:
    data = document("аXб", "windows-1251").encode("cp1251").replace(b"X", b"\x98")
    assert name_in(data)[0] == "аб"


def test_a_lone_half_of_a_pair_in_utf16_is_replaced() -> None:
    data = document("аXб", "UTF-16").encode("utf-16-le").replace("X".encode("utf-16-le"), b"\x3d\xd8")
    assert "\ufffd" in name_in(codecs.BOM_UTF16_LE + data)[0]


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_end_in_records_or_a_data_error(data: bytes, size: int) -> None:
    start, _, end = document("{}").partition("{}")
    for whole in (data, start.encode() + data + end.encode()):
        with suppress(DataError):
            items = list(Reader([whole[at : at + size] for at in range(0, len(whole), size)]))
            texts = [item.fields.get("name", "") for item in items if isinstance(item, Record)]
            assert not any(sign == "\0" or "\ud800" <= sign <= "\udfff" for text in texts for sign in text)
