"""Pulls that 1C did not confirm"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "exchange_pull",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("infobase_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("suspects", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("batch_limit", sa.Integer(), nullable=True),
        sa.Column("suspect_limit", sa.Integer(), server_default="1", nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "infobase_id", name=op.f("exchange_pull_pkey")),
    )
    op.add_column("outbox", sa.Column("refusals", sa.Integer(), server_default="0", nullable=False))
    op.add_column("outbox", sa.Column("suspicion", sa.SmallInteger(), server_default="0", nullable=False))
