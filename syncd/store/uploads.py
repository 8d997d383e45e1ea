"""What came in, byte for byte: uploads and their parts, in Postgres so that no host and no process is needed to keep
them.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from syncd.store import pictures
from syncd.store.db import Conn, every, execute, one
from syncd.store.ids import new_id

PIECE: Final = 1 << 20
"""Largest row of ``upload_chunk``, bytes: a reader holds one or two of them at a time."""
HEAD: Final = 64
"""So many bytes at the beginning tell a picture from another, however small the parts are."""
LOOK: Final = 1024
"""The format is told by so many bytes: before its root element XML may hold a declaration, comments and a DTD."""
TAIL: Final = 65_557  # an end-of-archive record with the longest comment lies within so many bytes of the end


@dataclass(frozen=True, slots=True)
class Upload:
    """One uploaded file. ``name`` is the cleaned path; ``format`` was told by its first bytes: xml, zip or other."""

    id: UUID
    name: str
    format: str
    size: int
    state: str
    generation: int
    session_id: UUID | None


def detect(head: bytes, name: str = "") -> str:
    """Tell the format by the first bytes, not by the name; only of what begins as XML the name may say that it is a
    picture.
    """
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"<", b"\xff\xfe<\x00", b"\xfe\xff\x00<")):
        return "other" if pictures.is_svg(start, name) else "xml"
    return "other"


def create(
    conn: Conn,
    tenant: str,
    name: str,
    *,
    type_: str,
    session_id: UUID | None = None,
    infobase_id: UUID | None = None,
    generation: int = 0,
) -> UUID:
    """Open an empty upload."""
    made = new_id()
    execute(
        conn,
        """INSERT INTO upload (tenant, id, session_id, infobase_id, type, generation, name)
           VALUES (%(tenant)s, %(id)s, %(session)s, %(infobase)s, %(type)s, %(generation)s, %(name)s)""",
        tenant=tenant, id=made, session=session_id, infobase=infobase_id, type=type_, generation=generation, name=name,
    )  # fmt: skip
    return made


def append(conn: Conn, tenant: str, upload_id: UUID, data: bytes) -> int:
    """Append bytes. Returns the size after it. The row of the upload is locked, so parts never interleave."""
    row = one(
        conn,
        "SELECT size, parts, name FROM upload WHERE tenant = %(t)s AND id = %(id)s FOR UPDATE",
        t=tenant, id=upload_id,
    )  # fmt: skip
    if row is None:
        raise LookupError(upload_id)
    pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO upload_chunk (tenant, upload_id, n, data) VALUES (%s, %s, %s, %s)",
            [(tenant, upload_id, row["parts"] + i, piece) for i, piece in enumerate(pieces)],
        )
    head = None
    if row["size"] < LOOK:
        head = data[:LOOK] if row["parts"] == 0 else head_of(conn, tenant, upload_id, size=LOOK)
    form = {"format": detect(head, row["name"])} if head is not None else {}
    execute(
        conn,
        """UPDATE upload SET size = size + %(size)s, parts = parts + %(parts)s, updated_at = now(),
                  format = coalesce(%(format)s, format)
           WHERE tenant = %(t)s AND id = %(id)s""",
        t=tenant, id=upload_id, size=len(data), parts=len(pieces), format=form.get("format"),
    )  # fmt: skip
    return int(row["size"]) + len(data)


def head_of(conn: Conn, tenant: str, upload_id: UUID, *, size: int = HEAD) -> bytes:
    """The first bytes of an upload, put together from as many parts as it takes."""
    rows = every(
        conn,
        """SELECT substring(data FOR %(bytes)s) AS data FROM upload_chunk
           WHERE tenant = %(t)s AND upload_id = %(id)s ORDER BY n LIMIT %(bytes)s""",
        t=tenant, id=upload_id, bytes=size,
    )  # fmt: skip
    return b"".join(bytes(row["data"]) for row in rows)[:size]


def store(conn: Conn, tenant: str, name: str, chunks: Iterable[bytes], *, type_: str) -> UUID:
    """Keep a whole file that does not come through a session. The caller's transaction decides whether it stays."""
    upload_id = create(conn, tenant, name, type_=type_)
    for chunk in chunks:
        append(conn, tenant, upload_id, chunk)
    return upload_id


def replace(conn: Conn, tenant: str, upload_id: UUID) -> None:
    """Set an open upload aside: the client began the file anew."""
    execute(
        conn,
        "UPDATE upload SET state = 'replaced' WHERE tenant = %(t)s AND id = %(id)s AND state = 'open'",
        t=tenant, id=upload_id,
    )  # fmt: skip


def take(conn: Conn, tenant: str, upload_id: UUID) -> None:
    """Nothing is left to be imported of an upload."""
    query = "UPDATE upload SET state = 'taken' WHERE tenant = %(t)s AND id = %(id)s"
    execute(conn, query, t=tenant, id=upload_id)


def take_named(conn: Conn, tenant: str, session_id: UUID, type_: str, generation: int, name: str) -> None:
    """An archive that is imported of already is sent anew: the new one says what is left of it."""
    execute(
        conn,
        """UPDATE upload SET state = 'taken' WHERE tenant = %(t)s AND session_id = %(session)s AND type = %(type)s
             AND generation = %(generation)s AND name = %(name)s AND format = 'zip' AND state = 'open'""",
        t=tenant, session=session_id, type=type_, generation=generation, name=name,
    )  # fmt: skip


def find_open(conn: Conn, tenant: str, session_id: UUID, type_: str, generation: int, name: str) -> Upload | None:
    """The upload of this name that is being received in the session since its last ``init``: what is imported of
    already receives nothing more.
    """
    row = one(
        conn,
        """SELECT id, name, format, size, state, generation, session_id FROM upload
           WHERE tenant = %(t)s AND session_id = %(session)s AND type = %(type)s AND generation = %(generation)s
             AND name = %(name)s AND state = 'open'
             AND NOT EXISTS (SELECT FROM package_file f WHERE f.tenant = upload.tenant AND f.upload_id = upload.id)
           ORDER BY seq DESC LIMIT 1""",
        t=tenant, session=session_id, type=type_, generation=generation, name=name,
    )  # fmt: skip
    return Upload(**row) if row else None


def of_session(conn: Conn, tenant: str, session_id: UUID, type_: str) -> list[Upload]:
    """All uploads of a session that were not begun anew, newest first."""
    rows = every(
        conn,
        """SELECT id, name, format, size, state, generation, session_id FROM upload
           WHERE tenant = %(t)s AND session_id = %(session)s AND type = %(type)s AND state <> 'replaced'
           ORDER BY seq DESC""",
        t=tenant, session=session_id, type=type_,
    )  # fmt: skip
    return [Upload(**row) for row in rows]


def lock(conn: Conn, tenant: str, upload_id: UUID) -> None:
    """Hold an upload until the transaction ends."""
    one(conn, "SELECT 1 AS x FROM upload WHERE tenant = %(t)s AND id = %(id)s FOR UPDATE", t=tenant, id=upload_id)


def tail(conn: Conn, tenant: str, upload_id: UUID) -> bytes:
    """The last part of an upload: enough to see whether an archive is whole."""
    file = UploadFile(conn, tenant, upload_id)
    file.seek(max(0, file.size - TAIL))
    return file.read()


class UploadFile(io.RawIOBase):
    """An upload as a seekable file: pieces are fetched when read, two of them are kept."""

    def __init__(self, conn: Conn, tenant: str, upload_id: UUID) -> None:
        super().__init__()
        self._conn = conn
        self._tenant = tenant
        self._id = upload_id
        self._position = 0
        self._starts: list[int] = []
        self._cache: dict[int, bytes] = {}
        total = 0
        for row in every(
            conn,
            """SELECT octet_length(data) AS bytes FROM upload_chunk
               WHERE tenant = %(t)s AND upload_id = %(id)s ORDER BY n""",
            t=tenant, id=upload_id,
        ):  # fmt: skip
            self._starts.append(total)
            total += row["bytes"]
        self.size = total

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position, bytes from the beginning."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; see ``io.RawIOBase.seek``."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill what lies in one piece."""
        if self._position >= self.size:
            return 0
        index = bisect_right(self._starts, self._position) - 1
        piece = self._piece(index)
        begin = self._position - self._starts[index]
        data = piece[begin : begin + len(buffer)]
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _piece(self, index: int) -> bytes:
        if index not in self._cache:
            if len(self._cache) >= 2:
                self._cache.pop(next(iter(self._cache)))
            cursor = self._conn.cursor(binary=True)
            row = cursor.execute(
                "SELECT data FROM upload_chunk WHERE tenant = %s AND upload_id = %s AND n = %s",
                (self._tenant, self._id, index),
            ).fetchone()
            if row is None:
                raise LookupError(f"piece {index} of upload {self._id}")
            self._cache[index] = bytes(row["data"])
        return self._cache[index]


def pieces(conn: Conn, tenant: str, upload_id: UUID) -> Iterator[bytes]:
    """The upload from its beginning, piece by piece. The server sends ahead: the connection is busy meanwhile."""
    query = "SELECT data FROM upload_chunk WHERE tenant = %s AND upload_id = %s ORDER BY n"
    for row in conn.cursor(binary=True).stream(query, (tenant, upload_id)):
        yield bytes(row["data"])
