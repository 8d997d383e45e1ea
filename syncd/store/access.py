"""Who may talk to us: infobases with login and password, storefronts with API keys, and exchange sessions."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from psycopg.types.json import Jsonb

from syncd.store.db import Conn, Row, every, execute, one
from syncd.store.ids import new_id

_SCRYPT: Final = {"n": 2**14, "r": 8, "p": 1, "maxmem": 64 << 20}
KEY_PREFIX: Final = "sk_"


@dataclass(frozen=True, slots=True)
class Infobase:
    """A 1C base we talk to. ``dialect`` is auto, standard or bitrix; ``zone`` is the time zone of its naive times."""

    tenant: str
    id: UUID
    name: str
    login: str
    dialect: str
    zone: str


@dataclass(frozen=True, slots=True)
class Session:
    """One exchange session: what ``checkauth`` opened."""

    tenant: str
    id: UUID
    infobase: Infobase
    type: str
    generation: int
    version: str | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a storefront's key allows."""

    tenant: str
    id: UUID
    name: str
    storefront: str
    scopes: frozenset[str]


def hash_password(password: str) -> str:
    """A salted scrypt hash: ``scrypt$salt$hash``, hexadecimal."""
    salt = os.urandom(16)
    digest = hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT)
    return f"scrypt${salt.hex()}${digest.hex()}"


def verify_password(password: str, stored: str) -> bool:
    """Compare in constant time."""
    _, salt, expected = stored.split("$")
    digest = hashlib.scrypt(password.encode("utf-8", "replace"), salt=bytes.fromhex(salt), **_SCRYPT)
    return hmac.compare_digest(digest, bytes.fromhex(expected))


def token_hash(token: str) -> bytes:
    """Tokens have 256 random bits: a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def add_infobase(conn: Conn, tenant: str, name: str, login: str, password: str, *, dialect: str, zone: str) -> UUID:
    """Register an infobase, or give the one of this name a new login, password, dialect and zone."""
    row = one(
        conn,
        """INSERT INTO infobase (tenant, id, name, login, password_hash, dialect, zone)
           VALUES (%(t)s, %(id)s, %(name)s, %(login)s, %(hash)s, %(dialect)s, %(zone)s)
           ON CONFLICT (tenant, name) DO UPDATE SET login = excluded.login, password_hash = excluded.password_hash,
               dialect = excluded.dialect, zone = excluded.zone
           RETURNING id""",
        t=tenant, id=new_id(), name=name, login=login, hash=hash_password(password), dialect=dialect, zone=zone,
    )  # fmt: skip
    assert row is not None
    made: UUID = row["id"]
    return made


def infobases(conn: Conn, tenant: str) -> list[Row]:
    """All infobases of a tenant; no secret among the columns."""
    return every(
        conn,
        """SELECT id, name, login, dialect, zone, orders_mapping ->> 'file' AS orders_mapping, created_at, seen_at
           FROM infobase
           WHERE tenant = %(t)s ORDER BY name""",
        t=tenant,
    )


def infobase_id(conn: Conn, tenant: str, name: str) -> UUID | None:
    """The id of the infobase of this name."""
    row = one(conn, "SELECT id FROM infobase WHERE tenant = %(t)s AND name = %(n)s", t=tenant, n=name)
    return row["id"] if row else None


def has_infobase(conn: Conn, tenant: str) -> bool:
    """Whether the tenant has any infobase: a name that somebody made up has none."""
    return one(conn, "SELECT 1 AS x FROM infobase WHERE tenant = %(t)s LIMIT 1", t=tenant) is not None


def remove_infobase(conn: Conn, tenant: str, name: str) -> bool:
    """Forget an infobase: its login no longer works. What it sent stays."""
    return bool(execute(conn, "DELETE FROM infobase WHERE tenant = %(t)s AND name = %(n)s", t=tenant, n=name))


def find_login(conn: Conn, tenant: str, login: str) -> tuple[Infobase, str] | None:
    """The infobase with this login, and its password's hash."""
    row = one(
        conn,
        """SELECT tenant, id, name, login, dialect, zone, password_hash FROM infobase
           WHERE tenant = %(t)s AND login = %(login)s""",
        t=tenant, login=login,
    )  # fmt: skip
    if row is None:
        return None
    password_hash = row.pop("password_hash")
    return Infobase(**row), password_hash


def open_session(
    conn: Conn, infobase: Infobase, type_: str, *, lifetime: timedelta, address: str | None
) -> tuple[Session, str]:
    """Begin an exchange session. Returns it with its cookie's value, which is stored only as a hash."""
    token = secrets.token_urlsafe(32)
    session_id = new_id()
    execute(
        conn,
        """INSERT INTO exchange_session (tenant, id, infobase_id, token_hash, type, address, expires_at)
           VALUES (%(t)s, %(id)s, %(infobase)s, %(hash)s, %(type)s, %(address)s, now() + %(life)s)""",
        t=infobase.tenant, id=session_id, infobase=infobase.id, hash=token_hash(token), type=type_,
        address=address, life=lifetime,
    )  # fmt: skip
    execute(
        conn,
        "UPDATE infobase SET seen_at = now() WHERE tenant = %(t)s AND id = %(i)s",
        t=infobase.tenant,
        i=infobase.id,
    )
    return Session(infobase.tenant, session_id, infobase, type_, 0, None), token


_SESSION: Final = """
    SELECT s.id, s.type, s.generation, s.version,
           i.tenant, i.id AS infobase_id, i.name, i.login, i.dialect, i.zone
    FROM exchange_session s JOIN infobase i ON i.tenant = s.tenant AND i.id = s.infobase_id
    WHERE s.tenant = %(t)s AND s.expires_at > now() AND
"""


def _session(row: Row | None) -> Session | None:
    if row is None:
        return None
    infobase = Infobase(row["tenant"], row["infobase_id"], row["name"], row["login"], row["dialect"], row["zone"])
    return Session(row["tenant"], row["id"], infobase, row["type"], row["generation"], row["version"])


def session_by_token(conn: Conn, tenant: str, token: str) -> Session | None:
    """The session of a cookie, unless it expired."""
    return _session(one(conn, _SESSION + " s.token_hash = %(hash)s", t=tenant, hash=token_hash(token)))


def has_session(conn: Conn, infobase: Infobase, session_id: UUID) -> bool:
    """Whether the infobase opened this session, be it expired meanwhile."""
    query = "SELECT 1 AS x FROM exchange_session WHERE tenant = %(t)s AND id = %(id)s AND infobase_id = %(i)s"
    return one(conn, query, t=infobase.tenant, id=session_id, i=infobase.id) is not None


def latest_session(conn: Conn, infobase: Infobase, type_: str) -> Session | None:
    """The newest session of an infobase for a type: for clients that send Basic and lose the cookie."""
    return _session(
        one(
            conn,
            _SESSION + " s.infobase_id = %(i)s AND s.type = %(type)s ORDER BY s.seen_at DESC, s.id DESC LIMIT 1",
            t=infobase.tenant,
            i=infobase.id,
            type=type_,
        )
    )


def begin_generation(conn: Conn, session: Session, version: str | None) -> int:
    """``mode=init``: files sent from now on are new ones. Earlier ones stay and are imported all the same."""
    row = one(
        conn,
        """UPDATE exchange_session SET generation = generation + 1, version = %(version)s, seen_at = now()
           WHERE tenant = %(t)s AND id = %(id)s RETURNING generation""",
        t=session.tenant, id=session.id, version=version,
    )  # fmt: skip
    assert row is not None
    return int(row["generation"])


def prune_sessions(conn: Conn) -> int:
    """Forget sessions that expired a day ago."""
    return execute(conn, "DELETE FROM exchange_session WHERE expires_at < now() - interval '1 day'")


def create_key(conn: Conn, tenant: str, name: str, storefront: str, scopes: list[str]) -> str:
    """Make an API key. It is returned once and stored only as a hash."""
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    execute(
        conn,
        """INSERT INTO api_key (tenant, id, name, storefront, prefix, key_hash, scopes)
           VALUES (%(t)s, %(id)s, %(name)s, %(storefront)s, %(prefix)s, %(hash)s, %(scopes)s)""",
        t=tenant, id=new_id(), name=name, storefront=storefront, prefix=key[:10], hash=token_hash(key),
        scopes=Jsonb(scopes),
    )  # fmt: skip
    return key


def find_key(conn: Conn, key: str) -> ApiKey | None:
    """What this key allows, unless it was revoked."""
    row = one(
        conn,
        "SELECT tenant, id, name, storefront, scopes FROM api_key WHERE key_hash = %(h)s AND revoked_at IS NULL",
        h=token_hash(key),
    )
    if row is None:
        return None
    return ApiKey(row["tenant"], row["id"], row["name"], row["storefront"], frozenset(row["scopes"]))


def keys(conn: Conn, tenant: str) -> list[Row]:
    """All keys of a tenant, without what they are."""
    return every(
        conn,
        """SELECT id, name, storefront, prefix, scopes, created_at, revoked_at FROM api_key
           WHERE tenant = %(t)s ORDER BY created_at""",
        t=tenant,
    )


def key_exists(conn: Conn, tenant: str, name: str) -> bool:
    """Whether a key of this name was ever made; names of revoked keys stay taken."""
    return one(conn, "SELECT 1 AS x FROM api_key WHERE tenant = %(t)s AND name = %(n)s", t=tenant, n=name) is not None


def revoke_key(conn: Conn, tenant: str, name: str) -> bool:
    """Make a key useless at once."""
    return bool(
        execute(
            conn,
            "UPDATE api_key SET revoked_at = now() WHERE tenant = %(t)s AND name = %(n)s AND revoked_at IS NULL",
            t=tenant, n=name,
        )
    )  # fmt: skip
