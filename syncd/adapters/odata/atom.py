"""Atom, which 8.3.5 speaks alone and exchange plans always do. Fields come out as in JSON, as far as the document says.

1C states ``m:type`` for collections and rarely for plain fields, so a plain field without one is told by its look: true
and false are booleans, everything else a text. ``types`` of the metadata make numbers of the texts that are numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import unquote

from lxml import etree

from syncd.errors import TransportError

Record = dict[str, Any]

ATOM: Final = "{http://www.w3.org/2005/Atom}"
APP: Final = "{http://www.w3.org/2007/app}"
M: Final = "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}"
D: Final = "{http://schemas.microsoft.com/ado/2007/08/dataservices}"
TOMBSTONE: Final = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"
NUMBERS: Final = frozenset({"Edm.Double", "Edm.Decimal", "Edm.Int16", "Edm.Int32", "Edm.Single", "Edm.Byte"})
_WORDS: Final = {"true": True, "false": False}
_LONGEST_ADDRESS: Final = 4096
_PART = re.compile(r"(?:(?P<name>\w+)=)?(?:guid|datetime|cast)?(?:'(?P<text>(?:[^']|'')*)'|(?P<bare>[^,]+))(?:,|$)")


def feed(body: bytes, types: Mapping[str, str] | None = None) -> tuple[list[Record], str | None, str | None]:
    """Records, the count as it stands and the address of the next page of a ``feed``. Raises TransportError E809 for
    any other XML: a page of a gateway may be well-formed too.
    """
    root = parse(body)
    if root.tag != f"{ATOM}feed":
        raise TransportError("E809", detail=_name(root))
    following = next((link.get("href") for link in root.iter(f"{ATOM}link") if link.get("rel") == "next"), None)
    records = [properties(item, types) for item in root.iter(f"{ATOM}entry")]
    return records, root.findtext(f"{M}count") or None, following


def entry(body: bytes, types: Mapping[str, str] | None = None) -> Record:
    """The fields of one ``entry``. Raises TransportError E809 for any other XML."""
    root = parse(body)
    if root.tag != f"{ATOM}entry":
        raise TransportError("E809", detail=_name(root))
    return properties(root, types)


def collections(body: bytes) -> list[str]:
    """Names of the sets in a service document. Raises TransportError E809 for any other XML."""
    root = parse(body)
    if root.tag != f"{APP}service":
        raise TransportError("E809", detail=_name(root))
    return [unquote(item.get("href") or "") for item in root.iter(f"{APP}collection")]


def properties(item: etree._Element, types: Mapping[str, str] | None = None) -> Record:
    """The fields of an ``entry``."""
    found = item.find(f"{ATOM}content/{M}properties")
    if found is None:
        found = item.find(f"{M}properties")
    return {} if found is None else fields(found, types)


def fields(parent: etree._Element, types: Mapping[str, str] | None = None) -> Record:
    """The ``d:`` children of an element, rows of tabular sections as lists of records."""
    return {_name(child): _value(child, types or {}) for child in parent.iterchildren(f"{D}*")}


def key_of(address: str) -> tuple[str, dict[str, str]]:
    """Set and key parts of an object's address, ``…/Catalog_X(guid'…')``; a lone part is ``Ref_Key``.

    Raises TransportError E809 when the address has no key, or is longer than any of 1C's.
    """
    tail = unquote(address[: _LONGEST_ADDRESS + 1]).rpartition("standard.odata/")[2].rstrip()
    before, bracket, key = tail.partition("(")
    set_name = before.rpartition("/")[2]
    if len(address) > _LONGEST_ADDRESS or not set_name or ")" in set_name or not bracket or not key.endswith(")"):
        raise TransportError("E809", detail=address[-120:])
    parts = {}
    for part in _PART.finditer(key[:-1]):
        text = part["text"]
        parts[part["name"] or "Ref_Key"] = text.replace("''", "'") if text is not None else part["bare"]
    return set_name, parts


def stream(source: Any) -> Iterator[tuple[str, etree._Element]]:
    """Entries and tombstones of a feed one by one, each as (tag, element), forgotten when the next is asked for.

    ``source`` is a binary file. Raises TransportError E809 where it is no feed or breaks off.
    """
    begun = False
    try:
        for event, element in etree.iterparse(
            source, events=("start", "end"), no_network=True, resolve_entities=False, huge_tree=True
        ):
            if not begun:
                if element.tag != f"{ATOM}feed":
                    raise TransportError("E809", detail=_name(element))
                begun = True
            elif event == "end" and element.tag in {f"{ATOM}entry", TOMBSTONE}:
                yield str(element.tag), element
                element.clear(keep_tail=True)
                while element.getprevious() is not None:
                    del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        raise TransportError("E809", detail=str(error)[:120]) from error


def parse(body: bytes) -> etree._Element:
    """The root of a document. Raises TransportError E809 when it is not well-formed; HTML is not."""
    try:
        return etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
    except etree.XMLSyntaxError as error:
        head = " ".join(body[:200].decode("utf-8", "replace").split())[:120]
        raise TransportError("E809", detail=head) from error


def _value(element: etree._Element, types: Mapping[str, str]) -> object:
    if element.get(f"{M}null") == "true":
        return None
    stated = element.get(f"{M}type") or types.get(_name(element), "")
    if stated.startswith("Collection("):
        return [fields(row, types) for row in element.iterchildren(f"{D}element")]
    if len(element):
        return fields(element, types)
    text = element.text or ""
    if stated in NUMBERS:
        try:
            number = Decimal(text)
        except InvalidOperation as error:
            raise TransportError("E809", detail=f"{_name(element)}: {text[:80]}") from error
        return int(number) if "." not in text and _is_whole(number) else number
    return _WORDS.get(text, text) if stated in {"", "Edm.Boolean"} else text


def _is_whole(number: Decimal) -> bool:
    """A huge exponent is left to whoever wants the number: its digits would take seconds."""
    return number.is_finite() and abs(number.adjusted()) < 1000 and number == number.to_integral_value()


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname
