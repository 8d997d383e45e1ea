"""Tables of mappings: published versions, and what the bases' ``$metadata`` said."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Identity, Index, LargeBinary, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from syncd.store.tables import KEY_TEXT, metadata, moment

mapping_version: Final = Table(
    "mapping_version",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("name", KEY_TEXT, nullable=False),
    Column("seq", BigInteger, Identity(), nullable=False),
    Column("version", Text, nullable=False),  # of the content
    Column("files", JSONB, nullable=False),  # the mapping and what it extends: name to text
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    moment("at", required=True),
    PrimaryKeyConstraint("tenant", "name", "seq"),
)

metadata_version: Final = Table(
    "metadata_version",
    metadata,
    Column("tenant", KEY_TEXT, nullable=False),
    Column("name", KEY_TEXT, nullable=False),
    Column("hash", KEY_TEXT, nullable=False),  # of the document
    Column("seq", BigInteger, Identity(), nullable=False),
    Column("compact", LargeBinary, nullable=False),
    Column("source", Text, nullable=False),
    Column("by", Text, nullable=False),
    moment("at", required=True),
    PrimaryKeyConstraint("tenant", "name", "hash"),
    Index(None, "tenant", "name", "seq"),
)
