"""JSON and Atom come out as the same records; what is no whole answer never becomes an empty set."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from syncd.adapters.odata import answers, atom
from syncd.adapters.odata.answers import Wanted
from syncd.errors import DataError, TransportError

FEED = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices"
 xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">
 <m:count>19</m:count>
 <entry><id>http://x/odata/standard.odata/Catalog_Х(guid'1')</id><content type="application/xml"><m:properties>
  <d:Ref_Key>68c21aea-cd73-11e6-aede-5404a6b4b8ed</d:Ref_Key><d:DeletionMark>false</d:DeletionMark>
  <d:Артикул m:null="true"/><d:Комментарий/><d:Вес m:type="Edm.Double">20.50</d:Вес>
  <d:Товары m:type="Collection(StandardODATA.Catalog_Х_Товары_RowType)">
   <d:element><d:LineNumber>1</d:LineNumber><d:Цена m:type="Edm.Double">3</d:Цена></d:element>
  </d:Товары><d:Пусто m:type="Collection(StandardODATA.Catalog_Х_Пусто_RowType)"/>
 </m:properties></content></entry>
</feed>""".encode()
SAME = (
    '{"odata.count":"19","value":[{"Ref_Key":"68c21aea-cd73-11e6-aede-5404a6b4b8ed","DeletionMark":false,'
    '"Артикул":null,"Комментарий":"","Вес":20.50,"Товары":[{"LineNumber":"1","Цена":3}],"Пусто":[]}]}'
).encode()


def test_atom_and_json_give_the_same_records() -> None:
    assert answers.page(FEED) == answers.page(SAME)
    assert answers.page(SAME).count == 19


def test_numbers_keep_their_digits() -> None:
    body = b'{"value":[{"a":0.10,"b":1e-7,"c":12345678901234567890123456789012345678.12,"d":5,"e":-0.5}]}'
    record = answers.page(body).records[0]
    assert str(record["a"]) == "0.10"
    assert record["b"] == Decimal("0.0000001")
    assert str(record["c"]) == "12345678901234567890123456789012345678.12"
    assert record["d"] == 5
    assert isinstance(record["d"], int)
    assert record["e"] == Decimal("-0.5")


def test_a_mark_at_the_beginning_is_no_part_of_the_answer() -> None:
    assert answers.count(b"\xef\xbb\xbf19") == 19
    assert answers.page(b'\xef\xbb\xbf{"value":[]}').records == []


def test_the_charset_of_a_header_does_not_matter() -> None:
    assert answers.page('{"value":[{"Имя":"Ёж"}]}'.encode()).records == [{"Имя": "Ёж"}]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{}", b'{"value":null}', b'{"value":[1]}', b'{"value":[{"a":1}', b'{"rows":[]}',
        b"<html/>", b"<feed/>", b"<entry xmlns='http://www.w3.org/2005/Atom'/>", b"not json", FEED[:-20],
        b"<!DOCTYPE html><html><body>Login</body></html>",
    ],
)  # fmt: skip
def test_what_is_no_whole_set_is_an_error(body: bytes) -> None:
    with pytest.raises(TransportError, match="E809"):
        answers.page(body)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<feed xmlns='http://www.w3.org/2005/Atom'/>", b"text"])
def test_what_is_no_whole_object_is_an_error(body: bytes) -> None:
    with pytest.raises(TransportError, match="E809"):
        answers.record(body)


@pytest.mark.parametrize("body", [b"", b"\xef\xbb\xbf", b"<html>1</html>", b"-1", b"1 2", b"9" * 5000])
def test_what_is_no_number_is_no_count(body: bytes) -> None:
    with pytest.raises(TransportError, match="E809"):
        answers.count(body)


def test_whole_numbers_come_as_texts_too() -> None:
    assert [answers.whole(value) for value in ("10", 9, Decimal("8.00"), "-1")] == [10, 9, 8, -1]
    assert answers.whole("10") > answers.whole("9")
    for value in ("1.5", "", None, True, Decimal("1.5")):
        with pytest.raises(DataError, match="E842"):
            answers.whole(value)


@pytest.mark.parametrize(
    "value",
    [Decimal("1e300000000"), Decimal("1e-300000000"), Decimal("NaN"), 2**63, str(-(2**63) - 1), "9" * 5000, "--5"],
)
def test_whole_numbers_have_64_bits(value: object) -> None:
    with pytest.raises(DataError, match="E842"):
        answers.whole(value)
    assert [answers.whole(str(edge)) for edge in (2**63 - 1, -(2**63))] == [2**63 - 1, -(2**63)]


DEEP = b"[" * 200_000 + b"]" * 200_000


@pytest.mark.parametrize("wanted", [None, ["a"], ["b"]])
@pytest.mark.parametrize("value", [b"1e99999999999999999999", DEEP])
def test_what_cannot_be_read_is_no_answer(value: bytes, wanted: list[str] | None) -> None:
    row = b'{"b":1,"a":' + value + b"}"
    if wanted == ["b"] and value != DEEP:  # passed over
        return
    for read in (answers.page, answers.rows):
        body = b"[" + row + b"]" if read is answers.rows else b'{"value":[' + row + b"]}"
        with pytest.raises(TransportError, match="E809"):
            read(body, wanted=Wanted(wanted) if wanted else None)
    with pytest.raises(TransportError, match="E809"):
        answers.record(row)


@pytest.mark.parametrize("count", ["1e300000", "1e99999999999999999999", f'"{"9" * 5000}"', "9" * 30, "true", "1.5"])
def test_the_count_of_a_page_is_a_whole_number(count: str) -> None:
    with pytest.raises(TransportError, match="E809"):
        answers.page(f'{{"odata.count":{count},"value":[]}}'.encode())


@pytest.mark.parametrize("count", [b"9" * 5000, b"x", b"-1", b"1.5"])
def test_the_count_of_a_feed_is_a_whole_number(count: bytes) -> None:
    with pytest.raises(TransportError, match="E809"):
        answers.page(FEED.replace(b">19<", b">" + count + b"<"))


@pytest.mark.parametrize("text", ["1e300000000", "INF", "-INF", "NaN"])
def test_a_number_of_atom_without_an_end_is_left_to_who_wants_it(text: str) -> None:
    record = answers.page(FEED.replace(b">20.50<", f">{text}<".encode())).records[0]
    assert str(record["Вес"]) == str(Decimal(text))


def test_a_following_page_is_named() -> None:
    assert answers.page(b'{"value":[],"odata.nextLink":"Catalog_X?$skiptoken=1"}').next == "Catalog_X?$skiptoken=1"


def test_captured_answers_are_read(corpus: Path) -> None:
    folder = corpus / "odata" / "json"
    document = answers.page((folder / "captured_moon_test_1_Document_ПриходныйОрдер.json").read_bytes()).records[0]
    assert document["Товары"][0]["LineNumber"] == "1"
    folders = answers.page((folder / "captured_moon_test_6_Catalog_Номенклатура.json").read_bytes()).records
    assert folders[0]["Весовой"] is None
    one = answers.record((folder / "captured_moon_test_4_Catalog_ЕдиницыИзмерения_@Element.json").read_bytes())
    assert one["Вес"] == 20
    assert answers.whole(one["Коэффициент"]) == 1
    assert not [name for name in answers.plain(one) if "odata" in name or "@" in name]
    sets = answers.names((folder / "service_document_moon_test_2016.json").read_bytes())
    assert "AccumulationRegister_ТоварыНаСкладах" in sets


def test_the_service_document_may_be_atom() -> None:
    sets = b"<workspace><collection href='Catalog_%D0%A5'/></workspace>"
    body = b"<service xmlns='http://www.w3.org/2007/app'>" + sets + b"</service>"
    assert answers.names(body) == ["Catalog_Х"]


@pytest.mark.parametrize(
    ("address", "set_name", "parts"),
    [
        ("http://x/odata/standard.odata/Catalog_Х(guid'1-2')", "Catalog_Х", {"Ref_Key": "1-2"}),
        (
            "Register_Х(Period=datetime'2008-02-05T00:00:00',Валюта_Key=guid'3',Код='a''b,c',N=7)",
            "Register_Х",
            {"Period": "2008-02-05T00:00:00", "Валюта_Key": "3", "Код": "a'b,c", "N": "7"},
        ),
        ("https://x/y/odata/standard.odata/Catalog_%D0%A5(guid'1')", "Catalog_Х", {"Ref_Key": "1"}),
        ("a/Register_Х(Код='a/b(c)') ", "Register_Х", {"Код": "a/b(c)"}),
        ("Register_Х()", "Register_Х", {}),
    ],
)
def test_keys_are_read_from_addresses(address: str, set_name: str, parts: dict[str, str]) -> None:
    assert atom.key_of(address) == (set_name, parts)


@pytest.mark.parametrize(
    "address",
    [
        "", "Catalog_Х", "Catalog_Х(", "Catalog_Х(guid'1'", "(guid'1')", "Catalog_Х/(guid'1')", "a)b(guid'1')",
        "Catalog_Х(guid'1')x", "X" * 100_000, "X(" + "a" * 100_000, "a(" * 30_000 + ")" + " " * 30_000 + "x",
        "X(" + "a" * 5000 + ")",
    ],
)  # fmt: skip
@pytest.mark.timeout(5)
def test_an_address_without_a_key_is_an_error_at_once(address: str) -> None:
    with pytest.raises(TransportError, match="E809"):
        atom.key_of(address)
