"""Pages that overlap by one row, and the next one fetched ahead. Knows nothing of HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from operator import itemgetter
from typing import Any, Final, TypeAlias

from syncd.adapters.odata.answers import Page, Record
from syncd.errors import TransportError
from syncd.i18n import tr

Key: TypeAlias = Any
"""One value, or a tuple of them: whatever ``itemgetter`` makes of a record, so that it costs next to nothing."""

BACK: Final = 3
"""Pages to go back, at most, to find a row that has moved."""
FRUITLESS: Final = 3
"""Short pages in a row without a new row that may claim that more follows."""
FRUITLESS_FULL: Final = 100
"""The same of full ones: people who add objects while a set is read push old rows into the next page."""


class Overlap:
    """Where a read by ``$skip`` stands, and what of a page is new.

    ``taken``: rows of the set before the next new one, as far as known. ``shifted``: a row was not where it had been.
    The keys of the last pages are kept: where the last row has gone, the one before it shows the place.
    """

    def __init__(self, key: tuple[str, ...], size: int, taken: int = 0, last: tuple[str, ...] | None = None) -> None:
        self.key = key
        self.size = size
        self.taken = taken
        self.shifted = False
        self.ended = False
        self._of: Callable[[Record], Key] = itemgetter(*key)
        self.last: Key | None = None if last is None else last if len(key) > 1 else last[0]
        self._recent: dict[Key, None] = {} if self.last is None else {self.last: None}
        self._back = 0
        self._fruitless = 0

    def narrow(self) -> bool:
        """Ask for half as much from now on: the page was too large. ``False`` where it cannot be less."""
        if self.size <= 1:
            return False
        self.size //= 2
        return True

    @property
    def place(self) -> tuple[str, ...]:
        """The last row's key as texts, for a cursor."""
        if self.last is None:
            return ()
        return tuple(map(str, self.last)) if isinstance(self.last, tuple) else (str(self.last),)

    @property
    def skip(self) -> int:
        """``$skip`` of the next request: one row less than was taken, and more after a shift."""
        return max(0, self.taken - 1 - self._back * self.size)

    @property
    def top(self) -> int:
        """``$top`` of the next request."""
        return self.size + (1 if self.taken else 0)

    def expect(self, page: Page, start: Callable[[tuple[int, int]], None]) -> None:
        """Tell ``start`` the next request while this page is still to be worked on, if all goes as it should."""
        records = page.records
        usual = self.last is None or (bool(records) and self._of(records[0]) == self.last)
        if usual and not self._back and len(records) >= self.top:
            fresh = len(records) - (1 if self.last is not None else 0)
            start((self.taken + fresh - 1, self.size + 1))

    def take(self, page: Page) -> list[Record]:
        """The new rows of the page that was asked for with ``skip`` and ``top``: those after the last known one.

        Raises TransportError E809 where pages without a new row go on to claim that more follows.
        """
        records = page.records
        begun = self.skip
        more = len(records) >= self.top or page.next is not None
        keys = self._keys(records)
        at = -1
        if not self._recent.keys().isdisjoint(keys):
            at = next(index for index in range(len(keys) - 1, -1, -1) if keys[index] in self._recent)
        if self.last is not None and (at != 0 or keys[0] != self.last):
            self.shifted = True
            if at < 0 and begun > 0 and self._back < BACK:
                self._back += 1  # rows before this one have gone: the next request begins earlier
                return []
        self._back = 0
        self.taken = begun + len(records)
        self.ended = not more
        self._notice_circle(fresh=at + 1 < len(keys), full=len(records) >= self.size)
        self._remember(keys[at + 1 :])
        return records[at + 1 :]

    def _notice_circle(self, *, fresh: bool, full: bool) -> None:
        self._fruitless = 0 if fresh or self.ended else self._fruitless + 1
        if self._fruitless >= (FRUITLESS_FULL if full else FRUITLESS):
            detail = tr(
                f"{self._fruitless} pages without a new row, and each says that more follows ($skip={self.skip})",
                f"страниц без новых строк: {self._fruitless}, и каждая обещает продолжение ($skip={self.skip})",
            )
            raise TransportError("E809", detail=detail)

    def _remember(self, keys: list[Key]) -> None:
        if not keys:
            return
        self.last = keys[-1]
        self._recent.update(dict.fromkeys(keys))
        for key in list(self._recent)[: max(0, len(self._recent) - (BACK + 2) * self.size)]:
            del self._recent[key]

    def _keys(self, records: list[Record]) -> list[Key]:
        try:
            return list(map(self._of, records))
        except KeyError as error:  # it was asked for with ``$select``
            raise TransportError("E809", detail=f"{error.args[0]} is missing") from error


class Ahead:
    """Runs at most one request before it is asked for. An answer that is not wanted any more is thrown away; its thread
    is a daemon, so that a process which ends does not wait for 1C.
    """

    def __init__(self, work: Callable[[int, int], Page]) -> None:
        self._work = work
        self._started: tuple[tuple[int, int], Future[Page]] | None = None

    def start(self, skip: int, top: int) -> None:
        """Begin a request now."""
        future: Future[Page] = Future()
        self._started = ((skip, top), future)
        threading.Thread(target=self._run, args=(future, skip, top), name="odata-ahead", daemon=True).start()

    def get(self, skip: int, top: int) -> Page:
        """The page, begun before or now. Raises what the request raised."""
        started, self._started = self._started, None
        if started is not None and started[0] == (skip, top):
            return started[1].result()
        return self._work(skip, top)

    def _run(self, future: Future[Page], skip: int, top: int) -> None:
        try:
            future.set_result(self._work(skip, top))
        except BaseException as error:  # noqa: BLE001 - it is raised where the page is asked for
            future.set_exception(error)
