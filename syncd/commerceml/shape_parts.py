"""Children that ``Товар`` and ``Предложение`` have in common, understood once for a shape; see ``shapes``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from lxml.etree import _Element as Element

from syncd.commerceml import parts
from syncd.commerceml.blocks import add_barcodes, is_deleted_status
from syncd.commerceml.names import NAMES
from syncd.commerceml.shapes import Irregular, Step, Values, by_parser, getter, kept, leaf, once, place
from syncd.commerceml.values import ZERO_GUID, boolean

_PAIRS: Final = {
    "ЗначенияСвойств": ("properties", "Ид"),
    "ЗначенияРеквизитов": ("requisites", "Наименование"),
}
_SEVERAL: Final = frozenset({"Картинка", "Штрихкод", "ШтрихКод"})
"""Children that may stand several times and are read here all the same."""


class Steps:
    """What is done with a record of one shape: its plain texts, then the rest in the order of the document.

    ``unknown`` are the paths of what there is no field for.
    """

    def __init__(self, root: Element, texts: Mapping[str, str], known: Mapping[str, parts.Part]) -> None:
        self._owner = NAMES[root.tag]
        self.unknown: list[str] = []
        self._texts = texts
        self._known = known
        self._names: list[str] = []
        self._places: list[int] = []
        self._empty: dict[str, str] = {}
        self._more: list[Step] = []
        self._met: set[str] = set()
        for name, value in root.attrib.items():
            if NAMES[name] == "Статус":
                self._more.append(partial(_stays, place(value), is_deleted_status))

    def add(self, name: str, item: Element) -> None:
        """One child. Raises ``Irregular``."""
        if name in self._met and name not in _SEVERAL:
            raise Irregular
        self._met.add(name)
        if name in self._texts:
            self._text(self._texts[name], leaf(item))
        elif name in _PAIRS:
            self._more.append(_pairs(item, *_PAIRS[name]) or by_parser(item, self._known[name]))
        elif name in _DIRECT and name in self._known:
            self._more.append(_DIRECT[name](item))
        elif name in self._known:
            self._more.append(once(item, self._known[name]))
        elif parts.is_image(name):
            raise Irregular
        else:
            self.unknown.append(f"{self._owner}/{name}")
            self._more.append(kept(name, item))

    def _text(self, field: str, at: int | None) -> None:
        if field in self._names or field in self._empty:  # of two names for one field the last one wins
            raise Irregular
        if at is None:
            self._empty[field] = ""
        else:
            self._names.append(field)
            self._places.append(at)

    def ready(self) -> Callable[[Values, dict[str, Any]], dict[str, Any]]:
        """All children were added. Gives what makes the fields, and fills ``extra``."""
        names, take, empty, more = tuple(self._names), getter(self._places), self._empty, tuple(self._more)

        def fields_of(values: Values, extra: dict[str, Any]) -> dict[str, Any]:
            fields: dict[str, Any] = dict(zip(names, take(values), strict=True))
            fields.update(empty)
            for step in more:
                step(values, fields, extra)
            return fields

        return fields_of


def _stays(at: int | None, gone: Callable[[str], bool], values: Values, _fields: object, _extra: object) -> None:
    """A record that says that its object is gone is rare: the parser has it."""
    if at is not None and gone(values[at]):
        raise Irregular


def _by_mark(text: str) -> bool:
    return boolean(text) is True


def _groups(item: Element) -> Step:
    take = getter([at for at in map(leaf, item) if at is not None])

    def step(values: Values, fields: dict[str, Any], _extra: dict[str, Any]) -> None:
        fields["category_ids"] = list(dict.fromkeys(take(values)))

    return step


def _image(item: Element) -> Step:
    at = leaf(item)

    def step(values: Values, fields: dict[str, Any], _extra: dict[str, Any]) -> None:
        images = fields.setdefault("images", [])
        if at is not None and (path := values[at].replace("\\", "/")) not in images:
            images.append(path)

    return step


def _barcode(item: Element) -> Step:
    at = leaf(item)

    def step(values: Values, fields: dict[str, Any], _extra: dict[str, Any]) -> None:
        barcodes = fields.setdefault("barcodes", [])
        if at is not None:
            add_barcodes(values[at], barcodes)

    return step


def _pairs(item: Element, field: str, named: str) -> Step | None:
    """Rows of a name and a value, both there, in this order. ``None`` for any other shape."""
    names: list[int] = []
    texts: list[int] = []
    for row in item:
        if [NAMES[part.tag] for part in row] != [named, "Значение"]:
            return None
        name, text = map(leaf, row)
        if name is None or text is None:
            return None
        names.append(name)
        texts.append(text)
    take_names, take_texts, number = getter(names), getter(texts), len(names)

    def step(values: Values, fields: dict[str, Any], _extra: dict[str, Any]) -> None:
        stated, said = take_names(values), take_texts(values)
        found: dict[str, Any] = dict(zip(stated, said, strict=True))
        empty = field == "properties" and ZERO_GUID in said
        if len(found) != number:
            if empty:
                raise Irregular
            found = _gathered(stated, said)
        elif empty:
            found = {name: None if text == ZERO_GUID else text for name, text in found.items()}
        fields[field] = found

    return step


def _gathered(names: Values, texts: Values) -> dict[str, Any]:
    """Of a name that stands several times, the list of its values."""
    found: dict[str, Any] = {}
    for name, text in zip(names, texts, strict=True):
        before = found.get(name)
        if before is None:
            found[name] = text
        else:
            found[name] = [*(before if isinstance(before, list) else [before]), text]
    return found


_DIRECT: Final[dict[str, Callable[[Element], Step]]] = {
    "Группы": _groups,
    "Картинка": _image,
    "Штрихкод": _barcode,
    "ШтрихКод": _barcode,
    "Статус": lambda item: partial(_stays, leaf(item), is_deleted_status),
    "ПометкаУдаления": lambda item: partial(_stays, leaf(item), _by_mark),
}
