"""``Предложение``: an offer with its prices and stocks, all in one (2.x) or in the split files of 3.x."""

from __future__ import annotations

from typing import Any

from lxml.etree import _Element as Element

from syncd.commerceml import blocks, parts
from syncd.commerceml.names import NAMES
from syncd.commerceml.policy import Context
from syncd.commerceml.prices import add_prices, count_prices
from syncd.commerceml.stocks import Stocks
from syncd.commerceml.values import base_id, text_of
from syncd.errors import DataError
from syncd.model.records import Item, Record, WholeSet

PARTS: dict[str, parts.Part] = {**parts.COMMON, "ХарактеристикиТовара": parts.axes}
STOCK = parts.SELLING - {"Цены"}
_LIFTED = frozenset({"code"})


def read_offer(element: Element, context: Context, line: int) -> list[Item]:
    """The offer, a stub where only prices and stocks are stated; then its prices and stocks.

    Raises ``DataError`` E211 without ``Ид``.
    """
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    selling = False
    texts = parts.TEXTS
    for item in element:
        name = NAMES[item.tag]
        if name in parts.SELLING:
            selling = True
        elif name in texts:
            fields[texts[name]] = text_of(item)
        elif name in PARTS:
            PARTS[name](item, fields, extra)
        else:
            parts.unknown("Предложение", name, item, fields, extra, context)
    identity = base_id(fields.pop("id", ""))
    if not identity:
        count_prices(element, context)
        raise DataError("E211", element="Предложение")
    gone = fields.pop("deleted", False) or blocks.is_deleted_status(element.get("Статус"))
    out: list[Item] = [offer(identity, fields, extra, context, line, gone=gone)]
    if selling or gone:
        add_prices_and_stocks(out, element, identity, context, gone, line)
    return out


def offer(
    identity: str, fields: dict[str, Any], extra: dict[str, Any], context: Context, line: int, *, gone: bool = False
) -> Record:
    """The offer itself, of what its children state."""
    stub = not extra and not gone and not fields.keys() - {"version"}
    if stub:
        fields.clear()  # the version of a price says nothing of the offer's
    elif "requisites" in fields:
        blocks.lift_requisites(fields["requisites"], fields, _LIFTED)
    fields["product_id"], _, fields["variant_id"] = identity.partition("#")
    if context.catalogue_id:
        fields["catalogue_id"] = context.catalogue_id
    return Record("offer", (identity,), fields, extra or None, gone, stub, line)


def add_prices_and_stocks(
    out: list[Item], element: Element, offer_id: str, context: Context, gone: bool, line: int
) -> None:
    """Append the prices and stocks stated within ``element``; a deleted offer has neither."""
    if gone:
        count_prices(element, context)
        out += (WholeSet("price", offer_id), WholeSet("stock", offer_id))
        return
    stocks: Stocks | None = None
    for item in element:
        name = NAMES[item.tag]
        if name == "Цены":
            add_prices(out, item, offer_id, context, line)
        elif name in STOCK:
            if stocks is None:
                stocks = Stocks(offer_id, line)
            stocks.read(name, item)
    if stocks is not None:
        stocks.add_to(out, context)
