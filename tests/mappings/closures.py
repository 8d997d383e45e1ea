"""Expressions as closures, against which their functions (``syncd.mappings.lowered``) are held: the plain way.

The operators are simpleeval's own, which bound the size of texts and numbers, but ``%``, which formats no text; what a
tree may hold at all was decided before (``expression.parse``).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Names: TypeAlias = Mapping[str, Any]
Run: TypeAlias = Callable[[Names], Any]
Operators: TypeAlias = Mapping[type[ast.AST], Callable[..., Any]]
Functions: TypeAlias = Mapping[str, Callable[..., Any]]


def closure(node: ast.expr, operators: Operators, functions: Functions, constants: Names) -> Run:
    """What computes the node's value from the values of names. Raises ``TypeError`` for a node that is not known."""

    def made(part: ast.expr) -> Run:
        return closure(part, operators, functions, constants)

    match node:
        case ast.Constant(value=value):
            return lambda _names: value
        case ast.Name(id=name):
            return _name(name, constants)
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(operators[type(op)], made(left), made(right))
        case ast.UnaryOp(op=op, operand=operand):
            return _call(operators[type(op)], [made(operand)])
        case ast.BoolOp(op=op, values=values):
            return _choice([made(value) for value in values], until=isinstance(op, ast.Or))
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _compare(made(left), [(operators[type(op)], made(o)) for op, o in zip(ops, others, strict=True)])
        case ast.IfExp(test=test, body=body, orelse=other):
            return _either(made(test), made(body), made(other))
        case ast.Call(func=ast.Name(id=name), args=args):
            return _call(functions[name], [made(arg) for arg in args])
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            runs = [made(part) for part in parts]
            return lambda names: [run(names) for run in runs]
    raise TypeError(type(node).__name__)


def _name(name: str, constants: Names) -> Run:
    if name in constants:
        value = constants[name]
        return lambda _names: value
    return lambda names: names[name]


def _binary(operator: Callable[..., Any], left: Run, right: Run) -> Run:
    return lambda names: operator(left(names), right(names))


def _call(function: Callable[..., Any], args: list[Run]) -> Run:
    if len(args) == 2:
        return _binary(function, args[0], args[1])
    return lambda names: function(*[arg(names) for arg in args])


def _either(test: Run, body: Run, other: Run) -> Run:
    return lambda names: body(names) if test(names) else other(names)


def _choice(runs: list[Run], *, until: bool) -> Run:
    """``and`` and ``or``: the first value that decides, else the last."""

    def choose(names: Names) -> Any:
        value: Any = None
        for run in runs:
            value = run(names)
            if bool(value) is until:
                return value
        return value

    return choose


def _compare(left: Run, others: list[tuple[Callable[..., Any], Run]]) -> Run:
    if len(others) == 1:
        return _binary(others[0][0], left, others[0][1])

    def holds(names: Names) -> bool:
        before = left(names)
        for operator, run in others:
            after = run(names)
            if not operator(before, after):
                return False
            before = after
        return True

    return holds
