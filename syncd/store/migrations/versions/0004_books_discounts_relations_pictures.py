"""Reference books, discounts, relations, pictures"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from syncd.store.tables import Xid8

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "discount_card_kinds",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("extra", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("content_hash", sa.Uuid(), nullable=False),
        sa.Column("source_seq", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("nextval('revision_seq')"), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("discount_card_kinds_pkey")),
    )
    op.create_index(
        op.f("discount_card_kinds_updated_at_idx"),
        "discount_card_kinds",
        ["updated_at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_table(
        "discount_cards",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("barcode", sa.Text(), nullable=True),
        sa.Column("kind_id", sa.Text(), nullable=True),
        sa.Column("counterparty_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("extra", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("content_hash", sa.Uuid(), nullable=False),
        sa.Column("source_seq", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("nextval('revision_seq')"), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("discount_cards_pkey")),
    )
    op.create_index(op.f("discount_cards_tenant_barcode_idx"), "discount_cards", ["tenant", "barcode"], unique=False)
    op.create_index(
        op.f("discount_cards_tenant_counterparty_id_idx"), "discount_cards", ["tenant", "counterparty_id"], unique=False
    )
    op.create_index(
        op.f("discount_cards_updated_at_idx"),
        "discount_cards",
        ["updated_at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_table(
        "discounts",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=True),
        sa.Column("priority", sa.BigInteger(), nullable=True),
        sa.Column("combination", sa.Text(), nullable=True),
        sa.Column("starts_at", sa.Text(), nullable=True),
        sa.Column("ends_at", sa.Text(), nullable=True),
        sa.Column("conditions", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("extra", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("content_hash", sa.Uuid(), nullable=False),
        sa.Column("source_seq", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("nextval('revision_seq')"), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("discounts_pkey")),
    )
    op.create_index(
        op.f("discounts_updated_at_idx"),
        "discounts",
        ["updated_at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_table(
        "product_kinds",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("property_ids", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("extra", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("content_hash", sa.Uuid(), nullable=False),
        sa.Column("source_seq", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("nextval('revision_seq')"), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("product_kinds_pkey")),
    )
    op.create_index(
        op.f("product_kinds_updated_at_idx"),
        "product_kinds",
        ["updated_at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_table(
        "reference_books",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("fields", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("extra", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("content_hash", sa.Uuid(), nullable=False),
        sa.Column("source_seq", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("nextval('revision_seq')"), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("reference_books_pkey")),
    )
    op.create_index(
        op.f("reference_books_updated_at_idx"),
        "reference_books",
        ["updated_at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_table(
        "reference_items",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("book_id", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("values", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("extra", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("content_hash", sa.Uuid(), nullable=False),
        sa.Column("source_seq", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("nextval('revision_seq')"), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "book_id", "id", name=op.f("reference_items_pkey")),
    )
    op.create_index(op.f("reference_items_tenant_id_idx"), "reference_items", ["tenant", "id"], unique=False)
    op.create_index(
        op.f("reference_items_updated_at_idx"),
        "reference_items",
        ["updated_at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_table(
        "relations",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("product_id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("other_id", sa.Text(collation="C"), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("sku", sa.Text(), nullable=True),
        sa.Column("unit", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("extra", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("content_hash", sa.Uuid(), nullable=False),
        sa.Column("source_seq", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("nextval('revision_seq')"), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "product_id", "kind", "other_id", name=op.f("relations_pkey")),
    )
    op.create_index(op.f("relations_tenant_kind_idx"), "relations", ["tenant", "kind"], unique=False)
    op.create_index(op.f("relations_tenant_other_id_idx"), "relations", ["tenant", "other_id"], unique=False)
    op.create_index(
        op.f("relations_updated_at_idx"),
        "relations",
        ["updated_at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_table(
        "picture",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("member", sa.Text(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("crc", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "upload_id"],
            ["upload.tenant", "upload.id"],
            name=op.f("picture_tenant_upload_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "path", name=op.f("picture_pkey")),
    )
    op.create_index(op.f("picture_tenant_upload_id_idx"), "picture", ["tenant", "upload_id"], unique=False)
    op.add_column(
        "counterparties",
        sa.Column("representatives", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    )
    op.add_column("sales_order", sa.Column("extra_1c", postgresql.JSONB(astext_type=sa.Text()), nullable=True))

    # a product that became "without VAT" kept its rate until now
    op.execute("""
        UPDATE products SET tax_rate = NULL, revision = nextval('revision_seq'), xid = pg_current_xact_id(), updated_at = now()
        WHERE tax_rate IS NOT NULL AND tax_label IS NOT NULL AND tax_label !~ '[0-9]'
    """)
    _find_pictures()


def _find_pictures() -> None:
    """Pictures that were uploaded on their own before pictures were known: the newest of each path."""
    bind = op.get_bind()
    rows = bind.execute(
        sa.text("""
        SELECT tenant, id, name, seq, size FROM upload
        WHERE format = 'other' AND state = 'open' AND name NOT LIKE 'Reports/%' AND lower(name) NOT LIKE '%.zip' AND lower(name) NOT LIKE '%.xml'
        ORDER BY seq
    """)
    )
    for row in rows.fetchall():
        path = row.name.casefold().rpartition("import_files/")[2]
        bind.execute(
            sa.text("""
                INSERT INTO picture (tenant, path, upload_id, seq, size, crc) VALUES (:tenant, :path, :upload, :seq, :size, 0)
                ON CONFLICT (tenant, path) DO UPDATE SET upload_id = excluded.upload_id, seq = excluded.seq, size = excluded.size
            """),
            {"tenant": row.tenant, "path": path, "upload": row.id, "seq": row.seq, "size": row.size},
        )
