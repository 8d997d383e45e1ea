"""Full exports of reference books, why a full export was given up, and an orders mapping of one infobase"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0008"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.drop_constraint(op.f("export_run_kind_check"), "export_run", type_="check")
    op.create_check_constraint(
        op.f("export_run_kind_check"), "export_run", "kind IN ('catalogue', 'offers', 'book', 'request')"
    )
    op.add_column("export_run", sa.Column("code", sa.Text(), nullable=True))
    op.add_column("export_run", sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column(
        "infobase",
        sa.Column("orders_mapping", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    )
