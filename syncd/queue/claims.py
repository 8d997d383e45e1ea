"""Claiming: which messages a worker may deliver now, for targets that we call.

A claim is a lease: ``lease_id`` and ``lease_until`` in the message's row. What is due:

- ``pending``: in the order of their coming, live traffic before what a batch sends again;
- ``waiting``: an attempt whose pause is over;
- ``unconfirmed`` and ``sent``: to be looked up; their state stays what it is.

A message waits for the earlier ones of its key. Concurrency and rate hold over all workers, as the endpoint's row is
locked while its messages are counted and taken; who finds it locked leaves it to the other. A message that somebody
else has locked (an import that confirms it, a person) is left for the next claim: nobody's long transaction may hold
up a claim, and with it all targets.

A free place goes to the company with the fewest messages under way, then to the endpoint with the fewest: however
large the backlog of one, another's next message is not behind it. Within an endpoint what is due again and what is new
take turns, so that neither starves the other; what a batch sends again goes behind both.

Finished rows cost nothing (the indexes hold open rows only). Where a long transaction keeps dead index entries alive,
a claim would walk over all of them: ``Floors`` remembers where the living begin, see there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from syncd.store.db import Conn, Row, every
from syncd.store.endpoints import BREAK_AFTER
from syncd.store.ids import new_id

FINISHED: Final = "('acknowledged', 'cancelled', 'superseded')"
RAMP_SECONDS: Final = 3.0
"""After a recovery the concurrency doubles every so many seconds, from one."""
_NOBODY: Final = UUID(int=0)
_LANES: Final = 64  # endpoints looked at at once; the next look goes on behind them
_LOOKS: Final = 8  # so many at most in one claim, as long as nothing was found
_RATE_WINDOW: Final = 1.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A message in the hands of this worker. ``was``: its state before; a look-up where that is ``sent`` or
    ``unconfirmed``.
    """

    tenant: str
    id: UUID
    kind: str
    key: str
    revision_no: int
    endpoint_id: UUID
    attempt: int
    series: int
    looks: int
    was: Literal["pending", "waiting", "sent", "unconfirmed"]
    payload: dict[str, Any] | None
    created_at: datetime
    lease_id: UUID

    @property
    def looks_up(self) -> bool:
        """Whether it is to be looked up rather than sent."""
        return self.was in {"sent", "unconfirmed"}


@dataclass(slots=True)
class _Floor:
    version: str = ""
    seq: int = 0
    due: datetime | None = None
    claimed: datetime | None = None
    next_seq: int = 0
    next_due: datetime | None = None
    next_claimed: datetime | None = None


@dataclass(slots=True)
class Floors:
    """Below which values of the indexed columns no open row of an endpoint stands. An optimisation of one process.

    A floor is what was seen ``lag`` seconds ago, lowered to what is seen now, so that rows whose transaction was under
    way then are not missed; all floors are forgotten every ``forget`` seconds, so that one that took still longer is
    found all the same. A floor holds for one version of the endpoint's row: who puts older rows under an endpoint
    touches it.
    """

    lag: float = 3.0
    forget: float = 30.0
    _known: dict[UUID, _Floor] = field(default_factory=dict)
    _moved: float = field(default_factory=time.monotonic)
    _forgot: float = field(default_factory=time.monotonic)

    def of(self, endpoint: UUID, version: str) -> _Floor:
        """The floor of one endpoint in this version of its row."""
        floor = self._known.get(endpoint)
        if floor is None or floor.version != version:
            floor = self._known[endpoint] = _Floor(version)
        return floor

    def columns(self) -> dict[str, Any]:
        """All floors as parameters of a query."""
        return _floor_columns(list(self._known.items()))

    def move(self, conn: Conn) -> None:
        """Look where the living begin, every ``lag`` seconds."""
        now = time.monotonic()
        if now - self._forgot >= self.forget:
            self._forgot = self._moved = now
            self._known.clear()
            return
        if now - self._moved < self.lag or not self._known:
            return
        self._moved = now
        floors = list(self._known.items())
        for row in every(conn, _LIVING, **_floor_columns(floors)):
            floor = self._known[row["endpoint_id"]]
            # what became visible meanwhile is below what was seen then: it lowers the floor
            floor.seq = min(floor.next_seq, row["seq"])
            floor.due = min(floor.next_due, row["due"]) if floor.next_due else None
            floor.claimed = min(floor.next_claimed, row["claimed"]) if floor.next_claimed else None
            floor.next_seq, floor.next_due, floor.next_claimed = row["seq"], row["due"], row["claimed"]


_LIVING: Final = f"""
    SELECT f.endpoint_id,
           coalesce((SELECT min(o.seq) - 1 FROM outbox o
                     WHERE o.endpoint_id = f.endpoint_id AND o.state = 'pending' AND o.priority = 0
                       AND o.seq > f.seq),
                    (SELECT last_value FROM outbox_seq_seq)) AS seq,
           coalesce((SELECT min(o.next_attempt_at) FROM outbox o
                     WHERE o.endpoint_id = f.endpoint_id AND o.state IN ('waiting', 'sent', 'unconfirmed')
                       AND o.priority = 0 AND o.next_attempt_at >= coalesce(f.due, '-infinity')),
                    now()) AS due,
           coalesce((SELECT min(o.claimed_at) FROM outbox o
                     WHERE o.endpoint_id = f.endpoint_id AND o.lease_id IS NOT NULL
                       AND o.claimed_at >= coalesce(f.claimed, '-infinity')),
                    now()) - interval '{_RATE_WINDOW} seconds' AS claimed
    FROM unnest(%(endpoints)s::uuid[], %(seqs)s::bigint[], %(dues)s::timestamptz[], %(claims)s::timestamptz[])
         AS f (endpoint_id, seq, due, claimed)
"""  # noqa: S608 - constants only


def _floor_columns(floors: list[tuple[UUID, _Floor]]) -> dict[str, Any]:
    return {
        "endpoints": [id_ for id_, _ in floors],
        "versions": [floor.version for _, floor in floors],
        "seqs": [floor.seq for _, floor in floors],
        "dues": [floor.due for _, floor in floors],
        "claims": [floor.claimed for _, floor in floors],
    }


@dataclass(slots=True)
class Turn:
    """Where the last claim of this worker ended: the next begins behind it. ``new_first``: whether the next place of an
    endpoint is for what is new rather than for what is due again.
    """

    tenant: str = ""
    endpoint: UUID = _NOBODY
    new_first: bool = True


def claim(
    conn: Conn, *, worker: UUID, free: int, lease: float, kinds: list[str], floors: Floors, turn: Turn
) -> list[Claim]:  # fmt: skip
    """Take up to ``free`` messages for endpoints of these kinds, for ``lease`` seconds, within the caller's
    transaction; commit before anything is sent.
    """
    floors.move(conn)
    turn.new_first = not turn.new_first
    for _ in range(_LOOKS):
        from_start = turn.endpoint == _NOBODY
        lanes = every(
            conn, _LOCK_LANES, kinds=kinds, tenant=turn.tenant, endpoint=turn.endpoint, lanes=_LANES,
            **floors.columns(),
        )  # fmt: skip
        full = len(lanes) == _LANES
        turn.tenant, turn.endpoint = (lanes[-1]["tenant"], lanes[-1]["id"]) if full else ("", _NOBODY)
        claims = _take(conn, lanes, worker, free, lease, floors, turn.new_first) if lanes else []
        if claims or (from_start and not full):
            return claims
    return []


def _take(
    conn: Conn, lanes: list[Row], worker: UUID, free: int, lease: float, floors: Floors, new_first: bool
) -> list[Claim]:
    rows = every(
        conn, _CLAIM,
        tenants=[lane["tenant"] for lane in lanes],
        concurrency=[lane["concurrency"] for lane in lanes],
        rates=[lane["rate_per_second"] for lane in lanes],
        **_floor_columns([(lane["id"], floors.of(lane["id"], lane["version"])) for lane in lanes]),
        free=free, worker=worker, until=timedelta(seconds=lease), window=timedelta(seconds=_RATE_WINDOW),
        leases=[new_id() for _ in range(free)], first=1 if new_first else 0,
    )  # fmt: skip
    return [Claim(**row) for row in rows]


OPEN_GATE: Final = """
    e.disabled_at IS NULL
    AND (e.paused_at IS NULL OR e.paused_until <= now())
    AND (e.closed_until IS NULL OR e.closed_until <= now())
    AND (i.paused_at IS NULL OR i.paused_until <= now())
    AND (h.state IS NULL OR h.state NOT IN ('maintenance', 'down'))
"""
"""Whether messages go to an endpoint ``e`` of infobase ``i`` with health ``h``; NULL means no."""

_LOCK_LANES: Final = f"""
    SELECT e.tenant, e.id, e.xmin::text AS version, e.rate_per_second::float AS rate_per_second,
           CASE WHEN e.infobase_id IS NULL AND e.failures >= {BREAK_AFTER} THEN 1
                ELSE least(e.concurrency, 2 ^ least(20, floor(coalesce(extract(epoch FROM
                     now() - greatest(h.recovered_at, e.recovered_at)) / {RAMP_SECONDS}, 20))))::int
           END AS concurrency
    FROM endpoint e
    LEFT JOIN infobase i ON i.tenant = e.tenant AND i.id = e.infobase_id
    LEFT JOIN infobase_health h ON h.tenant = e.tenant AND h.infobase_id = e.infobase_id
    LEFT JOIN unnest(%(endpoints)s::uuid[], %(versions)s::text[], %(seqs)s::bigint[], %(dues)s::timestamptz[])
              AS f (id, version, seq, due) ON f.id = e.id AND f.version = e.xmin::text
    WHERE e.kind = ANY(%(kinds)s) AND (e.tenant, e.id) > (%(tenant)s, %(endpoint)s) AND {OPEN_GATE}
      AND (EXISTS (SELECT FROM outbox o
                   WHERE o.endpoint_id = e.id AND o.state = 'pending' AND o.priority = 0 AND o.seq > coalesce(f.seq, 0))
           OR EXISTS (SELECT FROM outbox o
                      WHERE o.endpoint_id = e.id AND o.state IN ('waiting', 'sent', 'unconfirmed') AND o.priority = 0
                        AND o.next_attempt_at BETWEEN coalesce(f.due, '-infinity') AND now() AND o.lease_id IS NULL)
           OR EXISTS (SELECT FROM outbox o
                      WHERE o.endpoint_id = e.id AND o.state IN ('waiting', 'sent', 'unconfirmed') AND o.priority = 1
                        AND o.next_attempt_at <= now() AND o.lease_id IS NULL)
           OR EXISTS (SELECT FROM outbox o
                      WHERE o.endpoint_id = e.id AND o.state = 'pending' AND o.priority = 1))
    ORDER BY e.tenant, e.id LIMIT %(lanes)s
    FOR NO KEY UPDATE OF e SKIP LOCKED
"""  # noqa: S608 - constants only

_UNBLOCKED: Final = f"""
    NOT EXISTS (
        SELECT FROM outbox b
        WHERE b.tenant = o.tenant AND b.kind = o.kind AND b.key = o.key AND b.seq < o.seq AND b.state NOT IN {FINISHED}
    )
"""

_CLAIM: Final = f"""
    WITH lane AS (
        SELECT * FROM unnest(%(tenants)s::text[], %(endpoints)s::uuid[], %(concurrency)s::int[], %(rates)s::float[],
                             %(seqs)s::bigint[], %(dues)s::timestamptz[], %(claims)s::timestamptz[])
                      AS l (tenant, id, concurrency, rate, seq, due, claimed)
    ), busy AS (
        SELECT l.*, (SELECT count(*) FROM outbox o
                     WHERE o.endpoint_id = l.id AND o.lease_id IS NOT NULL
                       AND o.claimed_at >= coalesce(l.claimed, '-infinity')) AS busy
        FROM lane l
    ), room AS MATERIALIZED (
        SELECT b.*, sum(b.busy) OVER (PARTITION BY b.tenant) AS tenant_busy, least(
            %(free)s,
            b.concurrency - b.busy,
            CASE WHEN b.rate IS NOT NULL THEN greatest(1, floor(b.rate)) - (
                SELECT count(*) FROM outbox_change c
                WHERE c.endpoint_id = b.id AND c.state = 'sending'
                  AND c.at > now() - %(window)s * greatest(1, 1 / b.rate)) END
        )::int AS places
        FROM busy b
    ), ready AS (
        SELECT r.places, r.busy, r.tenant_busy, c.*
        FROM room r CROSS JOIN LATERAL (
            (SELECT o.tenant, o.id, o.seq, o.endpoint_id, o.state, 0 AS rank FROM outbox o
             WHERE o.endpoint_id = r.id AND o.state IN ('waiting', 'sent', 'unconfirmed') AND o.priority = 0
               AND o.next_attempt_at BETWEEN coalesce(r.due, '-infinity') AND now() AND o.lease_id IS NULL
               AND {_UNBLOCKED}
             ORDER BY o.next_attempt_at LIMIT greatest(r.places, 0))
            UNION ALL
            (SELECT o.tenant, o.id, o.seq, o.endpoint_id, o.state, 1 FROM outbox o
             WHERE o.endpoint_id = r.id AND o.state = 'pending' AND o.priority = 0 AND o.seq > r.seq
               AND {_UNBLOCKED}
             ORDER BY o.seq LIMIT greatest(r.places, 0))
            UNION ALL
            (SELECT o.tenant, o.id, o.seq, o.endpoint_id, o.state, 2 FROM outbox o
             WHERE o.endpoint_id = r.id AND o.state IN ('waiting', 'sent', 'unconfirmed') AND o.priority = 1
               AND o.next_attempt_at <= now() AND o.lease_id IS NULL AND {_UNBLOCKED}
             ORDER BY o.next_attempt_at LIMIT greatest(r.places, 0))
            UNION ALL
            (SELECT o.tenant, o.id, o.seq, o.endpoint_id, o.state, 2 FROM outbox o
             WHERE o.endpoint_id = r.id AND o.state = 'pending' AND o.priority = 1 AND {_UNBLOCKED}
             ORDER BY o.seq LIMIT greatest(r.places, 0))
        ) c
        WHERE r.places > 0
    ), numbered AS (
        SELECT *, row_number() OVER (PARTITION BY endpoint_id, rank ORDER BY seq) AS nth FROM ready
    ), dealt AS (
        SELECT *, row_number() OVER (PARTITION BY endpoint_id ORDER BY rank = 2, nth, rank <> %(first)s) AS place
        FROM numbered
    ), taking_turns AS (
        SELECT *, tenant_busy + row_number() OVER (
                      PARTITION BY tenant ORDER BY rank = 2, busy + place, random()) AS turn
        FROM dealt WHERE place <= places
    ), chosen AS (
        SELECT tenant, id, state AS was, row_number() OVER (ORDER BY turn, lot) AS n
        FROM (SELECT *, random() AS lot FROM taking_turns) t ORDER BY turn, lot LIMIT %(free)s
    ), free AS (
        SELECT c.* FROM chosen c JOIN outbox o ON o.tenant = c.tenant AND o.id = c.id
        WHERE o.state = c.was AND o.lease_id IS NULL
        FOR NO KEY UPDATE OF o SKIP LOCKED
    ), claimed AS (
        UPDATE outbox o
        SET state = CASE WHEN c.was IN ('sent', 'unconfirmed') THEN o.state ELSE 'sending' END,
            attempt = o.attempt + CASE WHEN c.was IN ('sent', 'unconfirmed') THEN 0 ELSE 1 END,
            lease_id = (%(leases)s::uuid[])[c.n], lease_until = now() + %(until)s,
            claimed_at = now(), claimed_by = %(worker)s,
            sent_at = CASE WHEN c.was IN ('sent', 'unconfirmed') THEN o.sent_at ELSE now() END, updated_at = now()
        FROM free c
        WHERE o.tenant = c.tenant AND o.id = c.id AND o.state = c.was AND o.lease_id IS NULL
        RETURNING o.tenant, o.id, o.kind, o.key, o.revision_no, o.endpoint_id, o.attempt, o.series, o.looks, c.was,
                  o.payload, o.created_at, o.lease_id, o.seq
    ), changed AS (
        INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, endpoint_id)
        SELECT tenant, id, 'sending', attempt, %(worker)s::text, endpoint_id FROM claimed
        WHERE was NOT IN ('sent', 'unconfirmed')
    )
    SELECT tenant, id, kind, key, revision_no, endpoint_id, attempt, series, looks, was, payload, created_at, lease_id
    FROM claimed ORDER BY seq
"""  # noqa: S608 - constants only
