"""Reads a condition ($filter, and Condition of virtual tables) into a tree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from syncd.emulator.odata.literals import TOKEN, Literal, Type, literal
from syncd.emulator.odata.refusals import option_unreadable, plus_in_condition
from syncd.emulator.odata.store import Wanted


@dataclass(frozen=True, slots=True)
class Path:
    """A property, perhaps through references; begins with a variable inside a lambda."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """Two operands, or one (``not``, ``neg``) with ``right`` None. ``column``: where the operator stands, from 1."""

    name: str
    left: Node
    right: Node | None
    column: int = 0


@dataclass(frozen=True, slots=True)
class Lambda:
    """``section/any(variable: body)``."""

    section: str
    every: bool
    variable: str
    body: Node


Node: TypeAlias = Literal | Path | Call | Operation | Lambda

_TOKENS: Final = re.compile(
    rf"\s*(?:(?P<quoted>{TOKEN.pattern})|(?P<number>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?[lLmMdDfF]?(?!\w))"
    r"|(?P<word>\w+)|(?P<sign>[(),:/+\-*]))"
)
_COMPARISONS: Final = frozenset(("eq", "ne", "gt", "ge", "lt", "le"))
_LEVELS: Final = (
    frozenset(("or",)), frozenset(("and",)), _COMPARISONS, frozenset(("add", "sub")), frozenset(("mul", "div", "mod")),
)  # fmt: skip


def parse(text: str, option: str = "$filter") -> Node:
    """The tree of a condition.

    Raises ``ODataRefusal``: code 14 for what cannot be parsed, 1 for a malformed constant, -1 for a plus.
    """
    return _Parser(text, option).whole()


class _Parser:
    def __init__(self, text: str, option: str) -> None:
        self._error = option_unreadable(option)
        self._tokens: list[tuple[str, int]] = []
        place, end = 0, len(text.rstrip())
        while place < end:
            found = _TOKENS.match(text, place)
            if not found:
                raise self._error
            if found["sign"] == "+":
                raise plus_in_condition()
            self._tokens.append((found[0].strip(), found.start() + 1))
            place = found.end()
        self._at = 0

    def whole(self) -> Node:
        """All of it, and nothing after."""
        node = self._level(0)
        if self._at < len(self._tokens):
            raise self._error
        return node

    def _peek(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _take(self, expected: str = "") -> str:
        token = self._peek()
        if not token or (expected and token != expected):
            raise self._error
        self._at += 1
        return token

    def _level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while self._peek() in _LEVELS[level]:
            column = self._tokens[self._at][1]
            left = Operation(self._take(), left, self._level(level + 1), column)
        return left

    def _unary(self) -> Node:
        sign = self._peek()
        if sign in ("not", "-"):
            self._take()
            return Operation("not" if sign == "not" else "neg", self._unary(), None)
        if sign == "(":
            self._take()
            inner = self._level(0)
            self._take(")")
            return inner
        return self._operand()

    def _operand(self) -> Node:
        token = self._take()
        constant = literal(token)
        if constant:
            return constant
        if not re.match(r"\w", token):
            raise self._error
        if self._peek() == "(":
            return Call(token, self._arguments())
        parts = [token]
        while self._peek() == "/":
            self._take()
            word = self._take()
            if word in ("any", "all") and self._peek() == "(":
                return self._lambda("/".join(parts), every=word == "all")
            parts.append(word)
        return Path(tuple(parts))

    def _arguments(self) -> tuple[Node, ...]:
        self._take("(")
        found: list[Node] = []
        while self._peek() != ")":
            found.append(self._level(0))
            if self._peek() != ")":
                self._take(",")
        self._take(")")
        return tuple(found)

    def _lambda(self, section: str, *, every: bool) -> Node:
        self._take("(")
        variable = self._take()
        self._take(":")
        body = self._level(0)
        self._take(")")
        return Lambda(section, every, variable, body)


def wanted(node: Node | None) -> Wanted:
    """What the rows must have, as far as it is plain: ``{property: values}``; ``>Ref_Key`` is a lower bound."""
    match node:
        case Operation("and", left, right):
            return {**wanted(left), **wanted(right)}
        case Operation("or", left, right):
            one, other = wanted(left), wanted(right)
            if len(one) == 1 and one.keys() == other.keys() and not next(iter(one)).startswith(">"):
                return {name: one[name] | other[name] for name in one}
        case Operation("eq", Path((name,)), Literal(str() as value, Type.GUID | Type.TEXT)):
            return {name: frozenset((value,))}
        case Operation("gt" | "ge", Path(("Ref_Key",)), Literal(str() as value, Type.GUID)):
            return {">Ref_Key": frozenset((value,))}
    return {}
