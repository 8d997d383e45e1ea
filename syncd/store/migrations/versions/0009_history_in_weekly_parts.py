"""History in weekly parts"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
from alembic import op
from psycopg.rows import dict_row

from syncd.store import partitions

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_INDEXES = {
    "journal": [
        "CREATE INDEX journal_parent_idx ON journal (tenant, parent_id) WHERE parent_id IS NOT NULL",
        "CREATE INDEX journal_repeat_idx ON journal (tenant, fingerprint, last_at) WHERE fingerprint IS NOT NULL",
        "CREATE INDEX journal_tenant_at_idx ON journal (tenant, at)",
    ],
    "outbox_change": [
        "CREATE INDEX outbox_change_started_idx ON outbox_change (endpoint_id, at) WHERE state = 'sending'",
    ],
}
_KEYS = {"journal": "tenant, id", "outbox_change": "tenant, outbox_id, seq"}


def upgrade() -> None:
    """Apply."""
    for table, column in partitions.TABLES.items():
        op.execute(f"ALTER TABLE {table} RENAME TO {table}_old")
        op.execute(
            f"""CREATE TABLE {table} (LIKE {table}_old INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
                PARTITION BY RANGE ({column})"""
        )
        op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
    op.execute("CREATE SEQUENCE outbox_change_number_seq")
    op.execute("ALTER TABLE outbox_change ALTER seq SET DEFAULT nextval('outbox_change_number_seq')")
    op.execute("ALTER SEQUENCE outbox_change_number_seq OWNED BY outbox_change.seq")
    op.execute("SELECT setval('outbox_change_number_seq', (SELECT coalesce(max(seq), 0) + 1 FROM outbox_change_old))")
    connection = op.get_bind().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    usual, connection.row_factory = connection.row_factory, dict_row
    partitions.ensure(connection, datetime.now(UTC))
    connection.row_factory = usual
    for table in partitions.TABLES:
        op.execute(f"INSERT INTO {table} SELECT * FROM {table}_old")  # noqa: S608 - constants only
        op.execute(f"DROP TABLE {table}_old")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY ({_KEYS[table]})")
        for statement in _INDEXES[table]:
            op.execute(statement)
