"""The targets we call: 1C bases by HTTP, OData or SOAP, and others' addresses; their gates and pauses.

Two things keep messages away from a target: a pause, which a person makes, and the gate (``closed_until``), which the
target asks for (``Retry-After``) or our breaker closes. Times are Postgres's own: workers need not agree on a clock.

The breaker serves endpoints that no ping watches (those without an infobase): after ``BREAK_AFTER`` transport failures
in a row the gate closes for a growing time; when it opens, one message goes first (``Endpoint.on_trial``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd.errors import Refused
from syncd.i18n import tr
from syncd.store.db import Conn, Row, execute, one
from syncd.store.db import every as rows_of
from syncd.store.ids import new_id
from syncd.store.secrets import Keys

BREAK_AFTER: Final = 5
"""Transport failures in a row after which the gate of an endpoint without health closes."""
BREAK_SECONDS: Final = 30.0
BREAK_LIMIT_SECONDS: Final = 900.0
"""How long it stays closed the first time, and at most; it doubles with each trial that fails."""
ORDER: Final = "order"
_CHANGEABLE: Final = (
    "address", "settings", "takes", "infobase_id", "concurrency", "rate_per_second", "timeout_seconds",
)  # fmt: skip
_OPEN: Final = "state NOT IN ('acknowledged', 'cancelled', 'superseded')"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One target. ``takes``: kinds of messages that go there (``order``, names of events, ``*`` for all events).
    ``infobase`` is the name of the base behind it, ``None`` where there is none; ``zone`` is the time zone of its naive
    times. ``settings`` are the protocol's own and hold no secret.

    ``paused`` and ``closed`` were so when the row was read, by Postgres's clock.
    """

    tenant: str
    id: UUID
    name: str
    kind: str
    infobase_id: UUID | None
    infobase: str | None
    zone: str
    address: str
    settings: dict[str, Any]
    takes: tuple[str, ...]
    concurrency: int
    rate_per_second: Decimal | None
    timeout_seconds: float
    paused: bool
    paused_at: datetime | None
    paused_until: datetime | None
    pause_reason: str | None
    paused_by: str | None
    closed: bool
    closed_until: datetime | None
    closed_code: str | None
    failures: int
    recovered_at: datetime | None
    disabled_at: datetime | None
    created_at: datetime
    updated_at: datetime
    sealed: bytes | None = field(default=None, repr=False)

    @property
    def on_trial(self) -> bool:
        """The breaker's gate has opened after a closure: one message at a time until one gets through."""
        return self.infobase_id is None and self.failures >= BREAK_AFTER and not self.closed

    @property
    def has_secret(self) -> bool:
        """Whether a password or key is kept for it."""
        return self.sealed is not None

    def secret(self, keys: Keys) -> str | None:
        """The password or signing key; ``None`` when it has none. Raises ``ConfigError`` E920."""
        return None if self.sealed is None else keys.open(self.sealed)

    def accepts(self, kind: str) -> bool:
        """Whether messages of this kind go there."""
        return kind in self.takes or (kind != ORDER and "*" in self.takes)


_SELECT: Final = """
    SELECT e.tenant, e.id, e.name, e.kind, e.infobase_id, i.name AS infobase,
           coalesce(i.zone, e.settings->>'zone', 'Europe/Moscow') AS zone, e.address, e.settings, e.takes,
           e.concurrency, e.rate_per_second, e.timeout_seconds,
           e.paused_at IS NOT NULL AND (e.paused_until IS NULL OR e.paused_until > now()) AS paused,
           e.paused_at, e.paused_until, e.pause_reason, e.paused_by,
           coalesce(e.closed_until > now(), false) AS closed, e.closed_until, e.closed_code, e.failures,
           e.recovered_at, e.disabled_at, e.created_at, e.updated_at, e.secret AS sealed
    FROM endpoint e LEFT JOIN infobase i ON i.tenant = e.tenant AND i.id = e.infobase_id
"""


def _made(row: Row) -> Endpoint:
    return Endpoint(**{**row, "takes": tuple(row["takes"]), "sealed": row["sealed"] and bytes(row["sealed"])})


def shown(endpoint: Endpoint) -> dict[str, Any]:
    """Everything but the secret, for listings."""
    names = [each.name for each in fields(Endpoint) if each.name != "sealed"]
    return {name: getattr(endpoint, name) for name in names} | {"has_secret": endpoint.has_secret}


# --- reading ----------------------------------------------------------------------------------------------------------


def get(conn: Conn, tenant: str, id_: UUID) -> Endpoint | None:
    """The endpoint of this id."""
    row = one(conn, _SELECT + "WHERE e.tenant = %(t)s AND e.id = %(id)s", t=tenant, id=id_)
    return _made(row) if row else None


def by_name(conn: Conn, tenant: str, name: str) -> Endpoint | None:
    """The endpoint of this name."""
    row = one(conn, _SELECT + "WHERE e.tenant = %(t)s AND e.name = %(n)s", t=tenant, n=name)
    return _made(row) if row else None


def every(conn: Conn, tenant: str | None = None) -> list[Endpoint]:
    """All endpoints of a tenant, or of all tenants, by name; disabled ones too."""
    where = "WHERE %(t)s::text IS NULL OR e.tenant = %(t)s ORDER BY e.tenant, e.name"
    return [_made(row) for row in rows_of(conn, _SELECT + where, t=tenant)]


def of_infobase(conn: Conn, tenant: str, infobase_id: UUID) -> list[Endpoint]:
    """The enabled endpoints by which one infobase is called, oldest first."""
    where = """WHERE e.tenant = %(t)s AND e.infobase_id = %(i)s AND e.disabled_at IS NULL ORDER BY e.created_at, e.id"""
    return [_made(row) for row in rows_of(conn, _SELECT + where, t=tenant, i=infobase_id)]


def taking(conn: Conn, tenant: str, kind: str) -> list[Endpoint]:
    """The enabled endpoints that take messages of this kind, oldest first; ``*`` stands for events only."""
    where = """WHERE e.tenant = %(t)s AND e.disabled_at IS NULL AND e.takes && %(takes)s ORDER BY e.created_at, e.id"""
    takes = [kind] if kind == ORDER else [kind, "*"]
    return [_made(row) for row in rows_of(conn, _SELECT + where, t=tenant, takes=takes)]


# --- making, changing, removing ---------------------------------------------------------------------------------------


def add(
    conn: Conn,
    tenant: str,
    *,
    name: str,
    kind: str,
    address: str,
    takes: Sequence[str],
    infobase_id: UUID | None = None,
    settings: Mapping[str, Any] | None = None,
    sealed: bytes | None = None,
    concurrency: int = 2,
    rate_per_second: Decimal | None = None,
    timeout_seconds: float = 60.0,
) -> tuple[Endpoint, int]:
    """Make an endpoint. The second value: open orders it adopted, see ``adopt``. ``sealed`` comes from ``Keys.seal``.

    Raises ``Refused`` E411 when the name is taken.
    """
    made = new_id()
    inserted = execute(
        conn,
        """INSERT INTO endpoint (tenant, id, name, kind, infobase_id, address, settings, secret, takes, concurrency,
                                 rate_per_second, timeout_seconds)
           VALUES (%(t)s, %(id)s, %(name)s, %(kind)s, %(infobase)s, %(address)s, %(settings)s, %(sealed)s, %(takes)s,
                   %(concurrency)s, %(rate)s, %(timeout)s)
           ON CONFLICT (tenant, name) DO NOTHING""",
        t=tenant, id=made, name=name, kind=kind, infobase=infobase_id, address=address,
        settings=Jsonb(dict(settings or {})), sealed=sealed, takes=list(takes), concurrency=concurrency,
        rate=rate_per_second, timeout=timeout_seconds,
    )  # fmt: skip
    if not inserted:
        hint = tr("Change it with `syncd endpoint set`.", "Измените его: `syncd endpoint set`.")
        raise Refused("E411", what=tr("Endpoint", "Получатель"), name=name, hint=hint)
    return _with_orders(conn, tenant, made)


def change(conn: Conn, tenant: str, id_: UUID, **values: Any) -> tuple[Endpoint, int]:
    """Give some of ``address``, ``settings``, ``sealed``, ``takes``, ``infobase_id``, ``concurrency``,
    ``rate_per_second``, ``timeout_seconds`` a new value. A changed address, secret or setting is tried at once: the
    gate opens. The second value: orders it adopted.
    """
    columns = {name: name for name in _CHANGEABLE} | {"sealed": "secret"}
    sets = [f"{columns[name]} = %({name})s" for name in values]
    if {"address", "settings", "sealed"} & values.keys():
        sets.append("failures = 0, closed_until = NULL, closed_code = NULL")
    ready = {
        name: Jsonb(value) if name == "settings" else list(value) if name == "takes" else value
        for name, value in values.items()
    }
    query = f"UPDATE endpoint SET {', '.join([*sets, 'updated_at = now()'])} WHERE tenant = %(t)s AND id = %(id)s"  # noqa: S608 - names of the table above
    execute(conn, query, t=tenant, id=id_, **ready)
    return _with_orders(conn, tenant, id_)


def _with_orders(conn: Conn, tenant: str, id_: UUID) -> tuple[Endpoint, int]:
    adopted = adopt(conn, tenant)
    found = get(conn, tenant, id_)
    assert found is not None
    return found, adopted


def adopt(conn: Conn, tenant: str) -> int:
    """Bind the open orders that no infobase was ever offered, and that no endpoint has, to the first endpoint that
    takes orders, where new ones go too. Returns how many there were.

    Idempotent: run again it finds those that were placed while the endpoint was being made, whose transaction did not
    see it. Workers do so every few seconds; a lock instead would let orders wait for the longest import.
    """
    takers = taking(conn, tenant, ORDER)
    if not takers:
        return 0
    return execute(
        conn,
        f"""WITH adopted AS (
                UPDATE outbox o SET endpoint_id = %(e)s, updated_at = now()
                WHERE o.tenant = %(t)s AND o.kind = 'order' AND o.endpoint_id IS NULL AND o.infobase_id IS NULL
                  AND o.session_id IS NULL AND o.attempt = 0 AND o.{_OPEN}
                  AND o.state IN ('pending', 'waiting', 'held')
                  AND NOT EXISTS (SELECT FROM offering f WHERE f.tenant = o.tenant AND f.outbox_id = o.id)
                RETURNING o.id, o.state, o.attempt
            ), touched AS (  -- workers then look below where they saw the oldest of its messages (queue.claims.Floors)
                UPDATE endpoint SET takes = takes
                WHERE tenant = %(t)s AND id = %(e)s AND EXISTS (SELECT FROM adopted)
            )
            INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason, endpoint_id)
            SELECT %(t)s, id, state, attempt, 'syncd', 'goes to ' || %(name)s::text, %(e)s FROM adopted""",  # noqa: S608 - constants only
        t=tenant, e=takers[0].id, name=takers[0].name,
    )  # fmt: skip


def adopt_everywhere(conn: Conn) -> int:
    """``adopt`` for every company with an endpoint that takes orders. Cheap while there is nothing to adopt."""
    rows = rows_of(
        conn, "SELECT DISTINCT tenant FROM endpoint WHERE takes @> %(order)s AND disabled_at IS NULL", order=[ORDER]
    )
    return sum(adopt(conn, row["tenant"]) for row in rows)


def bound(conn: Conn, tenant: str, id_: UUID) -> int:
    """How many open messages go to this endpoint."""
    row = one(
        conn,
        f"SELECT count(*) AS n FROM outbox WHERE tenant = %(t)s AND endpoint_id = %(e)s AND {_OPEN}",  # noqa: S608 - constants only
        t=tenant, e=id_,
    )  # fmt: skip
    return int(row["n"]) if row else 0


def counts(conn: Conn, endpoint: Endpoint) -> Row:
    """``open`` messages that go there, and when the oldest of them was made (``oldest_at``)."""
    row = one(
        conn,
        f"""SELECT count(*) AS open, min(created_at) AS oldest_at FROM outbox
            WHERE tenant = %(t)s AND endpoint_id = %(e)s AND {_OPEN}""",  # noqa: S608 - constants only
        t=endpoint.tenant, e=endpoint.id,
    )  # fmt: skip
    assert row is not None
    return row


def remove(conn: Conn, tenant: str, id_: UUID, *, release: bool = False, by: str = "syncd") -> int:
    """Forget an endpoint. ``release`` first frees its open messages that were never begun to be sent. Returns how many.

    Raises ``Refused`` E922 while (other) open messages are bound to it: some of them may be in 1C already.
    """
    one(conn, "SELECT 1 AS x FROM endpoint WHERE tenant = %(t)s AND id = %(id)s FOR UPDATE", t=tenant, id=id_)
    found = get(conn, tenant, id_)  # no worker claims for it from here on: what it took before is seen below
    if found is None:
        return 0
    released = _release(conn, found, by) if release else 0
    count = bound(conn, tenant, id_)
    if count:
        raise Refused("E922", name=found.name, count=count)
    execute(conn, "DELETE FROM endpoint WHERE tenant = %(t)s AND id = %(id)s", t=tenant, id=id_)
    return released


def _release(conn: Conn, endpoint: Endpoint, by: str) -> int:
    return execute(
        conn,
        f"""WITH freed AS (
                UPDATE outbox o SET endpoint_id = NULL, updated_at = now()
                WHERE o.tenant = %(t)s AND o.endpoint_id = %(e)s AND o.{_OPEN} AND o.kind = 'order'
                  AND NOT EXISTS (SELECT FROM outbox_change c WHERE c.tenant = o.tenant AND c.outbox_id = o.id
                                    AND c.state IN ('sending', 'sent', 'unconfirmed'))
                RETURNING o.id, o.state, o.attempt
            )
            INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason)
            SELECT %(t)s, id, state, attempt, %(by)s, 'endpoint ' || %(name)s::text || ' removed' FROM freed""",  # noqa: S608 - constants only
        t=endpoint.tenant, e=endpoint.id, by=by, name=endpoint.name,
    )  # fmt: skip


# --- pauses and gates -------------------------------------------------------------------------------------------------


def pause(conn: Conn, tenant: str, id_: UUID, *, until: datetime | None, reason: str, by: str) -> bool:
    """Send nothing there until then (``None``: until ``resume``). Nothing is lost, messages wait."""
    return bool(
        execute(
            conn,
            """UPDATE endpoint SET paused_at = now(), paused_until = %(until)s, pause_reason = %(reason)s,
                      paused_by = %(by)s, updated_at = now() WHERE tenant = %(t)s AND id = %(id)s""",
            t=tenant, id=id_, until=until, reason=reason, by=by,
        )
    )  # fmt: skip


def resume(conn: Conn, tenant: str, id_: UUID) -> bool:
    """End the pause, open the gate, and enable it where it was disabled."""
    return bool(
        execute(
            conn,
            """UPDATE endpoint SET paused_at = NULL, paused_until = NULL, pause_reason = NULL, paused_by = NULL,
                      closed_until = NULL, closed_code = NULL, failures = 0, disabled_at = NULL, updated_at = now()
               WHERE tenant = %(t)s AND id = %(id)s""",
            t=tenant, id=id_,
        )
    )  # fmt: skip


def disable(conn: Conn, tenant: str, id_: UUID, code: str | None = None) -> bool:
    """Send nothing more there until a person resumes it; its messages stay. ``code`` of the catalogue says why."""
    return bool(
        execute(
            conn,
            """UPDATE endpoint SET disabled_at = coalesce(disabled_at, now()), closed_code = %(code)s,
                      updated_at = now() WHERE tenant = %(t)s AND id = %(id)s""",
            t=tenant, id=id_, code=code,
        )
    )  # fmt: skip


def close_until(conn: Conn, tenant: str, id_: UUID, until: datetime, code: str) -> bool:
    """Close the gate: the target asked to be left alone until then. Never makes an earlier closure shorter."""
    return bool(
        execute(
            conn,
            """UPDATE endpoint SET closed_until = %(until)s, closed_code = %(code)s
               WHERE tenant = %(t)s AND id = %(id)s AND (closed_until IS NULL OR closed_until < %(until)s)""",
            t=tenant, id=id_, until=until, code=code,
        )
    )  # fmt: skip


def note_failure(conn: Conn, tenant: str, id_: UUID) -> datetime | None:
    """A transport failure of an endpoint without health. Returns until when the gate is closed, if it is.

    Messages that fail together count once: while the gate is closed nothing is counted.
    """
    row = one(
        conn,
        """
        UPDATE endpoint SET failures = failures + 1,
               closed_code = CASE WHEN failures + 1 >= %(n)s THEN 'E936' ELSE closed_code END,
               closed_until = CASE WHEN failures + 1 >= %(n)s THEN now() + make_interval(secs =>
                   least(%(most)s::float, %(first)s::float * 2 ^ least(failures + 1 - %(n)s, 20)))
                   ELSE closed_until END
        WHERE tenant = %(t)s AND id = %(id)s AND infobase_id IS NULL AND (closed_until IS NULL OR closed_until <= now())
        RETURNING CASE WHEN closed_until > now() THEN closed_until END AS until
        """,
        t=tenant, id=id_, n=BREAK_AFTER, first=BREAK_SECONDS, most=BREAK_LIMIT_SECONDS,
    )  # fmt: skip
    return row["until"] if row else None


def note_success(conn: Conn, tenant: str, id_: UUID) -> bool:
    """Something got through: failures are forgotten, and a gate the breaker closed opens. ``True`` when it was closed.

    Costs no write while all is well. A gate closed by ``Retry-After`` stays: that was not about reachability.
    """
    row = one(
        conn,
        """
        UPDATE endpoint e SET failures = 0,
               recovered_at = CASE WHEN e.failures >= %(n)s THEN now() ELSE e.recovered_at END,
               closed_until = CASE WHEN e.closed_code = 'E936' THEN NULL ELSE e.closed_until END,
               closed_code = CASE WHEN e.closed_code = 'E936' THEN NULL ELSE e.closed_code END
        FROM (SELECT failures AS before FROM endpoint WHERE tenant = %(t)s AND id = %(id)s) AS was
        WHERE e.tenant = %(t)s AND e.id = %(id)s AND e.failures > 0
        RETURNING was.before >= %(n)s AS broken
        """,
        t=tenant, id=id_, n=BREAK_AFTER,
    )  # fmt: skip
    return bool(row and row["broken"])
