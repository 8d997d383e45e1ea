"""Issues: failures that are the same failure, counted where they are journalled, in the same transaction.

Two failures are one issue when code, kind, infobase, entity, place and what the error says are the same once ids,
numbers and quoted values are taken out: "1C refused: item 'Chair' of order 17 has no unit" and the same of a table.

What an issue touched is kept (``issue_subject``), and marked when it later went through: what people look at first is
what failed and never succeeded since.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd.errors import SyncdError
from syncd.model import ENTITIES
from syncd.store import events
from syncd.store.db import Conn, every, execute, one
from syncd.store.ids import new_id

SUBJECTS_KEPT: Final = 10_000
"""Objects kept of one issue; the count goes on beyond."""
QUIET_HOURS: Final = 24
"""An open issue of which everything went through, and that was silent so long, is news when it comes again."""
_TELLING: Final = ("detail", "reason", "problem")
_NAMING: Final = ("cause", "host", "schedule", "status", "failing")
"""Parameters that say what happened, in sentences and as they are; the others say to what it happened."""
_SHAPE: Final = 160
_KEY: Final = 500
_QUOTED: Final = re.compile(r"«[^«»]*»|“[^“”]*”|\"[^\"]*\"|'[^']*'|`[^`]*`|<[^<>]*>|\([^()]*\)")
_IDS: Final = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\b[0-9a-f]{16,}\b", re.IGNORECASE)
_NUMBERED: Final = re.compile(r"[^\s,;:()\[\]{}]*\d[^\s,;:()\[\]{}]*")
_INDEX: Final = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure as it is journalled. ``entity`` and ``key`` name the object it hit."""

    error: SyncdError
    kind: str
    entity: str
    key: str
    infobase_id: UUID | None
    path: str | None
    journal_id: UUID

    @property
    def shape(self) -> str:
        """Where, without the numbers of lines and rows."""
        return _INDEX.sub("[]", self.path or "")[:_SHAPE]

    @property
    def fingerprint(self) -> str:
        """What it shares with the failures of the same issue."""
        params = self.error.params
        said = [f"{name}={stripped(params[name])}" for name in _TELLING if params.get(name) is not None]
        said += [f"{name}={params[name]}" for name in _NAMING if params.get(name) is not None]
        parts = [self.error.code, self.kind, str(self.infobase_id), self.entity, self.shape, *said]
        return blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=12).hexdigest()


def stripped(value: object) -> str:
    """A text without what differs between two cases of the same failure."""
    text = _NUMBERED.sub("#", _IDS.sub("#", _QUOTED.sub("…", str(value))))
    return " ".join(text.split())[:_SHAPE]


@dataclass(slots=True)
class _Group:
    newest: Failure
    count: int = 0
    subjects: dict[tuple[str, str], int] = field(default_factory=dict)


def count(conn: Conn, tenant: str, failures: Iterable[Failure]) -> None:
    """Count failures into their issues: one upsert per fingerprint, however many there are."""
    groups: dict[str, _Group] = {}
    for failure in failures:
        group = groups.setdefault(failure.fingerprint, _Group(failure))
        group.newest = failure
        group.count += 1
        subject = (_clean(failure.entity), _clean(failure.key)[:_KEY])
        if subject in group.subjects or len(group.subjects) < SUBJECTS_KEPT:
            group.subjects[subject] = group.subjects.get(subject, 0) + 1
    for fingerprint in sorted(groups):  # always in this order: two packages must not wait for each other
        _count(conn, tenant, fingerprint, groups[fingerprint])


def _count(conn: Conn, tenant: str, fingerprint: str, group: _Group) -> None:
    failure = group.newest
    id_, again = _upsert(conn, tenant, fingerprint, group)
    _touch(conn, tenant, id_, group.subjects)
    if again is None:
        return
    error = failure.error
    data: dict[str, Any] = {
        "issue": id_, "code": error.code, "owner": error.owner, "message": error.text("en"),
        "message_ru": error.text("ru"), "kind": failure.kind, "entity": failure.entity, "path": failure.shape or None,
        "infobase_id": failure.infobase_id, "journal": failure.journal_id, "reopened": again,
    }  # fmt: skip
    events.put(conn, tenant, "issue.opened", str(id_), data)


def _upsert(conn: Conn, tenant: str, fingerprint: str, group: _Group) -> tuple[UUID, bool | None]:
    """The issue's id, and whether it is news: ``False`` a new one, ``True`` one that is back, ``None`` neither."""
    failure = group.newest
    known = _known(conn, tenant, fingerprint, group)
    if known:
        return known
    made = new_id()
    inserted = one(
        conn,
        """INSERT INTO issue (tenant, id, fingerprint, code, params, owner, kind, infobase_id, path, count,
                              last_journal_id)
           VALUES (%(t)s, %(id)s, %(fp)s, %(code)s, %(params)s, %(owner)s, %(kind)s, %(infobase)s, %(path)s, %(n)s,
                   %(journal)s)
           ON CONFLICT (tenant, fingerprint) DO NOTHING RETURNING id""",
        t=tenant, id=made, fp=fingerprint, code=failure.error.code, params=_params(failure), n=group.count,
        owner=failure.error.owner, kind=failure.kind, infobase=failure.infobase_id,
        path=_clean(failure.shape) or None, journal=failure.journal_id,
    )  # fmt: skip
    if inserted:
        return made, False
    known = _known(conn, tenant, fingerprint, group)  # another transaction was faster
    assert known is not None
    return known


def _known(conn: Conn, tenant: str, fingerprint: str, group: _Group) -> tuple[UUID, bool | None] | None:
    row = one(
        conn,
        """
        WITH was AS (
            SELECT i.id, i.state = 'resolved' OR (i.state = 'muted' AND i.muted_until <= now())
                   OR (i.state = 'open' AND i.last_at < now() - make_interval(hours => %(quiet)s)
                       AND NOT EXISTS (SELECT FROM issue_subject s WHERE s.tenant = i.tenant AND s.issue_id = i.id
                                         AND s.succeeded_at IS NULL)) AS news,
                   i.state = 'muted' AND (i.muted_until IS NULL OR i.muted_until > now()) AS muted
            FROM issue i WHERE i.tenant = %(t)s AND i.fingerprint = %(fp)s FOR UPDATE
        )
        UPDATE issue i SET count = count + %(n)s, last_at = now(), last_journal_id = %(journal)s, params = %(params)s,
               state = CASE WHEN was.muted THEN 'muted' ELSE 'open' END,
               muted_until = CASE WHEN was.muted THEN i.muted_until END,
               changed_at = CASE WHEN was.news AND i.state <> 'open' THEN now() ELSE i.changed_at END,
               changed_by = CASE WHEN was.news AND i.state <> 'open' THEN 'syncd' ELSE i.changed_by END
        FROM was WHERE i.tenant = %(t)s AND i.id = was.id
        RETURNING i.id, was.news
        """,
        t=tenant, fp=fingerprint, n=group.count, journal=group.newest.journal_id, params=_params(group.newest),
        quiet=QUIET_HOURS,
    )  # fmt: skip
    return (row["id"], True if row["news"] else None) if row else None


def _touch(conn: Conn, tenant: str, id_: UUID, subjects: Mapping[tuple[str, str], int]) -> None:
    rows = sorted(subjects.items())
    execute(
        conn,
        """INSERT INTO issue_subject (tenant, issue_id, entity, key, count)
           SELECT %(t)s, %(id)s, m.entity, m.key, m.n
           FROM unnest(%(entities)s::text[], %(keys)s::text[], %(counts)s::bigint[]) AS m (entity, key, n)
           WHERE EXISTS (SELECT FROM issue_subject s WHERE s.tenant = %(t)s AND s.issue_id = %(id)s
                           AND s.entity = m.entity AND s.key = m.key)
              OR (SELECT count(*) FROM (SELECT FROM issue_subject s WHERE s.tenant = %(t)s AND s.issue_id = %(id)s
                                        LIMIT %(most)s) kept) + %(more)s <= %(most)s
           ON CONFLICT (tenant, issue_id, entity, key) DO UPDATE SET
               count = issue_subject.count + excluded.count, failed_at = now(), succeeded_at = NULL""",
        t=tenant, id=id_, entities=[entity for (entity, _), _ in rows], keys=[key for (_, key), _ in rows],
        counts=[n for _, n in rows], more=len(rows), most=SUBJECTS_KEPT,
    )  # fmt: skip


# --- what went through later ------------------------------------------------------------------------------------------


def succeeded(conn: Conn, tenant: str, entity: str, keys: Iterable[str]) -> int:
    """These objects went through: what failed of them before is settled. Returns how many failures that settles."""
    wanted = [_clean(key)[:_KEY] for key in keys]
    if not wanted:
        return 0
    return execute(
        conn,
        """UPDATE issue_subject SET succeeded_at = now()
           WHERE tenant = %(t)s AND entity = %(e)s AND key = ANY(%(keys)s) AND succeeded_at IS NULL""",
        t=tenant, e=entity, keys=wanted,
    )  # fmt: skip


def unsettled(conn: Conn, tenant: str, entity: str) -> bool:
    """Whether anything of this kind failed and did not go through since."""
    found = one(
        conn,
        """SELECT EXISTS (SELECT FROM issue_subject WHERE tenant = %(t)s AND entity = %(e)s
                           AND succeeded_at IS NULL) AS x""",
        t=tenant, e=entity,
    )  # fmt: skip
    return bool(found and found["x"])


def applied(conn: Conn, tenant: str, staged: Iterable[str]) -> int:
    """The records of a package were applied: settle what failed of them before. ``staged``: the entities that have a
    stage table in this session. Costs one small query where nothing of them is unsettled.
    """
    names = [name for name in sorted(set(staged) & ENTITIES.keys()) if unsettled(conn, tenant, name)]
    return sum(
        execute(
            conn,
            f"""UPDATE issue_subject SET succeeded_at = now()
                WHERE tenant = %(t)s AND entity = %(e)s AND succeeded_at IS NULL
                  AND key IN (SELECT {ENTITIES[name].key_names[0]} FROM stage_{name}
                              WHERE stub IS NOT TRUE)""",  # noqa: S608 - names of our own tables
            t=tenant, e=name,
        )
        for name in names
    )  # fmt: skip


def _params(failure: Failure) -> Jsonb:
    return Jsonb(events.plain({name: _clean(str(value)) for name, value in failure.error.params.items()}))


def _clean(text: str) -> str:
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()[:1_000]


# --- what people see and do -------------------------------------------------------------------------------------------

COLUMNS: Final = """
    i.id, i.code, i.params, i.owner, i.kind, i.infobase_id, b.name AS infobase, i.path, i.count, i.first_at, i.last_at,
    i.last_journal_id, i.state, i.note, i.assigned_to, i.changed_by, i.changed_at, i.muted_until,
    s.touched, s.unresolved
"""
_FROM: Final = """
    issue i LEFT JOIN infobase b ON b.tenant = i.tenant AND b.id = i.infobase_id
    CROSS JOIN LATERAL (SELECT count(*) AS touched, count(*) FILTER (WHERE succeeded_at IS NULL) AS unresolved
                        FROM issue_subject x WHERE x.tenant = i.tenant AND x.issue_id = i.id) s
"""


def listing(
    conn: Conn, tenant: str, *, every_one: bool = False, code: str | None = None, owner: str | None = None,
    since: datetime | None = None, limit: int = 50,
) -> list[dict[str, Any]]:  # fmt: skip
    """Issues, the newest failure first; only open ones of which something never went through, unless ``every_one``."""
    return every(
        conn,
        f"""SELECT {COLUMNS} FROM {_FROM}
            WHERE i.tenant = %(t)s
              AND (%(all)s OR (s.unresolved > 0
                               AND (i.state = 'open' OR (i.state = 'muted' AND i.muted_until <= now()))))
              AND (%(code)s::text IS NULL OR i.code = %(code)s) AND (%(owner)s::text IS NULL OR i.owner = %(owner)s)
              AND (%(since)s::timestamptz IS NULL OR i.last_at >= %(since)s)
            ORDER BY i.last_at DESC, i.id DESC LIMIT %(limit)s""",  # noqa: S608 - constants only
        t=tenant, all=every_one, code=code, owner=owner, since=since, limit=limit,
    )  # fmt: skip


def pressing(conn: Conn, tenant: str, *, hours: float, limit: int) -> list[dict[str, Any]]:
    """Open issues that need a person, those that stop most messages (``stuck``) first.

    Left out are messages that syncd goes on with by itself, and what was silent for so many hours and stops nothing.
    """
    return every(
        conn,
        f"""SELECT * FROM (
                SELECT {COLUMNS}, (
                    SELECT count(*) FROM issue_subject x WHERE x.tenant = i.tenant AND x.issue_id = i.id
                      AND x.succeeded_at IS NULL
                      AND EXISTS (SELECT FROM outbox o WHERE o.tenant = x.tenant AND o.kind = x.entity
                                    AND o.key = x.key AND o.state IN ('rejected', 'held'))) AS stuck
                FROM {_FROM}
                WHERE i.tenant = %(t)s AND s.unresolved > 0 AND i.kind <> 'health'
                  AND (i.state = 'open' OR (i.state = 'muted' AND i.muted_until <= now()))) found
            WHERE stuck > 0 OR (kind NOT IN ('delivery', 'look-up')
                                AND last_at > now() - make_interval(secs => %(s)s))
            ORDER BY stuck DESC, last_at DESC, id DESC LIMIT %(limit)s""",  # noqa: S608 - constants only
        t=tenant, s=hours * 3600, limit=limit,
    )  # fmt: skip


def unresolved_by_code(conn: Conn, tenant: str) -> dict[str, int]:
    """How many objects of each code never went through since."""
    found = every(
        conn,
        """SELECT i.code, count(*)::int AS n FROM issue i
           JOIN issue_subject s ON s.tenant = i.tenant AND s.issue_id = i.id AND s.succeeded_at IS NULL
           WHERE i.tenant = %(t)s AND i.state <> 'resolved' GROUP BY i.code""",
        t=tenant,
    )
    return {row["code"]: row["n"] for row in found}


def matching(conn: Conn, tenant: str, word: str, *, limit: int = 6) -> list[dict[str, Any]]:
    """The issues whose id is the word, or begins or ends with it."""
    return every(
        conn,
        f"""SELECT {COLUMNS} FROM {_FROM}
            WHERE i.tenant = %(t)s AND (starts_with(i.id::text, %(w)s) OR right(i.id::text, length(%(w)s)) = %(w)s)
            ORDER BY i.last_at DESC LIMIT %(limit)s""",  # noqa: S608 - constants only
        t=tenant, w=word.lower(), limit=limit,
    )  # fmt: skip


def subjects(conn: Conn, tenant: str, id_: UUID, *, unresolved: bool = True, limit: int = 20) -> list[dict[str, Any]]:
    """What an issue touched, the newest first."""
    return every(
        conn,
        """SELECT entity, key, count, failed_at, succeeded_at FROM issue_subject
           WHERE tenant = %(t)s AND issue_id = %(id)s AND (NOT %(unresolved)s OR succeeded_at IS NULL)
           ORDER BY failed_at DESC, entity, key LIMIT %(limit)s""",
        t=tenant, id=id_, unresolved=unresolved, limit=limit,
    )  # fmt: skip


def order_numbers(conn: Conn, tenant: str, keys: Iterable[str]) -> dict[str, str]:
    """The storefront's numbers of the orders among these keys."""
    found = every(
        conn,
        "SELECT id::text AS key, number FROM sales_order WHERE tenant = %(t)s AND id::text = ANY(%(keys)s)",
        t=tenant, keys=list(keys),
    )  # fmt: skip
    return {row["key"]: row["number"] for row in found}


def prune(conn: Conn, keep_days: int) -> int:
    """Forget issues that did not come for so many days and of which nothing is open; what never went through stays."""
    return execute(
        conn,
        """DELETE FROM issue i WHERE i.last_at < now() - make_interval(days => %(d)s)
             AND (i.state = 'resolved' OR NOT EXISTS (
                 SELECT FROM issue_subject s WHERE s.tenant = i.tenant AND s.issue_id = i.id
                   AND s.succeeded_at IS NULL))""",
        d=keep_days,
    )


def change(conn: Conn, tenant: str, id_: UUID, *, by: str, **values: Any) -> bool:
    """Set some of ``state``, ``note``, ``assigned_to``, ``muted_until``. ``False`` when there is no such issue."""
    allowed = ("state", "note", "assigned_to", "muted_until")
    sets = ", ".join(f"{name} = %({name})s" for name in allowed if name in values)
    return bool(
        execute(
            conn,
            f"UPDATE issue SET {sets}, changed_by = %(by)s, changed_at = now() WHERE tenant = %(t)s AND id = %(id)s",  # noqa: S608 - names of the table above
            t=tenant, id=id_, by=by, **values,
        )
    )  # fmt: skip
