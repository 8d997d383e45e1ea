"""Spans of time as people write them: ``90s``, ``5m``, ``2h``, ``1d``, ``1h30m``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from syncd.i18n import tr

_UNITS: Final = {
    "s": 1, "с": 1, "m": 60, "м": 60, "мин": 60, "h": 3600, "ч": 3600, "d": 86_400, "д": 86_400, "w": 604_800,
    "н": 604_800,
}  # fmt: skip
_PART: Final = re.compile(r"(\d+)\s*(мин|[smhdwсмчдн])", re.IGNORECASE)


def span(text: str) -> timedelta:
    """What the words mean. Raises ``ValueError`` with a sentence for a person."""
    words = text.strip()
    parts = _PART.findall(words)
    if not parts or _PART.sub("", words).strip():
        en, ru = (
            f"{text!r} is no span of time: write 90s, 5m, 2h or 1d",
            f"{text!r} — не срок: пишите 90s, 5m, 2h или 1d",
        )
        raise ValueError(tr(en, ru))
    return timedelta(seconds=sum(int(number) * _UNITS[unit.lower()] for number, unit in parts))


def words(value: timedelta) -> str:
    """The shortest writing of whole seconds that ``span`` reads back."""
    rest = int(value.total_seconds())
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        number, rest = divmod(rest, size)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"
