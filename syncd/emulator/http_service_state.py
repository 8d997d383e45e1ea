"""The base behind the emulated HTTP service: documents in a SQLite file, which outlives a killed process."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from syncd.emulator.dice import guid

_TABLES: Final = """
    CREATE TABLE IF NOT EXISTS document (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, ref TEXT NOT NULL,
        number TEXT NOT NULL, date TEXT NOT NULL, posted INTEGER NOT NULL, attempt TEXT, body TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS taken (key TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS asked (place TEXT NOT NULL, key TEXT NOT NULL, times INTEGER NOT NULL,
        PRIMARY KEY (place, key)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Document:
    """An order as 1C has it. ``id`` is the caller's key; ``attempt`` the caller's count when it was created."""

    n: int
    id: str
    ref: str
    number: str
    date: str
    posted: bool
    attempt: str | None
    body: dict[str, Any]

    @property
    def revision(self) -> int:
        """Which state of the order this is; it grows when the order is changed on the site."""
        return int(self.body.get("revision") or 1)

    def answer(self, *, created: bool) -> dict[str, Any]:
        """What the contract says about it."""
        return {
            "id": self.id, "ref": self.ref, "number": self.number, "date": self.date, "posted": self.posted,
            "revision": self.revision, "created": created, "errors": [],
        }  # fmt: skip

    def shown(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)


class State:
    """The file. Threads share it; one process writes, others may read (``documents``)."""

    def __init__(self, path: Path, seed: int = 1) -> None:
        self._seed = seed
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")  # a killed process loses nothing: the system has the pages
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def ask(self, place: str, key: str) -> int:
        """Count a request; returns how many there were about this key, with this one."""
        with self._lock:
            row = self._db.execute(
                "INSERT INTO asked VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times",
                (place, key),
            ).fetchone()
            return int(row[0])

    def create(
        self, key: str, body: dict[str, Any], *, now: datetime, attempt: str | None, once: bool = True
    ) -> tuple[Document, bool]:
        """Write the document and its key in one transaction; with ``once`` a key that is known gives the document it
        has, over which a newer revision is written. The second value: whether it was made now.
        """
        with self._lock, self._transaction():
            known = self._of_key(key) if once else None
            if known and int(body.get("revision") or 1) > known.revision:
                text = json.dumps(body, ensure_ascii=False)
                self._db.execute("UPDATE document SET body = ? WHERE n = ?", (text, known.n))
                return replace(known, body=body), False
            if known:
                return known, False
            n = int(self._db.execute("SELECT coalesce(max(n), 0) + 1 FROM document").fetchone()[0])
            made = Document(
                n, key, guid(self._seed, "document", n), f"УТ00-{n:06}", now.strftime("%Y-%m-%dT%H:%M:%S"), True,
                attempt, body,
            )  # fmt: skip
            self._db.execute(
                "INSERT INTO document VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (n, key, made.ref, made.number, made.date, 1, attempt, json.dumps(body, ensure_ascii=False)),
            )
            self._db.execute("INSERT OR IGNORE INTO taken VALUES (?, ?)", (key, n))
            return made, True

    def find(self, key: str) -> Document | None:
        """The document made for this key."""
        with self._lock:
            return self._of_key(key)

    def documents(self) -> list[Document]:
        """All of them, in the order they were made."""
        with self._lock:
            return _all(self._db)

    def _of_key(self, key: str) -> Document | None:
        row = self._db.execute(f"{_SELECT} JOIN taken t ON t.n = d.n WHERE t.key = ?", (key,)).fetchone()
        return _document(row) if row else None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


_SELECT: Final = "SELECT d.n, d.id, d.ref, d.number, d.date, d.posted, d.attempt, d.body FROM document d"


def documents(path: Path) -> list[Document]:
    """The documents in a file, whether its service runs or not."""
    with closing(sqlite3.connect(path)) as db:
        return _all(db)


def _all(db: sqlite3.Connection) -> list[Document]:
    return [_document(row) for row in db.execute(f"{_SELECT} ORDER BY d.n").fetchall()]


def _document(row: tuple[Any, ...]) -> Document:
    n, id_, ref, number, date, posted, attempt, body = row
    return Document(n, id_, ref, number, date, bool(posted), attempt, json.loads(body))
