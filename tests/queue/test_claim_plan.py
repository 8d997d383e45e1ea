"""What a claim reads: open rows by their indexes, never the finished ones."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.queue import claims
from syncd.queue.claims import Floors, Turn
from syncd.store import endpoints
from syncd.store.db import Conn, Database, Row, every, execute
from syncd.store.ids import new_id


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The plans of all statements of the next claims."""
    found: list[str] = []
    real = every

    def explained(conn: Conn, query: str, **parameters: Any) -> list[Row]:
        rows = conn.execute(("EXPLAIN (COSTS off) " + query).encode(), parameters).fetchall()
        found.append("\n".join(row["QUERY PLAN"] for row in rows))
        return real(conn, query, **parameters)

    monkeypatch.setattr("syncd.queue.claims.every", explained)
    return found


def test_a_claim_reads_open_messages_by_their_indexes_however_many_are_finished(db: Database, plans: list[str]) -> None:
    with db.transaction() as conn:
        made, _ = endpoints.add(
            conn, "default", name="erp", kind="http_service", address="http://127.0.0.1:9", takes=["order"]
        )
        for state, number in (("acknowledged", 30_000), ("pending", 300), ("waiting", 300)):
            execute(
                conn,
                """INSERT INTO outbox (tenant, id, kind, key, revision_no, endpoint_id, state, next_attempt_at)
                   SELECT 'default', gen_random_uuid(), 'order', gen_random_uuid()::text, 1, %(e)s, %(s)s, now()
                   FROM generate_series(1, %(n)s)""",
                e=made.id, s=state, n=number,
            )  # fmt: skip
        execute(conn, "ANALYZE outbox")
    with db.transaction() as conn:
        got = claims.claim(
            conn, worker=new_id(), free=8, lease=60, kinds=["http_service"], floors=Floors(), turn=Turn()
        )
    assert got
    look, take = plans
    for plan in plans:
        assert "Seq Scan on outbox" not in plan, plan
    for index in ("outbox_ready_idx", "outbox_due_idx"):
        assert index in look, look
    for index in ("outbox_ready_idx", "outbox_due_idx", "outbox_claimed_idx", "outbox_key_idx"):
        assert index in take, take
