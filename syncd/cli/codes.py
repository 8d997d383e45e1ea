"""Exit codes of the command line."""

from __future__ import annotations

from typing import Final

from syncd.errors import ConfigError, SyncdError, TransportError

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
