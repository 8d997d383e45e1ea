"""A filter that syncd computes itself leaves out what 1C would, and refuses what it cannot tell for certain."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.emulator.odata import OdataBase
from syncd.emulator.odata.address import options
from syncd.mappings.conditions import FAILURES, condition
from syncd.mappings.filters import BadFilter

ROW: dict[str, Any] = {
    "Code": "00-Ab", "N": 5, "Sum": "10.50", "Date": "2026-03-01T10:00:00", "IsFolder": False, "Empty": None,
    "Ref_Key": "AAAAAAAA-0000-0000-0000-000000000001", "Вид": {"Имя": "О'Нил"}, "Пусто": None,
    "Owner": "aaaaaaaa-0000-0000-0000-000000000001", "Owner_Type": "StandardODATA.Catalog_X",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("IsFolder eq false", True), ("IsFolder", False), ("not (IsFolder)", True), ("IsFolder ne false", False),
        ("Code eq '00-AB'", True), ("startswith(Code, '00-a')", True), ("endswith(Code,'x')", False),
        ("substringof('-A', Code)", True), ("N gt 4 and N lt 6", True), ("N eq 5.0", True), ("4 lt N", True),
        ("Sum ge 10.5", True), ("Sum lt 9", False), ("Date ge datetime'2026-03-01T00:00:00'", True),
        ("Date ge datetime'2026-03-02'", False), ("datetime'2026-03-01' le Date", True),
        ("Ref_Key eq guid'aaaaaaaa-0000-0000-0000-000000000001'", True), ("Вид/Имя eq 'о''нил'", True),
        ("Пусто/Имя eq 'x'", False), ("Empty eq null", True), ("Empty ne null", False), ("Code ne null", True),
        ("Empty eq 'x'", False), ("Empty ne 'x'", True), ("Empty gt 1", False),
        ("N eq 1 or N eq 2 or (N eq 5 and IsFolder eq false)", True), ("N eq 1 or N eq 5 and IsFolder eq true", False),
        ("Owner eq cast(guid'aaaaaaaa-0000-0000-0000-000000000001', 'Catalog_X')", True),
        ("Owner eq cast(guid'aaaaaaaa-0000-0000-0000-000000000001', 'Catalog_Y')", False),
        ("Owner ne cast(guid'aaaaaaaa-0000-0000-0000-000000000001', 'Catalog_Y')", True),
    ],
)  # fmt: skip
def test_a_row_is_kept_as_1c_would_keep_it(text: str, kept: bool) -> None:
    assert condition(text).test(ROW) is kept


@pytest.mark.parametrize(
    "text",
    ["A eq B", "Товары/any(d: d/N eq 1)", "year(Date) eq 2026", "not IsFolder eq true", "N add 1 eq 2", "isof(A,'X')",
     "N eq", "(N eq 1", "N eq 1)", "X eq binary'00'", "Code gt 'ё'", "'ё' le Code", "N lt null",
     "Ref_Key gt guid'aaaaaaaa-0000-0000-0000-000000000001'"],
)  # fmt: skip
def test_what_cannot_be_told_for_certain_is_refused(text: str) -> None:
    with pytest.raises(BadFilter):
        condition(text)


@pytest.mark.parametrize(
    "text", ["Missing eq 1", "Code gt 1", "Code eq true", "Code ge datetime'2026-01-01'", "Code/Name eq 'x'"]
)
def test_a_row_of_which_nothing_can_be_told_is_an_error_and_not_left_out(text: str) -> None:
    with pytest.raises(FAILURES):
        condition(text).test(ROW)


def test_what_a_filter_looks_at_is_named() -> None:
    text = "A/B eq 1 and startswith(C, 'x') and Owner eq cast(guid'aaaaaaaa-0000-0000-0000-000000000001','Catalog_X')"
    assert set(condition(text).names) == {"A/B", "C", "Owner", "Owner_Type"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Catalog_Номенклатура", "IsFolder eq false and ИспользованиеХарактеристик eq 'НеИспользовать'"),
        ("Catalog_Номенклатура", "IsFolder eq true"), ("Catalog_ВидыЦен", "ИспользоватьПриПродаже eq true"),
        ("Document_ЗаказКлиента", "Date ge datetime'2026-01-01T00:00:00' and Posted eq true"),
        ("Document_РеализацияТоваровУслуг", "СуммаДокумента gt 50000.5 or not (Posted eq true)"),
        ("Catalog_Контрагенты", "startswith(Description, 'о') and ЮрФизЛицо ne 'ФизЛицо'"),
    ],
)  # fmt: skip
def test_the_emulated_base_and_syncd_agree(name: str, text: str) -> None:
    base = OdataBase("ut11", seed=3, size=40)
    made = base.store.schema.sets[name]
    theirs = [row["Ref_Key"] for row in base._reader.page(made, options(f"$filter={text.replace(' ', '%20')}")).rows]
    rows = [json.loads(json.dumps(row, default=str)) for row in base.rows(name)]
    ours = [row["Ref_Key"] for row in rows if condition(text).test(row)]
    assert ours == theirs
    assert theirs
