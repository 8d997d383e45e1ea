"""Sessions of the publication: how many requests at once, how long one stays warm, and the IBSession cookie.

Without ``manual`` the header IBSession is ignored, as a live УТ did; with it the developer guide's chapter 17.7 holds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Lock
from typing import Final

from syncd.emulator.dice import digest

START: Final = "start"
FINISH: Final = "finish"


class SessionLost(Exception):
    """The cookie's session is not there (any more): 400."""


@dataclass(slots=True)
class Sessions:
    """``pool_size`` requests at once, others wait ``pool_timeout`` seconds and are turned away.

    The first request after ``max_age`` idle seconds waits ``cold_start`` seconds.
    """

    pool_size: int = 10
    pool_timeout: float = 5.0
    cold_start: float = 0.0
    max_age: float = 20.0
    manual: bool = False
    _open: dict[str, float] = field(default_factory=dict)
    _last: float = float("-inf")
    _made: int = 0
    _lock: Lock = field(default_factory=Lock)
    _pool: BoundedSemaphore = field(init=False)

    def __post_init__(self) -> None:
        self._pool = BoundedSemaphore(self.pool_size)

    def enter(self) -> bool:
        """Get a session of the pool; False when there is none in time."""
        if not self._pool.acquire(timeout=self.pool_timeout):
            return False
        now = time.monotonic()
        with self._lock:
            cold = now - self._last > self.max_age
            self._last = now
        if cold and self.cold_start:
            time.sleep(self.cold_start)
            self._last = time.monotonic()
        return True

    def leave(self) -> None:
        """Give it back."""
        self._pool.release()

    def cookie(self, wanted: str, given: str) -> str:
        """The Set-Cookie of an answer, empty when there is none.

        ``wanted`` is the header IBSession, ``given`` the cookie's value. Raises ``SessionLost``.
        """
        if not self.manual:
            return ""
        now = time.monotonic()
        with self._lock:
            if given:
                if now - self._open.get(given, float("-inf")) > self.max_age:
                    self._open.pop(given, None)
                    raise SessionLost
                self._open[given] = now
                if wanted == FINISH:
                    del self._open[given]
            elif wanted == START:
                self._made += 1
                name = digest(self._made, "session", size=16).hex()
                self._open[name] = now
                return f"ibsession={name}; HttpOnly"
        return ""
