"""Local names: CommerceML is written with six namespaces, none at all, or a prefix, and always means the same."""

from __future__ import annotations

from typing import cast

from lxml.etree import _Element as Element

ROOT = "КоммерческаяИнформация"


class Names(dict[object, str]):
    """A full tag to its local name, remembered. What is no element (a comment, an instruction) has the name ``""``."""

    def __missing__(self, tag: object) -> str:
        name = tag.rpartition("}")[2] if isinstance(tag, str) else ""
        if len(self) < 10_000:  # a hostile document may hold a million different tags
            self[tag] = name
        return name


NAMES = Names()
"""Shared by all readers: the vocabulary is small and the same everywhere."""


def line_of(element: Element) -> int:
    """Line of the source where the element begins, 0 when unknown."""
    return cast("int | None", element.sourceline) or 0
