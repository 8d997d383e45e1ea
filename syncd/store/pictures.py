"""Pictures that came beside the documents: which upload, or which member of an archive, holds the newest of each path.

1C names a picture in one place (``import_files/ab/cd.jpg``), sends it in another (beside the XML, in an archive, before
or after it), and changes letter case and slashes on the way. So a picture is known by what these have in common.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from syncd.store.db import Conn, execute, one

_FOLDER: Final = "import_files"
_MAGIC: Final = (
    (b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"), (b"II*\x00", "image/tiff"), (b"MM\x00*", "image/tiff"), (b"BM", "image/bmp"),
    (b"\x00\x00\x01\x00", "image/x-icon"), (b"%PDF-", "application/pdf"),
)  # fmt: skip
_SUFFIXES: Final = (
    ".jpg", ".jpeg", ".jfif", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".svg", ".avif", ".heic", ".ico",
)  # fmt: skip
_BRANDS: Final = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"mif1": "image/heif"}
_ENDS: Final = (b"\xff\xd9", b"IEND\xaeB`\x82", b";", b"</svg>", b"</svg>\n")  # of JPEG, PNG, GIF and SVG
_ROOT: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>\s*)*<(?:[\w.-]+:)?([^\s/>!?:]+)",
    re.DOTALL,
)
_COMMERCE: Final = frozenset("КоммерческаяИнформация".encode(code) for code in ("utf-8", "cp1251"))
SVG: Final = "image/svg+xml"
UNKNOWN: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Picture:
    """Where a picture lies: an upload, or a ``member`` of the archive that it is. ``size`` in bytes; ``crc`` is the
    CRC-32 of its content.
    """

    upload_id: UUID
    member: str | None
    size: int
    crc: int

    @property
    def tag(self) -> str:
        """The same for the same content, however often it is sent."""
        return f"{self.crc:08x}-{self.size:x}"


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive, as its directory tells."""

    name: str
    size: int
    crc: int


def path_key(path: str) -> str:
    """What all spellings of a picture's path have in common: no letter case, forward slashes, no ``import_files``."""
    parts = [part.strip().casefold() for part in path.replace("\\", "/").split("/")]
    parts = [part for part in parts if part not in {"", "."}]
    if _FOLDER in parts:
        parts = parts[len(parts) - parts[::-1].index(_FOLDER) :]
    return "/".join(parts)


def is_picture(name: str) -> bool:
    """Whether a member of an archive is a file of a product, by its place or its name; a document is none."""
    parts = name.replace("\\", "/").casefold().split("/")
    return not parts[-1].endswith(".xml") and (_FOLDER in parts or parts[-1].endswith(_SUFFIXES))


def is_svg(head: bytes, name: str = "") -> bool:
    """Whether what begins as XML is a picture: by its root element, or by its name where it is no CommerceML for sure.

    A document named .xml is never one: what is wrong with it is told when it is imported.
    """
    suffix = name.casefold().rpartition(".")[2]
    if suffix == "xml":
        return False
    root = _ROOT.match(head)
    return root[1] == b"svg" if root and suffix != "svg" else suffix == "svg" and not (root and root[1] in _COMMERCE)


def content_type(head: bytes) -> str:
    """Tell the kind of content by its first bytes, whatever the name says."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<") and is_svg(head):
        return SVG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return _BRANDS.get(head[8:12], UNKNOWN) if head[4:8] == b"ftyp" else UNKNOWN


def begins_anew(stored_head: bytes, stored_tail: bytes, data: bytes) -> bool:
    """Whether a part is a picture from its beginning, not the next part of the stored one: pictures may hold others
    (a thumbnail), so it must begin as the stored one does, or the stored one must have ended.
    """
    if not content_type(data).startswith("image/"):
        return False
    size = len(stored_head)
    return data[:size] == stored_head[: len(data)] or stored_tail.endswith(_ENDS)


def note(conn: Conn, tenant: str, name: str, upload_id: UUID, data: bytes) -> None:
    """A part of an upload arrived: it is the newest picture of its path, unless it is a document or an archive."""
    path = path_key(name)
    before = one(
        conn,
        "SELECT crc FROM picture WHERE tenant = %(t)s AND path = %(path)s AND upload_id = %(u)s",
        t=tenant, path=path, u=upload_id,
    )  # fmt: skip
    execute(
        conn,
        """INSERT INTO picture (tenant, path, upload_id, member, seq, size, crc)
           SELECT tenant, %(path)s, id, NULL, seq, size, %(crc)s FROM upload
           WHERE tenant = %(t)s AND id = %(u)s AND format = 'other'
           ON CONFLICT (tenant, path) DO UPDATE SET upload_id = excluded.upload_id, member = NULL, seq = excluded.seq,
               size = excluded.size, crc = excluded.crc
           WHERE picture.seq <= excluded.seq""",
        t=tenant, path=path, u=upload_id, crc=zlib.crc32(data, before["crc"] if before else 0),
    )  # fmt: skip


def note_members(conn: Conn, tenant: str, upload_id: UUID, members: Sequence[Member]) -> None:
    """Files of an archive are the newest of their paths, unless something newer came."""
    rows = {path_key(member.name): member for member in members}
    execute(
        conn,
        """INSERT INTO picture (tenant, path, upload_id, member, seq, size, crc)
           SELECT u.tenant, m.path, u.id, m.member, u.seq, m.size, m.crc
           FROM upload u, unnest(%(paths)s::text[], %(members)s::text[], %(sizes)s::bigint[], %(crcs)s::bigint[])
               AS m (path, member, size, crc)
           WHERE u.tenant = %(t)s AND u.id = %(u)s
           ORDER BY m.path
           ON CONFLICT (tenant, path) DO UPDATE SET upload_id = excluded.upload_id, member = excluded.member,
               seq = excluded.seq, size = excluded.size, crc = excluded.crc
           WHERE picture.seq < excluded.seq""",
        t=tenant, u=upload_id, paths=list(rows), members=[member.name for member in rows.values()],
        sizes=[member.size for member in rows.values()], crcs=[member.crc for member in rows.values()],
    )  # fmt: skip


def has_members(conn: Conn, tenant: str, upload_id: UUID) -> bool:
    """Whether an archive has been looked through, as far as its pictures still are the newest."""
    query = "SELECT 1 AS x FROM picture WHERE tenant = %(t)s AND upload_id = %(u)s LIMIT 1"
    return one(conn, query, t=tenant, u=upload_id) is not None


def find(conn: Conn, tenant: str, path: str) -> Picture | None:
    """The newest picture of a path, in any spelling of it."""
    key = path_key(path)
    try:
        key.encode()
    except UnicodeEncodeError:
        return None
    if not key or "\x00" in key:
        return None
    row = one(
        conn,
        "SELECT upload_id, member, size, crc FROM picture WHERE tenant = %(t)s AND path = %(path)s",
        t=tenant, path=key,
    )  # fmt: skip
    return Picture(**row) if row else None
