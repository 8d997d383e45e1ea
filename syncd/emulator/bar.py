"""How far the emulated 1C is, on a terminal: one bar that moves with files sent and with what the site says of imports.

Where nobody looks (a pipe, a log) it writes nothing at all.
"""

from __future__ import annotations

import re
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from syncd.emulator.wire import Exchange
from syncd.i18n import tr

_SHARE: Final = re.compile(r"(\d{1,3}) ?%")
_WHOLE: Final = 100


class Bar:
    """Use it as a context manager. Give ``portion`` to a push as its progress, ``part`` and ``heard`` to the client."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("   {task.description}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._task: TaskID = self._progress.add_task(tr("connecting", "соединение"), total=None)
        self._done, self._sent = 0, 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def hide(self) -> None:
        """Nothing moves any more."""
        self._progress.stop()

    def portion(self, event: str, done: int, total: int, /) -> None:
        """A portion begins: ``done`` of ``total`` are through."""
        del event
        self._done, self._sent = done, 0
        self._progress.update(self._task, total=max(total, 1), completed=done)

    def part(self, name: str, size: int) -> None:
        """The site took ``size`` bytes of this file."""
        self._sent += size
        said = tr("sent", "отправлено")
        self._progress.update(self._task, description=f"{escape(name)}: {said} {mebibytes(self._sent)}")

    def heard(self, line: Exchange) -> None:
        """The site answered. Of an import it may say how many per cent it has read; half of a portion is the import."""
        if line.mode != "import":
            return
        text = line.head.decode("utf-8", "replace").partition("\n")[2].strip()
        share = _SHARE.search(text)
        part = min(int(share[1]), _WHOLE) / _WHOLE if share else 0.0
        name = escape(line.filename)
        description = f"{name}: {tr('import', 'импорт')} {escape(text[:60])}"
        self._progress.update(self._task, description=description, completed=self._done + 0.5 + part / 2)


def mebibytes(size: int) -> str:
    """A size as people read it."""
    if size < 1 << 20:
        return f"{size / 1024:.0f} " + tr("KB", "КБ")
    return f"{size / (1 << 20):.1f} " + tr("MB", "МБ")
