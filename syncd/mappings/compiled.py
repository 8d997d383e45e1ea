"""A mapping at work: records of 1C become records of syncd."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from decimal import Decimal
from typing import Any, Final

from syncd.errors import MappingError
from syncd.mappings.language import Rule, Source
from syncd.mappings.loading import Mapping, Section
from syncd.mappings.lowered import several
from syncd.mappings.metadata import Metadata
from syncd.mappings.optional import pruned
from syncd.mappings.query import Query, query_of
from syncd.mappings.rules import Compiler, Getter, Lookup, Row, jsonable, no_lookup, source_of
from syncd.mappings.targets import TARGETS
from syncd.mappings.tree import Tree
from syncd.model import Entity, Field
from syncd.model.entity import Kind
from syncd.model.records import Record

_EMPTY_KEYS: Final = {"text": "", "decimal": Decimal(0)}


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of a preview. ``source`` is what was read, ``raw`` what stood there, ``rule`` what was done to it."""

    field: str
    source: str
    rule: str
    raw: Any
    result: Any
    error: MappingError | None = None


@dataclass(slots=True)
class CompiledSource:
    """One source of one entity."""

    section: str
    label: str
    entity: Entity
    query: Query
    source: Source
    tree: Tree
    key: tuple[tuple[Field, Getter], ...]
    fields: tuple[tuple[str, Getter], ...]
    extra: tuple[tuple[str, Getter], ...]
    deleted: Getter | None
    when: Getter | None
    combines: dict[str, str] = field(default_factory=dict)
    _key: Callable[[Row], tuple[Any, ...]] = field(init=False)
    _fields: Callable[[Row], tuple[Any, ...]] = field(init=False)
    _names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._key = several([get for _, get in self.key])
        self._fields = several([get for _, get in self.fields])
        self._names = tuple(name for name, _ in self.fields)

    def run(self, row: Row) -> Record | None:
        """One record; ``None`` for a row that ``when`` leaves out.

        Raises ``MappingError`` E741-E746 with the path of the field, the value and the line of the rule.
        """
        if self.when is not None and not self.when(row):
            return None
        key = self._key(row)
        if None in key:
            key = tuple([_key_value(declared, value) for (declared, _), value in zip(self.key, key, strict=True)])
        if key[0] == "":
            declared = self.key[0][0].name
            place = self.tree.at(("fields", declared)).place
            raise MappingError("E746", path=f"{self.section}.{declared}", place=place, value=None)
        stated = zip(self._names, self._fields(row), strict=True)
        made = Record(self.entity.name, key, {name: value for name, value in stated if value is not None})
        if self.extra:
            made.extra = jsonable({n: value for n, get in self.extra if (value := get(row)) is not None}) or None
        if self.deleted is not None:
            made.deleted = bool(self.deleted(row))
        return made

    def combined(self, records: Iterable[Record]) -> list[Record]:
        """Records with one key as one, where the section has fields that ``combine``; otherwise as they are."""
        if not self.combines:
            return list(records)
        found: dict[tuple[Any, ...], Record] = {}
        for record in records:
            before = found.get(record.key)
            if before is None:
                found[record.key] = record
            else:
                self.add(before, record)
        return list(found.values())

    def add(self, into: Record, record: Record) -> None:
        """Put a second record of the same key into the first."""
        for name, value in record.fields.items():
            before = into.fields.get(name)
            how = _COMBINE.get(self.combines.get(name, "last"), _last)
            into.fields[name] = value if before is None else how(before, value)
        into.extra = record.extra or into.extra
        into.deleted = into.deleted and record.deleted

    def preview(self, row: Row) -> list[Cell]:
        """Every field with what was read and what became of it; a mistake stands in its own cell."""
        cells = [self._cell(declared.name, self._rule(declared.name), get, row) for declared, get in self.key]
        cells += [self._cell(name, self._rule(name), get, row) for name, get in self.fields]
        cells += [self._cell(f"extra.{name}", self.source.extra[name], get, row) for name, get in self.extra]
        if self.deleted is not None and self.source.deleted is not None:
            cells.append(self._cell("deleted", self.source.deleted, self.deleted, row))
        return cells

    def _rule(self, name: str) -> Rule:
        lines = self.source.lines
        if name == "lines" and lines is not None:
            return Rule.model_validate({"rows": lines.from_ or ""})
        return self.source.fields[name]

    def _cell(self, name: str, rule: Rule, get: Getter, row: Row) -> Cell:
        raw = _raw(rule, row)
        try:
            return Cell(name, source_of(rule), how(rule), raw, get(row))
        except MappingError as error:
            return Cell(name, source_of(rule), how(rule), raw, None, error)


class Combined:
    """Records of the sources of one section that add up, one per key, to be added to those of its plain sources.

    With ``neutral`` every record states what they sum and list: of nothing that is zero and an empty list (a reserve
    that ended). So it may only be said where all of these sources were seen.
    """

    def __init__(self, made: Iterable[tuple[CompiledSource, Iterable[Record]]], *, neutral: bool) -> None:
        self._parts: dict[tuple[Any, ...], list[tuple[CompiledSource, Record]]] = {}
        self._neutral: dict[str, Callable[[], Any]] = {}
        self._used: set[tuple[Any, ...]] = set()
        for source, records in made:
            if neutral:
                self._neutral |= {n: _NEUTRAL[how_] for n, how_ in source.combines.items() if how_ in _NEUTRAL}
            for record in source.combined(records):
                self._parts.setdefault(record.key, []).append((source, record))

    @property
    def nothing(self) -> dict[str, Any]:
        """What a record has of which no source states a part: zero, an empty list. Empty where that is not certain."""
        return {name: made() for name, made in self._neutral.items()}

    def add_to(self, record: Record) -> None:
        """Complete a record of a plain source."""
        parts = self._parts.get(record.key, ())
        if parts:
            self._used.add(record.key)  # and kept: another plain source may state the same key
        self._complete(record, parts)

    def left(self) -> Iterator[Record]:
        """Those whose key no plain source stated."""
        for key, ((_, first), *others) in self._parts.items():
            if key not in self._used:
                self._complete(first, others)
                yield first

    def _complete(self, record: Record, parts: Iterable[tuple[CompiledSource, Record]]) -> None:
        for source, part in parts:
            source.add(record, part)
        for name, nothing in self._neutral.items():
            if name not in record.fields:
                record.fields[name] = nothing()


def how(rule: Rule) -> str:
    """What a rule does to what it reads, in the words of the language; nothing for a plain field."""
    given = rule.model_dump(by_alias=True, exclude_none=True, exclude={"from_", "rows", "expr"})
    parts = [f"{key}: {_shown(value)}" for key, value in given.items()]
    if rule.dictionary:
        parts.append(f"values: {rule.dictionary}")
    return ", ".join((["expr"] if rule.expr else []) + parts)


def _shown(value: object) -> str:
    return "{" + ", ".join(map(str, value)) + "}" if isinstance(value, dict) else str(value)


def _raw(rule: Rule, row: Row) -> Any:
    names = [rule.rows] if rule.rows else list(rule.from_ or ())
    found = []
    for name in names:
        value: Any = row
        for step in name.split("/"):
            value = value.get(step) if isinstance(value, dict) else None
        found.append(value)
    return found[0] if len(found) == 1 else (found or None)


def _key_value(declared: Field, value: Any) -> Any:
    return _EMPTY_KEYS.get(declared.kind) if value is None else value


def _last(before: Any, after: Any) -> Any:
    """A map key by key, as the merge takes several statements."""
    return {**before, **after} if isinstance(before, dict) and isinstance(after, dict) else after


_COMBINE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "sum": lambda a, b: a + b,
    "min": min,
    "max": max,
    "first": lambda a, _b: a,
    "last": _last,
    "list": lambda a, b: [*a, *(part for part in b if part not in a)],
}
_NEUTRAL: Final[dict[str, Callable[[], Any]]] = {"sum": Decimal, "list": list}


def compile_mapping(
    mapping: Mapping, zone: tzinfo, lookup: Lookup = no_lookup, base: Metadata | None = None
) -> list[CompiledSource]:
    """Every source that reads, ready to run. ``zone`` is the infobase's: 1C writes times without one.

    The mapping must have no problems. ``lookup`` finds what ``via`` asks for; of ``base`` depends which optional
    fields are read (all of them without it).
    """
    return [_source(mapping, section, zone, lookup, base) for section in mapping.sections if section.source.from_]


def _source(mapping: Mapping, section: Section, zone: tzinfo, lookup: Lookup, base: Metadata | None) -> CompiledSource:
    entity, tree = TARGETS[section.section], section.tree
    source = section.source if base is None else pruned(section.source, base)
    compiler = Compiler(zone, mapping.head.dictionaries, lookup)
    readable = {name: rule for name, rule in source.fields.items() if rule.only != "write"}
    declared = {f.name: f for f in entity.all_fields}

    def getter(name: str, rule: Rule) -> Getter:
        about = declared[name]
        return compiler.rule(rule, about.kind, f"{section.label}.{name}", tree.at(("fields", name)), items=about.items)

    key = tuple((f, getter(f.name, readable[f.name])) for f in entity.key)
    fields = [(name, getter(name, rule)) for name, rule in readable.items() if name not in entity.key_names]
    if source.lines is not None and source.lines.from_:
        rule = Rule.model_construct(rows=source.lines.from_, when=source.lines.when, fields=source.lines.fields)
        fields.append(
            (
                "lines",
                compiler.rule(
                    rule, "list", f"{section.label}.lines", tree.at(("lines",)), items=declared["lines"].items
                ),
            )
        )
    extra = tuple((name, _extra(compiler, section, name, rule)) for name, rule in source.extra.items())
    deleted = source.deleted and compiler.rule(
        source.deleted, "boolean", f"{section.label}.deleted", tree.at(("deleted",))
    )
    when = compiler.condition(source.when, f"{section.label}.when", tree.at(("when",)).place) if source.when else None
    query = query_of(source, compiler.needs.paths, compiler.needs.lookups, sections_of(source))
    return CompiledSource(
        section.section, section.label, entity, query, source, tree, key, tuple(fields), extra, deleted or None, when,
        {name: rule.combine for name, rule in readable.items() if rule.combine},
    )  # fmt: skip


def _extra(compiler: Compiler, section: Section, name: str, rule: Rule) -> Getter:
    kind: Kind = "map" if rule.parts or rule.key else "text"
    return compiler.rule(rule, kind, f"{section.label}.extra.{name}", section.tree.at(("extra", name)))


def sections_of(source: Source) -> set[str]:
    """The tabular sections a source reads."""
    rules = list(all_rules(source))
    found = {rule.rows for rule in rules if rule.rows}
    return found | {source.lines.from_} if source.lines and source.lines.from_ else found


def all_rules(source: Source) -> Iterable[Rule]:
    """Every rule of a source, those inside of others too."""
    waiting = [*source.fields.values(), *source.extra.values()]
    while waiting:
        rule = waiting.pop()
        yield rule
        waiting += [*(rule.fields or {}).values(), *(rule.parts or {}).values()]
        waiting += [inner for inner in (rule.each, rule.key) if inner]
