"""Text and numbers as 1C's readers want them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from lxml import etree
from lxml.etree import _Element as Element

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """The text without characters that XML 1.0 forbids, line ends as ``\\n``, trimmed."""
    return _ILLEGAL.sub("", text).replace("\r\n", "\n").replace("\r", "\n").strip()


def cut(text: str, units: int) -> str:
    """The text within ``units`` UTF-16 code units, which is how 1C counts; a character is never cut in two."""
    text = clean(text)
    if len(text) * 2 <= units:
        return text
    return text.encode("utf-16-le")[: units * 2].decode("utf-16-le", "ignore").strip()


def number(value: Decimal) -> str:
    """A number with a dot, without grouping and exponent; idle zeros are dropped."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def document(root: Element, encoding: str) -> bytes:
    """The whole document with its declaration. What the encoding lacks (₽, emoji, Kazakh letters) becomes a numeric
    reference; libxml2 would leave that to iconv, which drops some signs without a word.
    """
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>\n'
    text = etree.tostring(root, encoding="unicode")
    return (declaration + text).encode(encoding, "xmlcharrefreplace")


def add(parent: Element, name: str, text: str) -> Element:
    """Append an element with a text."""
    element = etree.SubElement(parent, name)
    element.text = clean(text)
    return element


def add_requisites(parent: Element, values: Mapping[str, str]) -> None:
    """``ЗначенияРеквизитов`` without the empty ones: УТ gives an empty one the value of the requisite before it."""
    rows = {cut(name, 250): cut(value, 10_000) for name, value in values.items()}
    rows = {name: value for name, value in rows.items() if name and value}
    if not rows:
        return
    block = etree.SubElement(parent, "ЗначенияРеквизитов")
    for name, value in rows.items():
        row = etree.SubElement(block, "ЗначениеРеквизита")
        add(row, "Наименование", name)
        add(row, "Значение", value)
