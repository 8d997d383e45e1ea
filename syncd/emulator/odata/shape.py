"""What the presets have in common: the goods, variants, prices, stocks and barcodes of the company, put into sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from syncd.emulator.odata.company import SHARE, STORES, Company
from syncd.emulator.odata.model import EMPTY_REF, Role, Row
from syncd.emulator.odata.seeds import ObjectSeeds, RecordSeeds, Refs, SetSeeds
from syncd.emulator.odata.store import Key, Store

GOODS: Final = "Catalog_Номенклатура"
VARIANTS: Final = "Catalog_ХарактеристикиНоменклатуры"
BARCODES: Final = "InformationRegister_ШтрихкодыНоменклатуры"
Lookup = Callable[[str], Iterable[int]]
Make = Callable[[int], Row]


class Shape:
    """The company's data in a base. ``counts`` says how many objects each set has; ``prefix`` begins numbers."""

    def __init__(self, store: Store, company: Company, counts: Mapping[str, int], prefix: str) -> None:
        self.store = store
        self.company = company
        self._prefix = prefix
        counts = {**counts, GOODS: company.groups + company.size, VARIANTS: company.variants}
        self.refs = {name: Refs(company.seed, name, count) for name, count in counts.items()}

    # -- references

    def ref(self, name: str, index: int) -> str:
        """The reference of a catalogue's element."""
        return self.refs[f"Catalog_{name}"][index]

    def good(self, item: int) -> str:
        """A product; folders come before."""
        return self.refs[GOODS][self.company.groups + item]

    def offer(self, offer: int) -> Row:
        """Product and characteristic of a line."""
        item, variant = self.company.parts(offer)
        return {
            "Номенклатура_Key": self.good(item),
            "Характеристика_Key": EMPTY_REF if variant is None else self.refs[VARIANTS][variant],
        }

    def offers_of_good(self, ref: str) -> Iterable[int]:
        """The offers of a product by its reference."""
        found = self.refs[GOODS].find(ref)
        item = -1 if found is None else found - self.company.groups
        return self.company.offers_of(item) if item >= 0 else ()

    def offer_of(self, good: str, variant: str) -> int | None:
        """The offer of a product and a characteristic, by their references."""
        offers = list(self.offers_of_good(good))
        return next((one for one in offers if self.offer(one)["Характеристика_Key"] == variant), None)

    # -- sets

    def objects(self, name: str, make: Make, lookups: Mapping[str, Lookup] | None = None) -> None:
        """Seed a set of objects, numbering them."""
        made = self.store.schema.sets[name]
        prefix, length = (self._prefix, made.number_length) if made.number_length else ("", made.code_length)
        label = "Number" if made.number_length else "Code"

        def numbered(index: int) -> Row:
            return {label: f"{prefix}{index + 1:0{length - len(prefix)}d}", **make(index)}

        def of_number(text: str) -> Iterable[int]:
            digits = text.casefold().removeprefix(prefix.casefold())
            return (int(digits) - 1,) if digits.isdecimal() else ()

        by = {**(lookups or {}), **({label: of_number} if length else {})}
        self.store.seed(name, ObjectSeeds(self.refs[name], made.type, numbered if length else make, by))

    def goods(self, make: Make, variant: Make) -> None:
        """Seed folders and products, and the characteristics of products."""
        company, goods, sets = self.company, self.refs[GOODS], self.store.schema.sets
        attributes = (name for name, prop in sets[GOODS].type.props.items() if prop.role is Role.ATTRIBUTE)
        folder: Row = dict.fromkeys(attributes)

        def good(index: int) -> Row:
            code: Row = {"Code": f"00-{index + 1:08d}"}
            if index < company.groups:
                return {**folder, **code, "Description": company.group_name(index), "IsFolder": True}
            item = index - company.groups
            return {**code, "Parent_Key": goods[company.group_of(item)], **make(item)}

        def of_code(text: str) -> Iterable[int]:
            return (int(text[3:]) - 1,) if text.startswith("00-") and text[3:].isdecimal() else ()

        def of_sku(text: str) -> Iterable[int]:
            tail = text.rpartition("-")[2]
            return (company.groups + int(tail) - 1,) if tail.isdecimal() else ()

        def of_owner(ref: str) -> Iterable[int]:
            found = goods.find(ref)
            return company.variants_of(found - company.groups) if found is not None else ()

        by: dict[str, Lookup] = {"Code": of_code, "Артикул": of_sku}
        self.store.seed(GOODS, ObjectSeeds(goods, sets[GOODS].type, good, by))
        self.objects(VARIANTS, variant, {"Owner": of_owner})

    def barcodes(self, rest: Row) -> None:
        """Seed the register of barcodes; ``rest`` are its further resources."""

        def make(offer: int) -> Row:
            return {"Штрихкод": self.company.barcode(offer), **self.offer(offer), **rest}

        def number(key: Key) -> int | None:
            return self.company.offer_of_barcode(key[0])

        by: dict[str, Lookup] = {"Номенклатура_Key": self.offers_of_good}
        self.store.seed(BARCODES, RecordSeeds(self.company.offers, make, number, ("Штрихкод",), by))

    def price_sets(self, register: str, document: str, records: Callable[[int], Iterable[Row]]) -> None:
        """Seed a register of prices whose recorder ``document`` sets those of a share of the offers."""

        def of_good(ref: str) -> Iterable[int]:
            return {offer // SHARE for offer in self.offers_of_good(ref)}

        kind = self.store.schema.sets[register].type
        self.store.seed(
            register, SetSeeds(self.refs[document], kind, document, records, {"Номенклатура_Key": of_good})
        )  # fmt: skip

    def stock_sets(self, register: str, document: str, record: Callable[[int, int, int], Row]) -> None:
        """Seed a register of stocks; ``record`` is made of an offer, a warehouse and the pieces there."""

        def records(number: int) -> Iterable[Row]:
            share, place = divmod(number, len(STORES))
            for offer in self.company.share(share):
                if stock := self.company.stock(offer, place):
                    yield record(offer, place, stock)

        def of_good(ref: str) -> Iterable[int]:
            shares = {offer // SHARE for offer in self.offers_of_good(ref)}
            return [share * len(STORES) + place for share in shares for place in range(len(STORES))]

        kind = self.store.schema.sets[register].type
        self.store.seed(
            register, SetSeeds(self.refs[document], kind, document, records, {"Номенклатура_Key": of_good})
        )  # fmt: skip

    # -- documents

    def document(self, name: str, index: int, date: str, fields: Row, sections: Mapping[str, Iterable[Row]]) -> Row:
        """A posted document with its sections filled up to whole rows; what a section has no column for is left out."""
        ref, kind = self.refs[name][index], self.store.schema.sets[name].type
        row: Row = {"Date": date, "Posted": True, **{key: fields[key] for key in fields if key in kind.props}}
        for section, lines in sections.items():
            blank = kind.collections[section].blank()
            row[section] = [
                {**blank, "Ref_Key": ref, "LineNumber": str(place), **{key: line[key] for key in line if key in blank}}
                for place, line in enumerate(lines, 1)
            ]
        return row


def lookup_by(refs: Refs) -> Lookup:
    """Of objects that go with others number by number."""

    def find(ref: str) -> Iterable[int]:
        found = refs.find(ref)
        return () if found is None else (found,)

    return find
