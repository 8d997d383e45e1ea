"""The section ``schedules`` of the settings: what is pulled from 1C and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, model_serializer, model_validator

from syncd.i18n import tr
from syncd.schedules.timing import Timing, cron_fields
from syncd.spans import span

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "stocks": ("stock",),
    "prices": ("price",),
    "settlements": ("settlement",),
    "catalogue": ("category", "property", "price_type", "warehouse", "product", "offer"),
    "documents": ("invoice", "shipment", "payment", "return"),
}
"""Words for what belongs together; beside them every entity can be pulled by its name, singular or plural."""
CHANGES: Final = "changes"
"""The pull of what changed in a whole base, by an exchange plan of 1C."""
ORDERS: Final = "orders"
"""The pull of what became of orders in 1C: no listing of the model, so that it stands beside the entities."""
ORDER: Final = "order"
METADATA: Final = "metadata"
"""Not data but what a base publishes: fetched when it sleeps, and the mapping in force is held against it."""

PLURALS: Final[dict[str, str]] = {
    "category": "categories", "property": "properties", "unit": "units", "price_type": "price_types",
    "warehouse": "warehouses", "product_kind": "product_kinds", "product": "products", "relation": "relations",
    "offer": "offers", "price": "prices", "stock": "stocks", "counterparty": "counterparties",
    "contract": "contracts", "personal_price": "personal_prices", "settlement": "settlements", "invoice": "invoices",
    "shipment": "shipments", "payment": "payments", "return": "returns", "reference_book": "reference_books",
    "reference_item": "reference_items", "discount": "discounts", "discount_card_kind": "discount_card_kinds",
    "discount_card": "discount_cards",
}  # fmt: skip
"""Entities of the model and their plurals. Settings stand below the model; a test holds the two together."""

DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "stocks": {"pull": "stocks", "every": "5m", "jitter": "20s", "catch_up": "1h", "late_after": "15m"},
    "settlements": {
        "pull": "settlements", "cron": "0 3 * * *", "jitter": "10m", "catch_up": "12h", "late_after": "3h",
    },
    "orders": {"pull": "orders", "every": "10m", "jitter": "1m", "catch_up": "1h", "late_after": "30m"},
    "metadata": {"pull": "metadata", "cron": "0 1 * * *", "jitter": "3h", "catch_up": "4h"},
}  # fmt: skip
"""What runs unless the file says otherwise: a schedule that the file does not name, or a key it leaves out of one of
these."""
_SHORTEST: Final = timedelta(seconds=5)


def entities_of(pull: str) -> tuple[str, ...]:
    """The entities that a pull of this name brings. Raises ``ValueError`` for a word that names nothing."""
    if pull == METADATA:
        return ()
    if pull in GROUPS:
        return GROUPS[pull]
    if pull == CHANGES:
        return (*PLURALS, ORDER)
    if pull in {ORDERS, ORDER}:
        return (ORDER,)
    for name, plural in PLURALS.items():
        if pull in {name, plural}:
            return (name,)
    known = ", ".join(
        [*GROUPS, ORDERS, CHANGES, METADATA, *(plural for plural in PLURALS.values() if plural not in GROUPS)]
    )
    raise ValueError(tr(f"{pull!r} cannot be pulled; known: {known}", f"{pull!r} получить нельзя; есть: {known}"))


def _pull(name: str) -> str:
    entities_of(name)
    return name


def _span(text: str) -> str:
    span(text)
    return text


def _cron(line: str) -> str:
    cron_fields(line)
    return line


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(tr(f"{name!r} is no time zone", f"{name!r} — не часовой пояс")) from error
    return name


Span = Annotated[str, AfterValidator(_span)]


class Schedule(BaseModel):
    """One schedule. It runs for every infobase that has an endpoint able to pull, unless ``tenant``, ``infobase`` or
    ``endpoint`` (names) say for which.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pull: Annotated[str, AfterValidator(_pull)] = ""
    every: Span | None = None
    cron: Annotated[str, AfterValidator(_cron)] | None = None
    zone: Annotated[str, AfterValidator(_zone)] | None = None
    jitter: Span = "0s"
    overlap: Literal["skip", "queue"] = "skip"
    catch_up: Span = "1h"
    late_after: Span | None = None
    lane: str | None = None
    tenant: str | None = None
    infobase: str | None = None
    endpoint: str | None = None
    enabled: bool = True

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.pull:
            raise ValueError(tr("name what to pull: `pull: stocks`", "укажите, что получать: `pull: stocks`"))
        if (self.every is None) == (self.cron is None):
            raise ValueError(tr("give either `every` or `cron`", "нужно одно из двух: `every` или `cron`"))
        if self.every is not None and span(self.every) < max(_SHORTEST, span(self.jitter)):
            en, ru = "`every` must be 5s or more, and not below `jitter`", "`every` — от 5s и не меньше `jitter`"
            raise ValueError(tr(en, ru))
        if self.lane is not None and "@" in self.lane:
            raise ValueError(tr("`lane` is a word without @", "`lane` — слово без @"))
        return self

    @model_serializer(mode="wrap")
    def _said(self, plain: Any) -> dict[str, Any]:
        values: dict[str, Any] = plain(self)
        return {name: value for name, value in values.items() if value is not None}

    def timing(self, zone: str) -> Timing:
        """When it fires; ``zone`` where the schedule names none."""
        return Timing(span(self.every) if self.every else None, self.cron, self.zone or zone)


def with_defaults(given: object) -> object:
    """The section as it counts: what it leaves out of a schedule that runs by default stays as it was."""
    if not isinstance(given, dict):
        return given
    merged: dict[str, object] = {}
    for name in [*DEFAULTS, *(name for name in given if name not in DEFAULTS)]:
        own = given.get(name)
        if own is not None and not isinstance(own, dict):
            merged[name] = own
            continue
        base = dict(DEFAULTS.get(name, {}))
        for one, other in (("every", "cron"), ("cron", "every")):
            if own and own.get(one):
                base.pop(other, None)
        merged[name] = {**base, **{key: value for key, value in (own or {}).items() if value is not None}}
    return merged
