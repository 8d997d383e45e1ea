"""Alembic's entry point. ``syncd.store.migrate`` hands the connection over; there is no offline mode."""

from __future__ import annotations

from alembic import context

from syncd.store import (  # noqa: F401 - their tables belong to the metadata
    delivery_tables,
    mapping_tables,
    order_tables,
    run_tables,
)
from syncd.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=False,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
