"""A set that a base cannot give while it gives others: one of too many joins, one that its user may not read. The pull
goes on without it, and removes nothing of it.
"""

from __future__ import annotations

from typing import Final

from syncd.errors import DataError, MappingError, Refused, RemoteError, SyncdError
from syncd.model import ENTITIES
from syncd.sync.pull_merge import PullRun

_ALSO: Final = frozenset({"E814", "E836"})
"""Rows that the user may not see, an answer that is too large."""


def of_one_set(error: SyncdError) -> bool:
    """Whether the base itself spoke of this set alone. A base that is away, in maintenance or behind another address
    concerns all of them.
    """
    return isinstance(error, RemoteError | Refused | MappingError) or error.code in _ALSO


def forget(state: PullRun, entity: str, number: int, error: SyncdError) -> None:
    """Take back what came of the set so far (it is file ``number`` of the stage), and remember why."""
    state.stage.drop_file(number)
    state.bad = [bad for bad in state.bad if bad.entity != entity]
    state.bad_counts.pop(entity, None)
    state.unread[entity] = error


def leave_out(state: PullRun) -> None:
    """Go on with the sets that were read. Raises the first error where there is none."""
    if not state.unread:
        return
    if state.unread.keys() >= set(state.entities):
        raise next(iter(state.unread.values()))
    state.entities = tuple(entity for entity in state.entities if entity not in state.unread)
    state.problems += [_told(state, "E975", entity, error) for entity, error in state.unread.items()]


def nothing_gone(state: PullRun, entity: str, error: SyncdError) -> None:
    """1C could not be asked for what the set left out."""
    state.whole.discard(entity)
    state.problems.append(_told(state, "E976", entity, error))


def _told(state: PullRun, code: str, entity: str, error: SyncdError) -> DataError:
    return DataError(code, entity=ENTITIES[entity].plural, schedule=state.plan.name, reason=error.text())
