"""Pieces of XML as text, gathered into parts of bytes, so that a document of any size is written in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape as _escape

BOM = b"\xef\xbb\xbf"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_PART = 64 * 1024


def text(value: str) -> str:
    """Character data."""
    return _escape(value, quote=False)


def attribute(value: str) -> str:
    """The inside of a double-quoted attribute."""
    return _escape(value)


def element(name: str, value: str) -> str:
    """``<name>value</name>``; an empty value gives ``<name/>``, as 1C writes it."""
    return f"<{name}>{text(value)}</{name}>" if value else f"<{name}/>"


def wrap(name: str, *inner: str) -> str:
    """An element with elements inside; the inside is taken as it is."""
    return f"<{name}>{''.join(inner)}</{name}>"


def requisites(pairs: Iterable[tuple[str, str]]) -> str:
    """ЗначенияРеквизитов from names and values, or nothing when there are none."""
    rows = [
        wrap("ЗначениеРеквизита", element("Наименование", name), element("Значение", value)) for name, value in pairs
    ]
    return wrap("ЗначенияРеквизитов", *rows) if rows else ""


def encode(pieces: Iterable[str]) -> Iterator[bytes]:
    """The pieces as UTF-8 with the BOM 1C writes, in parts of about 64 KB."""
    yield BOM
    gathered: list[str] = [HEAD]
    size = 0
    for piece in pieces:
        gathered.append(piece)
        gathered.append("\n")
        size += len(piece)
        if size >= _PART:
            yield "".join(gathered).encode()
            gathered.clear()
            size = 0
    if gathered:
        yield "".join(gathered).encode()


def root(namespace: str, version: str, formed_at: str, node: str = "") -> str:
    """The opening tag of КоммерческаяИнформация."""
    id_ = f' Ид="{attribute(node)}"' if node else ""
    return (
        f'<КоммерческаяИнформация xmlns="{namespace}" xmlns:xs="http://www.w3.org/2001/XMLSchema" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'ВерсияСхемы="{version}" ДатаФормирования="{formed_at}"{id_}>'
    )


ROOT_END = "</КоммерческаяИнформация>"
