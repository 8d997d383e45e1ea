"""An order as CommerceML inside a web service's message, and the search for it in a package that came back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from lxml import etree
from lxml.etree import _Element as Element

from syncd.commerceml.customers import customer_record
from syncd.commerceml.orders import ORDER_OPERATION, STANDARD, write_orders
from syncd.errors import MappingError
from syncd.model.records import OrderDocument, OrderLine


def package(body: Mapping[str, Any], zone: ZoneInfo, namespace: str) -> Element:
    """The order of a delivery's body as ``КоммерческаяИнформация`` in the namespace of the service's XDTO package.

    Raises ``MappingError`` E984 for a body that is no order 1C could take.
    """
    now = datetime.now(zone).replace(tzinfo=None)
    try:
        text = write_orders([_document(body, zone)], dialect=STANDARD, generated_at=now)
    except (LookupError, ValueError, TypeError, ArithmeticError) as error:
        raise MappingError("E984", key=str(body.get("id")), detail=f"{type(error).__name__}: {error}") from error
    root = etree.fromstring(text)
    root.set("ВерсияСхемы", namespace.rpartition("_")[2].replace("20", "2.0", 1) if "_20" in namespace else "2.05")
    return _within(root, namespace)


def _document(body: Mapping[str, Any], zone: ZoneInfo) -> OrderDocument:
    created = datetime.fromisoformat(body["created_at"]).astimezone(zone)
    lines = [
        OrderLine(
            product_id=line["offer_id"], name=line.get("name") or line["offer_id"], quantity=Decimal(line["quantity"]),
            price=Decimal(line["price"]), amount=Decimal(line["amount"]), sku=line.get("sku") or "",
            unit=line.get("unit") or "", is_service=bool(line.get("is_service")),
        )
        for line in body["lines"]
    ]  # fmt: skip
    return OrderDocument(
        id=body["id"], number=body["number"], operation=ORDER_OPERATION, currency=body["currency"],
        date=created.replace(tzinfo=None, microsecond=0), amount=Decimal(body["amount"]),
        comment=body.get("comment") or None, lines=lines,
        counterparties=[customer_record(body["customer"], body["storefront"])],
        requisites={str(name): str(value) for name, value in (body.get("requisites") or {}).items()},
    )  # fmt: skip


def _default(namespace: str) -> Any:
    """The default namespace of an element; the stubs of lxml do not know that its prefix is ``None``."""
    return {None: namespace}


def _within(element: Element, namespace: str) -> Element:
    made = etree.Element(f"{{{namespace}}}{element.tag}", nsmap=_default(namespace))
    made.attrib.update(element.attrib)
    made.text = element.text
    made.extend(_within(child, namespace) for child in element)
    return made


def documents(found: object) -> list[dict[str, str]]:
    """``Ид``, ``Номер`` and ``Дата`` of each document among elements that came without a schema."""
    return [
        {
            etree.QName(child).localname: (child.text or "").strip()
            for child in document.iterchildren("*")
            if etree.QName(child).localname in {"Ид", "Номер", "Дата"}
        }
        for root in _elements(found)
        for document in root.iter("{*}Документ")
    ]


def _elements(found: object) -> Iterator[Element]:
    if isinstance(found, Element):
        yield found
    elif isinstance(found, list | tuple):
        for each in found:
            yield from _elements(each)
    elif isinstance(found, Mapping):
        yield from _elements(list(found.values()))
