"""Mistakes in the direction into 1C that show without the base."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from syncd.errors import MappingError
from syncd.i18n import tr
from syncd.mappings import expression, filters
from syncd.mappings.contradictions import contradictions
from syncd.mappings.language import Rule, Write
from syncd.mappings.orders import FIELDS
from syncd.mappings.targets import ORDER
from syncd.mappings.tree import Tree
from syncd.mappings.words import hint

ORDER_FIELDS: Final = tuple(
    dict.fromkeys([*FIELDS, "line_count", *(f.name for f in ORDER.all_fields if f.name != "lines")])
)
"""What the direction into 1C may take: what a storefront said of an order, and what syncd knows of it."""
LINE_FIELDS: Final = (
    *(item.name for field in ORDER.fields for item in field.items), "offer_id", "variant_id", "line_number",
    "is_service",
)  # fmt: skip
"""The same of a line. ``product_id`` is the part of ``offer_id`` before ``#``, ``variant_id`` the one behind it."""


def lint_write(write: Write, section: str, tree: Tree) -> Iterator[MappingError]:
    """What is wrong with ``write`` of a source."""
    if section != "orders":
        detail = tr("only orders are written to 1C", "в 1С пишутся только заказы")
        yield MappingError("E709", place=tree.place, key="write", detail=detail)
        return
    if not write.marker:
        en = "without a marker an order whose answer was lost would be written twice"
        ru = "без метки заказ, ответ на который потерялся, записался бы дважды"
        advice = tr(
            " Write `marker: ` and a text property of the document, 36 characters or longer.",
            " Допишите `marker: ` и строковый реквизит документа длиной от 36 символов.",
        )
        yield MappingError("E730", place=tree.place, key="marker", detail=tr(en, ru), hint=advice)
    known = (*ORDER_FIELDS, *(f"refs.{name}" for name in write.references))
    yield from _written(write.fields, known, tree.at(("fields",)))
    for name, reference in write.references.items():
        at = tree.at(("references", name))
        by = at.at(("by",))
        for n, way in enumerate(reference.by):
            yield from _written(way, known, by.at((n,)) if by.list else by)
        yield from _written(reference.make or {}, known, at.at(("make",)))
    if write.lines is not None:
        yield from _written(write.lines.fields, LINE_FIELDS, tree.at(("lines", "fields")))


def _written(rules: dict[str, Rule], known: tuple[str, ...], tree: Tree) -> Iterator[MappingError]:
    for name, rule in rules.items():
        at = tree.at((name,))
        for detail in contradictions(rule, "text"):
            yield MappingError("E709", place=at.place, key=name, detail=detail)
        if rule.expr is not None:
            yield from bad_expression(rule.expr, at.at(("expr",)), known)
        for path in (*(rule.from_ or ()), *([rule.default] if rule.default else ())):
            if path not in known:
                place = at.at(("from",)).place
                yield MappingError("E705", place=place, entity="order", key=path, hint=hint(path, known, most=0))


def bad_expression(text: str, tree: Tree, known: tuple[str, ...] = ()) -> Iterator[MappingError]:
    try:
        made = expression.parse(text)
    except expression.BadExpression as error:
        yield MappingError("E710", place=tree.place, text=text, detail=str(error), hint=error.hint)
        return
    for name in made.names:
        if known and name.replace("/", ".") not in known:
            yield MappingError("E705", place=tree.place, entity="order", key=name, hint=hint(name, known, most=0))


def bad_filter(text: str, tree: Tree) -> Iterator[MappingError]:
    try:
        filters.uses(text)
    except filters.BadFilter as error:
        yield MappingError("E728", place=tree.place, text=text, detail=str(error), hint=error.hint)
