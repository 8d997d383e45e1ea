from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from syncd import cli
from syncd.store.db import Database

from .conftest import ROOT, Run


def process(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "cli.py"), *words]
    return subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False, env={**os.environ}
    )


def test_help_names_every_command_in_both_languages(tmp_path: Path) -> None:
    ran = process(tmp_path, "--help")
    assert ran.returncode == 0, ran.stderr
    for noun in cli.NOUNS:
        assert re.search(rf"^  {noun} .*/ .*[а-яё]", ran.stdout, re.MULTILINE), noun


@pytest.mark.parametrize("noun", cli.NOUNS)
def test_the_list_of_commands_says_of_each_what_it_says_of_itself(noun: str) -> None:
    command = cli.Nouns().get_command(click.Context(cli.cli), noun)
    assert command is not None
    assert command.get_short_help_str(1000) == cli.NOUNS[noun].help


def test_help_imports_no_command(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom syncd import cli\nbefore = set(sys.modules)\n"
        "cli.cli.main(['--help'], standalone_mode=False)\n"
        "print(*(name for name in set(sys.modules) - before if name.startswith('syncd')), file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert "Commands:" in ran.stdout
    assert ran.stderr.split() == []


def test_the_journal_is_shown_by_a_real_process(db: Database, tmp_path: Path) -> None:
    ran = process(tmp_path, "journal", "tail", "-o", "json")
    assert (ran.returncode, ran.stdout) == (0, "[]\n"), ran.stderr


def test_an_error_is_one_message_with_its_code_and_no_traceback(db: Database, tmp_path: Path) -> None:
    ran = process(tmp_path, "journal", "show", "ffffffff")
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr == "E305 Exchange 'ffffffff' was not found. What there is: `syncd journal tail`.\n"


@pytest.mark.parametrize("noun", cli.NOUNS)
def test_every_help_text_is_in_both_languages(noun: str) -> None:
    def commands(found: click.Command) -> list[click.Command]:
        inside = list(found.commands.values()) if isinstance(found, click.Group) else []
        return [found, *(deeper for command in inside for deeper in commands(command))]

    top = cli.Nouns().get_command(click.Context(cli.cli), noun)
    assert top is not None
    for command in commands(top):
        assert re.search(r"[A-Za-z].* / .*[а-яё]", command.help or ""), command.name
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert re.search(r"[A-Za-z].* / .*[а-яё]", parameter.help or ""), f"{command.name} {parameter.name}"


def test_plural_names_work(run: Run, db: Database) -> None:
    assert run("keys", "list", "-o", "json").json == []
    assert run("infobases", "list", "-o", "json").json == []


def test_an_unknown_command_is_a_usage_error(run: Run) -> None:
    assert run("nonsense").code == 2
