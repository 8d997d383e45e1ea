"""Counting many elements of a few names inside the parser's library, without an object for each of them."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, cast

from lxml import etree
from lxml.etree import _Element as Element

KINDS: Final = 8
"""More different names than these are no crowd: they are looked at one by one."""

Steps = tuple[str, ...]
"""Tags that lead from an element down to others."""


class TooMany(Exception):
    """There are too many different names, or one that XPath cannot say."""


def census(node: Element, steps: Steps) -> dict[str, int]:
    """The children at the end of the steps: tag to number, of which none is 0. What stands in the node's last child is
    left out, and that child itself: it may be unfinished. Raises ``TooMany``.
    """
    every = _count(node, (*steps, "*"))
    found: dict[str, int] = {}
    while sum(found.values()) < every:
        if len(found) > KINDS:
            raise TooMany
        other = cast("list[Element]", _compiled("({}[1])[1]", (*steps, "*"), tuple(found))(node))
        found[str(other[0].tag)] = _count(node, (*steps, str(other[0].tag)))
    last = node[-1]
    for tag in found:
        first, *rest = (*steps, tag)
        if last.tag == first:
            found[tag] -= _count(last, tuple(rest)) if rest else 1
    return {tag: number for tag, number in found.items() if number}


def _count(node: Element, steps: Steps) -> int:
    return int(cast("float", _compiled("count({})", steps, ())(node)))


@lru_cache(maxsize=4096)
def _compiled(form: str, steps: Steps, known: Steps) -> etree.XPath:
    """``form`` around the path, whose last step is none of the ``known`` tags."""
    spaces: dict[str, str] = {}
    path = "/".join(_said(step, spaces) for step in steps)
    path += "".join(f"[not(self::{_said(tag, spaces)})]" for tag in known)
    return etree.XPath(form.format(path), namespaces=spaces or None, smart_strings=False)


def _said(tag: str, spaces: dict[str, str]) -> str:
    space, _, name = tag.rpartition("}")
    if ":" in name:  # a prefix that nothing declares: the document is refused at its end
        raise TooMany
    if not space:
        return name
    prefix = next((known for known, uri in spaces.items() if uri == space[1:]), f"n{len(spaces)}")
    spaces[prefix] = space[1:]
    return f"{prefix}:{name}"
