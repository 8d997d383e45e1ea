"""Tables of the delivery: the targets we call, how each infobase is, bulk actions, issues."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from syncd.store.tables import KEY_TEXT, metadata, moment

ENDPOINT_KINDS: Final = ("http_service", "odata", "soap", "webhook", "email", "telegram", "cms")
HEALTH_STATES: Final = ("unknown", "up", "degraded", "maintenance", "down")
BATCH_STATES: Final = ("running", "paused", "done", "cancelled")
ISSUE_STATES: Final = ("open", "muted", "resolved")


def _one_of(column: str, allowed: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint("{} IN ({})".format(column, ", ".join(f"'{name}'" for name in allowed)), name=column)


endpoint: Final = Table(
    "endpoint",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("id", Uuid(), nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("infobase_id", Uuid()),
    Column("address", Text, nullable=False),
    Column("settings", JSONB, nullable=False, server_default=text("'{}'")),
    Column("secret", LargeBinary),
    Column("takes", ARRAY(Text), nullable=False),
    Column("concurrency", Integer, nullable=False, server_default="2"),
    Column("rate_per_second", Numeric),
    Column("timeout_seconds", Float, nullable=False, server_default="60"),
    moment("paused_at"),
    moment("paused_until"),
    Column("pause_reason", Text),
    Column("paused_by", Text),
    moment("closed_until"),
    Column("closed_code", Text),
    Column("failures", Integer, nullable=False, server_default="0"),
    moment("recovered_at"),
    moment("disabled_at"),
    moment("created_at", required=True),
    moment("updated_at", required=True),
    PrimaryKeyConstraint("tenant", "id"),
    UniqueConstraint("tenant", "name"),
    _one_of("kind", ENDPOINT_KINDS),
    CheckConstraint("concurrency > 0", name="concurrency"),
    Index(None, "tenant", "infobase_id"),
)
"""``takes``: the kinds of messages that go there: ``order``, or names of events, ``*`` for all of them. ``secret`` is
sealed (``syncd.store.secrets``). ``closed_until``: the gate is closed so long, by ``Retry-After`` or after failures."""

infobase_health: Final = Table(
    "infobase_health",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("infobase_id", Uuid(), nullable=False),
    Column("state", Text, nullable=False, server_default="unknown"),
    moment("since", required=True),
    Column("failing", Text),
    Column("latency_ms", Float),
    Column("good", Integer, nullable=False, server_default="0"),
    Column("bad", Integer, nullable=False, server_default="0"),
    Column("error_code", Text),
    Column("error_params", JSONB),
    moment("checked_at"),
    moment("next_ping_at"),
    moment("recovered_at"),
    PrimaryKeyConstraint("tenant", "infobase_id"),
    _one_of("state", HEALTH_STATES),
)
"""``failing``: the first step that failed: name, connection, tls, publication, login, session, licence, answer.
``good`` and ``bad`` count pings of one kind in a row."""

infobase_health_change: Final = Table(
    "infobase_health_change",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("infobase_id", Uuid(), nullable=False),
    Column("seq", BigInteger, Identity(), nullable=False),
    moment("at", required=True),
    Column("state", Text, nullable=False),
    Column("failing", Text),
    Column("latency_ms", Float),
    Column("error_code", Text),
    Column("error_params", JSONB),
    PrimaryKeyConstraint("tenant", "infobase_id", "seq"),
)

batch: Final = Table(
    "batch",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("id", Uuid(), nullable=False),
    Column("action", Text, nullable=False),
    Column("filter", JSONB, nullable=False),
    Column("words", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("rate_per_second", Numeric),
    Column("state", Text, nullable=False, server_default="running"),
    Column("state_reason", Text),
    Column("total", Integer, nullable=False),
    moment("created_at", required=True),
    moment("updated_at", required=True),
    moment("finished_at"),
    Column("lease_id", Uuid()),
    moment("lease_until"),
    PrimaryKeyConstraint("tenant", "id"),
    CheckConstraint("action IN ('retry', 'cancel', 'hold', 'release', 'replay')", name="action"),
    _one_of("state", BATCH_STATES),
    Index("batch_open_idx", "tenant", "id", postgresql_where=text("state IN ('running', 'paused')")),
)
"""An action of a person on many messages, pulls or packages; it outlives the terminal it was typed into."""

batch_item: Final = Table(
    "batch_item",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("batch_id", Uuid(), nullable=False),
    Column("n", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("outcome", Text),
    Column("note", Text),
    moment("done_at"),
    PrimaryKeyConstraint("tenant", "batch_id", "n"),
    ForeignKeyConstraint(["tenant", "batch_id"], ["batch.tenant", "batch.id"], ondelete="CASCADE"),
    CheckConstraint("kind IN ('message', 'package', 'pull')", name="kind"),
    CheckConstraint("outcome IN ('done', 'skipped', 'failed')", name="outcome"),
)
"""Exactly what was shown before the batch was begun; ``outcome`` is null while the item waits its turn."""

issue: Final = Table(
    "issue",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("id", Uuid(), nullable=False),
    Column("fingerprint", KEY_TEXT, nullable=False),
    Column("code", Text, nullable=False),
    Column("params", JSONB),
    Column("owner", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("infobase_id", Uuid()),
    Column("path", Text),
    Column("count", BigInteger, nullable=False, server_default="1"),
    moment("first_at", required=True),
    moment("last_at", required=True),
    Column("last_journal_id", Uuid()),
    Column("state", Text, nullable=False, server_default="open"),
    Column("note", Text),
    Column("assigned_to", Text),
    Column("changed_by", Text),
    Column("muted_until", DateTime(timezone=True)),
    moment("changed_at"),
    PrimaryKeyConstraint("tenant", "id"),
    UniqueConstraint("tenant", "fingerprint"),
    _one_of("state", ISSUE_STATES),
    Index(None, "tenant", "last_at"),
)

issue_subject: Final = Table(
    "issue_subject",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("issue_id", Uuid(), nullable=False),
    Column("entity", KEY_TEXT, nullable=False),
    Column("key", KEY_TEXT, nullable=False),
    Column("count", BigInteger, nullable=False, server_default="1"),
    moment("failed_at", required=True),
    moment("succeeded_at"),
    PrimaryKeyConstraint("tenant", "issue_id", "entity", "key"),
    ForeignKeyConstraint(["tenant", "issue_id"], ["issue.tenant", "issue.id"], ondelete="CASCADE"),
    Index("issue_subject_unresolved_idx", "tenant", "entity", "key", postgresql_where=text("succeeded_at IS NULL")),
)
"""What an issue touched; ``succeeded_at`` is set when the same object later went through: "failed and never later
succeeded" is the rows where it is null."""
