"""A filter that 1C refuses: the rows are then read without it and filtered here, so that a base which cannot compare
dates, say, still gives them. A filter never turns into an empty set, and what a row cannot tell is 1C's own error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from syncd.adapters.odata.filters import Filter, all_of
from syncd.errors import DataError, MappingError, Refused, RemoteError, SyncdError
from syncd.mappings.conditions import FAILURES, Condition, condition
from syncd.mappings.filters import BadFilter

Answer = TypeVar("Answer")
Rows = TypeVar("Rows", bound=Sequence[Any])
_CODES: Final = frozenset({"E815", "E819", "E820", "E826"})
"""What 1C says of a filter that it cannot compute: 500 with code -1 (types that it does not compare), 400 with codes 0,
1, 14 and 21. It says the same of other things, so that only a read without the filter shows whose fault it was."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to ask for the same rows: ``scope`` and ``where`` are left to 1C, ``ours`` is what syncd looks at."""

    scope: Filter | None
    where: Filter | None
    ours: Condition | None = None
    because: SyncdError | None = None
    """What 1C said of the way before."""

    @property
    def select(self) -> tuple[str, ...]:
        """What syncd must see for it."""
        return self.ours.names if self.ours else ()

    @property
    def expand(self) -> tuple[str, ...]:
        """References that ``select`` goes through."""
        return tuple(dict.fromkeys(name.rpartition("/")[0] for name in self.select if "/" in name))


@dataclass(slots=True)
class Filtering:
    """What a base takes of the filters of one source. ``notes``: what is to be told of it, once."""

    set_name: str
    notes: list[DataError] = field(default_factory=list)
    _refused: dict[str, SyncdError] = field(default_factory=dict)

    def ask(self, scope: Filter | None, where: Filter | None, send: Callable[[Way], Answer]) -> tuple[Way, Answer]:
        """The answer to the first way that 1C takes, and that way. Raises 1C's first error where it takes none."""
        refused: dict[str, SyncdError] = {}
        for way in _ways(scope, where):
            asked = str(all_of(way.scope, way.where))
            if asked in self._refused:
                refused[asked] = self._refused[asked]
                continue
            try:
                answer = _patiently(way, send) if asked else send(way)
            except (RemoteError, Refused, MappingError) as error:
                if error.code not in _CODES or not asked:
                    raise next(iter(refused.values()), error) from error
                refused[asked] = error
            else:
                self._refused |= refused
                return self._told(way, refused), answer
        raise next(iter(refused.values()))

    def kept(self, way: Way, rows: Rows) -> Rows | list[Any]:
        """The rows that meet what is left to us. Raises what 1C said of the filter for a row that cannot tell."""
        if way.ours is None:
            return rows
        try:
            return [row for row in rows if way.ours.test(row)]
        except FAILURES as error:
            assert way.because is not None
            raise way.because from error

    def _told(self, way: Way, refused: Mapping[str, SyncdError]) -> Way:
        if way.ours is None:
            return way
        error = next(iter(refused.values()))
        told = f"{error.code} {error.params.get('detail', '')}".rstrip()
        if not any(note.params["filter"] == way.ours.text for note in self.notes):
            self.notes.append(DataError("E977", set=self.set_name, filter=way.ours.text, reason=told))
        return replace(way, because=error)


def _ways(scope: Filter | None, where: Filter | None) -> Iterator[Way]:
    """From the one that leaves all to 1C to the one that leaves nothing to it."""
    yield Way(scope or None, where or None)
    less = [(scope, where)] if scope and where else []
    for left, text in [*less, (None, all_of(scope, where))]:
        try:
            ours = condition(text) if text else None
        except BadFilter:  # 1C's own error is told then
            continue
        if ours is not None:
            yield Way(left, None, ours)


def _patiently(way: Way, send: Callable[[Way], Answer]) -> Answer:
    """1C may also have failed for the moment: it is asked twice before anything else is tried."""
    try:
        return send(way)
    except RemoteError:
        return send(way)
