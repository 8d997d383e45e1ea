"""Tables of sales: orders, the outbox that carries them to 1C, and what each exchange session was offered."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from syncd.store.tables import KEY_TEXT, Xid8, metadata, moment

sales_order: Final = Table(
    "sales_order",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("id", Uuid(), nullable=False),
    Column("storefront", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("exchange_number", KEY_TEXT, nullable=False),
    Column("origin", Text, nullable=False, server_default="storefront"),
    Column("revision_no", Integer, nullable=False, server_default="1"),
    Column("status", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("customer", JSONB, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("comment", Text),
    Column("requisites", JSONB, nullable=False, server_default=text("'{}'")),
    Column("body_hash", LargeBinary),
    Column("id_1c", Text),
    Column("number_1c", Text),
    Column("date_1c", DateTime(timezone=True)),
    Column("status_1c", Text),
    Column("posted", Boolean),
    Column("paid", Boolean),
    Column("shipped", Boolean),
    Column("cancelled", Boolean),
    Column("extra", JSONB),
    Column("extra_1c", JSONB),
    Column("content_hash", Uuid()),
    Column("source_seq", BigInteger),
    Column("revision", BigInteger, nullable=False, server_default=text("nextval('revision_seq')")),
    Column("xid", Xid8(), nullable=False, server_default=text("pg_current_xact_id()")),
    moment("created_at", required=True),
    moment("updated_at", required=True),
    moment("known_at"),
    PrimaryKeyConstraint("tenant", "id"),
    UniqueConstraint("tenant", "exchange_number"),
    UniqueConstraint("tenant", "storefront", "number"),
    CheckConstraint("origin IN ('storefront', '1c')", name="origin"),
    Index(None, "tenant", "updated_at"),
    Index("sales_order_id_1c_idx", "tenant", "id_1c", postgresql_where=text("id_1c IS NOT NULL")),
)
outbox_change_numbers: Final = Sequence("outbox_change_number_seq", metadata=metadata)
order_numbers: Final = Sequence("order_number_seq", metadata=metadata)

order_status: Final = Table(
    "order_status",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("order_id", Uuid(), nullable=False),
    Column("seq", BigInteger, Identity(), nullable=False),
    moment("at", required=True),
    Column("status", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("detail", JSONB),
    PrimaryKeyConstraint("tenant", "order_id", "seq"),
)

idempotency: Final = Table(
    "idempotency",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("route", KEY_TEXT, nullable=False),
    Column("key", KEY_TEXT, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer_id", Text, nullable=False),
    moment("created_at", required=True),
    PrimaryKeyConstraint("tenant", "route", "key"),
    Index(None, "created_at", postgresql_using="brin"),
)

OUTBOX_STATES: Final = (
    "pending",
    "sending",
    "sent",
    "waiting",
    "unconfirmed",
    "acknowledged",
    "rejected",
    "held",
    "cancelled",
    "superseded",
)

outbox: Final = Table(
    "outbox",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("id", Uuid(), nullable=False),
    Column("seq", BigInteger, Identity(), nullable=False),
    Column("infobase_id", Uuid()),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("revision_no", Integer, nullable=False),
    Column("state", Text, nullable=False, server_default="pending"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", DateTime(timezone=True)),
    Column("session_id", Uuid()),
    Column("lease_id", Uuid()),
    moment("lease_until"),
    Column("error_code", Text),
    Column("error_params", JSONB),
    moment("created_at", required=True),
    moment("updated_at", required=True),
    moment("sent_at"),
    moment("acknowledged_at"),
    Column("refusals", Integer, nullable=False, server_default="0"),
    Column("suspicion", SmallInteger, nullable=False, server_default="0"),
    Column("endpoint_id", Uuid()),
    Column("priority", SmallInteger, nullable=False, server_default="0"),
    Column("series", Integer, nullable=False, server_default="1"),
    Column("looks", SmallInteger, nullable=False, server_default="0"),
    Column("payload", JSONB),
    Column("receipt", JSONB),
    moment("claimed_at"),
    Column("claimed_by", Uuid()),
    Column("batch_id", Uuid()),
    PrimaryKeyConstraint("tenant", "id"),
    UniqueConstraint("tenant", "kind", "key", "revision_no"),
    CheckConstraint("state IN ({})".format(", ".join(f"'{s}'" for s in OUTBOX_STATES)), name="state"),
    Index(
        "outbox_open_idx",
        "tenant",
        "seq",
        postgresql_where=text("state NOT IN ('acknowledged', 'cancelled', 'superseded')"),
    ),
    Index(
        "outbox_ready_idx",
        "endpoint_id",
        "priority",
        "seq",
        postgresql_where=text("state = 'pending' AND endpoint_id IS NOT NULL"),
    ),
    Index(
        "outbox_due_idx",
        "endpoint_id",
        "priority",
        "next_attempt_at",
        postgresql_where=text("state IN ('waiting', 'sent', 'unconfirmed') AND endpoint_id IS NOT NULL"),
    ),
    Index(
        "outbox_claimed_idx",
        "endpoint_id",
        "claimed_at",
        postgresql_where=text("lease_id IS NOT NULL"),
    ),
    Index(
        "outbox_key_idx",
        "tenant",
        "kind",
        "key",
        "seq",
        postgresql_where=text("state NOT IN ('acknowledged', 'cancelled', 'superseded')"),
    ),
    Index("outbox_batch_idx", "tenant", "batch_id", postgresql_where=text("batch_id IS NOT NULL")),
)
"""``endpoint_id``: the target we call; null where 1C fetches the message itself (``sale/query``). ``priority``: 0 for
live traffic, 1 for what a batch sends again. ``lease_id`` is set while a worker delivers it or looks it up.
``series`` counts the attempts begun by a person, ``looks`` the look-ups since the outcome became unknown.
``payload``: the body where no canonical row holds it (events)."""

outbox_change: Final = Table(
    "outbox_change",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("outbox_id", Uuid(), nullable=False),
    Column("seq", BigInteger, nullable=False, server_default=text("nextval('outbox_change_number_seq')")),
    moment("at", required=True),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text),
    Column("endpoint_id", Uuid()),
    Column("error_code", Text),
    Column("error_params", JSONB),
    Column("next_attempt_at", DateTime(timezone=True)),
    Column("detail", JSONB),
    PrimaryKeyConstraint("tenant", "outbox_id", "seq"),
    Index("outbox_change_started_idx", "endpoint_id", "at", postgresql_where=text("state = 'sending'")),
    postgresql_partition_by="RANGE (outbox_id)",
)
"""The attempts are its rows with the state ``sending``: rate limits are counted on them, as rows that are only ever
inserted leave no dead versions behind."""

offering: Final = Table(
    "offering",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("session_id", Uuid(), nullable=False),
    Column("outbox_id", Uuid(), nullable=False),
    Column("attempt", Integer, nullable=False),
    moment("at", required=True),
    PrimaryKeyConstraint("tenant", "session_id", "outbox_id"),
)

exchange_pull: Final = Table(
    "exchange_pull",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("infobase_id", Uuid(), nullable=False),
    Column("session_id", Uuid()),
    Column("suspects", Boolean, nullable=False, server_default="false"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("batch_limit", Integer),
    Column("suspect_limit", Integer, nullable=False, server_default="1"),
    moment("confirmed_at"),
    moment("updated_at", required=True),
    PrimaryKeyConstraint("tenant", "infobase_id"),
)

waiting_document: Final = Table(
    "waiting_document",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("basis", KEY_TEXT, nullable=False),
    Column("key", KEY_TEXT, nullable=False),
    Column("source_seq", BigInteger, nullable=False),
    Column("facts", JSONB, nullable=False),
    moment("at", required=True),
    PrimaryKeyConstraint("tenant", "basis", "key"),
)
"""Payments and shipments whose order, named by ``basis``, has not come yet."""
