"""What the reader takes for granted, and what it carries along while it reads one document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from syncd.commerceml.requisites import ORDER_REQUISITES


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


@dataclass(slots=True)
class Context:
    """State of one reading: what is known from the document so far, and what is counted on the way."""

    policy: ReadPolicy
    unknown: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    catalogue_id: str = ""
    currencies: dict[str, str] = field(default_factory=dict)
