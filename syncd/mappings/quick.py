"""Getters for the rules that most fields have, and the values that most records hold there.

Each stands before a getter that is made of steps (``rules``) and knows all cases: whatever is not as usual (a value of
another type, an empty one, one that is missing) is left to that one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from syncd.errors import MappingError
from syncd.mappings.bounds import fits, short
from syncd.mappings.convert import EMPTY_DATE, EMPTY_GUID
from syncd.mappings.expression import FAILURES, parse
from syncd.mappings.language import As, Rule
from syncd.model.entity import Kind

Row = Mapping[str, Any]
Getter = Callable[[Row], Any]
Lookup = Callable[[str, str], Row | None]
_KEPT: Final = 1000
"""Values of which it is remembered what became of them, for each rule."""
_MISSING: Final = object()
_STEPS: Final = ("type_", "dictionary", "values", "rows", "parts")


def getter(rule: Rule, wanted: Kind | As, slow: Getter, lookup: Lookup) -> Getter:
    """What gives the same as ``slow``, which was made of the rule, as a rule sooner."""
    if any(getattr(rule, step) is not None for step in _STEPS) or rule.unlisted is not None:
        return slow
    if rule.expr is not None:
        others = rule.default is not None or rule.via is not None or "value" in rule.model_fields_set
        return slow if others or wanted != "decimal" else _computed(rule.expr, slow)
    if rule.from_ is None:
        return slow if rule.via or rule.default else _constant(slow)
    if rule.join is not None:
        return _joined(rule, wanted, slow)
    if "value" in rule.model_fields_set:
        return slow
    head, slash, tail = rule.from_[0].partition("/")
    if "/" in tail or head == "..":
        return slow
    if rule.via is not None:
        return slow if slash or rule.default or len(rule.from_) > 1 else _found(head, rule.via, slow, lookup)
    if rule.default is not None or len(rule.from_) > 1:  # the first that holds something
        return _stated_text(head, slow) if wanted == "text" and not slash else slow
    if slash:
        return _text_behind(head, tail, slow) if wanted == "text" else slow
    made = {"text": _text, "decimal": _decimal, "boolean": _boolean, "tax": _known}.get(wanted)
    return slow if made is None else made(head, slow)


def behind(head: str, tail: str, slow: Getter) -> Getter:
    """What stands behind a reference, as it is."""

    def read(row: Row) -> Any:
        of = row.get(head, _MISSING)
        if of is None:
            return None
        value = of.get(tail) if type(of) is dict else None
        return slow(row) if value is None else value

    return read


def _constant(slow: Getter) -> Getter:
    try:
        value = slow({})
    except MappingError:  # every record tells it
        return slow
    return lambda _row: value


def _text(name: str, slow: Getter) -> Getter:
    def read(row: Row) -> Any:
        value = row.get(name)
        if type(value) is str:
            return "" if value == EMPTY_GUID else value.rstrip()
        return slow(row)

    return read


def _stated_text(name: str, slow: Getter) -> Getter:
    def read(row: Row) -> Any:
        value = row.get(name)
        if type(value) is str and value and value != EMPTY_GUID and value[:10] != EMPTY_DATE:
            return value.rstrip()
        return slow(row)

    return read


def _text_behind(head: str, tail: str, slow: Getter) -> Getter:
    def read(row: Row) -> Any:
        of = row.get(head, _MISSING)
        if of is None:
            return None
        value = of.get(tail) if type(of) is dict else None
        if type(value) is str:
            return "" if value == EMPTY_GUID else value.rstrip()
        return slow(row)

    return read


def _decimal(name: str, slow: Getter) -> Getter:
    def read(row: Row) -> Any:
        value = row.get(name)
        if type(value) is Decimal and fits(value):
            return value
        return Decimal(value) if type(value) is int and short(value) else slow(row)

    return read


def _computed(text: str, slow: Getter) -> Getter:
    """A number from an expression. One that fails is computed again by the other getter, which can tell why."""
    compute = parse(text).of()
    if compute is None:
        return slow

    def read(row: Row) -> Any:
        try:
            value = compute(row)
        except FAILURES:
            return slow(row)
        if type(value) is Decimal and fits(value):
            return value
        return Decimal(value) if type(value) is int and short(value) else slow(row)

    return read


def _boolean(name: str, slow: Getter) -> Getter:
    def read(row: Row) -> Any:
        value = row.get(name)
        return value if value is True or value is False else slow(row)

    return read


def _known(name: str, slow: Getter) -> Getter:
    """Of few different texts."""
    known: dict[str, Any] = {}

    def read(row: Row) -> Any:
        text = row.get(name)
        if type(text) is not str:
            return slow(row)
        if text in known:
            return known[text]
        value = slow(row)
        if len(known) < _KEPT:
            known[text] = value
        return value

    return read


def _found(name: str, via: str, slow: Getter, lookup: Lookup) -> Getter:
    """Through a reference; what came of a record that was found holds for as long as the same one is."""
    known: dict[str, tuple[Row, Any]] = {}

    def read(row: Row) -> Any:
        key = row.get(name)
        if type(key) is not str:
            return slow(row)
        before = known.get(key)
        if before is not None and lookup(via, key) is before[0]:
            return before[1]
        value = slow(row)
        if value is not None and len(known) < _KEPT:
            found = lookup(via, key)
            if found is not None:
                known[key] = found, value
        return value

    return read


def _joined(rule: Rule, wanted: Kind | As, slow: Getter) -> Getter:
    names, join = rule.from_ or (), rule.join or ""
    others = rule.default is not None or rule.via is not None or "value" in rule.model_fields_set
    if wanted != "text" or len(names) != 2 or others or any("/" in name for name in names):
        return slow
    left, right = names

    def read(row: Row) -> Any:
        first, second = row.get(left), row.get(right)
        if type(first) is not str or type(second) is not str:
            return slow(row)
        first, second = first.rstrip(), second.rstrip()
        if not first or first == EMPTY_GUID or first[:10] == EMPTY_DATE:
            return slow(row)
        if not second or second == EMPTY_GUID or second[:10] == EMPTY_DATE:
            return first
        both = f"{first}{join}{second}"
        return slow(row) if both == EMPTY_GUID else both

    return read
