"""Orders by the mapping language: what ``syncd.mappings.write`` compiled, as this adapter needs it, and the references
of a document held against the base.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from syncd.adapters.odata.filters import Filter, all_of, equals
from syncd.adapters.odata.literals import EMPTY_REF, Value, ref
from syncd.adapters.odata.markers import Marker
from syncd.adapters.odata.orders import Order, OrderMapping, Reference, Refs
from syncd.errors import MappingError
from syncd.mappings.metadata import Metadata, Shape
from syncd.mappings.write import CompiledWrite, WrittenReference

KEY = "_Key"


def order_mapping(write: CompiledWrite, zone: ZoneInfo) -> OrderMapping:
    """The mapping of a base whose clock is in ``zone``. Raises DataError E840 for a requisite that is no reference."""
    requisite = ref(write.requisite) if write.requisite else None
    return OrderMapping(
        marker=Marker(write.set_name, write.marker, requisite),
        build=write.build,
        references=[_reference(each, zone) for each in write.references],
        posting=write.posting,
    )


def referred(metadata: Metadata, set_name: str, body: Mapping[str, Any]) -> dict[str, set[str]]:
    """References in a body, by the set they lead to, as far as that is published: 1C takes a dangling one without a
    word.
    """
    found: dict[str, set[str]] = {}
    shape = metadata.shape(set_name)
    if shape is None:
        return found
    _collect(metadata, shape, body, found)
    for name, value in body.items():
        rows = metadata.rows(shape, name) if isinstance(value, list | tuple) else None
        for row in value if rows is not None else ():
            assert rows is not None
            _collect(metadata, rows, row, found)
    return found


def path_of(body: Mapping[str, Any], refs: Collection[str]) -> str:
    """Where the first of these references stands in a body: ``Товары[2].Номенклатура_Key``; nothing if nowhere."""
    for name, value in body.items():
        if isinstance(value, list | tuple):
            inner = ((f"{name}[{n}].", path_of(row, refs)) for n, row in enumerate(value, 1))
            if (found := next((at + rest for at, rest in inner if rest), "")) != "":
                return found
        elif name.endswith(KEY) and str(value).lower() in refs:
            return name
    return ""


def _collect(metadata: Metadata, shape: Shape, fields: Mapping[str, Any], found: dict[str, set[str]]) -> None:
    for name, value in fields.items():
        target = shape.references.get(name.removesuffix(KEY)) if name.endswith(KEY) else None
        if target in metadata.sets and value and str(value) != EMPTY_REF:
            found.setdefault(target, set()).add(str(ref(str(value))))


def _reference(written: WrittenReference, zone: ZoneInfo) -> Reference:
    def search(order: Order, refs: Refs) -> Sequence[Filter]:
        ways = written.by(order, refs)
        return [all_of(*(equals(name, _value(name, value), zone) for name, value in way.items())) for way in ways]

    def shown(order: Order) -> str:
        return "; ".join(", ".join(f"{name}={value}" for name, value in way.items()) for way in written.by(order, {}))

    return Reference(written.name, written.set_name, search, shown, written.make, needed=written.needed)


def _value(name: str, value: object) -> Value:
    """A value of a condition: what stands for a reference must be one."""
    if name.endswith(KEY):
        return ref(str(value))
    if isinstance(value, str | bool | int | Decimal | datetime | date | UUID):
        return value
    raise MappingError("E842", value=f"{name}={value!r}"[:80])
