"""Tables of full exports: which records a package stated, and the runs of portions that end in removals."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from syncd.store.tables import KEY_TEXT, metadata

RUN_STATES: Final = ("open", "ending", "held", "applied", "nothing", "rejected", "abandoned")
_NOW: Final = text("now()")

package_seen: Final = Table(
    "package_seen",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("package_id", Uuid(), nullable=False),
    Column("entity", Text, nullable=False),
    Column("catalogue_id", KEY_TEXT, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("infobase_id", Uuid()),
    Column("portions", ARRAY(Integer), nullable=False),
    Column("stated", Boolean, nullable=False),
    PrimaryKeyConstraint("tenant", "package_id", "entity", "catalogue_id"),
    ForeignKeyConstraint(["tenant", "package_id"], ["package.tenant", "package.id"], ondelete="CASCADE"),
    Index(None, "tenant", "entity", "seq"),
)
"""``seq`` is the package's place in the order of arrival (of a replay: the original's); ``portions`` the numbers in the
names of the files that stated them; not ``stated`` where only other things (prices) named the records."""

package_seen_part: Final = Table(
    "package_seen_part",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("package_id", Uuid(), nullable=False),
    Column("entity", Text, nullable=False),
    Column("catalogue_id", KEY_TEXT, nullable=False),
    Column("n", Integer, nullable=False),
    Column("keys", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant", "package_id", "entity", "catalogue_id", "n"),
    ForeignKeyConstraint(
        ["tenant", "package_id", "entity", "catalogue_id"],
        ["package_seen.tenant", "package_seen.package_id", "package_seen.entity", "package_seen.catalogue_id"],
        ondelete="CASCADE",
    ),
)
"""``keys`` are hashes of what was stated, a piece of them in ascending order: see ``syncd.store.seen``."""

export_run: Final = Table(
    "export_run",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("id", Uuid(), nullable=False),
    Column("infobase_id", Uuid()),
    Column("kind", Text, nullable=False),
    Column("catalogue_id", KEY_TEXT, nullable=False),
    Column("state", Text, nullable=False),
    Column("ended_by", Text),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("portions", Integer, nullable=False, server_default="0"),
    Column("seen", BigInteger),
    Column("absent", BigInteger),
    Column("total", BigInteger),
    Column("code", Text),
    Column("params", JSONB),
    Column("reason", Text),
    Column("decided_by", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("ended_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("tenant", "id"),
    CheckConstraint("kind IN ('catalogue', 'offers', 'book', 'request')", name="kind"),
    CheckConstraint("state IN ({})".format(", ".join(f"'{s}'" for s in RUN_STATES)), name="state"),
    Index(None, "tenant", "kind", "catalogue_id", "first_seq"),
    Index("export_run_undecided_idx", "tenant", "state", postgresql_where=text("state IN ('open', 'ending', 'held')")),
)
"""``infobase_id`` is null for files imported from the command line; ``catalogue_id`` of a book is the book's. Why a run
ended as it did: ``code`` and ``params`` of an error, or the ``reason`` a person gave. A row of kind ``request`` is a
complete or deactivate that waits until the packages before it are imported; with ``first_seq`` 0 it only ends runs."""
