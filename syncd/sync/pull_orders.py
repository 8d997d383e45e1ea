"""Orders of a pull, applied by the rules that hold for documents of an exchange (``orders_in``), within the transaction
that ends the pull.

Most of them say what they said the last time: those are only noted, many in one statement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.errors import DataError as Unstorable
from psycopg.errors import IntegrityError

from syncd import issues
from syncd.adapters.ports import PulledOrder
from syncd.errors import DataError
from syncd.mappings.orders import OrdersMapping
from syncd.mappings.targets import ORDER
from syncd.model.records import BadRecord, OrderDocument, OrderLine, Record
from syncd.store.db import Conn, every
from syncd.store.merge import Counters
from syncd.sync import orders_in, subordinates
from syncd.sync.order_keys import OrderKeys
from syncd.sync.order_words import own_words
from syncd.sync.pull_merge import PullRun, refuse

_AT_ONCE: Final = 500
_VAGUE: Final = frozenset({None, "new", "confirmed"})
"""What a mapping says of an order that goes on: a person's own words for its state may tell more."""
_RANK: Final = {"unchanged": 0, "updated": 1, "created": 2}
_NOTE: Final = """
    UPDATE sales_order s SET source_seq = %(seq)s, known_at = now()
    FROM unnest(%(refs)s::text[], %(hashes)s::uuid[]) said (ref, hash)
    WHERE s.tenant = %(t)s AND s.id_1c = said.ref AND s.content_hash = said.hash
      AND coalesce(s.source_seq, 0) <= %(seq)s
      AND NOT EXISTS (
          SELECT FROM outbox o WHERE o.tenant = s.tenant AND o.kind = 'order' AND o.key = s.id::text
            AND o.state NOT IN ('acknowledged', 'cancelled', 'superseded'))
    RETURNING s.id_1c
"""
_GOODS: Final = """
    SELECT id, name, sku, unit FROM products WHERE tenant = %(t)s AND id = ANY(%(ids)s)
"""
_BUYERS: Final = """
    SELECT id, name, inn FROM counterparties WHERE tenant = %(t)s AND id = ANY(%(ids)s)
"""


@dataclass(frozen=True, slots=True)
class _Said:
    """A document as it came, and its hash; what it lacks is filled in later."""

    order: PulledOrder
    digest: UUID

    @property
    def ref(self) -> str:
        return self.order.document.id


def apply(state: PullRun) -> Counters | None:
    """All orders of the pull; ``None`` where there were none and nobody asked for them. What Postgres cannot hold is a
    bad record, and the others go on.
    """
    if not (state.orders or ORDER.name in state.entities or state.bad_counts.get(ORDER.name)):
        return None
    assert state.plan.endpoint is not None
    conn, tenant = state.conn, state.claim.tenant
    orders_in.lock(conn, tenant)
    own = state.words or own_words(conn, state.ctx.settings, tenant, state.plan.infobase_id)
    keys = OrderKeys(conn, tenant, state.plan.endpoint)
    bring = _Bring(state, keys, own or OrdersMapping(), ZoneInfo(state.plan.endpoint.zone))
    orders = iter(state.orders)
    while chunk := list(islice(orders, _AT_ONCE)):
        bring.all(_said(chunk, own))
        documents = (order.document for order in chunk)
        subordinates.resolve(conn, tenant, documents, mapping=own or OrdersMapping())
    if issues.unsettled(conn, tenant, ORDER.name):
        issues.succeeded(conn, tenant, ORDER.name, sorted(bring.effects))
    return bring.counters(state.bad_counts.get(ORDER.name, 0))


def _said(orders: Sequence[PulledOrder], own: OrdersMapping | None) -> list[_Said]:
    found = []
    for order in orders:
        document = order.document
        if own is not None and document.means in _VAGUE and (meant := own.status(document.status)):
            order = replace(order, document=replace(document, means=meant))  # noqa: PLW2901
        found.append(_Said(order, orders_in.content_hash(order.document)))
    return found


class _Bring:
    """Brings orders up to what 1C says, chunk by chunk."""

    def __init__(self, state: PullRun, keys: OrderKeys, mapping: OrdersMapping, zone: ZoneInfo) -> None:
        self._state, self._keys, self._mapping, self._zone = state, keys, mapping, zone
        self._conn: Conn = state.conn
        self._where: dict[str, Any] = {"t": state.claim.tenant}
        self.effects: dict[str, str] = {}
        self._ended: set[str] = set()

    def counters(self, failed: int) -> Counters:
        """What became of the orders, each counted once."""
        totals = Counter(self.effects.values())
        return Counters(
            read=len(self.effects) + failed, created=totals["created"], updated=totals["updated"] - len(self._ended),
            unchanged=totals["unchanged"], removed=len(self._ended), failed=failed,
        )  # fmt: skip

    def all(self, chunk: Sequence[_Said]) -> None:
        """A chunk, in the order in which it came."""
        same = self._noted(chunk)
        left = [said for said in chunk if said.ref not in same]
        parts = {said.ref for said in left if not said.order.born}
        known = self._keys.known(parts) if parts else set()
        left = [said for said in left if said.order.born or said.ref in known]
        names = _Names(self._conn, self._where, left)
        for said in left:
            try:
                with self._conn.transaction():
                    self._one(said, names)
            except (Unstorable, IntegrityError, UnicodeEncodeError) as error:
                detail = str(error).partition("\n")[0]
                problem = DataError("E966", entity=ORDER.name, key=said.ref, path="orders", detail=detail)
                refuse(self._state, BadRecord(ORDER.name, said.ref, "orders", 0, problem))

    def _noted(self, chunk: Sequence[_Said]) -> set[str]:
        """Those that say what they said before, of orders that nothing waits for."""
        plain = {said.ref: said.digest for said in chunk}
        twice = {ref for ref, n in Counter(said.ref for said in chunk).items() if n > 1}
        for ref in twice:
            del plain[ref]
        rows = every(
            self._conn, _NOTE, refs=list(plain), hashes=list(plain.values()), seq=self._state.source_seq, **self._where
        )  # fmt: skip
        same = {row["id_1c"] for row in rows}
        for ref in same:
            self.effects.setdefault(ref, "unchanged")
        return same

    def _one(self, said: _Said, names: _Names) -> None:
        order, tenant = said.order, self._state.claim.tenant
        date = order.document.date_1c
        id_ = self._keys.find(order, self._aware(date))
        row = orders_in.locked(self._conn, tenant, id_) if id_ else None
        if row is None and not order.born:
            return
        effect = orders_in.take(
            self._conn, tenant, row, names.filled(order.document), zone=self._zone, source_seq=self._state.source_seq,
            mapping=self._mapping, digest=said.digest, confirms=order.confirms, by="pull",
        )  # fmt: skip
        if _RANK[effect] >= _RANK[self.effects.get(said.ref, "unchanged")]:
            self.effects[said.ref] = effect
        if effect == "updated" and order.document.deletion_mark and not order.born:
            self._ended.add(said.ref)

    def _aware(self, moment: datetime | None) -> datetime | None:
        return moment.replace(tzinfo=self._zone) if moment else None


class _Names:
    """What documents over OData only refer to, as the store knows it: goods of their lines, and who orders."""

    def __init__(self, conn: Conn, where: dict[str, Any], chunk: Sequence[_Said]) -> None:
        documents = [said.order.document for said in chunk]
        goods = sorted({_product(line) for document in documents for line in document.lines or ()})
        buyers = sorted({str(document.extra.get("counterparty_id") or "") for document in documents})
        self._goods = {row["id"]: row for row in _rows(conn, _GOODS, goods, where)}
        self._buyers = {row["id"]: row for row in _rows(conn, _BUYERS, buyers, where)}

    def filled(self, document: OrderDocument) -> OrderDocument:
        """The document with names."""
        lines = None if document.lines is None else [self._named(line) for line in document.lines]
        buyer = self._buyers.get(str(document.extra.get("counterparty_id") or ""))
        known = [Record("counterparty", (buyer["id"],), {"name": buyer["name"], "inn": buyer["inn"]})] if buyer else []
        return replace(document, lines=lines, counterparties=known)

    def _named(self, line: OrderLine) -> OrderLine:
        goods = self._goods.get(_product(line), {})
        return replace(
            line, name=line.name or goods.get("name") or "", sku=line.sku or goods.get("sku") or "",
            unit=line.unit or goods.get("unit") or "",
        )  # fmt: skip


def _product(line: OrderLine) -> str:
    return line.product_id.partition("#")[0]


def _rows(conn: Conn, query: str, ids: Sequence[str], where: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from every(conn, query, ids=list(ids), **where) if ids else ()
