"""Runs of full exports"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "export_run",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("infobase_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("catalogue_id", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("portions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=True),
        sa.Column("absent", sa.BigInteger(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('catalogue', 'offers', 'request')", name=op.f("export_run_kind_check")),
        sa.CheckConstraint(
            "state IN ('open', 'ending', 'held', 'applied', 'nothing', 'rejected', 'abandoned')",
            name=op.f("export_run_state_check"),
        ),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("export_run_pkey")),
    )
    op.create_index(
        op.f("export_run_tenant_kind_catalogue_id_first_seq_idx"),
        "export_run",
        ["tenant", "kind", "catalogue_id", "first_seq"],
        unique=False,
    )
    op.create_index(
        "export_run_undecided_idx",
        "export_run",
        ["tenant", "state"],
        unique=False,
        postgresql_where=sa.text("state IN ('open', 'ending', 'held')"),
    )
    op.create_table(
        "package_seen",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("package_id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("catalogue_id", sa.Text(collation="C"), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("infobase_id", sa.Uuid(), nullable=True),
        sa.Column("keys", sa.LargeBinary(), nullable=False),
        sa.Column("portions", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("stated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "package_id"],
            ["package.tenant", "package.id"],
            name=op.f("package_seen_tenant_package_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "package_id", "entity", "catalogue_id", name=op.f("package_seen_pkey")),
    )
    op.create_index(
        op.f("package_seen_tenant_entity_seq_idx"), "package_seen", ["tenant", "entity", "seq"], unique=False
    )
    op.add_column("package", sa.Column("source_seq", sa.BigInteger(), nullable=True))
    op.add_column("package", sa.Column("replay_of", sa.Uuid(), nullable=True))
    op.add_column("package", sa.Column("replay_reason", sa.Text(), nullable=True))
    op.add_column("package", sa.Column("replay_by", sa.Text(), nullable=True))
    # hashes do not shrink: no use in trying
    op.execute("ALTER TABLE package_seen ALTER COLUMN keys SET STORAGE EXTERNAL")
