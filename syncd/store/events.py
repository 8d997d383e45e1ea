"""Events on their way to whoever asked for them: rows of the outbox, one per event and endpoint.

Storefronts' webhooks get every event, in order per object. People (e-mail, Telegram) get one message per kind of event
and window: the first at once, what follows within the window is collected into one message that waits for its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid5

import orjson
from psycopg.types.json import Jsonb

from syncd.store.db import Conn, Row, every, execute, one
from syncd.store.ids import new_id

KIND: Final = "event"
PEOPLE: Final = ("email", "telegram")
TAKERS: Final = ("webhook", *PEOPLE)
"""The kinds of endpoints events go to: a base of 1C that takes everything takes orders, not events."""
WINDOW_MINUTES: Final = 15
SHOWN: Final = 10
"""How many events of a collected message are kept in it; the others are counted."""
REMEMBERED: Final = 1_000
"""Ids kept of a collected message's events, so that one that is told twice counts once."""
BURST: Final = {"infobase": 2}
"""Messages a window lets through at once: a base that goes down and comes back is two; more of it is flapping."""
_JSON: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
_IDS: Final = UUID("5f0e5f8c-64b6-5a0f-8d3c-6d6f8a1b7e02")


def put(
    conn: Conn, tenant: str, name: str, key: str, data: Mapping[str, Any], *, dedupe: str | None = None,
    only: UUID | None = None,
) -> int:  # fmt: skip
    """Write one event for every endpoint that takes it, in the caller's transaction. Returns how many got it.

    ``key`` names the object the event is about. With ``dedupe`` the same name, key and ``dedupe`` are one event,
    however often they are told; without, every call is an event of its own. ``only``: this endpoint and no other,
    whatever it takes.
    """
    takers = _takers(conn, tenant, name, plain(data), only)
    if not takers:
        return 0
    mark = "" if dedupe is None else uuid5(_IDS, f"{tenant}\x1f{name}\x1f{key}\x1f{dedupe}").hex[:16]
    payload = {"type": name, "timestamp": takers[0]["at"].isoformat(), "data": plain(data)}
    # One event after another of the same object: their order of commit is their order in the outbox.
    _lock(conn, f"{tenant}\x1fevent\x1f{_group(name)}\x1f{key}")
    return sum(_deliver(conn, tenant, taker, name, key, payload, mark) for taker in takers)


def wanted(conn: Conn, tenant: str, name: str) -> bool:
    """Whether any endpoint takes this event."""
    return bool(_takers(conn, tenant, name, {}, None))


def plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data as JSON that Postgres takes: ids, times and numbers of money as texts."""
    try:
        text = orjson.dumps(dict(data), default=_text, option=_JSON)
    except TypeError:  # half a surrogate pair somewhere, as broken encodings leave them
        text = orjson.dumps(_whole(dict(data)), default=_text, option=_JSON)
    found: dict[str, Any] = orjson.loads(text.replace(b"\\u0000", b"\xef\xbf\xbd"))
    return found


def _whole(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_whole(name): _whole(inner) for name, inner in value.items()}
    return [_whole(inner) for inner in value] if isinstance(value, list | tuple) else value


def _text(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _group(name: str) -> str:
    return name.partition(".")[0]


def _takers(conn: Conn, tenant: str, name: str, data: dict[str, Any], only: UUID | None) -> list[Row]:
    """The endpoints in question. One bound to a storefront gets the events of that one, and those of none."""
    return every(
        conn,
        """SELECT id, kind, settings, clock_timestamp() AS at FROM endpoint
           WHERE tenant = %(t)s AND disabled_at IS NULL AND kind = ANY(%(kinds)s)
             AND CASE WHEN %(only)s::uuid IS NULL THEN takes && %(names)s::text[] ELSE id = %(only)s END
             AND (%(storefront)s::text IS NULL OR settings ->> 'storefront' IS NULL
                  OR settings ->> 'storefront' = %(storefront)s)
           ORDER BY id""",
        t=tenant, kinds=list(TAKERS), names=[name, f"{_group(name)}.*", "*"], only=only,
        storefront=data.get("storefront"),
    )  # fmt: skip


def _deliver(
    conn: Conn, tenant: str, taker: Row, name: str, key: str, payload: dict[str, Any], mark: str
) -> int:  # fmt: skip
    payload = {**payload, "events": [mark] if mark else []}
    window = _window(taker) if taker["kind"] in PEOPLE else 0.0
    if not window:
        return _insert(conn, tenant, taker, f"{taker['id']}/{_group(name)}/{key}", payload, mark)
    scope = key if _group(name) in BURST else ""
    line = f"{taker['id']}/{_group(name)}/{scope}" if scope else f"{taker['id']}/{name}"
    _lock(conn, f"{tenant}\x1f{line}")
    if mark and _told(conn, tenant, line, mark):
        return 0
    payload = {**payload, "key": key, "count": 1}
    if _collect(conn, tenant, line, payload):
        return 1
    return _insert(conn, tenant, taker, line, payload, mark, until=_until(conn, tenant, line, name, window))


def _window(taker: Row) -> float:
    """Minutes, of the endpoint's settings."""
    value = taker["settings"].get("window_minutes", WINDOW_MINUTES)
    return float(value) if isinstance(value, int | float) else float(WINDOW_MINUTES)


def _lock(conn: Conn, name: str) -> None:
    execute(conn, "SELECT pg_advisory_xact_lock(hashtextextended(%(name)s, 0))", name=name)


def _insert(
    conn: Conn, tenant: str, taker: Row, line: str, payload: dict[str, Any], mark: str,
    *, until: datetime | None = None,
) -> int:  # fmt: skip
    """One row; none when the line has this event. ``until``: it waits so long for more of its kind."""
    return execute(
        conn,
        """
        WITH made AS (
            INSERT INTO outbox (tenant, id, kind, key, revision_no, endpoint_id, payload, state, next_attempt_at)
            SELECT %(t)s, %(id)s, %(kind)s, %(line)s, 1 + coalesce(max(revision_no), 0), %(endpoint)s, %(payload)s,
                   CASE WHEN %(until)s::timestamptz IS NULL THEN 'pending' ELSE 'waiting' END, %(until)s
            FROM outbox WHERE tenant = %(t)s AND kind = %(kind)s AND key = %(line)s
            HAVING %(mark)s = '' OR NOT coalesce(bool_or(payload -> 'events' ? %(mark)s), false)
            RETURNING id, state, next_attempt_at, endpoint_id
        )
        INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by, reason, endpoint_id, next_attempt_at)
        SELECT %(t)s, id, state, 0, 'syncd', CASE WHEN state = 'waiting' THEN 'collects' ELSE 'created' END,
               endpoint_id, next_attempt_at FROM made
        """,
        t=tenant, id=new_id(), kind=KIND, line=line, endpoint=taker["id"], payload=Jsonb(payload), until=until,
        mark=mark,
    )  # fmt: skip


def _told(conn: Conn, tenant: str, line: str, mark: str) -> bool:
    """Whether this event is in one of the line's messages."""
    return one(
        conn,
        """SELECT 1 AS x FROM outbox WHERE tenant = %(t)s AND kind = %(kind)s AND key = %(line)s
             AND payload -> 'events' ? %(mark)s LIMIT 1""",
        t=tenant, kind=KIND, line=line, mark=mark,
    ) is not None  # fmt: skip


def _collect(conn: Conn, tenant: str, line: str, payload: dict[str, Any]) -> bool:
    """Put an event into the message of its line that was not sent yet, where there is one."""
    row = one(
        conn,
        """SELECT id, payload FROM outbox WHERE tenant = %(t)s AND kind = %(kind)s AND key = %(line)s
             AND state IN ('pending', 'waiting') ORDER BY seq DESC LIMIT 1 FOR UPDATE""",
        t=tenant, kind=KIND, line=line,
    )  # fmt: skip
    if row is None:
        return False
    kept = row["payload"]
    told = {name: payload[name] for name in ("type", "timestamp", "key", "data")}
    merged = {
        **payload,  # the newest stands in front: of a base that flaps it says how it is now
        "count": int(kept.get("count", 1)) + 1,
        "since": kept.get("since", kept["timestamp"]),
        "first": (kept.get("first") or [{name: kept.get(name) for name in told}])[:SHOWN],
        "events": (kept.get("events", []) + payload["events"])[-REMEMBERED:],
    }
    if len(merged["first"]) < SHOWN:
        merged["first"].append(told)
    execute(
        conn,
        "UPDATE outbox SET payload = %(p)s, updated_at = now() WHERE tenant = %(t)s AND id = %(id)s",
        t=tenant, id=row["id"], p=Jsonb(merged),
    )  # fmt: skip
    return True


def _until(conn: Conn, tenant: str, line: str, name: str, window: float) -> datetime | None:
    """When the next message of this line may go; ``None`` for at once."""
    row = one(
        conn,
        """SELECT count(*) AS sent, max(at) + make_interval(secs => %(s)s) AS until
           FROM (SELECT coalesce(sent_at, created_at) AS at FROM outbox
                 WHERE tenant = %(t)s AND kind = %(kind)s AND key = %(line)s AND state <> 'cancelled'
                 ORDER BY revision_no DESC LIMIT 10) lately
           WHERE at > now() - make_interval(secs => %(s)s)""",
        t=tenant, kind=KIND, line=line, s=window * 60,
    )  # fmt: skip
    if row is None or row["sent"] < BURST.get(_group(name), 1):
        return None
    found: datetime = row["until"]
    return found
