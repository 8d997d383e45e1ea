"""Full exports: when one is over, what it did not state is removed, unless that is suspiciously much.

"Full" belongs to a run of portions: УТ 11 says so in the first one only. A run is decided when nothing of it is
missing; when in doubt nothing is removed, since the next full export will do it.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog

from syncd import journal
from syncd.config import Imports
from syncd.errors import DataError, Refused, SyncdError
from syncd.journal import Entry
from syncd.store import absence, runs
from syncd.store import seen as store_seen
from syncd.store.absence import Absent
from syncd.store.db import Conn
from syncd.store.packages import Claim
from syncd.store.runs import Run
from syncd.store.stated import Seen
from syncd.sync import tell
from syncd.sync.context import Context

log = structlog.get_logger(__name__)

PORTION: Final = re.compile(r"(?:^|/)(?:import|offers)\d*_(\d+)\.xml$", re.IGNORECASE)
_EXPLICIT: Final = {"complete", "deactivate", "package"}
"""Ends that were told to us; the others are guessed from silence or from a new beginning."""


def portion_of(name: str) -> int | None:
    """The portion's number in the names УТ gives: ``import<catalogue>_<portion>.xml``."""
    found = PORTION.search(name)
    return int(found[1]) if found else None


def is_full(changes_only: bool | None, schema_version: str, settings: Imports) -> bool:
    """Whether a head says that a full export begins. Silence is a delta, unless the settings trust old bases."""
    if changes_only is not None:
        return not changes_only
    return settings.unflagged_is_full and schema_version in {"", "2.0", "2.01", "2.02", "2.021", "2.03"}


def note(
    conn: Conn, claim: Claim, full: Mapping[tuple[str, str], bool], seen: Seen, settings: Imports, *, taken: bool
) -> Counter[str]:
    """Let a package begin, join and (from the command line) end runs, within its merge. Returns what was removed.

    ``full`` tells for each kind and catalogue whether a head said so; ``taken`` whether all of the package was taken
    in. A catalogue without records neither begins nor ends anything.
    """
    removed: Counter[str] = Counter()
    store_seen.write(conn, seen, claim.tenant, claim.id, seq=claim.source_seq, infobase_id=claim.infobase_id)
    for kind, entity in runs.ENTITIES.items():
        for catalogue in sorted({found for of, found in seen.keys if of == entity and found}):
            scope = (entity, catalogue)
            begins = full.get((kind, catalogue), False) and seen.stated[scope] > 0
            later = min(seen.portions.get(scope, ()), default=1) > 1
            if kind == "book" and begins:  # every portion says that it is full, so only a repetition begins anew
                later = not absence.restates(conn, claim, kind, catalogue, seen.keys[scope])
            run = _place(conn, claim, kind, catalogue, begins=begins, later=later)
            if run is not None and run.state == "ending" and taken:
                removed.update(decide(conn, run, settings))
            elif run is not None and run.state == "ending":
                runs.close(conn, run, "abandoned", error=DataError("E226"))
    return removed


def _place(conn: Conn, claim: Claim, kind: str, catalogue: str, *, begins: bool, later: bool) -> Run | None:
    """The run that begins with this package, if one does."""
    tenant, base, seq = claim.tenant, claim.infobase_id, claim.source_seq
    known = runs.of_scope(conn, tenant, base, kind, catalogue)
    opened = next((row for row in known if row["state"] == "open"), None)
    if opened and (not begins or later or seq <= opened["first_seq"]):
        runs.extend(conn, tenant, opened["id"], seq)
        return None
    if not begins or (claim.replay_of and known and known[0]["first_seq"] > seq):
        return None
    if opened:
        runs.end(conn, tenant, opened["id"], by="next", last_seq=seq - 1)
    told = {"state": "ending", "ended_by": "package"} if claim.infobase_id is None else {"state": "open"}
    return runs.begin(conn, tenant, base, kind, catalogue, first_seq=seq, last_seq=seq, **told)


def request(conn: Conn, tenant: str, infobase_id: UUID, mode: str, since: int | None, *, keep_days: int) -> None:
    """1C said that its export is over. ``since`` (Unix seconds, of ``deactivate``): what was not stated since then is
    absent. A time older than what is remembered, or in the future, ends runs and nothing more.
    """
    age = time.time() - since if since is not None else -1.0
    runs.request(conn, tenant, infobase_id, mode, since if 0 <= age < (keep_days - 1) * 86_400 else None)


def settle(ctx: Context) -> int:
    """Decide what can be decided now. Returns how many runs were. Called by every worker: they do not meet."""
    with ctx.db.transaction() as conn:
        runs.end_quiet(conn, ctx.settings.imports.run_quiet_seconds)
        due = runs.due(conn)
    done = 0
    answered = False
    for run in due:
        with ctx.db.transaction() as conn:
            if not runs.lock(conn, run.tenant, wait=False) or not runs.hold(conn, run):
                continue
            if run.kind == "request":
                _answer(conn, run)
                answered = True
            else:
                decide(conn, run, ctx.settings.imports)
        done += 1
    return done + settle(ctx) if answered else done


def _answer(conn: Conn, asked: Run) -> None:
    """Turn a request into runs that are over."""
    assert asked.infobase_id is not None
    mode, last = asked.ended_by or "complete", asked.last_seq
    opened = {
        (row["kind"], row["catalogue_id"]): row
        for row in runs.opened(conn, asked.tenant, asked.infobase_id, last_seq=last)
    }
    wanted = runs.scopes(conn, asked) if asked.first_seq and mode == "deactivate" else []
    for scope, row in opened.items():
        first = asked.first_seq if scope in wanted else None
        runs.end(conn, asked.tenant, row["id"], by=mode, last_seq=max(last, row["last_seq"]), first_seq=first)
    for kind, catalogue in wanted:
        if (kind, catalogue) not in opened:
            runs.begin(conn, asked.tenant, asked.infobase_id, kind, catalogue, first_seq=asked.first_seq,
                       last_seq=last, state="ending", ended_by=mode)  # fmt: skip
    runs.drop(conn, asked)


@dataclass(frozen=True, slots=True)
class _Portions:
    """How a run compares with the one before it."""

    numbers: list[int]
    count: int
    before: int | None
    decided_before: bool

    @property
    def gap(self) -> bool:
        """Whether one is missing in the middle, or the first."""
        return bool(self.numbers) and (
            self.numbers[0] > 1 or self.numbers != list(range(self.numbers[0], self.numbers[-1] + 1))
        )

    @property
    def fewer(self) -> bool:
        """Whether the one before had more."""
        return self.before is not None and self.count < self.before


def _portions(conn: Conn, run: Run) -> _Portions:
    numbers, packages = runs.portions(conn, run)
    count = numbers[-1] if numbers else packages
    earlier = [
        row for row in runs.of_scope(conn, run.tenant, run.infobase_id, run.kind, run.catalogue_id)
        if row["id"] != run.id and row["first_seq"] < run.first_seq and row["portions"]
    ]  # fmt: skip
    whole = [row for row in earlier if row["state"] in {"applied", "nothing"}]
    before = next((int(row["portions"]) for row in whole or earlier), None)
    return _Portions(numbers, count, before, bool(whole))


def decide(conn: Conn, run: Run, settings: Imports) -> Counter[str]:
    """Remove what an ended run did not state, hold that, or leave it. Within the caller's transaction, which holds
    ``runs.lock``.
    """
    found = _portions(conn, run)
    trouble = _unfinished(conn, run, found)
    if trouble is not None:
        runs.close(conn, run, "abandoned", portions=found.count, error=trouble)
        _journal(conn, run, "partial", trouble, Counter())
        return Counter()
    absent = absence.find(conn, run)
    facts: dict[str, Any] = {
        "seen": absent.seen,
        "absent": absent.count,
        "total": absent.total,
        "portions": found.count,
    }
    if not absent.count:
        runs.close(conn, run, "nothing", **facts)
        return Counter()
    if run.ended_by == "next" and not found.decided_before and (found.before is None or found.fewer):
        runs.close(conn, run, "abandoned", error=DataError("E225", catalogue=run.catalogue_id), **facts)
        return Counter()
    brake = _brake(run, absent, found, settings)
    if brake is not None:
        runs.close(conn, run, "held", error=brake, **facts)
        _journal(conn, run, "partial", brake, Counter(), absent)
        tell.brake(conn, run.tenant, run.id, brake)
        log.warning("a removal is held", run=str(run.id), tenant=run.tenant, absent=absent.count, total=absent.total)
        return Counter()
    removed = absence.remove(conn, run)
    runs.close(conn, run, "applied", **facts)
    _journal(conn, run, "ok", None, removed, absent)
    return removed


def _unfinished(conn: Conn, run: Run, found: _Portions) -> DataError | None:
    spoiler = runs.spoiled_by(conn, run)
    if spoiler is not None:
        names = ", ".join(spoiler["files"][:5])
        return DataError("E512", catalogue=run.catalogue_id, names=names, package=str(spoiler["id"]))
    if found.gap and run.ended_by != "deactivate":
        numbers = ", ".join(map(str, found.numbers))
        return DataError("E513", catalogue=run.catalogue_id, numbers=numbers)
    return None


def _brake(run: Run, absent: Absent, found: _Portions, settings: Imports) -> DataError | None:
    told = {"catalogue": run.catalogue_id, "entity": run.entity, "absent": absent.count, "total": absent.total,
            "run": str(run.id)}  # fmt: skip
    share = 100 * absent.count > settings.removal_limit_percent * absent.total
    if share and absent.count >= settings.removal_limit_records:
        return DataError("E511", **told)
    if run.ended_by not in _EXPLICIT and found.fewer:
        return DataError("E514", portions=found.count, before=found.before, **told)
    return None


def _journal(
    conn: Conn, run: Run, outcome: journal.Outcome, error: SyncdError | None, removed: Counter[str],
    absent: Absent | None = None, detail: str | None = None,
) -> None:  # fmt: skip
    counters: dict[str, dict[str, int]] = {run.entity: {"read": absent.total if absent else 0, "removed": 0}}
    for entity, number in removed.items():
        counters.setdefault(entity, {"read": number})["removed"] = number
    entry = Entry(
        kind="removal", direction="in", outcome=outcome, subject=f"{run.kind} {run.catalogue_id}",
        infobase_id=run.infobase_id, package_id=runs.last_package(conn, run), error=error, counters=counters,
        detail=detail,
    )  # fmt: skip
    journal.write(conn, run.tenant, entry, id_=run.id)


def approve(conn: Conn, run: Run, *, by: str, reason: str) -> Counter[str]:
    """Let a held removal go, as far as its records were not stated meanwhile. Raises ``Refused`` E416 when it is not
    held any more.
    """
    _held(conn, run)
    absent = absence.find(conn, run)
    removed = absence.remove(conn, run)
    runs.close(conn, run, "applied", absent=absent.count, total=absent.total, reason=reason, decided_by=by)
    _journal(conn, run, "ok", None, removed, absent, detail=f"approved by {by}: {reason}")
    return removed


def reject(conn: Conn, run: Run, *, by: str, reason: str) -> None:
    """Close a held removal; nothing is removed. Raises ``Refused`` E416 when it is not held any more."""
    _held(conn, run)
    runs.close(conn, run, "rejected", reason=reason, decided_by=by)
    _journal(conn, run, "ok", None, Counter(), detail=f"rejected by {by}: {reason}")


def _held(conn: Conn, run: Run) -> None:
    runs.lock(conn, run.tenant)
    if not any(row["id"] == run.id for row in runs.held(conn, run.tenant)):
        raise Refused("E416", run=str(run.id))
