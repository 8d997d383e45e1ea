"""Pictures of the emulated goods: small PNG files of one colour."""

from __future__ import annotations

import struct
import zlib

from syncd.emulator.dice import digest

_SIDE = 32


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def draw(seed: int, path: str) -> bytes:
    """A PNG of 32 by 32 dots in a colour that depends on the path."""
    colour = digest(seed, "picture", path, size=3)
    rows = (b"\0" + colour * _SIDE) * _SIDE
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
