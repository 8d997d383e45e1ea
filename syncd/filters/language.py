"""The language itself: parse against a vocabulary, then SQL and words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from syncd.errors import Refused
from syncd.filters.moments import moment
from syncd.i18n import tr

Kind = Literal["word", "text", "number", "after", "before", "id", "search", "lookup"]

_TERM: Final = re.compile(
    r"""(?P<minus>[-!])?(?P<name>[^\W\d][\w-]*):(?P<values>(?:"(?:[^"\\]|\\.)*"|[^\s",]+)(?:,(?:"(?:[^"\\]|\\.)*"|[^\s",]+))*)?"""
)
_VALUE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s",]+)')
_NUMBER: Final = re.compile(r"(>=|<=|>|<|=)?(\d{1,9})|(\d{1,9})\.\.(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Name:
    """One word before the colon. ``sql`` are the expressions it is held against, any of which may match (constants of
    ours, never typed by anybody). ``values`` are all there are, for a word; ``find`` makes the values of a lookup.
    """

    kind: Kind
    sql: tuple[str, ...]
    en: str
    ru: str
    values: tuple[str, ...] = ()
    find: Callable[[str], Sequence[str]] | None = None


Vocabulary = Mapping[str, Name]


class FilterError(Refused):
    """A filter that cannot be read. ``params`` tell the position, from 1, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. ``values`` as typed; of a moment ``at`` is what it means."""

    name: str
    spec: Name
    values: tuple[str, ...]
    negated: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """What was parsed. Without terms it matches everything."""

    text: str
    terms: tuple[Term, ...]

    def names(self) -> frozenset[str]:
        """Which words were used."""
        return frozenset(term.name for term in self.terms)

    def sql(self, prefix: str = "f") -> tuple[str, dict[str, Any]]:
        """A condition for WHERE with named parameters that begin with the prefix, and the parameters."""
        parts: list[str] = []
        parameters: dict[str, Any] = {}
        for number, term in enumerate(self.terms):
            part, own = _condition(term, f"{prefix}{number}")
            parts.append(f"NOT coalesce(({part}), false)" if term.negated else f"({part})")
            parameters |= own
        return " AND ".join(parts) or "true", parameters

    def words(self) -> str:
        """The filter in words of the language in force; empty without terms."""
        return "; ".join(_words(term) for term in self.terms)


def parse(text: str, vocabulary: Vocabulary, now: datetime) -> Filter:
    """Read a filter; moments are fixed now. Raises ``FilterError`` E960."""
    terms: list[Term] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _TERM.match(text, at)
        if found is None:
            raise _astray(text, at, vocabulary)
        end = found.end()
        if end < len(text) and text[end] == '"':
            raise _error(end, tr("the quote is not closed", "кавычка не закрыта"))
        if end < len(text) and not text[end].isspace():
            raise _error(end, tr("a blank is expected between terms", "между условиями нужен пробел"))
        terms.append(_term(found, vocabulary, now))
        at = end
    return Filter(text.strip(), tuple(terms))


def _astray(text: str, at: int, vocabulary: Vocabulary) -> FilterError:
    word = text[at:].split(maxsplit=1)[0]
    if text.count('"', at) % 2:
        return _error(text.index('"', at), tr("the quote is not closed", "кавычка не закрыта"))
    example = "text" if "text" in vocabulary else next(iter(vocabulary))
    en = f"{word!r} has no name before it; to search write {example}:{word}"
    ru = f"перед {word!r} нет имени; для поиска пишите {example}:{word}"
    return _error(at, tr(en, ru))


def _term(found: re.Match[str], vocabulary: Vocabulary, now: datetime) -> Term:
    name = found["name"].lower()
    spec = vocabulary.get(name)
    if spec is None:
        near = difflib.get_close_matches(name, vocabulary, 1)
        hint = tr(f"perhaps {near[0]}", f"возможно, {near[0]}") if near else tr(
            f"there are: {', '.join(vocabulary)}", f"есть: {', '.join(vocabulary)}"
        )  # fmt: skip
        raise _error(found.start("name"), tr(f"there is no {name!r}; {hint}", f"{name!r} нет; {hint}"))
    if not found["values"]:
        raise _error(found.end(), tr(f"{name}: needs a value", f"{name}: нужно значение"))
    offset = found.start("values")
    values = []
    for each in _VALUE.finditer(found["values"]):
        value = re.sub(r"\\(.)", r"\1", each[1]) if each[1] is not None else each[2]
        _check(name, spec, value, offset + each.start(), now)
        values.append(value.lower() if spec.kind == "word" and spec.values else value)
    at = moment(values[0], now) if spec.kind in {"after", "before"} else None
    if at is not None and len(values) > 1:
        raise _error(offset, tr(f"{name}: takes one time", f"{name}: нужно одно время"))
    return Term(name, spec, tuple(values), negated=bool(found["minus"]), at=at)


def _check(name: str, spec: Name, value: str, at: int, now: datetime) -> None:
    """Raises when the value cannot be one of this name."""
    if "\x00" in value:
        raise _error(at, tr("a control character", "управляющий символ"))
    if spec.kind == "word" and spec.values and value.lower() not in spec.values:
        near = difflib.get_close_matches(value.lower(), spec.values, 1)
        hint = tr(f"perhaps {near[0]}", f"возможно, {near[0]}") if near else ", ".join(spec.values)
        raise _error(at, tr(f"{name} is never {value!r}: {hint}", f"{name} не бывает {value!r}: {hint}"))
    if spec.kind == "number" and not _NUMBER.fullmatch(value):
        raise _error(at, tr(f"{value!r} is no number: 3, >3, 2..5", f"{value!r} — не число: 3, >3, 2..5"))
    if spec.kind in {"after", "before"}:
        try:
            moment(value, now)
        except (ValueError, OverflowError) as error:
            raise _error(at, str(error)) from None


def _error(at: int, detail: str) -> FilterError:
    return FilterError("E960", position=at + 1, detail=detail)


# --- SQL -----------------------------------------------------------------------------------------------------------


def _condition(term: Term, prefix: str) -> tuple[str, dict[str, Any]]:
    spec = term.spec
    if spec.kind in {"after", "before"}:
        sign = ">=" if spec.kind == "after" else "<"
        return f"{spec.sql[0]} {sign} %({prefix})s", {prefix: term.at}
    parts, parameters = [], {}
    for number, value in enumerate(term.values):
        key = f"{prefix}_{number}"
        part, parameters[key] = _compare(spec, value, key)
        parts.append(part)
    return " OR ".join(parts), parameters


def _compare(spec: Name, value: str, key: str) -> tuple[str, Any]:
    """A condition of one value, and its parameter."""
    if spec.kind == "number":
        return _compared_number(spec.sql[0], value, key)
    if spec.kind == "search":
        return " OR ".join(f"strpos(lower({sql}), lower(%({key})s)) > 0" for sql in spec.sql), value
    if spec.kind == "id":
        ends = "starts_with(({sql})::text, %({key})s) OR right(({sql})::text, length(%({key})s)) = %({key})s"
        return " OR ".join(ends.format(sql=sql, key=key) for sql in spec.sql), value.lower()
    if spec.kind == "lookup":
        found = spec.find(value) if spec.find else [value]
        return " OR ".join(f"{sql} = ANY (%({key})s)" for sql in spec.sql), list(found)
    if "*" in value:
        pattern = re.sub(r"([\\%_])", r"\\\1", value).replace("*", "%")
        return " OR ".join(f"{sql} ILIKE %({key})s" for sql in spec.sql), pattern
    return " OR ".join(f"{sql} = %({key})s" for sql in spec.sql), value


def _compared_number(sql: str, value: str, key: str) -> tuple[str, Any]:
    found = _NUMBER.fullmatch(value)
    assert found is not None
    sign, number, low, high = found.groups()
    if low is not None:
        return f"{sql} BETWEEN (%({key})s::int[])[1] AND (%({key})s::int[])[2]", [int(low), int(high)]
    return f"{sql} {sign or '='} %({key})s", int(number)


# --- words ---------------------------------------------------------------------------------------------------------


def _words(term: Term) -> str:
    title = tr(term.spec.en, term.spec.ru)
    no = tr("not: ", "не: ") if term.negated else ""
    if term.at is not None:
        shown = f"{term.at.astimezone():%Y-%m-%d %H:%M:%S}"
        return f"{no}{title} {shown}" + (f" ({term.values[0]})" if term.values[0].startswith("-") else "")
    return f"{no}{title} {tr(' or ', ' или ').join(term.values)}"
