from __future__ import annotations

from syncd.store import access
from syncd.store.db import Database

from .conftest import Run


def test_the_key_alone_is_on_stdout_and_works(run: Run, db: Database) -> None:
    ran = run("key", "create", "site")
    assert ran.code == 0
    key = ran.out.removesuffix("\n")
    assert key.startswith("sk_")
    assert "\n" not in key
    assert key not in ran.err
    assert "hash" in ran.err
    with db.transaction() as conn:
        found = access.find_key(conn, key)
    assert found is not None
    assert (found.tenant, found.storefront, found.scopes) == ("default", "site", frozenset({"read", "orders"}))


def test_storefront_and_scopes_can_be_chosen(run: Run, db: Database) -> None:
    document = run("key", "create", "bi", "--storefront", "shop", "--scope", "read", "-o", "json").json
    assert document["storefront"] == "shop"
    assert document["scopes"] == ["read"]
    assert run("key", "create", "x", "--scope", "everything").code == 2


def test_a_name_is_given_once(run: Run, db: Database) -> None:
    assert run("key", "create", "site").code == 0
    assert run("key", "create", "site").code == 4
    assert run("key", "revoke", "site", "--yes").code == 0
    ran = run("key", "create", "site")
    assert (ran.code, ran.out) == (4, "")


def test_listing_never_shows_a_key(run: Run, db: Database) -> None:
    key = run("key", "create", "site").out.strip()
    for words in (["-o", "table"], ["-o", "json"], ["-o", "jsonl"]):
        ran = run("key", "list", *words)
        assert "site" in ran.out
        assert key not in ran.out + ran.err
    (row,) = run("key", "list", "-o", "json").json
    assert set(row) == {"id", "name", "storefront", "prefix", "scopes", "created_at", "revoked_at"}
    assert row["revoked_at"] is None
    assert key.startswith(row["prefix"])


def test_a_revoked_key_opens_nothing(run: Run, db: Database) -> None:
    key = run("key", "create", "site").out.strip()
    assert run("key", "revoke", "site").code == 4
    assert run("key", "revoke", "site", "--yes").code == 0
    with db.transaction() as conn:
        assert access.find_key(conn, key) is None
    assert run("key", "list", "-o", "json").json[0]["revoked_at"]
    assert run("key", "revoke", "site", "--yes").code == 3
    assert run("key", "revoke", "nobody", "--yes").code == 3


def test_keys_of_other_companies_are_not_seen(run: Run, db: Database) -> None:
    assert run("key", "create", "site", "--tenant", "acme").code == 0
    assert run("key", "list", "-o", "json").json == []
    assert run("key", "revoke", "site", "--yes").code == 3
