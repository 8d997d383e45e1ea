"""Writing as live bases do it: silent where 1C is silent, refusing where it refuses.

Unknown properties are dropped, long text is cut, references are not checked, a tabular section is replaced as a whole,
``Posted`` in a body sets the flag and moves nothing. The sources are measurements of live УТ 11 bases and the
developer guide; where they differ the measurement won.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from syncd.emulator.dice import digest
from syncd.emulator.odata.address import segments
from syncd.emulator.odata.literals import Type, guid, literal
from syncd.emulator.odata.model import EMPTY_DATE, NAMESPACE, EntitySet, EntityType, Kind, Role, Row, Wire
from syncd.emulator.odata.reading import Reader
from syncd.emulator.odata.refusals import (
    ODataRefusal,
    bad_request,
    failed,
    key_taken,
    method_forbidden,
    missing_property,
    rows_alone,
)
from syncd.emulator.odata.store import Key, Store
from syncd.emulator.odata.values import INTERNAL, taken

Body = dict[str, object]
Movements = dict[str, list[Row]]
READ_ONLY: Final = frozenset(("Ref_Key", "DataVersion", "Predefined", "PredefinedDataName"))
_BIND: Final = "@odata.bind"


class Rules(Protocol):
    """What the configuration's own code does."""

    def before_write(self, entity_set: EntitySet, row: Row, *, new: bool) -> None:
        """ПередЗаписью and ПриЗаписи: may change the row, or raise ``ODataRefusal``."""
        ...

    def movements(self, entity_set: EntitySet, row: Row) -> Movements:
        """ОбработкаПроведения: records by register, without recorder, line numbers and activity."""
        ...


class NoRules:
    """A configuration without code."""

    def before_write(self, entity_set: EntitySet, row: Row, *, new: bool) -> None:
        """Nothing to say."""

    def movements(self, entity_set: EntitySet, row: Row) -> Movements:
        """No movements."""
        del entity_set, row
        return {}


@dataclass(slots=True)
class Writer:
    """Writes into one store. ``clock`` tells the base's local time; ``ref_key_accepted``: POST may name the key."""

    store: Store
    reader: Reader
    rules: Rules
    clock: Callable[[], datetime]
    number_prefix: str = ""
    ref_key_accepted: bool = False
    seed: int = 1
    ignored: list[str] = field(default_factory=list)
    _made: int = 0
    _counters: dict[str, int] = field(default_factory=dict)

    @property
    def made(self) -> int:
        """How many references were given out."""
        return self._made

    @property
    def counters(self) -> dict[str, int]:
        """The last automatic number of each set."""
        return dict(self._counters)

    def restore(self, made: int, counters: dict[str, int]) -> None:
        """Go on counting where a base that was kept had stopped."""
        self._made, self._counters = made, dict(counters)

    # -- verbs

    def create(self, entity_set: EntitySet, body: Body, *, load: bool = False) -> Row:
        """POST to a set.

        ``load`` is ОбменДанными.Загрузка: the configuration's code does not run and nothing is numbered.
        """
        match entity_set.kind:
            case Kind.SECTION | Kind.RECORDS:
                raise rows_alone()
            case Kind.CONSTANT:
                raise method_forbidden("POST")
            case Kind.OBJECTS:
                return self._create_object(entity_set, body, load=load)
        row = self._filled(entity_set, entity_set.type.blank(), body)
        if self.store.tables[entity_set.name].get(self.store.tables[entity_set.name].key_of(row)) is not None:
            raise key_taken()
        self.store.put(entity_set.name, row)
        return row

    def _create_object(self, entity_set: EntitySet, body: Body, *, load: bool) -> Row:
        row = entity_set.type.blank()
        wanted = body.get("Ref_Key")
        row["Ref_Key"] = self._own_key(entity_set, wanted) if self.ref_key_accepted and wanted else self.new_ref()
        if entity_set.folders and body.get("IsFolder") is True:
            _as_folder(entity_set.type, row)
        self._filled(entity_set, row, body)
        self._write(entity_set, row, new=True, load=load)
        return row

    def _own_key(self, entity_set: EntitySet, wanted: object) -> str:
        key = guid(str(wanted))
        if self.store.tables[entity_set.name].get((key,)) is not None:
            raise key_taken()
        self.store.in_order = False
        return key

    def change(self, entity_set: EntitySet, key: Key, body: Body, *, whole: bool, load: bool = False) -> Row:
        """PATCH, or PUT when ``whole``.

        Raises ``ODataRefusal`` code 9 when there is nothing to change, 5 when PUT leaves something out.
        """
        if entity_set.kind in (Kind.SECTION, Kind.RECORDS):
            raise rows_alone()
        row = dict(self._before(entity_set, key, whole=whole))
        if whole:
            _check_whole(entity_set, body)
        self._filled(entity_set, row, body)
        if entity_set.kind is Kind.OBJECTS:
            self._write(entity_set, row, new=False, load=load)
        else:
            table = self.store.tables[entity_set.name]
            if entity_set.kind is not Kind.CONSTANT and table.key_of(row) != key:
                row.update(zip(entity_set.type.key, key, strict=True))
            self.store.put(entity_set.name, row)
        return row

    def _before(self, entity_set: EntitySet, key: Key, *, whole: bool) -> Row:
        """A set of records that is empty is not kept, but can be written."""
        if entity_set.kind is Kind.RECORD_SETS and self.store.tables[entity_set.name].get(key) is None:
            row = entity_set.type.blank()
            row.update(zip(entity_set.type.key, key, strict=True))
            return row
        del whole
        return self.reader.one(entity_set, key)

    def delete(self, entity_set: EntitySet, key: Key) -> None:
        """DELETE: at once and without looking who refers to it."""
        if entity_set.kind in (Kind.SECTION, Kind.RECORDS):
            raise rows_alone()
        if entity_set.kind is Kind.CONSTANT:
            raise method_forbidden("DELETE")
        self.reader.one(entity_set, key)
        if entity_set.number_length:
            self.clear_movements(entity_set, key[0])
        self.store.remove(entity_set.name, key)

    # -- posting

    def post(self, entity_set: EntitySet, key: Key, *, operational: bool = False) -> Row:
        """Post a document: its movements are made anew."""
        row = dict(self.reader.one(entity_set, key))
        if row.get("DeletionMark"):
            raise failed("Помеченный на удаление документ не может быть проведен!")
        if row.get("Date") == EMPTY_DATE:
            raise failed("Не заполнена дата документа! Документ не может быть проведен.")
        if operational and str(row["Date"])[:10] != self.clock().date().isoformat():
            raise failed("Оперативное проведение документа возможно только текущей датой!")
        movements = self.rules.movements(entity_set, row)
        self.clear_movements(entity_set, key[0])
        for register, records in movements.items():
            self.write_records(register, entity_set.name, row, records)
        row["Posted"] = True
        return self._versioned(entity_set, row)

    def unpost(self, entity_set: EntitySet, key: Key) -> Row:
        """Take a document's movements back."""
        row = dict(self.reader.one(entity_set, key))
        self.clear_movements(entity_set, key[0])
        row["Posted"] = False
        return self._versioned(entity_set, row)

    def flag(self, entity_set: EntitySet, key: Key, name: str) -> Row:
        """Set a flag of a business process or a task."""
        row = dict(self.reader.one(entity_set, key))
        if name in row:
            row[name] = True
        return self._versioned(entity_set, row)

    def clear_movements(self, entity_set: EntitySet, ref: str) -> None:
        """Remove every set of records this document made."""
        for name, table in self.store.tables.items():
            if table.set.kind is Kind.RECORD_SETS:
                key = recorder(table.set, entity_set.name, ref)
                if table.get(key) is not None:
                    self.store.remove(name, key)

    def write_records(self, register: str, document: str, row: Row, records: list[Row]) -> None:
        """Write a document's records; those of an independent register stand for themselves."""
        if self.store.schema.sets[register].kind is Kind.INDEPENDENT:
            for record in records:
                self.store.put(register, record)
        elif records:
            self.store.put(register, self.record_set(register, document, row, records))

    def record_set(self, register: str, document: str, row: Row, records: list[Row]) -> Row:
        """A set of records as the register keeps it."""
        kind = self.store.schema.sets[register].type
        below = kind.collections["RecordSet"]
        names = recorder(self.store.schema.sets[register], document, str(row["Ref_Key"]))
        keys: Row = dict(zip(kind.key, names, strict=True))
        full: list[Row] = [
            {**below.blank(), **keys, "Period": row["Date"], "LineNumber": str(place), "Active": True, **record}
            for place, record in enumerate(records, 1)
        ]
        return {**keys, "RecordSet": full}

    # -- parts

    def new_ref(self) -> str:
        """A reference above all others of this base, as 1C makes them from the time."""
        self._made += 1
        tail = digest(self.seed, "new", self._made, size=3).hex()
        return f"{0xC0000000 + self._made:08x}-{tail[:4]}-11f0-8{tail[1:4]}-5404a6b4b8ed"

    def _filled(self, entity_set: EntitySet, row: Row, body: Body) -> Row:
        kind = entity_set.type
        keyed = kind.key if entity_set.kind in (Kind.RECORD_SETS, Kind.INDEPENDENT) else ()
        for name, value in body.items():
            if name.endswith(_BIND):
                self._bound(kind, row, name.removesuffix(_BIND), value)
            elif name in kind.collections:
                row[name] = self._rows(entity_set, name, value, row)
            elif name in kind.props and (name not in READ_ONLY or name in keyed):
                row[name] = _value(kind, row, body, name, value)
            elif "odata." not in name:
                self.ignored.append(f"{entity_set.name}.{name}")
        if entity_set.kind is Kind.RECORD_SETS:
            keys = {name: row[name] for name in kind.key}
            below = row["RecordSet"]
            row["RecordSet"] = [{**one, **keys} for one in below] if isinstance(below, list) else []
        return row

    def _rows(self, entity_set: EntitySet, name: str, value: object, owner: Row) -> list[Row]:
        """All rows of a section: they replace the old ones.

        Raises ``ODataRefusal``: -1 when a line has no number, 400 when the numbers are not 1, 2, 3, ….
        """
        if not isinstance(value, list):
            raise failed(INTERNAL)
        kind, found = entity_set.type.collections[name], []
        for place, given in enumerate(value, 1):
            if not isinstance(given, dict) or given.get("LineNumber") is None:
                raise failed(INTERNAL)
            if str(given["LineNumber"]) != str(place):
                raise ODataRefusal(400, 4, f"Неверное значение свойства LineNumber: {given['LineNumber']}")
            row = kind.blank()
            for key, item in given.items():
                if key.endswith(_BIND):
                    self._bound(kind, row, key.removesuffix(_BIND), item)
                elif key in kind.props and key != "Ref_Key":
                    row[key] = _value(kind, row, given, key, item)
                elif key not in kind.props and "odata." not in key:
                    self.ignored.append(f"{kind.name}.{key}")
            if "Ref_Key" in kind.props:
                row["Ref_Key"] = owner["Ref_Key"]
            found.append(row)
        return found

    def _bound(self, kind: EntityType, row: Row, name: str, value: object) -> None:
        """``X@odata.bind: "Catalog_Y(guid'…')"``; an absolute address does too."""
        parts = segments(str(value).rpartition("standard.odata/")[2])
        found = literal(parts[0].arguments.get("", "") or parts[0].arguments.get("Ref_Key", "")) if parts else None
        if found is None or found.type is not Type.GUID:
            raise bad_request(f"Неверный адрес сущности: {value}")
        if f"{name}_Key" in kind.props:
            row[f"{name}_Key"] = str(found.value)
        elif name in kind.props and kind.props[name].composite:
            row[name], row[f"{name}_Type"] = str(found.value), f"{NAMESPACE}{parts[0].name}"
        else:
            self.ignored.append(f"{kind.name}.{name}")

    def _write(self, entity_set: EntitySet, row: Row, *, new: bool, load: bool) -> None:
        if not load:
            self._numbered(entity_set, row)
            self.rules.before_write(entity_set, row, new=new)
        if row.get("DeletionMark") and row.get("Posted"):
            self.clear_movements(entity_set, str(row["Ref_Key"]))
            row["Posted"] = False
        self._versioned(entity_set, row)

    def _versioned(self, entity_set: EntitySet, row: Row) -> Row:
        row["DataVersion"] = self.store.next_version()
        self.store.put(entity_set.name, row)
        return row

    def _numbered(self, entity_set: EntitySet, row: Row) -> None:
        """An automatic number when there is none; a number twice is refused, of documents within a year."""
        for name, length, prefix, label in (
            ("Code", entity_set.code_length, "", "Код"),
            ("Number", entity_set.number_length, self.number_prefix, "Номер"),
        ):
            if not length:
                continue
            if not str(row.get(name) or "").strip():
                row[name] = self._next(entity_set, row, name, length, prefix)
            elif self._taken(entity_set, row, name):
                raise failed(f'Значение поля "{label}" не уникально')

    def _next(self, entity_set: EntitySet, row: Row, name: str, length: int, prefix: str) -> str:
        table = self.store.tables[entity_set.name]
        number = self._counters.get(entity_set.name, len(table.seeds))
        while True:
            number += 1
            row[name] = text = f"{prefix}{number:0{length - len(prefix)}d}"
            if not self._taken(entity_set, row, name):
                self._counters[entity_set.name] = number
                return text

    def _taken(self, entity_set: EntitySet, row: Row, name: str) -> bool:
        text = str(row[name])
        year = str(row.get("Date", ""))[:4]
        return any(
            other[name] == text and other["Ref_Key"] != row["Ref_Key"] and str(other.get("Date", ""))[:4] == year
            for other in self.store.tables[entity_set.name].rows({name: frozenset((text,))})
        )


def recorder(register: EntitySet, document: str, ref: str) -> Key:
    """The key of a document's set of records; registers of one recorder keep no type."""
    return (ref, f"{NAMESPACE}{document}") if len(register.type.key) > 1 else (ref,)


def _as_folder(kind: EntityType, row: Row) -> None:
    """A folder has none of the attributes of items."""
    for prop in kind.props.values():
        if prop.role is Role.ATTRIBUTE:
            row[prop.name] = None


def _check_whole(entity_set: EntitySet, body: Body) -> None:
    for name, prop in entity_set.type.props.items():
        given = name in body or f"{name.removesuffix('_Key')}{_BIND}" in body
        if not given and name not in READ_ONLY and name not in entity_set.type.key and prop.type != "Edm.Stream":
            raise missing_property(name)


def _value(kind: EntityType, row: Row, body: Body, name: str, value: object) -> Wire:
    """The value to keep; that of several types is kept as text, and a reference among them must be one."""
    found = taken(kind.props[name], value, row.get(name))
    if kind.props[name].composite and not name.endswith("_Type"):
        type_ = str(body.get(f"{name}_Type", row.get(f"{name}_Type")))
        if type_.startswith(NAMESPACE) and type_ != f"{NAMESPACE}Undefined" and found:
            return guid(str(found))
    return found
