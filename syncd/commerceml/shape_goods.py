"""``Товар`` and ``Предложение``, understood once for a shape; see ``shapes``.

Prices and stocks are read here in the way that 1C writes them most: warehouses as attributes (2.x) or as elements with
an id and a number (3.x). The parser has the other ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from lxml.etree import _Element as Element

from syncd.commerceml import catalogue, offers, parts, prices
from syncd.commerceml.names import NAMES
from syncd.commerceml.policy import Context
from syncd.commerceml.relations import KINDS
from syncd.commerceml.shape_parts import Steps
from syncd.commerceml.shapes import Irregular, Read, Step, Values, kept, leaf, place
from syncd.commerceml.stocks import QUANTITIES
from syncd.commerceml.values import base_id, decimal
from syncd.errors import DataError
from syncd.model.records import Item, Record, WholeSet

_MINUS: Final = re.compile("[-\u2212]").search
_Add = Callable[[list[Item], Values, str, Context], None]
"""Appends prices or stocks of the offer with an id."""


def understand(element: Element) -> Read:
    """What reads records of the shape of this one. Raises ``Irregular`` where only the parser can."""
    return _UNDERSTOOD[NAMES[element.tag]](element)


def _product(element: Element) -> Read:
    steps = Steps(element, catalogue.TEXTS, catalogue.PARTS)
    for item in element:
        name = NAMES[item.tag]
        if name in parts.SELLING or name in KINDS:
            raise Irregular
        steps.add(name, item)
    fields_of, unknown = steps.ready(), steps.unknown

    def read(values: list[str], context: Context) -> list[Item]:
        extra: dict[str, Any] = {}
        fields = fields_of(values, extra)
        identity = base_id(fields.pop("id", ""))
        if not identity or "#" in identity:
            raise Irregular
        catalogue.complete(fields, context)
        context.unknown.update(unknown)
        return [Record("product", (identity,), fields, extra or None)]

    return read


def _offer(element: Element) -> Read:
    steps = Steps(element, parts.TEXTS, offers.PARTS)
    adds: list[_Add] = []
    stocks: list[Element] = []
    number = 0
    for item in element:
        name = NAMES[item.tag]
        if name == "Цены":
            adds.append(_prices(item, steps.unknown))
            number += len(item)
        elif name in offers.STOCK:
            stocks.append(item)
        else:
            steps.add(name, item)
    if stocks:
        adds.append(_stocks(stocks))
    fields_of, unknown = steps.ready(), steps.unknown

    def read(values: list[str], context: Context) -> list[Item]:
        extra: dict[str, Any] = {}
        fields = fields_of(values, extra)
        identity = base_id(fields.pop("id", ""))
        if not identity:
            raise Irregular
        out: list[Item] = [offers.offer(identity, fields, extra, context, 0)]
        try:
            for add in adds:
                add(out, values, identity, context)
        except DataError as error:
            raise Irregular from error
        if number:
            context.counts["Цена"] += number
        context.unknown.update(unknown)
        return out

    return read


_UNDERSTOOD: Final = {"Товар": _product, "Предложение": _offer}


_Price = tuple[list[tuple[str, int]], int | None, list[Step]]
"""Names (``prices.FIELDS``) and places of texts, the place of the unit, and what else is kept."""


def _prices(element: Element, unknown: list[str]) -> _Add:
    rows = [_price(item, unknown) for item in element]

    def add(out: list[Item], values: Values, offer_id: str, context: Context) -> None:
        for places, unit, more in rows:
            texts = {name: values[at] for name, at in places}
            if _MINUS(texts.get("quoted", "")):
                raise Irregular  # it is left out with a warning
            extra: dict[str, Any] = {}
            for step in more:
                step(values, extra, extra)
            made = prices.price(texts, "" if unit is None else values[unit], extra, offer_id, context, 0)
            if made is not None:
                out.append(made)
        if context.policy.prices_replace:
            out.append(WholeSet("price", offer_id))

    return add


def _price(element: Element, unknown: list[str]) -> _Price:
    if NAMES[element.tag] != "Цена":
        raise Irregular
    texts: dict[str, int | None] = {}
    unit: int | None = None
    more: dict[str, Step] = {}
    for part in element:
        name = NAMES[part.tag]
        if name in prices.FIELDS:
            texts[prices.FIELDS[name]] = leaf(part)
        elif name in prices.UNITS:
            unit = leaf(part)
        elif name in more:
            raise Irregular
        elif name != prices.SHOWN:
            unknown.append("Цена/" + name)
            more[name] = kept(name, part)
    return [(name, at) for name, at in texts.items() if at is not None], unit, list(more.values())


_Row = tuple[int | None, list[tuple[str, str, int]]]
"""Where the id of a warehouse stands; field, name in errors and place of each number."""


def _stocks(elements: Iterable[Element]) -> _Add:
    rows: list[_Row] = []
    total: list[tuple[str, str, int]] = []
    for item in elements:
        name = NAMES[item.tag]
        if name == "Склад":
            rows.append(_warehouse(item))
        elif name == "Остатки":
            rows += [_warehouse(part) for rest in item for part in _rest(rest)]
        elif name == "Количество" and not total:
            at = leaf(item)
            total = [] if at is None else [("on_hand", name, at)]
        else:
            raise Irregular

    def add(out: list[Item], values: Values, offer_id: str, context: Context) -> None:
        made = [(warehouse, _numbers(values, places)) for warehouse, places in rows]
        found: list[Item] = [
            Record("stock", (offer_id, _id_of(values, warehouse)), fields) for warehouse, fields in made if fields
        ]  # empty is "not said", never zero
        all_of_it = _numbers(values, total)
        if found:
            if context.policy.stocks_replace:
                found.append(WholeSet("stock", offer_id))
        elif all_of_it:
            found.append(Record("stock", (offer_id, ""), all_of_it))
        out += found

    return add


def _id_of(values: Values, at: int | None) -> str:
    identity = "" if at is None else values[at].strip()
    if not identity:
        raise Irregular
    return identity


def _numbers(values: Values, places: list[tuple[str, str, int]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field, name, at in places:
        number = decimal(values[at], name)
        if number is not None:
            found[field] = number
    return found


def _warehouse(element: Element) -> _Row:
    """A warehouse by attributes or by children, not by both."""
    if element.attrib:
        attributes = {str(name): place(value) for name, value in element.attrib.items()}
        if len(element) or set(attributes) != {"ИдСклада", "КоличествоНаСкладе"}:
            raise Irregular
        at = attributes["КоличествоНаСкладе"]
        return attributes["ИдСклада"], [] if at is None else [("on_hand", "Склад@КоличествоНаСкладе", at)]
    identity: int | None = None
    numbers: dict[str, tuple[str, str, int]] = {}
    for item in element:
        name = NAMES[item.tag]
        if name in ("Ид", "ИдСклада"):
            identity = leaf(item)
        elif name == "Наименование":
            continue
        elif name not in QUANTITIES or QUANTITIES[name] in numbers:
            raise Irregular
        elif (at := leaf(item)) is not None:
            numbers[QUANTITIES[name]] = QUANTITIES[name], name, at
    return identity, list(numbers.values())


def _rest(element: Element) -> Iterable[Element]:
    if not len(element) or any(NAMES[item.tag] != "Склад" for item in element):
        raise Irregular
    return element
