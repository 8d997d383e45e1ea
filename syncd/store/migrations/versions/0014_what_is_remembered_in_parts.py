"""What is remembered of records is kept in parts: no export is too large to be read a part at a time"""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply. What is known of records is forgotten: the next import reads them all."""
    op.execute("DELETE FROM known_record")
    op.execute(
        "ALTER TABLE known_record DROP COLUMN record_keys, DROP COLUMN record_values, DROP COLUMN signature_numbers"
    )
    op.execute(
        """CREATE TABLE known_record_part (
               tenant text COLLATE "C" NOT NULL,
               kind text NOT NULL,
               n integer NOT NULL,
               record_keys bytea NOT NULL,
               record_values bytea NOT NULL,
               signature_numbers bytea NOT NULL,
               CONSTRAINT known_record_part_pkey PRIMARY KEY (tenant, kind, n),
               CONSTRAINT known_record_part_tenant_kind_fkey FOREIGN KEY (tenant, kind)
                   REFERENCES known_record (tenant, kind) ON DELETE CASCADE
           )"""
    )
    op.execute(
        """CREATE TABLE package_seen_part (
               tenant text COLLATE "C" NOT NULL,
               package_id uuid NOT NULL,
               entity text NOT NULL,
               catalogue_id text COLLATE "C" NOT NULL,
               n integer NOT NULL,
               keys bytea NOT NULL,
               CONSTRAINT package_seen_part_pkey PRIMARY KEY (tenant, package_id, entity, catalogue_id, n),
               CONSTRAINT package_seen_part_tenant_package_id_entity_catalogue_id_fkey
                   FOREIGN KEY (tenant, package_id, entity, catalogue_id)
                   REFERENCES package_seen (tenant, package_id, entity, catalogue_id) ON DELETE CASCADE
           )"""
    )
    for table, columns in (
        ("known_record_part", ("record_keys", "record_values", "signature_numbers")),
        ("package_seen_part", ("keys",)),
    ):
        for column in columns:  # hashes do not shrink
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL")
    op.execute(
        """INSERT INTO package_seen_part (tenant, package_id, entity, catalogue_id, n, keys)
           SELECT tenant, package_id, entity, catalogue_id, 0, keys FROM package_seen"""
    )
    op.execute("ALTER TABLE package_seen DROP COLUMN keys")
    op.execute(
        """CREATE INDEX prices_without_currency_idx ON prices (tenant, price_type_id)
           WHERE currency = '' AND deleted_at IS NULL"""
    )


def downgrade() -> None:
    """Take back."""
    op.execute("DROP INDEX prices_without_currency_idx")
    op.execute("ALTER TABLE package_seen ADD COLUMN keys bytea")
    op.execute(
        """UPDATE package_seen s SET keys = coalesce((
               SELECT string_agg(p.keys, ''::bytea ORDER BY p.n) FROM package_seen_part p
               WHERE (p.tenant, p.package_id, p.entity, p.catalogue_id)
                   = (s.tenant, s.package_id, s.entity, s.catalogue_id)), '')"""
    )
    op.execute("ALTER TABLE package_seen ALTER COLUMN keys SET NOT NULL, ALTER COLUMN keys SET STORAGE EXTERNAL")
    op.execute("DROP TABLE package_seen_part")
    op.execute("DROP TABLE known_record_part")
    op.execute("DELETE FROM known_record")
    op.execute(
        """ALTER TABLE known_record ADD COLUMN record_keys bytea NOT NULL, ADD COLUMN record_values bytea NOT NULL,
           ADD COLUMN signature_numbers bytea NOT NULL"""
    )
    for column in ("record_keys", "record_values", "signature_numbers"):
        op.execute(f"ALTER TABLE known_record ALTER COLUMN {column} SET STORAGE EXTERNAL")
