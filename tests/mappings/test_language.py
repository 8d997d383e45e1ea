"""The language: presets and what stands over them, rules and what they make, expressions and their bounds."""

from __future__ import annotations

import json
import sys
import threading
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import validator_for

from syncd.errors import MappingError
from syncd.mappings import convert, expression
from syncd.mappings.compare import compare, effects
from syncd.mappings.compiled import Combined, CompiledSource, compile_mapping
from syncd.mappings.lint import lint
from syncd.mappings.loading import Mapping, read
from syncd.mappings.query import Query
from syncd.mappings.schema import schema
from syncd.mappings.write import compile_write
from tests.mappings.test_check import NAMES, PRESETS, preset

MOSCOW = ZoneInfo("Europe/Moscow")
EMPTY = convert.EMPTY_GUID


def load(text: str, **presets: str) -> Mapping:
    return read(text, "m.yaml", presets.get, presets)


def source(rule: str, field: str = "sku", **more: Any) -> CompiledSource:
    text = f"products: {{from: Catalog_X, fields: {{id: Ref_Key, {field}: {rule}}}}}"
    found = load(text)
    assert lint(found) == []
    return compile_mapping(found, MOSCOW, **more)[0]


def value(rule: str, row: dict[str, Any], field: str = "sku", **more: Any) -> Any:
    record = source(rule, field, **more).run({"Ref_Key": "a", **row})
    assert record is not None
    return record.fields.get(field)


@pytest.mark.parametrize(
    ("rule", "row", "expected"),
    [
        ("Артикул", {"Артикул": "С-1 "}, "С-1"),
        ("Артикул", {"Артикул": ""}, ""),
        ("Артикул", {"Артикул": None}, None),
        ("Артикул", {"Артикул": EMPTY}, ""),
        ("Артикул", {"Артикул": 7}, "7"),
        ("{from: A, default: B}", {"A": "", "B": "b"}, "b"),
        ("{from: A, default: B}", {"A": EMPTY, "B": "b"}, "b"),
        ("{from: A, default: B}", {"A": "a", "B": "b"}, "a"),
        ("[A, B]", {"A": "", "B": "b"}, "b"),
        ("{from: [A, B], join: '#'}", {"A": "a", "B": EMPTY}, "a"),
        ("{from: [A, B], join: '#'}", {"A": "a", "B": "b"}, "a#b"),
        ("{from: A, value: нет}", {"A": ""}, "нет"),
        ("{value: да}", {}, "да"),
        ("5", {}, "5"),
        ("Вид/Имя", {"Вид": {"Имя": "x"}}, "x"),
        ("Вид/Имя", {"Вид": None}, None),
        ("{from: A, type: Catalog_Y}", {"A": "g", "A_Type": "StandardODATA.Catalog_Y"}, "g"),
        ("{from: A, type: Catalog_Y}", {"A": "g", "A_Type": "StandardODATA.Catalog_Z"}, None),
        ("{from: A, values: {Да: y, нет: n}}", {"A": "НЕТ"}, "n"),
        ("{from: A, values: {Да: y}, unlisted: keep}", {"A": "x"}, "x"),
        ("{from: A, values: {Да: y}, unlisted: empty}", {"A": "x"}, None),
        ("{from: A, values: {'': y}}", {"A": ""}, "y"),
        ("{expr: \"A + '-' + B\"}", {"A": "a", "B": "b"}, "a-b"),
        ("{from: A, as: currency}", {"A": "643"}, "RUB"),
        ("{from: A, as: currency}", {"A": "руб."}, "RUB"),
        ("{from: A, as: currency}", {"A": "usd"}, "USD"),
    ],
)
def test_a_rule_makes_what_it_says(rule: str, row: dict[str, Any], expected: object) -> None:
    assert value(rule, row) == expected


@pytest.mark.parametrize(
    ("field", "rule", "raw", "expected"),
    [
        ("weight", "A", "10.50", Decimal("10.50")),
        ("weight", "A", 3, Decimal(3)),
        ("weight", "A", Decimal("0.10"), Decimal("0.10")),
        ("weight", "{from: A, as: tax}", "НДС20_120", Decimal(20)),
        ("weight", "{from: A, as: tax}", "БезНДС", None),
        ("category_ids", "A", "g", ["g"]),
        ("category_ids", "A", EMPTY, []),
        ("barcodes", "{rows: A, each: X}", [{"X": "1"}, {"X": ""}, {"X": "2"}], ["1", "2"]),
        ("properties", "{rows: A, key: K, each: V}", [{"K": "p", "V": "1"}, {"K": "p", "V": "2"}], {"p": ["1", "2"]}),
        ("unit", "{parts: {name: A, code: {value: x}}}", "шт", {"name": "шт", "code": "x"}),
    ],
)
def test_a_value_is_of_the_kind_of_its_field(field: str, rule: str, raw: object, expected: object) -> None:
    assert value(rule, {"A": raw}, field) == expected


def test_times_of_1c_are_read_on_the_clock_of_the_base() -> None:
    text = "contracts: {from: Catalog_X, fields: {id: Ref_Key, valid_to: Срок}}"
    (made,) = compile_mapping(load(text), MOSCOW)
    record = made.run({"Ref_Key": "a", "Срок": "2026-05-01T00:00:00"})
    assert record is not None
    assert record.fields["valid_to"] == datetime(2026, 5, 1, tzinfo=MOSCOW)
    empty = made.run({"Ref_Key": "a", "Срок": "0001-01-01T00:00:00"})
    assert empty is not None
    assert empty.fields == {}


@pytest.mark.parametrize(
    ("rule", "row", "field", "code", "told"),
    [
        ("Артикул", {"Артикль": 1}, "sku", "E741", "Did you mean Артикль?"),
        ("A", {"A": "тяж"}, "weight", "E742", "products.weight: 'тяж' from A"),
        ("A", {"A": True}, "weight", "E742", "True"),
        ("A", {"A": "NaN"}, "weight", "E742", "NaN"),
        ("A", {"A": [Decimal(1)]}, "weight", "E742", "Decimal"),
        ("A", {"A": "1e200000"}, "weight", "E742", "1e200000"),
        ("A", {"A": Decimal("1e200000")}, "weight", "E742", "1E+200000"),
        ("A", {"A": Decimal("1e300000000")}, "sku", "E742", "1E+300000000"),
        ("A", {"A": 10**5000}, "sku", "E742", "10^1000"),
        ("A", {"A": 10**5000}, "weight", "E742", "10^1000"),
        ("{from: A, as: tax}", {"A": "НДС" + "9" * 5000}, "tax_rate", "E742", "НДС9"),
        ("{from: A, values: {Да: y}}", {"A": Decimal("1e300000000")}, "sku", "E742", "1E+300000000"),
        ("{from: A, values: {Да: y}}", {"A": "Даа"}, "sku", "E743", "Did you mean Да?"),
        ("{expr: A / B}", {"A": 1, "B": 0}, "weight", "E744", "division by zero"),
        ("{expr: A + B}", {"A": 1, "B": None}, "weight", "E744", "first(X, 0)"),
        ("{from: A, via: Catalog_Y, take: Code}", {"A": "g"}, "sku", "E745", "Catalog_Y has no record 'g'"),
        ("Артикул", {"Ref_Key": EMPTY, "Артикул": ""}, "sku", "E746", "products.id"),
    ],
)
def test_a_bad_record_is_told_with_path_value_and_line(
    rule: str, row: dict[str, Any], field: str, code: str, told: str
) -> None:
    with pytest.raises(MappingError) as caught:
        value(rule, row, field)
    assert caught.value.code == code
    assert told in str(caught.value)
    assert caught.value.params["path"].startswith("products.")
    assert json.loads(json.dumps(caught.value.params)) == caught.value.params, "it can be kept in the journal"
    assert str(caught.value.params["place"]).startswith("m.yaml:1:")


def test_a_preview_shows_the_good_fields_beside_the_bad_one() -> None:
    made = source("{from: A, values: {Да: y}}")
    cells = {cell.field: cell for cell in made.preview({"Ref_Key": "a", "A": "нет"})}
    assert cells["id"].result == "a"
    assert (cells["sku"].raw, cells["sku"].rule) == ("нет", "values: {Да}")
    assert cells["sku"].error is not None
    assert cells["sku"].error.code == "E743"


def test_records_of_one_key_are_summed_where_the_mapping_says_so() -> None:
    text = """
stocks:
  from: AccumulationRegister_X/Balance
  when: Количество != 0
  fields: {offer_id: A, warehouse_id: B, on_hand: {from: Количество, combine: sum}, reserved: {from: R, combine: max}}
"""
    (made,) = compile_mapping(load(text), MOSCOW)
    rows = [("a", 1, 5), ("b", 2, 1), ("a", Decimal("0.5"), 7), ("a", 0, 9)]
    records = [made.run({"A": a, "B": "w", "Количество": n, "R": r}) for a, n, r in rows]
    found = made.combined([record for record in records if record is not None])
    assert [(r.key[0], r.fields["on_hand"], r.fields["reserved"]) for r in found] == [
        ("a", Decimal("1.5"), Decimal(7)), ("b", Decimal(2), Decimal(1)),
    ]  # fmt: skip


BASE = """
dictionaries: {kinds: {A: a, B: b}}
products: {from: Catalog_X, where: IsFolder eq false, fields: {id: Ref_Key, sku: Артикул, code: Code}, extra: {x: X}}
prices:
  - {name: retail, from: R, fields: {offer_id: A, price_type_id: B, currency: C, min_quantity: 0, value: Цена}}
  - {name: whole, from: W, fields: {offer_id: A, price_type_id: B, currency: C, min_quantity: 0, value: Цена}}
categories: {from: Catalog_X, fields: {id: Ref_Key}}
"""


def test_a_mapping_stands_over_its_preset_field_by_field() -> None:
    text = """
extends: base
dictionaries: {kinds: {B: z, C: c}}
products: {fields: {sku: Code, code: null}, extra: {x: null, y: Y}}
prices: {name: whole, fields: {value: Опт}}
categories: null
"""
    found = load(text, base=BASE)
    (products,) = found.of("products")
    assert products.source.where == "IsFolder eq false"
    assert {name: rule.from_ for name, rule in products.source.fields.items()} == {"id": ("Ref_Key",), "sku": ("Code",)}
    assert list(products.source.extra) == ["y"]
    assert found.head.dictionaries["kinds"] == {"A": "a", "B": "z", "C": "c"}
    prices = {section.label: section.source.fields["value"].from_ for section in found.of("prices")}
    assert prices == {"prices.retail": ("Цена",), "prices.whole": ("Опт",)}
    assert found.of("categories") == []
    assert str(products.tree.at(("fields", "sku")).place) == "m.yaml:4:21"
    assert str(products.tree.at(("fields", "id")).place).startswith("base.yaml:3:")


def test_several_sources_are_overridden_by_name_only() -> None:
    with pytest.raises(MappingError) as caught:
        load("extends: base\nprices: {fields: {value: Опт}}", base=BASE)
    assert caught.value.code == "E709"
    assert "retail, whole" in str(caught.value)


def test_presets_that_extend_each_other_are_told() -> None:
    with pytest.raises(MappingError) as caught:
        load("extends: a", a="extends: b", b="extends: a")
    assert caught.value.code == "E707"
    assert "a → b → a" in str(caught.value)


def test_the_version_is_that_of_what_is_said_not_of_how_it_is_written() -> None:
    one = load("products: {from: X, fields: {id: A, sku: B}}")
    same = load("# word\ndescription: d\nproducts:\n  fields:\n    sku: B\n    id: A\n  from: X\n")
    other = load("products: {from: X, fields: {id: A, sku: C}}")
    assert one.version == same.version != other.version


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("a: [", "E702", 1),
        ("a: 1\n\tb: 2", "E702", 2),
        ("- a", "E702", 1),
        ("a: &x {b: 1}\nc: *x", "E702", 2),
        ("a: " + "[" * 100 + "]" * 100, "E702", 1),
        ("x" * 2_000_000, "E702", 1),
    ],
)
def test_what_is_no_mapping_is_refused_with_its_line(text: str, code: str, line: int) -> None:
    with pytest.raises(MappingError) as caught:
        load(text)
    assert (caught.value.code, caught.value.params["place"].line) == (code, line)


def test_a_key_given_twice_is_told() -> None:
    (problem, *_) = lint(load("products: {from: X, fields: {id: A, id: B}}"))
    assert (problem.code, problem.params["place"].column) == ("E702", 37)


@settings(max_examples=150, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["products", "prices", "orders", "fields", "from", "expr", "rows", "values", "lines", "write", "id", "x", "extends"]), inner, max_size=4), max_leaves=12))  # fmt: skip  # noqa: E501
def test_nothing_that_is_written_breaks_the_reader(tree: object) -> None:
    """Whatever stands in the file, the answer is a list of mistakes with places, or a mapping."""
    try:
        found = load(yaml.safe_dump(tree, allow_unicode=True))
    except MappingError:
        return  # nothing can be read at all
    for problem in lint(found):
        assert problem.text("ru")
        assert problem.params["place"].line >= 1
    if not lint(found):
        compile_mapping(found, MOSCOW)
        compile_write(found, MOSCOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Цена * Количество", Decimal("10.0")), ("Цена / Количество", Decimal("0.625")), ("0.1 + 0.2", Decimal("0.3")),
        ('Валюта/Code == "643"', True), ("Статус in ['Закрыт', 'Нет'] и не пусто(Цена)", True),
        ("Цена если Количество > 3 иначе 0", Decimal("2.5")), ("окр(Цена, 0)", Decimal(3)),
        ("сред(Статус, 1, 3)", "Зак"),
        ("первое(Нет, Статус)", "Закрыт"), ("макс(Цена, Количество)", 4), ("true and not false", True),
    ],
)  # fmt: skip
def test_an_expression_works_out(text: str, expected: object) -> None:
    row = {"Цена": Decimal("2.5"), "Количество": 4, "Валюта/Code": "643", "Статус": "Закрыт", "Нет": None}
    assert expression.parse(text)(row.__getitem__) == expected


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')", "open('x')", "().__class__", "x.y", "x[0]", "[a for a in b]", "lambda: 1", "2 ** 9",
        "1 << 9", "f'{x}'", "x := 1", "eval('1')", "a; b", "", " ", "x" * 3000, "f(*x)",
        "number(x=1)", "{1: 2}", "yield", "1 if", "+".join(["1"] * 400),
    ],
)  # fmt: skip
def test_an_expression_can_do_nothing_but_compute(text: str) -> None:
    with pytest.raises(expression.BadExpression):
        expression.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "'a' * 99999999", "x * 99999999", "'a' * 90000 + 'b' * 90000", "'%300000000d' % 1", "x % 2", "2 % x",
        "стрзаменить('a' * 3000, 'a', 'b' * 1000)", "стрзаменить('a' * 3000, '', 'b' * 1000)",
        "строка([[1] * 1000] * 100000)", "число([[1] * 1000] * 100000)", "строка(huge)", "число(huge)",
        "число('1e3000')",
        "сред(x, huge, 1)", "сред(x, 1, huge)", "окр(1, huge)", "стрдлина(huge)", "врег(huge)",
    ],
)  # fmt: skip
def test_an_expression_cannot_grow_without_bounds(text: str) -> None:
    with pytest.raises(expression.Failed):
        expression.parse(text)({"x": "abc", "huge": Decimal("1e300000000")}.__getitem__)


def test_a_long_text_of_the_base_may_be_replaced_in() -> None:
    made = expression.parse("стрзаменить(x, 'ab', 'c')")
    assert made({"x": "ab" * 100_000}.__getitem__) == "c" * 100_000
    assert expression.parse("стрзаменить(x, '', '-')")({"x": "ab"}.__getitem__) == "-a-b-"
    assert expression.parse("7 % 4 + x % 2")({"x": Decimal("5.5")}.__getitem__) == Decimal("4.5")


def test_threads_do_not_see_each_others_records() -> None:
    made = expression.parse("a * 1000 + b")
    wrong: list[object] = []

    def work(n: int) -> None:
        for m in range(2000):
            found = made({"a": n, "b": m}.__getitem__)
            if found != n * 1000 + m:
                wrong.append(found)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_the_query_asks_for_what_the_rules_need_and_no_more() -> None:
    text = """
orders:
  from: Document_X
  fields: {id: Ref_Key, currency: {from: Валюта_Key, via: Catalog_Валюты, take: Code}, status_1c: Статус/Description}
  lines: {from: Товары, when: не Отменено, fields: {product_id: Номенклатура_Key, name: ../Комментарий}}
"""
    (made,) = compile_mapping(load(text), MOSCOW)
    assert set(made.query.select) == {"Ref_Key", "Валюта_Key", "Статус/Description", "Товары", "Комментарий"}
    assert made.query.expand == ("Статус",)
    assert made.query.lookups == {"Catalog_Валюты": ("Code",)}
    record = made.run({
        "Ref_Key": "o", "Валюта_Key": EMPTY, "Статус": None, "Комментарий": "к",
        "Товары": [{"Номенклатура_Key": "p", "Отменено": False}, {"Номенклатура_Key": "q", "Отменено": True}],
    })  # fmt: skip
    assert record is not None
    assert record.fields["lines"] == [{"product_id": "p", "name": "к"}]


def test_quotes_in_the_condition_of_a_virtual_table_are_doubled_once() -> None:
    query = Query("R", "Balance", {"Condition": "Склад_Key eq guid'1'", "Period": "2026-01-01T00:00:00"})
    assert query.resource == "R/Balance(Condition='Склад_Key eq guid''1''',Period=datetime'2026-01-01T00:00:00')"


def test_a_read_is_narrowed_to_the_window_and_to_what_changed() -> None:
    now, since = datetime(2026, 5, 10, 12), datetime(2026, 5, 9, 8, 30)  # noqa: DTZ001 - the base's own clock
    query = Query("Document_X", filter="a eq 1 or b eq 2", days=7, changed_by="Изменён")
    window = "(a eq 1 or b eq 2) and Date ge datetime'2026-05-03T12:00:00'"
    assert query.narrowed(now) == window
    assert query.narrowed(now, since) == f"{window} and Изменён gt datetime'2026-05-09T08:30:00'"
    assert Query("Catalog_X", filter="a eq 1").narrowed(now, since) == "a eq 1"
    assert Query("Catalog_X").narrowed(now, since) == ""


def test_two_mappings_are_compared_rule_by_rule_and_in_records() -> None:
    old = load("products: {from: X, fields: {id: Ref_Key, sku: A, code: C}}")
    new = load("products: {from: X, fields: {id: Ref_Key, sku: B, name: A}}")
    assert [(row["path"], row["before"], row["after"]) for row in compare(old, new)] == [
        ("products.fields.sku", "A", "B"), ("products.fields.code", "C", ""), ("products.fields.name", "", "A"),
    ]  # fmt: skip
    rows = [{"Ref_Key": "1", "A": "x", "B": "x", "C": "c"}, {"Ref_Key": "2", "A": "x", "B": "y", "C": ""}]
    changes = {
        (row["record"], row["field"], row["before"], row["after"])
        for row in effects(old, new, "products", rows, MOSCOW)
    }
    assert ("2", "sku", "x", "y") in changes
    assert not any(change[:2] == ("1", "sku") for change in changes)


def test_the_published_schema_is_in_step_with_the_language() -> None:
    path = PRESETS / "schema.json"
    assert json.loads(path.read_text(encoding="utf-8")) == schema(), (
        "write it anew: syncd mapping schema > config/mappings/schema.json"
    )


@pytest.mark.parametrize("name", NAMES)
def test_an_editor_finds_no_fault_with_a_preset_and_knows_where_the_schema_is(name: str) -> None:
    text = preset(name) or ""
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    validator_for(schema()).validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "bad",
    [
        {"prodcts": {}}, {"products": {"fields": {"skuu": "x"}}}, {"products": {"fields": {"sku": {"frm": "x"}}}},
        {"products": {"lines": {}}}, {"orders": {"lines": {"fields": {"nme": "x"}}}}, {"products": {"write": {}}},
        {"products": {"fields": {"sku": {"from": "x", "as": "decimel"}}}},
    ],
)  # fmt: skip
def test_an_editor_finds_what_syncd_would_refuse(bad: dict[str, Any]) -> None:
    assert not validator_for(schema()).is_valid(bad)


def test_the_folder_of_presets_holds_what_is_documented() -> None:
    assert {path.name for path in Path(PRESETS).glob("*.yaml") if "cases" not in path.name} == {
        "orders.yaml", *(f"{name}.yaml" for name in NAMES),
    }  # fmt: skip


def test_sources_read_together_make_one_record_and_a_sum_of_nothing_is_zero() -> None:
    text = """
stocks:
  - {name: a, from: A/Balance, fields: {offer_id: O, warehouse_id: W, on_hand: N}}
  - {name: b, from: B/Balance, fields: {offer_id: O, warehouse_id: W, reserved: {from: N, combine: sum}}}
"""
    here, there = compile_mapping(load(text), MOSCOW)
    rows = [{"O": "x", "W": "w", "N": 5}, {"O": "y", "W": "w", "N": 7}]
    stock = [record for row in rows if (record := here.run(row)) is not None]
    reserve = [record for n in (1, 2) if (record := there.run({"O": "x", "W": "w", "N": n})) is not None]
    combined = Combined([(there, reserve)], neutral=True)
    for record in stock:
        combined.add_to(record)
    assert list(combined.left()) == []
    assert {record.key[0]: record.fields for record in stock} == {
        "x": {"on_hand": 5, "reserved": 3},
        "y": {"on_hand": 7, "reserved": 0},
    }


def test_records_of_a_key_that_only_adding_sources_state_are_made_one_and_a_part_says_nothing_of_nothing() -> None:
    text = """
stocks:
  - {name: a, from: A/Balance, fields: {offer_id: O, warehouse_id: W, on_hand: {from: N, combine: sum}}}
  - {name: b, from: B/Balance, fields: {offer_id: O, warehouse_id: W, reserved: {from: N, combine: sum}}}
"""
    here, there = compile_mapping(load(text), MOSCOW)

    def left(*, neutral: bool) -> dict[str, dict[str, object]]:
        stock = [record for key in "xy" if (record := here.run({"O": key, "W": "w", "N": 5})) is not None]
        reserve = [record for n in (1, 2) if (record := there.run({"O": "x", "W": "w", "N": n})) is not None]
        found = Combined([(here, stock), (there, reserve)], neutral=neutral).left()
        return {record.key[0]: record.fields for record in found}

    assert left(neutral=True) == {"x": {"on_hand": 5, "reserved": 3}, "y": {"on_hand": 5, "reserved": 0}}
    assert left(neutral=False) == {"x": {"on_hand": 5, "reserved": 3}, "y": {"on_hand": 5}}


def test_a_list_of_nothing_is_empty_and_a_least_of_nothing_is_not_stated() -> None:
    text = """
offers:
  - {name: a, from: Catalog_A, fields: {id: Ref_Key}}
  - name: b
    from: InformationRegister_B
    fields: {id: O, barcodes: {from: N, combine: list}, name: {from: L, combine: min}}
    extra: {seen: L}
"""
    plain, codes = compile_mapping(load(text), MOSCOW)
    rows = [{"O": "x", "N": "1", "L": "b"}, {"O": "x", "N": "2", "L": "a"}]
    combined = Combined([(codes, [made for row in rows if (made := codes.run(row)) is not None])], neutral=True)
    found = [made for key in ("x", "y", "x") if (made := plain.run({"Ref_Key": key})) is not None]
    for record in found:
        combined.add_to(record)
    stated = {"barcodes": ["1", "2"], "name": "a"}
    assert [record.fields for record in found] == [stated, {"barcodes": []}, stated], "a key may be stated twice"
    assert [record.extra for record in found] == [{"seen": "a"}, None, {"seen": "a"}]
