"""Published mappings and the metadata of bases, by name: what is in force, what was before, and who changed it.

A version is the hash of what the mapping says. Publishing keeps the mapping together with the presets it was made of,
so that an update of syncd changes no mapping by itself.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from syncd.errors import MappingError
from syncd.mappings.loading import Mapping, read
from syncd.mappings.metadata import Metadata
from syncd.mappings.metadata_reader import pack, unpack
from syncd.store.db import Conn, every, execute, one


@dataclass(frozen=True, slots=True)
class Published:
    """One published version. ``files`` holds the mapping under nothing, and its presets by name."""

    name: str
    seq: int
    version: str
    files: Map[str, str]
    by: str
    reason: str
    at: datetime

    def mapping(self) -> Mapping:
        """The mapping as it was published. Raises ``MappingError`` when this syncd cannot read it any more."""
        presets = {name: text for name, text in self.files.items() if name}
        return read(self.files[""], f"{self.name} {self.version}", presets.get, presets)


def publish(conn: Conn, tenant: str, name: str, mapping: Mapping, *, by: str, reason: str) -> Published:
    """Put a mapping in force under a name. What is in force already is not published again."""
    before = current(conn, tenant, name)
    if before is not None and before.version == mapping.version:
        return before
    return _insert(conn, tenant, name, mapping.version, mapping.texts, by=by, reason=reason)


def rollback(conn: Conn, tenant: str, name: str, version: str, *, by: str, reason: str) -> Published:
    """Put an earlier version in force again. Raises ``MappingError`` E748 when there is none that begins so."""
    found = find(conn, tenant, name, version)
    return _insert(conn, tenant, name, found.version, dict(found.files), by=by, reason=reason)


def current(conn: Conn, tenant: str, name: str) -> Published | None:
    """The version in force."""
    row = one(
        conn, "SELECT * FROM mapping_version WHERE tenant = %(t)s AND name = %(n)s ORDER BY seq DESC LIMIT 1",
        t=tenant, n=name,
    )  # fmt: skip
    return _published(row) if row else None


def find(conn: Conn, tenant: str, name: str, version: str) -> Published:
    """The newest publication of a version, by the beginning of its hash. Raises ``MappingError`` E748."""
    row = one(
        conn,
        """SELECT * FROM mapping_version WHERE tenant = %(t)s AND name = %(n)s AND starts_with(version, %(v)s)
           ORDER BY seq DESC LIMIT 1""",
        t=tenant, n=name, v=version,
    )  # fmt: skip
    if row is None or not version:
        raise MappingError("E748", name=name, version=f" ({version})")
    return _published(row)


def history(conn: Conn, tenant: str, name: str | None = None, *, limit: int = 100) -> list[Published]:
    """Publications, the newest first; of all names without one."""
    rows = every(
        conn,
        """SELECT * FROM mapping_version WHERE tenant = %(t)s AND (%(n)s::text IS NULL OR name = %(n)s)
           ORDER BY seq DESC LIMIT %(limit)s""",
        t=tenant, n=name, limit=limit,
    )  # fmt: skip
    return [_published(row) for row in rows]


def _insert(
    conn: Conn, tenant: str, name: str, version: str, files: Map[str, str], *, by: str, reason: str
) -> Published:
    row = one(
        conn,
        """INSERT INTO mapping_version (tenant, name, version, files, by, reason)
           VALUES (%(t)s, %(n)s, %(v)s, %(files)s, %(by)s, %(reason)s) RETURNING *""",
        t=tenant, n=name, v=version, files=Jsonb(dict(files)), by=by, reason=reason,
    )  # fmt: skip
    assert row is not None
    return _published(row)


def _published(row: Map[str, object]) -> Published:
    return Published(**{name: row[name] for name in Published.__slots__})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Kept:
    """A state of a base's metadata that was kept. ``source`` tells where it came from."""

    name: str
    hash: str
    source: str
    by: str
    at: datetime


def keep_metadata(conn: Conn, tenant: str, name: str, made: Metadata, *, source: str, by: str) -> bool:
    """Keep what a base published. Returns whether it is new: the same document again only becomes the newest."""
    row = one(
        conn,
        """INSERT INTO metadata_version (tenant, name, hash, compact, source, by)
           VALUES (%(t)s, %(n)s, %(h)s, %(c)b, %(s)s, %(by)s)
           ON CONFLICT (tenant, name, hash) DO UPDATE SET source = excluded.source, by = excluded.by, at = now(),
               seq = DEFAULT, compact = excluded.compact
           RETURNING (xmax = 0) AS fresh""",
        t=tenant, n=name, h=made.hash, c=pack(made), s=source, by=by,
    )  # fmt: skip
    return bool(row and row["fresh"])


def seen_metadata(conn: Conn, tenant: str, name: str, hash_: str, *, source: str, by: str) -> None:
    """Note that a base publishes today what was kept of it before; nothing is newer for that."""
    execute(
        conn,
        """UPDATE metadata_version SET at = now(), source = %(s)s, by = %(by)s
           WHERE tenant = %(t)s AND name = %(n)s AND hash = %(h)s""",
        t=tenant, n=name, h=hash_, s=source, by=by,
    )  # fmt: skip


def metadata_of(conn: Conn, tenant: str, name: str, hash_: str = "") -> Metadata | None:
    """The newest metadata of a base, or that with this hash (its beginning)."""
    row = one(
        conn,
        """SELECT compact FROM metadata_version WHERE tenant = %(t)s AND name = %(n)s AND starts_with(hash, %(h)s)
           ORDER BY seq DESC LIMIT 1""",
        t=tenant, n=name, h=hash_,
    )  # fmt: skip
    return unpack(bytes(row["compact"])) if row else None


def metadata_history(conn: Conn, tenant: str, name: str | None = None, *, limit: int = 100) -> list[Kept]:
    """What was kept of bases, the newest first."""
    rows = every(
        conn,
        """SELECT name, hash, source, by, at FROM metadata_version
           WHERE tenant = %(t)s AND (%(n)s::text IS NULL OR name = %(n)s) ORDER BY seq DESC LIMIT %(limit)s""",
        t=tenant, n=name, limit=limit,
    )  # fmt: skip
    return [Kept(**row) for row in rows]


def forget_metadata(conn: Conn, tenant: str, name: str, *, keep: int = 10) -> int:
    """Drop all but the newest states of a base."""
    return execute(
        conn,
        """DELETE FROM metadata_version WHERE tenant = %(t)s AND name = %(n)s AND seq <= coalesce((
               SELECT seq FROM metadata_version WHERE tenant = %(t)s AND name = %(n)s
               ORDER BY seq DESC OFFSET %(keep)s LIMIT 1), -1)""",
        t=tenant, n=name, keep=keep,
    )  # fmt: skip
