"""Archives from 1C, read from their parts in Postgres, and guarded against bombs and names that escape."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from syncd.errors import DataError
from syncd.store import pictures
from syncd.store.db import Conn
from syncd.store.pictures import Member
from syncd.store.uploads import PIECE, UploadFile

MAX_MEMBERS: Final = 200_000
MAX_RATIO: Final = 300  # real exports shrink 10 to 50 times; DEFLATE's own limit is about 1,030
RATIO_FROM: Final = 16 << 20
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others are unpacked in steps of no known size
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError)


class Archive:
    """A zip among the uploads."""

    def __init__(self, conn: Conn, tenant: str, upload_id: UUID, name: str) -> None:
        self.name = name
        try:
            self._zip = zipfile.ZipFile(io.BufferedReader(UploadFile(conn, tenant, upload_id), PIECE))
        except _BROKEN as error:
            raise DataError("E205", name=name, detail=str(error)) from error
        infos = [info for info in self._zip.infolist() if info.filename and not info.filename.endswith("/")]
        if len(infos) > MAX_MEMBERS:
            raise DataError("E206", name=name, detail=f"{len(infos)} members, the limit is {MAX_MEMBERS}")
        self._members = {member_name(info): info for info in infos}

    def documents(self) -> list[str]:
        """Names of the XML members, in the archive's order; classifier before offers is 1C's own order."""
        return [name for name in self._members if name.lower().endswith(".xml")]

    def pictures(self) -> list[Member]:
        """The members that are pictures by their names, and other files that products have."""
        names = [name for name in self._members if pictures.is_picture(name)]
        return [Member(name, self._members[name].file_size, self._members[name].CRC) for name in names]

    def find(self, name: str) -> str | None:
        """The member with this base name, in any letter case."""
        wanted = name.rsplit("/", 1)[-1].casefold()
        for member in self._members:
            if member.rsplit("/", 1)[-1].casefold() == wanted:
                return member
        return None

    def size(self, member: str) -> int:
        """Bytes of a member when unpacked, as the archive claims."""
        return self._members[member].file_size

    def read(self, member: str) -> Iterator[bytes]:
        """A member's bytes. Raises ``DataError`` E205 when it is broken and E206 when it is a bomb."""
        if ".." in member.split("/"):
            raise DataError("E206", name=self.name, detail=f"the member {member!r} points outside")
        info = self._members[member]
        if info.flag_bits & 0x1:
            raise DataError("E206", name=self.name, detail=f"the member {member!r} is encrypted")
        if info.compress_type not in _METHODS:
            detail = f"the member {member!r} is packed with method {info.compress_type}; pack it with Deflate"
            raise DataError("E206", name=self.name, detail=detail)
        if info.file_size > RATIO_FROM and info.file_size > MAX_RATIO * max(1, info.compress_size):
            raise DataError("E206", name=self.name, detail=f"the member {member!r} is an archive bomb")
        try:
            with self._zip.open(info) as stream:  # gives no more than the size that was checked
                while data := stream.read(PIECE):
                    yield data
        except _BROKEN as error:
            raise DataError("E205", name=self.name, detail=f"{member}: {error}") from error


def member_name(info: zipfile.ZipInfo) -> str:
    """A member's name with forward slashes; names without the UTF-8 flag are cp866, as Windows packs Cyrillic."""
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode("cp866")
        except UnicodeError:
            name = info.filename
    return name.replace("\\", "/")
