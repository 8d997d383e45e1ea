"""The use cases behind the 1C-site exchange: implements ``syncd.adapters.ports.ExchangePort``."""

from __future__ import annotations

import hmac
import os
import threading
import time
from collections import defaultdict, deque
from datetime import timedelta
from hashlib import sha256
from typing import Final

from syncd.adapters.ports import ImportState, Opened, Orders
from syncd.errors import RequestError
from syncd.queue import outbox
from syncd.store import access
from syncd.store.access import Infobase, Session
from syncd.sync import orders_out, receive
from syncd.sync.context import Context

_REMEMBER_SECONDS: Final = 300.0
_WRONG_LIMIT: Final = 20
_WRONG_WINDOW: Final = 60.0


class Passwords:
    """Checks passwords, remembers the right ones for a while (clients send Basic with every request and the hash is
    slow on
    purpose), and turns away an address that keeps guessing. In memory: losing it costs a slower answer."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._right: dict[bytes, float] = {}
        self._wrong: dict[str, deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def check(self, password: str, stored: str, address: str | None) -> bool:
        """Whether the password is right. Raises ``RequestError`` E113 when the address guessed too often."""
        mark = hmac.new(self._key, f"{stored}\x1f{password}".encode("utf-8", "replace"), sha256).digest()
        now = time.monotonic()
        with self._lock:
            if self._right.get(mark, 0.0) > now:
                return True
            self.throttle(address, now)
        right = access.verify_password(password, stored)
        with self._lock:
            if right:
                self._right = {known: until for known, until in self._right.items() if until > now}
                self._right[mark] = now + _REMEMBER_SECONDS
        return right

    def note_wrong(self, address: str | None) -> None:
        """Count a wrong login or password of an address."""
        with self._lock:
            self._wrong[address or ""].append(time.monotonic())

    def throttle(self, address: str | None, now: float) -> None:
        """Raise E113 when the address guessed too often within the last minute."""
        times = self._wrong[address or ""]
        while times and times[0] < now - _WRONG_WINDOW:
            times.popleft()
        if len(times) >= _WRONG_LIMIT:
            raise RequestError("E113", address=address or "?", seconds=round(_WRONG_WINDOW - (now - times[0])))
        if not times:
            self._wrong.pop(address or "", None)


class ExchangeService:
    """One per process; threads share it."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._passwords = Passwords()
        self.file_limit = ctx.settings.exchange.file_limit_bytes
        self.zip_accepted = ctx.settings.exchange.zip

    def login(self, tenant: str, login: str, password: str, type_: str, address: str | None) -> Opened:
        """See the port. Files of earlier sessions that wait for an import which never came are queued here."""
        infobase = self._infobase(tenant, login, password, address)
        timestamp = int(time.time())
        with self._ctx.db.transaction() as conn:
            lifetime = timedelta(hours=self._ctx.settings.exchange.session_hours)
            session, token = access.open_session(conn, infobase, type_, lifetime=lifetime, address=address)
            queued = receive.sweep(conn, tenant=tenant, infobase_id=infobase.id, type_=type_)
        self._ring(queued)
        return Opened(session, token, timestamp)

    def session(
        self, tenant: str, type_: str, *, token: str | None, basic: tuple[str, str] | None, address: str | None
    ) -> Session:
        """See the port."""
        if token:
            with self._ctx.db.transaction() as conn:
                found = access.session_by_token(conn, tenant, token)
            if found:
                return found
        if basic is None:
            raise RequestError("E102")
        infobase = self._infobase(tenant, *basic, address)
        with self._ctx.db.transaction() as conn:
            latest = access.latest_session(conn, infobase, type_)
            if latest:
                return latest
            lifetime = timedelta(hours=self._ctx.settings.exchange.session_hours)
            return access.open_session(conn, infobase, type_, lifetime=lifetime, address=address)[0]

    def begin(self, session: Session, type_: str, version: str | None) -> None:
        """See the port."""
        with self._ctx.db.transaction() as conn:
            queued = receive.sweep(conn, tenant=session.tenant, infobase_id=session.infobase.id, type_=type_)
            access.begin_generation(conn, session, version)
        self._ring(queued)

    def receive(self, session: Session, type_: str, name: str, data: bytes) -> int:
        """See the port."""
        limit = self._ctx.settings.exchange.max_upload_mb << 20
        with self._ctx.db.transaction() as conn:
            return receive.append(conn, session, type_, name, data, limit=limit)

    def start_import(self, session: Session, type_: str, name: str) -> ImportState:
        """See the port."""
        with self._ctx.db.transaction() as conn:
            state, queued = receive.start_import(conn, session, type_, name)
        self._ring(int(queued))
        return state

    def orders(self, session: Session) -> Orders:
        """See the port."""
        with self._ctx.db.transaction() as conn:
            dialect = orders_out.dialect_of(session)
            document, _ = orders_out.offer(conn, session, dialect)
        return Orders(document, dialect.encoding)

    def confirm(self, session: Session) -> int:
        """See the port."""
        with self._ctx.db.transaction() as conn:
            return len(outbox.acknowledge(conn, session.tenant, session.id))

    def end_of_run(self, session: Session, mode: str, timestamp: int | None) -> None:
        """See the port. Absent records are not removed here: syncd removes only what 1C marks as deleted."""
        del mode, timestamp
        with self._ctx.db.transaction() as conn:
            queued = receive.sweep(conn, tenant=session.tenant, infobase_id=session.infobase.id, type_="catalog")
        self._ring(queued)

    def _infobase(self, tenant: str, login: str, password: str, address: str | None) -> Infobase:
        with self._ctx.db.transaction() as conn:
            found = access.find_login(conn, tenant, login)
        if found is None or not self._passwords.check(password, found[1], address):
            self._passwords.note_wrong(address)
            raise RequestError("E101", status=401)
        return found[0]

    def _ring(self, queued: int) -> None:
        if queued:
            self._ctx.doorbell.ring()
