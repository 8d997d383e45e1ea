"""Keys of a rule that cannot stand together, or that lack their fellow."""

from __future__ import annotations

from collections.abc import Iterator

from syncd.i18n import tr
from syncd.mappings.convert import kind_words
from syncd.mappings.language import Rule
from syncd.model.entity import Kind


def contradictions(rule: Rule, kind: Kind) -> Iterator[str]:
    """What is wrong with a rule for a field of this kind, in words."""
    yield from _sources(rule)
    yield from _fellows(rule)
    yield from _shapes(rule, kind)


def _sources(rule: Rule) -> Iterator[str]:
    possible = {"from": rule.from_, "expr": rule.expr, "rows": rule.rows, "parts": rule.parts}
    given = [key for key, value in possible.items() if value is not None]
    if len(given) > 1:
        yield tr(f"{' and '.join(given)} exclude each other", f"{' и '.join(given)} исключают друг друга")
    if not given and "value" not in rule.model_fields_set:
        en, ru = "it says nothing to take", "не сказано, что брать"
        yield tr(f"{en}: from, expr, rows, parts or value", f"{ru}: from, expr, rows, parts или value")


def _fellows(rule: Rule) -> Iterator[str]:
    if (rule.via is None) != (rule.take is None):
        yield tr("via and take go together", "via и take задаются вместе")
    if rule.join is not None and len(rule.from_ or ()) < 2:
        yield tr("join needs several names in from", "для join нужно несколько имён в from")
    if rule.rows is None and (rule.each or rule.key or rule.fields or rule.when):
        yield tr("each, key, fields and when go with rows", "each, key, fields и when бывают только вместе с rows")
    if rule.rows is not None and not (rule.each or rule.fields):
        yield tr("rows needs each or fields", "вместе с rows нужно each или fields")
    if rule.unlisted is not None and rule.values is None and rule.dictionary is None:
        yield tr("unlisted goes with values", "unlisted бывает только вместе с values")
    if rule.type_ is not None and rule.from_ is None:
        yield tr("type goes with from", "type бывает только вместе с from")


def _shapes(rule: Rule, kind: Kind) -> Iterator[str]:
    field = kind_words(kind)
    if rule.rows is not None and kind not in {"list", "map"}:
        yield tr(f"rows makes a list, the field is {field}", f"rows даёт список, а поле — {field}")
    if rule.rows is not None and kind == "map" and rule.key is None:
        yield tr("rows for a map needs key and each", "rows для словаря нужны key и each")
    if rule.parts is not None and kind != "map":
        yield tr(f"parts makes a map, the field is {field}", f"parts даёт словарь, а поле — {field}")
    if kind == "map" and rule.from_ is not None:
        yield tr(
            "a map is made with parts, or rows with key and each", "словарь задают через parts или rows с key и each"
        )
    if rule.combine == "sum" and kind not in {"decimal", "integer"}:
        yield tr("only numbers can be summed", "складывать можно только числа")
