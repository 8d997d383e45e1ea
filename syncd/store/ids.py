"""Our own ids: UUIDv7, which sort by the time they were made; an order's is UUIDv5, which a repeated request makes
again.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid5

from uuid_utils.compat import uuid7

_ORDERS: Final = UUID("0d2f5a3e-6c1b-5b0a-9a53-1c0f5e6d7a11")


def new_id() -> UUID:
    """A fresh UUIDv7."""
    made: UUID = uuid7()
    return made


def order_id(tenant: str, storefront: str, number: str) -> UUID:
    """The id of an order: the same for the same tenant, storefront and the storefront's number."""
    return uuid5(_ORDERS, f"{tenant}\x1f{storefront}\x1f{number}")
