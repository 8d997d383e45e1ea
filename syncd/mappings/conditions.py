"""A filter of OData computed here, for bases that refuse to: as much of the language as a single row can tell.

Texts are compared without case, as the databases of 1C do; dates as the texts they come as, which have no zone. What
cannot be told for certain (the order of texts, two properties compared, tabular sections, parts of dates) is refused: a
row must never be left out by a guess.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from syncd.i18n import tr
from syncd.mappings.filters import BadFilter, tokens

Row = Mapping[str, Any]
Test = Callable[[Row], bool]
_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
}  # fmt: skip
_MIRRORED: Final = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_TEXTS: Final[dict[str, Callable[[str, str], bool]]] = {
    "startswith": str.startswith, "endswith": str.endswith, "substringof": str.__contains__,
}  # fmt: skip
FAILURES: Final = (LookupError, TypeError, ValueError, ArithmeticError)
_DATE: Final = len("2026-01-01T00:00:00")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class Condition:
    """``names`` are the properties and paths it looks at. ``test`` raises one of ``FAILURES`` for a row that lacks
    one of them or has a value of another kind.
    """

    text: str
    names: tuple[str, ...]
    test: Test


@dataclass(frozen=True, slots=True)
class _Constant:
    value: Any
    plain: Callable[[Any], Any]
    """Makes a row's value comparable with it."""
    type: str = ""
    """The set that a reference of several types must lead to."""


@dataclass(frozen=True, slots=True)
class _Path:
    name: str


def condition(text: str) -> Condition:
    """Read a filter. Raises ``BadFilter`` for one that cannot be told from a row."""
    reader = _Reader(tokens(text))
    test = reader.either()
    if reader.next() is not None:
        raise _unknown(reader.take())
    return Condition(text, tuple(reader.names), test)


class _Reader:
    """Goes through the words of a filter once, from left to right."""

    def __init__(self, words: list[tuple[str, str]]) -> None:
        self._words = words
        self._at = 0
        self.names: dict[str, None] = {}

    def next(self) -> str | None:
        return self._words[self._at][1] if self._at < len(self._words) else None

    def take(self, *expected: str) -> str:
        word = self.next()
        if word is None or (expected and word not in expected):
            raise _unknown(word or "")
        self._at += 1
        return word

    def either(self) -> Test:
        parts = [self._both()]
        while self.next() == "or":
            self.take()
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda row: any(part(row) for part in parts)

    def _both(self) -> Test:
        parts = [self._one()]
        while self.next() == "and":
            self.take()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def _one(self) -> Test:
        if self.next() == "not":
            self.take()
            inner = self._bracket()  # without brackets 1C binds it otherwise than people read it
            return lambda row: not inner(row)
        if self.next() == "(":
            return self._bracket()
        if self.next() in _TEXTS:
            return self._of_texts(self.take())
        left = self._operand()
        if isinstance(left, _Path) and self.next() not in _ORDERS:
            return lambda row: _at(row, left.name) is True
        word = self.take(*_ORDERS)
        right = self._operand()
        if isinstance(left, _Path) and isinstance(right, _Constant):
            return self._comparison(left.name, word, right)
        if isinstance(left, _Constant) and isinstance(right, _Path):
            return self._comparison(right.name, _MIRRORED.get(word, word), left)
        raise _unknown(word)

    def _bracket(self) -> Test:
        self.take("(")
        inner = self.either()
        self.take(")")
        return inner

    def _operand(self) -> _Path | _Constant:
        kind = self._words[self._at][0] if self.next() is not None else ""
        word = self.take()
        if kind in {"typed", "text", "number"} or word in {"true", "false", "null"}:
            return _constant(kind, word)
        if word == "cast":
            return self._cast()
        if kind != "name" or word in _ORDERS or self.next() == "(" or word.startswith("../"):
            raise _unknown(word)
        self.names[word] = None
        return _Path(word)

    def _cast(self) -> _Constant:
        """``cast(guid'…','Document_X')``: one reference of those to several types."""
        self.take("(")
        inner = self._operand()
        self.take(",")
        type_ = self._operand()
        self.take(")")
        if not isinstance(inner, _Constant) or not isinstance(type_, _Constant):
            raise _unknown("cast")
        return _Constant(inner.value, inner.plain, str(type_.value))

    def _of_texts(self, function: str) -> Test:
        self.take("(")
        first = self._operand()
        self.take(",")
        second = self._operand()
        self.take(")")
        path, text = (second, first) if function == "substringof" else (first, second)
        if not isinstance(path, _Path) or not isinstance(text, _Constant) or not isinstance(text.value, str):
            raise _unknown(function)
        holds, name, wanted = _TEXTS[function], path.name, text.value
        return lambda row: (value := _at(row, name)) is not None and holds(_folded(value), wanted)

    def _comparison(self, name: str, word: str, constant: _Constant) -> Test:
        compare, wanted, plain = _ORDERS[word], constant.value, constant.plain
        if plain is _folded and word not in {"eq", "ne"}:  # what is before what, the database's own alphabet says
            raise _unknown(word)
        if constant.type:
            self.names[f"{name}_Type"] = None

        def test(row: Row) -> bool:
            value = _at(row, name)
            if value is None or wanted is None:  # nothing equals nothing alone, and is neither more nor less
                return compare(value is None, wanted is None) if word in {"eq", "ne"} else False
            same = not constant.type or _folded(_at(row, f"{name}_Type")).rpartition(".")[2] == constant.type
            return compare(plain(value), wanted) if same else word == "ne"

        return test


def _constant(kind: str, word: str) -> _Constant:
    if word in {"true", "false"}:
        return _Constant(word == "true", _boolean)
    if word == "null":
        return _Constant(None, _folded)
    if kind == "number":
        return _Constant(Decimal(word), lambda value: Decimal(str(value)))
    prefix, _, rest = word.partition("'")
    text = rest[:-1].replace("''", "'")
    if prefix == "datetime":
        return _Constant((text + "T00:00:00")[:_DATE], _moment)
    if prefix in {"", "guid"}:
        return _Constant(_folded(text), _folded)
    raise _unknown(word)


def _at(row: Row, path: str) -> Any:
    """What stands at a path; nothing behind an empty reference."""
    value: Any = row
    for step in path.split("/"):
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise TypeError(path)
        value = value[step]
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _moment(value: object) -> str:
    text = str(value)
    if not _MOMENT.match(text):
        raise ValueError(text)
    return text[:_DATE]


def _folded(value: object) -> str:
    return str(value).casefold()


def _unknown(word: str) -> BadFilter:
    return BadFilter(tr(f"{word!r} cannot be computed by syncd", f"{word!r} syncd сам не вычислит"))
