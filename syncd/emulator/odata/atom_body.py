"""Reads the Atom entry of a writing request into what JSON would have said."""

from __future__ import annotations

from typing import Final

from lxml import etree

from syncd.emulator.odata.refusals import bad_request
from syncd.emulator.odata.writing import Body

_META: Final = "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}"
_NULL: Final = f"{_META}null"
_TYPE: Final = f"{_META}type"
_NO_ENTITIES: Final = etree.XMLParser(resolve_entities=False, no_network=True)


def read_entry(body: bytes) -> Body:
    """The properties of an entry.

    Raises ``ODataRefusal`` code 2 for what is no entry.
    """
    try:
        root = etree.fromstring(body, _NO_ENTITIES)
    except etree.XMLSyntaxError:
        raise bad_request("Неверный формат тела запроса") from None
    properties = next(root.iter("{*}properties"), None)
    if properties is None:
        raise bad_request("Неверный формат тела запроса")
    return _object(properties)


def _object(element: etree._Element) -> Body:
    return {etree.QName(child).localname: _value(child) for child in element.iterchildren("*")}


def _value(element: etree._Element) -> object:
    if element.get(_NULL) == "true":
        return None
    rows = list(element.iterchildren("*"))
    if rows or "Collection(" in str(element.get(_TYPE)):
        return [_object(row) for row in rows]
    return element.text or ""
