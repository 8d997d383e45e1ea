"""Data from 1C's HTTP service: ``GET /v1/<entities>?cursor=`` answers pages of records with our own field names.

The service names the fields as ``syncd.model`` does, so no mapping stands between. Values may be written as 1C's JSON
writer does: numbers as numbers or texts, times of the base's own clock without a zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from syncd.adapters.http_service import HttpService
from syncd.adapters.ports import Pulled
from syncd.errors import ConfigError, DataError
from syncd.i18n import tr
from syncd.model import ENTITIES, Entity, Field
from syncd.model.records import BadRecord, Record
from syncd.store.endpoints import Endpoint

_MARKS: Final = frozenset({"deleted", "extra"})
_WORDS: Final = {"true": True, "false": False}


class HttpPuller:
    """A base behind our HTTP service, as a ``Puller``. The setting ``partial`` of the endpoint tells that its answers
    hold only what changed.
    """

    def __init__(self, service: HttpService, *, zone: str, partial: bool = False) -> None:
        self._service = service
        self._zone = ZoneInfo(zone)
        self._partial = partial

    @classmethod
    def of(cls, endpoint: Endpoint, password: str | None) -> HttpPuller:
        """The base behind an endpoint of kind ``http_service``."""
        partial = endpoint.settings.get("partial") is True
        return cls(HttpService.of(endpoint, password), zone=endpoint.zone, partial=partial)

    def gives(self, entity: str) -> bool:
        """The service itself says what it does not have."""
        return entity in ENTITIES

    def changes(self) -> Pulled:
        """There is no such method in the contract."""
        raise ConfigError("E853", kind="http_service")

    def committed(self) -> None:
        """Nothing is forgotten there: cursors are ours."""

    def pull(self, entity: str, cursor: str | None) -> Pulled:
        """All records of an entity."""
        return Pulled(self._pages(ENTITIES[entity], cursor), self._partial or cursor is not None)

    def _pages(self, entity: Entity, cursor: str | None) -> Iterator[Sequence[Record | BadRecord]]:
        number = 0
        for page in self._service.pages(entity.plural, cursor):
            records: list[Record | BadRecord] = []
            for item in page.items:
                number += 1
                records.append(record(entity, item, self._zone, number))
            yield records

    def close(self) -> None:
        """Give connections back."""
        self._service.close()


def record(entity: Entity, item: Mapping[str, Any], zone: ZoneInfo, number: int = 0) -> Record | BadRecord:
    """One item as a record. What has no field of ours is kept in ``extra``. ``number`` is its place in the answer."""
    shown = "/".join(str(item.get(field.name, "")) for field in entity.key)
    try:
        key = tuple(_key(entity, item, field, zone) for field in entity.key)
        known = {field.name for field in entity.all_fields}
        fields = {
            field.name: _value(entity, shown, field, item[field.name], zone)
            for field in entity.fields
            if item.get(field.name) is not None
        }
    except DataError as error:
        path = str(error.params.get("path", ""))
        return BadRecord(entity.name, shown, path, number, error)
    extra = {str(name): value for name, value in item.items() if name not in known and name not in _MARKS}
    more = item.get("extra")
    if isinstance(more, Mapping):
        extra |= more
    return Record(entity.name, key, fields, extra=extra or None, deleted=item.get("deleted") is True, line=number)


def _key(entity: Entity, item: Mapping[str, Any], field: Field, zone: ZoneInfo) -> Any:
    """A part of the key. Those that say "none" by being absent are empty: a price without a contract."""
    value = item.get(field.name)
    if value is None or value == "":
        if field.kind == "decimal":
            return Decimal(0)
        if field is entity.key[0]:
            raise _bad(entity, "", field, tr("it is missing", "значения нет"))
        return ""
    return _value(entity, "", field, value, zone)


def _value(entity: Entity, key: str, field: Field, value: Any, zone: ZoneInfo) -> Any:
    kind = field.kind
    if kind == "text" and isinstance(value, str | int | float | bool):
        return value if isinstance(value, str) else str(value)
    if kind == "decimal" and isinstance(value, str | int | float) and not isinstance(value, bool):
        return _decimal(entity, key, field, value)
    if kind == "integer":
        number = _decimal(entity, key, field, value) if isinstance(value, str | int | float) else None
        if number is not None and number == number.to_integral_value():
            return int(number)
    if kind == "boolean" and (isinstance(value, bool) or value in _WORDS):
        return value if isinstance(value, bool) else _WORDS[value]
    if kind == "timestamp" and isinstance(value, str):
        return _moment(entity, key, field, value, zone)
    if (kind == "list" and isinstance(value, list)) or (kind == "map" and isinstance(value, dict)):
        return value
    detail = tr(f"{kind} is expected, not {value!r:.80}", f"ожидается {kind}, а не {value!r:.80}")
    raise _bad(entity, key, field, detail)


def _decimal(entity: Entity, key: str, field: Field, value: str | float) -> Decimal:
    text = str(value).replace("\N{NO-BREAK SPACE}", "").replace(" ", "").replace(",", ".")
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise _bad(entity, key, field, tr(f"{value!r:.80} is no number", f"{value!r:.80} — не число"))
    return found


def _moment(entity: Entity, key: str, field: Field, value: str, zone: ZoneInfo) -> datetime | None:
    """1C's empty date is none."""
    if value.startswith("0001-01-01"):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise _bad(entity, key, field, tr(f"{value!r:.80} is no time", f"{value!r:.80} — не время")) from None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _bad(entity: Entity, key: str, field: Field, detail: str) -> DataError:
    return DataError("E966", entity=entity.name, key=key, path=field.name, detail=detail)
