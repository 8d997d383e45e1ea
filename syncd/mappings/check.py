"""A mapping held against a base: does everything it names exist there, and is it of the kind its field needs?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from syncd.errors import MappingError
from syncd.i18n import tr
from syncd.mappings import convert, expression, filters
from syncd.mappings.check_write import check_write
from syncd.mappings.language import Rule, Source
from syncd.mappings.lint import lint
from syncd.mappings.loading import Mapping, Section
from syncd.mappings.metadata import NUMBERS, Metadata, Property, Shape
from syncd.mappings.optional import pruned
from syncd.mappings.paths import Scope
from syncd.mappings.query import split
from syncd.mappings.targets import TARGETS
from syncd.mappings.tree import Place, Tree
from syncd.mappings.words import TABLES, hint, in_odata
from syncd.model.entity import Kind

_TOTALS: Final = re.compile(
    r"(?:Balance|Turnover|Receipt|Expense|OpeningBalance|ClosingBalance)(?:Dr|Cr)?$|^Period$|_Type$"
)
_FITS: Final[dict[str, frozenset[str]]] = {
    "decimal": NUMBERS,
    "integer": NUMBERS,
    "boolean": frozenset({"Edm.Boolean"}),
    "timestamp": frozenset({"Edm.DateTime", "Edm.DateTimeOffset"}),
}


def check(mapping: Mapping, base: Metadata) -> list[MappingError]:
    """Every mistake, in the order of the file: those that show without the base first of all."""
    found = lint(mapping)
    plan = mapping.head.exchange_plan
    if plan is not None and plan not in base.exchange_plans:
        place = mapping.tree.at(("exchange_plan",)).place
        found.append(MappingError("E731", place=place, key=plan, hint=hint(plan, base.exchange_plans)))
    broken = {str(problem.params["place"]) for problem in found}
    for section in mapping.sections:
        found += [p for p in _Source(section, base).problems() if str(p.params["place"]) not in broken]
    unique = {(str(p.params["place"]), p.code, str(p.params.get("key"))): p for p in found}
    return sorted(
        unique.values(), key=lambda p: (p.params["place"].file, p.params["place"].line, p.params["place"].column)
    )


class _Source:
    """Looks at one source."""

    def __init__(self, section: Section, base: Metadata) -> None:
        self.section, self.base = section, base
        self.source: Source = pruned(section.source, base)
        self.tree: Tree = section.tree
        self.kinds = {f.name: f.kind for f in TARGETS[section.section].all_fields}

    def problems(self) -> Iterator[MappingError]:
        name = self.source.from_
        if name is None:
            return
        place = self.tree.at(("from",)).place
        try:
            shape = self._shape(name, place)
        except MappingError as error:
            yield error
            return
        scope = Scope(self.base, shape, split(name)[0])
        yield from self._parameters(name, scope)
        yield from self._fields(scope)
        yield from self._lines(scope)
        yield from self._filters(scope)
        if self.source.write is not None:
            yield from check_write(self.source, self.tree, self.base)

    def _shape(self, name: str, place: Place) -> Shape:
        set_, table = split(name)
        shape = self.base.shape(set_)
        if shape is None:
            advice = hint(name, [*self.base.sets, in_odata(name)]) if "." in name else hint(set_, self.base.sets)
            raise MappingError("E721", place=place, key=set_, hint=advice)
        calls = [call for call, f in self.base.calls(set_).items() if not f.writes]
        if table:
            found = self.base.virtual(set_, table)
            if found is None:
                raise MappingError("E726", place=place, of=set_, key=table, hint=self._table_hint(set_, table, calls))
            return found[1]
        if "RecordSet" in shape.properties and len(shape.properties) < 5:
            raise MappingError("E726", place=place, of=set_, key="", hint=self._movements(set_, calls))
        return shape

    def _table_hint(self, set_: str, table: str, calls: list[str]) -> str:
        records = f"{set_}_RecordType"
        if table in self.base.calls(records):
            return tr(f" Did you mean {records}/{table}?", f" Возможно, {records}/{table}?")
        return hint(TABLES.get(table, table), calls)

    def _movements(self, set_: str, calls: list[str]) -> str:
        records = f"{set_}_RecordType"
        name = f"{set_}/{calls[0]}" if calls else f"{records}/{next(iter(self.base.calls(records)), '')}".rstrip("/")
        en, ru = "the register itself gives its movements, not totals", "сам регистр отдаёт движения, а не итоги"
        return tr(f" {en.capitalize()}: {name}.", f" {ru.capitalize()}: {name}.")

    def _parameters(self, name: str, scope: Scope) -> Iterator[MappingError]:
        set_, table = split(name)
        found = self.base.virtual(set_, table) if table else None
        if found is None:
            return
        known = [parameter for parameter, _ in found[0].parameters]
        for parameter in self.source.parameters:
            if parameter not in known:
                place = self.tree.at(("parameters", parameter)).place
                yield MappingError("E727", place=place, of=name, key=parameter, hint=hint(parameter, known))
        if "Dimensions" in self.source.parameters:
            yield from self._dimensions(scope)

    def _dimensions(self, scope: Scope) -> Iterator[MappingError]:
        """What 1C groups by: it gives nothing else back but totals."""
        place = self.tree.at(("parameters", "Dimensions")).place
        listed = [name.strip() for name in self.source.parameters["Dimensions"].split(",")]
        own = {name.removesuffix("_Key") for name in scope.shape.properties if not _TOTALS.search(name)}
        for name in listed:
            if name not in own:
                yield MappingError("E722", place=place, of=scope.of, key=name, hint=hint(name, own))
        keep = {name for name in scope.shape.properties if _TOTALS.search(name) or name.removesuffix("_Key") in listed}
        scope.shape = Shape(
            scope.shape.name, (), {n: p for n, p in scope.shape.properties.items() if n in keep}, scope.shape.references
        )

    def _fields(self, scope: Scope) -> Iterator[MappingError]:
        for name, rule in self.source.fields.items():
            if rule.only != "write" and name in self.kinds:
                yield from self._rule(rule, self.kinds[name], name, scope, self.tree.at(("fields", name)))
        for name, rule in self.source.extra.items():
            yield from self._rule(rule, "text", name, scope, self.tree.at(("extra", name)))
        if self.source.deleted is not None:
            yield from self._rule(self.source.deleted, "boolean", "deleted", scope, self.tree.at(("deleted",)))
        if self.source.changed_by is not None:
            rule = Rule.model_construct(from_=(self.source.changed_by,))
            yield from self._rule(rule, "timestamp", "changed_by", scope, self.tree.at(("changed_by",)))

    def _lines(self, scope: Scope) -> Iterator[MappingError]:
        lines = self.source.lines
        if lines is None or lines.from_ is None:
            return
        rule = Rule.model_construct(rows=lines.from_, when=lines.when, fields=lines.fields)
        declared = next((f.items for f in TARGETS[self.section.section].all_fields if f.name == "lines"), ())
        yield from self._rows(rule, scope, self.tree.at(("lines",)), {f.name: f.kind for f in declared}, key="from")

    def _rows(
        self, rule: Rule, scope: Scope, tree: Tree, kinds: dict[str, Kind], key: str = "rows"
    ) -> Iterator[MappingError]:
        section = rule.rows or ""
        rows = self.base.rows(scope.shape, section)
        place = tree.at((key,)).place
        if rows is None:
            yield MappingError("E724", place=place, of=scope.of, key=section, hint=hint(section, scope.shape.sections))
            return
        inner = Scope(self.base, rows, f"{scope.of}/{section}", scope)
        for name, part in (rule.fields or {}).items():
            yield from self._rule(part, kinds.get(name, "text"), name, inner, tree.at(("fields", name)))
        for step, one in (("each", rule.each), ("key", rule.key)):
            if one is not None:
                yield from self._rule(one, "text", step, inner, tree.at((step,)))
        if rule.when is not None:
            yield from self._names(rule.when, inner, tree.at(("when",)).place)

    def _rule(self, rule: Rule, kind: Kind, name: str, scope: Scope, tree: Tree) -> Iterator[MappingError]:
        if rule.rows is not None:
            yield from self._rows(rule, scope, tree, {})
            return
        for part, inner in (rule.parts or {}).items():
            yield from self._rule(inner, "list" if inner.rows else "text", part, scope, tree.at(("parts", part)))
        if rule.expr is not None:
            yield from self._names(rule.expr, scope, tree.at(("expr",)).place)
        at = tree.at(("from",))
        for n, path in enumerate(rule.from_ or ()):
            place = at.at((n,)).place
            try:
                yield from self._read(scope.find(path, place), path, rule, kind, name, scope, tree, place)
            except MappingError as error:
                yield error
        if rule.default is not None:
            yield from self._found(rule.default, scope, tree.at(("default",)).place)

    def _read(
        self, found: Property, path: str, rule: Rule, kind: Kind, name: str, scope: Scope, tree: Tree, place: Place
    ) -> Iterator[MappingError]:
        if rule.type_ is not None and f"{found.name}_Type" not in self._shape_of(path, scope).properties:
            en, ru = "it is of one type; leave type out", "у него один тип; уберите type"
            yield MappingError("E709", place=tree.at(("type",)).place, key=path, detail=tr(en, ru))
        if rule.via is not None:
            yield from self._via(found, path, rule, kind, name, scope, tree)
        elif not _suits(found, rule, kind):
            yield _unfit(found, path, kind, name, place)

    def _shape_of(self, path: str, scope: Scope) -> Shape:
        """The shape whose property a path names."""
        head, _, rest = path.rpartition("/")
        return scope.base.referred(scope.shape, head) or scope.shape if head and rest else scope.shape

    def _via(
        self, found: Property, path: str, rule: Rule, kind: Kind, name: str, scope: Scope, tree: Tree
    ) -> Iterator[MappingError]:
        via, place = rule.via or "", tree.at(("via",)).place
        target = self.base.shape(via)
        if target is None:
            yield MappingError("E721", place=place, key=via, hint=hint(via, self.base.sets))
            return
        leads = scope.shape.references.get(path.removesuffix("_Key"))
        if leads is not None and leads != self.base.sets[via]:
            advice = tr(f" Did you mean {leads}?", f" Возможно, {leads}?")
            en, ru = f"a reference to {leads}", f"ссылка на {leads}"
            yield MappingError("E723", place=place, key=path, found=tr(en, ru), field=name, wanted=via, hint=advice)
        at = tree.at(("take",)).place
        try:
            taken = Scope(self.base, target, via).find(rule.take or "", at)
        except MappingError as error:
            yield error
            return
        if not _suits(taken, rule, kind):
            yield _unfit(taken, rule.take or "", kind, name, at)

    def _filters(self, scope: Scope) -> Iterator[MappingError]:
        if self.source.when is not None:
            yield from self._names(self.source.when, scope, self.tree.at(("when",)).place)
        for text, path in (
            (self.source.where, ("where",)),
            (self.source.parameters.get("Condition"), ("parameters", "Condition")),
        ):
            if text is None:
                continue
            place = self.tree.at(path).place
            try:
                found = filters.uses(text)
            except filters.BadFilter:
                continue  # lint has told
            for use in found:
                yield from self._use(use, scope, place)

    def _use(self, use: filters.Use, scope: Scope, place: Place) -> Iterator[MappingError]:
        section, _, rest = use.path.partition("/")
        if rest and section in scope.shape.sections:
            return
        yield from self._found(use.path, scope, place)
        if scope.shape.is_composite(use.path) and use.literal.startswith("guid'"):
            yield MappingError("E729", place=place, key=use.path)

    def _found(self, path: str, scope: Scope, place: Place) -> Iterator[MappingError]:
        try:
            scope.find(path, place)
        except MappingError as error:
            yield error

    def _names(self, text: str, scope: Scope, place: Place) -> Iterator[MappingError]:
        try:
            made = expression.parse(text)
        except expression.BadExpression:
            return  # lint has told
        for name in made.names:
            yield from self._found(name, scope, place)


def _suits(found: Property, rule: Rule, kind: Kind) -> bool:
    """Whether a property can fill a field of this kind as the rule has it."""
    if found.row_type or found.type in {"Edm.Stream", "Edm.Binary"}:
        return False
    wanted = _FITS.get(kind)
    changed = rule.as_ is not None or rule.values is not None or rule.dictionary is not None
    return wanted is None or found.type in wanted or changed


def _unfit(found: Property, path: str, kind: Kind, name: str, place: Place) -> MappingError:
    advice = ""
    if found.row_type:
        advice = tr(f" Use {{rows: {path}, …}}.", f" Используйте {{rows: {path}, …}}.")
    elif found.type == "Edm.String":
        advice = tr(" If its words stand for values, add values.", " Если это слова, переведите их через values.")
    wanted = convert.kind_words(kind)
    return MappingError("E723", place=place, key=path, found=found.type, field=name, wanted=wanted, hint=advice)
