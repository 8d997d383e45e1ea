"""Data from a base over OData, by the mapping in force: a ``Puller``.

Objects are read page by page, virtual tables in one answer. Where an entity has several sources, its records are those
of all of them. What changed since the last time comes by the property ``changed_by`` of a source, or for all entities
at once by an exchange plan (``changes``). Orders have an adapter of their own (``odata_orders_in``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import configured
from syncd.adapters.odata.literals import read_moment
from syncd.adapters.ports import Pulled, Recheck
from syncd.errors import ConfigError
from syncd.mappings.compiled import compile_mapping
from syncd.mappings.targets import ORDER
from syncd.mappings.write import compile_write
from syncd.model import ENTITIES
from syncd.model.records import Record
from syncd.store.db import Database
from syncd.store.endpoints import Endpoint
from syncd.sync.odata_changes import Changes
from syncd.sync.odata_mapping import InForce, in_force, name_of
from syncd.sync.odata_order_documents import marked
from syncd.sync.odata_orders_in import Open, OrdersIn, open_orders
from syncd.sync.odata_read import Books, Page, SourceReader
from syncd.sync.odata_together import together

OVERLAP: Final = timedelta(minutes=5)
"""Read again before the newest time that was seen: 1C writes the time when a change begins, not when it is stored."""
FULL_EVERY: Final = timedelta(hours=23)
"""How long changes alone are read: only a whole read shows what was removed for good."""
AT_ONCE: Final = 1000
GUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class OdataPuller:
    """A base over OData, by a mapping. Settings: ``page_size`` (rows of a page), ``node`` (of the exchange plan)."""

    def __init__(self, client: Client, known: InForce, endpoint: Endpoint, open_: Open) -> None:
        self._client = client
        self._mapping = name_of(endpoint)
        self._zone = ZoneInfo(endpoint.zone)
        self._books = Books(client)
        sources = compile_mapping(known.mapping, self._zone, self._books.find, known.base)
        self._books.need(sources)
        size = int(endpoint.settings.get("page_size") or AT_ONCE)
        write = compile_write(known.mapping, self._zone)
        self._readers = [
            SourceReader(client, source, self._books, known.base, size)
            for source in sources
            if source.entity.name in ENTITIES
        ]
        self._orders = OrdersIn(
            [
                SourceReader(client, marked(source, write), self._books, known.base, size)
                for source in sources
                if source.entity is ORDER
            ],
            self._zone, write.posting if write else "no", known.mapping.head.words, self._now, open_,
        )  # fmt: skip
        self._changes = Changes(
            client, known.mapping.head.exchange_plan, endpoint.settings.get("node"), self._readers, self._orders,
            self._now,
        )  # fmt: skip

    @classmethod
    def of(cls, endpoint: Endpoint, password: str | None, db: Database) -> OdataPuller:
        """The base behind an endpoint of kind ``odata``. Raises ConfigError E838, E850 and MappingError."""
        with db.transaction() as conn:
            known = in_force(conn, endpoint)
        settings = configured(
            endpoint.address, endpoint.settings, password, zone=endpoint.zone, concurrency=endpoint.concurrency,
            seconds=endpoint.timeout_seconds,
        )  # fmt: skip

        def open_(since: datetime) -> list[tuple[str, datetime]]:
            with db.transaction() as conn:
                return open_orders(conn, endpoint.tenant, since)

        return cls(Client(settings), known, endpoint, open_)

    def gives(self, entity: str) -> bool:
        """Whether the mapping has such a section."""
        if entity == ORDER.name:
            return bool(self._orders.readers)
        return any(reader.source.entity.name == entity for reader in self._readers)

    def pull(self, entity: str, cursor: str | None) -> Pulled:
        """All records of an entity, or those that changed since the cursor, where all its sources can tell."""
        if not self.gives(entity):
            section = ORDER.plural if entity == ORDER.name else ENTITIES[entity].plural
            raise ConfigError("E852", mapping=self._mapping, section=section)
        if entity == ORDER.name:
            return self._orders.pull(cursor)
        readers = [reader for reader in self._readers if reader.source.entity.name == entity]
        for reader in readers:
            reader.at_hand = False
        known = _Cursor.read(cursor, self._now())
        by_change = all(reader.source.query.changed_by for reader in readers)
        adding = all(reader.source.combines for reader in readers)  # and read in full each time
        since = known.since if known and by_change and not adding else {}
        asked = all(reader.by_ref or not reader.is_object for reader in readers)
        return Pulled(
            together(readers, self._now(), since),
            partial=bool(since) or not asked,
            cursor=lambda: self._following(readers, known if since else None),
            whole=lambda: all(reader.whole for reader in readers),
            recheck=self._recheck(readers),
            at_hand=lambda: all(reader.at_hand for reader in readers),
            hush=self._books.hush,
            notes=lambda: [note for reader in readers for note in reader.filtering.notes],
        )

    def changes(self) -> Pulled:
        """What changed in the whole base, by the exchange plan; forgotten there when ``committed`` is called."""
        return self._changes.pull()

    def committed(self) -> None:
        """What was pulled is stored for good."""
        self._changes.confirm()

    def close(self) -> None:
        """Give connections back."""
        self._changes.close()
        self._client.close()

    @staticmethod
    def _recheck(readers: list[SourceReader]) -> Recheck | None:
        """Objects can be asked for by their references; rows of a table came in one answer, and hide nothing."""
        objects = [reader for reader in readers if reader.is_object]
        if not objects:
            return None

        def recheck(keys: Sequence[str]) -> Iterator[Page]:
            known = [key for key in keys if GUID.fullmatch(key)]
            others = set(keys).difference(known)  # this base never gave them, so it cannot take them away
            if others:
                yield [Record(objects[0].source.entity.name, (key,), {}, stub=True) for key in sorted(others)]
            for reader in objects:
                yield from reader.fetch(known)

        return recheck

    def _following(self, readers: list[SourceReader], before: _Cursor | None) -> str | None:
        if not all(reader.source.query.changed_by for reader in readers):
            return None
        since = dict(before.since) if before else {}
        for reader in readers:
            if (newest := read_moment(reader.newest)) is not None:
                since[reader.source.label] = newest - OVERLAP
        whole = before.whole if before else self._now()
        return json.dumps({"whole": whole.isoformat(), "since": {k: v.isoformat() for k, v in since.items()}})

    def _now(self) -> datetime:
        """By the base's own clock, which knows no zones."""
        return datetime.now(self._zone).replace(tzinfo=None, microsecond=0)


class _Cursor:
    """Where the last read ended: when everything was read, and the newest change of each source."""

    def __init__(self, whole: datetime, since: dict[str, datetime]) -> None:
        self.whole = whole
        self.since = since

    @classmethod
    def read(cls, text: str | None, now: datetime) -> _Cursor | None:
        """``None`` when everything is to be read."""
        if not text:
            return None
        found = json.loads(text)
        whole = datetime.fromisoformat(found["whole"])
        since = {name: datetime.fromisoformat(at) for name, at in found["since"].items()}
        return None if now - whole > FULL_EVERY or not since else cls(whole, since)
