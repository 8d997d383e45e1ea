"""``syncd endpoint`` and ``syncd secret`` as a person meets them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from syncd.emulator.http_service import Service
from syncd.emulator.http_service_faults import Behaviour
from syncd.store import access, endpoints, secrets
from syncd.store.db import Database, execute
from syncd.store.endpoints import Endpoint

from .conftest import Order, Run

SECRET = "s3cret-Слово"
HTTP = ("--kind", "http_service", "--address", "http://1c.example/trade/hs/syncd")


def stored(db: Database, name: str = "ut") -> Endpoint:
    with db.transaction() as conn:
        found = endpoints.by_name(conn, "default", name)
    assert found is not None
    return found


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "base.sqlite", Behaviour(login="сайт", password=SECRET)) as running:
        yield running


def test_the_password_is_taken_from_stdin_a_variable_or_a_file_and_shown_nowhere(
    run: Run, db: Database, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONE_C", SECRET)
    (home / "password").write_text(SECRET + "\n")
    sources = {"stdin": "-", "variable": "env:ONE_C", "file": f"file:{home / 'password'}"}
    for name, source in sources.items():
        ran = run("endpoint", "add", name, *HTTP, "--login", "сайт", "--password-from", source, stdin=SECRET + "\n")
        assert ran.code == 0, ran.err
        assert SECRET not in ran.out + ran.err
        found = stored(db, name)
        from syncd.config import Settings

        assert found.secret(secrets.keys(Settings())) == SECRET
    for words in (("endpoint", "list"), ("endpoint", "list", "-o", "json"), ("endpoint", "show", "file", "-o", "json")):
        ran = run(*words)
        assert ran.code == 0
        assert SECRET not in ran.out + ran.err
    assert run("endpoint", "show", "file", "-o", "json").json["has_secret"] is True


def test_a_password_typed_as_an_argument_is_refused_and_not_repeated(run: Run, db: Database) -> None:
    ran = run("endpoint", "add", "ut", *HTTP, "--password-from", "hunter2")
    assert ran.code == 2
    assert "hunter2" not in ran.out + ran.err
    ran = run("endpoint", "add", "ut", *HTTP, "--set", "password=hunter2")
    assert ran.code == 2
    assert "--password-from" in ran.err
    assert "hunter2" not in ran.out + ran.err


def test_the_first_endpoint_says_how_many_orders_it_took_over(run: Run, db: Database, order: Order) -> None:
    order("1")
    order("2", "cancelled")
    ran = run("endpoint", "add", "ut", *HTTP)
    assert "go there now: 1" in ran.err
    found = stored(db)
    assert (found.takes, found.concurrency, found.timeout_seconds) == (("order",), 2, 60.0)
    listed = run("endpoint", "list", "-o", "json").json
    assert [(row["name"], row["open"]) for row in listed] == [("ut", 1)]
    assert "ut" in run("endpoint", "list").out


def test_what_is_wrong_with_an_address_is_said_at_once_and_nothing_is_stored(run: Run, db: Database) -> None:
    ran = run("endpoint", "add", "ut", "--kind", "http_service", "--address", "http://u:p@h/x")
    assert ran.code == 7
    assert "E937" in ran.err
    ran = run("endpoint", "add", "ut", *HTTP, "--takes", "nonsense")
    assert ran.code == 2
    assert "order.delivered" in ran.err
    ran = run("endpoint", "add", "ut", *HTTP, "--infobase", "nobody")
    assert ran.code == 3
    with db.transaction() as conn:
        assert endpoints.every(conn) == []


def test_options_reach_the_endpoint_and_set_changes_only_what_is_given(run: Run, db: Database) -> None:
    ran = run("endpoint", "add", "ut", *HTTP, "--login", "site", "--concurrency", "3", "--rate", "30/m",
              "--timeout", "90", "--takes", "order,order.changed", "--set", "idempotent=false")  # fmt: skip
    assert ran.code == 0, ran.err
    found = stored(db)
    assert (found.concurrency, found.timeout_seconds) == (3, 90)
    assert found.rate_per_second == Decimal("0.5")
    assert found.takes == ("order", "order.changed")
    assert found.settings == {"login": "site", "idempotent": False}
    assert run("endpoint", "set", "ut", "--rate", "5", "--set", "idempotent=null").code == 0
    changed = stored(db)
    assert changed.rate_per_second == 5
    assert changed.settings == {"login": "site"}
    assert (changed.concurrency, changed.address) == (3, found.address)
    assert run("endpoint", "set", "ut").code == 2
    assert run("endpoint", "set", "ut", "--rate", "0").code == 2
    assert run("endpoint", "set", "nobody", "--rate", "5").code == 3


def test_a_pause_has_a_reason_and_an_end(run: Run, db: Database) -> None:
    run("endpoint", "add", "ut", *HTTP)
    assert run("endpoint", "pause", "ut").code == 2
    ran = run("endpoint", "pause", "ut", "--reason", "INC-12", "--for", "2h")
    assert ran.code == 0
    assert "paused for 2h" in ran.err
    found = stored(db)
    assert (found.paused, found.pause_reason) == (True, "INC-12")
    assert found.paused_by
    assert "INC-12" in run("endpoint", "show", "ut").out
    assert run("endpoint", "resume", "ut").code == 0
    assert not stored(db).paused
    assert run("endpoint", "pause", "ut", "--reason", "x", "--for", "soon").code == 2


def test_removing_is_refused_while_orders_go_there(run: Run, db: Database, order: Order) -> None:
    order("1")
    run("endpoint", "add", "ut", *HTTP)
    ran = run("endpoint", "remove", "ut", "--yes")
    assert ran.code == 4
    assert "has 1 open messages" in ran.err
    assert run("endpoint", "remove", "ut").code == 4, "nobody can be asked here"
    assert run("endpoint", "remove", "ut", "--yes", "--release", "-o", "json").json["released"] == 1
    with db.transaction() as conn:
        assert endpoints.every(conn) == []


def test_a_webhook_gets_a_key_that_is_shown_once_and_can_be_renewed(run: Run, db: Database) -> None:
    first = run("endpoint", "add", "hook", "--kind", "webhook", "--address", "https://shop.example/hook", "-o", "json")
    assert first.code == 0, first.err
    assert first.json["secret"].startswith("whsec_")
    assert first.json["takes"] == ["*"]
    second = run("endpoint", "set", "hook", "--new-secret")
    assert second.out.startswith("whsec_")
    assert second.out.strip() != first.json["secret"]
    assert "whsec_" not in run("endpoint", "show", "hook", "-o", "json").out
    run("endpoint", "add", "ut", *HTTP)
    assert run("endpoint", "set", "ut", "--new-secret").code == 2


def test_secrets_are_sealed_anew_with_a_new_key(run: Run, db: Database, home: Path) -> None:
    run("endpoint", "add", "ut", *HTTP, "--password-from", "-", stdin=SECRET)
    before = (home / "secret.key").read_text()
    ran = run("secret", "rotate", "-o", "json")
    assert ran.json["sealed"] == 1
    assert (home / "secret.key").read_text().split()[1] == before.strip()
    ran = run("secret", "rotate", "--forget")
    assert ran.code == 4, "asks, and nobody is here"
    assert run("secret", "rotate", "--forget", "--yes", "-o", "json").json["dropped"] == 2
    assert len((home / "secret.key").read_text().split()) == 1
    assert run("secret", "new").out.strip() != run("secret", "new").out.strip()
    from syncd.config import Settings

    assert stored(db).secret(secrets.keys(Settings())) == SECRET


def test_a_base_is_asked_through_its_endpoint_and_every_step_is_timed(run: Run, db: Database, service: Service) -> None:
    with db.transaction() as conn:
        access.add_infobase(conn, "default", "trade", "1c", "p", dialect="auto", zone="Europe/Moscow")
    run("endpoint", "add", "ut", "--kind", "http_service", "--address", service.url, "--infobase", "trade", "--login",
        "сайт", "--password-from", "-", stdin=SECRET)  # fmt: skip
    ran = run("infobase", "ping", "trade", "-o", "json")
    assert ran.code == 0, ran.err
    assert [step["step"] for step in ran.json["steps"]] == ["name", "connection", "answer"]
    assert all(step["ms"] >= 0 and step["ok"] for step in ran.json["steps"])
    assert (ran.json["state"], ran.json["failing"]) == ("up", None)
    assert ran.json["about"]["config"] == "УправлениеТорговлей"
    assert "up" in run("infobase", "list").out
    service.close_port()
    ran = run("infobase", "ping", "trade")
    assert ran.code == 7
    assert "connection" in ran.out
    assert "E924" in ran.err + ran.out
    service.start()
    service.set({"mode": "blocked"})
    assert run("infobase", "ping", "trade").code == 7
    shown = run("infobase", "show", "trade", "-o", "json").json
    assert shown["state"] == "maintenance"
    assert [change["state"] for change in shown["history"]] == ["maintenance", "up"]
    assert [each["name"] for each in shown["endpoints"]] == ["ut"]
    assert "maintenance" in run("infobase", "show", "trade").out
    seen = run("status", "-o", "json").json
    assert seen["infobases"][0]["state"] == "maintenance"
    assert any("maintenance" in mark["message"] for mark in seen["attention"])


def test_a_base_that_calls_us_cannot_be_asked_and_shows_when_it_came(run: Run, db: Database) -> None:
    with db.transaction() as conn:
        access.add_infobase(conn, "default", "trade", "1c", "p", dialect="auto", zone="Europe/Moscow")
        execute(conn, "UPDATE infobase SET seen_at = now() - interval '5 minutes'")
    ran = run("infobase", "ping", "trade")
    assert ran.code == 4
    assert "calls us" in ran.err
    shown = run("infobase", "show", "trade", "-o", "json").json
    assert (shown["state"], shown["called"], shown["history"]) == ("unknown", False, [])
    assert "5m" in run("infobase", "show", "trade").out


def test_a_base_can_be_paused_with_a_reason(run: Run, db: Database) -> None:
    with db.transaction() as conn:
        access.add_infobase(conn, "default", "trade", "1c", "p", dialect="auto", zone="Europe/Moscow")
    assert run("infobase", "pause", "trade", "--reason", "inventory", "--for", "1h").code == 0
    shown = run("infobase", "show", "trade", "-o", "json").json
    assert (shown["paused"], shown["pause_reason"]) == (True, "inventory")
    assert "paused" in run("status").out
    assert run("infobase", "resume", "trade").code == 0
    assert run("infobase", "show", "trade", "-o", "json").json["paused"] is False
    assert run("infobase", "pause", "nobody", "--reason", "x").code == 3


def test_a_base_with_endpoints_is_not_removed(run: Run, db: Database) -> None:
    with db.transaction() as conn:
        access.add_infobase(conn, "default", "trade", "1c", "p", dialect="auto", zone="Europe/Moscow")
    run("endpoint", "add", "ut", *HTTP, "--infobase", "trade")
    ran = run("infobase", "remove", "trade", "--yes")
    assert ran.code == 4
    assert "E938" in ran.err


def test_status_shows_the_gate_of_an_endpoint(run: Run, db: Database) -> None:
    run("endpoint", "add", "ut", *HTTP)
    run("endpoint", "pause", "ut", "--reason", "INC-12", "--for", "2h")
    ran = run("status")
    assert "ut" in ran.out
    assert "paused for 2h" in ran.out
    assert run("status", "-o", "json").json["endpoints"][0]["paused"] is True
