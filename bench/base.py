"""The documents that are measured: a full export of the emulator's trade base, and the same one after changes."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from syncd.emulator.catalogue import TradeBase
from syncd.emulator.documents import standard_export
from syncd.emulator.documents31 import split_export

State = Literal["first", "changed"]
Shape = Literal["2.07", "3.1"]
"""Of the documents: goods and offers in one file each, or 3.1 as УТ 11.5 splits it for Bitrix."""

OUT: Final = Path(__file__).parent / "out"
SEED: Final = 1
SHARE: Final = 0.05
"""Share of the records (products and offers) that change between the two states."""
_NAMES: Final = 0.8  # a name changes its product and its offers; prices and stocks change offers only
WAREHOUSES: Final = 5
_OFFERS_OF_VARIED: Final = 4  # a product that has characteristics has 2 to 6 of them, each number as often
_FORMAT: Final = 3  # grows when the same parameters begin to give other documents


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the documents depend on. ``offers`` is about how many offers the base has."""

    products: int
    offers: int
    seed: int = SEED
    share: float = SHARE
    shape: Shape = "2.07"
    format: int = _FORMAT

    @property
    def folder(self) -> str:
        """The name of the folder for these documents."""
        return f"{self.products}-{self.offers}" + ("" if self.shape == "2.07" else f"-{self.shape}")


@dataclass(frozen=True, slots=True)
class Documents:
    """What was written. ``changed`` counts by entity the records whose content differs between the two states."""

    folder: Path
    offers: int
    changed: dict[str, int]

    def files(self, state: State) -> list[Path]:
        """The documents of one state in the order in which 1C sends them, in which their folders are named."""
        return sorted((self.folder / state).glob("*/*.xml"))

    def size(self, state: State) -> int:
        """Bytes of all documents of a state."""
        return sum(path.stat().st_size for path in self.files(state))


def find(parameters: Parameters, out: Path = OUT) -> Documents | None:
    """The documents as an earlier run left them; ``None`` when there are none of these parameters."""
    folder = out / parameters.folder
    try:
        told = json.loads((folder / "base.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if told["parameters"] != asdict(parameters):
        return None
    return Documents(folder, told["offers"], told["changed"])


def write(parameters: Parameters, out: Path = OUT) -> Documents:
    """Write the documents of both states anew; ``base.json`` comes last: a half is never taken for the whole."""
    folder = out / parameters.folder
    shutil.rmtree(folder, ignore_errors=True)
    base = _base(parameters)
    _export(base, parameters.shape, folder / "first")
    names = parameters.share * _NAMES
    others = parameters.share - names
    base.change(names=names, prices=others, stocks=others)
    _export(base, parameters.shape, folder / "changed")
    told = {"parameters": asdict(parameters), "offers": base.offer_count(), "changed": _changed(parameters, base)}
    (folder / "base.json").write_text(json.dumps(told), encoding="utf-8")
    return Documents(folder, base.offer_count(), _changed(parameters, base))


def _base(parameters: Parameters) -> TradeBase:
    more = parameters.offers / parameters.products - 1
    variants = min(1.0, max(0.0, more / (_OFFERS_OF_VARIED - 1)))
    return TradeBase.generate(parameters.seed, products=parameters.products, variants=variants, warehouses=WAREHOUSES)


def _export(base: TradeBase, shape: Shape, folder: Path) -> None:
    for number, portion in enumerate(split_export(base) if shape == "3.1" else standard_export(base)):
        place = folder / f"{number:03d}"
        place.mkdir(parents=True)
        for file in portion.files:
            with (place / file.name).open("wb") as stream:
                stream.writelines(file.write())


def _changed(parameters: Parameters, base: TradeBase) -> dict[str, int]:
    """What a comparison of both states record by record finds, without a look at the documents."""
    before = _base(parameters)
    counts = {"product": 0, "offer": 0, "price": 0, "stock": 0}
    for index in base.changed("names", "prices", "stocks"):
        product, was = base.product(index), before.product(index)
        counts["product"] += product != was
        for offer, old in zip(base.offers(index, product), before.offers(index, was), strict=True):
            counts["offer"] += offer.name != old.name
            counts["price"] += sum(a != b for a, b in zip(offer.prices, old.prices, strict=True))
            counts["stock"] += sum(a != b for a, b in zip(offer.stocks, old.stocks, strict=True))
    return counts
