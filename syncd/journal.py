"""The journal: every exchange that ended and every one that failed, with what, where, why, and who can fix it.

Each failure is counted into its issue (``syncd.issues``), and each success settles what failed of the same object
before.

An exchange is one row; its bad records are rows under it (``parent_id``). A failure that repeats within a minute (a
client that hammers with a wrong password) counts up in its row instead of filling the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd import issues
from syncd.errors import CATALOGUE, SyncdError
from syncd.store.db import Conn, Row, every, execute, one
from syncd.store.ids import new_id

Outcome = Literal["ok", "partial", "failed"]
REPEAT_WINDOW_SECONDS: Final = 60
TEXT_LIMIT: Final = 4_000
"""Longest technical detail kept, characters."""


@dataclass(slots=True)
class Entry:
    """One row to be written. ``subject`` names what was exchanged for a person: a file, an order number, a mode.
    ``counted``: whether it is a failure of its own, and not one that rows under it tell.
    """

    kind: str
    direction: Literal["in", "out"]
    outcome: Outcome
    subject: str = ""
    infobase_id: UUID | None = None
    session_id: UUID | None = None
    package_id: UUID | None = None
    parent_id: UUID | None = None
    error: SyncdError | None = None
    entity: str | None = None
    key: str | None = None
    path: str | None = None
    file: str | None = None
    line: int | None = None
    counters: dict[str, Any] | None = None
    detail: str | None = None
    counted: bool = True


def write(conn: Conn, tenant: str, entry: Entry, *, id_: UUID | None = None) -> UUID:
    """Write one row within the caller's transaction. Returns its id."""
    made = id_ or new_id()
    execute(conn, _INSERT, **_parameters(tenant, entry, made), fingerprint=None)
    _count(conn, tenant, [(entry, made)])
    return made


def write_all(conn: Conn, tenant: str, entries: Sequence[Entry]) -> None:
    """Write many rows at once, as an import has them: one round trip, and one count per issue."""
    made = [(entry, new_id()) for entry in entries]
    with conn.cursor() as cursor:
        cursor.executemany(
            _INSERT.encode(), [{**_parameters(tenant, entry, id_), "fingerprint": None} for entry, id_ in made]
        )
    _count(conn, tenant, made)


def subject_of(entry: Entry) -> tuple[str, str]:
    """The object an entry is about, as issues know it: its entity and key, else what was exchanged."""
    return entry.entity or entry.kind, entry.key or entry.file or entry.subject


def _count(conn: Conn, tenant: str, made: Sequence[tuple[Entry, UUID]]) -> None:
    failures = []
    for entry, id_ in made:
        entity, key = subject_of(entry)
        if entry.outcome == "ok":
            issues.succeeded(conn, tenant, entity, [key])
        elif entry.error and entry.counted:
            failures.append(
                issues.Failure(entry.error, entry.kind, entity, key, entry.infobase_id, entry.path, id_)
            )  # fmt: skip
    issues.count(conn, tenant, failures)


def write_failure(conn: Conn, tenant: str, entry: Entry) -> UUID:
    """Write a failed request; the same failure within a minute only counts up."""
    fingerprint = _fingerprint(entry)
    row = one(
        conn,
        """UPDATE journal SET repeats = repeats + 1, last_at = now()
           WHERE tenant = %(t)s AND id = (
               SELECT id FROM journal WHERE tenant = %(t)s AND fingerprint = %(fp)s
                 AND last_at > now() - make_interval(secs => %(window)s)
               ORDER BY last_at DESC LIMIT 1)
           RETURNING id""",
        t=tenant, fp=fingerprint, window=REPEAT_WINDOW_SECONDS,
    )  # fmt: skip
    if row:
        found: UUID = row["id"]
        _count(conn, tenant, [(entry, found)])
        return found
    made = new_id()
    execute(conn, _INSERT, **_parameters(tenant, entry, made), fingerprint=fingerprint)
    _count(conn, tenant, [(entry, made)])
    return made


_INSERT: Final = """
    INSERT INTO journal (tenant, id, parent_id, kind, direction, outcome, subject, infobase_id, session_id, package_id,
                         code, params, owner, entity, key, path, file, line, counters, detail, fingerprint)
    VALUES (%(tenant)s, %(id)s, %(parent)s, %(kind)s, %(direction)s, %(outcome)s, %(subject)s, %(infobase)s,
            %(session)s, %(package)s, %(code)s, %(params)s, %(owner)s, %(entity)s, %(key)s, %(path)s, %(file)s,
            %(line)s, %(counters)s, %(detail)s, %(fingerprint)s)
    ON CONFLICT (tenant, id) DO UPDATE SET
        outcome = excluded.outcome, subject = excluded.subject, code = excluded.code, params = excluded.params,
        owner = excluded.owner, counters = excluded.counters, detail = excluded.detail, last_at = now()
"""


def _parameters(tenant: str, entry: Entry, made: UUID) -> dict[str, Any]:
    error = entry.error
    return {
        "tenant": tenant,
        "id": made,
        "parent": entry.parent_id,
        "kind": entry.kind,
        "direction": entry.direction,
        "outcome": entry.outcome,
        "subject": _clean(entry.subject),
        "infobase": entry.infobase_id,
        "session": entry.session_id,
        "package": entry.package_id,
        "code": error.code if error else None,
        "params": Jsonb(_plain(error.params)) if error else None,
        "owner": error.owner if error else None,
        "entity": entry.entity,
        "key": _clean(entry.key),
        "path": _clean(entry.path),
        "file": _clean(entry.file),
        "line": entry.line,
        "counters": Jsonb(entry.counters) if entry.counters is not None else None,
        "detail": _clean(entry.detail),
    }


def _clean(text: str | None) -> str | None:
    """A text that Postgres can store, cut to the limit."""
    if text is None:
        return None
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()[:TEXT_LIMIT]


def _plain(params: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, int | float | bool) or value is None else _clean(str(value))
        for name, value in params.items()
    }


def _fingerprint(entry: Entry) -> str:
    code = entry.error.code if entry.error else ""
    parts = (
        entry.kind,
        entry.subject,
        code,
        str(entry.infobase_id),
        entry.file or "",
        entry.key or "",
        entry.path or "",
    )
    return blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=12).hexdigest()


def error_text(row: Row) -> str:
    """What the row's error says, in the language in force; empty when it holds none."""
    code = row["code"]
    if not code or code not in CATALOGUE:
        return str(code or "")
    return CATALOGUE[code].render(row["params"] or {})


_COLUMNS: Final = """
    j.tenant, j.id, j.parent_id, j.at, j.last_at, j.repeats, j.kind, j.direction, j.outcome, j.subject, j.infobase_id,
    i.name AS infobase, j.session_id, j.package_id, j.code, j.params, j.owner, j.entity, j.key, j.path, j.file, j.line,
    j.counters, j.detail
"""
_FROM: Final = "journal j LEFT JOIN infobase i ON i.tenant = j.tenant AND i.id = j.infobase_id"


_UNRESOLVED: Final = """EXISTS (
    SELECT FROM issue_subject s JOIN issue i ON i.tenant = s.tenant AND i.id = s.issue_id
    WHERE s.tenant = j.tenant AND s.entity = coalesce(nullif(j.entity, ''), j.kind) AND s.succeeded_at IS NULL
      AND s.key = left(coalesce(nullif(j.key, ''), nullif(j.file, ''), j.subject, ''), 500)
      AND i.code = j.code AND i.state <> 'resolved')"""


def tail(
    conn: Conn, tenant: str, *, limit: int, errors: bool = False, window: float | None = None, children: bool = False,
    code: str | None = None, owner: str | None = None, since: datetime | None = None, unresolved: bool = False,
    where: tuple[str, dict[str, Any]] | None = None,
) -> list[Row]:  # fmt: skip
    """The newest exchanges, oldest of them first. ``window`` gives only rows written, or repeated, within so many
    seconds. ``unresolved``: failures whose object did not go through since. ``where``: what a filter of
    ``syncd.filters`` became.

    Who follows the journal asks for a window again and again and leaves out what was shown: rows become visible when
    their transaction ends, and an import's row carries the time at which its merge began.
    """
    condition, parameters = where or ("true", {})
    rows = every(
        conn,
        f"""SELECT {_COLUMNS} FROM {_FROM}
            WHERE j.tenant = %(t)s
              AND (%(children)s OR j.parent_id IS NULL)
              AND (NOT %(errors)s OR j.outcome <> 'ok')
              AND (%(code)s::text IS NULL OR j.code = %(code)s) AND (%(owner)s::text IS NULL OR j.owner = %(owner)s)
              AND (%(since)s::timestamptz IS NULL OR greatest(j.at, j.last_at) >= %(since)s)
              AND (NOT %(unresolved)s OR (j.outcome <> 'ok' AND j.code IS NOT NULL AND {_UNRESOLVED}))
              AND (%(window)s::float IS NULL OR j.at > now() - make_interval(secs => %(window)s)
                   OR (j.fingerprint IS NOT NULL AND j.last_at > now() - make_interval(secs => %(window)s)))
              AND {condition}
            ORDER BY j.at DESC, j.id DESC LIMIT %(limit)s""",  # noqa: S608 - constants, and a filter's with parameters
        t=tenant, errors=errors, limit=limit, window=window, children=children, code=code, owner=owner, since=since,
        unresolved=unresolved, **parameters,
    )  # fmt: skip
    return rows[::-1]


def find(conn: Conn, tenant: str, prefix: str) -> Row | None:
    """The row with this id, or the only one whose id begins or ends with it (people copy eight characters)."""
    rows = matching(conn, tenant, prefix, limit=2)
    return rows[0] if len(rows) == 1 else None


def matching(conn: Conn, tenant: str, word: str, *, limit: int) -> list[Row]:
    """The rows whose id is the word, or begins or ends with it, newest first."""
    with suppress(ValueError):
        return every(
            conn,
            f"SELECT {_COLUMNS} FROM {_FROM} WHERE j.tenant = %(t)s AND j.id = %(id)s",  # noqa: S608 - constants only
            t=tenant, id=UUID(word),
        )  # fmt: skip
    return every(
        conn,
        f"""SELECT {_COLUMNS} FROM {_FROM}
            WHERE j.tenant = %(t)s AND (starts_with(j.id::text, %(w)s) OR right(j.id::text, length(%(w)s)) = %(w)s)
            ORDER BY j.at DESC, j.id DESC LIMIT %(limit)s""",  # noqa: S608 - constants only
        t=tenant, w=word.lower(), limit=limit,
    )  # fmt: skip


def failures(conn: Conn, tenant: str, *, hours: float) -> list[Row]:
    """What failed lately, by code: how often, when last, and the newest row's id; what happened most comes first."""
    return every(
        conn,
        """SELECT code, sum(repeats)::int AS count, count(*) FILTER (WHERE outcome = 'partial')::int AS partial,
                  max(last_at) AS last_at,
                  (array_agg(id ORDER BY last_at DESC))[1] AS id,
                  (array_agg(params ORDER BY last_at DESC))[1] AS params,
                  (array_agg(owner ORDER BY last_at DESC))[1] AS owner
           FROM journal
           WHERE tenant = %(t)s AND parent_id IS NULL AND outcome <> 'ok'
             AND (at > now() - make_interval(secs => %(s)s)
                  OR (fingerprint IS NOT NULL AND last_at > now() - make_interval(secs => %(s)s)))
           GROUP BY code ORDER BY count DESC, code""",
        t=tenant, s=hours * 3600,
    )  # fmt: skip


def count_children(conn: Conn, tenant: str, parent_id: UUID) -> int:
    """How many rows stand under one exchange."""
    row = one(
        conn,
        "SELECT count(*) AS n FROM journal WHERE tenant = %(t)s AND parent_id = %(p)s",
        t=tenant, p=parent_id,
    )  # fmt: skip
    return int(row["n"]) if row else 0


def children(conn: Conn, tenant: str, parent_id: UUID, *, limit: int = 1000) -> list[Row]:
    """The rows under one exchange: its bad records, in order."""
    return every(
        conn,
        f"""SELECT {_COLUMNS} FROM {_FROM}
            WHERE j.tenant = %(t)s AND j.parent_id = %(p)s ORDER BY j.id LIMIT %(limit)s""",  # noqa: S608 - constants
        t=tenant, p=parent_id, limit=limit,
    )  # fmt: skip


def prune(conn: Conn, keep_days: int) -> int:
    """Remove single rows older than so many days: those outside the weekly parts, which go as a whole
    (``syncd.store.partitions``). Open work is elsewhere and is never touched.
    """
    return execute(
        conn,
        """DELETE FROM journal_default WHERE (tenant, id) IN (
               SELECT tenant, id FROM journal_default
               WHERE at < now() - make_interval(days => %(days)s) LIMIT 10000)""",
        days=keep_days,
    )
