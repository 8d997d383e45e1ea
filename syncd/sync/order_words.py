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
    return own_words(conn, settings, tenant, infobase_id) or orders.load(None)


def own_words(conn: Conn, settings: Settings, tenant: str, infobase_id: UUID | None) -> OrdersMapping | None:
    """What a person wrote, ``None`` where only the defaults hold. Raises as ``mapping_for``."""
    own = infobase_words.of(conn, tenant, infobase_id)
    if own:
        return orders.parse(own.text, Path(own.file))
    file = settings.exchange.orders_mapping
    return orders.load(file) if file else None
