"""Files as they came are written once and deleted once: nobody reads gigabytes of them to mark them as old"""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_LEFT_ALONE = ("autovacuum_vacuum_insert_threshold", "toast.autovacuum_vacuum_insert_threshold")


def upgrade() -> None:
    """Apply."""
    op.execute(f"ALTER TABLE upload_chunk SET ({', '.join(f'{name} = -1' for name in _LEFT_ALONE)})")


def downgrade() -> None:
    """Take back."""
    op.execute(f"ALTER TABLE upload_chunk RESET ({', '.join(_LEFT_ALONE)})")
