"""The quick getters say what the getters made of steps say, of whatever record."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from syncd.errors import MappingError
from syncd.mappings import quick
from syncd.mappings.compiled import CompiledSource, compile_mapping
from tests.mappings.test_check import NAMES, mapping
from tests.mappings.test_language import MOSCOW
from tests.mappings.test_records_fuzz import VALUES, lookup

RULES = """
extends: ut11
products:
  fields:
    sku: {from: [Б, А], join: "#"}
    code: {from: [А, Б], join: "-"}
    name: {from: А, default: Б}
    kind: {from: [А, Б]}
    type: Г/Description
    brand: {from: А, via: Набор, take: Code}
    country: {from: А, via: Набор, take: Code, as: currency}
    weight: В
    tax_rate: {from: А, as: tax}
    description: {value: "  всегда  "}
    unit: {parts: {code: А, name: Г/Code}}
  deleted: Д
"""
USUAL: st.SearchStrategy[Any] = st.sampled_from(
    ["", " ", "a", "a ", "\n", "НДС20", "00000000-0000-0000-0000-000000000000",
     "00000000-0000-0000-0000-000000000000 ",
     "00000000-0000-0000-0000", "000000000000", "0001-01-01T00:00:00", "0001-01-01 ",
     "3bd1b3c4-2a93-11ee-8d64-5404a6b4b8ed", 0, 1,
     Decimal("1.50"), Decimal("NaN"), Decimal("1e200000"), Decimal("1e-200000"), 10**2000,
     True, False, None, {"Description": "a ", "Code": ""}, {"Code": 5}, {}, []]
)  # fmt: skip


def compiled(text: str) -> list[tuple[CompiledSource, CompiledSource]]:
    """Each source twice: as it is, and without anything quick."""
    made = mapping(text)
    fast = compile_mapping(made, MOSCOW, known)
    with (
        patch.object(quick, "getter", lambda _rule, _wanted, slow, _lookup: slow),
        patch.object(quick, "behind", lambda _head, _tail, slow: slow),
    ):
        return list(zip(fast, compile_mapping(made, MOSCOW, known), strict=True))


def known(set_: str, key: str) -> dict[str, Any] | None:
    """The same record each time, as a base gives it."""
    if (set_, key) not in _FOUND:
        _FOUND[set_, key] = lookup(set_, key)
    return _FOUND[set_, key]


_FOUND: dict[tuple[str, str], dict[str, Any] | None] = {}


def said(source: CompiledSource, row: dict[str, Any]) -> str:
    try:
        record = source.run(row)
    except MappingError as error:
        return f"{error.code} {sorted(error.params.items(), key=str)}"
    return repr(record)


PAIRS = [pair for name in NAMES for pair in compiled(f"extends: {name}")]
OWN = next(pair for pair in compiled(RULES) if pair[0].section == "products")


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0].tree.place.file}-{pair[0].label}")
@settings(max_examples=25, deadline=None, phases=[Phase.generate])
@given(values=st.lists(VALUES | USUAL, min_size=40, max_size=40), absent=st.integers(0, 200))
def test_presets_are_read_the_same(pair: tuple[CompiledSource, CompiledSource], values: list[Any], absent: int) -> None:
    fast, slow = pair
    row = {path.partition("/")[0]: value for path, value in zip(fast.query.select, values, strict=False)}
    if absent < len(row):
        del row[list(row)[absent]]
    assert said(fast, row) == said(slow, row)


@settings(max_examples=800, deadline=None)
@given(row=st.fixed_dictionaries(
    {"Ref_Key": st.just("r"), **dict.fromkeys("АБ", USUAL)}, optional=dict.fromkeys(("В", "Г", "Д"), USUAL)
))  # fmt: skip
def test_each_kind_of_rule_is_read_the_same(row: dict[str, Any]) -> None:
    fast, slow = OWN
    plain = dict.fromkeys([path.partition("/")[0] for path in fast.query.select], "x")
    others = {name: value for name, value in plain.items() if name not in "ВГД"}
    assert said(fast, {**others, **row}) == said(slow, {**others, **row})


def test_what_is_behind_a_reference_is_not_looked_for_beside_it() -> None:
    fast, slow = OWN
    row = {path.partition("/")[0]: None for path in fast.query.select} | {"Ref_Key": "r", "Description": "its own"}
    del row["Г"]
    assert said(fast, row) == said(slow, row)
    assert said(fast, row).startswith("E741")
