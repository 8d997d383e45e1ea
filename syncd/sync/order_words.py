"""Which orders mapping holds for an infobase: its own, else that of the installation."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from syncd.config import Settings
from syncd.mappings import orders
from syncd.mappings.orders import OrdersMapping
from syncd.store import infobase_words
from syncd.store.db import Conn


def mapping_for(conn: Conn, settings: Settings, tenant: str, infobase_id: UUID | None) -> OrdersMapping:
    """The mapping. Raises ``ConfigError`` as ``orders.load`` does."""
    own = infobase_words.of(conn, tenant, infobase_id)
    return orders.parse(own.text, Path(own.file)) if own else orders.load(settings.exchange.orders_mapping)
