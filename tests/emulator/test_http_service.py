"""The emulated HTTP service as a process: it survives its own death, and does what its script says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from syncd.emulator.http_service import Service
from syncd.emulator.http_service_faults import Behaviour, Fault, Faults, parse
from syncd.emulator.http_service_state import documents

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "base.sqlite") as running:
        yield running


def post(url: str, key: str) -> httpx.Response:
    return httpx.post(f"{url}/v1/orders", json={"id": key}, headers={"Idempotency-Key": key}, timeout=10)


def begin(state: Path, port_file: Path, *words: str) -> tuple[subprocess.Popen[bytes], str]:
    command = [
        sys.executable,
        "-m",
        "syncd.emulator.http_service",
        "--state",
        str(state),
        "--port-file",
        str(port_file),
    ]
    process = subprocess.Popen([*command, *words], env=dict(os.environ))
    deadline = time.monotonic() + 30
    while not port_file.exists() or not port_file.read_text().endswith("\n"):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process, port_file.read_text().strip()


def test_documents_outlive_a_killed_process_and_stay_one_per_key(tmp_path: Path) -> None:
    state = tmp_path / "base.sqlite"
    process, url = begin(state, tmp_path / "first")
    made = [post(url, f"order-{n}").json()["ref"] for n in range(5)]
    process.kill()
    process.wait()
    assert [document.ref for document in documents(state)] == made
    process, url = begin(state, tmp_path / "second")
    try:
        again = post(url, "order-3")
        assert (again.status_code, again.json()["ref"], again.json()["created"]) == (200, made[3], False)
        assert post(url, "order-5").json()["number"] == "УТ00-000006"
        listed = httpx.get(url.partition("/trade")[0] + "/emulator/documents").json()
        assert [each["id"] for each in listed["documents"]] == [f"order-{n}" for n in range(6)]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_the_command_says_how_to_call_it_and_stops_when_told(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    words = ["emulate", "service", "--state", "x.sqlite", "--port-file", str(port_file)]
    command = [sys.executable, "-m", "syncd", *words]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    deadline = time.monotonic() + 30
    while not port_file.exists() or not port_file.read_text().endswith("\n"):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    url = port_file.read_text().strip()
    assert post(url, "a").status_code == 201
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 0
    assert f"syncd endpoint add demo --kind http_service --address {url}" in said
    assert len(documents(tmp_path / "x.sqlite")) == 1


def test_chance_depends_on_seed_key_and_count_alone() -> None:
    faults = parse("0.5", 7)
    first = [faults.strike("post", f"k{n}", 1) for n in range(50)]
    assert first == [parse("0.5", 7).strike("post", f"k{n}", 1) for n in range(50)]
    assert first != [parse("0.5", 8).strike("post", f"k{n}", 1) for n in range(50)]
    assert 10 < sum(fault is not None for fault in first) < 40
    assert Fault.UNAUTHORISED not in first
    assert {faults.strike("ping", "ping", n) for n in range(50)} == {None}


def test_a_single_fault_can_have_a_rate_of_its_own() -> None:
    struck = [parse("drop-after=0.3").strike("post", f"k{n}", 1) for n in range(100)]
    assert set(struck) == {None, Fault.DROP_AFTER}
    assert 15 < struck.count(Fault.DROP_AFTER) < 45


def test_a_script_counts_the_requests_of_its_place() -> None:
    faults = parse("post:blocked@2x2, get:drop-before")
    assert [faults.strike("post", "k", n) for n in (1, 2, 3, 4)] == [None, Fault.BLOCKED, Fault.BLOCKED, None]
    assert faults.strike("get", "k", 1) is Fault.DROP_BEFORE


@pytest.mark.parametrize("word", ["2", "nonsense=0.1", "post:nonsense", "sale:blocked", "post:"])
def test_a_word_that_is_no_fault_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="faults:"):
        parse(word)


def test_an_outage_closes_the_port_and_opens_it_again(service: Service) -> None:
    assert httpx.get(f"{service.url}/v1/ping").json()["ok"]
    base = service.url.partition("/trade")[0]
    assert httpx.post(f"{base}/emulator/set", json={"outage": 0.4}).json() == {"ok": True}
    deadline = time.monotonic() + 10
    down = False
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{service.url}/v1/ping", timeout=1)
            if down:
                break
        except httpx.TransportError:
            down = True
    assert down
    assert httpx.get(f"{service.url}/v1/ping").status_code == 200


def test_faults_and_mode_can_be_changed_while_it_runs(service: Service) -> None:
    base = service.url.partition("/trade")[0]
    httpx.post(f"{base}/emulator/set", json={"mode": "blocked"})
    assert post(service.url, "a").status_code == 403
    httpx.post(f"{base}/emulator/set", json={"mode": "up", "faults": "post:page-500"})
    assert post(service.url, "a").status_code == 500
    assert post(service.url, "a").status_code == 201
    assert httpx.post(f"{base}/emulator/set", json={"mode": "nonsense"}).status_code == 400


def test_refusals_are_for_good_and_only_for_some(tmp_path: Path) -> None:
    with Service(tmp_path / "base.sqlite", Behaviour(Faults(), refuse=0.5, seed=3)) as service:
        first = [post(service.url, f"k{n}").status_code for n in range(20)]
        assert {201, 422} == set(first)
        second = [post(service.url, f"k{n}").status_code for n in range(20)]
        assert [code == 422 for code in first] == [code == 422 for code in second]


def test_a_request_without_a_key_or_body_is_told_so(service: Service) -> None:
    answer = httpx.post(f"{service.url}/v1/orders", content=b"{}")
    assert (answer.status_code, "Idempotency-Key" in answer.text) == (400, True)
    answer = httpx.post(f"{service.url}/v1/orders", content=b"x", headers={"Idempotency-Key": "k"})
    assert answer.status_code == 400
    assert service.state.documents() == []
