"""What follows an attempt or a look-up, all in one transaction: the message's next state, the journal's row, what the
order learns, whom it concerns, and the endpoint's gate.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import structlog

from syncd import journal
from syncd.adapters.ports import Receipt
from syncd.adapters.webhooks import GONE
from syncd.config import Health
from syncd.errors import RemoteError, SyncdError, TransportError
from syncd.health import standing
from syncd.queue import policy
from syncd.queue.claims import Claim
from syncd.queue.finish import finish
from syncd.queue.policy import Decision, Policy
from syncd.store import endpoints
from syncd.store.db import Conn, execute, one
from syncd.store.endpoints import Endpoint
from syncd.sync import tell
from syncd.sync.bodies import order_key

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a claim ended: a receipt, an error, or neither (a look-up that found nothing). The abilities are the
    target's, see ``syncd.adapters.ports.Target``.
    """

    receipt: Receipt | None = None
    error: SyncdError | None = None
    can_look_up: bool = False
    idempotent: bool = False


def decide(claim: Claim, endpoint: Endpoint, ended: Ended, rules: Policy) -> Decision:
    """The next state by the rules."""
    chance = random.random()  # noqa: S311 - spreads pauses, guards nothing
    retry_after = _asked_for(endpoint, ended.error)
    if claim.looks_up:
        if not ended.can_look_up and not ended.error:  # its settings changed since the answer was lost
            return Decision("waiting", 0.0) if ended.idempotent else Decision("held")
        was: Literal["sent", "unconfirmed"] = "sent" if claim.was == "sent" else "unconfirmed"
        if ended.receipt and not ended.receipt.confirmed:
            return Decision("sent", rules.looks[-1], looks=0)
        found = None if ended.error else ended.receipt is not None
        return policy.after_look(found, claim.looks, rules, was=was, retry_after=retry_after, chance=chance)
    outcome: policy.Outcome
    if ended.error:
        outcome = policy.outcome_of(ended.error)
    else:
        outcome = "confirmed" if ended.receipt and ended.receipt.confirmed else "taken"
    return policy.after_attempt(
        outcome, claim.attempt, rules, can_look_up=ended.can_look_up, idempotent=ended.idempotent,
        retry_after=retry_after, chance=chance,
    )  # fmt: skip


def settle(
    conn: Conn, claim: Claim, endpoint: Endpoint, ended: Ended, rules: Policy, *, worker: UUID, limits: Health,
) -> Decision | None:  # fmt: skip
    """Write how it ended. ``None`` when the lease was lost and somebody else decides; the failure is journalled all the
    same.
    """
    decision = decide(claim, endpoint, ended, rules)
    subject = _subject(conn, claim, lock=decision.state == "acknowledged")
    error = ended.error
    if error and error.params.get("key") == claim.key:  # the target knows our id, people know the number
        error.params["key"] = subject
    if decision.gave_up and error:
        error = RemoteError("E904", attempts=claim.attempt, detail=error.text(), cause=error.code)
    ours = finish(
        conn, claim, decision, by=str(worker), error=error, receipt=_kept(ended.receipt),
        reason="looked up" if claim.looks_up else None,
    )  # fmt: skip
    _gate(conn, endpoint, ended.error, limits)
    if ended.error and ended.error.code == GONE:
        tell.gone(conn, endpoint, ended.error)
    if error:
        journal.write_failure(conn, claim.tenant, _entry(claim, endpoint, subject, error))
    if not ours:
        log.warning("a lease was lost, its outcome is decided elsewhere", message=str(claim.id), key=claim.key)
        return None
    if decision.state == "acknowledged":
        _delivered(conn, claim, endpoint, subject, ended.receipt)
    elif decision.state in {"rejected", "held"} and claim.kind == "order" and error:
        tell.rejected(conn, claim.tenant, claim.key, error, dedupe=f"{claim.id}/{claim.series}")
    return decision


def _delivered(conn: Conn, claim: Claim, endpoint: Endpoint, subject: str, receipt: Receipt | None) -> None:
    journal.write(
        conn, claim.tenant,
        journal.Entry(
            "delivery", "out", "ok", subject, infobase_id=endpoint.infobase_id, entity=claim.kind, key=claim.key,
        ),
    )  # fmt: skip
    if claim.kind == "order" and receipt:
        execute(
            conn,
            """UPDATE sales_order SET id_1c = coalesce(%(ref)s, id_1c), number_1c = coalesce(%(number)s, number_1c),
                      date_1c = coalesce(%(date)s, date_1c), posted = coalesce(%(posted)s, posted),
                      known_at = now(), updated_at = now(), revision = nextval('revision_seq'),
                      xid = pg_current_xact_id()
               WHERE tenant = %(t)s AND id = %(id)s""",
            t=claim.tenant, id=order_key(claim), ref=receipt.ref, number=receipt.number, date=receipt.date,
            posted=receipt.posted,
        )  # fmt: skip
    tell.delivered(conn, claim.tenant, claim.kind, claim.key, receipt)


def _subject(conn: Conn, claim: Claim, *, lock: bool) -> str:
    """What a person calls it: an order's number, an event's name. ``lock``: the order is about to be changed; an import
    locks the order first and its messages after, so we do, lest the two wait for each other.
    """
    if claim.kind != "order":
        return str((claim.payload or {}).get("type", claim.kind))
    query = "SELECT number FROM sales_order WHERE tenant = %(t)s AND id = %(id)s"
    row = one(conn, query + (" FOR NO KEY UPDATE" if lock else ""), t=claim.tenant, id=order_key(claim))
    return str(row["number"]) if row else claim.key


def _entry(claim: Claim, endpoint: Endpoint, subject: str, error: SyncdError) -> journal.Entry:
    return journal.Entry(
        "look-up" if claim.looks_up else "delivery", "out", "failed", subject, infobase_id=endpoint.infobase_id,
        error=error, entity=claim.kind, key=claim.key, path=str(error.params.get("path") or "") or None,
        detail=str(error.params.get("detail") or "") or None,
    )  # fmt: skip


def _gate(conn: Conn, endpoint: Endpoint, error: SyncdError | None, limits: Health) -> None:
    """What the attempt tells of the endpoint itself: it asked for peace, it is away, or it answers again."""
    if error is None:
        if endpoint.failures:
            endpoints.note_success(conn, endpoint.tenant, endpoint.id)
        return
    if (seconds := _asked_for(endpoint, error)) is not None:
        seconds = min(seconds, policy.ORDERS.retry_after_max)
        row = one(
            conn, "SELECT now() + make_interval(secs => %(s)s) AS until", s=seconds
        )  # all workers share this clock
        assert row is not None
        endpoints.close_until(conn, endpoint.tenant, endpoint.id, row["until"], error.code)
    if not isinstance(error, TransportError):
        return
    if endpoint.infobase_id is None:
        endpoints.note_failure(conn, endpoint.tenant, endpoint.id)
        return
    standing.soon(conn, endpoint.tenant, endpoint.infobase_id, limits)  # the ping decides whether the base is down


def _asked_for(endpoint: Endpoint, error: SyncdError | None) -> float | None:
    """How long the target asked to be left alone. Of maintenance the ping knows more than one answer does: it closes
    and opens the gate of a base.
    """
    if error is None or (endpoint.infobase_id and isinstance(error, TransportError) and error.maintenance):
        return None
    return error.retry_after


def _kept(receipt: Receipt | None) -> dict[str, Any] | None:
    if receipt is None:
        return None
    kept = {
        "ref": receipt.ref, "number": receipt.number, "posted": receipt.posted,
        "date": receipt.date.isoformat() if receipt.date else None, "answer": dict(receipt.answer) or None,
    }  # fmt: skip
    return {name: value for name, value in kept.items() if value is not None}
