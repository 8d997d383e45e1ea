"""The orders 1C has: what УТ 11 does with the documents a site sends, and what its people do with them afterwards."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from syncd.emulator.dice import guid
from syncd.emulator.order_reader import Incoming, read_documents
from syncd.emulator.orders import CHANGEABLE, Happened, OrderLine, TradeOrder, from_json, to_json
from syncd.emulator.violations import DocumentRefused

NUMBER_COLUMN = 11
"""Width of the column Номер in the table by which УТ looks for loaded documents."""


@dataclass(slots=True)
class BatchResult:
    """What became of one answer of sale/query.

    ``refused`` is the document on which the batch stopped; then success is not sent.
    """

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    containers: int = 0
    refused: DocumentRefused | None = None

    def add(self, page: BatchResult) -> None:
        """Count another page of the same pull in."""
        self.created += page.created
        self.updated += page.updated
        self.skipped += page.skipped
        self.remarks += page.remarks
        self.containers += page.containers
        self.refused = self.refused or page.refused

    @property
    def ok(self) -> bool:
        """The whole batch was processed, so success may be sent."""
        return self.refused is None

    @property
    def taken(self) -> int:
        """Documents read without an error."""
        return len(self.created) + len(self.updated) + len(self.skipped)


def _local_now() -> datetime:
    return datetime.now(UTC)


class OrderBase:
    """1C's orders by their GUID, in memory; ``save`` and ``load`` keep them in a JSON file between calls.

     ``known`` says which product ids 1C has (anything with ``in``); without it every product is known. ``clock`` tells
    1C's local time.
    """

    def __init__(
        self,
        *,
        known: Container[str] | None = None,
        clock: Callable[[], datetime] = _local_now,
        seed: int = 1,
        name: str = "ТДУТ",
    ) -> None:
        self.orders: dict[str, TradeOrder] = {}
        self.created: Counter[str] = Counter()
        self.products_created: dict[str, str] = {}
        self._known = known
        self._clock = clock
        self._seed = seed
        self._prefix = name
        self._last_number = 0
        self._first: dict[str, str] = {}

    # -- documents from the site

    def take(self, text: str, *, containers: bool = False) -> BatchResult:
        """Read the XML of sale/query and write its documents, one after another, until one fails; those written stay.

         The text is without an XML declaration. A document that cannot be read at all refuses the batch with an empty
        number.
        """
        result = BatchResult()
        try:
            documents, result.containers = read_documents(text, containers=containers)
            for document in documents:
                incoming = document.read()
                result.remarks += [f"{incoming.number}: {remark}" for remark in incoming.remarks]
                self._write(incoming, result, whole_number=containers)
        except DocumentRefused as refused:
            result.refused = refused
        return result

    def _write(self, incoming: Incoming, result: BatchResult, *, whole_number: bool) -> None:
        found = self._find_whole(incoming.number) if whole_number else self.find(incoming.number)
        if found is None:
            self._create(incoming)
            result.created.append(incoming.number)
        elif found.status != CHANGEABLE or not found.lines:
            result.skipped.append(incoming.number)
        else:
            self._fill(found, incoming)
            result.updated.append(incoming.number)

    def find(self, number: str) -> TradeOrder | None:
        """The order with this site number as УТ finds it: the looked-for number is cut to 11 places, the stored one is
        whole.
        """
        found = self._first.get(number[:NUMBER_COLUMN])
        return self.orders[found] if found else None

    def _find_whole(self, number: str) -> TradeOrder | None:
        found = self._first.get(number)
        return self.orders[found] if found else None

    def _add(self, order: TradeOrder) -> None:
        self.orders[order.guid] = order
        self._first.setdefault(order.number, order.guid)

    def _create(self, incoming: Incoming) -> None:
        self._last_number += 1
        number_1c = f"{self._prefix}-{self._last_number:06d}"
        order = TradeOrder(
            guid=guid(self._seed, "order", number_1c),
            number=incoming.number,
            number_1c=number_1c,
            date_1c=self.now(),
            counterparty=incoming.counterparty,
        )
        self._add(order)
        self.created[incoming.number] += 1
        self._fill(order, incoming)

    def _fill(self, order: TradeOrder, incoming: Incoming) -> None:
        order.site_id = incoming.site_id
        order.date, order.time = incoming.date, incoming.time
        order.currency = incoming.currency
        order.counterparty = incoming.counterparty
        order.price_includes_vat = incoming.price_includes_vat
        order.comment = incoming.comment
        order.requisites = dict(incoming.requisites)
        order.lines = [replace(line) for line in incoming.lines]
        order.site_status = incoming.requisites.get("Статус заказа", "")
        if incoming.cancelled:
            order.cancelled = True
        self._create_products(order.lines)
        order.touch()

    def _create_products(self, lines: Iterable[OrderLine]) -> None:
        """УТ finds a product by its id, then by its name among those it has made, and else makes a new one."""
        if self._known is None:
            return
        for line in lines:
            product = line.product_id.partition("#")[0]
            if (
                product not in self._known
                and product not in self.products_created
                and line.name not in self.products_created.values()
            ):
                self.products_created[product] = line.name

    def doubles(self) -> dict[str, int]:
        """Site numbers for which more than one document was created, and how many. In a sound exchange it is empty."""
        return {number: count for number, count in self.created.items() if count > 1}

    # -- what people do in 1C

    def post(self, number: str) -> TradeOrder:
        """Post the document (Проведен)."""
        return self._changed(number, posted=True)

    def set_status(self, number: str, status: str) -> TradeOrder:
        """Give the order this status; from then on, unless it is «Ожидается согласование», the site's changes are
        skipped.
        """
        return self._changed(number, status=status)

    def pay(self, number: str, amount: Decimal | None = None) -> TradeOrder:
        """Pay ``amount``, or all that is left; the order is posted, because only posted ones say they are paid."""
        order = self.order(number)
        order.paid += order.total - order.paid if amount is None else amount
        return self._changed(number, posted=True, payment=self._document("П", order))

    def ship(self, number: str) -> TradeOrder:
        """Ship the order; it is posted."""
        return self._changed(number, posted=True, shipment=self._document("Р", self.order(number)))

    def cancel(self, number: str) -> TradeOrder:
        """Cancel all lines: the order is closed while in work."""
        return self._changed(number, cancelled=True, status="Закрыт")

    def mark_deleted(self, number: str) -> TradeOrder:
        """Mark the document for deletion; a marked document is not posted."""
        return self._changed(number, deletion_mark=True, posted=False)

    def change_lines(self, number: str, lines: Iterable[OrderLine]) -> TradeOrder:
        """Give the order a new composition."""
        order = self.order(number)
        order.lines = list(lines)
        return self._changed(number)

    def order(self, number: str) -> TradeOrder:
        """The order with this site number, whole; the last one where there are doubles. Raises ``KeyError``."""
        for order in reversed(self.orders.values()):
            if order.number == number:
                return order
        raise KeyError(number)

    def _changed(self, number: str, **values: object) -> TradeOrder:
        order = self.order(number)
        for name, value in values.items():
            setattr(order, name, value)
        order.touch()
        return order

    def _document(self, letter: str, order: TradeOrder) -> Happened:
        return Happened(f"{self._prefix}-{letter}{order.number_1c[-5:]}", self.now())

    def now(self) -> str:
        """1C's local time as it writes it."""
        return self._clock().strftime("%Y-%m-%dT%H:%M:%S")

    # -- documents to the site

    def changed(self, exclude: Container[str] = ()) -> list[TradeOrder]:
        """Orders of the site that changed since they were exported, without those whose number is in ``exclude``.

        Only orders that have the site's number are ever sent; those just loaded in a run are excluded by УТ.
        """
        return [
            order
            for order in self.orders.values()
            if order.number and order.changes != order.exported and order.number not in exclude
        ]

    def exported(self, sent: Iterable[tuple[str, int]]) -> None:
        """Take these (GUID, change count at export) off the registration; what changed meanwhile stays registered."""
        for guid_, changes in sent:
            self.orders[guid_].exported = changes

    # -- between calls

    def save(self, path: Path) -> None:
        """Write everything to a JSON file; the file is replaced at once."""
        state = {
            "prefix": self._prefix,
            "seed": self._seed,
            "last_number": self._last_number,
            "created": dict(self.created),
            "products_created": self.products_created,
            "orders": [to_json(order) for order in self.orders.values()],
        }
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(json.dumps(state, ensure_ascii=False, indent=1), encoding="utf-8")
        fresh.replace(path)

    @classmethod
    def load(
        cls, path: Path, *, known: Container[str] | None = None, clock: Callable[[], datetime] = _local_now
    ) -> OrderBase:
        """The base kept in this file, or an empty one when there is none."""
        if not path.exists():
            return cls(known=known, clock=clock)
        state = json.loads(path.read_text(encoding="utf-8"))
        base = cls(known=known, clock=clock, seed=state["seed"], name=state["prefix"])
        base._last_number = state["last_number"]
        base.created.update(state["created"])
        base.products_created.update(state["products_created"])
        for order in map(from_json, state["orders"]):
            base._add(order)
        return base
