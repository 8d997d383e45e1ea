"""Orders into a base over OData: the adapter's target under the mapping that is in force at the moment."""

from __future__ import annotations

import threading
from zoneinfo import ZoneInfo

from syncd.adapters.odata.locks import advisory
from syncd.adapters.odata.target import OrdersTarget, open_orders
from syncd.adapters.ports import Delivery, Receipt
from syncd.errors import ConfigError, TransportError
from syncd.mappings.write import compile_write
from syncd.store.db import Database
from syncd.store.endpoints import ORDER, Endpoint
from syncd.sync.odata_mapping import InForce, in_force, name_of, stamp_of


class MappedOrders:
    """``Target`` of one endpoint. A mapping that is published, and metadata that are pulled, count from the next
    delivery on. Two workers on one order are kept apart by a lock of Postgres.
    """

    can_look_up = True
    idempotent = False

    def __init__(self, endpoint: Endpoint, password: str | None, db: Database) -> None:
        self._endpoint = endpoint
        self._password = password
        self._db = db
        self._lock = threading.Lock()
        self._known: InForce | None = None
        self._target: OrdersTarget | None = None
        self._before: list[OrdersTarget] = []

    def deliver(self, delivery: Delivery) -> Receipt:
        """Send an order once; as the port says. Without a mapping it waits for one."""
        return self._now().deliver(delivery)

    def look_up(self, delivery: Delivery) -> Receipt | None:
        """Ask for the order by its mark."""
        return self._now().look_up(delivery)

    def close(self) -> None:
        """Give connections back."""
        with self._lock:
            for target in [*self._before, *([self._target] if self._target else [])]:
                target.close()
            self._before, self._target, self._known = [], None, None

    def prepare(self) -> None:
        """Open it now. Raises ConfigError and MappingError for what a person must mend."""
        with self._lock, self._db.transaction() as conn:
            known = in_force(conn, self._endpoint)
            if self._endpoint.accepts(ORDER):
                self._open(known)

    def _now(self) -> OrdersTarget:
        """The target under the newest mapping; of an older one others may be in the middle, so it stays open."""
        with self._lock, self._db.transaction() as conn:
            stamp = stamp_of(conn, self._endpoint)
            if self._target is not None and self._known is not None and self._known.stamp == stamp:
                return self._target
            try:
                return self._open(in_force(conn, self._endpoint))
            except ConfigError as error:  # nothing was sent: it waits until a person has mended it
                raise TransportError(error.code, **error.params) from error

    def _open(self, known: InForce) -> OrdersTarget:
        write = compile_write(known.mapping, ZoneInfo(self._endpoint.zone))
        if write is None:
            raise ConfigError("E851", endpoint=self._endpoint.name, mapping=name_of(self._endpoint))
        made = open_orders(
            self._endpoint, self._password, write, metadata=lambda: known.base,
            lock=advisory(self._db, seconds=self._endpoint.timeout_seconds),
        )  # fmt: skip
        if self._target is not None:
            self._before.append(self._target)
        self._target, self._known = made, known
        return made


def open_target(endpoint: Endpoint, password: str | None, db: Database) -> MappedOrders:
    """The target of an endpoint. Raises ConfigError E838, E850, E851 and MappingError E70x when it cannot be used."""
    made = MappedOrders(endpoint, password, db)
    made.prepare()
    return made
