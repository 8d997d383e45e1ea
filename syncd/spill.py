"""Numbers by the million, of which memory holds a few thousand: the rest lies in temporary files that go with them.

What an import remembers of each record must not decide how large an export may be. Below a piece no disk is touched.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import structlog
from xxhash import xxh3_128_digest

log = structlog.get_logger(__name__)

PIECE: Final = 1 << 14
"""So many numbers of a row are in memory at once: 128 KB of eight bytes."""
_PARTS: Final = 256
_SHIFT: Final = 56  # of 64 bits the highest eight name the part
_BLOCK: Final = 512
_MARK: Final = 128
_KNOWN: Final = 4_096
_NEAR_BYTES: Final = 1 << 20


class _File:
    """A temporary file without a name, made when it is first written to. ``full``: there was no room for more."""

    __slots__ = ("_file", "full", "size")

    def __init__(self) -> None:
        self._file = -1
        self.size = 0
        self.full = False

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)

    def append(self, data: bytes | memoryview) -> bool:
        """``False``: it stays with the caller."""
        if self.full:
            return False
        try:
            self.put(data, self.size)
        except OSError as error:
            self.full = True
            log.warning("no room in the temporary folder, memory is used instead", error=str(error))
            return False
        self.size += len(data)
        return True

    def put(self, data: bytes | memoryview, at: int) -> None:
        if self._file < 0:
            self._file, name = tempfile.mkstemp(prefix="syncd-")
            os.unlink(name)
        left = memoryview(data)
        while left:
            done = os.pwrite(self._file, left, at)
            left, at = left[done:], at + done

    def get(self, size: int, at: int) -> bytes:
        return os.pread(self._file, size, at)


class Numbers:
    """A row of numbers that only grows. ``tail`` is its end, to which may be appended; call ``settle`` once that is a
    piece long.
    """

    __slots__ = ("_begin", "_code", "_file", "_near", "_near_at", "_width", "tail")

    def __init__(self, code: str = "Q") -> None:
        self.tail = array(code)
        self._code = code
        self._width = self.tail.itemsize
        self._begin = 0  # of the tail
        self._file = _File()
        self._near = array(code)  # what of the file was looked at last
        self._near_at = 0

    def settle(self) -> None:
        """What stands in the tail goes to disk, if there is room."""
        if self._file.append(memoryview(self.tail).cast("B")):
            self._begin += len(self.tail)
            del self.tail[:]

    def append(self, number: int) -> None:
        """One more."""
        self.tail.append(number)
        if len(self.tail) >= PIECE:
            self.settle()

    def extend(self, numbers: Iterable[int]) -> None:
        """More of them."""
        self.tail.extend(numbers)
        if len(self.tail) >= PIECE:
            self.settle()

    def extend_bytes(self, numbers: bytes) -> None:
        """More of them, as they are in memory."""
        self.tail.frombytes(numbers)
        if len(self.tail) >= PIECE:
            self.settle()

    def __len__(self) -> int:
        return self._begin + len(self.tail)

    def __getitem__(self, at: int) -> int:
        if self._is_far(at):
            return int(self._read(at, at + 1)[0])
        piece, begin = self.piece(at)
        return int(piece[at - begin])

    def amend(self, at: int, number: int) -> bool:
        """Put another one in the place of one that is there; ``False``: the disk does not let us, the old one stays."""
        if at >= self._begin:
            self.tail[at - self._begin] = number
            return True
        try:
            self._file.put(memoryview(array(self._code, (number,))).cast("B"), at * self._width)
        except OSError as error:  # a file system that copies on write needs room for that too
            log.warning("no room in the temporary folder, a record will be read again", error=str(error))
            return False
        if 0 <= at - self._near_at < len(self._near):
            self._near[at - self._near_at] = number
        return True

    def piece(self, at: int) -> tuple[array[int], int]:
        """Numbers around a position, and where the first of them stands. They are to be read before the next call."""
        if at >= self._begin:
            return self.tail, self._begin
        if not 0 <= at - self._near_at < len(self._near):
            begin = at - at % PIECE
            self._near, self._near_at = self._read(begin, min(begin + PIECE, self._begin)), begin
        return self._near, self._near_at

    def slice(self, begin: int, end: int) -> array[int]:
        """Those from one position to before another."""
        if begin < end <= self._begin and end - begin <= _MARK and self._is_far(begin):
            return self._read(begin, end)
        found, end = array(self._code), min(end, len(self))
        while begin < end:
            piece, at = self.piece(begin)
            found.extend(piece[begin - at : end - at])
            begin = at + len(piece)
        return found

    def pieces(self) -> Iterator[array[int]]:
        """All of them, a piece at a time."""
        at, end = 0, len(self)
        while at < end:
            piece, begin = self.piece(at)
            yield piece[at - begin :] if at > begin else piece
            at = begin + len(piece)

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self.pieces())

    def _is_far(self, at: int) -> bool:
        """Whether who asks jumps about: a whole piece would be read for little."""
        return at < self._begin and not self._near_at <= at < self._near_at + len(self._near) + PIECE

    def _read(self, begin: int, end: int) -> array[int]:
        found = array(self._code)
        found.frombytes(self._file.get((end - begin) * self._width, begin * self._width))
        return found


class Pool:
    """Pieces of numbers of 64 bits under numbers of their own; one that was put lately is not kept twice.

    Small, as what one batch of records states is, it can travel between processes.
    """

    __slots__ = ("_begins", "_file", "_known", "_near")

    def __init__(self) -> None:
        self._begins = array("Q", (0,))  # of each piece, and of the next one
        self._file = _File()
        self._near = bytearray()  # what is not in the file yet
        self._known: dict[bytes, int] = {}

    def put(self, piece: array[int]) -> int:
        """Keep a piece. Returns its number."""
        data = piece.tobytes()
        digest = xxh3_128_digest(data)
        found = self._known.get(digest)
        if found is not None:
            return found
        if len(self._known) >= _KNOWN:
            self._known.clear()
        number = self._known[digest] = len(self._begins) - 1
        self._near += data
        self._begins.append(self._begins[-1] + len(data))
        if len(self._near) >= _NEAR_BYTES and not self._file.full and self._file.append(bytes(self._near)):
            self._near.clear()
        return number

    def get(self, number: int) -> array[int]:
        """The piece of this number."""
        begin, end = self._begins[number], self._begins[number + 1]
        far = self._file.size
        found = array("Q")
        found.frombytes(self._near[begin - far : end - far] if begin >= far else self._file.get(end - begin, begin))
        return found


class Parted:
    """Numbers of 64 bits by their highest bits, as they come: in parts that can be sorted in memory one after another.

    ``number`` counts all that were put.
    """

    __slots__ = ("_blocks", "_file", "_parts", "number")

    def __init__(self) -> None:
        self._parts = [array("Q") for _ in range(_PARTS)]
        self._blocks: list[array[int]] = [array("Q") for _ in range(_PARTS)]
        self._file = _File()
        self.number = 0

    def put(self, numbers: Iterable[int]) -> None:
        """More of them."""
        parts = self._parts
        for number in numbers:
            part = parts[number >> _SHIFT]
            part.append(number)
            self.number += 1
            if len(part) >= _BLOCK:
                self._away(number >> _SHIFT)

    def put_pairs(self, numbers: Iterable[int], companions: Iterable[int]) -> None:
        """More of them, each with another one behind it in its part."""
        parts = self._parts
        for number, companion in zip(numbers, companions, strict=True):
            part = parts[number >> _SHIFT]
            part.append(number)
            part.append(companion)
            self.number += 1
            if len(part) >= _BLOCK:
                self._away(number >> _SHIFT)

    def _away(self, part: int) -> None:
        begin = self._file.size
        if self._file.append(memoryview(self._parts[part]).cast("B")):
            self._blocks[part].append(begin)
            del self._parts[part][:]

    def parts(self) -> Iterator[array[int]]:
        """All parts, those of lower numbers first; within a part in the order in which they were put."""
        for blocks, rest in zip(self._blocks, self._parts, strict=True):
            found = array("Q")
            for at in blocks:
                found.frombytes(self._file.get(_BLOCK * found.itemsize, at))
            found.extend(rest)
            yield found


class Ordered:
    """Different numbers of 64 bits in ascending order. ``in`` tells whether one is among them."""

    __slots__ = ("_bounds", "_marks", "_numbers")

    def __init__(self, numbers: Parted | None = None) -> None:
        self._numbers = Numbers()
        self._marks = array("Q")
        self._bounds = array("Q", (0,))
        for part in numbers.parts() if numbers is not None else ():
            self.add(sorted(set(part)))

    def add(self, numbers: list[int]) -> None:
        """The next part."""
        self._marks.extend(numbers[-len(self._numbers) % _MARK :: _MARK])
        self._numbers.extend(numbers)
        self._bounds.append(len(self._numbers))

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def pieces(self) -> Iterator[array[int]]:
        """All of them, a piece at a time."""
        return self._numbers.pieces()

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and self.place(number) >= 0

    def place(self, number: int) -> int:
        """Where it stands among them; -1 where it does not."""
        begin = (bisect_right(self._marks, number) - 1) * _MARK
        if begin < 0:
            return -1
        near = self._numbers.slice(begin, min(begin + _MARK, len(self._numbers)))
        at = bisect_left(near, number)
        return begin + at if at < len(near) and near[at] == number else -1

    def part(self, number: int) -> array[int]:
        """Those of the part of ``Parted`` with this number."""
        return self._numbers.slice(self._bounds[number], self._bounds[number + 1])


def ordered(numbers: Iterable[int]) -> Ordered:
    """Numbers in any order, put in theirs."""
    parted = Parted()
    parted.put(numbers)
    return Ordered(parted)


class Places:
    """Where each of many numbers stands in a row; of one that stands there twice the first."""

    __slots__ = ("_at", "_keys")

    def __init__(self, row: Numbers) -> None:
        parted, at = Parted(), 0
        for piece in row.pieces():
            parted.put_pairs(piece, range(at, at + len(piece)))
            at += len(piece)
        self._at = Numbers()
        self._keys = Ordered()
        for part in parted.parts():
            first = dict(zip(reversed(part[::2]), reversed(part[1::2]), strict=True))
            ordered = sorted(first)
            self._keys.add(ordered)
            self._at.extend(map(first.__getitem__, ordered))

    def find(self, number: int) -> int:
        """Its position; -1 where it does not stand there."""
        at = self._keys.place(number)
        return self._at[at] if at >= 0 else -1
