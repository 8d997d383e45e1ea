"""Payments and shipments wait for an order that has not come yet"""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.execute(
        """CREATE TABLE waiting_document (
               tenant text COLLATE "C" NOT NULL,
               basis text COLLATE "C" NOT NULL,
               key text COLLATE "C" NOT NULL,
               source_seq bigint NOT NULL,
               facts jsonb NOT NULL,
               at timestamptz NOT NULL DEFAULT now(),
               CONSTRAINT waiting_document_pkey PRIMARY KEY (tenant, basis, key)
           )"""
    )


def downgrade() -> None:
    """Take back. What waits is forgotten."""
    op.execute("DROP TABLE waiting_document")
