"""The documents of a package as streams of bytes, wherever they lie: uploads, or members of uploaded archives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

from syncd.commerceml.policy import ReadPolicy
from syncd.errors import DataError
from syncd.mappings.requisites import order_requisites
from syncd.store import packages, uploads
from syncd.store.db import Conn, one
from syncd.store.packages import Claim, PackageFile
from syncd.sync.archives import Archive
from syncd.sync.context import Context


@dataclass(frozen=True, slots=True)
class Source:
    """One document. ``size`` in bytes, unpacked; ``open`` begins to read it from its start."""

    name: str
    size: int
    open: Callable[[], Iterator[bytes]]


@dataclass(slots=True)
class Sources:
    """What can be read, and what cannot with the reason."""

    readable: list[Source] = field(default_factory=list)
    broken: list[tuple[DataError, str]] = field(default_factory=list)


def zone_of(conn: Conn, claim: Claim, default: str) -> ZoneInfo:
    """Where the clock of the package's infobase stands."""
    query = "SELECT zone FROM infobase WHERE tenant = %(t)s AND id = %(id)s"
    row = one(conn, query, t=claim.tenant, id=claim.infobase_id)
    return ZoneInfo(str(row["zone"]) if row else default)


def sources(conn: Conn, claim: Claim) -> Sources:
    """All documents of a package, archives unpacked, in order."""
    found = Sources()
    for file in packages.files_of(conn, claim.tenant, claim.id):
        try:
            found.readable.extend(_of_file(conn, claim.tenant, file))
        except DataError as error:
            found.broken.append((error.without_frames(), file.name))
    return found


def _of_file(conn: Conn, tenant: str, file: PackageFile) -> list[Source]:
    query = "SELECT format, size, name FROM upload WHERE tenant = %(t)s AND id = %(id)s"
    row = one(conn, query, t=tenant, id=file.upload_id)
    if row is None or row["format"] == "other":
        raise DataError("E207", name=file.name)
    if row["format"] == "xml":
        return [Source(file.name, row["size"], partial(_upload, conn, tenant, file.upload_id))]
    archive = Archive(conn, tenant, file.upload_id, row["name"])
    members = [file.member] if file.member else archive.documents()
    if not members and not archive.pictures():
        raise DataError("E206", name=file.name, detail="there is no XML document inside")
    return [Source(member, archive.size(member), partial(archive.read, member)) for member in members]


def _upload(conn: Conn, tenant: str, upload_id: UUID) -> Iterator[bytes]:
    return uploads.pieces(conn, tenant, upload_id)


def policy_of(ctx: Context, zone: ZoneInfo) -> ReadPolicy:
    """How the documents of an infobase in this zone are read."""
    imports = ctx.settings.imports
    return ReadPolicy(
        prices_replace=imports.prices == "replace",
        stocks_replace=imports.stocks == "replace",
        order_requisites=order_requisites(ctx.settings.exchange.order_requisites),
        zone=zone,
    )
