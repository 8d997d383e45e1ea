"""What changed, by an exchange plan of 1C: a packet names objects, and those that a mapping uses are read again.

A packet holds changes of everything the plan registers, so one pull takes it whole, and 1C is told only after our own
commit. Objects are read again rather than taken from the packet: what a mapping takes through references is not in it.
Of a register only the fact that it changed is used: its sources are then read as usual, with the other registers of
the same entity. A set that 1C cannot give holds up none of the others; 1C is then told nothing, and the packet comes
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any, Final

import structlog

from syncd.adapters.odata import changes
from syncd.adapters.odata.changes import Node, Packet
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.literals import ref
from syncd.adapters.ports import Gone, Item, Pulled
from syncd.errors import ConfigError, DataError, SyncdError
from syncd.i18n import tr
from syncd.mappings.targets import ORDER
from syncd.model import ENTITIES
from syncd.model.records import BadRecord
from syncd.sync.odata_orders_in import OrdersIn
from syncd.sync.odata_read import REF, SourceReader
from syncd.sync.odata_together import together
from syncd.sync.pull_unread import of_one_set

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
        failed: dict[str, SyncdError] = {}
        read = 0
        for entity, pages in self._reads(touched):
            try:
                yield from pages
                read += 1
            except SyncdError as error:
                if not of_one_set(error):
                    raise
                failed[entity] = error
        if failed and not read:
            raise next(iter(failed.values()))
        if failed:  # 1C is not told, so that what was not read comes again
            yield [_unread(entity, error) for entity, error in failed.items()]
        else:
            self._packet = packet

    def _reads(self, touched: Mapping[str, Mapping[str, bool]]) -> Iterator[tuple[str, Iterator[Sequence[Item]]]]:
        """What is to be read of which entity. Of one whose records may add up all sources are, when one of them is
        touched: what is no more leaves no record to be read.
        """
        for entity, readers in self._together.items():
            if any(reader.source.query.set.removesuffix(_RECORDS) in touched for reader in readers):
                yield entity, together(readers, self._now(), {}, rest=True)
        for name, keys in touched.items():
            for entity in dict.fromkeys(reader.source.entity.name for reader in self._of_set(name)):
                yield entity, self._objects(entity, name, keys)
        if not self._orders.sets.isdisjoint(touched):
            yield ORDER.name, self._orders.changed(touched)

    def _of_set(self, name: str) -> list[SourceReader]:
        return [reader for reader in self._readers if reader.is_object and reader.source.query.set == name]

    def _objects(self, entity: str, name: str, keys: Mapping[str, bool]) -> Iterator[Sequence[Item]]:
        living = [key for key, deleted in keys.items() if key and not deleted]
        seen: set[str] = set()
        readers = [reader for reader in self._of_set(name) if reader.source.entity.name == entity]
        for reader in readers:
            for start in range(0, len(living), _AT_ONCE):
                for page in reader.fetch(living[start : start + _AT_ONCE]):
                    seen |= {str(each.key if isinstance(each, BadRecord) else each.key[0]) for each in page}
                    if all(reader is not other for other in self._together.get(entity, ())):
                        yield page
        if any(reader.by_ref for reader in readers):  # deleted, or of no source any more
            yield [Gone(entity, (key,)) for key in keys if key and key not in seen]


def _unread(entity: str, error: SyncdError) -> BadRecord:
    plural = ORDER.plural if entity == ORDER.name else ENTITIES[entity].plural
    return BadRecord(entity, "", entity, 0, DataError("E978", entity=plural, reason=error.text()))


def _adding_up(readers: list[SourceReader]) -> list[SourceReader]:
    """Those of the sources of one entity whose records may be parts of one: registers and objects that say so, and all
    of them where plain objects state a part too.
    """
    adding = {name for reader in readers for name in reader.source.combines}
    plain = [reader for reader in readers if reader.is_object and not reader.source.combines]
    if any(name in adding for reader in plain for name, _ in reader.source.fields):
        return readers
    return [reader for reader in readers if reader.source.combines or not reader.is_object]
