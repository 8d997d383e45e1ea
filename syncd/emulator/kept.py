"""Orders of the emulated 1C that survive its process: written to disk where a real 1C commits its documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from syncd.emulator.base import BatchResult, OrderBase
from syncd.emulator.orders import TradeOrder
from syncd.errors import ConfigError


def clock_of(zone: str) -> Callable[[], datetime]:
    """The local time of a 1C in this time zone."""
    return lambda: datetime.now(ZoneInfo(zone))


class KeptOrders(OrderBase):
    """An ``OrderBase`` with a file. Documents are on disk before the site is told ``success``: a 1C that is killed in
    between finds them again and makes no second ones.
    """

    _path: Path | None = None

    @classmethod
    def open(cls, path: Path, *, zone: str) -> KeptOrders:
        """The orders kept at ``path``, or none yet. Raises ``ConfigError`` E605 when the file cannot be read or is not
        such a file.
        """
        try:
            made = cls.load(path, clock=clock_of(zone))
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise ConfigError("E605", path=str(path), detail=f"{type(error).__name__}: {error}") from error
        assert isinstance(made, KeptOrders)
        made._path = path
        made.keep()
        return made

    def keep(self) -> None:
        """Write the file."""
        if self._path:
            self.save(self._path)

    def take(self, text: str, *, containers: bool = False) -> BatchResult:
        """See ``OrderBase``; what was written is on disk when this returns."""
        try:
            return super().take(text, containers=containers)
        finally:
            self.keep()

    def exported(self, sent: Iterable[tuple[str, int]]) -> None:
        """See ``OrderBase``; on disk when this returns."""
        super().exported(sent)
        self.keep()

    def _changed(self, number: str, **values: object) -> TradeOrder:
        order = super()._changed(number, **values)
        self.keep()
        return order
