"""What is known of records seen before, kept between imports: see ``syncd.commerceml.known``.

It is a memory for speed and nothing else: forgetting it costs one slow import. It must be forgotten whenever rows of
products, offers, prices or stocks are changed past the fast path.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from itertools import count
from typing import Final

from psycopg.types.json import Jsonb

from syncd.commerceml.known import Known
from syncd.spill import Numbers
from syncd.store.db import Conn, Row, every, execute, one

_SOURCES: Final = ("syncd.commerceml", "syncd.model")


@cache
def reader_version() -> str:
    """Changes with the code that reads records, and with the byte order of the machine: what another reader learnt does
    not count."""
    digest = blake2b(sys.byteorder.encode(), digest_size=12)
    for package in _SOURCES:
        for source in sorted(files(package).iterdir(), key=lambda item: item.name):
            if source.name.endswith(".py"):
                digest.update(source.read_bytes())
    return digest.hexdigest()


def load(conn: Conn, tenant: str, kind: str, *, policy: str) -> Known:
    """What is known of a tenant's records of a kind; nothing, when another reader or another policy learnt it."""
    row = one(
        conn,
        "SELECT labels, signatures FROM known_record WHERE tenant = %(t)s AND kind = %(k)s AND reader = %(r)s",
        t=tenant, k=kind, r=_reader(policy),
    )  # fmt: skip
    if row is None:
        return Known()
    keys, values, numbers = Numbers(), Numbers(), Numbers("H")
    for part in _parts(conn, tenant, kind):
        for column, row_of in (("record_keys", keys), ("record_values", values), ("signature_numbers", numbers)):
            row_of.extend_bytes(part[column])
    signatures = [tuple((str(entity), int(count)) for entity, count in pairs) for pairs in row["signatures"]]
    labels = {int(label): set(entities) for label, entities in row["labels"].items()}
    return Known(keys, values, numbers, signatures, labels)


def _parts(conn: Conn, tenant: str, kind: str) -> Iterator[Row]:
    query = """SELECT record_keys, record_values, signature_numbers FROM known_record_part
               WHERE tenant = %(t)s AND kind = %(k)s AND n = %(n)s"""
    for n in count():
        part = conn.cursor(binary=True).execute(query, {"t": tenant, "k": kind, "n": n}).fetchone()
        if part is None:
            return
        yield part


def save(conn: Conn, tenant: str, kind: str, known: Known, *, policy: str) -> None:
    """Keep what was learnt, within the transaction that merges it."""
    execute(
        conn,
        """INSERT INTO known_record (tenant, kind, reader, labels, signatures)
           VALUES (%(t)s, %(k)s, %(r)s, %(labels)s, %(signatures)s)
           ON CONFLICT (tenant, kind) DO UPDATE SET reader = excluded.reader, labels = excluded.labels,
               signatures = excluded.signatures, updated_at = now()""",
        t=tenant, k=kind, r=_reader(policy),
        labels=Jsonb({str(label): sorted(entities) for label, entities in known.labels.items()}),
        signatures=Jsonb(known.signatures),
    )  # fmt: skip
    execute(conn, "DELETE FROM known_record_part WHERE tenant = %(t)s AND kind = %(k)s", t=tenant, k=kind)
    for n, part in enumerate(known.merged()):
        execute(
            conn,
            """INSERT INTO known_record_part (tenant, kind, n, record_keys, record_values, signature_numbers)
               VALUES (%(t)s, %(k)s, %(n)s, %(keys)b, %(values)b, %(numbers)b)""",
            t=tenant, k=kind, n=n, keys=memoryview(part.keys).cast("B"), values=memoryview(part.values).cast("B"),
            numbers=memoryview(part.signature_numbers).cast("B"),
        )  # fmt: skip


def stamp(conn: Conn, tenant: str) -> frozenset[tuple[str, str]]:
    """Something that changes when what is known of a tenant's records is forgotten, or kept anew."""
    query = "SELECT kind, updated_at::text AS at FROM known_record WHERE tenant = %(t)s"
    return frozenset((row["kind"], row["at"]) for row in every(conn, query, t=tenant))


def forget(conn: Conn, tenant: str, kind: str | None = None) -> None:
    """Forget a tenant's records, all or of one kind: the next import reads every record again."""
    execute(
        conn,
        "DELETE FROM known_record WHERE tenant = %(t)s AND (%(k)s::text IS NULL OR kind = %(k)s)",
        t=tenant, k=kind,
    )  # fmt: skip


def _reader(policy: str) -> str:
    return f"{reader_version()}/{policy}"
