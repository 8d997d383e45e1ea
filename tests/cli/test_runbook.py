"""What a person on call does, command by command, with real roles and an emulated 1C that refuses and breaks.

Only what a screen says is typed next: each command is taken from what the one before it printed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from syncd.store.db import Database
from tests.crash.house import House, place, until

from .conftest import ROOT, Ran, Run

ORDERS = [f"WEB-{number}" for number in range(1, 6)]
WORDS = {
    "en": {
        "stopped": "E934, 5 stopped by one cause: 1C refused WEB-", "owner": "1C developer",
        "empty": "Nothing is open", "healthy": "empty: 1C confirmed everything", "settled": "all went through since",
        "dry": "Nothing was changed (--dry-run).", "done": "done 5 of 5",
    },
    "ru": {
        "stopped": "E934, остановлено по одной причине: 5: 1С отказала в WEB-", "owner": "разработчик 1С",
        "empty": "Открытых нет", "healthy": "пусто: 1С подтвердила всё", "settled": "потом всё прошло",
        "dry": "Ничего не изменено (--dry-run).", "done": "сделано 5 из 5",
    },
}  # fmt: skip


class OneC:
    """The emulated 1C: a process of its own, told what to do by its users."""

    def __init__(self, address: str) -> None:
        self.address = address

    def set(self, **wish: Any) -> None:
        """Mend or break it."""
        httpx.post(f"{self.address}/emulator/set", json=wish, trust_env=False).raise_for_status()

    def numbers(self) -> list[str]:
        """The orders it has documents of."""
        found = httpx.get(f"{self.address}/emulator/documents", trust_env=False)
        return sorted(document["body"]["storefront_number"] for document in found.json()["documents"])


@contextmanager
def one_c(folder: Path) -> Iterator[tuple[OneC, str]]:
    """``syncd emulate service``, which refuses every order and loses its first answers."""
    where = folder / "address"
    words = [sys.executable, str(ROOT / "cli.py"), "emulate", "service", "--port-file", str(where), "--refuse", "1",
             "--state", str(folder / "onec.sqlite"), "--faults", "post:drop-after@1x2"]  # fmt: skip
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        until(lambda: where.exists() and where.read_text().endswith("\n"), "the emulated 1C listens")
        url = where.read_text().strip()
        yield OneC(url.partition("/trade/")[0]), url
    finally:
        process.terminate()
        process.wait(20)


def next_command(screen: str, pattern: str) -> list[str]:
    """The command that a screen names, as words behind ``syncd``."""
    found = re.search(rf"syncd ({pattern})", screen)
    assert found, f"no {pattern} in:\n{screen}"
    return found[1].split()


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_somebody_new_mends_refused_orders_in_eight_commands(
    run: Run, db: Database, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    monkeypatch.setenv("SYNCD_REDIS_URL", redis_url)
    monkeypatch.setenv("SYNCD_DELIVERY__LOOKS_SECONDS", "[0.2, 0.5, 1]")
    monkeypatch.setenv("SYNCD_DELIVERY__DELAYS_SECONDS", "[0.2, 0.5]")
    said = WORDS[lang]
    typed: list[list[str]] = []

    def syncd(*words: str) -> Ran:
        typed.append(list(words))
        ran = run("--lang", lang, *words)
        assert "Traceback" not in ran.err + ran.out
        return ran

    with one_c(tmp_path) as (base, url), House(db.url, redis_url, roles=("api", "worker")) as house:
        assert run("infobase", "add", "ut11", "--login", "site", "--password-stdin", stdin="x\n").code == 0
        made = run("endpoint", "add", "erp", "--kind", "http_service", "--infobase", "ut11", "--address", url,
                   "--takes", "order")  # fmt: skip
        assert made.code == 0, made.err
        key = run("key", "create", "shop").out.strip()
        for number in ORDERS:
            place(house.address, key, number)
        until(lambda: house.one("SELECT count(*) FROM outbox WHERE state = 'rejected'") == len(ORDERS), "all refused")

        status = syncd("status")
        assert said["stopped"] in status.out
        issue = syncd(*next_command(status.out, r"issue show \w+"))
        assert said["owner"] in issue.out
        assert all(number in issue.out for number in ORDERS)
        failure = syncd(*next_command(issue.out, r"journal show [\w-]+"))
        assert re.search(r"customer\.inn|lines", failure.out), failure.out
        base.set(refuse=0, faults="post:drop-after@1x2")  # mended in 1C; the next two answers get lost on the way
        replay = next_command(issue.out, r"replay --issue \w+")
        dry = syncd(*replay, "--dry-run")
        assert said["dry"] in dry.err
        assert house.one("SELECT count(*) FROM outbox WHERE state = 'rejected'") == len(ORDERS)
        assert run("--lang", lang, *replay, "--reason", "INC-12").code == 4, (
            "nobody can be asked, and --yes is not given"
        )
        begun = syncd(*replay, "--reason", "INC-12", "--yes")
        assert begun.code == 0
        batch = syncd(*next_command(begun.err, r"batch show [\w-]+ --watch"))
        assert (batch.code, said["done"] in batch.out, "INC-12" in batch.out) == (0, True, True)
        until(lambda: house.one("SELECT count(*) FROM outbox WHERE state <> 'acknowledged'") == 0, "1C confirms all")

        assert said["empty"] in syncd("issue", "list").err
        healthy = syncd("status").out
        assert said["healthy"] in healthy
        assert said["settled"] in healthy
        assert "!" not in healthy
        assert len(typed) == 8
        assert said["empty"] in run("--lang", lang, "journal", "tail", "--unresolved").err
        lost = "SELECT sum(repeats) FROM journal WHERE code = 'E927' AND kind = 'delivery'"
        assert house.one(lost) == 4, "answers were lost before and after"
        assert base.numbers() == ORDERS, "each order is one document"
    reasons = {row["reason"] for row in run("batch", "list", "-o", "json").json}
    assert reasons == {"INC-12"}
