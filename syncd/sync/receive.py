"""Receiving: parts become uploads, uploads become packages, whether or not 1C ever calls ``import``."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from syncd.adapters.ports import ImportState
from syncd.commerceml.names import ROOT
from syncd.errors import CATALOGUE, DataError, RequestError
from syncd.store import packages, pictures, uploads
from syncd.store.access import Session
from syncd.store.db import Conn, Row, every
from syncd.store.packages import PackageFile
from syncd.store.uploads import Upload
from syncd.sync.archives import Archive

LANES: Final = {"catalog": "catalog", "reference": "catalog", "sale": "sale"}
LOGS: Final = "Reports/"
"""The Bitrix module uploads its own log there: it is no exchange data."""
_DOCUMENTS: Final = (".xml", ".zip")
_ROOTS: Final = tuple(ROOT.encode(code) for code in ("utf-8", "cp1251", "utf-16-le", "utf-16-be"))
SLOW_PART_SECONDS: Final = 900.0
"""So long an upload that is not whole waits for its next part: one of 10 MB takes this long at 90 kbit/s."""


def append(conn: Conn, session: Session, type_: str, name: str, data: bytes, *, limit: int) -> int:
    """Append a part to the file that is being received. Returns its size so far.

    A part that begins a document or a picture anew while one is stored already is the client's second try without
    ``init``. Raises ``RequestError`` E114 when the whole grows over ``limit`` bytes.
    """
    tenant = session.tenant
    found = uploads.find_open(conn, tenant, session.id, type_, session.generation, name)
    if not data:
        if found is None:
            raise RequestError("E108", name=name)
        return found.size
    if found is not None and found.size and _begins_anew(conn, tenant, found, data):
        uploads.replace(conn, tenant, found.id)
        found = None
    if found is not None and found.size + len(data) > limit:
        raise RequestError("E114", name=name, limit=limit)
    if found is None:
        uploads.take_named(conn, tenant, session.id, type_, session.generation, name)
    upload_id = (
        found.id
        if found
        else uploads.create(
            conn, tenant, name, type_=type_, session_id=session.id, infobase_id=session.infobase.id,
            generation=session.generation,
        )
    )  # fmt: skip
    size = uploads.append(conn, tenant, upload_id, data)
    if LANES[type_] == "catalog" and not name.startswith(LOGS) and not name.lower().endswith(_DOCUMENTS):
        pictures.note(conn, tenant, name, upload_id, data)
    return size


def _begins_anew(conn: Conn, tenant: str, found: Upload, data: bytes) -> bool:
    if data.removeprefix(b"\xef\xbb\xbf").startswith(b"<?xml ") and found.format != "other":
        return found.format == "xml"
    if found.format == "other":
        head, end = uploads.head_of(conn, tenant, found.id), uploads.tail(conn, tenant, found.id)
        return pictures.begins_anew(head, end, data)
    # a part of one archive may begin with a member's header, so only a whole archive is begun anew
    return data.startswith(b"PK\x03\x04") and found.format == "zip" and is_whole(conn, tenant, found)


def is_whole(conn: Conn, tenant: str, upload: Upload) -> bool:
    """Whether the last bytes are those of a whole document or archive."""
    end = uploads.tail(conn, tenant, upload.id)
    if upload.format == "zip":
        at = end.rfind(b"PK\x05\x06")  # the record has 22 bytes, the last two of which are its comment's length
        return at >= 0 and len(end) - at >= 22 + int.from_bytes(end[at + 20 : at + 22], "little")
    text = (end.replace(b"\x00", b"") if end[-2:] in {b"\x00>", b">\x00", b"\n\x00"} else end).rstrip()
    if any(root in uploads.head_of(conn, tenant, upload.id, size=uploads.LOOK) for root in _ROOTS):
        return text.endswith(b">") and text[:-1].rstrip().endswith(_ROOTS)  # a part may end with any other tag
    return text.endswith(b">") and b"</" in text[-200:]


def start_import(conn: Conn, session: Session, type_: str, name: str) -> tuple[ImportState, bool]:
    """Queue the import of a file of the session, unless it is queued. Returns how far it is, and whether it was
    queued now.

    The file may be an upload, or a member of an uploaded archive. Raises ``RequestError`` E107 when it is neither.
    """
    tenant = session.tenant
    file = _locate(conn, session, type_, name)
    if file is None:
        raise RequestError("E107", name=name)
    uploads.lock(conn, tenant, file.upload_id)  # an impatient client's second request waits here and finds the package
    row = packages.find_by_upload(conn, tenant, file.upload_id, file.member)
    if row is not None:
        return state_of(row), False
    packages.create(
        conn,
        tenant,
        [file],
        source="exchange",
        lane=LANES[type_],
        infobase_id=session.infobase.id,
        session_id=session.id,
    )
    return ImportState("running", "queued"), True


def _locate(conn: Conn, session: Session, type_: str, name: str) -> PackageFile | None:
    tenant = session.tenant
    candidates = uploads.of_session(conn, tenant, session.id, type_)
    candidates += _of_other_sessions(conn, session, type_)
    wanted = name.casefold()
    for upload in candidates:
        if upload.name.casefold() == wanted:
            if upload.format != "zip":
                return PackageFile(upload.name, upload.id)
            member = Archive(conn, tenant, upload.id, upload.name).find(name)
            return PackageFile(member or upload.name, upload.id, member)
    broken: DataError | None = None
    for upload in candidates:
        if upload.format != "zip" or upload.name.startswith(LOGS):
            continue
        try:
            member = Archive(conn, tenant, upload.id, upload.name).find(name)
        except DataError as error:  # another archive may hold it all the same
            broken = broken or error
            continue
        if member:
            return PackageFile(member, upload.id, member)
    if broken is not None:
        raise broken
    return None


def _of_other_sessions(conn: Conn, session: Session, type_: str) -> list[Upload]:
    """Uploads of the infobase's other sessions, for a client that logs in between ``file`` and ``import``: those that
    wait for an import, and those whose import began, without being asked for, when this session did or later.
    """
    rows = every(
        conn,
        """SELECT id, name, format, size, state, generation, session_id FROM upload
           WHERE tenant = %(t)s AND infobase_id = %(i)s AND type = %(type)s AND session_id <> %(s)s
             AND (state = 'open' AND NOT EXISTS (
                      SELECT FROM package_file f WHERE f.tenant = upload.tenant AND f.upload_id = upload.id)
                  OR state = 'taken' AND updated_at >= (
                      SELECT created_at FROM exchange_session WHERE tenant = %(t)s AND id = %(s)s))
             AND format IN ('xml', 'zip') AND updated_at > now() - interval '1 day'
           ORDER BY seq DESC LIMIT 50""",
        t=session.tenant, i=session.infobase.id, type=type_, s=session.id,
    )  # fmt: skip
    return [Upload(**row) for row in rows]


def state_of(row: Row) -> ImportState:
    """A package's state as 1C is told."""
    if row["state"] == "done":
        return ImportState(
            "done", "Import finished" + (" with errors, see the journal" if row["outcome"] == "partial" else "")
        )
    if row["state"] == "failed":
        return ImportState("failed", _error_line(row["error_code"], row["error_params"]))
    progress: dict[str, Any] = row["progress"] or {}
    if not progress:
        return ImportState("running", "queued")
    share = f", {100 * progress['bytes'] // progress['total']} %" if progress.get("total") else ""
    return ImportState("running", f"{progress.get('records', 0)} records read{share}")


def _error_line(code: str | None, params: dict[str, Any] | None) -> str:
    if code is None or code not in CATALOGUE:
        return "import failed"
    return f"{code} {CATALOGUE[code].render(params or {}, 'en')}".replace("\n", " ")


def sweep(
    conn: Conn, *, tenant: str | None = None, infobase_id: UUID | None = None, type_: str | None = None,
    idle_seconds: float = 0.0,
) -> int:  # fmt: skip
    """Queue uploads that were never followed by ``import``, and of archives the documents that were not asked for.
    Returns how many.

    With ``idle_seconds`` everything that has been still for so long is taken; what is not whole is given a slow line's
    patience, then its import journals what is wrong with it. Without, only whole documents of one infobase: another
    session may still be sending.
    """
    rows = every(
        conn,
        """SELECT tenant, infobase_id, type, id, name, format, size, state, generation, session_id,
                  updated_at > now() - make_interval(secs => %(patience)s) AS young
           FROM upload
           WHERE state = 'open' AND format IN ('xml', 'zip') AND session_id IS NOT NULL
             AND (%(tenant)s::text IS NULL OR tenant = %(tenant)s)
             AND (%(infobase)s::uuid IS NULL OR infobase_id = %(infobase)s)
             AND (%(type)s::text IS NULL OR type = %(type)s)
             AND name NOT LIKE %(logs)s
             AND updated_at <= now() - make_interval(secs => %(idle)s)
           ORDER BY seq
           LIMIT 100
           FOR UPDATE SKIP LOCKED""",
        tenant=tenant, infobase=infobase_id, type=type_, idle=idle_seconds, logs=LOGS + "%",
        patience=max(idle_seconds, SLOW_PART_SECONDS),
    )  # fmt: skip
    queued = 0
    for row in rows:
        owner, base, kind, young = row.pop("tenant"), row.pop("infobase_id"), row.pop("type"), row.pop("young")
        upload = Upload(**row)
        if (young or idle_seconds == 0) and not is_whole(conn, owner, upload):
            continue
        for file in _left(conn, owner, upload):
            packages.create(
                conn, owner, [file], source="exchange", lane=LANES[kind], infobase_id=base,
                session_id=upload.session_id,
            )  # fmt: skip
            queued += 1
        uploads.take(conn, owner, upload.id)
    return queued


def _left(conn: Conn, tenant: str, upload: Upload) -> list[PackageFile]:
    """What of an upload no package was made of: all of it, or the members of an archive that nobody asked for."""
    asked = packages.members_of(conn, tenant, upload.id)
    if not asked:
        return [PackageFile(upload.name, upload.id)]
    members = Archive(conn, tenant, upload.id, upload.name).documents()
    return [PackageFile(member, upload.id, member) for member in members if member not in asked]
