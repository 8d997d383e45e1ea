"""The trading company behind every preset: what it sells, at what price, what is in stock, who buys.

All of it follows from numbers, so a hundred thousand goods cost nothing until they are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from syncd.emulator.words import BRANDS, CATEGORIES, COLOURS, KINDS, PRICE_TYPES, SIZES, WAREHOUSES

_GROUPS: Final = tuple(group for groups in CATEGORIES.values() for group in groups)
_BLOCK: Final = 10
_WITH_VARIANTS: Final = 3
VARIANTS: Final = 3
OFFERS_IN_BLOCK: Final = _BLOCK - 1 + VARIANTS
SHARE: Final = 400
"""Offers in one document that sets prices or brings goods in."""
STORES: Final = WAREHOUSES[:3]
PRICES: Final = PRICE_TYPES
_ENOUGH: Final = 10
_FIRST_DAY: Final = date(2026, 1, 12)
OPENED: Final = "2026-01-10T00:00:00"
"""When the first prices were set and the first goods came in."""
_SURNAMES: Final = ("Ветров", "Соколов", "Громов", "Кузнецов", "Лебедев", "Орлов", "Журавлёв", "Мельников")
_TOWNS: Final = ("Москва", "Тверь", "Казань", "Омск", "Уфа", "Пермь", "Тула")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an order: offer, quantity, price."""

    offer: int
    quantity: int
    price: float

    @property
    def sum(self) -> float:
        """Quantity times price."""
        return round(self.quantity * self.price, 2)


@dataclass(frozen=True, slots=True)
class Company:
    """``size`` goods; customers and orders in proportion, within bounds."""

    seed: int
    size: int

    # -- how many

    @property
    def groups(self) -> int:
        """Folders of the catalogue."""
        return len(_GROUPS)

    @property
    def variants(self) -> int:
        """Characteristics: every tenth product has three."""
        return (self.size + _BLOCK - 1 - _WITH_VARIANTS) // _BLOCK * VARIANTS

    @property
    def offers(self) -> int:
        """What is priced and stocked: a product without characteristics, or one of its characteristics."""
        return self.size + self.variants - self.variants // VARIANTS

    @property
    def shares(self) -> int:
        """Documents it takes to mention every offer."""
        return -(-self.offers // SHARE)

    @property
    def customers(self) -> int:
        """Firms that buy."""
        return min(max(self.size // 20, 8), 5000)

    @property
    def orders(self) -> int:
        """Orders they have placed."""
        return min(max(self.size // 10, 6), 2000)

    # -- goods

    def group_name(self, index: int) -> str:
        """A folder's name."""
        return _GROUPS[index]

    def group_of(self, item: int) -> int:
        """The folder of a product."""
        return mixed(self.seed, 1, item) % len(_GROUPS)

    def name(self, item: int) -> str:
        """A product's name; the number makes it unique."""
        throw = mixed(self.seed, 2, item)
        kind, brand = KINDS[throw % len(KINDS)], BRANDS[throw // 16 % len(BRANDS)]
        return f"{_GROUPS[self.group_of(item)]} {brand} {kind.lower()} {item + 1}"

    def sku(self, item: int) -> str:
        """The article."""
        return f"{BRANDS[mixed(self.seed, 2, item) // 16 % len(BRANDS)][:2].upper()}-{item + 1:06d}"

    @staticmethod
    def barcode(offer: int) -> str:
        """An EAN-13."""
        body = f"460{offer:09d}"
        check = -sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body)) % 10
        return f"{body}{check}"

    @staticmethod
    def offer_of_barcode(text: str) -> int | None:
        """Back from an EAN-13."""
        return int(text[3:12]) if len(text) == 13 and text.isdecimal() and text.startswith("460") else None

    @staticmethod
    def has_variants(item: int) -> bool:
        """Whether a product is sold by characteristics."""
        return item % _BLOCK == _WITH_VARIANTS

    @staticmethod
    def item_of_variant(variant: int) -> int:
        """The product a characteristic belongs to."""
        return variant // VARIANTS * _BLOCK + _WITH_VARIANTS

    def variants_of(self, item: int) -> range:
        """The characteristics of a product."""
        first = item // _BLOCK * VARIANTS
        return range(first, first + VARIANTS) if self.has_variants(item) else range(0)

    def variant_name(self, variant: int) -> str:
        """Colour and size."""
        throw = mixed(self.seed, 3, variant // VARIANTS) + variant % VARIANTS
        return f"{COLOURS[throw % len(COLOURS)]}, {SIZES[throw // 8 % len(SIZES)]}"

    @staticmethod
    def parts(offer: int) -> tuple[int, int | None]:
        """The product and the characteristic of an offer."""
        block, place = divmod(offer, OFFERS_IN_BLOCK)
        if place < _WITH_VARIANTS:
            return block * _BLOCK + place, None
        if place < _WITH_VARIANTS + VARIANTS:
            return block * _BLOCK + _WITH_VARIANTS, block * VARIANTS + place - _WITH_VARIANTS
        return block * _BLOCK + place - VARIANTS + 1, None

    def offers_of(self, item: int) -> range:
        """The offers of a product."""
        block, place = divmod(item, _BLOCK)
        first = block * OFFERS_IN_BLOCK + place + (VARIANTS - 1 if place > _WITH_VARIANTS else 0)
        return range(first, first + (VARIANTS if place == _WITH_VARIANTS else 1))

    def share(self, index: int) -> range:
        """The offers of one document of the first prices and goods."""
        return range(index * SHARE, min((index + 1) * SHARE, self.offers))

    def price(self, offer: int, kind: int) -> float:
        """A price by kind of price, to the kopeck."""
        kopecks = 900 + mixed(self.seed, 4, offer) % 2_000_000
        return round(kopecks * PRICES[kind][1] // 100 / 100, 2)

    def stock(self, offer: int, store: int) -> int:
        """Pieces in a warehouse; a quarter of the shelves are empty."""
        throw = mixed(self.seed, 5, offer * 8 + store)
        return 0 if throw % 4 == 0 else throw // 4 % 500

    # -- customers and orders

    def customer_name(self, index: int) -> str:
        """A firm's short name."""
        throw = mixed(self.seed, 6, index)
        surname, town = _SURNAMES[throw % len(_SURNAMES)], _TOWNS[throw // 8 % len(_TOWNS)]
        return f"ИП {surname} А. Б. {index + 1}" if throw % 5 == 0 else f"ООО «{surname} {town} {index + 1}»"

    def is_person(self, index: int) -> bool:
        """Whether the firm is a sole trader."""
        return mixed(self.seed, 6, index) % 5 == 0

    def tax_number(self, index: int) -> str:
        """ИНН with the right check digits."""
        if self.is_person(index):
            body = f"7701{index:06d}"
            body += _check(body, (7, 2, 4, 10, 3, 5, 9, 4, 6, 8))
            return body + _check(body, (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8))
        body = f"7702{index:05d}"
        return body + _check(body, (2, 4, 10, 3, 5, 9, 4, 6, 8))

    def customer_of(self, order: int) -> int:
        """Who placed an order."""
        return mixed(self.seed, 7, order) % self.customers

    @staticmethod
    def order_date(order: int) -> str:
        """When; a few orders a day."""
        day = _FIRST_DAY + timedelta(days=order // 8)
        return f"{day.isoformat()}T{9 + order % 8:02d}:{order * 7 % 60:02d}:00"

    def lines(self, order: int) -> Iterator[Line]:
        """The lines of an order: of what the first warehouse has enough, if it has enough of anything."""
        for place in range(1 + mixed(self.seed, 8, order) % 4):
            offer = mixed(self.seed, 9, order * 8 + place) % self.offers
            candidates = ((offer + step) % self.offers for step in range(self.offers))
            offer = next((one for one in candidates if self.stock(one, 0) >= _ENOUGH), offer)
            yield Line(offer, 1 + mixed(self.seed, 10, order * 8 + place) % 5, self.price(offer, 2))


def mixed(*numbers: int) -> int:
    """A number that looks random, from numbers: quick, where ``Dice`` would be throw enough for cryptography."""
    found = 0x9E3779B97F4A7C15
    for number in numbers:
        found = ((found ^ number) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        found ^= found >> 29
    return found >> 16


def _check(body: str, weights: tuple[int, ...]) -> str:
    return str(sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 11 % 10)
