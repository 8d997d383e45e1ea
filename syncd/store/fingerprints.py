"""What is known of records seen before, kept between imports: see ``syncd.commerceml.known``.

It is a memory for speed and nothing else: forgetting it costs one slow import. It must be forgotten whenever rows of
products, offers, prices or stocks are changed past the fast path.
"""

from __future__ import annotations

import sys
from array import array
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Final

from psycopg.types.json import Jsonb

from syncd.commerceml.known import Known
from syncd.store.db import Conn, every, execute

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
    row = (
        conn.cursor(binary=True)
        .execute(
            """SELECT labels, signatures, record_keys, record_values, signature_numbers FROM known_record
               WHERE tenant = %(t)s AND kind = %(k)s AND reader = %(r)s""",
            {"t": tenant, "k": kind, "r": _reader(policy)},
        )
        .fetchone()
    )
    if row is None:
        return Known()
    keys, values, numbers = array("Q"), array("Q"), array("H")
    keys.frombytes(row["record_keys"])
    values.frombytes(row["record_values"])
    numbers.frombytes(row["signature_numbers"])
    signatures = [tuple((str(entity), int(count)) for entity, count in pairs) for pairs in row["signatures"]]
    labels = {int(label): set(entities) for label, entities in row["labels"].items()}
    return Known(keys, values, numbers, signatures, labels)


def save(conn: Conn, tenant: str, kind: str, known: Known, *, policy: str) -> None:
    """Keep what was learnt, within the transaction that merges it."""
    merged = known.merged()
    execute(
        conn,
        """INSERT INTO known_record (tenant, kind, reader, labels, signatures, record_keys, record_values,
                                     signature_numbers)
           VALUES (%(t)s, %(k)s, %(r)s, %(labels)s, %(signatures)s, '', '', '')
           ON CONFLICT (tenant, kind) DO UPDATE SET reader = excluded.reader, labels = excluded.labels,
               signatures = excluded.signatures, record_keys = '', record_values = '', signature_numbers = '',
               updated_at = now()""",
        t=tenant, k=kind, r=_reader(policy),
        labels=Jsonb({str(label): sorted(entities) for label, entities in merged.labels.items()}),
        signatures=Jsonb(merged.signatures),
    )  # fmt: skip
    # a million records are 18 MB, which libpq copies, twice as much at times: a column at a time
    columns: dict[str, array[int]] = {
        "record_keys": merged.keys,
        "record_values": merged.values,
        "signature_numbers": merged.signature_numbers,
    }
    for column, numbers in columns.items():
        query = f"UPDATE known_record SET {column} = %(data)b WHERE tenant = %(t)s AND kind = %(k)s"  # noqa: S608 - ours
        execute(conn, query, data=memoryview(numbers).cast("B"), t=tenant, k=kind)


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
