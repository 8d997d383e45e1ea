"""Reading ahead: one thread asks the other side, the loop that works shows signs of life while it waits."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from syncd.errors import TransportError

Item = TypeVar("Item")
PATIENCE_SECONDS: Final = 1800.0
"""The longest silence of the other side; every protocol has shorter limits of its own, this one is for a hang."""
_AHEAD: Final = 2
_LOOK_SECONDS: Final = 0.5


class Ahead(Generic[Item]):
    """Iterates over what ``source`` gives, and calls ``beat`` while it waits for it. What either raises is raised here.

    ``source`` runs in a thread of its own; ``close`` tells it to end, at the latest when its present wait is over.
    """

    def __init__(
        self, source: Iterator[Item], beat: Callable[[], None], *, name: str, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._source = source
        self._beat = beat
        self._name = name
        self._patience = patience
        self._gone = threading.Event()
        self._found: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(_AHEAD)
        self._thread = threading.Thread(target=self._fetch, name="syncd-ahead", daemon=True)

    def __iter__(self) -> Iterator[Item]:
        self._thread.start()
        heard = time.monotonic()
        while True:
            self._beat()
            try:
                item, error = self._found.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if time.monotonic() - heard > self._patience:
                    raise TransportError("E972", what=self._name, seconds=int(self._patience)) from None
                continue
            heard = time.monotonic()
            if error is not None:
                raise error
            if item is None:
                return
            yield item

    def close(self) -> None:
        """Fetch no more."""
        self._gone.set()

    def _fetch(self) -> None:
        try:
            for item in self._source:
                if not self._put((item, None)):
                    return
            self._put((None, None))
        except BaseException as error:  # noqa: BLE001 - it is raised where the items are read
            self._put((None, error))

    def _put(self, what: tuple[Item | None, BaseException | None]) -> bool:
        while not self._gone.is_set():
            try:
                self._found.put(what, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return True
        return False
