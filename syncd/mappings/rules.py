"""Rules become closures: a plain field costs one look into the record and one conversion, and a rule pays only for the
steps it has.

The steps of a rule, in order: read (``from``, ``expr``, ``rows``, ``parts``), ``type``, ``default``, ``via``,
``values``, ``value``, conversion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, Final

from syncd.errors import MappingError
from syncd.mappings import convert, quick
from syncd.mappings.bounds import DIGITS, fits, short
from syncd.mappings.expression import FAILURES, parse
from syncd.mappings.language import As, Rule, Scalar
from syncd.mappings.tree import Place, Tree
from syncd.mappings.words import folded, hint
from syncd.model.entity import Field, Kind

Row = Mapping[str, Any]
Getter = Callable[[Row], Any]
Lookup = Callable[[str, str], Row | None]
"""Finds a record of a set by its reference; ``None`` when there is none."""
PARENT: Final = ".."
_SHOWN: Final = 80
"""Digits of a number that an error shows."""


def no_lookup(_set: str, _key: str) -> Row | None:
    """Where nothing can be looked up."""
    return None


@dataclass(slots=True)
class Needs:
    """What a source must be asked for: paths of its records, and what is looked up elsewhere."""

    paths: dict[str, None] = field(default_factory=dict)
    lookups: dict[str, set[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Compiler:
    """Compiles the rules of one source. ``dictionaries`` are those of the mapping."""

    zone: tzinfo
    dictionaries: Mapping[str, Mapping[str, Scalar]]
    lookup: Lookup = no_lookup
    needs: Needs = field(default_factory=Needs)

    def rule(self, rule: Rule, kind: Kind, path: str, tree: Tree, *, items: tuple[Field, ...] = ()) -> Getter:
        """The getter of a field. ``path`` names it in errors, ``tree`` tells where its rule stands."""
        if rule.rows is not None:
            return self._rows(rule, kind, path, tree, items)
        if rule.parts is not None:
            return self._parts(rule.parts, path, tree)
        place = tree.place
        get = self.read(rule, path, place)
        source = source_of(rule)
        if rule.default is not None:
            get = _with_default(get, self._reader(rule.default, path, place))
        if rule.via is not None:
            get = self._via(get, rule, path, place)
        words = self.dictionaries.get(rule.dictionary or "", {}) if rule.dictionary else rule.values
        wanted: Kind | As = rule.as_ or kind
        if words is not None:
            get = _as_word(get, path, source, place)
            get = dictionary(get, words, rule.unlisted or "error", path, source, place)
        if "value" in rule.model_fields_set and (rule.from_ or rule.expr):
            get = _with_constant(get, rule.value)
        get = _converted(get, convert.converter(wanted, self.zone), wanted, path, source, place)
        if kind == "list" and wanted != kind:
            return lambda row: convert.as_list(get(row))
        return quick.getter(rule, wanted, get, self.lookup)

    def condition(self, text: str, path: str, place: Place) -> Getter:
        """An expression that says yes or no."""
        return self._expression(text, path, place)

    def read(self, rule: Rule, path: str, place: Place) -> Getter:
        """The first step alone: what stands in the record."""
        if rule.expr is not None:
            return self._expression(rule.expr, path, place)
        if rule.from_ is None:
            constant = rule.value
            return lambda _row: constant
        readers = [self._reader(name, path, place) for name in rule.from_]
        if rule.type_ is not None:
            readers = [
                self._typed(get, name, rule.type_, path, place) for get, name in zip(readers, rule.from_, strict=True)
            ]
        if rule.join is not None:
            return _joined([_as_text(get, path, source_of(rule), place) for get in readers], rule.join)
        return readers[0] if len(readers) == 1 else _first_of(readers)

    def _reader(self, name: str, path: str, place: Place) -> Getter:
        self.needs.paths[name] = None
        steps = name.replace("../", "..\0").replace("/", "\0").split("\0")
        if len(steps) == 1:

            def plain(row: Row) -> Any:
                try:
                    return row[name]
                except KeyError:
                    raise _absent(name, row, path, place) from None

            return plain

        def through(row: Row) -> Any:
            value: Any = row
            for step in steps:
                if value is None:
                    return None
                if not isinstance(value, Mapping) or step not in value:
                    raise _absent(name, value if isinstance(value, Mapping) else row, path, place)
                value = value[step]
            return value

        return through if len(steps) > 2 or steps[0] == PARENT else quick.behind(steps[0], steps[1], through)

    def _typed(self, get: Getter, name: str, type_: str, path: str, place: Place) -> Getter:
        kind = self._reader(f"{name}_Type", path, place)
        return lambda row: get(row) if str(kind(row) or "").rpartition(".")[2] == type_ else None

    def _expression(self, text: str, path: str, place: Place) -> Getter:
        made = parse(text)
        readers = [self._reader(name, path, place) for name in made.names]
        run = made.run

        def evaluate(row: Row) -> Any:
            values = [read(row) for read in readers]
            try:
                return run(*values)
            except FAILURES as error:
                why = str(made.failed(error, values))
                raise MappingError("E744", path=path, text=text, detail=why, place=place, value=None) from error

        return evaluate

    def _via(self, get: Getter, rule: Rule, path: str, place: Place) -> Getter:
        via, take = rule.via or "", rule.take or ""
        self.needs.lookups.setdefault(via, set()).add(take)
        read = Compiler(self.zone, {})._reader(take, path, place)
        lookup = self.lookup

        def look(row: Row) -> Any:
            key = get(row)
            if convert.is_empty(key):
                return None
            found = lookup(via, str(key))
            if found is None:
                raise MappingError("E745", path=path, via=via, value=str(key), place=place)
            return read(found)

        return look

    def _rows(self, rule: Rule, kind: Kind, path: str, tree: Tree, items: tuple[Field, ...]) -> Getter:
        section = rule.rows or ""
        inner = Compiler(self.zone, self.dictionaries, self.lookup, Needs(lookups=self.needs.lookups))
        each = inner.rule(rule.each, "text", f"{path}[]", tree.at(("each",))) if rule.each else None
        key = inner.rule(rule.key, "text", f"{path}.key", tree.at(("key",))) if rule.key else None
        kinds = {item.name: item for item in items}
        parts = {
            name: inner.rule(
                part, kinds[name].kind if name in kinds else "text", f"{path}[].{name}", tree.at(("fields", name))
            )
            for name, part in (rule.fields or {}).items()
        }
        when = inner.condition(rule.when, f"{path}.when", tree.at(("when",)).place) if rule.when else None
        self._need_rows(section, inner.needs)
        read = self._reader(section, path, tree.place)

        upwards = any(name.startswith(PARENT) for name in inner.needs.paths)

        def one(row: Row) -> Any:
            return each(row) if each else jsonable({n: v for n, get in parts.items() if (v := get(row)) is not None})

        def collect(row: Row) -> Any:
            rows = _section_of(read(row), path, section, tree.place)
            if upwards:
                rows = [{**part, PARENT: row} for part in rows]
            kept = rows if when is None else [part for part in rows if when(part)]
            if key is not None:
                return _by_key([(key(part), one(part)) for part in kept])
            return [value for part in kept if (value := one(part)) not in (None, "")]

        del kind
        return collect

    def _need_rows(self, section: str, inner: Needs) -> None:
        for name in inner.paths:
            self.needs.paths[name.removeprefix("../") if name.startswith("../") else f"{section}/{name}"] = None

    def _parts(self, parts: Mapping[str, Rule], path: str, tree: Tree) -> Getter:
        getters = {
            name: self.rule(rule, "list" if rule.rows else "text", f"{path}.{name}", tree.at(("parts", name)))
            for name, rule in parts.items()
        }  # fmt: skip
        if all(rule.as_ in (None, "text") and not (rule.rows or rule.parts) for rule in parts.values()):
            items = tuple(getters.items())
            return lambda row: {name: get(row) for name, get in items}  # nothing but texts
        return lambda row: jsonable({name: get(row) for name, get in getters.items()})


def source_of(rule: Rule) -> str:
    """Where a rule reads, as a person would say it."""
    if rule.rows is not None:
        return f"{rule.rows}[]"
    if rule.parts is not None:
        return ", ".join(map(source_of, rule.parts.values()))
    if rule.expr is not None:
        return rule.expr
    return ", ".join(rule.from_ or ()) or str(rule.value)


def jsonable(value: dict[str, Any]) -> dict[str, Any]:
    """For what is kept as JSON: numbers of money as texts, times in ISO 8601."""
    plain: dict[str, Any] = {}
    for name, part in value.items():
        if isinstance(part, Decimal):
            plain[name] = format(part, "f")
        else:
            plain[name] = part.isoformat() if isinstance(part, datetime) else part
    return plain


def _by_key(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    """A map; a key met twice holds a list."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if not key or value is None:
            continue
        if key in found:
            before = found[key]
            found[key] = [*before, value] if isinstance(before, list) else [before, value]
        else:
            found[key] = value
    return found


def _absent(name: str, row: Row, path: str, place: Place) -> MappingError:
    return MappingError("E741", path=path, key=name, hint=hint(name.rpartition("/")[2], row), place=place, value=None)


def _with_default(get: Getter, other: Getter) -> Getter:
    def read(row: Row) -> Any:
        value = get(row)
        return other(row) if convert.is_empty(value) else value

    return read


def _with_constant(get: Getter, constant: Scalar) -> Getter:
    def read(row: Row) -> Any:
        value = get(row)
        return constant if convert.is_empty(value) else value

    return read


def _first_of(readers: list[Getter]) -> Getter:
    def read(row: Row) -> Any:
        value = None
        for get in readers:
            value = get(row)
            if not convert.is_empty(value):
                return value
        return value

    return read


def _unfit(value: object, path: str, source: str, kind: Kind | As, place: Place) -> MappingError:
    shown = value if isinstance(value, str | int | None) else str(value)
    if isinstance(value, int) and not short(value):  # Python refuses to write so many digits
        shown = f"≥ 10^{DIGITS}"
    elif isinstance(value, Decimal):
        shown = str(value)[:_SHOWN]
    return MappingError("E742", path=path, value=shown, source=source, wanted=convert.kind_words(kind), place=place)


def _as_text(get: Getter, path: str, source: str, place: Place) -> Getter:
    """For joining: every part is a text, or nothing."""

    def read(row: Row) -> str | None:
        value = get(row)
        try:
            return convert.text(value)
        except convert.Unfit:
            raise _unfit(value, path, source, "text", place) from None

    return read


def _as_word(get: Getter, path: str, source: str, place: Place) -> Getter:
    """For a dictionary: what no word can be is told."""

    def read(row: Row) -> Any:
        value = get(row)
        if isinstance(value, list | Mapping):
            raise _unfit(value, path, source, "text", place)
        return value

    return read


def _section_of(value: object, path: str, section: str, place: Place) -> list[Row]:
    """The rows of a tabular section."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(part, Mapping) for part in value):
        raise _unfit(value, path, section, "list", place)
    return value


def _joined(readers: list[Getter], join: str) -> Getter:
    def read(row: Row) -> str:
        values = [get(row) for get in readers]
        return join.join([str(value) for value in values if not convert.is_empty(value)])

    return read


def dictionary(get: Getter, words: Mapping[str, Scalar], unlisted: str, path: str, source: str, place: Place) -> Getter:
    exact = dict(words)
    loose = {folded(word): value for word, value in words.items()}

    def translate(row: Row) -> Any:
        found = get(row)
        try:
            word = convert.text(found) or ""
        except convert.Unfit:
            raise _unfit(found, path, source, "text", place) from None
        if word in exact:
            return exact[word]
        if folded(word) in loose:
            return loose[folded(word)]
        if not word or unlisted == "empty":
            return None
        if unlisted == "keep":
            return found
        raise MappingError("E743", path=path, value=word, source=source, place=place, hint=hint(word, words, most=0))

    return translate


def _converted(
    get: Getter, change: Callable[[object], Any], kind: Kind | As, path: str, source: str, place: Place
) -> Getter:
    text = kind == "text"
    number = kind == "decimal"

    def read(row: Row) -> Any:
        value = get(row)
        if text and type(value) is str:  # as most values are
            return "" if value == convert.EMPTY_GUID else value.rstrip()
        if number and type(value) is Decimal and fits(value):
            return value
        try:
            return change(value)
        except convert.Unfit:
            raise _unfit(value, path, source, kind, place) from None

    return read
