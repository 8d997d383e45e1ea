from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from syncd import embedded

COMMAND = [sys.executable, "-m", "syncd", "demo"]


@pytest.fixture
def demo_home(home: Path) -> Iterator[Path]:
    """An empty home; servers that a killed demo left there are stopped."""
    yield home
    embedded.stop(home)


def environment(home: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "SYNCD_HOME": str(home), "SYNCD_LANG": "en", **more}


def run_once(home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "--once"], env=environment(home, **more), capture_output=True, text=True, timeout=150, check=False
    )


def test_a_second_demo_in_the_same_home_finds_the_catalogue_unchanged_and_new_orders_pass(demo_home: Path) -> None:
    first = run_once(demo_home)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "2\u00a0001 new" in first.stdout
    assert first.stdout.count("ok:") == 5
    assert (demo_home / "log" / "demo.log").stat().st_size > 0
    assert "\x1b" not in first.stdout + first.stderr
    assert first.stderr == ""

    started = time.monotonic()
    second = run_once(demo_home, SYNCD_LANG="ru")
    seconds = time.monotonic() - started
    assert second.returncode == 0, second.stdout + second.stderr
    assert "без изменений: все записи" in second.stdout
    assert "Всё закончилось как должно" in second.stdout
    assert seconds < 60
    numbers = [set(re.findall(r"ТДУТ-\d{6}", run.stdout)) for run in (first, second)]
    assert [len(found) for found in numbers] == [3, 3]
    assert not numbers[0] & numbers[1]


def test_a_demo_killed_half_way_starts_again_stays_up_and_stops_in_time(demo_home: Path) -> None:
    with subprocess.Popen(COMMAND, env=environment(demo_home), stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout
        for line in killed.stdout:
            if line.startswith("1. "):
                break
        killed.kill()

    with subprocess.Popen(COMMAND, env=environment(demo_home), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        said = ""
        for line in running.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        assert "no order lost, none doubled" in said, said
        docs = re.search(r"http://\S+/docs", said)
        assert docs
        assert httpx.get(docs[0], trust_env=False).status_code == 200
        login = re.search(r"its login +(\S+)\n +its password +(\S+)", said)
        exchange = re.search(r"http://\S+/1c_exchange", said)
        assert login
        assert exchange
        answer = httpx.get(
            exchange[0], params={"type": "catalog", "mode": "checkauth"}, auth=(login[1], login[2]), trust_env=False
        )
        assert answer.text.startswith("success")

        twin = run_once(demo_home)
        assert twin.returncode == 7
        assert "running in this folder already" in twin.stderr

        started = time.monotonic()
        running.send_signal(signal.SIGTERM)
        running.stdout.read()
        assert running.wait(20) == 0
        assert time.monotonic() - started < 10
    with pytest.raises(httpx.TransportError):
        httpx.get(docs[0], trust_env=False)


def test_the_demo_does_not_touch_a_database_in_which_somebody_works(demo_home: Path, database_url: str) -> None:
    from syncd.store import access
    from syncd.store.db import Database

    db = Database(database_url, size=1)
    try:
        with db.transaction() as conn:
            access.add_infobase(conn, "default", "УТ", "1c", "secret", dialect="auto", zone="Europe/Moscow")
        refused = run_once(demo_home, SYNCD_DATABASE_URL=database_url)
        assert refused.returncode == 7
        assert "E406" in refused.stderr
        assert "УТ" in refused.stderr
        with db.transaction() as conn:
            assert [row["name"] for row in access.infobases(conn, "default")] == ["УТ"]
            assert access.keys(conn, "default") == []
    finally:
        db.close()
