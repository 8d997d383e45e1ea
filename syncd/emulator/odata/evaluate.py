"""Turns a condition's tree into a test of rows, with 1C's types: what cannot be compared is refused, not false."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from syncd.emulator.odata.condition import Call, Lambda, Node, Operation, Path
from syncd.emulator.odata.literals import Literal, Plain, Type
from syncd.emulator.odata.model import NAMESPACE, EntityType, Prop, Row, Schema
from syncd.emulator.odata.refusals import bad_function, no_property, not_comparable, option_unreadable
from syncd.emulator.odata.values import as_text

Test: TypeAlias = Callable[[Row], bool]
Get: TypeAlias = Callable[[Row, Row], Plain]
"""Of the row, and of the section's row inside a lambda."""
Follow: TypeAlias = Callable[[str, str], Row | None]
"""The object of (set, reference)."""


class Compiled(NamedTuple):
    """An expression: how to get its value, and what kind it is."""

    get: Get
    type: Type


EDM: Final = {
    "Edm.String": Type.TEXT, "Edm.Guid": Type.GUID, "Edm.DateTime": Type.DATE, "Edm.Boolean": Type.BOOL,
    "Edm.Double": Type.NUMBER, "Edm.Decimal": Type.NUMBER, "Edm.Int16": Type.NUMBER, "Edm.Int32": Type.NUMBER,
    "Edm.Int64": Type.NUMBER,
}  # fmt: skip
_COMPARE: Final[dict[str, Callable[..., bool]]] = {
    "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
}  # fmt: skip
_ARITHMETIC: Final[dict[str, Callable[..., float]]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "mod": operator.mod,
}  # fmt: skip


class Compiler:
    """Compiles conditions on rows of one type. ``option`` is named in errors."""

    def __init__(self, schema: Schema, kind: EntityType, follow: Follow, option: str = "$filter") -> None:
        self._schema = schema
        self._kind = kind
        self._follow = follow
        self._option = option
        self._inner: tuple[str, EntityType] | None = None

    def test(self, node: Node) -> Test:
        """A test of rows.

        Raises ``ODataRefusal`` for unknown properties and functions, and for what cannot be compared.
        """
        get, kind = self.value(node)
        if kind is not Type.BOOL:
            raise option_unreadable(self._option)
        return lambda row: bool(get(row, row))

    def value(self, node: Node) -> Compiled:
        """An expression."""
        match node:
            case Literal(value, kind):
                return Compiled(lambda _row, _inner: value, kind)
            case Path():
                return self.path(node.parts)
            case Lambda():
                return self._lambda(node)
            case Call():
                from syncd.emulator.odata.calls import call  # it compiles its arguments with this class

                return call(self, node)
            case Operation("not" | "neg", left, None):
                get, kind = self.value(left)
                if kind is not (Type.BOOL if node.name == "not" else Type.NUMBER):
                    raise option_unreadable(self._option)
                if node.name == "not":
                    return Compiled(lambda row, inner: not get(row, inner), Type.BOOL)
                return Compiled(lambda row, inner: -number(get(row, inner)), Type.NUMBER)
            case Operation(name, left, Literal() | Path() | Call() | Operation() | Lambda() as right, column):
                return self._operation(name, self.value(left), self.value(right), column)
        raise option_unreadable(self._option)

    # -- paths

    def path(self, parts: tuple[str, ...]) -> Compiled:
        """A property, through references when there are several parts."""
        if self._inner and parts[0] == self._inner[0]:
            below, kind = self._path(parts[1:], self._inner[1])
            return Compiled(lambda _row, inner: below(inner), kind)
        get, kind = self._path(parts, self._kind)
        return Compiled(lambda row, _inner: get(row), kind)

    def _path(self, parts: tuple[str, ...], kind: EntityType) -> tuple[Callable[[Row], Plain], Type]:
        if not parts:
            raise option_unreadable(self._option)
        name = parts[0]
        if len(parts) > 1:
            return self._through(parts, kind)
        prop = kind.props.get(name)
        if prop is None:
            raise no_property(name)
        return read(prop)

    def _through(self, parts: tuple[str, ...], kind: EntityType) -> tuple[Callable[[Row], Plain], Type]:
        name, rest, only = parts[0], parts[1:], ""
        prop = kind.props.get(name)
        target = kind.navs.get(name, "")
        if prop and prop.composite:
            only, rest = f"{NAMESPACE}{rest[0]}", rest[1:]
            target = parts[1]
        if target not in self._schema.sets:
            raise no_property("/".join(parts))
        get, found = self._path(rest, self._schema.sets[target].type)
        column = name if only else f"{name}_Key"

        def follow(row: Row) -> Plain:
            if only and row.get(f"{name}_Type") != only:
                return None
            other = self._follow(target, str(row.get(column)))
            return get(other) if other is not None else None

        return follow, found

    def sort_key(self, parts: tuple[str, ...]) -> Callable[[Row], tuple[bool, Plain | float]]:
        """What rows are sorted by: nothing before something."""
        get, kind = self._path(parts, self._kind)
        fold = folded(kind)

        def key(row: Row) -> tuple[bool, Plain | float]:
            value = get(row)
            return (value is not None, "" if value is None else fold(value))

        return key

    def target(self, parts: tuple[str, ...]) -> str:
        """The set a reference points to; empty when it is none, or when that is not known."""
        return self._kind.navs.get(parts[0].removesuffix("_Key"), "") if len(parts) == 1 else ""

    def _lambda(self, node: Lambda) -> Compiled:
        rows = self._kind.collections.get(node.section)
        if rows is None:
            raise no_property(node.section)
        self._inner = (node.variable, rows)
        test = self.value(node.body).get
        self._inner = None
        section, check = node.section, all if node.every else any

        def run(row: Row, _inner: Row) -> Plain:
            below = row.get(section)
            return check(bool(test(row, inner)) for inner in below) if isinstance(below, list) else False

        return Compiled(run, Type.BOOL)

    # -- operators

    def _operation(self, name: str, left: Compiled, right: Compiled, column: int) -> Compiled:
        one, other = left.get, right.get
        if name in ("and", "or"):
            if {left.type, right.type} != {Type.BOOL}:
                raise option_unreadable(self._option)
            if name == "and":
                return Compiled(lambda row, inner: bool(one(row, inner)) and bool(other(row, inner)), Type.BOOL)
            return Compiled(lambda row, inner: bool(one(row, inner)) or bool(other(row, inner)), Type.BOOL)
        if name in _ARITHMETIC:
            if {left.type, right.type} != {Type.NUMBER}:
                raise not_comparable(column)
            count = _ARITHMETIC[name]
            return Compiled(lambda row, inner: count(number(one(row, inner)), number(other(row, inner))), Type.NUMBER)
        if name in _COMPARE:
            return self._order(name, left, right, column)
        same = equality(left, right, column)
        if name == "ne":
            return Compiled(lambda row, inner: not same(row, inner), Type.BOOL)
        return Compiled(same, Type.BOOL)

    def _order(self, name: str, left: Compiled, right: Compiled, column: int) -> Compiled:
        if left.type is not right.type or left.type in (Type.COMPOSITE, Type.BOOL, Type.NULL):
            raise not_comparable(column)
        compare, fold, one, other = _COMPARE[name], folded(left.type), left.get, right.get

        def run(row: Row, inner: Row) -> Plain:
            first, second = one(row, inner), other(row, inner)
            return first is not None and second is not None and compare(fold(first), fold(second))

        return Compiled(run, Type.BOOL)


def equality(left: Compiled, right: Compiled, column: int) -> Callable[[Row, Row], bool]:
    """How two expressions are compared.

    A composite field is never equal to a bare GUID, and that is no error: only ``cast`` finds it (guide, 17.4).
    """
    one, other = left.get, right.get
    kinds = {left.type, right.type}
    if Type.COMPOSITE in kinds and kinds - {Type.COMPOSITE, Type.NULL}:
        return lambda row, inner: _loose(one(row, inner), other(row, inner))
    if len(kinds - {Type.NULL}) > 1:
        raise not_comparable(column)
    fold = folded(left.type if left.type is not Type.NULL else right.type)

    def run(row: Row, inner: Row) -> bool:
        first, second = one(row, inner), other(row, inner)
        if first is None or second is None:
            return first is second
        return fold(first) == fold(second)

    return run


_BARE: Final = {"Edm.String", "Edm.DateTime", "Edm.Boolean", "Edm.Double", "Edm.Decimal", "Edm.Int64"}


def _loose(one: Plain, other: Plain) -> bool:
    pair, bare = (one, other) if isinstance(one, tuple) else (other, one)
    return isinstance(pair, tuple) and pair[1] in _BARE and pair[0] == as_text(bare)


def folded(kind: Type) -> Callable[[Plain], Plain | float]:
    """What is compared: text without case, as the usual collations of 1C's databases do."""
    if kind is Type.TEXT:
        return lambda value: str(value).casefold()
    return number if kind is Type.NUMBER else (lambda value: value)


def number(value: Plain) -> float:
    """A number, which may travel as text."""
    if isinstance(value, str):
        return int(value)
    return value if isinstance(value, (int, float)) else 0


def read(prop: Prop) -> tuple[Callable[[Row], Plain], Type]:
    """How a property is read for comparing."""
    name = prop.name
    if prop.composite and not name.endswith("_Type"):
        return (lambda row: (str(row.get(name)), str(row.get(f"{name}_Type")))), Type.COMPOSITE
    kind = EDM.get(prop.type)
    if kind is None:
        raise bad_function(name)

    def get(row: Row) -> Plain:
        value = row.get(name)
        return None if isinstance(value, (list, dict)) else value

    return get, kind
