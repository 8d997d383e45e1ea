"""Mutations of elements: what comes out is well-formed, and says something else."""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy
from typing import Final

from lxml import etree
from lxml.etree import _Element as Element

from fuzz.mangling import recoded
from fuzz.originals import parser

NUMBERS: Final = (
    "0", "-0", "-1", "+1", "1,5", "1.5", "1 234,56", "1\u00a0234.56", "1'234", "1.234.567,89", "1e5", "1E-7", "1e99",
    "1e999999999", "NaN", "Infinity", "-Infinity", "1,2,3", "0x10", "٣", "½", "", " ",
    "9" * 29, "9" * 200, "0." + "1" * 90,
    "1/3", "сто", ",5", "5,", "--1", "1 000 000", "10 00", "-1 000,5", "\u22125", "99999999999999999999.99",
)  # fmt: skip
DATES: Final = (
    "0001-01-01", "0001-01-01T00:00:00", "9999-12-31", "9999-12-31T23:59:59", "0002-01-01", "2026-02-30", "31.12.2025",
    "20260101", "2026-01-01T25:00:00", "2026-1-1", "0000-00-00", "2026-03-29T02:30:00", "1900-01-01 0:00:00", "вчера",
)  # fmt: skip
IDS: Final = (
    "", " ", "\u00a0", "a#b", "a#b#c", "#", "#b", "a#", "a#a", "A#a", "\u00a0x\u00a0", "\u2003y", "z\u0085", "б\u00adв",
    "'; DROP TABLE product; --", "%s", "\\N", "\\", "a\\tb", "a\tb", "a\nb", "a\r\nb", "..", "/", "a/b?c=d", "😀",
    "ё", "\u202e",
    "null", "None", "0", "00000000-0000-0000-0000-000000000000", "i" * 300, "\ue001id", "i\ue001d", "id\ue098",
    "\ue01e",
    "{}", '"', "&", "<a>", "]]>",
)  # fmt: skip
WORDS: Final = (
    "true", "false", "Удален", "удалён", "Новый", "1", "0", "да", "RUB", "руб.", "643", "XXX", "", " ",
    "x" * 5000, "\ue000",
    "\ue01f", "\ue098", "\ud7ff", "\ufffd", "é", "日本語", "&lt;b&gt;", "<br/>", "\u0000x".lstrip("\0"), "Заказ товара",
    "Без НДС",
    "Отпуск товара", "Выплата безналичных денег", "2.04", "3.1", "1.0",
)  # fmt: skip
ATTRIBUTES: Final = (
    "Статус",
    "СодержитТолькоИзменения",
    "ВерсияСхемы",
    "ИдСклада",
    "КоличествоНаСкладе",
    "Код",
    "Ид",
    "Номер",
)
CONTROLS: Final = range(0xE000, 0xE100)
"""Letters of the private use area stand for the byte that follows E0: no XML writer would let it pass."""

Tree = list[Element]


def retold(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """One to eight mutations; sometimes in another encoding."""
    root = etree.fromstring(data, parser())
    donor = etree.fromstring(other, parser())
    if root is None or donor is None:
        return data
    strangers = _elements(donor)
    for _ in range(rng.choice((1, 1, 2, 3, 5, 8))):
        rng.choice(_ALL)(_elements(root), strangers, rng)
    out = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    if rng.random() < 0.25:
        out = recoded(out, rng)
    for letter in CONTROLS:
        if rng.random() < 0.9:  # the others stay what they are: letters of nobody
            byte = bytes([letter - 0xE000])
            out = out.replace(chr(letter).encode(), byte).replace(b"&#%d;" % letter, byte)
    return out


def _elements(root: Element) -> Tree:
    return list(root.iter("*"))


def _some(tree: Tree, rng: random.Random) -> Element:
    return rng.choice(tree[1:] or tree)


def _leaf(tree: Tree, rng: random.Random) -> Element:
    leaves = [element for element in tree if not len(element)]
    return rng.choice(leaves or tree)


def _named(tree: Tree, name: str, rng: random.Random) -> Element | None:
    found = [element for element in tree if etree.QName(element).localname == name]
    return rng.choice(found) if found else None


def _swap(tree: Tree, _strangers: Tree, rng: random.Random) -> None:
    one, two = _some(tree, rng), _some(tree, rng)
    mine, theirs = one.getparent(), two.getparent()
    if mine is None or theirs is None or one in two.iterancestors() or two in one.iterancestors() or one is two:
        return
    copies = deepcopy(one), deepcopy(two)
    mine.replace(one, copies[1])
    theirs.replace(two, copies[0])


def _delete(tree: Tree, _strangers: Tree, rng: random.Random) -> None:
    one = _some(tree, rng)
    parent = one.getparent()
    if parent is not None:
        parent.remove(one)


def _double(tree: Tree, _strangers: Tree, rng: random.Random) -> None:
    one = _some(tree, rng)
    for _ in range(rng.choice((1, 1, 2, 20))):
        one.addnext(deepcopy(one)) if one.getparent() is not None else None


def _transplant(tree: Tree, strangers: Tree, rng: random.Random) -> None:
    place = _some(tree, rng)
    place.insert(rng.randint(0, len(place)), deepcopy(_some(rng.choice((tree, strangers)), rng)))


def _nest(tree: Tree, _strangers: Tree, rng: random.Random) -> None:
    one = _some(tree, rng)
    for _ in range(rng.choice((1, 1, 3, 30, 130))):
        outer = etree.Element(one.tag)
        outer.append(deepcopy(one))
        parent = one.getparent()
        if parent is None:
            return
        parent.replace(one, outer)
        one = outer


def _rename(tree: Tree, strangers: Tree, rng: random.Random) -> None:
    _some(tree, rng).tag = rng.choice((_some(strangers, rng).tag, _some(tree, rng).tag, "Новое", "{urn:x}Товар"))


def _number(tree: Tree, _strangers: Tree, rng: random.Random) -> None:
    numeric = [element for element in tree if not len(element) and (element.text or "").strip()[:1].isdigit()]
    (rng.choice(numeric) if numeric else _leaf(tree, rng)).text = rng.choice(NUMBERS)


def _date(tree: Tree, _strangers: Tree, rng: random.Random) -> None:
    found = _named(tree, rng.choice(("Дата", "Время", "Значение", "ДатаФормирования")), rng)
    (_leaf(tree, rng) if found is None else found).text = rng.choice(DATES)


def _word(tree: Tree, _strangers: Tree, rng: random.Random) -> None:
    _leaf(tree, rng).text = rng.choice((*WORDS, *NUMBERS, *DATES, *IDS))


def _identity(tree: Tree, _strangers: Tree, rng: random.Random) -> None:
    """An id in any alphabet, missing, twice, or that of another record."""
    one = _named(tree, rng.choice(("Ид", "Ид", "Ид", "ИдКаталога", "Номер", "ИдТипаЦены", "Артикул")), rng)
    if one is None:
        return
    choice = rng.random()
    if choice < 0.5:
        one.text = rng.choice(IDS)
    elif choice < 0.6:
        one.text = "".join(rng.choice("абвгд0123456789xyz-#{}") for _ in range(rng.choice((100, 3_000, 9_000))))
    elif choice < 0.7:
        _delete([one], [], rng)
    elif choice < 0.85:
        twin = _named(tree, "Ид", rng)
        one.text = twin.text if twin is not None else ""
    elif one.getparent() is not None:
        again = deepcopy(one)
        again.text = rng.choice((*IDS, one.text))
        one.addnext(again)


def _attribute(tree: Tree, _strangers: Tree, rng: random.Random) -> None:
    value = rng.choice((*WORDS, *NUMBERS, *IDS))
    text = "".join(letter for letter in value if letter in "\t\n\r" or letter >= " ")
    (_some(tree, rng) if rng.random() < 0.8 else tree[0]).set(rng.choice(ATTRIBUTES), text)


def _flag(tree: Tree, _strangers: Tree, rng: random.Random) -> None:
    """A full export instead of changes, or the other way round."""
    for name in ("Каталог", "ПакетПредложений"):
        found = _named(tree, name, rng)
        if found is not None:
            found.set("СодержитТолькоИзменения", rng.choice(("true", "false")))


def _remark(tree: Tree, _strangers: Tree, rng: random.Random) -> None:
    remark = rng.choice((etree.Comment("</Товар>"), etree.ProcessingInstruction("x", "<Ид>1</Ид>")))
    place = _some(tree, rng)
    place.insert(rng.randint(0, len(place)), remark)


_ALL: Final[tuple[Callable[[Tree, Tree, random.Random], None], ...]] = (
    _swap, _delete, _double, _transplant, _nest, _rename,
    _number, _number, _date, _word, _identity, _identity, _identity,
    _attribute, _flag, _remark,
)  # fmt: skip
