"""Order documents of one package or pull wait here for the merge, on disk: there may be more of them than memory should
hold.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Spool(Generic[T]):
    """A temporary file of documents that only this process writes and reads; gone with the import."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=4 << 20)  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, document: T) -> None:
        """Add one."""
        pickle.dump(document, self._file, protocol=pickle.HIGHEST_PROTOCOL)

    def mark(self) -> int:
        """Where the next one will stand."""
        return self._file.tell()

    def rewind(self, mark: int) -> None:
        """Forget everything put since the mark."""
        self._file.seek(mark)
        self._file.truncate()

    def __bool__(self) -> bool:
        return self._file.seek(0, 2) > 0

    def __iter__(self) -> Iterator[T]:
        end = self._file.seek(0, 2)
        position = 0
        while position < end:
            self._file.seek(position)
            document: T = pickle.load(self._file)  # noqa: S301 - our own file, written a moment ago
            position = self._file.tell()
            yield document
        self._file.seek(0, 2)
