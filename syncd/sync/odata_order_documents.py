"""A record of the section ``orders`` becomes an order document, as an exchange with a site would state it: from then on
the same rules hold for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from syncd.adapters.odata.literals import ref
from syncd.adapters.odata.markers import ROW_PROPERTY, ROW_VALUE
from syncd.adapters.ports import PulledOrder
from syncd.errors import MappingError
from syncd.mappings.compiled import CompiledSource
from syncd.mappings.rules import Getter, Row, jsonable, source_of
from syncd.mappings.targets import ORDER, STATUSES
from syncd.mappings.words import hint
from syncd.mappings.write import CompiledWrite
from syncd.model.records import BadRecord, OrderDocument, OrderLine, Record

MARK: Final = "syncd:mark"
"""Among what a record has beside its fields: our mark, as the document bears it."""
_OF_DOCUMENT: Final = frozenset({
    "number", "number_1c", "date_1c", "created_at", "status", "status_1c", "posted", "cancelled", "paid", "shipped",
    "currency", "amount", "comment", "lines", "version",
})  # fmt: skip
_OF_LINE: Final = frozenset({"product_id", "name", "sku", "unit", "quantity", "price", "amount"})


@dataclass(frozen=True, slots=True)
class Part:
    """What one source of the section states: of a document, or, with ``whole`` false, beside one. ``cancels``: its word
    that a document is not marked for deletion stands alone, as no other source speaks of it.
    """

    source: CompiledSource
    whole: bool
    cancels: bool


def marked(source: CompiledSource, write: CompiledWrite | None) -> CompiledSource:
    """The source, which reads our mark too where documents of its set bear one."""
    if write is None or write.set_name != source.query.set or not write.marker:
        return source
    select = tuple(dict.fromkeys([*source.query.select, write.marker]))
    getter = _in_rows(write.marker, write.requisite) if write.requisite else _in_field(write.marker)
    return replace(source, extra=(*source.extra, (MARK, getter)), query=replace(source.query, select=select))


def _in_field(field: str) -> Getter:
    return lambda row: str(row.get(field) or "").rstrip() or None


def _in_rows(section: str, requisite: str) -> Getter:
    wanted = ref(requisite)

    def read(row: Row) -> str | None:
        rows = [each for each in row.get(section) or () if str(each.get(ROW_PROPERTY) or "").lower() == str(wanted)]
        return str(rows[0].get(ROW_VALUE) or "").rstrip() or None if rows else None

    return read


def deletion(key: str) -> PulledOrder:
    """1C has no such document any more: what is known of the order stays, and it is cancelled."""
    document = OrderDocument(id=key, number="", operation="", deletion_mark=True, cancelled=True)
    return PulledOrder(document, born=False, confirms=False)


def order_of(record: Record, part: Part, beside: Sequence[Record], zone: ZoneInfo, posting: str) -> PulledOrder:
    """A document, with what other sources say of it ``beside``. Raises MappingError E743 for a status that is none of
    ours.
    """
    fields, extra = dict(record.fields), dict(record.extra or {})
    for other in beside:
        fields |= other.fields
        extra |= other.extra or {}
    marker = str(extra.pop(MARK, "") or fields.get("number") or "")
    if fields.get("number") in {None, "", marker}:
        fields.pop("number", None)
    else:
        extra["number"] = fields["number"]
    means = fields.get("status") or None
    if means is not None and means not in STATUSES:
        raise _no_status(part.source, means)
    cancelled = _cancelled(record, part, fields.get("cancelled"))
    others = {name: value for name, value in fields.items() if name not in _OF_DOCUMENT and value not in (None, "")}
    document = OrderDocument(
        id=str(record.key[0]), number="", operation="", currency=str(fields.get("currency") or ""),
        amount=fields.get("amount"), comment=fields.get("comment"), number_1c=_text(fields.get("number_1c")),
        date_1c=_local(fields.get("date_1c"), zone), status=_text(fields.get("status_1c")),
        posted=fields.get("posted"), cancelled=cancelled, paid=fields.get("paid"), shipped=fields.get("shipped"),
        deletion_mark=True if record.deleted else None, means=means,
        lines=None if fields.get("lines") is None else [_line(line) for line in fields["lines"]],
        extra=jsonable({**extra, **others}),
    )  # fmt: skip
    done = posting != "required" or document.posted is True
    return PulledOrder(document, marker, born=part.whole, confirms=part.whole and done and not record.deleted)


def _cancelled(record: Record, part: Part, stated: bool | None) -> bool | None:
    """A mark for deletion cancels. That there is none says the opposite only where nobody else has a say."""
    if record.deleted:
        return True
    return stated if stated is not None or not (part.cancels and part.source.deleted) else False


def _text(value: object) -> str | None:
    return str(value).strip() or None if value is not None else None


def _local(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    """By the base's own clock, as documents of an exchange have it."""
    return moment.astimezone(zone).replace(tzinfo=None) if moment else None


def _line(line: Mapping[str, Any]) -> OrderLine:
    quantity, price = Decimal(line.get("quantity") or 0), Decimal(line.get("price") or 0)
    amount = line.get("amount")
    return OrderLine(
        product_id=str(line.get("product_id") or ""), name=str(line.get("name") or ""), quantity=quantity, price=price,
        amount=quantity * price if amount is None else Decimal(amount), sku=str(line.get("sku") or ""),
        unit=str(line.get("unit") or ""), extra={n: v for n, v in line.items() if n not in _OF_LINE},
    )  # fmt: skip


def _no_status(source: CompiledSource, value: object) -> MappingError:
    rule = source.source.fields["status"]
    return MappingError(
        "E743", path=f"{source.label}.status", value=str(value), source=source_of(rule),
        place=source.tree.at(("fields", "status")).place, hint=hint(str(value), STATUSES),
    )  # fmt: skip


def bad(record: Record, error: MappingError) -> BadRecord:
    """A record that makes no document."""
    return BadRecord(ORDER.name, str(record.key[0]), str(error.params.get("path") or ""), 0, error)
