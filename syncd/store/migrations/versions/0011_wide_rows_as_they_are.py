"""Rows of goods up to a page are kept as they are: compressing them costs a third of a first load and saves no space.
Files as they came are written once and deleted once: nobody reads gigabytes of them to mark them as old.
"""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TABLES = ("products", "offers")
_LEFT_ALONE = ("autovacuum_vacuum_insert_threshold", "toast.autovacuum_vacuum_insert_threshold")


def upgrade() -> None:
    """Apply."""
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} SET (toast_tuple_target = 8160)")
    op.execute(f"ALTER TABLE upload_chunk SET ({', '.join(f'{name} = -1' for name in _LEFT_ALONE)})")


def downgrade() -> None:
    """Take back."""
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} RESET (toast_tuple_target)")
    op.execute(f"ALTER TABLE upload_chunk RESET ({', '.join(_LEFT_ALONE)})")
