"""Expressions as functions of Python: the tree of an expression becomes that of a ``lambda``, compiled once with its
mapping.

Nothing of the mapping's text gets into it: names become numbers of arguments, constants and everything that is called
stand in the function's own globals, and there are no others. Operators stay those of ``expression``, which bound the
size of texts and numbers; what a tree may hold at all was decided before (``expression.parse``).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

Operators: TypeAlias = Mapping[type[ast.AST], Callable[..., Any]]
Functions: TypeAlias = Mapping[str, Callable[..., Any]]

_PLAIN: Final = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot)


def function(
    node: ast.expr, names: Sequence[str], operators: Operators, functions: Functions, constants: Mapping[str, Any]
) -> Callable[..., Any]:
    """A function of the values of ``names``, in that order. Raises ``TypeError`` for a node that is not known."""
    lowering = _Lowering({name: f"a{at}" for at, name in enumerate(names)}, operators, functions, constants)
    arguments = ast.arguments([], [ast.arg(name) for name in lowering.arguments.values()], None, [], [], None, [])
    tree = ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, lowering.of(node))))
    made: Callable[..., Any] = eval(  # noqa: S307 - the tree was built here, node by node
        compile(tree, "<expression of a mapping>", "eval"), {"__builtins__": {}, **lowering.globals}
    )
    return made


def reading(run: Callable[..., Any], paths: Sequence[str]) -> Callable[[Mapping[str, Any]], Any] | None:
    """``run`` of what stands at these paths of a record: of properties, and of properties behind one reference, which
    are nothing where the reference is empty. Raises whatever comes of a record that is not like that. ``None`` for
    other paths.
    """
    used: dict[str, Any] = {"run": run}
    arguments = []
    for at, path in enumerate(paths):
        head, slash, tail = path.partition("/")
        if head == ".." or "/" in tail:
            return None
        used[f"h{at}"], used[f"t{at}"] = head, tail
        arguments.append(f"(None if (of := row[h{at}]) is None else of[t{at}])" if slash else f"row[h{at}]")
    text = f"lambda row: run({', '.join(arguments)})"
    made: Callable[[Mapping[str, Any]], Any] = eval(text, {"__builtins__": {}, **used})  # noqa: S307 - no text of others
    return made


def several(getters: Sequence[Callable[[Any], Any]]) -> Callable[[Any], tuple[Any, ...]]:
    """What all of them give of a record, in their order."""
    calls = "".join(f"g{at}(row), " for at in range(len(getters)))
    known = {f"g{at}": get for at, get in enumerate(getters)}
    made: Callable[[Any], tuple[Any, ...]] = eval(  # noqa: S307 - no text of others
        f"lambda row: ({calls})", {"__builtins__": {}, **known}
    )
    return made


class _Lowering:
    """Builds the new tree, and notes what it refers to."""

    def __init__(
        self, arguments: dict[str, str], operators: Operators, functions: Functions, constants: Mapping[str, Any]
    ) -> None:
        self.arguments = arguments
        self.globals: dict[str, Any] = {}
        self._operators = operators
        self._functions = functions
        self._constants = constants

    def of(self, node: ast.expr) -> ast.expr:
        """What computes the same."""
        match node:
            case ast.Constant(value=value):
                return self._value(value)
            case ast.Name(id=name) if name in self._constants:
                return self._value(self._constants[name])
            case ast.Name(id=name) if name in self.arguments:
                return _name(self.arguments[name])
            case ast.Name(id=name):  # that of a function, which is no value
                return self._call({}.__getitem__, [ast.Constant(name)])
            case ast.BinOp(left=left, op=op, right=right):
                return self._call(self._operators[type(op)], [left, right])
            case ast.UnaryOp(op=op, operand=operand):
                return self._call(self._operators[type(op)], [operand])
            case ast.BoolOp(op=op, values=values):
                return ast.BoolOp(op, [self.of(value) for value in values])
            case ast.Compare(left=left, ops=ops, comparators=others) if all(isinstance(op, _PLAIN) for op in ops):
                return ast.Compare(self.of(left), ops, [self.of(other) for other in others])
            case ast.IfExp(test=test, body=body, orelse=other):
                return ast.IfExp(self.of(test), self.of(body), self.of(other))
            case ast.Call(func=ast.Name(id=name), args=args):
                return self._call(self._functions[name], args)
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                return ast.List([self.of(part) for part in parts], ast.Load())
        raise TypeError(type(node).__name__)

    def _call(self, function: Callable[..., Any], args: Sequence[ast.expr]) -> ast.expr:
        return ast.Call(self._value(function), [self.of(arg) for arg in args], [])

    def _value(self, value: object) -> ast.expr:
        """A value by a name of its own: Python's compiler is to work out nothing by itself."""
        if value is None or isinstance(value, bool):
            return ast.Constant(value)
        name = f"g{len(self.globals)}"
        self.globals[name] = value
        return _name(name)


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())
