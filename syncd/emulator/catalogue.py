"""The base of a small trading company, made from a seed: every product can be computed alone, so a million of them
takes no memory.

The base remembers only its seed, its size and the rounds of changes made to it. The same seed and the same rounds give
the same records and the same bytes in every export.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Literal

from syncd.emulator import words
from syncd.emulator.dice import Dice, guid
from syncd.emulator.goods import Category, Offer, PriceType, Product, Property, Unit, Warehouse
from syncd.emulator.pictures import draw

Aspect = Literal["names", "prices", "stocks", "deleted", "new"]

_KOPECK = Decimal("0.01")
_GRAM = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Change:
    """One round of changes: which share of products changed in each respect, and from which index products are new."""

    names: float = 0.0
    prices: float = 0.0
    stocks: float = 0.0
    deleted: float = 0.0
    first_new: int = 0
    added: int = 0


@dataclass(slots=True)
class Shape:
    """How the base is made up: shares of products from 0 to 1, and how many warehouses."""

    variants: float = 0.3
    pictures: float = 0.3
    warehouses: int = 4


@dataclass
class TradeBase:
    """A deterministic base: ``products`` goods made from ``seed``.

    ``change`` makes a new round; ``changed`` says which products a delta must hold.
    """

    seed: int = 1
    products: int = 500
    shape: Shape = field(default_factory=Shape)
    catalogue_name: str = "Основной каталог товаров"
    rounds: list[Change] = field(default_factory=list)

    @classmethod
    def generate(
        cls, seed: int = 1, *, products: int = 500, variants: float = 0.3, pictures: float = 0.3, warehouses: int = 4
    ) -> TradeBase:
        """A base of ``products`` goods; ``variants`` and ``pictures`` are shares of them, from 0 to 1."""
        warehouses = max(1, min(warehouses, len(words.WAREHOUSES)))
        return cls(seed, products, Shape(variants, pictures, warehouses))

    def guid(self, *names: object) -> str:
        """A GUID of this base."""
        return guid(self.seed, *names)

    @property
    def catalogue_id(self) -> str:
        """Ид of the catalogue and of its classifier; 1C gives both the same."""
        return self.guid("catalogue")

    @property
    def formed_at(self) -> str:
        """ДатаФормирования: local time without a zone, one minute later with every round."""
        return (datetime(2024, 3, 1, 9, 30, tzinfo=UTC) + timedelta(minutes=len(self.rounds))).strftime(
            "%Y-%m-%dT%H:%M:%S"
        )

    @cached_property
    def categories(self) -> tuple[Category, ...]:
        """The tree of categories."""
        return tuple(
            Category(
                self.guid("category", top),
                top,
                tuple(Category(self.guid("category", top, name), name) for name in names),
            )
            for top, names in words.CATEGORIES.items()
        )

    @cached_property
    def leaves(self) -> tuple[Category, ...]:
        """The categories that hold products."""
        return tuple(child for top in self.categories for child in top.children)

    @cached_property
    def properties(self) -> tuple[Property, ...]:
        """The properties of products."""
        dictionaries = (self._dictionary(name, values) for name, values in words.DICTIONARIES.items())
        numbers = (Property(self.guid("property", name), name, "Число") for name in words.NUMBERS)
        texts = (Property(self.guid("property", name), name, "Строка") for name in words.TEXTS)
        return (*dictionaries, *numbers, *texts)

    @cached_property
    def offer_properties(self) -> tuple[Property, Property]:
        """The axes of characteristics: colour and size."""
        return self._dictionary("Цвет", words.COLOURS), self._dictionary("Размер", words.SIZES)

    def _dictionary(self, name: str, values: tuple[str, ...]) -> Property:
        return Property(
            self.guid("property", name),
            name,
            "Справочник",
            tuple((self.guid("value", name, value), value) for value in values),
        )

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """Units of measure."""
        return tuple(Unit(*unit) for unit in words.UNITS)

    @cached_property
    def price_types(self) -> tuple[PriceType, ...]:
        """The three kinds of prices."""
        return tuple(
            PriceType(self.guid("price type", name), name, "RUB", percent) for name, percent in words.PRICE_TYPES
        )

    @cached_property
    def warehouses(self) -> tuple[Warehouse, ...]:
        """The warehouses."""
        return tuple(
            Warehouse(self.guid("warehouse", name), name, address)
            for name, address in words.WAREHOUSES[: self.shape.warehouses]
        )

    def change(
        self, *, names: float = 0.0, prices: float = 0.0, stocks: float = 0.0, deleted: float = 0.0, added: int = 0
    ) -> Change:
        """Change these shares of the products (0 to 1), mark ``deleted`` of them as deleted, and add ``added`` new
        ones.
        """
        round_ = Change(names, prices, stocks, deleted, self.products, added)
        self.rounds.append(round_)
        self.products += added
        return round_

    def hit(self, aspect: Aspect, number: int, index: int) -> bool:
        """Whether round ``number`` touched product ``index`` in this respect."""
        round_ = self.rounds[number]
        is_new = round_.first_new <= index < round_.first_new + round_.added
        if aspect == "new" or index >= round_.first_new:
            return is_new and aspect == "new"
        share = getattr(round_, aspect)
        return share > 0 and Dice(self.seed, aspect, number, index).chance(share)

    def hits(self, aspect: Aspect, index: int) -> list[int]:
        """The rounds that touched product ``index`` in this respect."""
        return [number for number in range(len(self.rounds)) if self.hit(aspect, number, index)]

    def changed(self, *aspects: Aspect, since: int | None = None) -> Iterator[int]:
        """Indices of products touched in any of these respects since round ``since`` (by default, in the last one)."""
        first = len(self.rounds) - 1 if since is None else since
        numbers = range(max(first, 0), len(self.rounds))
        for index in range(self.products):
            if any(self.hit(aspect, number, index) for number in numbers for aspect in aspects):
                yield index

    def product(self, index: int) -> Product:
        """Product number ``index``, from 0."""
        dice = Dice(self.seed, "product", index)
        category = dice.pick(self.leaves)
        brand = dice.pick(words.BRANDS)
        unit = self.units[0] if dice.chance(0.8) else dice.pick(self.units[1:])
        renamed, removed = self.hits("names", index), self.hits("deleted", index)
        name = f"{dice.pick(words.KINDS)} товар «{category.name}» {brand} №{index + 1}"
        if renamed:
            name = f"{name} (ред. {len(renamed)})"
        id_ = self.guid("product", index)
        return Product(
            index=index,
            id=id_,
            sku=f"{brand[:2].upper()}-{index + 1:06d}",
            code=f"НФ-{index + 1:08d}",
            name=name,
            full_name=f"{name}, {unit.full_name.lower()}",
            barcode=barcode(index * 100),
            unit=unit,
            category=category,
            description=f'Описание товара "{name}".\nПрименение: дом & производство; допуск < 0,5 мм.',
            pictures=self._pictures(id_, index, dice),
            brand=brand,
            country=dice.pick(words.COUNTRIES),
            tax=("20", "20", "20", "20", "20", "20", "20", "10", "10", "Без НДС")[dice.below(10)],
            weight=(Decimal(1 + dice.below(50_000)) / 1000).quantize(_GRAM),
            properties=self._values(dice),
            deleted=bool(removed),
            revision=1 + len(renamed) + len(removed),
        )

    def _pictures(self, product_id: str, index: int, dice: Dice) -> tuple[str, ...]:
        if not dice.chance(self.shape.pictures):
            return ()
        plain = product_id.replace("-", "")
        return tuple(
            f"import_files/{plain[:2]}/{plain}_{self.guid('picture', index, number).replace('-', '')}.png"
            for number in range(1 + dice.below(3))
        )

    def _values(self, dice: Dice) -> tuple[tuple[str, str], ...]:
        """About ten of the properties; numbers as Строка() prints them in Russian: a no-break space and a comma."""
        values = []
        for property_ in self.properties:
            if dice.chance(0.2):
                continue
            if property_.value_type == "Справочник":
                value = dice.pick(property_.values)[0]
            elif property_.value_type == "Число":
                value = local_number(Decimal(1 + dice.below(40_000)) / 10)
            else:
                value = f"{dice.pick(words.CONTENTS)} {dice.below(100_000)}"
            values.append((property_.id, value))
        return tuple(values)

    def variant_count(self, index: int) -> int:
        """How many characteristics product ``index`` has; 0 when it is offered itself."""
        dice = Dice(self.seed, "variants", index)
        return 2 + dice.below(5) if dice.chance(self.shape.variants) else 0

    def offers(self, index: int, product: Product | None = None) -> Iterator[Offer]:
        """The offers of product ``index``: its characteristics, or itself."""
        product = product or self.product(index)
        count = self.variant_count(index)
        if not count:
            yield self._offer(product, 0, "", ())
            return
        dice = Dice(self.seed, "axes", index)
        colour, size = self.offer_properties
        first, second = dice.below(len(colour.values)), dice.below(len(size.values))
        for number in range(count):
            axes = tuple(
                (axis, *axis.values[(start + number) % len(axis.values)])
                for axis, start in ((colour, first), (size, second))
            )
            yield self._offer(product, number, self.guid("variant", index, number), axes)

    def _offer(
        self, product: Product, number: int, variant_id: str, axes: tuple[tuple[Property, str, str], ...]
    ) -> Offer:
        return Offer(
            id=f"{product.id}#{variant_id}" if variant_id else product.id,
            product=product,
            variant_id=variant_id,
            variant_name=", ".join(value for _, _, value in axes),
            axes=axes,
            barcode=barcode(product.index * 100 + number + 1),
            prices=self._prices(product.index, number),
            stocks=self._stocks(product, number),
        )

    def _prices(self, index: int, number: int) -> tuple[tuple[PriceType, Decimal], ...]:
        dice = Dice(self.seed, "price", index, number)
        retail = Decimal((1 + dice.below(999)) * 10 ** dice.below(4) + dice.below(100)) / 10 + 5
        for round_ in self.hits("prices", index):
            retail = (retail * (90 + Dice(self.seed, "new price", round_, index).below(31)) / 100).quantize(
                _KOPECK
            ) + _KOPECK
        retail_only = dice.chance(0.02)
        types = self.price_types[:1] if retail_only else self.price_types
        return tuple((type_, (retail * type_.percent / 100).quantize(_KOPECK)) for type_ in types)

    def _stocks(self, product: Product, number: int) -> tuple[tuple[Warehouse, Decimal], ...]:
        last = self.hits("stocks", product.index)[-1:]
        dice = Dice(self.seed, "stock", product.index, number, *last)
        return tuple((warehouse, self._quantity(product.unit, dice)) for warehouse in self.warehouses)

    @staticmethod
    def _quantity(unit: Unit, dice: Dice) -> Decimal:
        if dice.chance(0.3):
            return Decimal(0)
        if dice.chance(0.002):
            return Decimal(-1 - dice.below(5))
        if unit.code in words.FRACTIONAL_UNITS:
            return Decimal(1 + dice.below(200_000)) / 1000
        return Decimal(1 + dice.below(300))

    def offer_count(self) -> int:
        """How many offers the base has."""
        return sum(self.variant_count(index) or 1 for index in range(self.products))

    def picture(self, path: str) -> bytes:
        """The content of a picture: a small true PNG, always the same for one path."""
        return draw(self.seed, path)


def barcode(number: int) -> str:
    """An EAN-13 of the inner range 20… with a right check digit."""
    digits = f"20{number:010d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def local_number(value: Decimal) -> str:
    """A number as 1C's Строка() prints it in Russian: ``1 250,5`` with a no-break space."""
    return plain(value, separator="\u00a0").replace(".", ",")


def plain(value: Decimal, separator: str = "") -> str:
    """A number without needless zeros or an exponent: ``2800``, ``0.5``."""
    text = f"{value:,f}" if separator else f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace(",", separator)
