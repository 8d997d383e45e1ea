"""Sites we push to"""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_BEFORE = "'http_service', 'odata', 'soap', 'webhook', 'email', 'telegram'"


def upgrade() -> None:
    """Apply."""
    _allow(f"{_BEFORE}, 'cms'")


def downgrade() -> None:
    """Take back. Endpoints of the new kind, and their messages' way, are gone with it."""
    op.execute("DELETE FROM endpoint WHERE kind = 'cms'")
    _allow(_BEFORE)


def _allow(kinds: str) -> None:
    op.execute("ALTER TABLE endpoint DROP CONSTRAINT endpoint_kind_check")
    op.execute(f"ALTER TABLE endpoint ADD CONSTRAINT endpoint_kind_check CHECK (kind IN ({kinds}))")
