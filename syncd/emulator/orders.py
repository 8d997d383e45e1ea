"""What an order is in the emulated 1C, and how it is kept in a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

CHANGEABLE = "Ожидается согласование"
"""The only status in which УТ takes changes from the site."""


@dataclass(slots=True)
class Counterparty:
    """The buyer.

    ``legal`` when ОфициальноеНаименование was present, be it empty. ``contacts`` are type (without spaces) to value.
    """

    name: str
    id: str = ""
    legal: bool = False
    official_name: str = ""
    inn: str = ""
    kpp: str = ""
    contacts: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class OrderLine:
    """One line.

    ``price`` of one unit and ``amount`` as the order counts them, VAT inside or not by the order; ``vat`` in per cent.
    """

    product_id: str
    name: str
    quantity: Decimal
    price: Decimal
    amount: Decimal
    vat: Decimal | None = None
    unit: str = "796"
    service: bool = False


@dataclass(frozen=True, slots=True)
class Happened:
    """A payment or a shipment: number and time in 1C."""

    number: str
    at: str


@dataclass(slots=True)
class TradeOrder:
    """Заказ клиента. ``number``, ``date`` and ``time`` are the site's; times are texts in 1C's local time."""

    guid: str
    number: str
    number_1c: str
    date_1c: str
    counterparty: Counterparty
    site_id: str = ""
    date: str = ""
    time: str = ""
    currency: str = ""
    price_includes_vat: bool = True
    comment: str = ""
    status: str = CHANGEABLE
    site_status: str = ""
    posted: bool = False
    cancelled: bool = False
    deletion_mark: bool = False
    paid: Decimal = Decimal(0)
    payment: Happened | None = None
    shipment: Happened | None = None
    requisites: dict[str, str] = field(default_factory=dict)
    lines: list[OrderLine] = field(default_factory=list)
    changes: int = 0
    exported: int = 0

    @property
    def total(self) -> Decimal:
        """Sum of the lines."""
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def shipped(self) -> bool:
        """It was shipped."""
        return self.shipment is not None

    def touch(self) -> None:
        """Register the order for export."""
        self.changes += 1


def to_json(order: TradeOrder) -> dict[str, Any]:
    """The order as JSON values; decimals become texts."""
    plain = _texts(asdict(order))
    assert isinstance(plain, dict)
    return plain


def _texts(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return value


def from_json(stored: dict[str, Any]) -> TradeOrder:
    """The order that ``to_json`` wrote."""
    values = dict(stored)
    values["counterparty"] = Counterparty(**values["counterparty"])
    values["paid"] = Decimal(values["paid"])
    for name in ("payment", "shipment"):
        values[name] = Happened(**values[name]) if values[name] else None
    values["lines"] = [_line(line) for line in values["lines"]]
    return TradeOrder(**values)


def _line(stored: dict[str, Any]) -> OrderLine:
    numbers = {name: Decimal(stored[name]) for name in ("quantity", "price", "amount")}
    vat = Decimal(stored["vat"]) if stored["vat"] is not None else None
    return OrderLine(**{**stored, **numbers, "vat": vat})
