from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from syncd.cli.runtime import Servers
from syncd.cli.supervisor import Supervisor
from syncd.emulator.faults import Fault, Rule, parse_rule
from syncd.emulator.storefront import Storefront
from syncd.store import access
from syncd.store.db import Database
from tests.cli.conftest import Ran, Run
from tests.emulator.honest_site import LOGIN, PASSWORD, HonestSite, Reply
from tests.emulator.order_xml import encoded, order


@dataclass(frozen=True, slots=True)
class Ours:
    """A running syncd: the options that lead to it, and a shop's key."""

    address: str
    key: str

    @property
    def options(self) -> list[str]:
        return ["--url", f"{self.address}/1c_exchange", "--login", "1c", "--password-stdin"]


@pytest.fixture
def ours(database_url: str, redis_url: str, home: Path) -> Iterator[Ours]:
    del home
    db = Database(database_url, size=1)
    with db.transaction() as conn:
        access.add_infobase(conn, "default", "УТ", "1c", "secret", dialect="auto", zone="Europe/Moscow")
        key = access.create_key(conn, "default", "shop", "shop", ["read", "orders"])
    db.close()
    servers = Servers(database_url, redis_url, None)
    with Supervisor(servers, "127.0.0.1", 0, roles=("api", "worker")) as supervisor:
        assert supervisor.wait_until_ready(threading.Event())
        yield Ours(supervisor.address, key)


@pytest.fixture
def site() -> Iterator[HonestSite]:
    honest = HonestSite()
    yield honest
    honest.close()


@pytest.fixture
def emulate(run: Run, site: HonestSite, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``emulate`` against the honest site, once per portion."""
    monkeypatch.setenv("SITE_PASSWORD", PASSWORD)

    def call(*words: str, stdin: str = "") -> Ran:
        where = ("--url", site.address, "--login", LOGIN, "--password-env", "SITE_PASSWORD", "--attempts", "1")
        return run("emulate", words[0], *where, *words[1:], stdin=stdin)

    return call


def place(ours: Ours, number: str, offer: str) -> str:
    with Storefront(ours.address, ours.key) as shop:
        lines = [{"offer_id": offer, "quantity": "1", "price": "10.00"}]
        return shop.place({"number": number, "customer": {"name": "Иванов"}, "lines": lines}, number).id


@pytest.mark.parametrize("dialect", ["standard", "bitrix"])
def test_catalogue_orders_and_statuses_pass_through_a_running_syncd(ours: Ours, run: Run, dialect: str) -> None:
    options = [*ours.options, "--dialect", dialect]
    pushed = run("emulate", "push", *options, "--products", "30", "-o", "json", stdin="secret\n")
    assert pushed.code == 0, pushed.err
    assert pushed.json["catalogue"]["products"] == 30
    with Storefront(ours.address, ours.key) as shop:
        shelf = shop.read_all()
        assert len(shelf.products) == 30
        offer = next(iter(shelf.offers))

        paid, cancelled = place(ours, "W-1", offer), place(ours, "W-2", offer)
        fault = ("--fault", "sale/query:lost-answer")
        fetched = run("emulate", "orders", *options, *fault, "-o", "json", stdin="secret\n")
        assert fetched.code == 0, fetched.err
        found = fetched.json["orders"]
        assert (found["created"], found["confirmed"], found["pulls"]) == (2, True, 2)
        assert fetched.json["faults"] == ["sale/query: lost answer"]
        state = json.loads(Path("onec.json").read_text())
        assert sorted(document["number"] for document in state["orders"]) == ["W-1", "W-2"]

        deeds = ("--pay", "W-1", "--ship", "W-1", "--cancel", "W-2")
        back = run("emulate", "orders", *options, *deeds, "-o", "json", stdin="secret\n")
        assert back.code == 0, back.err
        assert (back.json["orders"]["created"], back.json["orders"]["sent"]) == (0, 4)
        first, second = shop.order(paid), shop.order(cancelled)
    assert (first["status"], first["paid"], first["delivery"]["state"]) == ("shipped", True, "acknowledged")
    assert second["status"] == "cancelled"


def test_a_session_brings_the_numbers_of_new_orders_back(ours: Ours, run: Run) -> None:
    made = place(ours, "W-1", "no-such-offer")
    ran = run("emulate", "session", *ours.options, "--products", "10", "--portions", "2", stdin="secret\n")
    assert ran.code == 0, ran.err
    assert "orders created in 1C" in ran.out
    with Storefront(ours.address, ours.key) as shop:
        order = shop.order(made)
        assert order["number_1c"] == "ТДУТ-000001"
        assert order["posted"] is True
        changes = ("--products", "10", "--changes", "--no-import")
        again = run("emulate", "session", *ours.options, *changes, "-v", stdin="secret\n")
        assert again.code == 0, again.err
        assert "catalog/file" in again.err
        assert "catalog/import" not in again.err
        assert "catalog/checkauth → HTTP 200" in again.err
        assert "sessid" not in again.err
        assert len(shop.orders("W-1")) == 1


def test_a_wrong_password_is_told_and_nothing_is_sent(site: HonestSite, run: Run) -> None:
    ran = run("emulate", "push", "--url", site.address, "--login", LOGIN, "--password-stdin", stdin="wrong\n")
    assert ran.code in (4, 7)
    assert "checkauth" in ran.err
    assert {request.mode for request in site.requests} == {"checkauth"}


def test_files_of_ones_own_are_pushed(emulate: Run, site: HonestSite, tmp_path: Path) -> None:
    (tmp_path / "import.xml").write_bytes(b"<?xml version='1.0'?><a/>")
    assert emulate("push", str(tmp_path / "import.xml")).code == 0
    assert list(site.imported) == ["import.xml"]


def test_an_answer_that_1c_does_not_understand_ends_with_7_and_its_text(emulate: Run, site: HonestSite) -> None:
    site.misbehave["init"] = lambda _: Reply(b"zip=yes")
    ran = emulate("push")
    assert ran.code == 7
    assert "E601" in ran.err
    assert "catalog/init" in ran.err


def test_a_refusal_of_the_site_ends_with_4_and_its_reason(emulate: Run, site: HonestSite) -> None:
    site.misbehave["import"] = lambda _: Reply("failure\nнет места".encode())
    ran = emulate("push", "--products", "3")
    assert ran.code == 4
    assert "нет места" in ran.err


def test_an_order_that_1c_cannot_write_ends_with_5_and_is_not_confirmed(emulate: Run, site: HonestSite) -> None:
    site.orders = encoded(order("WEB-1"), order("WEB-2", currency=""))
    ran = emulate("orders", "-o", "json")
    assert ran.code == 5
    assert "E604" in ran.err
    assert "WEB-2" in ran.err
    assert ran.json["orders"]["refused"]["number"] == "WEB-2"
    assert ran.json["orders"]["confirmed"] is False
    assert site.confirmed == 0


def test_no_answer_ends_with_6(run: Run) -> None:
    ran = run("emulate", "push", "--url", "http://127.0.0.1:9", "--login", "a", "--password-stdin",
              "--attempts", "1", stdin="b\n")  # fmt: skip
    assert ran.code == 6
    assert "E603" in ran.err


def test_documents_are_on_disk_before_the_site_is_told_success(emulate: Run, site: HonestSite, tmp_path: Path) -> None:
    kept: list[str] = []

    def look(_: object) -> Reply | None:
        kept.extend(row["number"] for row in json.loads((tmp_path / "1c.json").read_text())["orders"])
        return None

    site.orders = encoded(order("WEB-1"))
    site.misbehave["success"] = look
    assert emulate("orders", "--state", str(tmp_path / "1c.json")).code == 0
    assert kept == ["WEB-1"]
    assert emulate("orders", "--state", str(tmp_path / "1c.json")).code == 0
    state = json.loads((tmp_path / "1c.json").read_text())
    assert state["created"] == {"WEB-1": 1}


def test_a_deed_to_an_unknown_order_ends_with_3_and_changes_nothing(emulate: Run, site: HonestSite) -> None:
    site.orders = encoded(order("WEB-1"))
    ran = emulate("orders", "--pay", "WEB-1", "--ship", "WEB-9")
    assert ran.code == 3
    assert "WEB-9" in ran.err
    assert json.loads(Path("onec.json").read_text())["orders"][0]["paid"] == "0"


@pytest.mark.parametrize(
    "words",
    [("push", "--fault", "query:fire"), ("orders", "--status", "W-1"), ("orders", "--zone", "Mars"),
     ("orders", "--state", "no/such/onec.json")],
)  # fmt: skip
def test_what_cannot_be_meant_is_a_usage_error_before_anything_is_sent(
    emulate: Run, site: HonestSite, words: tuple[str, ...]
) -> None:
    assert emulate(*words).code == 2
    assert site.requests == []


def test_without_a_terminal_the_password_must_come_from_somewhere(run: Run, site: HonestSite) -> None:
    ran = run("emulate", "push", "--url", site.address, "--login", "a")
    assert ran.code == 2
    assert "--password-stdin" in ran.err


def test_a_rule_of_faults_names_type_mode_fault_place_and_times() -> None:
    assert parse_rule("sale/query:lost-answer@2x3") == Rule("query", Fault.LOST_ANSWER, 2, 3, "sale")
    assert parse_rule("file:cut") == Rule("file", Fault.CUT)
    with pytest.raises(ValueError, match="skip-import"):
        parse_rule("import:nothing")
