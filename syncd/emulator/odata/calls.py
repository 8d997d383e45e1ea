"""The functions 1C has in conditions. Those it lacks (contains, indexof, tolower, length, …) are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from syncd.emulator.odata.condition import Call, Node, Path
from syncd.emulator.odata.evaluate import EDM, Compiled, number
from syncd.emulator.odata.literals import Literal, Plain, Type
from syncd.emulator.odata.model import NAMESPACE, Row
from syncd.emulator.odata.refusals import bad_function, not_comparable

if TYPE_CHECKING:
    from syncd.emulator.odata.evaluate import Compiler

Function = Callable[..., Plain]


def _like(value: str, pattern: str) -> bool:
    parts = [{"%": ".*", "_": "."}.get(sign, re.escape(sign)) for sign in pattern.casefold()]
    return re.fullmatch("".join(parts), value.casefold(), re.DOTALL) is not None


def _substring(value: str, start: float, length: float | None = None) -> str:
    """From 1, as the query language counts."""
    first = max(int(start) - 1, 0)
    return value[first:] if length is None else value[first : first + int(length)]


def _date(text: str) -> datetime:
    return datetime.fromisoformat(text)


_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}


def _dateadd(text: str, unit: str, count: float) -> str:
    """Adds periods; months and years keep the day where the month has it."""
    when, unit = _date(text), unit.lower()
    if unit in _SECONDS:
        return (when + timedelta(seconds=_SECONDS[unit] * int(count))).isoformat()
    months = int(count) * {"month": 1, "quarter": 3, "year": 12}[unit]
    year, month = divmod(when.year * 12 + when.month - 1 + months, 12)
    day = min(when.day, (datetime(year + month // 11, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day)  # noqa: DTZ001
    return when.replace(year=year, month=month + 1, day=day).isoformat()


def _difference(one: str, other: str, unit: str) -> float:
    first, second, unit = _date(one), _date(other), unit.lower()
    if unit in _SECONDS:
        return int((second - first).total_seconds() // _SECONDS[unit])
    months = (second.year - first.year) * 12 + second.month - first.month
    return months // {"month": 1, "quarter": 3, "year": 12}[unit]


_T, _N, _D = Type.TEXT, Type.NUMBER, Type.DATE
_FUNCTIONS: Final[dict[str, tuple[tuple[Type, ...], Type, Function]]] = {
    "substringof": ((_T, _T), Type.BOOL, lambda needle, text: needle.casefold() in text.casefold()),
    "startswith": ((_T, _T), Type.BOOL, lambda text, start: text.casefold().startswith(start.casefold())),
    "endswith": ((_T, _T), Type.BOOL, lambda text, end: text.casefold().endswith(end.casefold())),
    "like": ((_T, _T), Type.BOOL, _like),
    "concat": ((_T, _T), _T, lambda one, other: one + other),
    "substring": ((_T, _N, _N), _T, _substring),
    "year": ((_D,), _N, lambda text: _date(text).year),
    "quarter": ((_D,), _N, lambda text: (_date(text).month + 2) // 3),
    "month": ((_D,), _N, lambda text: _date(text).month),
    "day": ((_D,), _N, lambda text: _date(text).day),
    "hour": ((_D,), _N, lambda text: _date(text).hour),
    "minute": ((_D,), _N, lambda text: _date(text).minute),
    "second": ((_D,), _N, lambda text: _date(text).second),
    "dayofweek": ((_D,), _N, lambda text: _date(text).isoweekday()),
    "dayofyear": ((_D,), _N, lambda text: _date(text).timetuple().tm_yday),
    "dateadd": ((_D, _T, _N), _D, _dateadd),
    "datedifference": ((_D, _D, _T), _N, _difference),
    "round": ((_N,), _N, lambda value: int(value + 0.5) if value >= 0 else -int(-value + 0.5)),
}
_OPTIONAL: Final = {"substring": 2}


def call(compiler: Compiler, node: Call) -> Compiled:
    """A function applied to its arguments.

    Raises ``ODataRefusal`` code 21 for an unknown function or a wrong number of arguments.
    """
    if node.name in ("cast", "isof") and len(node.arguments) == 2:
        return _typed(compiler, node)
    if node.name not in _FUNCTIONS:
        raise bad_function(node.name)
    kinds, result, function = _FUNCTIONS[node.name]
    if not _OPTIONAL.get(node.name, len(kinds)) <= len(node.arguments) <= len(kinds):
        raise bad_function(node.name)
    compiled = [compiler.value(argument) for argument in node.arguments]
    for one, kind in zip(compiled, kinds, strict=False):
        if one.type is not kind:
            raise not_comparable(1)

    def run(row: Row, inner: Row) -> Plain:
        values = [number(one.get(row, inner)) if one.type is _N else one.get(row, inner) for one in compiled]
        return False if None in values and result is Type.BOOL else None if None in values else function(*values)

    return Compiled(run, result)


def _typed(compiler: Compiler, node: Call) -> Compiled:
    """``cast(value, 'Type')`` and ``isof(value, 'Type')``; a type of the configuration is named as its set."""
    subject, type_ = compiler.value(node.arguments[0]), _type_name(node.arguments[1])
    whole = type_ if type_.startswith("Edm.") else f"{NAMESPACE}{type_.removeprefix(NAMESPACE)}"
    get = subject.get
    if node.name == "isof":
        return Compiled(lambda row, inner: _type_of(compiler, node, get(row, inner)) == whole, Type.BOOL)
    if whole.startswith("Edm."):
        return Compiled(get, EDM.get(whole, subject.type))

    def cast(row: Row, inner: Row) -> Plain:
        value = get(row, inner)
        if isinstance(value, tuple):
            return value if value[1] == whole else None
        return (str(value), whole)

    return Compiled(cast, Type.COMPOSITE)


def _type_name(node: Node) -> str:
    if isinstance(node, Literal) and isinstance(node.value, str):
        return node.value
    raise bad_function("cast")


def _type_of(compiler: Compiler, node: Call, value: Plain) -> str:
    if isinstance(value, tuple):
        return value[1]
    subject = node.arguments[0]
    if isinstance(subject, Path) and (target := compiler.target(subject.parts)):
        return f"{NAMESPACE}{target}"
    kinds = {str: "Edm.String", bool: "Edm.Boolean", int: "Edm.Double", float: "Edm.Double"}
    return kinds.get(type(value), "")
