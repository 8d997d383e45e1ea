"""The records of the emulated trade base: reference books, products and offers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Category:
    """A group of the catalogue and the groups inside it."""

    id: str
    name: str
    children: tuple[Category, ...] = ()


@dataclass(frozen=True, slots=True)
class Property:
    """A property.

    ``value_type`` is 1C's word: Справочник, Число or Строка. ``values`` are (id, text) of the dictionary.
    """

    id: str
    name: str
    value_type: str
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measure by its code in ОКЕИ."""

    code: str
    name: str
    full_name: str
    international: str


@dataclass(frozen=True, slots=True)
class PriceType:
    """A kind of price, VAT included."""

    id: str
    name: str
    currency: str
    percent: int


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A warehouse with its address in one line."""

    id: str
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Product:
    """A product.

    ``properties`` are (property id, dictionary id or text as 1C prints it); ``revision`` grows with every change to
    it.
    """

    index: int
    id: str
    sku: str
    code: str
    name: str
    full_name: str
    barcode: str
    unit: Unit
    category: Category
    description: str
    pictures: tuple[str, ...]
    brand: str
    country: str
    tax: str
    weight: Decimal
    properties: tuple[tuple[str, str], ...]
    deleted: bool
    revision: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What is priced and stocked.

    ``axes`` are (property, value id, value); ``prices`` (type, value); ``stocks`` (warehouse, quantity).
    """

    id: str
    product: Product
    variant_id: str
    variant_name: str
    axes: tuple[tuple[Property, str, str], ...]
    barcode: str
    prices: tuple[tuple[PriceType, Decimal], ...]
    stocks: tuple[tuple[Warehouse, Decimal], ...]

    @property
    def name(self) -> str:
        """The product's name with the characteristic in brackets, as 1C prints it."""
        return f"{self.product.name} ({self.variant_name})" if self.variant_name else self.product.name

    @property
    def quantity(self) -> Decimal:
        """The sum over the warehouses."""
        return sum((quantity for _, quantity in self.stocks), Decimal(0))
