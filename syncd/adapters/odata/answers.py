"""What a base answers, as plain records: JSON here, Atom through ``atom``; both come out the same.

A record is a dict of texts, numbers, booleans, ``None`` and lists of rows. A number with a fraction is a ``Decimal``
made from the digits as they came; a whole number is an ``int``. Dates stay texts of 1C's own clock
(``literals.read_moment``), and Edm.Int64 stays the text 1C sends (``whole``): only metadata could tell it from a string
of digits, and most fields are never looked at. A page of HTML, an answer cut in half, a JSON that is no OData: an
error, never an empty set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec

from syncd.adapters.odata import atom
from syncd.errors import DataError, TransportError

Record = dict[str, Any]
Types = Mapping[str, str]
"""Types of fields by name (``Edm.Double``), which Atom leaves out: JSON needs none (``describe.types``)."""

BOM: Final = b"\xef\xbb\xbf"
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_NOISE: Final = ("odata.", "@navigationLinkUrl", "@odata.")


@dataclass(slots=True)
class Page:
    """Records of a set in the order they came. ``count`` is that of the whole set where it was asked for. ``next`` is
    the address of what follows: 1C sends none, but whoever does must not be cut off in silence.
    """

    records: list[Record]
    count: int | None = None
    next: str | None = None


def page(body: bytes, types: Types | None = None) -> Page:
    """Read a set. Raises TransportError E809 when this is no whole answer of OData."""
    if is_xml(body):
        records, count, following = atom.feed(body, types)
        return Page(records, count, following)
    document = json(body)
    found = document.get("value") if isinstance(document, dict) else None
    if not isinstance(found, list) or not set(map(type, found)) <= {dict}:
        raise TransportError("E809", detail=_head(body))
    count = document.get("odata.count")
    return Page(found, None if count is None else whole(count), document.get("odata.nextLink"))


class _Rows(msgspec.Struct):
    """A set whose rows are not read yet."""

    value: list[msgspec.Raw]


_rows = msgspec.json.Decoder(_Rows).decode


def parts(body: bytes, size: int, types: Types | None = None) -> Iterator[list[Record]]:
    """Read a set that came in one answer, so many records at a time: all of them at once may take much memory.

    Raises TransportError E809 when this is no whole answer of OData.
    """
    if is_xml(body):
        found = page(body, types).records
        yield from (found[start : start + size] for start in range(0, len(found), size))
        return
    try:
        rows = _rows(body.removeprefix(BOM)).value
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TransportError("E809", detail=_head(body)) from error
    for start in range(0, len(rows), size):
        made = [_decode(row) for row in rows[start : start + size]]
        if not set(map(type, made)) <= {dict}:
            raise TransportError("E809", detail=_head(body))
        yield made


def record(body: bytes, types: Types | None = None) -> Record:
    """Read one object. Raises TransportError E809 when this is no whole answer of OData."""
    if is_xml(body):
        return atom.entry(body, types)
    document = json(body)
    if not isinstance(document, dict) or not document or "odata.error" in document:
        raise TransportError("E809", detail=_head(body))
    return document


def count(body: bytes) -> int:
    """Read ``/$count``: digits, as a rule after a BOM."""
    text = body.removeprefix(BOM).strip()
    if not text.isdigit():
        raise TransportError("E809", detail=_head(body))
    return int(text)


def names(body: bytes) -> list[str]:
    """Read the service document: the sets that are published, an empty list when none is."""
    if is_xml(body):
        return atom.collections(body)
    return [str(item.get("url") or item.get("name")) for item in page(body).records]


def json(body: bytes) -> Any:
    """Any JSON, fractions exact. Raises TransportError E809 for an answer cut in half and for what is no JSON."""
    try:
        return _decode(body.removeprefix(BOM))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TransportError("E809", detail=_head(body)) from error


def is_xml(body: bytes) -> bool:
    """Whether the body begins as XML or HTML does."""
    return body[:64].removeprefix(BOM).lstrip()[:1] == b"<"


def whole(value: object) -> int:
    """A whole number that may have come as a text, as Edm.Int64 does. Raises DataError E842."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        return int(value)
    raise DataError("E842", value=str(value)[:80])


def plain(found: Record) -> Record:
    """The object's own fields: without what OData adds beside them."""
    return {key: value for key, value in found.items() if not any(noise in key for noise in _NOISE)}


def _head(body: bytes) -> str:
    return " ".join(body[:200].decode("utf-8", "replace").split())[:120]
