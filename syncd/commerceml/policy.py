"""What the reader takes for granted, and what it carries along while it reads one document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Final

from syncd.commerceml.requisites import ORDER_REQUISITES

_USED_KEPT: Final = 1_000


@dataclass(frozen=True, slots=True)
class ReadPolicy:
    """Choices of one infobase.

    ``prices_replace``: the ``Цены`` of an offer are all its prices (so Bitrix and УТ mean it).
    ``stocks_replace``: the warehouses stated for an offer are all it lies in.
    ``order_requisites``: requisite name (by ``requisites.normalised``) to a field of ``OrderDocument``, or to one of
    ``status_id, paid_number, paid_date, shipped_number, shipped_date``, from which fields follow.
    ``zone``: where its clock stands, of which its times say nothing.
    """

    prices_replace: bool = True
    stocks_replace: bool = True
    order_requisites: Mapping[str, str] = field(default_factory=lambda: ORDER_REQUISITES)
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class Beforehand:
    """What is known before a document is read: ``currencies`` of price types from elsewhere, and what the document
    says only behind the records that depend on it; ``catalogues`` are ids by the number of their container (from 0).
    """

    catalogues: Mapping[int, str] = field(default_factory=dict)
    currencies: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Context:
    """State of one reading: what is known from the document so far, and what is counted on the way."""

    policy: ReadPolicy
    unknown: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    catalogue_id: str = ""
    currencies: dict[str, str] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)
    """Currencies of price types that prices took, empty where none was known; the first one of each."""

    def currency_of(self, price_type: str) -> str:
        """The currency of a price type, empty where it is not known."""
        found = self.currencies.get(price_type, "")
        if len(self.used) < _USED_KEPT:
            self.used.setdefault(price_type, found)
        return found
