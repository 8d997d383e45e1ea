"""Stocks of an offer, in the six shapes that are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lxml.etree import _Element as Element

from syncd.commerceml.names import NAMES, line_of
from syncd.commerceml.policy import Context
from syncd.commerceml.values import decimal, text_of
from syncd.errors import DataError
from syncd.model.records import BadRecord, Item, Record, WholeSet

QUANTITIES = {
    "Количество": "on_hand", "КоличествоНаСкладе": "on_hand", "Резерв": "reserved", "ВРезерве": "reserved",
    "Ожидается": "expected", "ОжидаемоеКоличество": "expected",
}  # fmt: skip


class Stocks:
    """Collects what one ``Предложение`` says of its stocks: per warehouse where stated, else the total."""

    def __init__(self, offer_id: str, line: int) -> None:
        self.offer_id = offer_id
        self.line = line
        self.rows: list[tuple[str, dict[str, Any]]] = []
        self.total: dict[str, Any] | None = None
        self.bad: list[BadRecord] = []
        self.unknown: list[str] = []

    def read(self, name: str, element: Element) -> None:
        """Take in one child of ``Предложение``. What is no number becomes a ``BadRecord``, the rest goes on."""
        if name == "Остатки":
            self._rests(element)
        elif name == "Склад" or (name in ("Склады", "КоличествоНаСкладе") and element.attrib):
            self._take(self._warehouse, element)
        elif name in ("Количество", "КоличествоНаСкладе") and not len(element):
            self._take(self._total, element)
        elif name == "КоличествоНаСкладе":
            self._take(self._warehouse, element)
        else:  # Склады/Склад, КоличествоНаСкладах/КоличествоНаСкладе
            for item in element:
                self._take(self._warehouse, item)

    def add_to(self, out: list[Item], context: Context) -> None:
        """Append the records, and that they are all where warehouses were stated and each could be read."""
        for path in self.unknown:
            context.unknown[path] += 1
        out += self.bad
        for warehouse_id, fields in self.rows:
            out.append(Record("stock", (self.offer_id, warehouse_id), fields, None, False, False, self.line))
        if not self.rows and self.total:
            out.append(Record("stock", (self.offer_id, ""), self.total, None, False, False, self.line))
        if self.rows and context.policy.stocks_replace and not self.bad:
            out.append(WholeSet("stock", self.offer_id))

    def _rests(self, element: Element) -> None:
        for rest in element:
            inner = [item for item in rest if NAMES[item.tag] == "Склад"]
            for item in inner:
                self._take(self._warehouse, item)
            if not inner:
                self._take(self._warehouse if rest.attrib else self._total, rest)

    def _take(self, read: Callable[[Element], None], element: Element) -> None:
        try:
            read(element)
        except DataError as error:
            path = "Предложение/" + NAMES[element.tag]
            self.bad.append(BadRecord("stock", self.offer_id, path, line_of(element) or self.line, error))

    def _warehouse(self, element: Element) -> None:
        """A warehouse by attributes (2.0x) or by children (3.x)."""
        warehouse_id = (element.get("ИдСклада") or "").strip()
        fields: dict[str, Any] = {}
        on_hand = decimal(element.get("КоличествоНаСкладе") or element.get("Количество"), "Склад@КоличествоНаСкладе")
        if on_hand is not None:
            fields["on_hand"] = on_hand
        for item in element:
            name = NAMES[item.tag]
            if name in ("Ид", "ИдСклада"):
                warehouse_id = text_of(item)
            elif name in QUANTITIES:
                _put(fields, name, item)
            elif name and name != "Наименование":
                self.unknown.append("Предложение/Склад/" + name)
        if not fields:
            return  # empty is "not said", never zero
        if not warehouse_id:
            raise DataError("E214", path="Склад/Ид", value="")
        self.rows.append((warehouse_id, fields))

    def _total(self, element: Element) -> None:
        fields: dict[str, Any] = {}
        if not len(element):
            value = decimal(element.text, NAMES[element.tag])
            if value is not None:
                fields["on_hand"] = value
        for item in element:
            name = NAMES[item.tag]
            if name in QUANTITIES:
                _put(fields, name, item)
            elif name:
                self.unknown.append("Предложение/Остаток/" + name)
        if fields and self.total is None:
            self.total = fields


def _put(fields: dict[str, Any], name: str, element: Element) -> None:
    value = decimal(element.text, "Остаток/" + name)
    if value is not None:
        fields[QUANTITIES[name]] = value
