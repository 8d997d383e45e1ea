"""Delivery: endpoints, health, schedules, batches, issues"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "batch",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("filter", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("rate_per_second", sa.Numeric(), nullable=True),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_id", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "action IN ('retry', 'cancel', 'hold', 'release', 'replay')", name=op.f("batch_action_check")
        ),
        sa.CheckConstraint("state IN ('running', 'paused', 'done', 'cancelled')", name=op.f("batch_state_check")),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("batch_pkey")),
    )
    op.create_index(
        "batch_open_idx",
        "batch",
        ["tenant", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('running', 'paused')"),
    )
    op.create_table(
        "endpoint",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("infobase_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("takes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("concurrency", sa.Integer(), server_default="2", nullable=False),
        sa.Column("rate_per_second", sa.Numeric(), nullable=True),
        sa.Column("timeout_seconds", sa.Float(), server_default="60", nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("paused_by", sa.Text(), nullable=True),
        sa.Column("closed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_code", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("recovered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind IN ('http_service', 'odata', 'soap', 'webhook', 'email', 'telegram')",
            name=op.f("endpoint_kind_check"),
        ),
        sa.CheckConstraint("concurrency > 0", name=op.f("endpoint_concurrency_check")),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("endpoint_pkey")),
        sa.UniqueConstraint("tenant", "name", name=op.f("endpoint_tenant_name_key")),
    )
    op.create_index(op.f("endpoint_tenant_infobase_id_idx"), "endpoint", ["tenant", "infobase_id"], unique=False)
    op.create_table(
        "infobase_health",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("infobase_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), server_default="unknown", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("failing", sa.Text(), nullable=True),
        sa.Column("latency_ms", sa.Float(), nullable=True),
        sa.Column("good", sa.Integer(), server_default="0", nullable=False),
        sa.Column("bad", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_params", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_ping_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recovered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('unknown', 'up', 'degraded', 'maintenance', 'down')", name=op.f("infobase_health_state_check")
        ),
        sa.PrimaryKeyConstraint("tenant", "infobase_id", name=op.f("infobase_health_pkey")),
    )
    op.create_table(
        "infobase_health_change",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("infobase_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("failing", sa.Text(), nullable=True),
        sa.Column("latency_ms", sa.Float(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_params", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "infobase_id", "seq", name=op.f("infobase_health_change_pkey")),
    )
    op.create_table(
        "issue",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.Text(collation="C"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("infobase_id", sa.Uuid(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("count", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_journal_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("assigned_to", sa.Text(), nullable=True),
        sa.Column("changed_by", sa.Text(), nullable=True),
        sa.Column("muted_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('open', 'muted', 'resolved')", name=op.f("issue_state_check")),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("issue_pkey")),
        sa.UniqueConstraint("tenant", "fingerprint", name=op.f("issue_tenant_fingerprint_key")),
    )
    op.create_index(op.f("issue_tenant_last_at_idx"), "issue", ["tenant", "last_at"], unique=False)
    op.create_table(
        "schedule",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("next_fire_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("paused_by", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", name=op.f("schedule_pkey")),
    )
    op.create_table(
        "batch_item",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('message', 'package', 'pull')", name=op.f("batch_item_kind_check")),
        sa.CheckConstraint("outcome IN ('done', 'skipped', 'failed')", name=op.f("batch_item_outcome_check")),
        sa.ForeignKeyConstraint(
            ["tenant", "batch_id"],
            ["batch.tenant", "batch.id"],
            name=op.f("batch_item_tenant_batch_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "batch_id", "n", name=op.f("batch_item_pkey")),
    )
    op.create_table(
        "issue_subject",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("issue_id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("count", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "issue_id"],
            ["issue.tenant", "issue.id"],
            name=op.f("issue_subject_tenant_issue_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "issue_id", "entity", "key", name=op.f("issue_subject_pkey")),
    )
    op.create_index(
        "issue_subject_unresolved_idx",
        "issue_subject",
        ["tenant", "entity", "key"],
        unique=False,
        postgresql_where=sa.text("succeeded_at IS NULL"),
    )
    op.add_column("infobase", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("infobase", sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("infobase", sa.Column("pause_reason", sa.Text(), nullable=True))
    op.add_column("infobase", sa.Column("paused_by", sa.Text(), nullable=True))
    op.add_column("outbox", sa.Column("endpoint_id", sa.Uuid(), nullable=True))
    op.add_column("outbox", sa.Column("priority", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("outbox", sa.Column("series", sa.Integer(), server_default="1", nullable=False))
    op.add_column("outbox", sa.Column("looks", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("outbox", sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("outbox", sa.Column("receipt", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("outbox", sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("outbox", sa.Column("claimed_by", sa.Uuid(), nullable=True))
    op.add_column("outbox", sa.Column("batch_id", sa.Uuid(), nullable=True))
    op.create_index(
        "outbox_batch_idx",
        "outbox",
        ["tenant", "batch_id"],
        unique=False,
        postgresql_where=sa.text("batch_id IS NOT NULL"),
    )
    op.create_index(
        "outbox_due_idx",
        "outbox",
        ["endpoint_id", "priority", "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('waiting', 'sent', 'unconfirmed') AND endpoint_id IS NOT NULL"),
    )
    op.create_index(
        "outbox_key_idx",
        "outbox",
        ["tenant", "kind", "key", "seq"],
        unique=False,
        postgresql_where=sa.text("state NOT IN ('acknowledged', 'cancelled', 'superseded')"),
    )
    op.create_index(
        "outbox_ready_idx",
        "outbox",
        ["endpoint_id", "priority", "seq"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND endpoint_id IS NOT NULL"),
    )
    op.create_index(
        "outbox_claimed_idx",
        "outbox",
        ["endpoint_id", "claimed_at"],
        unique=False,
        postgresql_where=sa.text("lease_id IS NOT NULL"),
    )
    op.add_column("outbox_change", sa.Column("endpoint_id", sa.Uuid(), nullable=True))
    op.add_column("outbox_change", sa.Column("error_code", sa.Text(), nullable=True))
    op.add_column("outbox_change", sa.Column("error_params", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("outbox_change", sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("outbox_change", sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.create_index(
        "outbox_change_started_idx",
        "outbox_change",
        ["endpoint_id", "at"],
        unique=False,
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.add_column("schedule_run", sa.Column("tenant", sa.Text(collation="C"), server_default="", nullable=False))
    op.add_column("schedule_run", sa.Column("lane", sa.Text(), nullable=True))
    op.add_column("schedule_run", sa.Column("state", sa.Text(), server_default="running", nullable=False))
    op.add_column("schedule_run", sa.Column("requested_by", sa.Text(), nullable=True))
    op.add_column(
        "schedule_run",
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.add_column("schedule_run", sa.Column("counters", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("schedule_run", sa.Column("worker_id", sa.Uuid(), nullable=True))
    op.add_column("schedule_run", sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "schedule_run_open_idx",
        "schedule_run",
        ["lane", "fire_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.alter_column("schedule_run", "schedule", type_=sa.Text(collation="C"), existing_nullable=False)
    op.alter_column("schedule_run", "started_at", nullable=True, server_default=None)
    op.execute(
        "UPDATE schedule_run SET state = 'done' WHERE finished_at IS NOT NULL OR started_at < now() - interval '1 hour'"
    )
    op.create_check_constraint(
        op.f("schedule_run_state_check"), "schedule_run", "state IN ('queued', 'running', 'done', 'skipped')"
    )
    op.create_check_constraint(
        op.f("schedule_run_outcome_check"), "schedule_run", "outcome IN ('ok', 'partial', 'failed', 'skipped')"
    )
    op.drop_constraint("schedule_run_pkey", "schedule_run", type_="primary")
    op.create_primary_key("schedule_run_pkey", "schedule_run", ["tenant", "schedule", "fire_at"])
