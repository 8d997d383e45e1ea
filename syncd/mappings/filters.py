"""Filters of OData as 1C understands them: read well enough to find the names in them and the usual slips.

Source: the vendor's chapter on the standard OData interface (operators, functions), and what live bases refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from syncd.i18n import tr
from syncd.mappings.words import hint

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<typed>(?:guid|datetime|time|binary|X)'(?:[^']|'')*')|(?P<text>'(?:[^']|'')*')"
    r"|(?P<number>-?\d+(?:\.\d+)?)(?![\w])|(?P<name>[^\W\d][\w]*(?:/[^\W\d][\w]*)*|\.\./\w+)"
    r"|(?P<mark>[(),:]))"
)
OPERATORS: Final = frozenset({"eq", "ne", "gt", "ge", "lt", "le", "and", "or", "not", "add", "sub", "mul", "div"})
FUNCTIONS: Final = frozenset({
    "startswith", "endswith", "substringof", "substring", "concat", "like", "year", "month", "day", "hour", "minute",
    "second", "quarter", "dayofweek", "dayofyear", "dateadd", "datedifference", "round", "isof", "cast",
})  # fmt: skip
_CONSTANTS: Final = frozenset({"true", "false", "null"})
_INSTEAD: Final = {
    "=": "eq", "==": "eq", "<>": "ne", "!=": "ne", ">": "gt", ">=": "ge", "<": "lt", "<=": "le", "&&": "and",
    "||": "or", "и": "and", "или": "or", "не": "not", "истина": "true", "ложь": "false",
}  # fmt: skip
_ABSENT: Final = {"contains": "substringof('x', Name)", "in": "X eq 1 or X eq 2", "indexof": "substringof('x', Name)"}


class BadFilter(Exception):
    """A filter that 1C would refuse."""

    def __init__(self, detail: str, advice: str = "") -> None:
        super().__init__(detail)
        self.hint = advice


@dataclass(frozen=True, slots=True)
class Use:
    """A property in a filter: its path, and the literal it is compared with (``guid'…'``, ``'…'``, or nothing)."""

    path: str
    literal: str


def uses(text: str) -> list[Use]:
    """The properties in a filter. Raises ``BadFilter``."""
    words = tokens(text)
    _balanced(words)
    found: list[Use] = []
    variables = {token for n, (_, token) in enumerate(words) if n + 1 < len(words) and words[n + 1][1] == ":"}
    for n, (kind, token) in enumerate(words):
        if kind != "name" or token in OPERATORS or token in _CONSTANTS:
            continue
        called = n + 1 < len(words) and words[n + 1][1] == "("
        head, _, rest = token.partition("/")
        if called and rest.rpartition("/")[2] in {"any", "all"}:
            continue
        if called and token in FUNCTIONS:
            continue
        if called:
            raise BadFilter(tr(f"1C has no function {token}", f"в 1С нет функции {token}"), _function_hint(token))
        if head not in variables:
            found.append(Use(token, _compared(words, n)))
    if not found:
        raise BadFilter(tr("it names no property", "в нём нет ни одного реквизита"))
    return found


def _function_hint(name: str) -> str:
    if name in _ABSENT:
        return tr(f" Write {_ABSENT[name]}.", f" Пишите {_ABSENT[name]}.")
    return hint(name, FUNCTIONS, most=0)


def tokens(text: str) -> list[tuple[str, str]]:
    """The words of a filter, each with its kind: typed, text, number, name or mark. Raises ``BadFilter``."""
    found: list[tuple[str, str]] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadFilter(*_slip(text[at:].strip(), at))
        kind = match.lastgroup or ""
        token = match[kind]
        if kind == "name" and token.lower() in _INSTEAD:
            raise BadFilter(tr(f"{token} is not OData", f"{token} — не OData"), _write(_INSTEAD[token.lower()]))
        if kind == "name" and token in {"in", "contains"}:
            raise BadFilter(tr(f"1C has no {token}", f"в 1С нет {token}"), _function_hint(token))
        found.append((kind, token))
        at = match.end()
    _in_order(found)
    return found


def _in_order(words: list[tuple[str, str]]) -> None:
    """Two values beside each other lack an operator."""
    values = {"typed", "text", "number"}
    for (kind, token), (next_kind, next_token) in pairwise(words):
        first = kind in values or (kind == "name" and token not in OPERATORS)
        second = next_kind in values or (next_kind == "name" and next_token not in OPERATORS)
        if first and second:
            en, ru = (
                f"an operator is missing between {token} and {next_token}",
                f"между {token} и {next_token} нет операции",
            )
            raise BadFilter(tr(en, ru), hint(next_token, OPERATORS, most=0))


def _slip(rest: str, at: int) -> tuple[str, str]:
    sign = re.match(r"[=<>!&|]+", rest)
    if sign:
        return tr(f"{sign[0]} is not OData", f"{sign[0]} — не OData"), _write(_INSTEAD.get(sign[0], "eq"))
    if rest[:1] in {"'", '"'} or re.match(r"\w+'", rest):
        advice = tr(" A quote inside a text is doubled: 'O''Neil'.", " Кавычка внутри строки удваивается: 'O''Neil'.")
        if rest[:1] == '"':
            advice = tr(" Texts stand in single quotes.", " Строки пишутся в одинарных кавычках.")
        return tr("a quote is not closed", "кавычка не закрыта"), advice
    return tr(f"not understood from character {at + 1}", f"непонятно с символа {at + 1}"), ""


def _write(word: str) -> str:
    return tr(f" Write {word}.", f" Пишите {word}.")


def _balanced(words: list[tuple[str, str]]) -> None:
    depth = 0
    for _, mark in words:
        depth += (mark == "(") - (mark == ")")
        if depth < 0:
            break
    if depth:
        raise BadFilter(tr("a bracket has no pair", "у скобки нет пары"))


def _compared(words: list[tuple[str, str]], n: int) -> str:
    """The literal on the other side of a comparison."""
    if n + 2 < len(words) and words[n + 1][1] in {"eq", "ne"} and words[n + 2][0] != "name":
        return words[n + 2][1]
    return ""
