"""Sessions that we begin and end ourselves (``IBSession``, developer guide 17.7): cookies, kept for nothing else."""

from __future__ import annotations

import threading

import httpx


class Session:
    def __init__(self, sessions: Sessions, cookie: str) -> None:
        self._of = sessions
        self.cookie = cookie

    @property
    def headers(self) -> dict[str, str]:
        if not self._of.kept:
            return {}
        return {"Cookie": self.cookie} if self.cookie else {"IBSession": "start"}

    def answered(self, response: httpx.Response) -> None:
        if not self._of.kept or self.cookie:
            return
        for header in response.headers.get_list("set-cookie"):
            if header.lower().startswith("ibsession="):
                self.cookie = header.partition(";")[0]
                return
        if response.is_success:
            self._of.kept = False  # the publication does not know IBSession: it has sessions of its own


class Sessions:
    """Cookies of sessions that we began, one for each request at a time: 1C serves a session's requests in turn."""

    def __init__(self, *, kept: bool) -> None:
        self.kept = kept
        self._free: list[str] = []
        self._lock = threading.Lock()

    def take(self) -> Session:
        with self._lock:
            return Session(self, self._free.pop() if self._free else "")

    def give(self, session: Session) -> None:
        if session.cookie:
            with self._lock:
                self._free.append(session.cookie)

    def drain(self) -> list[str]:
        with self._lock:
            free, self._free = self._free, []
        return free
