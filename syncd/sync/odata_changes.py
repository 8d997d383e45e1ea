"""What changed, by an exchange plan of 1C: a packet names objects, and those that a mapping uses are read again.

A packet holds changes of everything the plan registers, so one pull takes it whole, and 1C is told only after our own
commit. Objects are read again rather than taken from the packet: what a mapping takes through references is not in it.
Of a register only the fact that it changed is used: its sources are then read as usual, with the other registers of
the same entity.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any, Final

import structlog

from syncd.adapters.odata import changes
from syncd.adapters.odata.changes import Node, Packet
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.literals import ref
from syncd.adapters.ports import Gone, Item, Pulled
from syncd.errors import ConfigError
from syncd.i18n import tr
from syncd.model.records import BadRecord
from syncd.sync.odata_orders_in import OrdersIn
from syncd.sync.odata_read import REF, SourceReader
from syncd.sync.odata_together import together

log = structlog.get_logger(__name__)

_RECORDS: Final = "_RecordType"
_AT_ONCE: Final = 500


class Changes:
    """The packet of one pull. ``pull``, then ``confirm`` after the commit; ``close`` without it leaves it to 1C."""

    def __init__(
        self, client: Client, plan: str | None, node: Any, readers: list[SourceReader], orders: OrdersIn,
        now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._client = client
        self._plan = plan
        self._node = node
        self._readers = readers
        self._together = {
            entity: found
            for entity in dict.fromkeys(reader.source.entity.name for reader in readers)
            if (found := _adding_up([reader for reader in readers if reader.source.entity.name == entity]))
        }
        self._orders = orders
        self._now = now
        self._open = ExitStack()
        self._packet: Packet | None = None

    def pull(self) -> Pulled:
        """Records of all entities. Raises ConfigError E835 without a plan or a node."""
        if not self._plan or not self._node:
            missing = (
                tr("the mapping names no exchange_plan", "в маппинге нет exchange_plan")
                if not self._plan
                else tr("the endpoint has no setting node", "у получателя нет настройки node")
            )
            raise ConfigError("E835", node=self._node or "?", plan=self._plan or "?", detail=missing)
        return Pulled(
            self._pages(Node(self._plan, ref(str(self._node)))), partial=True, words=self._orders.words,
            notes=lambda: [note for reader in self._readers for note in reader.filtering.notes],
        )  # fmt: skip

    def confirm(self) -> None:
        """Let 1C forget the packet: it is stored."""
        packet, self._packet = self._packet, None
        if packet is not None and changes.confirm(self._client, packet):
            log.debug("a packet of changes was confirmed", node=str(packet.node.ref), number=packet.number)

    def close(self) -> None:
        """Forget the packet here."""
        self._packet = None
        self._open.close()

    def _pages(self, node: Node) -> Iterator[Sequence[Item]]:
        packet = self._open.enter_context(changes.select(self._client, node))
        used = {reader.source.query.set.removesuffix(_RECORDS) for reader in self._readers} | self._orders.sets
        touched: dict[str, dict[str, bool]] = {}
        for change in packet:
            name = change.set_name.removesuffix(_RECORDS)
            if name in used:  # a later entry about the same object counts
                touched.setdefault(name, {})[change.key.get(REF, "")] = change.deleted
        yield from self._registers(touched)
        for name, keys in touched.items():
            yield from self._objects(name, keys)
        yield from self._orders.changed(touched)
        self._packet = packet

    def _registers(self, touched: Container[str]) -> Iterator[Sequence[Item]]:
        """Of an entity that one of them touches all are read, and what is no more leaves no record to be read."""
        for readers in self._together.values():
            if any(reader.source.query.set.removesuffix(_RECORDS) in touched for reader in readers):
                yield from together(readers, self._now(), {}, rest=True)

    def _objects(self, name: str, keys: dict[str, bool]) -> Iterator[Sequence[Item]]:
        readers = [reader for reader in self._readers if reader.is_object and reader.source.query.set == name]
        living = [key for key, deleted in keys.items() if key and not deleted]
        for entity in dict.fromkeys(reader.source.entity.name for reader in readers):
            seen: set[str] = set()
            of_entity = [reader for reader in readers if reader.source.entity.name == entity]
            for reader in of_entity:
                for start in range(0, len(living), _AT_ONCE):
                    for page in reader.fetch(living[start : start + _AT_ONCE]):
                        seen |= {str(each.key if isinstance(each, BadRecord) else each.key[0]) for each in page}
                        if all(reader is not other for other in self._together.get(entity, ())):
                            yield page
            if any(reader.by_ref for reader in of_entity):  # deleted, or of no source any more
                yield [Gone(entity, (key,)) for key in keys if key and key not in seen]


def _adding_up(readers: list[SourceReader]) -> list[SourceReader]:
    """Those of the sources of one entity whose records may be parts of one: registers and objects that say so, and all
    of them where plain objects state a part too.
    """
    adding = {name for reader in readers for name in reader.source.combines}
    plain = [reader for reader in readers if reader.is_object and not reader.source.combines]
    if any(name in adding for reader in plain for name, _ in reader.source.fields):
        return readers
    return [reader for reader in readers if reader.source.combines or not reader.is_object]
