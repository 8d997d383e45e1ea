"""Expressions as functions of Python say what closures over the same tree say, digit for digit."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
import simpleeval
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.mappings import expression, lowered
from tests.mappings.closures import closure

VALUES: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("0ab ", max_size=3)
    | st.sampled_from([Decimal("0.0"), Decimal("-0"), Decimal("1.50"), Decimal("1E+3"), Decimal(1) / 3,
                       Decimal("7" * 40), Decimal("1e300000000"), "%9d",
                       "00000000-0000-0000-0000-000000000000", "0001-01-01T00:00:00"])
)  # fmt: skip
_ATOMS = st.sampled_from(["a", "b", "c", "A/B", "0", "1", "2.50", "'x'", "true", "null", "min"])


def _more(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, inner)
    operators = st.sampled_from(["+", "-", "*", "/", "//", "%", "==", "!=", "<", ">=", "and", "или", "in", "is"])
    return (
        st.tuples(operators, two).map(lambda made: f"({made[1][0]} {made[0]} {made[1][1]})")
        | st.tuples(inner, two).map(lambda made: f"({made[1][0]} если {made[0]} иначе {made[1][1]})")
        | st.tuples(inner, two).map(lambda made: f"({made[0]} < {made[1][0]} <= {made[1][1]})")
        | st.tuples(st.sampled_from(["первое", "max", "contains"]), two).map(lambda m: f"{m[0]}({m[1][0]}, {m[1][1]})")
        | st.tuples(st.sampled_from(["number", "пусто", "text", "not ", "-", "length"]), inner).map(
            lambda m: f"({m[0]}({m[1]}))"
        )
        | st.tuples(inner, inner, inner).map(lambda made: f"стрзаменить({', '.join(made)})")
        | two.map(lambda made: f"[{made[0]}, {made[1]}]")
    )  # fmt: skip


EXPRESSIONS = st.recursive(_ATOMS, _more, max_leaves=8)


def plainly(text: str, row: dict[str, Any]) -> Any:
    """What the closures make of it, with simpleeval's own operators."""
    operators = {
        **expression._operators(), ast.Mult: simpleeval.safe_mult, ast.Div: lambda a, b: Decimal(a) / Decimal(b),
        ast.Mod: lambda a, b: Decimal("x") if type(a) is str else a % b,  # no format of a text
    }  # fmt: skip
    found: list[tuple[ast.expr, list[str]]] = []

    def note(node: ast.expr, names: Sequence[str], *_others: object) -> Callable[..., Any]:
        found.append((node, list(names)))
        return lambda *_values: None

    with patch.object(expression, "function", note):
        made = expression.parse(text)
    [(node, names)] = found
    run = closure(node, operators, expression.FUNCTIONS, expression._CONSTANTS)
    return run({inner: row[path] for inner, path in zip(names, made.names, strict=True)})


def outcome(work: Callable[[], Any]) -> str:
    try:
        return repr(work())
    except (*expression.FAILURES, expression.Failed):
        return "failed"


@settings(max_examples=600, deadline=None)
@given(text=EXPRESSIONS, row=st.fixed_dictionaries({"a": VALUES, "b": VALUES, "c": VALUES, "A/B": VALUES}))
def test_functions_say_what_closures_say(text: str, row: dict[str, Any]) -> None:
    made = expression.parse(text)
    expected = outcome(lambda: plainly(text, row))
    assert outcome(lambda: made(row.__getitem__)) == expected
    compute = made.of()
    assert compute is not None
    assert outcome(lambda: compute({**row, "A": {"B": row["A/B"]}})) == expected


@pytest.mark.parametrize(
    "row", [{}, {"a": 1}, {"a": 1, "A": []}, {"a": 1, "A": {}}, {"a": 1, "A": "B"}, {"A": {"B": 1}}]
)
def test_a_record_of_another_shape_is_left_to_others(row: dict[str, Any]) -> None:
    compute = expression.parse("a + A/B").of()
    assert compute is not None
    with pytest.raises(expression.FAILURES):
        compute(row)


def test_nothing_is_behind_an_empty_reference() -> None:
    compute = expression.parse("первое(A/B, 7)").of()
    assert compute is not None
    assert compute({"A": None}) == 7


def test_paths_through_two_references_are_read_step_by_step() -> None:
    assert expression.parse("A/B/C").of() is None
    assert expression.parse("../A").of() is None


def test_a_name_reaches_nothing_but_its_value() -> None:
    made = expression.parse("__builtins__ + a0 + g0 + 1")
    assert sorted(made.names) == ["__builtins__", "a0", "g0"]
    assert made({"__builtins__": 1, "a0": 2, "g0": 3}.__getitem__) == 7
    assert lowered.several([len, str])("ab") == (2, "ab")
