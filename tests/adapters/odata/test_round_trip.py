"""Whatever is sent is read on the other side as what was meant: our addresses through the emulated 1C's own parser."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from syncd.adapters.odata import filters, reading
from syncd.adapters.odata.literals import Cast, Value, in_path, in_query, key, literal, number, string
from syncd.emulator.odata import OdataBase
from syncd.emulator.odata.address import options, segments
from syncd.emulator.odata.condition import Call, Operation, Path, parse
from syncd.emulator.odata.literals import Literal, Type
from tests.adapters.odata.trade import connected

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=60)
MOMENT = st.datetimes().map(lambda value: value.replace(microsecond=0))
EXACT = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9)
VALUE = st.one_of(TEXT, st.booleans(), st.integers(-(10**12), 10**12), EXACT, MOMENT, st.uuids())


def understood(value: Value) -> tuple[Type, object]:
    match value:
        case bool():
            return Type.BOOL, value
        case str():
            return Type.TEXT, value
        case int() | Decimal():
            return Type.NUMBER, Decimal(value)
        case datetime():
            return Type.DATE, value.isoformat()
        case _:
            return Type.GUID, str(value)


def constant(node: object) -> tuple[Type, object]:
    if isinstance(node, Operation) and node.name == "neg":
        kind, value = constant(node.left)
        assert isinstance(value, Decimal)
        return kind, -value
    assert isinstance(node, Literal)
    value = Decimal(str(node.value)) if node.type is Type.NUMBER else node.value
    return node.type, value


@given(VALUE)
def test_a_condition_is_read_as_one_comparison_with_that_value(value: Value) -> None:
    sent = in_query(filters.equals("Поле", value))
    tree = parse(options(f"$filter={sent}")["$filter"])
    assert isinstance(tree, Operation)
    assert (tree.name, tree.left) == ("eq", Path(("Поле",)))
    kind, found = constant(tree.right)
    wanted, meant = understood(value)
    assert kind is wanted
    if isinstance(meant, Decimal):
        assert abs(Decimal(str(found)) - meant) < Decimal("0.001")  # the emulator counts in doubles
    else:
        assert found == meant


@given(TEXT, TEXT)
def test_no_text_becomes_a_part_of_the_expression(one: str, two: str) -> None:
    condition = filters.all_of(
        filters.equals("А", one), filters.any_of(filters.holds("Б", two), filters.begins("В", one))
    )
    tree = parse(options(f"$filter={in_query(condition)}")["$filter"])
    assert isinstance(tree, Operation)
    assert tree.name == "and"
    assert isinstance(tree.right, Operation)
    assert tree.right.name == "or"
    assert isinstance(tree.left, Operation)
    assert tree.left.right == Literal(one, Type.TEXT)
    assert tree.right.left == Call("substringof", (Literal(two, Type.TEXT), Path(("Б",))))
    assert tree.right.right == Call("startswith", (Path(("В",)), Literal(one, Type.TEXT)))


@given(TEXT)
def test_quotes_of_a_condition_within_a_condition_are_doubled_once(text: str) -> None:
    condition = filters.equals("Поле", text)
    [segment] = segments(f"Balance(Condition={string(condition)})")[-1:]
    given_ = segment.arguments["Condition"]
    assert given_[1:-1].replace("''", "'") == condition
    tree = parse(given_[1:-1].replace("''", "'"))
    assert isinstance(tree, Operation)
    assert tree.right == Literal(text, Type.TEXT)


@given(st.lists(st.uuids(), min_size=1, max_size=30))
def test_lists_of_keys_are_read_as_alternatives(keys: list[UUID]) -> None:
    for values, condition in filters.batches("Ref_Key", keys):
        tree = parse(options(f"$filter={in_query(condition)}")["$filter"])
        found = []
        while isinstance(tree, Operation) and tree.name == "or":
            assert isinstance(tree.right, Operation)
            found.append(tree.right.right)
            tree = tree.left
        assert isinstance(tree, Operation)
        found.append(tree.right)
        assert [node.value for node in reversed(found) if isinstance(node, Literal)] == [str(each) for each in values]


@given(st.uuids(), st.text("абвАБВ012 -_.'()", min_size=1, max_size=20), MOMENT)
def test_keys_are_read_with_all_their_parts(ref: UUID, text: str, moment: datetime) -> None:
    [segment] = segments(f"Register_Х{key({'Период': moment, 'Код': text, 'Ссылка_Key': ref})}")
    assert segment.arguments == {
        "Период": literal(moment),
        "Код": literal(text),
        "Ссылка_Key": f"guid'{ref}'",
    }
    [lone] = segments(f"Catalog_Х{key(ref)}")
    assert lone.arguments == {"": f"guid'{ref}'"}
    assert "%25" not in in_path(f"Register_Х{key({'Код': text})}").replace("%25", "", text.count("%"))


@given(EXACT)
def test_numbers_are_read_exactly(value: Decimal) -> None:
    assert Decimal(number(value)) == value


def test_a_reference_of_several_types_is_found_only_with_its_type(base: OdataBase) -> None:
    client = connected(base)
    shipped = next(row for row in base.rows("Document_РеализацияТоваровУслуг") if row["ЗаказКлиента"])
    ref = UUID(str(shipped["ЗаказКлиента"]))
    cast = filters.equals("ЗаказКлиента", Cast(ref, "Document_ЗаказКлиента"))
    plain = filters.equals("ЗаказКлиента", ref)
    found = reading.find(client, "Document_РеализацияТоваровУслуг", cast, ["Ref_Key"])
    assert shipped["Ref_Key"] in {row["Ref_Key"] for row in found}
    assert reading.find(client, "Document_РеализацияТоваровУслуг", plain, ["Ref_Key"]) == []
