"""Packages: what one import takes in, their order, and the lease by which one worker has one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd.store.db import Conn, Row, every, execute, one
from syncd.store.ids import new_id


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One document of a package: an upload, or a member of an uploaded archive."""

    name: str
    upload_id: UUID
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """A package that states again what another one stated, at that one's place in the order of arrival."""

    of: UUID
    seq: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to import a package, until the lease runs out."""

    tenant: str
    id: UUID
    seq: int
    lease_id: UUID
    attempt: int
    infobase_id: UUID | None
    session_id: UUID | None
    source: str
    lane: str
    source_seq: int
    """The place of what the package states in the order of arrival: of a replay the original's."""
    replay_of: UUID | None


def create(
    conn: Conn,
    tenant: str,
    files: list[PackageFile],
    *,
    source: str,
    lane: str,
    infobase_id: UUID | None = None,
    session_id: UUID | None = None,
    replay: Replay | None = None,
) -> UUID:
    """Queue a package and take its uploads. An archive of which a member is taken stays open for the others."""
    made = new_id()
    execute(
        conn,
        """INSERT INTO package (tenant, id, infobase_id, session_id, source, lane, source_seq, replay_of, replay_by,
                                replay_reason)
           VALUES (%(t)s, %(id)s, %(infobase)s, %(session)s, %(source)s, %(lane)s, %(seq)s, %(of)s, %(by)s, %(why)s)""",
        t=tenant, id=made, infobase=infobase_id, session=session_id, source=source, lane=lane,
        seq=replay.seq if replay else None, of=replay.of if replay else None, by=replay.by if replay else None,
        why=replay.reason if replay else None,
    )  # fmt: skip
    for n, file in enumerate(files):
        execute(
            conn,
            """INSERT INTO package_file (tenant, package_id, n, name, upload_id, member)
               VALUES (%(t)s, %(id)s, %(n)s, %(name)s, %(upload)s, %(member)s)""",
            t=tenant, id=made, n=n, name=file.name, upload=file.upload_id, member=file.member,
        )  # fmt: skip
        execute(
            conn,
            """UPDATE upload SET state = CASE WHEN %(whole)s THEN 'taken' ELSE state END, updated_at = now()
               WHERE tenant = %(t)s AND id = %(id)s""",
            t=tenant, id=file.upload_id, whole=file.member is None,
        )  # fmt: skip
    return made


def files_of(conn: Conn, tenant: str, package_id: UUID) -> list[PackageFile]:
    """The documents of a package, in order."""
    rows = every(
        conn,
        """SELECT name, upload_id, member FROM package_file
           WHERE tenant = %(t)s AND package_id = %(id)s ORDER BY n""",
        t=tenant, id=package_id,
    )  # fmt: skip
    return [PackageFile(**row) for row in rows]


def members_of(conn: Conn, tenant: str, upload_id: UUID) -> set[str]:
    """The members of an archive that packages were made of."""
    query = "SELECT member FROM package_file WHERE tenant = %(t)s AND upload_id = %(u)s AND member IS NOT NULL"
    return {row["member"] for row in every(conn, query, t=tenant, u=upload_id)}


def find_by_upload(conn: Conn, tenant: str, upload_id: UUID, member: str | None) -> Row | None:
    """The newest package made of this upload: of this member of it, or of all that it holds."""
    return one(
        conn,
        """SELECT p.id, p.state, p.outcome, p.error_code, p.error_params, p.progress
           FROM package p JOIN package_file f ON f.tenant = p.tenant AND f.package_id = p.id
           WHERE f.tenant = %(t)s AND f.upload_id = %(upload)s AND (f.member = %(member)s OR f.member IS NULL)
           ORDER BY p.seq DESC LIMIT 1""",
        t=tenant, upload=upload_id, member=member,
    )  # fmt: skip


def get(conn: Conn, tenant: str, package_id: UUID) -> Row | None:
    """One package."""
    return one(conn, "SELECT * FROM package WHERE tenant = %(t)s AND id = %(id)s", t=tenant, id=package_id)


def claim(conn: Conn, lease_seconds: float) -> Claim | None:
    """Take the next package that may run: one at a time per tenant and lane, in order of arrival.

    An import that a dead worker began is taken over when its lease has run out. The row lock that a running merge
    holds keeps others away even then, and ``SKIP LOCKED`` walks past it.
    """
    lease = new_id()
    row = one(
        conn,
        """
        UPDATE package SET state = 'importing', lease_id = %(lease)s, attempt = attempt + 1,
               lease_until = now() + make_interval(secs => %(seconds)s), started_at = coalesce(started_at, now())
        WHERE (tenant, id) = (
            SELECT p.tenant, p.id FROM package p
            WHERE p.state IN ('queued', 'importing')
              AND (p.state = 'queued' OR p.lease_until < now())
              AND NOT EXISTS (
                  SELECT FROM package earlier
                  WHERE earlier.tenant = p.tenant AND earlier.lane = p.lane AND earlier.seq < p.seq
                    AND earlier.state IN ('queued', 'importing')
              )
            ORDER BY p.seq
            FOR UPDATE SKIP LOCKED LIMIT 1
        )
        RETURNING tenant, id, seq, lease_id, attempt, infobase_id, session_id, source, lane,
                  coalesce(source_seq, seq) AS source_seq, replay_of
        """,
        lease=lease, seconds=lease_seconds,
    )  # fmt: skip
    return Claim(**row) if row else None


def heartbeat(conn: Conn, claim: Claim, lease_seconds: float, progress: dict[str, Any]) -> bool:
    """Keep the lease and show how far the import is. ``False`` when the lease was lost to another worker."""
    return bool(
        execute(
            conn,
            """UPDATE package SET lease_until = now() + make_interval(secs => %(seconds)s), progress = %(progress)s
               WHERE tenant = %(t)s AND id = %(id)s AND lease_id = %(lease)s AND state = 'importing'""",
            t=claim.tenant, id=claim.id, lease=claim.lease_id, seconds=lease_seconds, progress=Jsonb(progress),
        )
    )  # fmt: skip


def lock(conn: Conn, claim: Claim) -> bool:
    """Hold the package for the transaction that merges it. ``False`` when the lease was lost."""
    row = one(
        conn,
        """SELECT 1 AS held FROM package
           WHERE tenant = %(t)s AND id = %(id)s AND lease_id = %(lease)s AND state = 'importing' FOR UPDATE""",
        t=claim.tenant, id=claim.id, lease=claim.lease_id,
    )  # fmt: skip
    return row is not None


def finish(
    conn: Conn,
    claim: Claim,
    *,
    outcome: str,
    counters: dict[str, dict[str, int]],
    error_code: str | None = None,
    error_params: dict[str, Any] | None = None,
) -> bool:
    """Close a package, guarded by the lease. ``False`` when it is no longer ours; nothing is changed then."""
    return bool(
        execute(
            conn,
            """UPDATE package SET state = CASE WHEN %(outcome)s = 'failed' THEN 'failed' ELSE 'done' END,
                      outcome = %(outcome)s, counters = %(counters)s, error_code = %(code)s, error_params = %(params)s,
                      lease_id = NULL, lease_until = NULL, finished_at = now()
               WHERE tenant = %(t)s AND id = %(id)s AND lease_id = %(lease)s AND state = 'importing'""",
            t=claim.tenant, id=claim.id, lease=claim.lease_id, outcome=outcome, counters=Jsonb(counters),
            code=error_code, params=Jsonb(error_params) if error_params is not None else None,
        )
    )  # fmt: skip


def release(conn: Conn, claim: Claim) -> None:
    """Give a package back unfinished, at once: the worker is stopping. It does not count as an attempt."""
    execute(
        conn,
        """UPDATE package SET state = 'queued', lease_id = NULL, lease_until = NULL, attempt = attempt - 1
           WHERE tenant = %(t)s AND id = %(id)s AND lease_id = %(lease)s AND state = 'importing'""",
        t=claim.tenant, id=claim.id, lease=claim.lease_id,
    )  # fmt: skip


def listing(conn: Conn, tenant: str, *, states: tuple[str, ...], limit: int) -> list[Row]:
    """The newest packages with their files' names; all states when none is given."""
    return every(
        conn,
        f"""SELECT {_SHOWN} FROM package p LEFT JOIN infobase i ON i.tenant = p.tenant AND i.id = p.infobase_id
            WHERE p.tenant = %(t)s AND (cardinality(%(states)s::text[]) = 0 OR p.state = ANY (%(states)s))
            ORDER BY p.seq DESC LIMIT %(limit)s""",  # noqa: S608 - constants only
        t=tenant, states=list(states), limit=limit,
    )  # fmt: skip


def matching(conn: Conn, tenant: str, word: str, *, limit: int) -> list[Row]:
    """The packages whose id is the word, or begins or ends with it, newest first."""
    return every(
        conn,
        f"""SELECT {_SHOWN} FROM package p LEFT JOIN infobase i ON i.tenant = p.tenant AND i.id = p.infobase_id
            WHERE p.tenant = %(t)s
              AND (starts_with(p.id::text, %(w)s) OR right(p.id::text, length(%(w)s)) = %(w)s)
            ORDER BY p.seq DESC LIMIT %(limit)s""",  # noqa: S608 - constants only
        t=tenant, w=word.lower(), limit=limit,
    )  # fmt: skip


_SHOWN: Final = """
    p.id, p.seq, p.source, p.lane, p.state, p.outcome, p.counters, p.error_code, p.error_params, p.attempt, p.progress,
    p.session_id, p.created_at, p.started_at, p.finished_at, p.replay_of, p.replay_by, p.replay_reason,
    i.name AS infobase,
    (SELECT array_agg(f.name ORDER BY f.n) FROM package_file f
     WHERE f.tenant = p.tenant AND f.package_id = p.id) AS files
"""


def stored_files(conn: Conn, tenant: str, package_id: UUID) -> list[Row]:
    """The files as they came: of documents in one archive the archive, once."""
    return every(
        conn,
        """SELECT u.id, u.name, u.format, u.size, u.parts, u.created_at,
                  array_remove(array_agg(f.member), NULL) AS members
           FROM package_file f JOIN upload u ON u.tenant = f.tenant AND u.id = f.upload_id
           WHERE f.tenant = %(t)s AND f.package_id = %(id)s GROUP BY u.tenant, u.id ORDER BY min(f.n)""",
        t=tenant, id=package_id,
    )  # fmt: skip


def replay(conn: Conn, tenant: str, package_id: UUID, *, by: str, reason: str) -> UUID | None:
    """Queue a package with the same files, at the original's place in the order of arrival. ``None`` when it has not
    ended yet, or is gone.
    """
    row = one(
        conn,
        """SELECT id, coalesce(source_seq, seq) AS seq, coalesce(replay_of, id) AS of, source, lane, infobase_id
           FROM package WHERE tenant = %(t)s AND id = %(id)s AND state IN ('done', 'failed')""",
        t=tenant, id=package_id,
    )  # fmt: skip
    if row is None:
        return None
    return create(
        conn, tenant, files_of(conn, tenant, row["id"]), source=row["source"], lane=row["lane"],
        infobase_id=row["infobase_id"], replay=Replay(row["of"], row["seq"], by, reason),
    )  # fmt: skip


def opened(conn: Conn, tenant: str, *, limit: int = 20) -> list[Row]:
    """Packages that wait or are being imported, in their order, with their files' names."""
    return every(
        conn,
        """SELECT p.id, p.state, p.lane, p.source, p.attempt, p.progress, p.created_at, p.started_at,
                  i.name AS infobase,
                  (SELECT array_agg(f.name ORDER BY f.n) FROM package_file f
                   WHERE f.tenant = p.tenant AND f.package_id = p.id) AS files
           FROM package p LEFT JOIN infobase i ON i.tenant = p.tenant AND i.id = p.infobase_id
           WHERE p.tenant = %(t)s AND p.state IN ('queued', 'importing') ORDER BY p.seq LIMIT %(limit)s""",
        t=tenant, limit=limit,
    )  # fmt: skip


def count_opened(conn: Conn, tenant: str) -> int:
    """How many packages wait or are being imported."""
    row = one(
        conn, "SELECT count(*) AS n FROM package WHERE tenant = %(t)s AND state IN ('queued', 'importing')", t=tenant
    )
    return int(row["n"]) if row else 0


def freshness(conn: Conn, tenant: str) -> list[Row]:
    """When each entity was last stated by 1C, newest first."""
    return every(
        conn,
        "SELECT entity, as_of, package_id FROM freshness WHERE tenant = %(t)s ORDER BY as_of DESC, entity",
        t=tenant,
    )
