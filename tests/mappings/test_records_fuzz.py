"""Whatever a base sends, a record becomes a record, is left out, or is one ``MappingError`` with its place."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from syncd.errors import DataError, MappingError
from syncd.mappings.compiled import CompiledSource, compile_mapping
from syncd.store.stage import render
from tests.mappings.test_check import NAMES, mapping
from tests.mappings.test_language import MOSCOW

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6)
    | st.sampled_from(["00000000-0000-0000-0000-000000000000", "0001-01-01T00:00:00", "2026-05-01T00:00:00", "НДС20",
                       "StandardODATA.Document_ЗаказКлиента", Decimal("1.5"), Decimal("NaN"),
                       Decimal("1e200000"), 10**2000, 1e400, float("nan")]),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(["Ref_Key", "Code", "Description", "Тип", "Сумма", "Числитель", "LineNumber"]),
                      inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def lookup(set_: str, key: str) -> dict[str, Any] | None:
    return {"Code": key, "Description": set_, "Контрагент": key, "Договор": None} if len(key) % 3 else None


SOURCES = [s for name in NAMES for s in compile_mapping(mapping(f"extends: {name}"), MOSCOW, lookup)]


CODES = {"E741", "E742", "E743", "E744", "E745", "E746"}


def told(source: CompiledSource, row: dict[str, Any]) -> str:
    """The code of the mistake in a record; nothing for a good one, which can be stored."""
    try:
        record = source.run(row)
        if record is not None and source.section != "orders":
            render(record)
    except (MappingError, DataError) as error:
        if "{" in error.text("ru") and error.code in CODES and not error.params["place"]:
            return "without a place"
        return error.code
    return ""


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.tree.place.file}-{source.label}")
@settings(max_examples=15, deadline=None, phases=[Phase.generate])
@given(values=st.lists(VALUES, min_size=40, max_size=40))
def test_a_record_of_anything_is_used_left_out_or_told(source: CompiledSource, values: list[Any]) -> None:
    row = {path.partition("/")[0]: value for path, value in zip(source.query.select, values, strict=False)}
    assert told(source, row) in {"", "E215", *CODES}
    source.preview(row)
