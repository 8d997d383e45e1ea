"""Bodies of answers: JSON as 1C lays it out, and Atom for whoever did not ask for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import Enum
from typing import Final
from xml.sax.saxutils import escape, quoteattr

import orjson

from syncd.emulator.odata.exchange import Change
from syncd.emulator.odata.model import NAMESPACE, EntitySet, EntityType, Kind, Row, Schema, Wire
from syncd.emulator.odata.shaping import key_text
from syncd.emulator.odata.values import as_text

BOM: Final = b"\xef\xbb\xbf"
_ATOM: Final = "http://www.w3.org/2005/Atom"
_DATA: Final = "http://schemas.microsoft.com/ado/2007/08/dataservices"
_META: Final = f"{_DATA}/metadata"
_TOMBSTONES: Final = "http://purl.org/atompub/tombstones/1.0"
_FEED: Final = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="{_ATOM}" xmlns:at="{_TOMBSTONES}" xmlns:d="{_DATA}"'
    f' xmlns:m="{_META}" xml:base='
)


class Format(Enum):
    """Of a body."""

    JSON = "json"
    ATOM = "atom"


# --- JSON -------------------------------------------------------------------------------------------------------------


def json_collection(context: str, rows: Iterable[Row], count: int | None) -> Iterator[bytes]:
    """``{"odata.metadata": …, "odata.count": "19", "value": […]}``; ``context`` empty: no metadata."""
    head = [f'"odata.metadata": {orjson.dumps(context).decode()},\n'] if context else []
    head += [f'"odata.count": "{count}",\n'] if count is not None else []
    yield ("{\n" + "".join(head) + '"value": [').encode()
    between = b""
    for row in rows:
        yield between + orjson.dumps(row, option=orjson.OPT_INDENT_2)
        between = b","
    yield b"]\n}"


def json_object(context: str, row: Row) -> bytes:
    """One object."""
    shown: Row = {"odata.metadata": context, **row} if context else row
    return orjson.dumps(shown, option=orjson.OPT_INDENT_2)


def json_service(root: str, schema: Schema) -> bytes:
    """The list of sets."""
    sets: list[Row] = [{"name": name, "url": name} for name in schema.sets]
    return orjson.dumps({"odata.metadata": f"{root}/$metadata", "value": sets}, option=orjson.OPT_INDENT_2)


# --- Atom -------------------------------------------------------------------------------------------------------------


def atom_service(root: str, schema: Schema) -> bytes:
    """The list of sets."""
    sets = "".join(
        f"\n\t\t<collection href={quoteattr(name)}><atom:title>{escape(name)}</atom:title></collection>"
        for name in schema.sets
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<service xmlns="http://www.w3.org/2007/app" xmlns:atom="{_ATOM}"'
        f" xml:base={quoteattr(root + '/')}>\n\t<workspace>\n\t\t<atom:title>Default</atom:title>{sets}\n"
        "\t</workspace>\n</service>"
    ).encode()


def atom_collection(root: str, entity_set: EntitySet, rows: Iterable[Row], count: int | None) -> Iterator[bytes]:
    """A feed."""
    yield f"{_FEED}{quoteattr(root + '/')}>\n<id>{escape(f'{root}/{entity_set.name}')}</id>\n".encode()
    yield f'<title type="text">{escape(entity_set.name)}</title>\n<updated>{_now()}</updated>\n'.encode()
    if count is not None:
        yield f"<m:count>{count}</m:count>\n".encode()
    for row in rows:
        yield _entry(root, entity_set, row).encode()
    yield b"</feed>"


def atom_object(root: str, entity_set: EntitySet, row: Row) -> bytes:
    """An entry of its own."""
    spaces = f' xmlns="{_ATOM}" xmlns:d="{_DATA}" xmlns:m="{_META}" xml:base={quoteattr(root + "/")}'
    return ('<?xml version="1.0" encoding="UTF-8"?>\n' + _entry(root, entity_set, row, spaces)).encode()


def atom_changes(root: str, changes: Iterable[Change]) -> Iterator[bytes]:
    """A packet of an exchange plan: entries, and ``at:deleted-entry`` for what is gone.

    A set of records that was emptied comes as an entry with an empty RecordSet.
    """
    yield f"{_FEED}{quoteattr(root + '/')}>\n<id>{escape(root)}/SelectChanges</id>\n".encode()
    yield f"<updated>{_now()}</updated>\n".encode()
    for change in changes:
        made = change.entity_set
        keys: Row = dict(zip(made.type.key, change.key, strict=True))
        if change.row is not None:
            yield _entry(root, made, change.row).encode()
        elif made.kind is Kind.RECORD_SETS:
            yield _entry(root, made, {**keys, "RecordSet": []}).encode()
        else:
            address = quoteattr(f"{root}/{made.name}({key_text(made.type, keys)})")
            yield f"<at:deleted-entry ref={address} when={quoteattr(_now())}/>\n".encode()
    yield b"</feed>"


def _entry(root: str, entity_set: EntitySet, row: Row, spaces: str = "") -> str:
    kind = entity_set.type
    parts = [f"<entry{spaces}>\n"]
    if kind.key and all(name in row for name in kind.key):
        address = f"{entity_set.name}({key_text(kind, row)})"
        parts.append(f"<id>{escape(f'{root}/{address}')}</id>\n")
    term = quoteattr(f"{NAMESPACE}{kind.name}")
    parts.append(
        f'<category term={term} scheme="{_DATA}/scheme"/>\n<title type="text"/>\n<updated>{_now()}</updated>\n'
    )
    parts.append('<author/>\n<content type="application/xml">\n<m:properties>\n')
    links = []
    for name, value in row.items():
        if name.endswith("@navigationLinkUrl"):
            nav = name.partition("@")[0]
            links.append(
                f'<link rel="{_DATA}/related/{escape(nav)}" type="application/atom+xml;type=entry"'
                f" title={quoteattr(nav)} href={quoteattr(str(value))}/>\n"
            )
        elif not name.startswith("odata."):
            parts.append(_property(kind, name, value))
    parts.append("</m:properties>\n</content>\n")
    return "".join([*parts, *links, "</entry>\n"])


def _property(kind: EntityType, name: str, value: Wire) -> str:
    if value is None:
        return f'<d:{name} m:null="true"/>\n'
    if isinstance(value, list):
        rows = kind.collections.get(name)
        type_ = f"{NAMESPACE}{rows.name.removesuffix('_RecordType')}_RowType" if rows else "Edm.Untyped"
        below = "".join(
            f'<d:element m:type="{type_}">\n{"".join(_plain(key, item) for key, item in row.items())}</d:element>\n'
            for row in value
        )
        return f'<d:{name} m:type="Collection({type_})">\n{below}</d:{name}>\n'
    return _plain(name, value)


def _plain(name: str, value: Wire) -> str:
    if value is None:
        return f'<d:{name} m:null="true"/>\n'
    if isinstance(value, dict):
        return f"<d:{name}>\n{''.join(_plain(key, item) for key, item in value.items())}</d:{name}>\n"
    return f"<d:{name}>{escape(as_text(value))}</d:{name}>\n"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
