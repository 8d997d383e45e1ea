"""The first pull of an entity: there is nothing to compare with, so that rows may go into their table at once, and
while the rest is still being read.

A transaction that writes holds up everybody who reads changes. So it begins only when all that is to be read has come
from the base, which is asked for nothing while it lasts, and ends without waiting for another that writes. A reference
that is met late for the first time would have to be looked up in the base: all is read anew then and written at the
end.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from syncd.adapters.ports import Pulled
from syncd.store import runs
from syncd.store.db import execute
from syncd.store.first_load import FirstLoad, without_rows
from syncd.sync.pull_merge import PullRun

BEGINS_AT: Final = 10_000
"""Records from which on it pays to write them while the rest is read."""
PORTION_BYTES: Final = 4 << 20
"""So much is staged then before it is written."""
_LOCK_MILLISECONDS: Final = 500  # less than Postgres waits before it looks for a deadlock


def begin(state: PullRun, pulled: Pulled, writing: ExitStack) -> None:
    """Called after each page of what is read last: let rows go into their table from now on, where that may be.

    ``writing`` ends the transaction. ``Repeated`` comes from a later call of the stage where a row is there already,
    ``NotAtHand`` from the pages where the base would have to be asked.
    """
    if state.careful or state.first is not None or state.records < BEGINS_AT or not pulled.at_hand():
        return
    state.careful = True  # it is tried once
    conn, tenant = state.conn, state.claim.tenant
    state.stage.flush()
    missing = without_rows(conn, tenant, [state.entity])
    if not missing:
        return
    with ExitStack() as transaction:
        transaction.enter_context(conn.transaction())
        if not runs.lock(conn, tenant, wait=False) or not pulled.hush():
            return
        execute(conn, f"SET LOCAL lock_timeout = '{_LOCK_MILLISECONDS}ms'")
        state.first = FirstLoad(conn, tenant, state.source_seq, missing, portion=PORTION_BYTES)
        state.first.begin()
        writing.enter_context(transaction.pop_all())
    state.stage.report(state.first.staged)


def ended(state: PullRun) -> None:
    """The reading ended: what is still to be done may wait for others again."""
    if state.first is not None:
        execute(state.conn, "SET LOCAL lock_timeout TO DEFAULT")


def at_least_unseen(state: PullRun) -> None:
    """Within the transaction of the merge: what is staged of entities without rows is inserted as it is, too."""
    if state.first is None:
        missing = without_rows(state.conn, state.claim.tenant, state.stage.entities)
        state.first = FirstLoad(state.conn, state.claim.tenant, state.source_seq, missing)
    state.stage.analyze(but=state.first.entities)
