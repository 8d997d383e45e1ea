"""What the guides to mappings show is true: their examples are good, and every error is explained."""

from __future__ import annotations

import re
from decimal import Decimal, getcontext
from pathlib import Path

import pytest
import simpleeval

from syncd.errors import CATALOGUE
from syncd.mappings.bounds import DIGITS, fits
from syncd.mappings.cases import read_cases, run_cases
from syncd.mappings.check import check
from syncd.mappings.expression import FUNCTIONS, NODES_LIMIT, TEXT_LIMIT, BadExpression, Failed, parse
from syncd.mappings.language import Rule, Source
from syncd.mappings.lint import lint
from tests.mappings.bases import edmx
from tests.mappings.test_check import mapping
from tests.mappings.test_language import MOSCOW

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [DOCS / "mappings.md", DOCS / "mappings.ru.md"]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def examples(page: Path) -> list[str]:
    found = re.findall(r"^ *```yaml\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [re.sub(r"^ {3}", "", text, flags=re.MULTILINE) if text.startswith("   ") else text for text in found]


@each_page
def test_the_examples_are_good(page: Path) -> None:
    first, fields, orders, states, cases = examples(page)
    base = edmx("ut11.4")
    assert check(mapping(first), base) == []
    assert check(mapping(f"extends: ut11\n{orders}"), base) == []
    assert check(mapping(states), base) == []
    weight, stock = fields.strip().splitlines()
    text = f"extends: ut11\nproducts: {{fields: {{{weight}}}}}\nstocks: {{fields: {{{stock}}}}}\n"
    assert check(mapping(text), base) == []
    outcomes = run_cases(mapping("extends: ut11"), read_cases(cases, page.name), MOSCOW)
    assert [outcome.differences for outcome in outcomes] == [()] * 4


@each_page
def test_every_rule_in_the_tables_is_good(page: Path) -> None:
    found = re.findall(r"\| `(\{.+?\})` \|", page.read_text(encoding="utf-8"))
    assert len(found) >= 13
    for rule in found:
        kinds = {"rows": "barcodes", "parts": "unit", "sum": "weight", "tax": "weight"}
        field = next((field for word, field in kinds.items() if word in rule), "sku")
        assert lint(mapping(f"products: {{from: X, fields: {{id: A, {field}: {rule}}}}}")) == [], rule


@each_page
def test_every_key_error_and_function_is_explained(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    codes = {code for code in CATALOGUE if "E701" <= code <= "E769"}
    assert set(re.findall(r"^\| (E7\d\d) \|", text, re.MULTILINE)) == codes
    assert {name for name in FUNCTIONS if f"`{name}`" not in text} == set()
    keys = {f.alias or name for model in (Rule, Source) for name, f in model.model_fields.items() if not f.exclude}
    assert {key for key in keys if not re.search(rf"[`{{, ]{key}[`:]", text)} == set()


@each_page
def test_the_bounds_that_the_guides_state_are_those_in_force(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for bound in (TEXT_LIMIT, NODES_LIMIT, DIGITS, (1 << 63) - 1, simpleeval.MAX_STRING_LENGTH, getcontext().prec):
        assert re.search(rf"\b{bound}\b", text), bound
    longest = "+".join(["Цена"] * 75)
    assert parse(longest).run(*[1])
    for text in ("+".join(["Цена"] * 76), "Цена" + " " * 2000 + "+ 1"):
        with pytest.raises(BadExpression):
            parse(text)
    computed = parse("Цена * Количество / 3")(lambda _name: Decimal("1e999"))
    assert not fits(computed)
    with pytest.raises(Failed):
        parse("a + b")(lambda _name: "x" * 50_001)
    assert len(str(parse("1 / x")(lambda _name: 3)).removeprefix("0.")) == 28
