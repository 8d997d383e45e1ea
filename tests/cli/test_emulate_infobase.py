"""``syncd emulate infobase`` as a person runs it: in a process of its own, until Ctrl+C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from click.testing import CliRunner

from syncd.cli.emulate_infobase import infobase


@contextmanager
def running(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address and the process of a base that was just started."""
    command = [sys.executable, "-m", "syncd", "emulate", "infobase", "--port", "0", "--size", "5", *options]
    env = {**os.environ, "LANG": "en_US.UTF-8", "LC_ALL": "C.UTF-8", "SYNCD_LANG": "en", "COLUMNS": "200"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env) as process:
        assert process.stdout
        try:
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+/\w+/odata/standard\.odata/", line)
            assert found, line
            yield found[0], process
        finally:
            process.kill()


def test_a_base_answers_until_it_is_interrupted_and_says_what_it_heard() -> None:
    with running("-v", "--faults", "GET/Catalog_Валюты:crash@2") as (url, process):
        statuses = [httpx.get(f"{url}Catalog_Валюты", auth=("odata", "odata")).status_code for _ in range(3)]
        httpx.post(f"{url}Catalog_Партнеры?$format=json", auth=("odata", "odata"), json={"Выдумка": 1})
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert statuses == [200, 500, 200]
    assert process.returncode == 0
    assert "crash" in said
    assert "200: 2" in said
    assert "201: 1" in said
    assert "Catalog_Партнеры.Выдумка" in said


@pytest.mark.parametrize("option", ["--fault", "--faults"])
def test_faults_are_named_in_the_singular_or_in_the_plural(option: str) -> None:
    with running(option, "GET/Catalog_Валюты:crash@1", option, "GET/Catalog_Склады:crash@1") as (url, _process):
        asked = [httpx.get(f"{url}{name}", auth=("odata", "odata")) for name in ("Catalog_Валюты", "Catalog_Склады")]
    assert [answer.status_code for answer in asked] == [500, 500]


def test_the_small_firm_asks_for_the_given_password() -> None:
    os.environ["ODATA_TEST_PASSWORD"] = "тайна"
    try:
        with running("--preset", "unf", "--login", "обмен", "--password-env", "ODATA_TEST_PASSWORD") as (url, _):
            assert httpx.get(url, auth=("odata", "odata")).status_code == 401
            answer = httpx.get(f"{url}?$format=json", auth=("обмен".encode(), "тайна".encode()))
            assert "Document_ЗаказПокупателя" in [one["name"] for one in answer.json()["value"]]
    finally:
        del os.environ["ODATA_TEST_PASSWORD"]


def test_what_cannot_be_is_refused_in_a_sentence() -> None:
    for options, word in (
        (["--fault", "nonsense"], "drop-after-commit"),
        (["--metadata", __file__, "--port", "0"], "--metadata"),
        (["--password-env", "NOT_THERE_AT_ALL"], "NOT_THERE_AT_ALL"),
    ):
        result = CliRunner().invoke(infobase, options)
        assert result.exit_code == 2
        assert word in result.output
