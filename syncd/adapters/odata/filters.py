"""Conditions for ``$filter`` and ``Condition``, built from names and values; a quote in a value cannot break out.

Every part stands in brackets, for 1C binds ``not`` tighter than arithmetic (developer guide 17.4.7). What 1C lacks
(``in``, ``contains``, ``tolower``) is not offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal
from zoneinfo import ZoneInfo

from syncd.adapters.odata.literals import Value, in_query, literal, name, string

MAX_VALUES: Final = 20
"""Alternatives in one filter: clients in the field use 8 to 20; more make long queries in 1C as well."""
MAX_ENCODED: Final = 1400
"""Encoded characters a filter of many values may have: IIS allows 2048 for the whole query by default."""

Operator = Literal["eq", "ne", "gt", "ge", "lt", "le"]


class Filter(str):
    """A condition that is safe to send. Made by the functions of this module only, or from a mapping's own text."""

    __slots__ = ()

    def __and__(self, other: Filter) -> Filter:
        return all_of(self, other)

    def __or__(self, other: Filter) -> Filter:
        return any_of(self, other)


def compare(field: str, operator: Operator, value: Value, zone: ZoneInfo | None = None) -> Filter:
    """``field operator value``. A ``Cast`` is needed where the field is composite."""
    return Filter(f"{name(field)} {operator} {literal(value, zone)}")


def equals(field: str, value: Value, zone: ZoneInfo | None = None) -> Filter:
    """``field eq value``."""
    return compare(field, "eq", value, zone)


def holds(field: str, text: str) -> Filter:
    """The text occurs in the field."""
    return Filter(f"substringof({string(text)},{name(field)})")


def begins(field: str, text: str) -> Filter:
    """The field begins with the text."""
    return Filter(f"startswith({name(field)},{string(text)})")


def any_row(section: str, condition: Filter) -> Filter:
    """A row of the tabular section meets the condition, whose fields must begin with ``d/``."""
    return Filter(f"{name(section)}/any(d: {condition})")


def all_of(*parts: Filter | None) -> Filter:
    """All parts hold; ``None`` and empty ones are left out."""
    return _joined(" and ", parts)


def any_of(*parts: Filter | None) -> Filter:
    """At least one part holds."""
    return _joined(" or ", parts)


def negated(part: Filter) -> Filter:
    """The part does not hold."""
    return Filter(f"not ({part})")


def batches(
    field: str, values: Iterable[Value], *, encoded: int = MAX_ENCODED, most: int = MAX_VALUES
) -> Iterator[tuple[list[Value], Filter]]:
    """Split values into filters ``field eq a or field eq b …`` that stay within an address; each with its values."""
    taken: list[Value] = []
    parts: list[Filter] = []
    length = 0
    for value in values:
        part = equals(field, value)
        cost = len(in_query(f"({part}) or "))
        if parts and (length + cost > encoded or len(parts) >= most):
            yield taken, any_of(*parts)
            taken, parts, length = [], [], 0
        taken.append(value)
        parts.append(part)
        length += cost
    if parts:
        yield taken, any_of(*parts)


def _joined(word: str, parts: Sequence[Filter | None]) -> Filter:
    stated = [part for part in parts if part]
    if len(stated) < 2:
        return stated[0] if stated else Filter("")
    return Filter(word.join(f"({part})" for part in stated))
