"""Settings of the interpreter for the time in which very many records come and go."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

_THRESHOLDS: Final = (50_000, 20, 20)
_SWITCH_SECONDS: Final = 0.001


@dataclass(slots=True)
class _Settings:
    """Those that were there before, while ``under_way`` pieces of work have others."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    under_way: int = 0
    thresholds: tuple[int, int, int] = (0, 0, 0)
    switch_seconds: float = 0.0

    def begin(self) -> None:
        with self.lock:
            self.under_way += 1
            if self.under_way > 1:
                return
            self.thresholds, self.switch_seconds = gc.get_threshold(), sys.getswitchinterval()
            gc.freeze()
            gc.set_threshold(*_THRESHOLDS)
            sys.setswitchinterval(min(_SWITCH_SECONDS, self.switch_seconds))

    def end(self) -> None:
        with self.lock:
            self.under_way -= 1
            if self.under_way > 0:
                return
            sys.setswitchinterval(self.switch_seconds)
            gc.set_threshold(*self.thresholds)
            gc.collect()  # rings of this work alone, which is quick: they may hold much that is not Python's
            gc.unfreeze()
            _give_back()


def _give_back() -> None:
    """Return to the system what glibc keeps of a large document: half a gigabyte after a swollen one."""
    if _trim is not None:
        _trim(0)


_trim: Final = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl and macOS have none
_settings: Final = _Settings()


@contextmanager
def bulk() -> Iterator[None]:
    """For one piece of work; several at once, in threads, are fine, and the last one to end puts all back. Best around
    a whole function: rings that a frame still holds at the end would be nobody's for a long time.

    Records hold no cycles and are freed without the collector. Left alone it goes through all that the process has ever
    loaded each time when so many are alive: measured, a fifth of a large pull. And a thread that sends rows to Postgres
    asks for the interpreter after each piece that the socket took: it waits 5 ms every time while others have work.
    """
    _settings.begin()
    try:
        yield
    finally:
        _settings.end()
