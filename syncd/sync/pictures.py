"""Pictures: found in archives when these are imported, and read back for storefronts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from syncd.errors import DataError, RequestError
from syncd.store import packages, pictures, uploads
from syncd.store.db import Conn, one
from syncd.store.packages import Claim
from syncd.store.pictures import Picture
from syncd.sync.archives import Archive
from syncd.sync.context import Context

_PIECE: Final = 1 << 16
_IN_MEMORY: Final = 1 << 20


def note_archives(conn: Conn, claim: Claim) -> None:
    """Remember the pictures in the archives of a package, within its merge."""
    for upload_id in dict.fromkeys(file.upload_id for file in packages.files_of(conn, claim.tenant, claim.id)):
        row = one(
            conn, "SELECT name, format FROM upload WHERE tenant = %(t)s AND id = %(u)s", t=claim.tenant, u=upload_id
        )
        if row is None or row["format"] != "zip" or pictures.has_members(conn, claim.tenant, upload_id):
            continue
        try:
            members = Archive(conn, claim.tenant, upload_id, row["name"]).pictures()
        except DataError:
            continue  # the package tells of it
        pictures.note_members(conn, claim.tenant, upload_id, members)


@dataclass(frozen=True, slots=True)
class Content:
    """A picture that was read: ``pieces`` may be taken once."""

    type: str
    size: int
    pieces: Iterator[bytes]


def find(conn: Conn, tenant: str, path: str) -> Picture:
    """The newest picture of a path. Raises ``RequestError`` E305 (404)."""
    found = pictures.find(conn, tenant, path)
    if found is None:
        raise RequestError("E305", status=404, what="Image", id=path, shown="`GET /v1/images`")
    return found


def read(ctx: Context, tenant: str, path: str, picture: Picture) -> Content:
    """The picture's bytes, put aside on disk where they are many: a slow reader holds no connection to Postgres.

    Raises ``RequestError`` E205 or E206 (404) when the archive it lies in cannot be read.
    """
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed when its last piece is taken
    try:
        with ctx.db.transaction() as conn:
            for piece in _stored(conn, tenant, path, picture):
                file.write(piece)
    except DataError as error:
        file.close()
        raise RequestError(error.code, status=404, **error.params) from error
    except BaseException:
        file.close()
        raise
    size = file.tell()
    file.seek(0)
    head = file.read(uploads.LOOK)
    file.seek(0)
    return Content(pictures.content_type(head), size, _pieces(file))


def _stored(conn: Conn, tenant: str, path: str, picture: Picture) -> Iterator[bytes]:
    if picture.member is None:
        return uploads.pieces(conn, tenant, picture.upload_id)
    return Archive(conn, tenant, picture.upload_id, path).read(picture.member)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece
