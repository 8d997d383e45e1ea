"""What every use case works with: the database, the settings, the doorbell."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.config import Settings
from syncd.queue.broker import Doorbell
from syncd.store.db import Database


@dataclass(frozen=True, slots=True)
class Context:
    """One per process."""

    db: Database
    settings: Settings
    doorbell: Doorbell
