from __future__ import annotations

import getpass

import pytest

from syncd.queue import acts, outbox
from syncd.queue.events import emit_to
from syncd.store import endpoints
from syncd.store.db import Database, execute
from syncd.store.ids import new_id, order_id

from .conftest import Order, Run


def states(run: Run) -> dict[str, str]:
    return {row["number"]: row["state"] for row in run("outbox", "list", "--all", "-o", "json").json}


def test_the_list_shows_what_is_open_and_all_when_asked(run: Run, order: Order) -> None:
    order("1001")
    order("1002", "acknowledged")
    order("1003", "rejected", code="E222")
    table = run("outbox", "list")
    assert table.code == 0
    assert "1001" in table.out
    assert "E222" in table.out
    assert "1002" not in table.out
    assert set(states(run)) == {"1001", "1002", "1003"}
    (row,) = run("outbox", "list", "--state", "rejected", "-o", "json").json
    assert (row["number"], row["code"]) == ("1003", "E222")
    assert "1003" in row["message"]
    assert row["created_at"].endswith("Z")
    assert len(run("outbox", "list", "--all", "-o", "jsonl").out.splitlines()) == 3


def test_the_list_says_when_it_shows_only_a_part(run: Run, order: Order) -> None:
    for number in range(3):
        order(f"N{number}")
    ran = run("outbox", "list", "--limit", "2")
    assert "N0" not in ran.out
    assert "--limit" in ran.err


def test_a_message_is_found_by_number_id_and_the_short_id_of_the_list(run: Run, order: Order) -> None:
    message = str(order("1001"))
    order("1002")
    for word in ("1001", message, message[-8:], message[:-10]):
        assert run("outbox", "show", word, "-o", "json").json["id"] == message
    assert run("outbox", "show", "9999").code == 3
    assert run("outbox", "show", "%").code == 3


def test_one_number_in_two_storefronts_is_told(run: Run, order: Order) -> None:
    order("7")
    order("7", shop="second")
    ran = run("outbox", "show", "7")
    assert ran.code == 4
    assert "second" in ran.err


def test_show_tells_state_reason_and_history(
    run: Run, db: Database, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = order("1001", "rejected", code="E222")
    with db.transaction() as conn:
        acts.retry(conn, "default", message, by="anna", reason="lines were added")
    ran = run("outbox", "show", "1001")
    assert ran.code == 0
    assert "anna" in ran.out
    assert "lines were added" in ran.out
    assert "when 1C asks for orders" in ran.out
    monkeypatch.setenv("SYNCD_LANG", "ru")
    assert "когда 1С спросит заказы" in run("outbox", "show", "1001").out


def test_retry_asks_and_without_a_terminal_needs_yes(run: Run, order: Order) -> None:
    order("1001", "rejected", code="E222")
    ran = run("outbox", "retry", "1001", "--reason", "mended")
    assert ran.code == 4
    assert "Will be touched: messages 1" in ran.err
    assert states(run) == {"1001": "rejected"}


def test_retry_sends_again_and_records_who_and_why(run: Run, order: Order) -> None:
    message = order("1001", "rejected", code="E222")
    ran = run("outbox", "retry", "1001", "--reason", "mended", "--yes")
    assert (ran.code, ran.out.strip()) == (0, str(message))
    shown = run("outbox", "show", "1001", "-o", "json").json
    assert (shown["state"], shown["code"]) == ("pending", None)
    change = shown["history"][-1]
    assert (change["by"], change["reason"]) == (getpass.getuser(), "mended")


def test_retry_of_a_state_takes_all_of_it_and_nothing_else(run: Run, order: Order) -> None:
    for number in range(7):
        order(f"R{number}", "rejected", code="E222")
    order("W", "held")
    dry = run("outbox", "retry", "--state", "rejected", "--reason", "x", "--dry-run")
    assert dry.code == 0
    assert "7" in dry.err
    assert "… and 2 more" in dry.err
    assert "pending" not in states(run).values()
    ran = run(
        "outbox", "retry", "--state", "rejected", "--reason", "x", "--rate", "max", "--yes", "--wait", "-o", "json"
    )
    assert (ran.code, ran.json["done"], ran.json["total"]) == (0, 7, 7)
    found = states(run)
    assert found.pop("W") == "held"
    assert set(found.values()) == {"pending"}


def test_a_held_order_says_who_holds_it_and_why(run: Run, order: Order) -> None:
    order("1001", "held", code="E223")
    shown = run("outbox", "show", "1001")
    assert "held by syncd, E223" in shown.out
    assert "1C did not take order" in shown.out
    assert "syncd outbox retry" in shown.err


def test_retry_has_no_default_scope_and_needs_a_reason(run: Run, order: Order) -> None:
    order("1001", "rejected")
    assert run("outbox", "retry", "--reason", "x", "--yes").code == 2
    assert run("outbox", "retry", "1001", "--yes").code == 2
    assert run("outbox", "retry", "1001", "--reason", " ", "--yes").code == 2
    assert run("outbox", "retry", "nothing", "--reason", "x", "--yes").code == 3
    assert states(run) == {"1001": "rejected"}


def test_what_1c_confirmed_is_sent_again_only_by_force(run: Run, order: Order) -> None:
    order("1001", "acknowledged")
    ran = run("outbox", "retry", "1001", "--reason", "x", "--yes")
    assert (ran.code, "E415" in ran.err) == (4, True)
    assert states(run) == {"1001": "acknowledged"}
    ran = run("outbox", "retry", "1001", "--reason", "x", "--yes", "--force")
    assert ran.code == 0
    assert "match them by number" in ran.err
    assert states(run) == {"1001": "pending"}


def test_a_confirmation_that_comes_meanwhile_is_not_undone(db: Database, order: Order) -> None:
    message = order("1001", "acknowledged")
    with db.transaction() as conn:
        assert not acts.retry(conn, "default", message, by="x", reason="y")
        assert acts.retry(conn, "default", message, by="x", reason="y", force=True)


def test_what_cannot_be_sent_again_makes_the_batch_partial(run: Run, order: Order) -> None:
    order("1001", "rejected")
    order("1002", "pending")
    ran = run("outbox", "retry", "1001", "1002", "--reason", "x", "--yes", "--wait", "-o", "json")
    assert (ran.code, ran.json["done"], ran.json["left_out"]) == (5, 1, {"pending": 1})
    assert run("outbox", "retry", "1002", "--reason", "x", "--yes").code == 4


def test_one_is_cancelled_held_and_released_at_once(run: Run, order: Order) -> None:
    order("1001")
    for act, state in (("hold", "held"), ("release", "pending"), ("cancel", "cancelled")):
        ran = run("outbox", act, "1001", "--reason", "by hand", "--yes")
        assert ran.code == 0, ran.err
        assert states(run) == {"1001": state}
    assert run("outbox", "release", "1001", "--reason", "x", "--yes").code == 4


def test_the_list_takes_a_filter_and_tells_a_mistake_in_it(run: Run, order: Order) -> None:
    order("1001", "rejected", code="E222")
    order("1002", "cancelled")
    order("1003")
    rows = run("outbox", "list", "--where", "state:rejected,cancelled key:100*", "-o", "json").json
    assert {row["number"] for row in rows} == {"1001", "1002"}
    ran = run("outbox", "list", "--where", "stat:rejected")
    assert ran.code == 2
    assert "perhaps state" in ran.err


def test_what_goes_to_an_endpoint_is_told_as_that_and_what_it_waits_for(run: Run, db: Database, order: Order) -> None:
    first = order("1001", "unconfirmed")
    with db.transaction() as conn:
        erp, _ = endpoints.add(conn, "default", name="erp", kind="http_service", address="http://x", takes=["order"])
        hook, _ = endpoints.add(conn, "default", name="hook", kind="webhook", address="http://x", takes=["*"])
        emit_to(conn, "default", hook.id, "infobase.down", "ut11", {})
        key = str(order_id("default", "shop", "1001"))
        newer = outbox.enqueue(conn, "default", kind="order", key=key, revision_no=2, endpoint_id=erp.id)
        execute(conn, "UPDATE outbox SET endpoint_id = %(e)s, lease_id = NULL WHERE kind = 'order'", e=erp.id)
        worker = str(new_id())
        execute(
            conn,
            """INSERT INTO outbox_change (tenant, outbox_id, state, attempt, by)
               VALUES ('default', %(id)s, 'unconfirmed', 1, %(by)s)""",
            id=first, by=worker,
        )  # fmt: skip
    listed = [line.split() for line in run("outbox", "list").out.splitlines()]
    assert any({"infobase.down", "hook"} <= set(words) for words in listed)
    assert any({"1001", "erp", "unconfirmed"} <= set(words) for words in listed)
    shown = run("outbox", "show", str(newer)).out
    assert "waits for its turn" in shown
    assert f"an earlier message about it: syncd outbox show {str(first)[-8:]}" in shown
    assert run("outbox", "show", str(newer), "-o", "json").json["blocked_by"] == str(first)
    shown = run("outbox", "show", str(first)).out
    assert "looked up before anything is sent again" in shown
    assert f"worker {worker[-8:]}" in shown
    assert "when 1C asks" not in shown
