"""$filter: 1C's part of OData's language, and its own functions."""

from __future__ import annotations

import pytest

from tests.emulator.odata.conftest import EMPTY, Wire

ORDERS = "Document_ЗаказКлиента"
GOODS = "Catalog_Номенклатура"


def numbers(odata: Wire, condition: str) -> list[str]:
    return [row["Number"] for row in odata.rows(f"{ORDERS}?$select=Number&$filter={condition}")]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Number eq 'ТД00-000002'", ["2"]),
        ("Number eq 'тд00-000002'", ["2"]),
        ("Number ne 'ТД00-000002'", ["1", "3", "4", "5", "6"]),
        ("Number gt 'ТД00-000004'", ["5", "6"]),
        ("Number ge 'ТД00-000005' and Number lt 'ТД00-000006'", ["5"]),
        ("not (Number le 'ТД00-000004')", ["5", "6"]),
        ("not DeletionMark and Number eq 'ТД00-000001' or Number eq 'ТД00-000002'", ["1", "2"]),
        ("startswith(Number,'ТД00') and endswith(Number,'3')", ["3"]),
        ("substringof('000004', Number)", ["4"]),
        ("like(Number, '%2500006')", ["6"]),
        ("concat(Number, '!') eq 'ТД00-000001!'", ["1"]),
        ("substring(Number, 11) eq '3'", ["3"]),
        ("substring(Number, 1, 4) ne 'ТД00'", []),
        ("year(Date) eq 2026 and month(Date) eq 1 and day(Date) eq 12 and hour(Date) eq 10", ["2"]),
        ("Date ge datetime'2026-01-12T13:00:00'", ["5", "6"]),
        ("dateadd(Date, 'day', 1) gt datetime'2026-01-13T14:00:00'", ["6"]),
        ("datedifference(datetime'2026-01-12T00:00:00', Date, 'hour') eq 11", ["3"]),
        ("quarter(Date) eq 1 and dayofweek(Date) eq 1 and dayofyear(Date) eq 12", ["1", "2", "3", "4", "5", "6"]),
        ("Posted eq false", []),
        ("НомерПоДаннымКлиента eq 'S-00004'", ["4"]),
        ("Грузополучатель_Key ne guid'00000000-0000-0000-0000-000000000000'", []),
        ("Валюта/Code eq '643' and Контрагент/Партнер/Клиент eq true and Number eq 'ТД00-000001'", ["1"]),
        ("Товары/any(d: d/LineNumber ge 1) and Number eq 'ТД00-000001'", ["1"]),
        ("Товары/all(d: d/Количество lt 0)", []),
        ("Товары/any(d: d/Номенклатура/IsFolder eq true)", []),
        ("isof(Контрагент_Key, 'Catalog_Контрагенты') and Number eq 'ТД00-000001'", ["1"]),
        ("МаксимальныйКодСтроки eq 99", []),
        ("round(1.5) eq 2 and 7 sub 2 mul 3 eq 1 and Number eq 'ТД00-000003'", ["3"]),
    ],
)
def test_conditions_find_what_they_say(odata: Wire, condition: str, expected: list[str]) -> None:
    assert numbers(odata, condition) == [f"ТД00-00000{number}" for number in expected]


def test_a_quote_is_doubled_in_text(odata: Wire) -> None:
    odata.base.create("Catalog_Партнеры", {"Description": "O'Neil & Sons + 1"})
    found = odata.rows("Catalog_Партнеры?$filter=Description eq 'O''Neil %26 Sons %2B 1'&$select=Description")
    assert [row["Description"] for row in found] == ["O'Neil & Sons + 1"]


def test_a_reference_of_several_types_is_found_by_cast_only(odata: Wire) -> None:
    invoice = odata.rows("Document_СчетНаОплатуКлиенту?$top=1")[0]
    order = invoice["ДокументОснование"]
    assert invoice["ДокументОснование_Type"] == "StandardODATA.Document_ЗаказКлиента"
    address = "Document_СчетНаОплатуКлиенту?$filter=ДокументОснование eq"
    assert odata.rows(f"{address} guid'{order}'") == [], "empty, and no error"
    assert odata.rows(f"{address} cast(guid'{order}','Document_ЗаказКлиента')") == [invoice]
    assert odata.rows(f"{address} cast(guid'{order}','Document_РеализацияТоваровУслуг')") == []
    of_type = "Document_СчетНаОплатуКлиенту?$filter=isof(ДокументОснование,'Document_ЗаказКлиента') eq false"
    assert odata.rows(of_type) == []


def test_many_keys_joined_by_or_are_found(odata: Wire) -> None:
    refs = [str(row["Ref_Key"]) for row in odata.base.rows(GOODS)][10:30:3]
    condition = " or ".join(f"Ref_Key eq guid'{ref}'" for ref in refs)
    assert [row["Ref_Key"] for row in odata.rows(f"{GOODS}?$filter={condition}")] == refs


def test_what_is_changed_is_found_by_its_new_values(odata: Wire) -> None:
    row = odata.rows(f"{GOODS}?$filter=IsFolder eq false&$top=1")[0]
    odata.base.change(GOODS, row["Ref_Key"], {"Артикул": "НОВЫЙ-1"})
    assert [one["Ref_Key"] for one in odata.rows(f"{GOODS}?$filter=Артикул eq 'НОВЫЙ-1'")] == [row["Ref_Key"]]
    assert odata.rows(f"{GOODS}?$filter=Артикул eq '{row['Артикул']}'") == []


def test_an_attribute_of_items_is_null_in_folders(odata: Wire) -> None:
    folders = odata.rows(f"{GOODS}?$filter=Артикул eq null")
    assert folders
    assert all(row["IsFolder"] for row in folders)


@pytest.mark.parametrize(
    ("condition", "status", "code"),
    [
        ("Number eq", 400, "14"),
        ("(Number eq '1'", 400, "14"),
        ("Number eq '1", 400, "14"),
        ("Number", 400, "14"),
        ("Нет eq 1", 400, "10"),
        ("Контрагент/Нет eq 1", 400, "10"),
        ("contains(Number,'1')", 400, "21"),
        ("length(Number) eq 3", 400, "21"),
        ("tolower(Number) eq 'a'", 400, "21"),
        ("indexof(Number,'a') eq 1", 400, "21"),
        ("Number in ('1','2')", 400, "14"),
        ("Ref_Key eq guid'ZZP8x'", 400, "1"),
        ("Date gt datetime'2026-13-01T00:00:00'", 400, "1"),
        ("Date gt datetime'2026-01-01T00:00:00Z'", 400, "1"),
        ("Number eq 5", 500, "-1"),
        ("Ref_Key eq '1'", 500, "-1"),
        ("Date gt '2026'", 500, "-1"),
    ],
)
def test_what_1c_cannot_run_is_refused(odata: Wire, condition: str, status: int, code: str) -> None:
    assert odata.refused(f"{ORDERS}?$filter={condition}")[:2] == (status, code)


def test_a_plus_is_an_operator_and_no_space(odata: Wire) -> None:
    status, code, text = odata.refused(f"{ORDERS}?$filter=Number+eq+'1'")
    assert (status, code) == (500, "-1")
    assert text == 'Операция не разрешена в предложении "ГДЕ"'
    assert odata.rows(f"{ORDERS}?$filter=НомерПоДаннымКлиента eq 'a+b'") == [], "within quotes it is a plus"


def test_an_empty_reference_is_compared_like_any_other(odata: Wire) -> None:
    assert len(odata.rows(f"{GOODS}?$filter=Parent_Key eq guid'{EMPTY}'")) == odata.base.rows(GOODS).__len__() - 40
