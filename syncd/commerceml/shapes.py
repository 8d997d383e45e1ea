"""Records of one shape, read without a parser.

One piece of 1C's code writes all records of an export, so most of them have the same tags in the same order. The tags
of a record, without the texts between them, are its shape. A shape is parsed and understood once; of every further
record of the shape only the texts are cut out and put where they belong.

What is not quite regular is left to the parser: a shape with anything that is not understood here, and a record with a
value that needs more than a look. ``reader.read_goods`` is the rule, and what is read here never differs from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from html import escape
from operator import itemgetter
from typing import Any, Final, TypeVar

from lxml import etree
from lxml.etree import _Element as Element

from syncd.commerceml.parsing import tree
from syncd.commerceml.parts import Part
from syncd.commerceml.policy import Context
from syncd.commerceml.values import plain
from syncd.errors import DataError
from syncd.model.records import Item

Values = Sequence[str]
"""The texts of a record in their order, trimmed; those of attributes come last."""
Step = Callable[[Values, dict[str, Any], dict[str, Any]], None]
"""Puts what one child says into ``fields`` or ``extra``."""
Made = TypeVar("Made")
Read = Callable[[list[str], Context], list[Item]]
"""Makes the records. Raises ``Irregular`` when the parser has to."""

_TEXT: Final = re.compile(r">\s*([^<\s](?:[^<]*[^<\s])?)\s*<").split
_ATTRIBUTE: Final = re.compile(r'="([^"<>&\t\n\r\0\1]*)"').split
_AFTER_TEXT, _AFTER_ATTRIBUTE = "\0", "\1"
_MARK: Final = "\ue000"  # of a place for a text, in the shape that is parsed
_CONTROLS: Final = bytes([*range(9), *range(0x0B, 0x20)])
_OTHER_REFERENCE: Final = re.compile("&(?!(?:amp|lt|gt|quot|apos);)").search
_ENTITIES: Final = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))
_SHAPES: Final = 10_000
"""So many shapes that were met once are remembered."""
_SHAPES_SIZE: Final = 1_000_000
"""Characters of the shapes of one element that are known at a time; what is known takes some ten times as much."""
_SHAPE_LIMIT: Final = 20_000
_RECORD_LIMIT: Final = 1_000_000
"""Characters: the parser refuses a text of ten million, so that it is to see what comes near."""
_MEMORIES: Final = 256
_MEMORY: Final = 512
"""Readings of one shape of a child that are remembered, whatever the record around it: some megabytes in all."""


def usual(body: bytes) -> bool:
    """Whether the bytes of records in UTF-8 hold no character that XML does not know, and no end of line that it would
    change. What stands in a row of the staging tables is then free of control characters.
    """
    if len(body.translate(None, _CONTROLS)) != len(body):
        return False
    return b"\xef" not in body or not (b"\xef\xbf\xbe" in body or b"\xef\xbf\xbf" in body)


class Irregular(Exception):
    """Only the parser can tell."""


def declared(namespaces: Mapping[str | None, str]) -> str:
    """The attributes that put namespaces in force, by prefix."""
    return "".join(f' xmlns{":" + prefix if prefix else ""}="{escape(uri)}"' for prefix, uri in namespaces.items())


class Shapes:
    """Reads the records of one element, by what ``understand`` makes of their shapes. ``namespaces`` are those in force
    around the records.
    """

    def __init__(self, understand: Callable[[Element], Read], namespaces: Mapping[str | None, str]) -> None:
        self._understand = understand
        self._namespaces = declared(namespaces)
        self._known: dict[str, Read | None] = {}
        self._size = 0
        self._once: set[int] = set()

    def read(self, record: str, context: Context) -> list[Item] | None:
        """The records of one element as text, which must be ``usual``; ``None`` when it is to be parsed."""
        if "]]>" in record or len(record) > _RECORD_LIMIT:  # of a section: no text may hold it
            return None
        pieces = _TEXT(record)
        values = pieces[1::2]
        shape = _AFTER_TEXT.join(pieces[::2])
        if '="' in shape:
            pieces = _ATTRIBUTE(shape)
            values += pieces[1::2]
            shape = _AFTER_ATTRIBUTE.join(pieces[::2])
        if "&" in record:
            if _OTHER_REFERENCE(record):
                return None
            values = [_unescaped(value) if "&" in value else value for value in values]
        try:
            read = self._known[shape]
        except KeyError:
            read = self._learn(shape)
        try:
            return None if read is None else read(values, context)
        except Irregular:
            return None

    def _learn(self, shape: str) -> Read | None:
        """Understand a shape when it is met for the second time: what comes once is not worth it."""
        if len(shape) > _SHAPE_LIMIT or _MARK in shape:
            return None
        once = hash(shape)
        if once not in self._once:
            if len(self._once) >= _SHAPES:
                self._once.clear()
            self._once.add(once)
            return None
        if self._size + len(shape) > _SHAPES_SIZE:
            self._known.clear()
            self._size = 0
        try:
            read: Read | None = self._understand(self._parsed(shape))
        except (Irregular, etree.XMLSyntaxError):
            read = None
        self._known[shape] = read
        self._size += len(shape)
        return read

    def _parsed(self, shape: str) -> Element:
        """The shape as an element, with marks where the values stand."""
        texts = shape.split(_AFTER_TEXT)
        number = iter(range(shape.count(_AFTER_TEXT) + shape.count(_AFTER_ATTRIBUTE)))
        whole = texts[0]
        for text in texts[1:]:
            whole += f">{_MARK}{next(number)}<{text}"
        pieces = whole.split(_AFTER_ATTRIBUTE)
        whole = pieces[0]
        for piece in pieces[1:]:
            whole += f'="{_MARK}{next(number)}"{piece}'
        root = tree([f"<x{self._namespaces}>{whole}</x>".encode()])
        if len(root) != 1 or place(root.text) is not None:
            raise Irregular
        for element in root.iter():
            if (len(element) and place(element.text) is not None) or place(element.tail) is not None:
                raise Irregular  # text beside elements
        return root[0]


def _unescaped(text: str) -> str:
    for name, sign in _ENTITIES:
        text = text.replace(name, sign)
    return text


def place(text: str | bytes | None) -> int | None:
    """Which value stands here; ``None`` for none. Raises ``Irregular`` for a text of the shape itself."""
    clean = str(text or "").strip()
    if not clean:
        return None
    if not clean.startswith(_MARK) or not clean[1:].isdecimal():  # two marks: a comment stood between them
        raise Irregular
    return int(clean[1:])


def leaf(element: Element) -> int | None:
    """Which value is the text of an element without children. Raises ``Irregular`` for one with children."""
    if len(element):
        raise Irregular
    return place(element.text)


def getter(places: Sequence[int]) -> Callable[[Values], tuple[str, ...]]:
    """Takes the values of some places."""
    if len(places) > 1:
        return itemgetter(*places)
    if places:
        only = places[0]
        return lambda values: (values[only],)
    return lambda _: ()


def _places(element: Element) -> Iterator[int]:
    for each in element.iter():
        for text in (each.text, *each.attrib.values()):
            at = place(text)
            if at is not None:
                yield at


def _filled(element: Element, values: Values) -> Element:
    copy = deepcopy(element)
    for each in copy.iter():
        at = place(each.text)
        if at is not None:
            each.text = values[at]
        for name, text in each.attrib.items():
            at = place(text)
            if at is not None:
                each.attrib[name] = values[at]
    return copy


def by_parser(element: Element, part: Part) -> Step:
    """Has a child read as one that was parsed."""

    def step(values: Values, fields: dict[str, Any], extra: dict[str, Any]) -> None:
        try:
            part(_filled(element, values), fields, extra)
        except DataError as error:
            raise Irregular from error

    return step


_memories: Final[dict[tuple[Callable[..., Any], bytes], dict[tuple[str, ...], Any]]] = {}


class _Anything(tuple[str, ...]):
    """Values that are all the same, to compare shapes by."""

    __slots__ = ()

    def __getitem__(self, _at: Any) -> Any:
        return "?"


def _memory(element: Element, what: Callable[..., Any]) -> dict[tuple[str, ...], Any]:
    if len(_memories) >= _MEMORIES:
        _memories.clear()
    return _memories.setdefault((what, etree.tostring(_filled(element, _Anything()))), {})


def remembered(
    element: Element, compute: Callable[[Element], Made], what: Callable[..., Any]
) -> Callable[[Values], Made]:
    """What is computed of an element, once for the same texts: units, taxes and makers repeat. ``what`` tells one
    computation from another. Nobody may change what it gives.
    """
    take = getter(sorted(_places(element)))
    known = _memory(element, what)

    def made(values: Values) -> Made:
        texts = take(values)
        if texts in known:
            found: Made = known[texts]
            return found
        if len(known) >= _MEMORY:
            known.clear()
        try:
            found = known[texts] = compute(_filled(element, values))
        except DataError as error:
            raise Irregular from error
        return found

    return made


def once(element: Element, part: Part) -> Step:
    """Has a child read as one that was parsed, once for the same texts. The part sets whole values."""

    def compute(item: Element) -> tuple[dict[str, Any], dict[str, Any]]:
        fields: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        part(item, fields, extra)
        return fields, extra

    made = remembered(element, compute, part)

    def step(values: Values, fields: dict[str, Any], extra: dict[str, Any]) -> None:
        more, kept = made(values)
        fields.update(more)
        extra.update(kept)

    return step


def kept(name: str, element: Element) -> Step:
    """Keeps what there is no field for."""
    made = remembered(element, plain, plain)

    def step(values: Values, _fields: dict[str, Any], extra: dict[str, Any]) -> None:
        extra[name] = made(values)

    return step
