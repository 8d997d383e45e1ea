"""What stands around the records of a document, as far as its bytes tell: what their reading depends on."""

from __future__ import annotations

import re
from collections import deque
from typing import Final

from lxml import etree
from lxml.etree import _Element as Element

from syncd.commerceml.classifier import read_price_types
from syncd.commerceml.names import NAMES
from syncd.commerceml.policy import Context, ReadPolicy
from syncd.commerceml.values import text_of

_ENCODING: Final = re.compile(rb"""^(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")


def encoding_of(head: bytes) -> str | None:
    """The encoding in which tags are to be looked for; ``None`` where their bytes are not those of the texts."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head[:64]:
        return None
    declared = _ENCODING.match(head[:256])
    name = declared.group(1).decode().lower() if declared else "utf-8"
    known = {"utf-8": "utf-8", "utf8": "utf-8", "windows-1251": "windows-1251", "cp1251": "windows-1251"}
    return known.get(name)


def without_flag(head: bytes, encoding: str) -> bytes:
    """Full or delta: the flag says nothing about how a record is read."""
    name = "СодержитТолькоИзменения"
    return re.sub(f"<{name}>[^<]*</{name}>".encode(encoding), b"", head)


def label(kind: str, record: bytes, encoding: str) -> int:
    """What kind of document it is, by its first record: 3.x splits an offer over files of offers, prices and rests."""
    if kind == "catalogue":
        return 1
    described, prices, _ = record.partition("<Цены".encode(encoding))
    if "<Наименование".encode(encoding) in described:  # in a price it is a tax's
        return 2
    return 3 if prices else 4


def has_prices(record: bytes, encoding: str) -> bool:
    """Whether its prices, and those of the records after it, may depend on currencies of price types."""
    return "<Цены".encode(encoding) in record


def parsed(part: bytes, encoding: str) -> Element:
    """A part of a document, whose end may be missing."""
    prolog = f'<?xml version="1.0" encoding="{encoding}"?><x>'.encode()
    return etree.fromstring(prolog + part, etree.XMLParser(recover=True, resolve_entities=False, no_network=True))


def currencies(root: Element) -> dict[str, str]:
    """What price types in it say of currencies, as the reader takes them."""
    context = Context(ReadPolicy())
    for item in root:
        if NAMES[item.tag] == "ТипыЦен":
            deque(read_price_types(item, context), maxlen=0)
    return context.currencies


def head_of(root: Element) -> dict[str, str]:
    """The texts of a head by their names, as the reader takes them: of two of one name the first."""
    texts: dict[str, str] = {}
    for item in root:
        texts.setdefault(NAMES[item.tag], text_of(item))
    return texts
