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
from uuid import UUID

from syncd import issues, journal
from syncd.adapters.ports import ImportState, Opened, Orders
from syncd.commerceml.info import write_info
from syncd.errors import RequestError
from syncd.journal import Entry
from syncd.mappings import orders as orders_mapping
from syncd.queue import outbox, pulls
from syncd.queue.pulls import Finding
from syncd.store import access
from syncd.store.access import Infobase, Session
from syncd.sync import orders_out, receive, removals, tell
from syncd.sync.context import Context
from syncd.sync.order_words import mapping_for

_SETTLE_SECONDS: Final = 300.0
"""So long 1C is not called again for orders it was offered: it may still be working on them, or refuse one of them."""
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


def as_uuid(text: str) -> UUID | None:
    """An id in either spelling."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _entry(session: Session, finding: Finding) -> Entry:
    return Entry(
        kind="orders", direction="out", outcome="failed", error=finding.error, infobase_id=session.infobase.id,
        session_id=session.id, subject=finding.number or "sale query", entity="order" if finding.key else None,
        key=finding.key or None,
    )  # fmt: skip


class ExchangeService:
    """One per process; threads share it."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._passwords = Passwords()
        self.file_limit = ctx.settings.exchange.file_limit_bytes
        self.zip_accepted = ctx.settings.exchange.zip
        orders_mapping.load(ctx.settings.exchange.orders_mapping)  # a wrong one is told now, not amid an exchange

    def login(self, tenant: str, login: str, password: str, type_: str, address: str | None) -> Opened:
        """See the port. Files of earlier sessions that wait for an import which never came are queued here."""
        infobase = self._infobase(tenant, login, password, address)
        timestamp = int(time.time())
        with self._ctx.db.transaction() as conn:
            lifetime = timedelta(hours=self._ctx.settings.exchange.session_hours)
            session, token = access.open_session(conn, infobase, type_, lifetime=lifetime, address=address)
            queued = receive.sweep(conn, tenant=tenant, infobase_id=infobase.id, type_=type_)
            issues.succeeded(conn, tenant, "exchange", [f"{type_} checkauth"])
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

    def verify(self, session: Session, sessid: str) -> None:
        """See the port."""
        found = as_uuid(sessid)
        if found == session.id:
            return
        with self._ctx.db.transaction() as conn:
            if found is None or not access.has_session(conn, session.infobase, found):
                raise RequestError("E116", sessid=sessid[:100])

    def orders(self, session: Session, version: str | None) -> Orders:
        """See the port. What was found out about an earlier session without ``success`` goes into the journal."""
        dialect = orders_out.dialect_of(session, version)
        with self._ctx.db.transaction() as conn:
            allowed = pulls.begin(
                conn, session.tenant, infobase_id=session.infobase.id, session_id=session.id,
                poison_after=self._ctx.settings.exchange.poison_after, most=orders_out.BATCH,
            )  # fmt: skip
            for finding in allowed.findings:
                journal.write(conn, session.tenant, _entry(session, finding))
                if finding.key:
                    tell.rejected(conn, session.tenant, finding.key, finding.error)
            mapping = mapping_for(conn, self._ctx.settings, session.tenant, session.infobase.id)
            document, _ = orders_out.offer(
                conn, session, dialect, mapping, limit=allowed.limit, suspects=allowed.suspects
            )
        return Orders(document, dialect.encoding)

    def info(self, session: Session, version: str | None) -> Orders:
        """See the port. A status without an id of its own goes by its name."""
        encoding = orders_out.dialect_of(session, version).encoding
        with self._ctx.db.transaction() as conn:
            mapping = mapping_for(conn, self._ctx.settings, session.tenant, session.infobase.id)
        document = write_info(
            statuses=[(rule.id or name, name, "") for name, rule in mapping.statuses.items() if rule.listed],
            payments=[(rule.id or code, rule.name, rule.kind) for code, rule in mapping.payments.items()],
            deliveries=[(rule.id or code, rule.name, "") for code, rule in mapping.deliveries.items()],
            encoding=encoding,
        )
        return Orders(document, encoding)

    def confirm(self, session: Session) -> int:
        """See the port."""
        with self._ctx.db.transaction() as conn:
            keys = outbox.acknowledge(conn, session.tenant, session.id)
            if keys:
                tell.delivered_all(conn, session.tenant, keys)
                pulls.confirmed(
                    conn, session.tenant, infobase_id=session.infobase.id, session_id=session.id, most=orders_out.BATCH
                )
            return len(keys)

    def listener(self, tenant: str, basic: tuple[str, str] | None, address: str | None) -> Infobase:
        """The infobase that calls ``type=listen``. Raises ``RequestError`` E101 or E113."""
        if basic is None:
            raise RequestError("E101", status=401)
        return self._infobase(tenant, *basic, address)

    def waits(self, infobase: Infobase) -> bool:
        """Whether an order waits for this infobase."""
        with self._ctx.db.transaction() as conn:
            return pulls.waiting(conn, infobase.tenant, infobase.id, settle_seconds=_SETTLE_SECONDS)

    def end_of_run(self, session: Session, mode: str, timestamp: int | None) -> None:
        """See the port. What to remove is decided by a worker, when everything sent so far is imported."""
        keep_days = self._ctx.settings.journal.keep_days
        with self._ctx.db.transaction() as conn:
            queued = receive.sweep(conn, tenant=session.tenant, infobase_id=session.infobase.id, type_="catalog")
            removals.request(conn, session.tenant, session.infobase.id, mode, timestamp, keep_days=keep_days)
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
