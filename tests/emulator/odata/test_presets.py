"""The data of the presets: whole rows, references that lead somewhere, sums that agree, size without weight."""

from __future__ import annotations

import resource
from typing import cast

import pytest

from syncd.emulator.odata import OdataBase
from syncd.emulator.odata.company import Company
from syncd.emulator.odata.model import EMPTY_REF, Kind, Row

PRESETS = ("ut11", "unf")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_row_has_exactly_the_properties_of_its_type(preset: str) -> None:
    base = OdataBase(preset, size=60)
    for name, made in base.store.schema.sets.items():
        expected = {prop.name for prop in made.type.props.values() if prop.type != "Edm.Stream"} | set(
            made.type.collections
        )
        for row in base.rows(name):
            assert set(row) == expected, name
            for section, kind in made.type.collections.items():
                for line in cast("list[Row]", row[section]):
                    assert set(line) == {prop.name for prop in kind.props.values()}, (name, section)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_row_is_found_by_its_key(preset: str) -> None:
    base = OdataBase(preset, size=60)
    for name, table in base.store.tables.items():
        rows = list(table.rows())
        assert len(rows) == len(table), name
        for row in rows:
            assert table.get(table.key_of(row)) == row, name


@pytest.mark.parametrize("preset", PRESETS)
def test_every_reference_leads_to_an_object(preset: str) -> None:
    base = OdataBase(preset, size=60)
    followed = 0
    for name, made in base.store.schema.sets.items():
        for nav, target in made.type.navs.items():
            refs = {str(row[f"{nav}_Key"]) for row in base.rows(name) if row[f"{nav}_Key"]} - {EMPTY_REF}
            for ref in refs:
                assert base.get(target, ref) is not None, (name, nav)
            followed += len(refs)
    assert followed > 300


@pytest.mark.parametrize("preset", PRESETS)
def test_enumerations_hold_members_only(preset: str) -> None:
    base = OdataBase(preset, size=60)
    for name, made in base.store.schema.sets.items():
        for prop in made.type.props.values():
            members = base.store.schema.enums.get(prop.enum)
            if members:
                assert {row[prop.name] for row in base.rows(name)} <= {*members, "", None}, (name, prop.name)


def test_an_order_adds_up_and_its_documents_agree() -> None:
    base = OdataBase("ut11", size=60)
    for order in base.documents("ЗаказКлиента"):
        lines = cast("list[Row]", order["Товары"])
        total = sum(cast("float", line["СуммаСНДС"]) for line in lines)
        assert order["СуммаДокумента"] == pytest.approx(total, abs=0.005)
        for line in lines:
            product = cast("float", line["Цена"]) * cast("float", line["Количество"])
            assert line["Сумма"] == pytest.approx(product, abs=0.005)
    orders = {order["Ref_Key"]: order for order in base.documents("ЗаказКлиента")}
    for invoice in base.documents("СчетНаОплатуКлиенту"):
        assert invoice["СуммаДокумента"] == orders[invoice["ДокументОснование"]]["СуммаДокумента"]


def test_what_is_offered_can_be_told_from_its_number_and_back() -> None:
    company = Company(seed=1, size=57)
    seen = []
    for offer in range(company.offers):
        item, variant = company.parts(offer)
        assert item < company.size
        assert offer in company.offers_of(item)
        assert (variant is not None) == company.has_variants(item)
        if variant is not None:
            assert variant in company.variants_of(item)
            assert company.item_of_variant(variant) == item
        assert company.offer_of_barcode(company.barcode(offer)) == offer
        seen.append((item, variant))
    assert len(set(seen)) == len(seen)
    assert {item for item, _ in seen} == set(range(company.size))
    assert {variant for _, variant in seen if variant is not None} == set(range(company.variants))


def test_tax_numbers_have_right_check_digits() -> None:
    company = Company(seed=1, size=200)
    weights = (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
    for index in range(company.customers):
        number = [int(digit) for digit in company.tax_number(index)]
        if len(number) == 10:
            assert sum(a * b for a, b in zip(number[:9], weights[1:], strict=True)) % 11 % 10 == number[9]
        else:
            assert sum(a * b for a, b in zip(number[:10], weights, strict=True)) % 11 % 10 == number[10]
            assert sum(a * b for a, b in zip(number[:11], (3, *weights), strict=True)) % 11 % 10 == number[11]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_hundred_thousand_goods_are_there_at_once_and_weigh_little(preset: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    base = OdataBase(preset, size=100_000)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert after.ru_utime - before.ru_utime < 8
    kept = sum(len(table.touched()) for table in base.store.tables.values())
    assert kept < 20_000, "only what the first documents moved is kept"
    table = base.store.tables["Catalog_Номенклатура"]
    assert len(table) > 100_000
    last = table.seeds.row(len(table.seeds) - 1)
    assert table.get((str(last["Ref_Key"]),)) == last
    prices = base.store.tables["InformationRegister_ЦеныНоменклатуры"]
    assert prices.set.kind is (Kind.RECORD_SETS if preset == "ut11" else Kind.INDEPENDENT)
