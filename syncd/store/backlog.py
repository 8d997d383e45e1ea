"""Bytes that wait for Postgres: a few in memory, the rest in a temporary file, so that who makes them goes on while the
server is busy with an insert of a second.
"""

from __future__ import annotations

import os
import tempfile
import threading
from dataclasses import dataclass
from typing import Final

_IN_MEMORY: Final = 4 << 20
_ON_DISK: Final = 128 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that wait: themselves, or where they lie in the file."""

    size: int
    data: bytes | None = None
    offset: int = 0


class Backlog:
    """One thread puts pieces, another one takes each of them once, in their order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file: int | None = None
        self._held = 0  # bytes in memory
        self._stored = 0  # bytes in the file that nobody took yet
        self._end = 0

    def has_room(self, size: int) -> bool:
        """Whether so many bytes may be put; a piece larger than any room may when nothing waits."""
        with self._lock:
            return self._held <= _IN_MEMORY and (not self._stored or self._end + size <= _ON_DISK)

    def put(self, data: bytes) -> Piece:
        """Keep a piece until it is taken."""
        size = len(data)
        with self._lock:
            if not self._stored and self._held + size <= _IN_MEMORY:
                self._held += size
                return Piece(size, data)
            if not self._stored:
                self._end = 0
            offset, self._end = self._end, self._end + size
            self._stored += size
        try:
            self._write(data, offset)
        except OSError:  # the disk is full: it waits in memory all the same
            with self._lock:
                self._stored -= size
                self._held += size
            return Piece(size, data)
        return Piece(size, None, offset)

    def take(self, piece: Piece) -> bytes:
        """What was put."""
        data = piece.data if piece.data is not None else self._read(piece)
        with self._lock:
            if piece.data is not None:
                self._held -= piece.size
            else:
                self._stored -= piece.size
        return data

    def close(self) -> None:
        """Forget all of it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, data: bytes, offset: int) -> None:
        if self._file is None:
            with tempfile.TemporaryFile(buffering=0) as file:
                self._file = os.dup(file.fileno())
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, offset)
            view, offset = view[written:], offset + written

    def _read(self, piece: Piece) -> bytes:
        assert self._file is not None
        parts: list[bytes] = []
        offset, left = piece.offset, piece.size
        while left:
            part = os.pread(self._file, left, offset)
            if not part:
                raise EOFError("the backlog's file ended early")
            parts.append(part)
            offset, left = offset + len(part), left - len(part)
        return b"".join(parts)
