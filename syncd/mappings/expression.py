"""Expressions over the properties of a record: ``Цена * Количество``, ``Валюта/Code == "643"``.

The operators are simpleeval's, bounded in what they make; there are no attributes, no methods, no imports. Names are
those of 1C, Cyrillic or not; CEL and JMESPath allow none of them without quoting. A path through references is written
with a slash, as everywhere in a mapping, which must touch the names: ``A/B`` is a path, ``A / B`` a division.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final

import simpleeval

from syncd.i18n import tr
from syncd.mappings.bounds import fits
from syncd.mappings.lowered import function, reading
from syncd.mappings.words import hint

TEXT_LIMIT: Final = 2_000
NODES_LIMIT: Final = 300
_PATH: Final = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<![\w/)\]])((?:\.\./)?[^\W\d]\w*(?:/[^\W\d]\w*)+|\.\./\w+)"""
)
_MARK: Final = "ǁ"  # stands for the slash of a path inside a name; a letter, so that Python takes it
_UP: Final = "ǀ"
_ALLOWED: Final = (
    ast.Expression, ast.Expr, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.Constant,
    ast.Name, ast.Load, ast.List, ast.Tuple, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip
_FORBIDDEN: Final = (ast.Pow, ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr, ast.BitXor, ast.MatMult, ast.Invert)
Names = Mapping[str, Any]


class BadExpression(Exception):
    """An expression that cannot be read. ``hint`` tells what to type."""

    def __init__(self, detail: str, advice: str = "") -> None:
        super().__init__(detail)
        self.hint = advice


class Failed(Exception):
    """An expression that could be read and did not work out on a record."""


def _number(value: object) -> Decimal:
    if value is None or value == "":
        return Decimal(0)
    _refuse_many(value)
    try:
        found = Decimal(str(value).replace(" ", "").replace("\xa0", "").replace(",", "."))
    except InvalidOperation:
        raise _no_number(value) from None
    if not fits(found):
        raise _no_number(value)
    return found


def _no_number(value: object) -> ValueError:
    shown = repr(value)[:60]
    return ValueError(tr(f"{shown} is no number", f"{shown} — не число"))


def _whole(value: Any) -> int:
    if isinstance(value, Decimal) and not fits(value):  # its digits would take seconds
        raise _no_number(value)
    return int(value)


def _refuse_many(value: object) -> None:
    """A list in a list may be of any length as a text."""
    if isinstance(value, list | tuple | dict):
        raise TypeError(tr("a list is no single value", "список — не одно значение"))


def _text(value: object) -> str:
    if type(value) is str:  # as most values are
        return value
    if value is None:
        return ""
    _refuse_many(value)
    if isinstance(value, Decimal):
        if value.is_finite() and not fits(value):
            raise _no_number(value)
        return format(value, "f")
    return str(value)


def _replace(value: object, old: object, new: object) -> str:
    """Bounded as the sum of two texts is; what does not grow may be as long as the base sends it."""
    text, before, after = _text(value), _text(old), _text(new)
    length = len(text) + text.count(before) * (len(after) - len(before))
    if length > max(len(text), simpleeval.MAX_STRING_LENGTH):
        raise simpleeval.IterableTooLong(tr("the text becomes too long", "текст становится слишком длинным"))
    return text.replace(before, after)


def _empty(value: object) -> bool:
    kind = type(value)
    if kind is int or kind is Decimal:  # as most values are
        return not value
    return value is None or value in ("", 0, "00000000-0000-0000-0000-000000000000", "0001-01-01T00:00:00")


def _first(*values: object) -> object:
    for value in values:
        if value is not None and not _empty(value):
            return value
    return None


def _round(value: object, digits: int = 0) -> Decimal:
    """As Окр of 1C does: half goes up."""
    return _number(value).quantize(Decimal(1).scaleb(-_whole(digits)), ROUND_HALF_UP)


def _cut(value: object, first: int, count: int) -> str:
    """As СтрСр of 1C does: the first character has number 1."""
    return _text(value)[max(_whole(first) - 1, 0) :][: max(_whole(count), 0)]


_WORDS: Final[dict[str, tuple[Callable[..., Any], str]]] = {
    "number": (_number, "число"), "text": (_text, "строка"), "empty": (_empty, "пусто"),
    "first": (_first, "первое"), "round": (_round, "окр"), "min": (min, "мин"), "max": (max, "макс"),
    "lower": (lambda v: _text(v).lower(), "нрег"), "upper": (lambda v: _text(v).upper(), "врег"),
    "trim": (lambda v: _text(v).strip(), "сокрлп"), "length": (lambda v: len(_text(v)), "стрдлина"),
    "replace": (_replace, "стрзаменить"),
    "cut": (_cut, "сред"), "starts": (lambda v, a: _text(v).startswith(_text(a)), "начинается"),
    "contains": (lambda v, a: _text(a) in _text(v), "содержит"), "abs": (lambda v: abs(_number(v)), "модуль"),
}  # fmt: skip
FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    name: function for english, (function, russian) in _WORDS.items() for name in (english, russian)
}
"""What an expression may call, by its English and its Russian name."""
_CONSTANTS: Final = {"true": True, "false": False, "null": None, "Истина": True, "Ложь": False, "Неопределено": None}
_NUMBERS: Final = frozenset({int, Decimal})
_RUSSIAN: Final = {"и": "and", "или": "or", "не": "not", "если": "if", "иначе": "else"}


def _divide(left: Any, right: Any) -> Decimal:
    if type(left) is not Decimal:
        left = Decimal(left)
    if type(right) is int and right == 1 and left:  # the ratio of most units; the digits are the same
        return +left  # type: ignore[no-any-return]
    return left / (right if type(right) is Decimal else Decimal(right))  # type: ignore[no-any-return]


def _multiply(left: Any, right: Any) -> Any:
    if type(left) in _NUMBERS and type(right) in _NUMBERS:  # no text, which might become too long
        return left * right
    return simpleeval.safe_mult(left, right)


def _modulo(left: Any, right: Any) -> Any:
    """Of numbers only: of a text it would be a format, of any width."""
    if not isinstance(left, int | Decimal) or not isinstance(right, int | Decimal):
        raise TypeError(tr("% takes numbers", "% — только для чисел"))
    return left % right


def _operators() -> dict[type[ast.AST], Callable[..., Any]]:
    known: dict[type[ast.AST], Callable[..., Any]] = dict(simpleeval.DEFAULT_OPERATORS)
    return {
        **{node: call for node, call in known.items() if node not in _FORBIDDEN},
        ast.Div: _divide,
        ast.Mult: _multiply,
        ast.Mod: _modulo,
    }


_OPERATORS: Final = _operators()
FAILURES: Final = (ArithmeticError, LookupError, TypeError, ValueError, simpleeval.InvalidExpression)
"""What the function of an expression raises where it does not work out."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was read. ``names`` are the properties and paths it needs, ``run`` takes their values in that
    order and raises one of ``FAILURES``, which ``failed`` explains.
    """

    text: str
    names: tuple[str, ...]
    run: Callable[..., Any]

    def __call__(self, get: Callable[[str], Any]) -> Any:
        """Its value; ``get`` hands over a property or what a path leads to. Raises ``Failed``."""
        values = [get(path) for path in self.names]
        try:
            return self.run(*values)
        except FAILURES as error:
            raise self.failed(error, values) from error

    def of(self) -> Callable[[Mapping[str, Any]], Any] | None:
        """What computes it of a record as most are, and raises anything for another one; see ``lowered.reading``."""
        return reading(self.run, self.names)

    def failed(self, error: Exception, values: Sequence[Any]) -> Failed:
        """What to tell of a failure."""
        return Failed(_why(error, dict(zip(self.names, values, strict=True))))


def _why(error: Exception, names: Names) -> str:
    values = ", ".join(f"{name} = {_shown(value)}" for name, value in names.items())
    if isinstance(error, ZeroDivisionError | InvalidOperation):
        reason = tr("division by zero", "деление на ноль")
    elif isinstance(error, TypeError) and None in names.values():
        reason = tr("a value is missing; first(X, 0) stands in for it", "значение пустое; замену даёт первое(X, 0)")
    else:
        reason = str(getattr(error, "message", error))
    return f"{reason}; {values}" if values else reason


def _shown(value: object) -> str:
    text = tr("nothing", "пусто") if value is None else str(value)
    return text[:60]


def parse(text: str) -> Expression:
    """Read an expression. Raises ``BadExpression``."""
    if len(text) > TEXT_LIMIT:
        raise BadExpression(tr(f"longer than {TEXT_LIMIT} characters", f"длиннее {TEXT_LIMIT} символов"))
    if not text.strip():
        raise BadExpression(tr("it is empty", "оно пустое"))
    inner = _PATH.sub(lambda m: m[1] or m[2].replace("../", _UP).replace("/", _MARK), text.strip())
    try:
        tree = ast.parse(_in_english(inner), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadExpression(_trouble(error), _advice(text)) from error
    _refuse(tree, text)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            node.value = Decimal(str(node.value))  # type: ignore[assignment]  # money is no float
        if isinstance(node, ast.Name) and node.id not in _CONSTANTS and node.id not in FUNCTIONS:
            names[node.id] = node.id.replace(_UP, "../").replace(_MARK, "/")
    run = function(tree.body, list(names), _OPERATORS, FUNCTIONS, _CONSTANTS)
    return Expression(text, tuple(names.values()), run)


def _in_english(text: str) -> str:
    """``и``, ``или``, ``не`` outside of quotes are operators."""
    pieces = re.split(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""", text)
    for n in range(0, len(pieces), 2):
        pieces[n] = re.sub(r"\w+", lambda m: _RUSSIAN.get(m[0].lower(), m[0]), pieces[n])
    return "".join(pieces)


def _refuse(tree: ast.Expression, text: str) -> None:
    if sum(1 for _ in ast.walk(tree)) > NODES_LIMIT:
        raise BadExpression(tr("it is too long", "оно слишком длинное"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            path = text.replace(".", "/")
            advice = tr(
                f" A path through references has slashes: {path}",
                f" Путь через ссылки пишется через косую черту: {path}",
            )
            raise BadExpression(tr("a dot is not allowed", "точка не допускается"), advice)
        if isinstance(node, _FORBIDDEN) or not isinstance(node, _ALLOWED):
            name = type(node).__name__
            raise BadExpression(tr(f"{name} is not allowed here", f"{name} здесь не допускается"))
        if isinstance(node, ast.Call):
            _refuse_call(node)


def _refuse_call(node: ast.Call) -> None:
    if not isinstance(node.func, ast.Name) or node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
        raise BadExpression(tr("only plain calls are allowed", "допускаются только простые вызовы"))
    name = node.func.id
    if name not in FUNCTIONS:
        detail = tr(f"there is no function {name}", f"нет функции {name}")
        raise BadExpression(detail, hint(name, FUNCTIONS, most=40))


def _trouble(error: Exception) -> str:
    if isinstance(error, SyntaxError) and error.offset:
        return tr(f"not understood near character {error.offset}", f"непонятно около символа {error.offset}")
    return tr("not understood", "непонятно")


def _advice(text: str) -> str:
    bare = re.sub(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""", "", text)
    if re.search(r"(?<![=!<>])=(?!=)", bare):
        return tr(" Equality is ==.", " Равенство пишется ==.")
    if "<>" in bare:
        return tr(" Inequality is !=.", " Неравенство пишется !=.")
    if "?" in bare:
        return tr(" A choice is: a if condition else b.", " Выбор пишется: a если условие иначе b.")
    if "&&" in bare or "||" in bare:
        return tr(" Write and, or.", " Пишите and, or (или и, или).")
    return ""
