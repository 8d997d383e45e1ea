from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from syncd.adapters.webhooks import headers_of, new_secret
from syncd.store.db import Database, every
from tests.adapters.receiver import Receiver, receiving

from .conftest import ROOT, Run


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def add(run: Run, shop: Receiver, *more: str, name: str = "shop") -> str:
    ran = run("webhook", "add", name, shop.url, "--allow-private", *more)
    assert ran.code == 0, ran.err
    return ran.out.strip()


def test_the_secret_is_printed_once_and_stored_sealed(run: Run, db: Database, shop: Receiver) -> None:
    secret = add(run, shop, "--storefront", "woo")
    assert secret.startswith("whsec_")
    listed = run("webhook", "list", "-o", "json")
    assert secret not in listed.out + listed.err
    (row,) = listed.json
    assert (row["takes"], row["settings"]) == (["order.*"], {"storefront": "woo", "allow_private": True})
    with db.transaction() as conn:
        (stored,) = every(conn, "SELECT secret, settings FROM endpoint")
    assert secret.encode() not in stored["secret"]


def test_a_trial_is_signed_and_its_answer_shown(run: Run, db: Database, shop: Receiver) -> None:
    secret = add(run, shop)
    assert run("webhook", "test", "shop").code == 0
    (came,) = shop.came
    assert Webhook(secret).verify(came.body, came.headers)["type"] == "test"
    shop.answers = [(500, {}, b"database is gone")]
    failed = run("webhook", "test", "shop")
    assert failed.code != 0
    assert "database is gone" in failed.err


def test_a_trial_through_the_outbox_waits_there(run: Run, db: Database, shop: Receiver) -> None:
    add(run, shop)
    assert run("webhook", "test", "shop", "--queue").code == 0
    assert shop.came == []
    with db.transaction() as conn:
        (row,) = every(conn, "SELECT payload FROM outbox WHERE kind = 'event'")
    assert row["payload"]["type"] == "test"


def test_after_a_rotation_both_secrets_sign(run: Run, db: Database, shop: Receiver) -> None:
    old = add(run, shop)
    new = run("webhook", "rotate", "shop", "--overlap", "1h").out.strip()
    assert new != old
    run("webhook", "test", "shop")
    for secret in (old, new):
        Webhook(secret).verify(shop.came[0].body, shop.came[0].headers)
    run("webhook", "rotate", "shop", "--overlap", "0s")
    run("webhook", "test", "shop")
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(old).verify(shop.came[1].body, shop.came[1].headers)


@pytest.mark.parametrize(
    ("words", "code"),
    [(("webhook", "add", "x", "ftp://shop.example"), 7), (("webhook", "add", "x", "https://u:p@shop.example"), 7),
     (("webhook", "add", "x", "https://shop.example", "--takes", "order.made"), 2), (("webhook", "test", "nobody"), 3),
     (("webhook", "rotate", "nobody"), 3), (("webhook", "sign", "-"), 2)],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_exit_code(
    run: Run, db: Database, words: tuple[str, ...], code: int
) -> None:
    assert run(*words).code == code


def test_an_address_in_russian_letters_is_stored_as_it_is_called(run: Run, db: Database) -> None:
    assert run("webhook", "add", "x", "https://магазин.рф/hook").code == 0
    assert run("webhook", "list", "-o", "json").json[0]["address"] == "https://xn--80aairftm.xn--p1ai/hook"


def test_what_sign_says_verify_takes(run: Run, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", new_secret())
    body = tmp_path / "body.json"
    body.write_text('{"type": "order.changed", "data": {"number": "Заказ"}}', encoding="utf-8")
    headers: dict[str, Any] = run("webhook", "sign", str(body), "--secret-from", "env:HOOK_SECRET", "-o", "json").json
    words = [
        "webhook", "verify", str(body), "--id", headers["webhook-id"], "--timestamp", headers["webhook-timestamp"],
        "--signature", headers["webhook-signature"], "--secret-from", "env:HOOK_SECRET",
    ]  # fmt: skip
    assert run(*words).code == 0
    body.write_text("{}", encoding="utf-8")
    ran = run(*words)
    assert ran.code == 7
    assert "E953" in ran.err
    assert os.environ["HOOK_SECRET"] not in ran.err


def test_a_developer_sees_what_comes_and_whether_it_fits(tmp_path: Path) -> None:
    secret = new_secret()
    environment = {**os.environ, "SYNCD_LANG": "en", "HOOK_SECRET": secret, "SYNCD_HOME": str(tmp_path)}
    words = ["webhook", "listen", "--port", "0", "--count", "3", "--secret-from", "env:HOOK_SECRET", "-o", "jsonl"]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment, cwd=tmp_path,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        address = next(word for word in line.split() if word.startswith("http://"))
        body = b'{"type": "order.delivered", "data": {"number": "1"}}'
        headers = headers_of([Webhook(secret)], "m1", body, datetime.now(UTC))
        statuses = [
            httpx.post(address, content=content, headers=headers).status_code for content in (body, body, b"{}")
        ]
        assert statuses == [204, 204, 400]
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["signature"] == "ok", row["repeated"]) for row in rows] == [(True, False), (True, True), (False, True)]
    assert rows[0]["event"]["type"] == "order.delivered"


def test_the_events_are_listed_with_their_meaning(run: Run, db: Database) -> None:
    rows = run("webhook", "events", "-o", "json").json
    assert {"order.delivered", "brake.on", "issue.opened"} <= {row["event"] for row in rows}
