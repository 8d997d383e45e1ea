"""What a filter, a list of ids or an issue means: exactly which messages, packages and pulls would be touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from syncd.filters.language import Filter, Vocabulary
from syncd.filters.vocabularies import MESSAGES, PACKAGES, PULLS
from syncd.queue import acts
from syncd.store.batches import Item
from syncd.store.db import Conn, Row, every, one

VOCABULARIES: Final[dict[str, Vocabulary]] = {"message": MESSAGES, "package": PACKAGES, "pull": PULLS}
FAILING: Final = ("rejected", "held", "unconfirmed", "waiting")
"""What is sent again unless the filter names states: what a person cancelled, or 1C was given, is not meant."""
_ALLOWED: Final = {
    "retry": acts.RETRYABLE, "replay": acts.RETRYABLE, "cancel": acts.CANCELLABLE, "hold": acts.HOLDABLE,
    "release": ("held",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chosen:
    """One thing as it is shown before anything happens."""

    item: Item
    at: datetime
    label: str
    state: str
    code: str | None


@dataclass(slots=True)
class Choice:
    """All that would be touched, oldest first, and how many more match but cannot be."""

    chosen: list[Chosen] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    """By state."""

    def cut(self, limit: int | None) -> int:
        """Keep the oldest. Returns how many that leaves out."""
        more = max(0, len(self.chosen) - limit) if limit is not None else 0
        if more:
            del self.chosen[limit:]
        return more


def states_of(action: str, found: Filter | None, *, force: bool, named: bool) -> list[str]:
    """The states of messages that an action may touch. ``named``: a person named each of them."""
    allowed = [*_ALLOWED[action], *(["acknowledged"] if force and action in {"retry", "replay"} else [])]
    explicit = named or (found is not None and "state" in found.names())
    if action in {"retry", "replay"} and not explicit:
        return [state for state in allowed if state in FAILING or state == "acknowledged"]
    return allowed


def messages(
    conn: Conn, tenant: str, action: str, *, where: Filter | None = None, ids: Sequence[UUID] | None = None,
    issue: UUID | None = None, force: bool = False,
) -> Choice:  # fmt: skip
    """Messages of the outbox, in their order."""
    condition, parameters = where.sql() if where else ("true", {})
    states = states_of(action, where, force=force, named=ids is not None)
    source = f"""
        FROM outbox o
        LEFT JOIN endpoint e ON e.tenant = o.tenant AND e.id = o.endpoint_id
        LEFT JOIN infobase i ON i.tenant = o.tenant AND i.id = coalesce(o.infobase_id, e.infobase_id)
        LEFT JOIN sales_order s ON o.kind = 'order' AND s.tenant = o.tenant AND s.id::text = o.key
        WHERE o.tenant = %(tenant)s AND (%(ids)s::uuid[] IS NULL OR o.id = ANY (%(ids)s))
          AND (%(issue)s::uuid IS NULL OR EXISTS (
              SELECT FROM issue_subject q WHERE q.tenant = o.tenant AND q.issue_id = %(issue)s
                AND q.succeeded_at IS NULL AND q.entity = o.kind AND q.key IN (o.key, s.number)))
          AND {condition}
    """
    given = {
        "tenant": tenant, "ids": list(ids) if ids is not None else None, "issue": issue, "states": states, **parameters,
    }  # fmt: skip
    rows = every(
        conn,
        f"""SELECT o.id, o.created_at AS at, coalesce(s.number, o.key) AS label, o.state, o.error_code AS code {source}
              AND o.state = ANY (%(states)s) ORDER BY o.seq""",
        **given,
    )
    others = every(
        conn,
        f"SELECT o.state, count(*) AS n {source} AND o.state <> ALL (%(states)s) GROUP BY o.state",
        **given,
    )
    return Choice([_chosen("message", str(row["id"]), row) for row in rows], {row["state"]: row["n"] for row in others})


def packages(
    conn: Conn, tenant: str, *, where: Filter | None = None, ids: Sequence[UUID] | None = None,
    issue: UUID | None = None,
) -> Choice:  # fmt: skip
    """Packages that ended, in their order; those that went wrong, unless the filter names state or outcome."""
    condition, parameters = where.sql() if where else ("true", {})
    explicit = ids is not None or issue is not None or (where and where.names() & {"state", "outcome", "id"})
    rows = every(
        conn,
        f"""SELECT p.id, p.created_at AS at, p.state, p.outcome, p.error_code AS code,
                   (SELECT string_agg(x.name, ', ' ORDER BY x.n) FROM package_file x
                    WHERE x.tenant = p.tenant AND x.package_id = p.id AND x.n < 3) AS label
            FROM package p LEFT JOIN infobase i ON i.tenant = p.tenant AND i.id = p.infobase_id
            WHERE p.tenant = %(tenant)s AND (%(ids)s::uuid[] IS NULL OR p.id = ANY (%(ids)s))
              AND (%(explicit)s OR p.outcome IS DISTINCT FROM 'ok')
              AND (%(issue)s::uuid IS NULL OR p.id IN ({_OF_ISSUE.format(what="j.package_id", join="")}))
              AND {condition}
            ORDER BY p.seq""",  # noqa: S608 - a condition of syncd.filters: constants and parameters
        tenant=tenant, ids=list(ids) if ids is not None else None, issue=issue, explicit=bool(explicit), **parameters,
    )  # fmt: skip
    choice = Choice()
    for row in rows:
        if row["outcome"] is not None:
            choice.chosen.append(_chosen("package", str(row["id"]), {**row, "state": row["outcome"]}))
        else:
            choice.left_out[row["state"]] = choice.left_out.get(row["state"], 0) + 1
    return choice


def pulls(
    conn: Conn, tenant: str, *, where: Filter | None = None, names: Sequence[str] | None = None,
    issue: UUID | None = None,
) -> Choice:  # fmt: skip
    """Schedules, each once, whose runs match; those whose newest such run failed, unless the filter names state or
    outcome.
    """
    condition, parameters = where.sql() if where else ("true", {})
    explicit = names is not None or issue is not None or (where and where.names() & {"state", "outcome"})
    joined = "JOIN journal h ON h.tenant = j.tenant AND h.id = coalesce(j.parent_id, j.id) AND h.kind = 'pull'"
    rows = every(
        conn,
        f"""SELECT DISTINCT ON (r.schedule) r.schedule AS label, r.fire_at AS at, coalesce(r.outcome, r.state) AS state,
                   r.reason AS code
            FROM schedule_run r
            WHERE r.tenant = %(tenant)s AND (%(names)s::text[] IS NULL OR r.schedule = ANY (%(names)s))
              AND (%(explicit)s OR r.outcome IN ('failed', 'partial', 'skipped'))
              AND (%(issue)s::uuid IS NULL OR r.schedule IN ({_OF_ISSUE.format(what="h.subject", join=joined)}))
              AND {condition}
            ORDER BY r.schedule, r.fire_at DESC""",  # noqa: S608 - a condition of syncd.filters
        tenant=tenant, names=list(names) if names is not None else None, issue=issue, explicit=bool(explicit),
        **parameters,
    )  # fmt: skip
    return Choice([_chosen("pull", row["label"], row) for row in rows])


_OF_ISSUE: Final = """
    SELECT {what} FROM issue q
    JOIN issue_subject u ON u.tenant = q.tenant AND u.issue_id = q.id AND u.succeeded_at IS NULL
    JOIN journal j ON j.tenant = q.tenant AND j.code = q.code AND j.last_at >= q.first_at - interval '1 minute'
     AND coalesce(j.entity, j.kind) = u.entity AND coalesce(j.key, j.file, j.subject) = u.key
    {join}
    WHERE q.tenant = %(tenant)s AND q.id = %(issue)s AND {what} IS NOT NULL
"""
"""From what an issue touched and never went through since, by the journal, to where it came from."""


def _chosen(kind: str, subject: str, row: Row) -> Chosen:
    return Chosen(Item(kind, subject), row["at"], str(row["label"] or ""), row["state"], row["code"])


def package_ids(conn: Conn, tenant: str, word: str) -> list[UUID]:
    """Packages whose id is the word, or begins or ends with it."""
    rows = every(
        conn,
        """SELECT id FROM package WHERE tenant = %(t)s
             AND (starts_with(id::text, %(w)s) OR right(id::text, length(%(w)s)) = %(w)s) LIMIT 6""",
        t=tenant, w=word.lower(),
    )  # fmt: skip
    return [row["id"] for row in rows]


def issue_of(conn: Conn, tenant: str, word: str) -> list[Row]:
    """Issues whose id is the word, or begins or ends with it."""
    return every(
        conn,
        """SELECT id, code FROM issue WHERE tenant = %(t)s
             AND (starts_with(id::text, %(w)s) OR right(id::text, length(%(w)s)) = %(w)s) LIMIT 6""",
        t=tenant, w=word.lower(),
    )  # fmt: skip


def known_schedule(conn: Conn, tenant: str, name: str) -> bool:
    """Whether a schedule of this name ever had a row."""
    row: dict[str, Any] | None = one(
        conn, "SELECT 1 AS x FROM schedule WHERE tenant = %(t)s AND name = %(n)s", t=tenant, n=name
    )
    return row is not None
