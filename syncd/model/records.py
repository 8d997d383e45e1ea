"""What a reader of any protocol hands over: records of canonical entities, and remarks about the document they came
from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from syncd.errors import DataError, MappingError


@dataclass(slots=True)
class Record:
    """One record of an entity, as stated by the source.

    ``key`` holds the key values in the order of ``Entity.key`` (texts; a decimal key as ``Decimal``). ``fields``
    holds only what the source stated: a field that is absent keeps its stored value, one that is ``None`` too; an
    empty text clears. Inside a ``map`` the value ``None`` clears that one key. ``extra`` is what we have no field
    for, as it came. A ``stub`` only says that the object exists (a price names its offer): it never changes a stored
    record. ``line`` is the source line, 0 when unknown.
    """

    entity: str
    key: tuple[Any, ...]
    fields: dict[str, Any]
    extra: dict[str, Any] | None = None
    deleted: bool = False
    stub: bool = False
    line: int = 0


@dataclass(slots=True)
class WholeSet:
    """All records of ``entity`` under the scope ``of`` (an offer's prices) have been stated: what was stored beside
    them is gone.
    """

    entity: str
    of: str


@dataclass(slots=True)
class CatalogueHead:
    """A catalogue or a package of offers opened. ``changes_only`` is ``None`` where the document does not say."""

    kind: str  # "catalogue" or "offers"
    id: str
    name: str
    changes_only: bool | None


@dataclass(slots=True)
class BadRecord:
    """One record that cannot be used. ``entity`` and ``key`` as far as they could be read; ``path`` leads to the
    offending element.
    """

    entity: str
    key: str
    path: str
    line: int
    error: DataError | MappingError

    def __post_init__(self) -> None:
        self.error.without_frames()


@dataclass(slots=True)
class OrderLine:
    """A line of an order document. ``product_id`` is 1C's, the characteristic after ``#``; money in the order's
    currency.

    ``tax_rate`` is VAT in per cent, ``None`` where the document states no number. ``extra`` is what there is no field
    for, as it came.
    """

    product_id: str
    name: str
    quantity: Decimal
    price: Decimal
    amount: Decimal
    sku: str = ""
    unit: str = ""
    is_service: bool = False
    requisites: dict[str, str] = field(default_factory=dict)
    tax_rate: Decimal | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class OrderDocument:
    """An order as it stands in a document of the exchange, in either direction.

    ``None`` means that the document does not say (only changed requisites come: an absent Отменен is not "false").
    ``number`` is the storefront's number in the exchange, ``number_1c`` 1C's own. ``lines`` is ``None`` where the
    document has no ``Товары`` at all. ``date`` and ``date_1c`` are naive: 1C's local time. ``tax_included`` tells
    whether the prices hold the VAT. ``extra`` is what there is no field for, as it came. ``means``: our own word for
    the status, from a source that says it itself (a mapping); else the words of orders tell what ``status`` means.
    """

    id: str
    number: str
    operation: str
    date: datetime | None = None
    currency: str = ""
    amount: Decimal | None = None
    comment: str | None = None
    number_1c: str | None = None
    date_1c: datetime | None = None
    status: str | None = None
    posted: bool | None = None
    cancelled: bool | None = None
    paid: bool | None = None
    shipped: bool | None = None
    deletion_mark: bool | None = None
    lines: list[OrderLine] | None = None
    counterparties: list[Record] = field(default_factory=list)
    requisites: dict[str, str] = field(default_factory=dict)
    basis: str = ""
    version: str = ""
    line: int = 0
    tax_included: bool = True
    extra: dict[str, Any] = field(default_factory=dict)
    means: str | None = None


Item = Record | WholeSet | CatalogueHead | BadRecord | OrderDocument
"""What a reader yields."""
