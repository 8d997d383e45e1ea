"""``optional: true``: a field that not every release of a configuration has is left out where the base lacks it.

1C refuses a whole request that names one unknown property, so what is absent must not be asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from syncd.errors import MappingError
from syncd.mappings import expression
from syncd.mappings.language import Rule, Source
from syncd.mappings.metadata import Metadata, Shape
from syncd.mappings.paths import Scope
from syncd.mappings.query import split
from syncd.mappings.tree import Place

_NOWHERE = Place("", 0, 0)


def pruned(source: Source, base: Metadata) -> Source:
    """The source without the optional fields that the base lacks."""
    set_, table = split(source.from_ or "")
    virtual = base.virtual(set_, table) if table else None
    shape = virtual[1] if virtual else base.shape(set_)
    if shape is None:
        return source
    scope = Scope(base, shape, set_)
    changed: dict[str, object] = {"fields": _kept(source.fields, scope), "extra": _kept(source.extra, scope)}
    if source.lines is not None and source.lines.from_ is not None:
        rows = base.rows(shape, source.lines.from_)
        if rows is not None:
            inner = Scope(base, rows, set_, scope)
            changed["lines"] = source.lines.model_copy(update={"fields": _kept(source.lines.fields, inner)})
    return source.model_copy(update=changed)


def _kept(rules: dict[str, Rule], scope: Scope) -> dict[str, Rule]:
    kept: dict[str, Rule] = {}
    for name, rule in rules.items():
        if rule.optional and not _is_there(rule, scope):
            continue
        kept[name] = rule.model_copy(update={"parts": _kept(rule.parts, scope)}) if rule.parts else rule
    return kept


def _is_there(rule: Rule, scope: Scope) -> bool:
    try:
        for path in _paths(rule):
            scope.find(path, _NOWHERE)
    except (MappingError, expression.BadExpression):
        return False
    if rule.rows is not None and rule.rows not in scope.shape.sections:
        return False
    return rule.via is None or _takes(rule, scope.base.shape(rule.via), scope.base)


def _takes(rule: Rule, target: Shape | None, base: Metadata) -> bool:
    if target is None:
        return False
    try:
        Scope(base, target, target.name).find(rule.take or "", _NOWHERE)
    except MappingError:
        return False
    return True


def _paths(rule: Rule) -> Iterator[str]:
    yield from rule.from_ or ()
    if rule.default is not None:
        yield rule.default
    if rule.expr is not None:
        yield from expression.parse(rule.expr).names
