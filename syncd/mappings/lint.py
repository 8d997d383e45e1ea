"""Mistakes in a mapping that show without the base: unknown fields, keys that contradict, expressions and filters that
cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Final

from syncd.errors import MappingError
from syncd.i18n import tr
from syncd.mappings import convert
from syncd.mappings.contradictions import contradictions
from syncd.mappings.language import Lines, Rule, Source
from syncd.mappings.lint_write import bad_expression, bad_filter, lint_write
from syncd.mappings.loading import Mapping, Section
from syncd.mappings.targets import CHOICES, TARGETS, field_of
from syncd.mappings.tree import Tree
from syncd.mappings.words import hint
from syncd.model import Field
from syncd.model.entity import Kind

_FITS: Final[dict[str, frozenset[str]]] = {
    "decimal": frozenset({"decimal", "integer", "tax"}),
    "integer": frozenset({"integer"}),
    "boolean": frozenset({"boolean"}),
    "timestamp": frozenset({"timestamp"}),
    "text": frozenset({"text", "currency"}),
    "list": frozenset({"text", "currency"}),
    "map": frozenset(),
}


def lint(mapping: Mapping) -> list[MappingError]:
    """What is wrong, in the order of the file. Problems of reading come first."""
    found = list(mapping.problems)
    for section in mapping.sections:
        found += _Section(mapping, section).problems()
    return sorted(found, key=_line)


def _line(problem: MappingError) -> tuple[str, int, int]:
    place = problem.params["place"]
    return (place.file, place.line, place.column)


class _Section:
    """Looks at one source."""

    def __init__(self, mapping: Mapping, section: Section) -> None:
        self.mapping = mapping
        self.section = section
        self.entity = TARGETS[section.section]

    def problems(self) -> Iterator[MappingError]:
        source, tree = self.section.source, self.section.tree
        yield from self._fields(source, tree)
        for name, rule in source.extra.items():
            kind: Kind = "map" if rule.parts or rule.key else "text"
            yield from self._rule(rule, kind, tree.at(("extra", name)), name)
        if source.deleted is not None:
            yield from self._rule(source.deleted, "boolean", tree.at(("deleted",)), "deleted")
        if source.lines is not None:
            yield from self._lines(source.lines, tree.at(("lines",)))
        yield from self._conditions(source, tree)
        if source.write is not None:
            yield from lint_write(source.write, self.section.section, tree.at(("write",)))

    def _fields(self, source: Source, tree: Tree) -> Iterator[MappingError]:
        known = {f.name: f for f in self.entity.all_fields}
        for name, rule in source.fields.items():
            place = tree.at(("fields", name)).place
            if name not in known:
                yield MappingError(
                    "E705", place=place, entity=self.section.section, key=name, hint=hint(name, known, most=30)
                )
                continue
            yield from self._rule(rule, known[name].kind, tree.at(("fields", name)), name, known[name].items)
            yield from self._choices(name, rule, tree.at(("fields", name)))
        if source.from_ is None and source.write is None:
            yield MappingError(
                "E709",
                place=tree.place,
                key="from",
                detail=tr("it says no set to read from", "не сказано, из какого набора читать"),
            )
        readable = {name for name, rule in source.fields.items() if rule.only != "write"}
        for declared in self.entity.key if source.from_ else ():
            if declared.name not in readable:
                place = tree.map["fields"].place if "fields" in tree.map else tree.place
                yield MappingError("E708", place=place, entity=self.section.section, key=declared.name)

    def _conditions(self, source: Source, tree: Tree) -> Iterator[MappingError]:
        if source.when is not None:
            yield from bad_expression(source.when, tree.at(("when",)))
        if source.where is not None:
            yield from bad_filter(source.where, tree.at(("where",)))
        if "Condition" in source.parameters:
            yield from bad_filter(source.parameters["Condition"], tree.at(("parameters", "Condition")))
        if source.parameters and "/" not in (source.from_ or ""):
            en, ru = (
                "only a virtual table has parameters; use where",
                "параметры бывают только у виртуальной таблицы; для набора есть where",
            )
            yield MappingError("E709", place=tree.at(("parameters",)).place, key="parameters", detail=tr(en, ru))

    def _lines(self, lines: Lines, tree: Tree) -> Iterator[MappingError]:
        declared = field_of(self.section.section, "lines")
        if declared is None:
            en, ru = (
                f"{self.section.section} have no lines; use extra",
                f"у {self.section.section} нет строк; есть extra",
            )
            yield MappingError("E709", place=tree.place, key="lines", detail=tr(en, ru))
            return
        if lines.from_ is None:
            detail = tr("it says no tabular section", "не сказано, какая табличная часть")
            yield MappingError("E709", place=tree.place, key="lines: from", detail=detail)
        yield from self._items(lines.fields, declared.items, tree)
        if lines.when is not None:
            yield from bad_expression(lines.when, tree.at(("when",)))

    def _items(self, rules: dict[str, Rule], items: tuple[Field, ...], tree: Tree) -> Iterator[MappingError]:
        known = {item.name: item for item in items}
        for name, rule in rules.items():
            at = tree.at(("fields", name))
            if known and name not in known:
                yield MappingError("E705", place=at.place, entity="lines", key=name, hint=hint(name, known, most=30))
                continue
            yield from self._rule(rule, known[name].kind if known else "text", at, name)

    def _rule(
        self, rule: Rule, kind: Kind, tree: Tree, name: str, items: tuple[Field, ...] = ()
    ) -> Iterator[MappingError]:
        for detail in contradictions(rule, kind):
            yield MappingError("E709", place=tree.place, key=name, detail=detail)
        if rule.expr is not None:
            yield from bad_expression(rule.expr, tree.at(("expr",)))
        if rule.when is not None:
            yield from bad_expression(rule.when, tree.at(("when",)))
        if rule.dictionary is not None and rule.dictionary not in self.mapping.head.dictionaries:
            known = self.mapping.head.dictionaries
            yield MappingError(
                "E711", place=tree.at(("values",)).place, key=rule.dictionary, hint=hint(rule.dictionary, known)
            )
        if rule.as_ is not None and rule.as_ not in _FITS[kind]:
            wanted, given = convert.kind_words(kind), convert.kind_words(rule.as_)
            detail = tr(f"the field is {wanted}, as makes {given}", f"поле — {wanted}, а as даёт: {given}")
            yield MappingError("E703", place=tree.at(("as",)).place, key=f"{name}.as", detail=detail, hint="")
        yield from self._constant(rule, kind, tree, name)
        if rule.rows is not None:
            yield from self._items(rule.fields or {}, items, tree)
            for step, inner in (("each", rule.each), ("key", rule.key)):
                if inner is not None:
                    yield from self._rule(inner, "text", tree.at((step,)), f"{name}.{step}")
        for part, inner in (rule.parts or {}).items():
            inner_kind: Kind = "list" if inner.rows else "text"
            yield from self._rule(inner, inner_kind, tree.at(("parts", part)), f"{name}.{part}")

    def _constant(self, rule: Rule, kind: Kind, tree: Tree, name: str) -> Iterator[MappingError]:
        if "value" not in rule.model_fields_set or rule.value is None or kind in {"list", "map"}:
            return
        try:
            convert.converter(rule.as_ or kind, UTC)(rule.value)
        except convert.Unfit:
            wanted = convert.kind_words(kind)
            detail = tr(f"{rule.value!r} is not {wanted}", f"{rule.value!r} — не {wanted}")
            yield MappingError("E703", place=tree.at(("value",)).place, key=f"{name}.value", detail=detail, hint="")

    def _choices(self, name: str, rule: Rule, tree: Tree) -> Iterator[MappingError]:
        """A field with a set of values of its own takes no others."""
        allowed = CHOICES.get((self.section.section, name))
        if allowed is None or rule.only == "write":
            return
        words = self.mapping.head.dictionaries.get(rule.dictionary or "", {}) if rule.dictionary else rule.values or {}
        given = [(tree.at(("values", word)).place, value) for word, value in words.items()]
        given += [(tree.at(("value",)).place, rule.value)] if rule.value is not None else []
        for place, value in given:
            if value is not None and value not in allowed:
                en, ru = f"{value!r} is no value of {name}", f"{value!r} — не значение поля {name}"
                yield MappingError("E703", place=place, key=name, detail=tr(en, ru), hint=hint(str(value), allowed))
