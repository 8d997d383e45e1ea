"""Runs of full exports: where they stand. A run is a full export in its portions, of one catalogue by one infobase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd.errors import SyncdError
from syncd.store.db import Conn, Row, every, execute, one
from syncd.store.ids import new_id

ENTITIES: Final = {"catalogue": "product", "offers": "offer", "book": "reference_item"}
"""What a full export of a kind states the whole of."""
_COLUMNS: Final = "r.tenant, r.id, r.infobase_id, r.kind, r.catalogue_id, r.state, r.ended_by, r.first_seq, r.last_seq"
_OPEN_PACKAGE: Final = """
    EXISTS (SELECT FROM package p WHERE p.tenant = r.tenant AND p.lane = 'catalog'
              AND p.infobase_id IS NOT DISTINCT FROM r.infobase_id AND p.state IN ('queued', 'importing') {more})
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run. ``ended_by`` is complete, deactivate, next (a newer full export began), quiet or package."""

    tenant: str
    id: UUID
    infobase_id: UUID | None
    kind: str
    catalogue_id: str
    state: str
    ended_by: str | None
    first_seq: int
    last_seq: int

    @property
    def entity(self) -> str:
        """What may be found absent."""
        return ENTITIES[self.kind]

    @property
    def scope(self) -> dict[str, Any]:
        """Parameters of the queries here."""
        return {"t": self.tenant, "id": self.id, "i": self.infobase_id, "k": self.kind, "c": self.catalogue_id,
                "e": self.entity, "first": self.first_seq, "last": self.last_seq}  # fmt: skip


def lock(conn: Conn, tenant: str, *, wait: bool = True) -> bool:
    """One at a time within a tenant: a merge of a catalogue, or a removal. ``False`` when it is taken and ``wait`` is
    not asked for.
    """
    name = "pg_advisory_xact_lock" if wait else "pg_try_advisory_xact_lock"
    row = one(conn, f"SELECT {name}(hashtextextended('catalogue ' || %(t)s, 0)) AS done", t=tenant)
    return wait or bool(row and row["done"])


def begin(
    conn: Conn, tenant: str, infobase_id: UUID | None, kind: str, catalogue_id: str, *, first_seq: int, last_seq: int,
    state: str = "open", ended_by: str | None = None,
) -> Run:  # fmt: skip
    """A new run; no other of its scope may be open."""
    run = Run(tenant, new_id(), infobase_id, kind, catalogue_id, state, ended_by, first_seq, last_seq)
    execute(
        conn,
        """INSERT INTO export_run (tenant, id, infobase_id, kind, catalogue_id, state, ended_by, first_seq, last_seq,
                                   ended_at)
           VALUES (%(t)s, %(id)s, %(i)s, %(k)s, %(c)s, %(state)s, %(by)s, %(first)s, %(last)s,
                   CASE WHEN %(state)s <> 'open' THEN now() END)""",
        t=tenant, id=run.id, i=infobase_id, k=kind, c=catalogue_id, state=state, by=ended_by, first=first_seq,
        last=last_seq,
    )  # fmt: skip
    return run


def of_scope(conn: Conn, tenant: str, infobase_id: UUID | None, kind: str, catalogue_id: str) -> list[Row]:
    """All runs of a scope, newest first."""
    return every(
        conn,
        """SELECT id, state, first_seq, last_seq, portions FROM export_run
           WHERE tenant = %(t)s AND infobase_id IS NOT DISTINCT FROM %(i)s AND kind = %(k)s AND catalogue_id = %(c)s
           ORDER BY first_seq DESC, created_at DESC LIMIT 100""",
        t=tenant, i=infobase_id, k=kind, c=catalogue_id,
    )  # fmt: skip


def extend(conn: Conn, tenant: str, id_: UUID, seq: int) -> None:
    """Another package of the scope joins an open run."""
    execute(
        conn,
        """UPDATE export_run SET last_seq = greatest(last_seq, %(seq)s), updated_at = now()
           WHERE tenant = %(t)s AND id = %(id)s AND state = 'open'""",
        t=tenant, id=id_, seq=seq,
    )  # fmt: skip


def end(conn: Conn, tenant: str, id_: UUID, *, by: str, last_seq: int, first_seq: int | None = None) -> None:
    """An open run is over: it is to be decided."""
    execute(
        conn,
        """UPDATE export_run SET state = 'ending', ended_by = %(by)s, ended_at = now(), updated_at = now(),
                  last_seq = %(last)s, first_seq = coalesce(%(first)s::bigint, first_seq)
           WHERE tenant = %(t)s AND id = %(id)s AND state = 'open'""",
        t=tenant, id=id_, by=by, last=last_seq, first=first_seq,
    )  # fmt: skip


def end_quiet(conn: Conn, seconds: float) -> int:
    """End the runs of infobases of which nothing was heard for so long. Returns how many."""
    still = "> now() - make_interval(secs => %(s)s)"
    return execute(
        conn,
        f"""UPDATE export_run r SET state = 'ending', ended_by = 'quiet', ended_at = now(),
                   last_seq = greatest(last_seq, (
                       SELECT max(p.seq) FROM package p
                       WHERE p.tenant = r.tenant AND p.lane = 'catalog' AND p.infobase_id = r.infobase_id))
            WHERE r.state = 'open' AND r.updated_at <= now() - make_interval(secs => %(s)s)
              AND NOT {_OPEN_PACKAGE.format(more="")}
              AND NOT EXISTS (SELECT FROM exchange_session x
                              WHERE x.tenant = r.tenant AND x.infobase_id = r.infobase_id AND x.seen_at {still})
              AND NOT EXISTS (SELECT FROM upload u
                              WHERE u.tenant = r.tenant AND u.infobase_id = r.infobase_id AND u.updated_at {still})
              AND NOT EXISTS (SELECT FROM package p
                              WHERE p.tenant = r.tenant AND p.infobase_id = r.infobase_id
                                AND greatest(p.created_at, p.finished_at) {still})""",  # noqa: S608 - constants only
        s=seconds,
    )  # fmt: skip


def request(conn: Conn, tenant: str, infobase_id: UUID, mode: str, since: float | None) -> None:
    """Keep a ``complete`` or ``deactivate`` until the packages before it are imported. ``since``: Unix seconds."""
    row = one(
        conn,
        """SELECT max(seq) AS last, min(seq) FILTER (WHERE created_at >= to_timestamp(%(since)s::float)) AS first
           FROM package WHERE tenant = %(t)s AND infobase_id = %(i)s AND lane = 'catalog' AND replay_of IS NULL""",
        t=tenant, i=infobase_id, since=since,
    )  # fmt: skip
    if row and row["last"] is not None:
        begin(conn, tenant, infobase_id, "request", "", first_seq=row["first"] or 0, last_seq=row["last"],
              state="ending", ended_by=mode)  # fmt: skip


def due(conn: Conn) -> list[Run]:
    """Requests and ended runs that can be seen to: no package of theirs is open. Oldest first."""
    rows = every(
        conn,
        f"""SELECT {_COLUMNS} FROM export_run r
            WHERE r.state = 'ending'
              AND NOT {_OPEN_PACKAGE.format(more="AND (r.kind <> 'request' OR p.seq <= r.last_seq)")}
            ORDER BY r.kind = 'request' DESC, r.created_at, r.kind LIMIT 100""",  # noqa: S608 - constants only
    )
    return [Run(**row) for row in rows]


def hold(conn: Conn, run: Run) -> bool:
    """Hold the row until the transaction ends; ``False`` when it is no longer as it was, or a package came."""
    row = one(
        conn,
        f"""SELECT 1 AS x FROM export_run r WHERE r.tenant = %(t)s AND r.id = %(id)s AND r.state = %(state)s
              AND NOT {_OPEN_PACKAGE.format(more="AND (r.kind <> 'request' OR p.seq <= r.last_seq)")}
            FOR UPDATE""",  # noqa: S608 - constants only
        t=run.tenant, id=run.id, state=run.state,
    )  # fmt: skip
    return row is not None


def opened(conn: Conn, tenant: str, infobase_id: UUID, *, last_seq: int) -> list[Row]:
    """Open runs of an infobase that began no later."""
    return every(
        conn,
        """SELECT id, kind, catalogue_id, first_seq, last_seq FROM export_run
           WHERE tenant = %(t)s AND infobase_id = %(i)s AND state = 'open' AND first_seq <= %(last)s""",
        t=tenant, i=infobase_id, last=last_seq,
    )  # fmt: skip


def scopes(conn: Conn, request_: Run) -> list[tuple[str, str]]:
    """Kinds and catalogues an infobase stated records of within a request's range."""
    rows = every(
        conn,
        """SELECT entity, catalogue_id FROM package_seen
           WHERE tenant = %(t)s AND infobase_id = %(i)s AND seq BETWEEN %(first)s AND %(last)s AND catalogue_id <> ''
             AND entity IN ('product', 'offer')
           GROUP BY entity, catalogue_id HAVING bool_or(stated) ORDER BY entity DESC, catalogue_id""",
        t=request_.tenant, i=request_.infobase_id, first=request_.first_seq, last=request_.last_seq,
    )  # fmt: skip
    kinds = {entity: kind for kind, entity in ENTITIES.items()}
    return [(kinds[row["entity"]], row["catalogue_id"]) for row in rows]


def drop(conn: Conn, run: Run) -> None:
    """Forget a request that was seen to."""
    execute(conn, "DELETE FROM export_run WHERE tenant = %(t)s AND id = %(id)s", t=run.tenant, id=run.id)


def spoiled_by(conn: Conn, run: Run) -> Row | None:
    """A package of the run that was not taken in whole, and neither sent again under the same names nor replayed."""
    return one(
        conn,
        """SELECT p.id, p.outcome, p.error_code, array_agg(f.name ORDER BY f.n) AS files
           FROM package p JOIN package_file f ON f.tenant = p.tenant AND f.package_id = p.id
           WHERE p.tenant = %(t)s AND p.lane = 'catalog' AND p.infobase_id IS NOT DISTINCT FROM %(i)s
             AND p.replay_of IS NULL AND p.seq BETWEEN %(first)s AND %(last)s
             AND (p.outcome = 'failed' OR p.outcome = 'partial' AND NOT EXISTS (
                  SELECT FROM journal j WHERE j.tenant = p.tenant AND j.id = p.id AND j.code = 'E503'))
             AND NOT EXISTS (
                  SELECT FROM package q
                  WHERE q.tenant = p.tenant AND q.lane = p.lane AND q.infobase_id IS NOT DISTINCT FROM p.infobase_id
                    AND q.outcome = 'ok' AND q.seq > p.seq AND coalesce(q.source_seq, q.seq) <= %(last)s
                    AND (q.replay_of = p.id OR NOT EXISTS (
                         SELECT FROM package_file a WHERE a.tenant = p.tenant AND a.package_id = p.id
                           AND NOT EXISTS (SELECT FROM package_file b WHERE b.tenant = q.tenant
                                             AND b.package_id = q.id AND lower(b.name) = lower(a.name)))))
           GROUP BY p.tenant, p.id ORDER BY p.seq LIMIT 1""",
        **run.scope,
    )


def portions(conn: Conn, run: Run) -> tuple[list[int], int]:
    """The portion numbers met in the run, in order, and how many packages it has."""
    row = one(
        conn,
        """SELECT coalesce((SELECT array_agg(DISTINCT n ORDER BY n) FROM package_seen s, unnest(s.portions) n
                            WHERE s.tenant = %(t)s AND s.infobase_id IS NOT DISTINCT FROM %(i)s AND s.entity = %(e)s
                              AND s.catalogue_id = %(c)s AND s.seq BETWEEN %(first)s AND %(last)s), '{}') AS numbers,
                  (SELECT count(DISTINCT s.seq) FROM package_seen s
                   WHERE s.tenant = %(t)s AND s.infobase_id IS NOT DISTINCT FROM %(i)s AND s.entity = %(e)s
                     AND s.catalogue_id = %(c)s AND s.seq BETWEEN %(first)s AND %(last)s) AS packages""",
        **run.scope,
    )
    return (list(row["numbers"]), int(row["packages"])) if row else ([], 0)


def close(conn: Conn, run: Run, state: str, *, error: SyncdError | None = None, **columns: Any) -> None:
    """Decide a run: its state, why it is so, and ``seen``, ``absent``, ``total``, ``portions``, ``decided_by`` and the
    ``reason`` a person gave.
    """
    if error is not None:
        columns |= {"code": error.code, "params": Jsonb({name: str(value) for name, value in error.params.items()})}
    names = "".join(f", {name} = %({name})s" for name in columns)
    execute(
        conn,
        f"""UPDATE export_run SET state = %(state)s, updated_at = now(){names}
            WHERE tenant = %(t)s AND id = %(id)s""",  # noqa: S608 - names are ours
        t=run.tenant, id=run.id, state=state, **columns,
    )  # fmt: skip
    if state in {"applied", "nothing", "held"}:
        execute(
            conn,
            """UPDATE export_run SET state = 'abandoned', code = 'E227', params = %(params)s, updated_at = now()
               WHERE tenant = %(t)s AND infobase_id IS NOT DISTINCT FROM %(i)s AND kind = %(k)s AND catalogue_id = %(c)s
                 AND state = 'held' AND first_seq < %(first)s""",
            params=Jsonb({"run": str(run.id)}), **run.scope,
        )  # fmt: skip


def last_package(conn: Conn, run: Run) -> UUID | None:
    """The newest package of the run."""
    row = one(
        conn,
        """SELECT package_id FROM package_seen
           WHERE tenant = %(t)s AND infobase_id IS NOT DISTINCT FROM %(i)s AND entity = %(e)s AND catalogue_id = %(c)s
             AND seq BETWEEN %(first)s AND %(last)s ORDER BY seq DESC LIMIT 1""",
        **run.scope,
    )
    return row["package_id"] if row else None


def held(conn: Conn, tenant: str | None = None) -> list[Row]:
    """Removals that wait for a person, oldest first."""
    return every(
        conn,
        f"""SELECT {_COLUMNS}, r.seen, r.absent, r.total, r.portions, r.code, r.params, r.reason,
                   r.created_at, r.ended_at, i.name AS infobase
            FROM export_run r LEFT JOIN infobase i ON i.tenant = r.tenant AND i.id = r.infobase_id
            WHERE r.state = 'held' AND (%(t)s::text IS NULL OR r.tenant = %(t)s)
            ORDER BY r.created_at""",  # noqa: S608 - constants only
        t=tenant,
    )


def known(conn: Conn, tenant: str, word: str) -> bool:
    """Whether the word is the id of a run, in whatever state, or begins or ends one."""
    row = one(
        conn,
        """SELECT 1 AS x FROM export_run
           WHERE tenant = %(t)s AND kind <> 'request'
             AND (starts_with(id::text, %(w)s) OR right(id::text, length(%(w)s)) = %(w)s) LIMIT 1""",
        t=tenant, w=word.lower(),
    )  # fmt: skip
    return row is not None


def of_package(conn: Conn, tenant: str, package_id: UUID) -> list[Row]:
    """The runs a package belongs to."""
    return every(
        conn,
        """SELECT DISTINCT r.id, r.kind, r.catalogue_id, r.state, r.ended_by, r.seen, r.absent, r.total,
                  r.code, r.params, r.reason, r.decided_by, r.created_at
           FROM package_seen s JOIN export_run r
             ON r.tenant = s.tenant AND r.infobase_id IS NOT DISTINCT FROM s.infobase_id
            AND r.catalogue_id = s.catalogue_id AND s.seq BETWEEN r.first_seq AND r.last_seq
            AND s.entity = CASE r.kind WHEN 'catalogue' THEN 'product' WHEN 'book' THEN 'reference_item'
                                       ELSE 'offer' END
           WHERE s.tenant = %(t)s AND s.package_id = %(id)s AND r.kind <> 'request' ORDER BY r.created_at""",
        t=tenant, id=package_id,
    )  # fmt: skip


def prune(conn: Conn, keep_days: int) -> int:
    """Forget decided runs that are older than the packages; what was never decided can no longer be, as what was
    stated then is forgotten too.
    """
    execute(
        conn,
        """UPDATE export_run SET state = 'abandoned', code = 'E228', params = %(params)s, updated_at = now()
           WHERE state IN ('open', 'ending', 'held') AND created_at < now() - make_interval(days => %(d)s)""",
        d=keep_days, params=Jsonb({"days": str(keep_days)}),
    )  # fmt: skip
    return execute(
        conn,
        """DELETE FROM export_run WHERE state NOT IN ('open', 'ending', 'held')
             AND updated_at < now() - make_interval(days => %(d)s)""",
        d=keep_days,
    )
