"""Golden cases: those beside the presets pass, and a case that does not is told field by field."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from syncd.errors import MappingError
from syncd.mappings.cases import read_cases, run_cases
from syncd.mappings.loading import read
from tests.mappings.test_check import PRESETS, mapping

MOSCOW = ZoneInfo("Europe/Moscow")
FILES = sorted(PRESETS.glob("*.cases.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_cases_of_a_preset_pass(path: Path) -> None:
    cases = read_cases(path.read_text(encoding="utf-8"), path.name)
    outcomes = run_cases(mapping(f"extends: {path.name.partition('.')[0]}"), cases, MOSCOW)
    assert len(outcomes) == len(cases) > 1
    failed = [
        (f"{path.name}:{o.line} {o.case.section} {o.case.name}", o.differences) for o in outcomes if o.differences
    ]
    assert failed == []


MINE = read("products: {from: Catalog_X, fields: {id: Ref_Key, sku: Артикул, weight: Вес}}", "m.yaml", lambda _: None)


@pytest.mark.parametrize(
    ("case", "field", "expected", "got"),
    [
        ("{section: products, given: {Ref_Key: a, Артикул: x}, expect: {sku: y}}", "sku", "y", "x"),
        ("{section: products, given: {Ref_Key: a, Вес: 1.50}, expect: {weight: 1.5, sku: z}}", "sku", "z", "null"),
        ("{section: products, given: {Ref_Key: a}, expect: null}", "", "null", "{id: a, deleted: false}"),
        ("{section: products, given: {Ref_Key: a}, error: E742}", "", "E742", "{id: a, deleted: false}"),
        ("{section: product, given: {}, expect: {}}", "section", "product", "Did you mean products?"),
    ],
)
def test_a_case_that_differs_names_field_wanted_and_got(case: str, field: str, expected: str, got: str) -> None:
    (outcome,) = run_cases(MINE, read_cases(f"- {case}\n", "m.cases.yaml"), MOSCOW)
    (difference,) = outcome.differences
    assert (difference.field, difference.expected) == (field, expected)
    assert got in difference.got


def test_a_mistake_in_a_record_names_path_value_and_place() -> None:
    (outcome,) = run_cases(
        MINE, read_cases("- {section: products, given: {Ref_Key: a, Вес: тяж}, expect: {}}", "c"), MOSCOW
    )
    (difference,) = outcome.differences
    assert "E742 products.weight: 'тяж'" in difference.got
    assert "m.yaml:1" in difference.got


def test_a_slip_in_a_file_of_cases_is_told_with_its_line() -> None:
    with pytest.raises(MappingError) as caught:
        read_cases("- section: products\n  given: {}\n  expct: {}\n", "m.cases.yaml")
    assert (caught.value.code, caught.value.params["place"]) == ("E701", "m.cases.yaml:3")
    assert "expect" in str(caught.value)
