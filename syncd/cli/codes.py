"""Exit codes of the command line."""

from __future__ import annotations

from typing import Final

from syncd.errors import ConfigError, SyncdError, TransportError
from syncd.i18n import tr

OK: Final = 0
UNEXPECTED: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
REFUSED: Final = 4
PARTIAL: Final = 5
DEPENDENCY_DOWN: Final = 6
CHECK_FAILED: Final = 7
INTERRUPTED: Final = 130

_DOWN: Final = {"E403", "E405", "E112"}


def exit_code(error: SyncdError) -> int:
    """The exit code that tells a script what kind of failure this was."""
    if error.code == "E305":
        return NOT_FOUND
    if error.code in _DOWN or isinstance(error, TransportError):
        return DEPENDENCY_DOWN
    if isinstance(error, ConfigError):
        return CHECK_FAILED
    return REFUSED


def in_words() -> str:
    """What each exit code means, in a line."""
    meant = {
        OK: tr("done", "сделано"), UNEXPECTED: tr("unexpected", "непредвиденное"), USAGE: tr("usage", "вызов неверен"),
        NOT_FOUND: tr("not found", "не найдено"), REFUSED: tr("refused", "отказ"), PARTIAL: tr("partial", "частично"),
        DEPENDENCY_DOWN: tr("a server is down", "сервер недоступен"),
        CHECK_FAILED: tr("a check failed", "проверка не прошла"), INTERRUPTED: tr("interrupted", "прервано"),
    }  # fmt: skip
    return ", ".join(f"{code} {words}" for code, words in meant.items())
