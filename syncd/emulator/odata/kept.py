"""What is in a base, kept in a SQLite file from the moment 1C would have committed it: a killed process loses nothing.

Only what differs from the seeded rows is kept, so a file goes with one preset, seed and size. Registrations of exchange
plans and sessions are forgotten with the process.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Any, Final

from syncd.emulator.odata.model import Row
from syncd.emulator.odata.store import Key, Store
from syncd.emulator.odata.writing import Writer
from syncd.errors import ConfigError
from syncd.i18n import tr

_TABLES: Final = """
    CREATE TABLE IF NOT EXISTS kept (name TEXT NOT NULL, key TEXT NOT NULL, row TEXT, PRIMARY KEY (name, key))
        WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS about (what TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS struck (n INTEGER PRIMARY KEY, method TEXT NOT NULL, path TEXT NOT NULL,
        fault TEXT NOT NULL, body TEXT NOT NULL);
"""


class Kept:
    """The file. ``begin`` restores a base from it and keeps all that is committed from then on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")  # a killed process loses nothing: the system has the pages
        self._db.executescript(_TABLES)

    def begin(self, store: Store, writer: Writer, *, made_of: str) -> None:
        """Restore, then keep. ``made_of`` names preset, seed and size. Raises ConfigError E860 for another base's
        file.
        """
        known = self._about("made_of")
        if known is not None and known != made_of:
            detail = tr(f"it holds {known}, not {made_of}", f"в нём {known}, а не {made_of}")
            raise ConfigError("E860", path=str(self._path), detail=detail)
        for name, key, text in self._db.execute("SELECT name, key, row FROM kept"):
            table = store.tables[name]
            if text is None:
                table.remove(tuple(json.loads(key)))
            else:
                table.put(json.loads(text))
        if (counted := self._about("counted")) is not None:
            state = json.loads(counted)
            store.version = state["version"]
            writer.restore(state["made"], state["counters"])
        self._db.execute("INSERT OR REPLACE INTO about VALUES ('made_of', ?)", (made_of,))
        store.on_commit = lambda changes: self._keep(changes, store, writer)

    def _keep(self, changes: Iterable[tuple[str, Key, Row | None]], store: Store, writer: Writer) -> None:
        state = {"version": store.version, "made": writer.made, "counters": writer.counters}
        rows = [
            (name, json.dumps(key), None if row is None else json.dumps(row, ensure_ascii=False))
            for name, key, row in changes
        ]
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", rows)
            self._db.execute("INSERT OR REPLACE INTO about VALUES ('counted', ?)", (json.dumps(state),))
            self._db.execute("COMMIT")

    def struck(self, method: str, path: str, fault: str, body: bytes) -> None:
        """Note a fault, for whoever compares the books afterwards."""
        with self._lock:
            self._db.execute(
                "INSERT INTO struck (method, path, fault, body) VALUES (?, ?, ?, ?)",
                (method, path, fault, body.decode("utf-8", "replace")),
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _about(self, what: str) -> str | None:
        row = self._db.execute("SELECT value FROM about WHERE what = ?", (what,)).fetchone()
        return str(row[0]) if row else None


def rows_in(path: Path, name: str) -> list[dict[str, Any]]:
    """The rows of a set that a file holds, whether its base runs or not."""
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT row FROM kept WHERE name = ? AND row IS NOT NULL ORDER BY key", (name,))
        return [json.loads(text) for (text,) in found]


def strikes_in(path: Path) -> list[tuple[str, str, str, str]]:
    """What went wrong there: method, path, fault, body of the request."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT method, path, fault, body FROM struck ORDER BY n").fetchall()
