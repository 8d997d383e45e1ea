"""Moments as people type them, read in the zone of who types."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import Final

from syncd.i18n import tr
from syncd.spans import span

_CLOCK: Final = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")
_RUSSIAN: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T](.+))?")


def moment(text: str, now: datetime) -> datetime:
    """``now``, ``today``, ``yesterday``, ``-3h``, ``10:30`` (today), ``2026-11-22``, ``2026-11-22T10:30``,
    ``22.11.2026``. Raises ``ValueError`` with a sentence for a person.
    """
    words, here = text.strip().lower(), now.astimezone()
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    if words in {"now", "сейчас"}:
        return now
    if words in {"today", "сегодня"}:
        return midnight
    if words in {"yesterday", "вчера"}:
        return midnight - timedelta(days=1)
    if words.startswith("-"):
        return now - span(words[1:])
    try:
        if _CLOCK.fullmatch(words):
            at = time.fromisoformat(words.zfill(5) if len(words) < 6 else words.zfill(8))
            return midnight.replace(hour=at.hour, minute=at.minute, second=at.second)
        russian = _RUSSIAN.fullmatch(words)
        if russian:
            day, month, year, rest = russian.groups()
            words = f"{year}-{month:0>2}-{day:0>2}" + (f"T{rest}" if rest else "")
        found = datetime.fromisoformat(words.upper())
    except ValueError:
        en = f"{text!r} is no time: write -3h, now, today, 10:30, 2026-11-22 or 2026-11-22T10:30"
        ru = f"{text!r} — не время: пишите -3h, now, today, 10:30, 2026-11-22 или 2026-11-22T10:30"
        raise ValueError(tr(en, ru)) from None
    return found if found.tzinfo else found.astimezone()
