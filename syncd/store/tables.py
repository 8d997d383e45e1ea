"""Every table, described with SQLAlchemy Core. The tables of entities follow from their declarations in
``syncd.model``.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import TypeEngine, UserDefinedType

from syncd.model import ENTITIES, Entity
from syncd.model.entity import Kind


class Xid8(UserDefinedType[str]):
    """Postgres' 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """The type's name in DDL."""
        return "XID8"


ischema_names["xid8"] = Xid8  # so that reflection knows it

metadata: Final = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    }
)
revisions: Final = Sequence("revision_seq", metadata=metadata)

KEY_TEXT: Final = Text(
    collation="C"
)  # ids compare by bytes: cheaper than by a language's rules, and the same on every host
_TYPES: Final[dict[Kind, TypeEngine[Any]]] = {
    "text": Text(),
    "decimal": Numeric(),
    "integer": BigInteger(),
    "boolean": Boolean(),
    "timestamp": DateTime(timezone=True),
    "list": JSONB(none_as_null=True),
    "map": JSONB(none_as_null=True),
}
_NOW: Final = text("now()")
_WIDE: Final = {"toast_tuple_target": 8160}  # a row is compressed beyond a page only: it takes long and saves little


def moment(name: str, *, required: bool = False) -> Column[object]:
    """A column for a time; a required one is the time of the row's writing unless said otherwise."""
    return Column(name, DateTime(timezone=True), nullable=not required, server_default=_NOW if required else None)


def entity_table(entity: Entity) -> Table:
    """The table of one entity: its key behind ``tenant``, its fields, and what every canonical row carries."""
    table = Table(
        entity.plural,
        metadata,
        Column("tenant", KEY_TEXT, nullable=False),
        *(Column(f.name, KEY_TEXT if f.kind == "text" else _TYPES[f.kind], nullable=False) for f in entity.key),
        *(Column(f.name, _TYPES[f.kind]) for f in entity.fields),
        Column("extra", JSONB(none_as_null=True)),
        Column("content_hash", Uuid(), nullable=False),
        Column("source_seq", BigInteger, nullable=False),
        Column("revision", BigInteger, nullable=False, server_default=text("nextval('revision_seq')")),
        Column("xid", Xid8(), nullable=False, server_default=text("pg_current_xact_id()")),
        moment("updated_at", required=True),
        moment("deleted_at"),
        PrimaryKeyConstraint("tenant", *entity.key_names),
        postgresql_with=_WIDE if entity.name in ("product", "offer") else {},
    )
    # BRIN: rows changed lately lie together, and a first load pays next to nothing for it
    Index(None, table.c.updated_at, postgresql_using="brin", postgresql_with={"autosummarize": "on"})
    for name in entity.filters:
        if name != entity.key_names[0]:
            Index(None, table.c.tenant, table.c[name])
    return table


ENTITY_TABLES: Final[dict[str, Table]] = {name: entity_table(entity) for name, entity in ENTITIES.items()}
Index(
    "prices_without_currency_idx",
    ENTITY_TABLES["price"].c.tenant,
    ENTITY_TABLES["price"].c.price_type_id,
    postgresql_where=text("currency = '' AND deleted_at IS NULL"),
)
Index(
    None,
    ENTITY_TABLES["product"].c.category_ids,
    postgresql_using="gin",
    postgresql_ops={"category_ids": "jsonb_path_ops"},
)

infobase: Final = Table(
    "infobase",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("id", Uuid(), nullable=False),
    Column("name", Text, nullable=False),
    Column("login", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("dialect", Text, nullable=False, server_default="auto"),
    Column("zone", Text, nullable=False, server_default="Europe/Moscow"),
    moment("created_at", required=True),
    moment("seen_at"),
    moment("paused_at"),
    moment("paused_until"),
    Column("pause_reason", Text),
    Column("paused_by", Text),
    Column("orders_mapping", JSONB(none_as_null=True)),  # its own: {file, text}
    PrimaryKeyConstraint("tenant", "id"),
    UniqueConstraint("tenant", "name"),
    UniqueConstraint("tenant", "login"),
    CheckConstraint("dialect IN ('auto', 'standard', 'bitrix')", name="dialect"),
)

api_key: Final = Table(
    "api_key",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("id", Uuid(), nullable=False),
    Column("name", Text, nullable=False),
    Column("storefront", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("key_hash", LargeBinary, nullable=False),
    Column("scopes", JSONB, nullable=False),
    moment("created_at", required=True),
    moment("revoked_at"),
    PrimaryKeyConstraint("tenant", "id"),
    UniqueConstraint("key_hash"),
    UniqueConstraint("tenant", "name"),
)

exchange_session: Final = Table(
    "exchange_session",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("id", Uuid(), nullable=False),
    Column("infobase_id", Uuid(), nullable=False),
    Column("token_hash", LargeBinary, nullable=False),
    Column("type", Text, nullable=False),
    Column("generation", Integer, nullable=False, server_default="0"),
    Column("version", Text),
    Column("address", Text),
    moment("created_at", required=True),
    moment("seen_at", required=True),
    moment("expires_at", required=True),
    PrimaryKeyConstraint("tenant", "id"),
    UniqueConstraint("token_hash"),
    Index(None, "tenant", "infobase_id", "type", "seen_at"),
    Index(None, "expires_at"),
)

upload: Final = Table(
    "upload",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("id", Uuid(), nullable=False),
    Column("seq", BigInteger, Identity(), nullable=False),
    Column("session_id", Uuid()),
    Column("infobase_id", Uuid()),
    Column("type", Text, nullable=False),
    Column("generation", Integer, nullable=False, server_default="0"),
    Column("name", Text, nullable=False),
    Column("format", Text, nullable=False, server_default="other"),
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("parts", Integer, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default="open"),
    moment("created_at", required=True),
    moment("updated_at", required=True),
    PrimaryKeyConstraint("tenant", "id"),
    CheckConstraint("state IN ('open', 'taken', 'replaced')", name="state"),
    CheckConstraint("format IN ('xml', 'zip', 'other')", name="format"),
    Index(None, "tenant", "session_id", "type", "name"),
    Index("upload_open_idx", "updated_at", postgresql_where=text("state = 'open'")),
)

upload_chunk: Final = Table(
    "upload_chunk",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("upload_id", Uuid(), nullable=False),
    Column("n", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant", "upload_id", "n"),
    ForeignKeyConstraint(["tenant", "upload_id"], ["upload.tenant", "upload.id"], ondelete="CASCADE"),
)

picture: Final = Table(
    "picture",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("path", KEY_TEXT, nullable=False),
    Column("upload_id", Uuid(), nullable=False),
    Column("member", Text),  # of an archive
    Column("seq", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("crc", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "path"),
    ForeignKeyConstraint(["tenant", "upload_id"], ["upload.tenant", "upload.id"], ondelete="CASCADE"),
    Index(None, "tenant", "upload_id"),
)

package: Final = Table(
    "package",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("id", Uuid(), nullable=False),
    Column("seq", BigInteger, Identity(), nullable=False),
    Column("infobase_id", Uuid()),
    Column("session_id", Uuid()),
    Column("source", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("source_seq", BigInteger),  # of a replay: the original's place in the order of arrival
    Column("replay_of", Uuid()),
    Column("replay_reason", Text),
    Column("replay_by", Text),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("outcome", Text),
    Column("counters", JSONB),
    Column("error_code", Text),
    Column("error_params", JSONB),
    Column("progress", JSONB),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("lease_id", Uuid()),
    moment("lease_until"),
    moment("created_at", required=True),
    moment("started_at"),
    moment("finished_at"),
    PrimaryKeyConstraint("tenant", "id"),
    CheckConstraint("state IN ('queued', 'importing', 'done', 'failed')", name="state"),
    CheckConstraint("outcome IN ('ok', 'partial', 'failed')", name="outcome"),
    Index("package_open_idx", "tenant", "lane", "seq", postgresql_where=text("state IN ('queued', 'importing')")),
    Index(None, "tenant", "seq"),
)

package_file: Final = Table(
    "package_file",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("package_id", Uuid(), nullable=False),
    Column("n", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("upload_id", Uuid(), nullable=False),
    Column("member", Text),
    PrimaryKeyConstraint("tenant", "package_id", "n"),
    ForeignKeyConstraint(["tenant", "package_id"], ["package.tenant", "package.id"], ondelete="CASCADE"),
    ForeignKeyConstraint(["tenant", "upload_id"], ["upload.tenant", "upload.id"]),
    Index(None, "tenant", "upload_id"),
)

journal: Final = Table(
    "journal",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("id", Uuid(), nullable=False),
    Column("parent_id", Uuid()),
    moment("at", required=True),
    moment("last_at", required=True),
    Column("repeats", Integer, nullable=False, server_default="1"),
    Column("kind", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("infobase_id", Uuid()),
    Column("session_id", Uuid()),
    Column("package_id", Uuid()),
    Column("subject", Text),
    Column("code", Text),
    Column("params", JSONB),
    Column("owner", Text),
    Column("entity", Text),
    Column("key", Text),
    Column("path", Text),
    Column("file", Text),
    Column("line", Integer),
    Column("counters", JSONB),
    Column("detail", Text),
    Column("fingerprint", Text),
    PrimaryKeyConstraint("tenant", "id"),
    CheckConstraint("outcome IN ('ok', 'partial', 'failed')", name="outcome"),
    Index(None, "tenant", "at"),
    Index("journal_parent_idx", "tenant", "parent_id", postgresql_where=text("parent_id IS NOT NULL")),
    Index("journal_repeat_idx", "tenant", "fingerprint", "last_at", postgresql_where=text("fingerprint IS NOT NULL")),
    postgresql_partition_by="RANGE (id)",
)

freshness: Final = Table(
    "freshness",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("entity", Text, nullable=False),
    moment("as_of", required=True),
    Column("package_id", Uuid()),
    PrimaryKeyConstraint("tenant", "entity"),
)

known_record: Final = Table(
    "known_record",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reader", Text, nullable=False),
    Column("labels", JSONB, nullable=False),
    Column("signatures", JSONB, nullable=False),
    moment("updated_at", required=True),
    PrimaryKeyConstraint("tenant", "kind"),
)

known_record_part: Final = Table(
    "known_record_part",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("kind", Text, nullable=False),
    Column("n", Integer, nullable=False),
    Column("record_keys", LargeBinary, nullable=False),
    Column("record_values", LargeBinary, nullable=False),
    Column("signature_numbers", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant", "kind", "n"),
    ForeignKeyConstraint(["tenant", "kind"], ["known_record.tenant", "known_record.kind"], ondelete="CASCADE"),
)

worker: Final = Table(
    "worker",
    metadata,
    Column("id", Uuid(), nullable=False),
    Column("role", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    moment("started_at", required=True),
    moment("seen_at", required=True),
    PrimaryKeyConstraint("id"),
)

schedule: Final = Table(
    "schedule",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("name", KEY_TEXT, nullable=False),
    Column("next_fire_at", DateTime(timezone=True)),
    moment("paused_at"),
    moment("paused_until"),
    Column("pause_reason", Text),
    Column("paused_by", Text),
    moment("updated_at", required=True),
    PrimaryKeyConstraint("tenant", "name"),
)
"""What is known of a schedule beside its configuration. The tenant is empty for the installation's own jobs."""

schedule_run: Final = Table(
    "schedule_run",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False, server_default=""),
    Column("schedule", KEY_TEXT, nullable=False),
    Column("fire_at", DateTime(timezone=True), nullable=False),
    Column("lane", Text),
    Column("state", Text, nullable=False, server_default="running"),
    Column("requested_by", Text),
    moment("created_at", required=True),
    moment("started_at"),
    moment("finished_at"),
    Column("outcome", Text),
    Column("reason", Text),
    Column("counters", JSONB),
    Column("worker_id", Uuid()),
    moment("lease_until"),
    PrimaryKeyConstraint("tenant", "schedule", "fire_at"),
    CheckConstraint("state IN ('queued', 'running', 'done', 'skipped')", name="state"),
    CheckConstraint("outcome IN ('ok', 'partial', 'failed', 'skipped')", name="outcome"),
    Index("schedule_run_open_idx", "lane", "fire_at", postgresql_where=text("state IN ('queued', 'running')")),
)
"""A run exists when its row was inserted. ``lane``: runs of one lane follow each other, lanes do not wait for one
another."""
