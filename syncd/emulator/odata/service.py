"""One request to the interface: what is asked, and 1C's answer to it. Knows nothing of sockets."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from syncd.emulator.odata import answers, edmx
from syncd.emulator.odata.address import Segment, check_options, options, segments
from syncd.emulator.odata.answers import BOM, Format
from syncd.emulator.odata.atom_body import read_entry
from syncd.emulator.odata.exchange import ExchangePlans
from syncd.emulator.odata.functions import SLICES
from syncd.emulator.odata.model import EMPTY_REF, EntitySet, EntityType, Kind, Row, Schema
from syncd.emulator.odata.reading import Reader
from syncd.emulator.odata.refusals import (
    ODataRefusal,
    bad_request,
    failed,
    method_forbidden,
    no_argument,
    no_instance,
    no_method,
    no_segment,
    no_set,
    not_comparable,
    option_unreadable,
)
from syncd.emulator.odata.shaping import Metadata, key_text
from syncd.emulator.odata.store import Key, Store
from syncd.emulator.odata.values import INTERNAL, as_text
from syncd.emulator.odata.virtual import Call, VirtualTables, columns
from syncd.emulator.odata.writing import Body, Writer

JSON: Final = "application/json;odata={};streaming=true;charset=utf-8"
_ATOM: Final = "application/atom+xml;charset=utf-8"
_READING: Final = ("GET", "HEAD")
_LOAD: Final = "1c_odata-dataloadmode"


@dataclass(slots=True)
class Asked:
    """A request: ``path`` decoded and relative to the service, ``query`` raw, header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(slots=True)
class Answer:
    """Status, headers and the body in pieces. ``written``: something was changed in the base."""

    status: int
    content_type: str = ""
    body: Iterable[bytes] = ()
    headers: dict[str, str] = field(default_factory=dict)
    written: bool = False


@dataclass(slots=True)
class Service:
    """The interface of one base under the address ``root`` (without a slash at its end)."""

    store: Store
    reader: Reader
    writer: Writer
    plans: ExchangePlans
    root: Callable[[], str]
    if_match_honoured: bool = False
    atom_only: bool = False
    bom: bool = False
    refused_filters: str = ""

    @property
    def _schema(self) -> Schema:
        return self.store.schema

    def answer(self, asked: Asked) -> Answer:
        """The answer.

        Raises ``ODataRefusal``.
        """
        found = options(asked.query)
        check_options(found)
        if self.refused_filters and re.search(self.refused_filters, found.get("$filter", "")):
            raise not_comparable(1)
        return _Request(self, asked, found).answer()

    def format_of(self, asked: Asked) -> Format:
        """JSON when it is asked for in ``$format`` or Accept, else Atom."""
        if self.atom_only:
            return Format.ATOM
        wanted = options(asked.query).get("$format") or asked.headers.get("accept", "")
        return Format.JSON if "json" in wanted else Format.ATOM


class _Request:
    """One request on its way."""

    def __init__(self, service: Service, asked: Asked, options_: dict[str, str]) -> None:
        self._service = service
        self._asked = asked
        self._options = options_
        self._format = service.format_of(asked)
        self._metadata = self._metadata_level()
        self._root = service.root()
        self._schema = service.store.schema

    def _metadata_level(self) -> Metadata:
        wanted = self._options.get("$format") or self._asked.headers.get("accept", "")
        level = wanted.replace(" ", "").partition("odata=")[2].partition(";")[0].partition(",")[0]
        return next((one for one in Metadata if one.value == level), Metadata.MINIMAL)

    def answer(self) -> Answer:
        """Find out what the address is, then do what the verb says."""
        path = segments(self._asked.path)
        if not path:
            return self._service_document()
        first = path[0]
        if first.name == "$metadata":
            self._only_reading()
            return Answer(200, "application/xml;charset=utf-8", [edmx.write(self._schema)])
        if first.name in ("SelectChanges", "NotifyChangesReceived"):
            return self._exchange(first.name)
        entity_set = self._schema.sets.get(first.name)
        if entity_set is None:
            raise no_set(first.name)
        keyed = first.called and bool(first.arguments)
        if not keyed:
            return self._collection(entity_set, path[1:])
        key = self._service.reader.key(entity_set, first)
        if len(path) == 1:
            return self._object(entity_set, key)
        return self._below(entity_set, key, path[1:])

    def _only_reading(self) -> None:
        if self._asked.method not in _READING:
            raise method_forbidden(self._asked.method)

    def _service_document(self) -> Answer:
        self._only_reading()
        if self._format is Format.JSON:
            return self._json(200, [answers.json_service(self._root, self._schema)])
        return Answer(200, "application/atomsvc+xml;charset=utf-8", [answers.atom_service(self._root, self._schema)])

    def _json(self, status: int, body: Iterable[bytes]) -> Answer:
        pieces = [BOM, *body] if self._service.bom else body
        return Answer(status, JSON.format(self._metadata.value), pieces)

    # -- sets

    def _collection(self, entity_set: EntitySet, rest: list[Segment]) -> Answer:
        if rest and rest[0].name == "$count":
            self._only_reading()
            count = self._service.reader.count(entity_set, self._options)
            return Answer(200, "text/plain;charset=utf-8", [BOM + str(count).encode()])
        if rest:
            return self._virtual(entity_set, rest)
        if self._asked.method == "POST":
            return self._create(entity_set)
        if self._asked.method in ("PATCH", "PUT") and entity_set.kind is Kind.CONSTANT:
            return self._change(entity_set, ())
        self._only_reading()
        page = self._service.reader.page(entity_set, self._options)
        return self._many(entity_set, page.rows, page.count)

    def _many(self, entity_set: EntitySet, rows: Iterable[Row], count: int | None) -> Answer:
        shaper = self._service.reader.shaper(entity_set, self._options, self._metadata)
        shown = map(shaper.shape, rows)
        if self._format is Format.ATOM:
            return Answer(200, _ATOM + ";type=feed", answers.atom_collection(self._root, entity_set, shown, count))
        return self._json(200, answers.json_collection(self._context(entity_set), shown, count))

    def _context(self, entity_set: EntitySet, tail: str = "") -> str:
        return "" if self._metadata is Metadata.NONE else f"{self._root}/$metadata#{entity_set.name}{tail}"

    def _virtual(self, entity_set: EntitySet, rest: list[Segment]) -> Answer:
        """A virtual table; its rows are filtered, ordered and cut like those of a set."""
        function = self._schema.functions.get((entity_set.name, rest[0].name))
        if function is None or function.side_effects or len(rest) > 1:
            raise no_method() if len(rest) == 1 else no_segment(rest[0].name)
        self._only_reading()
        if entity_set.kind is Kind.RECORDS:
            entity_set = self._schema.sets[entity_set.owner]
        record = entity_set.type.collections.get("RecordSet", entity_set.type)
        arguments = {**{name: self._options[name] for name, _ in function.parameters if name in self._options}}
        call = Call(entity_set, record, function, {**arguments, **rest[0].arguments})
        made = columns(entity_set, record, function)
        shown = EntitySet(self._virtual_name(entity_set, function.name), Kind.INDEPENDENT, made)
        rows = VirtualTables(self._service.reader).rows(call)
        page = self._service.reader.page_of(shown, rows, self._options)
        return self._many(shown, page.rows, page.count)

    @staticmethod
    def _virtual_name(entity_set: EntitySet, function: str) -> str:
        name = f"{entity_set.name}_RecordType" if entity_set.kind is Kind.RECORD_SETS and function in SLICES else ""
        return f"{name or entity_set.name}/{function}"

    # -- objects

    def _object(self, entity_set: EntitySet, key: Key) -> Answer:
        method = self._asked.method
        if method in _READING:
            return self._one(200, entity_set, self._service.reader.one(entity_set, key))
        if method in ("PATCH", "PUT", "MERGE"):
            return self._change(entity_set, key)
        if method == "DELETE":
            self._match(entity_set, key)
            with self._service.store.transaction():
                self._service.writer.delete(entity_set, key)
            return Answer(204, written=True)
        raise method_forbidden(method)

    def _one(self, status: int, entity_set: EntitySet, row: Row) -> Answer:
        shown = self._service.reader.shaper(entity_set, self._options, self._metadata).shape(row)
        if self._format is Format.ATOM:
            return Answer(status, _ATOM + ";type=entry", [answers.atom_object(self._root, entity_set, shown)])
        return self._json(status, [answers.json_object(self._context(entity_set, "/@Element"), shown)])

    def _create(self, entity_set: EntitySet) -> Answer:
        body = self._body()
        with self._service.store.transaction():
            row = self._service.writer.create(entity_set, body, load=self._load())
        status = 201 if entity_set.kind is Kind.OBJECTS else 200
        made = self._one(status, entity_set, row)
        made.written = True
        if status == 201:
            made.headers["Location"] = f"{self._root}/{entity_set.name}({key_text(entity_set.type, row)})"
        return made

    def _change(self, entity_set: EntitySet, key: Key) -> Answer:
        self._match(entity_set, key)
        body = self._body()
        with self._service.store.transaction():
            whole = self._asked.method == "PUT"
            row = self._service.writer.change(entity_set, key, body, whole=whole, load=self._load())
        made = self._one(200, entity_set, row)
        made.written = True
        return made

    def _load(self) -> bool:
        return self._asked.headers.get(_LOAD, "").lower() == "true"

    def _match(self, entity_set: EntitySet, key: Key) -> None:
        """The developer guide says 412; live bases pay no attention to If-Match."""
        wanted = self._asked.headers.get("if-match", "*").removeprefix("W/").strip('"')
        if not self._service.if_match_honoured or wanted == "*" or entity_set.kind is not Kind.OBJECTS:
            return
        if self._service.reader.one(entity_set, key)["DataVersion"] != wanted:
            raise ODataRefusal(412, -1, "Данные были изменены или удалены другим пользователем")

    def _body(self) -> Body:
        content_type = self._asked.headers.get("content-type", "")
        if "atom" in content_type or self._asked.body.lstrip()[:1] == b"<":
            return read_entry(self._asked.body)
        try:
            body = json.loads(self._asked.body.decode("utf-8-sig"), parse_float=Decimal)
        except ValueError:
            raise failed(INTERNAL) from None
        if not isinstance(body, dict):
            raise bad_request("Неверный формат тела запроса")
        return body

    # -- below an object

    def _below(self, entity_set: EntitySet, key: Key, rest: list[Segment]) -> Answer:
        name = rest[0].name
        function = self._schema.functions.get((entity_set.name, name))
        if function is not None and function.side_effects:
            return self._action(entity_set, key, rest[0])
        self._only_reading()
        row, kind = self._service.reader.one(entity_set, key), entity_set.type
        if name in kind.collections:
            section = EntitySet(f"{entity_set.name}_{name}", Kind.SECTION, kind.collections[name])
            below = row[name]
            return self._many(section, below if isinstance(below, list) else [], None)
        if name in kind.navs or (name in kind.props and kind.props[name].composite and len(rest) > 1):
            return self._through(entity_set, kind, row, rest)
        if name not in kind.props:
            raise no_segment(name)
        return self._property(entity_set, row, name, raw=len(rest) > 1 and rest[1].name == "$value")

    def _through(self, entity_set: EntitySet, kind: EntityType, row: Row, rest: list[Segment]) -> Answer:
        """Along a reference; one to several types is followed by the type's name."""
        name, deeper = rest[0].name, rest[1:]
        target = kind.navs.get(name, "")
        if not target:
            target, deeper = deeper[0].name, deeper[1:]
        other = self._schema.sets.get(target)
        ref = str(row.get(f"{name}_Key", row.get(name)))
        if other is None or ref == EMPTY_REF:
            raise no_instance(target or entity_set.name)
        return self._below(other, (ref,), deeper) if deeper else self._object(other, (ref,))

    def _property(self, entity_set: EntitySet, row: Row, name: str, *, raw: bool) -> Answer:
        prop = entity_set.type.props[name]
        if prop.type == "Edm.Stream":
            if "json" in str(row.get(f"{name}_Type", "")) or not row.get(f"{name}_Base64Data"):
                raise ODataRefusal(501, 0, "Тип значения хранилища не поддерживается")
            data = b64decode(str(row[f"{name}_Base64Data"]))
            return Answer(200, str(row[f"{name}_Type"]), [data])
        value = row.get(name)
        if raw:
            return Answer(200, "text/plain;charset=utf-8", [as_text(value).encode()])
        shown: Row = {"value": value}
        return self._json(200, [answers.json_object(f"{self._root}/$metadata#{prop.type}", shown)])

    def _action(self, entity_set: EntitySet, key: Key, segment: Segment) -> Answer:
        """Post, Unpost and the like: on GET too, as live bases do."""
        if self._asked.method not in ("POST", "GET"):
            raise method_forbidden(self._asked.method)
        arguments = {**self._options, **segment.arguments}
        writer = self._service.writer
        with self._service.store.transaction():
            if segment.name == "Post":
                operational = arguments.get("PostingModeOperational", "false").lower() == "true"
                writer.post(entity_set, key, operational=operational)
            elif segment.name == "Unpost":
                writer.unpost(entity_set, key)
            else:
                writer.flag(entity_set, key, {"Start": "Started", "ExecuteTask": "Executed"}[segment.name])
        return Answer(200, written=True)

    # -- exchange plans

    def _exchange(self, name: str) -> Answer:
        if self._asked.method != "POST":
            raise method_forbidden(self._asked.method)
        for argument in ("DataExchangePoint", "MessageNo"):
            if argument not in self._options:
                raise no_argument(argument)
        point = self._options["DataExchangePoint"]
        # The address is a quoted text that holds quotes, doubled or not.
        address = point.strip().removeprefix("'").removesuffix("'").replace("''", "'")
        tail = segments(address.rpartition("standard.odata/")[2])
        if not tail or tail[0].name not in self._schema.sets or not self._options["MessageNo"].isdecimal():
            raise option_unreadable("DataExchangePoint")
        plan = self._schema.sets[tail[0].name]
        node, message = self._service.reader.key(plan, tail[0])[0], int(self._options["MessageNo"])
        with self._service.store.lock:
            if name == "SelectChanges":
                changes = self._service.plans.select(plan.name, node, message)
                return Answer(200, _ATOM + ";type=feed", answers.atom_changes(self._root, changes))
            self._service.plans.confirm(plan.name, node, message)
        return Answer(200, written=True)
