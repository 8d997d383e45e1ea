"""How an object of ours is known in 1C: by a mark in a field of its own, searched before anything is created.

1C has no unique fields over OData, ignores unknown properties and cuts long strings without a word. So the field is
held against the base's metadata before the first write, and where its length is not known, a mark that was cut is still
found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from syncd.adapters.odata import reading
from syncd.adapters.odata.answers import Record
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.failures import UnknownName
from syncd.adapters.odata.filters import Filter, all_of, any_row, begins, equals
from syncd.errors import ConfigError
from syncd.mappings.metadata import Metadata, Property, Shape

LENGTH: Final = 36
"""Characters of an order's id."""
ENOUGH: Final = 20
"""Characters of a mark that tell it from any other, where 1C may have cut it."""
HEAD: Final = ("Ref_Key", "DataVersion", "DeletionMark")
DOCUMENT_HEAD: Final = (*HEAD, "Number", "Date", "Posted")
ROW_PROPERTY: Final = "Свойство_Key"
ROW_VALUE: Final = "Значение"


@dataclass(frozen=True, slots=True)
class Marker:
    """Where the mark stands: a string attribute ``field``, or, with ``requisite``, a row of the tabular section
    ``field`` (ДополнительныеРеквизиты) for that additional requisite. ``whole``: the base is known to keep it whole.
    """

    set_name: str
    field: str
    requisite: UUID | None = None
    whole: bool = False

    def condition(self, value: str) -> Filter:
        """The filter that finds the objects of this mark, and perhaps more (``matches`` decides)."""
        if self.requisite is None:
            return equals(self.field, value) if self.whole else begins(self.field, value[:ENOUGH])
        row = all_of(equals(f"d/{ROW_PROPERTY}", self.requisite), equals(f"d/{ROW_VALUE}", value))
        return any_row(self.field, row)

    def matches(self, record: Record, value: str) -> bool:
        """Whether an object that was found bears this mark, be it cut."""
        if self.requisite is not None:
            return True
        kept = str(record.get(self.field) or "").rstrip()
        return kept == value or (len(kept) >= ENOUGH and value.startswith(kept))

    def put(self, body: Mapping[str, Any], value: str) -> dict[str, Any]:
        """The body with the mark in it."""
        if self.requisite is None:
            return {**body, self.field: value}
        row = {ROW_PROPERTY: str(self.requisite), ROW_VALUE: value, f"{ROW_VALUE}_Type": "Edm.String"}
        return {**body, self.field: [*body.get(self.field, []), row]}


def verify_marker(metadata: Metadata, marker: Marker, *, length: int = LENGTH) -> Marker:
    """The marker, ``whole`` where the metadata shows that it fits. Call it before the first write.

    Raises ConfigError: E834 the set is not published, E828 it has no such string attribute, E829 too short.
    """
    shape = metadata.shape(marker.set_name)
    if shape is None:
        raise ConfigError("E834", detail=marker.set_name)
    found = _property(metadata, shape, marker)
    if found is None:
        raise ConfigError("E828", set=marker.set_name, field=marker.field, length=length)
    if found.length is not None and found.length < length:
        raise ConfigError("E829", set=marker.set_name, field=marker.field, has=found.length, length=length)
    return replace(marker, whole=found.length is not None)


def probe_marker(client: Client, marker: Marker, *, length: int = LENGTH) -> Marker:
    """As ``verify_marker`` where no metadata is at hand: a read tells whether the field is there, not how long it is.

    Raises ConfigError E828, and what a read raises.
    """
    try:
        reading.find(client, marker.set_name, Filter(""), [marker.field], most=1)
    except UnknownName as error:
        raise ConfigError("E828", set=marker.set_name, field=marker.field, length=length) from error
    return marker


def look_up(client: Client, marker: Marker, value: str, *, document: bool = True) -> list[Record]:
    """All objects with this mark, the one that counts first: not marked for deletion, then by date and number.

    More than one means that somebody copied the object in 1C, or that two writers raced.
    """
    fields = [*(DOCUMENT_HEAD if document else HEAD), *([marker.field] if marker.requisite is None else [])]
    found = reading.find(client, marker.set_name, marker.condition(value), fields)
    return sorted((record for record in found if marker.matches(record, value)), key=precedence)


def precedence(record: Record) -> tuple[bool, str, str]:
    """Numbers are given in the order of writing, so that all who look choose the same one of several."""
    return record.get("DeletionMark") is True, str(record.get("Number") or ""), str(record.get("Ref_Key"))


def _property(metadata: Metadata, shape: Shape, marker: Marker) -> Property | None:
    found = shape.properties.get(marker.field)
    if marker.requisite is None:
        composite = shape.is_composite(marker.field)
        return found if found is not None and found.type == "Edm.String" and not composite else None
    rows = metadata.rows(shape, marker.field)
    if rows is None or ROW_PROPERTY not in rows.properties:
        return None
    return rows.properties.get(ROW_VALUE)
