"""Our pull, as a worker does it: by the shipped preset, merged and journalled.

``python -m bench.pull.ours DATABASE_URL`` prints what it took.
"""

from __future__ import annotations

import sys
from typing import Final

from bench.pull.measuring import told
from syncd.config import Settings
from syncd.queue.broker import Doorbell
from syncd.schedules import plan as planning
from syncd.schedules import rows
from syncd.schedules.settings import Schedule
from syncd.store.db import Database
from syncd.sync import pulls
from syncd.sync.context import Context

PULLS: Final = ("products", "prices", "stocks")
TENANT: Final = "default"


def pull(ctx: Context) -> int:
    """Each of the three once; how many records came. Raises ``RuntimeError`` when not all of them were taken."""
    number = 0
    for name in PULLS:
        with ctx.db.transaction() as conn:
            plans = planning.plans(conn, ctx.settings.schedules, zone="Europe/Moscow")
            plan = next(each for each in plans if each.pull == name)
            rows.queue(conn, TENANT, plan.name, rows.clock(conn), lane=plan.lane, by="bench")
        claim = pulls.claim_next(ctx)
        assert claim is not None
        result = pulls.run(ctx, claim)
        if result is None or result.outcome != "ok":
            raise RuntimeError(f"{name}: {result}")
        number += sum(counters["read"] for counters in result.counters.values())
    return number


def main() -> None:
    """Pull and tell."""
    schedules = {name: Schedule.model_validate({"pull": name, "every": "1h"}) for name in PULLS}
    db = Database(sys.argv[1], size=4)
    ctx = Context(db, Settings(schedules=schedules), Doorbell(None))
    told(lambda: pull(ctx))
    db.close()


if __name__ == "__main__":
    main()
