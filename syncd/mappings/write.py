"""The direction into 1C: an order as the body of a document.

A plain field of the section (one property, nothing done to it) is written as it is read, from the same line of the
mapping; ``write.fields`` adds to that and stands above it. What an order does not have is left out of the body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from typing import Any, Final, Literal

from syncd.mappings import convert
from syncd.mappings.language import Rule, Write
from syncd.mappings.loading import Mapping as Loaded
from syncd.mappings.loading import Section
from syncd.mappings.query import split
from syncd.mappings.rules import Compiler, Getter, Row, dictionary, source_of
from syncd.mappings.targets import ORDER
from syncd.mappings.tree import Tree
from syncd.model.entity import Kind

Order = Mapping[str, Any]
"""An order as a delivery carries it: plain JSON."""
Refs = Mapping[str, str]
"""References found so far, by name."""
Posting = Literal["required", "try", "no"]
_KINDS: Final[dict[str, Kind]] = {field.name: field.kind for field in ORDER.all_fields} | {
    "delivery.price": "decimal", "line_count": "integer",
}  # fmt: skip
_LINE_KINDS: Final[dict[str, Kind]] = {item.name: item.kind for field in ORDER.fields for item in field.items} | {
    "line_number": "integer", "is_service": "boolean",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class WrittenReference:
    """An object to find or make before the document. ``by`` gives the properties to search by, the surest way first;
    a way that lacks a value is left out. ``make`` gives the body of a new one, ``None`` where none is made.
    """

    name: str
    set_name: str
    by: Callable[[Order, Refs], list[dict[str, Any]]]
    make: Callable[[Order, Refs], dict[str, Any] | None]
    needed: bool


@dataclass(frozen=True, slots=True)
class CompiledWrite:
    """How an order becomes a document. ``build`` makes its body, without the marker; lines are not numbered yet.

    ``fields`` names the properties of the body for reading them back.
    """

    set_name: str
    marker: str
    requisite: str | None
    posting: Posting
    references: tuple[WrittenReference, ...]
    build: Callable[[Order, Refs], dict[str, Any]]
    fields: tuple[str, ...]


class _Lenient(dict[str, Any]):
    """A record in which nothing is missing: what is not stated is ``None``."""

    def __missing__(self, key: str) -> None:
        return None

    def __contains__(self, key: object) -> bool:
        return True


def compile_write(mapping: Loaded, zone: tzinfo) -> CompiledWrite | None:
    """The way of orders into 1C; ``None`` for a mapping that only reads. ``build`` may raise ``MappingError`` E74x."""
    section = next((found for found in mapping.of("orders") if found.source.write), None)
    if section is None or section.source.write is None:
        return None
    source, write, tree = section.source, section.source.write, section.tree.at(("write",))
    made = _Writer(mapping, zone)
    header = made.plain(source.fields, _KINDS, section.tree.at(("fields",)))
    header |= made.rules(write.fields, _KINDS, tree.at(("fields",)), "orders.write")
    lines, to = made.lines(section, write, tree)
    marker = write.marker or ""
    header.pop(marker, None)

    def build(order: Order, refs: Refs) -> dict[str, Any]:
        row = _row(order, refs)
        body = _filled(header, row)
        rows = [_filled(lines, _line(line, n)) for n, line in enumerate(_ordered_lines(mapping, order), 1)]
        return {**body, to: rows} if lines else body

    return CompiledWrite(
        set_name=write.to or split(source.from_ or "")[0], marker=marker, requisite=write.requisite,
        posting=_posting(write), references=made.references(write, tree), build=build, fields=tuple(header),
    )  # fmt: skip


def _posting(write: Write) -> Posting:
    if write.post == "try":
        return "try"
    return "required" if write.post else "no"


@dataclass(slots=True)
class _Writer:
    """Makes getters of an order's fields."""

    mapping: Loaded
    zone: tzinfo

    def plain(self, rules: Mapping[str, Rule], kinds: Mapping[str, Kind], tree: Tree) -> dict[str, Getter]:
        """Fields of the reading direction that go back the way they came, by property."""
        back: dict[str, Getter] = {}
        for name, rule in rules.items():
            found = _plain_property(rule)
            if found is not None and rule.only != "read":
                back |= self.rules({found: Rule.model_validate({"from": name})}, kinds, tree.at((name,)), "orders")
        return back

    def rules(self, rules: Mapping[str, Rule], kinds: Mapping[str, Kind], tree: Tree, path: str) -> dict[str, Getter]:
        """Rules of the writing direction, by property."""
        return {name: self._rule(rule, kinds, f"{path}.{name}", tree.at((name,))) for name, rule in rules.items()}

    def lines(self, section: Section, write: Write, tree: Tree) -> tuple[dict[str, Getter], str]:
        """Getters of a row by property, and the tabular section."""
        read, own = section.source.lines, write.lines
        to = (own.to if own else None) or (read.from_ if read else None) or ""
        made = self.plain(read.fields, _LINE_KINDS, section.tree.at(("lines", "fields"))) if read else {}
        if own is not None:
            made |= self.rules(own.fields, _LINE_KINDS, tree.at(("lines", "fields")), f"orders.write.{to}")
        return (made if to else {}), to

    def references(self, write: Write, tree: Tree) -> tuple[WrittenReference, ...]:
        """What is to be found or made first."""
        found = []
        for name, reference in write.references.items():
            at, path = tree.at(("references", name)), f"orders.write.{name}"
            ways = [self.rules(way, _KINDS, at.at(("by",)), path) for way in reference.by]
            make = self.rules(reference.make, _KINDS, at.at(("make",)), path) if reference.make else None
            needed = reference.needed is not False
            found.append(WrittenReference(name, reference.in_, _searching(ways), _making(make), needed))
        return tuple(found)

    def _rule(self, rule: Rule, kinds: Mapping[str, Kind], path: str, tree: Tree) -> Getter:
        if not rule.from_ and rule.expr is None:
            constant = _exact(rule.value)
            return lambda _row: constant
        compiler = Compiler(self.zone, self.mapping.head.dictionaries)
        get = compiler.read(rule, path, tree.place)
        if rule.default is not None:
            get = _or(get, compiler.read(Rule.model_validate({"from": rule.default}), path, tree.place))
        words = self.mapping.head.dictionaries.get(rule.dictionary or "") if rule.dictionary else rule.values
        if words is not None:
            get = dictionary(get, words, rule.unlisted or "error", path, source_of(rule), tree.place)
        elif rule.from_:
            get = _of_kind(get, convert.converter(rule.as_ or kinds.get(rule.from_[0], "text"), self.zone))
        if "value" in rule.model_fields_set:
            constant = _exact(rule.value)
            get = _or(get, lambda _row: constant)
        return get


def _plain_property(rule: Rule) -> str | None:
    """The property of a rule that can be turned round: one name, and nothing done to it."""
    if rule.from_ is None or len(rule.from_) != 1 or "/" in rule.from_[0]:
        return None
    done = rule.model_fields_set - {"from_", "only", "optional"}
    return None if done else rule.from_[0]


def _of_kind(get: Getter, change: Callable[[object], Any]) -> Getter:
    return lambda row: change(get(row))


def _or(get: Getter, other: Getter) -> Getter:
    def read(row: Row) -> Any:
        value = get(row)
        return other(row) if convert.is_empty(value) else value

    return read


def _exact(value: object) -> object:
    return Decimal(str(value)) if isinstance(value, float) else value


def _filled(getters: Mapping[str, Getter], row: Row) -> dict[str, Any]:
    """What the order states; nothing is sent for what it does not."""
    return {name: value for name, get in getters.items() if (value := get(row)) not in (None, "")}


def _searching(ways: list[dict[str, Getter]]) -> Callable[[Order, Refs], list[dict[str, Any]]]:
    def search(order: Order, refs: Refs) -> list[dict[str, Any]]:
        row = _row(order, refs)
        found = [_filled(way, row) for way in ways]
        return [values for way, values in zip(ways, found, strict=True) if len(values) == len(way)]

    return search


def _making(make: dict[str, Getter] | None) -> Callable[[Order, Refs], dict[str, Any] | None]:
    return lambda order, refs: None if make is None else _filled(make, _row(order, refs))


def _row(order: Order, refs: Refs) -> _Lenient:
    """An order with its nested values under dotted names and under paths alike."""
    row = _Lenient(order)
    for name in ("customer", "payment", "delivery"):
        nested = _Lenient(order.get(name) or {})
        row[name] = nested
        row |= {f"{name}.{key}": value for key, value in nested.items()}
    row["refs"] = _Lenient(refs)
    row |= {f"refs.{name}": value for name, value in refs.items()}
    row["line_count"] = len(order.get("lines") or ())
    return row


def _ordered_lines(mapping: Loaded, order: Order) -> list[Mapping[str, Any]]:
    """The lines, and the delivery as one of them where it has a price and 1C a service for it."""
    lines = list(order.get("lines") or ())
    delivery, words = order.get("delivery") or {}, mapping.words
    known = words.deliveries.get(str(delivery.get("method") or ""))
    service = known.service if known else ""
    price = Decimal(str(delivery.get("price") or 0))
    if service and price and words.delivery_as == "line":
        lines.append({"offer_id": service, "quantity": "1", "price": price, "amount": price, "is_service": True})
    return lines


def _line(line: Mapping[str, Any], number: int) -> _Lenient:
    product, _, variant = str(line.get("offer_id") or line.get("product_id") or "").partition("#")
    return _Lenient(line, product_id=product, variant_id=variant or None, line_number=number)
